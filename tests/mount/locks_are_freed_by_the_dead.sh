#!/bin/bash
# SPDX-License-Identifier: MIT
# lock, semaphore, throttle and barrier let in as many as they should, and who is killed frees what it held.
. "$(dirname "$0")/../lib/mount.sh"
mount_larder
cd "$mnt"
python3 - <<'END'
from larder_test import *
import fcntl, subprocess, threading
larder = os.environ["larder"]

def run(*args):
    return subprocess.run([larder, *args], capture_output=True, text=True)
def start(*args):
    return subprocess.Popen([larder, *args], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
def inside(process): # has begun, and waits for its input
    equal("in\n", process.stdout.readline())
def end(process):
    process.stdin.close()
    equal(0, process.wait())
STAY = ["--", "sh", "-c", "echo in; read x || :"]

# lock
equal(7, run("lock", "l", "--", "sh", "-c", "exit 7").returncode)
equal("-x\n", run("lock", "l", "--", "echo", "-x").stdout)
holder = start("lock", "l", *STAY); inside(holder)
equal(1, run("lock", "l", "--timeout", "0", "--", "true").returncode)
equal(1, run("lock", "l", "--shared", "--timeout", "50ms", "--", "true").returncode)
waiter = start("lock", "l", *STAY)
holder.kill(); holder.wait()
inside(waiter)
end(waiter)
one, two = start("lock", "l", "-s", *STAY), start("lock", "l", "--shared", *STAY)
inside(one); inside(two)
equal(1, run("lock", "l", "--timeout", "0", "--", "true").returncode)
end(one); end(two)
equal(0, run("lock", "l", "--timeout", "0", "--", "true").returncode)
equal(2, run("lock", "l").returncode)
equal(2, run("lock", "l", "--").returncode)
equal(3, run("lock", "l", "--", "/no/such/program").returncode)
equal(3, run("lock", f"{work}/l", "--", "true").returncode)
put("file", b"")
equal(3, run("lock", "file", "--", "true").returncode)
# Nothing is lost of what is read and written under the lock.
put("count", b"0")
adds = [start("lock", "deep/er", "--", "sh", "-c", "for i in 1 2 3; do :; done; n=$(cat count); echo $((n+1)) >count")
        for _ in range(12)]
equal([0] * 12, [add.wait() for add in adds])
equal(b"12\n", get("count"))

# semaphore
held = [start("semaphore", "s", "-n", "2", *STAY) for _ in range(2)]
for process in held: inside(process)
equal(1, run("semaphore", "s", "-n", "2", "--timeout", "0", "--", "true").returncode)
third = start("semaphore", "s", "-n", "2", *STAY)
equal(1, run("semaphore", "s", "-n2", "--timeout", "30ms", "--", "true").returncode)
held[0].kill(); held[0].wait()
inside(third)
equal(1, run("semaphore", "s", "-n", "2", "--timeout", "0", "--", "true").returncode)
end(held[1]); end(third)
equal(2, run("semaphore", "s", "--", "true").returncode)
equal(2, run("semaphore", "s", "-n", "0", "--", "true").returncode)

# Who is only looking for a place, or waits for one of fewer, takes no room from others who have no time to wait.
def locked(path):
    fd = os.open(path, os.O_RDONLY)
    fcntl.flock(fd, fcntl.LOCK_EX)
    return fd
line = locked("s")
equal(0, run("semaphore", "s", "-n", "1", "--timeout", "0", "--", "true").returncode, "there is room")
os.close(line)
os.mkdir("one")
looking = locked("one")
threading.Timer(0.1, os.close, [looking]).start()
equal(0, run("barrier", "one", "-n", "1", "--timeout", "0").returncode, "all have come")

# throttle: 3 at once, then one each 100 ms.
for _ in range(3):
    equal(0, start("throttle", "many", "--rate", "3/1d", "--", "true").wait(30), "the first three need not wait")
fourth = start("throttle", "many", "--rate", "3/1d", "--", "true")
started = time.monotonic()
for _ in range(6):
    equal(0, run("throttle", "t", "--rate", "3/300ms", "--", "true").returncode)
check(time.monotonic() - started >= 0.3, "too fast")
equal(None, fourth.poll(), "the fourth has to wait")
fourth.kill(); fourth.wait()
for wrong in "", "3", "x/s", "3/x", "0/s", "3/0":
    equal(2, run("throttle", "t", "--rate", wrong, "--", "true").returncode, wrong)

def retried(truth): # what a process has open comes and goes
    try:
        return truth()
    except FileNotFoundError:
        return False

def waits(process): # at the barrier: it has a place locked
    fds = f"/proc/{process.pid}/fd"
    return any("/b/round." in os.readlink(f"{fds}/{fd}") and "lock:" in open(f"{fds}info/{fd}").read()
               for fd in os.listdir(fds)) and not holds(fds, f"{mnt}/b")

def holds(fds, path):
    return any(os.readlink(f"{fds}/{fd}") == path and "lock:" in open(f"{fds}info/{fd}").read() for fd in os.listdir(fds))

# barrier: nobody goes before all have come; who is killed has not; and again.
for again in range(2):
    early = [start("barrier", "b", "-n", "3") for _ in range(2)]
    wait_until(20, lambda: retried(lambda: all(waits(process) for process in early)))
    killed = early[0]
    killed.kill(); killed.wait()
    another = start("barrier", "b", "-n", "3", "--timeout", "100ms")
    equal(1, another.wait(), "there are two at most")
    equal(None, early[1].poll(), "there was only one at last")
    rest = [start("barrier", "b", "-n", "3") for _ in range(2)]
    for process in early[1:] + rest:
        equal(0, process.wait(20))
equal(1, len([n for n in os.listdir("b")]), os.listdir("b"))
END
cd /
