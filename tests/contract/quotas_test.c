/* SPDX-License-Identifier: MIT */
/*
 * quotas_test.c - the contract of quotas: what is below a directory stays under its limits, goes by its policy, and leaves
 * what is elsewhere alone.
 *
 * As in limits_test.c a backend may evict more than it must, down to a watermark of its own.
 */
#include "contract.h"

enum { SIZE = 10000 };

static struct store_quota quota_of(struct fixture *f, uint64_t dir)
{
    struct store_quota quota;
    assert_int_equal(store_quota(f->store, dir, &quota), 0);
    return quota;
}

static int put_number(struct fixture *f, uint64_t dir, unsigned number, size_t size)
{
    char name[16];
    snprintf(name, sizeof name, "%05u", number);
    return try_put(f, dir, name, (int)number, size);
}

static bool number_is_there(struct fixture *f, uint64_t dir, unsigned number)
{
    char name[16];
    snprintf(name, sizeof name, "%05u", number);
    return is_there(f, dir, name);
}

static void put_numbers(struct fixture *f, uint64_t dir, unsigned from, unsigned to, size_t size)
{
    for (unsigned number = from; number < to; number++)
        assert_int_equal(put_number(f, dir, number, size), 0);
}

static unsigned numbers_there(struct fixture *f, uint64_t dir, unsigned from, unsigned to)
{
    unsigned there = 0;
    for (unsigned number = from; number < to; number++)
        there += number_is_there(f, dir, number);
    return there;
}

/* --- what is counted ----------------------------------------------------------------------------------- */

/* The totals agree with a walk through all that is below. */
static void expect_recount(struct fixture *f, uint64_t dir)
{
    struct recount recount = recount_below(f, dir);
    struct store_quota quota = quota_of(f, dir);
    assert_int_equal(quota.bytes, recount.bytes);
    assert_int_equal(quota.items, recount.items);
}

static void totals_agree_with_a_recount_after_every_kind_of_change(void **state)
{
    struct fixture *f = *state;
    uint64_t dir = make_dir(f, STORE_ROOT, "dir"), below = make_dir(f, dir, "a longer name");
    uint64_t out = make_dir(f, STORE_ROOT, "out");
    set_quota(f, dir, 100 * MIB, 0);
    set_quota(f, below, 0, 1000);
    put(f, dir, "small", "value");
    put_bytes(f, below, "large", pattern(f, 200000, 1), 200000);
    assert_int_equal(store_make_symlink(f->store, dir, "link", "target", 0, 0, NULL), 0);
    make_dir(f, below, "empty");
    expect_recount(f, dir);
    expect_recount(f, below);
    put_bytes(f, dir, "small", pattern(f, 5000, 1), 5000);
    put(f, below, "large", "small now");
    set_tags(f, dir, "small", "red,blue");
    set_xattr(f, dir, "link", "user.x", "something");
    set_dir_defaults(f, below, 5000, 6000, "inherited");
    expect_recount(f, dir);
    struct store_version *version = pin(f, dir, "small");
    write_text(version, "appended", STORE_AT_END);
    assert_int_equal(store_resize(version, 50000), 0);
    unpin(f, version);
    expect_recount(f, dir);
    put(f, out, "stranger", "from elsewhere");
    assert_int_equal(store_rename(f->store, out, "stranger", below, "a guest", 0), 0);
    assert_int_equal(store_rename(f->store, dir, "small", out, "gone out", 0), 0);
    assert_int_equal(store_rename(f->store, dir, "link", below, "large", STORE_EXCHANGE), 0);
    expect_recount(f, dir);
    expect_recount(f, below);
    assert_int_equal(store_remove(f->store, below, "a guest"), 0);
    assert_int_equal(store_remove_dir(f->store, below, "empty"), 0);
    set_ttl(f, below, "large", 10);
    advance_ms(f, 20);
    expect_recount(f, dir);
    expect_recount(f, below);
    set_tags(f, dir, "link", "red");
    assert_int_equal(store_invalidate_tag(f->store, "red"), 0);
    expect_recount(f, dir);
}

