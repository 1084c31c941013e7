#!/bin/bash
# SPDX-License-Identifier: MIT
# larder backup writes all there is, with everything that belongs to it, in whatever file, and of a store that is not
# mounted, too; tar reads it; and larder restore makes the same of it again: a second backup has the same bytes.
. "$(dirname "$0")/../lib/mount.sh"
mount_larder -o size=1G
cd "$mnt"

# --- what there is --------------------------------------------------------------------------------------------------
long=$(printf 'n%.0s' {1..255})
mkdir -p users/deep "$long/$long" empty $'dir\n\xfe'
echo '{"name":"Ada"}' >users/42
setfattr -n user.ttl -v 15m users/42
setfattr -n user.idle -v 9000.5 users/42
setfattr -n user.tags -v users,eu users/42
setfattr -n user.by -v 0x00ff0a3d users/42
setfattr -n user.a=b%c -v odd users/42
setfattr -n user.empty -v "" users/42
setfattr -n user.large -v "$(printf 'v%.0s' {1..40000})" users/42
echo soon >soon
setfattr -n user.expires -v 2099-01-02T03:04:05.678Z soon
echo forever >users/forever
setfattr -n user.ttl -v none users/forever
setfattr -n user.ttl -v 1h users
setfattr -n user.tags -v handed users
setfattr -n user.limit.items -v 1000 users
setfattr -n user.limit.bytes -v 300M users/deep
setfattr -n user.policy -v lru users/deep
echo inherits >users/deep/inherits
setfattr -x user.ttl users/forever # has none, though its directory hands one down
: >nothing
printf x >$'odd\n"\\\xff'
printf x >$'dir\n\xfe/\xc3\xa9' # composed, and
printf x >$'dir\n\xfe/e\xcc\x81' # not
echo deep >"$long/$long/$long"
ln -s users/42 link
ln -s "$(printf 't%.0s' {1..300})" "$long/far"
ln -s $'odd\n\xff' odd-link
head -c 5000 /dev/urandom >five
size=40000000
[ -z "$sanitized" ] || size=20000000
head -c $size /dev/urandom >large
truncate -s 300000 holes
chmod 0000 nothing
chmod 4751 five
chmod 2750 users
chmod 0555 empty
touch -d '1960-01-02 03:04:05.000000007Z' five
touch -d '2222-02-02 02:02:02.999999999Z' soon
if [ "$(id -u)" = 0 ]; then
    chown 12345:54321 five
    chown -h 7:8 link
    chown 3000000:4294967294 soon
fi
echo gone >gone
setfattr -n user.ttl -v 10ms gone
echo red >red
setfattr -n user.tags -v red red
rmdir .larder/tags/red

# --- the archive ----------------------------------------------------------------------------------------------------
wait_until 10 test ! -e gone
cd "$work"
facts=$("$larder" backup --json --no-compress "$mnt" "$work/plain.tar")
python3 - "$facts" "$work/plain.tar" <<'E'
import json, os, sys, tarfile
facts = json.loads(sys.argv[1])
members = tarfile.open(sys.argv[2]).getmembers()
assert facts["entries"] == len(members) - 1, (facts, len(members))
assert facts["bytes"] == sum(m.size for m in members), facts
assert facts["written"] == os.stat(sys.argv[2]).st_size and facts["seconds"] >= 0 and facts["file"] == sys.argv[2], facts
names = [os.fsencode(m.name) for m in members]
assert b"gone" not in names and b"red" not in names, names
assert b"dir\n\xfe/e\xcc\x81" in names and b"odd\n\"\\\xff" in names, names
for i, m in enumerate(members[1:-1], 1):
    assert os.path.dirname(m.name) in [m.name for m in members[:i] if m.isdir()] + [""], m.name
E
equal "mode of the file" 600 "$(stat -c %a plain.tar)"
cat "$mnt/.larder/backup" >streamed.tar
check "what is in .larder/backup is the same" cmp streamed.tar plain.tar
equal "it said" "zst: $(tar -tf plain.tar | wc -l)" "$("$larder" backup "$mnt" zst | sed 's/ entries.*//' | awk '{ print $1, $2 + 1 }')"
check "it is compressed with zstd" test "$(od -An -tx4 -N4 zst)" = " fd2fb528"
"$larder" backup --level 1 "$mnt" - >smaller
check "and as a stream" test -s smaller
equal "nothing else is left" "daemon.log mnt plain.tar smaller store streamed.tar zst" "$(ls | xargs)"

