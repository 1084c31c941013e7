#!/bin/bash
# SPDX-License-Identifier: MIT
# deep_trees.sh [DEPTH]: directories in directories, so many deep (default 1,000), with names so long that no path reaches
# the bottom, are looked through, backed up, restored, moved, checked, cleared and removed. (cp(1) has no way to go there, on any file
# system.)
. "$(dirname "$0")/../lib/mount.sh"
depth=${1:-1000}
export depth
needs_disk
mount_larder -o size=256M
cat >"$work/deep.py" <<'END'
import os, sys

name, depth = b"n" * 60, int(os.environ["depth"])


def make(at):
    fd = os.open(at, os.O_RDONLY)
    for level in range(depth):
        os.mkdir(name, dir_fd=fd)
        below = os.open(name, os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = below
    with open(os.open("bottom", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, dir_fd=fd), "w") as file:
        file.write("deep")
    os.setxattr(f"/proc/self/fd/{fd}/bottom", "user.tags", b"deep")


def check(at):
    fd = os.open(at, os.O_RDONLY)
    for level in range(depth):
        assert os.listdir(fd) == [name.decode()], (at, level)
        below = os.open(name, os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = below
    assert open(os.open("bottom", os.O_RDONLY, dir_fd=fd)).read() == "deep"


{"make": make, "check": check}[sys.argv[1]](sys.argv[2])
END
mkdir "$mnt/tree"
python3 "$work/deep.py" make "$mnt/tree"
python3 "$work/deep.py" check "$mnt/tree"
equal "files that find sees" 1 "$(cd "$mnt/tree" && find . -name bottom | wc -l)"
equal "directories that find sees" $((depth + 1)) "$(find "$mnt/tree" -type d | wc -l)"
du -s "$mnt/tree" >/dev/null || fail "du does not reach the bottom"

# what shows paths shows it, or says that it is too long, and goes on
cat "$mnt/.larder/stats" "$mnt/.larder/stats.json" "$mnt/.larder/metrics" >/dev/null
equal "links of the tag" 1 "$(ls "$mnt/.larder/tags/deep" | wc -l)"
"$larder" fsck "$mnt" >"$work/fsck.log" || fail "fsck: $(cat "$work/fsck.log")"

"$larder" backup "$mnt" "$work/backup.tar" >/dev/null
"$larder" restore "$mnt" "$work/backup.tar" >/dev/null
python3 "$work/deep.py" check "$mnt/tree"
"$larder" clear "$mnt/tree" >/dev/null
[ -z "$(find "$mnt/tree" -name bottom)" ] || fail "cleared, the file is still there"
rm -r "$mnt/tree"
"$larder" restore "$mnt" "$work/backup.tar" >/dev/null
python3 "$work/deep.py" check "$mnt/tree"
mv "$mnt/tree" "$mnt/moved"
python3 "$work/deep.py" check "$mnt/moved"
unmount_larder
"$larder" fsck "$store" >"$work/fsck.log" || fail "fsck of the store: $(cat "$work/fsck.log")"
mount_larder -o size=256M
python3 "$work/deep.py" check "$mnt/moved"
rm -r "$mnt/moved"
equal "what is left" "" "$(ls "$mnt")"
