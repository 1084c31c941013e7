# SPDX-License-Identifier: MIT
"""Reads what a workload program has measured, and says what it comes to.

Each worker process writes one file an operation into the run's directory, named OPERATION.WORKER ("get warm.3"): 64-bit
words in the machine's byte order, of which the first four are

    start   clock at the worker's first operation, ns      failed  operations that failed
    end     clock at the end of its last one, ns           wrong   values read that were torn or of another key

and each further word is how long one operation took, in ns. Nothing is rounded or binned, so medians and percentiles are exact.

Beside them there may be requests.json: how many requests of each kind a daemon received meanwhile.
"""
import array
import json
import os

HEADER_WORDS = 4
REQUESTS = "requests.json"


def write(directory, operation, worker, start, end, failed, wrong, times):
    with open(os.path.join(directory, f"{operation}.{worker}"), "wb") as out:
        array.array("Q", [start, end, failed, wrong]).tofile(out)
        times.tofile(out)


def _words(path):
    words = array.array("Q")
    with open(path, "rb") as data:
        words.frombytes(data.read())
    return words


def percentile(ordered, share):
    """The smallest that at least this share of them do not exceed."""
    return ordered[max(0, -(-len(ordered) * share // 100) - 1)]


def _summary(parts):
    times = sorted(time for part in parts for time in part[HEADER_WORDS:])
    start, end = min(part[0] for part in parts), max(part[1] for part in parts)
    # Workers that ran one after the other would have measured something else.
    overlap = max(part[0] for part in parts) < min(part[1] for part in parts)
    return {
        "operations": len(times),
        "seconds": (end - start) / 1e9,
        "median": percentile(times, 50) / 1e3 if times else 0,
        "p99": percentile(times, 99) / 1e3 if times else 0,
        "max": times[-1] / 1e3 if times else 0,
        "ops": len(times) / ((end - start) / 1e9) if end > start else 0,
        "failed": sum(part[2] for part in parts),
        "wrong": sum(part[3] for part in parts),
        "overlap": overlap,
    }


def read(directory, together=None):
    """{operation: summary} of one run; times in microseconds, rates a second. `together` names one more, of them all, which
    also has the `requests` that were counted."""
    parts = {}
    for name in sorted(set(os.listdir(directory)) - {REQUESTS}):
        operation = name.rpartition(".")[0]
        parts.setdefault(operation, []).append(_words(os.path.join(directory, name)))
    if together:
        parts[together] = [words for of_workers in parts.values() for words in of_workers]
    summaries = {operation: _summary(of_workers) for operation, of_workers in parts.items()}
    if os.path.exists(os.path.join(directory, REQUESTS)):
        with open(os.path.join(directory, REQUESTS)) as requests:
            summaries[together]["requests"] = json.load(requests)
    return summaries
