#!/bin/bash
# SPDX-License-Identifier: MIT
# What a newcomer does first: echo, cat, ls -l, getfattr -d, df, rm.
. "$(dirname "$0")/../lib/mount.sh"
mount_larder -o size=64M
cd "$mnt"

miss greeting
echo hello >greeting
equal "cat" hello "$(cat greeting)"
[[ $(ls -l greeting) == -rw-r--r--*" 6 "*greeting ]] || fail "ls -l: $(ls -l greeting)"
equal "ls" greeting "$(ls)"

mkdir users
echo '{"name":"Ada"}' >users/42
setfattr -n user.ttl -v 15m users/42
setfattr -n user.tags -v users,eu users/42
equal "cat" '{"name":"Ada"}' "$(cat users/42)"
equal "getfattr -d" $'# file: users/42\nuser.tags="users,eu"\nuser.ttl="900"' "$(getfattr -d users/42 | grep . | sort)"

[[ $(df --output=size,target -BM . | tail -n 1) == *64M*"$mnt" ]] || fail "df: $(df -BM .)"
equal "the file system's type" fuse.larder "$(findmnt -no FSTYPE -T .)"

rm greeting
miss greeting
rm -r users
equal "what is left" "" "$(ls -A)"
