/* SPDX-License-Identifier: MIT */
/* target.c - see target.h. */
#include "target.h"
#include "file.h"
#include "pages.h"
#include "place.h"
#include "process.h"
#include "stale.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* --- finding ------------------------------------------------------------------------------------------- */

/* Is what a session writes published, and only the session not told yet? Then others have opened it. */
static bool is_out_locked(const struct node *node, const struct write_session *session)
{
    const struct handle *handle;
    LIST_FOREACH(handle, &node->handles, of_node)
        if (!handle->session && store_version_id(handle->version) == store_version_id(session->version))
            return true;
    return false;
}

/* The unpublished session that has a handle on a node, or is creating its name; with a reference. *ret_here: the
 * former. *ret_creates: it is creating it. */
static struct write_session *session_at(struct fs *fs, struct node *node, bool *ret_here, bool *ret_creates)
{
    fs_lock(fs);
    const struct handle *writer = node_writer_locked(node);
    struct write_session *found = writer && !is_out_locked(node, writer->session) ? writer->session : NULL;
    *ret_here = found;
    if (!found && !node->name->gone)
        found = name_creator_locked(node->name);
    if (found)
        found->refs++;
    *ret_creates = found && found->creates;
    fs_unlock(fs);
    return found;
}

/* A handle of a node, with a reference: one that goes through the page cache, or when `any` any. */
static struct handle *handle_at(struct fs *fs, struct node *node, bool any)
{
    struct handle *handle;
    fs_lock(fs);
    LIST_FOREACH(handle, &node->handles, of_node)
        if (handle->cached || any)
            break;
    if (handle)
        handle->refs++;
    fs_unlock(fs);
    return handle;
}

/* See pin_published(). */
static bool becomes(struct fs *fs, struct node *node, pid_t tid, bool sized, const struct store_version *version)
{
    fs_lock(fs);
    bool bounced = stale_bounced_locked(fs, node->name, node, tid);
    bool unused = node_untouched_locked(node);
    if (bounced && unused)
        node->version = store_version_id(version);
    fs_unlock(fs);
    if (bounced && unused)
        node_disbelieve(fs, node);
    return bounced && (unused || !sized);
}

/*
 * Pins what is published at a node's name, if that is what the node stands for. For a thread that was bounced and has
 * come back too late again, whatever is published: a node that nobody has opened yet stands for that from now on; for
 * what is about its size (`sized`) there is nothing else, since the kernel must not take another version's for this
 * one's.
 */
static int pin_published(struct fs *fs, struct node *node, pid_t tid, bool sized, struct store_version **ret_version)
{
    struct spot spot;
    struct store_version *version;
    fs_lock(fs);
    bool gone = node->name->gone;
    uint64_t wanted = node->version;
    name_spot_locked(node->name, &spot);
    fs_unlock(fs);
    int result = gone ? -ESTALE : store_pin(fs->store, spot.dir, spot.text, 0, &version);
    if (result == 0 && store_version_id(version) != wanted && !becomes(fs, node, tid, sized, version)) {
        store_unpin(version);
        return -ESTALE;
    }
    if (result == 0)
        *ret_version = version;
    return result;
}

static struct hold *hold_at(struct fs *fs, struct node *node)
{
    fs_lock(fs);
    struct hold *hold = stale_hold_get_locked(node);
    fs_unlock(fs);
    return hold;
}

/* Does a thread have what the session writes open, by a descriptor of its own or an inherited one? */
static bool is_writing(struct fs *fs, const struct node *node, const struct write_session *session, pid_t tid,
                       bool in_doubt)
{
    if (process_same(tid, session->opener))
        return true;
    fs_lock(fs);
    uint64_t ino = node->told_ino;
    fs_unlock(fs);
    enum process_answer answer = process_has_file(tid, fs->mount_id, ino, !session->read_only);
    return answer == PROCESS_UNKNOWN ? in_doubt : answer != PROCESS_NO;
}

/* There is nothing for this thread here: the kernel looks once more, unless it has, or there is no name to look up. */
static int look_again(struct fs *fs, const struct node *node, pid_t tid)
{
    fs_lock(fs);
    bool last = node->name->gone || stale_bounced_locked(fs, node->name, node, tid);
    if (!last)
        stale_bounce_locked(fs, node->name, tid, true); /* for all we know it opens to truncate */
    fs_unlock(fs);
    return last ? -ENOENT : -ESTALE;
}

int target_find(struct fs *fs, struct node *node, pid_t tid, unsigned flags, struct target *ret_target)
{
    struct target target = {0};
    bool here, creates, sized = flags & TARGET_SIZED;
    struct write_session *session = session_at(fs, node, &here, &creates);
    bool shown = here && (creates || is_writing(fs, node, session, tid,
                                                sized || tid == 0)); /* a file in creation is to everybody */
    if (here && !shown && look_again(fs, node, tid) == -ESTALE) {
        write_session_put(fs, session);
        return -ESTALE;
    }

    if (shown || (here && sized))
        target.session = session;
    else if (!here && (target.handle = handle_at(fs, node, false)))
        ;
    else if (!here && (target.hold = hold_at(fs, node)))
        ;
    else if (pin_published(fs, node, tid, sized, &target.version) == 0)
        target.pinned = true;
    else if (here)
        target.session = session;
    else if ((target.handle = handle_at(fs, node, true)))
        ; /* a session's that was detached: what it wrote is still its own */
    else if (session)
        target.session = session;
    else
        return look_again(fs, node, tid);

    if (session && target.session != session)
        write_session_put(fs, session);
    if (target.session)
        target.version = target.session->version;
    else if (target.handle)
        target.version = target.handle->version;
    else if (target.hold)
        target.version = target.hold->version;
    *ret_target = target;
    return 0;
}

