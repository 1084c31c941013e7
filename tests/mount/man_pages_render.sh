#!/bin/bash
# SPDX-License-Identifier: MIT
# Every page of the manual renders without a warning, and leads to pages that are there.
. "$(dirname "$0")/../lib/mount.sh"
command -v man >/dev/null && command -v groff >/dev/null || skip "no man or groff; scripts/setup test gets them"
cd "$root/fs/man"
for page in *; do
    said=$(LC_ALL=C.UTF-8 MANROFFSEQ='' MANWIDTH=100 man --warnings -l -Tutf8 -Z "$page" 2>&1 >/dev/null)
    equal "$page" "" "$said"
    for other in $(sed -n 's/^\.Xr \(larder[a-z-]*\) \([0-9]\).*/\1.\2/p' "$page"); do
        [ -e "$other" ] || fail "$page leads to $other, which is not there"
    done
done
