/* SPDX-License-Identifier: MIT */
/*
 * dir_ioctl.c - see dir_ioctl.h.
 *
 * *Clearing* removes entries as eviction does, behind the back of whoever writes: a name keeps its write sessions, and
 * what they publish stays. So no name is locked, and no LOOKUP waits; the kernel is told of each name that it knows
 * afterwards (fs_forget_place()), and the last step waits until it has been.
 *
 * The kernel has checked that the caller may read the directory, and that is all. So whether files may be removed from it
 * is asked here, for every step (permission.h). It does not say through which mount the caller came: one of a part of
 * the tree that was made read-only (mount --bind -o ro) does not keep its owner from clearing.
 */
#include "dir_ioctl.h"
#include "crew.h"
#include "events.h"
#include "larder_ioctl.h"
#include "metrics.h"
#include "notify.h"
#include "permission.h"

#include <errno.h>
#include <string.h>

enum {
    CLEAR_STEP = 2048, /* entries: some ten milliseconds */
    EXPIRE_STEP = 2048,
};

/* --- clearing ------------------------------------------------------------------------------------------ */

struct clearing {
    struct fs *fs;
    uint64_t dir;
};

/* store_clear()'s each. */
static void cleared(void *arg, const char *name, uint64_t version, uint64_t size)
{
    const struct clearing *clearing = arg;
    fs_forget_place(clearing->fs, clearing->dir, name, version);
    metrics_delete(clearing->fs, clearing->dir);
    events_emit(clearing->fs, EVENT_DELETE, clearing->dir, name, size, version);
}

/* What the caller may clear, from where on. -EINVAL, -EACCES, -EROFS. */
static int clear_begin(struct fs *fs, const struct node *node, fuse_req_t request, const struct larder_clear *clear,
                       struct store_clearing *ret_store)
{
    struct store_clearing store = {.mark = clear->mark, .uid = fuse_req_ctx(request)->uid};
    if (!memchr(clear->after, '\0', sizeof clear->after))
        return -EINVAL;
    if (fs->options->read_only)
        return -EROFS;
    int result = permission_remove(fs, request, node->ino, &store.owned);
    strcpy(store.after, clear->after);
    if (result == 0)
        *ret_store = store;
    return result;
}

static int clear(struct fs *fs, const struct node *node, fuse_req_t request, struct larder_clear *clear)
{
    struct clearing clearing = {.fs = fs, .dir = node->ino};
    struct store_clearing store;
    int result = clear_begin(fs, node, request, clear, &store);
    if (result < 0)
        return result;
    crew_blocks();
    result = store_clear(fs->store, node->ino, CLEAR_STEP, &store, cleared, &clearing);
    if (store.removed > 0)
        node_disbelieve(fs, node); /* its times */
    if (result < 0)
        return result;
    if (store.done)
        notify_settle(fs);
    clear->mark = store.mark;
    clear->removed = store.removed;
    clear->left = store.left;
    clear->done = store.done;
    strcpy(clear->after, store.after);
    return 0;
}

/* --- expiring ------------------------------------------------------------------------------------------ */

static int expire(struct fs *fs, const struct node *node, fuse_req_t request, struct larder_expire *expire)
{
    bool more;
    int result = node == fs->root ? permission_whole(fs, fuse_req_ctx(request)->uid) : -EINVAL;
    if (result < 0)
        return result;
    crew_blocks();
    result = store_expire(fs->store, EXPIRE_STEP, &expire->expired, &more);
    expire->done = result == 0 && !more;
    return result;
}

/* --- the commands -------------------------------------------------------------------------------------- */

int dir_ioctl(struct fs *fs, struct node *node, fuse_req_t request, unsigned command, void *argument)
{
    if (node_is_control(node))
        return -ENOTTY;
    switch (command) {
    case LARDER_CLEAR:
        return clear(fs, node, request, argument);
    case LARDER_EXPIRE:
        return expire(fs, node, request, argument);
    default:
        return -ENOTTY;
    }
}
