#!/bin/bash
# SPDX-License-Identifier: MIT
# A reader sees one whole value: never an empty file, never half a value, never two mixed, however many writers there are.
# no_torn_reads.sh [SECONDS]
. "$(dirname "$0")/../lib/mount.sh"
seconds=${1:-5}
mount_larder
"$helpers/torture" "$mnt" "$seconds" 2 3
"$helpers/torture" "$mnt" "$seconds" 6 6

# The same under eviction: then there are more misses, and no other difference.
unmount_larder
mount_larder -o size=2M
"$helpers/torture" "$mnt" "$seconds" 4 4