static void what_was_there_before_counts(void **state)
{
    struct fixture *f = *state;
    uint64_t dir = make_dir(f, STORE_ROOT, "dir"), below = make_dir(f, dir, "below");
    put_numbers(f, dir, 0, 20, SIZE);
    put_numbers(f, below, 0, 20, SIZE);
    set_quota(f, dir, 100 * MIB, 0);
    assert_int_equal(quota_of(f, dir).items, 40);
    expect_recount(f, dir);
    set_quota(f, dir, 100 * MIB, 20);
    settle(f);
    assert_in_range(quota_of(f, dir).items, 10, 20);
    assert_in_range(numbers_there(f, dir, 0, 20) + numbers_there(f, below, 0, 20), 10, 20);
}

static void a_directory_moved_across_the_border_counts(void **state)
{
    struct fixture *f = *state;
    uint64_t dir = make_dir(f, STORE_ROOT, "dir"), moved = make_dir(f, STORE_ROOT, "moved");
    uint64_t below = make_dir(f, moved, "below");
    set_quota(f, dir, 100 * MIB, 0);
    put_numbers(f, moved, 0, 10, SIZE);
    put_numbers(f, below, 0, 10, SIZE);
    put_numbers(f, dir, 0, 1, SIZE);
    assert_int_equal(quota_of(f, dir).items, 1);
    assert_int_equal(store_rename(f->store, STORE_ROOT, "moved", dir, "moved", 0), 0);
    expect_recount(f, dir);
    assert_int_equal(quota_of(f, dir).items, 21);
    put_numbers(f, below, 10, 20, SIZE);
    expect_recount(f, dir);
    assert_int_equal(store_rename(f->store, dir, "moved", STORE_ROOT, "moved", 0), 0);
    expect_recount(f, dir);
    assert_int_equal(quota_of(f, dir).items, 1);
    put_numbers(f, below, 20, 30, SIZE);
    expect_recount(f, dir);
}

static void a_moved_directory_takes_its_quota_along(void **state)
{
    struct fixture *f = *state;
    uint64_t outer = make_dir(f, STORE_ROOT, "outer"), dir = make_dir(f, STORE_ROOT, "dir");
    set_quota(f, outer, 0, 50);
    set_quota(f, dir, 0, 10);
    put_numbers(f, dir, 0, 5, 10);
    assert_int_equal(store_rename(f->store, STORE_ROOT, "dir", outer, "dir", 0), 0);
    settle(f);
    assert_int_equal(quota_of(f, outer).items, 5);
    put_numbers(f, dir, 10, 60, 10);
    assert_in_range(quota_of(f, dir).items, 5, 10);
    expect_recount(f, dir);
    expect_recount(f, outer);
}

/* --- what is held -------------------------------------------------------------------------------------- */

static void a_quota_holds_and_spares_what_is_elsewhere(void **state)
{
    struct fixture *f = *state;
    uint64_t dir = make_dir(f, STORE_ROOT, "dir"), other = make_dir(f, STORE_ROOT, "other");
    put_numbers(f, other, 0, 50, SIZE);
    set_quota(f, dir, 500000, 0);
    for (unsigned number = 0; number < 300; number++) {
        assert_int_equal(put_number(f, dir, number, SIZE), 0);
        assert_true(quota_of(f, dir).bytes <= 500000);
    }
    assert_int_equal(numbers_there(f, other, 0, 50), 50);
    assert_in_range(numbers_there(f, dir, 0, 300), 30, 49);
    assert_true(number_is_there(f, dir, 299));
    expect_recount(f, dir);
}

