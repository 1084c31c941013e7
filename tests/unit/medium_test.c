/* SPDX-License-Identifier: MIT */
/*
 * medium_test.c - the engine on RocksDB at moments that a test of the contract can not choose: between two steps of the
 * keeper, and when the medium fails. The functions of db.h are wrapped by the linker (--wrap) to make them come.
 */
#include "rocksdb/db.h"
#include "rocksdb/engine.h"
#include "store.h"

#include <errno.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define SCHEME "rocksdb:"

struct fixture {
    char url[300]; /* SCHEME and the directory, which is removed at the end */
    struct store_options options;
    struct store *store;
};

/* What the wrapped functions do beside their work. One test runs at a time, and threads find it here. */
static atomic_bool writes_fail, syncs_fail, disk_is_full;
static _Atomic uint64_t unreadable; /* a directory: its own row, after so many times */
static atomic_int readable_times;
static void (*_Atomic on_queue_walk)(void); /* called once, when a walk through the queue has begun */
static struct key last_chunk; /* of those put; the thread that writes is the test's own */
static unsigned chunks_put, chunks_out_of_order;

void __real_db_walk(const struct db *, enum family, const struct key *, const struct key *, struct walk *);
void __wrap_db_walk(const struct db *, enum family, const struct key *, const struct key *, struct walk *);
int __real_db_write(const struct db *, rocksdb_writebatch_t *);
int __wrap_db_write(const struct db *, rocksdb_writebatch_t *);
int __real_db_sync(const struct db *);
int __wrap_db_sync(const struct db *);
int __real_db_put(const struct db *, enum family, const struct key *, const void *, size_t);
int __wrap_db_put(const struct db *, enum family, const struct key *, const void *, size_t);

void __wrap_db_walk(const struct db *db, enum family family, const struct key *from, const struct key *end,
                    struct walk *ret_walk)
{
    __real_db_walk(db, family, from, end, ret_walk);
    void (*moment)(void) = family == FAMILY_VERSION ? atomic_exchange(&on_queue_walk, NULL) : NULL;
    if (moment)
        moment();
}

int __wrap_db_write(const struct db *db, rocksdb_writebatch_t *batch)
{
    return atomic_load(&writes_fail) ? -EIO : __real_db_write(db, batch);
}

int __wrap_db_sync(const struct db *db)
{
    return atomic_load(&syncs_fail) ? -EIO : __real_db_sync(db);
}

int __wrap_db_put(const struct db *db, enum family family, const struct key *key, const void *value, size_t size)
{
    if (family == FAMILY_DATA) {
        chunks_out_of_order += chunks_put > 0 && memcmp(last_chunk.bytes, key->bytes, key->size) >= 0;
        chunks_put++;
        last_chunk = *key;
    }
    return __real_db_put(db, family, key, value, size);
}

int __real_row_read_self(const struct engine *, uint64_t, struct entry *, char *);
int __wrap_row_read_self(const struct engine *, uint64_t, struct entry *, char *);

int __wrap_row_read_self(const struct engine *engine, uint64_t dir, struct entry *ret_entry, char *ret_name)
{
    if (dir == atomic_load(&unreadable) && atomic_fetch_sub(&readable_times, 1) <= 0)
        return -EIO;
    return __real_row_read_self(engine, dir, ret_entry, ret_name);
}

bool __real_room_disk_full(struct room *);
bool __wrap_room_disk_full(struct room *);

bool __wrap_room_disk_full(struct room *room)
{
    return atomic_load(&disk_is_full) || __real_room_disk_full(room);
}

/* --- the fixture --------------------------------------------------------------------------------------- */

static void reopen(struct fixture *f)
{
    struct store_error error;
    store_close(f->store);
    f->store = NULL;
    assert_int_equal(store_open(f->url, &f->options, &f->store, &error), 0);
}

