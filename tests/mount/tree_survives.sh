#!/bin/bash
# SPDX-License-Identifier: MIT
# A whole tree goes in with cp -a and comes out equal: at once, after a remount, and after kill -9 of the daemon; and with tar.
#
#     tree_survives.sh [DIRECTORY]    default /usr/include/linux; scripts/test --long takes /usr/include
. "$(dirname "$0")/../lib/mount.sh"
needs_disk
tree=${1:-/usr/include/linux}
[ -d $tree ] || skip "there is no $tree"
mount_larder -o size=2G
same() { diff -r --no-dereference $tree "$mnt/tree" >&2 || fail "the tree differs $1"; }
facts() { (cd "$1" && find . -printf '%p %y %m %u:%g %T@ %l\n' | sort); }

cp -a $tree "$mnt/tree"
same "after cp -a"
cmp <(facts $tree) <(facts "$mnt/tree") || fail "modes, owners, times or links differ"
remount -o size=2G
same "after a remount"
cmp <(facts $tree) <(facts "$mnt/tree") || fail "modes, owners, times or links differ after a remount"

find "$mnt/tree" -type f >"$work/files"
head -n 100 "$work/files" | while read -r file; do
    setfattr -n user.ttl -v 30d "$file"
    setfattr -n user.tags -v "tree,$(basename "$file")" "$file"
done
kill_daemon
mount_larder -o size=2G
same "after kill -9"
equal "lifetimes" 100 "$(getfattr -R --absolute-names -d "$mnt/tree" | grep -c user.ttl)"

tar --xattrs -C "$mnt/tree" -cf "$work/tree.tar" .
mkdir "$mnt/again"
tar --xattrs -C "$mnt/again" -xpf "$work/tree.tar"
diff -r --no-dereference "$mnt/tree" "$mnt/again" >&2 || fail "tar: the trees differ"
equal "lifetimes, from tar" 100 "$(getfattr -R --absolute-names -d "$mnt/again" | grep -c user.ttl)"
rm -r "$mnt/tree" "$mnt/again"
equal "what is left" "" "$(ls -A "$mnt")"
