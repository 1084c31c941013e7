#!/bin/bash
# SPDX-License-Identifier: MIT
# Offsets up to 2^63 - 1 that no value can have are refused with the errno that other file systems give, at once, without
# memory for what is not there; and what is there stays whole.
. "$(dirname "$0")/../lib/mount.sh"
mount_larder -o size=64M
export daemon
python3 - <<'END'
from larder_test import *

REFUSED = (errno.EFBIG, errno.EINVAL, errno.ENOSPC)
FAR = 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**40, 2**62, 2**63 - 2, 2**63 - 1


def resident():
    return int(open(f"/proc/{os.environ['daemon']}/statm").read().split()[1]) * 4096


def reads_nothing(call, *args):
    """There is nothing; where offset and size together are no number the kernel may say so."""
    try:
        check(not call(*args), "read something", args)
    except OSError as error:
        check(error.errno in (errno.EINVAL, errno.EOVERFLOW), error)


def far_away(fd, path, offset):
    reads_nothing(os.pread, fd, 10, offset)
    refused(REFUSED, os.pwrite, fd, b"x", offset)
    refused(REFUSED, os.ftruncate, fd, offset)
    refused(REFUSED, os.truncate, path, offset)
    refused(REFUSED, fallocate, fd, 0, offset, 1)
    refused(REFUSED, fallocate, fd, 0, 0, offset)
    refused(REFUSED, fallocate, fd, KEEP_SIZE, 0, offset)
    refused((errno.EOPNOTSUPP,) + REFUSED, fallocate, fd, PUNCH_HOLE | KEEP_SIZE, offset, 1)
    refused(errno.ENXIO, os.lseek, fd, offset, os.SEEK_DATA)
    refused(errno.ENXIO, os.lseek, fd, offset, os.SEEK_HOLE)
    refused((errno.EOVERFLOW,) + REFUSED, os.copy_file_range, fd, fd, 10, 0, offset)
    reads_nothing(os.copy_file_range, fd, fd, 10, offset, 0)


value = bytes(range(256)) * 40
put("value", value)
began, before = time.monotonic(), resident()
live = os.open("value", os.O_RDWR)
for offset in FAR:
    far_away(live, "value", offset)
    equal(value, get("value"))
os.close(live)
equal(value, get("value"))

# Of a set a write that failed spoils all: its close says so, and what was there stays.
for offset in FAR:
    staged = os.open("value", os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    os.write(staged, b"new")
    far_away(staged, "value", offset)
    equal(b"new", os.pread(staged, 10, 0))
    refused(REFUSED, os.close, staged)
    equal(value, get("value"))
check(time.monotonic() - began < 20, "it took", time.monotonic() - began)
check(os.environ["sanitized"] or resident() - before < 32 << 20, "it grew by", resident() - before)
END
