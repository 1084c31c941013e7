/* SPDX-License-Identifier: MIT */
/*
 * open.c - OPEN and CREATE of files; see file.h for what a handle is, and stale.h for why an open may be told to look
 * again.
 */
#include "control.h"
#include "handles.h"
#include "metrics.h"
#include "notify.h"
#include "pages.h"
#include "place.h"
#include "process.h"
#include "stale.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

/* What the reply of an open tells the kernel. Readers' closes need no FLUSH. */
static void reply_handle(struct handle *handle, struct fuse_file_info *info)
{
    info->fh = (uint64_t)(uintptr_t)handle;
    info->direct_io = !handle->cached;
    info->keep_cache = handle->keeps_cache;
    info->noflush = !handle_writes(info->flags) && !handle->session;
}

/* --- OPEN ---------------------------------------------------------------------------------------------- */

/* One open under way. */
struct opening {
    struct node *node;
    struct name *name; /* what is at the place now: the node's name, or when that is gone another one. One reference */
    struct spot spot; /* where that is */
    pid_t tid;
    bool final; /* the kernel has looked twice: it must get an answer */
    struct fuse_file_info *info;
};

/* Waits for what is about to be released at the place. 0 or -ENOMEM. */
static int opening_begin(struct fs *fs, struct opening *opening)
{
    fs_lock(fs);
    struct name *name = opening->node->name;
    if (name->gone)
        name = name_get_locked(fs, name->dir, name->text);
    else
        name->refs++;
    if (name) {
        name_settle_locked(fs, name);
        name_spot_locked(name, &opening->spot);
        opening->final = stale_bounced_locked(fs, name, opening->node, opening->tid);
    }
    opening->name = name;
    fs_unlock(fs);
    return name ? 0 : -ENOMEM;
}

static void opening_end(struct fs *fs, struct opening *opening, int result)
{
    fs_lock(fs);
    if (result != -ESTALE)
        stale_answered_locked(fs, opening->spot.dir, opening->spot.text, opening->tid);
    name_put_locked(fs, opening->name);
    fs_unlock(fs);
}

static int bounce(struct fs *fs, const struct opening *opening, bool writer)
{
    fs_lock(fs);
    int result = stale_bounce_locked(fs, opening->name, opening->tid, writer);
    fs_unlock(fs);
    return result;
}

/* --- opening to write a new version -------------------------------------------------------------------- */

/*
 * May the kernel believe of a name something that would outlive its publish? When a write session begins on a node that
 * no LOOKUP of it has led to (but /proc/self/fd/N, or a name that was replaced meanwhile). And when the directory is
 * being listed: what a READDIRPLUS told may be taken up after the writer's LOOKUP, in place of what that found
 * (fuse_direntplus_link() in fs/fuse/readdir.c).
 */
static bool is_led_astray_locked(struct fs *fs, const struct opening *opening)
{
    const struct node *dir = node_dir_locked(fs, opening->name->dir);
    return opening->node->name != opening->name ||
           (dir && dir->listed_ns && clock_ns(CLOCK_MONOTONIC) - dir->listed_ns < BOUNCE_NS);
}

/* Has it ask again. */
static void disbelieve_name_locked(struct fs *fs, struct name *name)
{
    if (fs->notify)
        notify_name_locked(fs->notify, name);
}

/*
 * May a write session have this node? A fresh or reserved one, which nobody else knows; or the name's own, when nobody
 * has it open and nobody was bounced here lately: then the version that is there gets another node at the next LOOKUP.
 * *ret_cached: it may go through the page cache. 0 or -ESTALE.
 */
