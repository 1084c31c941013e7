#!/bin/bash
# SPDX-License-Identifier: MIT
# flock and fcntl locks are the kernel's own: exclusive among processes, gone with their holder.
. "$(dirname "$0")/../lib/mount.sh"
mount_larder
cd "$mnt"

# A counter that many processes increase under a lock loses no step.
echo 0 >counter
increase() {
    for ((i = 0; i < 50; i++)); do
        (
            flock 9
            n=$(cat counter)
            echo $((n + 1)) >counter
        ) 9>>lock
    done
}
for n in 1 2 3; do
    increase &
    pids+=($!)
done
for pid in "${pids[@]}"; do wait "$pid"; done
equal "the counter" 150 "$(cat counter)"

python3 - <<'END'
from larder_test import *
import fcntl

put("f", b"x" * 100)
with open("f", "r+b") as one, open("f", "r+b") as other:
    fcntl.flock(one, fcntl.LOCK_EX)
    refused(errno.EAGAIN, fcntl.flock, other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    fcntl.flock(one, fcntl.LOCK_UN)
    fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)

# Records: two processes, two halves; the same half is refused.
fd = os.open("f", os.O_RDWR)
fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB, 50, 0)
def lock(_):
    with open_fd("f", os.O_RDWR) as mine:
        refused((errno.EAGAIN, errno.EACCES), fcntl.lockf, mine, fcntl.LOCK_EX | fcntl.LOCK_NB, 50, 0)
        fcntl.lockf(mine, fcntl.LOCK_EX | fcntl.LOCK_NB, 50, 50)
processes(1, lock)
os.close(fd)
END
