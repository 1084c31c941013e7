#!/bin/bash
# SPDX-License-Identifier: MIT
# larder clear removes all that is below a directory, nothing beside it, and what the caller may remove alone; what is
# stored meanwhile stays, and everybody sees it at once.
. "$(dirname "$0")/../lib/mount.sh"
chmod 755 "$work"
mount_larder -o allow_other
cd "$mnt"

# says STATUS TEXT COMMAND...: the command ends with this status and prints exactly this.
says() {
    local status=0 said
    said=$("${@:3}" 2>"$work/stderr") || status=$?
    equal "status of ${*:3}" "$1" "$status"
    equal "${*:3}" "$2" "$said"
}
# fails STATUS TEXT COMMAND...: the command ends with this status and one sentence with TEXT.
fails() {
    local status=0
    "${@:3}" >/dev/null 2>"$work/stderr" || status=$?
    equal "status of ${*:3}" "$1" "$status"
    equal "lines of ${*:3}" 1 "$(wc -l <"$work/stderr")"
    grep -qF -- "$2" "$work/stderr" || fail "expected '$2': $(cat "$work/stderr")"
}
fill() {
    mkdir -p a/b/c a/empty beside
    for name in 1 a/1 a/2 a/b/1 a/b/c/1 beside/1; do echo "$name" >"$name"; done
    head -c 200000 /dev/zero >a/large
    ln -sf 1 a/link
}
tree() { find "${1-.}" -mindepth 1 | sort | tr '\n' ' '; }

# --- what goes, and what stays --------------------------------------------------------------------------------------
fill
find a -exec stat {} + >/dev/null # the kernel knows all of it
exec 5<a/large
says 0 "removed 6 entries and 3 directories" "$larder" clear a
equal "below a" "" "$(tree a)"
for gone in a/1 a/link a/b a/b/1 a/b/c a/b/c/1; do ! [ -e $gone ] && ! [ -L $gone ] || fail "$gone is there for stat"; done
miss a/1
equal "beside it" "./1 ./a ./beside ./beside/1 " "$(tree)"
equal "an open handle" 200000 "$(wc -c <&5)"
exec 5<&-
says 0 "removed 0 entries and 0 directories" "$larder" clear a
fill
says 0 '{"entries":6,"directories":0,"left":0}' "$larder" clear --keep-dirs --json "$mnt/a"
equal "kept" "a/b a/b/c a/empty " "$(tree a)"
echo new >a/b/c/1
shows "stored after" a/b/c/1 new
deletes=$(stat_of deletes)
says 0 "removed 3 entries and 5 directories" "$larder" clear "$mnt"
equal "everything" "" "$(tree)"
equal "deletes" 3 $(($(stat_of deletes) - deletes))
equal "items" 0 "$(stat_of items)"
equal "directories" 0 "$(stat_of directories)"
[ -d .larder/tags ] || fail "the control directory is gone"

# Directories, deep.
deep=$(printf 'd/%.0s' {1..300})
mkdir -p "$deep" && echo x >"$deep/x"
says 0 "removed 1 entries and 300 directories" "$larder" clear .

# What is being written, over an old value or under a new name, is published all the same.
mkdir a
echo old >a/old
exec 6>a/old 7>a/new
echo 6 >&6
echo 7 >&7
"$larder" clear . >"$work/said"
exec 6>&- 7>&-
shows "overwritten meanwhile" a/old 6
shows "created meanwhile" a/new 7
says 0 "removed 2 entries and 1 directories" "$larder" clear .

# --- told ---------------------------------------------------------------------------------------------------------
mkdir a && echo 123 >a/1
exec 8<.larder/events
read -r <&8
"$larder" clear a >"$work/said"
read -r line <&8
exec 8<&-
[[ $line == *'"kind":"delete","path":"a/1","size":4,"version":'* ]] || fail "the event: $line"

# --- refused ------------------------------------------------------------------------------------------------------
echo 1 >1
fails 3 "Not a directory" "$larder" clear 1
fails 3 "No such file" "$larder" clear nothing
fails 3 "no larder" "$larder" clear "$work"
fails 2 "argument is missing" "$larder" clear
fails 2 "unexpected argument" "$larder" clear a a
fails 2 "unknown option" "$larder" clear --all a
fails 3 "cannot clear" "$larder" clear .larder
equal "after all that" "./1 ./a " "$(tree)"

if [ "$(id -u)" = 0 ]; then
    nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups -- "$@"; }
    friend() { setpriv --reuid=65533 --regid=65533 --groups=100 -- "$@"; }
    mkdir -m 755 shut && mkdir -m 1777 tmp && mkdir -m 775 shared && mkdir -m 700 secret && chgrp 100 shared
    for name in shut/1 tmp/1 shared/1 secret/1; do echo x >$name; done
    nobody bash -c 'echo x >tmp/mine; mkdir tmp/dir; echo x >tmp/dir/1'
    status=0
    nobody "$larder" clear . >"$work/said" 2>"$work/stderr" || status=$?
    equal "status for nobody" 3 $status
    equal "for nobody" "removed 2 entries and 1 directories; 1 entries stay" "$(cat "$work/said")"
    equal "told nobody" 5 "$(grep -c "Permission denied" "$work/stderr")"
    equal "after nobody" "./1 ./a ./secret ./secret/1 ./shared ./shared/1 ./shut ./shut/1 ./tmp ./tmp/1 " "$(tree)"
    says 0 "removed 1 entries and 0 directories" friend "$larder" clear shared
    chmod 555 shut # to the owner, too, but root is root
    chown 65534 shut
    fails 3 "Permission denied" nobody "$larder" clear shut
    says 0 "removed 1 entries and 0 directories" "$larder" clear shut
    # What is mounted within is another's; and a mount that is read-only changes nothing.
    mkdir a/within && mount -t tmpfs larder-test a/within
    echo x >a/within/1
    status=0
    "$larder" clear a >"$work/said" 2>"$work/stderr" || status=$?
    kept=$(cat a/within/1)
    umount a/within
    equal "mounted within" x "$kept"
    mkdir "$work/ro" && mount --bind "$mnt" "$work/ro" && mount -o remount,bind,ro "$work/ro"
    status=0
    "$larder" clear "$work/ro" 2>"$work/stderr" || status=$?
    umount "$work/ro"
    equal "through a read-only mount" 3 $status
    shows "through a read-only mount" 1 1
fi
if [ "$store" = "$work/store" ]; then
    cd /
    unmount_larder
    mount_larder -o ro
    fails 3 "Read-only" "$larder" clear "$mnt"
    shows "read-only" "$mnt/1" 1
fi
