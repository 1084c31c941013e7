/* SPDX-License-Identifier: MIT */
/*
 * threads_test.c - the contract under concurrency: any function, any thread, several at once.
 *
 * Workers do not assert (cmocka would leave through the wrong stack) but count what went wrong in the arena they
 * share; the test looks when all have ended.
 */
#include "contract.h"

enum { THREADS = 6, NAMES = 4, ROUNDS = 150, LARGEST = 40000 };

struct arena {
    struct fixture *fixture;
    struct store *store;
    uint64_t dirs[NAMES]; /* ids of the directories that move_dirs() moves */
    atomic_int wrong; /* broken promises */
    atomic_int errors; /* results that should not be */
    atomic_int wins;
    atomic_uint next_worker;
    pthread_barrier_t barrier;
};

static void expect_result(struct arena *arena, int result, int allowed)
{
    if (result != 0 && result != allowed)
        atomic_fetch_add(&arena->errors, 1);
}

/* Runs `work` in THREADS threads at once, and expects that all kept the promises. */
static void run(struct fixture *f, void *(*work)(void *arg), struct arena *arena)
{
    pthread_t threads[THREADS];
    arena->fixture = f;
    arena->store = f->store;
    pthread_barrier_init(&arena->barrier, NULL, THREADS);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, arena), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&arena->barrier);
    assert_int_equal(atomic_load(&arena->wrong), 0);
    assert_int_equal(atomic_load(&arena->errors), 0);
}

static unsigned random_below(unsigned *seed, unsigned bound)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (*seed >> 8) % bound;
}

/* A value says of itself how long it is: `size` times one byte that follows from the size. */
static int fill_for(size_t size)
{
    return (int)(size % 251) + 1;
}

static bool is_whole(const uint8_t *value, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (value[i] != fill_for(size))
            return false;
    return true;
}

static void name_of(char name[16], unsigned number)
{
    snprintf(name, 16, "name-%u", number);
}

/* What was published under a name a moment ago, by number; or what is now. */
static int get_warm(struct arena *arena, const char *name, struct store_version **ret_version)
{
    struct entry entry = {0};
    int result = store_lookup(arena->store, STORE_ROOT, name, &entry);
    expect_result(arena, result, -ENOENT);
    if (result == 0)
        result = store_pin_version(arena->store, entry.version, STORE_HIT, ret_version);
    entry_release(&entry);
    if (result == -EAGAIN)
        result = store_pin(arena->store, STORE_ROOT, name, STORE_HIT, ret_version);
    return result;
}

/* Reads what is published under a name, if anything, and checks that it is whole, twice. */
static void get_and_check(struct arena *arena, const char *name, bool warm, uint8_t *buffer)
{
    struct store_version *version = NULL;
    int result =
        warm ? get_warm(arena, name, &version) : store_pin(arena->store, STORE_ROOT, name, STORE_HIT, &version);
    expect_result(arena, result, -ENOENT);
    for (int i = 0; i < 2 && result == 0; i++) {
        size_t got = 0;
        result = store_read(version, buffer, LARGEST, 0, &got);
        expect_result(arena, result, 0);
        if (result == 0 && !is_whole(buffer, got))
            atomic_fetch_add(&arena->wrong, 1);
    }
    store_unpin(version);
}

static void *set_and_get(void *arg)
{
    struct arena *arena = arg;
    unsigned seed = atomic_fetch_add(&arena->next_worker, 1) + 1;
    uint8_t *buffer = malloc(LARGEST);
    char name[16], other[16];
    for (int i = 0; i < ROUNDS && buffer; i++) {
        name_of(name, random_below(&seed, NAMES));
        name_of(other, random_below(&seed, NAMES));
        size_t size = random_below(&seed, 2) ? random_below(&seed, 100) : random_below(&seed, LARGEST);
        unsigned what = random_below(&seed, 10);
        if (what < 4)
            expect_result(arena, try_put(arena->fixture, STORE_ROOT, name, fill_for(size), size), 0);
        else if (what == 4)
            expect_result(arena, store_remove(arena->store, STORE_ROOT, name), -ENOENT);
        else if (what == 5)
            expect_result(arena, store_rename(arena->store, STORE_ROOT, name, STORE_ROOT, other, 0), -ENOENT);
        else if (what == 6)
            expect_result(arena, store_rename(arena->store, STORE_ROOT, name, STORE_ROOT, other, STORE_EXCHANGE),
                          -ENOENT);
        get_and_check(arena, other, i % 2, buffer);
    }
    free(buffer);
    return NULL;
}

