#!/bin/bash
# SPDX-License-Identifier: MIT
# floods_starve_nobody.sh [SECONDS] - one user who floods a larder with 16 processes does not keep another from a get
# every 5 ms: see ../lib/flood.py. Beside each flood the p99 is at most 300 ms, or ten times what it is on tmpfs under the
# same flood in the same run. With SECONDS all floods are measured that long, with one and two quiet clients; without, the
# two worst for half a second.
. "$(dirname "$0")/../lib/mount.sh"
needs_root
chmod 755 "$work"
mkdir "$work/reference"
mount -t tmpfs -o mode=755,size=512M reference "$work/reference"
mount_larder -o allow_other,size=64M
only=(--only=nothing --only=listings "--only=large writes")
[ -z "${1-}" ] || only=()
for quiet in 1 ${1:+2}; do
    mkdir "$mnt/$quiet" "$work/reference/$quiet"
    python3 "$lib/flood.py" --quiet "$quiet" --seconds "${1-0.5}" --at-most 10 300 \
        "${only[@]}" \
        larder="$mnt/$quiet" tmpfs="$work/reference/$quiet"
    rm -r "$work/reference/$quiet"
done
umount "$work/reference"
