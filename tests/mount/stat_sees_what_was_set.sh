#!/bin/bash
# SPDX-License-Identifier: MIT
# When a close has returned, stat shows the new value, too, however many others have the old one open or look it up
# just then: what the kernel believes of a name never outlives its next publish.
. "$(dirname "$0")/../lib/mount.sh"
mount_larder
python3 - <<'END'
from larder_test import *
import random

NAMES, SECONDS, BASE = 2, 4, 100
published = mmap.mmap(-1, 8 * NAMES)  # of each name the size that was set last
begun = mmap.mmap(-1, 8 * NAMES)  # and the one that is being set, or was
deadline = time.monotonic() + SECONDS


def last(name, of=published):
    return struct.unpack_from("Q", of, 8 * name)[0]


def writer(name):
    size = BASE
    while time.monotonic() < deadline:
        size += 1
        struct.pack_into("Q", begun, 8 * name, size)
        put(f"key{name}", b"v" * size)
        struct.pack_into("Q", published, 8 * name, size)
        equal(size, os.stat(f"key{name}").st_size, "stat of who set it")
    check(size > BASE + 100, "hardly anything was set:", size - BASE)


def looker(name):
    while time.monotonic() < deadline:
        before = last(name)
        seen = os.stat(f"key{name}").st_size
        if seen == 0 and last(name, begun) > before:
            continue  # Linux cuts the size it knows before it marks that as stale: README
        check(seen >= before, "stat shows", seen, "after", before, "was set")


def holder(name):
    """Keeps the writer from taking the node over: it is bounced, and gets one of its own."""
    rng = random.Random(name)
    while time.monotonic() < deadline:
        before = last(name)
        with open_fd(f"key{name}", os.O_RDONLY) as fd:
            size = os.fstat(fd).st_size
            check(size >= before, "opened", size, "after", before, "was set")
            for _ in range(rng.randrange(20)):
                os.sched_yield()
            equal(size, len(os.read(fd, 1 << 20)), "what was read")


for name in range(NAMES):
    put(f"key{name}", b"v" * BASE)
    struct.pack_into("Q", published, 8 * name, BASE)
roles = [writer, looker, looker, holder]
processes(NAMES * len(roles), lambda i: roles[i % len(roles)](i // len(roles)))
END
