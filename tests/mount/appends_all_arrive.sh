#!/bin/bash
# SPDX-License-Identifier: MIT
# Lines appended by several processes at once are all there, whole, each process's in its order.
. "$(dirname "$0")/../lib/mount.sh"
mount_larder
cd "$mnt"

for writer in 1 2 3 4; do
    for ((i = 0; i < 500; i++)); do echo "$writer $i $i $i $i"; done >>log &
    writers+=($!)
done
for pid in "${writers[@]}"; do wait "$pid"; done
equal "lines" 2000 "$(wc -l <log)"
for writer in 1 2 3 4; do
    diff <(for ((i = 0; i < 500; i++)); do echo "$writer $i $i $i $i"; done) <(grep "^$writer " log) >&2 ||
        fail "writer $writer's lines are not as it wrote them"
done

# Each with an open and close of its own, as a shell's >> in a loop.
for writer in 1 2 3; do
    for ((i = 0; i < 100; i++)); do echo "$writer $i" >>each; done &
    each+=($!)
done
for pid in "${each[@]}"; do wait "$pid"; done
equal "lines" 300 "$(sort -u each | wc -l)"

# A follower sees a line as soon as it was written.
exec 3>>log 4<log
tail -n +1 <&4 >/dev/null
echo last >&3
equal "what a reader at the end gets" last "$(cat <&4)"
exec 3>&- 4<&-
