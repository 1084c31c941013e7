/* SPDX-License-Identifier: MIT */
/* file.c - see file.h. */
#include "file.h"
#include "control.h"
#include "log.h"
#include "place.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdlib.h>
#include <string.h>

/* --- handles ------------------------------------------------------------------------------------------- */

static struct handle *handle_new(struct node *node, struct store_version *version, int flags)
{
    struct handle *handle = calloc(1, sizeof *handle);
    if (!handle)
        return NULL;
    handle->node = node;
    handle->version = version;
    handle->append = flags & O_APPEND;
    handle->refs = 1;
    return handle;
}

/* Opens it on its node; from here on the invariants of node.h count it. */
static void handle_enter_locked(struct fs *fs, struct handle *handle, bool cached, uint64_t version_id)
{
    struct node *node = handle->node;
    handle->cached = cached;
    if (cached) {
        node->cached_handles++;
        node->cached_version = version_id;
    }
    LIST_INSERT_HEAD(&node->handles, handle, of_node);
    fs->handle_count++;
    node_check_locked(fs, node);
}

static void handle_leave_locked(struct fs *fs, struct handle *handle)
{
    LIST_REMOVE(handle, of_node);
    if (handle->cached)
        handle->node->cached_handles--;
    fs->handle_count--;
    node_check_locked(fs, handle->node);
}

void handle_put(struct fs *fs, struct handle *handle)
{
    fs_lock(fs);
    bool last = --handle->refs == 0;
    fs_unlock(fs);
    if (!last)
        return;
    if (handle->session)
        write_session_put(fs, handle->session);
    else
        store_unpin(handle->version);
    free(handle);
}

void handle_abandon(struct fs *fs, struct handle *handle)
{
    fs_lock(fs);
    handle_leave_locked(fs, handle);
    fs_unlock(fs);
    handle_put(fs, handle);
}

static bool writes(int flags)
{
    return (flags & O_ACCMODE) != O_RDONLY;
}

/* What the reply of an open tells the kernel. Readers' closes need no FLUSH. */
static void reply_handle(struct handle *handle, bool keep_cache, struct fuse_file_info *info)
{
    info->fh = (uint64_t)(uintptr_t)handle;
    info->direct_io = !handle->cached;
    info->keep_cache = keep_cache;
    info->noflush = !writes(info->flags) && !handle->session;
}

/* --- who may open how (the table in file.h) ------------------------------------------------------------ */

static bool node_is_written_locked(const struct node *node)
{
    const struct handle *handle;
    LIST_FOREACH(handle, &node->handles, of_node)
    if (handle->session && handle->session->listed)
        return true;
    return false;
}

/* True when a node is what its name means and nobody writes there. */
static bool node_is_quiet_locked(struct node *node)
{
    struct name *name = node->name;
    if (!name->current && !node_is_written_locked(node))
        name->current = node;
    return name->current == node && !node_is_written_locked(node);
}

/* True when an open here must be answered: the kernel has looked twice, or has no place to look any more. */
static bool must_answer(const struct fs *fs, const struct node *node)
{
    return node->name->gone || name_is_hot(fs, node->name);
}

static int bounce_locked(struct fs *fs, struct name *name)
{
    name_bounce_locked(fs, name);
    return -ESTALE;
}

/* May a handle of version `id` be opened here, and through the page cache? 0 or -ESTALE. */
static int admit_reader_locked(struct fs *fs, struct node *node, uint64_t id, bool *ret_cached)
{
    *ret_cached = false;
    if (must_answer(fs, node))
        return 0;
    if (!node_is_quiet_locked(node) || (node->cached_handles > 0 && node->cached_version != id))
        return bounce_locked(fs, node->name);
    *ret_cached = true;
    return 0;
}

