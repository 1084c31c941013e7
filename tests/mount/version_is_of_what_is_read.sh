#!/bin/bash
# SPDX-License-Identifier: MIT
# LARDER_TELL_VERSION tells no version whose bytes the descriptor does not show yet: beside somebody who writes to the
# file in place, what is read after the number is at least as new as the number. Else a set over that version, computed
# from what was read, would undo the write.
. "$(dirname "$0")/../lib/mount.sh"
mount_larder
printf '%08d' 0 >"$mnt/a"
rounds=${1-3000}
[ -z "$sanitized" ] || rounds=500
timeout 50 python3 - "$mnt/a" "$rounds" <<'END' || fail "an old value under a new version"
import errno, fcntl, os, struct, sys
path, rounds = sys.argv[1], int(sys.argv[2])
TELL = 0x8008e606

def tell(fd):
    while True:
        try:
            return struct.unpack("Q", fcntl.ioctl(fd, TELL, bytes(8)))[0]
        except OSError as error:
            if error.errno != errno.EAGAIN:
                raise

def write_in_place(to):
    fd = os.open(path, os.O_WRONLY)
    for i in range(1, rounds + 1):
        os.pwrite(fd, b"%08d" % i, 0)
        to.write("%d %d\n" % (tell(fd), i))
    os._exit(to.close() or 0)

told = {}
reader = os.open(path, os.O_RDONLY)
told[tell(reader)] = int(os.pread(reader, 8, 0))
get, put = os.pipe()
fcntl.fcntl(put, 1031, 1 << 20)  # F_SETPIPE_SZ: all of what is told has room
writer = os.fork()
if writer == 0:
    os.close(get)
    write_in_place(os.fdopen(put, "w"))
os.close(put)
seen = []
while not seen or seen[-1][1] < rounds:
    seen.append((tell(reader), int(os.pread(reader, 8, 0))))
for line in os.fdopen(get):
    version, value = map(int, line.split())
    told[version] = value
assert os.waitstatus_to_exitcode(os.waitpid(writer, 0)[1]) == 0
stale = [(version, value) for version, value in seen if value < told[version]]
if stale:
    print(len(stale), "of", len(seen), "looks were stale", file=sys.stderr)
assert len(set(seen)) > 10, "both took no turns"
sys.exit(1 if stale else 0)
END
