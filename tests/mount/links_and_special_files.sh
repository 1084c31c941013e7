#!/bin/bash
# SPDX-License-Identifier: MIT
# Symbolic links are entries; hard links, fifos, sockets and devices answer EPERM.
. "$(dirname "$0")/../lib/mount.sh"
mount_larder
python3 - <<'END'
from larder_test import *
import socket

put("file", b"value")
refused(errno.EPERM, os.link, "file", "hard")
refused(errno.EPERM, os.mkfifo, "fifo")
refused(errno.EPERM, os.mknod, "socket", stat.S_IFSOCK | 0o600)
with socket.socket(socket.AF_UNIX) as listener:
    refused(errno.EPERM, listener.bind, "socket")
if os.geteuid() == 0:
    refused(errno.EPERM, os.mknod, "char", stat.S_IFCHR | 0o600, os.makedev(1, 3))
    refused(errno.EPERM, os.mknod, "block", stat.S_IFBLK | 0o600, os.makedev(7, 0))
equal(["file"], os.listdir("."), "what refused calls left")
os.mknod("regular", stat.S_IFREG | 0o600)  # by the other name of create
equal(b"", get("regular"))

os.mkdir("dir")
os.symlink("../file", "dir/link")
equal("../file", os.readlink("dir/link"))
equal(b"value", get("dir/link"))
check(stat.S_ISLNK(os.lstat("dir/link").st_mode))
equal(len("../file"), os.lstat("dir/link").st_size, "a link's size")
equal(os.stat("file").st_ino, os.stat("dir/link").st_ino)
refused(errno.EEXIST, os.symlink, "x", "dir/link")
refused(errno.ELOOP, os.open, "dir/link", os.O_RDONLY | os.O_NOFOLLOW)

for target in "nowhere", "/", "x" * 4000, "with\nnewline", "/proc/self/status":
    os.symlink(target, "t")
    equal(target, os.readlink("t"))
    os.unlink("t")
os.symlink("nowhere", "dangling")
refused(errno.ENOENT, os.stat, "dangling")
put("dangling", b"made through the link")
equal(b"made through the link", get("nowhere"))
os.symlink("loop", "loop")
refused(errno.ELOOP, os.stat, "loop")

# A link has times and may be moved; it goes by itself.
os.utime("dangling", ns=(1, 2), follow_symlinks=False)
equal(2, os.lstat("dangling").st_mtime_ns)
os.rename("dangling", "dir/dangling")
os.unlink("dir/dangling")
os.unlink("dir/link")
equal(b"value", get("file"))
os.symlink("dir", "to-dir")
put("to-dir/inside", b"1")
equal(["inside"], os.listdir("dir"))
refused(errno.ENOTDIR, os.rmdir, "to-dir")
END
