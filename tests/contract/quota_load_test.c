/* SPDX-License-Identifier: MIT */
/*
 * quota_load_test.c - the contract of quotas while much happens at once: threads that store without end, quotas that
 * come and go, directories that move. What is judged is that nobody waits for ever and that the totals are right when it
 * is quiet again.
 */
#include "contract.h"

#include <time.h>
#include <unistd.h>

enum { PATIENCE_MS = 20000, LOADERS_MAX = 8, LOADER_DIRS = 4 };

static int64_t clock_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* --- recount ------------------------------------------------------------------------------------------- */

static void expect_recount(struct fixture *f, uint64_t dir)
{
    struct recount recount = recount_below(f, dir);
    struct store_quota quota;
    assert_int_equal(store_quota(f->store, dir, &quota), 0);
    assert_int_equal(quota.items, recount.items);
    assert_int_equal(quota.bytes, recount.bytes);
}

/* --- load ---------------------------------------------------------------------------------------------- */

struct load;
typedef void load_work(struct load *load, struct fixture *f, unsigned number);

/* Threads that do the same over and over until load_end(). */
struct load {
    struct fixture *f;
    load_work *work;
    uint64_t dirs[LOADER_DIRS];
    size_t size;
    atomic_bool stop;
    atomic_uint begun;
    atomic_uint done, failed;
    unsigned count;
    pthread_t threads[LOADERS_MAX];
};

static void *load_main(void *arg)
{
    struct load *load = arg;
    unsigned seed = atomic_fetch_add(&load->begun, 1) * 1000003;
    while (!atomic_load(&load->stop)) {
        load->work(load, load->f, seed++);
        atomic_fetch_add(&load->done, 1);
    }
    return NULL;
}

static void load_begin(struct load *load, struct fixture *f, load_work *work, unsigned count)
{
    load->f = f;
    load->work = work;
    load->count = count;
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(pthread_create(&load->threads[i], NULL, load_main, load), 0);
    while (atomic_load(&load->done) < count)
        usleep(100);
}

static void load_end(struct load *load)
{
    atomic_store(&load->stop, true);
    for (unsigned i = 0; i < load->count; i++)
        pthread_join(load->threads[i], NULL);
    load->count = 0;
}

static void put_new(struct load *load, struct fixture *f, unsigned number)
{
    char name[16];
    snprintf(name, sizeof name, "%u", number);
    if (try_put(f, load->dirs[0], name, 1, load->size) != 0)
        atomic_fetch_add(&load->failed, 1);
}

/* One thing that another thread does, and how long it took. */
struct timed {
    struct fixture *f;
    uint64_t dir;
    size_t size;
    unsigned count;
    pthread_t thread;
    atomic_bool done;
    int result;
};

static void *timed_main(void *arg)
{
    struct timed *timed = arg;
    for (unsigned i = 0; i < timed->count && timed->result == 0; i++) {
        char name[16];
        snprintf(name, sizeof name, "timed%u", i);
        timed->result = try_put(timed->f, timed->dir, name, 2, timed->size);
    }
    atomic_store(&timed->done, true);
    return NULL;
}

/* Sets `count` values there while the load goes on. False when they are not stored after a long while; then it ends the
 * load, so that they can be. */
static bool puts_in_time(struct load *load, struct fixture *f, uint64_t dir, size_t size, unsigned count)
{
    struct timed timed = {.f = f, .dir = dir, .size = size, .count = count};
    int64_t end_ms = clock_ms() + PATIENCE_MS;
    assert_int_equal(pthread_create(&timed.thread, NULL, timed_main, &timed), 0);
    while (!atomic_load(&timed.done) && clock_ms() < end_ms)
        usleep(1000);
    bool in_time = atomic_load(&timed.done);
    print_message("%u sets took %d ms\n", count, (int)(clock_ms() - end_ms + PATIENCE_MS));
    load_end(load);
    pthread_join(timed.thread, NULL);
    if (timed.result != 0)
        print_message("a set failed: %d\n", timed.result);
    return in_time && timed.result == 0;
}

/* --- nobody waits for ever ----------------------------------------------------------------------------- */

