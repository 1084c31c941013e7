# SPDX-License-Identifier: MIT
"""Prints a trace for `larder bench --trace -`: a request a line, a key and its size. The same arguments give the same
trace, on any machine.

  zipf    the n-th most popular of 20,000 keys is read in proportion to n ** -0.8
  scan    the same, and after every 10,000 requests a scan: 5,000 keys one after the other that never come again
  loop    12,000 keys one after the other, again and again

A key is of 100 bytes to 10 KiB, many small and few large, always of the same size. With --lifetimes every other key also
lives for a number of requests, from 1,000 to 100,000.
"""
import argparse
import bisect
import itertools
import random

REQUESTS = 300_000
KEYS = 20_000
LOOP_KEYS = 12_000
EXPONENT = 0.8
SCAN_EVERY, SCAN_KEYS = 10_000, 5_000


def zipf(random_numbers):
    """Endless numbers of keys, by popularity."""
    weights = list(itertools.accumulate((n + 1) ** -EXPONENT for n in range(KEYS)))
    while True:
        yield bisect.bisect(weights, random_numbers.random() * weights[-1])


def scan(random_numbers):
    """The same, and the scans."""
    popular = zipf(random_numbers)
    for number in itertools.count():
        for _ in range(SCAN_EVERY):
            yield next(popular)
        for key in range(SCAN_KEYS):
            yield KEYS + number * SCAN_KEYS + key


def loop(_random_numbers):
    """A loop."""
    return itertools.cycle(range(LOOP_KEYS))


KINDS = {"zipf": zipf, "scan": scan, "loop": loop}


def attributes(seed, key):
    """The size of a key, in bytes, and its lifetime, in requests."""
    of_key = random.Random(seed * 1_000_000_007 + key)
    return int(100 * 100 ** (of_key.random() ** 2)), int(1000 * 100 ** of_key.random())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--requests", type=int, default=REQUESTS)
    parser.add_argument("--lifetimes", action="store_true")
    arguments = parser.parse_args()
    known = {}
    requests = KINDS[arguments.kind](random.Random(arguments.seed))
    for key in itertools.islice(requests, arguments.requests):
        if key not in known:
            size, lifetime = attributes(arguments.seed, key)
            known[key] = f"{key} {size} {lifetime}" if arguments.lifetimes and key % 2 else f"{key} {size}"
        print(known[key])


if __name__ == "__main__":
    main()
