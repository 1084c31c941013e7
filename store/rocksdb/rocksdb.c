/* SPDX-License-Identifier: MIT */
/*
 * rocksdb.c - the table of the backend on RocksDB; opening and closing, and the rows that belong to the whole store.
 */
#include "checking.h"
#include "chores.h"
#include "names.h"
#include "repair.h"
#include "tagged.h"
#include "version.h"
#include "witness.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* --- rows of the whole store --------------------------------------------------------------------------- */

enum { IDS_AHEAD = 1 << 20 }; /* numbers reserved at a time; that many are lost in a crash */

/* Reads a row into a buffer of META_SIZE_MAX bytes. -ENOENT, -EUCLEAN when it is too long for any. */
static int read_meta(const struct engine *engine, const char *name, uint8_t *row, size_t *ret_size)
{
    struct key key = key_meta(name);
    SCOPED_SLICE value = {0};
    int result = db_get(&engine->db, FAMILY_DEFAULT, &key, &value);
    if (result < 0)
        return result;
    if (value.size > META_SIZE_MAX)
        return -EUCLEAN;
    memcpy(row, value.data, value.size);
    *ret_size = value.size;
    return 0;
}

/* Reserves numbers up to a mark, on disk. */
static int put_ids(struct engine *engine, struct meta_ids ids)
{
    uint8_t row[META_IDS_SIZE];
    meta_put_ids(row, ids);
    struct key key = key_meta(META_IDS);
    return db_put(&engine->db, FAMILY_DEFAULT, &key, row, sizeof row);
}

int engine_id(struct engine *engine, enum id_kind kind, uint64_t *ret_id)
{
    struct ids *ids = &engine->ids;
    int result = 0;
    pthread_mutex_lock(&ids->lock);
    uint64_t id = ids->next + (ids->next % 2 != (kind == ID_DIRECTORY));
    if (id >= ids->mark) {
        result = put_ids(engine, (struct meta_ids){.mark = id + IDS_AHEAD});
        if (result == 0)
            ids->mark = id + IDS_AHEAD;
    }
    if (result == 0)
        ids->next = id + 1;
    pthread_mutex_unlock(&ids->lock);
    if (result == 0)
        *ret_id = id;
    return result;
}

/* --- opening ------------------------------------------------------------------------------------------- */

static void put_meta(struct engine *engine, rocksdb_writebatch_t *batch)
{
    uint8_t format[META_FORMAT_SIZE], ids[META_IDS_SIZE], counters[META_COUNTERS_SIZE];
    meta_put_format(format, (struct meta_format){META_FORMAT_NOW, engine->layout.chunk_bytes});
    meta_put_ids(ids, (struct meta_ids){.mark = STORE_ROOT + 1, .clean = true});
    meta_put_counters(counters, (struct meta_counters){0});
    struct key key = key_meta(META_FORMAT);
    db_batch_put(&engine->db, batch, FAMILY_DEFAULT, &key, format, sizeof format);
    key = key_meta(META_IDS);
    db_batch_put(&engine->db, batch, FAMILY_DEFAULT, &key, ids, sizeof ids);
    key = key_meta(META_COUNTERS);
    db_batch_put(&engine->db, batch, FAMILY_DEFAULT, &key, counters, sizeof counters);
}

static int put_root(struct engine *engine, rocksdb_writebatch_t *batch)
{
    struct entry root = {0};
    uint8_t *row = NULL;
    size_t size;
    int result = entry_init(&root, ENTRY_DIR, 0755, geteuid(), getegid(), NULL, engine_now_ns(engine));
    root.ino = root.parent = root.change = STORE_ROOT;
    if (result == 0)
        result = dirrow_encode(&root, "", &row, &size);
    entry_release(&root);
    if (result < 0)
        return result;
    struct key key = key_self(STORE_ROOT);
    db_batch_put(&engine->db, batch, FAMILY_DEFAULT, &key, row, size);
    free(row);
    return 0;
}