void target_release(struct fs *fs, struct target *target)
{
    if (target->session)
        write_session_put(fs, target->session);
    if (target->handle)
        handle_put(fs, target->handle);
    if (target->hold)
        stale_hold_put(fs, target->hold);
    if (target->pinned)
        store_unpin(target->version);
}

/* --- using --------------------------------------------------------------------------------------------- */

int target_entry(struct fs *fs, struct node *node, pid_t tid, struct entry *ret_entry)
{
    struct target target;
    if (node->kind == NODE_DIR)
        return store_dir(fs->store, node->ino, ret_entry);
    int result = target_find(fs, node, tid, 0, &target);
    if (result < 0)
        return result;
    result = store_version_entry(target.version, ret_entry);
    target_release(fs, &target);
    return result;
}

/* Passes the gates of a node's own place. */
static struct place node_place_begin(struct fs *fs, struct node *node)
{
    struct spot spot = {.dir = node->ino, .text = ""};
    if (node->name)
        name_spot(fs, node->name, &spot);
    return place_begin(fs, spot.dir, spot.text);
}

int target_change(struct fs *fs, struct node *node, pid_t tid, const struct entry_change *change)
{
    struct target target;
    int result = node->kind == NODE_DIR ? 0 : target_find(fs, node, tid, 0, &target);
    if (result < 0)
        return result;
    struct place place = node_place_begin(fs, node);
    if (node->kind == NODE_DIR)
        result = store_change_dir(fs->store, node->ino, change, NULL);
    else
        result = store_change(target.version, change);
    if (node->kind == NODE_DIR && result == -ENOENT)
        result = node_dir_change_removed(fs, node, change);
    place_end(fs, &place);
    if (node->kind == NODE_DIR)
        return result;
    if (result == 0 && change->set & ENTRY_SET_MODE) {
        fs_lock(fs);
        node_told_mode_locked(node, change->mode);
        fs_unlock(fs);
    }
    target_release(fs, &target);
    return result;
}

/* --- SETATTR ------------------------------------------------------------------------------------------- */

static int64_t ns_of(const struct timespec *at)
{
    int64_t ns;
    if (__builtin_mul_overflow((int64_t)at->tv_sec, 1000000000, &ns) ||
        __builtin_add_overflow(ns, (int64_t)at->tv_nsec, &ns))
        return at->tv_sec < 0 ? INT64_MIN : INT64_MAX; /* a row's times reach from 1677 to 2262 */
    return ns;
}

/* The change that libfuse's bits ask for, all but the size. */
static struct entry_change change_of(const struct stat *attr, int to_set)
{
    struct entry_change change = {0};
    int64_t now = clock_ns(CLOCK_REALTIME);
    if (to_set & FUSE_SET_ATTR_MODE) {
        change.set |= ENTRY_SET_MODE;
        change.mode = attr->st_mode & 07777;
    }
    if (to_set & FUSE_SET_ATTR_UID) {
        change.set |= ENTRY_SET_UID;
        change.uid = attr->st_uid;
    }
    if (to_set & FUSE_SET_ATTR_GID) {
        change.set |= ENTRY_SET_GID;
        change.gid = attr->st_gid;
    }
    if (to_set & FUSE_SET_ATTR_ATIME) {
        change.set |= ENTRY_SET_ATIME;
        change.atime_ns = to_set & FUSE_SET_ATTR_ATIME_NOW ? now : ns_of(&attr->st_atim);
    }
    if (to_set & FUSE_SET_ATTR_MTIME) {
        change.set |= ENTRY_SET_MTIME;
        change.mtime_ns = to_set & FUSE_SET_ATTR_MTIME_NOW ? now : ns_of(&attr->st_mtim);
    }
    if (to_set & FUSE_SET_ATTR_MTIME_NOW) /* what touch(1) sends: the lifetime starts anew */
        change.set |= ENTRY_RESTART;
    return change;
}

/* truncate(2): of the version the thread means. */
static int resize(struct fs *fs, struct node *node, pid_t tid, uint64_t size)
{
    struct target target;
    int result = target_find(fs, node, tid, 0, &target);
    if (result < 0)
        return result;
    struct place place = node_place_begin(fs, node);
    result = store_resize(target.version, size);
    place_end(fs, &place);
    if (target.session)
        write_session_wrote(fs, target.session, result);
    target_release(fs, &target);
    return result;
}

int target_setattr(struct fs *fs, struct node *node, pid_t tid, const struct stat *attr, int to_set,
                   const struct fuse_file_info *info, struct pages_order **ret_order)
{
    int result = 0;
    *ret_order = NULL;
    if (node_is_control(node))
        return -EPERM;
    if (to_set & FUSE_SET_ATTR_SIZE && node->kind != NODE_FILE)
        return node->kind == NODE_DIR ? -EISDIR : -EINVAL;
    if (to_set & FUSE_SET_ATTR_SIZE)
        result = info ? file_resize(fs, handle_of(info), (uint64_t)attr->st_size, ret_order)
                      : resize(fs, node, tid, (uint64_t)attr->st_size);
    struct entry_change change = change_of(attr, to_set);
    if (result == 0 && change.set)
        result = target_change(fs, node, tid, &change);
    if (result == 0)
        *ret_order = pages_outdated(fs, *ret_order, node, info ? handle_of(info) : NULL, false);
    else
        pages_change_cancel(*ret_order);
    return result;
}
