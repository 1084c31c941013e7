# SPDX-License-Identifier: MIT
"""What several users may do with larder's commands and through .larder, by a table of what each needs.

    users_verbs.py LARDER MOUNT [STRIDE]

Only every STRIDE-th command of the table is tried (default 1).

A command that the modes allow succeeds; one that they forbid fails with a word of permissions, and changes nothing. For what
belongs to the mount as a whole only root, and whoever owns its root directory, which is root here, is allowed. And
whatever a user who may not enter a directory asks for, no name and no value of what is in it is in the answer.
"""
import errno
import fcntl
import os
import struct
import subprocess
import sys

import users

SECRET = "sesame"  # in every name and value that is nobody's business
LARDER, MOUNT = sys.argv[1:3]
STRIDE = int(sys.argv[3]) if len(sys.argv) > 3 else 1

# What a command does, and what that needs: r, w of the file; x: to reach the directory; d: to remove from and add to
# the directory; s: by the sticky bit, to own the file or the directory.
COMMANDS = {
    "get {dir}/f": "xr",
    "set {dir}/f value": "xw",
    "set {dir}/new value": "xd",
    "set {dir}/f value --ttl 1h": "xw",
    "add {dir}/new value": "xd",
    "incr {dir}/n": "xrw",
    "decr {dir}/n 3": "xrw",
    "pop {dir}/f": "xrwds",
    "push {dir} value": "xd",
    "tag {dir}/f +new": "xrw",
    "touch {dir}/f": "xw",
    "evict {dir}/f": "xds",
    "run --key {dir}/new --ttl 1h -- echo made": "xd",
    "run --key {dir}/f --ttl 1h -- echo made": "xr",
}
WHOLE = ["expire {mount}", "evict --tag kept {mount}", "fsck {mount}", "backup {mount} /dev/null",
         "cat {mount}/.larder/events", "ls {mount}/.larder/tags", "ls {mount}/.larder/tags/kept",
         "rmdir {mount}/.larder/tags/kept", "cat {mount}/.larder/backup", "cat {mount}/.larder/fsck",
         "setfattr -n user.policy -v lru {mount}", "setfattr -n user.limit.items -v 3 {mount}/closed",
         "setfattr -x user.limit.items {mount}/closed"]
FOR_ALL = ["stats {mount}", "stats --json {mount}", "status {mount}", "status --json {mount}",
           "cat {mount}/.larder/stats", "cat {mount}/.larder/stats.json", "cat {mount}/.larder/metrics",
           "cat {mount}/.larder/config", "ls -la {mount}/.larder", "df {mount}", "ls -la {mount}", "getfattr -d {mount}"]
NOTHING_IN_CLOSED = ["ls {mount}/closed", "cat {mount}/closed/sesame", "stat {mount}/closed/sesame",
                     "stat {mount}/closed/none", "getfattr -n user.hits {mount}/closed/sesame",
                     "info {mount}/closed/sesame", "get {mount}/closed/sesame", "set {mount}/closed/sesame x",
                     "clear {mount}/closed", "evict --prefix {mount}/closed", "tag {mount}/closed/sesame"]
SCENARIOS = [(0o755, 0o600), (0o755, 0o644), (0o755, 0o666), (0o777, 0o666), (0o777, 0o644), (0o1777, 0o666),
             (0o700, 0o666), (0o775, 0o664), (0o770, 0o660)]


def allowed(needs, actor, dir_mode, file_mode):
    uid, gid, groups = actor
    if uid == 0:
        return True
    shift = 6 if uid == users.OWNER else 3 if users.GROUP in [gid, *groups] else 0
    directory, file = dir_mode >> shift & 7, file_mode >> shift & 7
    sticky = dir_mode & 0o1000 and uid != users.OWNER
    return all({"x": directory & 1, "d": directory & 3 == 3, "r": file & 4, "w": file & 2, "s": not sticky}[need]
               for need in needs)


def run(command, actor):
    words = command.split(" ")
    if words[0] not in ("cat", "ls", "rmdir", "df", "stat", "setfattr", "getfattr"):
        words.insert(0, LARDER)
    done = subprocess.run(words, user=actor[0], group=actor[1], extra_groups=actor[2], capture_output=True, timeout=20,
                          stdin=subprocess.DEVNULL, text=True, errors="replace")
    return done.returncode, done.stdout + done.stderr


def contents(place):
    found = users.state(place)
    for name in sorted(os.listdir(place)):
        with open(f"{place}/{name}") as file:
            found.append((name, file.read(), os.getxattr(file.fileno(), "user.tags")))
    return found


def fail(*what):
    print(*what, file=sys.stderr)
    fail.count += 1


fail.count = 0