/* The first batch of a new store; without it there is nothing in it. */
static int make_store(struct engine *engine)
{
    rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
    put_meta(engine, batch);
    int result = put_root(engine, batch);
    if (result == 0)
        result = db_write(&engine->db, batch);
    rocksdb_writebatch_destroy(batch);
    return result == 0 ? db_sync(&engine->db) : result;
}

/* A store without its first row is either new or has lost it. */
static bool is_new(const struct engine *engine)
{
    struct key from = {0}, end = {.size = KEY_MAX};
    memset(end.bytes, 0xff, end.size);
    for (int i = 0; i < FAMILY_COUNT; i++) {
        struct slice any;
        SCOPED_WALK walk;
        db_walk(&engine->db, (enum family)i, &from, &end, &walk);
        if (walk_get(&walk, &any, NULL))
            return false;
    }
    return true;
}

static int check_format(struct engine *engine)
{
    uint8_t row[META_SIZE_MAX];
    size_t size;
    struct meta_format format = {0};
    int result = read_meta(engine, META_FORMAT, row, &size);
    if (result == -ENOENT)
        return is_new(engine) ? make_store(engine) : -EUCLEAN;
    if (result < 0)
        return result;
    if (!meta_get_format(row, size, &format))
        return -EUCLEAN;
    if (format.format > META_FORMAT_NOW)
        return -EPROTO;
    engine->layout.chunk_bytes = format.chunk_bytes;
    bool sane = format.chunk_bytes >= CHUNK_BYTES_MIN && format.chunk_bytes <= CHUNK_BYTES_MAX;
    return sane ? 0 : -EUCLEAN;
}

/* Where a hand that comes round stood; anywhere will do. Others begin with the oldest. */
static int read_hand(struct engine *engine)
{
    if (!choose_hand_returns(engine->options->policy))
        return 0;
    uint8_t row[META_SIZE_MAX];
    size_t size;
    int result = read_meta(engine, META_HAND, row, &size);
    if (result == 0 && size == META_HAND_SIZE)
        engine->hand = get_u64(row);
    return result == -ENOENT ? 0 : result;
}

/* The mark was written last of all when the store was closed: if it is not there, neither is what came before it. */
static int check_log(struct engine *engine, const struct witness *witness, const struct meta_ids *ids)
{
    if (witness->text && witness->ids != ids->mark)
        return -EBADMSG;
    return witness_end(engine->home.dir);
}

/* Reads what the store knows of itself; *ret_sweep_end as keeper_start() wants it. -EBADMSG: a log is damaged. */
static int read_state(struct engine *engine, const struct witness *witness, uint64_t *ret_sweep_end)
{
    uint8_t row[META_SIZE_MAX];
    size_t size;
    struct meta_ids ids = {0};
    int result = check_format(engine);
    if (result == 0)
        result = read_meta(engine, META_IDS, row, &size);
    if (result == 0 && !meta_get_ids(row, size, &ids))
        result = -EUCLEAN;
    if (result == 0)
        result = read_meta(engine, META_COUNTERS, row, &size);
    if (result == 0 && !meta_get_counters(row, size, &engine->counters))
        result = -EUCLEAN;
    if (result == 0)
        result = read_hand(engine);
    if (result == 0)
        result = check_log(engine, witness, &ids);
    if (result < 0)
        return result == -ENOENT ? -EUCLEAN : result;
    engine->ids.next = ids.mark;
    engine->ids.mark = ids.mark + IDS_AHEAD;
    *ret_sweep_end = ids.clean ? 0 : ids.mark;
    return put_ids(engine, (struct meta_ids){.mark = engine->ids.mark});
}

static struct room_amount limit_of(uint64_t bytes, uint64_t items)
{
    return (struct room_amount){bytes, items ? items : UINT64_MAX};
}

