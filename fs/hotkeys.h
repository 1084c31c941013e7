/* SPDX-License-Identifier: MIT */
/*
 * hotkeys.h - which entries are read most, in bounded memory: the Space-Saving sketch (Metwally, Agrawal, El Abbadi:
 * Efficient Computation of Frequent and Top-k Elements in Data Streams, 2005) over a sample of the gets.
 *
 * A thread records one get of HOTKEYS_SAMPLE on average, chosen at random, so that loops which happen to have that
 * length do not hide. The sketch has HOTKEYS_SLOTS counters. An entry that has one is counted; one that has none takes
 * over the smallest, and with it that counter's number as the error it may have. So whatever makes up more than one in
 * HOTKEYS_SLOTS of the sampled gets is in it, and its count is too high by at most that part.
 *
 * When HOTKEYS_AGE gets were sampled all numbers are halved: what was hot yesterday gives way.
 *
 * A lock of its own, taken last of all, and never waited for by who records: a sample that finds it taken is dropped.
 */
#ifndef LARDER_FS_HOTKEYS_H
#define LARDER_FS_HOTKEYS_H

#include "store.h"

struct hotkeys;

enum {
    HOTKEYS_SLOTS = 128,
    HOTKEYS_SAMPLE = 8,
    HOTKEYS_AGE = 65536,
};

struct hotkey {
    uint64_t dir;
    char name[STORE_NAME_MAX + 1];
    double share; /* of the gets of late, 0 to 1 */
    double error; /* its share is lower by at most this much; sampling has an error of its own */
};

/* Makes one; NULL when out of memory. */
struct hotkeys *hotkeys_new(void);
void hotkeys_free(struct hotkeys *hotkeys);

/* A get of the entry at a place: mostly nothing but one step of a thread's own counter. From any thread. */
void hotkeys_record(struct hotkeys *hotkeys, uint64_t dir, const char *name);

/* The same without the dice: counts it for certain. */
void hotkeys_count(struct hotkeys *hotkeys, uint64_t dir, const char *name);

/* Up to `room` of those that are read most, most first. Returns how many. */
unsigned hotkeys_top(struct hotkeys *hotkeys, struct hotkey *ret_keys, unsigned room);

#endif
