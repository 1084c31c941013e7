/* SPDX-License-Identifier: MIT */
/* node.c - see node.h. */
#include "node.h"
#include "control.h"
#include "control_tags.h"
#include "file.h"
#include "metrics.h"
#include "pages.h"
#include "stale.h"
#include "target.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define SETTLE_NS 100000000LL /* how long listing a directory waits for what is about to appear */
#define BUSY_NS   2000000LL /* how long a LOOKUP waits for a publish, which may be waiting for room */
#define EARLY_MS  20 /* kernel timeouts count in ticks of up to 10 ms: end this much before the deadline */

/* --- names --------------------------------------------------------------------------------------------- */

/* The table's key of a place: the directory id and the name behind it. */
static size_t key_write(uint64_t dir, const char *text, uint8_t *key)
{
    size_t size = strlen(text);
    memcpy(key, &dir, sizeof dir);
    memcpy(key + sizeof dir, text, size + 1);
    return sizeof dir + size;
}

uint64_t place_hash(uint64_t dir, const char *text)
{
    uint64_t hash = dir * 0x9e3779b97f4a7c15u;
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 0x100000001b3u;
    return hash ^ hash >> 32;
}

void name_spot_locked(const struct name *name, struct spot *ret_spot)
{
    ret_spot->dir = name->dir;
    strcpy(ret_spot->text, name->text);
}

void name_spot(struct fs *fs, const struct name *name, struct spot *ret_spot)
{
    fs_lock(fs);
    name_spot_locked(name, ret_spot);
    fs_unlock(fs);
}

struct name *name_find_locked(struct fs *fs, uint64_t dir, const char *text)
{
    uint8_t key[sizeof dir + STORE_NAME_MAX + 1];
    if (strlen(text) > STORE_NAME_MAX)
        return NULL;
    size_t size = key_write(dir, text, key);
    struct name *name;
    HASH_FIND(hh, fs->names, key, size, name);
    return name;
}

static void name_enter_locked(struct fs *fs, struct name *name, uint64_t dir, uint8_t *key, size_t size)
{
    name->dir = dir;
    name->key = key;
    name->text = (char *)key + sizeof dir;
    HASH_ADD_KEYPTR(hh, fs->names, name->key, size, name);
}

struct name *name_get_locked(struct fs *fs, uint64_t dir, const char *text)
{
    struct name *name = name_find_locked(fs, dir, text);
    if (!name) {
        uint8_t *key = malloc(sizeof dir + strlen(text) + 1);
        name = calloc(1, sizeof *name);
        if (!name || !key) {
            free(name);
            free(key);
            return NULL;
        }
        LIST_INIT(&name->sessions);
        LIST_INIT(&name->nodes);
        name_enter_locked(fs, name, dir, key, key_write(dir, text, key));
    }
    name->refs++;
    return name;
}

void name_put_locked(struct fs *fs, struct name *name)
{
    if (!name || --name->refs > 0)
        return;
    assert(LIST_EMPTY(&name->sessions) && !name->current);
    if (!name->gone)
        HASH_DEL(fs->names, name);
    free(name->key);
    free(name);
}

void name_gone_locked(struct fs *fs, struct name *name)
{
    struct write_session *session;
    while ((session = LIST_FIRST(&name->sessions)))
        write_session_unlist_locked(fs, session);
    if (name->gone)
        return;
    HASH_DEL(fs->names, name);
    name->gone = true;
    name->current = NULL;
}

int name_move_locked(struct fs *fs, struct name *name, uint64_t dir, const char *text)
{
    uint8_t *key = malloc(sizeof dir + strlen(text) + 1);
    if (!key)
        return -ENOMEM;
    struct name *target = name_find_locked(fs, dir, text);
    if (target && target != name)
        name_gone_locked(fs, target);
    HASH_DEL(fs->names, name);
    free(name->key);
    name_enter_locked(fs, name, dir, key, key_write(dir, text, key));
    return 0;
}

void names_exchange_locked(struct fs *fs, struct name *one, struct name *other)
{
    uint64_t dir = one->dir, other_dir = other->dir;
    uint8_t *key = one->key, *other_key = other->key;
    HASH_DEL(fs->names, one);
    HASH_DEL(fs->names, other);
    name_enter_locked(fs, one, other_dir, other_key, sizeof dir + strlen((char *)other_key + sizeof dir));
    name_enter_locked(fs, other, dir, key, sizeof dir + strlen((char *)key + sizeof dir));
}

