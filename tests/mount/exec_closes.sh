#!/bin/bash
# SPDX-License-Identifier: MIT
# A program that becomes another one by exec closes, as it does so, what it would not hand on: that publishes, and
# neither waits for the other. (The kernel holds a lock of the process meanwhile, which looking through /proc may want.)
. "$(dirname "$0")/../lib/mount.sh"
mount_larder
python3 - <<'END'
from larder_test import *

onlooker = Onlooker()
for writes in 1, 2:
    for other_files in 0, 1:
        put("f", b"old value")
        pid = os.fork()
        if pid == 0:
            fd = os.open("f", os.O_WRONLY | os.O_TRUNC) # Python's descriptors are all closed by exec
            for _ in range(other_files):
                os.open("/dev/null", os.O_WRONLY)
            for _ in range(writes):
                os.write(fd, b"value ")
            os.execvp("sleep", ["sleep", "600"])
        wait_until(5, lambda: open(f"/proc/{pid}/comm").read() == "sleep\n")
        onlooker.sees("f", b"value " * writes, f"closed by exec after {writes} writes, {other_files} other files open")
        os.kill(pid, signal.SIGTERM)
        os.waitpid(pid, 0)
        onlooker.sees("f", b"value " * writes, "killed long after its close")
END
