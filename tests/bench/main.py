# SPDX-License-Identifier: MIT
"""The driver behind scripts/bench, which explains it (--help) and calls it with everything in place.

Round after round it runs each cell once on every system, in an order that rotates, so that whatever else the machine does
hits all of them alike; then it says what the rounds come to. Systems run one at a time.
"""
import argparse
import json
import signal
import sys
import time

import floor
import goals
import plot
import report
import systems
import workloads
from machine import Machine, Trouble
from results import Results

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
WORKLOADS = ["A", "B", "C", "S"]
SIZE = "4G"  # of a larder: nothing is to be evicted


# --- arguments --------------------------------------------------------------------------------------------------------

def count(text):
    number = int(text)
    if not 0 < number <= 100000000:
        raise ValueError
    return number


def counts(text):
    return [count(part) for part in text.split(",")]


def size(text):
    units = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
    unit = units.get(text[-1:].upper())
    return count(text[:-1]) * unit if unit else count(text)


def some_of(*known):
    def parse(text):
        words = text.split(",")
        if not set(words) <= set(known):
            raise ValueError
        return [word for word in known if word in words]
    parse.__name__ = "list of " + ", ".join(known)
    return parse


def parse(arguments):
    parser = argparse.ArgumentParser(prog="scripts/bench", usage="scripts/bench [OPTION...]; --help tells more", add_help=False)
    parser.add_argument("--check", action="store_true", help="only see whether the arguments are right")
    parser.add_argument("--scratch")
    parser.add_argument("--build")
    parser.add_argument("--scale", choices=workloads.SCALES, default="full")
    parser.add_argument("--workload", type=some_of(*WORKLOADS), default=WORKLOADS)
    parser.add_argument("--transport", type=some_of("uring", "dev"))
    parser.add_argument("--rounds", type=count)
    parser.add_argument("--processes", type=counts)
    parser.add_argument("--big", type=size)
    parser.add_argument("--files", type=count)
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--json")
    parser.add_argument("--markdown")
    parser.add_argument("--plot")
    return parser.parse_args(arguments)


def scale_of(options):
    scale = dict(workloads.SCALES[options.scale])
    for name in ("big", "files"):
        scale[name] = getattr(options, name) or scale[name]
    if options.rounds:
        scale["rounds"] = dict.fromkeys(scale["rounds"], options.rounds)
    return scale


# --- running ----------------------------------------------------------------------------------------------------------

def run_cell(machine, results, cell, number):
    turn = number % len(cell.systems) if cell.systems else 0
    for system in cell.systems[turn:] + cell.systems[:turn]:
        try:
            with system.turn() as target:
                summaries = cell.run(machine, system, target)
            results.add(cell, system, summaries)
        except (Trouble, OSError) as error:
            print(f"  {system.name} FAILED: {error}", file=sys.stderr)
            results.forget(cell, system, error)
            cell.systems.remove(system)


def run_workload(machine, results, cells):
    most = max(cell.rounds for cell in cells)
    for number in range(most):
        started = time.monotonic()
        for cell in (cell for cell in cells if number < cell.rounds):
            print(f"round {number + 1} of {cell.rounds}: {cell.title}", file=sys.stderr, flush=True)
            run_cell(machine, results, cell, number)
        print(f"  {time.monotonic() - started:.0f} s", file=sys.stderr)


def run(machine, options, scale, results):
    """Returns the systems, in the order of the tables."""
    larder = systems.Larders(machine, f"{options.build}/fs/larder", options.transport)
    programs = f"{options.build}/tests/bench"
    plain, peers = systems.plain(machine), [] if options.no_peers else systems.peers(machine)
    mounts, in_memory, spinning = larder.on_disk(SIZE), larder.in_memory(SIZE), larder.spinning(SIZE)
    cells = {
        "A": lambda: workloads.workload_a(machine, mounts + peers + plain, scale, options.processes, programs),
        "B": lambda: workloads.workload_b(machine, mounts + in_memory + plain, scale, options.processes, programs),
        "C": lambda: workloads.workload_c(machine, larder.on_disk(2 * scale["big"] + (4 << 30)) + plain, scale, programs),
        "S": lambda: workloads.workload_s(machine, mounts, spinning, scale, options.processes),
    }
    for workload in options.workload:
        run_workload(machine, results, list(cells[workload]()))
    return mounts + spinning + in_memory + peers + plain


def write(path, lines):
    with open(path, "w") as out:
        out.write("\n".join(lines) + "\n")


def give(options, data):
    print("\n".join(report.text(data)))
    if options.json:
        write(options.json, [json.dumps(data, indent=1)])
    if options.markdown:
        write(options.markdown, report.markdown(data))
    if options.plot:
        write(options.plot, plot.svg(data))


def went_well(data):
    """Peers that tear values do so by their nature; larder must not."""
    wrong = sum(figures["failed"] + figures["wrong"] for cell in data["cells"]
                for key, figures in cell["systems"].items() if key.startswith("larder"))
    return not wrong and not data["failures"]


def leave(*_):
    """Once: what is being taken away after the first signal is taken away in peace."""
    for sign in SIGNALS:
        signal.signal(sign, signal.SIG_IGN)
    sys.exit(130)


def main(arguments):
    options = parse(arguments)
    if options.check:
        return 0
    for sign in SIGNALS:
        signal.signal(sign, leave)
    scale, results = scale_of(options), Results()
    with Machine(options.scratch, 4 * scale["big"] + (8 << 30), shared=options.scale == "tiny") as machine:
        measured = run(machine, options, scale, results)
        data = results.data(machine, measured)
    data["message_us"] = floor.message_us(data)
    data["goals"] = goals.judge(data)
    give(options, data)
    return 0 if went_well(data) else 1


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except Trouble as error:
        print(f"scripts/bench: {error}", file=sys.stderr)
        sys.exit(1)