static int admit_writer_locked(struct fs *fs, const struct opening *opening, bool fresh, bool *ret_cached)
{
    struct node *node = opening->node;
    bool unused = LIST_EMPTY(&node->handles) && node->sessions == 1; /* which is the new one's */
    bool own = fresh || (node->reserved && node->reserved_for == opening->tid && unused);
    *ret_cached = true;
    if (own && !fresh && is_led_astray_locked(fs, opening))
        disbelieve_name_locked(fs, opening->name);
    if (own)
        return 0;
    if (unused && !node->name->gone && node->name->current == node && !stale_is_hot_locked(fs, node)) {
        node->name->current = NULL;
        return 0;
    }
    *ret_cached = false;
    if (!opening->final || !unused)
        return stale_bounce_locked(fs, opening->name, opening->tid, true);
    disbelieve_name_locked(fs, opening->name);
    return 0;
}

/* Opens a handle of a new session, unless the node may not be had after all. Takes `version` over. */
static int begin_session(struct fs *fs, const struct opening *opening, bool fresh, struct store_version *version,
                         bool creates)
{
    struct node *node = opening->node;
    struct write_session *session = write_session_new(fs, version, opening->name, node, opening->tid, creates);
    struct handle *handle = session ? handle_new(fs, node, version, opening->info->flags) : NULL;
    if (!handle) {
        if (session)
            write_session_put(fs, session);
        return -ENOMEM;
    }
    handle->session = session;
    session->read_only = !handle->writes;
    session->maps = handle->writes && handle->wants_pages;

    bool cached;
    struct store_version *held = NULL;
    fs_lock(fs);
    int result = admit_writer_locked(fs, opening, fresh, &cached);
    if (result == 0) {
        held = stale_unhold_locked(fs, node);
        node->version = store_version_id(version);
        node->pages_version = 0;
        handle_enter_locked(fs, handle, opening->name, cached);
        write_session_list_locked(fs, session);
    }
    fs_unlock(fs);
    store_unpin(held);
    if (result == 0)
        reply_handle(handle, opening->info);
    else
        handle_put(fs, handle);
    return result;
}

/* Stages a version at the place and begins its session. */
static int stage_session(struct fs *fs, const struct opening *opening, const struct maker *maker, bool creates)
{
    struct store_version *version;
    int result =
        store_stage(fs->store, opening->spot.dir, opening->spot.text, maker->mode, maker->uid, maker->gid, &version);
    return result < 0 ? result : begin_session(fs, opening, false, version, creates);
}

/* Owner and mode of what a writer makes where it expected to find a file: what whoever creates one there gave it, or
 * what the kernel was told of the one it found. False when the kernel should rather look again. */
static bool missing_maker(struct fs *fs, const struct opening *opening, struct maker *ret_maker)
{
    struct entry entry;
    const struct node *node = opening->node;
    fs_lock(fs);
    struct write_session *session = name_creator_locked(opening->name);
    if (session)
        session->refs++;
    *ret_maker = (struct maker){node->mode, node->uid, node->gid};
    fs_unlock(fs);
    if (!session)
        return opening->final;
    if (store_version_entry(session->version, &entry) == 0) {
        *ret_maker = (struct maker){entry.mode, entry.uid, entry.gid};
        entry_release(&entry);
    }
    write_session_put(fs, session);
    return true;
}

/* open(O_TRUNC) of what is there. */
static int open_staged(struct fs *fs, const struct opening *opening)
{
    struct entry entry;
    struct maker maker = {0};
    int result = store_lookup(fs->store, opening->spot.dir, opening->spot.text, &entry);
    if (result == -ENOENT) /* gone since the kernel looked: let it look again, and create */
        return missing_maker(fs, opening, &maker) ? stage_session(fs, opening, &maker, true)
                                                  : bounce(fs, opening, true);
    if (result < 0)
        return result;
    entry_release(&entry);
    return stage_session(fs, opening, &maker, false);
}

/* --- opening what is published ------------------------------------------------------------------------- */

/* Joins the session that is creating the name, if there is one. */
static bool join_creator(struct fs *fs, const struct opening *opening)
{
    struct handle *handle = NULL;
    struct node *node = opening->node;
    fs_lock(fs);
    pages_wait_locked(fs, node);
    struct write_session *session = name_creator_locked(opening->name);
    if (session && (handle = handle_new_locked(fs, node, session->version, opening->info->flags))) {
        handle->session = session;
        handle->joined = true;
        session->refs++;
        session->handles++;
        handle_enter_locked(fs, handle, opening->name,
                            session->node == node && node->version == store_version_id(session->version));
    }
    fs_unlock(fs);
    if (handle)
        reply_handle(handle, opening->info);
    return handle;
}

