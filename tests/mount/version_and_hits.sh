#!/bin/bash
# SPDX-License-Identifier: MIT
# user.version changes with every publish, user.hits counts reads; neither is listed or can be set.
. "$(dirname "$0")/../lib/mount.sh"
mount_larder
python3 - <<'END'
from larder_test import *

def number(name):
    return int(os.getxattr("f", "user." + name))

put("f", b"one")
seen = [number("version")]
def overwrite(): put("f", b"two")
def write():
    with open_fd("f", os.O_WRONLY) as fd: os.write(fd, b"x")
def truncate(): os.truncate("f", 1)
def rename_over():
    put("g", b"three")
    os.rename("g", "f")
for call in overwrite, write, truncate, rename_over:
    call()
    check(number("version") not in seen, "unchanged by", call.__name__)
    seen.append(number("version"))
os.chmod("f", 0o600)
os.stat("f")
get("f")
equal(seen[-1], number("version"), "changed by reading")

put("f", b"value")
hits, total = number("hits"), stats()["hits"]
for n in range(1, 6):
    equal(b"value", get("f"))
    equal(hits + n, number("hits"), "hits")
os.stat("f")
os.listdir(".")
refused(errno.ENOENT, os.stat, "nothing")
equal(hits + 5, number("hits"), "hits, after stat and ls")
check(stats()["hits"] >= total + 5, "hits of the whole")

equal([], os.listxattr("f"))
for name in "version", "hits":
    refused((errno.EPERM, errno.EACCES, errno.EOPNOTSUPP, errno.EINVAL), os.setxattr, "f", "user." + name, b"1")
    refused((errno.EPERM, errno.EACCES, errno.EOPNOTSUPP, errno.EINVAL), os.removexattr, "f", "user." + name)
equal(hits + 5, number("hits"))
END
