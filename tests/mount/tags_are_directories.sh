#!/bin/bash
# SPDX-License-Identifier: MIT
# .larder/tags: a directory for every tag that something has, a link for every entry, and rmdir invalidates.
. "$(dirname "$0")/../lib/mount.sh"
mount_larder
tags=$mnt/.larder/tags

# Nothing yet; and still not listed in the root.
equal "tags of nothing" "" "$(ls -A "$tags")"
[[ $(ls "$mnt/.larder") == *tags* ]] || fail "tags is not listed"
equal "the root" "" "$(ls -A "$mnt")"

mkdir -p "$mnt/users/deep"
setfattr -n user.tags -v users,eu "$mnt/users"
for i in 1 2 3; do echo "value $i" >"$mnt/users/$i"; done
echo deep >"$mnt/users/deep/x"
ln -s 1 "$mnt/users/link" # a link has tags, too
echo none >"$mnt/none"
setfattr -n user.tags -v "odd one" "$mnt/users/2"

equal "the tags" $'eu\nodd one\nusers' "$(ls "$tags")"
equal "entries" 4 "$(ls "$tags/users" | wc -l)"
equal "what cat shows" $'value 1\nvalue 3\nvalue 1\ndeep' "$(cat "$tags"/users/{1,3,link,x}@*)"
equal "through find" 9 "$(find "$tags" -type l | wc -l)"
equal "followed" 9 "$(find -L "$tags" -type f | wc -l)"
link=$(echo "$tags"/users/x@*)
equal "a relative link" ../../../users/deep/x "$(readlink "$link")"
equal "its size" 21 "$(stat -c %s "$link")"
[[ $(ls -l "$tags/users") == *"3@"*" -> ../../../users/3"* ]] || fail "ls -l: $(ls -l "$tags/users")"

# The link stays while the value does, and leads to where it is by now.
name=$(basename "$link")
setfattr -n user.note -v x "$mnt/users/deep/x"
mv "$mnt/users/deep" "$mnt/moved"
equal "after a rename" deep "$(cat "$tags/users/$name")"
equal "after a rename" ../../../moved/x "$(readlink "$tags/users/$name")"
echo other >"$mnt/moved/x"
refused "No such file" readlink -v "$tags/users/$name"

# Who knows the number still needs the name; and a number alone is none.
refused "No such file" readlink -v "$tags/users/y@${name#*@}"
for wrong in x "x@" "x@0" "x@01" "x@99999999999999999999" "x@-1" "@"; do
    refused "No such file" readlink -v "$tags/users/$wrong"
done

# Nothing but rmdir of a tag changes anything here.
refused "not permitted" rmdir "$tags"
refused "not permitted" mkdir "$tags/new"
refused "not permitted" touch "$tags/new"
refused "not permitted" rm "$tags/users/$(ls "$tags/users" | head -n 1)"
refused "not permitted" mv "$tags/users" "$tags/others"
refused "not permitted" ln -s x "$tags/users/x"
refused "No such file" rmdir "$tags/nobody has it"

# rmdir: at once, for every way of looking, and whatever the kernel had in mind.
cat "$mnt"/users/* >/dev/null
stat "$mnt"/users/* >/dev/null
exec 5<"$mnt/users/1"
rmdir "$tags/users"
equal "the tags" "odd one" "$(ls "$tags")"
refused "No such file" ls "$tags/users"
for gone in users/1 users/3 users/link moved/x; do
    refused "No such file" cat "$mnt/$gone"
    ! listed "$mnt/$gone" || fail "$gone is listed"
done
stat_misses() { ! stat "$1" >/dev/null 2>&1; }
for gone in users/1 users/3 users/link moved/x; do wait_until 5 stat_misses "$mnt/$gone"; done
equal "an open handle" "value 1" "$(cat <&5)"
exec 5<&-
shows "without the tag" "$mnt/none" none
shows "with another" "$mnt/users/2" "value 2"
invalidated() { [ "$(stat_of invalidated)" = 4 ] && [ "$(stat_of items)" = 2 ]; }
wait_until 10 invalidated

# What is made afterwards lives, also where something was; and the tag's directory can be entered again.
echo new >"$mnt/users/1"
setfattr -n user.tags -v users "$mnt/none"
shows "made after" "$mnt/users/1" new
equal "the tag again" $'1\nnone' "$(ls "$tags/users" | sed 's/@.*//')"
equal "through the tag" $'new\nnone' "$(cat "$tags"/users/*)"
(cd "$tags/users" && rmdir "$tags/users" && ! ls 1@* 2>/dev/null) || fail "in a directory that is removed"
miss "$mnt/users/1" "$mnt/none"

# A tag of any allowed bytes is a name, the longest, too; and so are the links of the longest names.
python3 - <<'END'
import os
from larder_test import *
tags = ["x" * 128, " ", "...", "-rf", "ü", "*", "a\\b", "\\n", "'", '"', "$(x)", b"\xff\xfe\x80", "a:b=c", "~"]
tags = [tag if isinstance(tag, bytes) else tag.encode() for tag in tags]
put("n" * 255, b"long")
os.setxattr("n" * 255, "user.tags", b",".join(tags))
equal(sorted(tags), sorted(set(os.listdir(b".larder/tags")) - {b"odd one"}))
for tag in tags:
    (link,) = os.listdir(b".larder/tags/" + tag)
    equal(255, len(link))
    equal(b"long", open(b".larder/tags/" + tag + b"/" + link, "rb").read())
for tag in b".", b"..", b"a,..":
    refused(errno.EINVAL, os.setxattr, "n" * 255, "user.tags", tag)
os.rmdir(b".larder/tags/\xff\xfe\x80")
refused(errno.ENOENT, os.open, "n" * 255, os.O_RDONLY)

# A stream, in which nobody is left out or met twice while others come and go.
os.mkdir("many")
os.setxattr("many", "user.tags", b"many")
for i in range(1000):
    put(f"many/{i}", b"")
with os.scandir(".larder/tags/many") as listing:
    seen = []
    for n, link in enumerate(listing):
        seen.append(link.name.split("@")[0])
        if n == 100:
            for i in range(0, 1000, 10):
                os.unlink(f"many/{i}")
            for i in range(1000, 1100):
                put(f"many/{i}", b"")
steady = {str(i) for i in range(1000) if i % 10}
equal(len(seen), len(set(seen)))
equal(set(), steady - set(seen))
END
