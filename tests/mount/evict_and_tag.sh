#!/bin/bash
# SPDX-License-Identifier: MIT
# larder evict lets go of what it is told to, and of nothing else; larder tag shows and changes tags.
. "$(dirname "$0")/../lib/mount.sh"
mount_larder
cd "$mnt"

# says STATUS TEXT COMMAND...: the command ends with this status and prints exactly this.
says() {
    local status=0 said
    said=$("${@:3}" 2>"$work/stderr") || status=$?
    equal "status of ${*:3}" "$1" "$status"
    equal "${*:3}" "$2" "$said"
}

# fails STATUS TEXT COMMAND...: the command ends with this status and one sentence with TEXT.
fails() {
    local status=0
    "${@:3}" >/dev/null 2>"$work/stderr" || status=$?
    equal "status of ${*:3}" "$1" "$status"
    equal "lines of ${*:3}" 1 "$(wc -l <"$work/stderr")"
    grep -qF -- "$2" "$work/stderr" || fail "expected '$2': $(cat "$work/stderr")"
}

fill() {
    mkdir -p a/b ab
    for name in 1 10 2 x.html a/1 a/y.html a/b/z.html ab/1; do echo "$name" >"$name"; done
}

# --- tag ------------------------------------------------------------------------------------------------------------
fill
says 0 "" "$larder" tag 1
says 0 "" "$larder" tag 1 +users +eu +users "+with space"
says 0 $'users\neu\nwith space' "$larder" tag "$mnt/1"
equal "user.tags" "users,eu,with space" "$(xattr 1 user.tags)"
says 0 '["users","eu","with space"]' "$larder" tag --json 1
says 0 "" "$larder" tag 1 -eu -nobody '+q"\'
says 0 '["users","with space","q\"\\"]' "$larder" tag --json 1
says 0 '["users","with space","q\"\\"]' "$larder" tag 1 --json
says 0 "" "$larder" tag 1 -users "-with space" '-q"\'
"$larder" tag 1 +$'\xff\xc3(' +--json
says 0 '["\ufffd\ufffd(","--json"]' "$larder" tag --json 1
says 0 "" "$larder" tag -- 1 ---json -$'\xff\xc3('
says 0 "" "$larder" tag 1
equal "attributes" "" "$(getfattr 1)"
says 0 "" "$larder" tag 1 -nobody
says 0 "" "$larder" tag a +users
echo below >a/b/new
says 0 users "$larder" tag a/b/new
fails 1 "No such file" "$larder" tag nothing
fails 1 "No such file" "$larder" tag nothing +x
fails 2 "is no tag" "$larder" tag 1 +
fails 2 "is no tag" "$larder" tag 1 +a,b
fails 2 "say +TAG" "$larder" tag 1 users
fails 2 "unknown option" "$larder" tag --jsn 1
fails 2 "an argument is missing" "$larder" tag
fails 2 "for showing" "$larder" tag --json 1 +x
fails 3 "at most 128" "$larder" tag 1 +a/b
fails 3 "at most 128" "$larder" tag 1 "+$(printf 'x%.0s' {1..129})"
fails 3 "at most 128" "$larder" tag 1 +..
# shellcheck disable=SC2046 # words are wanted
fails 3 "at most 64" "$larder" tag 1 $(printf '+%s ' {1..65})
fails 3 "no larder" "$larder" tag "$work" +x
says 0 "" "$larder" tag 1

# --- evict --tag ----------------------------------------------------------------------------------------------------
"$larder" tag 2 +eu "+with space"
says 0 $'would invalidate users: 1 entries\nwould invalidate nobody: 0 entries' \
    "$larder" evict --tag users --tag nobody --dry-run a
[ -e a/b/new ]
says 0 '[{"tag":"users","invalidated":true},{"tag":"nobody","invalidated":false}]' \
    "$larder" evict --tag users --tag nobody --json a
miss a/b/new
says 1 "nothing has the tag users" "$larder" evict --tag users .
says 0 "invalidated with space" "$larder" evict --tag "with space" "$mnt"
miss 2
for wrong in "" . .. a/b a,b; do fails 2 "is no tag" "$larder" evict --tag "$wrong" .; done
"$larder" tag x.html +$'q"\xff'
says 0 '[{"tag":"q\"\ufffd","entries":1,"invalidated":false}]' "$larder" evict --json --dry-run --tag=$'q"\xff' .
"$larder" tag x.html -$'q"\xff'
fails 2 "as a whole" "$larder" evict --tag users --older 1h .
fails 3 "no larder" "$larder" evict --tag users "$work"

# --- by place, name and age -----------------------------------------------------------------------------------------
fill
everything=$(find . -type f | sort)
says 0 "would evict 8 of 8 entries" "$larder" evict --dry-run .
equal "after --dry-run" "$everything" "$(find . -type f | sort)"
says 0 "evicted 1 of 1 entries" "$larder" evict a/1
says 1 "evicted 0 of 0 entries" "$larder" evict a/1
equal "the other 1" 1 "$(cat 1)"
says 0 "evicted 2 of 2 entries" "$larder" evict a
[ -d a/b ] || fail "evict takes directories away"
fill
says 0 "evicted 2 of 2 entries" "$larder" evict --prefix "$mnt/1"
equal "after --prefix 1" $'2\na\nab\nx.html' "$(ls -d -- *)"
fill
says 0 "evicted 4 of 4 entries" "$larder" evict --prefix a
equal "after --prefix a" $'./1\n./10\n./2\n./x.html' "$(find . -type f | sort)"
says 1 "evicted 0 of 0 entries" "$larder" evict --prefix nothing
fill
says 0 "evicted 3 of 8 entries" "$larder" evict --glob '*.html' .
fill
says 0 "evicted 1 of 8 entries" "$larder" evict --glob 'a/*.html' .
says 0 "evicted 1 of 2 entries" "$larder" evict --glob 'b/*.html' a
fill
touch -d '2 hours ago' 1 a/1
ln -s 1 link
says 0 "would evict 2 of 9 entries" "$larder" evict --older 1h --dry-run .
says 1 "evicted 0 of 9 entries" "$larder" evict --older 3h .
says 0 '{"entries":2,"looked_at":9,"dry_run":false}' "$larder" evict --older 1h --json .
miss 1 a/1
[ -L link ]
cat ab/1 >/dev/null
says 0 "evicted 7 of 7 entries" "$larder" evict "$mnt"
equal "after all" $'./a\n./a/b\n./ab' "$(find . -mindepth 1 | sort)"

fails 2 "an argument is missing" "$larder" evict
fails 2 "unexpected argument" "$larder" evict a b
fails 2 "unknown option" "$larder" evict --odler 1h .
fails 2 "lacks its value" "$larder" evict . --older
fails 2 "no duration" "$larder" evict --older soon .
fails 2 "is no age" "$larder" evict --older 0 .
fails 3 "no larder" "$larder" evict "$work"
says 1 "evicted 0 of 0 entries" "$larder" evict -- "$mnt/-x"
if [ "$(id -u)" != 0 ]; then
    mkdir locked && echo x >locked/x && chmod 555 locked
    fails 3 "locked/x: Permission denied" "$larder" evict locked
fi
