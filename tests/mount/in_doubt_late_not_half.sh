#!/bin/bash
# SPDX-License-Identifier: MIT
# Where it cannot be told whether a close is a writer's last, the set appears at the very last one: late perhaps, but
# whole.
. "$(dirname "$0")/../lib/mount.sh"
mount_larder
python3 - <<'END'
import ctypes
from larder_test import *

onlooker = Onlooker()

# Another descriptor of the same file, open to change it, looks like a duplicate of the one that sets it.
for other_process in False, True:
    put("f", b"old value")
    ready, done = os.pipe(), os.pipe()
    pid = os.fork() if other_process else 0
    if pid == 0:
        live = os.open("f", os.O_WRONLY)
        if other_process:
            os.write(ready[1], b".")
            os.read(done[0], 1)
            os._exit(0)
    else:
        os.read(ready[0], 1)
    fd = os.open("f", os.O_WRONLY | os.O_TRUNC)
    os.write(fd, b"first")
    copy = os.dup(fd)
    os.close(fd)
    onlooker.sees("f", b"old value", "beside another writer, a duplicate is closed")
    os.write(copy, b" second")
    onlooker.sees("f", b"old value", "and the other one is written to")
    os.close(copy)
    onlooker.sees("f", b"first second", "all is closed")
    if other_process:
        os.write(done[1], b".")
        os.waitpid(pid, 0)
    else:
        os.close(live)

# A mapping outlives its descriptor, and fills the file afterwards. (mmap.mmap() would keep a duplicate.)
SIZE = 2 * mmap.PAGESIZE
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t] + 3 * [ctypes.c_int] + [ctypes.c_long]
libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
put("f", b"old value")
fd = os.open("f", os.O_RDWR | os.O_TRUNC)
os.ftruncate(fd, SIZE)
address = libc.mmap(None, SIZE, mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_SHARED, fd, 0)
check(address not in (None, ctypes.c_void_p(-1).value), "mmap failed")
os.close(fd)
onlooker.sees("f", b"old value", "mapped and closed")
ctypes.memset(address, ord("x"), SIZE // 2)
onlooker.sees("f", b"old value", "half filled")
ctypes.memset(address, ord("x"), SIZE)
libc.munmap(address, SIZE)
wait_until(10, lambda: get("f") != b"old value")  # no call of the closer waits for that
onlooker.sees("f", b"x" * SIZE, "unmapped")
END