static void one_full_quota_does_not_hold_up_another(void **state)
{
    struct fixture *f = *state;
    if (!f->on_disk)
        skip(); /* the model has nobody who could be held up */
    struct load load = {.dirs = {make_dir(f, STORE_ROOT, "busy")}, .size = 10};
    uint64_t other = make_dir(f, STORE_ROOT, "other");
    set_quota(f, load.dirs[0], 0, 20000);
    set_quota(f, other, 0, 20);
    load_begin(&load, f, put_new, 8);
    while (atomic_load(&load.done) < 25000)
        usleep(1000);
    assert_true(puts_in_time(&load, f, other, 10, 100));
    assert_int_equal(load.failed, 0);
}

static void one_full_quota_does_not_hold_up_the_store(void **state)
{
    struct fixture *f = *state;
    if (!f->on_disk)
        skip(); /* the model has nobody who could be held up */
    f->options.limit_bytes = 2 * MIB;
    fixture_restart(f);
    struct load load = {.dirs = {make_dir(f, STORE_ROOT, "busy")}, .size = 10};
    set_quota(f, load.dirs[0], 0, 4);
    load_begin(&load, f, put_new, 6);
    assert_true(puts_in_time(&load, f, STORE_ROOT, 10000, 600));
    assert_int_equal(load.failed, 0);
}

static void a_large_value_gets_its_turn_among_small_ones(void **state)
{
    struct fixture *f = *state;
    if (!f->on_disk)
        skip(); /* the model has nobody who could be held up */
    struct load load = {.dirs = {make_dir(f, STORE_ROOT, "busy")}, .size = 3000};
    set_quota(f, load.dirs[0], MIB, 0);
    load_begin(&load, f, put_new, 4);
    assert_true(puts_in_time(&load, f, load.dirs[0], MIB - 10000, 3));
    assert_int_equal(load.failed, 0);
}

static void wander(struct load *load, struct fixture *f, unsigned number)
{
    (void)number;
    (void)store_rename(f->store, STORE_ROOT, "wandering", load->dirs[0], "wandering", 0);
    (void)store_rename(f->store, load->dirs[0], "wandering", STORE_ROOT, "wandering", 0);
}

static void a_directory_that_never_rests_holds_up_nobody(void **state)
{
    struct fixture *f = *state;
    struct load load = {.dirs = {make_dir(f, STORE_ROOT, "crossed")}};
    uint64_t other = make_dir(f, STORE_ROOT, "other");
    make_dir(f, STORE_ROOT, "wandering");
    for (unsigned i = 0; i < 20000; i++) {
        char name[16];
        snprintf(name, sizeof name, "%u", i);
        assert_int_equal(try_put(f, load.dirs[0], name, 1, 10), 0);
    }
    set_quota(f, load.dirs[0], 100 * MIB, 0);
    set_quota(f, other, 0, 20);
    load_begin(&load, f, wander, 2);
    assert_true(puts_in_time(&load, f, other, 10, 100));
    expect_recount(f, load.dirs[0]);
}

/* --- the totals are right ------------------------------------------------------------------------------ */

static void put_and_remove(struct load *load, struct fixture *f, unsigned number)
{
    char name[16];
    uint64_t dir = load->dirs[number % LOADER_DIRS];
    snprintf(name, sizeof name, "%u", number % 997);
    int result = number % 5 == 0 ? store_remove(f->store, dir, name) : try_put(f, dir, name, 1, number % 3000);
    if (result < 0 && result != -ENOENT && result != -EDQUOT)
        atomic_fetch_add(&load->failed, 1);
    struct store_version *version;
    if (store_pin(f->store, dir, name, STORE_HIT, &version) == 0)
        store_unpin(version);
}

static void come_and_go(struct load *load, struct fixture *f, unsigned number)
{
    struct store_quota none = {0}, limit = {.limit_items = 100000, .has_policy = true, .policy = STORE_POLICY_LRU};
    uint64_t dir = load->dirs[number % 3];
    (void)store_set_quota(f->store, dir, STORE_QUOTA_ITEMS | STORE_QUOTA_POLICY, &limit);
    (void)store_set_quota(f->store, dir, STORE_QUOTA_ITEMS | (number % 2 ? STORE_QUOTA_POLICY : 0), &none);
}