/* Nothing is published at the place. A reader: a miss, but one that should not stay in the kernel's memory as a hit. A
 * writer joins whoever creates it; else it was removed or evicted since the kernel found it, which should look again,
 * and create. */
static int open_missing(struct fs *fs, const struct opening *opening)
{
    struct maker maker;
    if (handle_writes(opening->info->flags)) {
        if (join_creator(fs, opening))
            return 0;
        if (!missing_maker(fs, opening, &maker))
            return bounce(fs, opening, true);
        int result = stage_session(fs, opening, &maker, true);
        fs_lock(fs);
        if (result == 0)
            handle_of(opening->info)->session->guessed = true;
        fs_unlock(fs);
        return result;
    }
    fs_lock(fs);
    bool miss = opening->final || name_creator_locked(opening->name);
    fs_unlock(fs);
    return miss ? -ENOENT : bounce(fs, opening, false);
}

/* A handle on a node that reads what is or was published, or NULL: of the version the node stands for, or when `any` of
 * whichever it has. */
static struct handle *sibling_locked(const struct node *node, bool any)
{
    struct handle *handle;
    LIST_FOREACH(handle, &node->handles, of_node)
        if ((any || store_version_id(handle->version) == node->version) &&
            (!handle->session || handle->session->published))
            break;
    return handle;
}

/* Pins what a sibling has open, if there is one. */
static bool pin_sibling(struct fs *fs, struct node *node, bool any, struct store_version **ret_version)
{
    fs_lock(fs);
    struct handle *handle = sibling_locked(node, any);
    if (handle)
        handle->refs++;
    fs_unlock(fs);
    if (!handle)
        return false;
    *ret_version = store_repin(handle->version);
    handle_put(fs, handle);
    return true;
}

/*
 * Pins what an open without O_TRUNC means: what the node stood for a moment ago, else what is published at the place.
 * Two opens mean what others have open on the node: one of /proc/self/fd/N, when the name is gone; and one that has
 * found this very node in its second LOOKUP, but comes too late for what is published now: for readers that is so
 * whatever the others read, since stat(2) of a descriptor does not say which.
 */
static int pin_meant(struct fs *fs, const struct opening *opening, struct store_version **ret_version)
{
    struct node *node = opening->node;
    int flags = opening->info->flags;
    bool reads = (flags & O_ACCMODE) != O_WRONLY;
    fs_lock(fs);
    struct hold *hold = handle_writes(flags) ? NULL : stale_hold_get_locked(node);
    bool gone = node->name->gone;
    uint64_t known = gone || node->name->busy ? 0 : node->version;
    fs_unlock(fs);
    if (hold) {
        *ret_version = store_repin(hold->version);
        stale_hold_put(fs, hold);
        return 0;
    }
    if ((gone || opening->final) && pin_sibling(fs, node, opening->final && !handle_writes(flags), ret_version))
        return 0;
    unsigned counts = reads ? STORE_HIT : 0;
    if (known && store_pin_version(fs->store, known, counts, ret_version) == 0)
        return 0; /* it is published, so it is here: nobody was moving it */
    return store_pin(fs->store, opening->spot.dir, opening->spot.text, counts, ret_version);
}

/* Is there by now something else that a reader means, which was not when pin_meant() looked? */
static bool means_other_locked(const struct opening *opening, uint64_t version)
{
    struct node *node = opening->node;
    if (!opening->final || handle_writes(opening->info->flags))
        return false;
    if (stale_holds_locked(node))
        return store_version_id(node->hold->version) != version;
    const struct handle *sibling = sibling_locked(node, true);
    return sibling && store_version_id(sibling->version) != version;
}

