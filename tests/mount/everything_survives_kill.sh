#!/bin/bash
# SPDX-License-Identifier: MIT
# Four processes set, overwrite, append, rename, remove, move directories, invalidate tags and let entries expire, while the
# daemon is killed at some moment, again and again: everything acknowledged is there, what was under way was done wholly
# or not at all, and a check of every invariant finds nothing.
#
#     everything_survives_kill.sh [KILLS]    default 20, over io_uring 10
. "$(dirname "$0")/../lib/mount.sh"
needs_disk
kills=20
[ "${LARDER_TRANSPORT-}" != uring ] || kills=10
kills=${1:-$kills}
[ -z "$sanitized" ] || [ "$kills" -lt 20 ] || kills=$((kills / 4))

for ((kill = 0; kill <= kills; kill++)); do
    mount_larder -o size=1G
    python3 "$lib/crash.py" check >"$work/checked" || fail "after kill $kill"
    "$larder" fsck -q "$mnt" >"$work/fsck" 2>&1 || { cat "$work/fsck" >&2 && fail "a check found something after kill $kill"; }
    [ $kill != "$kills" ] || break
    workers=()
    for ((w = 0; w < 4; w++)); do
        python3 "$lib/crash.py" work $w 2>"$work/worker$w" &
        workers+=($!)
    done
    sleep "0.$((RANDOM % 6 + 2))$((RANDOM % 10))" # the moment does not matter, and must not be always the same
    kill_daemon
    for ((w = 0; w < 4; w++)); do
        wait "${workers[w]}" || { cat "$work/worker$w" >&2 && fail "worker $w"; }
    done
    fusermount3 -uz "$mnt"
done
cat "$work/checked"
