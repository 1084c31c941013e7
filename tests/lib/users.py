# SPDX-License-Identifier: MIT
"""What several users may do, compared with what they may do on another file system.

    users.py REFERENCE MOUNT [STRIDE]

Both are empty directories of root's that everybody may enter: REFERENCE on a file system of the kernel's own, MOUNT a
larder mounted with allow_other. For each of some users, operations, modes and owners the same small tree is made in
both, the user does the operation, and how that ends and what there is afterwards must be the same. Only every
STRIDE-th case is tried (default 1: all of them).

The users are numbers, which need no names: who owns the files, two who are in their group, one of these by a
supplementary group only, a stranger, and root.
"""
import errno
import os
import stat
import sys

OWNER, GROUP = 61001, 62001
STRANGER = (61004, 62004)
ACTORS = {
    "owner": (OWNER, GROUP, []),
    "owner outside the group": (OWNER, 62009, []),
    "group": (61002, GROUP, []),
    "supplementary group": (61003, 62009, [62008, GROUP]),
    "stranger": (*STRANGER, []),
    "root": (0, 0, []),
}


# --- operations: on DIR, where f, g, l -> f, d and d/x are, and AWAY, where anybody may write -----------------------

def opened(flags, data=b""):
    def operation(place, away):
        fd = os.open(place + "/f", flags)
        try:
            if flags & os.O_ACCMODE != os.O_WRONLY:
                os.read(fd, 10)
            if data:
                os.write(fd, data)
        finally:
            os.close(fd)
    return operation


def made(flags, mode=0o666):
    def operation(place, away):
        os.close(os.open(place + "/new", flags | os.O_CREAT | os.O_WRONLY, mode))
    return operation


def written(place, away):
    fd = os.open(place + "/f", os.O_WRONLY)
    os.write(fd, b"longer than before")
    os.ftruncate(fd, 7)
    os.close(fd)


def in_directory(place, away):
    os.mkdir(place + "/new")
    os.close(os.open(place + "/new/file", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o640))
    os.mkdir(place + "/new/dir", 0o750)
    os.symlink("x", place + "/new/link")


def on(call, *args, of="/f", **how):
    return lambda place, away: call(place + of, *args, **how)


def asked(mode, of="/f"):
    def operation(place, away):
        if not os.access(place + of, mode):
            raise PermissionError(errno.EACCES, "access")
    return operation


def moved(old, new, call=os.rename):
    def operation(place, away):
        call(old.format(dir=place, away=away), new.format(dir=place, away=away))
    return operation


def listed(place, away):
    with os.scandir(place) as found:
        for entry in found:
            entry.name


