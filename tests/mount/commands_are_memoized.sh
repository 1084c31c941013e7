#!/bin/bash
# SPDX-License-Identifier: MIT
# run: a command runs once while its output is fresh, whoever asks; one computes and the others wait, or get the old one.
. "$(dirname "$0")/../lib/mount.sh"
mount_larder
cd "$mnt"
python3 - <<'END'
from larder_test import *
import subprocess
larder = os.environ["larder"]
log = f"{work}/log"

def command(script):
    return ["--", "sh", "-c", f"echo x >>{log}; {script}"]
def runs():
    return len(open(log).read().split()) if os.path.exists(log) else 0
def run(*args, **more):
    return subprocess.run([larder, "run", *args], capture_output=True, text=True, **more)
def start(*args):
    return subprocess.Popen([larder, "run", *args], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
def reset():
    if os.path.exists(log):
        os.remove(log)

# Once, and the same again; options; the value is the output.
ANSWER = command("printf 'a\\nb'; echo no >&2")
for _ in range(3):
    done = run("-p", "--key", "dir/k", "--ttl", "1h", "--tag", "t", *ANSWER)
    equal((0, "a\nb"), (done.returncode, done.stdout))
equal(1, runs())
equal(b"a\nb", get("dir/k"))
equal(b"3600", os.getxattr("dir/k", "user.ttl"))
equal(b"t", os.getxattr("dir/k", "user.tags"))
equal(["k"], os.listdir("dir"), "no lock is left")

# Failures are not kept, unless asked for.
reset()
for _ in range(2):
    done = run("--key", "f", "--ttl", "1h", *command("echo part; exit 5"))
    equal((5, "part\n"), (done.returncode, done.stdout))
equal((2, None), (runs(), get("f")))
for _ in range(2):
    done = run("--key", "f", "--ttl", "1h", "--failures", *command("echo part; exit 5"))
    equal((5, "part\n"), (done.returncode, done.stdout))
equal((3, b"part\n"), (runs(), get("f")))
equal(128 + 9, run("--key", "sig", "--ttl", "1h", *command("kill -9 $$")).returncode)
equal(3, run("--key", "none", "--ttl", "1h", "--", "/no/such").returncode)

# 8 at once: one computes.
reset()
all_of = [start("--key", "many", "--ttl", "1h", *command("sleep 0.2; echo $$")) for _ in range(8)]
outputs = {process.communicate()[0] for process in all_of}
equal((1, 1), (runs(), len(outputs)), "one computes, all have it")

# The one who computes is killed: another one does it, and nothing of it is kept.
reset()
stuck = start("--key", "killed", "--ttl", "1h", *command("echo half; read x"))
equal("half\n", stuck.stdout.readline())
other = start("--key", "killed", "--ttl", "1h", *command("echo whole"))
equal(None, get("killed"))
stuck.kill(); stuck.wait(); stuck.stdin.close()
equal("whole\n", other.communicate()[0])
equal(b"whole\n", get("killed"))

# Past its time it is computed anew; with --stale the others have the old one meanwhile.
reset()
once = lambda script, *more: run("--key", "s", "--ttl", "50ms", "--beta", "0", *more, *command(script)).stdout
equal("1", once("printf 1"))
wait_until(10, lambda: get("s") is None)
equal("2", once("printf 2", "--stale", "1h"))
until = int(os.getxattr("s", "user.run").split(b"until_ms=")[1])
wait_until(10, lambda: time.time() * 1000 > until)
equal(b"2", get("s"), "stale, but there")
one = start("--key", "s", "--ttl", "1h", "--beta", "0", "--stale", "1h", *command("echo begun; read x; echo 3"))
equal("begun\n", one.stdout.readline())
equal("2", once("printf 4", "--stale", "1h"), "the old one while it is computed")
one.communicate("\n")
equal("begun\n3\n", once("printf 5"))
equal(3, runs())

# XFetch: with a large beta it is computed early, with 0 never.
reset()
run("--key", "x", "--ttl", "1h", *command("sleep 0.05; echo"))
for _ in range(20):
    run("--key", "x", "--ttl", "1h", "--beta", "0", *command("echo"))
equal(1, runs())
os.setxattr("x", "user.run", b"exit=0 took_ms=1000000 until_ms=%d" % (time.time() * 1000 + 1000000))
put("y", b""); os.setxattr("y", "user.run", b"exit=0 took_ms=1000 until_ms=%d" % (time.time() * 1000 + 1000000))
for _ in range(20):
    run("--key", "y", "--ttl", "1h", *command("echo"))
equal(1, runs(), "a thousand times too early")
for _ in range(60): # each with probability 1/e
    if runs() == 1:
        run("--key", "x", "--ttl", "1h", *command("echo"))
equal(2, runs(), "computed early, once")

for wrong in (["--ttl", "1h"], ["--key", "k"], ["--key", "k", "--ttl", "x"], ["--key", "k", "--ttl", "1", "--beta", "-1"]):
    equal(2, run(*wrong, "--", "true").returncode, wrong)
equal(2, run("--key", "k", "--ttl", "1").returncode)
equal(3, run("--key", f"{work}/k", "--ttl", "1", "--", "true").returncode)
large = subprocess.run([larder, "run", "--key", "large", "--ttl", "1h", "--", "head", "-c", "3000000", "/dev/zero"],
                       capture_output=True)
equal(3000000, len(large.stdout))
equal(bytes(3000000), get("large"))
END
cd /
