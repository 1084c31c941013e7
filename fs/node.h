/* SPDX-License-Identifier: MIT */
/*
 * node.h - names and nodes: which kernel inode stands for what.
 *
 * A *name* is a place (directory id, name) that the kernel or a writer knows. A *node* is one kernel inode. A file may
 * have several nodes over time, because the page cache, the size and the attributes belong to the kernel's inode: a
 * reader that goes through the page cache must have a node whose value never changes under it.
 *
 *     name --current--> node <-- handle, handle      what LOOKUP answers
 *          <---------- node <-- handle               replaced while it was open
 *          <---------- node <-- writer               a write session's, until it publishes; then the name's current
 *
 * Invariants. A debug build checks them after every request: of all nodes when they are few, else of some, in turn
 * (check.h).
 *
 *   | of            | holds                                                                                         |
 *   |---------------|-----------------------------------------------------------------------------------------------|
 *   | names         | what is gone is not in the table, has no current node and no listed session                   |
 *   |               | the current node is one of its own, and not reserved                                          |
 *   | nodes         | a file's stands for one version; another comes only with a write session, or by a late look   |
 *   |               | (target.c) or open (file.c), and never while it has handles                                   |
 *   |               | lives while the kernel knows it, a handle is open on it, a session began there or an order    |
 *   |               | (pages.h) names it                                                                            |
 *   |               | a reserved one has no handles                                                                 |
 *   |               | what one holds (stale.h) is the version it stands for                                         |
 *   |               | while pages are pushed it has one handle                                                      |
 *   | handles       | one that goes through the page cache is of its node's version                                 |
 *   |               | one of a session is of the session's version                                                  |
 *   |               | of the nodes of a version at most one has writers that go through the page cache              |
 *   | sessions      | a listed one is not published, and its node stands for its version                            |
 *   | directories   | names that are about to appear are some of those being created                                |
 *
 * Directories have one node each, found by directory id, and no name: the store finds a directory by its id.
 */
#ifndef LARDER_FS_NODE_H
#define LARDER_FS_NODE_H

#define FUSE_USE_VERSION 314
#include "state.h"

#include <fuse_lowlevel.h>
#include <sys/queue.h>
#include <uthash.h>

struct handle;
struct write_session;
struct hold;

struct name {
    uint64_t dir; /* with text: changes when it is renamed, under fs->lock and with the name busy */
    char *text; /* within key */
    uint8_t *key; /* dir and text in a row, for the table */
    unsigned refs; /* nodes, write sessions, notifications */
    bool gone; /* removed or replaced: what hangs on it has no place any more */
    bool busy; /* somebody is publishing, renaming or removing here, see name_lock() */
    bool notify_queued;
    enum {
        NAME_CALM,
        NAME_STIRRED,
        NAME_RESTLESS
    } unrest; /* other than CALM: the kernel is to believe nothing of it,
                   since it is replaced behind its back (ioctl.c); RESTLESS: and has forgotten what it did believe */
    unsigned reserved; /* of its nodes */
    struct node *current; /* what LOOKUP answers; NULL: makes a new one. Not counted in refs */
    LIST_HEAD(, write_session) sessions; /* not published yet */
    LIST_HEAD(, node) nodes;
    UT_hash_handle hh;
};

enum node_kind {
    NODE_DIR,
    NODE_FILE,
    NODE_SYMLINK,
    NODE_CONTROL_DIR, /* .larder; it and what follows belong to control.h and control_tags.h */
    NODE_CONTROL_FILE,
    NODE_CONTROL_TAGS, /* .larder/tags */
    NODE_CONTROL_TAG, /* a directory there */
    NODE_CONTROL_TAG_LINK, /* and in that */
};

