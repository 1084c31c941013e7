#!/bin/bash
# SPDX-License-Identifier: MIT
# An empty value is published when the kernel gives the file up, which no close waits for; but when the close has
# returned, another process on another core lists it, and finds it.
. "$(dirname "$0")/../lib/mount.sh"
mount_larder
python3 - <<'END'
from larder_test import *
import struct

cores = sorted(os.sched_getaffinity(0))
shared = mmap.mmap(-1, 8)  # a round's number, when its file was closed; the answer
rounds = 300
os.mkdir("d")
pid = os.fork()
os.sched_setaffinity(0, {cores[0] if pid else cores[-1]})
if pid == 0:
    libc.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: it does not look on alone
    for n in range(1, rounds + 1):
        while shared[:4] != struct.pack("i", n):
            if len(cores) == 1:
                os.sched_yield()
        listed = f"f{n}" in os.listdir("d")
        shared[4:] = struct.pack("i", n if listed else -n)
    os._exit(0)
for n in range(1, rounds + 1):
    os.close(os.open(f"d/f{n}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644))
    shared[:4] = struct.pack("i", n)
    while shared[4:] not in (struct.pack("i", n), struct.pack("i", -n)):
        if len(cores) == 1:
            os.sched_yield()
    equal(struct.pack("i", n), shared[4:], "listed in round", n)
    os.unlink(f"d/f{n}")
os.waitpid(pid, 0)
END
