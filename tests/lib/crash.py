# SPDX-License-Identifier: MIT
"""A mixed workload that says what it was told, and a check of what is there after the daemon was killed.

    crash.py work NUMBER    works in the directory NUMBER of the mount until that is gone
    crash.py check          compares all of them with what the workers noted

Each worker has a directory for itself and is the only one who changes anything in it, so that what must be there follows
from its notes alone: before each operation it notes what it is about to do, and afterwards that it was done. What was
under way when the daemon died was done wholly, or not at all; so there are two states that may be found, and the one
that is found is where the next round begins. A note is a line of JSON in a file beside the mount, which survives.
"""
import collections
import json
import random

from larder_test import *

PATTERN = bytes(range(251)) * 4
# EINTR, over io_uring: the daemon died as its pages were to be filled
GONE = (errno.ENOTCONN, errno.ECONNABORTED, errno.ECANCELED, errno.EINTR, errno.EIO, errno.ENODEV)


def value_of(seed, size):
    """Says of itself which it is, to its last byte."""
    head = f"{seed} {size} ".encode()[:size]
    at = seed % 251
    body = (PATTERN[at:at + 251] * ((size - len(head)) // 251 + 1))[:size - len(head)]
    return head + body


class State:
    """What is below one worker's directory. A file is [[seed, size], ..., pieces joined], tags, and when it ends: no
    sooner and no later than these two, or never."""

    def __init__(self, files=None, dirs=None):
        self.files = files or {}
        self.dirs = dirs or []

    def copy(self):
        return State({path: dict(file) for path, file in self.files.items()}, list(self.dirs))

    def apply(self, op):
        """What is there once it was done."""
        kind, path = op["op"], op.get("path")
        if kind == "set":
            self.files[path] = {"pieces": [op["value"]], "tags": op["tags"], "ends": op.get("ends")}
        elif kind == "append":
            self.files[path]["pieces"] = self.files[path]["pieces"] + [op["value"]]
        elif kind == "remove":
            del self.files[path]
        elif kind == "rename":
            self.files[op["to"]] = self.files.pop(path)
        elif kind == "mkdir":
            self.dirs.append(path)
        elif kind == "rmdir":
            self.dirs.remove(path)
        elif kind == "move":
            self.files = {self.moved(name, path, op["to"]): file for name, file in self.files.items()}
            self.dirs = [self.moved(name, path, op["to"]) for name in self.dirs]
        elif kind == "invalidate":
            self.files = {name: file for name, file in self.files.items() if op["tag"] not in file["tags"]}
        return self

    @staticmethod
    def moved(name, path, to):
        return to + name[len(path):] if name == path or name.startswith(path + "/") else name

    def forget_ended(self):
        now = time.time()
        self.files = {path: file for path, file in self.files.items() if not file["ends"] or file["ends"][0] > now}


# --- working ------------------------------------------------------------------------------------------------------------

class Worker:
    def __init__(self, number):
        self.number = number
        self.random = random.Random()
        self.root = f"w{number}"
        self.notes = f"{work}/notes{number}"
        self.state = load(self.notes)[0]
        self.file = open(self.notes, "a", buffering=1)
        self.seed = int(time.time() * 1000) % 10**9

    def note(self, what):
        self.file.write(json.dumps(what) + "\n")

    def do(self, op, call):
        self.note(op)
        ends = call()
        if ends:
            op["ends"] = ends
        self.note({"done": ends})
        self.state.apply(op)

    def path(self, name):
        return f"{self.root}/{name}"

    def some_dir(self):
        return self.random.choice([""] + self.state.dirs)

    def some_name(self):
        dir = self.some_dir()
        return (dir + "/" if dir else "") + "f%d" % self.random.randrange(12)

    def some_file(self):
        self.state.forget_ended()
        lasting = [path for path, file in self.state.files.items() if not file["ends"]]
        return self.random.choice(lasting) if lasting else None

    def some_value(self):
        self.seed += 1
        return [self.seed, self.random.choice([0, 1, 100, 4096, 4097, 30000, 200000, self.random.randrange(3000000)])]

    def set(self):
        path, value = self.some_name(), self.some_value()
        tags = self.random.choice([[], [], [f"w{self.number}-a"], [f"w{self.number}-a", f"w{self.number}-b"]])
        ttl = self.random.choice([None] * 8 + [0.3])
        by_rename = self.random.random() < 0.3

        def call():
            name = self.path(path) + (".new" if by_rename else "")
            with open_fd(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC) as fd:
                os.setxattr(fd, "user.tags", ",".join(tags).encode())
                os.setxattr(fd, "user.ttl", b"none" if ttl is None else b"%dms" % (ttl * 1000))
                rest = memoryview(value_of(*value))
                while rest:
                    rest = rest[os.write(fd, rest):]
                if not value[1]: # Linux tells of the close of a file that nobody wrote to without waiting for an answer.
                    os.fsync(fd)
                begun = time.time()
            if by_rename:
                os.rename(name, self.path(path))
            return [begun + ttl, time.time() + ttl] if ttl else None
        self.do({"op": "set", "path": path, "value": value, "tags": tags, "ttl": ttl, "by": ".new" if by_rename else ""}, call)

    def append(self):
        path, value = self.some_file(), self.some_value()
        value[1] %= 50000
        if path:
            def call():
                with open_fd(self.path(path), os.O_WRONLY | os.O_APPEND) as fd:
                    check(os.write(fd, value_of(*value)) == value[1])
            self.do({"op": "append", "path": path, "value": value}, call)

    def remove(self):
        path = self.some_file()
        if path:
            self.do({"op": "remove", "path": path}, lambda: os.unlink(self.path(path)))

    def rename(self):
        path, to = self.some_file(), self.some_name()
        if path and path != to:
            self.do({"op": "rename", "path": path, "to": to}, lambda: os.rename(self.path(path), self.path(to)))

    def mkdir(self):
        dir = self.some_dir()
        path = (dir + "/" if dir else "") + "d%d" % self.random.randrange(3)
        if path not in self.state.dirs and path.count("/") < 4:
            self.do({"op": "mkdir", "path": path}, lambda: os.mkdir(self.path(path)))

    def rmdir(self):
        self.state.forget_ended()
        empty = [dir for dir in self.state.dirs
                 if not any(name.startswith(dir + "/") for name in [*self.state.files, *self.state.dirs])]
        if empty:
            path = self.random.choice(empty)
            self.do({"op": "rmdir", "path": path}, lambda: os.rmdir(self.path(path)))

    def move(self):
        if not self.state.dirs:
            return
        path, dir = self.random.choice(self.state.dirs), self.some_dir()
        to = (dir + "/" if dir else "") + "m%d" % self.random.randrange(3)
        if to not in self.state.dirs and not to.startswith(path + "/") and to != path:
            self.do({"op": "move", "path": path, "to": to}, lambda: os.rename(self.path(path), self.path(to)))

    def invalidate(self):
        tag = f"w{self.number}-{self.random.choice('ab')}"
        # One that is about to end might be the last that has it.
        if any(tag in file["tags"] and not file["ends"] for file in self.state.files.values()):
            self.do({"op": "invalidate", "tag": tag}, lambda: os.rmdir(f".larder/tags/{tag}"))

    def work(self):
        kinds = [self.set] * 8 + [self.append] * 2 + [self.remove] * 2 + [self.rename] * 3 + [self.mkdir, self.rmdir]
        kinds += [self.move, self.invalidate]
        try:
            os.makedirs(self.root, exist_ok=True)
            while True:
                self.random.choice(kinds)()
        except OSError as error:
            check(error.errno in GONE, error)


# --- checking -----------------------------------------------------------------------------------------------------------

def load(notes):
    """What is there for certain, and what was under way, or None."""
    state, pending = State(), None
    for line in open(notes) if os.path.exists(notes) else []:
        if not line.endswith("\n"):
            break
        note = json.loads(line)
        if "files" in note:
            state, pending = State(note["files"], note["dirs"]), None
        elif "done" in note:
            if note["done"]:
                pending["ends"] = note["done"]
            state.apply(pending)
            pending = None
        else:
            pending = note
    return state, pending


def found_below(root):
    files, dirs = {}, []
    for at, below, names in os.walk(root):
        head = os.path.relpath(at, root) + "/" if at != root else ""
        dirs += [head + name for name in below]
        for name in names:
            try:
                tags, ttl = (attribute(f"{at}/{name}", key) for key in ("user.tags", "user.ttl"))
                files[head + name] = Found(get(f"{at}/{name}"), sorted(tags.split(",")) if tags else [],
                                           ttl not in (None, "0"))
            except FileNotFoundError:
                continue # it has ended
            if files[head + name].value is None:
                del files[head + name]
    return files, dirs


Found = collections.namedtuple("Found", "value tags ends")


def attribute(path, name):
    try:
        return os.getxattr(path, name).decode()
    except OSError as error:
        if error.errno != errno.ENODATA:
            raise
    return None


def difference(state, files, dirs, leavings):
    """What is wrong with it; None: nothing. `leavings` may be there in part: of a set that a rename was to end."""
    now = time.time()
    if sorted(state.dirs) != sorted(dirs):
        return f"directories {sorted(dirs)}, and not {sorted(state.dirs)}"
    for path, file in state.files.items():
        want = b"".join(value_of(*piece) for piece in file["pieces"])
        if path not in files:
            if not file["ends"] or file["ends"][0] > now + 0.05:
                return f"{path} is lost"
        elif files[path].value != want:
            value = files[path].value
            return f"{path} has {len(value)} bytes beginning with {value[:30]}, and not {want[:30]}, {len(want)}"
        elif files[path].tags != sorted(file["tags"]) or files[path].ends != bool(file["ends"]):
            # Short values can be the same, and what is to become of them is not.
            return f"{path} has {files[path]}, and not {file}"
        elif file["ends"] and file["ends"][1] < now - 2:
            return f"{path} should have ended"
    extra = set(files) - set(state.files) - leavings
    return f"{sorted(extra)[:5]} should not be there" if extra else None


def tell_history(notes, files):
    """What was done last, and what is there, for whoever has to find out what went wrong."""
    for line in open(notes).readlines()[-60:]:
        print(line[:400], end="", file=sys.stderr)
    for path, found in sorted(files.items()):
        print(path, len(found.value), found.value[:30], found.tags, found.ends, file=sys.stderr)


def check_one(number):
    notes, root = f"{work}/notes{number}", f"w{number}"
    if not os.path.isdir(root):
        check(not os.path.exists(notes) or not open(notes).readline(), root, "is lost")
        return 0
    state, pending = load(notes)
    states = [state]
    if pending:
        if pending["op"] == "set": # nobody knows when its lifetime began
            pending["ends"] = [0, time.time() + 1000] if pending["ttl"] else None
        states.append(state.copy().apply(pending))
    leavings = {pending["path"] + ".new"} if pending and pending.get("by") else set()
    files, dirs = found_below(root)
    wrong = [difference(each, files, dirs, leavings) for each in states]
    if None not in wrong:
        tell_history(notes, files)
    check(None in wrong, f"{root}, with {pending} under way:", "; or ".join(map(str, wrong)))
    for path in leavings & set(files):
        os.unlink(f"{root}/{path}")
    state = states[wrong.index(None)]
    for file in state.files.values():
        if file["ends"] and file["ends"][0] == 0:
            file["ends"] = [0, time.time() + 1000]
    with open(notes, "w") as file:
        file.write(json.dumps({"files": state.files, "dirs": state.dirs}) + "\n")
    return len(files)


if sys.argv[1] == "work":
    Worker(int(sys.argv[2])).work()
else:
    print(sum(check_one(number) for number in range(4)), "files are as they should be")
