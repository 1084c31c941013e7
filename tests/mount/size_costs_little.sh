#!/bin/bash
# SPDX-License-Identifier: MIT
# What many entries cost: the time to open after a clean end, memory, a listing, renaming a directory with many in it. It prints
# each figure beside its goal, and fails where one is missed.
#
#     size_costs_little.sh [ENTRIES [READS]]    10000000: the size the goals are stated for. READS are gets of different names
. "$(dirname "$0")/../lib/mount.sh"
needs_disk
entries=${1:-100000} reads=${2:-10000}
[ -z "$sanitized" ] || skip "sanitizers use memory of their own"
half=$((entries / 2)) million=$((entries / 10))
"$helpers/fill" "$store" ten=10 many=$half million=$million others=$((entries - half - million))
missed=0

# figure WHAT VALUE LIMIT UNIT
figure() {
    local verdict=met
    [ "$2" -le "$3" ] || { verdict=MISSED && missed=1; }
    printf '%-50s %10d %10d %-4s %s\n' "$1" "$2" "$3" "$4" "$verdict"
}

resident() { # [Rss|Hwm]: KiB
    awk -v what="^Vm${1-RSS}:" '$0 ~ what { print $2 }' "/proc/$daemon/status"
}

now_us() {
    local now=$EPOCHREALTIME
    echo "${now/./}"
}

printf '%-50s %10s %10s\n' "$entries entries" figure goal
began=$(now_us)
mount_larder -o size=64G,cache=64M
figure "open after a clean end" $((($(now_us) - began) / 1000)) 2000 ms
budget=$(((64 << 10) + (64 << 10) + entries * 8 / 1024))
figure "resident after opening" "$(resident)" $budget KiB

before=$(resident)
equal "names listed" $((half + 2)) "$(ls -f "$mnt/many" | wc -l)"
figure "more of it while listing, a full cache included" $(($(resident HWM) - before)) $((128 << 10)) KiB

# Both in turn; the median of 20.
for ((i = 0; i < 20; i++)); do
    for dir in ten million; do
        began=$(now_us)
        mv -T "$mnt/$dir" "$mnt/$dir.moved"
        echo $(($(now_us) - began)) >>"$work/$dir"
        mv -T "$mnt/$dir.moved" "$mnt/$dir"
    done
done
median() { sort -n "$1" | sed -n 10p; }
figure "renaming a directory with $million entries" "$(median "$work/million")" $(($(median "$work/ten") * 2)) us

python3 - $half $reads <<'END'
from larder_test import *
import random
names = random.Random(1).sample(range(int(sys.argv[1])), int(sys.argv[2]))
for name in names:
    check(len(get(f"many/{name}")) == 100, "a get has another value")
END
figure "resident after $reads gets" "$(resident)" $budget KiB
[ $missed -eq 0 ] || fail "a goal is missed"
