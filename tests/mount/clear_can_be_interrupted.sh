#!/bin/bash
# SPDX-License-Identifier: MIT
# larder clear on a terminal: it shows how far it is, ends at ^C, and leaves nothing of its bar behind. The daemon is
# stopped between, so that it takes as long as the test wants.
. "$(dirname "$0")/../lib/mount.sh"
needs_disk
"$helpers/fill" "$store" 20000 users 20000
mount_larder -o items=100000
python3 - <<'END'
from larder_test import *
import pty, select, signal, subprocess

with open(".larder/config") as config:
    daemon = int(next(line[4:] for line in config if line.startswith("pid=")))


class Terminal:
    """A larder clear on a terminal of its own."""

    def __init__(self):
        self.said = b""
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            os.execv(os.environ["larder"], ["larder", "clear", "tagged"])

    def look(self, seconds=0.01):
        """Takes what it has said by now. False at the end."""
        try:
            if select.select([self.master], [], [], seconds)[0]:
                more = os.read(self.master, 65536)
                self.said += more
                return bool(more)
        except OSError:  # EIO: nobody has the terminal open any more
            return False
        return True

    def end(self):
        while self.look(1):
            pass
        os.close(self.master)
        return os.waitpid(self.pid, 0)[1]


def items():
    return stats()["items"]


# Stopped for a little more than a second in its first step: the bar is drawn after that.
before = items()
terminal = Terminal()
wait_until(30, lambda: items() < before and terminal.look())
os.kill(daemon, signal.SIGSTOP)
end = time.monotonic() + 1.2
while time.monotonic() < end:
    terminal.look()
os.kill(daemon, signal.SIGCONT)
wait_until(30, lambda: b"clearing" in terminal.said or not terminal.look())
os.write(terminal.master, b"\x03")
status = terminal.end()
text = terminal.said
left = items() - 1000
if os.WIFSIGNALED(status):
    equal(signal.SIGINT, os.WTERMSIG(status))
    check(0 < left < 20000, left, "left")
else:
    equal(0, status) # ^C came too late
    equal(0, left)
check(b"clearing" in text and b" entries, " in text, text)
check(b"\r\x1b[K" in text[text.rindex(b"clearing"):], "not erased:", text)
check(b"removed %d entries" % (20000 - left) in text, text)

# And goes on where that ended.
terminal = Terminal()
equal(0, terminal.end())
check(b"removed %d entries" % left in terminal.said, terminal.said)
equal(1000, items())
END
