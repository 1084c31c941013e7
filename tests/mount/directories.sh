#!/bin/bash
# SPDX-License-Identifier: MIT
# mkdir, rmdir and rename of directories, as anywhere.
. "$(dirname "$0")/../lib/mount.sh"
mount_larder
cd "$mnt"

mkdir d
[ -d d ]
refused "File exists" mkdir d
refused "No such file" mkdir none/d
echo x >d/f
refused "Directory not empty" rmdir d
refused "Is a directory" rm d
refused "Not a directory" rmdir d/f
refused "Not a directory" cat d/f/g
refused "Not a directory" mkdir d/f/g
refused "Is a directory" cat d
refused "Is a directory" bash -c 'echo x >d'
rm d/f
rmdir d
miss d/f

# Links: one for the name, one for ".", one for each directory in it (or 1, "not counted").
mkdir -p tree/a tree/b
case $(stat -c %h tree) in 1 | 4) ;; *) fail "link count $(stat -c %h tree)" ;; esac

# Deep, and back up again by "..".
deep=$(printf 'level%s/' {1..200})
mkdir -p "$deep"
echo bottom >"${deep}f"
equal "200 levels down" bottom "$(cat "${deep}f")"
equal ".." "$(stat -c %i "${deep%/*/}")" "$(stat -c %i "$deep..")"
(
    cd "$deep"
    cd ../..
    equal "pwd -P" "$(pwd -P)" "$(pwd)"
)
equal "find" 201 "$(find level1 | wc -l)"

# A renamed directory has everything in it at once, and who is in it stays in it.
mkdir -p from/in
for ((i = 0; i < 500; i++)); do echo "$i" >"from/in/$i"; done
ino=$(stat -c %i from)
exec 3<from/in/7
(
    cd from/in
    mv "$mnt/from" "$mnt/to"
    equal "from inside" 42 "$(cat 42)"
    equal "pwd -P" "$mnt/to/in" "$(pwd -P)"
)
equal "open before" 7 "$(cat <&3)"
exec 3<&-
equal "inode" "$ino" "$(stat -c %i to)"
equal "contents" 500 "$(find to/in -type f | wc -l)"
equal "a value" 499 "$(cat to/in/499)"
[ ! -e from ] || fail "the old name is still there"
refused "subdirectory of itself" mv to to/in/to
mkdir empty
mv -T to empty
equal "over an empty directory" 7 "$(cat empty/in/7)"
mkdir -p full/x other
refused "Directory not empty" mv -T other full
mv empty full/x
equal "to another parent" 7 "$(cat full/x/empty/in/7)"
equal ".. afterwards" "$(stat -c %i full/x)" "$(stat -c %i full/x/empty/..)"

# Removed while somebody is in it: nothing can be made there any more.
mkdir gone
(
    cd gone
    rmdir "$mnt/gone"
    refused "No such file" bash -c 'echo x >f'
    refused "No such file" mkdir d
    equal "its listing" "" "$(ls -A)"
)

rm -rf level1 full tree other
equal "what is left" "" "$(ls -A)"