struct node {
    enum node_kind kind; /* never changes */
    uint64_t ino; /* st_ino when it was made; a directory's id; never changes */
    struct name *name; /* files and links; never changes, what is in it does */
    uint64_t lookups; /* what the kernel will FORGET */
    /* --- below here fs->lock protects --- */
    uint32_t mode, uid, gid; /* as the kernel was told last */
    uint64_t size; /* likewise */
    uint64_t told_ino; /* st_ino, likewise: another one when a writer took the node, or two created its name */
    uint64_t version; /* which it stands for */
    uint64_t told_version, told_size; /* what the kernel takes its size for, and of which version; see pages.h */
    uint64_t pages_version; /* of which the kernel's page cache may hold pages; 0 of whatever */
    unsigned opens; /* through the page cache, ever */
    bool reserved; /* for a writer that was bounced, see stale.h; until it opens it */
    pid_t reserved_for; /* which thread; 0 one of another pid namespace */
    bool in_bounce; /* a slot of stale.h may point here */
    bool pushing; /* its pages are being filled, see pages.h */
    bool renewing; /* an order is telling the kernel what it shows, see pages.h */
    unsigned changing; /* orders under way that will have it forget them; each keeps it alive */
    struct hold *hold; /* on the version, for a while after it was replaced; see stale.h */
    int64_t hold_until_ns;
    TAILQ_ENTRY(node) of_held;
    struct stat *removed; /* directories: what stat shows of one that is about to be removed, or was; else NULL */
    unsigned creating; /* directories: names in it that are being created */
    LIST_HEAD(, write_session) appearing; /* of these, flushed and about to be released */
    int64_t doubtful_ns; /* directories: CLOCK_MONOTONIC, until when the kernel may believe old times */
    int64_t listed_ns; /* directories: CLOCK_MONOTONIC when a listing last told what may be believed; 0 never */
    unsigned sessions; /* write sessions that began here */
    LIST_HEAD(, handle) handles;
    LIST_ENTRY(node) of_name; /* files and links */
    LIST_ENTRY(node) all;
    UT_hash_handle hh; /* directories, in fs->dirs; tags and their links, in fs->tag_nodes */
};

/* The node of a request. */
static inline struct node *node_of(struct fs *fs, fuse_ino_t ino)
{
    return ino == FUSE_ROOT_ID ? fs->root : (struct node *)(uintptr_t)ino;
}

fuse_ino_t node_id(const struct fs *fs, const struct node *node);

/* Has nobody opened it yet, nor anything of it in hand, so that it may come to stand for another version? What the
 * kernel was told of its size must be taken back then: node_disbelieve(). */
static inline bool node_untouched_locked(const struct node *node)
{
    return LIST_EMPTY(&node->handles) && node->sessions == 0 && !node->hold && !node->changing &&
           node->pages_version == 0;
}

static inline bool node_is_control(const struct node *node)
{
    return node->kind >= NODE_CONTROL_DIR;
}

/* --- names --------------------------------------------------------------------------------------------- */

/* Where a name is, copied: another thread may move it. */
struct spot {
    uint64_t dir;
    char text[STORE_NAME_MAX + 1];
};
void name_spot_locked(const struct name *name, struct spot *ret_spot);
void name_spot(struct fs *fs, const struct name *name, struct spot *ret_spot);

/* Finds a name, or NULL. */
struct name *name_find_locked(struct fs *fs, uint64_t dir, const char *text);

/* Finds or makes a name and takes a reference; NULL when out of memory. */
struct name *name_get_locked(struct fs *fs, uint64_t dir, const char *text);

/* Lets a reference go. */
void name_put_locked(struct fs *fs, struct name *name);

/* Nothing is at this place any more: detaches the name and its write sessions from it. */
void name_gone_locked(struct fs *fs, struct name *name);

/* Moves a name to another place; whatever name is there is gone. -ENOMEM: nothing changed. */
int name_move_locked(struct fs *fs, struct name *name, uint64_t dir, const char *text);

/* Two names change places. */
void names_exchange_locked(struct fs *fs, struct name *one, struct name *other);

/* Makes the caller the only one to publish, rename or remove at a name; waits for others. */
void name_lock(struct fs *fs, struct name *name);
void name_lock_two(struct fs *fs, struct name *one, struct name *other);
void name_unlock(struct fs *fs, struct name *name);

/*
 * Waits for a write session here that was flushed and will be released in a moment: the kernel sends RELEASE without
 * waiting for its answer, and the closer's next call must already see what it wrote. Some milliseconds at most, or longer
 * while that is sure to come (write_session.c). Releases and takes the lock.
 */
