#!/bin/bash
# SPDX-License-Identifier: MIT
# What has expired, was evicted or removed leaves nothing behind in the kernel: opening it is a miss at once, and so is
# stat, which the kernel answers by itself, soon after.
. "$(dirname "$0")/../lib/mount.sh"
mount_larder -o size=2M,items=200
cd "$mnt"

# known NAME...: the kernel knows them, and may answer for them.
known() {
    cat "$@" >/dev/null
    stat "$@" >/dev/null
}

no_stat() {
    ! stat "$1" >/dev/null 2>&1
}

# Expiry, of a lifetime that was there before the kernel was told, and of one that was set later.
mkdir brief
setfattr -n user.ttl -v 300ms brief
for name in brief/a brief/b later; do echo value >$name; done
known brief/a brief/b later
setfattr -n user.ttl -v 200ms later
python3 - <<'END'
from larder_test import *

deadline = time.monotonic() + 10
for name in "brief/a", "brief/b", "later":
    while get(name) is not None:
        check(time.monotonic() < deadline, name, "does not expire")
    # Opening is exact; what stat sees may be told to the kernel a moment later.
    wait_until(2, lambda: not os.path.exists(name))
END

# Eviction: of 400 entries 200 can stay.
for ((i = 0; i < 400; i++)); do
    echo $i >e$i
    known e$i
done
evicted=0
for ((i = 0; i < 400; i++)); do
    cat e$i >/dev/null 2>&1 && continue
    evicted=$((evicted + 1))
    wait_until 2 no_stat e$i
done
[ $evicted -ge 200 ] || fail "only $evicted of 400 were evicted"

# Removal and replacement by another process need no notice: the kernel knows of them.
echo old >k
known k
bash -c 'rm k'
refused "No such file" cat k
refused "No such file" stat k
