# SPDX-License-Identifier: MIT
"""limit.py LIMIT BYTES WRITERS READERS: does the limit hold, and is it a matter between larder and itself?

WRITERS processes together write BYTES of values of mixed sizes into the mount, some keys anew and some over others; READERS
read keys at random. One more process samples what is stored, by .larder/stats.json and by statfs, as fast as it can.

  - no sample is above LIMIT;
  - no writer gets an error;
  - every read is a miss or one whole value.
"""
from larder_test import *
import random
import struct

LIMIT, BYTES, WRITERS, READERS = map(int, sys.argv[1:])
KEYS = 600  # a writer
VALUE_MAX = min(2 << 20, LIMIT // 16)
POOL = os.urandom(VALUE_MAX + 65536)  # incompressible; a value is a slice of it
HEAD = struct.Struct("<QQ")


def value_of(chance):
    # Every order of magnitude has its share: half of the values below 2 KB, most of the bytes in large ones.
    size = int(8 * (VALUE_MAX / 8) ** chance.random())
    start = chance.randrange(65536)
    return HEAD.pack(size, start) + POOL[start:start + size]


def is_whole(value):
    if len(value) < HEAD.size:
        return False
    size, start = HEAD.unpack_from(value)
    return len(value) == HEAD.size + size and value[HEAD.size:] == POOL[start:start + size]


def write(i):
    chance = random.Random(i)
    os.mkdir(f"w{i}")
    rest = BYTES // WRITERS
    while rest > 0:
        value = value_of(chance)
        key = f"w{i}/{chance.randrange(KEYS)}"
        way = chance.randrange(8)
        if way == 0:
            put(f"w{i}/new", value)
            try:
                os.rename(f"w{i}/new", key)
            except FileNotFoundError:
                pass  # evicted in between, as any entry may be
        elif way == 1:
            with open_fd(key, os.O_WRONLY | os.O_CREAT | os.O_TRUNC) as fd:
                for at in range(0, len(value), 50_000):
                    os.write(fd, value[at:at + 50_000])
        else:
            put(key, value)
        rest -= len(value)


def read(i, hits, misses):
    chance = random.Random(-i)
    while os.path.exists(f"{work}/running"):
        key = f"w{chance.randrange(WRITERS)}/{chance.randrange(KEYS)}"
        value = get(key)
        if value is None:
            misses += 1
        else:
            check(is_whole(value), key, "is not a whole value:", len(value), "bytes")
            hits += 1
    print(f"reader {i}: {hits} hits, {misses} misses")
    check(hits > 0, "a reader had no hit at all")


def sample():
    most = most_statfs = samples = 0
    while os.path.exists(f"{work}/running"):
        now = stats()
        check(now["bytes"] <= LIMIT, "stored", now["bytes"], "bytes, above the limit of", LIMIT)
        equal(LIMIT, now["limit_bytes"])
        fs = os.statvfs(".")
        used = (fs.f_blocks - fs.f_bfree) * fs.f_frsize
        equal(LIMIT, fs.f_blocks * fs.f_frsize, "statfs's size")
        check(used <= LIMIT, "statfs:", used, "bytes, above the limit of", LIMIT)
        most, most_statfs, samples = max(most, now["bytes"]), max(most_statfs, used), samples + 1
        time.sleep(0.005)
    print(f"{samples} samples: at most {most / LIMIT:.1%} of the limit by stats.json, {most_statfs / LIMIT:.1%} by statfs")
    check(samples > 10, "only", samples, "samples")


def one(i):
    if i == 0:
        try:
            processes(WRITERS, write)
        finally:
            os.unlink(f"{work}/running")
    elif i == 1:
        sample()
    else:
        read(i, 0, 0)


open(f"{work}/running", "w").close()
start = time.monotonic()
processes(2 + READERS, one)
end = stats()
print(f"{BYTES >> 20} MiB in {time.monotonic() - start:.1f} s; {end['sets']} sets, {end['evicted']} evicted, {end['waits']} waits")
check(end["evicted"] > 0, "nothing was evicted")
