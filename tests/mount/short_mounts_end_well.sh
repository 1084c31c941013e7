#!/bin/bash
# SPDX-License-Identifier: MIT
# A mount that is taken away as soon as it answers, while the daemon is still busy beginning on another core, ends as any
# other.
. "$(dirname "$0")/../lib/mount.sh"
[ -z "$sanitized" ] || skip "what is preloaded would come before the sanitizer"
[ "$(nproc)" -gt 1 ] || skip "one core only"
store=mem:
export LATE_US=1000000
cores=$(taskset -pc $$ | sed 's/.*: //')
taskset -pc 0 $$ >/dev/null # it answers there
program=$larder
larder=$work/late
printf '#!/bin/bash\nexec env LD_PRELOAD=%q taskset -c %q %q "$@"\n' "$helpers/liblate.so" "$cores" "$program" >"$larder"
chmod +x "$larder"
mount_larder
umount "$mnt"
wait "$daemon" || fail "the daemon did not end well"
daemon=
