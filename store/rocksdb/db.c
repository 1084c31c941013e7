/* SPDX-License-Identifier: MIT */
/* db.c - see db.h. The one place where RocksDB's options are set, each with its reason. */
#include "db.h"
#include "room.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const family_names[FAMILY_COUNT] = {[FAMILY_DEFAULT] = "default",
                                                       [FAMILY_VERSION] = "version",
                                                       [FAMILY_DATA] = "data",
                                                       [FAMILY_DEADLINE] = "deadline",
                                                       [FAMILY_TAG] = "tag"};

enum {
    MEMTABLE_BYTES = 8 << 20, /* a memtable of rows or indexes; a few are alive at a time */
    DATA_MEMTABLE_BYTES = 16 << 20,
    MEMTABLES_BYTES = 64 << 20, /* all memtables together */
    WAL_BYTES = 128 << 20, /* what opening after a crash has to read again */
    SIZE_MIN = 1 << 20, /* of any of these */
    TABLE_BYTES = 16 << 20, /* a file: small, so that compacting a few is soon done */
};

/* --- errors -------------------------------------------------------------------------------------------- */

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static int errno_of(const char *text)
{
    if (strstr(text, "No space left") || strstr(text, "Disk quota exceeded")) /* to be told from a directory's limit */
        return -ENOSPC;
    if (begins(text, "Corruption"))
        return -EUCLEAN;
    if (strstr(text, "Permission denied"))
        return -EACCES;
    return -EIO;
}

static _Thread_local char last_error[256];

const char *db_last_error(void)
{
    return last_error;
}

/* Frees the text. */
static int note_error(char *text)
{
    int result = errno_of(text);
    snprintf(last_error, sizeof last_error, "%s", text);
    rocksdb_free(text);
    return result;
}

int db_error(const struct db *db, char *text)
{
    int result = errno_of(text);
    snprintf(last_error, sizeof last_error, "%s", text);
    store_log(db->options, STORE_LOG_ERROR, "rocksdb: %s", text);
    rocksdb_free(text);
    return result;
}

/* --- options ------------------------------------------------------------------------------------------- */

/* These sizes are for a reserve of 256 MiB: with less, on a small disk, all of them are less. */
static uint64_t scaled(uint64_t bytes, uint64_t reserve)
{
    uint64_t share = bytes / 256 * (reserve >> 20);
    return share < SIZE_MIN ? SIZE_MIN : share;
}

static rocksdb_options_t *database_options(uint64_t reserve)
{
    rocksdb_options_t *options = rocksdb_options_create();
    rocksdb_options_set_create_if_missing(options, 1);
    rocksdb_options_set_create_missing_column_families(options, 1);
    rocksdb_options_set_max_open_files(options, -1);
    rocksdb_options_set_max_background_jobs(options, 2);
    rocksdb_options_set_db_write_buffer_size(options, scaled(MEMTABLES_BYTES, reserve));
    rocksdb_options_set_max_total_wal_size(options, scaled(WAL_BYTES, reserve));
    rocksdb_options_set_wal_recovery_mode(options, rocksdb_point_in_time_recovery);
    rocksdb_options_set_bytes_per_sync(options, 1 << 20);
    /* The kernel reads ahead in a table that is read from front to back, and no more than asked for elsewhere. Told that
     * all is random it reads a chunk at a time, and the disk rests in between. */
    rocksdb_options_set_advise_random_on_open(options, 0);
    rocksdb_options_set_info_log_level(options, 2); /* warnings */
    rocksdb_options_set_keep_log_file_num(options, 2);
    rocksdb_options_set_max_log_file_size(options, 1 << 20);
    rocksdb_options_set_stats_dump_period_sec(options, 0);
    rocksdb_options_set_stats_persist_period_sec(options, 0);
    rocksdb_options_set_skip_stats_update_on_db_open(options, 1);
    return options;
}

