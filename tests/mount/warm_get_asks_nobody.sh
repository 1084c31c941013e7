#!/bin/bash
# SPDX-License-Identifier: MIT
# A get of what was read or written lately takes the daemon neither a look into the store nor an allocation. libfuse
# makes one of its own for every request.
. "$(dirname "$0")/../lib/mount.sh"

export ALLOCATIONS=$work/allocations
if [ -n "$sanitized" ]; then # it has an allocator of its own
    mount_larder
else
    LD_PRELOAD=$helpers/liballocations.so mount_larder
fi

python3 - <<'END'
from larder_test import *
import json, struct

KEYS, ROUNDS = 100, 10
sanitized = os.environ["sanitized"]
control = os.open(".larder", os.O_RDONLY | os.O_DIRECTORY)


def reads():
    fd = os.open("stats.json", os.O_RDONLY, dir_fd=control)
    text = os.read(fd, 1 << 16)
    os.close(fd)
    return json.loads(text)["reads"]


def allocations():
    with open(os.environ["ALLOCATIONS"], "rb") as file:
        return struct.unpack("3Q", file.read())


def gets(rounds):
    for _ in range(rounds):
        for i in range(KEYS):
            fd = os.open(f"key{i}", os.O_RDONLY)
            equal(b"value %d" % i, os.read(fd, 4096))
            os.close(fd)


for i in range(KEYS):
    put(f"key{i}", b"value %d" % i)
gets(2)
os.close(os.open("key0", os.O_RDONLY)) # the last RELEASE is there before this one's
time.sleep(0.2)

before = reads()
gets(ROUNDS)
equal(before, reads(), "rows read by warm gets")

if not sanitized:
    for left in reversed(range(3)):
        before = allocations()
        gets(ROUNDS)
        time.sleep(0.2) # RELEASEs are still on their way
        program, libfuse, others = (after - was for after, was in zip(allocations(), before))
        check(abs(libfuse - 2 * KEYS * ROUNDS) <= 20, "libfuse's allocations", libfuse, "for that many requests")
        if program == 0 and others < 10 or left == 0: # other threads may have had something to do
            break
    equal(0, program, "allocations by warm gets")
    check(others < 10, "libraries' allocations by warm gets", others)
END