static void a_quota_of_items_holds(void **state)
{
    struct fixture *f = *state;
    uint64_t dir = make_dir(f, STORE_ROOT, "dir"), below = make_dir(f, dir, "below");
    set_quota(f, dir, 0, 10);
    for (unsigned number = 0; number < 100; number++) {
        assert_int_equal(put_number(f, number % 2 ? dir : below, number, 10), 0);
        assert_true(quota_of(f, dir).items <= 10);
    }
    assert_in_range(numbers_there(f, dir, 0, 100) + numbers_there(f, below, 0, 100), 5, 10);
    assert_true(number_is_there(f, dir, 99));
}

static void quotas_nest(void **state)
{
    struct fixture *f = *state;
    uint64_t outer = make_dir(f, STORE_ROOT, "outer"), inner = make_dir(f, outer, "inner");
    uint64_t beside = make_dir(f, outer, "beside");
    set_quota(f, outer, 0, 40);
    set_quota(f, inner, 0, 10);
    put_numbers(f, beside, 0, 20, 10);
    put_numbers(f, inner, 0, 100, 10);
    assert_int_equal(numbers_there(f, beside, 0, 20), 20); /* what is too much in the inner one goes there */
    assert_true(quota_of(f, inner).items <= 10);
    put_numbers(f, beside, 20, 100, 10);
    assert_true(quota_of(f, outer).items <= 40);
    assert_in_range(quota_of(f, outer).items, 20, 40);
    expect_recount(f, outer);
    expect_recount(f, inner);
}

static void with_policy_none_nothing_goes(void **state)
{
    struct fixture *f = *state;
    uint64_t dir = make_dir(f, STORE_ROOT, "dir");
    set_quota(f, dir, 0, 3);
    set_policy(f, dir, STORE_POLICY_NONE);
    put_numbers(f, dir, 0, 3, 10);
    assert_int_equal(put_number(f, dir, 3, 10), -EDQUOT);
    assert_int_equal(store_make_symlink(f->store, dir, "link", "to", 0, 0, NULL), -EDQUOT);
    assert_int_equal(put_number(f, dir, 2, 20), 0); /* in the place of one */
    assert_int_equal(numbers_there(f, dir, 0, 4), 3);
    put(f, STORE_ROOT, "outside", "value");
    assert_int_equal(store_rename(f->store, STORE_ROOT, "outside", dir, "inside", 0), -EDQUOT);
    assert_true(is_there(f, STORE_ROOT, "outside"));
    assert_int_equal(store_rename(f->store, STORE_ROOT, "outside", dir, "00000", 0), 0);
    assert_int_equal(store_remove(f->store, dir, "00001"), 0);
    assert_int_equal(put_number(f, dir, 3, 10), 0);
    set_ttl(f, dir, "00003", 100);
    advance_ms(f, 200);
    settle(f);
    assert_int_equal(put_number(f, dir, 4, 10), 0);
}

static void growing_in_place_is_held_too(void **state)
{
    struct fixture *f = *state;
    uint64_t dir = make_dir(f, STORE_ROOT, "dir");
    set_quota(f, dir, 100000, 0);
    put_numbers(f, dir, 0, 8, SIZE);
    struct store_version *version = pin(f, dir, "00007");
    for (int i = 0; i < 4; i++)
        assert_int_equal(store_write(version, pattern(f, SIZE, 1), SIZE, STORE_AT_END), 0);
    assert_true(quota_of(f, dir).bytes <= 100000);
    assert_int_equal(look_version(f, version)->size, 5 * SIZE);
    assert_false(store_version_dead(version));
    assert_int_equal(store_write(version, pattern(f, 90000, 1), 90000, STORE_AT_END), -EFBIG);
    unpin(f, version);
    expect_recount(f, dir);
}

