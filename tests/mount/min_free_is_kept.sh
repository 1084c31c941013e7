#!/bin/bash
# SPDX-License-Identifier: MIT
# With less than min_free= on the store's disk nothing more is stored, be it full of the store's or a stranger's; what is
# there is read, and when there is room again storing goes on. What was stored before that is in memory for a while: some 64M
# may still come.
. "$(dirname "$0")/../lib/mount.sh"
needs_root
needs_disk
disk=$work/disk
mkdir "$disk"
mount -t tmpfs -o size=700M tmpfs "$disk"
end() {
    local status=$?
    cd /
    [ -z "$daemon" ] || stop_larder || status=1
    daemon=
    umount -l "$disk"
    (exit $status)
    finish
}
trap end EXIT
store=$disk/store
mount_larder -o size=600M,min_free=400M
cd "$mnt"
grep -qx min_free=$((400 << 20)) .larder/config
free() { df --output=avail -B1 "$disk" | awk 'NR == 2 { print $1 }'; }

head -c 1000000 /dev/urandom >piece
echo kept >kept
fill() { for ((i = 0; i < 600; i++)); do cp piece "piece$i" || return 1; done; }
refused "No space left" fill
[ "$(ls -f | wc -l)" -gt 100 ] || fail "only $(ls -f | wc -l) MB were stored of 300"
left=$(free)
[ "$left" -gt $((330 << 20)) ] || fail "$left bytes are left"
equal "what is there" kept "$(cat kept)"
rm piece?*
store_again() { cp piece again 2>/dev/null; }
wait_until 30 store_again

fallocate -l $(($(free) - (350 << 20))) "$disk/stranger"
refused "No space left" fill
cmp piece again
rm "$disk/stranger"
wait_until 10 store_again
cd /
