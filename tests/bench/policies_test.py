# SPDX-License-Identifier: MIT
"""Do the policies do what they are said to do? On three traces (trace.py), `larder bench`, which runs the engine's own
choice, has to come within 1 % of the requests of the obvious code below; and a real store on disk within 1 % of `larder
bench --ahead`, which has a store's watermarks.

    policies_test.py LARDER REPLAY [--print]
"""
import itertools
import json
import pathlib
import random
import subprocess
import sys
import tempfile

ITEMS = 320
REQUESTS = 15_000
TOLERANCE = 0.01
TRACE = pathlib.Path(__file__).with_name("trace.py")


class Fifo:
    """Stored longest ago. A dict remembers in which order keys came in."""

    def __init__(self):
        self.there = {}

    def hit(self, key, at):
        pass

    def store(self, key, at, deadline):
        self.there[key] = deadline

    def remove(self, key):
        del self.there[key]

    def victim(self):
        return next(iter(self.there))


class Lru(Fifo):
    """Used longest ago."""

    def hit(self, key, at):
        self.there[key] = self.there.pop(key)


class Sieve(Fifo):
    """The list of the paper: new ones at the head (here the end), the hand moves from the tail to it."""

    def __init__(self):
        super().__init__()
        self.queue, self.visited, self.hand = [], set(), 0

    def hit(self, key, at):
        self.visited.add(key)

    def store(self, key, at, deadline):
        super().store(key, at, deadline)
        self.queue.append(key)

    def remove(self, key):
        super().remove(key)
        place = self.queue.index(key)
        del self.queue[place]
        self.hand -= place < self.hand
        self.visited.discard(key)

    def victim(self):
        while True:
            if self.hand >= len(self.queue):
                self.hand = 0
            if self.queue[self.hand] not in self.visited:
                return self.queue[self.hand]
            self.visited.remove(self.queue[self.hand])
            self.hand += 1


class Ttl(Sieve):
    """Nearest deadline; without any, sieve."""

    def victim(self):
        key = min(self.there, key=lambda one: self.there[one] or float("inf"))
        return key if self.there[key] else super().victim()