# --- tar reads it ---------------------------------------------------------------------------------------------------
mkdir tree
as_root=()
[ "$(id -u)" != 0 ] || as_root=(--numeric-owner)
tar -C tree -xpf "$mnt/.larder/backup" --xattrs --xattrs-include='user.*' --warning=no-timestamp "${as_root[@]}" 2>"$work/tar" || cat "$work/tar"
described() { # DIRECTORY: all there is in it but how its own attributes are kept
    (cd "$1" && find . -mindepth 1 -path ./.larder -prune -o -printf '%P|%y|%m|%U|%G|%T@|%l|' -exec stat -c '%F' {} \; | LC_ALL=C sort)
}
[ "$(id -u)" != 0 ] || equal "what tar made of it" "$(described "$mnt" | sed 's/directory$/&/')" "$(described tree)"
check "value" cmp tree/users/42 "$mnt/users/42"
check "value" cmp tree/large "$mnt/large"
equal "tags" users,eu "$(xattr tree/users/42 user.tags)"
equal "deadline" "$(xattr "$mnt/users/42" user.expires)" "$(xattr tree/users/42 user.expires)" || true
equal "a member" "forever" "$(tar -xOf zst --zstd users/forever)"

# --- and it is restored ---------------------------------------------------------------------------------------------
other=$work/other
restored() { # FILE [OPTION...]: a new mount has the same
    mkdir -p "$other"
    "$larder" mount mem: "$other" -o size=1G ${LARDER_TRANSPORT:+-o transport="$LARDER_TRANSPORT"}
    "$larder" restore "$@" "$other" - <"$file" >said || fail "restore: $(cat said)"
    grep -q "^$other: restored .* entries and .* directories$" said || fail "it said: $(cat said)"
    "$larder" backup --no-compress "$other" again.tar >/dev/null
    "$larder" umount "$other"
    check "a second backup of $file is the same" python3 - plain.tar again.tar <<'E'
import sys, tarfile
LINK = ("SCHILY.xattr.user.expires",)  # a link's clock starts anew
def described(path):
    result = []
    for m in tarfile.open(path):
        headers = {k: v for k, v in m.pax_headers.items() if not (m.issym() and k in LINK)}
        result.append((m.name, m.type, m.mode, m.uid, m.gid, m.mtime, m.size, m.linkname, headers))
    return result
a, b = described(sys.argv[1]), described(sys.argv[2])
for x, y in zip(a, b):
    assert x == y, f"\n{x}\n{y}"
assert len(a) == len(b)
E
}
for file in plain.tar zst smaller; do restored; done
gzip -k plain.tar
file=plain.tar.gz
restored

# --- what is not mounted --------------------------------------------------------------------------------------------
if [ "$store" = "$work/store" ]; then
    refused "give where it is mounted" "$larder" backup "$store" x
    unmount_larder
    "$larder" backup --no-compress "$store" offline.tar >/dev/null
    check "the store itself" cmp offline.tar plain.tar
    "$larder" backup --no-compress "rocksdb:$store" offline.tar >/dev/null
    mount_larder -o size=1G
    "$larder" backup --no-compress "$mnt" again.tar >/dev/null
    check "and nothing has changed there" cmp offline.tar again.tar
fi

# Root backs up a store of somebody else, and it stays that one's.
if [ "$(id -u)" = 0 ]; then
    cd "$work"
    chmod 755 "$work"
    mkdir -m 755 theirs
    mkdir there
    "$larder" mount theirs/store there
    echo x >there/x
    "$larder" umount there
    chown -R 65534:65534 theirs
    (umask 077 && "$larder" backup theirs/store theirs.tar.zst >/dev/null)
    equal "what is not theirs" "" "$(find theirs ! -user 65534)"
    equal "whose the archive is" 0 "$(stat -c %u theirs.tar.zst)"
    cd /
fi
