/* SPDX-License-Identifier: MIT */
/* pins.c - see pins.h. */
#include "pins.h"
#include "engine.h"

#include <errno.h>
#include <stdlib.h>

enum { BUCKETS_FIRST = 64 };

int pins_init(struct pins *pins, uint64_t warm_bytes_max)
{
    *pins = (struct pins){.buckets_count = BUCKETS_FIRST, .warm_bytes_max = (size_t)warm_bytes_max};
    TAILQ_INIT(&pins->warm);
    pins->buckets = calloc(pins->buckets_count, sizeof(struct pinned *));
    pins->places = calloc(pins->buckets_count, sizeof(struct pinned *));
    if (!pins->buckets || !pins->places)
        return -ENOMEM;
    pthread_mutex_init(&pins->lock, NULL);
    return 0;
}

void pins_release(struct pins *pins)
{
    struct pinned *pinned;
    while ((pinned = TAILQ_FIRST(&pins->warm))) {
        TAILQ_REMOVE(&pins->warm, pinned, of_warm);
        pinned_free(pinned);
    }
    free(pins->buckets);
    free(pins->places);
    pthread_mutex_destroy(&pins->lock);
}

/* --- the table ----------------------------------------------------------------------------------------- */

/* Versions are even. */
static struct pinned **bucket(const struct pins *pins, uint64_t version)
{
    return &pins->buckets[(version / 2) & (pins->buckets_count - 1)];
}

struct pinned *pins_find_locked(const struct pins *pins, uint64_t version)
{
    struct pinned *pinned = *bucket(pins, version);
    while (pinned && pinned->version.id != version)
        pinned = pinned->next;
    return pinned;
}

static uint64_t place_hash(uint64_t dir, const char *name)
{
    uint64_t hash = dir * UINT64_C(0x9E3779B97F4A7C15);
    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * UINT64_C(0x100000001B3);
    return hash ^ hash >> 29;
}

static struct pinned **place_bucket(const struct pins *pins, uint64_t dir, const char *name)
{
    return &pins->places[place_hash(dir, name) & (pins->buckets_count - 1)];
}

static void chain_locked(const struct pins *pins, struct pinned *pinned)
{
    struct pinned **head = bucket(pins, pinned->version.id);
    pinned->next = *head;
    *head = pinned;
}

static void place_locked(const struct pins *pins, struct pinned *pinned)
{
    struct pinned **head = place_bucket(pins, pinned->dir, pinned->name);
    pinned->next_place = *head;
    *head = pinned;
}

static void unplace_locked(const struct pins *pins, struct pinned *pinned)
{
    struct pinned **at = place_bucket(pins, pinned->dir, pinned->name);
    while (*at != pinned)
        at = &(*at)->next_place;
    *at = pinned->next_place;
}

/* Without memory the chains get longer. */
static void grow_locked(struct pins *pins)
{
    struct pins bigger = {.buckets_count = pins->buckets_count * 2};
    bigger.buckets = calloc(bigger.buckets_count, sizeof(struct pinned *));
    bigger.places = calloc(bigger.buckets_count, sizeof(struct pinned *));
    if (!bigger.buckets || !bigger.places) {
        free(bigger.buckets);
        free(bigger.places);
        return;
    }
    for (size_t i = 0; i < pins->buckets_count; i++)
        for (struct pinned *pinned = pins->buckets[i], *next; pinned; pinned = next) {
            next = pinned->next;
            chain_locked(&bigger, pinned);
            if (pinned->state == PIN_PUBLISHED)
                place_locked(&bigger, pinned);
        }
    free(pins->buckets);
    free(pins->places);
    pins->buckets = bigger.buckets;
    pins->places = bigger.places;
    pins->buckets_count = bigger.buckets_count;
}

static void insert_locked(struct pins *pins, struct pinned *pinned)
{
    if (pins->count >= pins->buckets_count)
        grow_locked(pins);
    chain_locked(pins, pinned);
    if (pinned->state == PIN_PUBLISHED)
        place_locked(pins, pinned);
    pins->count++;
}

void pins_insert(struct pins *pins, struct pinned *pinned)
{
    pthread_mutex_lock(&pins->lock);
    insert_locked(pins, pinned);
    pthread_mutex_unlock(&pins->lock);
}

static void remove_locked(struct pins *pins, struct pinned *pinned)
{
    struct pinned **at = bucket(pins, pinned->version.id);
    while (*at != pinned)
        at = &(*at)->next;
    *at = pinned->next;
    if (pinned->state == PIN_PUBLISHED)
        unplace_locked(pins, pinned);
    pins->count--;
}

static void set_place(struct pinned *pinned, uint64_t dir, const char *name)
{
    pinned->dir = dir;
    strcpy(pinned->name, name);
}

