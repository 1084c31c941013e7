#!/bin/bash
# SPDX-License-Identifier: MIT
# Programs that know nothing of us: a database, a compiler, version control, archives.
. "$(dirname "$0")/../lib/mount.sh"
mount_larder
cd "$mnt"

python3 - <<'END'
from larder_test import *
import dbm.dumb
import json
import pickle
import shelve
import zipfile

with zipfile.ZipFile("a.zip", "w") as archive:
    for n in range(50):
        archive.writestr(f"d/{n}", b"%d" % n * 1000)
with zipfile.ZipFile("a.zip", "a") as archive:
    archive.writestr("more", b"appended")
with zipfile.ZipFile("a.zip") as archive:
    equal(None, archive.testzip())
    equal(b"appended", archive.read("more"))
with open("p", "wb") as file:
    pickle.dump(list(range(100_000)), file)
with open("p", "rb") as file:
    equal(list(range(100_000)), pickle.load(file))
with dbm.dumb.open("dumb", "c") as database:
    for n in range(200):
        database[str(n)] = str(n * n)
with dbm.dumb.open("dumb") as database:
    equal(b"39601", database["199"])
try:
    import sqlite3
except ImportError:
    sys.exit()
for journal in "DELETE", "WAL":
    def insert(i):
        with sqlite3.connect(f"{journal}.db", timeout=60) as database:
            database.execute(f"pragma journal_mode={journal}")
            for n in range(20):
                with database:
                    database.execute("insert into t values (?, ?)", (i, os.urandom(5000)))
    with sqlite3.connect(f"{journal}.db") as database:
        database.execute(f"pragma journal_mode={journal}")
        database.execute("create table t (i integer, v blob)")
    processes(3, insert)
    with sqlite3.connect(f"{journal}.db") as database:
        equal([("ok",)], database.execute("pragma integrity_check").fetchall())
        equal(60, database.execute("select count(*) from t").fetchone()[0], journal)
END

mkdir project
cat >project/hello.c <<'END'
#include <stdio.h>
int main(void) { puts("hello"); return 0; }
END
gcc -g -O2 -c -o project/hello.o project/hello.c
ar rcs project/libhello.a project/hello.o
gcc -o project/hello project/libhello.a
equal "a program built here" hello "$(project/hello)"

tar -cf project.tar project
tar -rf project.tar "project/hello.c"
mkdir again
tar -xf project.tar -C again
diff -r project again/project
find project -type f -print0 | xargs -0 cat | cksum >/dev/null
grep -rq puts project
find . -newer project/hello.c -delete || true

if command -v git >/dev/null; then
    export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null
    git init -q repo
    cd repo
    git config user.name larder
    git config user.email larder@localhost
    for n in 1 2 3; do
        for ((i = 0; i < 50; i++)); do echo "$n $i" >"file$i"; done
        git add .
        git commit -qm "commit $n"
    done
    git gc -q
    git fsck --strict 2>&1
    git checkout -q HEAD~2
    equal "git checkout" "1 7" "$(cat file7)"
    git checkout -q -
    [ -z "$(git status --porcelain)" ]
fi
