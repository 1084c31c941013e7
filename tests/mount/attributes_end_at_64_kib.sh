#!/bin/bash
# SPDX-License-Identifier: MIT
# An entry has 64 KiB of extended attributes, and not a byte more; of any bytes and any length each is refused, and nothing
# has changed, or reads back the same.
. "$(dirname "$0")/../lib/mount.sh"
mount_larder -o size=64M
python3 - <<'END'
from larder_test import *
import random

MOST, HEAD = 64 << 10, 5


def attributes(at):
    return {name: os.getxattr(at, name) for name in os.listxattr(at)}


def fills_up(at):
    most = b"v" * (MOST - HEAD - len("user.a"))
    os.setxattr(at, "user.a", most)
    refused(errno.ENOSPC, os.setxattr, at, "user.a", most + b"v")
    refused(errno.ENOSPC, os.setxattr, at, "user.b", b"")
    refused(errno.ENOSPC, os.setxattr, at, "user.b", b"v" * MOST)
    refused(errno.E2BIG, os.setxattr, at, "user.b", b"v" * (MOST + 1))
    equal({"user.a": most}, attributes(at))
    os.setxattr(at, "user.a", b"")
    os.removexattr(at, "user.a")
    os.setxattr(at, "user." + "n" * 250, b"v")
    refused((errno.ERANGE, errno.ENAMETOOLONG), os.setxattr, at, "user." + "n" * 251, b"v")
    os.removexattr(at, "user." + "n" * 250)
    equal({}, attributes(at))


def tiny_ones(at):
    """As many as have room; the kernel lists up to 64 KiB of names, too."""
    room = b"v" * (MOST - 200 * (HEAD + len("user.0000")) - HEAD - len("user.room"))
    os.setxattr(at, "user.room", room)
    names = [f"user.{i:04}" for i in range(200)]
    for name in names:
        os.setxattr(at, name, b"")
    for i in range(200, 250):
        refused(errno.ENOSPC, os.setxattr, at, f"user.{i:04}", b"")
    equal({"user.room": room} | {name: b"" for name in names}, attributes(at))
    for name in ["user.room"] + names:
        os.removexattr(at, name)


def any_bytes(at, name, value):
    before = attributes(at)
    try:
        os.setxattr(at, name, value)
    except OSError as error:
        check(error.errno in (errno.EINVAL, errno.EPERM, errno.EOPNOTSUPP, errno.ENOSPC), name, len(value), error)
        equal(before, attributes(at), name)
        return
    # Hardly any of such bytes means something: a digit perhaps, labels, or nothing at all.
    check(name in ("user.own", "user.tags") or len(value) <= 1, "accepted:", name, value)
    if name == "user.own":
        equal(value, os.getxattr(at, name))
    os.path.exists(at) and name in os.listxattr(at) and os.removexattr(at, name)


put("file", b"value")
os.mkdir("dir")
for at in "file", "dir":
    fills_up(at)
tiny_ones("file")
own = ["user." + name for name in ("ttl", "idle", "tags", "expires", "version", "hits", "limit.bytes", "limit.items", "policy",
                                   "limit.more", "own")]
random.seed(4711)
for length in *range(0, 301, 12 if os.environ["sanitized"] else 5), MOST // 2, MOST - 100, MOST:
    for name in own:
        for at in "file", "dir":
            any_bytes(at, name, random.randbytes(length))
equal(b"value", get("file"))
END