void pins_publish_locked(struct pins *pins, struct pinned *pinned, uint64_t dir, const char *name)
{
    set_place(pinned, dir, name);
    pinned->state = PIN_PUBLISHED;
    place_locked(pins, pinned);
}

void pins_die_locked(struct pins *pins, struct pinned *pinned)
{
    unplace_locked(pins, pinned);
    pinned->state = PIN_DEAD;
}

void pins_move_locked(struct pins *pins, struct pinned *pinned, uint64_t dir, const char *name)
{
    unplace_locked(pins, pinned);
    set_place(pinned, dir, name);
    place_locked(pins, pinned);
}

bool pins_have(struct pins *pins, uint64_t version)
{
    pthread_mutex_lock(&pins->lock);
    const struct pinned *pinned = pins_find_locked(pins, version);
    bool have = pinned && pinned->refs > 0;
    pthread_mutex_unlock(&pins->lock);
    return have;
}

bool pins_changing(struct pins *pins, uint64_t version)
{
    pthread_mutex_lock(&pins->lock);
    const struct pinned *pinned = pins_find_locked(pins, version);
    bool changing = pinned && pinned->changing;
    pthread_mutex_unlock(&pins->lock);
    return changing;
}

void pins_count(struct pins *pins, struct store_stats *stats)
{
    pthread_mutex_lock(&pins->lock);
    stats->pinned = pins->count - pins->warm_count;
    stats->warm = pins->warm_count;
    stats->warm_bytes = pins->warm_bytes;
    pthread_mutex_unlock(&pins->lock);
}

/* --- warm ones ----------------------------------------------------------------------------------------- */

static void warm_leave_locked(struct pins *pins, struct pinned *pinned)
{
    TAILQ_REMOVE(&pins->warm, pinned, of_warm);
    pins->warm_count--;
    pins->warm_bytes -= pinned->warm_bytes;
}

/* Returns those for which there is no room any more, linked by `next`; perhaps the one that came. */
static struct pinned *warm_enter_locked(struct pins *pins, struct pinned *pinned)
{
    enum { ALLOCATIONS = 2 * 16 }; /* what malloc() takes for itself: of the object, and of the entry's memory */
    const struct entry *entry = &pinned->entry;
    pinned->warm_bytes = sizeof *pinned + entry->tags_size + 1 + entry->xattrs_size + entry->value_size + ALLOCATIONS;
    TAILQ_INSERT_TAIL(&pins->warm, pinned, of_warm);
    pins->warm_count++;
    pins->warm_bytes += pinned->warm_bytes;
    struct pinned *out = NULL, *first;
    while (pins->warm_bytes > pins->warm_bytes_max || pins->warm_count > PINS_WARM_MAX) {
        first = TAILQ_FIRST(&pins->warm);
        warm_leave_locked(pins, first);
        remove_locked(pins, first);
        first->next = out;
        out = first;
    }
    return out;
}

static struct pinned *take_locked(struct pins *pins, struct pinned *pinned)
{
    if (pinned->refs++ == 0)
        warm_leave_locked(pins, pinned);
    return pinned;
}

bool pins_in_hand_locked(struct pins *pins, struct pinned *pinned)
{
    if (pinned->refs > 0)
        return true;
    warm_leave_locked(pins, pinned);
    remove_locked(pins, pinned);
    pinned_free(pinned);
    return false;
}

static _Atomic uint32_t *moving(struct pins *pins, uint64_t version)
{
    return &pins->moving[version / 2 % PINS_EPOCHS];
}

void pins_unsettle(struct pins *pins, uint64_t version)
{
    atomic_fetch_add(moving(pins, version), 1);
}

void pins_settle(struct pins *pins, uint64_t version)
{
    atomic_fetch_sub(moving(pins, version), 1);
}

static struct pinned *find_place_locked(const struct pins *pins, uint64_t dir, const char *name)
{
    struct pinned *pinned = *place_bucket(pins, dir, name);
    while (pinned && (pinned->dir != dir || strcmp(pinned->name, name) != 0))
        pinned = pinned->next_place;
    return pinned;
}

/* Is it what is published, and no batch under way that says otherwise? */
static bool rests(struct pins *pins, const struct pinned *pinned)
{
    return pinned && pinned->state == PIN_PUBLISHED && atomic_load(moving(pins, pinned->version.id)) == 0;
}

struct pinned *pins_take(struct pins *pins, uint64_t version)
{
    pthread_mutex_lock(&pins->lock);
    struct pinned *pinned = pins_find_locked(pins, version);
    pinned = rests(pins, pinned) ? take_locked(pins, pinned) : NULL;
    pthread_mutex_unlock(&pins->lock);
    return pinned;
}

