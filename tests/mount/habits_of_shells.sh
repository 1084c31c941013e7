#!/bin/bash
# SPDX-License-Identifier: MIT
# What shells and the tools people call from them do to files: what everybody else sees before, in the middle and after.
#
# To look in the middle a program is fed from a pipe that stops there: it has done its part when it stands at the
# offset that it should have reached.
. "$(dirname "$0")/../lib/mount.sh"
mount_larder
cd "$mnt"

# at OFFSET PID PATH: the process has written that far.
at() {
    local fd
    for fd in /proc/"$2"/fd/*; do
        if [ "$(readlink "$fd")" = "$PWD/$3" ] && grep -qx "pos:.$1" "/proc/$2/fdinfo/${fd##*/}"; then return 0; fi
    done
    return 1
}

# is WHAT PATH VALUE: others see this value; "-": a miss.
is() {
    if [ "$3" = - ]; then unseen "$1" "$2"; else shows "$@"; fi
}

# halfway WHAT PATH MIDDLE END COMMAND...: a command makes PATH of what it reads, "first " and "second".
mkfifo "$work/feed"
halfway() {
    local pid
    "${@:5}" <"$work/feed" &
    pid=$!
    exec 9>"$work/feed"
    printf 'first ' >&9
    wait_until 20 at 6 $pid "$2"
    is "$1, in the middle" "$2" "$3"
    printf second >&9
    exec 9>&-
    wait $pid
    shows "$1, at the end" "$2" "$4"
}

# --- redirections ---------------------------------------------------------------------------------------------------

unseen "before echo >" f
for ((i = 0; i < 50; i++)); do
    echo "value $i" >f
    shows "echo >f" f "value $i"
    : >f # nothing but a RELEASE tells the daemon, and nobody waits for that
    equal ": >f; cat f" "" "$(cat f)"
    equal ": >f; stat f" 0 "$(stat -c %s f)"
    echo "value $i" >f
    : >f
    equal ": >f; stat f, as the first to look" 0 "$(stat -c %s f)"
done
for ((i = 0; i < 100; i++)); do
    : >"empty$i"
    [ -e "empty$i" ] || fail ": >new; it is not there"
    equal "size of a new empty file" 0 "$(stat -c %s "empty$i")"
done
equal "listed" 100 "$(find . -name 'empty*' | wc -l)"
rm empty*
touch touched
shows touch touched ""

# The directory shows it, too: listing and time.
for ((i = 0; i < 50; i++)); do
    mkdir "d$i"
    before=$(stat -c %.9Y "d$i")
    : >"d$i/f"
    [ "$(stat -c %.9Y "d$i")" != "$before" ] || fail ": >d/f; stat d: its time is the old one"
    mkdir "e$i"
    : >"e$i/f"
    equal ": >d/f; ls d" f "$(ls "e$i")"
done

# A group: builtins, programs and subshells write one after the other.
for old in - "old value"; do
    rm -f group group2
    [ "$old" = - ] || echo "$old" | tee group >group2
    is_old() { is "$1" "$2" "$old" >&2; } # within a group, stdout is the file
    {
        is_old "a group, nothing written" group
        echo builtin
        is_old "a group, after a builtin" group
        printf 'program\n' | cat
        is_old "a group, after a program" group
        (echo subshell)
        is_old "a group, after a subshell" group
        /bin/echo again
        is_old "a group, after another program" group
    } >group
    shows "a group" group $'builtin\nprogram\nsubshell\nagain'

    # The same by programs alone: the one that opened, and closes last, never wrote.
    { /bin/echo a && is_old "programs, in the middle" group2 && /bin/echo b; } >group2 || exit 1
    shows "programs alone" group2 $'a\nb'
done

# A descriptor that the shell keeps: each echo >&3 makes a duplicate of it and closes that.
for old in - "old value"; do
    rm -f kept
    [ "$old" = - ] || echo "$old" >kept
    exec 3>kept
    is_old "exec 3>" kept
    echo a >&3
    is_old "exec 3>, after echo a >&3" kept
    echo b >&3
    is_old "exec 3>, after echo b >&3" kept
    exec 4>&3
    exec 3>&-
    is_old "exec 3>, the duplicate is left" kept
    exec 4>&-
    shows "exec 3>&-" kept $'a\nb'
