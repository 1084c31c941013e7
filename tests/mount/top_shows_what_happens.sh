#!/bin/bash
# SPDX-License-Identifier: MIT
# larder top in a terminal of its own: shows rates, fill and hot keys, follows the terminal's size, quits on q and leaves
# the terminal as it was; says so when there is no terminal.
. "$(dirname "$0")/../lib/mount.sh"
command -v tmux >/dev/null || skip "no tmux; scripts/setup test gets it"
mount_larder -o size=16M
cd "$work"

term() {
    tmux -L "larder-$$" -f /dev/null "$@"
}
trap 'status=$?; term kill-server 2>/dev/null; set +eE; (exit $status); finish' EXIT
screen() {
    term capture-pane -p -t top
}
sees() { # REGEX
    screen | grep -qE -- "$1"
}

refused "needs a terminal" "$larder" top "$mnt"
mkdir "$mnt/users"
echo Ada >"$mnt/users/42"
echo Bob >"$mnt/users/43"
head -c 8M /dev/urandom >"$mnt/large"

LC_ALL=C.UTF-8 term new-session -d -s top -x 100 -y 30 "exec bash --norc"
term send-keys -t top "PS1='prompt '; '$larder' top '$mnt/users' --interval 200ms; echo left with \$?" Enter
wait_until 20 sees "^larder $mnt "
wait_until 10 sees '^fill \[\|+ +\] 5[0-9]\.[0-9] %, 8\.[0-9] MiB of 16\.0 MiB, 3 items'
wait_until 10 sees '^gets/s +0'
equal "as high as the terminal" "q quits" "$(screen | sed -n 30p)"

for _ in {1..300}; do
    cat "$mnt/users/42" "$mnt/none" >/dev/null 2>&1 || true
    ! sees '^gets/s +[1-9].*█' || ! sees 'users/42' || break
done
sees '^gets/s +[1-9].*█' || fail "no course of gets: $(screen)"
sees '^ *[0-9]+\.[0-9] %  users/42' || fail "no hot key: $(screen)"

term resize-window -t top -x 50 -y 20
line_20() { [ "$(screen | sed -n 20p)" = "q quits" ]; }
wait_until 10 line_20
wait_until 10 sees "^larder $mnt"
[ "$(screen | LC_ALL=C.UTF-8 wc -L)" -le 50 ] || fail "wider than the terminal"
term resize-window -t top -x 120 -y 40
line_40() { [ "$(screen | sed -n 40p)" = "q quits" ]; }
wait_until 10 line_40
term resize-window -t top -x 8 -y 3 # survives even that
wait_until 10 sees '^q quits'
term resize-window -t top -x 80 -y 24
wait_until 10 sees '^set p99'

term send-keys -t top q
wait_until 10 sees '^left with 0'

# When the mount goes away it says so, and can still be left.
term send-keys -t top "clear; '$larder' top '$mnt' --interval 200ms; echo left again" Enter
wait_until 10 sees '^set p99'
unmount_larder
wait_until 10 sees 'cannot be read'
term send-keys -t top q
wait_until 10 sees '^left again'