static void a_value_larger_than_a_quota_is_refused(void **state)
{
    struct fixture *f = *state;
    uint64_t dir = make_dir(f, STORE_ROOT, "dir"), below = make_dir(f, dir, "below");
    set_quota(f, dir, 20000, 0);
    put(f, dir, "kept", "value");
    assert_int_equal(try_put(f, below, "big", 1, 30000), -EFBIG);
    assert_int_equal(try_put(f, below, "big", 1, 20000), -EDQUOT); /* with what else it costs */
    assert_true(is_there(f, dir, "kept"));
    assert_int_equal(try_put(f, STORE_ROOT, "big", 1, 30000), 0);
    assert_int_equal(store_rename(f->store, STORE_ROOT, "big", dir, "big", 0), -EDQUOT);
}

/* --- who goes ------------------------------------------------------------------------------------------ */

/* What is read again and again outlives what is not. */
static void expect_read_stays(struct fixture *f, enum store_policy policy)
{
    uint64_t dir = make_dir(f, STORE_ROOT, store_policy_name(policy));
    set_quota(f, dir, 0, 32);
    set_policy(f, dir, policy);
    put_numbers(f, dir, 0, 20, 10);
    for (unsigned number = 20; number < 200; number++) {
        for (unsigned i = 0; i < 4; i++) {
            char name[16];
            snprintf(name, sizeof name, "%05u", i);
            hit(f, dir, name);
        }
        assert_int_equal(put_number(f, dir, number, 10), 0);
    }
    assert_int_equal(numbers_there(f, dir, 0, 4), 4);
    assert_int_equal(numbers_there(f, dir, 4, 20), 0);
}

static void what_is_read_stays_by_its_own_policy(void **state)
{
    struct fixture *f = *state;
    f->options.policy = STORE_POLICY_FIFO;
    fixture_restart(f);
    expect_read_stays(f, STORE_POLICY_SIEVE);
    expect_read_stays(f, STORE_POLICY_LRU);
    expect_read_stays(f, STORE_POLICY_LFU);
}

static void without_one_it_goes_by_the_stores_policy(void **state)
{
    struct fixture *f = *state;
    f->options.policy = STORE_POLICY_FIFO;
    fixture_restart(f);
    uint64_t dir = make_dir(f, STORE_ROOT, "dir");
    set_quota(f, dir, 0, 10);
    for (unsigned number = 0; number < 40; number++) {
        assert_int_equal(put_number(f, dir, number, 10), 0);
        hit(f, dir, "00000"); /* it does not help */
        if (number == 5)
            break;
    }
    put_numbers(f, dir, 6, 40, 10);
    assert_false(number_is_there(f, dir, 0));
    store_set_policy(f->store, STORE_POLICY_NONE);
    settle(f);
    unsigned there = (unsigned)quota_of(f, dir).items;
    for (unsigned number = 40; there < 10; number++, there++)
        assert_int_equal(put_number(f, dir, number, 10), 0);
    assert_int_equal(put_number(f, dir, 99, 10), -EDQUOT);
}

static void what_ends_first_goes_first(void **state)
{
    struct fixture *f = *state;
    uint64_t dir = make_dir(f, STORE_ROOT, "dir");
    set_quota(f, dir, 0, 20);
    set_policy(f, dir, STORE_POLICY_TTL);
    put_numbers(f, dir, 0, 10, 10);
    for (unsigned number = 0; number < 10; number++) {
        char name[16];
        snprintf(name, sizeof name, "%05u", number);
        set_ttl(f, dir, name, (uint64_t)(1000 - number) * 1000);
    }
    put_numbers(f, dir, 10, 25, 10);
    assert_false(number_is_there(f, dir, 9)); /* the nearest */
    assert_true(number_is_there(f, dir, 0));
    set_ttl(f, dir, "00000", 1000); /* now it is */
    put_numbers(f, dir, 25, 30, 10);
    assert_false(number_is_there(f, dir, 0));
}

static void set_ends(struct fixture *f, uint64_t dir, unsigned number, uint64_t in_s)
{
    char name[16];
    snprintf(name, sizeof name, "%05u", number);
    set_ttl(f, dir, name, in_s * 1000);
}

