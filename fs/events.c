/* SPDX-License-Identifier: MIT */
/* events.c - see events.h. */
#include "events.h"
#include "text.h"
#include "transport.h"
#include "units.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    INTERRUPTS = 64,
    PIECE = 16 << 10, /* bytes of text made at once, and one line more */
    PATH_MAX_SHOWN = 4096, /* so that its line fits, even if each byte is written as six */
};

struct record {
    int64_t time_ns;
    uint64_t dir, size, version; /* EVENT_DIR_GONE: the version is the directory's id */
    enum event_kind kind;
    char name[STORE_NAME_MAX + 1];
};

/* A READ that was put aside. */
struct waiter {
    fuse_req_t request;
    uint64_t unique, offset;
    size_t size;
    TAILQ_ENTRY(waiter) next;
};

struct event_reader {
    pthread_mutex_t lock; /* guards the text */
    char *window; /* EVENTS_WINDOW bytes, */
    uint64_t first, end; /* which of the stream's are in it */
    uint64_t told; /* up to where it was read */
    /* --- below here events->lock protects ------------------------------------------------------------- */
    uint64_t cursor; /* the next record; changed with both locks held */
    TAILQ_HEAD(, waiter) waiters;
    struct fuse_pollhandle *poll; /* or NULL */
    unsigned refs;
    LIST_ENTRY(event_reader) all;
};

struct events {
    atomic_uint wanted; /* readers */
    _Atomic int64_t last_ns;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t wake; /* the thread has something to do */
    struct record *ring; /* EVENTS_KEPT; NULL until somebody reads */
    atomic_uint_fast64_t head; /* records there ever were; written with the lock held */
    unsigned readers_count;
    LIST_HEAD(, event_reader) readers;
    uint64_t interrupts[INTERRUPTS]; /* of requests that were not (yet) put aside */
    unsigned interrupts_next;
    bool running, ending;
    pthread_t thread;
};

struct events *events_new(void)
{
    struct events *events = calloc(1, sizeof *events);
    if (!events)
        return NULL;
    pthread_mutex_init(&events->lock, NULL);
    pthread_cond_init(&events->wake, NULL);
    LIST_INIT(&events->readers);
    return events;
}

static void lock(struct events *events)
{
    pthread_mutex_lock(&events->lock);
}

static void unlock(struct events *events)
{
    pthread_mutex_unlock(&events->lock);
}

/* --- emitting ------------------------------------------------------------------------------------------ */

bool events_wanted(const struct fs *fs)
{
    return atomic_load_explicit(&fs->events->wanted, memory_order_relaxed) > 0;
}

int64_t events_last_ns(const struct fs *fs)
{
    return atomic_load(&fs->events->last_ns);
}

/* Somebody waits for it. */
static bool awaited_locked(const struct events *events)
{
    const struct event_reader *reader;
    LIST_FOREACH(reader, &events->readers, all)
        if (!TAILQ_EMPTY(&reader->waiters) || reader->poll)
            return true;
    return false;
}

void events_emit(struct fs *fs, enum event_kind kind, uint64_t dir, const char *name, uint64_t size, uint64_t version)
{
    struct events *events = fs->events;
    if (!events_wanted(fs))
        return;
    int64_t now = clock_ns(CLOCK_REALTIME);
    lock(events);
    if (events->ring) {
        struct record *record = &events->ring[events->head++ % EVENTS_KEPT];
        record->time_ns = now;
        record->dir = dir;
        record->size = size;
        record->version = version;
        record->kind = kind;
        strcpy(record->name, name);
        if (kind != EVENT_DIR_GONE)
            atomic_store(&events->last_ns, now);
        if (awaited_locked(events))
            pthread_cond_signal(&events->wake);
    }
    unlock(events);
}

void events_set(struct fs *fs, uint64_t dir, const char *name, struct store_version *version)
{
    struct entry entry;
    if (!events_wanted(fs) || store_version_entry(version, &entry) < 0)
        return;
    events_emit(fs, EVENT_SET, dir, name, entry.size, store_version_id(version));
    entry_release(&entry);
}

