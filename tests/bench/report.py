# SPDX-License-Identifier: MIT
"""The result as text for a terminal, and as the small table of the README; see results.py for what it is drawn from."""
import floor
from results import NOBODY_WAITS, find

COLD = """Cold: the first time since the kernel dropped names, attributes and pages of all file systems. What larder's daemon, or
a library, keeps in its own memory stays there; ext4 reads its disk; tmpfs is memory and cannot be dropped."""


def number(value):
    return f"{value:,.{1 if value < 100 else 0}f}"


def times(value):
    """A ratio."""
    return f"{value:,.{2 if value < 10 else 1}f}"


def amount(count):
    for unit, name in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if count >= unit and count % unit == 0:
            return f"{count // unit} {name}"
    return f"{count} B"


def place(where):
    words = []
    if "size" in where:
        words.append(amount(where["size"]))
    if "processes" in where:
        words.append(f"{where['processes']} process" + ("es" if where["processes"] > 1 else ""))
    if "bytes" in where:
        words.append(amount(where["bytes"]))
    if "files" in where:
        words.append(f"{where['files']:,} files")
    if "seconds" in where:
        words.append(f"{where['seconds']} s")
    return ", ".join(words)


# --- columns: heading and what stands below it ------------------------------------------------------------------------

TIMES = [
    ("median us", lambda cell, figures: number(figures["median"])),
    ("p99 us", lambda cell, figures: number(figures["p99"])),
    ("max us", lambda cell, figures: number(figures["max"])),
    ("ops/s", lambda cell, figures: number(figures["ops"]) if has_rate(cell) else ""),
]


def messages(_cell, figures):
    return times(figures["messages"]) if "messages" in figures else ""


def has_rate(cell):
    """In workloads A and S kinds of operations take turns: only all together have a rate."""
    return cell["workload"] not in ("A", "S") or cell["operation"] == "all"


def ratio(kind, base, heading):
    def show(cell, figures):
        value = figures[kind].get(base)
        return "" if value is None or kind == "rates" and not has_rate(cell) else times(value)
    return heading, show


def amount_done(cell, figures):
    if "bytes" in cell["where"]:
        done = cell["where"]["bytes"] if cell["operation"] == "write, flushed" else figures["operations"] * (1 << 20)
        return number(done / figures["seconds"] / (1 << 20)) + " MiB/s"
    if cell["operation"] == "create":
        return number(figures["ops"]) + " /s"
    return f"{figures['median'] / 1e6:.2f} s"


COLUMNS = {
    "A": TIMES + [ratio("times", "diskcache", "median x diskcache"), ratio("rates", "diskcache", "ops/s x diskcache"),
                  ratio("p99s", "diskcache", "p99 x diskcache"), ("messages/op", messages)],
    "B": TIMES + [ratio("times", "tmpfs", "median x tmpfs"), ratio("times", "ext4", "median x ext4"),
                  ratio("times", "larder-mem", "median x mem:")],
    "C": [("whole", amount_done)] + TIMES[:3] + [ratio("rates", "tmpfs", "speed x tmpfs"),
                                                 ratio("rates", "ext4", "speed x ext4")],
    "S": TIMES + [ratio("times", "larder-spin-0", "median x spin=0"), ratio("rates", "larder-spin-0", "ops/s x spin=0"),
                  ("messages/op", messages)],
    "idle": [("us on a processor", lambda _, figures: number(figures["cpu_ns"] / 1e3)),
             ("clock ticks", lambda _, figures: str(figures["ticks"])),
             ("ticks shown by ps", lambda _, figures: str(figures["ticks_shown"]))],
}


def columns_of(cell):
    return COLUMNS["idle" if cell["operation"] == "idle" else cell["workload"]]


def remarks(figures):
    words = []
    if figures["failed"]:
        words.append(f"{figures['failed']} FAILED")
    if figures["wrong"]:
        words.append(f"{figures['wrong']} TORN")
    if not figures["overlap"]:
        words.append("(some ended before others began)")
    return "  ".join(words)


