#!/bin/bash
# SPDX-License-Identifier: MIT
# A name is any bytes but / and NUL, up to 255 of them; longer ones answer ENAMETOOLONG.
. "$(dirname "$0")/../lib/mount.sh"
mount_larder
python3 - <<'END'
from larder_test import *

names = {bytes([i]) * n for i in range(1, 256) if i not in b"./" for n in (1, 3)}
names |= {b"x" * 255, b"\xff" * 255, "ü".encode() * 127, b"...", b".hidden", b"-rf", b" ", b"a b\nc\td", b"*?[", b"\\", b"%s",
          b"\xc3", b"\xc3(", b"name ", b".larder.", b"larder", b"Upper", b"upper", b".l"}
for name in names:
    put(name, name)
equal(names, set(os.listdir(b".")), "listed")
for name in names:
    equal(name, get(name))

os.mkdir("dir")
for name in names:
    os.mkdir(b"dir/" + name)
    os.rename(name, b"dir/" + name + b"/" + name)
equal(names, set(os.listdir(b"dir")))
for name in names:
    equal(name, get(b"dir/" + name + b"/" + name))
    os.unlink(b"dir/" + name + b"/" + name)
    os.rmdir(b"dir/" + name)
equal([], os.listdir("dir"))

long = "x" * 256
put("file", b"")
for call in (lambda: put(long, b""), lambda: get(long), lambda: os.stat(long), lambda: os.mkdir(long),
             lambda: os.symlink("t", long), lambda: os.rename("file", long), lambda: os.rename(long, "file"),
             lambda: os.unlink(long), lambda: os.rmdir(long), lambda: os.stat(long + "/f")):
    refused(errno.ENAMETOOLONG, call)
equal(255, os.statvfs(".").f_namemax)
equal({"dir", "file"}, set(os.listdir(".")))
END
