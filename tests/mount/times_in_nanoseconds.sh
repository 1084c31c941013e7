#!/bin/bash
# SPDX-License-Identifier: MIT
# Times are kept as they were set, to the nanosecond, and move when they should.
. "$(dirname "$0")/../lib/mount.sh"
mount_larder
cd "$mnt"

echo x >f
touch -d '2001-02-03 04:05:06.123456789 UTC' f
equal "touch -d" 981173106.123456789 "$(stat -c %.9Y f)"
equal "atime" 981173106.123456789 "$(stat -c %.9X f)"
touch -a -d '1999-12-31 23:59:59.000000001 UTC' f
equal "touch -a" 946684799.000000001 "$(stat -c %.9X f)"
equal "mtime" 981173106.123456789 "$(stat -c %.9Y f)"
touch -d '1960-01-01 00:00:00.5 UTC' f
equal "before 1970" -315619199.500000000 "$(stat -c %.9Y f)"
touch -d '2200-01-01 00:00:00.25 UTC' f
equal "after 2038" 7258118400.250000000 "$(stat -c %.9Y f)"

touch -d '2001-02-03 04:05:06.123456789 UTC' f
cp -p f g
equal "cp -p" "$(stat -c %.9Y f)" "$(stat -c %.9Y g)"
mkdir d
touch -d '2011-11-11 11:11:11.111111111 UTC' d
equal "a directory" 1321009871.111111111 "$(stat -c %.9Y d)"
cp -a d e
equal "cp -a of a directory" 1321009871.111111111 "$(stat -c %.9Y e)"

python3 - <<'END'
from larder_test import *

def now():
    return time.clock_gettime_ns(time.CLOCK_REALTIME)

def moves(call, *times):
    """Of the file's times, exactly these become the present."""
    os.utime("f", ns=(1, 1))
    time.sleep(0.002)
    before = os.stat("f")
    start = now()
    call()
    after, end = os.stat("f"), now()
    for name in "st_mtime_ns", "st_ctime_ns":
        moved = getattr(before, name) != getattr(after, name)
        equal(name in times, moved, name, "moved by", call.__name__)
        if moved:
            # File times come from the kernel's tick in places: up to 10 ms behind the clock.
            check(start - 10_000_000 <= getattr(after, name) <= end, name, "of", call.__name__, "is not the present")

def overwrite(): put("f", b"new")
def write():
    with open_fd("f", os.O_WRONLY) as fd: os.write(fd, b"x")
def append():
    with open_fd("f", os.O_WRONLY | os.O_APPEND) as fd: os.write(fd, b"x")
def truncate(): os.truncate("f", 1)
def chmod(): os.chmod("f", 0o600)
def setxattr(): os.setxattr("f", "user.x", b"%d" % now())
def read(): get("f")
def listing(): os.listdir(".")

put("f", b"x")
for call in overwrite, write, append, truncate:
    moves(call, "st_mtime_ns", "st_ctime_ns")
for call in chmod, setxattr:
    moves(call, "st_ctime_ns")
for call in read, listing:
    moves(call)

# A directory's times move with what is in it.
def directory(call):
    os.utime("d", ns=(1, 1))
    call()
    check(os.stat("d").st_mtime_ns > 1, "a directory's mtime after", call.__name__)
def create(): put("d/f", b"x")
def rename(): os.rename("d/f", "d/g")
def unlink(): os.unlink("d/g")
def mkdir(): os.mkdir("d/d")
def rmdir(): os.rmdir("d/d")
def symlink(): os.symlink("x", "d/l")
for call in create, rename, unlink, mkdir, rmdir, symlink:
    directory(call)

# "now" and "leave it" of utimensat
os.utime("f", ns=(5, 5))
start = now()
os.utime("f")
check(start - 10_000_000 <= os.stat("f").st_mtime_ns <= now())
END
