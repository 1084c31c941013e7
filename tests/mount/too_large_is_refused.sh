#!/bin/bash
# SPDX-License-Identifier: MIT
# A value larger than the limit fails with EFBIG; with policy=none a full cache answers ENOSPC. Neither harms what is there.
. "$(dirname "$0")/../lib/mount.sh"
mount_larder -o size=4M
python3 - <<'END'
from larder_test import *

put("other", b"other")
put("f", b"old value")
fd = os.open("f", os.O_WRONLY | os.O_TRUNC)
def overflow():
    for _ in range(50):
        os.write(fd, b"x" * 100_000)
refused(errno.EFBIG, overflow)
try:
    os.close(fd)
except OSError as error:
    equal(errno.EFBIG, error.errno, "close")
check(get("f") in (b"old value", None), "half a value was published")
put("f", b"old value")
refused(errno.EFBIG, os.truncate, "f", 5 << 20)
equal(b"old value", get("f"))
with open_fd("live", os.O_RDWR | os.O_CREAT) as fd:
    refused(errno.EFBIG, os.ftruncate, fd, 5 << 20)
    refused(errno.EFBIG, os.pwrite, fd, b"x", 5 << 20)
    equal(0, os.fstat(fd).st_size)
check(get("other") in (b"other", None))
put("f", b"x" * (2 << 20))
equal(b"x" * (2 << 20), get("f"), "one that fits")
END
unmount_larder
rm -rf "$work/store"

mount_larder -o size=4M,policy=none
python3 - <<'END'
from larder_test import *

put("old", b"old value" * 1000)
stored = {}
def fill():
    for n in range(1000):
        value = os.urandom(20_000)
        put(f"f{n}", value)
        stored[f"f{n}"] = value
refused(errno.ENOSPC, fill)
check(len(stored) > 150, "full after", len(stored), "values of 20,000 bytes in 4 MiB")
equal(None, get(f"f{len(stored)}"), "the value that had no room")
refused(errno.ENOSPC, put, "old", os.urandom(200_000))
equal(b"old value" * 1000, get("old"), "the value that could not be replaced")
for name, value in stored.items():
    equal(value, get(name))
equal({"old", *stored}, set(os.listdir(".")))
equal(0, stats()["evicted"])

for n in range(20):
    os.unlink(f"f{n}")
def has_room():
    try:
        put("new", os.urandom(100_000))
        return True
    except OSError as error:
        equal(errno.ENOSPC, error.errno)
        return False
wait_until(10, has_room)
equal(100_000, len(get("new")))
END
