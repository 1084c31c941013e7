/* SPDX-License-Identifier: MIT */
/*
 * value.h - the bytes of a version: in memory, in chunks, or part here and part there.
 *
 * A private value (staged, or dead) is written in place. Up to layout.inline_max bytes it is in `buffer` alone. Once it
 * was larger it is chunked: chunks are in the data family, the one at hand is in `buffer`, which a file written from
 * front to back fills and writes once each. So memory is one chunk a version, however large it grows.
 *
 *     |  chunk 0  |  chunk 1  | buffer = chunk 2 ..|
 *
 * A value that gets large has its chunks written past RocksDB's log, whose bytes would be copied, summed up and put on
 * the disk twice: nobody misses a private value after a crash. Before it is published value_flush() has the data family
 * flushed, once for all of them.
 *
 * A chunk that is missing or short is zeroes up to where it should end, and no chunk reaches past the value's size:
 * growing a value is free, and shows no old bytes.
 *
 * Nothing here is locked: the version's lock is held by the caller. None of it touches rows.
 */
#ifndef LARDER_ROCKSDB_VALUE_H
#define LARDER_ROCKSDB_VALUE_H

#include "db.h"

struct engine;

struct value {
    uint64_t size;
    bool chunked;
    uint8_t *buffer; /* chunk number `at`; NULL: nothing at hand */
    size_t capacity, filled; /* of the buffer */
    uint64_t at;
    bool dirty; /* the buffer is newer than the chunk on disk */
    uint64_t put_bytes; /* in chunks so far, each as often as it was written */
    bool unlogged; /* some of them past the log: lost with the process, as long as they are not flushed */
};

/* How many chunks a chunked value of this size has at most. */
uint64_t value_chunks(const struct engine *engine, uint64_t size);

/* Makes a private value of what a row held: the bytes (copied), or with NULL the chunks of that size. */
int value_adopt(struct value *value, const uint8_t *bytes, uint64_t size);
void value_release(struct value *value);

/* A private value. Room was taken before. */
int value_read(const struct engine *engine, uint64_t version, const struct value *value, void *buffer, size_t size,
               uint64_t offset);
int value_write(const struct engine *engine, uint64_t version, struct value *value, const uint8_t *data, size_t size,
                uint64_t offset);
int value_resize(const struct engine *engine, uint64_t version, struct value *value, uint64_t size);
/* Makes what was written so far outlive the process, if it is chunked. */
int value_flush(const struct engine *engine, uint64_t version, struct value *value);

/* A published one in chunks, as it is since `change`, of `value_size` bytes: reads all of `size`, which does not pass the
 * end. In sequence: what lies behind will be wanted, too. */
struct chunked {
    uint64_t version, change, value_size;
    bool in_sequence;
};
int chunks_read(struct engine *engine, const struct chunked *chunked, uint8_t *buffer, size_t size, uint64_t offset);

/* Adds to a batch what makes `size` bytes at `offset` be `data`; `old` is the whole value when that was in the row. */
int chunks_write(const struct engine *engine, rocksdb_writebatch_t *batch, uint64_t version, const uint8_t *old,
                 uint64_t old_size, const uint8_t *data, size_t size, uint64_t offset);

/* Adds to a batch what cuts chunks of `old_size` bytes together to `size`. */
int chunks_cut(const struct engine *engine, rocksdb_writebatch_t *batch, uint64_t version, uint64_t old_size,
               uint64_t size);

/* Adds to a batch the deletion of chunks from number `first` to before `end`. */
void chunks_drop(const struct engine *engine, rocksdb_writebatch_t *batch, uint64_t version, uint64_t first,
                 uint64_t end);

#endif
