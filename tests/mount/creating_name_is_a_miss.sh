#!/bin/bash
# SPDX-License-Identifier: MIT
# A name that is being created is a miss for readers and in no listing until it is published, but there for operations
# on the path, so that tools which prepare a file before they close it work.
. "$(dirname "$0")/../lib/mount.sh"
mount_larder
python3 - <<'END'
from larder_test import *

def is_a_miss(name):
    refused(errno.ENOENT, os.open, name, os.O_RDONLY)
    equal([], os.listdir("."), "listing")

for flags in os.O_EXCL, os.O_TRUNC, os.O_EXCL | os.O_TRUNC:
    fd = os.open("f", os.O_WRONLY | os.O_CREAT | flags, 0o640)
    is_a_miss("f")
    os.write(fd, b"half a value, ")
    is_a_miss("f")

    check(stat.S_ISREG(os.stat("f").st_mode), "stat")
    equal(0o640, stat.S_IMODE(os.fstat(fd).st_mode), "mode by handle")
    refused(errno.EEXIST, os.open, "f", os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    os.chmod("f", 0o600)
    os.setxattr("f", "user.ttl", b"1h")
    os.setxattr("f", "user.note", b"prepared")
    os.utime("f", ns=(10**18 + 1, 10**18 + 2))
    is_a_miss("f")

    os.write(fd, b"the whole")
    os.close(fd)
    equal(b"half a value, the whole", get("f"))
    equal(["f"], os.listdir("."))
    status = os.stat("f")
    equal(0o600, stat.S_IMODE(status.st_mode), "mode set while it was created")
    equal(b"3600", os.getxattr("f", "user.ttl"), "lifetime set while it was created")
    equal(b"prepared", os.getxattr("f", "user.note"))
    os.unlink("f")

# Unlinked before it was published: it never was, and the writer does not notice.
fd = os.open("f", os.O_WRONLY | os.O_CREAT | os.O_EXCL)
os.write(fd, b"x")
os.unlink("f")
refused(errno.ENOENT, os.stat, "f")
os.write(fd, b"y")
os.close(fd)
equal(None, get("f"), "unlinked while it was created")

# Renamed before its first byte: published under the new name, as mktemp and mv do.
fd = os.open("tmp", os.O_WRONLY | os.O_CREAT | os.O_EXCL)
os.rename("tmp", "f")
equal(["f"], os.listdir("."))
os.write(fd, b"late")
os.close(fd)
equal(b"late", get("f"))
os.unlink("f")

# Created empty and closed is an entry.
os.close(os.open("f", os.O_WRONLY | os.O_CREAT | os.O_TRUNC))
equal(b"", get("f"))
END
