#!/bin/bash
# SPDX-License-Identifier: MIT
# larder expire: when it returns, nothing that was due is left; whoever may not is told so.
. "$(dirname "$0")/../lib/mount.sh"
chmod 755 "$work"
mount_larder -o allow_other,items=100000
cd "$mnt"
equal "nothing is due" "expired 0 entries" "$("$larder" expire .)"
equal "as JSON" '{"expired":0}' "$("$larder" expire --json .larder)"

count=8000
[ -z "$sanitized" ] || count=1500
mkdir many && setfattr -n user.ttl -v 1h many
echo stays >many/stays
python3 - $count <<'END'
from larder_test import *

# All at the same moment: more than the daemon has done by the time it is asked.
deadline = time.time() + 4 + int(sys.argv[1]) / 2000
text = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(deadline) + 1)).encode()
for i in range(int(sys.argv[1])):
    put(f"many/{i}", b"x")
    os.setxattr(f"many/{i}", "user.expires", text)
check(time.time() < int(deadline), "this machine is too slow")
check(stats()["expired"] == 0)
time.sleep(int(deadline) + 1.001 - time.time())
END
said=$("$larder" expire .)
equal "expired when it returns" $count "$(stat_of expired)"
equal "items when it returns" 1 "$(stat_of items)"
equal "what stays" stays "$(ls many)"
[[ $said =~ ^expired\ [0-9]+\ entries$ ]] || fail "it says: $said"

refused "no larder" "$larder" expire "$work"
refused "argument is missing" "$larder" expire
refused "unexpected argument" "$larder" expire . .
refused "unknown option" "$larder" expire --now .
if [ "$(id -u)" = 0 ]; then
    refused "only root and the owner" setpriv --reuid=65534 --regid=65534 --clear-groups -- "$larder" expire .
fi
