#!/bin/bash
# SPDX-License-Identifier: MIT
# The first reader of a small value gets it with the answer to its open: the kernel never asks to read. What it was given
# is what is there, also while the value is appended to.
. "$(dirname "$0")/../lib/mount.sh"
mount_larder -d

# messages NAME: how many of a kind the daemon has received.
messages() {
    grep -c "opcode: $1 " "$work/daemon.log" || true
}

head -c 16384 /dev/urandom >"$work/small"
head -c 200000 /dev/urandom >"$work/large"
printf x >"$work/byte"
cp "$work/small" "$work/large" "$work/byte" "$mnt"
: >"$mnt/empty"

before=$(messages READ)
for name in small byte empty; do cmp "$work/$name" "$mnt/$name" 2>/dev/null || [ $name = empty ]; done
equal "READs for small values" "$before" "$(messages READ)"
[ ! -s "$mnt/empty" ]
cmp "$work/large" "$mnt/large"
[ "$(messages READ)" -gt "$before" ] || fail "the check sees no READ"

# Again, out of the page cache; and after an overwrite the new value.
before=$(messages READ)
cmp "$work/small" "$mnt/small"
cmp "$work/large" "$mnt/large"
equal "READs of what was read before" "$before" "$(messages READ)"
printf y >"$mnt/byte"
equal "after an overwrite" y "$(cat "$mnt/byte")"
equal "READs after an overwrite" "$before" "$(messages READ)"

# Who comes for a value that is appended to must not keep what it was before.
unmount_larder
mount_larder
python3 - <<'END'
from larder_test import *

def work(i):
    for n in range(400):
        if i > 0:
            value = get(f"log{n % 3}")
            check(value is None or (len(value) % 10 == 0 and b"\0" not in value), "out of place", value)
            continue
        name = f"log{n // 8 % 3}" # eight lines to one after the other
        if n % 8 == 0 and n >= 24:
            os.unlink(name) # so that the next reader is a first one
        with open_fd(name, os.O_WRONLY | os.O_CREAT | os.O_APPEND) as fd:
            os.write(fd, b"%09d\n" % n)
        check(get(name).endswith(b"%09d\n" % n), "its own line is not there", n)

processes(3, work)
END