static void set_tables(rocksdb_options_t *options, enum family family, rocksdb_cache_t *cache)
{
    rocksdb_block_based_table_options_t *table = rocksdb_block_based_options_create();
    rocksdb_block_based_options_set_block_cache(table, cache);
    rocksdb_block_based_options_set_format_version(table, 5);
    if (family == FAMILY_DATA) {
        /* A chunk is a block of its own, so the index is large: let the cache bound it. Nobody asks for chunks
         * that are not there, so no filter. */
        rocksdb_block_based_options_set_cache_index_and_filter_blocks(table, 1);
        rocksdb_block_based_options_set_pin_l0_filter_and_index_blocks_in_cache(table, 1);
    } else if (family == FAMILY_DEFAULT || family == FAMILY_VERSION) {
        rocksdb_block_based_options_set_filter_policy(table, rocksdb_filterpolicy_create_bloom_full(10));
        rocksdb_block_based_options_set_data_block_index_type(
            table, rocksdb_block_based_table_data_block_index_type_binary_search_and_hash);
        rocksdb_block_based_options_set_data_block_hash_ratio(table, 0.75);
    }
    rocksdb_options_set_block_based_table_factory(options, table);
    rocksdb_block_based_options_destroy(table);
}

static rocksdb_options_t *family_options(const rocksdb_options_t *base, enum family family, rocksdb_cache_t *cache,
                                         uint64_t reserve)
{
    rocksdb_options_t *options = rocksdb_options_create_copy((rocksdb_options_t *)base);
    bool data = family == FAMILY_DATA;
    rocksdb_options_set_write_buffer_size(options, scaled(data ? DATA_MEMTABLE_BYTES : MEMTABLE_BYTES, reserve));
    rocksdb_options_set_max_write_buffer_number(options, 3);
    rocksdb_options_set_target_file_size_base(options, scaled(TABLE_BYTES, reserve));
    rocksdb_options_set_max_bytes_for_level_base(options, 4 * scaled(TABLE_BYTES, reserve));
    rocksdb_options_set_level_compaction_dynamic_level_bytes(options, 1);
    rocksdb_options_set_compression(options, rocksdb_lz4_compression);
    if (family == FAMILY_DEFAULT) {
        /* A miss, which every new name is first, ends here. */
        rocksdb_options_set_memtable_prefix_bloom_size_ratio(options, 0.05);
        rocksdb_options_set_memtable_whole_key_filtering(options, 1);
    }
    if (family != FAMILY_DATA) /* queues are read from their heads, where the tombstones are */
        rocksdb_options_add_compact_on_deletion_collector_factory(options, 4096, 2048);
    set_tables(options, family, cache);
    return options;
}

/* --- life ---------------------------------------------------------------------------------------------- */

static void all_options(const char *path, rocksdb_cache_t *cache, bool make, rocksdb_options_t **ret_base,
                        const rocksdb_options_t *ret_each[FAMILY_COUNT])
{
    uint64_t reserve = room_reserve(path);
    rocksdb_options_t *base = database_options(reserve);
    if (!make)
        rocksdb_options_set_create_if_missing(base, 0);
    for (int i = 0; i < FAMILY_COUNT; i++)
        ret_each[i] = family_options(base, (enum family)i, cache, reserve);
    *ret_base = base;
}

static void release_options(rocksdb_options_t *base, const rocksdb_options_t *each[FAMILY_COUNT])
{
    for (int i = 0; i < FAMILY_COUNT; i++)
        rocksdb_options_destroy((rocksdb_options_t *)each[i]);
    rocksdb_options_destroy(base);
}

/* Of what is opened a file that is not there is damage, and so is one that is not what it should be. */
static int errno_of_open(const char *text)
{
    int result = errno_of(text);
    bool missing = strstr(text, "No such file") || strstr(text, "NotFound") || begins(text, "Invalid argument");
    return result == -EIO && missing ? -EUCLEAN : result;
}

static rocksdb_cache_t *new_cache(const struct store_options *options)
{
    return rocksdb_cache_create_lru(options->cache_bytes - options->cache_bytes / STORE_WARM_SHARE);
}

