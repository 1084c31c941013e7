#!/bin/bash
# SPDX-License-Identifier: MIT
# An open that was under way when its entry was replaced still gets the old value, but not past that one's deadline.
. "$(dirname "$0")/../lib/mount.sh"
mount_larder
python3 - <<'END'
from larder_test import *

def get(path):
    with open(path, "rb") as file:
        return file.read()

for n in range(3):
    name = f"f{n}"
    put(name, b"old")
    os.setxattr(name, "user.ttl", b"400ms")
    deadline = time.monotonic() + 0.4
    under_way = os.open(name, os.O_PATH)  # an open through it goes to the very inode, as one would that had looked up
    put("new", b"new")
    time.sleep(max(0, deadline - 0.05 - time.monotonic()))
    os.replace("new", name)
    equal(b"old", get(f"/proc/self/fd/{under_way}"), "what an open that was under way gets")
    time.sleep(max(0, deadline + 0.01 - time.monotonic()))
    equal(b"new", get(f"/proc/self/fd/{under_way}"), "what it gets past the deadline")
    os.close(under_way)
END