/* One by one, as where each set has to wait. */
static void each_that_ends_first_goes_first(void **state)
{
    struct fixture *f = *state;
    uint64_t dir = make_dir(f, STORE_ROOT, "dir");
    set_quota(f, dir, 0, 7);
    set_policy(f, dir, STORE_POLICY_TTL);
    for (unsigned number = 0; number < 7; number++) {
        assert_int_equal(put_number(f, dir, number, 10), 0);
        set_ends(f, dir, number, 1000 + number);
    }
    for (unsigned number = 7; number < 40; number++) {
        assert_int_equal(put_number(f, dir, number, 10), 0);
        set_ends(f, dir, number, 1000 + number);
        settle(f);
        assert_true(number_is_there(f, dir, number));
        assert_false(number_is_there(f, dir, number - 7));
        assert_int_equal(numbers_there(f, dir, number - 6, number + 1), 7);
    }
}

/* A new name within what has a quota is no new entry. */
static void a_rename_keeps_what_is_known_of_reads(void **state)
{
    struct fixture *f = *state;
    uint64_t dir = make_dir(f, STORE_ROOT, "dir"), below = make_dir(f, dir, "below");
    set_quota(f, dir, 0, 32);
    put_numbers(f, dir, 0, 20, 10);
    for (int i = 0; i < 3; i++)
        hit(f, dir, "00000");
    assert_int_equal(store_rename(f->store, dir, "00000", below, "00000", 0), 0);
    put_numbers(f, dir, 20, 50, 10);
    assert_true(number_is_there(f, below, 0));
    assert_false(number_is_there(f, dir, 1));
}

/* --- setting ------------------------------------------------------------------------------------------- */

static void quotas_are_set_field_by_field(void **state)
{
    struct fixture *f = *state;
    struct store_quota quota = {.limit_bytes = 5 * MIB};
    uint64_t dir = make_dir(f, STORE_ROOT, "dir");
    assert_int_equal(store_quota(f->store, dir, &quota), -ENODATA);
    assert_int_equal(store_set_quota(f->store, dir, STORE_QUOTA_BYTES, &quota), 0);
    quota = (struct store_quota){.limit_items = 7};
    assert_int_equal(store_set_quota(f->store, dir, STORE_QUOTA_ITEMS, &quota), 0);
    set_policy(f, dir, STORE_POLICY_LRU);
    quota = quota_of(f, dir);
    assert_int_equal(quota.limit_bytes, 5 * MIB);
    assert_int_equal(quota.limit_items, 7);
    assert_true(quota.has_policy);
    assert_int_equal(quota.policy, STORE_POLICY_LRU);
    quota = (struct store_quota){0};
    assert_int_equal(store_set_quota(f->store, dir, STORE_QUOTA_BYTES, &quota), 0);
    assert_int_equal(quota_of(f, dir).limit_items, 7);
    assert_int_equal(store_set_quota(f->store, dir, STORE_QUOTA_ITEMS | STORE_QUOTA_POLICY, &quota), 0);
    assert_int_equal(store_quota(f->store, dir, &quota), -ENODATA);
    put_numbers(f, dir, 0, 20, 10);
    assert_int_equal(numbers_there(f, dir, 0, 20), 20);
}

static void only_directories_have_quotas(void **state)
{
    struct fixture *f = *state;
    struct store_quota quota = {.limit_bytes = 5 * MIB};
    put(f, STORE_ROOT, "file", "value");
    uint64_t dir = make_dir(f, STORE_ROOT, "dir");
    assert_int_equal(store_remove_dir(f->store, STORE_ROOT, "dir"), 0);
    assert_int_equal(store_set_quota(f->store, STORE_ROOT, STORE_QUOTA_BYTES, &quota), -EINVAL);
    assert_int_equal(store_set_quota(f->store, dir, STORE_QUOTA_BYTES, &quota), -ENOENT);
    assert_int_equal(store_set_quota(f->store, look(f, STORE_ROOT, "file")->ino, STORE_QUOTA_BYTES, &quota), -ENOTDIR);
}

