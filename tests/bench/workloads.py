# SPDX-License-Identifier: MIT
"""The workloads as cells: what is run on which systems, and how much of it, in a full, a quick or a tiny run.

A cell is one run of a workload program on one system, and gives figures for several operations.
"""
import os
import shutil
import subprocess
import sys

import idle
import samples
from machine import Trouble, memory_available, stop_process
from systems import Bare

HERE = os.path.dirname(os.path.abspath(__file__))
TURN_MAX_S = 900

# How many rounds; how many operations (A, S), round trips of the floor (A), keys of which size (B), bytes and files (C).
# With more processes there is more to do, so that they run at the same time for long enough, but not as many times more.
# Making a million files takes long: one round of lists has several runs of ls.
SCALES = {
    "full": {"rounds": {"A": 7, "B": 3, "stream": 2, "list": 1, "S": 7},
             "processes": {"A": [1, 8], "B": [1, 2, 8], "S": [8]},
             "operations": 20000, "trips": 20000, "keys": {100: 2000, 4096: 2000, 65536: 500, 1 << 20: 64},
             "big": 4 << 30, "files": 1000000, "idle_s": 60},
    "quick": {"rounds": {"A": 3, "B": 1, "stream": 1, "list": 1, "S": 3},
              "processes": {"A": [1, 8], "B": [1], "S": [8]},
              "operations": 5000, "trips": 20000, "keys": {100: 1000, 65536: 200},
              "big": 256 << 20, "files": 20000, "idle_s": 5},
    "tiny": {"rounds": {"A": 1, "B": 1, "stream": 1, "list": 1, "S": 1},
             "processes": {"A": [1, 2], "B": [1, 2], "S": [2]},
             "operations": 300, "trips": 500, "keys": {100: 40, 65536: 20},
             "big": 4 << 20, "files": 200, "idle_s": 1},
}


def share(amount, processes):
    """What there is to do altogether for so many processes."""
    return amount if processes == 1 else amount * 3 // 2 if processes < 8 else amount * 3


class Cell:
    """`where` is what tells its figures from those of other cells: size, processes, files."""
    together = None  # see samples.read

    def __init__(self, workload, where, rounds, systems, command):
        self.workload, self.where, self.rounds = workload, where, rounds
        self.systems, self.command = list(systems), command

    @property
    def title(self):
        return ", ".join([self.workload] + [f"{name} {value}" for name, value in self.where.items()])

    def run(self, machine, system, target):
        """{operation: summary}, measured on a system that has just been started."""
        out = machine.fresh_out()
        process = subprocess.Popen(self.command(system, target, out), stdin=subprocess.DEVNULL, start_new_session=True)
        try:
            status = process.wait(TURN_MAX_S)
        except subprocess.TimeoutExpired:
            raise Trouble(f"no end within {TURN_MAX_S} s") from None
        finally:
            stop_process(process, 2)
        if status != 0:
            raise Trouble(f"the workload ended with status {status}")
        return samples.read(out, self.together)


class CellA(Cell):
    together = "all"


class CellIdle(CellA):
    """Works, and then looks what the daemon does when nobody does."""

    def run(self, machine, system, target):
        work = super().run(machine, system, target)[self.together]
        pid = system.pid(target)
        idle.settle(pid)
        return {"idle": idle.watch(pid, self.where["seconds"]) | {key: work[key] for key in ("failed", "wrong", "overlap")}}


def floor(bare, scale, programs):
    """What a message costs here at least; see floor.py."""
    def command(_system, _target, out):
        return [os.path.join(programs, "floor"), out, str(scale["trips"])]

    return Cell("floor", {}, scale["rounds"]["A"], [bare], command)


def client_of_a(count, operations):
    """The command that has so many processes do so many operations each."""
    def command(system, target, out):
        stats = system.stats(target)
        return [sys.executable, os.path.join(HERE, "workload_a.py"), system.client, target, out,
                "--processes", str(count), "--operations", str(operations)] + (["--stats", stats] if stats else [])

    return command


def load_of_a(workload, systems, scale, processes):
    for count in processes or scale["processes"][workload]:
        command = client_of_a(count, share(scale["operations"], count) // count)
        yield CellA(workload, {"processes": count}, scale["rounds"][workload], systems, command)


def workload_a(machine, systems, scale, processes, programs):
    yield floor(Bare(machine), scale, programs)
    yield from load_of_a("A", systems, scale, processes)


def workload_s(machine, mounts, spinning, scale, processes):
    if not spinning:
        machine.notes.append("How larder fares without its spin is not measured: that takes /dev/fuse.")
    yield from load_of_a("S", spinning, scale, processes)
    # Once, however many rounds there are: nothing is timed that could be disturbed.
    yield CellIdle("S", {"seconds": scale["idle_s"]}, 1, mounts, client_of_a(4, 500))


def workload_b(machine, systems, scale, processes, programs):
    cold = ["cold"] if machine.can_drop else []
    for size, keys in scale["keys"].items():
        for count in processes or scale["processes"]["B"]:

            def command(_, target, out, size=size, keys=share(keys, count), count=count):
                return [os.path.join(programs, "workload_b"), target, out, str(count), str(size), str(keys), *cold]

            yield Cell("B", {"size": size, "processes": count}, scale["rounds"]["B"], systems, command)


def workload_c(machine, systems, scale, programs):
    cold = ["cold"] if machine.can_drop else []
    for kind, amount in (("stream", scale["big"]), ("list", scale["files"])):

        def command(_, target, out, kind=kind, amount=amount):
            return [os.path.join(programs, "workload_c"), kind, target, out, str(amount), *cold]

        fit = systems if kind == "list" else [each for each in systems if has_room(machine, each, amount)]
        yield Cell("C", {"bytes" if kind == "stream" else "files": amount}, scale["rounds"][kind], fit, command)


def has_room(machine, system, amount):
    """For a large file: three times of it on a disk, for what is written twice over and what goes later."""
    if system.key == "tmpfs":
        need, have, what = amount * 5 // 4, memory_available(), "memory"
    else:
        need, have, what = 3 * amount, shutil.disk_usage(machine.disk).free, "disk"
    if have < need:
        machine.notes.append(f"{system.name}: too little {what} for a file of {amount >> 20} MiB: not measured.")
    return have >= need
