/* SPDX-License-Identifier: MIT */
/* differences.c - on what larder differs from other file systems on purpose; the README's table has the same words. */
#include "posix.h"

const struct difference_text difference_texts[DIFFERENCES] = {
    [HARD_LINKS] = {"hard links", "EPERM: an entry has one name"},
    [SPECIAL_FILES] = {"fifos, sockets, devices", "EPERM: an entry is bytes"},
    [OVERWRITING] = {"seeing a value that is being overwritten (`O_TRUNC`)", "the old one, until it is closed"},
    [CREATING] = {"opening a file that is being created (`O_EXCL`, `O_TRUNC`)",
                  "ENOENT, and no listing has it, until it is closed or `fsync`ed"},
    [PINNED] = {"an open file changing as its name is overwritten", "it keeps its version"},
    [NOT_OPEN] = {"opening what has no name any more by an `O_PATH` descriptor", "ENOENT"},
    [NAMELESS] = {"files without a name (`O_TMPFILE`)", "EOPNOTSUPP"},
    [EMPTYING] = {"emptying what is open to be read by `/proc/self/fd/N` (`O_TRUNC`)",
                  "ESTALE: others may be reading that very version"},
    [APPENDING_MAPS] = {"mapping shared what is open to append", "ENODEV"},
    [HOLES] = {"holes", "stored as zeroes; `fallocate` to punch, zero, insert or collapse: EOPNOTSUPP"},
    [NAMESPACES] = {"`security.*` and `trusted.*` attributes, ACLs", "EOPNOTSUPP"},
    [DIRECTORY_LINKS] = {"link counts of directories", "1"},
    [CHANGE_TIMES] = {"change times of what is renamed, or removed while open", "stay"},
    [ACCESS_TIMES] = {"access times", "reading leaves them; they tell when a value was stored"},
};
