#!/bin/bash
# SPDX-License-Identifier: MIT
# A backup that is made while others write is one state that was: every value whole, of two that were set one after the
# other never the second without the first, and of a tag that was invalidated nothing. It blocks nobody, only the mount's
# owner and root can have it, and one that is cut off, by whatever, is no file.
. "$(dirname "$0")/../lib/mount.sh"
mount_larder -o size=1G,allow_other
cd "$mnt"
head -c 15000000 /dev/urandom >large
echo red >red

# a is set, then b, to the same number, which is also all that is in the values; each has the tag of its number, and
# that of the number before is invalidated when both are there.
python3 - "$work/ends" <<'E' &
import os, sys
def put(name, n):
    fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.setxattr(fd, "user.tags", b"n%d" % n)
    os.write(fd, b"%08d" % n * (1 if n % 2 else 5000))
    os.close(fd)
n = 0
while not os.path.exists(sys.argv[1]):
    n += 1
    put("a", n)
    put("b", n)
    put("t", n)
    os.rmdir(".larder/tags/n%d" % (n - 1)) if n > 1 and os.path.exists(".larder/tags/n%d" % (n - 1)) else None
    os.rmdir(".larder/tags/n%d" % n) if n % 16 == 0 else None
E
writer=$!
there() { [ -e "$1" ]; }
wait_until 20 there b

cat >"$work/look.py" <<'E'
import os, sys, tarfile
def values(path):
    archive = tarfile.open(path)
    return {m.name: archive.extractfile(m).read() for m in archive if m.isfile() and len(m.name) == 1}
seen = set()
for i in range(int(sys.argv[2])):
    assert os.system("cat .larder/backup >%s/b.tar" % sys.argv[1]) == 0
    got = values(sys.argv[1] + "/b.tar")
    numbers = {}
    for name, value in got.items():
        numbers[name] = int(value[:8])
        assert value in (b"%08d" % numbers[name], b"%08d" % numbers[name] * 5000), (name, value[:64])
    if len(numbers) == 3: # else the tag of all three went
        a, b, t = numbers["a"], numbers["b"], numbers["t"]
        assert a == b or a == b + 1, numbers
        assert b == t or b == t + 1, numbers
        seen.add(a)
    elif len(numbers) == 1:
        assert numbers.get("a", 1) % 16 == 1, numbers # the first after all went
    elif len(numbers) == 2:
        assert set(numbers) == {"a", "b"} and numbers["a"] % 16 in (0, 1, 2), numbers
assert len(seen) > int(sys.argv[2]) // 2, seen
E
python3 "$work/look.py" "$work" 25
python3 - <<'E' # who reads slowly holds up nobody, and sees nothing of what comes later
import os, time
fd = os.open(".larder/backup", os.O_RDONLY)
os.unlink("large")
open("later", "w").close()
got = os.read(fd, 100000)
assert b"later" not in got
for n in range(200):
    with open("other", "w") as f:
        f.write("x" * 10000)
while piece := os.read(fd, 777777):
    got += piece
assert len(got) > 15000000 and b"later" not in got and b"other" not in got
try:
    os.lseek(fd, 0, os.SEEK_SET)
    raise AssertionError("it can be sought in")
except OSError as error:
    assert error.errno == 29, error
try:
    os.pread(fd, 1, 0)
    raise AssertionError("it can be read anywhere")
except OSError as error:
    assert error.errno == 29, error
fds = [os.open(".larder/backup", os.O_RDONLY) for _ in range(7)]
try:
    os.open(".larder/backup", os.O_RDONLY)
    raise AssertionError("any number can be open")
except OSError as error:
    assert error.errno == 24, error
os.close(fd)
for _ in range(500): # nobody waits until it is closed
    try:
        os.open(".larder/backup", os.O_RDONLY)
        break
    except OSError as error:
        assert error.errno == 24, error
    time.sleep(0.01)
else:
    raise AssertionError("none can be opened when one was closed")
try:
    os.open(".larder/backup", os.O_WRONLY)
    raise AssertionError("it can be written")
except OSError as error:
    assert error.errno in (13,), error
E
touch "$work/ends"
wait $writer

if [ "$(id -u)" = 0 ]; then
    chmod 755 "$work"
    refused "Permission denied" setpriv --reuid 65534 --regid 65534 --clear-groups cat .larder/backup
    refused "only root and the owner" setpriv --reuid 65534 --regid 65534 --clear-groups "$larder" backup "$mnt" -
    chown 65534 .
    setpriv --reuid 65534 --regid 65534 --clear-groups "$larder" backup "$mnt" - >"$work/theirs"
    check "the owner's" test -s "$work/theirs"
fi

# --- what is cut off ------------------------------------------------------------------------------------------------
head -c 30000000 /dev/urandom >large
mkfifo "$work/pipe"
# The archive goes into a pipe that is not read on, so that it is in the midst of it when the daemon dies.
"$larder" backup --no-compress "$mnt" "$work/pipe" 2>"$work/said" &
backup=$!
exec 5<"$work/pipe"
head -c 100000 <&5 >/dev/null
refused "excl" "$larder" backup --no-compress --level 3 "$mnt" "$work/x"
echo old >"$work/stays"
"$larder" backup --level 1 "$mnt" "$work/stays" >/dev/null &
stopped=$!
temporary() { compgen -G "$work/stays.??????" >/dev/null; }
wait_until 10 temporary
kill -TERM $stopped
status=0
wait $stopped || status=$?
[ $status -eq 143 ] || [ $status -eq 0 ] # it may have been quicker
[ $status -eq 0 ] || cmp -s "$work/stays" <(echo old) || fail "what was there is not, and status is $status"
! temporary || fail "a file is left: $(ls "$work")"
# Into a pipe that nobody reads it ends by a signal at once.
head -c 1000000 /dev/urandom >"$mnt/more"
python3 - <<'END'
from larder_test import *
import fcntl, signal, struct, subprocess, termios
for number in signal.SIGINT, signal.SIGTERM, signal.SIGHUP:
    backup = subprocess.Popen([os.environ["larder"], "backup", mnt, "-"], stdout=subprocess.PIPE)
    def is_full(): # but for a page, perhaps
        return struct.unpack("i", fcntl.ioctl(backup.stdout, termios.FIONREAD, bytes(4)))[0] > 60000
    wait_until(20, is_full)
    backup.send_signal(number)
    try:
        equal(-number, backup.wait(5))
    finally:
        backup.kill()
END
cd "$work"
kill_daemon
status=0
cat <&5 >/dev/null
exec 5<&-
wait $backup || status=$?
equal "status" 3 $status
grep -q "the daemon of this mount ended" said || fail "it said: $(cat said)"
refused "has died" "$larder" backup "$mnt" "$work/none"
check "no file" test ! -e "$work/none"
equal "nothing is left" "" "$(ls | grep 'none' || true)"
fusermount3 -uz "$mnt"