void name_lock(struct fs *fs, struct name *name)
{
    fs_lock(fs);
    while (name->busy)
        fs_wait_locked(fs);
    name->busy = true;
    fs_unlock(fs);
}

void name_lock_two(struct fs *fs, struct name *one, struct name *other)
{
    fs_lock(fs);
    while (one->busy || other->busy) /* takes both or neither, so that no order is needed */
        fs_wait_locked(fs);
    one->busy = other->busy = true;
    fs_unlock(fs);
}

void name_unlock(struct fs *fs, struct name *name)
{
    fs_lock(fs);
    name->busy = false;
    pthread_cond_broadcast(&fs->changed);
    fs_unlock(fs);
}

/* Until when to wait for a session of this name to be released; 0 when there is none to wait for. */
static int64_t settle_deadline_locked(const struct name *name, int64_t now)
{
    const struct write_session *session;
    LIST_FOREACH(session, &name->sessions, of_name)
        if (session->settles_ns > now)
            return session->settles_ns;
    return 0;
}

/* One that should have been released by now, or NULL. */
static struct write_session *overdue_locked(const struct name *name)
{
    struct write_session *session;
    LIST_FOREACH(session, &name->sessions, of_name)
        if (session->settles_ns)
            break;
    return session;
}

void name_settle_locked(struct fs *fs, struct name *name)
{
    struct write_session *overdue;
    int64_t until;
    name->refs++;
    do {
        while ((until = settle_deadline_locked(name, clock_ns(CLOCK_MONOTONIC))))
            fs_wait_until_locked(fs, until);
        overdue = overdue_locked(name);
    } while (overdue && write_session_await_locked(fs, overdue));
    name_put_locked(fs, name);
}

struct write_session *name_creator_locked(struct name *name)
{
    struct write_session *session;
    LIST_FOREACH(session, &name->sessions, of_name)
        if (session->creates)
            return session;
    return NULL;
}

/* --- nodes --------------------------------------------------------------------------------------------- */

fuse_ino_t node_id(const struct fs *fs, const struct node *node)
{
    return node == fs->root ? FUSE_ROOT_ID : (fuse_ino_t)(uintptr_t)node;
}

struct node *node_new_locked(struct fs *fs, enum node_kind kind, uint64_t ino, uint64_t version, struct name *name)
{
    struct node *node = calloc(1, sizeof *node);
    if (!node)
        return NULL;
    node->kind = kind;
    node->ino = node->told_ino = ino;
    node->version = version;
    node->name = name;
    if (name) {
        name->refs++;
        LIST_INSERT_HEAD(&name->nodes, node, of_name);
    }
    LIST_INIT(&node->handles);
    LIST_INIT(&node->appearing);
    fs->node_count++;
    LIST_INSERT_HEAD(&fs->nodes, node, all);
    return node;
}

void node_reserve_locked(struct node *node, pid_t tid)
{
    node->name->reserved += !node->reserved;
    node->reserved = true;
    node->reserved_for = tid;
}

void node_unreserve_locked(struct node *node)
{
    if (node->reserved)
        node->name->reserved--;
    node->reserved = false;
}

struct node *node_dir_locked(struct fs *fs, uint64_t dir)
{
    struct node *node = fs->root;
    if (dir != fs->root->ino)
        HASH_FIND(hh, fs->dirs, &dir, sizeof dir, node);
    return node;
}

void node_dir_settle(struct fs *fs, struct node *node)
{
    struct write_session *first;
    fs_lock(fs);
    do {
        int64_t until = clock_ns(CLOCK_MONOTONIC) + SETTLE_NS;
        while ((first = LIST_FIRST(&node->appearing)) && fs_wait_until_locked(fs, until))
            ;
    } while (first && write_session_await_locked(fs, first));
    fs_unlock(fs);
}

/* Finds or makes it. */
static struct node *dir_node_locked(struct fs *fs, uint64_t ino)
{
    struct node *node = node_dir_locked(fs, ino);
    if (!node && (node = node_new_locked(fs, NODE_DIR, ino, 0, NULL)))
        HASH_ADD(hh, fs->dirs, ino, sizeof node->ino, node);
    return node;
}

