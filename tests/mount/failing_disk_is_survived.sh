#!/bin/bash
# SPDX-License-Identifier: MIT
# When the store's disk begins to fail, at whatever step of writing, who stores gets the error at write or close, gets go on, the
# daemon lives, and what was acknowledged is there after the next mount. The disk is a file system that fails on demand.
. "$(dirname "$0")/../lib/mount.sh"
needs_disk
mkdir "$work/real" "$work/disk"
"$helpers/faulty" "$work/real" "$work/disk" 2>"$work/faulty.log" &
faulty=$!
wait_until 10 test -e "$work/disk/.faults"
end() {
    local status=$?
    cd /
    [ -z "$daemon" ] || stop_larder || status=1
    daemon=
    fusermount3 -uz "$work/disk"
    wait $faulty || true
    (exit $status)
    finish
}
trap end EXIT
head -c 300000 /dev/urandom >"$work/large"

# survives ERROR-TEXT FAULT: plants the fault while values, small and large, are stored, and takes it away.
survives() {
    local number stored=0 failed=0 said
    store=$work/disk/store-$((stores += 1))
    mount_larder -o size=400M
    for ((number = 0; number < 10; number++)); do
        echo $number >"$mnt/before$number"
        cp "$work/large" "$mnt/large$number"
    done
    echo "$2" >"$work/disk/.faults"
    for ((number = 0; number < 75; number++)); do
        echo $number >"$work/small"
        if said=$({ cp "$work/large" "$mnt/piece$number" && cp "$work/small" "$mnt/small$number"; } 2>&1); then
            stored=$((stored += 1))
            touch "$work/acknowledged.$stores.$number"
        else
            failed=$((failed += 1))
            [[ $said == *"$1"* ]] || fail "$2: expected '$1', got '$said'"
        fi
    done
    [ $failed -gt 0 ] || fail "$2: nothing failed: $(cat "$work/disk/.faults")"
    all_is_there "$2"
    ! daemon_gone || fail "$2: the daemon ended"
    echo none >"$work/disk/.faults"
    remount
    all_is_there "$2, afterwards"
    cp "$work/large" "$mnt/again"
    unmount_larder
    rm -r "$store"
}

all_is_there() {
    local number file
    for ((number = 0; number < 10; number++)); do
        equal "$1: before$number" $number "$(cat "$mnt/before$number")"
        cmp "$work/large" "$mnt/large$number"
    done
    for file in "$work/acknowledged.$stores".*; do
        [ -e "$file" ] || continue
        number=${file##*.}
        equal "$1: small$number" "$number" "$(cat "$mnt/small$number")"
        cmp "$work/large" "$mnt/piece$number"
    done
}

stores=0
survives "Input/output error" "EIO write *.log 50"
survives "No space left" "ENOSPC write *.log 500000b"
survives "No space left" "EDQUOT write *.log 50"
survives "Input/output error" "EIO create,write,allocate *.sst 0"
survives "Input/output error" "EIO write,sync MANIFEST* 0"
survives "Input/output error" "EIO create *.log 0"
