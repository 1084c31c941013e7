#!/bin/bash
# SPDX-License-Identifier: MIT
# A file of 1 GiB goes in and out with equal checksums, while the daemon's resident memory stays under 300 MiB.
#
#     large_value.sh [GIB]    of another size (default 1; scripts/test --long: 4)
. "$(dirname "$0")/../lib/mount.sh"
needs_disk
gib=${1:-1}
size=$(((gib << 30) + (1 << 20) + 1))
if [ -n "$sanitized" ]; then
    size=$(((256 << 20) + 1)) # and memory says nothing
elif [ "$(df --output=avail -BG "$work" | tail -n 1 | tr -dc 0-9)" -lt $((gib * 3 + 2)) ]; then
    skip "less than $((gib * 3 + 2)) GiB free for a store in $work"
fi
mount_larder -o size=8G
stream=$helpers/stream

memory_is_bounded() {
    peak=$(awk '/^VmHWM/ { print int($2 / 1024) }' "/proc/$daemon/status")
    [ -n "$sanitized" ] || [ "$peak" -lt 300 ] || fail "the daemon's resident memory came to $peak MiB"
}

SECONDS=0
expected=$("$stream" make $size 7 2>&1 >"$mnt/large")
memory_is_bounded
echo "in: $SECONDS s, at most $peak MiB resident"
equal "size" $size "$(stat -c %s "$mnt/large")"
SECONDS=0
equal "the value read back" "$expected" "$("$stream" sum <"$mnt/large")"
memory_is_bounded
echo "out: $SECONDS s, at most $peak MiB resident"

# Changed in the middle and at its end, cut, and read where it was not.
python3 - $size <<'END'
from larder_test import *
size = int(sys.argv[1])
with open_fd("large", os.O_RDWR) as fd:
    around = os.pread(fd, 100, size // 2 - 50)
    os.pwrite(fd, b"changed", size // 2)
    equal(around[:50] + b"changed" + around[57:], os.pread(fd, 100, size // 2 - 50))
    os.pwrite(fd, b"end", size)
    equal(size + 3, os.fstat(fd).st_size)
    os.ftruncate(fd, size // 2 + 3)
    equal(around[:50] + b"cha", os.pread(fd, 100, size // 2 - 50))
END

# It goes in moments, and its room comes back.
rm "$mnt/large"
freed() { [ "$(stat_of bytes)" -lt $((1 << 20)) ]; }
wait_until 60 freed
memory_is_bounded
