#!/bin/bash
# SPDX-License-Identifier: MIT
# What takes an entry away takes what it opened, and not what somebody is setting in its place meanwhile; and who opens a
# name to change what is there, and finds that it is gone, leaves nothing behind.
. "$(dirname "$0")/../lib/mount.sh"
mount_larder
python3 - <<'END'
from larder_test import *
import fcntl

TAKE = 0xe6 << 8 | 3  # LARDER_TAKE, see fs/larder_ioctl.h

put("key", b"old")
with open_fd("key", os.O_RDWR) as taker:
    with open_fd("key", os.O_WRONLY | os.O_TRUNC) as setter:
        os.write(setter, b"new")
        fcntl.ioctl(taker, TAKE)
        equal(None, get("key"), "taken, and not set yet")
    equal(b"new", get("key"), "what was set meanwhile")
    equal(3, os.stat("key").st_size, "its size")
    refused(errno.EAGAIN, fcntl.ioctl, taker, TAKE)
equal(b"new", get("key"), "after all are closed")

# Many change what others take: now and then one comes too late, and must not make an empty entry of it.
deadline = time.monotonic() + 3


def changer():
    while time.monotonic() < deadline:
        try:
            os.close(os.open("many", os.O_RDWR))
        except OSError as error:  # it comes and goes faster than Linux looks twice: no promise of this test's
            check(error.errno in (errno.ENOENT, errno.ESTALE), error)


def taker():
    while time.monotonic() < deadline:
        put("many", b"value")
        try:
            os.unlink("many")
        except FileNotFoundError:
            pass


def looker():
    while time.monotonic() < deadline:
        value = get("many")
        check(value in (None, b"value"), "shows", value)


roles = [changer, changer, taker, looker]
processes(len(roles), lambda i: roles[i]())
equal(None, get("many"), "at the end")
END
