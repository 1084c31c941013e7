/* SPDX-License-Identifier: MIT */
/* pages.c - see pages.h. */
#include "pages.h"
#include "file.h"
#include "log.h"

#include <stdlib.h>
#include <string.h>

/* --- push ---------------------------------------------------------------------------------------------- */

void pages_wait_locked(struct fs *fs, const struct node *node)
{
    while (node->pushing)
        pthread_cond_wait(&fs->changed, &fs->lock);
}

/* Only where the kernel has no page yet: it would have to drop others, and with them what was pushed. */
bool pages_push_begin_locked(const struct handle *handle)
{
    struct node *node = handle->node;
    bool alone = LIST_FIRST(&node->handles) == handle && !LIST_NEXT(handle, of_node);
    node->pushing = alone && handle->cached && !handle->writes && handle->first;
    return node->pushing;
}

void pages_push(struct fs *fs, struct handle *handle)
{
    char value[PAGES_PUSH_MAX];
    struct entry entry;
    size_t size = 0;
    struct node *node = handle->node;
    struct spot spot;
    name_spot(fs, node->name, &spot);
    unsigned gate = gate_of(spot.dir, spot.text);
    uint64_t noted = gate_note(fs, gate);
    int result = store_version_entry(handle->version, &entry);
    bool small = result == 0 && entry.size > 0 && entry.size <= sizeof value;
    if (result == 0)
        entry_release(&entry);
    if (small)
        result = store_read(handle->version, value, sizeof value, 0, &size);
    if (result == 0 && size > 0) {
        struct fuse_bufvec buffer = FUSE_BUFVEC_INIT(size);
        buffer.buf[0].mem = value;
        result = fuse_lowlevel_notify_store(fs->fuse, node_id(fs, node), 0, &buffer, 0);
    }
    fs_lock(fs);
    node->pushing = false;
    /* Kept unless a live write came in between: then the kernel drops what we gave it as it opens the file. */
    handle->keeps_cache = result == 0 && size > 0 && gate_steady(fs, gate, noted);
    pthread_cond_broadcast(&fs->changed);
    fs_unlock(fs);
}

/* --- forget -------------------------------------------------------------------------------------------- */

bool pages_writable_locked(const struct node *node, uint64_t version)
{
    const struct node *other;
    const struct handle *handle;
    LIST_FOREACH(other, &node->name->nodes, of_name)
        if (other != node && other->version == version)
            LIST_FOREACH(handle, &other->handles, of_node)
                if (handle->cached && handle->writes)
                    return false;
    return true;
}

struct pages_order {
    struct fs *fs;
    void (*answer)(fuse_req_t request, struct node *node, size_t size);
    fuse_req_t request;
    struct node *node; /* the kernel holds it until the answer */
    size_t size;
    size_t count;
    fuse_ino_t ids[]; /* by value: the kernel ignores one that it does not know any more */
};

/* Is this another inode, or the same one passed by, that shows something of the version? */
static bool is_outdated(const struct node *other, const struct node *node, uint64_t version, bool past_pages)
{
    return other->version == version && other->lookups > 0 &&
           (other != node || (past_pages && node->pages_version == version));
}

struct pages_order *pages_outdated(struct fs *fs, const struct node *node, const struct handle *handle, bool past_pages)
{
    struct pages_order *order = NULL;
    const struct node *other;
    size_t count = 0;
    if (!node->name)
        return NULL;
    fs_lock(fs);
    uint64_t version = handle ? store_version_id(handle->version) : node->version;
    LIST_FOREACH(other, &node->name->nodes, of_name)
        count += is_outdated(other, node, version, past_pages);
    if (count > 0 && (order = calloc(1, sizeof *order + count * sizeof *order->ids))) {
        order->fs = fs;
        LIST_FOREACH(other, &node->name->nodes, of_name)
            if (is_outdated(other, node, version, past_pages))
                order->ids[order->count++] = node_id(fs, other);
        fs->orders++;
    }
    fs_unlock(fs);
    return order;
}

static void *forget(void *arg)
{
    struct pages_order *order = arg;
    struct fs *fs = order->fs;
    for (size_t i = 0; i < order->count; i++)
        fuse_lowlevel_notify_inval_inode(fs->fuse, order->ids[i], 0, 0);
    order->answer(order->request, order->node, order->size);
    free(order);
    fs_lock(fs);
    fs->orders--;
    pthread_cond_broadcast(&fs->changed);
    fs_unlock(fs);
    return NULL;
}

void pages_forget(struct pages_order *order, void (*answer)(fuse_req_t request, struct node *node, size_t size),
                  fuse_req_t request, struct node *node, size_t size)
{
    enum { STACK = 256 << 10 };
    order->answer = answer;
    order->request = request;
    order->node = node;
    order->size = size;
    pthread_t thread;
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    int error = pthread_create(&thread, &attr, forget, order);
    pthread_attr_destroy(&attr);
    if (error) {
        log_line(STORE_LOG_WARNING, "no thread to tell the kernel what went stale: %s", strerror(error));
        forget(order); /* a deadlock is possible now, a stale page would be certain */
    }
}

void pages_settle(struct fs *fs)
{
    fs_lock(fs);
    while (fs->orders > 0)
        pthread_cond_wait(&fs->changed, &fs->lock);
    fs_unlock(fs);
}
