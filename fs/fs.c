/* SPDX-License-Identifier: MIT */
/* fs.c - see fs.h. */
#include "fs.h"
#include "control.h"
#include "control_tags.h"
#include "crew.h"
#include "dir.h"
#include "events.h"
#include "file.h"
#include "handles.h"
#include "metrics.h"
#include "notify.h"
#include "place.h"

#include <errno.h>
#include <stdlib.h>

int fs_new(const struct mount_options *options, struct fs **ret_fs)
{
    struct fs *fs = calloc(1, sizeof *fs);
    struct node *root = calloc(1, sizeof *root);
    struct node *control = control_nodes_new();
    struct node *tags = control_tags_new();
    struct metrics *metrics = metrics_new();
    struct events *events = events_new();
    pthread_condattr_t attr;
    if (!fs || !root || !control || !tags || !metrics || !events) {
        free(fs);
        free(root);
        free(control);
        free(tags);
        metrics_free(metrics);
        events_free(events);
        return -ENOMEM;
    }
    root->kind = NODE_DIR;
    root->ino = STORE_ROOT;
    LIST_INIT(&root->handles);
    LIST_INIT(&fs->nodes);
    LIST_INIT(&fs->spare_handles);
    LIST_INIT(&fs->orders);
    TAILQ_INIT(&fs->held);
    TAILQ_INIT(&fs->bounced);
    LIST_INIT(&fs->dir_handles);
    LIST_INIT(&fs->control_texts);
    LIST_INIT(&fs->backups);
    fs->root = root;
    fs->control = control;
    fs->tags = tags;
    fs->metrics = metrics;
    fs->events = events;
    fs->options = options;
    fs->started_ns = clock_ns(CLOCK_REALTIME);
    pthread_mutex_init(&fs->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&fs->changed, &attr);
    pthread_condattr_destroy(&attr);
    *ret_fs = fs;
    return 0;
}

void fs_set_store(struct fs *fs, struct store *store)
{
    fs->store = store;
}

void fs_wait_locked(struct fs *fs)
{
    crew_blocks();
    pthread_cond_wait(&fs->changed, &fs->lock);
}

bool fs_wait_until_locked(struct fs *fs, int64_t until_ns)
{
    const struct timespec at = {until_ns / 1000000000, until_ns % 1000000000};
    crew_blocks();
    return pthread_cond_timedwait(&fs->changed, &fs->lock, &at) == 0;
}

/* Does the kernel know another version at a place? Then a publish or a rename has told it of that, and passed the gate.
 * Not while somebody writes here: what the kernel takes for the name is his then. */
static bool knows_another(struct fs *fs, uint64_t dir, const char *text, uint64_t version)
{
    fs_lock(fs);
    const struct name *name = name_find_locked(fs, dir, text);
    bool another = version != 0 && name && name->current && name->current->version > version &&
                   name->unrest == NAME_CALM && LIST_EMPTY(&name->sessions) && name->reserved == 0;
    fs_unlock(fs);
    return another;
}

void fs_forget_place(struct fs *fs, uint64_t dir, const char *text, uint64_t version)
{
    if (knows_another(fs, dir, text, version))
        return;
    struct place place = place_begin(fs, dir, text); /* a LOOKUP that has just read it must not be believed */
    place_end(fs, &place);
    fs_lock(fs);
    struct name *name = fs->notify ? name_find_locked(fs, dir, text) : NULL;
    if (name)
        notify_name_locked(fs->notify, name);
    fs_unlock(fs);
}

void fs_gone(void *arg, uint64_t dir, const char *text, enum store_gone why, uint64_t version, uint64_t size)
{
    static const enum event_kind kinds[] = {
        [STORE_GONE_EXPIRED] = EVENT_EXPIRE, [STORE_GONE_EVICTED] = EVENT_EVICT, [STORE_GONE_TAG] = EVENT_INVALIDATE};
    fs_forget_place(arg, dir, text, version);
    events_emit(arg, kinds[why], dir, text, size, version);
}

/* What the kernel still knew when the mount ended: nobody will release or forget it. */
static void free_nodes(struct fs *fs)
{
    struct node *node;
    struct handle *handle;
    LIST_FOREACH(node, &fs->nodes, all) {
        node->lookups++; /* so that it stays for the second round */
        while ((handle = LIST_FIRST(&node->handles)))
            handle_abandon(fs, handle);
    }
    while ((node = LIST_FIRST(&fs->nodes)))
        node_forget(fs, node, node->lookups);
}

void fs_free(struct fs *fs)
{
    if (!fs)
        return;
    dir_close_all(fs);
    control_release_all(fs);
    control_tags_release(fs);
    free_nodes(fs);
    handles_release(fs);
    pthread_cond_destroy(&fs->changed);
    pthread_mutex_destroy(&fs->lock);
    free(fs->control);
    metrics_free(fs->metrics);
    events_free(fs->events);
    free(fs->root);
    free(fs);
}
