#!/bin/bash
# SPDX-License-Identifier: MIT
# An entry is there until its deadline and gone from then on, to the millisecond, for every way of looking, though it
# was looked at all the time and the kernel would gladly remember it.
. "$(dirname "$0")/../lib/mount.sh"
mount_larder
cd "$mnt"

# As a person sees it.
echo value >f
start=$(date +%s%N)
setfattr -n user.ttl -v 2s f
end=$(date +%s%N)
ms_since() { echo $((($(date +%s%N) - $1) / 1000000)); }
while [ "$(ms_since "$start")" -lt 1900 ]; do
    found=$(cat f && stat -c %s f && ls) || found=none
    [ "$(ms_since "$start")" -lt 2000 ] || break # too slow a machine to say
    equal "before its time is up" $'value\n6\nf' "$found"
done
until [ "$(ms_since "$end")" -ge 2000 ]; do :; done
miss f

# To the millisecond, by the clock: 0.4 s, many times over, looked at from one process that never rests.
python3 - <<'END'
from larder_test import *

now = time.time
MS = 0.001

def look_open(name):
    try:
        os.close(os.open(name, os.O_RDONLY))
        return True
    except FileNotFoundError:
        return False

def look_stat(name):
    return os.path.lexists(name)

def look_list(name):
    return name in os.listdir(".")

def look_scan(name):
    """As ls -l looks."""
    for entry in os.scandir("."):
        if entry.name == name:
            try:
                entry.stat(follow_symlinks=False)
                return True
            except FileNotFoundError:
                return False
    return False

def lives(name, first, last, look):
    """Looks until it is gone; it must be there before `first`, and not be there after `last`."""
    while True:
        before = now()
        there = look(name)
        after = now()
        if there:
            check(before <= last + MS, f"{look.__name__}: still there {(before - last) * 1e3:.1f} ms past its deadline")
        else:
            check(after >= first - MS, f"{look.__name__}: gone {(first - after) * 1e3:.1f} ms before its deadline")
            break
    for other in look_open, look_stat, look_list, look_scan:
        check(not other(name) or now() < first, "gone, but there for", other.__name__)

for round in range(3):
    for look in look_open, look_stat, look_list, look_scan:
        put("f", b"value" * (1 if round else 20_000))
        before = now()
        os.setxattr("f", "user.ttl", b"400ms")
        after = now()
        lives("f", before + 0.4, after + 0.4, look)
        refused(errno.ENOENT, os.unlink, "f")

# An open handle reads on; a link and a deadline set by user.expires end as exactly.
put("f", b"value" * 50_000)
os.setxattr("f", "user.ttl", b"200ms")
with open_fd("f", os.O_RDONLY) as fd:
    time.sleep(0.25)
    equal(None, get("f"))
    equal(b"value" * 50_000, os.pread(fd, 1 << 20, 0), "by the handle, after its end")
put("f", b"x")
deadline = int((now() + 0.3) * 1000) / 1000
os.setxattr("f", "user.expires", time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(deadline)).encode() + b".%03dZ" % (round_ms := int(deadline * 1000) % 1000))
lives("f", deadline, deadline, look_stat)
END