static void readers_see_whole_values_under_writers(void **state)
{
    struct fixture *f = *state;
    struct arena arena = {0};
    run(f, set_and_get, &arena);
    settle(f);
    assert_int_equal(stats(f).pinned, 0);
    assert_true(stats(f).items <= NAMES);
    char name[16];
    for (unsigned i = 0; i < NAMES; i++) {
        name_of(name, i);
        if (is_there(f, STORE_ROOT, name))
            assert_int_equal(store_remove(f->store, STORE_ROOT, name), 0);
    }
    settle(f);
    assert_int_equal(stats(f).bytes, 0);
}

static void readers_see_whole_values_under_eviction(void **state)
{
    struct fixture *f = *state;
    struct arena arena = {0};
    f->options.limit_bytes = MIB;
    f->options.limit_items = 3;
    fixture_restart(f);
    run(f, set_and_get, &arena);
    assert_true(stats(f).items <= 3);
    assert_true(stats(f).bytes <= MIB);
}

/* The first worker replaces one value again and again. */
static void *replace_or_follow(void *arg)
{
    struct arena *arena = arg;
    if (atomic_fetch_add(&arena->next_worker, 1) == 0) {
        for (unsigned i = 0; i < 20 * ROUNDS; i++)
            expect_result(arena, try_put(arena->fixture, STORE_ROOT, "file", 'x', 10), 0);
        atomic_store(&arena->wins, 1);
    }
    for (uint64_t last = 0; !atomic_load(&arena->wins);) {
        struct entry entry = {0};
        struct store_version *version = NULL;
        expect_result(arena, store_lookup(arena->store, STORE_ROOT, "file", &entry), 0);
        uint64_t now = entry.version;
        entry_release(&entry);
        if (now != last && store_pin_version(arena->store, last, 0, &version) == 0)
            atomic_fetch_add(&arena->wrong, 1);
        store_unpin(version);
        version = NULL;
        if (store_pin_version(arena->store, now, 0, &version) == -EAGAIN)
            expect_result(arena, store_pin(arena->store, STORE_ROOT, "file", 0, &version), 0);
        store_unpin(version);
        last = now;
    }
    return NULL;
}

static void whoever_saw_the_new_version_does_not_find_the_old(void **state)
{
    struct fixture *f = *state;
    struct arena arena = {0};
    put(f, STORE_ROOT, "file", "first");
    run(f, replace_or_follow, &arena);
    assert_int_equal(stats(f).pinned, 0);
}

/* --- one winner ---------------------------------------------------------------------------------------- */

static void *add_same_names(void *arg)
{
    struct arena *arena = arg;
    char name[16];
    for (unsigned i = 0; i < 50; i++) {
        struct store_version *version = NULL;
        name_of(name, i);
        pthread_barrier_wait(&arena->barrier);
        int result = store_stage(arena->store, STORE_ROOT, name, 0644, 0, 0, &version);
        expect_result(arena, result, 0);
        if (result == 0)
            result = store_publish(version, STORE_ROOT, name, STORE_NOREPLACE);
        expect_result(arena, result, -EEXIST);
        if (result == 0)
            atomic_fetch_add(&arena->wins, 1);
        store_unpin(version);
    }
    return NULL;
}

static void an_add_has_one_winner_among_threads(void **state)
{
    struct fixture *f = *state;
    struct arena arena = {0};
    run(f, add_same_names, &arena);
    assert_int_equal(atomic_load(&arena.wins), 50);
    assert_int_equal(stats(f).items, 50);
}

static void *make_and_remove_dirs(void *arg)
{
    struct arena *arena = arg;
    unsigned seed = atomic_fetch_add(&arena->next_worker, 1) + 1;
    for (unsigned i = 0; i < 100; i++) {
        struct entry entry = {0};
        int result = store_make_dir(arena->store, STORE_ROOT, "dir", 0755, 0, 0, &entry);
        expect_result(arena, result, -EEXIST);
        if (result < 0)
            result = store_lookup(arena->store, STORE_ROOT, "dir", &entry);
        uint64_t dir = entry.ino;
        entry_release(&entry);
        if (result < 0)
            continue;
        result = try_put(arena->fixture, dir, "file", 'x', random_below(&seed, 6000));
        expect_result(arena, result, -ENOENT);
        if (result == 0)
            expect_result(arena, store_remove(arena->store, dir, "file"), -ENOENT);
        result = store_remove_dir(arena->store, STORE_ROOT, "dir");
        if (result != -ENOTEMPTY)
            expect_result(arena, result, -ENOENT);
    }
    return NULL;
}

