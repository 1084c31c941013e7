/* SPDX-License-Identifier: MIT */
/* clear_test.c - the contract of store_clear(), and of store_expire(). */
#include "contract.h"

#include <unistd.h>

enum { MANY = 300 }; /* more than goes at a time */

static void put_many(struct fixture *f, uint64_t dir, unsigned count)
{
    char name[32];
    for (unsigned i = 0; i < count; i++) {
        snprintf(name, sizeof name, "entry-%04u", i);
        put(f, dir, name, "value");
    }
}

/* Removes everything that is meant, some at a time. */
static struct store_clearing clear_all(struct fixture *f, uint64_t dir, uint64_t most, struct store_clearing clearing)
{
    while (!clearing.done)
        assert_int_equal(store_clear(f->store, dir, most, &clearing, NULL, NULL), 0);
    return clearing;
}

static void files_and_links_go_directories_stay(void **state)
{
    struct fixture *f = *state;
    uint64_t dir = make_dir(f, STORE_ROOT, "dir"), below = make_dir(f, dir, "below"),
             beside = make_dir(f, STORE_ROOT, "x");
    put_many(f, dir, MANY);
    put(f, below, "in", "value");
    put(f, beside, "in", "value");
    put_bytes(f, dir, "large", pattern(f, 200000, 1), 200000);
    assert_int_equal(store_make_symlink(f->store, dir, "link", "target", 1, 1, NULL), 0);
    struct store_stats before = stats(f);
    struct store_clearing clearing = clear_all(f, dir, 100, (struct store_clearing){0});
    assert_int_equal(clearing.removed, MANY + 2);
    assert_int_equal(clearing.left, 0);
    assert_string_equal(list_names(f, dir, NULL), "below ");
    expect_text(f, below, "in", "value");
    expect_text(f, beside, "in", "value");
    settle(f);
    assert_int_equal(stats(f).items, 2);
    assert_int_equal(stats(f).deletes - before.deletes, MANY + 2);
    assert_int_equal(store_remove(f->store, below, "in"), 0);
    assert_int_equal(store_remove(f->store, beside, "in"), 0);
    assert_int_equal(store_remove_dir(f->store, dir, "below"), 0);
    assert_int_equal(store_remove_dir(f->store, STORE_ROOT, "dir"), 0);
    assert_int_equal(store_remove_dir(f->store, STORE_ROOT, "x"), 0);
    settle(f);
    assert_int_equal(stats(f).bytes, 0);
}

static void at_most_so_many_go_and_the_next_call_goes_on(void **state)
{
    struct fixture *f = *state;
    struct store_clearing clearing = {0};
    put_many(f, STORE_ROOT, 10);
    assert_int_equal(store_clear(f->store, STORE_ROOT, 3, &clearing, NULL, NULL), 0);
    assert_int_equal(clearing.removed, 3);
    assert_false(clearing.done);
    assert_string_equal(clearing.after, "entry-0002");
    assert_int_equal(stats(f).items, 7);
    assert_int_equal(store_clear(f->store, STORE_ROOT, 100, &clearing, NULL, NULL), 0);
    assert_int_equal(clearing.removed, 10);
    assert_true(clearing.done);
    put(f, STORE_ROOT, "later", "value");
    assert_int_equal(store_clear(f->store, STORE_ROOT, 100, &clearing, NULL, NULL), 0); /* nothing any more */
    assert_int_equal(clearing.removed, 10);
    assert_int_equal(store_clear(f->store, STORE_ROOT, 0, &(struct store_clearing){0}, NULL, NULL), -EINVAL);
    assert_int_equal(store_clear(f->store, STORE_ROOT, 1, &(struct store_clearing){.after = "a/b"}, NULL, NULL),
                     -EINVAL);
    assert_int_equal(store_clear(f->store, 4711, 1, &(struct store_clearing){0}, NULL, NULL), -ENOENT);
    assert_int_equal(
        store_clear(f->store, look(f, STORE_ROOT, "later")->ino, 1, &(struct store_clearing){0}, NULL, NULL), -ENOTDIR);
    expect_text(f, STORE_ROOT, "later", "value");
}

