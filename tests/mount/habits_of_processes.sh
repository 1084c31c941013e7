#!/bin/bash
# SPDX-License-Identifier: MIT
# Who closes: duplicates, threads, children that inherit a descriptor, and programs that end without closing. A value
# appears when the process that opened closes its last descriptor of the file, or, when others write to it, too, when
# they all have.
. "$(dirname "$0")/../lib/mount.sh"
mount_larder
python3 - <<'END'
from larder_test import *
import socket
import subprocess
import threading

onlooker = Onlooker()
sees = onlooker.sees
ONE, TWO = b"first, ", b"second"

def cases():
    """A new name and one with a value, in small and in large pieces."""
    for old in None, b"old value":
        for times in 1, 40_000:
            if os.path.lexists("f"):
                os.unlink("f")
            if old:
                put("f", old)
            yield old, ONE * times, TWO * times

def opened():
    return os.open("f", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)

def write(fd, value):
    """As a program should: what is left of a short write, too."""
    while value:
        value = value[os.write(fd, value):]

class Child:
    """A forked child that has inherited everything and does what it is told, one thing after the other."""

    def __init__(self):
        self.told, self.done = os.pipe(), os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self.told[1])
            while line := os.read(self.told[0], 1):
                self.jobs[line[0]]()
                os.write(self.done[1], b".")
            os._exit(0)
        os.close(self.told[0])
        os.close(self.done[1])

    jobs = {}

    def does(self, job):
        os.write(self.told[1], bytes([job]))
        equal(b".", os.read(self.done[0], 1), "the child")

    def exits(self):
        os.close(self.told[1])
        equal(0, os.waitpid(self.pid, 0)[1], "status of the child")
        os.close(self.done[0])

# --- duplicates -------------------------------------------------------------------------------------------------------