static void nothing_is_put_into_a_removed_directory(void **state)
{
    struct fixture *f = *state;
    struct arena arena = {0};
    run(f, make_and_remove_dirs, &arena);
    if (is_there(f, STORE_ROOT, "dir")) {
        uint64_t dir = look(f, STORE_ROOT, "dir")->ino;
        if (is_there(f, dir, "file"))
            assert_int_equal(store_remove(f->store, dir, "file"), 0);
        assert_int_equal(store_remove_dir(f->store, STORE_ROOT, "dir"), 0);
    }
    settle(f);
    assert_int_equal(stats(f).items, 0);
    assert_int_equal(stats(f).directories, 0);
    assert_int_equal(stats(f).bytes, 0);
}

static void *move_dirs(void *arg)
{
    struct arena *arena = arg;
    unsigned seed = atomic_fetch_add(&arena->next_worker, 1) + 1;
    char name[16];
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint64_t dir = STORE_ROOT, to = STORE_ROOT;
        unsigned moved = random_below(&seed, NAMES);
        struct entry entry = {0};
        if (store_dir(arena->store, arena->dirs[moved], &entry) == 0)
            dir = entry.parent;
        entry_release(&entry);
        to = random_below(&seed, 3) ? arena->dirs[random_below(&seed, NAMES)] : STORE_ROOT;
        name_of(name, moved);
        int result = store_rename(arena->store, dir, name, to, name, 0);
        if (result != -EINVAL)
            expect_result(arena, result, -ENOENT);
    }
    return NULL;
}

/* However directories are moved into each other, every one can be reached from the root afterwards. */
static void moving_directories_makes_no_loops(void **state)
{
    struct fixture *f = *state;
    struct arena arena = {0};
    char name[16];
    for (unsigned i = 0; i < NAMES; i++) {
        name_of(name, i);
        arena.dirs[i] = make_dir(f, STORE_ROOT, name);
    }
    run(f, move_dirs, &arena);
    for (unsigned i = 0; i < NAMES; i++) {
        uint64_t id = arena.dirs[i];
        for (unsigned depth = 0; id != STORE_ROOT; depth++) {
            assert_true(depth <= NAMES);
            id = look_dir(f, id)->parent;
        }
    }
    assert_int_equal(stats(f).directories, NAMES);
}

/* The first worker replaces a directory and what is above one, again and again; the others look meanwhile. */
static bool is_first(struct arena *arena)
{
    return atomic_fetch_add(&arena->next_worker, 1) == 0;
}

static void replace_dir(struct arena *arena)
{
    for (unsigned i = 0; i < 10 * ROUNDS; i++) {
        expect_result(arena, store_make_dir(arena->store, STORE_ROOT, "new", 0755, 0, 0, NULL), 0);
        expect_result(arena, store_rename(arena->store, STORE_ROOT, "new", STORE_ROOT, "dir", 0), 0);
    }
    atomic_store(&arena->wins, 1);
}

static int count_dir(void *arg, const char *name, const struct entry *entry)
{
    (void)entry;
    *(int *)arg += strcmp(name, "dir") == 0;
    return 0;
}

static void look_for_dir(struct arena *arena)
{
    struct entry entry = {0};
    struct store_version *version = NULL;
    int count = 0;
    expect_result(arena, store_lookup(arena->store, STORE_ROOT, "dir", &entry), 0);
    entry_release(&entry);
    expect_result(arena, store_list(arena->store, STORE_ROOT, NULL, count_dir, &count), 0);
    if (count != 1 || store_pin(arena->store, STORE_ROOT, "dir", 0, &version) != -EISDIR ||
        store_stage(arena->store, STORE_ROOT, "dir", 0644, 0, 0, &version) != -EISDIR)
        atomic_fetch_add(&arena->wrong, 1);
}

static void *replace_or_look_for_dir(void *arg)
{
    struct arena *arena = arg;
    if (is_first(arena))
        replace_dir(arena);
    while (!atomic_load(&arena->wins))
        look_for_dir(arena);
    return NULL;
}

static void a_directory_that_is_replaced_is_always_there(void **state)
{
    struct fixture *f = *state;
    struct arena arena = {0};
    make_dir(f, STORE_ROOT, "dir");
    run(f, replace_or_look_for_dir, &arena);
}

