/* SPDX-License-Identifier: MIT */
/* value.c - see value.h. */
#include "value.h"
#include "engine.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

static size_t smaller(size_t a, uint64_t b)
{
    return a < b ? a : (size_t)b;
}

uint64_t value_chunks(const struct engine *engine, uint64_t size)
{
    uint32_t chunk = engine->layout.chunk_bytes;
    return size / chunk + (size % chunk > 0);
}

/* The part of size bytes at an offset that lies in one chunk. */
struct part {
    uint64_t chunk;
    size_t start, size; /* in the chunk */
};

static struct part first_part(const struct engine *engine, uint64_t offset, size_t size)
{
    uint32_t chunk = engine->layout.chunk_bytes;
    struct part part = {.chunk = offset / chunk, .start = (size_t)(offset % chunk)};
    part.size = smaller(size, chunk - part.start);
    return part;
}

/* --- chunks on disk ------------------------------------------------------------------------------------ */

/* From this size on a value would push much else out of the block cache, and most of itself. Whole chunks of it, which
 * who reads through the page cache asks for, are in that afterwards. */
#define PASSING_BYTES (UINT64_C(4) << 20)

/* Copies `size` bytes from `start` of a chunk on; what is not there is zeroes. */
static void slice_copy(const struct slice *chunk, struct part part, uint8_t *to)
{
    size_t there = chunk->size > part.start ? smaller(part.size, chunk->size - part.start) : 0;
    if (there > 0)
        memcpy(to, chunk->data + part.start, there);
    memset(to + there, 0, part.size - there);
}

/* The same out of the store. The whole value has `value_size`. */
static int chunk_copy(const struct engine *engine, uint64_t version, uint64_t value_size, struct part part, uint8_t *to)
{
    struct key key = key_chunk(version, part.chunk);
    SCOPED_SLICE chunk = {0};
    bool passing = value_size >= PASSING_BYTES && part.size == engine->layout.chunk_bytes;
    int result = (passing ? db_get_passing : db_get)(&engine->db, FAMILY_DATA, &key, &chunk);
    if (result < 0 && result != -ENOENT)
        return result;
    slice_copy(&chunk, part, to);
    return 0;
}

/* A chunk to its end, if it was read ahead. */
static bool taken_ahead(struct engine *engine, const struct chunked *chunked, struct part part, uint8_t *to)
{
    SCOPED_SLICE chunk = {0};
    if (!ahead_take(&engine->ahead, chunked->version, chunked->change, part.chunk, &chunk))
        return false;
    slice_copy(&chunk, part, to);
    return true;
}

int chunks_read(struct engine *engine, const struct chunked *chunked, uint8_t *buffer, size_t size, uint64_t offset)
{
    uint64_t value_size = chunked->value_size;
    bool ahead = chunked->in_sequence && value_size >= PASSING_BYTES && size >= engine->layout.chunk_bytes;
    int result = 0;
    if (ahead)
        ahead_follow(&engine->ahead, chunked->version, chunked->change, offset / engine->layout.chunk_bytes,
                     value_chunks(engine, value_size));
    while (size > 0 && result == 0) {
        struct part part = first_part(engine, offset, size);
        bool to_end = part.start + part.size == engine->layout.chunk_bytes || offset + part.size == value_size;
        if (!ahead || !to_end || !taken_ahead(engine, chunked, part, buffer))
            result = chunk_copy(engine, chunked->version, value_size, part, buffer);
        buffer += part.size;
        offset += part.size;
        size -= part.size;
    }
    return result;
}

/* What is in a chunk of a value of `size` bytes, into a buffer of a whole chunk. */
static int chunk_load(const struct engine *engine, uint64_t version, uint64_t chunk, uint64_t size, uint8_t *buffer,
                      size_t *ret_filled)
{
    uint64_t start = chunk * engine->layout.chunk_bytes;
    struct part part = {.chunk = chunk, .size = size > start ? smaller(engine->layout.chunk_bytes, size - start) : 0};
    *ret_filled = part.size;
    return part.size > 0 ? chunk_copy(engine, version, size, part, buffer) : 0;
}

void chunks_drop(const struct engine *engine, rocksdb_writebatch_t *batch, uint64_t version, uint64_t first,
                 uint64_t end)
{
    enum { RANGE_MIN = 32 };
    if (end - first >= RANGE_MIN) {
        struct key from = key_chunk(version, first), to = key_chunk(version, end);
        db_batch_delete_range(&engine->db, batch, FAMILY_DATA, &from, &to);
        return;
    }
    for (; first < end; first++) {
        struct key key = key_chunk(version, first);
        db_batch_delete(&engine->db, batch, FAMILY_DATA, &key);
    }
}

