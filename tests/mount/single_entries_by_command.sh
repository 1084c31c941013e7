#!/bin/bash
# SPDX-License-Identifier: MIT
# get, set, add, touch and info do what they say, with values of any size from arguments and pipes, and exit 0, 1, 2 or 3.
. "$(dirname "$0")/../lib/mount.sh"
mount_larder

cd "$mnt"
# set and get
exits 0 set a one
equal "a set by argument" one "$("$larder" get a)"
echo two | "$larder" set "$mnt/a"
equal "a set from a pipe" two "$("$larder" get "$mnt/a")"
printf '' | "$larder" set empty
equal "an empty value" "" "$("$larder" get empty)"
exits 0 get empty
exits 0 set -- -dashed -value
equal "a dashed one" -value "$("$larder" get -- -dashed)"
head -c 20000000 /dev/urandom >"$work/large"
"$larder" set large <"$work/large"
"$larder" get large | cmp - "$work/large"
exits 1 get nothing
exits 1 get no/such/dir
exits 3 get "$work/large"
exits 3 get "$work/nothing"
exits 3 set "$work/outside" x
[ ! -e "$work/outside" ] || fail "something was made outside"
exits 2 get
exits 2 get a b
exits 2 get --nonsense a
exits 2 set a x --ttl soon
exits 2 set a x --ttl
exits 2 set a x --tag 'one,,two'
equal "refused sets change nothing" two "$("$larder" get a)"
exits 2 set new x --tag 'a/b'
miss new

# directories above
exits 3 set x/y/z 1
exits 0 set -p x/y/z 1
equal "made with its directories" 1 "$(cat x/y/z)"
exits 3 set x/y 1
exits 3 get x/y

# lifetime and tags come with the value
"$larder" set life v --ttl 90s --idle 2h --tag one,two
equal ttl 90 "$(xattr life user.ttl)"
equal idle 7200 "$(xattr life user.idle)"
equal tags one,two "$(xattr life user.tags)"
exits 0 set life w
equal "a set keeps the lifetime" 90 "$(xattr life user.ttl)"
"$larder" set brief v --ttl 1ms
wait_until 5 eval '! "$larder" get brief'
python3 - <<'END'
from larder_test import *
import subprocess
larder = os.environ["larder"]
# Nobody sees the value without them: whoever sees the new value sees the new lifetime.
put("both", b"old")
looker = Onlooker() # first: it must not inherit the pipe
one = subprocess.Popen([larder, "set", "both", "--ttl", "50", "--tag", "t"], stdin=subprocess.PIPE)
one.stdin.write(b"new"); one.stdin.flush()
def begun():
    try:
        return any(os.readlink(f"/proc/{one.pid}/fd/{n}").endswith("/both") for n in os.listdir(f"/proc/{one.pid}/fd"))
    except FileNotFoundError: # one was closed since they were listed
        return False
wait_until(10, begun)
looker.sees("both", b"old", "while it is written")
refused(errno.ENODATA, os.getxattr, "both", "user.ttl")
one.stdin.close()
equal(0, one.wait())
looker.sees("both", b"new", "when it is written")
equal(b"50", os.getxattr("both", "user.ttl"))
# Whoever is killed, or cannot read its input, changes nothing.
one = subprocess.Popen([larder, "set", "both"], stdin=subprocess.PIPE)
one.stdin.write(b"half"); one.stdin.flush()
wait_until(10, begun)
one.kill(); one.wait()
equal(b"new", get("both"))
failed = subprocess.run([larder, "set", "both"], stdin=os.open("/", os.O_RDONLY), capture_output=True)
equal(3, failed.returncode)
check(b"standard input" in failed.stderr, failed.stderr)
equal(b"new", get("both"), "its input was a directory")
failed = subprocess.run([larder, "add", "fresh"], stdin=os.open("/", os.O_RDONLY), capture_output=True)
equal(3, failed.returncode)
equal(None, get("fresh"), "likewise")

# 8 at once add: one wins, each time.
for name in range(int(os.environ.get("ADDS", 20))):
    adds = [subprocess.Popen([larder, "add", f"add{name}", str(i)]) for i in range(8)]
    codes = [add.wait() for add in adds]
    equal([0] + 7 * [1], sorted(codes), "one winner")
    equal(str(codes.index(0)).encode(), get(f"add{name}"), "the winner's value")
END
exits 1 add a three
exits 0 add free v --ttl 5m --tag q
equal "an add with a lifetime" 300 "$(xattr free user.ttl)"

# symbolic links, as open(2) has them
ln -s x/y/z link
equal "through a link" 1 "$("$larder" get link)"
exits 0 set link 2
equal "set where it leads" 2 "$(cat x/y/z)"
ln -s x/to dangling
exits 1 get dangling
exits 0 add dangling 3
equal "add where it leads" 3 "$(cat x/to)"
ln -s loop loop
exits 3 get loop
ln -s "$mnt/a" "$work/into"
equal "from outside" two "$("$larder" get "$work/into")"
ln -s "$work/large" out
exits 3 get out

# touch
"$larder" set t v --ttl 1h
old=$(xattr t user.expires)
sleep 0.01
exits 0 touch t
[[ $(xattr t user.expires) > $old ]] || fail "touch did not start the clock anew"
exits 0 touch t a --ttl 2h
equal "touch --ttl" 7200 "$(xattr a user.ttl)"
exits 1 touch t nothing
miss nothing
exits 2 touch
exits 3 touch "$work/large"

# info
"$larder" set life w --ttl 90s --idle 2h --tag one,two # it may have taken longer than that
hits=$(xattr life user.hits)
"$larder" info life >"$work/info"
for line in 'size      1 B (1 bytes)' 'ttl       90 s' 'idle      7200 s' 'tags      one,two'; do
    grep -qxF "$line" "$work/info" || fail "no line '$line' in: $(cat "$work/info")"
done
"$larder" info life --json | python3 -c '
import json, sys
info = json.load(sys.stdin)
assert info["size"] == 1 and info["ttl"] == 90 and info["idle"] == 7200 and info["tags"] == ["one", "two"], info
assert info["version"] > 0 and info["kind"] == "file" and info["expires"].endswith("Z"), info'
equal "to look is no hit" "$hits" "$(xattr life user.hits)"
"$larder" info $'q"\\\xff' >/dev/null && fail "info of nothing"
"$larder" set $'q"\\\xff' v
"$larder" info --json $'q"\\\xff' | python3 -c '
import json, sys
assert json.load(sys.stdin)["path"] == "q\"\\\ufffd"'
exits 0 info x
exits 1 info nothing
exits 3 info /
cd /
