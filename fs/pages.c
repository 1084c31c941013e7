/* SPDX-License-Identifier: MIT */
/* pages.c - see pages.h. */
#include "pages.h"
#include "file.h"
#include "log.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

/* --- push ---------------------------------------------------------------------------------------------- */

void pages_wait_locked(struct fs *fs, const struct node *node)
{
    while (node->pushing)
        fs_wait_locked(fs);
}

/* Only where the kernel has no page yet: it would have to drop others, and with them what was pushed. */
bool pages_push_begin_locked(const struct handle *handle)
{
    struct node *node = handle->node;
    bool alone = LIST_FIRST(&node->handles) == handle && !LIST_NEXT(handle, of_node);
    node->pushing = alone && handle->cached && !handle->writes && handle->first;
    return node->pushing;
}

/* The kernel will take a node to be at least this long: it must be told no less, not even with an order under way. */
static void told_at_least_locked(struct node *node, uint64_t version, uint64_t size)
{
    if (node->told_version == version && node->told_size >= size)
        return;
    node->told_version = version;
    node->told_size = size;
}

void pages_push(struct fs *fs, struct handle *handle)
{
    char value[PAGES_PUSH_MAX];
    size_t size = 0;
    struct node *node = handle->node;
    struct spot spot;
    name_spot(fs, handle->name, &spot);
    unsigned gate = gate_of(spot.dir, spot.text);
    uint64_t noted = gate_note(fs, gate);
    uint64_t whole = version_size(handle->version);
    int result = 0;
    if (whole > 0 && whole <= sizeof value)
        result = store_read(handle->version, value, sizeof value, 0, &size);
    if (result == 0 && size > 0) {
        fs_lock(fs);
        told_at_least_locked(node, store_version_id(handle->version), size);
        fs_unlock(fs);
        struct fuse_bufvec buffer = FUSE_BUFVEC_INIT(size);
        buffer.buf[0].mem = value;
        result = fuse_lowlevel_notify_store(fs->fuse, node_id(fs, node), 0, &buffer, 0);
    }
    bool pushed = result == 0 && size > 0;
    if (pushed && !gate_steady(fs, gate, noted)) { /* a live write came in between, and dropped nothing yet */
        fuse_lowlevel_notify_inval_inode(fs->fuse, node_id(fs, node), 0, 0);
        pushed = false;
    }
    fs_lock(fs);
    node->pushing = false;
    handle->keeps_cache = pushed;
    pthread_cond_broadcast(&fs->changed);
    fs_unlock(fs);
}

/* --- forget -------------------------------------------------------------------------------------------- */

/* Does somebody have the node open through the page cache, `to_write`: to write? */
static bool has_pages_open_locked(const struct node *node, bool to_write)
{
    const struct handle *handle;
    LIST_FOREACH(handle, &node->handles, of_node)
        if (handle->cached && (handle->writes || !to_write))
            return true;
    return false;
}

bool pages_writable_locked(const struct node *node, uint64_t version)
{
    const struct node *other;
    LIST_FOREACH(other, &node->name->nodes, of_name)
        if (other != node && other->version == version && has_pages_open_locked(other, true))
            return false;
    return true;
}

struct pages_order {
    struct fs *fs;
    LIST_ENTRY(pages_order) all; /* in fs->orders, guarded by fs->lock */
    uint64_t number; /* as they were begun */
    struct pages_order *next; /* what else it takes; NULL */
    struct store_version *pin; /* of what was changed, where that may have grown it; or NULL */
    void (*answer)(fuse_req_t request, struct node *node, size_t size);
    fuse_req_t request;
    bool unneeded; /* nobody is there to forget anything */
    struct node *node; /* the kernel holds it until the answer */
    size_t size;
    struct node *grows; /* with the answer, in the kernel, to at least `grows_to` bytes; or NULL */
    uint64_t grows_to;
    uint64_t version;
    /* --- below here fs->lock protects --- */
    uint64_t shown_size; /* no larger one is told for nodes that stand for the version */
    size_t count; /* of nodes; 0 once they have forgotten */
    struct outdated {
        struct node *node;
        bool unread; /* nobody had it open through the page cache */
        unsigned opens; /* node->opens then */
    } nodes[];
};

/* Is this another inode, or the same one passed by, that shows something of the version? */
static bool is_outdated(const struct node *other, const struct node *node, uint64_t version, bool past_pages)
{
    return other->version == version && other->lookups > 0 &&
           (other != node || (past_pages && node->pages_version == version));
}