static void what_is_stored_after_the_mark_stays(void **state)
{
    struct fixture *f = *state;
    uint64_t other = make_dir(f, STORE_ROOT, "other");
    struct store_clearing clearing = {0};
    put_many(f, STORE_ROOT, 4);
    put(f, other, "old", "value");
    struct store_version *written = pin(f, STORE_ROOT, "entry-0003"), *staged = stage(f, STORE_ROOT, "entry-0002");
    assert_int_equal(store_clear(f->store, STORE_ROOT, 1, &clearing, NULL, NULL), 0);
    assert_true(clearing.mark > 0);
    put(f, STORE_ROOT, "entry-0000x", "new");
    put(f, other, "new", "new");
    write_text(written, "V", 0);
    assert_int_equal(publish(staged, STORE_ROOT, "entry-0002"), 0);
    clearing = clear_all(f, STORE_ROOT, 1, clearing);
    assert_int_equal(clearing.removed, 2);
    assert_int_equal(clearing.left, 3);
    assert_string_equal(list_names(f, STORE_ROOT, NULL), "entry-0000x entry-0002 entry-0003 other ");
    clearing = clear_all(f, other, 100, (struct store_clearing){.mark = clearing.mark});
    assert_int_equal(clearing.removed, 1);
    assert_string_equal(list_names(f, other, NULL), "new ");
}

static void only_what_one_user_owns(void **state)
{
    struct fixture *f = *state;
    put_many(f, STORE_ROOT, 3); /* of user 11 */
    struct entry_change to_12 = {.set = ENTRY_SET_UID, .uid = 12};
    assert_int_equal(change(f, STORE_ROOT, "entry-0001", &to_12), 0);
    struct store_clearing clearing = clear_all(f, STORE_ROOT, 100, (struct store_clearing){.owned = true, .uid = 12});
    assert_int_equal(clearing.removed, 1);
    assert_int_equal(clearing.left, 2);
    assert_string_equal(list_names(f, STORE_ROOT, NULL), "entry-0000 entry-0002 ");
}

static void what_is_passed_by_ends_a_call_too(void **state)
{
    struct fixture *f = *state;
    uint64_t dir = make_dir(f, STORE_ROOT, "dir");
    struct store_clearing clearing = {.owned = true, .uid = 12};
    put_many(f, dir, STORE_CLEAR_LOOKS + MANY); /* of user 11 */
    assert_int_equal(store_clear(f->store, dir, 100, &clearing, NULL, NULL), 0);
    assert_false(clearing.done);
    assert_int_equal(clearing.left, STORE_CLEAR_LOOKS);
    assert_int_equal(store_clear(f->store, dir, 100, &clearing, NULL, NULL), 0);
    assert_true(clearing.done);
    assert_int_equal(clearing.left, STORE_CLEAR_LOOKS + MANY);
    clearing = clear_all(f, dir, 1000, (struct store_clearing){0});
    assert_int_equal(clearing.removed, STORE_CLEAR_LOOKS + MANY);
}

struct told {
    struct fixture *fixture;
    unsigned count;
    uint64_t version, size;
    bool wrong;
};

/* What it is told of is gone, and it may look. */
static void tell(void *arg, const char *name, uint64_t version, uint64_t size)
{
    struct told *told = arg;
    told->count++;
    told->wrong |= is_there(told->fixture, STORE_ROOT, name);
    if (strcmp(name, "entry-0001") == 0) {
        told->version = version;
        told->size = size;
    }
}

static void each_is_told_after_it_is_gone(void **state)
{
    struct fixture *f = *state;
    struct told told = {.fixture = f};
    struct store_clearing clearing = {0};
    put_many(f, STORE_ROOT, MANY);
    uint64_t version = look(f, STORE_ROOT, "entry-0001")->version;
    assert_int_equal(store_clear(f->store, STORE_ROOT, UINT64_MAX, &clearing, tell, &told), 0);
    assert_int_equal(told.count, MANY);
    assert_int_equal(told.version, version);
    assert_int_equal(told.size, 5);
    assert_false(told.wrong);
}

