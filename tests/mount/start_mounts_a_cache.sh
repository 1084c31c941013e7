#!/bin/bash
# SPDX-License-Identifier: MIT
# scripts/start: mounts, shows a first entry, finds everything in place when it is run again, mends a mount whose daemon died.
. "$(dirname "$0")/../lib/mount.sh"
needs_disk
export HOME=$work/home LARDER=$larder
mkdir "$HOME"
start=$root/scripts/start

said=$("$start")
grep -qF 'Mounted ~/larder; its entries are kept in ~/.cache/larder.' <<<"$said" || fail "$said"
equal "the first entry" "hello from the larder" "$(cat ~/larder/greeting)"
equal "its lifetime" 900 "$(xattr ~/larder/greeting user.ttl)"
equal "its tag" demo "$(xattr ~/larder/greeting user.tags)"
echo mine >~/larder/mine

said=$("$start")
grep -qF 'already' <<<"$said" || fail "$said"
equal "what was there" mine "$(cat ~/larder/mine)"
equal "mounts" 1 "$(grep -cF " $HOME/larder " /proc/self/mounts)"

# Another place gets a store of its own.
said=$("$start" "$HOME/x")
grep -qF 'Mounted ~/x; its entries are kept in ~/.cache/larder-x.' <<<"$said" || fail "$said"
[ ! -e ~/x/mine ]
cd "$work"
said=$("$start" "y y")
equal "a relative place with a blank" "hello from the larder" "$(cat "$work/y y/greeting")"

# What it says to do next works, and so does unmounting.
sed -n '/^Try next:/,/^Unmount:/ { /^ / p }' <<<"$said" >"$work/next"
[ -s "$work/next" ]
bash -u "$work/next" >/dev/null 2>&1 || true # its last word is a miss
sed -n '/^Unmount:/,$ { /^ / p }' <<<"$said" | bash -eu
[ ! -e "$work/y y/greeting" ]

kill -9 "$(daemon_pid ~/larder)"
dead() { ! [ -e ~/larder/.larder ] 2>/dev/null; }
wait_until 10 dead
said=$("$start")
grep -qF 'Mounted ~/larder again' <<<"$said" || fail "$said"
equal "what was there" mine "$(cat ~/larder/mine)"

refused "Usage" "$start" --frob
"$larder" umount ~/larder
"$larder" umount ~/x
