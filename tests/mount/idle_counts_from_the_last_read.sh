#!/bin/bash
# SPDX-License-Identifier: MIT
# user.idle: reading keeps an entry alive; left alone it goes.
. "$(dirname "$0")/../lib/mount.sh"
mount_larder
python3 - <<'END'
from larder_test import *

IDLE = 1.0
put("read", b"value")
put("left", b"value")
put("looked-at", b"value")
for name in "read", "left", "looked-at":
    os.setxattr(name, "user.idle", b"1s")
set_at = last = time.monotonic()
slow = False
while time.monotonic() < set_at + 3 * IDLE:
    before = time.monotonic()
    value = get("read")
    if before - last > 0.9 * IDLE:
        slow = True  # this machine had other things to do: nothing can be said
        break
    equal(b"value", value, "read all the time")
    last = before
    if before < set_at + 0.8 * IDLE:
        os.stat("looked-at")
    elif before > set_at + 2 * IDLE:
        equal(None, get("left"), "not read")
        equal(None, get("looked-at"), "only looked at")
    time.sleep(0.1)
if not slow:
    time.sleep(IDLE + 0.05)
    refused(errno.ENOENT, os.stat, "read")
    check("read" not in os.listdir("."), "listed")
END
