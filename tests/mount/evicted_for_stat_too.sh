#!/bin/bash
# SPDX-License-Identifier: MIT
# What was evicted is soon gone for stat, too, though the kernel had every reason to remember it.
. "$(dirname "$0")/../lib/mount.sh"
mount_larder -o items=20
python3 - <<'END'
from larder_test import *

names = [f"name{n}" for n in range(60)]
for name in names:
    put(name, b"value")
    os.stat(name) # the kernel knows it from now on
check(stats()["evicted"] > 0, "nothing was evicted")
def there():
    return sorted(name for name in names if os.path.lexists(name))
wait_until(3, lambda: there() == sorted(os.listdir(".")))
END