static void versions_in_hand_live_on(void **state)
{
    struct fixture *f = *state;
    put_bytes(f, STORE_ROOT, "large", pattern(f, 200000, 1), 200000);
    put(f, STORE_ROOT, "small", "value");
    struct store_version *large = pin(f, STORE_ROOT, "large"), *small = pin(f, STORE_ROOT, "small");
    clear_all(f, STORE_ROOT, 100, (struct store_clearing){0});
    assert_true(store_version_dead(large));
    expect_version(large, pattern(f, 200000, 1), 200000);
    expect_version_text(small, "value");
    unpin(f, large);
    unpin(f, small);
    settle(f);
    assert_int_equal(stats(f).bytes, 0);
}

static void what_has_expired_is_not_counted(void **state)
{
    struct fixture *f = *state;
    put_many(f, STORE_ROOT, 3);
    set_ttl(f, STORE_ROOT, "entry-0001", SECOND);
    put(f, STORE_ROOT, "tagged", "value");
    set_tags(f, STORE_ROOT, "tagged", "gone");
    assert_int_equal(store_invalidate_tag(f->store, "gone"), 0);
    advance_ms(f, MINUTE);
    struct store_clearing clearing = clear_all(f, STORE_ROOT, 100, (struct store_clearing){0});
    assert_int_equal(clearing.removed, 2);
    assert_int_equal(clearing.left, 0);
    settle(f);
    assert_int_equal(stats(f).expired, 1);
    assert_int_equal(stats(f).invalidated, 1);
    assert_int_equal(stats(f).items, 0);
    assert_int_equal(stats(f).bytes, 0);
}

static void a_directory_that_loses_names_changes_its_times(void **state)
{
    struct fixture *f = *state;
    put(f, STORE_ROOT, "name", "value");
    advance_ms(f, MINUTE);
    clear_all(f, STORE_ROOT, 100, (struct store_clearing){0});
    assert_true(look_dir(f, STORE_ROOT)->mtime_ns == f->now_ns);
    advance_ms(f, MINUTE);
    clear_all(f, STORE_ROOT, 100, (struct store_clearing){0});
    assert_true(look_dir(f, STORE_ROOT)->mtime_ns == f->now_ns - MINUTE * 1000000);
}

static void a_clearing_outlives_the_store(void **state)
{
    struct fixture *f = *state;
    if (!f->on_disk)
        return;
    put_many(f, STORE_ROOT, MANY);
    clear_all(f, STORE_ROOT, 100, (struct store_clearing){0});
    put(f, STORE_ROOT, "later", "value");
    fixture_reopen(f);
    assert_string_equal(list_names(f, STORE_ROOT, NULL), "later ");
    assert_int_equal(stats(f).items, 1);
}

/* --- store_expire() ------------------------------------------------------------------------------------ */

static void expire_lets_go_of_what_is_due(void **state)
{
    struct fixture *f = *state;
    uint64_t expired = 4711;
    bool more = true;
    put_many(f, STORE_ROOT, MANY);
    for (unsigned i = 0; i < MANY / 2; i++) {
        char name[32];
        snprintf(name, sizeof name, "entry-%04u", i);
        set_ttl(f, STORE_ROOT, name, i % 2 ? 2 * SECOND : SECOND);
    }
    set_ttl(f, STORE_ROOT, "entry-0299", MINUTE);
    settle(f);
    assert_int_equal(store_expire(f->store, UINT64_MAX, &expired, &more), 0);
    assert_int_equal(expired, 0);
    assert_false(more);
    advance_ms(f, 3 * SECOND);
    assert_int_equal(store_expire(f->store, UINT64_MAX, &expired, &more), 0);
    assert_int_equal(expired, MANY / 2);
    assert_false(more);
    assert_int_equal(stats(f).items, MANY - MANY / 2);
    assert_int_equal(stats(f).expired, MANY / 2);
    assert_true(was_told_gone(f, STORE_ROOT, "entry-0000", STORE_GONE_EXPIRED));
    advance_ms(f, MINUTE);
    assert_int_equal(store_expire(f->store, 1, &expired, &more), 0);
    assert_int_equal(expired, 1);
    assert_int_equal(store_expire(f->store, 0, &expired, &more), -EINVAL);
}

