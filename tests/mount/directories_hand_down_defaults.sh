#!/bin/bash
# SPDX-License-Identifier: MIT
# On a directory user.ttl, user.idle and user.tags are what entries made below it start with.
. "$(dirname "$0")/../lib/mount.sh"
mount_larder -o ttl=1d
cd "$mnt"
has() { equal "$2 of $1" "$3" "$(xattr "$1" "$2")"; }
has_no() { refused "No such attribute" getfattr -n "$2" "$1"; }

# From the mount's own option, when no directory says.
echo x >plain
has plain user.ttl 86400

mkdir -p d/sub/subsub
setfattr -n user.ttl -v 2s d
setfattr -n user.tags -v a,b d
echo x >d/echo
has d/echo user.ttl 2
has d/echo user.tags a,b
echo x >d/sub/subsub/deep
has d/sub/subsub/deep user.ttl 2
has d/sub/subsub/deep user.tags a,b
has_no d/sub user.ttl
has_no d/sub user.tags

# The nearest that says wins, attribute by attribute; 0 says: for ever.
setfattr -n user.ttl -v 0 d/sub
echo x >d/sub/forever
has d/sub/forever user.ttl 0
has_no d/sub/forever user.expires
setfattr -n user.idle -v 1h d/sub
echo x >d/sub/f
has d/sub/f user.ttl 0
has d/sub/f user.idle 3600
has d/sub/f user.tags a,b

# A name made in any way; a link; appending makes one too.
printf x >>d/appended
has d/appended user.ttl 2
touch d/touched
has d/touched user.tags a,b
python3 -c 'import os; os.close(os.open("d/excl", os.O_CREAT | os.O_EXCL))'
has d/excl user.ttl 2

# Only at the start: what is there keeps its own, through changes of the default and overwrites.
echo x >d/sub/keeps
setfattr -n user.ttl -v 1h d/sub/keeps
setfattr -n user.tags -v own d/sub/keeps
setfattr -n user.ttl -v 5s d/sub
echo y >d/sub/keeps
has d/sub/keeps user.ttl 3600
has d/sub/keeps user.tags own
has d/sub/f user.ttl 0
echo x >d/sub/new
has d/sub/new user.ttl 5

# Moved in from elsewhere it keeps what it has.
echo x >elsewhere
mv elsewhere d/moved
has d/moved user.ttl 86400
has_no d/moved user.tags

gone() { [ ! -e "$1" ]; }
for name in d/echo d/sub/subsub/deep d/appended d/touched d/excl; do wait_until 5 gone $name; done
miss d/echo d/sub/subsub/deep d/appended d/touched d/excl
[ -e d/moved ]
[ -e d/sub/f ]