/* An order for what shows a version, all but the node it is changed through, of which no larger size than this is told
 * for now. NULL: out of memory; then the kernel may show something stale, but nothing is lost. */
static struct pages_order *order_new_locked(struct fs *fs, const struct name *name, const struct node *node,
                                            uint64_t version, bool past_pages, uint64_t size)
{
    struct node *other;
    size_t count = 0;
    LIST_FOREACH(other, &name->nodes, of_name)
        count += is_outdated(other, node, version, past_pages);
    struct pages_order *order = calloc(1, sizeof *order + count * sizeof *order->nodes);
    if (!order)
        return NULL;
    order->fs = fs;
    order->version = version;
    order->shown_size = size;
    LIST_FOREACH(other, &name->nodes, of_name) {
        if (!is_outdated(other, node, version, past_pages))
            continue;
        order->nodes[order->count++] = (struct outdated){other, !has_pages_open_locked(other, false), other->opens};
        other->changing++;
    }
    order->number = ++fs->order_count;
    LIST_INSERT_HEAD(&fs->orders, order, all);
    return order;
}

/* Sizes may be told as they are again. */
static void order_let_go(struct pages_order *order)
{
    struct fs *fs = order->fs;
    fs_lock(fs);
    order->shown_size = UINT64_MAX;
    if (order->grows)
        told_at_least_locked(order->grows, order->version, order->grows_to);
    order->grows = NULL;
    while (order->count > 0) {
        const struct outdated *outdated = &order->nodes[--order->count];
        struct node *node = outdated->node;
        node->changing--;
        if (node->version == order->version && outdated->unread && outdated->opens == node->opens)
            node->pages_version = 0; /* none are left, nor came since */
        struct store_version *held = node_drop_unused_locked(fs, node);
        if (!held)
            continue;
        fs_unlock(fs);
        store_unpin(held);
        fs_lock(fs);
    }
    fs_unlock(fs);
}

static void order_free(struct pages_order *order)
{
    struct fs *fs = order->fs;
    order_let_go(order);
    store_unpin(order->pin);
    fs_lock(fs);
    LIST_REMOVE(order, all);
    pthread_cond_broadcast(&fs->changed);
    fs_unlock(fs);
    free(order);
}

uint64_t pages_tell_size_locked(struct fs *fs, struct node *node, uint64_t size)
{
    const struct pages_order *order;
    uint64_t shown = size;
    LIST_FOREACH(order, &fs->orders, all)
        if (order->version == node->version && order->shown_size < shown)
            shown = order->shown_size;
    if (node->told_version == node->version && shown < node->told_size)
        shown = node->told_size < size ? node->told_size : size;
    node->told_version = node->version;
    node->told_size = shown;
    return shown;
}

/* May the last byte of a node's pages be written from here? Not where a program may be writing it. */
static bool may_raise_locked(const struct node *node, uint64_t version)
{
    return node->version == version && node->pages_version == version && !has_pages_open_locked(node, true);
}

/* Gives the kernel the last byte of what is `size` bytes long, and with it the size. */
static void raise_size(struct fs *fs, struct node *node, struct store_version *version, uint64_t size)
{
    char byte;
    size_t got = 0;
    if (store_read(version, &byte, 1, size - 1, &got) < 0 || got == 0)
        return;
    fs_lock(fs);
    bool may = may_raise_locked(node, store_version_id(version));
    if (may)
        told_at_least_locked(node, store_version_id(version), size); /* first: a smaller one would cut it off again */
    fs_unlock(fs);
    if (!may)
        return;
    struct fuse_bufvec buffer = FUSE_BUFVEC_INIT(1);
    buffer.buf[0].mem = &byte;
    fuse_lowlevel_notify_store(fs->fuse, node_id(fs, node), (off_t)(size - 1), &buffer, 0);
}

/*
 * Has the kernel drop what it has of a node, and tells it the size as it is by now. A larger size in an answer about
 * attributes has the kernel cut its pages there, and it may do so late, when more has been read into them
 * (fuse_change_attributes() in fs/fuse/inode.c, Linux 6.18); with the last byte it comes without that. One order at a
 * time, lest an older byte follow a newer one.
 */
static void renew(const struct pages_order *order, struct node *node)
{
    struct fs *fs = order->fs;
    fs_lock(fs);
    while (node->renewing)
        fs_wait_locked(fs);
    node->renewing = true;
    fs_unlock(fs);

    uint64_t size =
        order->pin ? version_size(order->pin) : 0; /* first: pages that come after the others are gone have that much */
    int result = fuse_lowlevel_notify_inval_inode(fs->fuse, node_id(fs, node), 0, 0);
    if (result == 0 && size > 0)
        raise_size(fs, node, order->pin, size);

    fs_lock(fs);
    node->renewing = false;
    pthread_cond_broadcast(&fs->changed);
    fs_unlock(fs);
}

