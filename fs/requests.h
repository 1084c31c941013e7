/* SPDX-License-Identifier: MIT */
/*
 * requests.h - how many requests of each kind the kernel has sent: messages are what a cache on FUSE costs, so tests
 * count them, and whoever wonders why a program is slow can.
 *
 * Whoever takes a request off the wire counts it, before it is answered. Nothing is ordered by the numbers.
 */
#ifndef LARDER_FS_REQUESTS_H
#define LARDER_FS_REQUESTS_H

#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>

struct fs;

enum { REQUEST_KINDS = 64 }; /* all that <linux/fuse.h> has, and some */

/* By opcode; at 0, which is none, those without a name. */
struct requests {
    atomic_uint_fast64_t counts[REQUEST_KINDS];
};

/* Counts one, by the opcode in its header. From any thread. */
void requests_count(struct fs *fs, uint32_t opcode);

/* Writes a JSON object of those that came: {"LOOKUP":12,"OPEN":3}. */
void requests_write(const struct fs *fs, FILE *out);

#endif