static int count_quota(void *arg, uint64_t dir, const struct store_quota *quota)
{
    (void)dir, (void)quota;
    ++*(int *)arg;
    return 0;
}

static int quotas_listed(struct fixture *f)
{
    int count = 0;
    assert_int_equal(store_list_quotas(f->store, count_quota, &count), 0);
    return count;
}

static void a_quota_goes_with_its_directory(void **state)
{
    struct fixture *f = *state;
    uint64_t dir = make_dir(f, STORE_ROOT, "dir"), over = make_dir(f, STORE_ROOT, "over");
    struct store_quota quota;
    set_quota(f, dir, MIB, 0);
    set_quota(f, over, MIB, 0);
    assert_int_equal(quotas_listed(f), 2);
    make_dir(f, STORE_ROOT, "plain");
    assert_int_equal(store_rename(f->store, STORE_ROOT, "plain", STORE_ROOT, "over", 0), 0);
    assert_int_equal(store_quota(f->store, over, &quota), -ENODATA);
    assert_int_equal(store_remove_dir(f->store, STORE_ROOT, "dir"), 0);
    assert_int_equal(quotas_listed(f), 0);
    fixture_reopen(f);
    assert_int_equal(quotas_listed(f), 0);
}

static void quotas_survive_a_reopen(void **state)
{
    struct fixture *f = *state;
    if (!f->on_disk)
        return;
    uint64_t dir = make_dir(f, STORE_ROOT, "dir"), below = make_dir(f, dir, "below");
    set_quota(f, dir, 0, 20);
    set_policy(f, dir, STORE_POLICY_LRU);
    put_numbers(f, below, 0, 15, 10);
    struct store_quota before = quota_of(f, dir);
    fixture_reopen(f);
    struct store_quota after = quota_of(f, dir);
    assert_memory_equal(&before, &after, sizeof after);
    put_numbers(f, below, 15, 60, 10);
    assert_in_range(quota_of(f, dir).items, 10, 20);
    assert_true(number_is_there(f, below, 59));
    expect_recount(f, dir);
}

static void the_stores_limits_change_while_it_is_open(void **state)
{
    struct fixture *f = *state;
    put_numbers(f, STORE_ROOT, 0, 200, SIZE);
    assert_int_equal(store_set_limits(f->store, 1000, 0), -EINVAL);
    assert_int_equal(store_set_limits(f->store, MIB, 0), 0);
    settle(f);
    assert_int_equal(stats(f).limit_bytes, MIB);
    assert_true(stats(f).bytes <= MIB);
    assert_in_range(numbers_there(f, STORE_ROOT, 0, 200), 70, 105);
    assert_int_equal(try_put(f, STORE_ROOT, "big", 1, 2 * MIB), -EFBIG);
    assert_int_equal(store_set_limits(f->store, 100 * MIB, 300), 0);
    put_numbers(f, STORE_ROOT, 200, 450, SIZE);
    assert_int_equal(numbers_there(f, STORE_ROOT, 250, 450), 200);
    assert_true(stats(f).items <= 300);
}

/* --- threads ------------------------------------------------------------------------------------------- */

enum { WRITERS = 4, WRITES = 400, DIRS = 3 };

struct writer {
    struct fixture *f;
    unsigned number;
    const uint64_t *dirs; /* outer, inner, outside */
    pthread_t thread;
    int failed;
};

static void *write_and_move(void *arg)
{
    struct writer *writer = arg;
    struct store *store = writer->f->store;
    unsigned seed = writer->number;
    for (int i = 0; i < WRITES; i++) {
        char name[16], other[16];
        snprintf(name, sizeof name, "%02u-%02d", writer->number, rand_r(&seed) % 40);
        snprintf(other, sizeof other, "%02u-%02d", writer->number, rand_r(&seed) % 40);
        uint64_t dir = writer->dirs[rand_r(&seed) % DIRS], to = writer->dirs[rand_r(&seed) % DIRS];
        int result = try_put(writer->f, dir, name, i, (size_t)rand_r(&seed) % 3000);
        if (result == 0 && i % 3 == 0)
            result = store_rename(store, dir, name, to, other, 0);
        if (result == 0 && i % 7 == 0)
            result = store_remove(store, to, other);
        writer->failed |= result < 0 && result != -ENOENT;
    }
    return NULL;
}