def table(rows):
    """Lines of cells, the first of each to the left and the others to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]) - 1)]
    for row in rows:
        first, *others, remark = row
        text = [first.ljust(widths[0])] + [cell.rjust(width) for cell, width in zip(others, widths[1:])]
        yield "  ".join(text + [remark]).rstrip()


def cell_table(data, cell):
    """Without columns in which nobody has anything."""
    measured = [(system["name"], cell["systems"][system["key"]]) for system in data["systems"]
                if system["key"] in cell["systems"]]
    columns = [(heading, show) for heading, show in columns_of(cell)
               if any(show(cell, figures) for _, figures in measured)]
    rows = [[f"{cell['operation']}, {place(cell['where'])}"] + [heading for heading, _ in columns] + [""]]
    for name, figures in measured:
        rows.append(["  " + name] + [show(cell, figures) for _, show in columns] + [remarks(figures)])
    return table(rows)


# --- the whole --------------------------------------------------------------------------------------------------------

def machine_text(machine):
    return (f"{machine['processors']} x {machine['model']}, {machine['memory_gib']} GiB, Linux {machine['kernel']}, Python "
            f"{machine['python']}\nlarder's stores, diskcache and the ext4 directory lie on {machine['disk']}"
            + (f"\n{machine['packages']}" if machine["packages"] else ""))


def messages_text(data, cell):
    """Of which kinds the messages are."""
    for system in data["systems"]:
        kinds = cell["systems"].get(system["key"], {}).get("requests", {})
        shown = [f"{kind} {count:.2f}" for kind, count in kinds.items() if kind not in NOBODY_WAITS and count >= 0.05]
        if shown:
            yield f"  messages of {system['name']}: {', '.join(shown)}"


def cells_of_systems(data):
    return [cell for cell in data["cells"] if cell["workload"] in COLUMNS]


def rounds_text(data):
    """How many rounds each workload had."""
    counts = {}
    for cell in cells_of_systems(data):
        rounds = (len(figures["rounds"]) for figures in cell["systems"].values())
        what = cell["workload"] + (": lists" if "files" in cell["where"] else ": idle" if "seconds" in cell["where"] else "")
        counts[what] = max(rounds, default=0)
    return ", ".join(f"{what} {count}" for what, count in counts.items())


def text(data):
    yield machine_text(data["machine"])
    yield f"Medians over the rounds ({rounds_text(data)}); max is the largest of all."
    yield "Ratios are taken round by round, and are the medians of those."
    yield COLD
    yield "Messages are what larder's daemon received and somebody waited for."
    yield from floor.text(data)
    for cell in cells_of_systems(data):
        yield ""
        yield from cell_table(data, cell)
        yield from messages_text(data, cell)
    yield "\nDurability, of each as it comes. What was set survives:"
    measured = {key for cell in data["cells"] for key in cell["systems"]}
    yield from table([["  " + system["name"], "", system["durability"]] for system in data["systems"]
                      if system["key"] in measured])
    yield "\nWhat it must show:"
    yield from ("  " + goal["text"] for goal in data["goals"])
    for heading, lines in (("Note", data["notes"]), ("FAILED", data["failures"])):
        yield from (f"{heading}: {line}" for line in lines)


def markdown(data):
    """Workload A alone."""
    one, eight = ({operation: find(data, "A", operation, processes=count) for operation in ("get", "set", "all")}
                  for count in (1, 8))
    yield "| | get | set | 8 processes together | set, 99th percentile of 8 | what was set survives |"
    yield "|---|--:|--:|--:|--:|---|"
    for system in data["systems"]:
        key = system["key"]
        cells = [(one["get"], "median", " µs"), (one["set"], "median", " µs"), (eight["all"], "ops", " /s"),
                 (eight["set"], "p99", " µs")]
        shown = [number(cell[key][figure]) + unit if key in cell else "" for cell, figure, unit in cells]
        if any(shown):
            yield f"| {system['name']} | {' | '.join(shown)} | {system['durability']} |"
    machine = data["machine"]
    yield ""
    yield (f"{machine['processors']} processors ({machine['model']}), {machine['memory_gib']} GiB, Linux {machine['kernel']}; "
           f"medians over the rounds ({rounds_text(data)}).")