class Lfu(Fifo):
    """Redis' counter, see store/rocksdb/policy.h; its dice are others. The clock counts two for a set."""

    def __init__(self):
        super().__init__()
        self.dice, self.count, self.used, self.clock = random.Random(7), {}, {}, 0

    def left(self, key):
        turnover = max(2 * len(self.there), 256)
        return max(self.count[key] - (self.clock - self.used[key]) // (10 * turnover), 0)

    def hit(self, key, at):
        left = self.left(key)
        up = left < 255 and self.dice.random() < 1 / (max(left - 5, 0) * 10 + 1)
        self.count[key], self.used[key] = left + up, self.clock

    def store(self, key, at, deadline):
        super().store(key, at, deadline)
        self.clock += 2
        self.count[key], self.used[key] = 5, self.clock

    def victim(self):
        return min(self.there, key=lambda one: (self.left(one), self.used[one]))


REFERENCES = {"sieve": Sieve, "lru": Lru, "lfu": Lfu, "fifo": Fifo, "ttl": Ttl}


def reference(policy, trace, items):
    """Misses of the obvious code."""
    cache, misses, ends = REFERENCES[policy](), 0, {}
    for at, (key, *rest) in enumerate(line.split() for line in trace.splitlines()):
        for over in ends.pop(at, ()):
            if cache.there.get(over) == at:
                cache.remove(over)
        if key in cache.there:
            cache.hit(key, at)
            continue
        misses += 1
        if len(cache.there) == items:
            cache.remove(cache.victim())
        deadline = at + int(rest[1]) if len(rest) > 1 else None
        if deadline:
            ends.setdefault(deadline, []).append(key)
        cache.store(key, at, deadline)
    return misses


def simulated(larder, trace, *more):
    """What `larder bench` says, by policy."""
    command = [larder, "bench", "--json", "--trace", "-", "--items", str(ITEMS), *more]
    table = json.loads(subprocess.run(command, input=trace, text=True, check=True, stdout=subprocess.PIPE).stdout)
    return {name: row["misses"] for name, row in table.items() if isinstance(row, dict)}


def bad_inputs(larder):
    """What is no trace, or no use of it, and what `larder bench` answers."""
    cases = [
        (2, "needed", "", []),
        (2, "needed", "", ["--trace", "-"]),
        (2, "needs a value", "", ["--items"]),
        (2, "unexpected argument", "", ["trace"]),
        (2, "not a number", "", ["--trace", "-", "--items", "0"]),
        (2, "not a size", "", ["--trace", "-", "--bytes", "many"]),
        (3, "no request", "", ["--trace", "-", "--items", "1"]),
        (3, "line 2 is no request", "a 1\na b\n", ["--trace", "-", "--items", "1"]),
        (3, "line 1 is no request", "a 1 2 3\n", ["--trace", "-", "--items", "1"]),
        (3, "line 1 is no request", "a -1\n", ["--trace", "-", "--items", "1"]),
        (3, "No such file", "", ["--trace", "/no/such/file", "--items", "1"]),
    ]
    for code, text, trace, options in cases:
        done = subprocess.run([larder, "bench", *options], input=trace, text=True, capture_output=True, check=False)
        well = done.returncode == code and text in done.stderr and done.stderr.count("\n") == 1 and not done.stdout
        yield well, f"larder bench {' '.join(options)}: {done.returncode}, {done.stderr.strip()}"


def by_hand(larder):
    """Small enough to count: three keys in turn in a cache of two, and values of which two or one fit."""
    cases = [
        ("a\nb\nc\n" * 4, ["--items", "2"], {"lru": 12, "fifo": 12, "exact lru": 12, "optimum": 7}),
        ("a 60\nb 60\nc 40\na 60\nhuge 101\nc 40\n", ["--bytes", "100"], {"exact lru": 5, "lru": 5, "fifo": 5}),
        ("a 1 2\na\na\na\n", ["--items", "2"], {"exact lru": 2, "sieve": 2, "ttl": 2, "optimum": 2}),
    ]
    for trace, options, misses in cases:
        command = [larder, "bench", "--json", "--trace", "-", *options]
        table = json.loads(subprocess.run(command, input=trace, text=True, check=True, stdout=subprocess.PIPE).stdout)
        for name, expected in misses.items():
            yield table[name]["misses"] == expected, f"{trace!r} {name}: {table[name]['misses']} misses, not {expected}"


def replayed(replay, trace, items, policy):
    """What a store on disk misses."""
    with tempfile.TemporaryDirectory() as place:
        command = [replay, place + "/store", str(items), policy]
        return int(subprocess.run(command, input=trace, text=True, check=True, stdout=subprocess.PIPE).stdout)


def main():
    larder, replay = sys.argv[1:3]
    show = "--print" in sys.argv
    failures = []

    def check(holds, what):
        if not holds:
            failures.append(what)
        if show or not holds:
            print("ok  " if holds else "FAIL", what)

    for holds, what in itertools.chain(bad_inputs(larder), by_hand(larder)):
        check(holds, what)
    for kind in ("zipf", "scan", "loop"):
        options = [sys.executable, TRACE, kind, "--requests", str(REQUESTS)]
        plain = subprocess.run(options, text=True, check=True, stdout=subprocess.PIPE).stdout
        mortal = subprocess.run(options + ["--lifetimes"], text=True, check=True, stdout=subprocess.PIPE).stdout
        limit = simulated(larder, plain)
        for policy in REFERENCES:
            trace = mortal if policy == "ttl" else plain
            exactly, ahead = simulated(larder, trace)[policy], simulated(larder, trace, "--ahead")[policy]
            obvious = reference(policy, trace, ITEMS)
            check(abs(exactly - obvious) <= TOLERANCE * REQUESTS,
                  f"{kind} {policy}: {exactly / REQUESTS:.2%} missed, {obvious / REQUESTS:.2%} by the reference")
            real = replayed(replay, trace, ITEMS, policy)
            check(abs(real - ahead) <= TOLERANCE * REQUESTS,
                  f"{kind} {policy}: a store missed {real / REQUESTS:.2%}, {ahead / REQUESTS:.2%} were foretold")
        check(abs(limit["lru"] - limit["exact lru"]) <= TOLERANCE * REQUESTS, f"{kind}: lru is as exact lru")
        check(all(limit["optimum"] <= misses for misses in limit.values()), f"{kind}: nobody is better than the optimum")
        if kind == "scan":
            check(limit["sieve"] < limit["lru"], "sieve beats lru where there are scans")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
