#!/bin/bash
# SPDX-License-Identifier: MIT
# incr and decr lose nothing, whoever adds at once, and refuse what is no number; what they change is seen at once, and
# who has the file open keeps what it has. Of many who pop an entry, one gets it.
#
# numbers_add_up.sh [PROCESSES [TIMES]]: 8 and 500, and so many adds of each.
. "$(dirname "$0")/../lib/mount.sh"
mount_larder
cd "$mnt"

says() { # WHAT COMMAND...
    equal "${*:2}" "$1" "$("$larder" "${@:2}")"
}

says 1 incr n
says 6 incr n 5
says -4 decr n 10
says -3 incr n
equal "the file" -3 "$(cat n)"
equal "its size" 2 "$(stat -c %s n)"
says 101 incr from --default 100
says 12 decr -p new/dir/n 3 --default 15 --ttl 1h --tag counters
equal "ttl of a new one" 3600 "$(xattr new/dir/n user.ttl)"
equal "tags of a new one" counters "$(xattr new/dir/n user.tags)"
expires=$(xattr new/dir/n user.expires)
says 13 incr new/dir/n --ttl 5m
equal "its lifetime stays" 3600 "$(xattr new/dir/n user.ttl)"
equal "its deadline stays" "$expires" "$(xattr new/dir/n user.expires)"
echo 41 >line
says 42 incr line
equal "a newline stays" 42$'\n'. "$(cat line && echo .)"
for text in x 1x 1.5 '' ' 1' +1 0x10 '1 2' 9223372036854775808 -; do
    printf %s "$text" >bad
    exits 3 incr bad
    equal "'$text' is no number, and stays" "$text" "$(cat bad)"
done
echo 9223372036854775807 >max
exits 3 incr max
says 9223372036854775806 decr max
exits 3 decr new/none 1 --default -9223372036854775808
miss new/none
exits 2 incr n 1.5
exits 2 incr n 99999999999999999999
exits 3 incr "$work/n"
exits 3 incr new
ln -s n link
says -2 incr link
chmod 0444 n
[ "$(id -u)" = 0 ] || exits 3 incr n
chmod 0644 n

says -2 pop n
miss n
exits 1 pop n
exits 1 pop no/such
exits 3 pop new
head -c 3000000 /dev/urandom >"$work/large"
cp "$work/large" large
"$larder" pop large | cmp - "$work/large"
miss large

processes=${1-8} times=${2-500} python3 - <<'END'
from larder_test import *
import fcntl, json
ADD, TAKE = 0xc010e602, 0xe603
PROCESSES, TIMES = int(os.environ["processes"]), int(os.environ["times"])

def add(fd, by):
    return struct.unpack("qq", fcntl.ioctl(fd, ADD, struct.pack("qq", by, 0)))[1]

# Every sum once, by descriptors that are opened once and by such that are opened for each.
put("sum", b"0")
def work_of(i):
    last = 0
    if i % 2:
        with open_fd("sum", os.O_RDWR) as fd:
            for _ in range(TIMES):
                now = add(fd, 1)
                check(now > last, now, "after", last)
                last = now
        return
    for _ in range(TIMES):
        while True:
            with open_fd("sum", os.O_RDWR) as fd:
                try:
                    now = add(fd, 1)
                except BlockingIOError:
                    continue
            break
        check(now > last, now, "after", last)
        check(int(get("sum")) >= now, "read your writes")
        check(os.stat("sum").st_size >= len(str(now)), "the size is of an older one")
        last = now
started = time.monotonic()
processes(PROCESSES, work_of)
print(f"{PROCESSES} processes, {TIMES} each: {PROCESSES * TIMES / (time.monotonic() - started):.0f} adds/s")
equal(b"%d" % (PROCESSES * TIMES), get("sum"), "the sum")
equal(len(get("sum")), os.stat("sum").st_size, "its size")

# Who has it open keeps what it has; stat and others see the new one.
put("open", b"9")
os.stat("open")
with open_fd("open", os.O_RDONLY) as reader, open_fd("open", os.O_RDWR) as fd:
    equal(b"9", os.pread(reader, 10, 0))
    equal(10, add(fd, 1))
    equal(b"9", os.pread(reader, 10, 0), "an open one")
    equal(b"10", get("open"))
    equal(2, os.stat("open").st_size)
    equal(11, add(fd, 1))
    equal(b"9", os.pread(reader, 10, 0), "an open one")
    equal(b"11", get("open"))
    put("open", b"20")
    equal(21, add(fd, 1), "after a set")
    os.rename("open", "moved")
    equal(22, add(fd, 1), "after a rename")
    equal(b"22", get("moved"))
    os.unlink("moved")
    refused(errno.EAGAIN, add, fd, 1)
    equal(None, get("moved"))
