/* SPDX-License-Identifier: MIT */
/* names.c - see names.h. */
#include "names.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

/* What was published is one word, so that a reader gets number and deadline together. */
enum { NUMBER_SHIFT = 32 };

int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 - shared->start_ms;
}

void publish(atomic_uint_fast64_t *place, uint64_t number, int64_t dead_ms)
{
    atomic_store(place, number << NUMBER_SHIFT | (uint32_t)dead_ms);
}

void shared_name(char *name)
{
    snprintf(name, NAME_SIZE, "value-%d", (int)below(SHARED_NAMES));
}

void moved_name(char *name)
{
    snprintf(name, NAME_SIZE, "moved-%d", (int)below(SHARED_NAMES));
}

void any_name(char *name)
{
    if (below(3) == 0)
        moved_name(name);
    else
        shared_name(name);
}

static void choose(struct sight *sight)
{
    unsigned what = (unsigned)below(8), number = (unsigned)below((uint64_t)shared->writers);
    bool lasting = what == 0 && shared->wanted[LASTING], brief = what == 1 && shared->wanted[BRIEF];
    *sight = (struct sight){.owner = OWNER_SHARED, .dead_ms = NEVER_MS};
    if (!lasting && !brief) {
        any_name(sight->name);
        return;
    }
    sight->owner = (lasting ? OWNER_LASTING : OWNER_BRIEF) + number;
    snprintf(sight->name, sizeof(sight->name), "%s-%u", lasting ? "lasting" : "brief", number);
    uint64_t published = atomic_load(lasting ? &shared->lasting[number] : &shared->brief[number]);
    sight->number = published >> NUMBER_SHIFT;
    sight->dead_ms = (uint32_t)published;
}

int sight_open(struct sight *sight)
{
    choose(sight);
    sight->opened_ms = now_ms();
    int fd = open(sight->name, O_RDONLY);
    if (fd >= 0)
        return fd;
    if (errno != ENOENT)
        report_error("open", sight->name);
    else if (shared->no_eviction && sight->number && sight->owner < OWNER_BRIEF)
        report(STALE, "%s: a miss, though number %" PRIu64 " was there", sight->name, sight->number);
    else
        atomic_fetch_add(&shared->misses, 1);
    return -1;
}

bool sight_judge(const struct sight *sight, const struct header *header)
{
    if (header->owner != sight->owner)
        report(TORN, "%s: a value of another name (%#" PRIx64 ")", sight->name, header->owner);
    else if (header->number < sight->number)
        report(STALE, "%s: number %" PRIu64 ", opened after %" PRIu64 " was published", sight->name, header->number,
               sight->number);
    else if (sight->number && header->number == sight->number && sight->opened_ms > sight->dead_ms)
        report(STALE, "%s: opened %" PRId64 " ms after its deadline", sight->name, sight->opened_ms - sight->dead_ms);
    else
        return true;
    return false;
}
