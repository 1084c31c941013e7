#!/bin/bash
# SPDX-License-Identifier: MIT
# A process of several threads is killed while a thread that opened has written nothing yet, or once: the thread may be
# gone when the process closes its files, and still nothing is published.
. "$(dirname "$0")/../lib/mount.sh"
mount_larder
python3 - <<'END'
from larder_test import *
import threading

onlooker = Onlooker()
put("old", b"old value")
for round in range(10):
    for name, old in ("old", b"old value"), ("new", None):
        for pieces in 0, 1:
            pipe = os.pipe()
            pid = os.fork()
            if pid == 0:
                def write():
                    fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
                    for _ in range(pieces):
                        os.write(fd, b"piece")
                    os.write(pipe[1], b".")
                    time.sleep(600)
                threading.Thread(target=write).start()
                while True:
                    signal.pause()
            os.read(pipe[0], 1)
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            os.close(pipe[0])
            os.close(pipe[1])
            wait_until(20, lambda: stats()["handles"] == 0)
            onlooker.sees(name, old, f"{name}, killed after {pieces} writes of a thread")
END
