# SPDX-License-Identifier: MIT
"""The driver behind scripts/bench, which explains it (--help) and calls it with everything in place.

Round after round it runs each cell once on every system, in an order that rotates, so that whatever else the machine does
hits all of them alike; then it says what the rounds come to. Systems run one at a time.
"""
import argparse
import contextlib
import signal
import sys
import time

import report
import systems
import workloads
from machine import Machine, Trouble


def parse(arguments):
    parser = argparse.ArgumentParser(prog="scripts/bench")
    parser.add_argument("--check", action="store_true", help="only see whether the arguments are right")
    parser.add_argument("--scratch")
    parser.add_argument("--build")
    parser.add_argument("--workload", default="A,B,C")
    parser.add_argument("--scale", choices=workloads.SCALES, default="full")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--processes", type=lambda text: [int(count) for count in text.split(",")])
    parser.add_argument("--transport", default="auto")
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--json")
    parser.add_argument("--markdown")
    parser.add_argument("--plot")
    options = parser.parse_args(arguments)
    options.workload = options.workload.upper().split(",")
    return options


class Results:
    """rounds[(workload, operation, where...)][system key] is a list of summaries, one a round."""

    def __init__(self):
        self.rounds, self.failures = {}, []

    def add(self, cell, system, summaries):
        for operation, summary in summaries.items():
            key = (cell.workload, operation, *sorted(cell.where.items()))
            self.rounds.setdefault(key, {}).setdefault(system.key, []).append(summary)

    def forget(self, cell, system, error):
        """It failed once: there is nothing to compare in this cell."""
        self.failures.append(f"{cell.title}, {system.name}: {error}")
        print(f"  FAILED: {self.failures[-1]}", file=sys.stderr)
        cell.systems.remove(system)
        for key, of_systems in self.rounds.items():
            if (key[0], *key[2:]) == (cell.workload, *sorted(cell.where.items())):
                of_systems.pop(system.key, None)


def run_cell(machine, results, cell, number):
    turn = number % len(cell.systems) if cell.systems else 0
    for system in cell.systems[turn:] + cell.systems[:turn]:
        try:
            with system.turn() as target:
                summaries = cell.run(machine, system, target)
            results.add(cell, system, summaries)
        except (Trouble, OSError) as error:
            results.forget(cell, system, error)


def run_workload(machine, results, cells, rounds):
    for number in range(rounds):
        for cell in cells:
            print(f"round {number + 1} of {rounds}: {cell.title}", file=sys.stderr, flush=True)
            run_cell(machine, results, cell, number)


def larders(machine, options, size):
    """The variants that the program and this machine can do."""
    program = f"{options.build}/fs/larder"
    found = [systems.larder(machine, program, "dev", False, size)]
    return found, systems.larder_in_memory(machine, program, "dev", False, size)


def main(arguments):
    options = parse(arguments)
    if options.check:
        return 0
    scale = workloads.SCALES[options.scale]
    for sign in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(sign, lambda *_: sys.exit(130))
    results = Results()
    with Machine(options.scratch, 8 << 30) as machine:
        mounts, in_memory = larders(machine, options, "4G")
        everything = mounts + [in_memory] + systems.plain(machine) + systems.peers(machine)
        cells = list(workloads.workload_a(mounts + systems.plain(machine) + systems.peers(machine), scale, options.processes or [1, 8]))
        run_workload(machine, results, cells, options.rounds or scale["rounds"]["A"])
        report.table(results, everything)
    return 1 if results.failures else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
    except Trouble as error:
        print(f"scripts/bench: {error}", file=sys.stderr)
        sys.exit(3)
