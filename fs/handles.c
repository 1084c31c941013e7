/* SPDX-License-Identifier: MIT */
/* handles.c - see handles.h. */
#include "handles.h"

#include <fcntl.h>
#include <stdlib.h>

/* --- memory -------------------------------------------------------------------------------------------- */

/* So many are kept: some programs have that many files open at once. AddressSanitizer is to see who uses a freed one. */
#ifdef __SANITIZE_ADDRESS__
enum { SPARE_MAX = 0 };
#else
enum { SPARE_MAX = 256 };
#endif

/* Memory for one, whatever is in it; NULL when there is none. */
static struct handle *take_locked(struct fs *fs)
{
    struct handle *handle = LIST_FIRST(&fs->spare_handles);
    if (!handle)
        return malloc(sizeof *handle);
    LIST_REMOVE(handle, of_node);
    fs->spare_handle_count--;
    return handle;
}

static void give_back_locked(struct fs *fs, struct handle *handle)
{
    if (fs->spare_handle_count == SPARE_MAX) {
        free(handle);
        return;
    }
    LIST_INSERT_HEAD(&fs->spare_handles, handle, of_node);
    fs->spare_handle_count++;
}

void handles_release(struct fs *fs)
{
    struct handle *handle;
    while ((handle = LIST_FIRST(&fs->spare_handles))) {
        LIST_REMOVE(handle, of_node);
        free(handle);
    }
}

/* --- handles ------------------------------------------------------------------------------------------- */

bool handle_writes(int flags)
{
    return (flags & O_ACCMODE) != O_RDONLY;
}

/*
 * Who reads goes through the page cache, and who may map it to write. Who only writes, or appends, does not: out of the
 * page cache one write(2) may come as several WRITEs, and an append would not be atomic.
 */
static bool wants_pages(int flags)
{
    return !handle_writes(flags) || ((flags & O_ACCMODE) == O_RDWR && !(flags & O_APPEND));
}

struct handle *handle_new_locked(struct fs *fs, struct node *node, struct store_version *version, int flags)
{
    struct handle *handle = take_locked(fs);
    if (!handle)
        return NULL;
    *handle = (struct handle){
        .node = node,
        .version = version,
        .writes = handle_writes(flags),
        .reads = (flags & O_ACCMODE) != O_WRONLY,
        .wants_pages = wants_pages(flags),
        .append = flags & O_APPEND,
        .refs = 1,
    };
    return handle;
}

struct handle *handle_new(struct fs *fs, struct node *node, struct store_version *version, int flags)
{
    fs_lock(fs);
    struct handle *handle = handle_new_locked(fs, node, version, flags);
    fs_unlock(fs);
    return handle;
}

void handle_enter_locked(struct fs *fs, struct handle *handle, struct name *name, bool cached)
{
    struct node *node = handle->node;
    handle->name = name;
    name->refs++;
    cached = cached && handle->wants_pages;
    handle->cached = cached;
    handle->first = cached && node->pages_version == 0;
    handle->keeps_cache = cached && node->pages_version == node->version;
    node->opens += cached;
    if (cached)
        node->pages_version = node->version; /* from now on: the kernel drops what it may not keep */
    node_unreserve_locked(node);
    LIST_INSERT_HEAD(&node->handles, handle, of_node);
    fs->handle_count++;
}

void handle_leave_locked(struct fs *fs, struct handle *handle)
{
    LIST_REMOVE(handle, of_node);
    fs->handle_count--;
}

void handle_put(struct fs *fs, struct handle *handle)
{
    fs_lock(fs);
    struct write_session *session = handle->session;
    struct store_version *version = handle->version;
    bool last = --handle->refs == 0;
    if (last) {
        name_put_locked(fs, handle->name);
        give_back_locked(fs, handle);
    }
    fs_unlock(fs);
    if (last && session)
        write_session_put(fs, session);
    else if (last)
        store_unpin(version);
}

void handle_abandon(struct fs *fs, struct handle *handle)
{
    fs_lock(fs);
    handle_leave_locked(fs, handle);
    fs_unlock(fs);
    handle_put(fs, handle);
}

struct handle *node_writer_locked(const struct node *node)
{
    struct handle *handle;
    LIST_FOREACH(handle, &node->handles, of_node)
        if (handle->session && handle->session->listed)
            break;
    return handle;
}