/* The node of a name that stands for a version already, other than a reserved one. */
static struct node *node_of_version_locked(struct name *name, enum node_kind kind, uint64_t version)
{
    struct node *node;
    LIST_FOREACH(node, &name->nodes, of_name)
        if (node->kind == kind && node->version == version && !node->reserved)
            break;
    return node;
}

struct node *node_for_entry_locked(struct fs *fs, uint64_t dir, const char *text, const struct entry *entry,
                                   bool steady)
{
    if (entry->kind == ENTRY_DIR)
        return dir_node_locked(fs, entry->ino);
    enum node_kind kind = entry->kind == ENTRY_FILE ? NODE_FILE : NODE_SYMLINK;
    struct name *name = name_get_locked(fs, dir, text);
    if (!name)
        return NULL;
    struct node *node = node_of_version_locked(name, kind, entry->version);
    if (!node)
        node = node_new_locked(fs, kind, entry->ino, entry->version, name);
    if (node && (steady || !name->current))
        name->current = node;
    name_put_locked(fs, name);
    return node;
}

struct store_version *node_drop_unused_locked(struct fs *fs, struct node *node)
{
    if (node == fs->root || node_is_control(node) || node->lookups > 0 || node->sessions > 0 || node->changing > 0 ||
        !LIST_EMPTY(&node->handles))
        return NULL;
    if (node->kind == NODE_DIR) {
        HASH_DEL(fs->dirs, node);
        free(node->removed);
    }
    if (node->name) {
        node_unreserve_locked(node);
        LIST_REMOVE(node, of_name);
        if (node->name->current == node)
            node->name->current = NULL;
    }
    stale_node_freed_locked(fs, node);
    struct store_version *held = stale_unhold_locked(fs, node);
    name_put_locked(fs, node->name);
    if (fs->checked == node)
        fs->checked = LIST_NEXT(node, all);
    if (fs->doubted == node)
        fs->doubted = LIST_NEXT(node, all);
    LIST_REMOVE(node, all);
    fs->node_count--;
    free(node);
    return held;
}

void node_told_mode_locked(struct node *node, uint32_t mode)
{
    struct node *each;
    node->mode = mode;
    LIST_FOREACH(each, &node->name->nodes, of_name)
        each->mode = mode;
}

void node_forget(struct fs *fs, struct node *node, uint64_t count)
{
    struct store_version *held = NULL;
    fs_lock(fs);
    if (node_is_control(node)) {
        control_tags_forget_locked(fs, node, count);
    } else if (node != fs->root) {
        assert(node->lookups >= count);
        node->lookups -= count;
        held = node_drop_unused_locked(fs, node);
    }
    fs_unlock(fs);
    store_unpin(held);
}

/* --- attributes for the kernel ------------------------------------------------------------------------- */

static struct timespec timespec_of(int64_t ns)
{
    struct timespec at = {ns / 1000000000, ns % 1000000000};
    if (at.tv_nsec < 0) {
        at.tv_sec--;
        at.tv_nsec += 1000000000;
    }
    return at;
}

void attr_fill(const struct entry *entry, unsigned links, struct stat *ret_stat)
{
    static const mode_t types[] = {[ENTRY_FILE] = S_IFREG, [ENTRY_DIR] = S_IFDIR, [ENTRY_SYMLINK] = S_IFLNK};
    *ret_stat = (struct stat){
        .st_ino = entry->ino,
        .st_mode = types[entry->kind] | entry->mode,
        .st_nlink = links,
        .st_uid = entry->uid,
        .st_gid = entry->gid,
        .st_size = (off_t)entry->size,
        .st_blocks = (blkcnt_t)((entry->size + 511) / 512), /* fewer would look like holes to cp and tar */
        .st_blksize = 4096,
        .st_atim = timespec_of(entry->atime_ns),
        .st_mtim = timespec_of(entry->mtime_ns),
        .st_ctim = timespec_of(entry->ctime_ns),
    };
}

double attr_timeout(const struct entry *entry)
{
    int64_t deadline = entry_deadline_ms(entry);
    if (deadline == INT64_MAX)
        return LONG_SECONDS;
    double left = (double)(deadline - EARLY_MS) / 1e3 - (double)clock_ns(CLOCK_REALTIME) / 1e9;
    return left <= 0 ? 0 : left < LONG_SECONDS ? left : LONG_SECONDS;
}

