#!/bin/bash
# SPDX-License-Identifier: MIT
# What programs do to files by way of Python's open: every mode, temporary files that are renamed, and shared mappings;
# and what everybody else sees before, in the middle and after.
. "$(dirname "$0")/../lib/mount.sh"
mount_larder
python3 - <<'END'
from larder_test import *
import shutil
import tempfile

onlooker = Onlooker()
sees = onlooker.sees
OLD = b"old value\n"

def start(name, value):
    """The name has this value, or none."""
    if os.path.lexists(name):
        os.unlink(name)
    if value is not None:
        put(name, value)
    sees(name, value, "at the start")

# --- open, in every mode --------------------------------------------------------------------------------------------

# A staged mode shows nothing until the close, a live one each write that has left the program's own buffer.
for mode in "r", "w", "a", "x", "r+", "w+", "a+", "x+":
    for kind in "", "b", "b unbuffered":
        for old in None, OLD:
            for big in 1, 30_000:
                what = f"open {mode}{kind} {'over a value' if old else 'of a new name'}, {big} times"
                start("f", old)
                one, two = b"first line\n" * big, b"second\n" * big
                how = {"buffering": 0} if "un" in kind else {}

                def opened():
                    return open("f", mode + kind[:1], **how)
                def write(value):
                    file.write(value if kind else value.decode())
                    file.flush()

                if mode[0] == "r" and not old:
                    refused(errno.ENOENT, opened)
                    sees("f", None, what)
                    continue
                if mode[0] == "x" and old:
                    refused(errno.EEXIST, opened)
                    sees("f", OLD, what)
                    continue
                staged = mode[0] in "wx"
                with opened() as file:
                    middle = old if staged else old or b""
                    sees("f", middle, what, "opened")
                    if mode == "r":
                        equal(OLD, file.read() if kind else file.read().encode(), what)
                        continue
                    if not how:
                        file.write(b"" if kind else "")
                        sees("f", middle, what, "buffered")
                    write(one)
                    value = one if staged else middle + one if mode[0] == "a" else one + middle[len(one):]
                    sees("f", middle if staged else value, what, "first write")
                    if "+" in mode:
                        file.seek(0)
                        got = file.read()
                        equal(value, got if kind else got.encode(), what, "read back")
                        sees("f", middle if staged else value, what, "read back")
                    if mode != "r+" or big > 1:
                        write(two)
                        value = value + two if mode != "r+" else value[:max(len(one), len(value))] + two
                    sees("f", middle if staged else value, what, "second write")
                sees("f", value, what, "closed")

# What is left in the buffer is written by the close itself, or by the end of the program.
for mode in "w", "a", "x", "r+":
    start("f", None if mode == "x" else OLD)
    file = open("f", mode)
    file.write("left")
    sees("f", None if mode == "x" else OLD, mode, "buffered")
    file.close()
    sees("f", {"a": OLD + b"left", "r+": b"left" + OLD[4:]}.get(mode, b"left"), mode, "closed")

# --- a temporary file that takes another's place ----------------------------------------------------------------------

for old in None, OLD:
    for size in 10, 300_000:
        one, two = b"1" * size, b"2" * size
        start("f", old)
        with tempfile.NamedTemporaryFile(dir=".", delete=False) as file:
            name = os.path.basename(file.name)
            file.write(one)
            file.flush()
            sees(name, None, "temporary, flushed")
            sees("f", old, "not replaced")
        sees(name, one, "temporary, closed")
        sees("f", old, "not replaced")
        os.replace(name, "f")
        sees("f", one, "close, then replace")
        sees(name, None, "the temporary name")

        # Before the close: what is there so far appears, and from then on each write does.
        start("f", old)
        with tempfile.NamedTemporaryFile(dir=".", delete=False) as file:
            name = os.path.basename(file.name)
            file.write(one)
            file.flush()
            sees(name, None, "temporary, flushed")
            sees("f", old, "not replaced")
            os.replace(name, "f")
            sees("f", one, "flush, replace, then close")
            sees(name, None, "the temporary name")
            file.write(two)
            file.flush()
            sees("f", one + two, "written after the replace")
        sees("f", one + two, "closed")

# Deleted by its own close, and never seen.
with tempfile.NamedTemporaryFile(dir=".") as file:
    file.write(OLD)
    file.flush()
    sees(os.path.basename(file.name), None, "temporary")
sees(os.path.basename(file.name), None, "temporary, closed")

# What is renamed over somebody who still writes: the late close writes nowhere.
for late in b"", b"late":
    start("f", OLD)
    file = open("f", "wb", buffering=0)
    file.write(b"overtaken")
    put("g", b"renamed")
    os.rename("g", "f")
    sees("f", b"renamed", "renamed over a writer")
    file.write(late)
    sees("f", b"renamed", "renamed over a writer, which writes")
    file.close()
    sees("f", b"renamed", "renamed over a writer, which closes")

# --- copies -----------------------------------------------------------------------------------------------------------

for copy in shutil.copyfile, shutil.copy, shutil.copy2:
    for size in 10, 3_000_000:
        start("f", OLD)
        put("g", b"c" * size)
        copy("g", "f")
        sees("f", b"c" * size, copy.__name__)

# --- shared mappings --------------------------------------------------------------------------------------------------

PAGE = mmap.PAGESIZE
for size in PAGE, 3 * PAGE + 5, 400_000:
    # An existing file, not cut: live.
    start("f", b"o" * size)
    fd = os.open("f", os.O_RDWR)
    mapping = mmap.mmap(fd, size)
    sees("f", b"o" * size, "mapped")
    mapping[:3] = b"new"
    mapping.flush()
    sees("f", b"new" + b"o" * (size - 3), "msync")
    mapping[-3:] = b"end"
    mapping.close()
    os.close(fd)
    sees("f", b"new" + b"o" * (size - 6) + b"end", "unmapped and closed")

    # A new file, or an existing one cut: stretched, mapped and filled. It is there when it is closed and unmapped, in
    # either order, and nothing of it before; unless msync, which is an fsync, has published what was there.
    for flags, old in (os.O_EXCL, None), (os.O_TRUNC, None), (os.O_TRUNC, OLD), (os.O_TRUNC, b"x" * size):
        for synced in False, True:
            for mapping_first in True, False:
                what = f"{size} bytes, {'O_EXCL' if flags == os.O_EXCL else 'O_TRUNC'}, over {old and len(old)} bytes, " \
                    f"{'msync, ' if synced else ''}{'unmap, close' if mapping_first else 'close, unmap'}"
                start("f", old)
                fd = os.open("f", os.O_RDWR | os.O_CREAT | flags)
                sees("f", old, what, "opened")
                os.ftruncate(fd, size)
                sees("f", old, what, "stretched")
                mapping = mmap.mmap(fd, size) # with a duplicate of the descriptor
                middle, mapping[:] = old, b"m" * size
                sees("f", middle, what, "filled")
                if synced:
                    mapping.flush()
                    middle = b"m" * size
                    sees("f", middle, what, "msync")
                else:
                    mapping[:3] = b"end"
                if mapping_first:
                    mapping.close()
                    sees("f", middle, what, "unmapped")
                    os.close(fd)
                else:
                    os.close(fd)
                    sees("f", middle, what, "closed")
                    mapping.close()
                sees("f", b"m" * size if synced else b"end" + b"m" * (size - 3), what, "at the end")
END
