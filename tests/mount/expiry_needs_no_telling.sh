#!/bin/bash
# SPDX-License-Identifier: MIT
# Past its deadline the kernel believes nothing of an entry that it was told before, even while the daemon cannot tell
# it that the entry is gone.
. "$(dirname "$0")/../lib/mount.sh"
mount_larder
daemon=$daemon python3 - <<'END'
from larder_test import *
import select

daemon = int(os.environ["daemon"])
for n in range(3):
    name = f"f{n}"
    put(name, b"value")
    os.setxattr(name, "user.ttl", b"400ms")
    deadline = time.monotonic() + 0.4
    for _ in range(3):
        os.stat(name)
    os.kill(daemon, signal.SIGSTOP)
    try:
        time.sleep(max(0, deadline + 0.03 - time.monotonic()))
        answer = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.write(answer[1], b"%d" % os.path.lexists(name))
            os._exit(0)
        select.select([answer[0]], [], [], 0.2) # who asks the daemon waits for it
    finally:
        os.kill(daemon, signal.SIGCONT)
    equal(b"0", os.read(answer[0], 1), "is it there after its deadline?")
    os.waitpid(pid, 0)
END
