#!/bin/bash
# SPDX-License-Identifier: MIT
# many_open_handles.sh [COUNT]: so many handles (default 4,000; 100,000 is the goal), of processes of up to 10,000 each, are
# open at once, read what they were opened for, cost some hundred bytes each, and close again. Prints what one costs.
. "$(dirname "$0")/../lib/mount.sh"
count=${1:-4000}
export count
mount_larder -o size=256M
export daemon
[ "$(ulimit -Hn)" = unlimited ] || [ "$(ulimit -Hn)" -ge 10100 ] || skip "a process may not open 10,100 files"
ulimit -n 10100
python3 - <<'END'
from larder_test import *

COUNT, EACH, NAMES = int(os.environ["count"]), 10000, 1000


def resident():
    return int(open(f"/proc/{os.environ['daemon']}/statm").read().split()[1]) * 4096


def hold(count, tell, go):
    fds = [os.open(str(i % NAMES), os.O_RDONLY) for i in range(count)]
    for i in range(0, count, 97):
        equal(b"%d" % (i % NAMES), os.pread(fds[i], 10, 0))
    os.write(tell, b".")
    os.read(go, 1)
    for i in range(0, count, 97):
        equal(b"%d" % (i % NAMES), os.pread(fds[i], 10, 0))


for i in range(NAMES):
    put(str(i), b"%d" % i)
before = resident()
heard, tell = os.pipe()
go, let_go = os.pipe()
children = []
for first in range(0, COUNT, EACH):
    pid = os.fork()
    if pid == 0:
        try:
            os.close(let_go)
            hold(min(EACH, COUNT - first), tell, go)
            os._exit(0)
        except BaseException:
            import traceback
            traceback.print_exc()
            os._exit(1)
    children.append(pid)
os.close(go)
os.close(tell)
equal(len(children), sum(len(os.read(heard, 1)) for _ in children), "processes that have theirs open")
each = (resident() - before) / COUNT
print(f"{COUNT:,} handles in {len(children)} processes: {each:.0f} bytes each")

# Replaced and removed below those who have them open.
for i in range(NAMES):
    put(str(i), b"new") if i % 2 else os.unlink(str(i))

# More than a process may have: that is its own affair.
fds = []
def open_one():
    fds.append(os.open("1", os.O_RDONLY))
try:
    while True:
        open_one()
except OSError as error:
    equal(errno.EMFILE, error.errno)
for fd in fds:
    os.close(fd)
os.close(let_go)
for pid in children:
    equal(0, os.waitpid(pid, 0)[1], "one that had them open")
check(os.environ["sanitized"] or each < 2048, "bytes each", each)
equal(b"new", get("1"))
END
