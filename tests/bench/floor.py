# SPDX-License-Identifier: MIT
"""What the machine asks for a message, as floor.c measures it, and what follows from that for a file system in a daemon.

A program that waits for a message waits at least as long as for a byte sent to another process and back, in the way that
is fastest here, less the two system calls of who sends it: who opens a file is in the kernel already. That call, and what a
file system has to do in it, is counted as what tmpfs takes.
"""
import statistics

from results import find

WAYS = {  # operation of floor.c -> in words
    "one core": "a byte to another process and back, both on one core",
    "two cores": "on two cores, both sleeping until it comes",
    "two cores, no sleep": "on two cores, of which one never sleeps",
}
CALL = "system call"


def rounds_of(data, operation):
    """Its median in each round, in microseconds; [] when it was not measured."""
    return [each["median"] for each in find(data, "floor", operation).get("machine", {}).get("rounds", [])]


def messages_us(data):
    """What a message costs at least, in each round."""
    trips = zip(*filter(None, (rounds_of(data, way) for way in WAYS)))
    return [min(trip) - 2 * call for trip, call in zip(trips, rounds_of(data, CALL))]


def message_us(data):
    rounds = messages_us(data)
    return statistics.median(rounds) if rounds else None


def bound(data, operation, base, messages):
    """The least that an operation of workload A with so many messages can take in one process, in microseconds, and how many
    times that is what `base` takes; None when one of it was not measured."""
    cell = find(data, "A", operation, processes=1)
    each = list(zip(messages_us(data), *(cell.get(key, {}).get("rounds", []) for key in ("tmpfs", base))))
    if not each:
        return None
    least = [(tmpfs["median"] + messages * message, other["median"]) for message, tmpfs, other in each]
    return {"messages": messages, "median": statistics.median(least_us for least_us, _ in least),
            "times": statistics.median(least_us / other_us for least_us, other_us in least)}


def text(data):
    """Lines for a terminal, none when it was not measured."""
    if data["message_us"] is None:
        return
    yield ""
    yield f"What the machine asks, whatever the program{'median us':>26}"
    for operation, words in {CALL: "a system call", **WAYS}.items():
        rounds = rounds_of(data, operation)
        if rounds:
            yield f"  {words:<58}{statistics.median(rounds):9.2f}"
    yield f"A message costs at least {data['message_us']:.1f} us: the least of these, less two system calls."