for old, one, two in cases():
    fd = opened()
    write(fd, one)
    late = os.dup(fd)
    os.close(fd)
    sees("f", old, "a duplicate is left")
    write(late, two)
    sees("f", old, "a duplicate is left and written to")
    latest = os.dup2(late, 100)
    os.close(late)
    sees("f", old, "the third is left")
    os.close(latest)
    sees("f", one + two, "the last is closed")

    # dup2 over the last one is a close.
    fd = opened()
    write(fd, two)
    with open_fd("/dev/null", os.O_WRONLY) as null:
        os.dup2(null, fd)
    sees("f", two, "dup2 over it")
    os.close(fd)

    # Other files, and the same one opened once more, are other descriptors.
    fd = opened()
    other = os.open("other", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    reader = os.open("f", os.O_RDONLY)
    write(other, b"other")
    write(fd, one)
    os.close(fd)
    sees("f", one, "a reader and another file are open")
    sees("other", None, "the other, still open")
    equal(two, os.read(reader, len(two) + 1), "who had opened before")
    os.close(reader)
    os.close(other)
    sees("other", b"other", "closed")
    os.unlink("other")

# --- cut, or created, and closed: only the RELEASE tells, and whoever looks next must see it -----------------------------

def cut_and_look(i):
    cut, empty, directory = f"cut{i}", f"empty{i}", f"dir{i}"
    os.mkdir(directory)
    for n in range(600):
        put(cut, b"value")
        os.close(os.open(cut, os.O_WRONLY | os.O_TRUNC))
        equal(b"", get(cut), "cut, closed, opened at once")
        os.close(os.open(empty, os.O_WRONLY | os.O_CREAT | os.O_TRUNC))
        equal(b"", get(empty), "created, closed, opened at once")
        os.unlink(empty)
        os.close(os.open(f"{directory}/{n}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC))
        equal(n + 1, len(os.listdir(directory)), "created, closed, listed at once")

processes(4, cut_and_look) # several, so that a RELEASE has to wait for its turn

# --- threads ----------------------------------------------------------------------------------------------------------

def in_thread(work):
    result = []
    thread = threading.Thread(target=lambda: result.append(work()))
    thread.start()
    thread.join()
    return result[0]

for opener in "main", "thread":
    for writer in "main", "thread", "both":
        for closer in "main", "thread":
            for old, one, two in cases():
                what = f"{opener} opens, {writer} writes, {closer} closes"
                run = {"main": lambda work: work(), "thread": in_thread}
                fd = run[opener](opened)
                sees("f", old, what, "opened")
                run["main" if writer == "both" else writer](lambda: write(fd, one))
                sees("f", old, what, "first write")
                run["thread" if writer == "both" else writer](lambda: write(fd, two))
                sees("f", old, what, "second write")
                run[closer](lambda: os.close(fd))
                sees("f", one + two, what, "closed")

# --- children ---------------------------------------------------------------------------------------------------------

fd = None
Child.jobs = {1: lambda: write(fd, one), 2: lambda: write(fd, two), 3: lambda: os.close(fd)}

for old, one, two in cases():
    # It just goes: nothing is published by that.
    fd = opened()
    write(fd, one)
    child = Child()
    child.exits()
    sees("f", old, "the child went")
    write(fd, two)
    sees("f", old, "the child went, the parent wrote")
    os.close(fd)
    sees("f", one + two, "the child went, the parent closed")

for old, one, two in cases():
    # It writes, and goes first.
    fd = opened()
    child = Child()
    child.does(1)
    sees("f", old, "the child wrote")
    child.does(3)
    sees("f", old, "the child closed")
    write(fd, two)
    sees("f", old, "the parent wrote")
    os.close(fd)
    sees("f", one + two, "the parent closed last")
    child.exits()

for old, one, two in cases():
    # The parent closes first: the child, which does not write, may keep it for as long as it likes.
    fd = opened()
    child = Child()
    write(fd, one)
    sees("f", old, "the parent wrote")
    os.close(fd)
    sees("f", one, "the parent closed")
    child.exits()
    sees("f", one, "the child went")

for old, one, two in cases():
    # The parent closes first, and the child goes on: all appears at the end.
    fd = opened()
    child = Child()
    write(fd, one)
    child.does(2)
    os.close(fd)
    sees("f", old, "both wrote, the parent closed")
    child.does(1)
    sees("f", old, "the child wrote more")
    child.does(3)
    sees("f", one + two + one, "the child closed last")
    child.exits()

for old, one, two in cases():
    # The parent goes first, without a close, and its child lives on: it has inherited, but writes nothing.
    stay = os.pipe()
    pid = os.fork()
    if pid == 0:
        fd = opened()
        write(fd, one)
        write(fd, two)
        if os.fork() == 0:
            os.close(stay[1])
            os.read(stay[0], 1)
        os._exit(0)
    equal(0, os.waitpid(pid, 0)[1])
    sees("f", one + two, "the parent went")
    os.close(stay[0])
    os.close(stay[1])
    wait_until(20, lambda: stats()["handles"] == 0)
    sees("f", one + two, "its child went, too")

for old, one, two in cases():
    # The same, but the child is the one that writes.
    go, gone = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        fd = opened()
        if os.fork() == 0:
            os.close(go[1])
            os.read(go[0], 1)
            write(fd, one)
            os.write(gone[1], b".")
            os.read(go[0], 1)
            write(fd, two)
        os._exit(0)
    os.close(gone[1])
    equal(0, os.waitpid(pid, 0)[1])
    sees("f", old, "the parent went, nothing was written")
    os.write(go[1], b".")
    os.read(gone[0], 1)
    sees("f", old, "the child wrote")
    os.close(go[1])
    os.close(go[0])
    equal(b"", os.read(gone[0], 1), "the child went")
    os.close(gone[0])
    wait_until(20, lambda: get("f") != old)
    sees("f", one + two, "the child went, too")

# --- ending without a close -------------------------------------------------------------------------------------------

for old, one, two in cases():
    for status in 0, 1, 137, 143:
        for name, end in ("_exit", os._exit), ("sys.exit", sys.exit):
            start = b"%d %s" % (status, name.encode())
            put("f", start)
            mine, its = socket.socketpair()
            pid = os.fork()
            if pid == 0:
                mine.close()
                fd = opened()
                write(fd, one)
                write(fd, two)
                its.send(b".")
                its.recv(1)
                try:
                    end(status)
                except SystemExit as error:
                    os._exit(error.code)
            its.close()
            mine.recv(1)
            sees("f", start, "not yet")
            mine.send(b".")
            equal(status, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
            sees("f", one + two, f"ended with status {status}")
            mine.close()

# A whole program, which leaves its descriptor and its buffer to the end.
for status in 0, 1:
    put("f", b"old value")
    program = f"import sys; file = open('f', 'w'); file.write('left'); print(); sys.stdout.flush(); input(); sys.exit({status})"
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        sees("f", b"old value", "a program writes")
        process.stdin.write(b"\n")
    equal(status, process.returncode)
    sees("f", b"left", f"a program ended with {status}")
END
