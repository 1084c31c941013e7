#!/bin/bash
# SPDX-License-Identifier: MIT
# push, pull and peek: in order, and every item to exactly one of several who pull.
#
# queue_items_go_to_one.sh [ITEMS]: 4 push and 4 pull so many in all; 2000.
. "$(dirname "$0")/../lib/mount.sh"
mount_larder
cd "$mnt"

exits 1 pull q
exits 1 peek q
exits 0 push q one
printf 'two\nlines' | "$larder" push q
seq 3 12 | "$larder" push q --lines --ttl 1h
equal "the first" one "$("$larder" peek q)"
equal "the first, taken" one "$("$larder" pull q)"
equal "the second" $'two\nlines' "$("$larder" pull q)"
equal "the rest, in order" "$(seq 3 7)" "$("$larder" pull q -n 5 --lines)"
[ "$(ls q | wc -l)" = 5 ] || fail "not 5 left: $(ls q)"
mkdir q/00000000000000000000
touch q/a-file
equal "what is no item is left alone" "$(seq 8 12)" "$("$larder" pull q -n 100 -l)"
exits 1 pull q
exits 1 pull q --wait --timeout 30ms
exits 2 push q x --lines
exits 2 pull q -n 0
exits 3 push q/a-file x
exits 3 pull q/a-file
exits 3 push "$work/q" x
head -c 3000000 /dev/urandom >"$work/large"
"$larder" push q <"$work/large"
"$larder" pull q | cmp - "$work/large"

# Who has locked the directory for something else holds nobody up for long.
"$larder" push q one
exec 5<q
flock 5
equal "while it is locked" one "$("$larder" pull q --wait --timeout 10s)"
exec 5<&-

# Who waits gets what comes; what is still being written has not.
"$larder" pull new/q --wait >"$work/got" &
puller=$!
wait_until 10 test -d new/q
exec 4> >("$larder" push new/q)
echo half >&4
"$larder" push new/q whole
wait $puller
equal "what the waiting one got" whole "$(cat "$work/got")"
exec 4>&-
equal "the slow one's" half "$("$larder" pull new/q --wait --timeout 10s)"

# 4 push, 4 pull.
items=${1-2000}
started=$(date +%s%N)
for i in 1 2 3 4; do
    "$larder" pull many --wait --timeout 20s -n $((items / 4)) --lines >"$work/pulled$i" &
    pullers[i]=$!
done
for i in 1 2 3 4; do
    seq -f "$i %.0f" $((items / 4)) | "$larder" push many --lines &
    pushers[i]=$!
done
for pid in "${pushers[@]}" "${pullers[@]}"; do wait "$pid"; done
echo "$items items by 4 and 4 in $((($(date +%s%N) - started) / 1000000)) ms"
cat "$work"/pulled? | sort >"$work/pulled"
for i in 1 2 3 4; do seq -f "$i %.0f" $((items / 4)); done | sort >"$work/pushed"
cmp "$work/pushed" "$work/pulled" || fail "not each once"
for i in 1 2 3 4; do
    for j in 1 2 3 4; do
        grep "^$j " "$work/pulled$i" | sort -c -n -k 2 || fail "puller $i: not in the order in which $j pushed"
    done
done
exits 1 pull many
cd /
