#!/bin/bash
# SPDX-License-Identifier: MIT
# larder restore does with what is there what it was told, and says what it did; it stores what is in any tar archive,
# follows no name out of the mount, leaves out what a larder does not keep, and tells an archive that is cut off or damaged.
. "$(dirname "$0")/../lib/mount.sh"
mount_larder -o size=8M
cd "$work"

# does STATUS TEXT COMMAND...: ends with this status, and the last line that it prints has the text.
does() {
    local status=0 said
    said=$("${@:3}" 2>&1) || status=$?
    equal "status of ${*:3}: $said" "$1" "$status"
    [[ ${said##*$'\n'} == *"$2"* ]] || fail "expected '$2' from: ${*:3}: got '$said'"
}

# --- what is there --------------------------------------------------------------------------------------------------
mkdir "$mnt/dir"
echo one >"$mnt/one"
echo two >"$mnt/dir/two"
ln -s one "$mnt/link"
setfattr -n user.ttl -v 1h "$mnt/dir"
setfattr -n user.tags -v blue "$mnt/one"
setfattr -n user.ttl -v 300ms "$mnt/one"
echo lives >"$mnt/dir/lives"
"$larder" backup "$mnt" b >/dev/null
one_is_gone() { [ ! -e "$mnt/one" ]; }
wait_until 10 one_is_gone
echo changed >"$mnt/dir/two"
setfattr -n user.tags -v red "$mnt/dir/two"
setfattr -n user.note -v x "$mnt/dir/two"
echo more >"$mnt/more"
rm "$mnt/link"
echo file >"$mnt/link"
does 0 "restored 0 entries and 0 directories; 3 were there and were kept; 1 had expired" "$larder" restore --keep "$mnt" b
equal "kept" changed "$(cat "$mnt/dir/two")"
does 0 "restored 3 entries and 1 directories; 3 replaced what was there; 1 had expired" "$larder" restore "$mnt" b
equal "replaced" two "$(cat "$mnt/dir/two")"
equal "attributes" "" "$(getfattr "$mnt/dir/two" --absolute-names | sed 1d | xargs)"
equal "link" one "$(readlink "$mnt/link")"
equal "what was not in it" more "$(cat "$mnt/more")"
miss "$mnt/one"
does 0 "restored 3 entries and 1 directories; 1 had expired; 4 that were there were removed first" "$larder" restore --clear "$mnt" b
miss "$mnt/more"
python3 - "$("$larder" restore --json "$mnt" b)" <<'E'
import json, sys
facts = json.loads(sys.argv[1])
seconds = facts.pop("seconds")
assert facts == {"restored": 3, "directories": 1, "replaced": 3, "kept": 0, "expired": 1, "skipped": 0, "removed": 0,
                 "evicted": 0, "bytes": 10}, facts
E
rm "$mnt/dir/two"
mkdir "$mnt/dir/two"
does 0 "3 replaced" "$larder" restore "$mnt" b # an empty directory is in the way
rm "$mnt/dir/two"
mkdir -p "$mnt/dir/two/in"
does 3 "1 could not be restored" "$larder" restore "$mnt" b
rm -r "$mnt/dir"
echo file >"$mnt/dir"
does 0 "restored 3 entries" "$larder" restore "$mnt" b # a file is in the way
equal "two" two "$(cat "$mnt/dir/two")"

# --- any tar archive ------------------------------------------------------------------------------------------------
mkdir -p tree/sub
echo a >tree/a
echo b >tree/sub/b
setfattr -n user.ttl -v 900 tree/a || skip "no extended attributes below $work"
setfattr -n user.tags -v x,y tree/a
ln tree/a tree/hard
mkfifo tree/fifo
[ "$(id -u)" != 0 ] || mknod tree/zero c 1 5 || true
ln -s sub tree/way
mkdir "$mnt/plain"
setfattr -n user.ttl -v 2h "$mnt/plain"
tar -C tree --sort=name --xattrs -cf plain.tar --transform 's#^\./#plain/#' .
does 3 "could not be restored" "$larder" restore "$mnt" plain.tar
equal "a" a "$(cat "$mnt/plain/a")"
equal "of the archive" 900 "$(xattr "$mnt/plain/a" user.ttl)"
equal "of the archive" x,y "$(xattr "$mnt/plain/a" user.tags)"
equal "of the directory" 7200 "$(xattr "$mnt/plain/sub/b" user.ttl)"
refused "hard: it is a hard link" "$larder" restore "$mnt" plain.tar
refused "fifo: it is a fifo" "$larder" restore "$mnt" plain.tar
check "no fifo" test ! -e "$mnt/plain/fifo"
for format in v7 ustar oldgnu gnu pax; do
    for filter in "" --gzip --xz --bzip2 --zstd; do
        # shellcheck disable=SC2086 # a word or none
        tar -C tree -c --format=$format $filter --exclude=./hard --exclude=./fifo --exclude=./zero -f any.tar . 2>/dev/null
        does 0 "restored 3 entries" "$larder" restore --clear "$mnt" any.tar
        equal "$format $filter" "b sub" "$(cat "$mnt/sub/b") $(readlink "$mnt/way")"
    done
done
long=$(printf 'n%.0s' {1..200})
mkdir -p "tree2/$long"
echo long >"tree2/$long/$long"
for format in gnu pax; do
    tar -C tree2 -c --format=$format . | does 0 "restored 1 entries" "$larder" restore --clear "$mnt" -
    equal "$format" long "$(cat "$mnt/$long/$long")"
done
truncate -s 1M tree2/holes
echo end >>tree2/holes
tar -C tree2 -c --sparse -f sparse.tar holes
does 3 "1 could not be restored" "$larder" restore "$mnt" sparse.tar
tar -C tree -c sub/b | does 0 "restored 1 entries" "$larder" restore --clear "$mnt" - # its directory is made
equal "b" b "$(cat "$mnt/sub/b")"

# --- names that lead elsewhere --------------------------------------------------------------------------------------
python3 - <<'E'
import io, tarfile
def add(archive, name, data=b"evil", **how):
    member = tarfile.TarInfo(name)
    member.size = len(data)
    for key, value in how.items():
        setattr(member, key, value)
    archive.addfile(member, io.BytesIO(data))
with tarfile.open("evil.tar", "w") as archive:
    add(archive, "../out")
    add(archive, "a/../../out")
    add(archive, "/tmp/larder-test-out")
    add(archive, "way", b"", type=tarfile.SYMTYPE, linkname="..")
    add(archive, "way/out")
    add(archive, ".larder/stats")
    add(archive, "./.larder")
    add(archive, "good")
E
does 3 "restored 2 entries and 0 directories; 6 could not" "$larder" restore --clear "$mnt" evil.tar
equal "good" evil "$(cat "$mnt/good")"
check "nothing got out" test ! -e out -a ! -e /tmp/larder-test-out

# --- what is cut off or damaged -------------------------------------------------------------------------------------
head -c 3000000 /dev/urandom >"$mnt/large"
"$larder" backup --no-compress "$mnt" whole.tar >/dev/null
"$larder" backup "$mnt" whole.zst >/dev/null
for bytes in 0 100 1000 100000 3000000 -1024; do
    head -c $bytes whole.tar >cut
    does 3 "the archive is cut off; " "$larder" restore "$mnt" cut
done
for bytes in 0 1 100 1000 100000 3000000 -100 -3 -1; do
    head -c $bytes whole.zst >cut
    does 3 "; " "$larder" restore "$mnt" cut
done
{ head -c 3001000 whole.tar | head -c -488; head -c 1024 /dev/zero; } >cut # tar takes it for whole
does 3 "" "$larder" restore "$mnt" cut
equal "nothing by halves" 3000000 "$(stat -c %s "$mnt/large")"
{ head -c 1536 whole.tar; head -c 100 /dev/urandom; tail -c +1637 whole.tar; } >damaged
does 3 "or a damaged one; nothing was restored" "$larder" restore --clear "$mnt" damaged
does 3 "this is no tar archive" "$larder" restore --clear "$mnt" "$larder"
equal "nothing was removed" 3000000 "$(stat -c %s "$mnt/large")"

# --- the limit ------------------------------------------------------------------------------------------------------
mkdir many
for i in {1..12}; do head -c 1000000 /dev/urandom >many/$i; done
tar -C many -c . | does 0 "were evicted meanwhile, to stay within the limit" "$larder" restore --clear "$mnt" -
head -c 9000000 /dev/zero >many/0
tar -C many -c . >many.tar
does 3 "1 could not be restored" "$larder" restore "$mnt" many.tar
remount -o size=8M,policy=none
does 3 "there is no room for more within the limit" "$larder" restore "$mnt" many.tar

# --- arguments ------------------------------------------------------------------------------------------------------
does 2 "exclude each other" "$larder" restore --keep --clear "$mnt" b
does 2 "missing" "$larder" restore "$mnt"
does 3 "No such file" "$larder" restore "$mnt" nothing
does 3 "no larder is mounted" "$larder" restore "$work" b
mkdir -p "$mnt/sub"
does 3 "where the larder is mounted" "$larder" restore "$mnt/sub" b
does 2 "unknown option" "$larder" restore --force "$mnt" b
does 2 "from 1 to 19" "$larder" backup --level 20 "$mnt" b
does 2 "cannot go to standard output" "$larder" backup --json "$mnt" -
does 3 "No such file" "$larder" backup "$mnt" no/where
does 3 "no store" "$larder" backup "$work" b2
check "no file" test ! -e b2
does 3 "it is no store" "$larder" backup mem: b2

# What is mounted within is another's: it is neither cleared nor changed.
if [ "$(id -u)" = 0 ]; then
    cd "$work"
    mkdir -p other tree/within "$mnt/within"
    echo x >tree/within/x
    chmod 700 tree/within
    tar -C tree -cf within.tar within
    mount -t tmpfs -o mode=755,size=1M tmpfs "$mnt/within"
    echo precious >"$mnt/within/precious"
    ! "$larder" restore --clear "$mnt" within.tar >"$work/said" 2>&1 || fail "nothing was left out"
    equal "what is in another file system" precious "$(ls "$mnt/within")"
    equal "its mode" 755 "$(stat -c %a "$mnt/within")"
    umount "$mnt/within"
    cd /
fi