done
exec 3>kept
echo one >&3
(echo two >&3)
cat <<<three >&3
shows "with children, in the middle" kept $'a\nb'
exec 3>&-
shows "with children" kept $'one\ntwo\nthree'

# A file opened once for a whole loop, and by name through /dev/stdout.
for i in 1 2 3; do echo "$i"; shows "a loop" kept $'one\ntwo\nthree' >&2; done >kept
shows "a loop" kept $'1\n2\n3'
{ echo a; echo b >/dev/fd/1; } >kept
[ "$(cat kept)" = b ] || fail "/dev/fd/1 is the file itself, cut: got '$(cat kept)'"
{ echo a; echo b >>/dev/stdout; shows "/dev/stdout, in the middle" kept b >&2; } >kept
shows "/dev/stdout, appended" kept $'a\nb'

# >> adds to what is there, at once.
rm -f log
for i in 1 2 3; do
    echo "line $i" >>log
    shows ">>" log "$(for ((n = 1; n <= i; n++)); do echo "line $n"; done)"
done
: >log
exec 3>>log 4>>log
echo a >&3
shows ">> of one" log a
echo b >&4
shows ">> of another" log $'a\nb'
(echo c >&3; /bin/echo d >&4)
shows ">> of children" log $'a\nb\nc\nd'
echo e >&3
shows ">> of the first again" log $'a\nb\nc\nd\ne'
exec 3>&- 4>&-
rm log
for writer in 1 2 3; do
    for ((i = 0; i < 30; i++)); do echo "$writer $i" >>log; done &
    writers+=($!)
done
for pid in "${writers[@]}"; do wait "$pid"; done
equal ">> of three processes" 90 "$(sort -u log | wc -l)"

# noclobber is O_EXCL: one winner, who has won before it has written.
set -o noclobber
{
    echo first
    unseen "noclobber, in the middle" once >&2
    refused "cannot overwrite" bash -o noclobber -c 'echo x >once'
    echo second
} >once
shows noclobber once $'first\nsecond'
refused "cannot overwrite" bash -o noclobber -c 'echo x >once'
shows "noclobber, refused" once $'first\nsecond'
echo x >|once
shows ">|" once x
set +o noclobber

seq 5 | tee copy1 copy2 >/dev/null
cmp copy1 copy2
sort -o copy1 -r copy1
equal "sort -o the same file" "5 4 3 2 1" "$(paste -sd' ' copy1)"
wc -l <copy1 >count
equal "a pipeline" 5 "$(cat count)"
cat <<END >heredoc
a here document
END
equal "here document" "a here document" "$(cat heredoc)"

# --- tools ----------------------------------------------------------------------------------------------------------

rm -f k
halfway "dd, new" k - "first second" dd of=k bs=6 status=none
echo old >k
halfway "dd over" k old "first second" dd of=k bs=6 status=none
rm k
halfway "cp, new" k - "first second" cp /dev/stdin k
echo old >k
halfway "cp over" k old "first second" cp /dev/stdin k
halfway "cp --remove-destination unlinks first" k - "first second" cp --remove-destination /dev/stdin k
halfway "install unlinks first" k - "first second" install -m 600 /dev/stdin k
equal "install -m" 600 "$(stat -c %a k)"
echo old >k
halfway "tee" k old "first second" tee k >/dev/null

# dd conv=notrunc writes into what is there: each block is seen when it is written.
printf '##############' >k
halfway "dd conv=notrunc" k "first ########" "first second##" dd of=k bs=6 conv=notrunc status=none
printf 0123456789 >digits
printf AB | dd of=digits bs=1 seek=4 conv=notrunc status=none
shows "dd conv=notrunc seek=" digits 0123AB6789
printf XYZ | dd of=digits bs=1 conv=notrunc oflag=append status=none
shows "dd oflag=append" digits 0123AB6789XYZ
dd if=digits of=digits2 bs=3 status=none
cmp digits digits2

