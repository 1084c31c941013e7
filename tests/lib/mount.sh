# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# mount.sh - what every test of a mount begins with:
#
#     . "$(dirname "$0")/../lib/mount.sh"
#     mount_larder
#
# It makes a directory for this test alone ($work) with a place for a store ($store) and a mount point ($mnt) in it, so
# that tests can run side by side, and takes everything away when the test ends, however it ends. A test ends at the
# first command that fails; it is skipped (exit 77) where there is no /dev/fuse.
#
# The daemon runs in the foreground as a child of the test: a test that fails shows what it logged, and one that passes
# has also seen it end with status 0 and without a word from a sanitizer. Daemonising has tests of its own.
#
# From the environment: LARDER, the program under test; LARDER_HELPERS, the folder of the compiled helpers;
# LARDER_STORE, a store to use in place of one on disk ("mem:"); LARDER_TRANSPORT, how requests come in (dev, uring);
# LARDER_OPTIONS, more options for each mount (seccomp); LARDER_SANITIZED, set when sanitizers slow things down and use up memory. By hand, after a build in build/, nothing need be set: tests/mount/set_and_get.sh
set -eEuo pipefail
export LC_ALL=C PYTHONDONTWRITEBYTECODE=1

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
lib=$root/tests/lib
larder=$(realpath -m "${LARDER:-$root/build/fs/larder}")
helpers=$(realpath -m "${LARDER_HELPERS:-$root/build/tests/mount}")
sanitized=${LARDER_SANITIZED-}
export PYTHONPATH=$lib larder helpers sanitized

skip() {
    echo "skipped: $*" >&2
    exit 77
}

[ -x "$larder" ] || { echo "$larder: not built" >&2 && exit 99; }
[ -w /dev/fuse ] || skip "no access to /dev/fuse"

work=$(mktemp -d "${TMPDIR:-/tmp}/larder-test.XXXXXX")
store=${LARDER_STORE:-$work/store}
mnt=$work/mnt
export work store mnt
mkdir "$mnt"
setsid bash "$lib/clean.sh" $$ "$work" </dev/null >/dev/null 2>&1 &
disown

export ASAN_OPTIONS="${ASAN_OPTIONS-}:log_path=$work/sanitizer"
export UBSAN_OPTIONS="${UBSAN_OPTIONS-}:log_path=$work/sanitizer"
export TSAN_OPTIONS="${TSAN_OPTIONS-}:log_path=$work/sanitizer"

daemon= # pid of the daemon while one runs

# --- saying what is wrong -------------------------------------------------------------------------------------------

# fail MESSAGE...: the test has failed.
fail() {
    trap - ERR
    local level=0
    while [ "${BASH_SOURCE[level]-}" = "${BASH_SOURCE[0]}" ]; do level=$((level + 1)); done
    echo "${0##*/}:${BASH_LINENO[level - 1]}: $*" >&2
    exit 1
}

# check MESSAGE COMMAND...: the command succeeds.
check() {
    "${@:2}" || fail "$1: ${*:2}"
}

# equal MESSAGE EXPECTED ACTUAL
equal() {
    [ "$2" = "$3" ] || fail "$1: expected '$2', got '$3'"
}

# refused TEXT COMMAND...: the command fails, and what it says on stderr contains TEXT.
refused() {
    local said
    if said=$("${@:2}" 2>&1 >/dev/null); then fail "was not refused: ${*:2}"; fi
    [[ $said == *"$1"* ]] || fail "expected '$1' from: ${*:2}: got '$said'"
}

# exits CODE VERB...: larder does with this status and, unless that is 2 or 3, without a word on stderr; else with one
# sentence. What it prints is in $work/out, and that in $work/err.
exits() {
    local code=$1 status=0 said
    "$larder" "${@:2}" >"$work/out" 2>"$work/err" </dev/null || status=$?
    said=$(cat "$work/err")
    equal "status of $* ($said)" "$code" $status
    case $code in
        0 | 1) equal "what $* says" "" "$said" ;;
        *) [[ $said == larder:* && $said != *$'\n'* ]] || fail "$*: no sentence: '$said'" ;;
    esac
}

# miss PATH...: none of them is there, for any way of looking.
miss() {
    local path
    for path; do
        refused "No such file" cat "$path"
        refused "No such file" stat "$path"
        [ -z "$(find "$(dirname "$path")" -maxdepth 1 -name "$(basename "$path")")" ] || fail "is still listed: $path"
    done
}

