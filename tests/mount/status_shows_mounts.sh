#!/bin/bash
# SPDX-License-Identifier: MIT
# larder status: a line for every larder that is mounted, also where the daemon is dead, stopped or hidden, without hanging.
. "$(dirname "$0")/../lib/mount.sh"
needs_disk
mount_larder -o size=64M,policy=lru

# status_of STATUS TEXT [ARGUMENT...]: larder status ends with this status, and the line of $mnt contains TEXT.
status_of() {
    local status=0
    timeout 20 "$larder" status "${@:3}" >"$work/said" 2>"$work/stderr" || status=$?
    equal "status" "$1" "$status"
    grep -F -- "$mnt  $store  " "$work/said" | grep -qF -- "$2" || fail "expected '$2': $(cat "$work/said" "$work/stderr")"
}
state_of() {
    "$larder" status --json "$mnt" | python3 -c 'import json, sys; print(json.load(sys.stdin)[0]["state"])'
}

echo x >"$mnt/x"
status_of 0 "pid $daemon  "
status_of 0 " of 64.0 MiB (0.0 %), 1 items  lru  "
status_of 0 "  since 20" "$mnt/x"
equal "lines for one" 1 "$(wc -l <"$work/said")"
"$larder" status --json "$mnt" | python3 -c '
import json, sys, time
[mount] = json.load(sys.stdin)
assert mount["mountpoint"] == sys.argv[1] and mount["store"] == sys.argv[2] and mount["state"] == "mounted", mount
assert mount["pid"] == int(sys.argv[3]) and mount["policy"] == "lru" and mount["transport"] in ("dev", "uring"), mount
assert mount["items"] == 1 and mount["limit_items"] == 0 and mount["limit_bytes"] == 64 << 20 and mount["bytes"] > 0, mount
since = time.mktime(time.strptime(mount["since"], "%Y-%m-%dT%H:%M:%S.%fZ")) - time.timezone
assert abs(since - time.time()) < 60, mount' "$mnt" "$store" "$daemon"

# Of what is asked for, all has to be there.
status_of 1 "pid $daemon" "$mnt" "$work"
grep -qF "$work: no larder is mounted there" "$work/stderr" || fail "$(cat "$work/stderr")"
status_of 1 "pid $daemon" "$work/nothing" "$mnt"
refused "no larder" "$larder" status "$work"
refused "unknown option" "$larder" status --all

# A part of it is no other one; something above it hides it.
mkdir "$mnt/part"
if [ "$(id -u)" = 0 ]; then
    mkdir "$work/part" && mount --bind "$mnt/part" "$work/part"
    "$larder" status >"$work/said"
    umount "$work/part"
    ! grep -qF "$work/part" "$work/said" || fail "a part is shown: $(cat "$work/said")"
    mount -t tmpfs larder-test "$mnt"
    timeout 20 "$larder" status >"$work/said" || true
    umount "$mnt"
    grep -F "$mnt  $store  " "$work/said" | grep -q "hidden: " || fail "hidden: $(cat "$work/said")"
fi

# Stopped: it is not waited for, also by who reads to the end.
kill -STOP "$daemon"
timeout 20 bash -c '"$larder" status "$mnt" | cat' >"$work/said" || stopped=$?
status=0
(cd "$work" && timeout 20 "$larder" status mnt/nothing/below) >"$work/one" 2>&1 || status=$?
equal "status of a path in a mount that is stopped" 1 $status
grep -qF "$mnt  $store  silent: its daemon does not answer" "$work/one" || fail "$(cat "$work/one")"
kill -CONT "$daemon"
equal "hung" "" "${stopped-}"
grep -qF "silent: its daemon does not answer" "$work/said" || fail "$(cat "$work/said")"
wait_until 10 mount_answers
status_of 0 "pid $daemon" "$mnt"

kill_daemon
status_of 1 "dead: its daemon has ended" "$mnt"
equal "its state" dead "$(state_of || true)"
fusermount3 -uz "$mnt"
refused "no larder is mounted" "$larder" status "$mnt"
