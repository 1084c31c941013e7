#!/bin/bash
# SPDX-License-Identifier: MIT
# .larder/events: a line a set, delete, expiry and eviction, to everybody who reads it, in whatever way; a reader waits
# without keeping others from being served, stops when it is interrupted and at the end of the mount, and when it is slow
# it is told how much it has lost while the cache goes on.
. "$(dirname "$0")/../lib/mount.sh"
mount_larder -o size=4M,threads=4
cd "$mnt"
events=.larder/events

# begun FILE: its reader has its first line, and will hear of all that follows.
begun() {
    grep -q '"kind":"begin"' "$1"
}
# told FILE: kind and path of every line but the first.
told() {
    python3 -c '
import json, sys
for line in open(sys.argv[1]):
    event = json.loads(line)
    if event.get("kind") != "begin":
        print(event.get("kind"), event.get("path"), event.get("size", ""))' "$1"
}

cat $events >"$work/cat" &
cat=$!
tail -f $events >"$work/tail" &
tail=$!
wait_until 10 begun "$work/cat"
wait_until 10 grep -q . /proc/$tail/wchan # it runs
follows() { # its descriptor does not block any more: it has begun to follow
    grep -q '^flags:.*4000$' /proc/$tail/fdinfo/3 2>/dev/null
}
wait_until 10 follows

miss_odd() {
    ! [ -e $'odd\n"\\' ]
}
mkdir -p users/deep
printf hello >users/deep/ada
printf ' world' >>users/deep/ada
mv users/deep/ada users/ada
printf x >$'odd\n"\\'
setfattr -n user.ttl -v 50ms $'odd\n"\\'
wait_until 10 miss_odd
rm users/ada
printf gone >users/deep/late
rm -r users
cat >"$work/expected" <<'END'
set users/deep/ada 5
set users/deep/ada 11
delete users/deep/ada 
set users/ada 11
END
has_all() {
    grep -q '"kind":"delete","path":"users/deep/late"' "$1"
}
wait_until 20 has_all "$work/cat"
wait_until 20 has_all "$work/tail"
told "$work/cat" >"$work/told"
head -4 "$work/told" | diff "$work/expected" -
grep -qx 'delete users/ada 11' "$work/told" || fail "the delete is not told"
grep -qx 'set users/deep/late 4' "$work/told" || fail "a set in a directory that is gone is not told with its path"
wait_until 10 grep -q '"kind":"expire","path":"odd\\u000a\\"\\\\"' "$work/cat"
diff <(tail -n +2 "$work/cat") <(grep -v '"begin"' "$work/tail")

for i in {1..6}; do head -c 1M /dev/zero >big-"$i"; done
wait_until 10 grep -q '"kind":"evict","path":"big-1"' "$work/cat"

# What went by itself is told late, perhaps behind a newer set of the name: it says which version it was, and the kernel
# goes on knowing the newer one.
python3 - <<'END'
import json, os, select, time
fd = os.open(".larder/events", os.O_RDONLY | os.O_NONBLOCK)
assert b'"begin"' in os.read(fd, 1 << 16)


def events(until):
    """Those of the next moments, up to the one that `until` wants."""
    end, text, found = time.monotonic() + 10, b"", []
    while time.monotonic() < end:
        select.select([fd], [], [], 0.1)
        try:
            text += os.read(fd, 1 << 16)
        except BlockingIOError:
            pass
        *lines, text = text.split(b"\n")
        found += map(json.loads, lines)
        if any(map(until, found)):
            return found
    raise SystemExit(f"not told: {found}")


def lookups():
    return json.load(open(".larder/stats.json"))["requests"].get("LOOKUP", 0)


def write(name, value):
    with open(name, "w") as file:
        file.write(value)