void name_settle_locked(struct fs *fs, struct name *name);

/* The write session that is creating a file at this name, or NULL. */
struct write_session *name_creator_locked(struct name *name);

/* --- nodes --------------------------------------------------------------------------------------------- */

/* Makes a node for a file or link; takes a reference of the name. No lookup is counted yet. NULL: out of memory. */
struct node *node_new_locked(struct fs *fs, enum node_kind kind, uint64_t ino, uint64_t version, struct name *name);

/* Reserves a node for a thread's write session, or takes that back. */
void node_reserve_locked(struct node *node, pid_t tid);
void node_unreserve_locked(struct node *node);

/* The node of a directory, or NULL. */
struct node *node_dir_locked(struct fs *fs, uint64_t dir);

/* A directory is about to be removed: who has it open goes on seeing what stat shows of it. Does nothing when nobody knows
 * it. */
void node_dir_leaves(struct fs *fs, const struct entry *entry);

/* It was not removed after all. */
void node_dir_stays(struct fs *fs, uint64_t dir);

/* Changes mode, owner and times of a directory that was removed. 0, or -ENOENT when it was not. */
int node_dir_change_removed(struct fs *fs, struct node *node, const struct entry_change *change);

/* Something was published in a directory: has the kernel been told times of it that it may still believe, and that were
 * about to change? Then the caller has it ask again: node_disbelieve(). NULL: it has not. */
struct node *node_dir_doubted_locked(struct fs *fs, uint64_t dir);

/* Waits for names in a directory that are about to appear, as name_settle_locked(). */
void node_dir_settle(struct fs *fs, struct node *node);

/* The node that LOOKUP answers for an entry found at a place; `steady`: it is still there (state.h). NULL: out of
 * memory. */
struct node *node_for_entry_locked(struct fs *fs, uint64_t dir, const char *text, const struct entry *entry,
                                   bool steady);

/* Frees a node that neither the kernel nor a handle knows. The caller lets go of what is returned, without the lock. */
struct store_version *node_drop_unused_locked(struct fs *fs, struct node *node);

/* Mode of a file that was changed: of all nodes of its name. */
void node_told_mode_locked(struct node *node, uint32_t mode);

/* The kernel forgets `count` lookups. */
void node_forget(struct fs *fs, struct node *node, uint64_t count);

/* LOOKUP by thread `tid` (0: nobody's): finds what is at a name and fills the reply; a lookup of ret_entry->ino is
 * counted, unless it is 0, which is the cached answer "nothing there". Waits for sessions in flight. 0 or -errno. */
int node_lookup(struct fs *fs, struct node *parent, const char *text, pid_t tid, struct fuse_entry_param *ret_entry);

/* Fills the reply that makes a node known to the kernel, and counts the lookup. `steady`: the entry was not overtaken
 * (state.h). */
void node_reply_locked(struct fs *fs, struct node *node, const struct entry *entry, bool steady,
                       struct fuse_entry_param *ret_entry);

/* --- attributes for the kernel ------------------------------------------------------------------------- */

#define SHORT_SECONDS  0.01 /* a directory whose times are about to change: as long as one path walk takes */
#define MOMENT_SECONDS 1e-6 /* one tick of the kernel's clock: the rest of the call that is being answered */
#define LONG_SECONDS   86400.0 /* how long the kernel may believe what only we can change */

/* An entry as stat(2) shows it. `links` is st_nlink. */
void attr_fill(const struct entry *entry, unsigned links, struct stat *ret_stat);

/* Seconds for which the kernel may believe an entry: never past its deadline. */
double attr_timeout(const struct entry *entry);

/* The kernel no longer believes what it was told of a node's size and times, nor what is still on its way to it. For who
 * answers a request that holds the node. Not under fs->lock. */
void node_disbelieve(struct fs *fs, const struct node *node);

/* GETATTR of any node: what stat(2) of `node` shows to the thread `tid`, and for how long. */
int node_getattr(struct fs *fs, struct node *node, pid_t tid, struct stat *ret_stat, double *ret_timeout);

#endif
