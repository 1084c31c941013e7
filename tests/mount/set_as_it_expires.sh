#!/bin/bash
# SPDX-License-Identifier: MIT
# A set that begins when the old value is there, and is done when that has expired, is as good as any other: when it has
# closed, the name is there for everybody, whoever looked for it in between and found nothing.
. "$(dirname "$0")/../lib/mount.sh"
mount_larder
python3 - <<'END'
from larder_test import *
import datetime
import random

SECONDS, LOOKERS = 5, 3
deadline = time.monotonic() + SECONDS


def expire_in(microseconds):
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(microseconds=microseconds)
    os.setxattr("key", "user.expires", at.strftime("%Y-%m-%dT%H:%M:%S.%f").encode()[:-3] + b"Z")


def writer():
    rng = random.Random(1)
    sets = 0
    while time.monotonic() < deadline:
        put("key", b"old")
        with open_fd("key", os.O_RDONLY):  # so that who sets it is sent to a node of its own
            expire_in(rng.randrange(3000))
            end = time.monotonic() + rng.random() * 0.003
            while time.monotonic() < end:
                pass
            flags = rng.choice((os.O_TRUNC, os.O_TRUNC | os.O_CREAT))
            try:
                fd = os.open("key", os.O_WRONLY | flags, 0o644)
            except FileNotFoundError:
                continue  # it had expired already
            os.write(fd, b"a new value")
            os.close(fd)
            equal(len(b"a new value"), os.stat("key").st_size, "stat after the set")
            equal(b"a new value", get("key"), "what was set")
            sets += 1
    check(sets > 100, "hardly anything was set:", sets)


def looker():
    while time.monotonic() < deadline:
        try:
            os.stat("key")
        except FileNotFoundError:
            pass


processes(1 + LOOKERS, lambda i: looker() if i else writer())
END
