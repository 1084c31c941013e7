#!/bin/bash
# SPDX-License-Identifier: MIT
# An entry that is there throughout a listing appears in it exactly once, whatever else comes and goes meanwhile.
. "$(dirname "$0")/../lib/mount.sh"
mount_larder
mkdir "$mnt/stable" "$mnt/remove"
"$helpers/listing" stable "$mnt/stable" 5000 5
"$helpers/listing" remove "$mnt/remove" 2000

# ls -l (readdirplus) knows of every entry what stat knows.
mkdir "$mnt/plus"
cd "$mnt/plus"
for ((i = 0; i < 300; i++)); do printf "%${i}s" "" >"$i"; done
mkdir dir
ln -s target link
for pass in 1 2; do
    diff <(find . -mindepth 1 -printf '%f %s %y %i %T@ %m\n' | sort) \
        <(for f in *; do stat -c '%n %s %F %i %.9Y %a' "$f"; done |
            sed 's/regular empty file/f/; s/regular file/f/; s/directory/d/; s/symbolic link/l/' |
            awk '{ $5 = $5 "0"; print }' | sort) >&2 || fail "listing and stat differ (pass $pass)"
done
