#!/bin/bash
# SPDX-License-Identifier: MIT
# items= is kept to as size= is, also by empty files and many directories.
. "$(dirname "$0")/../lib/mount.sh"
mount_larder -o items=100,size=16M
cd "$mnt"
for ((i = 0; i < 1000; i++)); do
    echo "$i" >"$i"
    [ $((i % 50)) != 0 ] || [ "$(stat_of items)" -le 100 ] || fail "$(stat_of items) items"
done
[ "$(find . -type f | wc -l)" -le 100 ] || fail "$(find . -type f | wc -l) files listed"
[ "$(find . -type f | wc -l)" -ge 50 ] || fail "only $(find . -type f | wc -l) files left"
equal "the last one" 999 "$(cat 999)"
miss 0
[ "$(stat_of evicted)" -ge 900 ]
