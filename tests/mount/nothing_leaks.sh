#!/bin/bash
# SPDX-License-Identifier: MIT
# After a torture nothing of it is left: no handle, no pinned version, and, when the kernel has forgotten the names, no
# node. Nor does the daemon's memory grow from one torture to the next.
# nothing_leaks.sh [SECONDS]: of each torture, of which there are four
. "$(dirname "$0")/../lib/mount.sh"
seconds=${1:-4}

is_root() {
    [ "$(id -u)" = 0 ]
}

counts() {
    local name
    for name in handles pinned nodes names; do echo "$name $(stat_of $name)"; done
}

# What the readers see is for other tests to judge.
torture() {
    "$helpers/torture" "$mnt" "$seconds" 2 1 2>/dev/null || [ $? -eq 1 ] || fail "it did not run"
    "$helpers/torture" --live --appenders 1 "$mnt" 1 1 1 2>/dev/null || [ $? -eq 1 ] || fail "it did not run"
    find "$mnt" -mindepth 1 -ignore_readdir_race -delete # some expire meanwhile
}

nothing_open() {
    [ "$(stat_of handles) $(stat_of pinned)" = "0 0" ]
}

# Only root can make the kernel forget names that it may still want.
back_at_start() {
    ! is_root || echo 2 >/proc/sys/vm/drop_caches
    if is_root; then [ "$(counts)" = "$start" ]; else nothing_open; fi
}

torture_and_look() {
    torture
    wait_until 20 nothing_open
    for _ in {1..100}; do
        ! back_at_start || return 0
        sleep 0.1
    done
    fail "at the start:$newline$start${newline}now:$newline$(counts)"
}

# What is resident, without the mappings that are not reserved: thread stacks, and over io_uring the buffers of the
# queues, which stay as large as the largest message that ever came into each.
memory_kib() {
    awk '/^Rss:/ { rss = $2 } /^VmFlags:/ && !/ nr( |$)/ { sum += rss } END { print sum }' "/proc/$daemon/smaps"
}

mount_larder
start=$(counts)
torture_and_look
unmount_larder

# In memory, where a store that is empty again has given everything back. The first torture makes the allocator's pools
# as large as they get; one pool, so that it does not matter which thread has freed what.
store=mem:
export MALLOC_ARENA_MAX=1
mount_larder -o size=8M
start=$(counts)
memory=()
for _ in 1 2 3; do
    torture_and_look
    memory+=("$(memory_kib)")
done
echo "KiB of memory after each torture: ${memory[*]}"
[ -z "$sanitized" ] || exit 0 # what was freed is kept, to find whoever uses it still
# Seen: up to 2.5 MiB more after the third than after the first.
for after in "${memory[@]:1}"; do
    [ "$after" -le $((memory[0] + 6144)) ] || fail "the daemon grew: ${memory[*]} KiB"
done