/*
 * May the kernel believe that a name means a node, and what that shows? Not while somebody writes here, or is about to
 * open a node that was reserved: its LOOKUP has replaced what the kernel believed before, and when it publishes nothing
 * else must be believed again.
 */
static bool node_settled_locked(const struct node *node)
{
    if (node->kind == NODE_DIR)
        return node->creating == 0; /* a publish will change its times */
    const struct name *name = node->name;
    return name->current == node && name->unrest == NAME_CALM && LIST_EMPTY(&name->sessions) && name->reserved == 0 &&
           !node->changing;
}

/*
 * For how long it may believe what a node shows, in seconds. Where the name may come to mean another node in a moment,
 * this one still stands for one published version: so much for the rest of the call that found it, which would have to
 * ask twice more, for the mode and at the end of what it reads. 0, and not a little, where somebody writes: of two
 * replies on their way the kernel believes the one it takes up first, and drops the newer one. Not believing either, it
 * asks once more where a read meets the end.
 */
static double node_believed_locked(struct node *node, bool steady, double believe)
{
    bool settled = steady && node_settled_locked(node);
    if (node->kind == NODE_DIR && !settled)
        node->doubtful_ns = clock_ns(CLOCK_MONOTONIC) + (int64_t)(SHORT_SECONDS * 1e9);
    if (node->kind == NODE_DIR)
        return settled ? believe : SHORT_SECONDS;
    if (!steady || node->sessions > 0 || node->changing)
        return 0;
    return settled || believe < MOMENT_SECONDS ? believe : MOMENT_SECONDS;
}

struct node *node_dir_doubted_locked(struct fs *fs, uint64_t dir)
{
    struct node *node = node_dir_locked(fs, dir);
    if (!node || node->doubtful_ns < clock_ns(CLOCK_MONOTONIC))
        return NULL;
    node->doubtful_ns = 0;
    return node;
}

void node_disbelieve(struct fs *fs, const struct node *node)
{
    /* From -1: attributes alone. It waits for no page, and raises the inode's attr_version, by which the kernel drops
     * answers to what was asked before (fuse_reverse_inval_inode() in fs/fuse/inode.c). */
    fuse_lowlevel_notify_inval_inode(fs->fuse, node_id(fs, node), -1, 0);
}

/* --- LOOKUP -------------------------------------------------------------------------------------------- */

void node_reply_locked(struct fs *fs, struct node *node, const struct entry *entry, bool steady,
                       struct fuse_entry_param *ret_entry)
{
    bool settled = steady && node_settled_locked(node);
    double believe = attr_timeout(entry);
    node->lookups++;
    node->mode = entry->mode;
    node->uid = entry->uid;
    node->gid = entry->gid;
    node->size = entry->size;
    node->told_ino = entry->ino;
    ret_entry->ino = node_id(fs, node);
    ret_entry->attr_timeout = node_believed_locked(node, steady, believe);
    ret_entry->entry_timeout = settled || (node->kind == NODE_DIR && steady) ? believe : 0;
    attr_fill(entry, 1, &ret_entry->attr);
    ret_entry->attr.st_size = (off_t)pages_tell_size_locked(fs, node, entry->size);
}

/* Answers a name that is being created with its writer's node; false when nobody creates it (any more). */
static bool lookup_creating(struct fs *fs, uint64_t dir, const char *text, pid_t tid,
                            struct fuse_entry_param *ret_entry)
{
    struct entry entry;
    fs_lock(fs);
    struct name *name = name_find_locked(fs, dir, text);
    struct write_session *session = name ? name_creator_locked(name) : NULL;
    if (session)
        session->refs++;
    fs_unlock(fs);
    if (!session)
        return false;

    bool there = false;
    if (store_version_entry(session->version, &entry) == 0) {
        fs_lock(fs);
        there = session->listed;
        struct node *node = there ? stale_reserve_locked(fs, dir, text, &entry, tid) : NULL;
        if (!node)
            node = session->node;
        if (there) {
            stale_found_locked(fs, dir, text, node, tid);
            node_reply_locked(fs, node, &entry, false, ret_entry);
        }
        fs_unlock(fs);
        entry_release(&entry);
    }
    write_session_put(fs, session);
    return there;
}

