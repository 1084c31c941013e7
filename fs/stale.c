/* SPDX-License-Identifier: MIT */
/* stale.c - see stale.h. */
#include "stale.h"
#include "notify.h"

#include <errno.h>
#include <stdlib.h>

/* --- bounces ------------------------------------------------------------------------------------------- */

static bool is_of(const struct bounce *bounce, uint64_t place, pid_t tid)
{
    return bounce->until_ns && bounce->tid == tid && (tid != 0 || bounce->place == place);
}

/* A thread's slot, where it is or where it would go: the one that runs out first of a few. */
static struct bounce *slot_of(const struct fs *fs, uint64_t place, pid_t tid)
{
    enum { PROBES = 16 };
    uint64_t first = (tid ? (uint64_t)tid : place) * 0x9e3779b97f4a7c15u >> 32;
    struct bounce *oldest = NULL;
    for (uint64_t i = 0; i < PROBES; i++) {
        struct bounce *bounce = (struct bounce *)&fs->bounces[(first + i) % BOUNCES];
        if (is_of(bounce, place, tid))
            return bounce;
        if (!oldest || bounce->until_ns < oldest->until_ns)
            oldest = bounce;
    }
    return oldest;
}

static struct bounce *find(const struct fs *fs, uint64_t place, pid_t tid)
{
    struct bounce *bounce = slot_of(fs, place, tid);
    return is_of(bounce, place, tid) && clock_ns(CLOCK_MONOTONIC) < bounce->until_ns ? bounce : NULL;
}

/* Nobody of this slot is out any more. */
static void clear(struct fs *fs, struct bounce *bounce)
{
    if (!bounce->until_ns)
        return;
    TAILQ_REMOVE(&fs->bounced, bounce, by_time);
    *bounce = (struct bounce){0};
}

/* All are given the same time, so that the first to be bounced is the first whose time is over. */
static void expire(struct fs *fs, int64_t now)
{
    struct bounce *bounce;
    while ((bounce = TAILQ_FIRST(&fs->bounced)) && bounce->until_ns <= now)
        clear(fs, bounce);
}

int stale_bounce_locked(struct fs *fs, const struct name *name, pid_t tid, bool writer)
{
    uint64_t place = place_hash(name->dir, name->text);
    int64_t now = clock_ns(CLOCK_MONOTONIC);
    expire(fs, now);
    struct bounce *bounce = slot_of(fs, place, tid);
    clear(fs, bounce);
    *bounce = (struct bounce){.tid = tid, .place = place, .until_ns = now + BOUNCE_NS, .writer = writer};
    TAILQ_INSERT_TAIL(&fs->bounced, bounce, by_time);
    return -ESTALE;
}

bool stale_bounced_locked(const struct fs *fs, const struct name *name, const struct node *node, pid_t tid)
{
    uint64_t place = place_hash(name->dir, name->text);
    const struct bounce *bounce = find(fs, place, tid);
    return bounce && (bounce->place == place || bounce->found == node);
}

void stale_answered_locked(struct fs *fs, uint64_t dir, const char *text, pid_t tid)
{
    struct bounce *bounce = find(fs, place_hash(dir, text), tid);
    if (bounce && tid) /* of no number there may be others out yet */
        clear(fs, bounce);
}

void stale_found_locked(struct fs *fs, uint64_t dir, const char *text, const struct node *node, pid_t tid)
{
    uint64_t place = place_hash(dir, text);
    struct bounce *bounce = find(fs, place, tid);
    if (bounce) {
        bounce->place = place;
        bounce->found = node;
    }
}

bool stale_is_hot_locked(struct fs *fs, const struct node *node)
{
    const struct bounce *bounce;
    uint64_t place = place_hash(node->name->dir, node->name->text);
    expire(fs, clock_ns(CLOCK_MONOTONIC));
    TAILQ_FOREACH(bounce, &fs->bounced, by_time) /* as long as few are, or stat(2) what others write */
        if (bounce->found == node || bounce->place == place)
            return true;
    return false;
}

struct node *stale_reserve_locked(struct fs *fs, uint64_t dir, const char *text, const struct entry *entry, pid_t tid)
{
    struct bounce *bounce = find(fs, place_hash(dir, text), tid);
    if (!bounce || !bounce->writer)
        return NULL;
    struct name *name = name_get_locked(fs, dir, text);
    if (!name)
        return NULL;
    if (tid == 0 || !bounce->node || bounce->node->name != name || bounce->node->version != entry->version ||
        !bounce->node->reserved)
        bounce->node = node_new_locked(fs, NODE_FILE, entry->ino, entry->version, name);
    if (bounce->node) {
        bounce->node->in_bounce = true;
        node_reserve_locked(bounce->node, tid);
    }
    name_put_locked(fs, name);
    return bounce->node;
}

void stale_node_freed_locked(struct fs *fs, const struct node *node)
{
    if (!node->in_bounce)
        return;
    for (size_t i = 0; i < BOUNCES; i++)
        if (fs->bounces[i].node == node)
            fs->bounces[i].node = NULL;
}

