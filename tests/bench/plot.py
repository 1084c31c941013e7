# SPDX-License-Identifier: MIT
"""Draws workload A as an SVG: four panels of bars, a row for each system, larder's in colour, plain directories paler.

    plot.py RESULTS.json >PLOT.svg     draws it once more from what scripts/bench --json wrote

Written by hand rather than with a library: bars and text need none, and the file stays small enough to be read.
"""
import json
import sys
from xml.sax.saxutils import escape

from results import find

WIDTH, MARGIN, GAP = 960, 24, 36
ROW, BAR = 25, 15
HEAD, PANEL_HEAD, FOOT = 74, 52, 52
LABELS, FIGURES = 126, 66  # room for names on the left and figures on the right of a panel
OTHERS, PLAIN, INK, FAINT = "#b9bec6", "#e0e3e8", "#22262b", "#6b727b"
COLOURS = {"larder-uring": "#0b7a75", "larder-dev": "#5fb3ae", "tmpfs": PLAIN, "ext4": PLAIN}
FONT = "font-family=\"'Helvetica Neue', Helvetica, Arial, 'DejaVu Sans', sans-serif\""
ORDER = ("larder-uring", "larder-dev", "diskcache", "fanoutcache", "redis", "memcached", "tmpfs", "ext4")

PANELS = (  # title, better, operation, processes, figure, unit
    ("get, 1 process", "median µs, shorter is better", "get", 1, "median"),
    ("set, 1 process", "median µs, shorter is better", "set", 1, "median"),
    ("all together, 8 processes", "operations a second, longer is better", "all", 8, "ops"),
    ("set, 8 processes", "99th percentile in µs, shorter is better", "set", 8, "p99"),
)


def text(x, y, words, size=13, colour=INK, anchor="start", weight="normal"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{colour}" text-anchor="{anchor}" '
            f'font-weight="{weight}">{escape(words)}</text>')


def shown(value):
    return f"{value:,.1f}" if value < 100 else f"{value:,.0f}"


def bar(x, y, width, key, name, value, largest):
    is_larder = key.startswith("larder")
    room = width - LABELS - FIGURES
    length = max(room * value / largest, 1.5)
    weight = "bold" if is_larder else "normal"
    middle = y + BAR - 3
    yield text(x + LABELS - 8, middle, name, 12.5, FAINT if COLOURS.get(key) == PLAIN else INK, "end", weight)
    yield (f'<rect x="{x + LABELS}" y="{y}" width="{length:.1f}" height="{BAR}" rx="2" '
           f'fill="{COLOURS.get(key, OTHERS)}"/>')
    yield text(x + LABELS + length + 6, middle, shown(value), 12, INK if is_larder else FAINT, "start", weight)


def panel(data, x, y, width, title, better, operation, processes, figure):
    names = {system["key"]: system["name"] for system in data["systems"]}
    cell = find(data, "A", operation, processes=processes)
    yield text(x, y + 15, title, 15, INK, weight="bold")
    yield text(x, y + 33, better, 12, FAINT)
    values = [(key, cell[key][figure]) for key in ORDER if key in cell]
    for row, (key, value) in enumerate(values):
        yield from bar(x, y + PANEL_HEAD - 6 + row * ROW, width, key, names[key], value, max(v for _, v in values))


def svg(data):
    """Lines of the file."""
    rows = sum(any(key in find(data, "A", panel[2], processes=panel[3]) for panel in PANELS) for key in ORDER)
    deep = PANEL_HEAD + rows * ROW + 18
    width = (WIDTH - 2 * MARGIN - GAP) / 2
    height = HEAD + 2 * deep + FOOT
    yield (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
           f'viewBox="0 0 {WIDTH} {height}" {FONT}>')
    yield f'<rect width="{WIDTH}" height="{height}" rx="8" fill="#ffffff"/>'
    yield text(MARGIN, 36, "What a cache entry costs, from Python", 20, weight="bold")
    yield text(MARGIN, 57, "100 keys, values of up to 500 bytes: 90 % get, 9 % set, 1 % delete", 13, FAINT)
    for number, which in enumerate(PANELS):
        x = MARGIN + (number % 2) * (width + GAP)
        yield from panel(data, x, HEAD + (number // 2) * deep + 8, width, *which)
    machine = data["machine"]
    yield text(MARGIN, height - 34, "Each with its usual durability. tmpfs and ext4 (paler) are plain directories, whose "
               "readers can meet half a value.", 12, FAINT)
    yield text(MARGIN, height - 16, f"{machine['processors']} processors ({machine['model']}), Linux {machine['kernel']}; "
               "printed by scripts/bench", 12, FAINT)
    yield "</svg>"


if __name__ == "__main__":
    with open(sys.argv[1]) as results:
        print("\n".join(svg(json.load(results))))
