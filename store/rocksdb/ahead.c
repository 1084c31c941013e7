/* SPDX-License-Identifier: MIT */
/* ahead.c - see ahead.h. */
#include "ahead.h"
#include "keys.h"

#include <errno.h>

/* --- streams: with the lock ---------------------------------------------------------------------------- */

static struct ahead_stream *find_locked(struct ahead *ahead, uint64_t version, uint64_t change)
{
    for (struct ahead_stream *stream = ahead->streams; stream < ahead->streams + AHEAD_STREAMS; stream++)
        if (stream->version == version && stream->change == change)
            return stream;
    return NULL;
}

/* What is being loaded finds, when it comes, that nobody awaits it. */
static void clear_locked(struct ahead_stream *stream)
{
    for (struct ahead_slot *slot = stream->slots; slot < stream->slots + AHEAD_SLOTS; slot++)
        slice_release(&slot->slice);
    *stream = (struct ahead_stream){0};
}

static struct ahead_stream *begin_locked(struct ahead *ahead, uint64_t version, uint64_t change)
{
    struct ahead_stream *oldest = ahead->streams;
    for (struct ahead_stream *stream = ahead->streams; stream < ahead->streams + AHEAD_STREAMS; stream++)
        if (stream->turn < oldest->turn)
            oldest = stream;
    clear_locked(oldest);
    oldest->version = version;
    oldest->change = change;
    pthread_cond_broadcast(&ahead->ready); /* who waited for the old one reads for itself */
    return oldest;
}

static struct ahead_slot *slot_of(struct ahead_stream *stream, uint64_t chunk)
{
    return &stream->slots[chunk % AHEAD_SLOTS];
}

static bool wants_more(const struct ahead *ahead, const struct ahead_stream *stream)
{
    return stream->version && stream->loaded < stream->end && stream->loaded < stream->next + ahead->window;
}

/* --- the thread ---------------------------------------------------------------------------------------- */

/* The stream that was read last comes first. */
static struct ahead_stream *choose_locked(struct ahead *ahead)
{
    struct ahead_stream *chosen = NULL;
    for (struct ahead_stream *stream = ahead->streams; stream < ahead->streams + AHEAD_STREAMS; stream++)
        if (wants_more(ahead, stream) && (!chosen || stream->turn > chosen->turn))
            chosen = stream;
    return chosen;
}

/* Loads one chunk; lets the lock go meanwhile. */
static void load_locked(struct ahead *ahead, struct ahead_stream *stream)
{
    uint64_t version = stream->version, change = stream->change, chunk = stream->loaded++;
    struct ahead_slot *slot = slot_of(stream, chunk);
    slice_release(&slot->slice);
    slot->state = AHEAD_LOADING;
    slot->chunk = chunk;
    pthread_mutex_unlock(&ahead->lock);

    struct slice slice = {0};
    struct key key = key_chunk(version, chunk);
    int result = db_get_passing(ahead->db, FAMILY_DATA, &key, &slice);

    pthread_mutex_lock(&ahead->lock);
    bool awaited =
        stream->version == version && stream->change == change && slot->state == AHEAD_LOADING && slot->chunk == chunk;
    if (!awaited) {
        slice_release(&slice);
        return;
    }
    slot->slice = slice;
    /* After an error the reader tries for itself, and tells of it. */
    slot->state = result == 0 || result == -ENOENT ? AHEAD_READY : AHEAD_FREE;
    if (ahead->waiting > 0)
        pthread_cond_broadcast(&ahead->ready);
}

static void *fetch(void *arg)
{
    struct ahead *ahead = arg;
    pthread_mutex_lock(&ahead->lock);
    while (!ahead->stopping) {
        struct ahead_stream *stream = choose_locked(ahead);
        if (stream) {
            load_locked(ahead, stream);
            continue;
        }
        ahead->sleeping = true;
        pthread_cond_wait(&ahead->wanted, &ahead->lock);
        ahead->sleeping = false;
    }
    pthread_mutex_unlock(&ahead->lock);
    return NULL;
}

