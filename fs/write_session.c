/* SPDX-License-Identifier: MIT */
/* write_session.c - see write_session.h. */
#include "write_session.h"
#include "events.h"
#include "file.h"
#include "metrics.h"
#include "place.h"
#include "process.h"
#include "stale.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

/* How long after a FLUSH whoever looks the name up waits for RELEASE: when that is due, which takes a moment; and
 * when it may well not come. Where it is due, and all processors are busy, that is put off for as long as nobody has the
 * file open: by AWAITS times at most, for a mapping or a message under way to another process keeps it open, too. */
#define RELEASE_NS         100000000LL
#define RELEASE_PERHAPS_NS 10000000LL
#define AWAITS             20

/* --- life ---------------------------------------------------------------------------------------------- */

/* Counts names in creation in their directory: it must not be removed, and its times are about to change. */
static void count_creating_locked(struct fs *fs, const struct write_session *session, int by)
{
    struct node *dir = node_dir_locked(fs, session->dir);
    if (session->creates && dir)
        dir->creating += (unsigned)by;
}

/* Notes until when to wait for its RELEASE, 0 for not at all; and counts in its directory the names that are about to
 * appear. */
static void set_settles_locked(struct fs *fs, struct write_session *session, int64_t settles_ns)
{
    struct node *dir = session->creates && session->listed ? node_dir_locked(fs, session->dir) : NULL;
    bool appears = dir && settles_ns;
    if (session->appears && !appears)
        LIST_REMOVE(session, of_dir);
    else if (!session->appears && appears)
        LIST_INSERT_HEAD(&dir->appearing, session, of_dir);
    session->appears = appears;
    session->settles_ns = settles_ns;
}

struct write_session *write_session_new(struct fs *fs, struct store_version *version, struct name *name,
                                        struct node *node, pid_t opener, bool creates)
{
    struct write_session *session = calloc(1, sizeof *session);
    if (!session) {
        store_unpin(version);
        return NULL;
    }
    unsigned descriptors;
    pid_t process = process_look(opener, &descriptors);
    *session = (struct write_session){
        .version = version,
        .name = name,
        .node = node,
        .opener = opener,
        .process = process,
        .descriptors = descriptors,
        .creates = creates,
        .refs = 1,
        .handles = 1,
    };
    fs_lock(fs);
    name->refs++;
    node->sessions++;
    fs_unlock(fs);
    return session;
}

void write_session_list_locked(struct fs *fs, struct write_session *session)
{
    struct name *name = session->name;
    session->dir = name->dir;
    if (name->gone)
        return; /* removed or replaced since the caller found it, as if right after this open */
    LIST_INSERT_HEAD(&name->sessions, session, of_name);
    session->listed = true;
    count_creating_locked(fs, session, 1);
}

