#!/bin/bash
# SPDX-License-Identifier: MIT
# Every script answers --help, and refuses what it does not know with exit status 2, before it does anything.
. "$(dirname "$0")/../lib/mount.sh"
for script in "$root"/scripts/*; do
    "$script" --help | grep -q "^Usage: scripts/${script##*/}" || fail "$script --help"
    status=0
    "$script" --frob >/dev/null 2>&1 || status=$?
    equal "$script --frob" 2 $status
done