with open_fd("sum", os.O_RDONLY) as fd:
    refused(errno.EBADF, add, fd, 1)
    refused(errno.EBADF, fcntl.ioctl, fd, TAKE)
    refused(errno.ENOTTY, fcntl.ioctl, fd, 0x5401)

# One adds by live writes meanwhile: appended digits are not lost.
put("live", b"1\n")
with open_fd("live", os.O_WRONLY | os.O_APPEND) as writer, open_fd("live", os.O_RDWR) as fd:
    os.write(writer, b" ")
    equal(2, add(fd, 1))
    equal(b"2\n ", get("live"))

# Who writes live again and again does not hold up who adds for long; what it is told is true.
put("contended", b"0")
def contend(i):
    end = time.monotonic() + 1
    while i > 0 and time.monotonic() < end:
        try:
            with open_fd("contended", os.O_WRONLY) as fd:
                for _ in range(100):
                    os.pwrite(fd, b"0", 0)
        except OSError as error: # it is replaced more often than Linux looks again
            equal(errno.ESTALE, error.errno)
    fd = os.open("contended", os.O_RDWR) if i == 0 else None
    added = busy = 0
    while i == 0 and time.monotonic() < end:
        started = time.monotonic()
        try:
            add(fd, 1)
            added += 1
        except OSError as error:
            equal(errno.EBUSY, error.errno)
            busy += 1
        check(time.monotonic() - started < 5, "held up for", time.monotonic() - started)
    if i == 0:
        print(f"beside live writers: {added} times added, {busy} times busy")
        check(added + busy > 0)
processes(5, contend)
add_fd = os.open("contended", os.O_RDWR)
before = int(get("contended"))
equal(before + 1, add(add_fd, 1), "when they are done")
os.close(add_fd)

# Of many who take, one does; and nothing that is set meanwhile is lost.
taken = f"{work}/taken"
def take(i):
    log = os.open(taken, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    for n in range(TIMES):
        if i == 0:
            put("prize", b"%d" % n)
        try:
            fd = os.open("prize", os.O_RDWR)
        except FileNotFoundError:
            continue
        try:
            fcntl.ioctl(fd, TAKE)
            os.write(log, os.read(fd, 20) + b"\n")
        except BlockingIOError:
            pass
        os.close(fd)
processes(PROCESSES, take)
values = [int(line) for line in open(taken)]
equal(len(set(values)), len(values), "each taken once")
left = get("prize")
check(left is None or int(left) == TIMES - 1, "what is left is the last:", left)
check(TIMES - 1 in values or left is not None, "the last one is lost")

# What it costs. (To ask for that by open() would cost one more, for whether it is a terminal.)
def requests():
    return json.loads(get(".larder/stats.json"))["requests"]
put("cost", b"0")
with open_fd("cost", os.O_RDWR) as fd:
    add(fd, 1)
    before, started = requests(), time.monotonic()
    for _ in range(TIMES):
        add(fd, 1)
    each = (time.monotonic() - started) / TIMES
    after = requests()
print(f"an add: {each * 1e6:.1f} us")
equal(TIMES, after["IOCTL"] - before.get("IOCTL", 0), "one message each")
END

if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
    cd /
    remount -o allow_other
    chmod 755 "$work" "$mnt" && mkdir "$mnt/theirs" && chmod 755 "$mnt/theirs"
    cd "$mnt"
    echo 5 >theirs/n && chmod 666 theirs/n
    as_other() { setpriv --reuid=12345 --regid=12345 --clear-groups "$larder" "$@"; }
    equal "may write the file" 6 "$(as_other incr theirs/n)"
    refused "Permission denied" as_other pop theirs/n
    chmod 1777 theirs
    refused "not permitted" as_other pop theirs/n
    chmod 644 theirs/n && chmod 777 theirs
    refused "Permission denied" as_other incr theirs/n
    refused "Permission denied" as_other pop theirs/n
    chmod 666 theirs/n
    equal "may write both" 6 "$(as_other pop theirs/n)"
fi
cd /
