# SPDX-License-Identifier: MIT
"""Floods a directory as one user, and measures what others have of it then.

    flood.py [--uid N] [--quiet N] [--flooders N] [--seconds S] [--at-most FACTOR MS] [--only FLOOD]... NAME=DIRECTORY...

Each quiet client reads a small file of its own every 5 ms, as another user than who floods with 16 processes, or as
many as is said: opens, sets, listings of a large directory, large writes, mapped reads. Prints for each directory and
flood the p50 and p99 of a get in milliseconds, alone and beside it, and how many took more than 100 ms. With --at-most it
fails when beside a flood the p99 in the first directory is above MS and also above FACTOR times what it is in the last.
"""
import argparse
import errno
import mmap
import os
import signal
import sys
import time
import traceback

NAMES = 2000


def drop(uid):
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


def opens(place, n):
    while True:
        for i in range(50):
            try:
                os.close(os.open(f"{place}/many/{i}", os.O_RDONLY))
            except FileNotFoundError:
                pass


def sets(place, n):
    while True:
        for i in range(50):
            fd = os.open(f"{place}/set{n}-{i}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
            os.write(fd, b"x" * 200)
            os.close(fd)


def listings(place, n):
    while True:
        os.listdir(place + "/many")


def large_writes(place, n):
    """Of 256 MiB in all, which is more than a small larder holds: most must wait until there is room, and when what is
    being written takes all there is, some are refused."""
    block = os.urandom(1 << 20)
    while True:
        for i in range(4):
            try:
                with open(f"{place}/large{n}-{i}", "wb", buffering=0) as out:
                    for _ in range(4):
                        out.write(block)
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise


def make_map(path):
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.write(fd, os.urandom(1 << 20))
    os.close(fd)


def mapped_reads(place, n):
    while True:
        for i in range(4):
            try:
                fd = os.open(f"{place}/map{i}", os.O_RDONLY)
            except FileNotFoundError:  # evicted
                make_map(f"{place}/map{i}")
                continue
            with mmap.mmap(fd, 0, prot=mmap.PROT_READ) as pages:
                for at in range(0, len(pages), 4096):
                    pages[at]
                os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(fd)


FLOODS = {"nothing": None, "opens": opens, "sets": sets, "listings": listings, "large writes": large_writes,
          "mapped reads": mapped_reads}


def prepare(place, uid, quiet):
    os.makedirs(place + "/flood/many")
    for i in range(NAMES):
        with open(f"{place}/flood/many/{i}", "w") as out:
            out.write("x")
    for i in range(4):
        make_map(f"{place}/flood/map{i}")
    os.chown(place + "/flood", uid, uid)
    for i in range(quiet):
        with open(f"{place}/quiet{i}", "w") as out:
            out.write("value")


def child(uid, work):
    pid = os.fork()
    if pid == 0:
        try:
            drop(uid)
            work()
        except BaseException as error:
            traceback.print_exception(error)
        finally:
            os._exit(1)
    return pid


def gets(path, seconds, out):
    """Every 5 ms, and never more than one behind: a get that comes late is one slow get."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        begin = time.perf_counter()
        try:
            fd = os.open(path, os.O_RDONLY)
            assert os.read(fd, 100) == b"value"
            os.close(fd)
        except FileNotFoundError:  # evicted: an answer, too
            pass
        took = time.perf_counter() - begin
        os.write(out, b"%f\n" % (took * 1000))
        time.sleep(max(0, 0.005 - took))
    os._exit(0)


def measure(place, flood, uid, quiet, seconds, flooders):
    flooders = [child(uid, lambda n=n: flood(place + "/flood", n)) for n in range(flooders if flood else 0)]
    try:
        time.sleep(0.3)  # until they are all at it
        reads, writes = os.pipe()
        for i in range(quiet):
            child(uid + 1 + i, lambda i=i: gets(f"{place}/quiet{i}", seconds, writes))
        os.close(writes)
        with os.fdopen(reads) as lines:
            took = sorted(float(line) for line in lines)
        for pid in flooders:
            assert os.waitpid(pid, os.WNOHANG) == (0, 0), "the flood has ended by itself"
    finally:
        for pid in flooders:
            os.kill(pid, signal.SIGKILL)
    while True:
        try:
            os.wait()
        except ChildProcessError:
            break
    assert took, "the quiet clients have come to nothing"
    return took[len(took) // 2], took[len(took) * 99 // 100], sum(t > 100 for t in took), len(took)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--uid", type=int, default=61001)
    parser.add_argument("--quiet", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--at-most", type=float, nargs=2)
    parser.add_argument("--flooders", type=int, default=16)
    parser.add_argument("--only", action="append")
    parser.add_argument("directories", nargs="+")
    options = parser.parse_args()
    places = [each.split("=", 1) for each in options.directories]
    for _, place in places:
        prepare(place, options.uid, options.quiet)
    bad = False
    for name, flood in FLOODS.items():
        if options.only and name not in options.only:
            continue
        found = []
        for kind, place in places:
            p50, p99, late, count = measure(place, flood, options.uid, options.quiet, options.seconds, options.flooders)
            found.append(p99)
            print(f"{options.quiet} quiet, beside {name:12}  {kind:7} p50 {p50:8.3f} ms  p99 {p99:8.3f} ms  "
                  f"over 100 ms: {late} of {count}", flush=True)
        if options.at_most and found[0] > max(options.at_most[0] * found[-1], options.at_most[1]):
            print(f"beside {name} the p99 is {found[0]:.1f} ms, where it is {found[-1]:.1f} ms elsewhere",
                  file=sys.stderr)
            bad = True
    sys.exit(bad)


main()