static void what_was_read_in_time_does_not_expire(void **state)
{
    struct fixture *f = *state;
    uint64_t expired;
    bool more;
    put_many(f, STORE_ROOT, 2);
    set_idle(f, STORE_ROOT, "entry-0000", 10 * SECOND);
    set_idle(f, STORE_ROOT, "entry-0001", 10 * SECOND);
    advance_ms(f, 6 * SECOND);
    hit(f, STORE_ROOT, "entry-0001");
    advance_ms(f, 6 * SECOND);
    assert_int_equal(store_expire(f->store, UINT64_MAX, &expired, &more), 0);
    assert_int_equal(expired, 1);
    assert_string_equal(list_names(f, STORE_ROOT, NULL), "entry-0001 ");
}

struct expirer {
    struct store *store;
    _Atomic uint64_t expired;
    _Atomic bool stop;
    _Atomic int failed;
};

static void *expire_often(void *arg)
{
    struct expirer *expirer = arg;
    while (!atomic_load(&expirer->stop)) {
        uint64_t expired = 0;
        bool more;
        int result = store_expire(expirer->store, 10, &expired, &more);
        if (result < 0)
            atomic_store(&expirer->failed, result);
        atomic_fetch_add(&expirer->expired, expired);
    }
    return NULL;
}

/* Deadlines in any order, while three let go of what is due: none is passed by. */
static void several_who_expire_miss_nothing(void **state)
{
    struct fixture *f = *state;
    struct expirer expirer = {.store = f->store};
    pthread_t threads[2];
    enum { ROUNDS = 400 };
    bool refused = false;
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, expire_often, &expirer), 0);
    for (unsigned i = 0; i < ROUNDS; i++) {
        char name[32];
        snprintf(name, sizeof name, "name-%u", i);
        refused |= try_put(f, STORE_ROOT, name, 'x', 10) < 0;
        struct entry_change ttl = {.set = ENTRY_SET_TTL, .ttl_ms = 1 + i * 7919 % 40};
        (void)change(f, STORE_ROOT, name, &ttl);
        advance_ms(f, i % 3);
        if (i % 50 == 0)
            refused |= store_settle(f->store) < 0;
    }
    advance_ms(f, MINUTE);
    uint64_t items, tries = 0;
    while ((items = stats(f).items) > 0 && tries++ < 1000)
        usleep(1000);
    atomic_store(&expirer.stop, true);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    assert_false(refused);
    assert_int_equal(items, 0);
    assert_int_equal(atomic_load(&expirer.failed), 0);
    assert_int_equal(stats(f).expired, ROUNDS);
}

int clear_tests(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(files_and_links_go_directories_stay),
        CONTRACT_TEST(at_most_so_many_go_and_the_next_call_goes_on),
        CONTRACT_TEST(what_is_stored_after_the_mark_stays),
        CONTRACT_TEST(only_what_one_user_owns),
        CONTRACT_TEST(what_is_passed_by_ends_a_call_too),
        CONTRACT_TEST(each_is_told_after_it_is_gone),
        CONTRACT_TEST(versions_in_hand_live_on),
        CONTRACT_TEST(what_has_expired_is_not_counted),
        CONTRACT_TEST(a_directory_that_loses_names_changes_its_times),
        CONTRACT_TEST(a_clearing_outlives_the_store),
        CONTRACT_TEST(expire_lets_go_of_what_is_due),
        CONTRACT_TEST(what_was_read_in_time_does_not_expire),
        CONTRACT_TEST(several_who_expire_miss_nothing),
    };
    return cmocka_run_group_tests_name("clear", tests, NULL, NULL);
}
