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

# However late the kernel gives it up, when nobody has it open: here it hangs in a socket meanwhile. But who lists does
# not wait for long for one that another process has open.
python3 - <<'END'
from larder_test import *
import socket


def looker(name):
    """Lists in a process of its own; what that found, and how long it took, come out of a pipe."""
    ends = os.pipe()
    if os.fork() == 0:
        started = time.monotonic()
        listed = name in os.listdir("d")
        os.write(ends[1], struct.pack("?d", listed, time.monotonic() - started))
        os._exit(0)
    os.close(ends[1])
    return ends[0]


def result_of(pipe):
    with os.fdopen(pipe, "rb") as file:
        return struct.unpack("?d", file.read())


def late(name):
    """Creates it, and closes it; some time later the kernel gives it up."""
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    fd = os.open(f"d/{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    socket.send_fds(here, [b"."], [fd])
    os.close(fd)
    os.write(closed[1], b".")
    time.sleep(0.4)  # to be longer than what is waited for without looking who has it
    os._exit(0)


closed = os.pipe()
for name in ("late", "later"):
    pid = os.fork()
    if pid == 0:
        late(name)
    os.read(closed[0], 1)
    if name == "late":
        listed, seconds = result_of(looker(name))
        check(listed, "is not listed, after", seconds, "s")
    else:
        started = time.monotonic()
        equal(b"", get(f"d/{name}"), "opened", time.monotonic() - started, "s later")
    os.waitpid(pid, 0)

# Who has handed it on to another one has not ended the set.
go = os.pipe()
fd = os.open("d/handed-on", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
pid = os.fork()
if pid == 0:
    os.read(go[0], 1)
    os._exit(0)
os.close(fd)
listed, seconds = result_of(looker("handed-on"))
check(not listed, "is listed while it is open")
check(seconds < 1.5, "waited", seconds, "s for what another process has open")
os.write(go[1], b".")
os.waitpid(pid, 0)
wait_until(10, lambda: "handed-on" in os.listdir("d"))
END
