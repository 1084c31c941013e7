#!/bin/bash
# SPDX-License-Identifier: MIT
# Unlinked, replaced, renamed or expired while open: readers and writers go on with what they have.
. "$(dirname "$0")/../lib/mount.sh"
mount_larder
python3 - <<'END'
from larder_test import *

def unlink(): os.unlink("f")
def overwrite(): put("f", b"short")
def rename_over():
    put("g", b"other" * 1000)
    os.rename("g", "f")
def rename_away(): os.rename("f", "elsewhere")
def exchange():
    put("g", b"other")
    rename2("f", "g", EXCHANGE)
def expire():
    os.setxattr("f", "user.ttl", b"1ms")
    time.sleep(0.005)

for size in 100, 10_000, 1_000_000:
    value = os.urandom(size)
    for call in unlink, overwrite, rename_over, rename_away, exchange, expire:
        what = call.__name__
        put("f", value)
        untouched = os.open("f", os.O_RDONLY)
        begun = os.open("f", os.O_RDONLY)
        equal(value[:50], os.read(begun, 50), what)
        call()
        equal(value, os.pread(untouched, size + 1, 0), what, "first read afterwards")
        equal(value[50:], os.read(begun, size), what, "read on")
        equal(b"", os.read(begun, 1), what, "at the end")
        if call in (unlink, overwrite, rename_over, expire):
            # Again, when whatever was cached has surely been dropped.
            put("f", b"z" * size)
            equal(value, os.pread(begun, size + 1, 0), what, "after one more overwrite")
        os.close(untouched)
        os.close(begun)
        for name in "f", "g", "elsewhere":
            if os.path.lexists(name):
                os.unlink(name)

# Writers: what they write to a name that is gone bothers nobody, and they may read it back.
for flags in os.O_RDWR, os.O_RDWR | os.O_APPEND:
    for call in unlink, rename_over:
        put("f", b"value")
        fd = os.open("f", flags)
        call()
        os.lseek(fd, 0, os.SEEK_END)
        os.write(fd, b" and more")
        equal(b"value and more", os.pread(fd, 100, 0), call.__name__)
        os.ftruncate(fd, 3)
        equal(b"val", os.pread(fd, 100, 0), call.__name__)
        os.fsync(fd)
        os.close(fd)
        equal(None if call == unlink else b"other" * 1000, get("f"), call.__name__)

# A staged writer whose name is unlinked meanwhile; the name is made anew, and the late close does not undo that.
put("f", b"old")
fd = os.open("f", os.O_WRONLY | os.O_TRUNC)
os.write(fd, b"late")
os.unlink("f")
equal(None, get("f"))
put("f", b"new")
os.close(fd)
check(get("f") in (b"new", b"late"), "after the late close", get("f"))

# A temporary file as Python, and everybody, makes one.
import tempfile
with tempfile.TemporaryFile(dir=".") as file:
    file.write(b"x" * 100_000)
    file.seek(0)
    equal(b"x" * 100_000, file.read())

# What is gone and closed takes up no room.
os.unlink("f")
wait_until(10, lambda: stats()["bytes"] < 100_000)
END