int db_open(struct db *db, const char *path, enum db_how how, const struct store_options *options,
            _Atomic uint64_t *gets, struct store_error *ret_error)
{
    *db = (struct db){.options = options, .gets = gets, .cache = new_cache(options)};
    rocksdb_options_t *base;
    const rocksdb_options_t *each[FAMILY_COUNT];
    char *text = NULL;
    all_options(path, db->cache, how == DB_MAKE, &base, each);
    if (how == DB_LOOK)
        db->rocks = rocksdb_open_for_read_only_column_families(
            base, path, FAMILY_COUNT, (const char *const *)family_names, each, db->families, 0, &text);
    else
        db->rocks = rocksdb_open_column_families(base, path, FAMILY_COUNT, (const char *const *)family_names, each,
                                                 db->families, &text);
    release_options(base, each);
    if (text) {
        int result = errno_of_open(text);
        store_fail(ret_error, result, "%.300s", text);
        rocksdb_free(text);
        rocksdb_cache_destroy(db->cache);
        return result;
    }
    db->reading = rocksdb_readoptions_create();
    db->passing = rocksdb_readoptions_create();
    rocksdb_readoptions_set_fill_cache(db->passing, 0);
    db->writing = rocksdb_writeoptions_create();
    db->unlogged = rocksdb_writeoptions_create();
    rocksdb_writeoptions_disable_WAL(db->unlogged, 1);
    return 0;
}

int db_rebuild(const char *path, const struct store_options *options, struct store_error *ret_error)
{
    rocksdb_cache_t *cache = new_cache(options);
    rocksdb_options_t *base;
    const rocksdb_options_t *each[FAMILY_COUNT];
    char *text = NULL;
    all_options(path, cache, false, &base, each);
    rocksdb_repair_db(each[FAMILY_DEFAULT], path, &text);
    release_options(base, each);
    rocksdb_cache_destroy(cache);
    if (!text)
        return 0;
    store_fail(ret_error, -EIO, "%.300s", text);
    rocksdb_free(text);
    return -EIO;
}

uint64_t db_keys(const struct db *db)
{
    uint64_t keys = 0;
    for (int i = 0; i < FAMILY_COUNT; i++) {
        uint64_t some;
        if (rocksdb_property_int_cf(db->rocks, db->families[i], "rocksdb.estimate-num-keys", &some) == 0)
            keys += some;
    }
    return keys;
}

void db_close(struct db *db)
{
    for (int i = 0; i < FAMILY_COUNT; i++)
        rocksdb_column_family_handle_destroy(db->families[i]);
    rocksdb_close(db->rocks);
    rocksdb_readoptions_destroy(db->reading);
    rocksdb_readoptions_destroy(db->passing);
    rocksdb_writeoptions_destroy(db->writing);
    rocksdb_writeoptions_destroy(db->unlogged);
    rocksdb_cache_destroy(db->cache);
}

/* --- reading and writing ------------------------------------------------------------------------------- */

void slice_release(struct slice *slice)
{
    if (slice->owner)
        rocksdb_pinnableslice_destroy(slice->owner);
    *slice = (struct slice){0};
}

/* RocksDB counts every comparison of two keys in memory of the thread's own, a tenth of what an unlink takes. A thread has
 * to say for itself that nobody asks. */
static void count_nothing(void)
{
    static _Thread_local bool told;
    if (!told)
        rocksdb_set_perf_level(rocksdb_disable);
    told = true;
}

static int get(const struct db *db, const rocksdb_readoptions_t *reading, enum family family, const struct key *key,
               struct slice *ret_value)
{
    char *text = NULL;
    count_nothing();
    atomic_fetch_add_explicit(db->gets, 1, memory_order_relaxed);
    rocksdb_pinnableslice_t *owner =
        rocksdb_get_pinned_cf(db->rocks, reading, db->families[family], (const char *)key->bytes, key->size, &text);
    if (text)
        return db_error(db, text);
    if (!owner)
        return -ENOENT;
    struct slice value = {.owner = owner};
    value.data = (const uint8_t *)rocksdb_pinnableslice_value(owner, &value.size);
    *ret_value = value;
    return 0;
}

int db_get(const struct db *db, enum family family, const struct key *key, struct slice *ret_value)
{
    return get(db, db->reading, family, key, ret_value);
}

int db_get_passing(const struct db *db, enum family family, const struct key *key, struct slice *ret_value)
{
    return get(db, db->passing, family, key, ret_value);
}

static int put(const struct db *db, const rocksdb_writeoptions_t *writing, enum family family, const struct key *key,
               const void *value, size_t size)
{
    char *text = NULL;
    count_nothing();
    rocksdb_put_cf(db->rocks, writing, db->families[family], (const char *)key->bytes, key->size, value, size, &text);
    return text ? db_error(db, text) : 0;
}

