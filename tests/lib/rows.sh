# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# rows.sh - runs the lines of a page of tables (page_rows.py) as a user would, and compares what they do with what the
# test expects:
#
#     . "$(dirname "$0")/../lib/mount.sh"
#     . "$(dirname "$0")/../lib/rows.sh"
#     rows_of larder-diskcache.7
#     names Cache FanoutCache
#     row 'cache[k] = v' __setitem__   BEFORE   OUTPUT   AFTER
#     no_need 'cull_limit' cull_limit
#     rows_end
#
# A row is what the page has on its left. BEFORE is run first, in bash and in ~/larder, which is a larder of the test's
# own and empty. Then comes the page's line, which must exit 0 and print OUTPUT, a pattern of [[ == ]]. AFTER is run by
# the same shell and must succeed, command by command; it has the functions below. What a row stands for, the second
# argument, is noted as names of what names() has said last, in "$work/covered", a line each: its classes, the name.
needs_disk
export HOME=$work/home
mkdir -p "$HOME/larder" "$HOME/.cache" "$work/bin" "$HOME/tmp"
ln -s "$larder" "$work/bin/larder"
export PATH=$work/bin:$PATH TMPDIR=$HOME/tmp

# For BEFORE and AFTER.
read -r -d '' row_shell <<'END' || true
not() { if "$@"; then echo "should fail: $*" >&2; return 1; fi; }
is() { [ "$1" = "$2" ] || { echo "expected '$2', got '$1'" >&2; return 1; }; }
again() { bash -c "$line" >"$work/again" 2>&1; } # runs the line once more
attribute() { getfattr --only-values -n "user.$1" "$2"; }
items() { local item; for item in "${1-q}"/*; do [ ! -e "$item" ] || { printf '%s ' "$(cat "$item")"; }; done; } # of a queue, in a row
mount_it() { larder mount ~/.cache/larder ~/larder ${LARDER_TRANSPORT:+-o transport="$LARDER_TRANSPORT"} "$@"; }
until_true() { local i; for i in {1..500}; do if "$@"; then return 0; fi; sleep 0.02; done; echo "not within 10 s: $*" >&2; return 1; }
END
export row_shell

declare -A row_line
row_count=0

rows_of() { # PAGE
    local left line
    page=$root/fs/man/$1
    python3 "$lib/page_rows.py" "$page" >"$work/rows" || fail "$1 has a row that is not as it should be"
    while IFS= read -r -d '' left && IFS= read -r -d '' line; do row_line[$left]=$line; done <"$work/rows"
    [ ${#row_line[@]} -gt 20 ] || fail "hardly any rows in $page"
    : >"$work/covered"
}

names() { # CLASS...
    row_classes=$*
}

# take_row LEFT NAMES: its line is in $line, and it is not to come again.
take_row() {
    local name
    [ -n "${row_line[$1]+there}" ] || fail "the page has no row '$1', or it was expected before"
    line=${row_line[$1]}
    unset "row_line[$1]"
    for name in $2; do echo "$row_classes,$name" >>"$work/covered"; done
    row_count=$((row_count + 1))
}

no_need() { # LEFT NAMES
    take_row "$@"
    [ -z "$line" ] || fail "$1: there is a line, which nothing is expected of: $line"
}

row_mounted() {
    grep -qF " $HOME/larder " /proc/self/mounts
}

# Who was killed may be leaving it yet.
row_umount() {
    ! row_mounted || wait_until 10 larder umount "$HOME/larder" 2>"$work/umount.log"
}

# An empty larder, on ~/larder, with nothing set.
row_fresh() {
    if row_mounted && [ ! -e "$work/remount" ]; then
        find "$HOME/larder" -mindepth 1 -delete
        setfattr -x user.ttl "$HOME/larder" 2>/dev/null || true
        setfattr -n user.policy -v sieve "$HOME/larder"
    else
        rm -f "$work/remount"
        row_umount
        rm -rf "$HOME/.cache/larder"
        larder mount ~/.cache/larder ~/larder ${LARDER_TRANSPORT:+-o transport="$LARDER_TRANSPORT"}
    fi
}

row() { # LEFT NAMES BEFORE OUTPUT [AFTER]
    local status=0
    take_row "$1" "$2"
    [ -n "$line" ] || fail "$1: there is no line"
    row_fresh
    export line output=$4
    timeout 60 bash -c "$row_shell
cd ~/larder; set -e
$3
set +e
{ $line
} </dev/null >\"\$work/out\" 2>\"\$work/err\"
status=\$?
set -e
is \"\$status\" 0
[[ \$(cat \"\$work/out\") == \$output ]] || { echo \"expected to be printed '\$output', but it was '\$(cat \"\$work/out\")'\" >&2; exit 1; }
${5-}
" </dev/null >"$work/said" 2>&1 || status=$?
    [ $status -eq 0 ] || fail "'$1': $line: status $status: $(cat "$work/said"; cat "$work/err" 2>/dev/null)"
}

rows_end() {
    local left
    for left in "${!row_line[@]}"; do fail "nothing is expected of the row '$left'"; done
    row_umount
    echo "$row_count rows of $(basename "$page")"
}
