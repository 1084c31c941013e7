/* SPDX-License-Identifier: MIT */
/*
 * value.h - values that tell whether they are whole: a header with the value's own size and a seed, then 0 to 200 KiB
 * that follow from the seed. So whoever reads one finds out when it is cut off, has a foreign or zeroed part, or
 * something behind its end.
 */
#ifndef LARDER_TORTURE_VALUE_H
#define LARDER_TORTURE_VALUE_H

#include "torture.h"

struct header {
    uint64_t magic;
    uint64_t size; /* of the whole value */
    uint64_t seed;
    uint64_t owner; /* where it belongs, see names.h */
    uint64_t number; /* counts the values of an owner */
    uint64_t check;
};

enum { BODY_MAX = 200 << 10, VALUE_MAX = sizeof(struct header) + BODY_MAX };

/* Room for a value, for a byte more that shows what lies behind an end, and for whole words. */
enum { VALUE_ROOM = VALUE_MAX + 8 };

/* Most values are small, as in a cache; each size up to the largest has its turn. */
size_t random_body(void);

/* Makes a value with a random body of this size; returns the size of all of it. */
size_t value_make(unsigned char *value, size_t body_size, uint64_t owner, uint64_t number);

/* Judge what was read at a name, and report what is wrong with it: whether it begins with a header; whether the body
 * that follows is the header's; both, and nothing behind it (else: the fault `on_size`). */
bool header_judge(const char *name, const unsigned char *value, size_t size, struct header *ret_header);
bool body_judge(const char *name, const unsigned char *value, const struct header *header);
bool value_judge(const char *name, const unsigned char *value, size_t size, enum fault on_size,
                 struct header *ret_header);

#endif
