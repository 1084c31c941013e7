#!/bin/bash
# SPDX-License-Identifier: MIT
# Where several processes get and set the same names all the time, a get still costs little more than the one message of
# a warm one: what the kernel knows of a name is only in doubt while somebody is setting it.
. "$(dirname "$0")/../lib/mount.sh"
mount_larder
python3 - <<'END'
from larder_test import *
import random

KEYS, PROCESSES, OPERATIONS = 50, 4, 4000


def work_on(number):
    rng = random.Random(number)
    for _ in range(OPERATIONS):
        name = f"key{rng.randrange(KEYS)}"
        if rng.random() < 0.1:
            put(name, b"v" * rng.randrange(1, 500))
        else:
            check(get(name), "no value")


for key in range(KEYS):
    put(f"key{key}", b"v")
before = stats()["requests"]
processes(PROCESSES, work_on)
after = stats()["requests"]
sent = {kind: (after[kind] - before.get(kind, 0)) / (PROCESSES * OPERATIONS) for kind in after}
print({kind: round(count, 2) for kind, count in sent.items() if count >= 0.01})
check(sent["OPEN"] > 0.9, "not even opened")
# A set makes the next get ask for the size; and the few that meet in the middle look the name up again.
check(sent["LOOKUP"] + sent["GETATTR"] < 0.8, "names are looked up again and again")
END
