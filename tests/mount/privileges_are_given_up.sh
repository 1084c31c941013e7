#!/bin/bash
# SPDX-License-Identifier: MIT
# A daemon that root started keeps of root's privileges what fs/privileges.h says, in all of its threads, can get none back,
# and works: it sees that another user's writer was killed, mounts and unmounts, and stores where only another may write.
. "$(dirname "$0")/../lib/mount.sh"
needs_root
needs_disk
chmod 755 "$work"
as() { setpriv --reuid="$1" --regid="$1" --clear-groups -- "${@:2}"; }
kept=$((1 << 2 | 1 << 19 | 1 << 21)) # dac_read_search, sys_ptrace, sys_admin: capabilities(7)
names=dac_read_search,sys_ptrace,sys_admin
# Without sys_resource, 24, it may not set the limit that sys_nice, 23, is replaced by.
own=$((0x$(sed -n "s/^CapEff:\t//p" /proc/self/status)))
if [ $((own >> 24 & 1)) = 0 ] && [ "$(ulimit -He)" -lt 20 ] && [ $((own >> 23 & 1)) = 1 ]; then
    kept=$((kept | 1 << 23)) names=$names,sys_nice
fi

check_threads() { # PID EXPECTED NO-NEW-PRIVILEGES
    local status set
    for status in /proc/"$1"/task/*/status; do
        for set in Prm Eff Bnd; do
            [ $set$2 = Bnd0 ] || equal "Cap$set of $status" "$2" $((0x$(sed -n "s/^Cap$set:\t//p" "$status")))
        done
        equal "CapInh of $status" 0 $((0x$(sed -n "s/^CapInh:\t//p" "$status")))
        equal "NoNewPrivs of $status" "$3" "$(sed -n 's/^NoNewPrivs:\t//p' "$status")"
    done
}
mkdir -m 700 "$work/home"
chown 65534:65534 "$work/home"
store=$work/home/cache/store mount_larder -o allow_other
equal "the store made" 0:700 "$(stat -c %u:%a "$work/home/cache/store")"
chmod 1777 "$mnt"
for i in {1..200}; do echo x >"$mnt/$i"; done
check_threads "$daemon" $kept 1
equal "what it says" privileges=$names "$(grep privileges= "$mnt/.larder/config")"

# Of another user's: a writer that is killed publishes nothing.
echo old >"$mnt/killed"
chmod 666 "$mnt/killed"
python3 -c '
import os, signal, sys
child = os.fork()
if child == 0:
    os.setgroups([])
    os.setresgid(65534, 65534, 65534)
    os.setresuid(65534, 65534, 65534)
    fd = os.open(sys.argv[1], os.O_WRONLY | os.O_TRUNC)
    os.write(fd, b"new1")
    os.write(fd, b"new2")
    os.kill(os.getpid(), signal.SIGKILL)
assert os.waitpid(child, 0)[1] == signal.SIGKILL' "$mnt/killed"
shows "what was there" "$mnt/killed" old

# One caller who keeps it busy: whoever answers may be put off, and put back.
may_be_put_back() { [ $((kept >> 23 & 1)) = 1 ] || [ "$(awk '/^Max nice/ { print $4 }' "/proc/$daemon/limits")" -ge 20 ]; }
[ $((own >> 23 & 3)) = 0 ] || check "it may" may_be_put_back
for i in {1..300}; do cat "$mnt/$((i % 200 + 1))"; done >/dev/null
unmount_larder

# A user's has none, and unmounts with the help of a program that gets some.
as 65534 test -w /dev/fuse || exit 0
mkdir -m 700 "$work/user"
chown 65534:65534 "$work/user" "$mnt"
as 65534 "$larder" mount "$work/user/store" "$mnt"
check_threads "$(as 65534 sed -n 's/^pid=//p' "$mnt/.larder/config")" 0 0
equal "what it says" privileges=none "$(as 65534 grep privileges= "$mnt/.larder/config")"
as 65534 "$larder" umount "$mnt"
