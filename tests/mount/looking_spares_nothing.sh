#!/bin/bash
# SPDX-License-Identifier: MIT
# Whoever only looks, as find, ls -lR and backups that skip what has not changed do, changes nothing about what is evicted:
# it is the same entries with and without.
. "$(dirname "$0")/../lib/mount.sh"

# survivors LOOK...: what is left after an eviction, when LOOK was run before it.
survivors() {
    LARDER_STORE=mem: store=mem: mount_larder -o items=40,policy=sieve
    (
        cd "$mnt"
        for i in {1..40}; do echo "$i" >"entry-$i"; done
        cat entry-3 entry-5 entry-8 entry-13 >/dev/null
        "$@" >/dev/null
        for i in {1..25}; do echo "$i" >"more-$i"; done
        ls
    )
    unmount_larder
}
survivors true >"$work/without"
survivors find . -type f -exec stat {} + >"$work/with-find"
survivors ls -lR >"$work/with-ls"
grep -qx entry-13 "$work/without" || fail "what was read is gone: $(cat "$work/without")"
! grep -qx entry-4 "$work/without" || fail "what was not read is there"
diff "$work/without" "$work/with-find"
diff "$work/without" "$work/with-ls"
