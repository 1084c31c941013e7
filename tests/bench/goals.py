# SPDX-License-Identifier: MIT
"""What the benchmark must show, each as a limit on a ratio of this very run.

"At most" is for times, "at least" for rates and for how many times faster; a goal whose systems were not measured in the
same run is neither met nor missed.
"""
from results import find

URING, DEV, MEMORY = "larder-uring", "larder-dev", "larder-mem"
NAMES = {URING: "larder, io_uring", DEV: "larder, /dev/fuse", MEMORY: "larder mem:"}  # also of what was not measured
B_OPERATIONS = ("set new", "overwrite", "rename-over", "get cold", "get warm", "miss cold", "miss warm", "stat", "stat warm",
                "unlink")
LS_FILES, LS_MAX_S = 1000000, 3.0


class Goals:
    def __init__(self, data):
        self.data, self.goals = data, []
        self.names = {system["key"]: system["name"] for system in data["systems"]}

    def add(self, text, value, limit, at_most, unit=""):
        """`text` has a place for the value."""
        met = None if value is None else value <= limit if at_most else value >= limit
        verdict = {None: "not measured", True: "met", False: "MISSED"}[met]
        shown = "?" if value is None else f"{value:.2f}{unit}"
        word = "at most" if at_most else "at least"
        self.goals.append({"text": f"{text.format(shown)} ({word} {limit:g}{unit}): {verdict}", "met": met,
                           "value": value, "limit": limit, "at_most": at_most})

    def compare(self, what, cell, kind, system, base, limit, at_most):
        """`kind` is times, rates or p99s of results.py."""
        value = cell.get(system, {}).get(kind, {}).get(base)
        self.add(f"{what}: {self.name(system)} {{}} x {self.name(base)}", value, limit, at_most)

    def faster(self, what, cell, system, base, limit):
        value = cell.get(base, {}).get("times", {}).get(system)
        self.add(f"{what}: {self.name(system)} {{}} x as fast as {self.name(base)}", value, limit, at_most=False)

    def name(self, key):
        return self.names.get(key) or NAMES.get(key, key)

    # --- the workloads --------------------------------------------------------------------------------------------

    def workload_a(self):
        get, set_ = (find(self.data, "A", operation, processes=1) for operation in ("get", "set"))
        for system, get_max, set_max in ((URING, 2.0, 1.0), (DEV, 3.0, 2.0)):
            self.compare("A, get, 1 process", get, "times", system, "diskcache", get_max, at_most=True)
            self.compare("A, set, 1 process", set_, "times", system, "diskcache", set_max, at_most=True)
        for what, cell in (("get", get), ("set", set_)):
            for base in ("redis", "memcached"):
                self.faster(f"A, {what}, 1 process", cell, URING, base, 3.0)
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


def judge(data):
    goals = Goals(data)
    measured = {cell["workload"] for cell in data["cells"]}
    for workload, check in (("A", goals.workload_a), ("B", goals.workload_b), ("C", goals.workload_c)):
        if workload in measured:
            check()
    return goals.goals
