/* SPDX-License-Identifier: MIT */
/* idle.c - see idle.h. Open addressing, linear probing, at most half full; removal moves the run behind up. */
#include "idle.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE_FIRST = 64 };

void idle_init(struct idle *idle)
{
    *idle = (struct idle){0};
    pthread_mutex_init(&idle->lock, NULL);
}

void idle_release(struct idle *idle)
{
    free(idle->slots);
    pthread_mutex_destroy(&idle->lock);
}

static size_t home(const struct idle *idle, uint64_t version)
{
    return (size_t)(version * UINT64_C(0x9E3779B97F4A7C15) >> 32) & (idle->size - 1);
}

/* The slot a version has, or would get. */
static struct idle_slot *find_locked(const struct idle *idle, uint64_t version)
{
    size_t at = home(idle, version);
    while (idle->slots[at].version != 0 && idle->slots[at].version != version)
        at = (at + 1) & (idle->size - 1);
    return &idle->slots[at];
}

static bool grow_locked(struct idle *idle)
{
    struct idle bigger = {.size = idle->size ? idle->size * 2 : SIZE_FIRST};
    bigger.slots = calloc(bigger.size, sizeof *bigger.slots);
    if (!bigger.slots)
        return false;
    for (size_t i = 0; i < idle->size; i++)
        if (idle->slots[i].version != 0)
            *find_locked(&bigger, idle->slots[i].version) = idle->slots[i];
    free(idle->slots);
    idle->slots = bigger.slots;
    idle->size = bigger.size;
    return true;
}

void idle_renew(struct idle *idle, uint64_t version, int64_t used_ms)
{
    pthread_mutex_lock(&idle->lock);
    if (idle->count * 2 < idle->size || grow_locked(idle)) {
        struct idle_slot *slot = find_locked(idle, version);
        if (slot->version == 0) {
            *slot = (struct idle_slot){version, used_ms};
            idle->count++;
        } else if (slot->used_ms < used_ms) {
            slot->used_ms = used_ms;
        }
    }
    pthread_mutex_unlock(&idle->lock);
}

int64_t idle_used_ms(struct idle *idle, uint64_t version, int64_t used_ms)
{
    if (idle->count == 0)
        return used_ms;
    pthread_mutex_lock(&idle->lock);
    if (idle->size > 0) {
        const struct idle_slot *slot = find_locked(idle, version);
        if (slot->version == version && slot->used_ms > used_ms)
            used_ms = slot->used_ms;
    }
    pthread_mutex_unlock(&idle->lock);
    return used_ms;
}

static void remove_locked(struct idle *idle, size_t gap)
{
    size_t mask = idle->size - 1;
    for (size_t at = (gap + 1) & mask; idle->slots[at].version != 0; at = (at + 1) & mask) {
        /* What may not stand before its home stays. */
        if (((at - home(idle, idle->slots[at].version)) & mask) < ((at - gap) & mask))
            continue;
        idle->slots[gap] = idle->slots[at];
        gap = at;
    }
    idle->slots[gap].version = 0;
    idle->count--;
}

void idle_forget(struct idle *idle, uint64_t version)
{
    if (idle->count == 0)
        return;
    pthread_mutex_lock(&idle->lock);
    if (idle->size > 0) {
        struct idle_slot *slot = find_locked(idle, version);
        if (slot->version == version)
            remove_locked(idle, (size_t)(slot - idle->slots));
    }
    pthread_mutex_unlock(&idle->lock);
}

int idle_copy(struct idle *idle, struct idle *ret_copy)
{
    int result = 0;
    if (idle->count == 0)
        return 0;
    pthread_mutex_lock(&idle->lock);
    struct idle_slot *slots = malloc(idle->size * sizeof *slots);
    if (slots) {
        memcpy(slots, idle->slots, idle->size * sizeof *slots);
        ret_copy->slots = slots;
        ret_copy->size = idle->size;
        ret_copy->count = idle->count;
    } else
        result = -ENOMEM;
    pthread_mutex_unlock(&idle->lock);
    return result;
}

void idle_walk(struct idle *idle, void (*each)(void *arg, uint64_t version), void *arg)
{
    for (size_t i = 0; i < idle->size; i++)
        if (idle->slots[i].version != 0)
            each(arg, idle->slots[i].version);
}
