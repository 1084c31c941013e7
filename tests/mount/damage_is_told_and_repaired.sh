#!/bin/bash
# SPDX-License-Identifier: MIT
# larder fsck finds nothing in what works, on a mount under load and in its store; a damaged store is refused in one sentence,
# repaired, or thrown away with -o recreate. Exit statuses are fsck(8)'s. (What damage does: tests/contract/damage.c.)
. "$(dirname "$0")/../lib/mount.sh"
needs_disk

fsck() { # STATUS ARGUMENT...: what it prints goes to $said
    local status=0
    said=$("$larder" fsck "${@:2}" 2>&1) || status=$?
    equal "status of larder fsck ${*:2} ($said)" "$1" $status
}
contains() { [[ $said == *"$1"* ]] || fail "expected '$1' in '$said'"; }

mount_larder -o size=64M
mkdir "$mnt/users"
setfattr -n user.ttl -v 1h "$mnt/users"
setfattr -n user.tags -v users,eu "$mnt/users"
for i in {1..50}; do echo "value $i" >"$mnt/users/$i"; done
head -c 1000000 /dev/urandom >"$mnt/big"
cp "$mnt/big" "$work/big"
ln -s users/1 "$mnt/link"

# A mount, in peace and under load: what comes and goes meanwhile is no fault.
fsck 0 "$mnt"
contains "clean: 52 entries, 1 directories"
fsck 0 -q "$mnt/users"
equal "what a quiet check says" "" "$said"
churn() {
    trap 'exit 0' TERM
    while :; do
        for i in {1..9}; do
            head -c $((i * 20000)) /dev/zero >"$mnt/churn$1.$i" # evicts, too
            setfattr -n user.tags -v "t$i" "$mnt/churn$1.$i"
        done
        rmdir "$mnt/.larder/tags/t5" 2>/dev/null || true
        mv "$mnt/churn$1.1" "$mnt/users/moved$1"
        rm -f "$mnt/churn$1.2"
    done
}
pids=()
for n in 1 2 3; do churn $n 2>/dev/null & pids+=($!); done
for _ in {1..20}; do fsck 0 "$mnt"; done
kill "${pids[@]}"
wait "${pids[@]}" || true
fsck 0 --json "$mnt"
python3 -c 'import json, sys; r = json.loads(sys.argv[1]); assert r["live"] and r["finished"] and r["findings"] == [] and r["left"] == 0' "$said"
fsck 8 --repair "$mnt"
contains "is mounted; to repair the store $store unmount it first"
fsck 8 "$store"
contains "in use by process $daemon"
grep -q '^done ' "$mnt/.larder/fsck" || fail ".larder/fsck does not end well"
head -c 1 "$mnt/.larder/fsck" >/dev/null # closed early, it ends, and leaves the mount
fsck 16
fsck 16 --nonsense "$mnt"
fsck 16 mem:
fsck 8 "$work/nowhere"
mkdir "$work/full" && touch "$work/full/file"
fsck 8 "$work/full"
contains "not a larder store"

# A store.
unmount_larder
fsck 0 "$store"
contains clean
refuses() { # TEXT
    local status=0
    said=$("$larder" mount "$store" "$mnt" 2>&1) || status=$?
    equal "status of mounting what is damaged ($said)" 3 $status
    contains "$1"
    contains "larder fsck --repair"
    contains "-o recreate"
    equal "lines" 1 "$(wc -l <<<"$said")"
}
right() { # values that are there are what was stored
    for i in {1..50}; do
        [ ! -e "$mnt/users/$i" ] || equal "users/$i" "value $i" "$(cat "$mnt/users/$i")"
    done
    [ ! -e "$mnt/big" ] || cmp "$mnt/big" "$work/big"
}
mv "$store/CURRENT" "$work/CURRENT"
refuses CURRENT
fsck 4 "$store"
fsck 1 --repair "$store"
contains mended
fsck 0 "$store"
mount_larder
right
fsck 0 "$mnt"
unmount_larder

table=$(find "$store" -name '*.sst' -size +0 | sort | head -n 1)
truncate -s -1 "$table"
refuses "${table##*/}"
fsck 4 --json "$store"
python3 -c 'import json, sys; r = json.loads(sys.argv[1]); assert r["left"] == len(r["findings"]) > 0 and r["findings"][0]["kind"] == "file"' "$said"
fsck 1 --repair "$store"
mount_larder
right
unmount_larder

echo nonsense >"$store/larder.format"
refuses larder.format
fsck 1 --repair "$store"
contains larder.format

# Begin anew: only if need be, and only what is a store's.
mount_larder -o recreate
right
echo kept >"$mnt/kept"
remount -o recreate
equal "what recreate keeps of a store in order" kept "$(cat "$mnt/kept")"
unmount_larder
: >"$store/CURRENT"
touch "$store/mine"
said=$("$larder" mount "$store" "$mnt" -o recreate 2>&1) && fail "was thrown away with what is not its own"
contains "mine in it is no store's"
[ -e "$store/mine" ] && ls "$store"/MANIFEST-* >/dev/null || fail "something was deleted"
rm "$store/mine"
mount_larder -o recreate
equal "what is in one made anew" "" "$(ls "$mnt")"
grep -q "thrown away" "$work/daemon.log" || fail "the log does not tell"
fsck 0 "$mnt"
unmount_larder

# A repair of a store in order that is killed leaves one in order, holes and all.
mount_larder
truncate -s 200000 "$mnt/holes"
for ((i = 0; i < 2000; i++)); do echo $i >"$mnt/$i"; done
unmount_larder
for delay in 0.005 0.02 0.03 0.04 0.05 0.06 0.08; do
    "$larder" fsck --repair "$store" >/dev/null 2>&1 &
    repair=$!
    sleep "$delay"
    kill -9 $repair 2>/dev/null || true
    wait $repair 2>/dev/null || true # until it has let go of the store
    mount_larder
    equal "a hole, after a repair that was killed" 200000 "$(stat -c %s "$mnt/holes")"
    unmount_larder
done
fsck 0 "$store"
