#!/bin/bash
# SPDX-License-Identifier: MIT
# The check that no_torn_reads leans on can fail: on a file system without our promise it finds torn and empty reads.
. "$(dirname "$0")/../lib/mount.sh"
mkdir "$work/plain"
if counts=$("$helpers/torture" "$work/plain" 2 2 3 2>/dev/null); then fail "it found nothing: $counts"; fi
[[ $counts != *" 0 torn"* ]] || fail "it found no torn read: $counts"
[[ $counts == *" 0 errors" ]] || fail "it had errors: $counts"
echo "$counts"
