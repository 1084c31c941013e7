/* SPDX-License-Identifier: MIT */
/* write_session.c - see write_session.h. */
#include "write_session.h"
#include "place.h"
#include "stale.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- life ---------------------------------------------------------------------------------------------- */

/* Counts names in creation in their directory: it must not be removed, and its times are about to change. */
static void count_creating_locked(struct fs *fs, uint64_t dir, int by)
{
    struct node *node = fs->root;
    if (dir != fs->root->ino)
        HASH_FIND(hh, fs->dirs, &dir, sizeof dir, node);
    if (node)
        node->creating += (unsigned)by;
}

struct write_session *write_session_new(struct fs *fs, struct store_version *version, struct name *name,
                                        struct node *node, pid_t opener, bool creates)
{
    struct write_session *session = calloc(1, sizeof *session);
    if (!session) {
        store_unpin(version);
        return NULL;
    }
    *session = (struct write_session){
        .version = version,
        .name = name,
        .node = node,
        .opener = opener,
        .creates = creates,
        .refs = 1,
        .handles = 1,
    };
    fs_lock(fs);
    name->refs++;
    node->sessions++;
    session->dir = name->dir;
    if (!name->gone) { /* else it was removed or replaced since the caller found it, as if right after this open */
        LIST_INSERT_HEAD(&name->sessions, session, of_name);
        session->listed = true;
        if (creates)
            count_creating_locked(fs, session->dir, 1);
    }
    fs_unlock(fs);
    return session;
}

void write_session_unlist_locked(struct fs *fs, struct write_session *session)
{
    if (!session->listed)
        return;
    LIST_REMOVE(session, of_name);
    session->listed = false;
    if (session->creates)
        count_creating_locked(fs, session->dir, -1);
    pthread_cond_broadcast(&fs->changed);
}

void write_session_put(struct fs *fs, struct write_session *session)
{
    fs_lock(fs);
    bool last = --session->refs == 0;
    struct store_version *held = NULL;
    if (last) {
        write_session_unlist_locked(fs, session);
        session->node->sessions--;
        held = node_drop_unused_locked(fs, session->node);
        name_put_locked(fs, session->name);
    }
    fs_unlock(fs);
    store_unpin(held);
    if (!last)
        return;
    store_unpin(session->version);
    free(session);
}

void write_session_wrote(struct fs *fs, struct write_session *session, int result)
{
    fs_lock(fs);
    if (result == 0)
        session->wrote = true;
    else if (session->listed && !session->error)
        session->error = result;
    fs_unlock(fs);
}

/* --- publishing ---------------------------------------------------------------------------------------- */

int write_session_publish_at(struct fs *fs, struct write_session *session, const struct spot *spot)
{
    struct name *name = session->name;
    struct place place = place_begin(fs, spot->dir, spot->text); /* first: see stale_hold_begin() */
    struct hold *replaced = stale_hold_begin(fs, name, session->node, spot);
    int result = store_publish(session->version, spot->dir, spot->text, 0);
    fs_lock(fs);
    if (result < 0)
        session->error = result;
    else {
        write_session_unlist_locked(fs, session);
        session->published = true;
        name->current = session->node->name == name ? session->node : NULL;
    }
    fs_unlock(fs);
    place_end(fs, &place);
    stale_hold_end(fs, replaced);
    return result;
}

int write_session_publish(struct fs *fs, struct write_session *session)
{
    struct spot spot;
    struct name *name = session->name;

    name_lock(fs, name); /* its place stays what it is */
    fs_lock(fs);
    bool wanted = session->listed && !session->error;
    int result = session->listed ? session->error : 0;
    name_spot_locked(name, &spot);
    fs_unlock(fs);
    if (wanted)
        result = write_session_publish_at(fs, session, &spot);
    name_unlock(fs, name);
    return result;
}

/* --- who closes ---------------------------------------------------------------------------------------- */

/* Reads a file of /proc; true when there is something in `text`. */
static bool proc_read(pid_t tid, const char *file, char *text, size_t size)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)tid, file);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t got = read(fd, text, size - 1);
    close(fd);
    text[got > 0 ? got : 0] = '\0';
    return got > 0;
}

/* The process a thread belongs to, 0 when it cannot be told. */
static pid_t process_of(pid_t tid)
{
    char text[512];
    const char *line = proc_read(tid, "status", text, sizeof text) ? strstr(text, "\nTgid:") : NULL;
    return line ? (pid_t)strtol(line + 6, NULL, 10) : 0;
}

bool same_process(pid_t tid, pid_t other_tid)
{
    if (tid == 0 || other_tid == 0)
        return false; /* of another pid namespace: it cannot be told */
    if (tid == other_tid)
        return true;
    pid_t process = process_of(tid);
    return process != 0 && process == process_of(other_tid);
}

/* True when a signal has killed the thread's process, which is closing its files just now. proc(5): field 9 of stat has
 * the flag PF_EXITING, the last one the exit code with the signal in its low seven bits. */
static bool was_killed(pid_t tid)
{
    enum { EXITING = 0x4, SIGNAL = 0x7f };
    char text[1024], state;
    unsigned flags;
    const char *rest = proc_read(tid, "stat", text, sizeof text) ? strrchr(text, ')') : NULL;
    if (!rest || sscanf(rest + 1, " %c %*d %*d %*d %*d %*d %u", &state, &flags) != 2 || !(flags & EXITING))
        return false;
    const char *last = strrchr(rest, ' ');
    return last && strtol(last, NULL, 10) & SIGNAL;
}

/*
 * Most sets are one WRITE by the thread that opened, and cost no look at /proc here. Whose process the opener is is
 * asked while it is certainly there: at the second.
 */
void write_session_note_writer(struct fs *fs, struct write_session *session, pid_t tid)
{
    fs_lock(fs);
    session->writes++;
    session->killed = false;
    bool ask = session->listed && !session->process && (session->writes == 2 || tid != session->opener);
    bool look = session->listed && tid != session->opener && tid != session->last_writer;
    pid_t process = session->process;
    fs_unlock(fs);
    if (!ask && !look)
        return;
    if (ask)
        process = process_of(session->opener);
    bool other = look && process && process_of(tid) != process;
    fs_lock(fs);
    session->process = process;
    session->shared |= other;
    if (look)
        session->last_writer = tid;
    fs_unlock(fs);
}

/* True when a thread belongs to the process that opened. */
static bool is_opener(const struct write_session *session, pid_t process, pid_t tid)
{
    return process ? process_of(tid) == process : same_process(tid, session->opener);
}

int write_session_flush(struct fs *fs, struct write_session *session, pid_t tid)
{
    fs_lock(fs);
    bool listed = session->listed, shared = session->shared;
    bool ready = session->wrote && session->handles == 1 && !shared;
    pid_t process = session->process;
    int error = session->error;
    fs_unlock(fs);
    if (!listed || error)
        return error;

    bool opener = is_opener(session, process, tid);
    bool killed = (opener || shared) && was_killed(tid);
    if (opener && ready && !killed)
        return write_session_publish(fs, session);
    fs_lock(fs);
    if (killed && opener)
        write_session_unlist_locked(fs, session);
    session->killed |= killed;
    session->flushed_ns = clock_ns(CLOCK_MONOTONIC);
    fs_unlock(fs);
    return 0;
}
