#!/bin/bash
# SPDX-License-Identifier: MIT
# Of many O_CREAT|O_EXCL on one name exactly one succeeds; an expired name counts as absent.
. "$(dirname "$0")/../lib/mount.sh"
mount_larder
python3 - <<'END'
from larder_test import *

COUNT, NAMES = 8, 150

def add(i, wins):
    won = 0
    for n in range(NAMES):
        try:
            fd = os.open(f"add/{n}", os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        except FileExistsError:
            continue
        os.write(fd, b"%d" % i)
        os.close(fd)
        won += 1
        with open(wins, "ab", buffering=0) as file:
            file.write(b"%d %d\n" % (n, i))

os.mkdir("add")
for again in range(2):
    wins = f"{work}/wins{again}"
    processes(COUNT, lambda i: add(i, wins))
    winners = [line.split() for line in open(wins, "rb")]
    equal(list(range(NAMES)), sorted(int(n) for n, _ in winners), "one winner a name")
    for n, i in winners:
        equal(i, get(b"add/" + n), "the winner's value")
        os.setxattr(b"add/" + n, "user.ttl", b"1ms")
    time.sleep(0.01)

# While the winner still writes.
fd = os.open("slow", os.O_WRONLY | os.O_CREAT | os.O_EXCL)
def lose(_):
    refused(errno.EEXIST, os.open, "slow", os.O_WRONLY | os.O_CREAT | os.O_EXCL)
processes(2, lose)
os.close(fd)
processes(2, lose)

# The same for directories and links.
def make(i):
    made = 0
    for n in range(NAMES):
        try:
            os.mkdir(f"dir{n}") if n % 2 else os.symlink("x", f"dir{n}")
            made += 1
        except FileExistsError:
            pass
    open(f"{work}/made", "a").write(f"{made}\n")
processes(4, make)
equal(NAMES, sum(map(int, open(f"{work}/made"))), "made in all")
END
