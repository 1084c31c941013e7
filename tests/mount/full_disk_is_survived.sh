#!/bin/bash
# SPDX-License-Identifier: MIT
# full_disk_is_survived.sh [MIB...] - disks of these sizes are filled by larder itself and then, to the last byte, by a stranger's
# file while four processes store: they get ENOSPC, gets and deletes go on, and when the stranger has gone storing works again
# without a remount. Nothing that was acknowledged is lost, by kill -9 neither.
. "$(dirname "$0")/../lib/mount.sh"
needs_disk
[ "$(id -u)" = 0 ] || skip "mounting a disk takes root"
for tool in mkfs.ext4 losetup; do command -v $tool >/dev/null || skip "no $tool here"; done
disk=$work/disk
mkdir "$disk"
end() {
    local status=$?
    cd /
    [ -z "$daemon" ] || stop_larder || status=1
    daemon=
    if mountpoint -q "$disk"; then umount -l "$disk"; fi
    (exit $status)
    finish
}
trap end EXIT
head -c 100000 /dev/urandom >"$work/piece"

store_until_full() { # NAME
    local number
    for ((number = 0; number < 5000; number++)); do
        if ! cp "$work/piece" "$mnt/$1.$number" 2>"$work/said.$1"; then
            grep -q "No space left" "$work/said.$1" || { cat "$work/said.$1" >&2 && return 1; }
            return 0
        fi
        echo "$1.$number" >>"$work/acknowledged"
    done
    echo "$1 never met a full disk" >&2
    return 1
}

writers() { # NAME
    local pids=() one
    for one in 1 2 3 4; do
        store_until_full "$1-$one" &
        pids+=($!)
    done
    for one in "${pids[@]}"; do wait "$one" || fail "a writer got another error than ENOSPC"; done
}

all_is_there() {
    local name
    while read -r name; do cmp "$work/piece" "$mnt/$name" || fail "$1: $name"; done <"$work/acknowledged"
}

stores_again() { cp "$work/piece" "$mnt/again" 2>/dev/null; }

for size in "${@:-64}"; do
    truncate -s "${size}M" "$work/image"
    mkfs.ext4 -q -F "$work/image"
    mount -o loop "$work/image" "$disk" 2>/dev/null || skip "no loop devices here"
    store=$disk/store
    : >"$work/acknowledged"
    mount_larder -o size=1G,policy=none
    mkdir "$mnt/small"
    (cd "$mnt/small" && for ((i = 0; i < 2000; i++)); do echo "$i" >"$i"; done)
    writers own
    [ -s "$work/acknowledged" ] || fail "nothing fits a disk of $size MiB"
    all_is_there "filled"

    writers stranger &
    filling=$!
    dd if=/dev/zero of="$disk/stranger" bs=64K 2>/dev/null || true
    dd if=/dev/zero of="$disk/last" bs=512 2>/dev/null || true
    wait $filling
    all_is_there "filled by a stranger"
    head -n 20 "$work/acknowledged" | while read -r name; do rm "$mnt/$name" || fail "$name cannot be deleted"; done
    sed -i 1,20d "$work/acknowledged"
    # what that many deletes write down is more than is left in blocks that have been begun
    (cd "$mnt/small" && printf '%s\n' {0..1999} | xargs rm) || fail "small entries cannot be deleted"
    refused "No space left" cp "$work/piece" "$mnt/refused"
    ! daemon_gone || fail "the daemon ended"
    grep -q "nearly full" "$work/daemon.log" || fail "the log says nothing of it"

    rm "$disk/stranger" "$disk/last"
    for name in $(head -n 30 "$work/acknowledged"); do rm "$mnt/$name"; done
    sed -i 1,30d "$work/acknowledged"
    wait_until 5 stores_again
    all_is_there "the stranger has gone"
    fusermount3 -uz "$mnt"
    kill_daemon
    mount_larder -o size=1G,policy=none
    all_is_there "killed"
    wait_until 5 stores_again # what is set aside for such a disk counts at the next mount, too
    unmount_larder
    check "the store is clean" "$larder" fsck "$store" >/dev/null
    umount "$disk"
    : >"$work/daemon.log"
done
