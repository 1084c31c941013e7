#!/bin/bash
# SPDX-License-Identifier: MIT
# A file opened to be changed, not replaced, behaves as on any file system: each write is there when it returns.
. "$(dirname "$0")/../lib/mount.sh"
mount_larder
python3 - <<'END'
from larder_test import *

for size in 10, 5_000, 300_000:
    value = bytearray(os.urandom(size))
    put("f", value)
    with open_fd("f", os.O_RDONLY) as reader:
        equal(value, os.pread(reader, size, 0))
        for flags in os.O_WRONLY, os.O_RDWR:
            with open_fd("f", flags) as fd:
                for at in 0, size // 2, size - 3:
                    os.pwrite(fd, b"NEW", at)
                    value[at:at + 3] = b"NEW"
                    equal(value, get("f"), "after a write at", at, "of", size)
                os.pwrite(fd, b"tail", size)
                value += b"tail"
                equal(value, get("f"), "after it grew")
                equal(size + 4, os.stat("f").st_size)
                if flags == os.O_RDWR:
                    equal(value, os.pread(fd, size + 4, 0), "by the writing handle")
                os.ftruncate(fd, size)
                del value[size:]
                equal(value, get("f"), "after ftruncate")

# Created without O_EXCL or O_TRUNC: live from the start, as a lock file or a log is.
fd = os.open("live", os.O_WRONLY | os.O_CREAT)
equal(["f", "live"], sorted(os.listdir(".")))
equal(b"", get("live"))
os.write(fd, b"line\n")
equal(b"line\n", get("live"))
os.close(fd)
END