FILE_OPERATIONS = {
    "read": opened(os.O_RDONLY),
    "write": opened(os.O_WRONLY, b"12"),
    "read and write": opened(os.O_RDWR, b"12"),
    "replace": opened(os.O_WRONLY | os.O_TRUNC, b"12"),
    "empty": opened(os.O_WRONLY | os.O_TRUNC),
    "empty when reading": opened(os.O_RDONLY | os.O_TRUNC),
    "append": opened(os.O_WRONLY | os.O_APPEND, b"12"),
    "without access time": opened(os.O_RDONLY | os.O_NOATIME),
    "create what is there": opened(os.O_WRONLY | os.O_CREAT, b"1"),
    "write and cut": written,
    "truncate": on(os.truncate, 2),
    "chmod 600": on(os.chmod, 0o600),
    "chmod 6777": on(os.chmod, 0o6777),
    "chown to owner": on(os.chown, OWNER, -1),
    "chown to stranger": on(os.chown, STRANGER[0], -1),
    "chgrp to group": on(os.chown, -1, GROUP),
    "chgrp to stranger's": on(os.chown, -1, STRANGER[1]),
    "chown to nobody": on(os.chown, -1, -1),
    "utime now": on(os.utime),
    "utime then": on(os.utime, (1, 1)),
    "access R": asked(os.R_OK),
    "access W": asked(os.W_OK),
    "access X": asked(os.X_OK),
    "setxattr": on(os.setxattr, "user.x", b"1"),
    "setxattr create": on(os.setxattr, "user.x", b"1", os.XATTR_CREATE),
    "getxattr": on(os.getxattr, "user.kept"),
    "getxattr of none": on(os.getxattr, "user.none"),
    "listxattr": on(os.listxattr),
    "removexattr": on(os.removexattr, "user.kept"),
    "stat": on(os.stat),
}
DIR_OPERATIONS = {
    "list": listed,
    "stat in it": on(os.stat),
    "stat of nothing": on(os.stat, of="/none"),
    "create": made(0),
    "create alone": made(os.O_EXCL),
    "create suid": made(os.O_EXCL, 0o6755),
    "create sgid": made(os.O_EXCL, 0o2755),
    "mkdir": on(os.mkdir, of="/new"),
    "mkdir there": on(os.mkdir, of="/d"),
    "mkdir suid": on(os.mkdir, 0o7777, of="/new"),
    "make a tree": in_directory,
    "symlink": lambda place, away: os.symlink("f", place + "/new"),
    "readlink": on(os.readlink, of="/l"),
    "unlink": on(os.unlink),
    "unlink a link": on(os.unlink, of="/l"),
    "unlink nothing": on(os.unlink, of="/none"),
    "unlink a directory": on(os.unlink, of="/d"),
    "rmdir": on(os.rmdir, of="/e"),
    "rmdir full": on(os.rmdir, of="/d"),
    "rename": moved("{dir}/f", "{dir}/new"),
    "rename over": moved("{dir}/f", "{dir}/g"),
    "rename over the other": moved("{dir}/g", "{dir}/f"),
    "rename nothing": moved("{dir}/none", "{dir}/new"),
    "rename out": moved("{dir}/f", "{away}/new"),
    "rename in": moved("{away}/own", "{dir}/new"),
    "rename in over": moved("{away}/own", "{dir}/f"),
    "rename a directory": moved("{dir}/e", "{dir}/new"),
    "rename a directory out": moved("{dir}/e", "{away}/new"),
    "rename a directory in": moved("{away}/tree", "{dir}/new"),
    "read": opened(os.O_RDONLY),
    "replace": opened(os.O_WRONLY | os.O_TRUNC, b"12"),
    "chmod the directory": on(os.chmod, 0o2775, of=""),
    "chgrp the directory": on(os.chown, -1, STRANGER[1], of=""),
    "utime the directory": on(os.utime, of=""),
    "setxattr on it": on(os.setxattr, "user.x", b"1", of=""),
    "getxattr of it": on(os.getxattr, "user.none", of=""),
    "access W": asked(os.W_OK, of=""),
    "access X": asked(os.X_OK, of=""),
}


# --- cases ----------------------------------------------------------------------------------------------------------

def cases():
    """(operation's name, operation, mode of the directory above, of the directory, of the file, file's owner)"""
    for mode in (0o000, 0o400, 0o200, 0o600, 0o040, 0o020, 0o640, 0o604, 0o602, 0o066, 0o644, 0o666, 0o777, 0o111,
                 0o4755, 0o2755, 0o6777, 0o2664):
        for name, operation in FILE_OPERATIONS.items():
            yield name, operation, 0o755, 0o755, mode, OWNER
    for mode in (0o000, 0o700, 0o500, 0o300, 0o070, 0o750, 0o755, 0o711, 0o733, 0o775, 0o777, 0o1777, 0o1775, 0o2775,
                 0o2777, 0o3777):
        for owner in (OWNER, STRANGER[0]):
            for name, operation in DIR_OPERATIONS.items():
                yield name, operation, 0o755, mode, 0o664, owner
    for mode in (0o000, 0o700, 0o711, 0o750, 0o755, 0o744, 0o100):
        for operations in (FILE_OPERATIONS, DIR_OPERATIONS):
            for name, operation in operations.items():
                yield name, operation, mode, 0o777, 0o666, OWNER


def make_file(path, mode, uid, gid, text=b"text"):
    fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    os.write(fd, text)
    os.close(fd)
    os.chown(path, uid, gid)
    os.chmod(path, mode)


def make_dir(path, mode, uid, gid):
    os.mkdir(path)
    os.chown(path, uid, gid)
    os.chmod(path, mode)


