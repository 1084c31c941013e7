/* SPDX-License-Identifier: MIT */
/*
 * larder_ioctl.h - what a larder's files answer to ioctl(2). It needs nothing else of larder: programs may copy it.
 *
 * Each wants a descriptor that was opened for writing; another gets EBADF. EAGAIN says: what is at the name now is
 * something else than what was opened; open it anew, and try again.
 */
#ifndef LARDER_IOCTL_H
#define LARDER_IOCTL_H

#include <stdint.h>
#include <sys/ioctl.h>

/* Of a file that was opened to be replaced or created (O_TRUNC, O_EXCL): what was written will not be stored, and what
 * is there stays. EINVAL: there is nothing to abandon, since it is stored already or was opened to be changed. */
#define LARDER_ABANDON _IO(0xe6, 1)

/*
 * Adds to the number that the file of this name holds by now, as one step: of many who do so at once, none is lost. The
 * file is replaced: who has it open goes on with what it has. It keeps its lifetime, tags and deadline. A descriptor may
 * be used again and again. EINVAL: it holds no decimal number from -2^63 to 2^63 - 1 (a newline behind it may stay);
 * EOVERFLOW: the sum would be none. Then nothing has changed.
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

#endif
