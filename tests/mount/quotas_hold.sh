#!/bin/bash
# SPDX-License-Identifier: MIT
# A directory with limits of its own is held to them under load and evicts within itself; nothing elsewhere is touched.
#
#     quotas_hold.sh [SECONDS]    how long the load goes on (default 4)
. "$(dirname "$0")/../lib/mount.sh"
seconds=${1:-4}
mount_larder -o size=256M
cd "$mnt"

# --- under load: 4 writers against 10 MiB, beside a directory that nobody writes to
mkdir -p tenant/deep kept
for ((i = 0; i < 500; i++)); do head -c 8000 /dev/zero >"kept/$i"; done
setfattr -n user.limit.bytes -v 10M tenant
equal "the limit, as it is read back" 10485760 "$(xattr tenant user.limit.bytes)"
equal "the limit is listed" 'user.limit.bytes="10485760"' "$(getfattr -d tenant | grep limit)"
df_of() { # COLUMN DIR
    df --output="$1" -B1 "$2" | awk 'NR == 2 { print $1 }'
}
values() { # bytes of all of them; what goes meanwhile is none
    { find tenant -type f -printf '%s\n' 2>/dev/null || true; } | awk '{ sum += $1 } END { print sum + 0 }'
}
stop=$work/stop
writer() {
    local i=0
    while [ ! -e "$stop" ]; do
        i=$(((i + 1) % 2000))
        head -c $((RANDOM % 40000)) /dev/zero >"$1/$2-$i" || { echo "$?" >>"$work/failed" && return; }
    done
}
writers=()
for dir in tenant tenant/deep; do
    for ((w = 0; w < 2; w++)); do
        writer $dir $w &
        writers+=($!)
    done
done
samples=0 most=0
end=$((SECONDS + seconds))
while [ $SECONDS -lt $end ]; do
    bytes=$(values)
    used=$(df_of used tenant)
    [ "$used" -le 10485760 ] || fail "df shows $used bytes of 10485760"
    [ "$bytes" -le "$most" ] || most=$bytes
    samples=$((samples + 1))
done
touch "$stop"
wait "${writers[@]}"
[ ! -e "$work/failed" ] || fail "a writer failed"
echo "$samples samples, at most $most bytes of values below a limit of 10485760"
[ "$(values)" -le 10485760 ]
[ "$most" -ge 8000000 ] || [ -n "$sanitized" ] || fail "never more than $most bytes: the load was none"
equal "files elsewhere" 500 "$(find kept -type f -size 8000c | wc -l)"
equal "df shows the limit" 10485760 "$(df_of size tenant/deep)"

grep -q "of 10.0 MiB .* sieve *tenant$" .larder/stats || fail "stats does not show it"
python3 - <<'END'
import json
quota = json.load(open(".larder/stats.json"))["quotas"]["tenant"]
assert quota["limit_bytes"] == 10485760 and 0 < quota["bytes"] <= 10485760, quota
END
grep -q '^larder_quota_stored_bytes{directory="tenant"} [1-9]' .larder/metrics

# --- by its own policy; one within the other
mkdir -p tenant/inner
setfattr -n user.limit.items -v 50 tenant/inner
setfattr -n user.policy -v lru tenant/inner
others=$(find tenant -maxdepth 1 -type f | wc -l)
for ((i = 0; i < 10; i++)); do echo "hot $i" >tenant/inner/hot$i; done
for ((i = 0; i < 400; i++)); do
    echo x >tenant/inner/$i
    [ $((i % 20)) != 0 ] || cat tenant/inner/hot* >/dev/null
done
equal "what is read all the time" 10 "$(find tenant/inner -name 'hot*' | wc -l)"
[ "$(find tenant/inner -type f | wc -l)" -le 50 ]
[ "$(find tenant -maxdepth 1 -type f | wc -l)" -ge $((others - 5)) ] || fail "the outer one lost entries to the inner one"

# --- refusing
setfattr -n user.policy -v none tenant/inner
echo x >"$work/x"
fill() { for ((i = 0; i < 60; i++)); do cp "$work/x" "tenant/inner/more$i" || return 1; done; } # the shell does not look at close
refused "Disk quota exceeded" fill
refused "File too large" dd if=/dev/zero of=tenant/inner/big bs=1M count=11 status=none
refused "Disk quota exceeded" mv kept/1 tenant/inner/moved
[ -e kept/1 ]
for bad in "" x -1 1x; do
    refused "Invalid argument" setfattr -n user.limit.bytes -v "$bad" kept
    refused "Invalid argument" setfattr -n user.limit.items -v "$bad" kept
done
refused "Invalid argument" setfattr -n user.limit.items -v 1K kept
refused "Invalid argument" setfattr -n user.policy -v mru kept
refused "Invalid argument" setfattr -n user.limit.bytes -v 1M kept/2
refused "not supported" setfattr -n user.limit.inodes -v 1 kept
refused "No such attribute" setfattr -x user.limit.bytes kept

# --- taken along by copies, taken away, and there after a crash
cp -a tenant/inner copy
equal "the copy's limit" 50 "$(xattr copy user.limit.items)"
equal "the copy's policy" none "$(xattr copy user.policy)"
setfattr -x user.policy tenant/inner
fill
used=$(df_of used tenant)
cd /
kill_daemon
mount_larder -o size=256M
cd "$mnt"
equal "what is used, after a crash" "$used" "$(df_of used tenant)"
equal "the limit, after a crash" 10485760 "$(xattr tenant user.limit.bytes)"
for ((i = 0; i < 1000; i++)); do head -c 20000 /dev/zero >"tenant/after$i"; done
[ "$(df_of used tenant)" -le 10485760 ]
equal "files elsewhere" 500 "$(find kept -type f -size 8000c | wc -l)"

# --- a directory moved in counts there, in a moment
mkdir many
for ((i = 0; i < 100; i++)); do echo x >many/$i; done
setfattr -n user.limit.items -v 1000 tenant
mv many tenant/many
counted() { [ "$(df_of iused tenant)" = "$(find tenant ! -type d | wc -l)" ]; }
wait_until 10 counted

# --- where a limit lies within a smaller one, that is what df shows
setfattr -n user.limit.bytes -v 100M tenant/inner
equal "df shows the smaller one" 10485760 "$(df_of size tenant/inner)"
setfattr -x user.limit.bytes tenant/inner
setfattr -n user.limit.items -v 0 tenant
refused "No such attribute" getfattr -n user.limit.items tenant

# --- the mount's own limits, until it ends
equal "the mount's limit" $((256 << 20)) "$(xattr . user.limit.bytes)"
setfattr -n user.limit.bytes -v 64M .
equal "the mount's limit" $((64 << 20)) "$(df_of size .)"
setfattr -n user.limit.items -v 100 .
few() { [ "$(find . -type f | wc -l)" -le 100 ]; }
wait_until 10 few
setfattr -x user.limit.items .
refused "Invalid argument" setfattr -n user.limit.bytes -v 1K .
cd /