# shows WHAT PATH VALUE: other processes open, stat and list it with exactly this value (lines, the last newline left
# away, as $(cat) has them).
shows() {
    local value
    value=$(cat "$2" && echo .) || fail "$1: $2 is a miss"
    value=${value%.}
    equal "$1: what cat shows" "$3" "${value%$'\n'}"
    equal "$1: size" ${#value} "$(stat -c %s "$2")"
    listed "$2" || fail "$1: $2 is not listed"
}

# unseen WHAT PATH: other processes cannot open it, and it is in no listing. (While it is created it is there for stat.)
unseen() {
    refused "No such file" cat "$2"
    ! listed "$2" || fail "$1: $2 is listed"
}

listed() { # PATH
    ls -f "$(dirname "$1")" | grep -qxF -- "$(basename "$1")"
}

# wait_until SECONDS COMMAND...: repeats the command until it succeeds; the test fails when it has not by then.
wait_until() {
    local end=$((SECONDS + $1))
    until "${@:2}"; do
        [ $SECONDS -le $end ] || fail "not within $1 s: ${*:2}"
        sleep 0.02
    done
}

# --- the mount ------------------------------------------------------------------------------------------------------

# mount_larder [OPTION...]: mounts $store on $mnt and returns when it answers.
mount_larder() {
    "$larder" mount "$store" "$mnt" -f ${LARDER_TRANSPORT:+-o transport="$LARDER_TRANSPORT"} \
        ${LARDER_OPTIONS:+-o "$LARDER_OPTIONS"} "$@" </dev/null >>"$work/daemon.log" 2>&1 &
    daemon=$!
    wait_until 30 mount_answers
}

mount_answers() {
    kill -0 "$daemon" 2>/dev/null || fail "the daemon did not start"
    # The pid, since the kernel remembers for a while what a dead daemon answered.
    [ "$(daemon_pid 2>/dev/null)" = "$daemon" ]
}

daemon_gone() {
    ! kill -0 "$daemon" 2>/dev/null
}

# unmount_larder: and sees the daemon end as it should.
unmount_larder() {
    stop_larder || fail "the daemon did not end well"
}

stop_larder() {
    local status=0 tries=0
    until "$larder" umount "$mnt" 2>"$work/umount.log"; do # who was killed may be closing its files yet
        grep -q ': busy: ' "$work/umount.log" && [ $((tries += 1)) -lt 100 ] || { cat "$work/umount.log" >&2 && return 1; }
        sleep 0.05
    done
    tries=0
    until daemon_gone; do
        [ $((tries += 1)) -lt 1000 ] || { echo "the daemon still runs" >&2 && return 1; }
        sleep 0.05
    done
    wait "$daemon" || status=$?
    daemon=
    sanitizer_is_silent || return 1
    [ $status -eq 0 ] || { echo "the daemon ended with status $status" >&2 && return 1; }
}

# remount [OPTION...]: what is in the store now? For tests that need a store that lasts.
remount() {
    unmount_larder
    mount_larder "$@"
}

# kill_daemon: as a crash would; the mount point is left dead.
kill_daemon() {
    kill -9 "$daemon"
    wait "$daemon" 2>/dev/null || true
    daemon=
}

# The pid by the mount's own account.
daemon_pid() { # [MOUNTPOINT]
    sed -n 's/^pid=//p' "${1-$mnt}/.larder/config"
}

# needs_disk: skips the test where the store does not last beyond the mount.
needs_disk() {
    [ "$store" = "$work/store" ] || skip "$store does not outlive its mount"
}

# needs_root: for tests that act as several users.
needs_root() {
    [ "$(id -u)" = 0 ] || skip "only root can act as several users"
}

# stat_of NAME: a number from .larder/stats.json.
stat_of() {
    grep -o "\"$1\":[0-9]*" "$mnt/.larder/stats.json" | sed -n "1s/.*://p"
}

xattr() { # PATH NAME: its value
    getfattr --absolute-names --only-values -n "$2" -- "$1"
}

sanitizer_is_silent() {
    local logs=("$work"/sanitizer*)
    [ ! -e "${logs[0]}" ] || { cat "${logs[@]}" >&2 && return 1; }
}

# --- the end --------------------------------------------------------------------------------------------------------

finish() {
    local status=$?
    trap - EXIT ERR
    set +eE
    cd / # else the mount is busy
    if [ $status -eq 0 ]; then
        if [ -n "$daemon" ]; then stop_larder; else sanitizer_is_silent; fi || status=1
    else
        if [ -n "$daemon" ]; then
            fusermount3 -uz "$mnt" 2>/dev/null
            kill "$daemon" 2>/dev/null
        fi
        sanitizer_is_silent
    fi
    case $status in
        0 | 77) grep -qF " $work/" /proc/self/mounts || rm -rf --one-file-system "$work" ;; # else clean.sh does it
        *) [ ! -s "$work/daemon.log" ] || { echo "--- the daemon's log:" && tail -n 50 "$work/daemon.log"; } >&2 ;;
    esac
    exit $status
}
trap finish EXIT
newline=$'\n'
trap 'echo "${0##*/}:$LINENO: failed: ${BASH_COMMAND%%"$newline"*}" >&2' ERR
trap 'exit 1' INT TERM HUP
