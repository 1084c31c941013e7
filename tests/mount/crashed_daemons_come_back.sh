#!/bin/bash
# SPDX-License-Identifier: MIT
# -o supervise: a daemon that crashes is started again and mounts again by itself; what ends it in order ends both.
. "$(dirname "$0")/../lib/mount.sh"
needs_disk
transport=${LARDER_TRANSPORT:+,transport=$LARDER_TRANSPORT}

config() { sed -n "s/^$1=//p" "$mnt/.larder/config" 2>/dev/null; }
mounted() { grep -qF " $mnt fuse.larder " /proc/self/mounts; }
unmounted() { ! mounted; }
gone() { [ ! -e "/proc/$1" ] || [[ $(ps -o stat= -p "$1") == Z* ]]; }
logged() { grep -qF -- "$1" "$work/daemon.log"; }
# came_back PID RESTARTS: another daemon answers.
came_back() { [ "$(config restarts)" = "$2" ] && [ "$(config pid)" != "$1" ]; }
# start [OPTIONS]: in the foreground. $daemon is the supervisor.
start() {
    : >"$work/daemon.log"
    "$larder" mount "$store" "$mnt" -f -o "supervise${1-}$transport" </dev/null >>"$work/daemon.log" 2>&1 &
    daemon=$!
    wait_until 30 answers
    equal "the supervisor" "$daemon" "$(config supervisor)"
}
answers() { [ "$(config supervisor)" = "$daemon" ]; }
# ended STATUS: the supervisor has.
ended() {
    local status=0
    wait_until 30 gone "$daemon"
    wait "$daemon" || status=$?
    daemon=
    equal "how the supervisor ended ($(cat "$work/daemon.log"))" "$1" $status
}
sigkill() { kill -9 "$1"; }

# Killed, aborted, crashed: what was set is there again, by itself; the log says what happened.
start
echo kept >"$mnt/x"
restarts=0
for signal in KILL ABRT SEGV; do
    pid=$(config pid)
    kill -s $signal "$pid"
    wait_until 30 came_back "$pid" $((restarts += 1))
    equal "after SIG$signal" kept "$(cat "$mnt/x")"
    equal "mounts" 1 "$(grep -cF " $mnt " /proc/self/mounts)"
    logged "killed by SIG$signal" || logged "ended with status" || fail "the log does not tell of it"
    rm -f "$work"/sanitizer* # it tells of the signals
done
"$larder" status "$mnt" | grep -qF "supervised by $daemon, restarted 3 times" || fail "$("$larder" status "$mnt")"
"$larder" status --json "$mnt" | grep -qF "\"supervisor\":$daemon,\"restarts\":3" || fail "$("$larder" status --json "$mnt")"
grep -qx "supervise=10" "$mnt/.larder/config"

# larder umount ends both, and has waited for both.
supervisor=$daemon
"$larder" umount "$mnt"
gone "$supervisor" || fail "the supervisor is still there when umount returns"
ended 0

# So do signals to either, and an umount by others.
for signal in TERM INT HUP; do
    start
    kill -s $signal "$daemon"
    ended 0
    unmounted || fail "still mounted after SIG$signal"
done
start
kill "$(config pid)"
ended 0
start
fusermount3 -u "$mnt"
ended 0

# The supervisor is killed: the daemon does not go on alone, and closes its store.
start
pid=$(config pid)
sigkill "$daemon"
wait "$daemon" 2>/dev/null || true
wait_until 30 gone "$pid"
unmounted || fail "still mounted after the supervisor was killed"
equal "files left open" "" "$(find "$store" -name 'larder.opening')"
logged "the supervisor has died"

# Unmounted while it is dead, or mounted by somebody else: that was meant so.
start
stopped=$daemon
kill -STOP "$stopped" # so that there is time
sigkill "$(config pid)"
wait_until 10 bash -c '! ls "$mnt" 2>/dev/null'
refused "not connected" ls "$mnt"
"$larder" umount "$mnt"
kill -CONT "$stopped"
ended 0
unmounted || fail "mounted again after larder umount"
logged "somebody has unmounted it"
start
stopped=$daemon
kill -STOP "$stopped"
sigkill "$(config pid)"
wait_until 10 bash -c '! ls "$mnt" 2>/dev/null'
"$larder" mount "$store" "$mnt" 2>/dev/null
pid=$(config pid)
kill -CONT "$stopped"
ended 0
logged "somebody has mounted it again"
equal "who serves" "$pid" "$(config pid)"
equal "what it serves" kept "$(cat "$mnt/x")"
"$larder" umount "$mnt"

# One that crashes again and again is given up; whoever comes gets an error, not the directory below.
start =3
for ((i = 1; i <= 3; i++)); do
    pid=$(config pid)
    sigkill "$pid"
    [ $i = 3 ] || wait_until 30 came_back "$pid" $i
done
ended 3
logged "3 times within a minute"
refused "not connected" touch "$mnt/y"
"$larder" umount "$mnt"
start =2
sigkill "$(config pid)"
wait_until 30 answers
"$larder" umount "$mnt"
ended 0

# A signal in the pause between two: the dead mount goes, too.
start
for ((i = 1; i <= 4; i++)); do
    pid=$(config pid)
    sigkill "$pid"
    [ $i = 4 ] || wait_until 30 came_back "$pid" $i
done
wait_until 10 logged "in 800 ms"
kill "$daemon"
ended 0
unmounted || fail "the dead mount is still there"

# What is refused at first is refused, and nobody tries again.
status=0
timeout 20 "$larder" mount "$root/tests" "$mnt" -o supervise >"$work/said" 2>&1 || status=$?
equal "status of what is refused" 3 $status
grep -q '^larder: ' "$work/said"

# As a daemon.
said=$("$larder" mount "$store" "$mnt" -o "supervise$transport" 2>&1)
equal "what it says" "" "$said"
supervisor=$(config supervisor) pid=$(config pid)
equal "its session" "$supervisor" "$(ps -o sid= -p "$pid" | tr -d ' ')"
sigkill "$pid"
wait_until 30 came_back "$pid" 1
equal "as a daemon" kept "$(cat "$mnt/x")"
"$larder" umount "$mnt"
gone "$supervisor" || fail "the supervisor is still there when umount returns"
