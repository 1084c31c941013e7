/* SPDX-License-Identifier: MIT */
/*
 * write_session.h - one staged writing of a file, from the open to the publish.
 *
 *     open(O_TRUNC), create --> listed at its name --FLUSH, RELEASE, FSYNC, RENAME--> published
 *                                   `-- name removed or replaced, failed write, killed writer --> nothing
 *
 * When a set is published. FLUSH comes at every close of every duplicate, RELEASE once, at the end, but nobody waits
 * for that. So: at the FLUSH of the last descriptor of the process that opened, when something was written and by
 * nobody else, and no mapping can go on with it; else at RELEASE, and whoever looks the name up in between waits for it
 * a moment (name_settle_locked). A process that a signal killed closes its files as it dies: such a FLUSH publishes
 * nothing.
 *
 * After its publish a session's handles are live ones of what was published.
 */
#ifndef LARDER_FS_WRITE_SESSION_H
#define LARDER_FS_WRITE_SESSION_H

#include "node.h"

struct write_session {
    struct store_version *version; /* staged, later published; let go with the last reference */
    struct name *name; /* one reference */
    struct node *node; /* where it began; lives as long as the session */
    pid_t opener; /* the thread that opened it */
    pid_t process; /* its process; 0 could not be told */
    unsigned descriptors; /* that had open then, this one with them; 0 not known */
    bool maps; /* opened to read and write, so that it may be mapped: that outlives its close */
    bool guessed; /* opened to write to what was there, which was gone by then: nothing is there unless it is written */
    bool read_only; /* opened by a reader who creates: its descriptors are none to write */
    uint64_t dir; /* with creates: the directory it is counted in */
    /* --- below here fs->lock protects ---------------------------------------------------------------- */
    bool creates; /* there is nothing at its name, and was not when it began */
    unsigned refs; /* handles, and whoever looks at it */
    unsigned handles; /* open ones */
    bool wrote; /* a WRITE, truncation or allocation succeeded */
    bool resized; /* a truncation or allocation did */
    bool listed; /* in name->sessions: neither published nor detached */
    bool published;
    pid_t last_writer, last_process; /* the thread that wrote last, and unless it was the opener its process */
    bool shared; /* another process writes, too: only the last close publishes */
    bool killed; /* the one who wrote last was killed */
    int error; /* the first failed write or publish: nothing will be published, close reports it */
    int64_t settles_ns; /* CLOCK_MONOTONIC: until then to wait for RELEASE; 0 not flushed, or written since */
    unsigned awaits; /* times that was put off, see write_session_await_locked() */
    bool appears; /* in the list of its directory */
    LIST_ENTRY(write_session) of_name, of_dir;
};

/* Begins a session for a staged version (taken over, also on failure) at a name, on a node; the caller has one
 * reference and counts one handle. NULL when out of memory. */
struct write_session *write_session_new(struct fs *fs, struct store_version *version, struct name *name,
                                        struct node *node, pid_t opener, bool creates);

/* Lists it at its name, so that it can publish; the node stands for its version now. */
void write_session_list_locked(struct fs *fs, struct write_session *session);

/* Takes it off its name: it will not publish. */
void write_session_unlist_locked(struct fs *fs, struct write_session *session);

/* Lets a reference go. Not under fs->lock. */
void write_session_put(struct fs *fs, struct write_session *session);

/* Publishes what is there so far, if it is neither published nor detached. 0, or what the publish or an earlier write
 * failed with. Takes the name's lock. */
int write_session_publish(struct fs *fs, struct write_session *session);

/* The same, but only over an entry whose entry.change is `change`; flags as of store_publish_over(). -ESTALE: something
 * else is there, or nothing, or it is detached, and nothing has changed; -EINVAL it is published already. */
int write_session_publish_over(struct fs *fs, struct write_session *session, uint64_t change, unsigned flags);

/* Publishes it at another place, as a rename of the name does, by a caller who holds the locks of both names. */
int write_session_publish_at(struct fs *fs, struct write_session *session, const struct spot *spot);

/* Notes who is about to write; not for what comes out of the page cache, of which nobody can tell. */
void write_session_note_writer(struct fs *fs, struct write_session *session, pid_t tid);

/* Notes how a write to it ended. */
void write_session_wrote(struct fs *fs, struct write_session *session, int result);

/* Notes that it was given another size. */
void write_session_resized(struct fs *fs, struct write_session *session);

/*
 * It was flushed, and has not been released by the time it should: when nobody has it open any more, RELEASE is on its
 * way, on a machine that is busy, and is to be waited for somewhat longer. False when somebody has, it cannot be told,
 * or that was enough. Releases and takes the lock.
 */
bool write_session_await_locked(struct fs *fs, struct write_session *session);

/* FLUSH by thread `tid`. */
int write_session_flush(struct fs *fs, struct write_session *session, pid_t tid);

#endif
