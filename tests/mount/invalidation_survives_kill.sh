#!/bin/bash
# SPDX-License-Identifier: MIT
# A tag's invalidation that was acknowledged holds after kill -9 of the daemon, be it in the middle of taking the space
# back; what was stored afterwards is there, and in the end the space is.
. "$(dirname "$0")/../lib/mount.sh"
needs_disk
count=${sanitized:+4000} # sanitizers slow things down
"$helpers/fill" "$store" "${count:=20000}" users
mount_larder
rmdir "$mnt/.larder/tags/users"
echo new >"$mnt/tagged/0/1"
kill_daemon
fusermount3 -uz "$mnt"

mount_larder
equal "what is left" 1 "$(find "$mnt/tagged" -type f | wc -l)"
equal "what was stored afterwards" new "$(cat "$mnt/tagged/0/1")"
some() { [ "$(stat_of invalidated)" -gt 0 ]; }
wait_until 10 some # the second daemon is at it
[ "$(stat_of items)" -gt 1001 ] || echo "all were gone at the second kill"
kill_daemon
fusermount3 -uz "$mnt"

mount_larder
equal "what has the tag" 1 "$(ls "$mnt/.larder/tags/users" | wc -l)"
refused "No such file" cat "$mnt/tagged/$((count / 1000 - 1))/999"
all() { [ "$(stat_of items)" = 1001 ]; }
wait_until 30 all
equal "what is left" 1 "$(find "$mnt/tagged" -type f | wc -l)"
remount
equal "what is left after all" 1001 "$(find "$mnt" -type f | wc -l)"
equal "others" 100 "$(stat -c %s "$mnt/other/999")"