void write_session_unlist_locked(struct fs *fs, struct write_session *session)
{
    if (!session->listed)
        return;
    set_settles_locked(fs, session, 0);
    count_creating_locked(fs, session, -1);
    LIST_REMOVE(session, of_name);
    session->listed = false;
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

void write_session_resized(struct fs *fs, struct write_session *session)
{
    fs_lock(fs);
    session->wrote = session->resized = true;
    fs_unlock(fs);
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

/* Something is published where these create: from now on they overwrite it. */
static void creators_overwrite_locked(struct fs *fs, struct name *name)
{
    struct write_session *session;
    LIST_FOREACH(session, &name->sessions, of_name) {
        int64_t settles_ns = session->settles_ns;
        set_settles_locked(fs, session, 0);
        count_creating_locked(fs, session, -1);
        session->creates = false;
        session->settles_ns = settles_ns;
    }
}

static void published(struct fs *fs, const struct write_session *session, const struct spot *spot)
{
    metrics_set(fs, spot->dir);
    events_set(fs, spot->dir, spot->text, session->version);
}

/* Over what: NULL whatever or nothing is there. */
struct over {
    uint64_t change;
    unsigned flags;
};

static int publish_at(struct fs *fs, struct write_session *session, const struct spot *spot, const struct over *over)
{
    struct name *name = session->name;
    struct place place = place_begin(fs, spot->dir, spot->text); /* first: see stale_hold_begin() */
    struct hold *replaced = stale_hold_begin(fs, name, session->node, spot);
    int result = over ? store_publish_over(session->version, spot->dir, spot->text, over->change, over->flags)
                      : store_publish(session->version, spot->dir, spot->text, 0);
    if (result == 0)
        published(fs, session, spot);
    struct node *dir = NULL;
    fs_lock(fs);
    if (result < 0 && result != -ESTALE) /* which is no failure: it may be tried again */
        session->error = result;
    if (result == 0) {
        write_session_unlist_locked(fs, session);
        session->published = true;
        creators_overwrite_locked(fs, name);
        assert(session->node->version == store_version_id(session->version));
        name->current = session->node->name == name ? session->node : NULL;
        dir = node_dir_doubted_locked(fs, spot->dir);
    }
    fs_unlock(fs);
    place_end(fs, &place);
    if (dir) /* the kernel holds it above the file that is closed, or forgot it and knows no such number */
        node_disbelieve(fs, dir);
    stale_hold_end(fs, replaced);
    return result;
}

int write_session_publish_at(struct fs *fs, struct write_session *session, const struct spot *spot)
{
    return publish_at(fs, session, spot, NULL);
}

int write_session_publish(struct fs *fs, struct write_session *session)
{
    struct spot spot;
    struct name *name = session->name;

    name_lock(fs, name); /* its place stays what it is */
    fs_lock(fs);
    bool wanted = session->listed && !session->error && (session->wrote || !session->guessed);
    int result = session->listed ? session->error : 0;
    name_spot_locked(name, &spot);
    fs_unlock(fs);
    if (wanted)
        result = write_session_publish_at(fs, session, &spot);
    name_unlock(fs, name);
    return result;
}

int write_session_publish_over(struct fs *fs, struct write_session *session, uint64_t change, unsigned flags)
{
    struct spot spot;
    struct name *name = session->name;

    name_lock(fs, name);
    fs_lock(fs);
    int result = session->listed ? session->error : session->published ? -EINVAL : -ESTALE;
    name_spot_locked(name, &spot);
    fs_unlock(fs);
    if (result == 0)
        result = publish_at(fs, session, &spot, &(struct over){change, flags});
    name_unlock(fs, name);
    return result;
}

/* --- who writes and closes ------------------------------------------------------------------------------ */

void write_session_note_writer(struct fs *fs, struct write_session *session, pid_t tid)
{
    fs_lock(fs);
    session->killed = false;
    set_settles_locked(fs, session, 0); /* somebody has it open yet */
    bool look = session->listed && tid != session->opener && tid != session->last_writer;
    if (tid == session->opener)
        session->last_writer = tid;
    fs_unlock(fs);
    if (!look)
        return;
    pid_t process = process_of(tid);
    fs_lock(fs);
    session->shared |= process == 0 || process != session->process;
    session->last_writer = tid;
    session->last_process = process;
    fs_unlock(fs);
}

/* Does nobody else have the file open to write? Other descriptors of it would be taken for the writer's own. */
static bool is_only_writer(struct fs *fs, const struct write_session *session)
{
    const struct node *node;
    const struct handle *handle;
    unsigned others = 0;
    fs_lock(fs);
    LIST_FOREACH(node, &session->name->nodes, of_name)
        LIST_FOREACH(handle, &node->handles, of_node)
            others += handle->writes && handle->session != session;
    fs_unlock(fs);
    return others == 0;
}

/*
 * Does the opener's process have the file open by another descriptor? When as many are open as when it opened, less
 * one, it has not (unless it closed another one meanwhile, for which nobody has a look). Else we look.
 */
static enum process_answer is_open_elsewhere(struct fs *fs, const struct write_session *session, pid_t tid,
                                             unsigned open_now)
{
    if (session->descriptors && open_now == session->descriptors - 1)
        return PROCESS_NO;
    fs_lock(fs);
    uint64_t ino = session->node->told_ino;
    fs_unlock(fs);
    enum process_answer answer = process_has_file(tid, fs->mount_id, ino, !session->read_only);
    return answer == PROCESS_YES && !is_only_writer(fs, session) ? PROCESS_MAYBE : answer;
}

/* What a FLUSH means. */
enum close {
    CLOSE_OF_ONE, /* the process has another descriptor */
    CLOSE_OF_LAST, /* it has none, and wrote what there is */
    CLOSE_OF_KILLED_OPENER, /* it is dying of a signal */
    CLOSE_OF_KILLED, /* another process is that wrote last */
    CLOSE_OF_DONE, /* it has none; RELEASE follows, unless it has handed the file on to another process */
    CLOSE_OF_OTHER, /* of another process, or it is not known what there is: RELEASE tells */
};

static enum close judge_close(struct fs *fs, const struct write_session *session, pid_t tid)
{
    fs_lock(fs);
    bool shared = session->shared, mapped = session->maps && session->resized; /* so it is filled by a mapping */
    bool ready = session->wrote && session->handles == 1 && !shared && !mapped;
    pid_t last_writer = session->last_writer, last_process = session->last_process;
    fs_unlock(fs);

    unsigned open_now; /* none are left to a process that closes them as it exits */
    pid_t process = process_look(tid, &open_now);
    bool opener = process != 0 && process == session->process;
    bool wrote_last = last_writer != session->opener && process != 0 && process == last_process;
    if (!opener && !(shared && wrote_last))
        return CLOSE_OF_OTHER;
    if (open_now == 0 && process_was_killed(tid))
        return opener ? CLOSE_OF_KILLED_OPENER : CLOSE_OF_KILLED;
    if (!opener)
        return CLOSE_OF_OTHER;
    enum process_answer elsewhere = is_open_elsewhere(fs, session, tid, open_now);
    if (elsewhere == PROCESS_YES)
        return CLOSE_OF_ONE;
    if (elsewhere != PROCESS_NO)
        return CLOSE_OF_OTHER; /* in doubt rather late than half */
    return ready ? CLOSE_OF_LAST : CLOSE_OF_DONE;
}

/* What is mapped is open, and no descriptor shows it. */
bool write_session_await_locked(struct fs *fs, struct write_session *session)
{
    uint64_t ino = session->node->told_ino;
    if (!session->listed || session->maps || session->awaits++ >= AWAITS)
        return false;
    session->refs++;
    fs_unlock(fs);
    bool comes = process_any_has_file(fs->mount_id, ino, !session->read_only) == PROCESS_NO;
    fs_lock(fs);
    if (!comes)
        session->awaits = AWAITS;
    else if (session->listed && session->settles_ns)
        set_settles_locked(fs, session, clock_ns(CLOCK_MONOTONIC) + RELEASE_NS);
    fs_unlock(fs);
    write_session_put(fs, session);
    fs_lock(fs);
    return comes;
}

int write_session_flush(struct fs *fs, struct write_session *session, pid_t tid)
{
    fs_lock(fs);
    bool listed = session->listed;
    int error = session->error;
    fs_unlock(fs);
    if (!listed || error)
        return error;

    enum close what = judge_close(fs, session, tid);
    if (what == CLOSE_OF_ONE)
        return 0;
    if (what == CLOSE_OF_LAST)
        return write_session_publish(fs, session);
    fs_lock(fs);
    if (what == CLOSE_OF_KILLED_OPENER)
        write_session_unlist_locked(fs, session);
    session->killed |= what == CLOSE_OF_KILLED || what == CLOSE_OF_KILLED_OPENER;
    session->awaits = what == CLOSE_OF_DONE ? 0 : AWAITS;
    set_settles_locked(fs, session,
                       clock_ns(CLOCK_MONOTONIC) + (what == CLOSE_OF_DONE ? RELEASE_NS : RELEASE_PERHAPS_NS));
    fs_unlock(fs);
    return 0;
}
