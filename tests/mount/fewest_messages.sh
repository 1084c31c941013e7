#!/bin/bash
# SPDX-License-Identifier: MIT
# What an operation costs is the messages that somebody waits for. So many the kernel sends for each, and no more;
# RELEASE and the FORGETs, for which nobody waits, do not count.
. "$(dirname "$0")/../lib/mount.sh"
mount_larder

python3 - <<'END'
from larder_test import *
import collections, json, subprocess

NOBODY_WAITS = ("RELEASE", "FORGET", "BATCH_FORGET")
control = os.open(".larder", os.O_RDONLY | os.O_DIRECTORY)


def received():
    fd = os.open("stats.json", os.O_RDONLY, dir_fd=control)
    text = os.read(fd, 1 << 16)
    os.close(fd)
    return collections.Counter(json.loads(text)["requests"])


received()
one = received()
looking = received() - one # what it costs to ask


def cost(work, *args):
    before = received()
    work(*args)
    after = received() - before - looking
    return collections.Counter({kind: count for kind, count in after.items() if kind not in NOBODY_WAITS})


def costs(what, messages, prepare, work):
    """`work` sends just these. Where the machine is busy, what the kernel believes for a moment may run out."""
    for left in reversed(range(5)):
        prepare()
        got = cost(work)
        if got == collections.Counter(messages.split()):
            return
        if left == 0:
            equal(messages, " ".join(sorted(got.elements())), what)


def at_most(what, messages, prepare, work):
    """For programs, which do more than what they are asked."""
    prepare()
    got = cost(work)
    check(not got - collections.Counter(messages.split()), what, "sent", dict(got))


number = 0


def a_new_name():
    global number, name
    number += 1
    name = f"key{number}"


def settled(*calls):
    """Does these, and has the kernel know the directory, whose attributes it forgets when a name comes or goes."""
    def prepare():
        for call in calls:
            call()
        os.stat(".")
    return prepare


def read(name):
    fd = os.open(name, os.O_RDONLY)
    value = os.read(fd, 4096)
    os.close(fd)
    return value


def add():
    fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    os.write(fd, b"added")
    os.close(fd)


def miss():
    refused(errno.ENOENT, os.open, name, os.O_RDONLY)


def write():
    put(name, b"value" * 20)


def read_it():
    check(len(read(name)) >= 5, "no value")


def stat_it():
    os.stat(name)


costs("a new key", "LOOKUP CREATE WRITE FLUSH", settled(a_new_name), write)
costs("a new key after another", "GETATTR LOOKUP CREATE WRITE FLUSH",
      lambda: (settled(a_new_name)(), write(), a_new_name()), write)
costs("a new key after a miss", "CREATE WRITE FLUSH", settled(a_new_name, miss), write)
costs("an add", "LOOKUP CREATE WRITE FLUSH", settled(a_new_name), add)
costs("an overwrite", "OPEN GETXATTR WRITE FLUSH", settled(a_new_name, write, read_it), write)
costs("another overwrite", "OPEN GETXATTR WRITE FLUSH", settled(), write)
costs("a get after an overwrite", "GETATTR OPEN", settled(write), read_it)
costs("a warm get", "OPEN", settled(read_it), read_it)
costs("a hundred warm gets", "OPEN " * 100, settled(), lambda: [read_it() for _ in range(100)])
costs("a warm stat", "", settled(stat_it), stat_it)
costs("a cold get", "LOOKUP OPEN", settled(a_new_name, write), read_it)
costs("a cold stat", "LOOKUP", settled(a_new_name, write), stat_it)
costs("a miss", "LOOKUP", settled(a_new_name), miss)
costs("another miss", "", settled(), miss)
costs("a delete", "UNLINK", settled(a_new_name, write, read_it), lambda: os.unlink(name))

# In a directory: its own attributes once more, after each name that came or went.
os.mkdir("dir")
costs("a warm get in a directory", "OPEN",
      lambda: (settled()(), put("dir/key", b"value"), read("dir/key"), read("dir/key")), lambda: read("dir/key"))
costs("a warm stat in a directory", "", lambda: (os.stat("dir"), os.stat("dir/key")), lambda: os.stat("dir/key"))

# What programs make of it.
def shell(command):
    return lambda: subprocess.run(["bash", "-c", command, "bash", name], check=True, stdout=subprocess.DEVNULL)


def whole():
    with open(name, "rb") as file:
        file.read()


def text():
    with open(name, "w") as file:
        file.write("text")


at_most("Python's open().read()", "OPEN IOCTL", settled(a_new_name, write, whole), whole)
at_most("Python's open().write() of a new key", "LOOKUP CREATE GETATTR IOCTL WRITE FLUSH", settled(a_new_name), text)
at_most("Python's open().write()", "OPEN GETXATTR GETATTR IOCTL WRITE FLUSH", settled(whole), text)
at_most("cat", "OPEN", settled(whole), shell('cat "$1"'))
at_most("echo > of a new key", "LOOKUP CREATE WRITE FLUSH FLUSH", settled(a_new_name), shell('echo x >"$1"'))
at_most("echo >", "OPEN GETXATTR GETATTR WRITE FLUSH FLUSH", settled(whole), shell('echo x >"$1"'))
END
