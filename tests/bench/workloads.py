# SPDX-License-Identifier: MIT
"""The three workloads as cells: what is run on which systems, and how large, in the full run, a quick one or a tiny one.

A cell is one run of a workload program on one system, and gives figures for several operations.
"""
import os
import subprocess
import sys

import samples
from machine import Trouble, stop_process

HERE = os.path.dirname(os.path.abspath(__file__))
TURN_MAX_S = 600

# How many rounds, and how much in each.
SCALES = {
    "full": {"rounds": {"A": 7, "B": 5, "C": 2}, "A": 20000, "B": {100: 3000, 4096: 3000, 65536: 800, 1 << 20: 96},
             "big": 4 << 30, "files": 1000000},
    "quick": {"rounds": {"A": 3, "B": 1, "C": 1}, "A": 5000, "B": {100: 1000, 65536: 200},
              "big": 256 << 20, "files": 20000},
    "tiny": {"rounds": {"A": 1, "B": 1, "C": 1}, "A": 300, "B": {100: 40, 65536: 20},
             "big": 4 << 20, "files": 200},
}


class Cell:
    def __init__(self, workload, title, systems, command, operation_bytes=0, **where):
        self.workload, self.title, self.systems, self.command = workload, title, systems, command
        self.operation_bytes = operation_bytes
        self.where = where  # size, processes: what tells its figures from those of other cells

    def run(self, machine, system, target):
        """{operation: summary}, measured on a system that has just been started."""
        out = machine.fresh_out()
        process = subprocess.Popen(self.command(system, target, out), stdin=subprocess.DEVNULL, start_new_session=True)
        try:
            status = process.wait(TURN_MAX_S)
        except subprocess.TimeoutExpired:
            status = f"no end within {TURN_MAX_S} s"
        finally:
            stop_process(process, 2)
        if status != 0:
            raise Trouble(f"workload {self.workload} on {system.name}: failed ({status})")
        return samples.read(out)


def workload_a(systems, scale, processes):
    for count in processes:
        operations = max(scale["A"] // (1 if count == 1 else 2 if count < 8 else 3), 100)

        def command(system, target, out, count=count, operations=operations):
            return [sys.executable, os.path.join(HERE, "workload_a.py"), system.client, target, out,
                    "--processes", str(count), "--operations", str(operations)]

        yield Cell("A", f"A, processes: {count}", systems, command, processes=count)
