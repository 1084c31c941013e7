#!/bin/bash
# SPDX-License-Identifier: MIT
# The checks that other tests lean on can fail: on a file system without our promise they find torn and empty reads,
# sizes that are not the value's, handles and mappings that change, and pages that are gone.
. "$(dirname "$0")/../lib/mount.sh"
mkdir "$work/plain" "$work/live"

# finds FAULTS OPTION...: within a few runs of torture with these options each was found, and no call failed.
finds() {
    local fault missing counts
    read -ra missing <<<"$1"
    for ((run = 0; run < 8 && ${#missing[@]} > 0; run++)); do
        if counts=$("$helpers/torture" "${@:2}" 3 2 2 2>/dev/null); then fail "it found nothing: $counts"; fi
        [[ $counts == *" 0 hangs, 0 errors" ]] || fail "it had errors: $counts"
        for fault in "${!missing[@]}"; do
            [[ $counts == *" 0 ${missing[fault]//-/ }"* ]] || unset "missing[fault]"
        done
    done
    [ ${#missing[@]} -eq 0 ] || fail "it found no ${missing[*]}: $counts"
    echo "$counts"
}

# Lifetimes mean nothing there.
finds "torn empty wrong-sizes changed SIGBUSes" --no-eviction --without expire,brief "$work/plain"
finds "torn empty" --live "$work/live"
