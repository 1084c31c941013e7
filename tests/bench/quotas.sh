#!/bin/bash
# SPDX-License-Identifier: MIT
# quotas.sh [ROUNDS [MS]] - what limits of directories cost all: gets and sets a second of 8 processes without any, and with 1,
# 100 and 1,000 directories that have limits, of which the processes use the first eight. Each has a mount of its own; they
# take turns within a round. Prints medians and what they are of those without limits. By hand, after a build in build/:
# tests/bench/quotas.sh
. "$(dirname "$0")/../lib/mount.sh"
load=${helpers%/mount}/bench/quota_load
rounds=${1-15} ms=${2-200}
counts=(0 1 100 1000)
for count in "${counts[@]}"; do
    store=$work/store$count mnt=$work/mnt$count
    mkdir "$mnt"
    mount_larder
    pid[count]=$daemon
    for ((i = 0; i < (count > 8 ? count : 8); i++)); do mkdir -p "$mnt/q/$i"; done
    if [ "$count" = 1 ]; then
        setfattr -n user.limit.bytes -v 100M "$mnt/q"
    elif [ "$count" -gt 1 ]; then
        setfattr -n user.limit.bytes -v 100M "$mnt"/q/*
    fi
done
# What the daemon has had of the processors so far, in hundredths of a second.
ticks() {
    local -a stat
    read -ra stat <"/proc/${pid[$1]}/stat"
    echo $((stat[13] + stat[14]))
}
for ((round = 0; round < rounds; round++)); do
    for kind in get set; do
        for count in "${counts[@]}"; do
            before=$(ticks "$count")
            "$load" $kind "$ms" "$work/mnt$count"/q/{0..7} >>"$work/$kind.$count"
            echo $(($(ticks "$count") - before)) >>"$work/$kind.$count.ticks"
        done
    done
done
# Of an operation, in microseconds.
cost() {
    paste "$work/$1.$2" "$work/$1.$2.ticks" | awk -v ms="$ms" '{ done += $1 * ms / 1000; used += $2 }
        END { printf "%.1f\n", used * 10000 / done }'
}
median() { sort -n | sed -n "$((rounds / 2 + 1))p"; }
share() { paste "$work/$1.$2" "$work/$1.0" | awk '{ printf "%.0f\n", 100 * $1 / $2 }' | median; }
printf '%8s %10s %10s %8s %8s %8s %8s\n' limits gets/s sets/s gets sets us/get us/set
for count in "${counts[@]}"; do
    printf '%8s %10s %10s %7s%% %7s%% %8s %8s\n' "$count" "$(median <"$work/get.$count")" "$(median <"$work/set.$count")" \
        "$(share get "$count")" "$(share set "$count")" "$(cost get "$count")" "$(cost set "$count")"
done
for count in "${counts[@]}"; do fusermount3 -u "$work/mnt$count"; done
for daemon in "${pid[@]}"; do wait "$daemon"; done
daemon=
