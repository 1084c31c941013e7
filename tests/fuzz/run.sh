#!/bin/bash
# SPDX-License-Identifier: MIT
# run.sh TARGET [PROGRAM] - replays a target's corpus, then fuzzes from there for LARDER_FUZZ seconds (default 1). What it
# finds is left in /tmp and told; skipped (exit 77) where no compiler could build the program.
set -euo pipefail

target=$1 program=${2-} seconds=${LARDER_FUZZ:-1}
corpus=$(dirname "${BASH_SOURCE[0]}")/corpus/$target
[ -n "$program" ] || { echo "skipped: no clang here that has -fsanitize=fuzzer" >&2 && exit 77; }

work=$(mktemp -d "${TMPDIR:-/tmp}/larder-fuzz-$target.XXXXXX")
mkdir "$work/grown" "$work/tmp"
status=0
TMPDIR=$work/tmp "$program" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=1024 -print_final_stats=1 \
    -artifact_prefix="$work/" "$work/grown" "$corpus" </dev/null >"$work/log" 2>&1 || status=$?
if [ $status -ne 0 ]; then
    tail -n 60 "$work/log" >&2
    echo "$target: what was found is in $work; put it in tests/fuzz/corpus/$target" >&2
    exit 1
fi
grep -E 'DONE|number_of_executed' "$work/log"
rm -rf --one-file-system "$work"
