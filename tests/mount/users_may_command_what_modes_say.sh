#!/bin/bash
# SPDX-License-Identifier: MIT
# users_may_command_what_modes_say.sh [STRIDE] - commands, ioctls and the control directory let a user do what modes allow,
# and tell nothing of what is in a directory that is closed to him: see ../lib/users_verbs.py. With STRIDE every so many of
# the 756 cases (default 5).
. "$(dirname "$0")/../lib/mount.sh"
needs_root
chmod 755 "$work"
mount_larder -o allow_other
python3 "$lib/users_verbs.py" "$larder" "$mnt" "${1-5}"
