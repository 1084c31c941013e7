#!/bin/bash
# SPDX-License-Identifier: MIT
# A writer that a signal kills before it has closed publishes nothing, and the old value stays: whoever sends the
# signal, and whatever process of several it hits.
#
# The out-of-memory killer strikes in a memory cgroup made below the test's own; where none can be made, the signal it
# sends stands for it.
. "$(dirname "$0")/../lib/mount.sh"
mount_larder
python3 - <<'END'
from larder_test import *
import subprocess
import threading

ROUNDS = 200 # of head, over the four killers
REAL_OOM = 10
OLD = b"old value"
onlooker = Onlooker()
sees = onlooker.sees

def released():
    """The kernel has told the daemon of every last close, which nobody waits for."""
    return stats()["handles"] == 0

def stays(name, old, what):
    sees(name, old, what)
    wait_until(20, released)
    sees(name, old, what, "after its release")

# --- the out-of-memory killer -----------------------------------------------------------------------------------------

def ended(pid):
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

def processes_that_die(count, work):
    """At once; most of them are killed."""
    pids = []
    for _ in range(count):
        pids.append(os.fork())
        if pids[-1] == 0:
            work()
            os._exit(0)
    for pid in pids:
        os.waitpid(pid, 0)

class Cgroup:
    """A memory cgroup in which one process more is too many."""

    def __init__(self):
        hierarchies = [line.rstrip().split(":", 2) for line in open("/proc/self/cgroup")]
        own = [path for _, controllers, path in hierarchies if controllers == "memory"]
        self.killed = 0
        if not own:
            raise FileNotFoundError("there is no memory controller of version 1")
        self.path = f"/sys/fs/cgroup/memory{own[0]}/{os.path.basename(work)}"
        os.mkdir(self.path)
        try:
            self.write("memory.limit_in_bytes", 16 << 20)
        except OSError:
            os.rmdir(self.path)
            raise

    def write(self, file, value):
        with open(f"{self.path}/{file}", "w") as file:
            file.write(str(value))

    def kills(self, pid):
        """Makes the killer choose this process, and asks for more memory than there is until it has."""
        self.write("cgroup.procs", pid)
        with open(f"/proc/{pid}/oom_score_adj", "w") as file:
            file.write("1000")
        for _ in range(5):
            if not ended(pid):
                processes_that_die(4, self.hog) # none as large as all there is, for which the victim is taken
        self.killed += ended(pid)
        if not ended(pid):
            os.kill(pid, signal.SIGKILL)

    def hog(self):
        self.write("cgroup.procs", os.getpid())
        bytearray(10 << 20)

    def remove(self):
        def removed():
            try:
                os.rmdir(self.path)
            except OSError: # a process that was killed is there a moment longer
                return False
            return True
        wait_until(20, removed)

# --- head -c 3000000 > k, killed half way -----------------------------------------------------------------------------

