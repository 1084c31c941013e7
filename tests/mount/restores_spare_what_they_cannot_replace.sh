#!/bin/bash
# SPDX-License-Identifier: MIT
# larder restore by a user who may not change everything: what he may not is told and left out, the rest is restored, as
# tar does it, and the status is 3. What is to be replaced is there until the new one is, whatever its kind.
. "$(dirname "$0")/../lib/mount.sh"
needs_root
chmod 755 "$work"
mount_larder -o allow_other
cd "$work"
nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups -- "$@"; }

# restores STATUS ARCHIVE TEXT...: as nobody; what is said has each text.
restores() {
    local status=0 said text
    said=$(nobody "$larder" restore "$mnt" "$2" 2>&1) || status=$?
    equal "status of $2: $said" "$1" $status
    for text in "${@:3}"; do [[ $said == *"$text"* ]] || fail "expected '$text' of $2: got '$said'"; done
}

# Directories of others, the root among them, in which he may store: their modes and times stay, and all goes on.
mkdir -m 777 "$mnt/a" "$mnt/b"
mkdir -p tree/a tree/b tree/c
for name in a b c; do echo $name >tree/$name/f; done
tar -C tree --sort=name -cf dirs.tar a b
restores 3 dirs.tar "restored 2 entries" "2 could not be restored" "a: Operation not permitted" "b: Operation not permitted"
equal "in the first" a "$(cat "$mnt/a/f")"
equal "in the second" b "$(cat "$mnt/b/f")"
equal "its mode" 777 "$(stat -c %a "$mnt/a")"
chmod 1777 "$mnt"
tar -C tree --sort=name -cf whole.tar .
restores 3 whole.tar "restored 3 entries" ".: Operation not permitted"
equal "in a new one" c "$(cat "$mnt/c/f")"
equal "whose it is" 65534 "$(stat -c %u "$mnt/c")"
# and one that he may not enter
mkdir -m 700 "$mnt/closed"
mkdir tree/closed
echo x >tree/closed/f
tar -C tree --sort=name -cf closed.tar a closed c
restores 3 closed.tar "restored 2 entries" "closed/f: Permission denied"

# What cannot be opened to be replaced stays when what should replace it cannot be stored, and goes when it can.
mkdir "$mnt/own" tree2 small
chown 65534 "$mnt/own"
setfattr -n user.limit.bytes -v 1M "$mnt/own" # too little for a large one
setfattr -n user.policy -v none "$mnt/own"
there() {
    rm -rf "${mnt:?}"/own/*
    echo old >"$mnt/own/f"
    chmod 400 "$mnt/own/f"
    ln -s target "$mnt/own/l"
    mkdir "$mnt/own/d"
}
for name in f l d; do head -c 3000000 /dev/zero >tree2/$name && echo new >small/$name; done
tar -C tree2 --transform 's#^\./#own/#' -cf large.tar ./f ./l ./d
tar -C small --transform 's#^\./#own/#' -cf small.tar ./f ./l ./d
there
restores 3 large.tar "restored 0 entries" "3 could not be restored"
equal "a value" old "$(cat "$mnt/own/f")"
equal "a link" target "$(readlink "$mnt/own/l")"
equal "nothing else" "d f l" "$(ls -A "$mnt/own" | xargs)"
restores 0 small.tar "restored 3 entries" "3 replaced"
for name in f l d; do equal "replaced: $name" new "$(cat "$mnt/own/$name")"; done
equal "nothing else" "d f l" "$(ls -A "$mnt/own" | xargs)"

# Links and directories take the place of whatever is there, too.
mkdir -p kinds/own/f
ln -s new kinds/own/l
ln -s new kinds/own/d
tar -C kinds --owner=65534 -cf kinds.tar own/f own/l own/d
there
restores 0 kinds.tar "2 replaced"
equal "links" "new new" "$(readlink "$mnt/own/l") $(readlink "$mnt/own/d")"
check "a directory" test -d "$mnt/own/f"
equal "nothing else" "d f l" "$(ls -A "$mnt/own" | xargs)"