/* Moves a directory out of its parent, which is removed then. */
static void replace_parent(struct arena *arena)
{
    uint64_t parent = arena->dirs[1];
    for (unsigned i = 1; i < 10 * ROUNDS; i++) {
        char name[16], old_name[16];
        struct entry entry = {0};
        name_of(name, i);
        name_of(old_name, i - 1);
        expect_result(arena, store_make_dir(arena->store, STORE_ROOT, name, 0755, 0, 0, &entry), 0);
        expect_result(arena, store_rename(arena->store, parent, "dir", entry.ino, "dir", 0), 0);
        expect_result(arena, store_remove_dir(arena->store, STORE_ROOT, old_name), 0);
        parent = entry.ino;
        entry_release(&entry);
    }
    atomic_store(&arena->wins, 1);
}

static void *replace_parent_or_stage(void *arg)
{
    struct arena *arena = arg;
    if (is_first(arena))
        replace_parent(arena);
    while (!atomic_load(&arena->wins)) {
        struct store_version *version = NULL;
        expect_result(arena, store_stage(arena->store, arena->dirs[0], "file", 0644, 0, 0, &version), 0);
        store_unpin(version);
    }
    return NULL;
}

static void a_stage_does_not_mind_that_parents_change(void **state)
{
    struct fixture *f = *state;
    struct arena arena = {0};
    arena.dirs[1] = make_dir(f, STORE_ROOT, "name-0");
    arena.dirs[0] = make_dir(f, arena.dirs[1], "dir");
    run(f, replace_parent_or_stage, &arena);
}

/* --- live ---------------------------------------------------------------------------------------------- */

enum { RECORD = 40, RECORDS = 60 };

static void *append_records(void *arg)
{
    struct arena *arena = arg;
    unsigned worker = atomic_fetch_add(&arena->next_worker, 1);
    struct store_version *version = NULL;
    expect_result(arena, store_pin(arena->store, STORE_ROOT, "log", 0, &version), 0);
    for (unsigned i = 0; i < RECORDS && version; i++) {
        char record[RECORD + 1];
        snprintf(record, sizeof record, "worker %03u record %03u %*s\n", worker, i, RECORD - 23, "end");
        expect_result(arena, store_write(version, record, RECORD, STORE_AT_END), 0);
    }
    store_unpin(version);
    return NULL;
}

static void appends_of_many_threads_all_arrive_whole(void **state)
{
    struct fixture *f = *state;
    struct arena arena = {0};
    put(f, STORE_ROOT, "log", "");
    run(f, append_records, &arena);
    enum { SIZE = THREADS * RECORDS * RECORD };
    assert_int_equal(look(f, STORE_ROOT, "log")->size, SIZE);
    char *log = (char *)pattern(f, SIZE, 0);
    size_t got;
    assert_int_equal(store_read(pin(f, STORE_ROOT, "log"), log, SIZE, 0, &got), 0);
    assert_int_equal(got, SIZE);
    unsigned next[THREADS] = {0};
    for (size_t at = 0; at < SIZE; at += RECORD) {
        unsigned worker, record;
        assert_int_equal(sscanf(log + at, "worker %u record %u ", &worker, &record), 2);
        assert_memory_equal(log + at + RECORD - 4, "end\n", 4);
        assert_true(worker < THREADS);
        assert_int_equal(record, next[worker]);
        next[worker]++;
    }
}

static void *overwrite_live(void *arg)
{
    struct arena *arena = arg;
    unsigned worker = atomic_fetch_add(&arena->next_worker, 1);
    struct store_version *version = NULL;
    uint8_t *buffer = malloc(LARGEST);
    expect_result(arena, store_pin(arena->store, STORE_ROOT, "file", 0, &version), 0);
    for (unsigned i = 0; i < ROUNDS && version && buffer; i++) {
        size_t got = 0;
        if (worker < 2) {
            memset(buffer, (int)(worker * ROUNDS + i), LARGEST);
            expect_result(arena, store_write(version, buffer, LARGEST, 0), 0);
        }
        expect_result(arena, store_read(version, buffer, LARGEST, 0, &got), 0);
        if (got != LARGEST || memcmp(buffer, buffer + 1, LARGEST - 1) != 0)
            atomic_fetch_add(&arena->wrong, 1);
    }
    store_unpin(version);
    free(buffer);
    return NULL;
}

static void a_live_write_is_seen_whole_or_not_at_all(void **state)
{
    struct fixture *f = *state;
    struct arena arena = {0};
    assert_int_equal(try_put(f, STORE_ROOT, "file", 'x', LARGEST), 0);
    run(f, overwrite_live, &arena);
}

