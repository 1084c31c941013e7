#!/bin/bash
# SPDX-License-Identifier: MIT
# push --front, pull --back and peek --back: the other end of a queue, with every item still to one.
. "$(dirname "$0")/../lib/mount.sh"
mount_larder
cd "$mnt"
items() { "$larder" pull "$@" --lines -n 1000; }

"$larder" push q b
"$larder" push q a --front
"$larder" push q c
equal "the front" a "$("$larder" peek q)"
equal "the back" c "$("$larder" peek q --back)"
equal "in order" "a${newline}b${newline}c" "$(items q)"
"$larder" push q first --front
equal "into an empty one" first "$("$larder" pull q --back)"
! "$larder" pull q --back || fail "there was one more"
! "$larder" peek q --back || fail "there was one more"
! "$larder" pull none --back || fail "there was a queue"

seq 5 | "$larder" push q --lines --front --ttl 1h
equal "lines, each to the front" "$(seq 5 -1 1)" "$(items q)"
seq 500 | "$larder" push q --lines
equal "some from the back" "$(seq 500 -1 491)" "$("$larder" pull q --back --lines -n 10)"
equal "one from the front" 1 "$("$larder" pull q)"
touch q/zzz-no-item
equal "the rest from the back" "$(seq 490 -1 2)" "$(items q --back)"
rm q/zzz-no-item

"$larder" pull q --back --wait --timeout 20s >"$work/got" &
puller=$!
"$larder" push q late
wait $puller
equal "who waits at the back gets what comes" late "$(cat "$work/got")"

# A queue turned upside down, and a ring turned by one.
seq 4 | "$larder" push q --lines
"$larder" pull q --back | "$larder" push q --front
equal "turned by one" "4 1 2 3" "$(echo $(items q))"

# 2 push at each end and 2 take at each: each item to one.
for i in 1 2 3 4; do
    end=(); [ $((i % 2)) = 0 ] || end=(--back)
    "$larder" pull many --wait --timeout 20s -n 100 --lines "${end[@]}" >"$work/pulled$i" &
    pullers[i]=$!
done
for i in 1 2 3 4; do
    end=(); [ $((i % 2)) = 0 ] || end=(--front)
    seq -f "$i %.0f" 100 | "$larder" push many --lines "${end[@]}" &
    pushers[i]=$!
done
for pid in "${pushers[@]}" "${pullers[@]}"; do wait "$pid"; done
cat "$work"/pulled? | sort >"$work/pulled"
for i in 1 2 3 4; do seq -f "$i %.0f" 100; done | sort >"$work/pushed"
cmp "$work/pushed" "$work/pulled" || fail "not each once"
cd /
