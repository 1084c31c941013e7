# SPDX-License-Identifier: MIT
"""The rows of the tables in a page of the manual: what is written elsewhere, the lines that do it here, what differs.

    page_rows.py PAGE    for each row its left side and its lines, each ended by a NUL

In the source of the page a row is a line of two columns; lines whose left column is empty go on with it. On the right "#"
begins a remark. What has no line has a remark that begins with "no need:". Every line must be shown by man as it is
written, in a terminal of 80 columns, so that it can be copied from there.
"""
import os
import re
import subprocess
import sys

ESCAPES = {r"\-": "-", r"\e": "\\", r"\(aq": "'", r"\(ga": "`", r"\(ha": "^", r"\(ti": "~", r"\(dq": '"', r"\&": ""}


def plain(text):
    """What man shows of it."""
    shown = re.sub(r"\\(\(..|.)", lambda found: ESCAPES[found[0]], text)
    assert not re.search(r"(?<!\\)[-'`^~]", text) or text.startswith("#"), f"would not be shown as it is: {text}"
    return shown


def tables(source):
    """The lines of each table that are rows."""
    for table in re.findall(r"^\.TS\n(.*?)^\.TE\n", source, re.M | re.S):
        body = table.split("\n_\n", 1)[1]
        yield [line for line in body.splitlines() if not line.startswith('.\\"')]


def rows(source):
    """Left side, shell lines, remarks."""
    found = []
    for table in tables(source):
        for line in table:
            left, right = line.split("\t")
            if left:
                found.append((plain(left), [], []))
            remark = right.startswith("#")
            found[-1][2 if remark else 1].append(plain(right))
    return found


def rendered(page, columns):
    environment = dict(os.environ, LC_ALL="C.UTF-8", MANWIDTH=str(columns), MANROFFSEQ="", MAN_KEEP_FORMATTING="")
    shown = subprocess.run(["man", "-l", page], env=environment, stdout=subprocess.PIPE, check=True).stdout.decode()
    return re.sub(".\b", "", shown).splitlines()


def check(page, found):
    lefts = [left for left, _, _ in found]
    for left, lines, remarks in found:
        assert lefts.count(left) == 1, f"two rows for {left}"
        assert lines or (remarks and re.match(r"# no need: \w", remarks[0])), f"{left}: neither a line nor a reason"
    for columns in 80, 120:
        shown = rendered(page, columns)
        for line in shown:
            assert len(line) <= columns, f"too wide: {line}"
        for left, lines, remarks in found:
            for text in lines + remarks:
                assert any(line.endswith(text) for line in shown), f"{left}: not shown as it is: {text}"


def main():
    page = sys.argv[1]
    with open(page, encoding="utf-8") as file:
        found = rows(file.read())
    if "--unchecked" not in sys.argv:
        check(page, found)
    for left, lines, _ in found:
        sys.stdout.write(left + "\0" + "\n".join(lines) + "\0")


main()