static void quotas_come_and_go_while_all_is_used(void **state)
{
    struct fixture *f = *state;
    if (!f->on_disk)
        skip(); /* the model has nobody who could be held up */
    struct load load = {0}, setting = {0};
    load.dirs[0] = make_dir(f, STORE_ROOT, "outer");
    load.dirs[1] = make_dir(f, load.dirs[0], "middle");
    load.dirs[2] = make_dir(f, load.dirs[1], "inner");
    load.dirs[3] = make_dir(f, load.dirs[2], "innermost");
    memcpy(setting.dirs, load.dirs, sizeof load.dirs);
    set_quota(f, load.dirs[3], 0, 1000);
    load_begin(&load, f, put_and_remove, 3);
    load_begin(&setting, f, come_and_go, 2);
    usleep(3000 * 1000);
    load_end(&setting);
    load_end(&load);
    assert_int_equal(load.failed, 0);
    for (int i = 0; i < LOADER_DIRS; i++)
        set_quota(f, load.dirs[i], 500 * MIB, 0);
    for (int i = 0; i < LOADER_DIRS; i++)
        expect_recount(f, load.dirs[i]);
}

/* A limit that is taken away and set again while it is counted for the first time. */
static void a_limit_that_comes_back_is_counted_anew(void **state)
{
    struct fixture *f = *state;
    if (!f->on_disk)
        skip(); /* the model has nobody who could be held up */
    uint64_t dir = make_dir(f, STORE_ROOT, "dir");
    struct load load = {.dirs = {dir, dir, dir, dir}};
    for (unsigned i = 0; i < 5000; i++) {
        char name[16];
        snprintf(name, sizeof name, "old%u", i);
        assert_int_equal(try_put(f, dir, name, 1, 10), 0);
    }
    set_policy(f, dir, STORE_POLICY_LRU);
    load_begin(&load, f, put_and_remove, 2);
    struct load setting = {.dirs = {dir, dir, dir, dir}};
    for (int round = 0; round < 5; round++) {
        atomic_store(&setting.stop, false);
        load_begin(&setting, f, come_and_go, 4);
        usleep(200 * 1000);
        load_end(&setting);
        set_quota(f, dir, 0, 100000);
        if (round == 4)
            load_end(&load);
    }
    expect_recount(f, dir);
}

static void hit_one(struct load *load, struct fixture *f, unsigned number)
{
    struct store_version *version;
    (void)number;
    if (store_pin(f->store, load->dirs[0], "read", STORE_HIT, &version) < 0)
        atomic_fetch_add(&load->failed, 1);
    else
        store_unpin(version);
}

/* Readers of what is below a quota that goes: what they touch must be there. It takes a sanitizer to see that. */
static void a_quota_goes_while_what_is_below_it_is_read(void **state)
{
    struct fixture *f = *state;
    uint64_t outer = make_dir(f, STORE_ROOT, "outer"), middle = make_dir(f, outer, "middle");
    struct load load = {.dirs = {make_dir(f, middle, "inner")}};
    struct store_quota none = {0};
    put(f, load.dirs[0], "read", "value");
    set_quota(f, load.dirs[0], 0, 1000);
    for (unsigned i = 0; i < 200; i++) {
        char name[16];
        snprintf(name, sizeof name, "other%u", i);
        set_quota(f, make_dir(f, STORE_ROOT, name), 0, 1000);
    }
    load_begin(&load, f, hit_one, 4);
    for (int i = 0; i < 100; i++) {
        set_quota(f, middle, 0, 1000);
        usleep(100);
        assert_int_equal(store_set_quota(f->store, middle, STORE_QUOTA_ITEMS, &none), 0);
    }
    load_end(&load);
    assert_int_equal(load.failed, 0);
}

int quota_load_tests(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(one_full_quota_does_not_hold_up_another),
        CONTRACT_TEST(one_full_quota_does_not_hold_up_the_store),
        CONTRACT_TEST(a_large_value_gets_its_turn_among_small_ones),
        CONTRACT_TEST(a_directory_that_never_rests_holds_up_nobody),
        CONTRACT_TEST(quotas_come_and_go_while_all_is_used),
        CONTRACT_TEST(a_limit_that_comes_back_is_counted_anew),
        CONTRACT_TEST(a_quota_goes_while_what_is_below_it_is_read),
    };
    return cmocka_run_group_tests_name("quota_load", tests, NULL, NULL);
}
