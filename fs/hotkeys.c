/* SPDX-License-Identifier: MIT */
/* hotkeys.c - see hotkeys.h. */
#include "hotkeys.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct slot {
    uint64_t dir;
    uint64_t count, error; /* count 0: nobody's */
    char name[STORE_NAME_MAX + 1];
};

struct hotkeys {
    pthread_mutex_t lock; /* guards what follows */
    uint64_t total; /* counted, since they were halved */
    uint64_t hashes[HOTKEYS_SLOTS]; /* of the slots' places, apart so that looking for one reads little */
    struct slot slots[HOTKEYS_SLOTS];
};

struct hotkeys *hotkeys_new(void)
{
    struct hotkeys *hotkeys = calloc(1, sizeof *hotkeys);
    if (hotkeys)
        pthread_mutex_init(&hotkeys->lock, NULL);
    return hotkeys;
}

void hotkeys_free(struct hotkeys *hotkeys)
{
    if (!hotkeys)
        return;
    pthread_mutex_destroy(&hotkeys->lock);
    free(hotkeys);
}

/* --- counting ------------------------------------------------------------------------------------------ */

static uint64_t hash_of(uint64_t dir, const char *name)
{
    uint64_t hash = dir * 0x9e3779b97f4a7c15u + 1;
    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * 0x100000001b3u; /* FNV-1a */
    return hash;
}

static unsigned find_locked(const struct hotkeys *hotkeys, uint64_t hash, uint64_t dir, const char *name)
{
    for (unsigned i = 0; i < HOTKEYS_SLOTS; i++)
        if (hotkeys->hashes[i] == hash && hotkeys->slots[i].count && hotkeys->slots[i].dir == dir &&
            strcmp(hotkeys->slots[i].name, name) == 0)
            return i;
    return HOTKEYS_SLOTS;
}

static unsigned smallest_locked(const struct hotkeys *hotkeys)
{
    unsigned smallest = 0;
    for (unsigned i = 1; i < HOTKEYS_SLOTS; i++)
        if (hotkeys->slots[i].count < hotkeys->slots[smallest].count)
            smallest = i;
    return smallest;
}

static void age_locked(struct hotkeys *hotkeys)
{
    hotkeys->total /= 2;
    for (unsigned i = 0; i < HOTKEYS_SLOTS; i++) {
        hotkeys->slots[i].count /= 2;
        hotkeys->slots[i].error /= 2;
    }
}

static void count_locked(struct hotkeys *hotkeys, uint64_t dir, const char *name)
{
    uint64_t hash = hash_of(dir, name);
    unsigned at = find_locked(hotkeys, hash, dir, name);
    if (at == HOTKEYS_SLOTS) {
        at = smallest_locked(hotkeys);
        struct slot *slot = &hotkeys->slots[at];
        slot->error = slot->count;
        slot->dir = dir;
        strcpy(slot->name, name);
        hotkeys->hashes[at] = hash;
    }
    hotkeys->slots[at].count++;
    if (++hotkeys->total >= HOTKEYS_AGE)
        age_locked(hotkeys);
}

void hotkeys_count(struct hotkeys *hotkeys, uint64_t dir, const char *name)
{
    pthread_mutex_lock(&hotkeys->lock);
    count_locked(hotkeys, dir, name);
    pthread_mutex_unlock(&hotkeys->lock);
}

/* The thread's own dice (Marsaglia's xorshift, 2003): how many gets to let pass, HOTKEYS_SAMPLE - 1 on average. */
static unsigned roll(void)
{
    static _Thread_local uint32_t state;
    if (state == 0)
        state = (uint32_t)(uintptr_t)&state | 1;
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state % (2 * HOTKEYS_SAMPLE - 1);
}

void hotkeys_record(struct hotkeys *hotkeys, uint64_t dir, const char *name)
{
    static _Thread_local unsigned pass;
    if (pass > 0) {
        pass--;
        return;
    }
    pass = roll();
    if (pthread_mutex_trylock(&hotkeys->lock) != 0)
        return;
    count_locked(hotkeys, dir, name);
    pthread_mutex_unlock(&hotkeys->lock);
}

/* --- showing ------------------------------------------------------------------------------------------- */

static int by_share(const void *one, const void *other)
{
    double a = ((const struct hotkey *)one)->share, b = ((const struct hotkey *)other)->share;
    return a < b ? 1 : a > b ? -1 : 0;
}

unsigned hotkeys_top(struct hotkeys *hotkeys, struct hotkey *ret_keys, unsigned room)
{
    struct hotkey *all = calloc(HOTKEYS_SLOTS, sizeof *all);
    unsigned count = 0;
    if (!all)
        return 0;
    pthread_mutex_lock(&hotkeys->lock);
    double total = hotkeys->total ? (double)hotkeys->total : 1;
    for (unsigned i = 0; i < HOTKEYS_SLOTS; i++) {
        const struct slot *slot = &hotkeys->slots[i];
        if (slot->count <= slot->error) /* perhaps not once */
            continue;
        all[count].dir = slot->dir;
        strcpy(all[count].name, slot->name);
        all[count].share = (double)slot->count / total;
        all[count++].error = (double)slot->error / total;
    }
    pthread_mutex_unlock(&hotkeys->lock);
    qsort(all, count, sizeof *all, by_share);
    count = count < room ? count : room;
    memcpy(ret_keys, all, count * sizeof *all);
    free(all);
    return count;
}
