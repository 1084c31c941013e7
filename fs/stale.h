/* SPDX-License-Identifier: MIT */
/*
 * stale.h - when the kernel opens a node that is not, or must not become, what its name means now.
 *
 * An open finds its node by LOOKUP, or by what an earlier one said, and only then asks us. In between the name may have
 * been replaced or removed, or be about to be written; and a writer must not truncate a node that others read through
 * the page cache.
 *
 * *Bounce.* We answer ESTALE: the kernel walks the path once more, with a LOOKUP it believes, and opens what it gets.
 * It does so only once; a second ESTALE would reach the program. So a bounce notes the thread and the place, and what
 * its next LOOKUP of a file finds: a writer's gets a node of its own, reserved for it. Whatever the thread opens there
 * next gets a final answer. A place where somebody was bounced is hot until all of those have opened something there, or
 * BOUNCE_NS: writers go to nodes of their own, and none is taken from under a reader who has just been sent to it. (Who
 * was not about to open, but to stat say, cannot be told from one who is, and keeps it hot.)
 *
 * Other calls on a path (stat, chmod, setxattr ...) walk it once more after ESTALE, too. When the inode they reach is a
 * writer's, that is how they get to what is published.
 *
 * *Hold.* A version that is replaced stays in hand for HOLD_NS on the nodes that stood for it: an open that was under
 * way still gets it, as if it had come a moment earlier. The notification thread lets go.
 */
#ifndef LARDER_FS_STALE_H
#define LARDER_FS_STALE_H

#include "node.h"

#define BOUNCE_NS 2000000000LL /* how long a bounced thread may take to come back, and its place stays hot at most */
#define HOLD_PART 16 /* of the size limit: what may be held at most, since it is room that eviction cannot make */
#define HOLD_NS   200000000LL /* how long a replaced version is held: an open takes microseconds */

/* Notes that thread `tid` is told to look again at a name; `writer`: it may be about to truncate. Returns -ESTALE. */
int stale_bounce_locked(struct fs *fs, const struct name *name, pid_t tid, bool writer);

/* True when the thread was bounced, and has come to this name or node: it must get a final answer now. */
bool stale_bounced_locked(const struct fs *fs, const struct name *name, const struct node *node, pid_t tid);

/* The thread opened what it wanted, or failed: at this place, as far as that matters (see struct bounce). */
void stale_answered_locked(struct fs *fs, uint64_t dir, const char *text, pid_t tid);

/* A thread's LOOKUP of a file found this node. */
void stale_found_locked(struct fs *fs, uint64_t dir, const char *text, const struct node *node, pid_t tid);

/* True when somebody was bounced where this node is, or has been sent to it, and may yet come to open it. */
bool stale_is_hot_locked(struct fs *fs, const struct node *node);

/* LOOKUP of a file: the node reserved for a thread that was bounced and may be about to truncate, made when there is
 * none yet. NULL when it was not, or out of memory. */
struct node *stale_reserve_locked(struct fs *fs, uint64_t dir, const char *text, const struct entry *entry, pid_t tid);

/* A node is freed: nothing is reserved there any more. */
void stale_node_freed_locked(struct fs *fs, const struct node *node);

/* A pin shared by a node and whoever looks at it. */
struct hold {
    struct store_version *version;
    /* --- below here fs->lock protects --- */
    struct node *node; /* whose it is; NULL when that is gone or lets go */
    struct hold *next; /* on another node, until stale_hold_end() */
    uint64_t bytes;
    int64_t deadline_ms; /* CLOCK_REALTIME: the version's own; past it nobody gets it any more */
    unsigned refs;
    bool listed; /* in fs->held: its time runs */
};

/*
 * Before something at a place is replaced by what is on the node `by` (or NULL): holds what is there, on each node the
 * kernel knows for it. Between place_begin() and the replacement, so that a LOOKUP which makes a node for it later
 * knows that its answer is being overtaken. NULL: there is nothing to hold.
 */
struct hold *stale_hold_begin(struct fs *fs, const struct name *name, const struct node *by, const struct spot *spot);

/* After it, done or not: its time runs from now. NULL is harmless. */
void stale_hold_end(struct fs *fs, struct hold *hold);

/* Does a node hold something that is still to be had? */
bool stale_holds_locked(const struct node *node);

/* What a node holds and is still to be had, with a reference; or NULL. */
struct hold *stale_hold_get_locked(struct node *node);

/* Lets a reference go. Not under fs->lock. */
void stale_hold_put(struct fs *fs, struct hold *hold);

/* The node holds nothing any more. The caller lets go of what is returned, without the lock. */
struct store_version *stale_unhold_locked(struct fs *fs, struct node *node);

/* Lets go of what was held long enough. Returns after how many ns there is more to do; 0: nothing is held. Releases and
 * takes the lock. */
int64_t stale_expire_locked(struct fs *fs);

#endif
