#!/bin/bash
# SPDX-License-Identifier: MIT
# Bad input gets one sentence on stderr and exit status 2 or 3, and changes nothing.
. "$(dirname "$0")/../lib/mount.sh"
needs_disk
cd "$work"

# What there is: the test's directory but for a store at work, and what is mounted.
world() {
    find "$work" -xdev -not -path "$work/daemon.log" ${daemon:+-not -path "$store/*"} -printf '%p %y %s %m\n' | sort
    grep -F " $work/" /proc/self/mounts || true
}

# says STATUS TEXT COMMAND...: it ends with that status, in one line that contains TEXT, within moments, having changed nothing.
says() {
    local status=0 said before
    before=$(world)
    said=$(timeout 20 "${@:3}" 2>&1 >/dev/null) || status=$?
    equal "exit status of: ${*:3} ($said)" "$1" "$status"
    [[ $said == *"$2"* ]] || fail "expected '$2' from: ${*:3}: got '$said'"
    [[ $said == larder:* && $said != *$'\n'* ]] || fail "not one line: $said"
    equal "what there is after: ${*:3}" "$before" "$(world)"
}

# --- usage: 2
says 2 frob "$larder" frob
says 2 "" "$larder" mount
says 2 "" "$larder" mount "$store"
says 2 extra "$larder" mount "$store" "$mnt" extra
says 2 --frob "$larder" mount "$store" "$mnt" --frob
says 2 frob "$larder" mount "$store" "$mnt" -o frob
says 2 frob "$larder" mount "$store" "$mnt" -o ttl=1h,frob=1
for value in size=1K size=0 size=-1 size= size=much size=99999999T items=-1 items=x threads=1 threads=1025 threads=x \
    cache=1K cache=2T cache=x policy=random policy= ttl=x ttl=-1s ttl=2000y ttl= sync=1 config= config=/none; do
    says 2 "${value%%=*}" "$larder" mount "$store" "$mnt" -o "$value"
done
printf 'size=64M\nfrob=1\n' >conf
says 2 "conf:2" "$larder" mount "$store" "$mnt" -o "config=$work/conf"
says 2 redis "$larder" mount redis://localhost "$mnt"
says 2 "" "$larder" umount
says 2 "" "$larder" stats
says 2 frob "$larder" stats --frob "$mnt"
says 2 "" "$larder" version extra
status=0
"$larder" >/dev/null 2>&1 || status=$?
equal "larder without a verb" 2 $status

# --- the mount point: 3
says 3 "$mnt/none" "$larder" mount "$store" "$mnt/none"
echo x >file
says 3 "not a directory" "$larder" mount "$store" "$work/file"
mkdir full
echo x >full/file
says 3 "not empty" "$larder" mount "$store" "$work/full"
says 3 "no larder" "$larder" umount "$mnt"
says 3 "no larder" "$larder" stats "$mnt"
says 3 none "$larder" umount "$mnt/none"
says 3 none "$larder" stats "$mnt/none"

# --- the store: 3
mkdir foreign
echo mine >foreign/letter
says 3 "$work/foreign" "$larder" mount "$work/foreign" "$mnt"
says 3 "$work/file" "$larder" mount "$work/file" "$mnt"
if [ "$(id -u)" != 0 ]; then
    mkdir -m 0 locked
    says 3 "locked" "$larder" mount "$work/locked" "$mnt"
fi
says 2 "mount point" "$larder" mount "$mnt/store" "$mnt"

# --- one that is in use: 3, with the pid
mount_larder
echo kept >"$mnt/f"
mkdir "$work/mnt2"
says 3 "$daemon" "$larder" mount "$store" "$work/mnt2"
says 3 "already mounted" "$larder" mount "$work/store2" "$mnt"
says 3 "lies within" "$larder" umount "$mnt/f"

# --- attributes that make no sense: EINVAL
setfattr -n user.ttl -v 1h "$mnt/f"
setfattr -n user.tags -v a,b "$mnt/f"
for value in "" soon -1 1y "1 h" 0.1ms; do
    refused "Invalid argument" setfattr -n user.ttl -v "$value" "$mnt/f"
    refused "Invalid argument" setfattr -n user.idle -v "$value" "$mnt/f"
done
for value in a,,b a/b ','; do refused "Invalid argument" setfattr -n user.tags -v "$value" "$mnt/f"; done
refused "Invalid argument" setfattr -n user.expires -v tomorrow "$mnt/f"
equal "what was there" 'kept 3600 a,b' "$(cat "$mnt/f") $(xattr "$mnt/f" user.ttl) $(xattr "$mnt/f" user.tags)"
unmount_larder

# --- without /dev/fuse, and as another user, in a world with another /dev and another /etc/fuse.conf: 3
[ "$(id -u)" = 0 ] && [ -e /etc/fuse.conf ] || exit 0
cat >elsewhere.sh <<'END'
set -e
mount -t tmpfs -o mode=755,dev tmpfs /dev
mknod -m 666 /dev/null c 1 3
mknod -m 666 /dev/urandom c 1 9
[ "$1" != fuse ] || mknod -m 666 /dev/fuse c 10 229
mount --bind fuse.conf /etc/fuse.conf
exec "${@:2}"
END
touch fuse.conf
elsewhere=(unshare -m --propagation private bash elsewhere.sh)
nobody=("${elsewhere[@]}" fuse setpriv --reuid=65534 --regid=65534 --clear-groups)
says 3 /dev/fuse "${elsewhere[@]}" no-fuse "$larder" mount "$store" "$mnt"
chmod 755 "$work"
mkdir theirs mnt3
chown 65534 theirs mnt3
says 3 '"user_allow_other"' "${nobody[@]}" "$larder" mount "$work/theirs/store" "$work/mnt3" -o allow_other
says 3 "$mnt" "${nobody[@]}" "$larder" mount "$work/theirs/store" "$mnt"
says 3 "$store" "${nobody[@]}" "$larder" mount "$store" "$work/mnt3"
