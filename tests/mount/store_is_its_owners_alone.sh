#!/bin/bash
# SPDX-License-Identifier: MIT
# The store's directory is made 0700, with files of 0600, whatever the umask. Another user's, or one that others may enter,
# is refused in a sentence that says the way out, by a mount and by each command that opens stores; and nothing is changed.
. "$(dirname "$0")/../lib/mount.sh"
needs_disk
umask 000
mount_larder
umask 022
mkdir "$mnt/d"
head -c 1000000 /dev/urandom >"$mnt/d/large"
equal "mode of the directory" 700 "$(stat -c %a "$store")"
equal "files that others may read" "" "$(find "$store" -type f ! -perm 600)"
unmount_larder
equal "files that others may read, closed" "" "$(find "$store" -type f ! -perm 600)"

refuses() { # WHAT TEXT
    local before
    before=$(ls -lA --time-style=full-iso "$store")
    refused "$2" "$larder" mount "$store" "$mnt" -f
    refused "$2" "$larder" mount "$store" "$mnt" # the daemon's sentence is the command's
    refused "$2" "$larder" mount "$store" "$mnt" -o recreate
    [ -n "${3-}" ] || refused "$2" "$larder" fsck "$store"
    [ -n "${3-}" ] || refused "$2" "$larder" fsck --repair "$store"
    [ -n "${3-}" ] || refused "$2" "$larder" backup "$store" "$work/backup"
    equal "the store after refusing $1" "$before" "$(ls -lA --time-style=full-iso "$store")"
}
for mode in 755 750 710 701 707; do
    chmod $mode "$store"
    refuses "mode $mode" "chmod 700 $store"
done
chmod 700 "$store"
if [ "$(id -u)" = 0 ]; then
    chown 65534:65534 "$store"
    refuses "another's" "chown -R 0 $store" commands-become-the-owner
    chown 0:0 "$store"
fi
mkdir -m 755 "$work/empty"
store=$work/empty refused "chmod 700 $work/empty" "$larder" mount "$work/empty" "$mnt" -f

# By another name it is the same.
ln -s store "$work/link"
chmod 755 "$store"
refused "chmod 700 $work/link" "$larder" mount "$work/link" "$mnt" -f
chmod 700 "$store"
store=$work/link mount_larder
equal "through a link" 1000000 "$(stat -c %s "$mnt/d/large")"
unmount_larder
equal "warnings" 0 "$(grep -c "anybody may write" "$work/daemon.log" || true)"

# Where anybody can put another in its place, that is said.
mkdir -m 777 "$work/open"
store=$work/open/store mount_larder
grep -q "$work/open: anybody may write there" "$work/daemon.log" || fail "no warning"
