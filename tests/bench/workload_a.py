# SPDX-License-Identifier: MIT
"""Workload A: the one Python's diskcache publishes. 100 keys, 90 % get, 9 % set, 1 % delete, values of up to 500 bytes.

    workload_a.py CLIENT TARGET OUT [--processes N] [--operations N] [--stats FILE]

CLIENT is directory, diskcache, fanoutcache, redis or memcached; TARGET the directory, socket or address it works on. Each
of N processes connects for itself, all wait for one another, and then do their operations at the same time; samples.py says
what they write to OUT. What is timed is the call alone. Which operations there will be, and with which
values, is made up before the clock runs, and the same seeds give every client the same ones. FILE is larder's stats.json:
how many requests of each kind came while the clock ran goes to OUT/requests.json.

A value carries its key, its length and a checksum, so that one that is torn, mixed or another key's is told.
"""
import argparse
import array
import collections
import json
import os
import random
import struct
import sys
import zlib
from time import perf_counter_ns

import samples

KEYS = 100
VALUE_MAX = 500
VALUES = 16  # made up for each key beforehand
HEADER = struct.Struct("=HHI")  # key, length of the whole, checksum of the rest
GET, SET, DELETE = range(3)
KINDS = ("get", "set", "delete")


# --- values -----------------------------------------------------------------------------------------------------------

def make_value(rng, key):
    body = rng.randbytes(rng.randint(1, VALUE_MAX - HEADER.size))
    return HEADER.pack(key, HEADER.size + len(body), zlib.crc32(body, key)) + body


def is_whole(key, value):
    if len(value) < HEADER.size:
        return False
    return HEADER.unpack_from(value) == (key, len(value), zlib.crc32(value[HEADER.size:], key))


# --- clients: get gives None for a miss, and set says whether it was done -----------------------------------------------

class Directory:
    """Plain system calls, for whatever is a file system."""

    def __init__(self, target):
        self.names = [os.path.join(target, f"key-{key}") for key in range(KEYS)]

    def get(self, key):
        try:
            fd = os.open(self.names[key], os.O_RDONLY)
        except FileNotFoundError:
            return None
        try:
            return os.read(fd, 2 * VALUE_MAX)
        finally:
            os.close(fd)

    def set(self, key, value):
        fd = os.open(self.names[key], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        try:
            return os.write(fd, value) == len(value)
        finally:
            os.close(fd)

    def delete(self, key):
        try:
            os.unlink(self.names[key])
        except FileNotFoundError:
            pass


class Library:
    """The names are ready-made here too, as text, as people use them."""
    names = [f"key-{key}" for key in range(KEYS)]

    def get(self, key):
        return self.cache.get(self.names[key])

    def set(self, key, value):
        return self.cache.set(self.names[key], value)

    def delete(self, key):
        self.cache.delete(self.names[key])


class DiskCache(Library):
    def __init__(self, target):
        import diskcache
        self.cache = diskcache.Cache(target)


class FanoutCache(Library):
    def __init__(self, target):
        import diskcache
        self.cache = diskcache.FanoutCache(target)


class Redis(Library):
    def __init__(self, target):
        import redis
        self.cache = redis.Redis(unix_socket_path=target)


class Memcached(Library):
    def __init__(self, target):
        import pylibmc
        self.cache = pylibmc.Client([target], binary=False, behaviors={"tcp_nodelay": True})


CLIENTS = {"directory": Directory, "diskcache": DiskCache, "fanoutcache": FanoutCache, "redis": Redis,
           "memcached": Memcached}


# --- one process ------------------------------------------------------------------------------------------------------

def make_plan(rng, operations):
    values = [[make_value(rng, key) for _ in range(VALUES)] for key in range(KEYS)]
    for kind in rng.choices((GET, SET, DELETE), (90, 9, 1), k=operations):
        key = rng.randrange(KEYS)
        yield kind, key, rng.choice(values[key]) if kind == SET else None


class Worker:
    def __init__(self, client):
        self.client = client
        self.times = [array.array("Q") for _ in KINDS]
        self.failed = [0 for _ in KINDS]
        self.wrong = 0
        self.said = set()

    def operation(self, kind, key, value):
        client = self.client
        if kind == GET:
            return client.get(key)
        if kind == SET:
            return client.set(key, value)
        return client.delete(key)

    def run(self, plan):
        for kind, key, value in plan:
            started = perf_counter_ns()
            try:
                result = self.operation(kind, key, value)
            except Exception as error:  # whatever a library throws, it failed
                result = self.fail(kind, error)
            self.times[kind].append(perf_counter_ns() - started)
            if kind == GET and result is not None and not is_whole(key, result):
                self.wrong += 1
            elif kind == SET and result is False:
                self.fail(kind, "a set was not done")

    def fail(self, kind, error):
        self.failed[kind] += 1
        text = f"{KINDS[kind]}: {error}"
        if text not in self.said and len(self.said) < 3:
            self.said.add(text)
            print(f"workload A: {text}", file=sys.stderr)

    def warm_up(self, rng):
        """Every key is there, and has been read, before the clock runs."""
        for _ in range(2):
            for key in range(KEYS):
                self.client.set(key, make_value(rng, key))
                self.client.get(key)


def work(number, options, ready, go):
    rng = random.Random(number)
    worker = Worker(CLIENTS[options.client](options.target))
    worker.warm_up(rng)
    plan = list(make_plan(rng, options.operations))
    os.write(ready, b"r")
    os.read(go, 1)  # end of file, for all of them at once
    start = perf_counter_ns()
    worker.run(plan)
    end = perf_counter_ns()
    for kind, name in enumerate(KINDS):
        wrong = worker.wrong if kind == GET else 0
        samples.write(options.out, name, number, start, end, worker.failed[kind], wrong, worker.times[kind])


# --- what the daemon received -------------------------------------------------------------------------------------------

class Requests:
    """Counts from when it is made; what it takes to ask is not counted."""

    def __init__(self, path):
        self.path = path
        self.read()  # after which the kernel knows the way
        before = self.read()
        self.before = self.read()
        self.asking = self.before - before

    def read(self):
        with open(self.path) as stats:
            return collections.Counter(json.load(stats)["requests"])

    def write(self, out):
        received = self.read() - self.before - self.asking
        with open(os.path.join(out, samples.REQUESTS), "w") as file:
            json.dump(received, file)


# --- all of them ------------------------------------------------------------------------------------------------------

def start_worker(number, options, ready, go):
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        os.close(ready[0])
        os.close(go[1])
        work(number, options, ready[1], go[0])
        status = 0
    except BaseException as error:
        print(f"workload A: {options.client}: {type(error).__name__}: {error}", file=sys.stderr)
    sys.stderr.flush()
    os._exit(status)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("client", choices=CLIENTS)
    parser.add_argument("target")
    parser.add_argument("out")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--operations", type=int, default=10000)
    parser.add_argument("--stats")
    options = parser.parse_args()
    ready, go = os.pipe(), os.pipe()
    pids = [start_worker(number, options, ready, go) for number in range(options.processes)]
    os.close(ready[1])
    waiting = 0
    while waiting < options.processes and os.read(ready[0], 1):
        waiting += 1
    requests = Requests(options.stats) if options.stats else None
    os.close(go[1])
    failures = sum(os.waitpid(pid, 0)[1] != 0 for pid in pids)
    if requests:
        requests.write(options.out)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
