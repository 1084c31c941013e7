#!/bin/bash
# SPDX-License-Identifier: MIT
# Programs in a pid namespace that the daemon cannot see into, as when it runs in a container, have no number for it. They
# set and get the same name at the same time all the same.
. "$(dirname "$0")/../lib/mount.sh"
needs_root
unshare --pid true 2>/dev/null || skip "no pid namespace of its own"
unshare --pid --fork --kill-child -- "$larder" mount "$store" "$mnt" -f \
    ${LARDER_TRANSPORT:+-o transport="$LARDER_TRANSPORT"} </dev/null >>"$work/daemon.log" 2>&1 &
unshare=$!
wait_until 30 test -e "$mnt/.larder/config"

python3 - <<'END' || { fusermount3 -uz "$mnt" && fail "see above"; }
from larder_test import *

SECONDS, WRITERS, READERS = 4, 2, 3
deadline = time.monotonic() + SECONDS


def value(n):
    return b"%06d" % n * (1 + n % 50)


def work_on(number):
    done = 0
    while time.monotonic() < deadline:
        if number < WRITERS:
            put("key", value(done))
        else:
            got = get("key")
            equal(value(int(got[:6])), got, "what was read")
        done += 1
    check(done > 100, "hardly anything was done:", done)


put("key", value(0))
processes(WRITERS + READERS, work_on)
END
cd /
fusermount3 -u "$mnt"
wait "$unshare" || fail "the daemon did not end well"