static void *count_hits(void *arg)
{
    struct arena *arena = arg;
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct store_version *version = NULL;
        expect_result(arena, store_pin(arena->store, STORE_ROOT, "file", STORE_HIT, &version), 0);
        store_unpin(version);
    }
    return NULL;
}

static void no_hit_is_lost_among_threads(void **state)
{
    struct fixture *f = *state;
    struct arena arena = {0};
    put(f, STORE_ROOT, "file", "value");
    run(f, count_hits, &arena);
    assert_int_equal(look(f, STORE_ROOT, "file")->hits, THREADS * ROUNDS);
    assert_int_equal(stats(f).hits, THREADS * ROUNDS);
}

static void *change_and_overwrite(void *arg)
{
    struct arena *arena = arg;
    unsigned worker = atomic_fetch_add(&arena->next_worker, 1);
    char xattr[32];
    snprintf(xattr, sizeof xattr, "user.%u", worker);
    struct entry_change set = {.set = ENTRY_SET_XATTR, .xattr_name = xattr, .xattr_value = "1", .xattr_size = 1};
    for (unsigned i = 0; i < 20; i++)
        expect_result(arena, try_put(arena->fixture, STORE_ROOT, "file", fill_for(i), i), 0);
    struct store_version *version = NULL;
    bool dead = true;
    while (dead) { /* a change lost to an overwrite just then is repeated, as one by path would be */
        expect_result(arena, store_pin(arena->store, STORE_ROOT, "file", 0, &version), 0);
        expect_result(arena, store_change(version, &set), 0);
        dead = store_version_dead(version);
        store_unpin(version);
    }
    for (unsigned i = 0; i < 20; i++)
        expect_result(arena, try_put(arena->fixture, STORE_ROOT, "file", fill_for(i), i), 0);
    return NULL;
}

/* An attribute once set is handed on by every overwrite, also by those staged before. */
static void overwrites_lose_no_attribute(void **state)
{
    struct fixture *f = *state;
    struct arena arena = {0};
    put(f, STORE_ROOT, "file", "value");
    run(f, change_and_overwrite, &arena);
    const struct entry *entry = look(f, STORE_ROOT, "file");
    for (unsigned i = 0; i < THREADS; i++) {
        char xattr[32];
        snprintf(xattr, sizeof xattr, "user.%u", i);
        expect_xattr(entry, xattr, "1");
    }
}

/* --- under a limit ------------------------------------------------------------------------------------- */

static void *press_against_the_limit(void *arg)
{
    struct arena *arena = arg;
    unsigned seed = atomic_fetch_add(&arena->next_worker, 1) + 1;
    char name[16];
    for (unsigned i = 0; i < 300; i++) {
        struct store_stats counted;
        name_of(name, random_below(&seed, 200));
        size_t size = random_below(&seed, LARGEST);
        expect_result(arena, try_put(arena->fixture, STORE_ROOT, name, fill_for(size), size), 0);
        store_stats(arena->store, &counted);
        if (counted.bytes > counted.limit_bytes || counted.items > counted.limit_items)
            atomic_fetch_add(&arena->wrong, 1);
    }
    return NULL;
}

static bool put_fits(struct fixture *f, const char *name)
{
    int result = try_put(f, STORE_ROOT, name, 'x', 100);
    assert_true(result == 0 || result == -ENOSPC);
    return result == 0;
}

static void the_limits_hold_under_any_load(void **state)
{
    struct fixture *f = *state;
    struct arena arena = {0};
    f->options.limit_bytes = MIB;
    f->options.limit_items = 60;
    fixture_restart(f);
    run(f, press_against_the_limit, &arena);
    settle(f);
    assert_int_equal(stats(f).pinned, 0);
    assert_true(stats(f).evicted > 0);
}

static void *change_policies(void *arg)
{
    struct arena *arena = arg;
    unsigned seed = atomic_fetch_add(&arena->next_worker, 1) + 1;
    uint8_t *buffer = malloc(LARGEST);
    char name[16];
    for (unsigned i = 0; i < 300 && buffer; i++) {
        struct store_stats counted;
        if (i % 8 == 0)
            store_set_policy(arena->store, (enum store_policy)random_below(&seed, STORE_POLICIES));
        name_of(name, random_below(&seed, 200));
        size_t size = random_below(&seed, LARGEST);
        expect_result(arena, try_put(arena->fixture, STORE_ROOT, name, fill_for(size), size), -ENOSPC);
        name_of(name, random_below(&seed, 200));
        get_and_check(arena, name, i % 2, buffer);
        store_stats(arena->store, &counted);
        if (counted.bytes > counted.limit_bytes || counted.items > counted.limit_items)
            atomic_fetch_add(&arena->wrong, 1);
    }
    free(buffer);
    return NULL;
}

