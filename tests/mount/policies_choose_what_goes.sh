#!/bin/bash
# SPDX-License-Identifier: MIT
# fifo evicts what was stored longest ago; sieve keeps what is read; expired entries go before any that live.
. "$(dirname "$0")/../lib/mount.sh"

mount_larder -o size=64M,items=200,policy=fifo
cd "$mnt"
for ((i = 0; i < 400; i++)); do
    echo "$i" >"$i"
    [ "$i" -lt 10 ] || cat 5 >/dev/null 2>&1 || true
done
miss 5 100
[ -e 399 ]
oldest=$(find . -type f -printf '%f\n' | sort -n | head -n 1)
equal "what is left has no gap" $((400 - oldest)) "$(find . -type f | wc -l)"
cd /
rm -rf "${mnt:?}"/*
unmount_larder
rm -rf "$work/store"

mount_larder -o size=64M,items=200,policy=sieve
cd "$mnt"
for ((i = 0; i < 50; i++)); do echo "hot $i" >"hot$i"; done
for ((i = 0; i < 1000; i++)); do
    echo scan >"scan$i"
    [ $((i % 20)) != 0 ] || cat hot* >/dev/null
done
hot=$(find . -name 'hot*' | wc -l)
[ "$hot" -ge 45 ] || fail "only $hot of 50 entries that are read all the time are left"
cd /
rm -rf "${mnt:?}"/*
unmount_larder
rm -rf "$work/store"

mount_larder -o size=64M,items=200,policy=sieve
cd "$mnt"
mkdir short
setfattr -n user.ttl -v 200ms short
for ((i = 0; i < 100; i++)); do echo x >"lives$i"; done
for ((i = 0; i < 70; i++)); do echo x >"short/$i"; done
expired() { [ -z "$(ls short)" ]; }
wait_until 5 expired
for ((i = 0; i < 70; i++)); do echo x >"new$i"; done
equal "entries that live" 170 "$(find . -type f | wc -l)"
equal "evicted" 0 "$(stat_of evicted)"
gone() { [ "$(stat_of expired)" -ge 70 ]; }
wait_until 10 gone
cd /
unmount_larder
rm -rf "$work/store"

# user.policy of the root is the policy of the mount, at once and to its end.
mount_larder -o size=64M,items=200,policy=fifo
cd "$mnt"
equal "user.policy" fifo "$(xattr . user.policy)"
equal "what is listed" "" "$(getfattr -d .)"
setfattr -n user.policy -v lru .
equal "user.policy" lru "$(xattr . user.policy)"
grep -qx policy=lru .larder/config
grep -q '^evicted .*(lru)$' .larder/stats
for ((i = 0; i < 50; i++)); do echo "hot $i" >"hot$i"; done
for ((i = 0; i < 1000; i++)); do
    echo scan >"scan$i"
    [ $((i % 20)) != 0 ] || cat hot* >/dev/null
done
equal "entries that are read all the time" 50 "$(find . -name 'hot*' | wc -l)"
refused "Invalid argument" setfattr -n user.policy -v mru .
refused "Invalid argument" setfattr -n user.policy -v "" .
equal "user.policy" lru "$(xattr . user.policy)"
mkdir sub
setfattr -n user.policy -v lru sub
setfattr -n user.policy -v none .
echo value >"$work/value"
put_all() { for ((i = 0; i < 300; i++)); do cp "$work/value" "more$i" || return 1; done; }
refused "No space left" put_all
setfattr -x user.policy .
equal "user.policy" fifo "$(xattr . user.policy)"
put_all
miss hot1
setfattr -n user.policy -v lru .
cd /
remount -o size=64M,policy=ttl
equal "user.policy of the next mount" ttl "$(xattr "$mnt" user.policy)"
