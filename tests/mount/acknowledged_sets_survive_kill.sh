#!/bin/bash
# SPDX-License-Identifier: MIT
# What a writer was told is stored is there after kill -9 of the daemon in the middle of everything, and nothing is torn.
. "$(dirname "$0")/../lib/mount.sh"
needs_disk

cat >"$work/write.py" <<'END'
from larder_test import *

# Each process sets its keys to growing numbers and notes, elsewhere, what was acknowledged, until the mount is gone.
def write(i):
    note = open(f"{work}/notes{i}", "a", buffering=1).write
    n = int(sys.argv[1]) * 100_000
    try:
        while True:
            n += 1
            key = f"{i}-{n % 20}"
            if n % 7 == 0 and os.path.exists(key):
                note(f"{key} going\n")
                os.unlink(key)
                note(f"{key} gone\n")
            value = b"%d " % n * (1 + n % 13 * 3000 if n % 5 == 0 else 1 + n % 13)
            if n % 3 == 0:
                put(f"{key}.new", value)
                os.rename(f"{key}.new", key)
            else:
                put(key, value)
            os.setxattr(key, "user.note", b"%d" % n)
            note(f"{key} {n}\n")
    except OSError as error:
        check(error.errno in (errno.ENOTCONN, errno.ECONNABORTED, errno.ECANCELED, errno.EIO), error)

processes(3, write)
END

cat >"$work/verify.py" <<'END'
from larder_test import *

number, state = {}, {}
for i in range(3):
    for line in open(f"{work}/notes{i}"):
        key, state[key] = line.split()
        if state[key].isdigit():
            number[key] = int(state[key])
for key, last in number.items():
    value = get(key)
    if value is None:
        check(not state[key].isdigit(), key, "is lost; acknowledged:", last)
        continue
    found = int(value.split()[0])
    equal(b"%d " % found * (1 + found % 13 * 3000 if found % 5 == 0 else 1 + found % 13), value, key, "is torn")
    check(found > last if state[key] == "gone" else found >= last, key, "went back to", found, "from", last, state[key])
    if found == last:
        equal(b"%d" % last, os.getxattr(key, "user.note"), "attribute of", key)
print(len(number), "keys")
END

for round in 1 2 3 4; do
    mount_larder
    [ $round = 1 ] || python3 "$work/verify.py"
    python3 "$work/write.py" $round &
    writers=$!
    written() { [ "$(cat "$work"/notes* 2>/dev/null | wc -l)" -ge $((round * 300)) ]; }
    wait_until 60 written
    kill_daemon
    wait $writers
done
mount_larder
python3 "$work/verify.py"
