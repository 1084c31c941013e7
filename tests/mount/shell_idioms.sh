#!/bin/bash
# SPDX-License-Identifier: MIT
# What shells and their tools do to files, one after the other.
. "$(dirname "$0")/../lib/mount.sh"
mount_larder
cd "$mnt"

# : > f; cat f must show an empty file at once, though nothing but a RELEASE tells the daemon.
for ((i = 0; i < 200; i++)); do
    echo "value $i" >f
    equal "echo >f; cat f" "value $i" "$(cat f)"
    : >f
    equal ": >f; cat f" "" "$(cat f)"
done
for ((i = 0; i < 100; i++)); do
    : >"empty$i"
    [ -e "empty$i" ] || fail ": >new; it is not there"
    equal "size of a new empty file" 0 "$(stat -c %s "empty$i")"
done
equal "listed" 100 "$(find . -name 'empty*' | wc -l)"
touch touched
[ -f touched ]

# noclobber is O_EXCL.
set -o noclobber
refused "cannot overwrite" bash -o noclobber -c 'echo x >f'
echo only >once
set +o noclobber
equal "noclobber" only "$(cat once)"

# A handle kept open by the shell, through forks and a pause.
exec 3>kept
echo one >&3
(echo two >&3)
cat <<<three >&3
exec 3>&-
equal "exec 3>" $'one\ntwo\nthree' "$(cat kept)"

{ echo group; (echo subshell); } >group
equal "a group" $'group\nsubshell' "$(cat group)"
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

printf '%s\n' alpha beta gamma >list
sed -i 's/beta/BETA/' list
equal "sed -i" "alpha BETA gamma" "$(paste -sd' ' list)"
sed -i.orig '1d' list
equal "sed -i.orig" "BETA gamma" "$(paste -sd' ' list)"
equal "its copy" "alpha BETA gamma" "$(paste -sd' ' list.orig)"

printf 0123456789 >digits
printf AB | dd of=digits bs=1 seek=4 conv=notrunc status=none
equal "dd conv=notrunc" 0123AB6789 "$(cat digits)"
printf XYZ | dd of=digits bs=1 conv=notrunc oflag=append status=none
equal "dd oflag=append" 0123AB6789XYZ "$(cat digits)"
dd if=digits of=digits2 bs=3 status=none
cmp digits digits2

cp digits copied
cmp digits copied
cp /bin/ls program
cmp /bin/ls program
install -m 600 digits installed
cmp digits installed
equal "install -m" 600 "$(stat -c %a installed)"
install -D -m 755 digits deep/er/installed
cmp digits deep/er/installed

echo "in the way" >target
mv digits target
equal "mv over a file" 0123AB6789XYZ "$(cat target)"
echo "from elsewhere" >"$work/outside"
mv "$work/outside" target
equal "mv across file systems" "from elsewhere" "$(cat target)"
mv -n list target || true # its exit status is another one in each version of coreutils
equal "mv -n" "from elsewhere" "$(cat target)"
cp -f --remove-destination list target
cmp list target
cp --backup copied target
cmp copied target
cmp list target~

tmp=$(mktemp -p .)
echo prepared >"$tmp"
mv "$tmp" final
equal "mktemp, mv" prepared "$(cat final)"
tmpdir=$(mktemp -d -p .)
echo x >"$tmpdir/x"
rm -r "$tmpdir"
[ ! -e "$tmpdir" ]

gzip -k list
gunzip -c list.gz | cmp - list
truncate -s 0 list.gz
equal "truncate -s 0" "" "$(cat list.gz)"
cp list shredded
shred -u shredded
miss shredded

rm -rf ./*
equal "rm -rf *" "" "$(ls -A)"
