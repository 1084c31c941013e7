#!/bin/bash
# SPDX-License-Identifier: MIT
# What belongs to the mount as a whole is root's and that of the owner of its root directory, whoever mounted it: its
# tags, its events and whose names statistics show, its policy, and letting entries expire.
. "$(dirname "$0")/../lib/mount.sh"
needs_root
chmod 755 "$work"
as() { setpriv --reuid="$1" --regid="$1" --clear-groups -- "${@:2}"; }
mount_larder -o allow_other
cd "$mnt"
mkdir -m 777 dir
echo x >dir/x
cat dir/x >/dev/null
setfattr -n user.tags -v one,two dir/x

may() { # USER: all of it
    equal "the tags, for $1" $'one\ntwo' "$(as "$1" ls .larder/tags)"
    equal "a tag's link, for $1" 1 "$(as "$1" ls .larder/tags/one | wc -l)"
    as "$1" head -n 1 .larder/events | grep -q begin || fail "the events, for $1"
    as "$1" setfattr -n user.policy -v lru . || fail "the policy, for $1"
    as "$1" "$larder" expire . >/dev/null || fail "expire, for $1"
    as "$1" grep -q '"by_directory":{.*"dir"' .larder/stats.json || fail "names in the statistics, for $1"
}
may_not() { # USER: none of it
    refused "Permission denied" as "$1" ls .larder/tags
    refused "Permission denied" as "$1" ls .larder/tags/one
    refused "Permission denied" as "$1" rmdir .larder/tags/one
    refused "Permission denied" as "$1" "$larder" evict --tag one .
    refused "Permission denied" as "$1" cat .larder/events
    refused "denied" as "$1" setfattr -n user.policy -v lru .
    refused "only root" as "$1" "$larder" expire .
    ! as "$1" grep -q by_directory .larder/stats.json || fail "names in the statistics, for $1"
}
may 0
may_not 65534
chown 65534:65534 .
may 0
may 65534
may_not 65533
as 65534 rmdir .larder/tags/one
miss dir/x
chown 0:0 .
may_not 65534

# The limits of a directory bind those who may write to it: they are set by who may write to the one above.
mkdir tenant
chown 65534:65534 tenant
setfattr -n user.limit.items -v 5 tenant
for attribute in user.limit.items user.limit.bytes user.policy; do
    refused "not permitted" as 65534 setfattr -n $attribute -v 5 tenant
done
refused "not permitted" as 65534 setfattr -x user.limit.items tenant
equal "the limit" 5 "$(as 65534 getfattr --only-values -n user.limit.items tenant)"
as 65534 mkdir tenant/own
as 65534 setfattr -n user.limit.items -v 3 tenant/own
as 65534 setfattr -x user.limit.items tenant/own
chmod 1777 .
as 65534 mkdir shared
refused "not permitted" as 65534 setfattr -n user.limit.items -v 3 shared
chmod 755 .
cd /
