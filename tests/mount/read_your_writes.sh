#!/bin/bash
# SPDX-License-Identifier: MIT
# When close or rename has returned, every process sees the new value: values are handed round a ring of processes.
. "$(dirname "$0")/../lib/mount.sh"
mount_larder
python3 - <<'END'
from larder_test import *

COUNT, ROUNDS = 4, 600
pipes = [os.pipe() for _ in range(COUNT)]

def value(n):
    size = (10, 3_000, 70_000, 0)[n % 4]
    return b"%d:" % n + b"v" * size

def pass_on(i):
    for n in range(i, ROUNDS, COUNT):
        if n:
            os.read(pipes[i][0], 1)
            equal(value(n - 1), get("ring"), "the value before")
            equal(len(value(n - 1)), os.stat("ring").st_size, "its size")
        if n % 3 == 2:
            put(f"tmp{i}", value(n))
            os.rename(f"tmp{i}", "ring")
        else:
            put("ring", value(n))
        if n % 5 == 4:
            os.unlink("ring")
            equal(None, get("ring"), "after unlink")
            put("ring", value(n))
        os.write(pipes[(i + 1) % COUNT][1], b".")

processes(COUNT, pass_on)
END
