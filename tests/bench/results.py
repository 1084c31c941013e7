# SPDX-License-Identifier: MIT
"""Gathers the rounds, and makes of them the one structure that the text, the JSON, the markdown and the plot are drawn from.

    machine     what it ran on: kernel, processors, memory, disk, versions
    systems     [{key, name, durability}] in the order of the tables
    cells       [{workload, operation, where: {processes, size, ...}, systems: {key: figures}}]
    message_us  what a message costs at least here, see floor.py; None where it was not measured
    goals       [{text, met, bound}], met is None where it was not measured, bound where nothing is known of what can be
    notes       sentences the reader of the figures should know; failures: what did not run

Figures are medians over the rounds in microseconds and operations a second; `max` is the largest of all rounds, `failed`
and `wrong` are sums. `times` and `rates` say how many times another system's median and operations a second they are:
round by round, so that what the machine did meanwhile cancels out, and the median of those. `requests` are how many of each
kind larder's daemon received for an operation, and `messages` those that somebody waited for. `rounds` has each round's own.

A mount that is left alone has other figures, see idle.py: `cpu_ns` and `ticks`, what its daemon took of the processors in
`seconds`, and `ticks_shown`, by how many ticks what ps shows has grown.
"""
import collections
import os
import platform
import statistics
import subprocess

ORDER = ("system call", "one core", "two cores", "two cores, no sleep", "get", "set", "delete", "all",
         "set new", "overwrite", "rename-over", "get cold", "get warm", "miss cold", "miss warm", "stat", "stat warm", "unlink",
         "write", "write, flushed", "read cold", "read warm", "create", "ls -f", "ls -l", "idle")
NOBODY_WAITS = ("RELEASE", "RELEASEDIR", "FORGET", "BATCH_FORGET", "INTERRUPT")
MEDIANS = ("median", "p99", "ops", "seconds", "operations")
LARGEST = ("max", "cpu_ns", "ticks", "ticks_shown")


def over_rounds(rounds):
    figures = {key: statistics.median(each[key] for each in rounds) for key in MEDIANS if key in rounds[0]}
    figures.update({key: max(each[key] for each in rounds) for key in LARGEST if key in rounds[0]})
    figures["failed"] = sum(each["failed"] for each in rounds)
    figures["wrong"] = sum(each["wrong"] for each in rounds)
    figures["overlap"] = all(each["overlap"] for each in rounds)
    if all("requests" in each for each in rounds):
        figures["requests"] = an_operation(rounds)
        figures["messages"] = sum(count for kind, count in figures["requests"].items() if kind not in NOBODY_WAITS)
    return figures


def an_operation(rounds):
    """Requests for an operation, of each kind, the most frequent first."""
    received = collections.Counter()
    for each in rounds:
        received.update(each["requests"])
    operations = sum(each["operations"] for each in rounds)
    return {kind: count / operations for kind, count in received.most_common()}


def ratio(rounds, base, key):
    pairs = [(a[key], b[key]) for a, b in zip(rounds, base) if b.get(key)]
    return statistics.median(a / b for a, b in pairs) if pairs else None


class Results:
    def __init__(self):
        self.cells = {}  # (workload, operation, where as items) -> {system key: [summary of each round]}
        self.failures = []

    def add(self, cell, system, summaries):
        for operation, summary in summaries.items():
            key = (cell.workload, operation, tuple(cell.where.items()))
            self.cells.setdefault(key, {}).setdefault(system.key, []).append(summary)

    def forget(self, cell, system, error):
        """It failed once: there are no rounds to compare in this cell."""
        self.failures.append(f"{cell.title}: {system.name}: {error}")
        for (workload, _, where), of_systems in self.cells.items():
            if (workload, where) == (cell.workload, tuple(cell.where.items())):
                of_systems.pop(system.key, None)

    def data(self, machine, systems):
        cells = [{"workload": workload, "operation": operation, "where": dict(where), "systems": figures_of(of_systems)}
                 for (workload, operation, where), of_systems in self.cells.items()]
        cells.sort(key=lambda cell: (cell["workload"], *where_order(cell["where"]), ORDER.index(cell["operation"])))
        return {
            "machine": describe(machine),
            "systems": [{"key": each.key, "name": each.name, "durability": each.durability} for each in systems],
            "cells": cells,
            "notes": machine.notes,
            "failures": self.failures,
        }


def where_order(where):
    """By size, then processes; the large file before the many, and what is idle after what is not."""
    return "files" in where or "seconds" in where, where.get("size", 0), where.get("processes", 0)


def figures_of(of_systems):
    """Of one cell, in the order of the systems' first turn."""
    figures = {}
    for key, rounds in of_systems.items():
        others = {other: base for other, base in of_systems.items() if other != key}
        figures[key] = over_rounds(rounds) | {
            "times": {other: ratio(rounds, base, "median") for other, base in others.items()},
            "rates": {other: ratio(rounds, base, "ops") for other, base in others.items()},
            "p99s": {other: ratio(rounds, base, "p99") for other, base in others.items()},
            "rounds": rounds,
        }
    return figures


def find(data, workload, operation, **where):
    """The figures of the systems in a cell, {} when it was not measured."""
    for cell in data["cells"]:
        if cell["workload"] == workload and cell["operation"] == operation and where.items() <= cell["where"].items():
            return cell["systems"]
    return {}


def first_line(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True).stdout.partition("\n")[0].strip()
    except OSError:
        return ""


def describe(machine):
    with open("/proc/meminfo") as lines:
        memory = int(lines.readline().split()[1]) >> 20
    with open("/proc/cpuinfo") as lines:
        model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "?")
    packages = first_line("dpkg-query", "-W", "-f", "${Package} ${Version}, ", "python3-diskcache", "redis-server",
                          "python3-redis", "memcached", "python3-pylibmc", "librocksdb7.8", "libfuse3-3")
    return {
        "kernel": platform.release(),
        "processors": os.cpu_count(),
        "model": model,
        "memory_gib": memory,
        "disk": machine.disk_text,
        "python": platform.python_version(),
        "packages": packages.rstrip(", "),
    }
