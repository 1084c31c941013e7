#!/bin/bash
# SPDX-License-Identifier: MIT
# With -o seccomp all threads of the daemon are under a filter (which tests/unit/confine_test.c shows to refuse), and it does all
# that it does without: every kind of request, eviction, expiry, streams, a signal and an unmount at the end. Of what it
# calls nothing is refused but clone3, where strace is there to tell.
. "$(dirname "$0")/../lib/mount.sh"
needs_disk
mount_larder -o seccomp,size=16M,policy=lru
filtered() { grep -h "^$1:" /proc/"$daemon"/task/*/status | sort -u; }
equal "filters" $'Seccomp:\t2' "$(filtered Seccomp)"
equal "no new privileges" $'NoNewPrivs:\t1' "$(filtered NoNewPrivs)"
equal "what it says" seccomp=1 "$(grep seccomp= "$mnt/.larder/config")"
traced() { ! grep -qx "TracerPid:.0" /proc/"$daemon"/task/*/status; }
tracer=
if strace -V >/dev/null 2>&1; then
    strace -f -q -o "$work/calls" -p "$daemon" 2>/dev/null &
    tracer=$!
    wait_until 10 traced
fi

timeout 20 cat "$mnt/.larder/events" >"$work/events" &
reader=$!
mkdir "$mnt/d"
for i in {1..40}; do # more than it holds
    head -c 1M /dev/zero >"$mnt/d/large$i"
    echo "$i" >"$mnt/d/small$i"
done
echo x >"$mnt/d/tagged"
setfattr -n user.tags -v label "$mnt/d/tagged"
setfattr -n user.ttl -v 1ms "$mnt/d/small40"
"$larder" expire "$mnt" >/dev/null
"$larder" incr "$mnt/n" >/dev/null
"$larder" fsck "$mnt" >/dev/null
"$larder" backup "$mnt" "$work/backup.tar" >"$work/said" 2>&1
rmdir "$mnt/.larder/tags/label"
mv "$mnt/d" "$mnt/e"
sync "$mnt/n"
equal "a number" 1 "$(cat "$mnt/n")"
cat "$mnt/.larder/stats" "$mnt/.larder/metrics" >/dev/null
python3 -c 'import mmap, os, sys
fd = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
os.ftruncate(fd, 8192)
pages = mmap.mmap(fd, 8192)
pages[5000] = 1
pages.flush()' "$mnt/mapped"
kill $reader 2>/dev/null || true
rm -r "$mnt/e"

# It ends by a signal, with its mount, and so does who unmounted for it.
others=$(pgrep -P "$daemon") # may be none other than that one
equal "one process that unmounts" 1 "$(wc -w <<<"$others")"
[ -z "$tracer" ] || { kill $tracer && wait $tracer || true; }
kill "$daemon"
wait_until 10 daemon_gone
wait "$daemon" || fail "it ended with status $?"
daemon=
! kill -0 "$others" 2>/dev/null || fail "who unmounts is there still"
! findmnt -M "$mnt" >/dev/null || fail "is mounted still"
if [ -n "$tracer" ]; then
    [ "$(wc -l <"$work/calls")" -gt 1000 ] || fail "saw no calls"
    equal "refused" "" "$(sed -n "/ENOSYS/{/clone3/d;p}" "$work/calls" | sort -u)"
fi

# One that is killed leaves nobody behind either.
mount_larder -o seccomp
equal "after all that" 1 "$(cat "$mnt/n")"
others=$(pgrep -P "$daemon")
kill_daemon
gone() { ! kill -0 "$others" 2>/dev/null; }
wait_until 10 gone
mount_larder -o seccomp
