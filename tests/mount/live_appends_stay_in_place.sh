#!/bin/bash
# SPDX-License-Identifier: MIT
# Lines appended to a name that others overwrite stand behind the value they were appended to, whole and in their order,
# for readers, followers and the appenders themselves.
# live_appends_stay_in_place.sh [SECONDS]: of each of the two runs
. "$(dirname "$0")/../lib/mount.sh"
seconds=${1:-5}
mount_larder

# Nobody overwrites: only lines are added.
"$helpers/torture" --live --without overwrite,replace "$mnt" "$seconds" 1 2
"$helpers/torture" --live "$mnt" "$seconds" 2 2
