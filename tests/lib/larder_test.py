# SPDX-License-Identifier: MIT
"""What the Python parts of the mount tests share; mount.sh puts this folder on their path.

A part changes into the mount when it imports this, so that its names are keys. It ends at the first thing that is wrong,
with a sentence and a traceback.
"""
import ctypes
import errno
import mmap
import os
import pickle
import signal
import stat
import struct
import sys
import time
import traceback

__all__ = ["os", "sys", "time", "errno", "mmap", "stat", "signal", "mnt", "work", "libc",
           "struct", "check", "equal", "refused", "put", "get", "open_fd", "rename2", "NOREPLACE", "EXCHANGE",
           "fallocate", "KEEP_SIZE", "PUNCH_HOLE", "processes", "wait_until", "stats", "Onlooker"]

mnt = os.environ["mnt"]
work = os.environ["work"]
os.chdir(mnt)
libc = ctypes.CDLL(None, use_errno=True)

NOREPLACE, EXCHANGE = 1, 2
KEEP_SIZE, PUNCH_HOLE = 1, 2
AT_FDCWD = -100


def check(truth, *what):
    if not truth:
        raise AssertionError(" ".join(map(str, what)) or "is not so")


def equal(want, got, *what):
    if want != got:
        want, got = (repr(x) if len(repr(x)) < 200 else repr(x)[:200] + "..." for x in (want, got))
        raise AssertionError(f"{' '.join(map(str, what))}: expected {want}, got {got}")


def refused(number, call, *args, **named):
    """The call fails with this errno (or one of them)."""
    numbers = number if isinstance(number, tuple) else (number,)
    try:
        call(*args, **named)
    except OSError as error:
        check(error.errno in numbers, f"expected {[errno.errorcode[n] for n in numbers]}, got {error}")
    else:
        raise AssertionError(f"was not refused: {getattr(call, '__name__', call)} {args}")


def put(name, value):
    """A set, as open(name, "wb") does it."""
    fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    try:
        rest = memoryview(value)
        while rest:
            rest = rest[os.write(fd, rest):]
    finally:
        os.close(fd)


def get(name):
    """The value, or None for a miss."""
    try:
        fd = os.open(name, os.O_RDONLY)
    except FileNotFoundError:
        return None
    with os.fdopen(fd, "rb", buffering=0) as file:
        return file.readall()


class open_fd:
    """with open_fd(name, flags) as fd: ..."""

    def __init__(self, name, flags, mode=0o644):
        self.fd = os.open(name, flags, mode)

    def __enter__(self):
        return self.fd

    def __exit__(self, *_):
        os.close(self.fd)


def _call(result):
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def rename2(old, new, flags):
    _call(libc.renameat2(AT_FDCWD, os.fsencode(old), AT_FDCWD, os.fsencode(new), ctypes.c_uint(flags)))


def fallocate(fd, mode, offset, size):
    _call(libc.fallocate(fd, mode, ctypes.c_int64(offset), ctypes.c_int64(size)))


def processes(count, work_of):
    """Runs work_of(i) in `count` processes at once; fails when one of them does."""
    sys.stdout.flush()
    pids = []
    for i in range(count):
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                work_of(i)
                status = 0
            except BaseException:
                traceback.print_exc()
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
        pids.append(pid)
    results = [os.waitpid(pid, 0)[1] for pid in pids]
    check(not any(results), f"{sum(map(bool, results))} of {count} processes failed")


class Onlooker:
    """A second process, which looks when it is asked. To be made before anything is opened: it inherits nothing then,
    and its coming and going closes nothing."""

    def __init__(self):
        self.ask, self.answer = os.pipe(), os.pipe()
        if os.fork() == 0:
            os.close(self.ask[1])
            while line := os.read(self.ask[0], 4096):
                answer = pickle.dumps(self.look(os.fsdecode(line)))
                os.write(self.answer[1], struct.pack("I", len(answer)) + answer)
            os._exit(0)
        os.close(self.answer[1])

    @staticmethod
    def look(name):
        """Value and size, None for a miss; and whether it is listed."""
        try:
            value = get(name)
            try:
                size = os.stat(name).st_size
            except FileNotFoundError:
                size = None
            return value, size, os.path.basename(name) in os.listdir(os.path.dirname(name) or ".")
        except OSError as error:
            return error, None, None

    def sees(self, name, want, *what):
        """Opened, by stat and in the listing: this whole value, or with None a miss. (A name that is being created is
        there for stat: its size is nobody's business.)"""
        os.write(self.ask[1], os.fsencode(name))
        size, = struct.unpack("I", os.read(self.answer[0], 4))
        answer = b""
        while len(answer) < size:
            answer += os.read(self.answer[0], size - len(answer))
        value, size, listed = pickle.loads(answer)
        equal(want, value, *what, "- opened by another process")
        if want is not None:
            equal(len(want), size, *what, "- size for another process")
        equal(want is not None, listed, *what, "- is listed for another process")


def wait_until(seconds, truth):
    end = time.monotonic() + seconds
    while not truth():
        check(time.monotonic() < end, f"not within {seconds} s")
        time.sleep(0.01)


def stats():
    import json
    return json.load(open(".larder/stats.json"))
