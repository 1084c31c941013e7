#!/bin/bash
# SPDX-License-Identifier: MIT
# A writer that a signal kills before it has closed publishes nothing, and the old value stays.
. "$(dirname "$0")/../lib/mount.sh"
mount_larder
python3 - <<'END'
from larder_test import *

put("old", b"old value")
for name in "old", "new":
    for signal_number in signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV:
        for size in 100, 300_000:
            pipe = os.pipe()
            pid = os.fork()
            if pid == 0:
                import resource
                resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
                fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
                os.write(fd, b"a" * size)
                os.write(fd, b"b" * size)
                os.write(pipe[1], b".")
                while True:
                    signal.pause()
            os.read(pipe[0], 1)
            os.kill(pid, signal_number)
            os.waitpid(pid, 0)
            os.close(pipe[0])
            os.close(pipe[1])
            what = f"{name}, {size} bytes, {signal.Signals(signal_number).name}"
            equal(b"old value" if name == "old" else None, get(name), what)
            # Also once the kernel has told the daemon of the last close, which nobody waits for.
            time.sleep(0.05)
            equal(b"old value" if name == "old" else None, get(name), what)
            equal(["old"], os.listdir("."), what)
END