/* May a write session take this node? A readable one wants the page cache, so that it can be mapped. 0 or -ESTALE. */
static int admit_writer_locked(struct fs *fs, struct node *node, int flags, bool *ret_cached)
{
    *ret_cached = false;
    if (node->cached_handles > 0)
        return bounce_locked(fs, node->name);
    if (must_answer(fs, node))
        return 0;
    if (!node_is_quiet_locked(node))
        return bounce_locked(fs, node->name);
    *ret_cached = (flags & O_ACCMODE) == O_RDWR;
    node->name->current = NULL; /* the version that is there gets another node */
    return 0;
}

/* --- OPEN ---------------------------------------------------------------------------------------------- */

/*
 * The place an open is about: a node's name, or when that is gone, because it was removed or replaced after the kernel found it,
 * the name that is there now. Waits for what is about to be released there. The caller gets a reference; NULL: out of memory.
 */
static struct name *hold_place(struct fs *fs, struct node *node, struct spot *ret_spot)
{
    fs_lock(fs);
    struct name *name = node->name;
    if (name->gone)
        name = name_get_locked(fs, name->dir, name->text);
    else
        name->refs++;
    if (name) {
        name_settle_locked(fs, name);
        name_spot_locked(name, ret_spot);
    }
    fs_unlock(fs);
    return name;
}

static void let_go(struct fs *fs, struct name *name)
{
    fs_lock(fs);
    name_put_locked(fs, name);
    fs_unlock(fs);
}

/* Opens a handle of a new session, unless the node may not be taken after all; a fresh one, which nobody else knows yet, always
 * may. Takes `version` over. */
static int begin_session(struct fs *fs, struct node *node, bool fresh, struct name *name, struct store_version *version,
                         bool creates, pid_t tid, struct fuse_file_info *info)
{
    uint64_t id = store_version_id(version);
    struct write_session *session = write_session_new(fs, version, name, node, tid, creates);
    struct handle *handle = session ? handle_new(node, version, info->flags) : NULL;
    if (!handle) {
        if (session)
            write_session_put(fs, session);
        return -ENOMEM;
    }
    handle->session = session;

    bool cached = (info->flags & O_ACCMODE) == O_RDWR;
    fs_lock(fs);
    int result = fresh ? 0 : admit_writer_locked(fs, node, info->flags, &cached);
    if (result == 0) {
        node->cached_version = 0; /* the kernel drops its pages */
        handle_enter_locked(fs, handle, cached, id);
    }
    fs_unlock(fs);
    if (result == 0)
        reply_handle(handle, false, info);
    else
        handle_put(fs, handle);
    return result;
}

/* Stages a version at a place and begins its session. */
static int stage_session(struct fs *fs, struct node *node, struct name *name, const struct spot *spot,
                         const struct maker *maker, bool creates, pid_t tid, struct fuse_file_info *info)
{
    struct store_version *version;
    int result = store_stage(fs->store, spot->dir, spot->text, maker->mode, maker->uid, maker->gid, &version);
    return result < 0 ? result : begin_session(fs, node, false, name, version, creates, tid, info);
}

/* Joins the session that is creating a name; NULL when there is none. */
static struct handle *join_creator(struct fs *fs, struct node *node, struct name *name, int flags)
{
    struct handle *handle = NULL;
    fs_lock(fs);
    struct write_session *session = name_creator_locked(name);
    if (session && (handle = handle_new(node, session->version, flags))) {
        handle->session = session;
        session->refs++;
        session->handles++;
        bool cached = session->node == node && node->cached_handles > 0;
        handle_enter_locked(fs, handle, cached, node->cached_version);
    }
    fs_unlock(fs);
    return handle;
}

/* Owner and mode of what a writer makes where it expected to find a file: what whoever creates one there gave it, or what the
 * kernel was told of the one it found. False when the kernel should rather look again. */
static bool missing_maker(struct fs *fs, struct node *node, struct name *name, struct maker *ret_maker)
{
    struct entry entry;
    fs_lock(fs);
    struct write_session *session = name_creator_locked(name);
    if (session)
        session->refs++;
    *ret_maker = (struct maker){node->mode, node->uid, node->gid};
    bool answer = session || must_answer(fs, node);
    if (!answer)
        name_bounce_locked(fs, name);
    fs_unlock(fs);
    if (session && store_version_entry(session->version, &entry) == 0) {
        *ret_maker = (struct maker){entry.mode, entry.uid, entry.gid};
        entry_release(&entry);
    }
    if (session)
        write_session_put(fs, session);
    return answer;
}

