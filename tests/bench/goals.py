# SPDX-License-Identifier: MIT
"""What the benchmark must show, each as a limit on a ratio of this very run.

"At most" is for times, "at least" for rates and for how many times faster; a goal whose systems were not measured in the
same run is neither met nor missed.
"""
import floor
from results import find

URING, DEV, MEMORY = "larder-uring", "larder-dev", "larder-mem"
SPIN, NO_SPIN = "larder-spin-20", "larder-spin-0"
NAMES = {URING: "larder, io_uring", DEV: "larder, /dev/fuse", MEMORY: "larder mem:", SPIN: "larder, spin=20",
         NO_SPIN: "larder, spin=0"}  # also of what was not measured
B_OPERATIONS = ("set new", "overwrite", "rename-over", "get cold", "get warm", "miss cold", "miss warm", "stat", "stat warm",
                "unlink")
LS_FILES, LS_MAX_S = 1000000, 3.0
MESSAGES = {"get": 1, "set": 4}  # of a warm get and of an overwrite, as tests/mount/fewest_messages.sh sees to it


class Goals:
    def __init__(self, data):
        self.data, self.goals = data, []
        self.names = {system["key"]: system["name"] for system in data["systems"]}

    def add(self, text, value, limit, at_most, unit="", bound=None):
        """`text` has a place for the value. `bound` is floor.py's: it excuses nothing, but tells what could be had."""
        met = None if value is None else value <= limit if at_most else value >= limit
        verdict = {None: "not measured", True: "met", False: "MISSED"}[met]
        if bound and value is not None:
            bound = bound | {"value": bound["times"] if at_most else 1 / bound["times"]}
            bound["met"] = bound["value"] <= limit if at_most else bound["value"] >= limit
            if met is False:
                verdict += self.could_be(bound, at_most)
        shown = "?" if value is None else f"{value}{unit}" if isinstance(value, int) else f"{value:.2f}{unit}"
        word = "at most" if at_most else "at least"
        self.goals.append({"text": f"{text.format(shown)} ({word} {limit:g}{unit}): {verdict}", "met": met,
                           "value": value, "limit": limit, "at_most": at_most, "bound": bound})

    def could_be(self, bound, at_most):
        count = f"{bound['messages']} message" + ("s" if bound["messages"] > 1 else "")
        words = ("take", "already take") if at_most else ("allow", "allow no more than")
        return (f"; {count} at {self.data['message_us']:.1f} us and tmpfs's own time {words[not bound['met']]} "
                f"{bound['value']:.2f} x")

    def compare(self, what, cell, kind, system, base, limit, at_most, bound=None):
        """`kind` is times, rates or p99s of results.py."""
        value = cell.get(system, {}).get(kind, {}).get(base)
        self.add(f"{what}: {self.name(system)} {{}} x {self.name(base)}", value, limit, at_most, bound=bound)

    def faster(self, what, cell, system, base, limit, bound=None):
        value = cell.get(base, {}).get("times", {}).get(system)
        self.add(f"{what}: {self.name(system)} {{}} x as fast as {self.name(base)}", value, limit, False, bound=bound)

    def name(self, key):
        return self.names.get(key) or NAMES.get(key, key)

    # --- the workloads --------------------------------------------------------------------------------------------

    def workload_a(self):
        one = {operation: find(self.data, "A", operation, processes=1) for operation in MESSAGES}

        def bound(operation, base):
            return floor.bound(self.data, operation, base, MESSAGES[operation])

        for system, limits in ((URING, {"get": 2.0, "set": 1.0}), (DEV, {"get": 3.0, "set": 2.0})):
            for operation, limit in limits.items():
                self.compare(f"A, {operation}, 1 process", one[operation], "times", system, "diskcache", limit, at_most=True,
                             bound=bound(operation, "diskcache"))
        for operation, cell in one.items():
            for base in ("redis", "memcached"):
                self.faster(f"A, {operation}, 1 process", cell, URING, base, 3.0, bound=bound(operation, base))
        everything, sets = (find(self.data, "A", operation, processes=8) for operation in ("all", "set"))
        self.compare("A, operations a second, 8 processes", everything, "rates", URING, "diskcache", 1.0, at_most=False)
        self.compare("A, p99 of a set, 8 processes", sets, "p99s", URING, "diskcache", 0.1, at_most=True)
        for system in (URING, DEV):
            figures = everything.get(system)
            bad = figures and figures["failed"] + figures["wrong"]
            self.add(f"A, failed or torn, 8 processes: {self.name(system)} {{}}", bad, 0, at_most=True)

    def workload_b(self):
        def cell(operation):
            return find(self.data, "B", operation, size=100, processes=1)

        self.compare("B, get warm, 100 B", cell("get warm"), "times", URING, "tmpfs", 5.0, at_most=True)
        self.compare("B, set new, 100 B", cell("set new"), "times", URING, "ext4", 1.2, at_most=True)
        for operation in B_OPERATIONS:
            self.compare(f"B, {operation}, 100 B", cell(operation), "times", URING, MEMORY, 1.3, at_most=True)

    def workload_c(self):
        for system in (URING, DEV):
            for operation, base, limit in (("write", "ext4", 0.5), ("read warm", "tmpfs", 0.9), ("read cold", "ext4", 0.5)):
                self.compare(f"C, {operation}", find(self.data, "C", operation), "rates", system, base, limit, at_most=False)
            figures = find(self.data, "C", "ls -f", files=LS_FILES).get(system)
            self.add(f"C, ls -f of {LS_FILES:,} names: {self.name(system)} {{}}", figures and figures["median"] / 1e6,
                     LS_MAX_S, True, " s")

    def workload_s(self):
        everything = find(self.data, "S", "all", processes=8)
        self.compare("S, operations a second, 8 processes", everything, "rates", SPIN, NO_SPIN, 0.97, at_most=False)
        for cell in (cell for cell in self.data["cells"] if cell["operation"] == "idle"):
            for system, figures in cell["systems"].items():
                self.add(f"S, clock ticks in {cell['where']['seconds']} s without requests: {self.name(system)} {{}}",
                         figures["ticks"], 0, at_most=True)


def judge(data):
    goals = Goals(data)
    measured = {cell["workload"] for cell in data["cells"]}
    for workload, check in (("A", goals.workload_a), ("B", goals.workload_b), ("C", goals.workload_c),
                            ("S", goals.workload_s)):
        if workload in measured:
            check()
    return goals.goals
