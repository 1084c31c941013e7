#!/bin/bash
# SPDX-License-Identifier: MIT
# mmap: reading, private and shared; shared writing; and a mapping keeps the version it was made of.
. "$(dirname "$0")/../lib/mount.sh"
mount_larder
python3 - <<'END'
from larder_test import *

PAGE = mmap.PAGESIZE

def mapped(name, size, flags, protection, how=os.O_RDONLY):
    with open_fd(name, how) as fd:
        return mmap.mmap(fd, size, flags, protection)

for size in 10, PAGE, 3 * PAGE + 5, 1_000_000:
    value = os.urandom(size)

    # Reading, through overwrite, unlink and the end of its life.
    for flags in mmap.MAP_SHARED, mmap.MAP_PRIVATE:
        for end in "overwrite", "rename", "unlink", "shorten":
            name = f"{size}-{flags}-{end}"
            put(name, value)
            half = mapped(name, size, flags, mmap.PROT_READ)
            whole = mapped(name, size, flags, mmap.PROT_READ)
            equal(value, whole[:])
            equal(value[:5], half[:5])
            if end == "overwrite":
                put(name, b"n" * (size + 100_000))
            elif end == "rename":
                put("g", b"n" * size)
                os.rename("g", name)
            elif end == "unlink":
                os.unlink(name)
            else:
                put(name, b"")
            equal(value, half[:], "mapped before the", end)
            equal(value, whole[:], "mapped and read before the", end)
            half.close()
            whole.close()

    # Writing to a private mapping stays private.
    put("f", value)
    private = mapped("f", size, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_WRITE)
    private[:3] = b"abc"
    equal(value, get("f"))
    private.close()

    # Writing to a shared one is live.
    changed = bytearray(value)
    shared = mapped("f", size, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE, os.O_RDWR)
    changed[:5] = shared[:5] = b"first"
    changed[-4:] = shared[-4:] = b"last"
    shared.flush()
    equal(changed, get("f"), "after msync")
    changed[5:7] = shared[5:7] = b"!!"
    shared.close()
    os.sync()
    equal(changed, get("f"), "after munmap and sync")

    # Two processes that share a mapping, and one that uses read and write on the same file.
    put("f", bytes(size))
    def share(i):
        shared = mapped("f", size, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE, os.O_RDWR)
        shared[i] = 65 + i
        shared.flush()
        end = time.monotonic() + 20
        while shared[1 - i] != 65 + 1 - i:
            check(time.monotonic() < end, "the other's byte did not arrive")
        shared.close()
    processes(2, share)
    equal(b"AB" + bytes(size - 2), get("f"), "shared by two processes")

# A file is made as databases do: stretched, then written through a mapping.
with open_fd("made", os.O_RDWR | os.O_CREAT) as fd:
    os.ftruncate(fd, 5 * PAGE)
    with mmap.mmap(fd, 5 * PAGE) as shared:
        shared[4 * PAGE:4 * PAGE + 3] = b"end"
    os.fsync(fd)
equal(bytes(4 * PAGE) + b"end" + bytes(PAGE - 3), get("made"))
END