void events_note_dir(struct fs *fs, uint64_t dir, const char *name, uint64_t *ret_dir)
{
    struct entry entry;
    *ret_dir = 0;
    if (!events_wanted(fs) || store_lookup(fs->store, dir, name, &entry) < 0)
        return;
    if (entry.kind == ENTRY_DIR)
        *ret_dir = entry.ino;
    entry_release(&entry);
}

void events_dir_gone(struct fs *fs, uint64_t dir, const char *name, uint64_t gone)
{
    if (gone)
        events_emit(fs, EVENT_DIR_GONE, dir, name, 0, gone);
}

/* --- text ---------------------------------------------------------------------------------------------- */

/* Where a directory was when it was removed; a text_gone_dir. */
static int find_gone_dir(void *arg, uint64_t dir, uint64_t *ret_parent, char *ret_name)
{
    struct events *events = arg;
    int result = -ENOENT;
    lock(events);
    for (uint64_t n = events->head; n > 0 && n + EVENTS_KEPT > events->head && result < 0; n--) {
        const struct record *record = &events->ring[(n - 1) % EVENTS_KEPT];
        if (record->kind != EVENT_DIR_GONE || record->version != dir)
            continue;
        *ret_parent = record->dir;
        strcpy(ret_name, record->name);
        result = 0;
    }
    unlock(events);
    return result;
}

static void write_time(FILE *out, int64_t time_ns)
{
    char text[40];
    date_format(time_ns / 1000000, text);
    fprintf(out, "{\"time\":\"%s\"", text);
}

static void write_record(struct fs *fs, FILE *out, const struct record *record)
{
    static const char *const kinds[] = {[EVENT_SET] = "set",
                                        [EVENT_DELETE] = "delete",
                                        [EVENT_EXPIRE] = "expire",
                                        [EVENT_EVICT] = "evict",
                                        [EVENT_INVALIDATE] = "invalidate"};
    char *path;
    write_time(out, record->time_ns);
    fprintf(out, ",\"kind\":\"%s\",\"path\":", kinds[record->kind]);
    if (text_path(fs->store, record->dir, record->name, find_gone_dir, fs->events, &path) < 0)
        path = NULL; /* its directory is long gone */
    if (path && strlen(path) <= PATH_MAX_SHOWN)
        text_json(out, path);
    else {
        fputs("null,\"name\":", out);
        text_json(out, record->name);
    }
    free(path);
    if (record->version)
        fprintf(out, ",\"size\":%" PRIu64 ",\"version\":%" PRIu64, record->size, record->version);
    fputs("}\n", out);
}

/* Takes the next record; false when there is none. *ret_lost were overwritten before. */
static bool take(struct events *events, struct event_reader *reader, struct record *ret_record, uint64_t *ret_lost)
{
    *ret_lost = 0;
    lock(events);
    if (events->head > reader->cursor + EVENTS_KEPT) {
        *ret_lost = events->head - EVENTS_KEPT - reader->cursor;
        reader->cursor += *ret_lost;
    }
    bool there = reader->cursor < events->head;
    if (there)
        *ret_record = events->ring[reader->cursor++ % EVENTS_KEPT];
    unlock(events);
    return there;
}

/* Adds to the window; what does not fit any more goes at its front. With reader->lock. */
static void window_add(struct event_reader *reader, const char *text, size_t size)
{
    size_t used = (size_t)(reader->end - reader->first);
    assert(size <= EVENTS_WINDOW);
    if (used + size > EVENTS_WINDOW) {
        size_t drop = used + size - EVENTS_WINDOW;
        memmove(reader->window, reader->window + drop, used - drop);
        reader->first += drop;
        used -= drop;
    }
    memcpy(reader->window + used, text, size);
    reader->end += size;
}