int chunks_cut(const struct engine *engine, rocksdb_writebatch_t *batch, uint64_t version, uint64_t old_size,
               uint64_t size)
{
    uint64_t keep = value_chunks(engine, size);
    chunks_drop(engine, batch, version, keep, value_chunks(engine, old_size));
    if (size % engine->layout.chunk_bytes == 0)
        return 0;
    uint8_t *chunk = malloc(engine->layout.chunk_bytes);
    if (!chunk)
        return -ENOMEM;
    size_t filled;
    int result = chunk_load(engine, version, keep - 1, size, chunk, &filled);
    if (result == 0) {
        struct key key = key_chunk(version, keep - 1);
        db_batch_put(&engine->db, batch, FAMILY_DATA, &key, chunk, filled);
    }
    free(chunk);
    return result;
}

/* One chunk as it will be, where the data does not cover all of it. */
static int chunk_patch(const struct engine *engine, rocksdb_writebatch_t *batch, uint64_t version, const uint8_t *old,
                       uint64_t old_size, const uint8_t *data, struct part part)
{
    uint8_t *chunk = calloc(1, engine->layout.chunk_bytes);
    if (!chunk)
        return -ENOMEM;
    size_t filled = 0;
    int result = 0;
    if (!old)
        result = chunk_load(engine, version, part.chunk, old_size, chunk, &filled);
    else if (part.chunk == 0)
        memcpy(chunk, old, filled = (size_t)old_size);
    if (result == 0) {
        memcpy(chunk + part.start, data, part.size);
        if (filled < part.start + part.size)
            filled = part.start + part.size;
        struct key key = key_chunk(version, part.chunk);
        db_batch_put(&engine->db, batch, FAMILY_DATA, &key, chunk, filled);
    }
    free(chunk);
    return result;
}

int chunks_write(const struct engine *engine, rocksdb_writebatch_t *batch, uint64_t version, const uint8_t *old,
                 uint64_t old_size, const uint8_t *data, size_t size, uint64_t offset)
{
    int result = 0;
    if (old && old_size > 0 && (size == 0 || offset >= engine->layout.chunk_bytes)) {
        struct key key = key_chunk(version, 0);
        db_batch_put(&engine->db, batch, FAMILY_DATA, &key, old, (size_t)old_size);
    }
    while (size > 0 && result == 0) {
        struct part part = first_part(engine, offset, size);
        struct key key = key_chunk(version, part.chunk);
        if (part.size == engine->layout.chunk_bytes)
            db_batch_put(&engine->db, batch, FAMILY_DATA, &key, data, part.size);
        else
            result = chunk_patch(engine, batch, version, old, old_size, data, part);
        data += part.size;
        offset += part.size;
        size -= part.size;
    }
    return result;
}

/* --- private values ------------------------------------------------------------------------------------ */

/* So much of each value is logged: a flush, which waits for the disk, then is little beside what was written. */
#define LOGGED_BYTES (UINT64_C(32) << 20)

static int put_chunk(const struct engine *engine, uint64_t version, struct value *value, uint64_t chunk,
                     const uint8_t *data, size_t size)
{
    struct key key = key_chunk(version, chunk);
    bool unlogged = value->put_bytes >= LOGGED_BYTES;
    int result = (unlogged ? db_put_unlogged : db_put)(&engine->db, FAMILY_DATA, &key, data, size);
    value->put_bytes += size;
    value->unlogged |= unlogged;
    return result;
}

void value_release(struct value *value)
{
    free(value->buffer);
    *value = (struct value){0};
}

/* Makes the buffer hold at least `size` bytes. */
static int reserve(const struct engine *engine, struct value *value, size_t size)
{
    if (size <= value->capacity)
        return 0;
    size_t capacity = value->capacity ? value->capacity : 256;
    while (capacity < size)
        capacity *= 2;
    if (value->chunked || capacity > engine->layout.chunk_bytes)
        capacity = engine->layout.chunk_bytes;
    uint8_t *buffer = realloc(value->buffer, capacity);
    if (!buffer)
        return -ENOMEM;
    value->buffer = buffer;
    value->capacity = capacity;
    return 0;
}

int value_adopt(struct value *value, const uint8_t *bytes, uint64_t size)
{
    struct value adopted = {.size = size, .chunked = !bytes};
    if (bytes && size > 0) {
        adopted.buffer = malloc((size_t)size);
        if (!adopted.buffer)
            return -ENOMEM;
        memcpy(adopted.buffer, bytes, (size_t)size);
        adopted.capacity = adopted.filled = (size_t)size;
    }
    *value = adopted;
    return 0;
}

static bool at_hand(const struct value *value, uint64_t chunk)
{
    return (value->buffer || !value->chunked) && value->at == chunk;
}

