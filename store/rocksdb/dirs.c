/* SPDX-License-Identifier: MIT */
/* dirs.c - see dirs.h. */
#include "dirs.h"
#include "entry.h"

#include <errno.h>
#include <string.h>

void dirs_init(struct dirs *dirs)
{
    *dirs = (struct dirs){0};
    pthread_mutex_init(&dirs->lock, NULL);
}

static void forget(struct dirs_slot *slot)
{
    slot->dir = 0;
    entry_release(&slot->entry);
}

void dirs_release(struct dirs *dirs)
{
    for (size_t i = 0; i < DIRS_SLOTS; i++)
        forget(&dirs->slots[i]);
    pthread_mutex_destroy(&dirs->lock);
}

/* Directories' numbers are odd. */
static struct dirs_slot *slot_of(struct dirs *dirs, uint64_t dir)
{
    return &dirs->slots[dir / 2 % DIRS_SLOTS];
}

int dirs_get(struct dirs *dirs, uint64_t dir, struct entry *ret_entry, char *ret_name, uint32_t *ret_epoch)
{
    struct dirs_slot *slot = slot_of(dirs, dir);
    int result = -EAGAIN;
    pthread_mutex_lock(&dirs->lock);
    *ret_epoch = slot->epoch;
    if (slot->dir == dir)
        result = entry_copy(&slot->entry, false, ret_entry);
    if (result == 0 && ret_name)
        strcpy(ret_name, slot->name);
    pthread_mutex_unlock(&dirs->lock);
    return result;
}

static bool fits(const struct entry *entry)
{
    return entry->tags_size + entry->xattrs_size <= DIRS_ENTRY_MAX;
}

/* Without memory it is read from the row next time. */
void dirs_put(struct dirs *dirs, const struct entry *entry, const char *name, uint32_t epoch)
{
    struct dirs_slot *slot = slot_of(dirs, entry->ino);
    if (!fits(entry))
        return;
    pthread_mutex_lock(&dirs->lock);
    if (slot->epoch == epoch && slot->changing == 0) {
        forget(slot);
        if (entry_copy(entry, false, &slot->entry) == 0) {
            slot->dir = entry->ino;
            strcpy(slot->name, name);
        }
    }
    pthread_mutex_unlock(&dirs->lock);
}

void dirs_unsettle(struct dirs *dirs, uint64_t dir)
{
    struct dirs_slot *slot = slot_of(dirs, dir);
    pthread_mutex_lock(&dirs->lock);
    slot->changing++;
    forget(slot);
    pthread_mutex_unlock(&dirs->lock);
}

void dirs_settle(struct dirs *dirs, uint64_t dir, struct entry *entry, const char *name)
{
    struct dirs_slot *slot = slot_of(dirs, dir);
    pthread_mutex_lock(&dirs->lock);
    slot->changing--;
    slot->epoch++;
    if (entry && slot->changing == 0 && fits(entry)) { /* what one batch says last of a directory is how it is */
        forget(slot);
        slot->entry = *entry;
        *entry = (struct entry){0};
        slot->dir = dir;
        strcpy(slot->name, name);
    }
    pthread_mutex_unlock(&dirs->lock);
}