int db_put(const struct db *db, enum family family, const struct key *key, const void *value, size_t size)
{
    return put(db, db->writing, family, key, value, size);
}

int db_put_unlogged(const struct db *db, enum family family, const struct key *key, const void *value, size_t size)
{
    return put(db, db->unlogged, family, key, value, size);
}

int db_write(const struct db *db, rocksdb_writebatch_t *batch)
{
    char *text = NULL;
    count_nothing();
    rocksdb_write(db->rocks, db->writing, batch, &text);
    return text ? db_error(db, text) : 0;
}

int db_sync(const struct db *db)
{
    char *text = NULL;
    rocksdb_flush_wal(db->rocks, 1, &text);
    return text ? db_error(db, text) : 0;
}

int db_flush_family(const struct db *db, enum family family)
{
    char *text = NULL;
    rocksdb_flushoptions_t *options = rocksdb_flushoptions_create(); /* which wait */
    rocksdb_flush_cf(db->rocks, options, db->families[family], &text);
    rocksdb_flushoptions_destroy(options);
    return text ? db_error(db, text) : 0;
}

int db_flush(const struct db *db)
{
    int result = 0;
    for (int i = 0; i < FAMILY_COUNT && result == 0; i++)
        result = db_flush_family(db, (enum family)i);
    return result;
}

void db_batch_put(const struct db *db, rocksdb_writebatch_t *batch, enum family family, const struct key *key,
                  const void *value, size_t size)
{
    rocksdb_writebatch_put_cf(batch, db->families[family], (const char *)key->bytes, key->size, value, size);
}

void db_batch_delete(const struct db *db, rocksdb_writebatch_t *batch, enum family family, const struct key *key)
{
    rocksdb_writebatch_delete_cf(batch, db->families[family], (const char *)key->bytes, key->size);
}

void db_batch_delete_range(const struct db *db, rocksdb_writebatch_t *batch, enum family family, const struct key *from,
                           const struct key *end)
{
    rocksdb_writebatch_delete_range_cf(batch, db->families[family], (const char *)from->bytes, from->size,
                                       (const char *)end->bytes, end->size);
}

/* --- one moment ---------------------------------------------------------------------------------------- */

void db_freeze(const struct db *db, struct frozen *ret_frozen)
{
    ret_frozen->snapshot = rocksdb_create_snapshot(db->rocks);
    ret_frozen->reading = rocksdb_readoptions_create();
    rocksdb_readoptions_set_fill_cache(ret_frozen->reading, 0);
    rocksdb_readoptions_set_snapshot(ret_frozen->reading, ret_frozen->snapshot);
}

void db_thaw(const struct db *db, struct frozen *frozen)
{
    rocksdb_readoptions_destroy(frozen->reading);
    rocksdb_release_snapshot(db->rocks, frozen->snapshot);
    *frozen = (struct frozen){0};
}

int db_get_at(const struct db *db, const struct frozen *frozen, enum family family, const struct key *key,
              struct slice *ret_value)
{
    return get(db, frozen->reading, family, key, ret_value);
}

/* --- walking ------------------------------------------------------------------------------------------- */

static void walk_begin(const struct db *db, enum family family, const struct key *from, const struct key *end,
                       const rocksdb_snapshot_t *snapshot, bool fills_cache, struct walk *walk)
{
    walk->end = *end;
    walk->rocks = db->rocks;
    walk->snapshot = snapshot;
    walk->reading = rocksdb_readoptions_create();
    rocksdb_readoptions_set_iterate_upper_bound(walk->reading, (const char *)walk->end.bytes, walk->end.size);
    rocksdb_readoptions_set_fill_cache(walk->reading, fills_cache);
    if (snapshot)
        rocksdb_readoptions_set_snapshot(walk->reading, snapshot);
    walk->iterator = rocksdb_create_iterator_cf(db->rocks, walk->reading, db->families[family]);
    walk_seek(walk, from);
}

void db_walk(const struct db *db, enum family family, const struct key *from, const struct key *end,
             struct walk *ret_walk)
{
    walk_begin(db, family, from, end, NULL, true, ret_walk);
}

