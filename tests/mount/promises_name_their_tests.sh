#!/bin/bash
# SPDX-License-Identifier: MIT
# larder-promises(7) has every promise of the README, and the tests it names are run.
. "$(dirname "$0")/../lib/mount.sh"
python3 - "$root/fs/man/larder-promises.7" "$root/README.md" "$helpers/../../meson-info/intro-tests.json" <<'END'
import json, re, sys

page, readme, tests = (open(path, encoding="utf-8").read() for path in sys.argv[1:])
runs = {test["name"] for test in json.loads(tests)}
promises = re.split(r"^\.It Sy (.*)\n", page, flags=re.M)[1:]
promises = dict(zip((title.removeprefix("\\&") for title in promises[::2]), promises[1::2]))
assert len(promises) > 8, "the page was not understood"
for title, text in promises.items():
    names = re.findall(r"^\.Cm (\S+)", text, flags=re.M)
    assert names, f"nothing keeps the promise: {title}"
    for name in names:
        assert name in runs, f"{title} {name} is no test that is run"
section = readme.split("## What it promises")[1].split("\n## ")[0]
titles = re.findall(r"^\d\. \*\*(.*?)\.?\*\*", section, flags=re.M)
assert len(titles) == 8, titles
for title in titles:
    assert title + "." in promises, f"larder-promises(7) has not: {title}"
END