# sed makes another file and renames it; what its `e` runs looks in the middle.
printf '%s\n' alpha beta gamma >list
sed -i '2e cat list >"$work/looked"; stat -c %s list >>"$work/looked"; ls >>"$work/looked"
s/beta/BETA/' list
equal "sed -i, in the middle" "alpha beta gamma 17 list" "$(head -n 4 "$work/looked" | paste -sd' ') $(grep -x list "$work/looked")"
[ -z "$(grep '^sed' "$work/looked")" ] || fail "sed's file is listed while it is written"
shows "sed -i" list $'alpha\nBETA\ngamma'
sed -i.orig '1d' list
shows "sed -i.orig" list $'BETA\ngamma'
shows "its copy" list.orig $'alpha\nBETA\ngamma'

cp digits copied
cmp digits copied
cp /bin/ls program
cmp /bin/ls program
install -D -m 755 digits deep/er/installed
cmp digits deep/er/installed
echo "in the way" >target
mv digits target
shows "mv over a file" target 0123AB6789XYZ
unseen "mv, the old name" digits
echo "from elsewhere" >"$work/outside"
mv "$work/outside" target
shows "mv across file systems" target "from elsewhere"
mv -n list target || true # its exit status is another one in each version of coreutils
shows "mv -n" target "from elsewhere"
cp -f --remove-destination list target
cmp list target
cp --backup copied target
cmp copied target
cmp list target~

# mv over a name that somebody watches: always one of the values, never a miss.
echo one >swap
(
    exec 2>&1
    while [ ! -e "$work/moved" ]; do
        seen=$(cat swap) && [[ $seen == one || $seen == "number "* ]] || echo "saw '$seen'" >>"$work/wrong"
        echo >>"$work/watching"
    done
) &
watcher=$!
wait_until 20 test -s "$work/watching"
for ((i = 0; i < 100; i++)); do
    echo "number $i" >swap.new
    mv swap.new swap
done
touch "$work/moved"
wait $watcher
[ ! -e "$work/wrong" ] || fail "mv over a name that is watched: $(head -n 3 "$work/wrong")"
shows "mv over" swap "number 99"

# A file that a rename finds half written is published as far as it is written.
exec 3>half
echo a >&3
mv half renamed
shows "renamed while it is written" renamed a
unseen "renamed while it is written" half
echo b >&3
exec 3>&-
shows "renamed, then closed" renamed $'a\nb'

# tar unlinks what is in its way, unless it is told to overwrite.
mkdir archive
printf '%100000s' x >archive/long
echo short >archive/short
tar -cf "$work/tar" archive/long archive/short
for how in --overwrite ""; do
    for old in - "old value"; do
        rm -rf archive
        mkdir archive
        [ "$old" = - ] || echo "$old" | tee archive/long >archive/short
        tar -xf - $how <"$work/feed" &
        pid=$!
        exec 9>"$work/feed"
        head -c 51200 "$work/tar" >&9
        wait_until 20 at 50688 $pid archive/long
        if [ "$how" ]; then is "tar x $how, in the middle" archive/long "$old"; else unseen "tar x, in the middle" archive/long; fi
        is "tar x $how, not reached" archive/short "$old"
        tail -c +51201 "$work/tar" >&9
        exec 9>&-
        wait $pid
        shows "tar x $how" archive/long "$(printf '%100000s' x)"
        shows "tar x $how" archive/short short
    done
done

tmp=$(mktemp -p .)
echo prepared >"$tmp"
mv "$tmp" final
shows "mktemp, mv" final prepared
tmpdir=$(mktemp -d -p .)
echo x >"$tmpdir/x"
rm -r "$tmpdir"
[ ! -e "$tmpdir" ]

gzip -k list
gunzip -c list.gz | cmp - list
truncate -s 0 list.gz
shows "truncate -s 0" list.gz ""
cp list shredded
shred -u shredded
miss shredded

rm -rf ./*
equal "rm -rf *" "" "$(ls -A)"