/* Nothing is there. The kernel may remember that, unless it is changing just now, or somebody is about to set it on a
 * node that was found before: whatever else creates it goes through the kernel. */
static int lookup_missing(struct fs *fs, uint64_t dir, const char *text, bool steady,
                          struct fuse_entry_param *ret_entry)
{
    fs_lock(fs);
    const struct name *name = name_find_locked(fs, dir, text);
    bool in_doubt = name && (name->reserved > 0 || !LIST_EMPTY(&name->sessions));
    fs_unlock(fs);
    ret_entry->entry_timeout = LONG_SECONDS;
    return steady && !in_doubt ? 0 : -ENOENT;
}

/* Waits, some milliseconds at most, until nobody publishes, moves or removes at a place, or is about to. */
static void lookup_settle(struct fs *fs, uint64_t dir, const char *text)
{
    fs_lock(fs);
    struct name *name = name_find_locked(fs, dir, text);
    if (name) {
        name->refs++;
        name_settle_locked(fs, name);
        int64_t until = clock_ns(CLOCK_MONOTONIC) + BUSY_NS;
        while (name->busy && fs_wait_until_locked(fs, until))
            ;
        name_put_locked(fs, name);
    }
    fs_unlock(fs);
}

/*
 * Reads what is at a place. *ret_noted: what its gate showed before. An answer that was overtaken would make a node for
 * a version that is gone, and its open would have to look again; so this tries some times to get one that was not.
 */
static int lookup_steadily(struct fs *fs, uint64_t dir, const char *text, struct entry *ret_entry, uint64_t *ret_noted)
{
    enum { TRIES = 4 };
    unsigned gate = gate_of(dir, text);
    for (int try = 1;; try++) {
        lookup_settle(fs, dir, text);
        *ret_noted = gate_note(fs, gate);
        int result = store_lookup(fs->store, dir, text, ret_entry);
        if (gate_steady(fs, gate, *ret_noted) || try == TRIES)
            return result;
        if (result == 0)
            entry_release(ret_entry);
    }
}

int node_lookup(struct fs *fs, struct node *parent, const char *text, pid_t tid, struct fuse_entry_param *ret_entry)
{
    struct entry entry;
    unsigned gate = gate_of(parent->ino, text);
    uint64_t noted;
    *ret_entry = (struct fuse_entry_param){0};

    int result = lookup_steadily(fs, parent->ino, text, &entry, &noted);
    if (result == -ENOENT && lookup_creating(fs, parent->ino, text, tid, ret_entry))
        return 0;
    if (result == -ENOENT) {
        metrics_miss(fs, tid, parent->ino, text);
        return lookup_missing(fs, parent->ino, text, gate_steady(fs, gate, noted), ret_entry);
    }
    if (result < 0)
        return result;

    fs_lock(fs);
    struct node *node = entry.kind == ENTRY_FILE ? stale_reserve_locked(fs, parent->ino, text, &entry, tid) : NULL;
    bool steady = gate_steady(fs, gate, noted);
    if (!node)
        node = node_for_entry_locked(fs, parent->ino, text, &entry, steady);
    if (node && entry.kind == ENTRY_FILE)
        stale_found_locked(fs, parent->ino, text, node, tid);
    if (node)
        node_reply_locked(fs, node, &entry, steady, ret_entry);
    fs_unlock(fs);
    entry_release(&entry);
    return node ? 0 : -ENOMEM;
}

/* --- directories that are removed ------------------------------------------------------------------------- */

void node_dir_leaves(struct fs *fs, const struct entry *entry)
{
    struct stat *stat = malloc(sizeof *stat); /* without memory it is gone at once */
    if (!stat)
        return;
    attr_fill(entry, 0, stat);
    clock_gettime(CLOCK_REALTIME, &stat->st_ctim);
    fs_lock(fs);
    struct node *node = node_dir_locked(fs, entry->ino);
    if (node && !node->removed) {
        node->removed = stat;
        stat = NULL;
    }
    fs_unlock(fs);
    free(stat);
}

void node_dir_stays(struct fs *fs, uint64_t dir)
{
    fs_lock(fs);
    struct node *node = node_dir_locked(fs, dir);
    if (node) {
        free(node->removed);
        node->removed = NULL;
    }
    fs_unlock(fs);
}

