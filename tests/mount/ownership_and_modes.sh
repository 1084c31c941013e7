#!/bin/bash
# SPDX-License-Identifier: MIT
# Owner, group and mode are kept as given; umask and setgid directories do what they do elsewhere; all survive a remount.
. "$(dirname "$0")/../lib/mount.sh"
needs_root
mount_larder
cd "$mnt"
is() { equal "$1" "$2" "$(stat -c '%a %u:%g' "$1")"; }

umask 027
echo x >masked
mkdir masked-dir
touch touched
is masked "640 0:0"
is masked-dir "750 0:0"
is touched "640 0:0"
umask 0
echo x >open
mkdir open-dir
umask 022
is open "666 0:0"
is open-dir "777 0:0"

echo x >f
for mode in 0 1 444 755 600 4755 2755 1777 7777; do
    chmod "$mode" f
    is f "$mode 0:0"
done
chmod 640 f
chown 12:34 f
is f "640 12:34"
chown :56 f
is f "640 12:56"
echo overwritten >f
is f "640 12:56"
echo appended >>f
is f "640 12:56"
mv f g
is g "640 12:56"
cp -a g h
is h "640 12:56"
chown 12:34 open-dir
is open-dir "777 12:34"
ln -s x link
chown -h 5:6 link
equal "a link's owner" 5:6 "$(stat -c %u:%g link)"

mkdir shared
chgrp 65534 shared
chmod 2775 shared
echo x >shared/f
mkdir shared/d
mkdir shared/d/e
equal "group of a file in a setgid directory" 65534 "$(stat -c %g shared/f)"
is shared/d/e "2755 0:65534"

cd /
if [ "$store" = "$work/store" ]; then
    remount
    cd "$mnt"
    is g "640 12:56"
    is open-dir "777 12:34"
    is shared/d/e "2755 0:65534"
    equal "a link's owner" 5:6 "$(stat -c %u:%g link)"
fi
