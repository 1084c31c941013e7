#!/bin/bash
# SPDX-License-Identifier: MIT
# ioctl(2) of any number with any argument, by somebody who may read and write one file and nothing else, changes nothing
# but that file.
. "$(dirname "$0")/../lib/mount.sh"
needs_root
mount_larder -o size=64M,allow_other
chmod 755 "$work"
python3 - <<'END'
from larder_test import *
import random

NOBODY, LARDER = 65534, 0xe6


def numbers():
    """Any, and of larder's own letter each in every direction and in many sizes."""
    each = [random.getrandbits(32) for _ in range(1000)]
    each += [way << 30 | size << 16 | LARDER << 8 | number for way in range(4) for number in range(9)
             for size in (0, 1, 8, 15, 16, 24, 288, 4096, 16383)]
    random.shuffle(each)
    return each


def ask(fd, number):
    filler = random.choice((b"\0", b"\xff", b"a", random.randbytes(64)))
    argument = ctypes.create_string_buffer(filler * (16384 // len(filler)), 32768)
    for where in argument, None, ctypes.c_void_p(1):
        libc.ioctl(fd, ctypes.c_ulong(number), where)


def stranger():
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    fds = [os.open(path, flags) for path, flags in (
        ("everybodys", os.O_RDWR), ("everybodys", os.O_WRONLY | os.O_TRUNC), ("readable", os.O_RDONLY), (".", os.O_RDONLY),
        ("dir", os.O_RDONLY), (".larder", os.O_RDONLY), (".larder/stats", os.O_RDONLY))]
    for number in numbers():
        for fd in fds:
            # the kernel's own, of any file: close on exec, FIONBIO, FIOASYNC, FIFREEZE and the like
            if number >> 8 & 0xff in (ord("T"), ord("X"), ord("f")):
                continue
            ask(fd, number)


import ctypes

random.seed(12)
put("everybodys", b"41")
os.chmod("everybodys", 0o666)
put("readable", b"stays")
os.mkdir("dir")
put("dir/stays", b"stays")
os.chmod("dir", 0o755)
pid = os.fork()
if pid == 0:
    try:
        stranger()
        os._exit(0)
    except BaseException:
        import traceback
        traceback.print_exc()
        os._exit(1)
equal(0, os.waitpid(pid, 0)[1], "the stranger")
equal({"everybodys", "readable", "dir"}, set(os.listdir(".")))
equal(["stays"], os.listdir("dir"))
equal(b"stays", get("readable"))
equal(b"stays", get("dir/stays"))
END
check "the store is whole" "$larder" fsck "$mnt" >/dev/null
