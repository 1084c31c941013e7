#!/bin/bash
# SPDX-License-Identifier: MIT
# A reader sees one whole value: never an empty file, never half a value, never two mixed, however many writers there
# are, however it reads, and however long it takes. When a close or rename has returned it is the new one.
# no_torn_reads.sh [SECONDS]: of each of the two runs; 300 makes it ten minutes.
. "$(dirname "$0")/../lib/mount.sh"
seconds=${1:-8}
mount_larder
"$helpers/torture" --no-eviction "$mnt" "$seconds" 2 2

# The same under eviction: then there are more misses, and no other difference.
unmount_larder
mount_larder -o size=4M
"$helpers/torture" "$mnt" "$seconds" 3 2
[ "$(stat_of evicted)" -gt 0 ] || fail "nothing was evicted"
