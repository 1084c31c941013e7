#!/bin/bash
# SPDX-License-Identifier: MIT
# A name can be mapped while others replace it, and every mapping shows one whole value for as long as it lasts.
. "$(dirname "$0")/../lib/mount.sh"
mount_larder
python3 - <<'END'
from larder_test import *

SIZE = 5 * mmap.PAGESIZE

def whole(value):
    return value == value[:1] * len(value)

def work(i):
    if i < 2:
        end = time.monotonic() + 3
        n = i
        while time.monotonic() < end:
            n += 2
            put("f", bytes([n % 251]) * SIZE)
        return
    flags = mmap.MAP_PRIVATE if i % 2 else mmap.MAP_SHARED
    end = time.monotonic() + 2.5
    kept = []
    while time.monotonic() < end:
        with open_fd("f", os.O_RDONLY) as fd:
            mapping = mmap.mmap(fd, SIZE, flags, mmap.PROT_READ)
        first = mapping[:10]
        kept.append((mapping, first))
        for mapping, first in kept:
            value = mapping[:]
            check(whole(value), "two values in one mapping", "shared" if flags == mmap.MAP_SHARED else "private")
            equal(first, value[:10], "a mapping changed its value")
        if len(kept) > 5:
            kept.pop(0)[0].close()

put("f", b"x" * SIZE)
processes(6, work)
END
