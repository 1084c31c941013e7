/* SPDX-License-Identifier: MIT */
/*
 * names.h - the names of the torture, and what a reader of each may see.
 *
 *   value-N     everybody writes and removes: any whole value that was written to one of them, or a miss
 *   moved-N     the same, moved about, too. They are only written elsewhere and renamed over: to rename a name that is
 *               being written publishes what is there so far
 *   lasting-N   writer N's: a value at least as new as the last one whose close or rename had returned when the reader
 *               opened; a miss only where there is eviction
 *   brief-N     the same with a lifetime each: or a miss, and nothing else once its deadline is over
 *   fill-N      written, and never read
 */
#ifndef LARDER_TORTURE_NAMES_H
#define LARDER_TORTURE_NAMES_H

#include "value.h"

/* header.owner: the first name's; the N of lasting-N and brief-N is added. */
enum { OWNER_SHARED = 0, OWNER_LASTING = 1 << 8, OWNER_BRIEF = 2 << 8, OWNER_FILL = 3 << 8, OWNER_LOG = 4 << 8 };

/* A name, and what was published there when the reader began. */
struct sight {
    char name[NAME_SIZE];
    uint64_t owner;
    uint64_t number; /* 0: nothing, or it cannot be told */
    int64_t dead_ms, opened_ms; /* by now_ms() */
};

#define NEVER_MS UINT32_MAX

/* Milliseconds since the start, by the clock that deadlines go by. */
int64_t now_ms(void);

/* Writer: from now on everybody must see value `number`, until `dead_ms`. */
void publish(atomic_uint_fast64_t *place, uint64_t number, int64_t dead_ms);

/* Reader: chooses a name and opens it. A miss is counted and judged, and gives -1, as does a failure. */
int sight_open(struct sight *sight);

/* Is a whole value one that this reader may see here? */
bool sight_judge(const struct sight *sight, const struct header *header);

void shared_name(char *name); /* value-N */
void moved_name(char *name);
void any_name(char *name); /* of these two */

#endif
