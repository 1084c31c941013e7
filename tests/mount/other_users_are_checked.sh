#!/bin/bash
# SPDX-License-Identifier: MIT
# Another user may do what the modes say; without allow_other, nothing.
. "$(dirname "$0")/../lib/mount.sh"
needs_root
chmod 755 "$work"
nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups -- "$@"; }

mount_larder
echo x >"$mnt/f"
refused "Permission denied" nobody cat "$mnt/f"
refused "Permission denied" nobody ls "$mnt"
unmount_larder

mount_larder -o allow_other
cd "$mnt"
echo public >public
echo secret >secret
chmod 600 secret
mkdir -m 700 closed
mkdir -m 1777 tmp
mkdir -m 755 look
echo x >look/f

equal "a file for all" public "$(nobody cat public)"
refused "Permission denied" nobody cat secret
refused "Permission denied" nobody bash -c 'echo x >public'
refused "Permission denied" nobody bash -c 'echo x >>public'
refused "Permission denied" nobody bash -c 'echo x >new'
refused "Permission denied" nobody ls closed
refused "Permission denied" nobody cat closed/f
refused "Permission denied" nobody rm -f look/f
refused "Permission denied" nobody mv look/f tmp/f
refused "Operation not permitted" nobody chmod 777 public
refused "Operation not permitted" nobody chown 65534 public
refused "denied" nobody touch -d yesterday public
refused "Permission denied" nobody setfattr -n user.ttl -v 1s public
refused "Permission denied" nobody setfattr -n user.tags -v mine public
setfattr -n user.tags -v label public
refused "Permission denied" nobody ls .larder/tags
refused "Permission denied" nobody ls .larder/tags/label
refused "Permission denied" nobody rmdir .larder/tags/label
refused "Permission denied" nobody "$larder" evict --tag label .
equal "public, after all that" public "$(cat public)"

nobody bash -c 'echo mine >tmp/mine; chmod 600 tmp/mine; mkdir tmp/dir; echo x >tmp/dir/f; setfattr -n user.ttl -v 1h tmp/mine'
equal "owner" 65534:65534 "$(stat -c %u:%g tmp/mine)"
equal "lifetime" 3600 "$(nobody getfattr --only-values -n user.ttl tmp/mine)"
echo root >tmp/root
chmod 666 tmp/root
refused "Operation not permitted" nobody rm -f tmp/root # sticky
nobody bash -c 'echo changed >tmp/root'
equal "written by nobody" changed "$(cat tmp/root)"
equal "still root's" 0:0 "$(stat -c %u:%g tmp/root)"

# Set-user-id programs and devices have no power here.
[[ $(findmnt -no OPTIONS -M "$mnt") == *nosuid*nodev* ]] || fail "options: $(findmnt -no OPTIONS -M "$mnt")"
cp /usr/bin/id tmp/id
chmod 4755 tmp/id
equal "a set-user-id program" 65534 "$(nobody tmp/id -u)"