static int init_memory(struct engine *engine)
{
    const struct store_options *options = engine->options;
    struct room_amount limit = limit_of(options->limit_bytes, options->limit_items);
    struct room_amount used = {engine->counters.bytes, engine->counters.items};
    uint64_t entries_max = limit.bytes / (ENTRY_OVERHEAD + ENTRY_ROW_HEAD);
    room_init(&engine->room, limit, options->policy != STORE_POLICY_NONE, used, engine->home.dir,
              options->min_free_bytes);
    idle_init(&engine->idle);
    tags_init(&engine->tags);
    quotas_init(&engine->quotas);
    heads_init(&engine->heads);
    snapshots_init(&engine->snapshots);
    pthread_mutex_init(&engine->mutation, NULL);
    pthread_mutex_init(&engine->ids.lock, NULL);
    engine->deadline_added_ms = INT64_MAX;
    engine->batch = rocksdb_writebatch_create();
    engine->dirs = malloc(sizeof *engine->dirs);
    if (!engine->dirs)
        return -ENOMEM;
    dirs_init(engine->dirs);
    int result = pins_init(&engine->pins, options->cache_bytes / STORE_WARM_SHARE);
    if (result == 0)
        result = policy_init(&engine->policy, limit.items < entries_max ? limit.items : entries_max);
    if (result == 0) {
        policy_use(&engine->policy, options->policy);
        policy_stored(&engine->policy, engine->ids.next, used.items);
        chooser_init(&engine->chooser, &engine->policy);
    }
    return result;
}

static void release_memory(struct engine *engine)
{
    chooser_release(&engine->chooser);
    policy_release(&engine->policy);
    pins_release(&engine->pins);
    if (engine->dirs)
        dirs_release(engine->dirs);
    free(engine->dirs);
    rocksdb_writebatch_destroy(engine->batch);
    pthread_mutex_destroy(&engine->ids.lock);
    pthread_mutex_destroy(&engine->mutation);
    quotas_release(&engine->quotas);
    snapshots_release(&engine->snapshots);
    tags_release(&engine->tags);
    heads_release(&engine->heads);
    idle_release(&engine->idle);
    room_release(&engine->room);
}

static int fail_open(struct engine *engine, int result, const char *path, struct store_error *error)
{
    const char *why = db_last_error();
    if (result == -EBADMSG)
        result = home_fail_damaged(error, "%s: a log is damaged: what was stored last is not in it", path);
    else if (result == -EUCLEAN)
        result =
            home_fail_damaged(error, "%s: %s", path, *why ? why : "a row that belongs to all of the store is damaged");
    else if (result == -EPROTO)
        store_fail(error, result, "%s: a store of a newer format; use a newer program", path);
    else
        store_fail(error, result, "%s: %s", path, strerror(-result));
    db_close(&engine->db);
    return result;
}

struct wrong_file {
    const char *path;
    struct store_error *error;
};

static void refuse_file(void *arg, const char *name, const char *what)
{
    const struct wrong_file *wrong = arg;
    (void)home_fail_damaged(wrong->error, "%s: the file %s %s", wrong->path, name, what);
}

/* The files are those that were there when it was closed; and now they change. */
static int check_files(struct engine *engine, const char *path, const struct witness *witness,
                       struct store_error *error)
{
    struct wrong_file wrong = {path, error};
    if (witness_compare(engine->home.dir, witness, refuse_file, &wrong) > 0)
        return -EUCLEAN;
    int result = witness_begin(engine->home.dir);
    return result < 0 ? store_fail(error, result, "%s: %s", path, strerror(-result)) : 0;
}

static int open_database(struct engine *engine, const char *path, struct store_error *error)
{
    struct store_error why;
    room_lighten(engine->home.dir);
    int result = db_open(&engine->db, path, DB_MAKE, engine->options, &engine->reads, &why);
    if (result == -EUCLEAN)
        return home_fail_damaged(error, "%s: %s", path, why.text);
    return result < 0 ? store_fail(error, result, "%s: %s", path, why.text) : 0;
}