/* An open without O_TRUNC, and nothing is published. A reader: a miss. A writer joins whoever creates it; else it was removed or
 * evicted since the kernel found it, and the kernel should look again, and create. */
static int open_missing(struct fs *fs, struct node *node, struct name *name, const struct spot *spot, pid_t tid,
                        struct fuse_file_info *info)
{
    struct maker maker;
    if (writes(info->flags)) {
        struct handle *handle = join_creator(fs, node, name, info->flags);
        if (handle) {
            reply_handle(handle, false, info);
            return 0;
        }
        return missing_maker(fs, node, name, &maker) ? stage_session(fs, node, name, spot, &maker, true, tid, info)
                                                     : -ESTALE;
    }
    fs_lock(fs);
    bool miss = name_creator_locked(name) || must_answer(fs, node);
    if (!miss)
        name_bounce_locked(fs, name);
    fs_unlock(fs);
    return miss ? -ENOENT : -ESTALE;
}

/* A handle of a published version on a node without a name, with a reference: what an open of /proc/self/fd/N means. */
static struct handle *nameless_handle(struct fs *fs, struct node *node)
{
    struct handle *handle = NULL;
    fs_lock(fs);
    if (node->name->gone)
        LIST_FOREACH(handle, &node->handles, of_node)
    if (!handle->session || handle->session->published)
        break;
    if (handle)
        handle->refs++;
    fs_unlock(fs);
    return handle;
}

/* Pins what an open without O_TRUNC means: what is published at the place; of a node without a name what is open there. */
static int pin_for_open(struct fs *fs, struct node *node, const struct spot *spot, unsigned flags,
                        struct store_version **ret_version)
{
    struct handle *handle = nameless_handle(fs, node);
    if (!handle)
        return store_pin(fs->store, spot->dir, spot->text, flags, ret_version);
    *ret_version = store_repin(handle->version);
    handle_put(fs, handle);
    return 0;
}

/* Opens the published version: to read, or to write to it live. */
static int open_published(struct fs *fs, struct node *node, struct name *name, const struct spot *spot, pid_t tid,
                          struct fuse_file_info *info)
{
    struct store_version *version;
    bool reads = (info->flags & O_ACCMODE) != O_WRONLY;
    int result = pin_for_open(fs, node, spot, reads ? STORE_HIT : 0, &version);
    if (result == -ENOENT)
        return open_missing(fs, node, name, spot, tid, info);
    if (result < 0)
        return result;
    uint64_t id = store_version_id(version);
    struct handle *handle = handle_new(node, version, info->flags);
    if (!handle) {
        store_unpin(version);
        return -ENOMEM;
    }

    bool cached, keep_cache;
    fs_lock(fs);
    result = admit_reader_locked(fs, node, id, &cached);
    keep_cache = cached && node->cached_version == id;
    if (result == 0)
        handle_enter_locked(fs, handle, cached, id);
    fs_unlock(fs);
    if (result == 0)
        reply_handle(handle, keep_cache, info);
    else
        handle_put(fs, handle);
    return result;
}

/* open(O_TRUNC) of what is there. */
static int open_staged(struct fs *fs, struct node *node, struct name *name, const struct spot *spot, pid_t tid,
                       struct fuse_file_info *info)
{
    struct entry entry;
    struct maker maker = {0};
    int result = store_lookup(fs->store, spot->dir, spot->text, &entry);
    bool creates = result == -ENOENT;
    if (creates && !missing_maker(fs, node, name, &maker))
        return -ESTALE;
    if (result < 0 && !creates)
        return result;
    if (!creates)
        entry_release(&entry);
    return stage_session(fs, node, name, spot, &maker, creates, tid, info);
}

