#!/bin/bash
# SPDX-License-Identifier: MIT
# .larder: found by name, never listed, and nothing that walks the tree comes upon it; `larder stats` tells the same.
. "$(dirname "$0")/../lib/mount.sh"
mount_larder -o size=16M
cd "$mnt"

[ -d .larder ]
equal "ls -a" $'.\n..' "$(ls -a)"
equal "find" . "$(find .)"
equal "ls .larder" $'backup\nconfig\nevents\nfsck\nmetrics\nstats\nstats.json\ntags' "$(ls .larder)"
equal "pid" "$daemon" "$(daemon_pid)"
echo x >f
rm -rf ./*
[ -d .larder ]
refused "" rm -rf .larder
refused "" rm .larder/stats
refused "" mv .larder elsewhere
refused "" mkdir .larder
refused "" bash -c 'echo x >.larder/new'
refused "" bash -c 'echo x >.larder/config'
refused "" ln -s x .larder
echo x >f
refused "" mv f .larder
equal "ls -A" f "$(ls -A)"
rm f
mkdir sub sub/.larder # elsewhere it is a name like any other
echo x >sub/.larder/f
equal "ls -A sub" .larder "$(ls -A sub)"
rm -r sub

before_hits=$(stat_of hits)
before_misses=$(stat_of misses)
before_sets=$(stat_of sets)
echo one >one
cat one one one >/dev/null
for name in a b c d; do cat "$name" 2>/dev/null || true; done
echo two >one
equal "hits" $((before_hits + 3)) "$(stat_of hits)"
[ "$(stat_of misses)" -ge $((before_misses + 4)) ] || fail "misses: $before_misses, then $(stat_of misses)"
equal "sets" $((before_sets + 2)) "$(stat_of sets)"
equal "items" 1 "$(stat_of items)"
equal "limit" $((16 << 20)) "$(stat_of limit_bytes)"
bytes=$(stat_of bytes)
head -c 1M /dev/urandom >large
[ "$(stat_of bytes)" -ge $((bytes + (1 << 20))) ]
before_deletes=$(stat_of deletes)
rm large
equal "deletes" $((before_deletes + 1)) "$(stat_of deletes)"

"$larder" stats "$mnt" | grep -q '^items *1$'
diff <("$larder" stats "$mnt/one" | cut -d' ' -f1) <(cut -d' ' -f1 .larder/stats)
"$larder" stats --json "$mnt" | python3 -m json.tool >/dev/null
equal "larder stats --json" "$(stat_of sets)" "$("$larder" stats --json . | python3 -c 'import json, sys; print(json.load(sys.stdin)["sets"])')"

# Help and version, for every verb.
cd /
"$larder" --help | grep -q umount
for verb in mount umount stats top bench version; do
    "$larder" $verb --help | grep -q "^usage: larder $verb"
done
"$larder" version | grep -q '^larder [0-9]'
