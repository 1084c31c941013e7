#!/bin/bash
# SPDX-License-Identifier: MIT
# Who abandons a set (LARDER_ABANDON, fs/larder_ioctl.h) stores nothing, and what was there stays; but only who began it
# may: another one who has joined the creation of a file takes nothing from who creates it.
. "$(dirname "$0")/../lib/mount.sh"
mount_larder
python3 - <<'END'
from larder_test import *
import fcntl
ABANDON = 0xe601

looker = Onlooker()
put("there", b"old")
with open_fd("there", os.O_WRONLY | os.O_TRUNC) as fd:
    os.write(fd, b"new")
    fcntl.ioctl(fd, ABANDON)
    refused(errno.EINVAL, fcntl.ioctl, fd, ABANDON)
looker.sees("there", b"old", "abandoned")
with open_fd("fresh", os.O_WRONLY | os.O_CREAT | os.O_EXCL) as fd:
    os.write(fd, b"new")
    fcntl.ioctl(fd, ABANDON)
looker.sees("fresh", None, "an abandoned creation")
put("fresh", b"again")
looker.sees("fresh", b"again", "the name is free")

# What is stored, or was opened to be changed or read, is not abandoned.
with open_fd("there", os.O_WRONLY | os.O_TRUNC) as fd:
    os.write(fd, b"synced")
    os.fsync(fd)
    refused(errno.EINVAL, fcntl.ioctl, fd, ABANDON)
looker.sees("there", b"synced", "what is stored")
with open_fd("there", os.O_WRONLY) as fd:
    refused(errno.EINVAL, fcntl.ioctl, fd, ABANDON)
with open_fd("there", os.O_RDONLY) as fd:
    refused(errno.EBADF, fcntl.ioctl, fd, ABANDON)


def in_child(work_of):
    pid = os.fork()
    if pid == 0:
        try:
            work_of()
        except BaseException as error:
            print(error, file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    equal(0, os.waitpid(pid, 0)[1], "the other process")


def join_and_abandon():
    with open_fd("joined", os.O_WRONLY | os.O_APPEND) as fd:
        os.write(fd, b" and theirs")
        refused(errno.EINVAL, fcntl.ioctl, fd, ABANDON)


# Another one joins, and does not take away what is being created.
with open_fd("joined", os.O_WRONLY | os.O_CREAT | os.O_EXCL) as fd:
    os.write(fd, b"ours")
    in_child(join_and_abandon)
    looker.sees("joined", None, "while it is created")
looker.sees("joined", b"ours and theirs", "when all have closed it")


def join_and_stay():
    with open_fd("left", os.O_WRONLY | os.O_APPEND) as fd:
        os.write(fd, b" and theirs")
        os.write(ready[1], b".")
        os.read(go[0], 1)
        os.write(fd, b" and more")


# Who began it may, whoever has joined.
ready, go = os.pipe(), os.pipe()
with open_fd("left", os.O_WRONLY | os.O_CREAT | os.O_EXCL) as fd:
    pid = os.fork()
    if pid == 0:
        os.close(fd)
        join_and_stay()
        os._exit(0)
    os.read(ready[0], 1)
    fcntl.ioctl(fd, ABANDON)
    os.write(go[1], b".")
    equal(0, os.waitpid(pid, 0)[1], "who had joined")
looker.sees("left", None, "abandoned by who began it")
END
