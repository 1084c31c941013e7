#!/bin/bash
# SPDX-License-Identifier: MIT
# Any other user.* attribute is kept as it is, at most 64 KiB an entry; security.* and trusted.* answer EOPNOTSUPP.
. "$(dirname "$0")/../lib/mount.sh"
mount_larder
python3 - <<'END'
from larder_test import *

put("f", b"value")
os.mkdir("d")
for path in "f", "d":
    values = {f"user.{i}": os.urandom(i) for i in range(40)}
    values |= {"user." + "n" * 250: b"long name", "user.ü": b"\0binary\0", "user.ttlx": b"not a lifetime", "user.": b""}
    del values["user."]
    for name, value in values.items():
        os.setxattr(path, name, value)
    equal(set(values), set(os.listxattr(path)))
    for name, value in values.items():
        equal(value, os.getxattr(path, name))
    for name in list(values)[::2]:
        os.removexattr(path, name)
        refused(errno.ENODATA, os.getxattr, path, name)
        refused(errno.ENODATA, os.removexattr, path, name)
        del values[name]
    equal(set(values), set(os.listxattr(path)))

    refused(errno.EEXIST, os.setxattr, path, "user.1", b"", os.XATTR_CREATE)
    refused(errno.ENODATA, os.setxattr, path, "user.none", b"", os.XATTR_REPLACE)
    os.setxattr(path, "user.1", b"replaced", os.XATTR_REPLACE)
    os.setxattr(path, "user.new", b"created", os.XATTR_CREATE)
    equal((b"replaced", b"created"), (os.getxattr(path, "user.1"), os.getxattr(path, "user.new")))

    os.setxattr(path, "user.big", b"x" * 40_000)
    equal(b"x" * 40_000, os.getxattr(path, "user.big"))
    refused((errno.ENOSPC, errno.E2BIG), os.setxattr, path, "user.big2", b"x" * 40_000)
    equal(b"x" * 40_000, os.getxattr(path, "user.big"))
    os.removexattr(path, "user.big")
    os.setxattr(path, "user.big2", b"y" * 40_000)

    for name in "trusted.x", "security.x":
        refused(errno.EOPNOTSUPP, os.setxattr, path, name, b"x")
    for name in "trusted.x", "security.x", "security.capability":
        refused((errno.ENODATA, errno.EOPNOTSUPP), os.getxattr, path, name)
    refused(errno.EOPNOTSUPP, os.getxattr, path, "security.selinux") # which ls asks of every file, unless it hears this
    acl = bytes.fromhex("02000000 0100 0600 ffffffff 0400 0400 ffffffff 2000 0400 ffffffff")
    refused(errno.EOPNOTSUPP, os.setxattr, path, "system.posix_acl_access", acl)

# They stay through an overwrite, and by handle they are the same as by name.
put("f", b"new")
equal(b"replaced", os.getxattr("f", "user.1"))
with open_fd("f", os.O_RDONLY) as fd:
    equal(b"replaced", os.getxattr(fd, "user.1"))
END
