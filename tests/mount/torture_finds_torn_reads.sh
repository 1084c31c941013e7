#!/bin/bash
# SPDX-License-Identifier: MIT
# The checks that other tests lean on can fail: on a file system without our promise they find torn and empty reads,
# sizes that are not the value's, handles and mappings that change, and pages that are gone.
. "$(dirname "$0")/../lib/mount.sh"
mkdir "$work/plain" "$work/live"

# finds COUNTS FAULT...: each was found, and no call failed.
finds() {
    local fault
    for fault in "${@:2}"; do
        [[ $1 == *" $fault"* && $1 != *" 0 $fault"* ]] || fail "it found no $fault: $1"
    done
    [[ $1 == *" 0 hangs, 0 errors" ]] || fail "it had errors: $1"
    echo "$1"
}

# Lifetimes mean nothing there.
if counts=$("$helpers/torture" --no-eviction --without expire,brief "$work/plain" 3 2 2 2>/dev/null); then
    fail "it found nothing: $counts"
fi
finds "$counts" torn empty "wrong sizes" changed SIGBUSes

if counts=$("$helpers/torture" --live "$work/live" 3 2 2 2>/dev/null); then fail "it found nothing: $counts"; fi
finds "$counts" torn empty
