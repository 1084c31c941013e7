#!/bin/bash
# SPDX-License-Identifier: MIT
# truncate and ftruncate up and down, sparse writes, fallocate, fsync.
. "$(dirname "$0")/../lib/mount.sh"
mount_larder -o size=64M
python3 - <<'END'
from larder_test import *

# The same changes to a bytearray say what must be there.
for size in 0, 1, 1_000, 10_000, 1_000_000:
    value = bytearray(os.urandom(size))
    put("f", value)
    for new in (0, 1, 999, 4_096, 4_097, 131_072, 2_000_000, 500_000, 65_537, 100, 7, 300_000, size):
        if new % 2:
            os.truncate("f", new)
        else:
            with open_fd("f", os.O_RDWR) as fd:
                os.ftruncate(fd, new)
                equal(new, os.fstat(fd).st_size)
        value = value[:new] + bytes(max(0, new - len(value)))
        equal(new, os.stat("f").st_size)
        equal(value, get("f"), "truncated to", new)

# Sparse: what nobody wrote reads as zeroes.
for where in 1, 5_000, 200_000, 3_000_000:
    with open_fd("sparse", os.O_RDWR | os.O_CREAT | os.O_TRUNC) as fd:
        os.pwrite(fd, b"end", where)
        os.pwrite(fd, b"start", 0) if where > 5 else None
    value = bytearray(where) + b"end"
    if where > 5:
        value[:5] = b"start"
    equal(value, get("sparse"), "sparse at", where)
with open_fd("sparse", os.O_WRONLY) as fd:
    os.pwrite(fd, b"live", 5_000_000)
value += bytes(5_000_000 - len(value)) + b"live"
equal(value, get("sparse"), "sparse, live")

# A staged one is cut and stretched before anybody sees it.
with open_fd("f", os.O_RDWR | os.O_CREAT | os.O_TRUNC) as fd:
    os.write(fd, b"0123456789" * 50_000)
    os.ftruncate(fd, 5)
    os.ftruncate(fd, 10)
    os.lseek(fd, 0, os.SEEK_END)
    os.write(fd, b"!")
equal(b"01234" + bytes(5) + b"!", get("f"))

# fallocate
with open_fd("f", os.O_RDWR | os.O_CREAT | os.O_TRUNC) as fd:
    os.write(fd, b"abc")
    fallocate(fd, 0, 0, 100_000)
    equal(100_000, os.fstat(fd).st_size, "fallocate")
    fallocate(fd, KEEP_SIZE, 100_000, 100_000)
    equal(100_000, os.fstat(fd).st_size, "fallocate KEEP_SIZE")
    fallocate(fd, 0, 10, 10)
    equal(100_000, os.fstat(fd).st_size, "fallocate inside")
    refused(errno.EOPNOTSUPP, fallocate, fd, PUNCH_HOLE | KEEP_SIZE, 0, 4096)
    refused((errno.EFBIG, errno.ENOSPC), fallocate, fd, 0, 0, 1 << 30)
    os.posix_fallocate(fd, 0, 200_000)
equal(b"abc" + bytes(199_997), get("f"))

# fsync and its kin
with open_fd("f", os.O_RDWR) as fd:
    os.write(fd, b"xyz")
    os.fsync(fd)
    os.fdatasync(fd)
equal(b"xyz", get("f")[:3])
with open_fd(".", os.O_RDONLY | os.O_DIRECTORY) as fd:
    os.fsync(fd)
os.sync()

# Blocks say that nothing is a hole, or cp and tar take it for one.
put("f", b"x" * 100_000)
check(os.stat("f").st_blocks * 512 >= 100_000, "st_blocks", os.stat("f").st_blocks)
with open_fd("f", os.O_RDONLY) as fd:
    equal(0, os.lseek(fd, 0, os.SEEK_DATA))
    equal(100_000, os.lseek(fd, 0, os.SEEK_HOLE))
END
