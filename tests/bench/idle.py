# SPDX-License-Identifier: MIT
"""What a daemon takes of the processors while nobody asks it anything.

Linux tells it twice: as the process's clock, in nanoseconds of all its threads, also of those that have ended; and in
/proc/PID/stat, from where ps has it, in clock ticks of which only whole ones are shown since the process began. That a tick
more is shown there may mean that ten milliseconds were used, or that a few microseconds were what the next one lacked.
"""
import os
import time

SETTLES_WITHIN_S = 20
QUIET_S = 0.1
TICK_NS = 1000000000 // os.sysconf("SC_CLK_TCK")


def clock_ns(pid):
    """As clock_getcpuclockid(3) has it, which Python lacks: the complement of the process, and which of its clocks."""
    return time.clock_gettime_ns(~pid << 3 | 2)


def ticks_shown(pid):
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def settle(pid):
    """Waits until what was under way has ended, as in RocksDB: until nothing runs for a moment."""
    end = time.monotonic() + SETTLES_WITHIN_S
    before = None
    while before != (before := clock_ns(pid)) and time.monotonic() < end:
        time.sleep(QUIET_S)


def watch(pid, seconds):
    """What it takes within so many seconds from now."""
    ns, shown = clock_ns(pid), ticks_shown(pid)
    time.sleep(seconds)
    ns, shown = clock_ns(pid) - ns, ticks_shown(pid) - shown
    return {"seconds": seconds, "cpu_ns": ns, "ticks": ns // TICK_NS, "ticks_shown": shown}