/*
 * What an open at last gets is another version than the one its node stands for. A node that nobody has opened yet
 * stands for that from now on, can be read through the page cache, and mapped.
 */
static bool node_becomes_locked(const struct opening *opening, uint64_t version)
{
    struct node *node = opening->node;
    if (!opening->final || node->name != opening->name || node->kind != NODE_FILE || !node_untouched_locked(node))
        return false;
    node->version = version;
    return true;
}

/* A reserved node that is opened without O_TRUNC is one like any other; and the name's own, unless that is in use. */
static void adopt_reserved_locked(struct node *node)
{
    const struct name *name = node->name;
    if (!name->gone && (!name->current || LIST_EMPTY(&name->current->handles)))
        node->name->current = node;
}

/*
 * Opens to read, or to write live, the version the node stands for. Else the kernel looks once more; when it has, and
 * it was replaced again, what is published is read past the page cache, and stat of the descriptor asks for its size.
 */
static int open_published(struct fs *fs, const struct opening *opening)
{
    struct store_version *version;
    struct node *node = opening->node;
    int result = pin_meant(fs, opening, &version);
    if (result == -ENOENT)
        return open_missing(fs, opening);
    if (result < 0)
        return result;
    struct handle *handle = handle_new(fs, node, version, opening->info->flags);
    if (!handle) {
        store_unpin(version);
        return -ENOMEM;
    }
    uint64_t id = store_version_id(version);
    /* What was replaced under its node stays with that, and with who else shows it; what is published goes by its name. */
    bool passed = node->name != opening->name, dead = passed && store_version_dead(version);
    struct name *name = dead ? node->name : opening->name;
    bool push = false;
    fs_lock(fs);
    pages_wait_locked(fs, node);
    bool same = node->version == id && node->name == name; /* and be it that its session has yet to be told */
    bool again = !same && means_other_locked(opening, id);
    if (same && node->reserved)
        adopt_reserved_locked(node);
    bool other = !same; /* than what the kernel was told of */
    struct store_version *expired = NULL;
    if (!same && !again) {
        expired = stale_holds_locked(node) ? NULL : stale_unhold_locked(fs, node);
        same = node_becomes_locked(opening, id);
    }
    if (again)
        result = -EAGAIN;
    else if (same || opening->final) {
        handle_enter_locked(fs, handle, name, same && (!handle->writes || pages_writable_locked(node, id)));
        push = pages_push_begin_locked(handle);
    } else
        result = stale_bounce_locked(fs, opening->name, opening->tid, false);
    fs_unlock(fs);
    store_unpin(expired);
    if (other && result == 0)
        node_disbelieve(fs, node);
    if (push)
        pages_push(fs, handle);
    if (result == 0)
        reply_handle(handle, opening->info);
    else
        handle_put(fs, handle);
    return again ? open_published(fs, opening) : result;
}

/*
 * Joins what the thread's own process is writing on this very node. The kernel has looked twice and come back to it, so
 * it follows no name but a descriptor: /dev/stdout, /proc/self/fd/N. 0, -ENOENT when there is no such thing, -errno.
 */
static int join_own(struct fs *fs, const struct opening *opening)
{
    struct handle *handle = NULL;
    struct node *node = opening->node;
    fs_lock(fs);
    const struct handle *sibling = node_writer_locked(node);
    if (sibling && (handle = handle_new_locked(fs, node, sibling->version, opening->info->flags))) {
        handle->session = sibling->session;
        handle->session->refs++;
        handle->session->handles++;
        handle_enter_locked(fs, handle, sibling->name, sibling->cached);
    }
    fs_unlock(fs);
    if (!handle)
        return sibling ? -ENOMEM : -ENOENT;
    int result = process_same(opening->tid, handle->session->opener) ? 0 : -ENOENT;
    if (result == 0 && opening->info->flags & O_TRUNC)
        write_session_wrote(fs, handle->session, result = store_resize(handle->version, 0));
    if (result == 0)
        reply_handle(handle, opening->info);
    else
        file_release(fs, handle);
    return result;
}

