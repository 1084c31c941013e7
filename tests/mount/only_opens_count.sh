#!/bin/bash
# SPDX-License-Identifier: MIT
# An open to read is a hit, or a miss when nothing is there; what only looks is neither: listing, find, stat, whatever
# walks the tree. And a name that is looked up in order to be made is no miss.
. "$(dirname "$0")/../lib/mount.sh"
mount_larder
cd "$mnt"

# counted: "hits misses" now, by the mount's own account, and the reads that it remembers of every file.
counted() {
    echo "$(stat_of hits) $(($(stat_of misses) - made))"
}
file_hits() {
    find . -type f -exec getfattr --only-values -n user.hits {} \; -exec echo \; | paste -sd+ | bc
}

mkdir -p users/deep pages
for i in {1..20}; do echo "user $i" >users/"$i"; done
for i in {1..10}; do echo "page $i" >users/deep/"$i"; done
ln -s users/1 link
# A LOOKUP belongs to a CREATE that follows at once; where others keep the processor busy some may come late.
made=$(stat_of misses)
[ "$made" -le 10 ] || fail "making 33 names counted $made misses"
equal "making names is no hit" 0 "$(stat_of hits)"

look() {
    find . -type f -exec stat {} + >/dev/null
    find . >/dev/null
    ls -lR >/dev/null
    ls -f users >/dev/null
    du -a . >/dev/null
    readlink link >/dev/null
    stat users/1 >/dev/null
    getfattr -d users/1 >/dev/null
    test -e users/2
}
look
equal "looking counts as nothing" "0 0" "$(counted)"
equal "nor does an entry count it" 0 "$(file_hits)"

grep -r user . >/dev/null
equal "grep -r opens 30 files" "30 0" "$(counted)"
equal "each entry was read once" 30 "$(file_hits)"
cat users/1 users/1 link >/dev/null
equal "opens, also through a link" "33 0" "$(counted)"

for i in {1..5}; do cat users/no-"$i" 2>/dev/null || true; done
equal "opens of what is not there" "33 5" "$(counted)"
: >users/1
echo x >>users/2
python3 -c 'import os; os.write(os.open("fresh", os.O_RDWR | os.O_CREAT), b"x")'
equal "writing is no hit, nor is making by opening" 33 "$(stat_of hits)"
python3 -c 'import os; assert os.read(os.open("fresh", os.O_RDWR | os.O_CREAT), 9) == b"x"; os.unlink("fresh")'
equal "but reading what is there is" 34 "$(stat_of hits)"
python3 -c 'import os; [os.close(os.open(f"pages/{i}", os.O_RDWR | os.O_CREAT | os.O_EXCL)) for i in range(50)]'
python3 -c 'import os; [os.mkdir(f"pages/d{i}") for i in range(5)]; os.rename("pages/1", "pages/one")'
misses=$(($(stat_of misses) - made))
[ "$misses" -le 15 ] || fail "making 56 names counted $((misses - 5)) misses"

# Each directory of the root has its own.
by() { # DIRECTORY WHAT
    python3 -c 'import json, sys; print(json.load(open(".larder/stats.json"))["by_directory"][sys.argv[1]][sys.argv[2]])' "$@"
}
equal "hits in users" 33 "$(by users hits)"
[ "$(by users misses)" -ge 5 ]
equal "sets in pages" 50 "$(by pages sets)"
equal "hits in the root" 1 "$(by / hits)"
rm pages/one
equal "deletes in pages" 1 "$(by pages deletes)"
mv users people
cat people/deep/1 >/dev/null
equal "a directory's new name counts" 1 "$(by people hits)"
equal "and the old one no more" 33 "$(by users hits)"
for i in {1..80}; do mkdir many-"$i" && echo x >many-"$i"/x; done
[ "$(python3 -c 'import json; print(len(json.load(open(".larder/stats.json"))["by_directory"]))')" -le 64 ]
[ "$(by '/*' sets)" -gt 10 ] || fail "directories without counters of their own go together"
equal "all sets are somewhere" "$(stat_of sets)" \
    "$(python3 -c 'import json; print(sum(d["sets"] for d in json.load(open(".larder/stats.json"))["by_directory"].values()))')"
