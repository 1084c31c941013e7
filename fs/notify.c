/* SPDX-License-Identifier: MIT */
/* notify.c - see notify.h. */
#include "notify.h"
#include "stale.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { DOUBTS = 64 }; /* names looked at in a row */

struct item {
    struct name *name; /* one reference */
    STAILQ_ENTRY(item) next;
};

struct notify {
    struct fs *fs;
    struct fuse_session *session;
    pthread_t thread;
    pthread_cond_t wake;
    /* --- below here fs->lock protects ---------------------------------------------------------------- */
    bool stop;
    unsigned awaited; /* by so many, see notify_settle() */
    uint64_t queued, told; /* names, so far */
    STAILQ_HEAD(, item) queue;
};

/* What one notification needs, copied so that it can be sent without the lock. */
struct order {
    fuse_ino_t parent; /* 0: the kernel does not know the directory */
    uint64_t dir;
    char text[STORE_NAME_MAX + 1];
    struct name *name; /* one reference */
    bool stirred; /* it was, before it was told */
};

static struct order take_locked(struct notify *notify)
{
    struct fs *fs = notify->fs;
    struct order order = {0};
    struct item *item = STAILQ_FIRST(&notify->queue);
    struct name *name = item->name;
    struct node *parent = node_dir_locked(fs, name->dir);
    STAILQ_REMOVE_HEAD(&notify->queue, next);
    if (parent && !name->gone)
        order.parent = node_id(fs, parent);
    order.dir = name->dir;
    strcpy(order.text, name->text);
    name->notify_queued = false;
    order.name = name;
    order.stirred = name->unrest == NAME_STIRRED;
    free(item);
    return order;
}

/* Until there is something to do; sees to what is held meanwhile. */
static void wait_locked(struct notify *notify)
{
    struct fs *fs = notify->fs;
    int64_t left = stale_expire_locked(fs);
    if (notify->stop || !STAILQ_EMPTY(&notify->queue))
        return;
    if (left == 0) {
        pthread_cond_wait(&notify->wake, &fs->lock);
        return;
    }
    int64_t until = clock_ns(CLOCK_MONOTONIC) + left;
    struct timespec at = {until / 1000000000, until % 1000000000};
    pthread_cond_timedwait(&notify->wake, &fs->lock, &at);
}

/* --- what was invalidated ------------------------------------------------------------------------------ */

/* Some names that may mean what is gone, copied. Returns how many. */
static size_t doubt_some_locked(struct fs *fs, struct spot spots[DOUBTS])
{
    size_t count = 0;
    for (unsigned looks = 0; fs->doubted && looks < DOUBTS; looks++) {
        const struct node *node = fs->doubted;
        if (node->name && !node->name->gone && node->name->current == node && !name_creator_locked(node->name))
            name_spot_locked(node->name, &spots[count++]);
        fs->doubted = LIST_NEXT(node, all);
    }
    return count;
}

static void doubt(struct fs *fs)
{
    struct spot spots[DOUBTS];
    struct entry entry;
    size_t count = doubt_some_locked(fs, spots);
    fs_unlock(fs);
    for (size_t i = 0; i < count; i++) {
        int result = store_lookup(fs->store, spots[i].dir, spots[i].text, &entry);
        if (result == 0)
            entry_release(&entry);
        else if (result == -ENOENT)
            fs_forget_place(fs, spots[i].dir, spots[i].text, 0); /* who killed it tells of it */
    }
    fs_lock(fs);
}

void notify_doubt_locked(struct notify *notify)
{
    notify->fs->doubted = LIST_FIRST(&notify->fs->nodes);
    pthread_cond_signal(&notify->wake);
}

/* --- the thread ---------------------------------------------------------------------------------------- */

/* The kernel has forgotten what it knew of a name. Lets go of that. */
static void told_locked(struct fs *fs, const struct order *order)
{
    const struct name *name = order->name;
    bool moved = !name->gone && (name->dir != order->dir || strcmp(name->text, order->text) != 0);
    if (order->stirred && moved && fs->notify) {
        notify_name_locked(fs->notify, order->name); /* it was told of another place: once more */
    } else if (order->stirred) {
        order->name->unrest = NAME_RESTLESS;
        pthread_cond_broadcast(&fs->changed);
    }
    name_put_locked(fs, order->name);
}

static void *run(void *arg)
{
    struct notify *notify = arg;
    struct fs *fs = notify->fs;
    fs_lock(fs);
    while (!notify->stop) {
        if (STAILQ_EMPTY(&notify->queue)) {
            if (fs->doubted)
                doubt(fs);
            else
                wait_locked(notify);
            continue;
        }
        struct order order = take_locked(notify);
        fs_unlock(fs);
        if (order.parent) /* -ENOENT: the kernel knew nothing of it, so much the better */
            fuse_lowlevel_notify_inval_entry(notify->session, order.parent, order.text, strlen(order.text));
        fs_lock(fs);
        told_locked(fs, &order);
        notify->told++;
        if (notify->awaited)
            pthread_cond_broadcast(&fs->changed);
    }
    while (!STAILQ_EMPTY(&notify->queue))
        told_locked(fs, &(struct order){.name = take_locked(notify).name});
    fs_unlock(fs);
    return NULL;
}

int notify_start(struct fs *fs, struct fuse_session *session, struct notify **ret_notify)
{
    struct notify *notify = calloc(1, sizeof *notify);
    if (!notify)
        return -ENOMEM;
    notify->fs = fs;
    notify->session = session;
    STAILQ_INIT(&notify->queue);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&notify->wake, &attr);
    pthread_condattr_destroy(&attr);
    int error = pthread_create(&notify->thread, NULL, run, notify);
    if (error) {
        pthread_cond_destroy(&notify->wake);
        free(notify);
        return -error;
    }
    *ret_notify = notify;
    return 0;
}

void notify_stop(struct notify *notify)
{
    if (!notify)
        return;
    fs_lock(notify->fs);
    notify->stop = true;
    pthread_cond_signal(&notify->wake);
    fs_unlock(notify->fs);
    pthread_join(notify->thread, NULL);
    pthread_cond_destroy(&notify->wake);
    free(notify);
}

void notify_name_locked(struct notify *notify, struct name *name)
{
    struct item *item;
    if (name->notify_queued || notify->stop || !(item = malloc(sizeof *item)))
        return;
    item->name = name;
    name->refs++;
    name->notify_queued = true;
    STAILQ_INSERT_TAIL(&notify->queue, item, next);
    notify->queued++;
    pthread_cond_signal(&notify->wake);
}

void notify_settle(struct fs *fs)
{
    enum { PATIENCE_NS = 200000000 };
    struct notify *notify = fs->notify;
    int64_t until_ns = clock_ns(CLOCK_MONOTONIC) + PATIENCE_NS;
    fs_lock(fs);
    uint64_t queued = notify ? notify->queued : 0;
    if (notify)
        notify->awaited++;
    uint64_t told = notify ? notify->told : 0;
    while (notify && notify->told < queued && fs_wait_until_locked(fs, until_ns))
        if (notify->told != told) { /* it gets on; one that waits for us does not */
            told = notify->told;
            until_ns = clock_ns(CLOCK_MONOTONIC) + PATIENCE_NS;
        }
    if (notify)
        notify->awaited--;
    fs_unlock(fs);
}

void notify_wake_locked(struct notify *notify)
{
    pthread_cond_signal(&notify->wake);
}
