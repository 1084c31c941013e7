#!/bin/bash
# SPDX-License-Identifier: MIT
# A set that waits for a disk, however long, holds up no get of what is in memory, on whatever core. The disk is an image
# that is frozen, so that whoever writes to it is in uninterruptible sleep, as with one that does not answer.
. "$(dirname "$0")/../lib/mount.sh"
needs_disk
[ "$(id -u)" = 0 ] || skip "freezing a disk takes root"
for tool in mkfs.ext4 losetup fsfreeze taskset; do command -v $tool >/dev/null || skip "no $tool here"; done

disk=$work/disk
mkdir "$disk"
truncate -s 200M "$work/image"
mkfs.ext4 -q "$work/image"
mount -o loop "$work/image" "$disk" 2>/dev/null || skip "no loop devices here"
# Thaws, when the test has ended or is stuck itself, and takes the disk away.
setsid bash -c 'timeout 30 tail --pid=$0 -s 0.1 -f /dev/null; fsfreeze -u "$1"; tail --pid=$0 -s 0.1 -f /dev/null
    while mountpoint -q "$2"; do sleep 0.1; done; umount -l "$1"' $$ "$disk" "$mnt" </dev/null >/dev/null 2>&1 &

store=$disk/store
mount_larder -o size=16M
for name in a b; do
    echo value >"$mnt/$name"
    cat "$mnt/$name" >/dev/null
done

is_stuck() {
    grep -qs '^State:.*D ' "/proc/$daemon"/task/*/status
}

cores=$(taskset -cp $$ | sed 's/.*: //')
first=${cores%%[-,]*}
fsfreeze -f "$disk"
set_one() { taskset -c "$first" sh -c "echo new >$mnt/c"; }
set_one &
setter=$!
wait_until 10 is_stuck
for core in $first $cores; do # $first is where the thread is stuck that served it
    for name in a b a b; do
        equal "a get on $core" value "$(timeout 10 taskset -c "$core" cat "$mnt/$name")"
    done
done
kill -0 $setter || fail "the set did not wait"
is_stuck || fail "nobody waits for the disk any more"
fsfreeze -u "$disk"
wait $setter
equal "what was set" new "$(cat "$mnt/c")"
unmount_larder