/* Nobody is left waiting for room, and each policy still finds what may go in a store that is full to the brim. */
static void policies_change_under_load(void **state)
{
    struct fixture *f = *state;
    struct arena arena = {0};
    f->options.limit_bytes = MIB;
    f->options.limit_items = 60;
    fixture_restart(f);
    run(f, change_policies, &arena);
    for (enum store_policy policy = 0; policy < STORE_POLICY_NONE; policy++) {
        char name[32];
        store_set_policy(f->store, STORE_POLICY_NONE);
        for (unsigned i = 0; snprintf(name, sizeof name, "%u-%u", policy, i), put_fits(f, name); i++)
            ;
        store_set_policy(f->store, policy);
        snprintf(name, sizeof name, "%u-last", policy);
        assert_int_equal(try_put(f, STORE_ROOT, name, 'x', 100), 0);
    }
    settle(f);
    assert_int_equal(stats(f).pinned, 0);
}

enum { STAGED = 8 };

/* Publishes what was staged a while ago, so in an order that is not that of the numbers. */
static void *publish_late(void *arg)
{
    struct arena *arena = arg;
    unsigned worker = atomic_fetch_add(&arena->next_worker, 1), seed = worker + 1;
    struct store_version *staged[STAGED] = {0};
    char name[32];
    for (unsigned i = 0; i < 20 * ROUNDS; i++) {
        struct store_version **version = &staged[random_below(&seed, STAGED)];
        snprintf(name, sizeof name, "late-%u-%u", worker, i);
        if (*version)
            expect_result(arena, store_publish(*version, STORE_ROOT, name, 0), -ENOSPC);
        store_unpin(*version);
        *version = NULL;
        expect_result(arena, store_stage(arena->store, STORE_ROOT, name, 0644, 0, 0, version), 0);
        if (*version)
            expect_result(arena, store_write(*version, name, sizeof name, random_below(&seed, 2000)), -ENOSPC);
    }
    for (unsigned i = 0; i < STAGED; i++)
        store_unpin(staged[i]);
    return NULL;
}

static int count_late(void *arg, const char *name, const struct entry *entry)
{
    (void)entry;
    *(int *)arg += strncmp(name, "late", 4) == 0;
    return 0;
}

/* Whenever it was staged and whenever published: after as much as the store holds has come in, it is gone. */
static void fifo_passes_nobody_by(void **state)
{
    struct fixture *f = *state;
    struct arena arena = {0};
    f->options.limit_bytes = MIB;
    f->options.policy = STORE_POLICY_FIFO;
    fixture_restart(f);
    run(f, publish_late, &arena);
    char name[16];
    int late = 0;
    for (unsigned i = 0; i < 600; i++) {
        name_of(name, i);
        assert_int_equal(try_put(f, STORE_ROOT, name, 'x', 2500), 0);
    }
    assert_int_equal(store_list(f->store, STORE_ROOT, NULL, count_late, &late), 0);
    assert_int_equal(late, 0);
}

int threads_tests(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(readers_see_whole_values_under_writers),
        CONTRACT_TEST(readers_see_whole_values_under_eviction),
        CONTRACT_TEST(whoever_saw_the_new_version_does_not_find_the_old),
        CONTRACT_TEST(an_add_has_one_winner_among_threads),
        CONTRACT_TEST(nothing_is_put_into_a_removed_directory),
        CONTRACT_TEST(moving_directories_makes_no_loops),
        CONTRACT_TEST(a_directory_that_is_replaced_is_always_there),
        CONTRACT_TEST(a_stage_does_not_mind_that_parents_change),
        CONTRACT_TEST(appends_of_many_threads_all_arrive_whole),
        CONTRACT_TEST(a_live_write_is_seen_whole_or_not_at_all),
        CONTRACT_TEST(no_hit_is_lost_among_threads),
        CONTRACT_TEST(overwrites_lose_no_attribute),
        CONTRACT_TEST(the_limits_hold_under_any_load),
        CONTRACT_TEST(policies_change_under_load),
        CONTRACT_TEST(fifo_passes_nobody_by),
    };
    return cmocka_run_group_tests_name("threads", tests, NULL, NULL);
}
