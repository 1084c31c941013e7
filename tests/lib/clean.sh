#!/bin/bash
# SPDX-License-Identifier: MIT
# clean.sh PID DIR - waits until process PID is gone, then takes away what a test left in its directory DIR.
#
# mount.sh starts one beside every test, in a session of its own, so that also a test that was killed, or hangs in a
# mount that no longer answers, leaves no mount, no daemon and no file behind. Processes are told by DIR, a name that
# mktemp made up for this one test, in their command line.

processes_of() {
    grep -slFf - /proc/[0-9]*/cmdline <<<"$1/" | grep -o '[0-9]*'
}

mounts_below() {
    local place
    while read -r _ place _; do
        [[ $place != "$1"/* ]] || printf '%b\n' "$place"
    done </proc/self/mounts
}

tail --pid="$1" -s 0.2 -f /dev/null
[ -d "$2" ] || exit 0

mounts_below "$2" | while read -r place; do fusermount3 -uz "$place" 2>/dev/null || umount -l "$place"; done
for signal in TERM KILL KILL; do
    for pid in $(processes_of "$2"); do kill -s $signal "$pid"; done
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        [ -z "$(processes_of "$2")" ] && break 2
        sleep 0.3
    done
done
mounts_below "$2" | while read -r place; do fusermount3 -uz "$place" 2>/dev/null || umount -l "$place"; done
rm -rf --one-file-system "$2"