struct pinned *pins_take_place(struct pins *pins, uint64_t dir, const char *name)
{
    pthread_mutex_lock(&pins->lock);
    struct pinned *pinned = find_place_locked(pins, dir, name);
    pinned = rests(pins, pinned) ? take_locked(pins, pinned) : NULL;
    pthread_mutex_unlock(&pins->lock);
    return pinned;
}

/* A version's own lock comes before the table's: this one is only tried. */
int pins_recall(struct pins *pins, uint64_t dir, const char *name, bool with_value, struct entry *ret_entry)
{
    int result = -EAGAIN;
    pthread_mutex_lock(&pins->lock);
    struct pinned *pinned = find_place_locked(pins, dir, name);
    if (rests(pins, pinned) && pthread_rwlock_tryrdlock(&pinned->lock) == 0) {
        result = entry_copy(&pinned->entry, with_value, ret_entry);
        pthread_rwlock_unlock(&pinned->lock);
    }
    pthread_mutex_unlock(&pins->lock);
    return result;
}

/* --- epochs -------------------------------------------------------------------------------------------- */

static size_t stripe(uint64_t dir, const char *name)
{
    return (size_t)place_hash(dir, name) % PINS_EPOCHS;
}

uint32_t pins_epoch(const struct pins *pins, uint64_t dir, const char *name)
{
    return atomic_load(&pins->epochs[stripe(dir, name)]);
}

void pins_moved_locked(struct pins *pins, uint64_t dir, const char *name)
{
    atomic_fetch_add(&pins->epochs[stripe(dir, name)], 1);
}

int pins_enter(struct pins *pins, struct pinned *fresh, uint32_t epoch, struct pinned **ret_pinned)
{
    int result = 0;
    pthread_mutex_lock(&pins->lock);
    struct pinned *there = pins_find_locked(pins, fresh->version.id);
    if (there && there->state == PIN_PUBLISHED) {
        *ret_pinned = take_locked(pins, there);
    } else if (!there && pins_epoch(pins, fresh->dir, fresh->name) == epoch) {
        insert_locked(pins, fresh);
        *ret_pinned = fresh;
    } else {
        result = -EAGAIN;
    }
    pthread_mutex_unlock(&pins->lock);
    return result;
}

/* --- one version --------------------------------------------------------------------------------------- */

/* Nobody reads with the lock held for reading already, so a writer need not stand behind readers without end. */
static void init_lock(pthread_rwlock_t *lock)
{
    pthread_rwlockattr_t writers_first;
    pthread_rwlockattr_init(&writers_first);
    pthread_rwlockattr_setkind_np(&writers_first, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(lock, &writers_first);
    pthread_rwlockattr_destroy(&writers_first);
}

struct pinned *pinned_new(struct engine *engine, enum pin_state state, struct entry *entry, uint64_t dir,
                          const char *name)
{
    struct pinned *pinned = calloc(1, sizeof *pinned);
    if (!pinned)
        return NULL;
    pinned->version.store = engine->store;
    pinned->engine = engine;
    pinned->version.id = entry->version;
    pinned->entry = *entry;
    *entry = (struct entry){0};
    init_lock(&pinned->lock);
    atomic_init(&pinned->state, (int)state);
    pinned->private = state == PIN_STAGED;
    set_place(pinned, dir, name);
    pinned->refs = 1;
    return pinned;
}

void pinned_free(struct pinned *pinned)
{
    value_release(&pinned->value);
    entry_release(&pinned->entry);
    pthread_rwlock_destroy(&pinned->lock);
    free(pinned);
}

/* Its chunks, and the room it holds. Nobody else knows it any more. */
static void leave(struct pinned *pinned)
{
    struct engine *engine = pinned->engine;
    const struct entry *entry = &pinned->entry;
    bool chunked = pinned->private ? pinned->value.chunked : entry->kind == ENTRY_FILE && !entry->value;
    if (chunked)
        keeper_reap(engine, pinned->version.id, value_chunks(engine, entry->size), pinned->charge);
    else
        room_give(&engine->room, (struct room_amount){.bytes = pinned->charge});
}

void pinned_release(struct pinned *pinned)
{
    struct engine *engine = pinned->engine;
    struct pins *pins = &engine->pins;
    struct pinned *cold = NULL;
    pthread_mutex_lock(&pins->lock);
    bool last = --pinned->refs == 0, published = pinned->state == PIN_PUBLISHED;
    uint64_t version = pinned->version.id;
    bool was_read = last && atomic_exchange(&pinned->read_end, 0) > 0;
    if (last && published)
        cold = warm_enter_locked(pins, pinned);
    else if (last)
        remove_locked(pins, pinned);
    pthread_mutex_unlock(&pins->lock);
    if (was_read)
        ahead_forget(&engine->ahead, version);
    for (struct pinned *next; cold; cold = next) {
        next = cold->next;
        pinned_free(cold);
    }
    if (!last || published)
        return;
    leave(pinned);
    pinned_free(pinned);
}