/* A get found something, or came too late: the name was there when the kernel looked. */
static void count_get(struct fs *fs, const struct opening *opening, int result)
{
    int flags = opening->info->flags;
    if ((flags & O_ACCMODE) == O_WRONLY || flags & O_TRUNC)
        return;
    if (result == 0)
        metrics_hit(fs, opening->spot.dir, opening->spot.text);
    else if (result == -ENOENT)
        metrics_miss(fs, opening->tid, opening->spot.dir, opening->spot.text);
}

/* `counts`: it is a get, and no part of a CREATE. */
static int open_node(struct fs *fs, struct node *node, pid_t tid, bool counts, struct fuse_file_info *info)
{
    if (node->kind != NODE_FILE)
        return node->kind == NODE_DIR ? -EISDIR : -ELOOP;
    struct opening opening = {.node = node, .tid = tid, .info = info};
    int result = opening_begin(fs, &opening);
    if (result < 0)
        return result;
    result = opening.final && handle_writes(info->flags) ? join_own(fs, &opening) : -ENOENT;
    if (result == -ENOENT)
        result = info->flags & O_TRUNC ? open_staged(fs, &opening) : open_published(fs, &opening);
    if (counts)
        count_get(fs, &opening, result);
    opening_end(fs, &opening, result);
    return result;
}

int file_open(struct fs *fs, struct node *node, pid_t tid, struct fuse_file_info *info)
{
    return open_node(fs, node, tid, true, info);
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
    struct node *node = name ? node_new_locked(fs, NODE_FILE, ino, 0, name) : NULL;
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
    *ret_entry = (struct fuse_entry_param){.ino = node_id(fs, node), .attr_timeout = MOMENT_SECONDS};
    attr_fill(&entry, 1, &ret_entry->attr);
    entry_release(&entry);
    fs_lock(fs);
    node->mode = maker->mode;
    fs_unlock(fs);

    struct opening opening = {.node = node, .name = node->name, .tid = tid, .info = info};
    result = begin_session(fs, &opening, true, version, creates);
    if (result < 0)
        node_forget(fs, node, 1);
    return result;
}

/* Creates, or opens, live: the empty file is published at once. */
static int create_live(struct fs *fs, struct node *parent, const char *text, uint32_t mode,
                       const struct fuse_ctx *caller, struct fuse_entry_param *ret_entry, struct fuse_file_info *info)
{
    int result = place_make_file(fs, parent, text, mode, caller, ret_entry);
    bool there = result == -EEXIST;
    if (there) {
        result = node_lookup(fs, parent, text, 0, ret_entry);
        if (result == 0 && ret_entry->ino == 0)
            result = -ESTALE;
    }
    if (result < 0)
        return result;
    struct node *node = node_of(fs, ret_entry->ino);
    result = open_node(fs, node, caller->pid, there, info);
    if (result < 0)
        node_forget(fs, node, 1);
    return result;
}

int file_create(struct fs *fs, struct node *parent, const char *text, uint32_t mode, const struct fuse_ctx *caller,
                struct fuse_entry_param *ret_entry, struct fuse_file_info *info)
{
    fs_lock(fs);
    stale_answered_locked(fs, parent->ino, text,
                          caller->pid); /* it was bounced, looked again, and found that there is nothing */
    fs_unlock(fs);
    struct maker maker;
    if (node_is_control(parent) || control_is_root_name(fs, parent, text))
        return -EPERM;
    if (strlen(text) > STORE_NAME_MAX)
        return -ENAMETOOLONG;
    metrics_makes(fs, caller->pid, parent->ino, text);
    int there = check_vacant(fs, parent, text, info->flags);
    if (there < 0)
        return there;
    if (!(info->flags & (O_EXCL | O_TRUNC)))
        return create_live(fs, parent, text, mode, caller, ret_entry, info);
    int result = place_maker(fs, parent, mode, caller, &maker);
    return result < 0 ? result : create_staged(fs, parent, text, &maker, there == 0, caller->pid, ret_entry, info);
}