def try_commands():
    cases = tried = refused = 0
    for who, actor in users.ACTORS.items():
        for dir_mode, file_mode in SCENARIOS:
            for command, needs in COMMANDS.items():
                cases += 1
                if cases % STRIDE:
                    continue
                tried += 1
                place = f"{MOUNT}/{tried}"
                users.make_dir(place, 0o755, users.OWNER, users.GROUP)
                users.make_file(place + "/f", file_mode, users.OWNER, users.GROUP)
                users.make_file(place + "/n", file_mode, users.OWNER, users.GROUP, b"5")
                for name in "fn":
                    os.setxattr(f"{place}/{name}", "user.tags", b"kept")
                os.chmod(place, dir_mode)
                before = contents(place)
                code, said = run(command.format(dir=place), actor)
                may = allowed(needs, actor, dir_mode, file_mode)
                case = f"{who}: {command}, {dir_mode:o}/{file_mode:o}: {code} {said!r}"
                if may and code != 0:
                    fail("is allowed:", case)
                elif not may and (code == 0 or "ermi" not in said):
                    fail("is not allowed:", case)
                elif not may and contents(place) != before:
                    fail("was refused, and did it:", case, before, contents(place))
                refused += not may
    return tried, refused


def try_whole():
    users.make_dir(MOUNT + "/closed", 0o700, users.OWNER, users.GROUP)
    users.make_file(f"{MOUNT}/closed/{SECRET}", 0o644, users.OWNER, users.GROUP, SECRET.encode())
    os.setxattr(f"{MOUNT}/closed/{SECRET}", "user.tags", f"kept,tag-{SECRET}".encode())
    users.make_dir(f"{MOUNT}/closed/below-{SECRET}", 0o755, users.OWNER, users.GROUP)
    os.setxattr(f"{MOUNT}/closed/below-{SECRET}", "user.limit.items", b"100")
    for _ in range(300):  # hot
        with open(f"{MOUNT}/closed/{SECRET}") as file:
            file.read()
    before = contents_of_closed()
    for who, actor in users.ACTORS.items():
        if actor[0] == 0:
            continue
        for command in WHOLE:
            code, said = run(command.format(mount=MOUNT), actor)
            if code == 0:
                fail("is not allowed:", who, command, said)
            if SECRET in said:
                fail("is told:", who, command, said)
        for command in FOR_ALL:
            code, said = run(command.format(mount=MOUNT), actor)
            if code != 0:
                fail("is allowed:", who, command, code, said)
            if SECRET in said:
                fail("is told:", who, command, said)
        if actor[0] == users.OWNER:
            continue
        for command in NOTHING_IN_CLOSED:
            code, said = run(command.format(mount=MOUNT), actor)
            if code == 0 or "ermi" not in said:
                fail("should not know:", who, command, code, said)
    if contents_of_closed() != before:
        fail("has changed:", before, contents_of_closed())


def contents_of_closed():
    with open(f"{MOUNT}/closed/{SECRET}") as file:
        return users.state(MOUNT + "/closed"), file.read(), os.getxattr(file.fileno(), "user.tags")


def ioctl(path, flags, command, argument):
    fd = os.open(path, flags)
    try:
        fcntl.ioctl(fd, command, argument)
    finally:
        os.close(fd)


def try_ioctls():
    """By their numbers; what a descriptor may not do is EBADF, what its user may not do EACCES or EPERM."""
    def number(direction, nr, size):
        return direction << 30 | size << 16 | 0xe6 << 8 | nr
    add = number(3, 2, 16), bytearray(struct.pack("qq", 1, 0))
    clear = number(3, 4, 8 * 3 + 8 + 256), bytearray(8 * 3 + 8 + 256)
    place = MOUNT + "/ioctl"
    users.make_dir(place, 0o755, users.OWNER, users.GROUP)
    users.make_file(place + "/n", 0o666, users.OWNER, users.GROUP, b"5")
    cases = [
        ("abandon", place + "/n", os.O_RDONLY, (number(0, 1, 0), 0), errno.EBADF),
        ("add", place + "/n", os.O_RDONLY, add, errno.EBADF),
        ("add", place + "/n", os.O_WRONLY, add, errno.EBADF),
        ("take", place + "/n", os.O_RDONLY, (number(0, 3, 0), 0), errno.EBADF),
        ("take", place + "/n", os.O_RDWR, (number(0, 3, 0), 0), errno.EACCES),
        ("replace", place + "/n", os.O_RDONLY, (number(1, 7, 16), bytes(16)), errno.EBADF),
        ("clear", place, os.O_RDONLY, clear, errno.EACCES),
        ("expire", MOUNT, os.O_RDONLY, (number(3, 5, 16), bytearray(16)), errno.EPERM),
    ]

    def attempts():
        for name, path, flags, (command, argument), wanted in cases:
            try:
                ioctl(path, flags, command, argument)
                yield f"{name} flags {flags} succeeded"
            except OSError as error:
                if error.errno != wanted:
                    yield f"{name} flags {flags}: {error}"
        yield "ended"
    said = users.as_user(users.ACTORS["stranger"], attempts)
    if said != ["ended"]:
        fail("ioctl:", said)
    with open(place + "/n") as file:
        if file.read() != "5":
            fail("ioctl: the number has changed")


os.umask(0)
count, not_allowed = try_commands()
try_ioctls()
try_whole()
print(f"{count} commands, of which {not_allowed} are refused; {fail.count} failures")
sys.exit(1 if fail.count or not not_allowed else 0)