static void *move_a_directory(void *arg)
{
    struct writer *writer = arg;
    struct store *store = writer->f->store;
    for (int i = 0; i < 60; i++) {
        bool in = i % 2 == 0;
        writer->failed |= store_rename(store, in ? STORE_ROOT : writer->dirs[0], "wandering",
                                       in ? writer->dirs[0] : STORE_ROOT, "wandering", 0) < 0;
    }
    return NULL;
}

static void totals_are_right_after_writers_and_moved_directories(void **state)
{
    struct fixture *f = *state;
    uint64_t dirs[DIRS + 1];
    dirs[0] = make_dir(f, STORE_ROOT, "outer");
    dirs[1] = make_dir(f, dirs[0], "inner");
    dirs[2] = make_dir(f, STORE_ROOT, "wandering");
    set_quota(f, dirs[0], 150000, 60);
    set_quota(f, dirs[1], 50000, 20);
    struct writer writers[WRITERS + 1];
    for (unsigned i = 0; i <= WRITERS; i++) {
        writers[i] = (struct writer){.f = f, .number = i, .dirs = dirs};
        assert_int_equal(
            pthread_create(&writers[i].thread, NULL, i < WRITERS ? write_and_move : move_a_directory, &writers[i]), 0);
    }
    for (unsigned i = 0; i <= WRITERS; i++)
        pthread_join(writers[i].thread, NULL);
    for (unsigned i = 0; i <= WRITERS; i++)
        assert_int_equal(writers[i].failed, 0);
    settle(f);
    settle(f);
    expect_recount(f, dirs[0]);
    expect_recount(f, dirs[1]);
    assert_true(quota_of(f, dirs[0]).bytes <= 150000 && quota_of(f, dirs[0]).items <= 60);
    assert_true(quota_of(f, dirs[1]).bytes <= 50000 && quota_of(f, dirs[1]).items <= 20);
}

int quotas_tests(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(totals_agree_with_a_recount_after_every_kind_of_change),
        CONTRACT_TEST(what_was_there_before_counts),
        CONTRACT_TEST(a_directory_moved_across_the_border_counts),
        CONTRACT_TEST(a_moved_directory_takes_its_quota_along),
        CONTRACT_TEST(a_quota_holds_and_spares_what_is_elsewhere),
        CONTRACT_TEST(a_quota_of_items_holds),
        CONTRACT_TEST(quotas_nest),
        CONTRACT_TEST(with_policy_none_nothing_goes),
        CONTRACT_TEST(growing_in_place_is_held_too),
        CONTRACT_TEST(a_value_larger_than_a_quota_is_refused),
        CONTRACT_TEST(what_is_read_stays_by_its_own_policy),
        CONTRACT_TEST(without_one_it_goes_by_the_stores_policy),
        CONTRACT_TEST(what_ends_first_goes_first),
        CONTRACT_TEST(each_that_ends_first_goes_first),
        CONTRACT_TEST(a_rename_keeps_what_is_known_of_reads),
        CONTRACT_TEST(quotas_are_set_field_by_field),
        CONTRACT_TEST(only_directories_have_quotas),
        CONTRACT_TEST(a_quota_goes_with_its_directory),
        CONTRACT_TEST(quotas_survive_a_reopen),
        CONTRACT_TEST(the_stores_limits_change_while_it_is_open),
        CONTRACT_TEST(totals_are_right_after_writers_and_moved_directories),
    };
    return cmocka_run_group_tests_name("quotas", tests, NULL, NULL);
}
