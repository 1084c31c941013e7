#!/bin/bash
# SPDX-License-Identifier: MIT
# scripts/bench, on hardly anything and without its peers: every figure is there, every value was right, and nothing is
# left behind, also when it is stopped halfway.
. "$(dirname "$0")/../lib/mount.sh"
mkdir "$work/bench"
bench=("$root/scripts/bench" --build "$(dirname "$larder")/.." --dir "$work/bench" --tiny --no-peers)

left_behind() {
    [ -n "$(ls -A "$work/bench")" ] || grep -F " $work/bench/" /proc/self/mounts ||
        grep -slFf - /proc/[0-9]*/cmdline <<<"$work/bench/larder-bench."
}

"${bench[@]}" --json "$work/results.json" --markdown "$work/table.md" --plot "$work/plot.svg" \
    >"$work/text" 2>"$work/progress" || fail "scripts/bench: $(cat "$work/text" "$work/progress")"
! left_behind || fail "it leaves something behind"
check "a heading of the table" grep -q "^get, 1 process .*median us" "$work/text"
check "the markdown" grep -q "^| larder, " "$work/table.md"

python3 - "$work" <<'END'
import json, sys
import xml.dom.minidom

work = sys.argv[1]
data = json.load(open(f"{work}/results.json"))
xml.dom.minidom.parse(f"{work}/plot.svg")
assert not data["failures"], data["failures"]
for workload, operations in (("A", "get set delete all"), ("C", "write create")):
    measured = {cell["operation"] for cell in data["cells"] if cell["workload"] == workload}
    assert set(operations.split()) <= measured, (workload, measured)
of_b = {(cell["operation"], cell["where"]["size"], cell["where"]["processes"])
        for cell in data["cells"] if cell["workload"] == "B"}
for operation in ("set new", "overwrite", "rename-over", "get warm", "miss cold", "stat", "unlink"):
    assert {(operation, size, processes) for size in (100, 65536) for processes in (1, 2)} <= of_b, operation
for cell in data["cells"]:
    names = set(cell["systems"])
    what = (cell["workload"], cell["operation"], cell["where"])
    assert "tmpfs" in names and any(name.startswith("larder-") for name in names), (what, names)
    assert cell["workload"] != "B" or "larder-mem" in names, (what, names)
    for name, figures in cell["systems"].items():
        assert 0 < figures["median"] <= figures["p99"] <= figures["max"] and figures["ops"] > 0, (what, name)
        assert figures["failed"] == 0, (what, name)
        assert not (name.startswith("larder") and figures["wrong"]), (what, name)
assert data["goals"], "no goals"
END

# Stopped while a system runs.
"${bench[@]}" --rounds 1000 >/dev/null 2>&1 &
bench_pid=$!
running() { grep -qF " $work/bench/" /proc/self/mounts; }
wait_until 20 running
kill -TERM "$bench_pid"
status=0
wait "$bench_pid" || status=$?
equal "the status of one that was stopped" 130 $status
! left_behind || fail "one that was stopped leaves something behind"
