#!/bin/bash
# SPDX-License-Identifier: MIT
# Every page of the manual renders without a warning, leads to pages that are there, and has every option that the help of
# its verb has; and the other way round.
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
for verb in $("$larder" --help | sed -n 's/^  \([a-z]*\)  .*/\1/p'); do
    [ "$verb" != help ] || continue
    [ -e "larder-$verb.1" ] || fail "no page for $verb"
    for option in $("$larder" "$verb" --help | grep -oE -- '--[a-z]+' | sort -u); do
        grep -qF -- "Fl \\-${option#--}" "larder-$verb.1" || fail "$option is not in larder-$verb.1"
    done
    for option in $(sed -n 's/^\.\(It\|Op\) Fl \\-\([a-z]*\).*/--\2/p' "larder-$verb.1" | sort -u); do
        "$larder" "$verb" --help | grep -qF -- "$option" || fail "$option is not in the help of $verb"
    done
done