SIZE = 3_000_000
half = bytes(SIZE // 2)

def offset(pid):
    with open(f"/proc/{pid}/fdinfo/1") as file:
        return int(file.readline().split()[1])

def start_head(command):
    """The shell opens k, becomes head, and has got and written half of what it is to write."""
    head = subprocess.Popen(["bash", "-c", command], stdin=subprocess.PIPE,
                            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    rest = memoryview(half)
    while rest:
        rest = rest[os.write(head.stdin.fileno(), rest):]
    wait_until(20, lambda: offset(head.pid) > len(half) - 10_000) # what is left stands in its buffer
    return head

try:
    cgroup = Cgroup()
except OSError as error:
    print(f"no memory cgroup can be made here ({error}): a SIGKILL stands for the out-of-memory killer's")
    cgroup = None

def out_of_memory(n):
    def kill(pid):
        if cgroup and n < REAL_OOM:
            cgroup.kills(pid)
        else:
            os.kill(pid, signal.SIGKILL)
    return kill

def sends(number):
    return lambda n: lambda pid: os.kill(pid, number)

killers = [(s.name, s, sends(s)) for s in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)]
killers.append(("the out-of-memory killer", signal.SIGKILL, out_of_memory))

put("k", OLD)
kept = 0
try:
    for n in range(ROUNDS // len(killers)):
        for what, status, killer in killers:
            head = start_head(f"exec head -c {SIZE} >k")
            if n == 0:
                sees("k", OLD, "half written")
            killer(n)(head.pid)
            equal(-status, head.wait(), what, "ended head")
            head.stdin.close()
            if get("k") == OLD and os.stat("k").st_size == len(OLD):
                kept += 1
            if n % 10 == 0:
                stays("k", OLD, what)
finally:
    if cgroup:
        cgroup.remove()
stays("k", OLD, "after all of them")
if cgroup:
    print(f"{cgroup.killed} killed by the out-of-memory killer itself")
print(f"{kept} of {ROUNDS} kept the old value")
equal(ROUNDS, kept, "old values")

# Without an old value there is none afterwards; and one that is not killed publishes.
for what, status, killer in killers:
    head = start_head(f"exec head -c {SIZE} >new")
    sees("new", None, "half written")
    killer(REAL_OOM)(head.pid)
    equal(-status, head.wait(), what)
    head.stdin.close()
    stays("new", None, what)
head = start_head(f"exec head -c {SIZE} >k")
head.stdin.write(half)
head.stdin.close()
equal(0, head.wait())
sees("k", bytes(SIZE), "not killed")
put("k", OLD)

# --- pieces of every number and size, and threads ---------------------------------------------------------------------

def writer(name, pieces, ready, thread):
    """Writes, says so and waits for its end."""
    import resource
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    def write():
        fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for piece in pieces:
            os.write(fd, piece)
        os.write(ready, b".")
        while True:
            signal.pause() if not thread else time.sleep(600)
    if thread:
        threading.Thread(target=write).start()
        while True:
            signal.pause()
    write()

put("old", OLD)
for name, old in ("old", OLD), ("new", None):
    for number in signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGSEGV:
        for pieces in [], [b"a" * 100], [b"a" * 100] * 2, [b"a" * 120_000] * 5:
            for thread in (False, True) if len(pieces) > 1 else (False,):
                pipe = os.pipe()
                pid = os.fork()
                if pid == 0:
                    signal.signal(signal.SIGINT, signal.SIG_DFL)
                    writer(name, pieces, pipe[1], thread)
                os.read(pipe[0], 1)
                sees(name, old, "before it is killed")
                os.kill(pid, number)
                equal(number, os.waitpid(pid, 0)[1] & 0x7f)
                os.close(pipe[0])
                os.close(pipe[1])
                stays(name, old, f"{name}, {len(pieces)} writes, {'of a thread' if thread else ''}, {number.name}")

# --- a shell that opens, and programs that write ----------------------------------------------------------------------

def group(tail):
    """A shell opens k, a program writes to it for ever, and then the shell does `tail`. Returns both processes."""
    shell = subprocess.Popen(["bash", "-c", "{ sh -c 'echo $$ >&2; echo one; echo two; exec sleep 600' || true; " + tail + "; } >k"],
                             stderr=subprocess.PIPE)
    return shell, int(shell.stderr.readline())

def written():
    """Both lines have arrived: the program is another one by now."""
    return open(f"/proc/{program}/comm").read() == "sleep\n"

# The program is killed, and the shell, which lives, closes: what was written last is half a value.
shell, program = group("true")
wait_until(20, written)
sees("k", OLD, "a group, in the middle")
os.kill(program, signal.SIGTERM)
equal(0, shell.wait())
shell.stderr.close()
stays("k", OLD, "a program of a group was killed")

# But when somebody writes on after it, the shell knows what it does.
shell, program = group("echo three")
wait_until(20, written)
os.kill(program, signal.SIGTERM)
equal(0, shell.wait())
shell.stderr.close()
sees("k", b"one\ntwo\nthree\n", "a group that writes on")
put("k", OLD)

# The shell is killed, and the program lives on and ends as it should.
for writes_on in False, True:
    shell = subprocess.Popen(["bash", "-c", "{ echo shell; sh -c 'echo $$ >&2; read line; [ -z \"$line\" ] || echo $line'; } >k"],
                             stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    shell.stderr.readline()
    os.kill(shell.pid, signal.SIGKILL)
    shell.wait()
    sees("k", OLD, "the shell was killed, its program lives")
    shell.stdin.write(b"more\n" if writes_on else b"\n")
    shell.stdin.close()
    equal(b"", shell.stderr.read(), "its program ends")
    shell.stderr.close()
    stays("k", OLD, f"the shell was killed, its program ended, writing {writes_on}")
END
