#!/bin/bash
# SPDX-License-Identifier: MIT
# rename replaces atomically and carries the entry's lifetime and tags with it; RENAME_NOREPLACE and RENAME_EXCHANGE work.
. "$(dirname "$0")/../lib/mount.sh"
mount_larder
python3 - <<'END'
from larder_test import *

def mark(name, value):
    put(name, value)
    os.setxattr(name, "user.ttl", b"1h")
    os.setxattr(name, "user.tags", value)
    os.setxattr(name, "user.own", value)

def is_marked(name, value):
    equal(value, get(name))
    equal(b"3600", os.getxattr(name, "user.ttl"), name)
    equal(value, os.getxattr(name, "user.tags"), name)
    equal(value, os.getxattr(name, "user.own"), name)

# Over nothing, over a file with other attributes, to another directory.
mark("a", b"one")
os.rename("a", "b")
equal(None, get("a"))
is_marked("b", b"one")
put("c", b"replaced")
os.setxattr("c", "user.ttl", b"1d")
os.setxattr("c", "user.tags", b"gone")
os.setxattr("c", "user.other", b"gone")
with open_fd("c", os.O_RDONLY) as fd:
    os.rename("b", "c")
    is_marked("c", b"one")
    refused(errno.ENODATA, os.getxattr, "c", "user.other")
    equal(b"replaced", os.pread(fd, 100, 0), "a handle of what was replaced")
os.makedirs("x/y")
ino = os.stat("c").st_ino
os.rename("c", "x/y/c")
is_marked("x/y/c", b"one")
equal(ino, os.stat("x/y/c").st_ino)
os.rename("x/y/c", "c")

# A file over itself, under one name.
os.rename("c", "c")
is_marked("c", b"one")

# NOREPLACE
mark("d", b"two")
refused(errno.EEXIST, rename2, "c", "d", NOREPLACE)
is_marked("c", b"one")
is_marked("d", b"two")
rename2("c", "e", NOREPLACE)
is_marked("e", b"one")
equal(None, get("c"))

# EXCHANGE: files, a file and a directory, a link
rename2("e", "d", EXCHANGE)
is_marked("d", b"one")
is_marked("e", b"two")
rename2("e", "x", EXCHANGE)
is_marked("x", b"two")
equal(["y"], os.listdir("e"))
os.symlink("target", "link")
rename2("link", "d", EXCHANGE)
equal("target", os.readlink("d"))
is_marked("link", b"one")
refused(errno.ENOENT, rename2, "d", "nothing", EXCHANGE)
refused(errno.EINVAL, rename2, "d", "link", EXCHANGE | NOREPLACE)

# What may not replace what.
put("file", b"")
os.mkdir("empty")
refused(errno.EISDIR, os.rename, "file", "empty")
refused(errno.ENOTDIR, os.rename, "empty", "file")
refused(errno.ENOTEMPTY, os.rename, "empty", "e")
refused(errno.EINVAL, os.rename, "e", "e/y/e")
refused(errno.ENOENT, os.rename, "nothing", "file")
os.rename("empty", "e/y")

# Nobody ever finds the name missing while it is replaced over and over.
put("hot", b"0" * 100)
def replace(i):
    for n in range(400):
        if i == 0:
            put("hot.new", b"%d" % (n % 10) * 100)
            os.rename("hot.new", "hot")
        else:
            value = get("hot")
            check(value is not None, "a miss while it is replaced")
            equal(value[:1] * 100, value, "whole")
processes(3, replace)
END