int file_open(struct fs *fs, struct node *node, pid_t tid, struct fuse_file_info *info)
{
    struct spot spot;
    if (node->kind != NODE_FILE)
        return node->kind == NODE_DIR ? -EISDIR : -ELOOP;
    struct name *name = hold_place(fs, node, &spot);
    if (!name)
        return -ENOMEM;
    int result = info->flags & O_TRUNC ? open_staged(fs, node, name, &spot, tid, info)
                                       : open_published(fs, node, name, &spot, tid, info);
    let_go(fs, name);
    return result;
}

/* --- CREATE -------------------------------------------------------------------------------------------- */

/* What is at a name that is to be created: 0 nothing, 1 a published file, or -EEXIST, -EISDIR ... */
static int check_vacant(struct fs *fs, struct node *parent, const char *text, int flags)
{
    struct entry entry;
    fs_lock(fs);
    struct name *name = name_find_locked(fs, parent->ino, text);
    if (name)
        name_settle_locked(fs, name);
    name = name_find_locked(fs, parent->ino, text);
    bool created = name && name_creator_locked(name);
    fs_unlock(fs);
    if (created && flags & O_EXCL)
        return -EEXIST;
    int result = store_lookup(fs->store, parent->ino, text, &entry);
    if (result == -ENOENT)
        return 0;
    if (result < 0)
        return result;
    enum entry_kind kind = entry.kind;
    entry_release(&entry);
    if (flags & O_EXCL)
        return -EEXIST;
    return kind == ENTRY_FILE ? 1 : kind == ENTRY_DIR ? -EISDIR : -ELOOP;
}

/* A new node at a name, not yet the one LOOKUP answers; one lookup is counted. NULL: out of memory. */
static struct node *new_node(struct fs *fs, uint64_t dir, const char *text, uint64_t ino)
{
    fs_lock(fs);
    struct name *name = name_get_locked(fs, dir, text);
    struct node *node = name ? node_new_locked(fs, NODE_FILE, ino, name) : NULL;
    if (node)
        node->lookups = 1;
    if (name)
        name_put_locked(fs, name);
    fs_unlock(fs);
    return node;
}

/* Creates staged: a node of its own, invisible to readers until it is published. */
static int create_staged(struct fs *fs, struct node *parent, const char *text, const struct maker *maker, bool creates,
                         pid_t tid, struct fuse_entry_param *ret_entry, struct fuse_file_info *info)
{
    struct store_version *version;
    struct entry entry;
    int result = store_stage(fs->store, parent->ino, text, maker->mode, maker->uid, maker->gid, &version);
    if (result < 0)
        return result;
    result = store_version_entry(version, &entry);
    struct node *node = result == 0 ? new_node(fs, parent->ino, text, entry.ino) : NULL;
    if (!node) {
        store_unpin(version);
        if (result == 0)
            entry_release(&entry);
        return result < 0 ? result : -ENOMEM;
    }
    *ret_entry = (struct fuse_entry_param){.ino = node_id(fs, node)};
    attr_fill(&entry, 1, &ret_entry->attr);
    entry_release(&entry);

    result = begin_session(fs, node, true, node->name, version, creates, tid, info);
    if (result < 0)
        node_forget(fs, node, 1);
    return result;
}

/* Creates, or opens, live: the empty file is published at once. */
static int create_live(struct fs *fs, struct node *parent, const char *text, uint32_t mode,
                       const struct fuse_ctx *caller, struct fuse_entry_param *ret_entry, struct fuse_file_info *info)
{
    int result = place_make_file(fs, parent, text, mode, caller, ret_entry);
    if (result == -EEXIST) {
        result = node_lookup(fs, parent, text, ret_entry);
        if (result == 0 && ret_entry->ino == 0)
            result = -ESTALE;
    }
    if (result < 0)
        return result;
    struct node *node = node_of(fs, ret_entry->ino);
    result = file_open(fs, node, caller->pid, info);
    if (result < 0)
        node_forget(fs, node, 1);
    return result;
}