def make_case(top, case, actor):
    _, _, above, mode, file_mode, owner = case
    make_dir(top, 0o755, 0, 0)
    place, away = top + "/up/in", top + "/away"
    make_dir(top + "/up", 0o755, OWNER, GROUP)
    make_dir(place, 0o755, OWNER, GROUP)
    make_file(place + "/f", file_mode, owner, GROUP)
    os.setxattr(place + "/f", "user.kept", b"kept")
    make_file(place + "/g", 0o666, 0, 0)
    os.symlink("f", place + "/l")
    os.chown(place + "/l", owner, GROUP, follow_symlinks=False)
    make_dir(place + "/d", 0o755, owner, GROUP)
    make_file(place + "/d/x", 0o644, owner, GROUP)
    make_dir(place + "/e", 0o755, owner, GROUP)
    make_dir(away, 0o777, 0, 0)
    make_file(away + "/own", 0o644, actor[0], actor[1])
    make_dir(away + "/tree", 0o755, actor[0], actor[1])
    os.chmod(place, mode)
    os.chmod(top + "/up", above)


def attempt(operation, top):
    try:
        operation(top + "/up/in", top + "/away")
        return "done"
    except OSError as error:
        return errno.errorcode[error.errno]


def as_user(actor, work):
    """Runs work() as that user in a process of its own, and returns the lines it gives."""
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reads)
        os.setgroups(actor[2])
        os.setresgid(actor[1], actor[1], actor[1])
        os.setresuid(actor[0], actor[0], actor[0])
        os.umask(0o022)
        with os.fdopen(writes, "w") as out:
            for line in work():
                out.write(line + "\n")
        os._exit(0)
    os.close(writes)
    with os.fdopen(reads) as lines:
        result = lines.read().splitlines()
    os.waitpid(child, 0)
    return result


def state(top):
    """All that there is: kinds, modes, owners, sizes of files, attributes."""
    found = []
    for path, dirs, names in os.walk(top):
        for name in sorted(dirs) + sorted(names):
            whole = path + "/" + name
            is_ = os.lstat(whole)
            size = is_.st_size if stat.S_ISREG(is_.st_mode) else 0
            link = stat.S_ISLNK(is_.st_mode)
            names_ = [] if link else sorted(x for x in os.listxattr(whole) if x.startswith("user."))
            found.append(f"{whole[len(top):]} {is_.st_mode:o} {is_.st_uid}:{is_.st_gid} {size} {names_}")
    return sorted(found)


def run(top, chosen, actor):
    """The outcome of each case, and what there is after it."""
    os.mkdir(top)
    for n, case in enumerate(chosen):
        make_case(f"{top}/{n}", case, actor)
    outcomes = as_user(actor, lambda: (attempt(case[1], f"{top}/{n}") for n, case in enumerate(chosen)))
    return outcomes, [state(f"{top}/{n}") for n in range(len(chosen))]


def main():
    reference, mount = sys.argv[1:3]
    stride = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    os.umask(0)
    tried = wrong = refused = 0
    for number, (who, actor) in enumerate(ACTORS.items()):
        chosen = list(cases())[number % stride::stride]
        wanted = run(f"{reference}/{number}", chosen, actor)
        got = run(f"{mount}/{number}", chosen, actor)
        assert len(wanted[0]) == len(got[0]) == len(chosen)
        for case, *answers in zip(chosen, wanted[0], got[0], wanted[1], got[1]):
            tried += 1
            refused += answers[0] in ("EACCES", "EPERM")
            if answers[0] == answers[1] and answers[2] == answers[3]:
                continue
            wrong += 1
            if wrong <= 40:
                differ = sorted(set(answers[2]) ^ set(answers[3]))
                print(f"{who}: {case[0]}, modes {case[2]:o}/{case[3]:o}/{case[4]:o} of {case[5]}: "
                      f"{answers[0]} elsewhere, {answers[1]} here; {differ}", file=sys.stderr)
    print(f"{tried} cases, of which {refused} are refused, {wrong} differ")
    sys.exit(1 if wrong or not refused else 0)


if __name__ == "__main__":
    main()