/* Once for half a window: to wake a thread on another core costs as much as to read a chunk. */
static void wake_locked(struct ahead *ahead, const struct ahead_stream *stream)
{
    if (ahead->sleeping && wants_more(ahead, stream) && stream->loaded <= stream->next + ahead->window / 2)
        pthread_cond_signal(&ahead->wanted);
}

/* --- life ---------------------------------------------------------------------------------------------- */

int ahead_start(struct ahead *ahead, const struct db *db, uint32_t chunk_bytes)
{
    *ahead = (struct ahead){.db = db, .window = AHEAD_BYTES / chunk_bytes};
    if (ahead->window > AHEAD_SLOTS)
        ahead->window = AHEAD_SLOTS;
    ahead->window -= ahead->window / 4;
    pthread_mutex_init(&ahead->lock, NULL);
    pthread_cond_init(&ahead->wanted, NULL);
    pthread_cond_init(&ahead->ready, NULL);
    return -pthread_create(&ahead->thread, NULL, fetch, ahead);
}

void ahead_stop(struct ahead *ahead)
{
    pthread_mutex_lock(&ahead->lock);
    ahead->stopping = true;
    pthread_cond_signal(&ahead->wanted);
    pthread_mutex_unlock(&ahead->lock);
    pthread_join(ahead->thread, NULL);
    for (struct ahead_stream *stream = ahead->streams; stream < ahead->streams + AHEAD_STREAMS; stream++)
        clear_locked(stream);
    pthread_cond_destroy(&ahead->ready);
    pthread_cond_destroy(&ahead->wanted);
    pthread_mutex_destroy(&ahead->lock);
}

/* --- reading ------------------------------------------------------------------------------------------- */

void ahead_follow(struct ahead *ahead, uint64_t version, uint64_t change, uint64_t first, uint64_t end)
{
    if (ahead->window == 0)
        return;
    pthread_mutex_lock(&ahead->lock);
    struct ahead_stream *stream = find_locked(ahead, version, change);
    if (!stream)
        stream = begin_locked(ahead, version, change);
    stream->turn = ++ahead->turn;
    stream->end = end;
    /* Elsewhere than it was: what is there is of no use. */
    if (first + ahead->window < stream->next || first > stream->loaded)
        stream->next = stream->loaded = first;
    wake_locked(ahead, stream);
    pthread_mutex_unlock(&ahead->lock);
}

static bool take_locked(struct ahead *ahead, struct ahead_stream *stream, uint64_t chunk, struct slice *ret_slice)
{
    struct ahead_slot *slot = slot_of(stream, chunk);
    bool ready = slot->state == AHEAD_READY && slot->chunk == chunk;
    if (ready) {
        *ret_slice = slot->slice;
        slot->slice = (struct slice){0};
        slot->state = AHEAD_FREE;
    }
    if (stream->next <= chunk)
        stream->next = chunk + 1;
    if (stream->loaded <= chunk)
        stream->loaded = chunk + 1; /* the reader has begun */
    wake_locked(ahead, stream);
    return ready;
}

bool ahead_take(struct ahead *ahead, uint64_t version, uint64_t change, uint64_t chunk, struct slice *ret_slice)
{
    bool taken = false;
    pthread_mutex_lock(&ahead->lock);
    struct ahead_stream *stream = find_locked(ahead, version, change);
    while (stream && slot_of(stream, chunk)->state == AHEAD_LOADING && slot_of(stream, chunk)->chunk == chunk) {
        ahead->waiting++;
        pthread_cond_wait(&ahead->ready, &ahead->lock);
        ahead->waiting--;
        stream = find_locked(ahead, version, change);
    }
    if (stream)
        taken = take_locked(ahead, stream, chunk, ret_slice);
    pthread_mutex_unlock(&ahead->lock);
    return taken;
}

void ahead_forget(struct ahead *ahead, uint64_t version)
{
    pthread_mutex_lock(&ahead->lock);
    for (struct ahead_stream *stream = ahead->streams; stream < ahead->streams + AHEAD_STREAMS; stream++)
        if (stream->version == version)
            clear_locked(stream);
    if (ahead->waiting > 0) /* one who has it in hand again already */
        pthread_cond_broadcast(&ahead->ready);
    pthread_mutex_unlock(&ahead->lock);
}