/* A piece of text of what has happened; one without lines, and false, when nothing has. */
static bool write_piece(struct fs *fs, struct event_reader *reader, FILE *out)
{
    struct record record;
    uint64_t lost;
    bool any = false;
    while (ftell(out) < PIECE && take(fs->events, reader, &record, &lost)) {
        any = true;
        if (lost)
            fprintf(out, "{\"lost\":%" PRIu64 "}\n", lost);
        if (record.kind != EVENT_DIR_GONE)
            write_record(fs, out, &record);
    }
    return any;
}

/* Makes text, until there is some beyond `offset`; no more than a piece, so that what is made is read. With reader->lock. */
static void produce(struct fs *fs, struct event_reader *reader, uint64_t offset)
{
    bool any = true;
    while (any && reader->end <= offset) {
        char *text = NULL;
        size_t size = 0;
        FILE *out = open_memstream(&text, &size);
        any = out && write_piece(fs, reader, out);
        if (out && fclose(out) == 0)
            window_add(reader, text, size);
        free(text);
    }
}

/* --- reading ------------------------------------------------------------------------------------------- */

/* Answers with what there is from `offset` on; false when that is nothing. With reader->lock. */
static bool answer(struct fs *fs, struct event_reader *reader, fuse_req_t request, size_t size, uint64_t offset)
{
    if (offset > reader->end)
        offset = reader->told;
    produce(fs, reader, offset);
    if (offset < reader->first)
        offset = reader->first;
    uint64_t left = reader->end - offset;
    if (left == 0)
        return false;
    if (size > left)
        size = (size_t)left;
    if (size > EVENTS_WINDOW / 2)
        size = EVENTS_WINDOW / 2;
    if (reader->told < offset + size)
        reader->told = offset + size;
    fuse_reply_buf(request, reader->window + (offset - reader->first), size);
    return true;
}

/* Puts a request aside. False when there is something for it by now, or it is not to wait: then *ret_error is why. */
static bool put_aside(struct events *events, struct event_reader *reader, struct waiter *waiter, int *ret_error)
{
    bool waits = false;
    *ret_error = 0;
    lock(events);
    for (unsigned i = 0; i < INTERRUPTS; i++)
        if (events->interrupts[i] == waiter->unique)
            *ret_error = EINTR;
    if (!*ret_error && !events->ending && reader->cursor == events->head) {
        TAILQ_INSERT_TAIL(&reader->waiters, waiter, next);
        waits = true;
    }
    unlock(events);
    return waits;
}

static bool is_ending(struct events *events)
{
    lock(events);
    bool ending = events->ending;
    unlock(events);
    return ending;
}

static struct event_reader *reader_of(const struct fuse_file_info *info)
{
    return (struct event_reader *)(uintptr_t)info->fh;
}

static void reader_put_locked(struct event_reader *reader);

/* Who has its answer may close the file, and the RELEASE may be through before we are: so it is held meanwhile. */
static struct event_reader *reader_get(struct events *events, const struct fuse_file_info *info)
{
    struct event_reader *reader = reader_of(info);
    lock(events);
    reader->refs++;
    unlock(events);
    return reader;
}

static void reader_put(struct events *events, struct event_reader *reader)
{
    lock(events);
    reader_put_locked(reader);
    unlock(events);
}

void events_read(struct fs *fs, fuse_req_t request, uint64_t unique, size_t size, uint64_t offset,
                 const struct fuse_file_info *info)
{
    struct waiter *waiter = malloc(sizeof *waiter);
    if (!waiter) {
        fuse_reply_err(request, ENOMEM);
        return;
    }
    *waiter = (struct waiter){.request = request, .unique = unique, .size = size, .offset = offset};
    bool done = false;
    struct event_reader *reader = reader_get(fs->events, info);
    pthread_mutex_lock(&reader->lock);
    while (!done) {
        int error = 0;
        bool waits = false, beyond = offset > reader->end;
        bool answered = answer(fs, reader, request, size, offset);
        if (!answered && (beyond || is_ending(fs->events))) {
            fuse_reply_buf(request, NULL, 0);
            answered = true;
        } else if (!answered && info->flags & O_NONBLOCK)
            error = EAGAIN;
        else if (!answered && !transport_put_aside())
            error = EBUSY;
        else if (!answered)
            waits = put_aside(fs->events, reader, waiter, &error);
        if (error)
            fuse_reply_err(request, error);
        if (answered || error)
            free(waiter);
        done = answered || error || waits;
    }
    pthread_mutex_unlock(&reader->lock);
    reader_put(fs->events, reader);
}