/* Nobody else can show what a write session has not published, unless its name has a second node; and it will not be
 * published by another handle in the middle of this one's write. */
static bool is_private_locked(const struct handle *handle)
{
    const struct node *first = LIST_FIRST(&handle->name->nodes);
    return handle->session && handle->session->listed && handle->session->handles == 1 && first == handle->node &&
           !LIST_NEXT(first, of_name);
}

/* Is one under way that was begun when there had been so many? */
static bool is_under_way_locked(const struct fs *fs, uint64_t version, uint64_t count)
{
    const struct pages_order *order;
    LIST_FOREACH(order, &fs->orders, all)
        if (order->version == version && order->number <= count)
            return true;
    return false;
}

/* An order begins before its change is in the store, and what more it finds to forget afterwards ends with it. */
int pages_shown(struct fs *fs, uint64_t version)
{
    enum { PATIENCE_NS = 100000000 };
    int result = 0;
    fs_lock(fs);
    uint64_t count = fs->order_count;
    int64_t until_ns = LIST_EMPTY(&fs->orders) ? 0 : clock_ns(CLOCK_MONOTONIC) + PATIENCE_NS;
    while (result == 0 && is_under_way_locked(fs, version, count))
        if (!fs_wait_until_locked(fs, until_ns))
            result = -EAGAIN;
    fs_unlock(fs);
    return result;
}

struct pages_order *pages_change_begin(struct fs *fs, const struct handle *handle)
{
    fs_lock(fs);
    bool private = is_private_locked(handle);
    fs_unlock(fs);
    if (private)
        return NULL;
    uint64_t size = version_size(handle->version);
    fs_lock(fs);
    struct pages_order *order =
        order_new_locked(fs, handle->name, handle->node, store_version_id(handle->version), !handle->cached, size);
    fs_unlock(fs);
    if (order && order->count > 0)
        order->pin = store_repin(handle->version);
    return order;
}

struct pages_order *pages_outdated(struct fs *fs, struct pages_order *begun, const struct node *node,
                                   const struct handle *handle, bool past_pages)
{
    const struct name *name = handle ? handle->name : node->name;
    if (!name)
        return NULL;
    fs_lock(fs);
    uint64_t version = handle ? store_version_id(handle->version) : node->version;
    struct pages_order *order = NULL;
    const struct node *other;
    LIST_FOREACH(other, &name->nodes, of_name)
        if (!order && is_outdated(other, node, version, past_pages))
            order = order_new_locked(fs, name, node, version, past_pages, UINT64_MAX);
    fs_unlock(fs);
    if (order) {
        order->pin = handle ? store_repin(handle->version) : NULL;
        order->next = begun; /* others may have come to know the version meanwhile */
        return order;
    }
    if (!begun || begun->count > 0)
        return begun;
    order_free(begun);
    return NULL;
}

void pages_change_grows(struct pages_order *order, const struct handle *handle, uint64_t size)
{
    if (!order)
        return;
    order->grows = handle->node;
    order->grows_to = size;
}

void pages_change_cancel(struct pages_order *order)
{
    for (struct pages_order *next; order; order = next) {
        next = order->next;
        order_free(order);
    }
}

static void *forget(void *arg)
{
    struct pages_order *order = arg, *next;
    struct fs *fs = order->fs;
    sched_setscheduler(0, SCHED_OTHER, &(struct sched_param){0}); /* whatever it inherited, see crew_lower() */
    for (struct pages_order *at = order; at; at = at->next) {
        for (size_t i = 0; i < at->count && !order->unneeded; i++)
            renew(at, at->nodes[i].node);
        order_let_go(at); /* before the answer: whoever has it must find everything as it is */
    }
    order->answer(order->request, order->node, order->size);
    bool counted = !order->unneeded;
    for (; order; order = next) {
        next = order->next;
        order_free(order);
    }
    fs_lock(fs);
    fs->forgetting -= counted;
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
    fs_lock(order->fs);
    order->unneeded = order->fs->ending;
    order->fs->forgetting += !order->unneeded;
    fs_unlock(order->fs);
    if (order->unneeded) {
        forget(order);
        return;
    }
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
    fs->ending = true;
    while (fs->forgetting > 0)
        fs_wait_locked(fs);
    fs_unlock(fs);
}
