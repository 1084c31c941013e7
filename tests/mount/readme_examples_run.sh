#!/bin/bash
# SPDX-License-Identifier: MIT
# Every ```sh block of the README runs, in its order, in a home of its own; a ```text block behind one is what it prints.
. "$(dirname "$0")/../lib/mount.sh"
needs_disk
export HOME=$work/home
mkdir -p "$HOME" "$work/bin"
ln -s "$larder" "$work/bin/larder"
export PATH=$work/bin:$PATH

python3 - "$root/README.md" <<'END'
import os, re, subprocess, sys

text = open(sys.argv[1]).read()
blocks = re.findall(r"^```sh\n(.*?)^```\n(?:\n?```text\n(.*?)^```\n)?", text, re.M | re.S)
assert len(blocks) >= 3, "the README has hardly any examples"
for block, expected in blocks:
    print("---\n" + block, end="", flush=True)
    run = subprocess.run(["bash", "-euo", "pipefail", "-c", block], cwd=os.environ["HOME"], stdin=subprocess.DEVNULL,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
    print(run.stdout, end="")
    assert run.returncode == 0, f"exit status {run.returncode}"
    if expected:
        # "..." stands for any text within a line
        pattern = re.escape(expected).replace(re.escape("..."), ".*")
        assert re.fullmatch(pattern, run.stdout), f"expected:\n{expected}"
END
! grep -qF " $work/" /proc/self/mounts || fail "the README's examples leave something mounted"
