/* SPDX-License-Identifier: MIT */
/*
 * larder_ioctl.h - what a larder's files answer to ioctl(2). It needs nothing else of larder: programs may copy it.
 *
 * Those of files but LARDER_TELL_VERSION want a descriptor that was opened for writing; another gets EBADF. EAGAIN says:
 * what is at the name now is something else than what was opened, or meant; open it anew, and try again.
 */
#ifndef LARDER_IOCTL_H
#define LARDER_IOCTL_H

#include <stdint.h>
#include <sys/ioctl.h>

/* Of a file that was opened to be replaced or created (O_TRUNC, O_EXCL): what was written will not be stored, and what
 * is there stays. EINVAL: there is nothing to abandon, since it is stored already or was opened to be changed; that too
 * when somebody else is creating it: what both have written is stored when both have closed it. */
#define LARDER_ABANDON _IO(0xe6, 1)

/*
 * Adds to the number that the file of this name holds by now, as one step: of many who do so at once, none is lost. The
 * file is replaced: who has it open goes on with what it has. It keeps its lifetime, tags and deadline. A descriptor may
 * be used again and again. EINVAL: it holds no decimal number from -2^63 to 2^63 - 1 (a newline behind it may stay);
 * EOVERFLOW: the sum would be none; EBUSY: others who have it open to change it wrote each time in between, for dozens
 * of tries: try again later. Then nothing has changed.
 */
struct larder_add {
    int64_t by; /* in */
    int64_t value; /* out: the sum */
};
#define LARDER_ADD _IOWR(0xe6, 2, struct larder_add)

/* Removes the file from its name, if what was opened is still there: EAGAIN when it was replaced or removed, so that of
 * many who open it and do so, one succeeds. It can still be read through the descriptor. EACCES, EPERM: the caller may
 * not remove files there. */
#define LARDER_TAKE _IO(0xe6, 3)

/*
 * Of a directory: removes files and links that are in it, some thousand at a time; the directories in it stay. Begin with
 * a zeroed argument and repeat until `done`; for other directories of the same larder begin with the `mark` of the first,
 * and what is stored after it stays everywhere. It wants what unlink(2) does: to write to the directory and to search it,
 * else EACCES; with the sticky bit, what is another's is left. EROFS: the larder is mounted read-only. It is not told of a
 * read-only bind mount.
 */
struct larder_clear {
    uint64_t mark; /* in, out: what is stored later stays; 0: from now on */
    uint64_t removed; /* out: how many went in this step, */
    uint64_t left; /* and how many were passed by: stored later, or another user's */
    uint32_t done; /* out: 1 at the end of the directory */
    uint32_t zero;
    char after[256]; /* in, out: the name behind which it goes on */
};
#define LARDER_CLEAR _IOWR(0xe6, 4, struct larder_clear)

/* Of a larder's root directory: lets go of what has expired, some thousand at a time, rather than when the daemon comes by
 * it. Repeat until `done`. EPERM for others than root and the owner of that directory. */
struct larder_expire {
    uint64_t expired; /* out: how many went in this step */
    uint32_t done; /* out: 1: nothing more is due */
    uint32_t zero;
};
#define LARDER_EXPIRE _IOWR(0xe6, 5, struct larder_expire)

/*
 * The user.version of what a descriptor reads, which that attribute of its path may not be any more. When it is asked for
 * before the value is read, and LARDER_REPLACE finds it there later, nobody has changed in between what was read. EINVAL:
 * what it was opened for is not stored yet. EAGAIN, beside somebody who writes to it in place: what would be read is older
 * still; ask again.
 */
#define LARDER_TELL_VERSION _IOR(0xe6, 6, uint64_t)

/*
 * Stores what was written so far to a file that was opened to be replaced (O_TRUNC), as fsync(2) would, but only if what
 * is at its name has this version: of many who replace the same version one succeeds. EAGAIN: another version is there,
 * or none; then what was written is abandoned. EINVAL: it is stored already, or was opened to be changed.
 */
enum { LARDER_REPLACE_KEEPS_DEADLINE = 1 }; /* without it the lifetime starts anew, as with every set */
struct larder_replace {
    uint64_t version; /* in: 0 whichever is there */
    uint64_t flags; /* in */
};
#define LARDER_REPLACE _IOW(0xe6, 7, struct larder_replace)

#endif
