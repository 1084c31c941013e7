#!/bin/bash
# SPDX-License-Identifier: MIT
# The daemon: mount returns when it answers, umount when the store is free; signals end it in order; its death is mended.
. "$(dirname "$0")/../lib/mount.sh"
needs_disk
ends() { wait_until 30 gone "$1"; }
# Gone is also a zombie without another thread, of which its parent has yet to take note.
gone() {
    [ ! -e "/proc/$1" ] || { [[ $(cut -d' ' -f3 "/proc/$1/stat") == Z ]] && [ "$(find "/proc/$1/task" -mindepth 1 -maxdepth 1 | wc -l)" = 1 ]; } 2>/dev/null
}
mounted() { grep -qF " $mnt fuse.larder " /proc/self/mounts; }

# Mounted when it returns; it holds on to nothing of its caller, or this would wait for ever.
said=$("$larder" mount "$store" "$mnt" 2>&1)
equal "what it says" "" "$said"
mounted
equal "stat" 1 "$(stat -c %i "$mnt")"
pid=$(daemon_pid)
equal "the daemon's program" "$(realpath "$larder")" "$(realpath "/proc/$pid/exe")"
equal "its directory" / "$(realpath "/proc/$pid/cwd")"
equal "its session" "$pid" "$(ps -o sid= -p "$pid" | tr -d ' ')"
equal "its mount point" "$mnt" "$(sed -n 's/^mountpoint=//p' "$mnt/.larder/config")"

# Unmounted, mounted, and so on, at once.
for ((i = 0; i < 10; i++)); do
    echo "$i" >"$mnt/f"
    "$larder" umount "$mnt"
    gone "$pid" || fail "the daemon is still there when umount returns"
    [ -z "$(ls -A "$mnt")" ]
    "$larder" mount "$store" "$mnt"
    pid=$(daemon_pid)
    equal "after a remount" "$i" "$(cat "$mnt/f")"
done

# Busy: it says so, and all goes on.
exec 3<"$mnt/f"
refused "busy" "$larder" umount "$mnt"
mounted
equal "while busy" 9 "$(cat "$mnt/f")"
exec 3<&-

# Signals, with a file open and a writer at work.
for signal in TERM INT HUP; do
    echo "before $signal" >"$mnt/f"
    exec 3<"$mnt/f"
    kill -s $signal "$pid"
    ends "$pid"
    exec 3<&-
    ! mounted
    "$larder" mount "$store" "$mnt"
    pid=$(daemon_pid)
    equal "after SIG$signal" "before $signal" "$(cat "$mnt/f")"
done

# Somebody else unmounts.
fusermount3 -u "$mnt"
ends "$pid"
"$larder" mount "$store" "$mnt"

# It dies: what it leaves behind is mounted over, or unmounted.
for way in mount umount; do
    pid=$(daemon_pid)
    echo "before $way" >"$mnt/f"
    kill -9 "$pid"
    ends "$pid"
    # "not connected"; while the connection is taken down "connection abort", and over io_uring "Operation canceled"
    ! ls "$mnt" >"$work/ls" 2>&1 || fail "a dead mount was listed"
    grep -q -e connect -e canceled "$work/ls" || fail "a dead mount: $(cat "$work/ls")"
    refused "died" "$larder" stats "$mnt"
    [ $way = mount ] || "$larder" umount "$mnt"
    "$larder" mount "$store" "$mnt" 2>/dev/null
    equal "mounts" 1 "$(grep -cF " $mnt " /proc/self/mounts)"
    equal "after kill -9" "before $way" "$(cat "$mnt/f")"
done

# In the foreground it says what it does, and ends with 0.
"$larder" umount "$mnt"
mount_larder
kill -s INT "$daemon"
wait "$daemon"
daemon=
! mounted
grep -qF "$mnt" "$work/daemon.log"

# Read-only, and the options in .larder/config.
mount_larder -o ro,size=32M,ttl=1h
refused "Read-only" bash -c "echo x >$mnt/f"
refused "Read-only" rm "$mnt/f"
equal "read-only" "before umount" "$(cat "$mnt/f")"
equal "config" $'ro=1\nsize=33554432\nttl=3600' "$(grep -E '^(ro|size|ttl)=' "$mnt/.larder/config" | sort)"
