/* SPDX-License-Identifier: MIT */
/*
 * state.h - what the parts of one mounted file system share: struct fs, its lock, and the gates that tell an answer
 * read from the store apart from one that a change has overtaken. Private to fs/.
 *
 * Lock order: name_lock() (one name's busy flag; of two names in the order of name_lock_two()) before fs->lock, and
 * fs->lock last of all. No function of the store is called with fs->lock held: a store call may wait for eviction, and
 * eviction reports to fs_gone(), which takes it. Nor is a reply sent or a notification made under it. The locks of
 * events.h, metrics.h and hotkeys.h are apart from all these: nothing is called with one held but what they say.
 */
#ifndef LARDER_FS_STATE_H
#define LARDER_FS_STATE_H

#include "clock.h"
#include "fs.h"
#include "requests.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>
#include <time.h>

struct fuse_session;
struct session;
struct name;
struct node;
struct notify;
struct metrics;
struct events;
struct fsck;

enum { GATES = 1024, BOUNCES = 2048 };

/* A thread that was told to look again, see stale.h. Threads of other pid namespaces have no number here, 0: all of
 * those are one, at each place. */
struct bounce {
    pid_t tid;
    bool writer;
    uint64_t place; /* where it was bounced, later where it looked again */
    int64_t until_ns; /* CLOCK_MONOTONIC; 0 nobody */
    struct node *node; /* reserved for it, or NULL */
    const struct node *found; /* by its last LOOKUP, or NULL; only compared, since it may be freed */
    TAILQ_ENTRY(bounce) by_time; /* in fs->bounced, unless nobody */
};

struct fs {
    const struct mount_options *options;
    struct store *store; /* set once, before the first request */
    struct notify *notify; /* set once, likewise; NULL while nothing is mounted */
    struct fuse_session *fuse; /* set once, likewise */
    struct session *session; /* set once, likewise */
    const char *transport; /* what it is called; set once, likewise */
    uint64_t mount_id; /* as statx tells it; 0 not known. Set once, likewise */
    struct node *root;
    struct node *control; /* the nodes of .larder, an array; see control.h */
    struct node *tags; /* the node of .larder/tags; see control_tags.h */
    int64_t started_ns; /* CLOCK_REALTIME at fs_new() */
    struct metrics *metrics; /* constant; see metrics.h */
    struct events *events; /* constant; see events.h */
    struct requests requests;

    struct {
        atomic_uint_fast64_t begun, ended;
    } gates[GATES];

    pthread_mutex_t lock;
    pthread_cond_t changed; /* a write session ended or a name stopped being busy; CLOCK_MONOTONIC */
    /* --- below here fs->lock protects ---------------------------------------------------------------- */
    struct name *names; /* by directory id and name (uthash) */
    struct node *dirs; /* directories' nodes by id (uthash) */
    struct node *tag_nodes; /* what is in .larder/tags, by version and tag (uthash) */
    LIST_HEAD(, node) nodes; /* all but the root and .larder's */
    LIST_HEAD(, dir_handle) dir_handles;
    LIST_HEAD(, control_text) control_texts;
    LIST_HEAD(, backup) backups; /* open, see backup.h */
    unsigned backup_count;
    struct fsck *fsck; /* the one check under way, or NULL; see fsck.h */
    TAILQ_HEAD(, node) held; /* nodes that hold a replaced version, oldest first; see stale.h */
    uint64_t held_bytes; /* by them */
    struct bounce bounces[BOUNCES]; /* by thread */
    TAILQ_HEAD(, bounce) bounced; /* those of them that are, by time */
    struct node *checked; /* where check.h goes on */
    struct node *doubted; /* where notify.c goes on to look what was invalidated; NULL: nowhere */
    unsigned node_count;
    unsigned handle_count;
    LIST_HEAD(, handle) spare_handles; /* closed, to be used again; see handles.h */
    unsigned spare_handle_count;
    LIST_HEAD(, pages_order) orders; /* under way, see pages.h */
    uint64_t order_count; /* of all there have been */
    unsigned forgetting; /* threads that carry them out */
    bool ending; /* the mount is gone: no more of these */
};

static inline void fs_lock(struct fs *fs)
{
    pthread_mutex_lock(&fs->lock);
}

static inline void fs_unlock(struct fs *fs)
{
    pthread_mutex_unlock(&fs->lock);
}

/* Waits for fs->changed; whoever answers requests lets another go on with them meanwhile. The second for no longer than
 * until_ns (CLOCK_MONOTONIC): false when that is over. */
void fs_wait_locked(struct fs *fs);
bool fs_wait_until_locked(struct fs *fs, int64_t until_ns);

/*
 * Gates. Attributes go to the kernel with a long timeout, so an answer that was read before a change and is sent after
 * it would be believed for a day. Whoever changes a place passes its gate before and after; whoever reads notes what
 * had ended when it began, and if more has begun by the time it answers, the answer is sent with timeout 0.
 */
uint64_t place_hash(uint64_t dir, const char *name);

static inline unsigned gate_of(uint64_t dir, const char *name)
{
    return place_hash(dir, name) % GATES;
}

static inline void gate_begin(struct fs *fs, unsigned gate)
{
    atomic_fetch_add(&fs->gates[gate].begun, 1);
}

static inline void gate_end(struct fs *fs, unsigned gate)
{
    atomic_fetch_add(&fs->gates[gate].ended, 1);
}

static inline uint64_t gate_note(struct fs *fs, unsigned gate)
{
    return atomic_load(&fs->gates[gate].ended);
}

static inline bool gate_steady(struct fs *fs, unsigned gate, uint64_t noted)
{
    return atomic_load(&fs->gates[gate].begun) == noted;
}

#endif
