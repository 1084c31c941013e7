#!/bin/bash
# SPDX-License-Identifier: MIT
# user.ttl, user.idle and user.expires: every form they may be set in, what they read back as, and what is refused.
. "$(dirname "$0")/../lib/mount.sh"
mount_larder
python3 - <<'END'
from larder_test import *
from datetime import datetime, timezone

put("f", b"value")
os.mkdir("d")

def text(name, path="f"):
    return os.getxattr(path, "user." + name).decode()

def absent(name, path="f"):
    refused(errno.ENODATA, os.getxattr, path, "user." + name)

def expires():
    return datetime.strptime(text("expires"), "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc).timestamp()

forms = {"90": "90", "90s": "90", "15m": "900", "2h": "7200", "7d": "604800", "1w": "604800", "90000ms": "90",
         "10250ms": "10.25", "1.5h": "5400", "10.001": "10.001", "0": "0", "none": "0"}
for name in "ttl", "idle":
    for path in "f", "d":
        absent(name, path)
        for given, back in forms.items():
            os.setxattr(path, "user." + name, given.encode())
            equal(back, text(name, path), f"user.{name} set to {given}")
            check("user." + name in os.listxattr(path), "listed")
        for wrong in ("", "abc", "-5", "5x", "5 m", " 5", "5m ", "1e3", "0x10", "0.0001", "1ms1", "m", ".", "5,m", "inf", "nan",
                      "2000y", "999999999d", "99999999999999999999", "5\n", "5\0", "1h30m" * 100):
            refused((errno.EINVAL, errno.ERANGE), os.setxattr, path, "user." + name, wrong.encode())
            equal("0", text(name, path), "what was there, after", repr(wrong))
        os.removexattr(path, "user." + name)
        absent(name, path)
        check("user." + name not in os.listxattr(path), "listed")
        refused(errno.ENODATA, os.removexattr, path, "user." + name)

# The clock starts when the lifetime is set, and anew with each value and with touch; chmod leaves it alone.
def restarts(restart, call):
    os.setxattr("f", "user.ttl", b"100s")
    first = expires()
    check(abs(first - time.time() - 100) < 5, "the deadline of 100 s is", first - time.time(), "s away")
    time.sleep(0.02)
    call()
    equal("100", text("ttl"))
    equal(restart, expires() > first, "restarted by", call.__name__)

def overwrite(): put("f", b"new")
def write():
    with open_fd("f", os.O_WRONLY) as fd: os.write(fd, b"x")
def touch(): os.utime("f")
def set_again(): os.setxattr("f", "user.ttl", b"100s")
def rename_over():
    os.rename("f", "g")
    os.rename("g", "f")
def chmod(): os.chmod("f", 0o600)
def read(): get("f")
def tag(): os.setxattr("f", "user.tags", b"x")
for call in overwrite, write, touch, set_again:
    restarts(True, call)
for call in rename_over, chmod, read, tag:
    restarts(False, call)

# The deadline itself.
os.removexattr("f", "user.ttl")
absent("expires")
for given, back in {"2096-01-02T03:04:05Z": "2096-01-02T03:04:05.000Z",
                    "2096-01-02T03:04:05.678Z": "2096-01-02T03:04:05.678Z",
                    "2096-01-02T03:04:05.678999Z": "2096-01-02T03:04:05.678Z",
                    "2096-01-02T03:04:05+02:00": "2096-01-02T01:04:05.000Z"}.items():
    os.setxattr("f", "user.expires", given.encode())
    equal(back, text("expires"))
check("user.expires" not in os.listxattr("f"), "listed")
for wrong in "", "tomorrow", "2096-01-02", "2096-13-02T03:04:05Z", "2096-01-32T03:04:05Z", "2096-01-02T25:04:05Z", "2096-01-02T03:04:05":
    refused(errno.EINVAL, os.setxattr, "f", "user.expires", wrong.encode())
equal("2096-01-02T01:04:05.000Z", text("expires"))
absent("expires", "d")
refused(errno.EINVAL, os.setxattr, "d", "user.expires", b"2096-01-02T03:04:05Z")
os.setxattr("f", "user.expires", b"2001-01-01T00:00:00Z")
refused(errno.ENOENT, os.stat, "f")
equal(None, get("f"), "with a deadline in the past")
check("f" not in os.listdir("."))
END
