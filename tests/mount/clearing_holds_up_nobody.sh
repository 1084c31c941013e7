#!/bin/bash
# SPDX-License-Identifier: MIT
# larder clear takes some microseconds for each entry, in little memory, and nobody else waits for it long:
# clearing_holds_up_nobody.sh [COUNT [EACH [goals]]], EACH in a directory. It prints what it measured. With "goals", on a
# machine that does nothing else, it also prints what programs that do nothing but compute do to the same gets, and holds it to what is promised of a million: half a minute beside a client that is never idle,
# other gets as fast as ever in the middle (within a quarter), and 99 of 100 within two milliseconds.
. "$(dirname "$0")/../lib/mount.sh"
needs_disk
count=${1:-30000}
each=${2:-1000}
[ -z "$sanitized" ] || [ "$count" -lt 10000 ] || count=$((count / 10))
"$helpers/fill" "$store" "$count" users "$each"
mount_larder -o size=8G,items=$((count + 100000))
python3 - "$count" "$each" "${3-}" <<'END'
from larder_test import *
import random, resource, subprocess

count, each, goals = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "goals"
equal(count + 1000, stats()["items"])
deletes = stats()["deletes"]
others = [f"other/{i}" for i in range(1000)]
larder = os.environ["larder"]
with open(".larder/config") as config:
    pid = int(next(line[4:] for line in config if line.startswith("pid=")))


def once(operation, n):
    before = time.perf_counter_ns()
    if operation == "get":
        fd = os.open(others[n % 1000], os.O_RDONLY)
        check(len(os.read(fd, 200)) == 100)
    else:
        fd = os.open(f"other/set-{n // 20 % 5}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.write(fd, b"v" * 100)
    os.close(fd)
    return (time.perf_counter_ns() - before) / 1000


def times(until):
    """The times of gets and sets, twenty to one, until it says so, in microseconds, in their order of size."""
    taken, n = {"get": [], "set": []}, 0
    while n % 32 or not until():
        operation = "set" if n % 20 == 19 else "get"
        taken[operation].append(once(operation, n))
        n += 1
    return {operation: sorted(list) for operation, list in taken.items()}


def percentile(taken, share):
    return taken[min(len(taken) - 1, int(len(taken) * share))] if taken else 0


def resident():
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:")) / 1024


# The kernel knows some of them: it was told to believe that they are there, for a day.
name = lambda i: f"tagged/{i // each}/{i % each}"
known = [name(random.randrange(count)) for _ in range(min(count, 5000))]
for path in known:
    check(os.stat(path).st_size == 100)
mtime = os.stat("tagged").st_mtime_ns
end = time.monotonic() + 1
times(lambda: time.monotonic() > end)
end = time.monotonic() + 2
before = times(lambda: time.monotonic() > end)

memory = resident()
start = time.perf_counter()
clear = subprocess.Popen([larder, "clear", "--json", "tagged"], stdout=subprocess.PIPE)
during = times(lambda: clear.poll() is not None)
took = time.perf_counter() - start
import json
told = json.loads(clear.stdout.read())
equal(0, clear.returncode)
grown = resident() - memory
equal({"entries": count, "directories": (count + each - 1) // each, "left": 0}, told)

# Everything shows it at once.
start = time.perf_counter()
equal([], os.listdir("tagged"))
listed = time.perf_counter() - start
for path in known:
    check(not os.path.exists(path), path, "is still there")
check(os.stat("tagged").st_mtime_ns > mtime, "the directory's time has not changed")
equal(count, stats()["deletes"] - deletes)
equal(1005, stats()["items"])
put("tagged/new", b"new")
equal(b"new", get("tagged/new"))
phases = [("before", before), ("meanwhile", during)]
if goals: # how much of it is that others want the processors
    busy = [subprocess.Popen(["sh", "-c", "while :; do :; done"]) for _ in range(2)]
    end = time.monotonic() + 3
    phases.append(("beside two that compute", times(lambda: time.monotonic() > end)))
    for process in busy:
        process.kill()
        process.wait()
for operation in "get", "set":
    for what, taken in [(what, taken[operation]) for what, taken in phases]:
        print(f"{operation} {what}: {percentile(taken, .5):.0f} µs, 99th percentile {percentile(taken, .99):.0f} µs, "
              f"at most {percentile(taken, 1):.0f} µs ({len(taken)})")
subprocess.run([larder, "clear", "other"], check=True, stdout=subprocess.DEVNULL)
equal(1, stats()["items"])
print(f"{count} entries cleared in {took:.2f} s; the daemon grew by {grown:.0f} MiB; listed in {listed * 1000:.1f} ms")
if goals:
    check(took < 30, "took", took, "s")
    check(percentile(during["get"], .5) < 1.25 * percentile(before["get"], .5), "others were slower")
    check(percentile(during["get"], .99) < 2000, "others were held up")
END
