#!/bin/bash
# SPDX-License-Identifier: MIT
# run.sh TARGET [PROGRAM] - replays a target's corpus, then fuzzes from there for LARDER_FUZZ seconds (default: for some
# thousand inputs, about a second), and prints what it did: inputs tried (#N), edges reached (cov). What it finds is left in
# a folder that is told; skipped (exit 77) where no compiler could build the program.
set -euo pipefail

target=$1 program=${2-} seconds=${LARDER_FUZZ:-1}
runs=-1
[ -n "${LARDER_FUZZ-}" ] || runs=4000
corpus=$(dirname "${BASH_SOURCE[0]}")/corpus/$target
[ -n "$program" ] || { echo "skipped: no clang here that has -fsanitize=fuzzer" >&2 && exit 77; }

# In memory where that can be had: some targets make and remove files for every input.
base=${TMPDIR:-/dev/shm}
[ -w "$base" ] || base=/tmp
work=$(mktemp -d "$base/larder-fuzz-$target.XXXXXX")
mkdir "$work/grown" "$work/tmp"
status=0
TMPDIR=$work/tmp timeout --kill-after=10 $((seconds + 120)) "$program" -runs=$runs -max_total_time="$seconds" -timeout=20 \
    -rss_limit_mb=1024 -artifact_prefix="$work/" "$work/grown" "$corpus" </dev/null >"$work/log" 2>&1 || status=$?
if [ $status -ne 0 ]; then
    tail -n 60 "$work/log" >&2
    echo "$target: what was found is in $work; put it in tests/fuzz/corpus/$target, and mend it" >&2
    exit 1
fi
sed -n "s/^#.*DONE/$target: &/p" "$work/log"
rm -rf --one-file-system "$work"