int file_create(struct fs *fs, struct node *parent, const char *text, uint32_t mode, const struct fuse_ctx *caller,
                struct fuse_entry_param *ret_entry, struct fuse_file_info *info)
{
    struct maker maker;
    if (node_is_control(parent) || control_is_root_name(fs, parent, text))
        return -EPERM;
    if (strlen(text) > STORE_NAME_MAX)
        return -ENAMETOOLONG;
    int there = check_vacant(fs, parent, text, info->flags);
    if (there < 0)
        return there;
    if (!(info->flags & (O_EXCL | O_TRUNC)))
        return create_live(fs, parent, text, mode, caller, ret_entry, info);
    int result = place_maker(fs, parent, mode, caller, &maker);
    return result < 0 ? result : create_staged(fs, parent, text, &maker, there == 0, caller->pid, ret_entry, info);
}

/* --- reading and writing ------------------------------------------------------------------------------- */

int file_read(struct handle *handle, void *buffer, size_t size, uint64_t offset, size_t *ret_size)
{
    return store_read(handle->version, buffer, size, offset, ret_size);
}

/* Live changes pass the gates of their name. */
static struct place begin_change(struct fs *fs, struct handle *handle)
{
    struct spot spot;
    name_spot(fs, handle->node->name, &spot);
    return place_begin(fs, spot.dir, spot.text);
}

static int end_change(struct fs *fs, struct handle *handle, const struct place *place, int result)
{
    place_end(fs, place);
    if (handle->session)
        write_session_wrote(fs, handle->session, result);
    return result;
}

int file_write(struct fs *fs, struct handle *handle, const struct fuse_file_info *info, const void *data, size_t size,
               uint64_t offset)
{
    /* What comes out of the page cache belongs where the kernel says; appends go to where the end is by now. */
    if (handle->append && !info->writepage && !handle->cached)
        offset = STORE_AT_END;
    struct place place = begin_change(fs, handle);
    return end_change(fs, handle, &place, store_write(handle->version, data, size, offset));
}

int file_resize(struct fs *fs, struct handle *handle, uint64_t size)
{
    struct place place = begin_change(fs, handle);
    return end_change(fs, handle, &place, store_resize(handle->version, size));
}

int file_allocate(struct fs *fs, struct handle *handle, int mode, uint64_t offset, uint64_t length)
{
    struct entry entry;
    struct store_stats stats;
    if (mode & ~FALLOC_FL_KEEP_SIZE)
        return -EOPNOTSUPP;
    store_stats(fs->store, &stats);
    if (length > stats.limit_bytes || offset > stats.limit_bytes - length)
        return -EFBIG;
    if (mode & FALLOC_FL_KEEP_SIZE)
        return 0; /* what is reserved here would only have to be evicted elsewhere */
    int result = store_version_entry(handle->version, &entry);
    if (result < 0)
        return result;
    uint64_t size = entry.size;
    entry_release(&entry);
    return offset + length > size ? file_resize(fs, handle, offset + length) : 0;
}

/* --- closing ------------------------------------------------------------------------------------------- */

int file_flush(struct fs *fs, struct handle *handle, pid_t tid)
{
    return handle->session ? write_session_flush(fs, handle->session, tid) : 0;
}

int file_sync(struct fs *fs, struct handle *handle)
{
    int result = handle->session ? write_session_publish(fs, handle->session) : 0;
    return result < 0 ? result : store_sync(fs->store);
}

void file_release(struct fs *fs, struct handle *handle)
{
    struct write_session *session = handle->session;
    struct node *node = handle->node;
    bool publish = false;
    if (session) {
        fs_lock(fs);
        publish = --session->handles == 0 && session->listed && !session->error;
        fs_unlock(fs);
    }
    if (publish) {
        int result = write_session_publish(fs, session);
        if (result < 0)
            log_line(STORE_LOG_WARNING, "a value could not be published after its last close: %s", strerror(-result));
    }
    fs_lock(fs);
    if (session && session->handles == 0)
        write_session_unlist_locked(fs, session);
    handle_leave_locked(fs, handle);
    node_drop_unused_locked(fs, node);
    fs_unlock(fs);
    handle_put(fs, handle);
}
