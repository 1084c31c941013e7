#!/bin/bash
# SPDX-License-Identifier: MIT
# Names of every byte, escape sequences and names that look like .larder's own are kept as they are, and in all texts about
# them neither break a line or a format nor reach a terminal as what would steer it.
. "$(dirname "$0")/../lib/mount.sh"
mount_larder -o size=64M
python3 - <<'END'
from larder_test import *
import json
import subprocess

larder = os.environ["larder"]
names = [bytes([byte]) * size for byte in range(1, 256) if byte not in b"/." for size in (1, 255)]
names += [b"\x1b[31mred", b"\x1b]0;title\x07", b"\xc2\x9b2J", b"\x9b2J", b"a\nset fake 1 2", b'"},{"path":"x', b'a"b\\c', b"-rf",
          b"--help", b".larder.", b" .larder", b"larder\r", b"..\x7f", b"{}", b"%n%s", b"\xe2\x80\xae gnp", b"\xff\xfe",
          b"x,y", b"t\tb", b"\\x1b[31m"]
events = os.open(".larder/events", os.O_RDONLY | os.O_NONBLOCK)


def lines_of_events():
    text = b""
    try:
        while part := os.read(events, 1 << 16):
            text += part
    except BlockingIOError:
        pass
    return text.splitlines()


def clean(text, what):
    """Lines of UTF-8 without a control character."""
    for line in text.decode().split("\n"):
        check(all(char.isprintable() or ord(char) > 0xa0 for char in line), what, "has", repr(line))


told = []
for name in names:
    put(name, b"v")
    for _ in range(3):
        equal(b"v", get(name))
    told += lines_of_events()
equal(set(names), set(os.listdir(b".")))
for line in told:
    clean(line, "events")
equal(set(names), {os.fsencode(json.loads(line)["path"]) for line in told if json.loads(line)["kind"] == "set"}, "events")

# Below directories with limits, whose paths the statistics show.
for name in names[-20:]:
    os.unlink(name)
    os.mkdir(name)
    os.setxattr(name, "user.limit.items", b"100")
    put(name + b"/" + name, b"v")
    get(name + b"/" + name)
for file in "stats", "stats.json", "metrics", "config":
    text = open(".larder/" + file, "rb").read()
    clean(text, file)
    if file == "stats.json":
        json.loads(text)
for command in (["status"], ["stats", mnt], ["stats", "--json", mnt], ["status", "--json"]):
    done = subprocess.run([larder, *command], capture_output=True)
    equal(0, done.returncode, command, done.stderr)
    clean(done.stdout, command)

# .larder itself: only in the root, and only that.
refused((errno.EPERM, errno.EACCES, errno.EEXIST), os.mkdir, ".larder")
refused((errno.EPERM, errno.EACCES, errno.EEXIST, errno.EISDIR), os.rename, names[0], ".larder")
refused((errno.EPERM, errno.EACCES, errno.EBUSY), os.rename, ".larder", "away")
os.mkdir("below")
put("below/.larder", b"a file like others")
equal(b"a file like others", get("below/.larder"))
os.mkdir("below/.larder.d")

# As labels: those that may be one are directories in .larder/tags, byte by byte.
wanted = set()
for name in names[-20:]:
    try:
        os.setxattr("below/.larder", "user.tags", name)
        wanted.add(name)
    except OSError as error:
        equal(errno.EINVAL, error.errno)
        check(any(byte < 0x20 or byte in b"\x7f/," for byte in name), "refused as a label:", name)
        continue
    equal(set(name.split(b",")), set(os.listdir(b".larder/tags")), "labels")
check(wanted, "no label was accepted")
END
# restore and fsck tell of names, too
"$larder" backup "$mnt" "$work/backup.tar" >/dev/null
"$larder" restore "$mnt" "$work/backup.tar" >/dev/null
check "the store is whole" "$larder" fsck "$mnt" >/dev/null
