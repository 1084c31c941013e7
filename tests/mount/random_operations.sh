#!/bin/bash
# SPDX-License-Identifier: MIT
# Random operations of several processes, every answer compared with a plain model of names, versions and handles; what is
# left when all is closed is there after a remount, too. See ../lib/model/random_operations.c for the seed.
. "$(dirname "$0")/../lib/mount.sh"
export LARDER_CORNERS=${LARDER_CORNERS-ds} # not held yet, see ../lib/model/model.h; empty: everything is tried
export LARDER_SEED=${LARDER_SEED-3} # always the same here; others find more
mount_larder
"$helpers/model" "$mnt"

# everything: the tree, with values, attributes and times.
everything() {
    (
        cd "$mnt"
        find . -printf '%P %y %m %s %n %i %T@ %l\n' | sort
        find . -type f -print0 | sort -z | xargs -0r sha256sum
        find . ! -type l -print0 | sort -z | xargs -0r getfattr -d -e hex
    )
}

if [ "$store" = "$work/store" ]; then
    before=$(everything)
    remount
    equal "after a remount" "$before" "$(everything)"
fi
