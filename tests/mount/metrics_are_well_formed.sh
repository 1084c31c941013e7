#!/bin/bash
# SPDX-License-Identifier: MIT
# .larder/metrics is what Prometheus reads: its own promtool finds nothing to say, whatever the names are; the numbers are
# those of stats.json; and names are shown to the owner and root alone.
. "$(dirname "$0")/../lib/mount.sh"
promtool=$(command -v promtool) || skip "no promtool; scripts/setup test gets it"
mount_larder -o size=8M
cd "$mnt"

mkdir plain $'odd\n"\\\xff' ümläut
for dir in *; do
    for i in {1..20}; do echo "$i" >"$dir/$i"; done
    for _ in {1..50}; do cat "$dir/7" >/dev/null; done
    cat "$dir/nothing" 2>/dev/null || true
done
for i in {1..20}; do head -c 1M /dev/urandom >large-"$i"; done

text=$(cat .larder/metrics)
said=$("$promtool" check metrics <<<"$text" 2>&1) || fail "promtool: $said"
equal "promtool says" "" "$said"

metric() { # NAME[LABELS]
    grep -v '^#' <<<"$text" | grep -F "larder_$1 " | sed 's/.* //'
}
for name in hits misses sets deletes expired waits; do
    equal "$name" "$(stat_of $name)" "$(metric ${name}_total)"
done
equal "hits" 150 "$(metric hits_total)"
equal "hits of a directory" 50 "$(metric 'directory_hits_total{directory="plain"}')"
equal "hits of an odd one" 50 "$(metric 'directory_hits_total{directory="odd\n\"\\\\xff"}')"
[ "$(metric 'evicted_total{reason="limit"}')" -gt 10 ] || fail "nothing was evicted"
equal "gets that were timed" 150 "$(metric 'request_duration_seconds_count{operation="get"}')"
equal "all are in the last bucket" 150 "$(metric 'request_duration_seconds_bucket{operation="get",le="+Inf"}')"
grep -q 'larder_hot_key_ratio{key="plain/7"} 0\.' <<<"$text" || fail "plain/7 is not hot"
python3 -m json.tool .larder/stats.json >/dev/null
python3 - <<'END'
import json, os
facts = json.load(open(".larder/stats.json"))
assert os.fsencode("odd\n\"\\\udcff") in [os.fsencode(d) for d in facts["by_directory"]], facts["by_directory"]
gets = facts["latency"]["get"]
assert gets["count"] == sum(gets["buckets"]) and gets["p50_ns"] <= gets["p99_ns"] <= gets["p999_ns"], gets
hot = {key["path"] for key in facts["hot"]}
assert {"plain/7", "ümläut/7"} <= hot, hot
END
! grep -P '[\x00-\x09\x0b-\x1f]' .larder/stats || fail "control characters in stats"

[ "$(id -u)" = 0 ] || exit 0
cd /
remount -o size=8M,allow_other
chmod 755 "$work" "$mnt"
other() {
    setpriv --reuid 4711 --regid 4711 --clear-groups "$@"
}
cat "$mnt/plain/7" >/dev/null
grep -q plain "$mnt/.larder/metrics"
for file in stats stats.json metrics; do
    other cat "$mnt/.larder/$file" >"$work/$file"
    ! grep -q plain "$work/$file" || fail "$file shows names to others"
done
grep -q larder_hits_total "$work/metrics"
