#!/bin/bash
# SPDX-License-Identifier: MIT
# A set is all or nothing: what a truncating open writes is there at the last close, at once, and until then the old
# value is; who has the old value open reads it to its end.
. "$(dirname "$0")/../lib/mount.sh"
mount_larder
python3 - <<'END'
from larder_test import *

old, new = b"old" * 50_000, b"new value" * 70_000
for size_old, size_new in ((10, 20), (20, 10), (10, 400_000), (140_000, 10), (140_000, 600_000), (10, 0), (0, 10)):
    put("f", old[:size_old])
    reader = os.open("f", os.O_RDONLY)
    equal(old[:5], os.read(reader, 5), "before") if size_old else None

    writer = os.open("f", os.O_WRONLY | os.O_TRUNC)
    equal(old[:size_old], get("f"), "a truncating open alone changes nothing")
    for at in range(0, size_new, 100_000):
        os.write(writer, new[at:min(at + 100_000, size_new)])
        equal(old[:size_old], get("f"), "while it is written")
        # The writer's own process may prepare what it writes by name; everybody else sees what is published.
        processes(1, lambda _: equal(size_old, os.stat("f").st_size, "size while it is written"))
    other = os.dup(writer)
    os.close(other)
    os.close(writer)

    equal(new[:size_new], get("f"), "after the close")
    equal(size_new, os.stat("f").st_size, "size after the close")
    equal(old[:size_old], os.pread(reader, 1_000_000, 0), "the handle opened before")
    os.close(reader)

# The number of the file stays, as programs that watch a file expect.
put("f", b"1")
ino = os.stat("f").st_ino
put("f", b"22")
equal(ino, os.stat("f").st_ino, "st_ino through an overwrite")

# Whoever else comes by its path first, and not to read, sees the old one, too; the writer and its children their own.
put("stat", b"old value")
equal(9, os.stat("stat").st_size)
wait_until(5, lambda: stats()["handles"] == 0) # so that the writer takes over the inode that the path leads to
fd = os.open("stat", os.O_WRONLY | os.O_TRUNC)
os.write(fd, b"new")
equal(3, os.fstat(fd).st_size, "the writer's own")
pid = os.fork()
if pid == 0:
    equal(3, os.fstat(fd).st_size, "a child's, by the descriptor it inherited")
    os._exit(0)
equal(0, os.waitpid(pid, 0)[1])
equal("9", os.popen("stat -c %s stat").read().strip(), "a stranger's")
os.close(fd)
equal("3", os.popen("stat -c %s stat").read().strip(), "a stranger's, after the close")

# The last of two writers wins whole, whatever their order before.
one, two = (os.open("f", os.O_WRONLY | os.O_TRUNC) for _ in range(2))
os.write(one, b"one" * 1000)
os.write(two, b"two")
os.close(two)
equal(b"two", get("f"))
os.write(one, b"!")
os.close(one)
equal(b"one" * 1000 + b"!", get("f"))

# fsync publishes what is there so far; so does a rename of the name.
fd = os.open("f", os.O_WRONLY | os.O_TRUNC)
os.write(fd, b"so far")
os.fsync(fd)
equal(b"so far", get("f"), "after fsync")
os.write(fd, b", so good")
os.close(fd)
equal(b"so far, so good", get("f"), "after the close")

fd = os.open("new", os.O_WRONLY | os.O_CREAT | os.O_EXCL)
os.write(fd, b"renamed")
os.rename("new", "f")
equal(b"renamed", get("f"), "after the rename")
os.write(fd, b" while open")
os.close(fd)
equal(b"renamed while open", get("f"), "after the close")
END