void events_interrupt(struct fs *fs, uint64_t unique)
{
    struct events *events = fs->events;
    struct event_reader *reader;
    struct waiter *waiter = NULL;
    if (!events_wanted(fs))
        return;
    lock(events);
    LIST_FOREACH(reader, &events->readers, all) {
        TAILQ_FOREACH(waiter, &reader->waiters, next)
            if (waiter->unique == unique)
                break;
        if (waiter) {
            TAILQ_REMOVE(&reader->waiters, waiter, next);
            break;
        }
    }
    if (!waiter)
        events->interrupts[events->interrupts_next++ % INTERRUPTS] = unique;
    unlock(events);
    if (waiter)
        fuse_reply_err(waiter->request, EINTR);
    free(waiter);
}

/* --- polling ------------------------------------------------------------------------------------------- */

void events_poll(struct fs *fs, fuse_req_t request, const struct fuse_file_info *info, struct fuse_pollhandle *handle)
{
    struct events *events = fs->events;
    struct event_reader *reader = reader_of(info);
    struct fuse_pollhandle *old = NULL;
    pthread_mutex_lock(&reader->lock);
    bool text = reader->told < reader->end;
    lock(events);
    bool ready = text || events->ending || reader->cursor < events->head;
    unsigned revents = ready ? POLLIN | POLLRDNORM : 0;
    if (events->ending)
        revents |= POLLHUP;
    if (handle) {
        old = reader->poll;
        reader->poll = handle;
    }
    unlock(events);
    pthread_mutex_unlock(&reader->lock);
    if (old)
        fuse_pollhandle_destroy(old);
    fuse_reply_poll(request, revents);
}

/* --- the thread ---------------------------------------------------------------------------------------- */

static void reader_put_locked(struct event_reader *reader)
{
    if (--reader->refs > 0)
        return;
    assert(TAILQ_EMPTY(&reader->waiters));
    if (reader->poll)
        fuse_pollhandle_destroy(reader->poll);
    pthread_mutex_destroy(&reader->lock);
    free(reader->window);
    free(reader);
}

/* One that waits for what has come; with a reference. */
static struct event_reader *next_due_locked(struct events *events)
{
    struct event_reader *reader;
    LIST_FOREACH(reader, &events->readers, all)
        if ((!TAILQ_EMPTY(&reader->waiters) || reader->poll) && (events->ending || reader->cursor < events->head))
            break;
    if (reader)
        reader->refs++;
    return reader;
}

static struct waiter *take_waiter(struct events *events, struct event_reader *reader)
{
    lock(events);
    struct waiter *waiter = TAILQ_FIRST(&reader->waiters);
    if (waiter)
        TAILQ_REMOVE(&reader->waiters, waiter, next);
    unlock(events);
    return waiter;
}

/* Tells those who wait for it. Who is answered first takes it from the others, as with a pipe. */
static void serve(struct fs *fs, struct event_reader *reader)
{
    struct events *events = fs->events;
    struct waiter *waiter;
    bool waits = false;
    pthread_mutex_lock(&reader->lock);
    while (!waits && (waiter = take_waiter(events, reader))) {
        int error = 0;
        bool answered = answer(fs, reader, waiter->request, waiter->size, waiter->offset);
        if (!answered && is_ending(events)) {
            fuse_reply_buf(waiter->request, NULL, 0);
            answered = true;
        } else if (!answered) {
            waits = put_aside(events, reader, waiter, &error);
        }
        if (error)
            fuse_reply_err(waiter->request, error);
        if (!waits && !answered && !error) { /* something came just now, or the end did: once more */
            lock(events);
            TAILQ_INSERT_HEAD(&reader->waiters, waiter, next);
            unlock(events);
        } else if (!waits)
            free(waiter);
    }
    pthread_mutex_unlock(&reader->lock);
    lock(events);
    struct fuse_pollhandle *poll = reader->poll;
    reader->poll = NULL;
    unlock(events);
    if (poll) {
        fuse_lowlevel_notify_poll(poll);
        fuse_pollhandle_destroy(poll);
    }
}