# So many that the last of them is set again before the background work has come to it.
COUNT, ROUNDS = 200, 10
os.mkdir("tagged")
os.setxattr("tagged", "user.tags", b"many")
late = forgotten = 0
for round in range(ROUNDS):
    names = [f"tagged/{round}-{i}" for i in range(COUNT)]
    name = names[-1]
    for each in names:
        write(each, "old")
    sets = events(lambda event: event["kind"] == "set" and event["path"] == name)
    old = sets[-1]["version"]
    os.rmdir(".larder/tags/many")
    write(name, "newer")
    os.stat(name)
    before = lookups()
    told = [event for event in events(lambda event: event["kind"] == "invalidate" and event["path"] == name)
            if event["path"] == name]
    kinds = [event["kind"] for event in told]
    gone = told[kinds.index("invalidate")]
    assert (gone["size"], gone["version"]) == (3, old), told
    if "set" not in kinds[:kinds.index("invalidate")]:
        continue # it was quicker
    assert told[kinds.index("set")]["version"] > old, told
    late += 1
    time.sleep(0.01) # the kernel may be told after the line
    assert os.stat(name).st_size == 5
    forgotten += lookups() > before
print(f"told late {late} times of {ROUNDS}, and {forgotten} times the kernel forgot the newer one")
assert forgotten <= late / 2
END
for kind in evict expire invalidate; do
    ! grep "\"kind\":\"$kind\"" "$work/cat" | grep -v '"version":[1-9]' || fail "$kind is told without a version"
done

# Many readers that wait; others are served all the same, and each hears of it.
readers=()
for i in {1..40}; do
    cat $events >"$work/reader-$i" &
    readers+=($!)
done
for i in {1..40}; do wait_until 10 begun "$work/reader-$i"; done
printf 1 >one
equal "get while 40 wait" 1 "$(cat one)"
for i in {1..40}; do wait_until 10 grep -q '"path":"one"' "$work/reader-$i"; done

# Interrupted, killed, in the middle of a read: they are gone, and what they asked is forgotten.
kill -HUP "${readers[@]:0:10}"
kill -9 "${readers[@]:10:10}" "$tail"
kill "${readers[@]:20}"
for pid in "${readers[@]}" "$tail"; do
    wait_until 10 eval "! kill -0 $pid 2>/dev/null"
done
wait "${readers[@]}" "$tail" 2>/dev/null || true

# A shell's read, poll and O_NONBLOCK.
exec 4<$events
read -r -u 4 line
[[ $line == *begin* ]]
for i in 1 2 3; do printf $i >shell-$i; done
for i in 1 2 3; do
    read -r -u 4 line
    [[ $line == *\"shell-$i\"* ]] || fail "read got $line for shell-$i"
done
exec 4<&-
python3 - <<'END'
import os, select, threading
fd = os.open(".larder/events", os.O_RDONLY | os.O_NONBLOCK)
assert select.select([fd], [], [], 0)[0], "the first line is there"
assert b'"begin"' in os.read(fd, 4096)
try:
    os.read(fd, 4096)
    raise SystemExit("read without anything to read did not say EAGAIN")
except BlockingIOError:
    pass
assert not select.select([fd], [], [], 0.05)[0], "select found something"
poller = threading.Thread(target=lambda: open("polled", "w").close())
poller.start()
assert select.select([fd], [], [], 20)[0], "select was not told"
assert b'"polled"' in os.read(fd, 4096)
poller.join()
regular = select.poll()
file = open("one")
regular.register(file)
assert regular.poll(0)[0][1] & select.POLLIN, "a value can always be read"
END

# A slow reader loses lines, the cache does not wait for it, and lines and losses together are all that happened.
python3 - <<'END'
import json, os
fd = os.open(".larder/events", os.O_RDONLY | os.O_NONBLOCK)
stream = os.read(fd, 1 << 16)
for i in range(20000):
    os.close(os.open(f"n{i % 100}", os.O_CREAT | os.O_WRONLY | os.O_TRUNC))
while True:
    try:
        stream += os.read(fd, 1 << 16)
    except BlockingIOError:
        break
lines = [json.loads(line) for line in stream.splitlines()]
lost = sum(line.get("lost", 0) for line in lines)
sets = sum(line.get("kind") == "set" for line in lines)
assert lost > 10000, lost
assert lost + sets == 20000, (lost, sets)
END

# Others may not read it. At the end of the mount who waits gets the end of the file.
if [ "$(id -u)" = 0 ]; then
    equal "mode" 400 "$(stat -c %a $events)"
fi
kill "$cat" 2>/dev/null
wait "$cat" || true
cat $events >"$work/last" &
last=$!
wait_until 10 begun "$work/last"
cd /
kill "$daemon"
status=0
wait "$last" || status=$?
equal "a reader at the end of the mount" 0 $status
wait "$daemon"
daemon=