int node_dir_change_removed(struct fs *fs, struct node *node, const struct entry_change *change)
{
    fs_lock(fs);
    struct stat *stat = node->removed;
    if (stat && change->set & ENTRY_SET_MODE)
        stat->st_mode = S_IFDIR | change->mode;
    if (stat && change->set & ENTRY_SET_UID)
        stat->st_uid = change->uid;
    if (stat && change->set & ENTRY_SET_GID)
        stat->st_gid = change->gid;
    if (stat && change->set & ENTRY_SET_ATIME)
        stat->st_atim = timespec_of(change->atime_ns);
    if (stat && change->set & ENTRY_SET_MTIME)
        stat->st_mtim = timespec_of(change->mtime_ns);
    if (stat)
        clock_gettime(CLOCK_REALTIME, &stat->st_ctim);
    fs_unlock(fs);
    return stat ? 0 : -ENOENT;
}

/* What stat shows of a directory that the store has no more. 0 or -ENOENT. */
static int removed_getattr(struct fs *fs, const struct node *node, struct stat *ret_stat, double *ret_timeout)
{
    fs_lock(fs);
    bool removed = node->removed;
    if (removed)
        *ret_stat = *node->removed;
    fs_unlock(fs);
    *ret_timeout = 0;
    return removed ? 0 : -ENOENT;
}

/* --- GETATTR ------------------------------------------------------------------------------------------- */

static int dir_getattr(struct fs *fs, struct node *node, struct stat *ret_stat, double *ret_timeout)
{
    struct entry entry;
    unsigned gate = gate_of(node->ino, "");
    node_dir_settle(fs, node);
    uint64_t noted = gate_note(fs, gate);
    int result = store_dir(fs->store, node->ino, &entry);
    if (result == -ENOENT)
        return removed_getattr(fs, node, ret_stat, ret_timeout);
    if (result < 0)
        return result;
    attr_fill(&entry, 1, ret_stat);
    entry_release(&entry);
    fs_lock(fs);
    *ret_timeout = node_believed_locked(node, gate_steady(fs, gate, noted), LONG_SECONDS);
    fs_unlock(fs);
    return 0;
}

/* There is no version any more that the node could show: what the kernel was told last. It may be in the middle of an
 * open, which decides by itself, and needs an answer to check permissions with. */
static void last_getattr(struct fs *fs, struct node *node, struct stat *ret_stat, double *ret_timeout)
{
    fs_lock(fs);
    struct entry last = {
        .kind = node->kind == NODE_FILE ? ENTRY_FILE : ENTRY_SYMLINK,
        .ino = node->told_ino,
        .mode = node->mode,
        .uid = node->uid,
        .gid = node->gid,
        .size = node->size,
    };
    fs_unlock(fs);
    attr_fill(&last, 0, ret_stat);
    *ret_timeout = 0;
}

int node_getattr(struct fs *fs, struct node *node, pid_t tid, struct stat *ret_stat, double *ret_timeout)
{
    struct target target;
    struct entry entry;
    if (node_is_control(node))
        return control_getattr(fs, node, ret_stat, ret_timeout);
    if (node->kind == NODE_DIR)
        return dir_getattr(fs, node, ret_stat, ret_timeout);

    struct spot spot;
    name_spot(fs, node->name, &spot);
    unsigned gate = gate_of(spot.dir, spot.text);
    uint64_t noted = gate_note(fs, gate);
    int result = target_find(fs, node, tid, TARGET_SIZED, &target);
    if (result == -ENOENT) {
        last_getattr(fs, node, ret_stat, ret_timeout);
        return 0;
    }
    if (result < 0)
        return result;
    result = store_version_entry(target.version, &entry);
    if (result == 0) {
        bool dead = store_version_dead(target.version);
        fs_lock(fs);
        bool steady = !target.session && !dead && gate_steady(fs, gate, noted);
        *ret_timeout = node_believed_locked(node, steady, attr_timeout(&entry));
        attr_fill(&entry, node->name->gone ? 0 : 1, ret_stat);
        node->told_ino = entry.ino;
        ret_stat->st_size = (off_t)pages_tell_size_locked(fs, node, entry.size);
        fs_unlock(fs);
        entry_release(&entry);
    }
    target_release(fs, &target);
    return result;
}
