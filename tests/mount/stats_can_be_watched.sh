#!/bin/bash
# SPDX-License-Identifier: MIT
# larder stats --watch: a line an interval of what happened in it, at once in a pipe; ends when nobody reads it, when it
# is interrupted, and when the mount ends; larder stats --watch --json gives an object a line.
. "$(dirname "$0")/../lib/mount.sh"
mount_larder -o size=8M
mkdir "$mnt/d"

"$larder" stats "$mnt" --watch 200ms >"$work/watched" &
watch=$!
lines() { # N
    [ "$(wc -l <"$work/watched")" -ge "$1" ]
}
wait_until 20 lines 2
for i in {1..20}; do echo x >"$mnt/d/$i"; done
cat "$mnt"/d/* >/dev/null
at=$(wc -l <"$work/watched")
wait_until 20 lines $((at + 2))
grep -q '^time  *gets/s  *hit %  *sets/s' "$work/watched"
equal "one header in a pipe" 1 "$(grep -c '^time' "$work/watched")"
[ "$(awk '{ print NF }' "$work/watched" | sort -u | wc -l)" -le 6 ]
awk 'NR > 1 { sets += $4; gets += $2 } END { exit !(sets > 0 && gets > 0) }' "$work/watched" || fail "nothing was seen: $(cat "$work/watched")"
! grep -q $'\e' "$work/watched" || fail "colours in a pipe"
unmount_larder
status=0
wait $watch || status=$?
equal "status when the mount has ended" 3 $status

mount_larder
set +o pipefail # a reader that goes ends it with SIGPIPE
equal "head ends it" 3 "$("$larder" stats --watch=100ms "$mnt" | head -3 | wc -l)"
"$larder" stats --json --watch 100ms "$mnt" | head -3 | python3 -c '
import json, sys
facts = [json.loads(line) for line in sys.stdin]
assert len(facts) == 3 and all("latency" in fact for fact in facts), facts
assert facts[0]["uptime_ms"] < facts[1]["uptime_ms"] < facts[2]["uptime_ms"]'
refused "no interval" "$larder" stats --watch=soon "$mnt"
refused "an interval is from" "$larder" stats --watch 1ms "$mnt"
refused "missing mount point" "$larder" stats --watch 1
