#!/bin/bash
# SPDX-License-Identifier: MIT
# set --if-version, --replace, --append and --prepend: only over what is there, and of many who change the same version
# one succeeds, so that no change is lost. get --with-version tells value and version that belong together.
. "$(dirname "$0")/../lib/mount.sh"
mount_larder
cd "$mnt"

# Where nothing is, nothing is made.
for option in --replace --append --prepend --if-version=1; do
    exits 1 set nothing x "$option"
    exits 1 set no/such/dir x "$option"
    miss nothing
done
exits 2 set nothing x --if-version 0
exits 2 set nothing x --if-version soon
exits 2 set nothing x --append --prepend
mkdir dir
exits 3 set dir x --replace

# What is there is replaced, and its lifetime and tags stay.
"$larder" set a one --ttl 1h --tag t
exits 0 set a two -r
shows replaced a two
equal "its lifetime" 3600 "$(xattr a user.ttl)"
equal "its tags" t "$(xattr a user.tags)"
exits 0 set a three -r --ttl 2h --tag u
equal "a new lifetime" 7200 "$(xattr a user.ttl)"
equal "other tags" u "$(xattr a user.tags)"

# Only the version that was read.
read_version() { "$larder" get "$1" --with-version | sed -n 1p; }
equal "version and value" "$(xattr a user.version)${newline}three" "$("$larder" get a --with-version)"
version=$(read_version a)
exits 0 set a four --if-version "$version"
shows "the right version" a four
exits 1 set a five --if-version "$version"
shows "the wrong version" a four
[ "$(read_version a)" != "$version" ] || fail "the version has not changed"
for change in 'echo x >a' 'echo x >>a' 'truncate -s 1 a' 'echo x >b && mv b a' 'rm a && echo x >a'; do
    echo old >a
    version=$(read_version a)
    eval "$change"
    value=$(cat a)
    exits 1 set a new --if-version "$version"
    exits 1 set a new --append --if-version "$version"
    equal "after: $change" "$value" "$(cat a)"
done
version=$(read_version a)
rm a
exits 1 set a new --if-version "$version"
miss a
"$larder" set a brief
version=$(read_version a)
setfattr -n user.ttl -v 20ms a
wait_until 5 eval '! "$larder" get a >"$work/out"'
exits 1 set a new --if-version "$version"
miss a
# what a descriptor reads is told, not what is at the name by then
echo old >a
exec 5<a
version=$(xattr a user.version)
echo new >a
python3 - "$version" <<'END'
import fcntl, struct, sys
TELL = 0x8008e606
assert struct.unpack("Q", fcntl.ioctl(5, TELL, bytes(8)))[0] == int(sys.argv[1])
END
exec 5<&-
# a set that was given up, and one whose name went to another, replace nothing, and say so at once
python3 - <<'END'
import errno, fcntl, os, struct
ABANDON, REPLACE = 0xe601, 0x4010e607
def replace(fd):
    try:
        fcntl.ioctl(fd, REPLACE, struct.pack("QQ", 0, 0))
    except OSError as error:
        return errno.errorcode[error.errno]
fd = os.open("a", os.O_WRONLY | os.O_TRUNC)
fcntl.ioctl(fd, ABANDON)
assert replace(fd) == "EAGAIN"
os.close(fd)
fd = os.open("a", os.O_WRONLY | os.O_TRUNC)
os.write(fd, b"mine")
with open("b", "w") as file:
    file.write("other")
os.rename("b", "a")
assert replace(fd) == "EAGAIN"
os.close(fd)
assert open("a").read() == "other"
END
# from a pipe, of any size
head -c 3000000 /dev/urandom >"$work/large"
exits 0 set a start
"$larder" set a --if-version "$(read_version a)" <"$work/large"
cmp a "$work/large"
"$larder" set a --append <"$work/large"
cat "$work/large" "$work/large" | cmp - a
"$larder" set a end --append
(cat "$work/large" "$work/large" && printf end) | cmp - a

# Joining keeps the deadline, unless there is a new lifetime.
"$larder" set j b --ttl 1h --tag t
until=$(xattr j user.expires)
exits 0 set j c --append
exits 0 set j a --prepend
shows joined j abc
equal "its deadline" "$until" "$(xattr j user.expires)"
equal "its tags" t "$(xattr j user.tags)"
exits 0 set j d --append --ttl 5m
shows "joined again" j abcd
equal "its lifetime" 300 "$(xattr j user.ttl)"

# A reader has the whole old value, and what could not be read changes nothing.
exec 5<j
exits 0 set j X --prepend
equal "an open reader" abcd "$(cat <&5)"
exec 5<&-
! "$larder" set j --append </ 2>/dev/null || fail "a directory was appended"
! "$larder" set j --replace </ 2>/dev/null || fail "a directory was stored"
shows "not changed" j Xabcd

# Of many at once none is lost.
each=15
[ -z "$sanitized" ] || each=4
"$larder" set n 0
printf '' >joined
change() { # ROUNDS: adds one to n by hand, and a letter to each end of joined
    local left=$1 n version
    while [ "$left" -gt 0 ]; do
        { read -r version && n=$(cat); } < <("$larder" get n --with-version)
        if "$larder" set n $((n + 1)) --if-version "$version"; then left=$((left - 1)); fi
        "$larder" set joined a --append
        "$larder" set joined b --prepend
        echo >>"$work/rounds"
    done
}
workers=()
for i in 1 2 3 4; do
    change $each &
    workers[i]=$!
done
for worker in "${workers[@]}"; do wait "$worker" || fail "a worker failed"; done
equal "the sum of all" $((each * 4)) "$(cat n)"
rounds=$(wc -l <"$work/rounds")
equal "all joined, $rounds at each end" "$(printf 'b%.0s' $(seq "$rounds"))$(printf 'a%.0s' $(seq "$rounds"))" "$(cat joined)"

# get with a lifetime
"$larder" set g v --ttl 1m
until=$(xattr g user.expires)
sleep 0.01
equal "get --touch" v "$("$larder" get g --touch)"
[[ $(xattr g user.expires) > $until ]] || fail "get --touch did not start the clock anew"
version=$(xattr g user.version)
equal "get --ttl" v "$("$larder" get g --ttl 3h)"
equal "its new lifetime" 10800 "$(xattr g user.ttl)"
equal "is no other version" "$version" "$(xattr g user.version)"
exits 1 get nothing --ttl 1h
miss nothing
exits 2 get g --ttl soon
cd /
