#!/bin/bash
# SPDX-License-Identifier: MIT
# user.tags: what is a tag and what is refused.
. "$(dirname "$0")/../lib/mount.sh"
mount_larder
python3 - <<'END'
from larder_test import *

put("f", b"value")
os.mkdir("d")
for path in "f", "d":
    refused(errno.ENODATA, os.getxattr, path, "user.tags")
    for given, back in {"users": "users", "users,eu": "users,eu", "b,a,c": "b,a,c", "a,b,a": "a,b", "with space,ü": "with space,ü",
                        "x" * 128: "x" * 128, ",".join(map(str, range(64))): ",".join(map(str, range(64)))}.items():
        os.setxattr(path, "user.tags", given.encode())
        equal(back, os.getxattr(path, "user.tags").decode())
        equal(["user.tags"], os.listxattr(path))
    os.setxattr(path, "user.tags", b"kept")
    for wrong in ("a,,b", ",a", "a,", ",", "a/b", "a\nb", "a\tb", "a\x7f", "a\0b", "x" * 129, ",".join(map(str, range(65)))):
        refused(errno.EINVAL, os.setxattr, path, "user.tags", wrong.encode())
        equal(b"kept", os.getxattr(path, "user.tags"), "after", repr(wrong))
    os.removexattr(path, "user.tags")
    refused(errno.ENODATA, os.getxattr, path, "user.tags")
    equal([], os.listxattr(path))

# They stay through an overwrite and a write.
os.setxattr("f", "user.tags", b"kept")
put("f", b"new")
with open_fd("f", os.O_WRONLY) as fd:
    os.write(fd, b"x")
equal(b"kept", os.getxattr("f", "user.tags"))
END
