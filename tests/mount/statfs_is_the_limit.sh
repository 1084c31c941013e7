#!/bin/bash
# SPDX-License-Identifier: MIT
# df shows the limit as the size, and what is stored as used.
. "$(dirname "$0")/../lib/mount.sh"
mount_larder -o size=32M,items=1000
cd "$mnt"
field() { df -B1 --output="$1" . | tail -n 1 | tr -d ' '; }

equal "size" $((32 << 20)) "$(field size)"
[ "$(field used)" -lt $((1 << 20)) ] || fail "used when empty: $(field used)"
[ "$(field avail)" -le $((32 << 20)) ]
head -c 8M /dev/urandom >f
used=$(field used)
[ "$used" -ge $((8 << 20)) ] && [ "$used" -le $((10 << 20)) ] || fail "used with 8 MiB in it: $used"
[ "$(field avail)" -le $(((32 << 20) - used)) ] || fail "available: $(field avail)"
equal "inodes" 1000 "$(field itotal)"
equal "inodes used" 1 "$(field iused)"
rm f
freed() { [ "$(field used)" -lt $((1 << 20)) ]; }
wait_until 10 freed
