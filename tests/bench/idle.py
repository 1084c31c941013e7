# SPDX-License-Identifier: MIT
"""What a daemon takes of the processors while nobody asks it anything.

Linux tells it twice: in clock ticks of user and system time, as ps shows them, and in nanoseconds that each of its threads
has run. A thread that ends meanwhile takes its nanoseconds with it, but not its ticks.
"""
import os
import time

SETTLES_WITHIN_S = 20
QUIET_S = 0.1


def ticks(pid):
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def nanoseconds(pid):
    """{thread: ns}"""
    used = {}
    for thread in os.listdir(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{thread}/schedstat") as stat:
                used[thread] = int(stat.read().split()[0])
        except OSError:
            pass  # it has just ended
    return used


def settle(pid):
    """Waits until what was under way has ended, as in RocksDB: until nothing runs for a moment."""
    end = time.monotonic() + SETTLES_WITHIN_S
    before = None
    while before != (before := nanoseconds(pid)) and time.monotonic() < end:
        time.sleep(QUIET_S)


def watch(pid, seconds):
    """What it takes within so many seconds from now."""
    ns_before, ticks_before = nanoseconds(pid), ticks(pid)
    time.sleep(seconds)
    ns = sum(used - ns_before.get(thread, 0) for thread, used in nanoseconds(pid).items())
    return {"seconds": seconds, "ticks": ticks(pid) - ticks_before, "cpu_ns": ns}
