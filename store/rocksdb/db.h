/* SPDX-License-Identifier: MIT */
/*
 * db.h - RocksDB, opened with the options this store wants, its five column families, and its string errors turned
 * into errno. Knows keys and bytes; knows nothing of entries.
 *
 * What RocksDB 7.8.3 was seen to do when writing fails (tests/lib/faulty.c plants it): after an error of a log, a manifest or
 * a table that is flushed (write, create, sync) writes fail with that error, reads go on, and what was acknowledged is
 * there when it is opened again. There is no call in C to make it try again. ENOSPC at all steps at once, a log's write
 * among them, was seen to abort (an assertion in WritableFileWriter). So it should not meet ENOSPC: room.h.
 *
 * Every function may be called from any thread. A batch and an iterator belong to whoever made them.
 */
#ifndef LARDER_ROCKSDB_DB_H
#define LARDER_ROCKSDB_DB_H

#include "backend.h"
#include "keys.h"

#include <rocksdb/c.h>
#include <stdatomic.h>

enum family { FAMILY_DEFAULT, FAMILY_VERSION, FAMILY_DATA, FAMILY_DEADLINE, FAMILY_TAG, FAMILY_COUNT };

/* Filled by db_open(), constant until db_close(). */
struct db {
    const struct store_options *options;
    rocksdb_t *rocks;
    rocksdb_column_family_handle_t *families[FAMILY_COUNT];
    rocksdb_readoptions_t *reading, *passing;
    rocksdb_writeoptions_t *writing, *unlogged;
    rocksdb_cache_t *cache;
    _Atomic uint64_t *gets; /* counts db_get() */
};

enum db_how {
    DB_MAKE, /* and makes it when it is not there */
    DB_WRITE, /* only if it is there */
    DB_LOOK, /* likewise, and nothing that matters is written: what is in the log is read into memory */
};

/* Opens the database in a directory that is there. -EUCLEAN damaged, -EIO, ...: the sentence is what RocksDB says of it,
 * the file with it. */
int db_open(struct db *db, const char *path, enum db_how how, const struct store_options *options,
            _Atomic uint64_t *gets, struct store_error *ret_error);
void db_close(struct db *db);

/* Builds a database that does not open, or has tables that cannot be read, anew from what tables and logs are whole; the
 * others go to the directory `lost` in it. What is in it afterwards need not fit together, and may have come back from
 * before. -EIO with what RocksDB says. */
int db_rebuild(const char *path, const struct store_options *options, struct store_error *ret_error);

/* What RocksDB said last to this thread. */
const char *db_last_error(void);

/* About so many keys are in all families together. */
uint64_t db_keys(const struct db *db);

/* Turns an error of RocksDB into a negative errno, logs its text and frees it. */
int db_error(const struct db *db, char *text);

/* Bytes that RocksDB lent; let go with slice_release(), or declare it SCOPED_SLICE. */
struct slice {
    const uint8_t *data;
    size_t size;
    rocksdb_pinnableslice_t *owner;
};
void slice_release(struct slice *slice);
#define SCOPED_SLICE __attribute__((cleanup(slice_release))) struct slice

/* One value. -ENOENT when there is none. */
int db_get(const struct db *db, enum family family, const struct key *key, struct slice *ret_value);
/* The same for what is not wanted again soon: it does not go into the block cache. */
int db_get_passing(const struct db *db, enum family family, const struct key *key, struct slice *ret_value);
int db_put(const struct db *db, enum family family, const struct key *key, const void *value, size_t size);

/* The same past the log: lost with the process unless db_flush_family() came after it. */
int db_put_unlogged(const struct db *db, enum family family, const struct key *key, const void *value, size_t size);

/* Writes the batch as one, durable against the end of the process. */
int db_write(const struct db *db, rocksdb_writebatch_t *batch);

/* Makes everything written durable against the end of the machine. */
int db_sync(const struct db *db);

/* Writes memtables out, so that their logs can go. */
int db_flush(const struct db *db);

/* Writes the memtables of one family out, and makes that durable against the end of the machine. */
int db_flush_family(const struct db *db, enum family family);

void db_batch_put(const struct db *db, rocksdb_writebatch_t *batch, enum family family, const struct key *key,
                  const void *value, size_t size);
void db_batch_delete(const struct db *db, rocksdb_writebatch_t *batch, enum family family, const struct key *key);
/* All keys from `from` up to but not `end`. For many only: RocksDB drags each such record along. */
void db_batch_delete_range(const struct db *db, rocksdb_writebatch_t *batch, enum family family, const struct key *from,
                           const struct key *end);

/* How everything is at one moment, for as long as it is kept. What is read of it does not go into the block cache. */
struct frozen {
    const rocksdb_snapshot_t *snapshot;
    rocksdb_readoptions_t *reading;
};
void db_freeze(const struct db *db, struct frozen *ret_frozen);
void db_thaw(const struct db *db, struct frozen *frozen);
int db_get_at(const struct db *db, const struct frozen *frozen, enum family family, const struct key *key,
              struct slice *ret_value);

/* Walks keys upwards from one key to before another, over the state at the time of db_walk(). */
struct walk {
    struct key end; /* RocksDB keeps a pointer to it: the struct must not move */
    rocksdb_t *rocks;
    rocksdb_readoptions_t *reading;
    const rocksdb_snapshot_t *snapshot; /* of a frozen one; else NULL */
    rocksdb_iterator_t *iterator;
};
void db_walk(const struct db *db, enum family family, const struct key *from, const struct key *end,
             struct walk *ret_walk);
/* The same, and db_get_frozen() reads other values as they were at that time. */
void db_walk_frozen(const struct db *db, enum family family, const struct key *from, const struct key *end,
                    struct walk *ret_walk);
/* The same of a state that is frozen, and outlives the walk. */
void db_walk_at(const struct db *db, const struct frozen *frozen, enum family family, const struct key *from,
                const struct key *end, struct walk *ret_walk);
int db_get_frozen(const struct db *db, const struct walk *walk, enum family family, const struct key *key,
                  struct slice *ret_value);
/* True and the pair at hand, valid until the next step; false at the end. */
bool walk_get(const struct walk *walk, struct slice *ret_key, struct slice *ret_value);
void walk_next(struct walk *walk);
/* On to the first key not below `key`. */
void walk_seek(struct walk *walk, const struct key *key);
/* What ended it: 0, or the medium's error. */
int walk_error(const struct db *db, const struct walk *walk);
void walk_release(struct walk *walk);
#define SCOPED_WALK __attribute__((cleanup(walk_release))) struct walk

/*
 * All families as they were when it was opened (`frozen`), or as they are, for who reads them through: what is read from
 * the disk is checked, and walking leaves the block cache to others.
 */
struct view {
    const struct db *db;
    const rocksdb_snapshot_t *snapshot; /* NULL: not frozen */
    rocksdb_readoptions_t *reading;
};
void view_open(const struct db *db, bool frozen, struct view *ret_view);
void view_release(struct view *view);
/* One value; as db_get(), but errors are not logged: db_last_error() has them. */
int view_get(const struct view *view, enum family family, const struct key *key, struct slice *ret_value);
/* A whole family from its first key on; walk_error() logs nothing of it either. */
void view_walk(const struct view *view, enum family family, struct walk *ret_walk);
int view_walk_error(const struct walk *walk);

#endif