void db_walk_frozen(const struct db *db, enum family family, const struct key *from, const struct key *end,
                    struct walk *ret_walk)
{
    walk_begin(db, family, from, end, rocksdb_create_snapshot(db->rocks), true, ret_walk);
}

void db_walk_at(const struct db *db, const struct frozen *frozen, enum family family, const struct key *from,
                const struct key *end, struct walk *ret_walk)
{
    walk_begin(db, family, from, end, frozen->snapshot, false, ret_walk);
    ret_walk->snapshot = NULL; /* it is not the walk's to release */
}

int db_get_frozen(const struct db *db, const struct walk *walk, enum family family, const struct key *key,
                  struct slice *ret_value)
{
    return get(db, walk->reading, family, key, ret_value);
}

bool walk_get(const struct walk *walk, struct slice *ret_key, struct slice *ret_value)
{
    if (!rocksdb_iter_valid(walk->iterator))
        return false;
    *ret_key = (struct slice){0};
    ret_key->data = (const uint8_t *)rocksdb_iter_key(walk->iterator, &ret_key->size);
    if (ret_value) {
        *ret_value = (struct slice){0};
        ret_value->data = (const uint8_t *)rocksdb_iter_value(walk->iterator, &ret_value->size);
    }
    return true;
}

void walk_next(struct walk *walk)
{
    rocksdb_iter_next(walk->iterator);
}

void walk_seek(struct walk *walk, const struct key *key)
{
    rocksdb_iter_seek(walk->iterator, (const char *)key->bytes, key->size);
}

int walk_error(const struct db *db, const struct walk *walk)
{
    char *text = NULL;
    rocksdb_iter_get_error(walk->iterator, &text);
    return text ? db_error(db, text) : 0;
}

void walk_release(struct walk *walk)
{
    rocksdb_iter_destroy(walk->iterator);
    rocksdb_readoptions_destroy(walk->reading);
    if (walk->snapshot)
        rocksdb_release_snapshot(walk->rocks, walk->snapshot);
}

/* --- reading it all ------------------------------------------------------------------------------------ */

enum { AHEAD_BYTES = 2 << 20 };

void view_open(const struct db *db, bool frozen, struct view *ret_view)
{
    *ret_view = (struct view){.db = db, .reading = rocksdb_readoptions_create()};
    if (frozen) {
        ret_view->snapshot = rocksdb_create_snapshot(db->rocks);
        rocksdb_readoptions_set_snapshot(ret_view->reading, ret_view->snapshot);
    }
}

void view_release(struct view *view)
{
    rocksdb_readoptions_destroy(view->reading);
    if (view->snapshot)
        rocksdb_release_snapshot(view->db->rocks, view->snapshot);
}

int view_get(const struct view *view, enum family family, const struct key *key, struct slice *ret_value)
{
    char *text = NULL;
    rocksdb_pinnableslice_t *owner = rocksdb_get_pinned_cf(view->db->rocks, view->reading, view->db->families[family],
                                                           (const char *)key->bytes, key->size, &text);
    if (text)
        return note_error(text);
    if (!owner)
        return -ENOENT;
    *ret_value = (struct slice){.owner = owner};
    ret_value->data = (const uint8_t *)rocksdb_pinnableslice_value(owner, &ret_value->size);
    return 0;
}

void view_walk(const struct view *view, enum family family, struct walk *ret_walk)
{
    *ret_walk = (struct walk){.rocks = view->db->rocks, .reading = rocksdb_readoptions_create()};
    rocksdb_readoptions_set_fill_cache(ret_walk->reading, 0);
    rocksdb_readoptions_set_readahead_size(ret_walk->reading, AHEAD_BYTES);
    if (view->snapshot)
        rocksdb_readoptions_set_snapshot(ret_walk->reading, view->snapshot);
    ret_walk->iterator = rocksdb_create_iterator_cf(view->db->rocks, ret_walk->reading, view->db->families[family]);
    rocksdb_iter_seek_to_first(ret_walk->iterator);
}

int view_walk_error(const struct walk *walk)
{
    char *text = NULL;
    rocksdb_iter_get_error(walk->iterator, &text);
    return text ? note_error(text) : 0;
}