/* --- holds --------------------------------------------------------------------------------------------- */

/* May a node hold what is being replaced? Only files that the kernel knows, other than what replaces it. */
static bool may_hold(const struct node *node, const struct node *by)
{
    return node != by && node->kind == NODE_FILE && node->lookups > 0 && !node->hold;
}

/* Puts a pin on a node, and takes it over; NULL when it stands for something else, or too much is held already. */
static struct hold *hold_new_locked(struct fs *fs, struct node *node, struct store_version *pin, int64_t deadline_ms)
{
    if (node->version != store_version_id(pin) || node->size > fs->options->size_bytes / HOLD_PART - fs->held_bytes)
        return NULL;
    struct hold *hold = calloc(1, sizeof *hold);
    if (!hold)
        return NULL;
    *hold = (struct hold){.version = pin, .node = node, .bytes = node->size, .deadline_ms = deadline_ms, .refs = 2};
    fs->held_bytes += hold->bytes;
    node->hold = hold;
    return hold;
}

/* Of a version in hand: what has expired is not to be had, held or not. */
static int64_t deadline_of(struct store_version *version)
{
    struct entry entry;
    if (store_version_entry(version, &entry) < 0)
        return INT64_MIN;
    int64_t deadline_ms = entry_deadline_ms(&entry);
    entry_release(&entry);
    return deadline_ms;
}

struct hold *stale_hold_begin(struct fs *fs, const struct name *name, const struct node *by, const struct spot *spot)
{
    enum { NODES = 4 }; /* one, as a rule */
    struct store_version *pins[NODES];
    struct hold *holds = NULL, *hold;
    struct node *node;
    unsigned count = 0;
    fs_lock(fs);
    LIST_FOREACH(node, &name->nodes, of_name)
        count += count < NODES && may_hold(node, by);
    fs_unlock(fs);
    if (count == 0 || store_pin(fs->store, spot->dir, spot->text, 0, &pins[0]) < 0)
        return NULL;
    for (unsigned i = 1; i < count; i++)
        pins[i] = store_repin(pins[0]);
    int64_t deadline_ms = deadline_of(pins[0]);
    fs_lock(fs);
    LIST_FOREACH(node, &name->nodes, of_name)
        if (count > 0 && may_hold(node, by) && (hold = hold_new_locked(fs, node, pins[count - 1], deadline_ms))) {
            hold->next = holds;
            holds = hold;
            count--;
        }
    fs_unlock(fs);
    while (count > 0)
        store_unpin(pins[--count]);
    return holds;
}

void stale_hold_end(struct fs *fs, struct hold *hold)
{
    for (struct hold *next; hold; hold = next) {
        next = hold->next;
        fs_lock(fs);
        struct node *node = hold->node;
        if (node) {
            node->hold_until_ns = clock_ns(CLOCK_MONOTONIC) + HOLD_NS;
            if (TAILQ_EMPTY(&fs->held) && fs->notify)
                notify_wake_locked(fs->notify);
            TAILQ_INSERT_TAIL(&fs->held, node, of_held);
            hold->listed = true;
        }
        fs_unlock(fs);
        stale_hold_put(fs, hold);
    }
}

bool stale_holds_locked(const struct node *node)
{
    return node->hold && clock_ns(CLOCK_REALTIME) / 1000000 < node->hold->deadline_ms;
}

struct hold *stale_hold_get_locked(struct node *node)
{
    if (!stale_holds_locked(node))
        return NULL;
    node->hold->refs++;
    return node->hold;
}

/* Returns the pin with the last reference. */
static struct store_version *unref_locked(struct fs *fs, struct hold *hold)
{
    if (--hold->refs > 0)
        return NULL;
    struct store_version *version = hold->version;
    fs->held_bytes -= hold->bytes;
    free(hold);
    return version;
}

void stale_hold_put(struct fs *fs, struct hold *hold)
{
    fs_lock(fs);
    struct store_version *version = unref_locked(fs, hold);
    fs_unlock(fs);
    store_unpin(version);
}

struct store_version *stale_unhold_locked(struct fs *fs, struct node *node)
{
    struct hold *hold = node->hold;
    if (!hold)
        return NULL;
    if (hold->listed)
        TAILQ_REMOVE(&fs->held, node, of_held);
    hold->node = NULL;
    node->hold = NULL;
    return unref_locked(fs, hold);
}

int64_t stale_expire_locked(struct fs *fs)
{
    struct node *node;
    while ((node = TAILQ_FIRST(&fs->held))) {
        int64_t left = node->hold_until_ns - clock_ns(CLOCK_MONOTONIC);
        if (left > 0)
            return left;
        struct store_version *version = stale_unhold_locked(fs, node);
        fs_unlock(fs);
        store_unpin(version);
        fs_lock(fs);
    }
    return 0;
}
