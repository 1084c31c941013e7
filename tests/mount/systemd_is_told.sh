#!/bin/bash
# SPDX-License-Identifier: MIT
# systemd is told when the mount answers, when it ends, and, as long as it really answers, that it does: not when the store's
# disk, or the daemon, is stuck.
. "$(dirname "$0")/../lib/mount.sh"
needs_disk

heard=$work/heard
listen() { # SOCKET
    : >"$heard"
    [ -z "${listener-}" ] || { kill "$listener" && wait "$listener" || true; } 2>/dev/null
    python3 "$lib/notified.py" "$1" >>"$heard" &
    listener=$!
    wait_until 10 told listening
}
told() { grep -qx -- "$1" "$heard"; }
barks() { grep -cx WATCHDOG=1 "$heard" || true; }
barks_past() { [ "$(barks)" -gt "$1" ]; }
# told_before LINE LATER: of what was told.
told_before() { [ "$(grep -nxm1 -- "$1" "$heard" | cut -d: -f1)" -lt "$(grep -nxm1 -- "$2" "$heard" | cut -d: -f1)" ]; }
export NOTIFY_SOCKET=$work/notify

# READY comes when the mount answers, and not before: who hears of it looks at once.
listen "$NOTIFY_SOCKET"
"$larder" mount "$store" "$mnt" -f ${LARDER_TRANSPORT:+-o transport="$LARDER_TRANSPORT"} </dev/null >>"$work/daemon.log" 2>&1 &
daemon=$!
until told READY=1; do
    kill -0 "$daemon" && [ $SECONDS -lt 30 ] || fail "it ended, or told nothing"
done
equal "the mount at READY" "$daemon" "$(daemon_pid)"
told "STATUS=$store is mounted on $mnt"
check "first it opens the store" told_before "STATUS=opening $store" READY=1
equal "barks that nobody asked for" 0 "$(barks)"
unmount_larder
wait_until 10 told STOPPING=1

# What is refused never is ready, but says what it is at.
listen "$NOTIFY_SOCKET.2"
NOTIFY_SOCKET=$NOTIFY_SOCKET.2 refused "not a larder store" "$larder" mount "$root/tests" "$mnt" -f
! told READY=1 || fail "told READY of what was refused"

# In the abstract namespace; with a watchdog, which is for the process it names alone.
export NOTIFY_SOCKET=@larder-test-$$ WATCHDOG_USEC=200000
listen "$NOTIFY_SOCKET"
WATCHDOG_PID=1 mount_larder
wait_until 10 told READY=1
sleep 0.3
equal "barks for another process" 0 "$(barks)"
unmount_larder
listen "$NOTIFY_SOCKET-2"
NOTIFY_SOCKET=$NOTIFY_SOCKET-2 mount_larder -o size=16M
wait_until 10 barks_past 5
for ((i = 0; i < 20; i++)); do echo "$i" >"$mnt/$((i % 3))"; done
ctime=$(stat -c %z "$mnt")
before=$(barks)
wait_until 10 barks_past $((before + 2))
equal "the root's ctime" "$ctime" "$(stat -c %z "$mnt")"

# A daemon that is stopped says nothing, and goes on when it does.
kill -STOP "$daemon"
before=$(barks)
sleep 0.5
check "barks of a stopped daemon ($before, $(barks))" [ "$(barks)" -le $((before + 1)) ]
kill -CONT "$daemon"
wait_until 10 barks_past $((before + 3))
unmount_larder
unset WATCHDOG_USEC

# Each worker of a supervisor tells, and keeps telling.
listen "$NOTIFY_SOCKET-3"
(
    export NOTIFY_SOCKET=$NOTIFY_SOCKET-3 WATCHDOG_USEC=200000
    exec "$larder" mount "$store" "$mnt" -f -o supervise </dev/null >>"$work/daemon.log" 2>&1
) &
daemon=$!
wait_until 10 told READY=1
kill -9 "$(daemon_pid)"
ready_twice() { [ "$(grep -cx READY=1 "$heard")" = 2 ]; }
wait_until 20 ready_twice
before=$(barks)
wait_until 10 barks_past $((before + 2))
unmount_larder

# A disk that does not answer: no more barks once somebody waits for it, although gets of what is in memory go on.
[ "$(id -u)" = 0 ] || exit 0
for tool in mkfs.ext4 losetup fsfreeze; do command -v $tool >/dev/null || exit 0; done
disk=$work/disk
mkdir "$disk"
truncate -s 200M "$work/image"
mkfs.ext4 -q "$work/image"
mount -o loop "$work/image" "$disk" 2>/dev/null || exit 0
# Thaws, when the test has ended or is stuck itself, and takes the disk away.
setsid bash -c 'timeout 30 tail --pid=$0 -s 0.1 -f /dev/null; fsfreeze -u "$1"; tail --pid=$0 -s 0.1 -f /dev/null
    while mountpoint -q "$2"; do sleep 0.1; done; umount -l "$1"' $$ "$disk" "$mnt" </dev/null >/dev/null 2>&1 &
store=$disk/store
listen "$NOTIFY_SOCKET-4"
NOTIFY_SOCKET=$NOTIFY_SOCKET-4 WATCHDOG_USEC=200000 mount_larder -o size=16M
wait_until 10 barks_past 2
echo value >"$mnt/a"
is_stuck() { grep -qs '^State:.*D ' "/proc/$daemon"/task/*/status; }
fsfreeze -f "$disk"
sh -c "echo new >$mnt/c" &
setter=$!
wait_until 10 is_stuck
sleep 0.2 # one may be under way
before=$(barks)
for ((i = 0; i < 10; i++)); do
    equal "a get" value "$(timeout 10 cat "$mnt/a")"
    sleep 0.05
done
equal "barks while the disk is stuck" "$before" "$(barks)"
fsfreeze -u "$disk"
wait $setter
wait_until 10 barks_past $((before + 2))
unmount_larder