int value_read(const struct engine *engine, uint64_t version, const struct value *value, void *buffer, size_t size,
               uint64_t offset)
{
    uint8_t *to = buffer;
    int result = 0;
    while (size > 0 && result == 0) {
        struct part part = first_part(engine, offset, size);
        if (at_hand(value, part.chunk)) {
            size_t there = value->filled > part.start ? smaller(part.size, value->filled - part.start) : 0;
            if (there > 0)
                memcpy(to, value->buffer + part.start, there);
            memset(to + there, 0, part.size - there);
        } else {
            result = chunk_copy(engine, version, value->size, part, to);
        }
        to += part.size;
        offset += part.size;
        size -= part.size;
    }
    return result;
}

/* Writes what is only in the buffer, if it is chunked. */
static int put_buffer(const struct engine *engine, uint64_t version, struct value *value)
{
    if (!value->chunked || !value->buffer || !value->dirty)
        return 0;
    int result = put_chunk(engine, version, value, value->at, value->buffer, value->filled);
    if (result == 0)
        value->dirty = false;
    return result;
}

int value_flush(const struct engine *engine, uint64_t version, struct value *value)
{
    int result = put_buffer(engine, version, value);
    if (result < 0 || !value->unlogged)
        return result;
    engine_waits(engine);
    result = db_flush_family(&engine->db, FAMILY_DATA);
    if (result == 0)
        value->unlogged = false;
    return result;
}

/* Takes another chunk to hand. */
static int fetch(const struct engine *engine, uint64_t version, struct value *value, uint64_t chunk)
{
    int result = put_buffer(engine, version, value);
    if (result == 0)
        result = reserve(engine, value, engine->layout.chunk_bytes);
    if (result < 0)
        return result;
    value->at = UINT64_MAX; /* no chunk has this number, should loading fail */
    result = chunk_load(engine, version, chunk, value->size, value->buffer, &value->filled);
    if (result == 0) {
        value->at = chunk;
        value->dirty = false;
    }
    return result;
}

/* Writes to the buffer, which has the chunk. */
static int patch(const struct engine *engine, struct value *value, const uint8_t *data, struct part part)
{
    int result = reserve(engine, value, part.start + part.size);
    if (result < 0)
        return result;
    if (value->filled < part.start)
        memset(value->buffer + value->filled, 0, part.start - value->filled);
    memcpy(value->buffer + part.start, data, part.size);
    if (value->filled < part.start + part.size)
        value->filled = part.start + part.size;
    value->dirty = true;
    return 0;
}

static int write_part(const struct engine *engine, uint64_t version, struct value *value, const uint8_t *data,
                      struct part part)
{
    if (part.size == engine->layout.chunk_bytes && !at_hand(value, part.chunk)) {
        /* What came before it goes first: tables whose keys overlap would have to be merged, which writes them twice. */
        int result = put_buffer(engine, version, value);
        return result < 0 ? result : put_chunk(engine, version, value, part.chunk, data, part.size);
    }
    int result = at_hand(value, part.chunk) ? 0 : fetch(engine, version, value, part.chunk);
    return result < 0 ? result : patch(engine, value, data, part);
}

/* From here on it is in chunks: what it was so far is the first, and at hand. */
static void become_chunked(struct value *value)
{
    value->chunked = true;
    value->dirty = value->filled > 0;
}

int value_write(const struct engine *engine, uint64_t version, struct value *value, const uint8_t *data, size_t size,
                uint64_t offset)
{
    if (!value->chunked && offset + size > engine->layout.inline_max)
        become_chunked(value);
    int result = 0;
    while (size > 0 && result == 0) {
        struct part part = first_part(engine, offset, size);
        result = write_part(engine, version, value, data, part);
        if (result == 0 && value->size < offset + part.size)
            value->size = offset + part.size;
        data += part.size;
        offset += part.size;
        size -= part.size;
    }
    return result;
}

/* The buffer, if it is at or behind a new end, ends there as well. */
static void cut_buffer(const struct engine *engine, struct value *value, uint64_t size)
{
    uint64_t start = value->at * engine->layout.chunk_bytes;
    if (!value->buffer || value->at == UINT64_MAX)
        return;
    if (start >= size && value->chunked) {
        value->dirty = false;
        value->at = UINT64_MAX;
        value->filled = 0;
    } else if (value->filled > size - start) {
        value->filled = (size_t)(size - start);
    }
}

int value_resize(const struct engine *engine, uint64_t version, struct value *value, uint64_t size)
{
    if (!value->chunked && size > engine->layout.inline_max)
        become_chunked(value);
    if (value->chunked && size < value->size) {
        int result = put_buffer(engine, version, value);
        rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
        if (result == 0)
            result = chunks_cut(engine, batch, version, value->size, size);
        if (result == 0)
            result = db_write(&engine->db, batch);
        rocksdb_writebatch_destroy(batch);
        if (result < 0)
            return result;
    }
    cut_buffer(engine, value, size);
    value->size = size;
    return 0;
}
