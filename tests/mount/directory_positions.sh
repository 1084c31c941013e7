#!/bin/bash
# SPDX-License-Identifier: MIT
# telldir, seekdir and rewinddir lead where they should.
. "$(dirname "$0")/../lib/mount.sh"
mount_larder
mkdir "$mnt/d"
"$helpers/listing" positions "$mnt/d" 1000