/* All that runs and is in memory, once the database is open. */
static int start(struct engine *engine, uint64_t sweep_end)
{
    int result = init_memory(engine);
    if (result == 0)
        result = tagged_load(&engine->db, NULL, &engine->tags);
    if (result == 0)
        result = quotas_load(engine);
    if (result == 0)
        result = ahead_start(&engine->ahead, &engine->db, engine->layout.chunk_bytes);
    if (result == 0) {
        result = keeper_start(engine, sweep_end);
        if (result < 0)
            ahead_stop(&engine->ahead);
    }
    if (result < 0)
        release_memory(engine);
    return result;
}

static int open_in_home(struct engine *engine, const char *path, struct store_error *error)
{
    struct witness witness;
    uint64_t sweep_end;
    witness_read(engine->home.dir, &witness);
    int result = check_files(engine, path, &witness, error);
    if (result == 0)
        result = open_database(engine, path, error);
    if (result == 0) {
        result = read_state(engine, &witness, &sweep_end);
        if (result == 0)
            result = start(engine, sweep_end);
        if (result < 0)
            result = fail_open(engine, result, path, error);
    }
    witness_release(&witness);
    return result;
}

int engine_open(const char *path, const struct store_options *options, const struct layout *layout, struct store *store,
                struct engine **ret_engine, struct store_error *ret_error)
{
    struct engine *engine = calloc(1, sizeof *engine);
    if (!engine)
        return store_fail(ret_error, -ENOMEM, "%s: out of memory", path);
    engine->store = store;
    engine->options = options;
    engine->layout = *layout;
    int result = home_take(path, options->existing, &engine->home, ret_error);
    if (result == 0) {
        result = open_in_home(engine, path, ret_error);
        if (result < 0)
            home_release(&engine->home);
    }
    if (result < 0) {
        free(engine);
        return result;
    }
    keeper_wake(engine, 0);
    *ret_engine = engine;
    return 0;
}

void engine_close(struct engine *engine)
{
    bool clean = keeper_stop(engine);
    ahead_stop(&engine->ahead);
    chore_save_reads(engine);
    uint64_t mark = engine->ids.next;
    room_lighten(engine->home.dir);
    bool written = put_ids(engine, (struct meta_ids){mark, clean}) == 0 && db_sync(&engine->db) == 0;
    (void)db_flush(&engine->db); /* so that nothing is in the log alone: one that is damaged looks like one of before */
    keeper_release(engine);
    release_memory(engine);
    db_close(&engine->db);
    if (written)
        (void)witness_write(engine->home.dir, mark);
    home_release(&engine->home);
    free(engine);
}

/* --- the table ----------------------------------------------------------------------------------------- */

/* A store that is damaged goes, if that was asked for. */
static int recreate(const char *path, const struct store_options *options, struct store_error *error)
{
    char why[sizeof error->text];
    strcpy(why, error->text);
    int result = home_clear(path, error);
    if (result == 0)
        store_log(options, STORE_LOG_WARNING, "%s", why);
    if (result == 0)
        store_log(options, STORE_LOG_WARNING, "%s: thrown away, and made anew (-o recreate)", path);
    return result;
}

static int backend_open(const char *path, const struct store_options *options, struct store *store, void **ret_impl,
                        struct store_error *ret_error)
{
    static const struct layout usual = {.inline_max = ENTRY_INLINE_MAX, .chunk_bytes = CHUNK_BYTES};
    struct engine *engine;
    int result = engine_open(path, options, &usual, store, &engine, ret_error);
    if (result == -EUCLEAN && options->recreate && recreate(path, options, ret_error) == 0)
        result = engine_open(path, options, &usual, store, &engine, ret_error);
    if (result == 0)
        *ret_impl = engine;
    return result;
}

static void backend_close(void *impl)
{
    engine_close(impl);
}

static int backend_sync(void *impl)
{
    struct engine *engine = impl;
    engine_waits(engine);
    return db_sync(&engine->db);
}