static void *run(void *arg)
{
    struct fs *fs = arg;
    struct events *events = fs->events;
    lock(events);
    for (;;) {
        struct event_reader *reader = next_due_locked(events);
        if (!reader && events->ending)
            break;
        if (!reader) {
            pthread_cond_wait(&events->wake, &events->lock);
            continue;
        }
        unlock(events);
        serve(fs, reader);
        lock(events);
        reader_put_locked(reader);
    }
    unlock(events);
    return NULL;
}

/* --- opening and closing ------------------------------------------------------------------------------- */

/* What the first reader needs. */
static int start_locked(struct fs *fs)
{
    struct events *events = fs->events;
    if (events->ending)
        return -ENODEV;
    if (events->readers_count >= EVENTS_READERS)
        return -EMFILE;
    if (!events->ring && !(events->ring = calloc(EVENTS_KEPT, sizeof *events->ring)))
        return -ENOMEM;
    if (!events->running) {
        int error = pthread_create(&events->thread, NULL, run, fs);
        if (error)
            return -error;
        events->running = true;
    }
    return 0;
}

int events_open(struct fs *fs, struct fuse_file_info *info)
{
    struct events *events = fs->events;
    struct event_reader *reader = calloc(1, sizeof *reader);
    if (!reader || !(reader->window = malloc(EVENTS_WINDOW))) {
        free(reader);
        return -ENOMEM;
    }
    pthread_mutex_init(&reader->lock, NULL);
    TAILQ_INIT(&reader->waiters);
    reader->refs = 1;
    char date[40];
    date_format(clock_ns(CLOCK_REALTIME) / 1000000, date);
    reader->end = (uint64_t)snprintf(reader->window, EVENTS_WINDOW, "{\"time\":\"%s\",\"kind\":\"begin\"}\n", date);

    lock(events);
    int result = start_locked(fs);
    if (result == 0) {
        reader->cursor = events->head;
        LIST_INSERT_HEAD(&events->readers, reader, all);
        events->readers_count++;
        atomic_fetch_add(&events->wanted, 1);
    } else
        reader_put_locked(reader);
    unlock(events);
    if (result < 0)
        return result;
    info->fh = (uint64_t)(uintptr_t)reader;
    info->direct_io = 1;
    info->noflush = 1;
    return 0;
}

static void forget_reader_locked(struct events *events, struct event_reader *reader)
{
    LIST_REMOVE(reader, all);
    atomic_fetch_sub(&events->wanted, 1);
    if (--events->readers_count == 0) {
        free(events->ring);
        events->ring = NULL;
    }
    reader_put_locked(reader);
}

void events_close(struct fs *fs, const struct fuse_file_info *info)
{
    lock(fs->events);
    forget_reader_locked(fs->events, reader_of(info));
    unlock(fs->events);
}

uint64_t events_size(const struct fs *fs)
{
    return EVENTS_SIZE + atomic_load(&fs->events->head) * EVENTS_WINDOW;
}

void events_begin(struct fs *fs)
{
    lock(fs->events);
    fs->events->ending = false;
    unlock(fs->events);
}

void events_end(struct fs *fs)
{
    struct events *events = fs->events;
    lock(events);
    events->ending = true;
    bool running = events->running;
    events->running = false;
    pthread_cond_signal(&events->wake);
    unlock(events);
    if (running)
        pthread_join(events->thread, NULL);
}

void events_free(struct events *events)
{
    struct event_reader *reader;
    if (!events)
        return;
    while ((reader = LIST_FIRST(&events->readers)))
        forget_reader_locked(events, reader);
    free(events->ring);
    pthread_cond_destroy(&events->wake);
    pthread_mutex_destroy(&events->lock);
    free(events);
}
