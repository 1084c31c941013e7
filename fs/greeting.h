/* SPDX-License-Identifier: MIT */
/*
 * greeting.h - the first message, INIT, in which kernel and file system agree on what they can do. libfuse answers it;
 * what it does not know yet, or knows and never says (libfuse before 3.17: PARALLEL_DIROPS), is put into the answer on
 * its way out. Only what the kernel has offered.
 */
#ifndef LARDER_FS_GREETING_H
#define LARDER_FS_GREETING_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct greeting {
    uint64_t unique; /* of the message; 0: none was read yet */
    uint64_t offered; /* flags, flags2 in the upper half */
    uint64_t wanted; /* likewise; set by the caller */
    uint64_t agreed; /* of these, after the answer */
};

/* Reads the message. False when it is not one. */
int greeting_read(struct greeting *greeting, const void *message, size_t size);

/* Puts what is wanted and offered into the answer, if this is it. */
void greeting_answer(struct greeting *greeting, const struct iovec *iov, int count);

#endif