static void backend_stats(void *impl, struct store_stats *ret_stats)
{
    struct engine *engine = impl;
    struct room_amount used = room_used(&engine->room), limit = room_limit(&engine->room);
    uint64_t for_quotas = engine->evicted_for_quotas; /* before `evicted`, which counts them first */
    pthread_mutex_lock(&engine->mutation);
    struct meta_counters counters = engine->counters;
    pthread_mutex_unlock(&engine->mutation);
    *ret_stats = (struct store_stats){
        .bytes = used.bytes,
        .items = counters.items,
        .directories = counters.directories,
        .limit_bytes = limit.bytes,
        .limit_items = limit.items == UINT64_MAX ? 0 : limit.items,
        .hits = engine->hits,
        .sets = engine->sets,
        .deletes = engine->deletes,
        .expired = engine->expired,
        .evicted = engine->evicted,
        .evicted_for_quotas = for_quotas,
        .invalidated = engine->invalidated,
        .policy = policy_rule(&engine->policy),
        .waits = room_waits(&engine->room),
        .reads = engine->reads,
    };
    pins_count(&engine->pins, ret_stats);
}

/* Waiters are woken by the keeper, who has room to make now, or cannot any more. */
static void backend_set_policy(void *impl, enum store_policy policy)
{
    struct engine *engine = impl;
    pthread_mutex_lock(&engine->mutation);
    policy_use(&engine->policy, policy);
    engine->hand = 0;
    quotas_use_policy(engine);
    room_set_evicts(&engine->room, policy != STORE_POLICY_NONE);
    pthread_mutex_unlock(&engine->mutation);
    keeper_wake(engine, 0);
}

static void backend_set_limits(void *impl, uint64_t limit_bytes, uint64_t limit_items)
{
    struct engine *engine = impl;
    room_set_limit(&engine->room, limit_of(limit_bytes, limit_items));
    keeper_wake(engine, 0);
}

static int backend_settle(void *impl)
{
    return keeper_settle(impl);
}

static int backend_check(void *impl, const struct store_watch *watch, struct store_checked *ret_checked)
{
    struct engine *engine = impl;
    struct check *check = calloc(1, sizeof *check);
    struct store_checked checked = {0};
    if (!check)
        return -ENOMEM;
    *check = (struct check){.db = &engine->db, .engine = engine, .watch = watch, .done = &checked};
    snapshots_check_begin(&engine->snapshots);
    int result = check_round(check);
    snapshots_check_end(&engine->snapshots);
    free(check);
    if (result == 0)
        *ret_checked = checked;
    return result;
}

const struct backend backend_rocksdb = {
    .scheme = "rocksdb",
    .open = backend_open,
    .close = backend_close,
    .sync = backend_sync,
    .lookup = names_lookup,
    .dir = names_dir,
    .dir_place = names_dir_place,
    .list = names_list,
    .make_dir = names_make_dir,
    .make_symlink = names_make_symlink,
    .remove = names_remove,
    .remove_dir = names_remove_dir,
    .clear = names_clear,
    .rename = names_rename,
    .change_dir = names_change_dir,
    .pin = version_pin,
    .pin_version = version_pin_known,
    .stage = version_stage,
    .repin = version_repin,
    .unpin = version_unpin,
    .version_entry = version_entry,
    .version_dead = version_dead,
    .read = version_read,
    .write = version_write,
    .resize = version_resize,
    .change = version_change,
    .publish = version_publish,
    .invalidate_tag = tagged_invalidate,
    .list_tags = tagged_list_tags,
    .list_tag = tagged_list,
    .set_quota = quotas_set,
    .quota = quotas_get,
    .list_quotas = quotas_list,
    .set_limits = backend_set_limits,
    .snapshot_open = snapshot_open,
    .snapshot_close = snapshot_close,
    .snapshot_next = snapshot_next,
    .snapshot_read = snapshot_read,
    .set_policy = backend_set_policy,
    .stats = backend_stats,
    .settle = backend_settle,
    .expire = expire_now,
    .check = backend_check,
    .fsck = repair_fsck,
};
