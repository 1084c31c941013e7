#!/bin/bash
# SPDX-License-Identifier: MIT
# What POSIX and Linux owe a caller, call by call and errno by errno: the tables of tests/posix. They are held against ext4
# first, which shows that they are right, and then against larder, which differs where the README says so and nowhere else.
. "$(dirname "$0")/../lib/mount.sh"
needs_root
for tool in mkfs.ext4 losetup; do command -v $tool >/dev/null || skip "no $tool here"; done
chmod 711 "$work"

# What the program calls deliberate is what the README says.
"$helpers/posix" --differences | sort >"$work/differences"
sed -n '/^## Left out on purpose/,/^## /p' "$root/README.md" | grep '^| ' | grep -v '^| what ' | sort >"$work/said"
diff "$work/said" "$work/differences" || fail "the README and tests/posix/differences.c do not say the same (< README)"

disk=$work/disk
mkdir "$disk"
truncate -s 64M "$work/image"
mkfs.ext4 -q -b 4096 -O ^has_journal "$work/image" 2>"$work/mkfs.log" || { cat "$work/mkfs.log" >&2 && exit 1; }
mount -o loop "$work/image" "$disk" 2>/dev/null || skip "no loop devices here"
trap 'umount -l "$disk"; finish' EXIT
mount_larder -o allow_other
chmod 777 "$mnt" "$disk"

# holds NAME DIR ARGUMENT...: all rows do, and it says how many.
holds() {
    local said
    said=$("$helpers/posix" "${@:3}" "$2") || fail "$1: ${said}"
    echo "$1: $said"
    [[ $said =~ ^[1-9][0-9]*" rows, "[0-9]+" kept, "[0-9]+" deliberate differences"$ ]] || fail "$1 says '$said'"
}
holds ext4 "$disk" --other "$mnt"
holds larder "$mnt" --larder --other "$disk"

# What cannot be written.
for dir in "$disk" "$mnt"; do
    mkdir -p "$dir/d/e"
    echo -n text >"$dir/f"
    ln -s f "$dir/l"
    chmod 777 "$dir/d"
    chmod 666 "$dir/f"
done
mount -o remount,ro "$disk"
remount -o ro,allow_other
holds "ext4, read-only" "$disk" --read-only --other "$mnt"
holds "larder, read-only" "$mnt" --larder --read-only --other "$disk"
