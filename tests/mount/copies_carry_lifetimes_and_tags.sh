#!/bin/bash
# SPDX-License-Identifier: MIT
# cp -a, tar --xattrs and rsync -X carry lifetimes and tags, and nothing that is computed.
. "$(dirname "$0")/../lib/mount.sh"
mount_larder
cd "$mnt"

mkdir -p from/dir
setfattr -n user.ttl -v 7d from/dir
setfattr -n user.tags -v defaults from/dir
echo one >from/one
setfattr -n user.ttl -v 90m from/one
setfattr -n user.idle -v 1h from/one
setfattr -n user.tags -v users,eu from/one
setfattr -n user.note -v kept from/one
echo two >from/dir/two
echo plain >from/plain
ln -s one from/link
head -c 300000 /dev/urandom >from/large
setfattr -n user.tags -v large from/large
chmod 640 from/one
find from -exec touch -h -d '2020-02-02 02:02:02.222222222' {} + # rsync looks at whole seconds only

attributes() { (cd "$1" && getfattr -R -d -h . | sort && find . -printf '%p %y %m %T@\n' | sort); }
attributes from >"$work/expected"
grep -q 'user.ttl="5400"' "$work/expected"
same() { diff -r from "$1" && diff "$work/expected" <(attributes "$1") >&2 || fail "$2: not the same"; }

cp -a from cp
same cp "cp -a"
tar --xattrs -cf "$work/out.tar" -C from .
mkdir tar
tar --xattrs -xpf "$work/out.tar" -C tar
same tar "tar --xattrs"
if command -v rsync >/dev/null; then
    rsync -aX from/ rsync/
    same rsync "rsync -X"
    echo changed >>from/plain
    touch -d '2021-01-01' from/plain
    attributes from >"$work/expected"
    rsync -aX --delete from/ rsync/
    same rsync "rsync -X again"
fi

# Out to another file system and in again, where that one has attributes.
if touch "$work/probe" && setfattr -n user.probe -v 1 "$work/probe" 2>/dev/null; then
    cp -a from "$work/outside"
    same "$work/outside" "cp -a out"
    cp -a "$work/outside" back
    same back "cp -a in again"
fi
