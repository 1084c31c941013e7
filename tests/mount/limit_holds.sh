#!/bin/bash
# SPDX-License-Identifier: MIT
# The limit holds under any load, without an error at any writer: limit_holds.sh [LIMIT_MIB BYTES_MIB]
. "$(dirname "$0")/../lib/mount.sh"
limit=${1:-8}
bytes=${2:-64}
[ -z "$sanitized" ] || [ "$bytes" -le 64 ] || bytes=$((bytes / 8))
mount_larder -o "size=${limit}M"
python3 "$lib/limit.py" $((limit << 20)) $((bytes << 20)) 8 2
[ "$store" != "$work/store" ] || echo "on disk: $(du -sm "$store" | cut -f1) MiB"
