#!/bin/bash
# SPDX-License-Identifier: MIT
# users_may_what_modes_say.sh [STRIDE] - what users may do, with which errno they are refused, and what modes and owners
# come of it, is what it is on tmpfs: six users, all operations, modes of files and of directories. With STRIDE every so
# many of the 13,000 cases (default 29).
. "$(dirname "$0")/../lib/mount.sh"
needs_root
mkdir "$work/reference"
mount -t tmpfs -o mode=755 reference "$work/reference"
setfattr -n user.x -v 1 "$work/reference" 2>/dev/null || { umount "$work/reference" && skip "tmpfs has no user attributes before Linux 6.6"; }
chmod 755 "$work"
mount_larder -o allow_other
python3 "$lib/users.py" "$work/reference" "$mnt" "${1-29}"
umount "$work/reference"