static int setup(void **state)
{
    static struct fixture fixture;
    struct fixture *f = *state = &fixture;
    const char *base = getenv("TMPDIR");
    *f = (struct fixture){.options.limit_bytes = 1 << 20};
    snprintf(f->url, sizeof f->url, SCHEME "%s/larder-medium-XXXXXX", base ? base : "/tmp");
    assert_non_null(mkdtemp(f->url + strlen(SCHEME)));
    reopen(f);
    return 0;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status;
    (void)type;
    (void)place;
    return remove(path);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    atomic_store(&writes_fail, false);
    atomic_store(&syncs_fail, false);
    atomic_store(&unreadable, 0);
    atomic_store(&on_queue_walk, NULL);
    store_close(f->store);
    return nftw(f->url + strlen(SCHEME), remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static struct store_version *stage(struct fixture *f, const char *name, size_t size)
{
    struct store_version *version = NULL;
    char *value = test_malloc(size);
    memset(value, 'x', size);
    assert_int_equal(store_stage(f->store, STORE_ROOT, name, 0644, 0, 0, &version), 0);
    assert_int_equal(store_write(version, value, size, 0), 0);
    test_free(value);
    return version;
}

static void put(struct fixture *f, const char *name, size_t size)
{
    struct store_version *version = stage(f, name, size);
    assert_int_equal(store_publish(version, STORE_ROOT, name, 0), 0);
    store_unpin(version);
}

static bool is_there(struct fixture *f, const char *name)
{
    struct entry entry = {0};
    int result = store_lookup(f->store, STORE_ROOT, name, &entry);
    entry_release(&entry);
    return result == 0;
}

static struct store_stats stats(struct fixture *f)
{
    struct store_stats counted;
    store_stats(f->store, &counted);
    return counted;
}

/* --- the queue ----------------------------------------------------------------------------------------- */

static struct store_version *late;

static void publish_late(void)
{
    int result = store_publish(late, STORE_ROOT, "late", 0);
    store_unpin(late);
    late = result == 0 ? NULL : late;
}

static void fill(struct fixture *f, unsigned count)
{
    char name[16];
    for (unsigned i = 0; i < count; i++) {
        snprintf(name, sizeof name, "%u", i);
        put(f, name, 10000);
    }
}

/* Publishes the oldest version in the moment between the keeper's look at the head of the queue and what it concludes
 * from it; then asks for so much room that all has to go. */
static void expect_late_is_evicted(struct fixture *f, enum store_policy policy)
{
    f->options.policy = policy;
    reopen(f);
    late = stage(f, "late", 100);
    atomic_store(&on_queue_walk, publish_late);
    fill(f, 300);
    assert_null(atomic_load(&on_queue_walk));
    assert_null(late);
    struct store_version *all = stage(f, "all", 1);
    int result = store_resize(all, f->options.limit_bytes);
    store_unpin(all);
    assert_int_equal(result, 0);
    assert_false(is_there(f, "late"));
}

static void sieve_meets_what_is_published_while_it_looks(void **state)
{
    expect_late_is_evicted(*state, STORE_POLICY_SIEVE);
}

static void fifo_meets_what_is_published_while_it_looks(void **state)
{
    expect_late_is_evicted(*state, STORE_POLICY_FIFO);
}

/* --- large values -------------------------------------------------------------------------------------- */

/* Tables of chunks that came out of order overlap, and RocksDB merges them: all is written twice. */
static void pieces_that_cross_chunks_go_to_the_medium_in_order(void **state)
{
    struct fixture *f = *state;
    enum { PIECE = 3 * CHUNK_BYTES + 100, PIECES = 9 };
    chunks_put = chunks_out_of_order = 0;
    struct store_version *version = stage(f, "large", PIECE);
    char *piece = test_calloc(1, PIECE);
    int result = 0;
    for (int i = 1; i < PIECES; i++)
        result |= store_write(version, piece, PIECE, (uint64_t)i * PIECE);
    result |= store_publish(version, STORE_ROOT, "large", 0);
    store_unpin(version);
    test_free(piece);
    assert_int_equal(result, 0);
    assert_int_equal(chunks_put, PIECES * PIECE / CHUNK_BYTES + 1);
    assert_int_equal(chunks_out_of_order, 0);
}

/* --- a failing medium ---------------------------------------------------------------------------------- */

static void a_publish_that_is_not_synced_is_published(void **state)
{
    struct fixture *f = *state;
    f->options.sync = true;
    reopen(f);
    struct store_version *version = stage(f, "file", 100);
    atomic_store(&syncs_fail, true);
    int result = store_publish(version, STORE_ROOT, "file", 0);
    atomic_store(&syncs_fail, false);
    int written = store_write(version, "y", 1, STORE_AT_END);
    store_unpin(version);
    assert_int_equal(result, -EIO);
    assert_int_equal(written, 0);
    struct entry entry = {0};
    assert_int_equal(store_lookup(f->store, STORE_ROOT, "file", &entry), 0);
    uint64_t size = entry.size;
    entry_release(&entry);
    assert_int_equal(size, 101);
}

static void a_publish_that_is_not_written_may_be_tried_again(void **state)
{
    struct fixture *f = *state;
    struct store_version *version = stage(f, "file", 100);
    atomic_store(&writes_fail, true);
    int failed = store_publish(version, STORE_ROOT, "file", 0);
    bool there = is_there(f, "file");
    atomic_store(&writes_fail, false);
    int again = store_publish(version, STORE_ROOT, "file", 0);
    store_unpin(version);
    assert_int_equal(failed, -EIO);
    assert_false(there);
    assert_int_equal(again, 0);
    assert_true(is_there(f, "file"));
}

static void settle_says_when_not_all_could_be_done(void **state)
{
    struct fixture *f = *state;
    store_unpin(stage(f, "file", 100000));
    put(f, "file", 100000);
    assert_int_equal(store_settle(f->store), 0);
    assert_int_equal(store_remove(f->store, STORE_ROOT, "file"), 0);
    atomic_store(&writes_fail, true);
    store_unpin(stage(f, "other", 100000)); /* dead chunks, should the first be deleted already */
    int failed = store_settle(f->store);
    atomic_store(&writes_fail, false);
    assert_int_equal(failed, -EIO);
    assert_int_equal(store_settle(f->store), 0);
    assert_int_equal(stats(f).bytes, 0);
}

static void a_snapshot_gives_way_when_the_disk_is_nearly_full(void **state)
{
    struct fixture *f = *state;
    struct store_snapshot *snapshot;
    const char *path;
    const struct entry *entry;
    char byte;
    size_t got;
    int results[6];
    put(f, "file", 100000);
    assert_int_equal(store_snapshot_open(f->store, &snapshot), 0);
    results[0] = store_snapshot_next(snapshot, &path, &entry);
    results[1] = store_snapshot_next(snapshot, &path, &entry);
    results[2] = store_snapshot_read(snapshot, &byte, 1, 50000, &got);
    atomic_store(&disk_is_full, true);
    (void)store_settle(f->store);
    atomic_store(&disk_is_full, false);
    results[3] = store_snapshot_read(snapshot, &byte, 1, 50000, &got);
    results[4] = store_snapshot_next(snapshot, &path, &entry);
    results[5] = store_snapshot_next(snapshot, &path, &entry);
    store_snapshot_close(snapshot);
    static const int expected[] = {0, 0, 0, -ESTALE, -ESTALE, -ESTALE};
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(results[i], expected[i]);
    assert_int_equal(store_snapshot_open(f->store, &snapshot), 0);
    results[0] = store_snapshot_next(snapshot, &path, &entry);
    store_snapshot_close(snapshot);
    assert_int_equal(results[0], 0);
}

static uint64_t make_dir(struct fixture *f, uint64_t dir, const char *name)
{
    struct entry entry;
    assert_int_equal(store_make_dir(f->store, dir, name, 0755, 0, 0, &entry), 0);
    uint64_t id = entry.ino;
    entry_release(&entry);
    return id;
}

/* What is stored below a quota of which it could not be read what it is in counts there all the same: it waits for that. */
static void a_quota_whose_place_cannot_be_read_counts_in_no_less(void **state)
{
    struct fixture *f = *state;
    const struct store_quota limit = {.limit_items = 100};
    struct store_quota quota;
    struct store_version *version;
    uint64_t outer = make_dir(f, STORE_ROOT, "outer"), inner = make_dir(f, outer, "inner");
    assert_int_equal(store_set_quota(f->store, outer, STORE_QUOTA_ITEMS, &limit), 0);
    assert_int_equal(store_stage(f->store, inner, "name", 0644, 0, 0, &version), 0);
    atomic_store(&readable_times, 1); /* when it is set, and then no more */
    atomic_store(&unreadable, inner);
    int set = store_set_quota(f->store, inner, STORE_QUOTA_ITEMS, &limit);
    int refused = store_publish(version, inner, "name", 0);
    atomic_store(&unreadable, 0);
    int published = refused < 0 ? store_publish(version, inner, "name", 0) : refused;
    store_unpin(version);
    assert_int_equal(set, 0);
    assert_int_equal(refused, -EIO);
    assert_int_equal(published, 0);
    assert_int_equal(store_quota(f->store, inner, &quota), 0);
    assert_int_equal(quota.items, 1);
    assert_int_equal(store_quota(f->store, outer, &quota), 0);
    assert_int_equal(quota.items, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(sieve_meets_what_is_published_while_it_looks, setup, teardown),
        cmocka_unit_test_setup_teardown(fifo_meets_what_is_published_while_it_looks, setup, teardown),
        cmocka_unit_test_setup_teardown(pieces_that_cross_chunks_go_to_the_medium_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(a_publish_that_is_not_synced_is_published, setup, teardown),
        cmocka_unit_test_setup_teardown(a_publish_that_is_not_written_may_be_tried_again, setup, teardown),
        cmocka_unit_test_setup_teardown(settle_says_when_not_all_could_be_done, setup, teardown),
        cmocka_unit_test_setup_teardown(a_quota_whose_place_cannot_be_read_counts_in_no_less, setup, teardown),
        cmocka_unit_test_setup_teardown(a_snapshot_gives_way_when_the_disk_is_nearly_full, setup, teardown),
    };
    return cmocka_run_group_tests_name("medium", tests, NULL, NULL);
}
