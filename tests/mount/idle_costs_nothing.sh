#!/bin/bash
# SPDX-License-Identifier: MIT
# A mount that nobody uses, but that was used, takes no processor time: nothing polls, nothing ticks.
# idle_costs_nothing.sh [SECONDS]: for how long it is watched; 60 makes it the figure of the README.
. "$(dirname "$0")/../lib/mount.sh"
seconds=${1:-3}
mount_larder

# Nanoseconds on a processor, of all threads.
used_ns() {
    cat "/proc/$daemon"/task/*/schedstat | awk '{ sum += $1 } END { printf "%d", sum }'
}

# Clock ticks: user and system time as ps shows it.
ticks() {
    sed 's/.*) //' "/proc/$daemon/stat" | awk '{ print $12 + $13 }'
}

# One caller, so that over /dev/fuse a thread sits near it; then many at once, of which some wait.
python3 - <<'END'
from larder_test import *
for n in range(2000):
    put(f"f{n % 50}", b"value")
    get(f"f{n % 50}")

def work_of(i):
    for n in range(200):
        put(f"g{n % 5}", b"value")
        get(f"g{n % 5}")

processes(4, work_of)
END

settled() { # what is under way, as in RocksDB, has ended: nothing for a tenth of a second
    local before
    before=$(used_ns)
    sleep 0.1
    [ "$(used_ns)" = "$before" ]
}
wait_until 20 settled

before=$(used_ns) ticks_before=$(ticks)
sleep "$seconds"
echo "in $seconds s: $(($(used_ns) - before)) ns on a processor, $(($(ticks) - ticks_before)) clock ticks"
equal "clock ticks" "$ticks_before" "$(ticks)"
[ $(($(used_ns) - before)) -lt $((seconds * 200000)) ] || fail "it used more than 0.02 % of a processor"
