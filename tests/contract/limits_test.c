/* SPDX-License-Identifier: MIT */
/*
 * limits_test.c - the contract of the limits: what is counted, who goes when it is full, and who is told.
 *
 * Backends may evict more than they must, down to a watermark of their own, so these tests say who may be left, not
 * how many - but that a store is never emptied for little.
 */
#include "contract.h"

#include "entry.h"

enum { SIZE = 10000, FIT = 90 }; /* FIT values of SIZE fit into 1 MiB with what else they cost */

static void restart(struct fixture *f, enum store_policy policy, uint64_t limit_bytes, uint64_t limit_items)
{
    f->options.policy = policy;
    f->options.limit_bytes = limit_bytes;
    f->options.limit_items = limit_items;
    fixture_restart(f);
}

static int put_number(struct fixture *f, unsigned number, size_t size)
{
    char name[16];
    snprintf(name, sizeof name, "%05u", number);
    return try_put(f, STORE_ROOT, name, (int)number, size);
}

static bool number_is_there(struct fixture *f, unsigned number)
{
    char name[16];
    snprintf(name, sizeof name, "%05u", number);
    return is_there(f, STORE_ROOT, name);
}

static void hit_number(struct fixture *f, unsigned number)
{
    char name[16];
    snprintf(name, sizeof name, "%05u", number);
    hit(f, STORE_ROOT, name);
}

static void hit_number_if_there(struct fixture *f, unsigned number)
{
    char name[16];
    struct store_version *version = NULL;
    snprintf(name, sizeof name, "%05u", number);
    int result = store_pin(f->store, STORE_ROOT, name, STORE_HIT, &version);
    store_unpin(version);
    assert_true(result == 0 || result == -ENOENT);
}

/* --- what is counted ----------------------------------------------------------------------------------- */

/* The counters agree with a walk through everything. Holds when nothing is in hand. */
static void expect_recount(struct fixture *f)
{
    struct recount recount = recount_below(f, STORE_ROOT);
    struct store_stats counted = stats(f);
    assert_int_equal(counted.bytes, recount.bytes);
    assert_int_equal(counted.items, recount.items);
    assert_int_equal(counted.directories, recount.directories);
}

static void an_empty_store_counts_nothing(void **state)
{
    struct fixture *f = *state;
    struct store_stats empty = stats(f);
    assert_int_equal(empty.bytes, 0);
    assert_int_equal(empty.items, 0);
    assert_int_equal(empty.directories, 0);
    assert_int_equal(empty.pinned, 0);
    assert_int_equal(empty.limit_bytes, 256 * MIB);
    assert_int_equal(empty.limit_items, 0);
    set_dir_defaults(f, STORE_ROOT, 1000, 1000, "a,tag,or,two");
    assert_int_equal(stats(f).bytes, 0);
}

static void counters_agree_with_a_recount_after_every_kind_of_change(void **state)
{
    struct fixture *f = *state;
    uint64_t dir = make_dir(f, STORE_ROOT, "dir"), below = make_dir(f, dir, "a longer name");
    expect_recount(f);
    put(f, dir, "small", "value");
    put_bytes(f, below, "large", pattern(f, 200000, 1), 200000);
    assert_int_equal(store_make_symlink(f->store, dir, "link", "target", 0, 0, NULL), 0);
    expect_recount(f);
    put_bytes(f, dir, "small", pattern(f, 5000, 1), 5000);
    put(f, below, "large", "small now");
    expect_recount(f);
    set_tags(f, dir, "small", "red,blue");
    set_xattr(f, dir, "link", "user.x", "something");
    set_dir_defaults(f, dir, 5000, 6000, "inherited");
    put(f, dir, "tagged", "value");
    set_tags(f, dir, "small", "red");
    expect_recount(f);
    struct store_version *version = pin(f, dir, "small");
    write_text(version, "appended", STORE_AT_END);
    assert_int_equal(store_write(version, "far", 3, 100000), 0);
    assert_int_equal(store_resize(version, 50000), 0);
    unpin(f, version);
    expect_recount(f);
    assert_int_equal(store_rename(f->store, dir, "small", below, "a much longer name than before", 0), 0);
    assert_int_equal(store_rename(f->store, dir, "tagged", below, "large", 0), 0);
    assert_int_equal(store_rename(f->store, dir, "link", dir, "a longer name", STORE_EXCHANGE), 0);
    expect_recount(f);
    assert_int_equal(store_rename(f->store, dir, "link", below, "x", 0), -EINVAL);
    expect_recount(f);
    assert_int_equal(store_remove(f->store, below, "large"), 0);
    set_ttl(f, dir, "a longer name", 10);
    advance_ms(f, 10);
    expect_recount(f);
    assert_int_equal(stats(f).directories, 2);
}

static void what_is_removed_costs_nothing_any_more(void **state)
{
    struct fixture *f = *state;
    uint64_t dir = make_dir(f, STORE_ROOT, "dir");
    for (unsigned i = 0; i < 50; i++)
        assert_int_equal(put_number(f, i, i * 1000), 0);
    put(f, dir, "file", "value");
    for (unsigned i = 0; i < 50; i++) {
        char name[16];
        snprintf(name, sizeof name, "%05u", i);
        assert_int_equal(store_remove(f->store, STORE_ROOT, name), 0);
    }
    assert_int_equal(store_remove(f->store, dir, "file"), 0);
    assert_int_equal(store_remove_dir(f->store, STORE_ROOT, "dir"), 0);
    settle(f);
    assert_int_equal(stats(f).bytes, 0);
    assert_int_equal(stats(f).items, 0);
    assert_int_equal(stats(f).directories, 0);
}

static void what_is_in_hand_is_counted(void **state)
{
    struct fixture *f = *state;
    struct store_version *staged = stage(f, STORE_ROOT, "new");
    assert_int_equal(store_write(staged, pattern(f, 100000, 1), 100000, 0), 0);
    settle(f);
    assert_int_equal(stats(f).bytes, 100000);
    put_bytes(f, STORE_ROOT, "file", pattern(f, 50000, 1), 50000);
    struct store_version *dead = pin(f, STORE_ROOT, "file");
    assert_int_equal(store_remove(f->store, STORE_ROOT, "file"), 0);
    settle(f);
    assert_int_equal(stats(f).bytes, 150000);
    assert_int_equal(stats(f).items, 0);
    assert_int_equal(stats(f).pinned, 2);
    unpin(f, dead);
    unpin(f, staged);
    settle(f);
    assert_int_equal(stats(f).bytes, 0);
    assert_int_equal(stats(f).pinned, 0);
}

static void sets_and_deletes_are_counted(void **state)
{
    struct fixture *f = *state;
    put(f, STORE_ROOT, "a", "value");
    put(f, STORE_ROOT, "a", "value");
    put(f, STORE_ROOT, "b", "value");
    assert_int_equal(stats(f).sets, 3);
    assert_int_equal(store_remove(f->store, STORE_ROOT, "a"), 0);
    assert_int_equal(store_remove(f->store, STORE_ROOT, "a"), -ENOENT);
    assert_int_equal(stats(f).deletes, 1);
}

/* --- who goes ------------------------------------------------------------------------------------------ */

/* The limits hold at every moment, and who is left are the `left` newest, not too few of them. */
static void expect_newest_are_left(struct fixture *f, unsigned count, unsigned least)
{
    unsigned first = 0, number;
    settle(f); /* eviction may be under way */
    while (first < count && !number_is_there(f, first))
        first++;
    for (number = first; number < count; number++)
        assert_true(number_is_there(f, number));
    assert_true(count - first >= least);
    assert_true(first > 0);
}

static void fill(struct fixture *f, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(put_number(f, i, SIZE), 0);
        assert_true(stats(f).bytes <= f->options.limit_bytes);
        assert_true(f->options.limit_items == 0 || stats(f).items <= f->options.limit_items);
    }
}

static void fifo_evicts_the_oldest_first(void **state)
{
    struct fixture *f = *state;
    restart(f, STORE_POLICY_FIFO, MIB, 0);
    fill(f, 3 * FIT);
    hit_number(f, 3 * FIT - 10);
    expect_newest_are_left(f, 3 * FIT, FIT / 2);
    expect_recount(f);
    assert_true(stats(f).evicted > 0);
    assert_true(was_told_gone(f, STORE_ROOT, "00000", STORE_GONE_EVICTED));
}

static void fifo_does_not_look_at_reads(void **state)
{
    struct fixture *f = *state;
    restart(f, STORE_POLICY_FIFO, MIB, 0);
    fill(f, FIT);
    for (unsigned i = 0; i < 20; i++)
        hit_number(f, FIT - 20 + i);
    if (number_is_there(f, 0))
        hit_number(f, 0);
    for (unsigned i = FIT; i < 2 * FIT - 25; i++)
        assert_int_equal(put_number(f, i, SIZE), 0);
    assert_false(number_is_there(f, 0));
}

static void sieve_without_reads_evicts_the_oldest_first(void **state)
{
    struct fixture *f = *state;
    restart(f, STORE_POLICY_SIEVE, MIB, 0);
    fill(f, FIT + 30);
    assert_false(number_is_there(f, 0));
    assert_true(number_is_there(f, FIT + 29));
    expect_newest_are_left(f, FIT + 30, FIT / 2);
    expect_recount(f);
}

/* Ten entries that are read again and again outlive a scan of three times what fits. */
static void sieve_keeps_what_is_read_through_a_scan(void **state)
{
    struct fixture *f = *state;
    restart(f, STORE_POLICY_SIEVE, MIB, 0);
    fill(f, FIT / 2);
    for (unsigned i = 0; i < 3 * FIT; i++) {
        for (unsigned j = 0; j < 10; j++)
            hit_number(f, j);
        assert_int_equal(put_number(f, 1000 + i, SIZE), 0);
        assert_true(stats(f).bytes <= MIB);
    }
    for (unsigned j = 0; j < 10; j++)
        assert_true(number_is_there(f, j));
    assert_false(number_is_there(f, 20));
    assert_false(number_is_there(f, 1000));
    expect_recount(f);
}

/* Numbers 0 to 49 in a store for 64. */
static void put_fifty(struct fixture *f, enum store_policy policy)
{
    restart(f, policy, 16 * MIB, 64);
    for (unsigned i = 0; i < 50; i++)
        assert_int_equal(put_number(f, i, 10), 0);
}

/* Reads one number and overwrites another, so that the read has a time of its own. */
static void hit_alone(struct fixture *f, unsigned number)
{
    hit_number(f, number);
    assert_int_equal(put_number(f, 49, 10), 0);
}

static unsigned count_numbers(struct fixture *f, unsigned from, unsigned end, unsigned step)
{
    unsigned count = 0;
    for (unsigned i = from; i < end; i += step)
        count += number_is_there(f, i);
    return count;
}

static void lru_evicts_what_was_used_longest_ago(void **state)
{
    struct fixture *f = *state;
    put_fifty(f, STORE_POLICY_LRU);
    for (unsigned i = 30; i > 0; i -= 2)
        hit_alone(f, i);
    unsigned next = 100;
    while (number_is_there(f, 48)) /* the last that nobody has read */
        assert_int_equal(put_number(f, next++, 10), 0);
    settle(f);
    assert_int_equal(count_numbers(f, 1, 49, 2), 0);
    assert_int_equal(count_numbers(f, 32, 49, 2), 0);
    while (number_is_there(f, 2))
        assert_int_equal(put_number(f, next++, 10), 0);
    settle(f);
    assert_int_equal(count_numbers(f, 2, 32, 2), 0); /* it was read last */
    assert_true(number_is_there(f, next - 1));
    expect_recount(f);
}

static void lru_forgets_nothing_that_was_read_lately(void **state)
{
    struct fixture *f = *state;
    put_fifty(f, STORE_POLICY_LRU);
    for (unsigned i = 0; i < 20; i++)
        hit_number(f, i);
    for (unsigned i = 0; i < 500; i++) {
        hit_number(f, i % 20);
        assert_int_equal(put_number(f, 100 + i, 10), 0);
    }
    assert_int_equal(count_numbers(f, 0, 20, 1), 20);
}

/* Twenty that were read often, then thirty that were read once, and later: these go. */
static void lfu_evicts_what_is_read_least(void **state)
{
    struct fixture *f = *state;
    put_fifty(f, STORE_POLICY_LFU);
    for (unsigned i = 0; i < 2000; i++)
        hit_number(f, i % 20);
    for (unsigned i = 20; i < 50; i++)
        hit_number(f, i);
    for (unsigned i = 0; i < 40; i++) {
        assert_int_equal(put_number(f, 100 + i, 10), 0);
        hit_number(f, 100 + i);
    }
    settle(f);
    assert_int_equal(count_numbers(f, 0, 20, 1), 20);
    assert_true(count_numbers(f, 20, 50, 1) < 15);
}

static void lfu_forgets_what_was_read_often_once(void **state)
{
    struct fixture *f = *state;
    put_fifty(f, STORE_POLICY_LFU);
    for (unsigned i = 0; i < 2000; i++)
        hit_number(f, i % 20);
    for (unsigned i = 0; i < 64 * 200 && count_numbers(f, 0, 20, 1) > 0; i++) {
        assert_int_equal(put_number(f, 100 + i, 10), 0);
        hit_number_if_there(f, 100 + i); /* the keeper may have come between */
    }
    settle(f);
    assert_int_equal(count_numbers(f, 0, 20, 1), 0);
}

static void ttl_evicts_what_ends_soonest(void **state)
{
    struct fixture *f = *state;
    char name[16];
    put_fifty(f, STORE_POLICY_TTL);
    for (unsigned i = 0; i < 30; i++) {
        snprintf(name, sizeof name, "%05u", i);
        set_ttl(f, STORE_ROOT, name, (uint64_t)(MINUTE * (100 - i)));
    }
    unsigned next = 100;
    while (number_is_there(f, 29))
        assert_int_equal(put_number(f, next++, 10), 0);
    settle(f);
    unsigned left = count_numbers(f, 0, 30, 1);
    assert_int_equal(count_numbers(f, 0, left, 1), left);
    assert_int_equal(count_numbers(f, 30, 50, 1), 20);
    assert_int_equal(count_numbers(f, 100, next, 1), next - 100);
    while (number_is_there(f, 0))
        assert_int_equal(put_number(f, next++, 10), 0);
    while (number_is_there(f, 49)) /* of those without a deadline the oldest go */
        assert_int_equal(put_number(f, next++, 10), 0);
    assert_true(number_is_there(f, next - 1));
    expect_recount(f);
}

static void a_policy_changes_while_the_store_is_open(void **state)
{
    struct fixture *f = *state;
    put_fifty(f, STORE_POLICY_FIFO);
    store_set_policy(f->store, STORE_POLICY_LRU);
    assert_int_equal(stats(f).policy, STORE_POLICY_LRU);
    for (unsigned i = 0; i < 20; i++)
        hit_alone(f, i);
    for (unsigned i = 100; i < 130; i++)
        assert_int_equal(put_number(f, i, 10), 0);
    settle(f);
    assert_int_equal(count_numbers(f, 0, 20, 1), 20);
    store_set_policy(f->store, STORE_POLICY_NONE);
    unsigned next = 200;
    while (put_number(f, next, 10) == 0)
        next++;
    assert_int_equal(stats(f).items, 64);
    assert_int_equal(put_number(f, next, 10), -ENOSPC);
    store_set_policy(f->store, STORE_POLICY_FIFO);
    for (unsigned i = 0; i < 64; i++)
        assert_int_equal(put_number(f, next + i, 10), 0);
    settle(f);
    assert_int_equal(count_numbers(f, 0, 20, 1), 0);
    f->options.policy = STORE_POLICY_SIEVE;
    fixture_reopen(f);
    assert_int_equal(stats(f).policy, STORE_POLICY_SIEVE);
}

static void the_limit_of_items_holds(void **state)
{
    struct fixture *f = *state;
    restart(f, STORE_POLICY_FIFO, 16 * MIB, 50);
    for (unsigned i = 0; i < 200; i++) {
        assert_int_equal(put_number(f, i, 10), 0);
        assert_true(stats(f).items <= 50);
    }
    expect_newest_are_left(f, 200, 25);
    assert_int_equal(store_make_symlink(f->store, STORE_ROOT, "link", "target", 0, 0, NULL), 0);
    assert_true(stats(f).items <= 50);
    expect_recount(f);
}

static void the_expired_go_before_the_living(void **state)
{
    struct fixture *f = *state;
    restart(f, STORE_POLICY_FIFO, MIB, 0);
    for (unsigned i = 0; i < 80; i++)
        assert_int_equal(put_number(f, i, SIZE), 0);
    for (unsigned i = 40; i < 80; i++) {
        char name[16];
        snprintf(name, sizeof name, "%05u", i);
        set_ttl(f, STORE_ROOT, name, 10);
    }
    advance_ms(f, 10);
    for (unsigned i = 100; i < 130; i++)
        assert_int_equal(put_number(f, i, SIZE), 0);
    for (unsigned i = 0; i < 40; i++)
        assert_true(number_is_there(f, i));
    assert_int_equal(stats(f).evicted, 0);
}

static void directories_are_not_evicted(void **state)
{
    struct fixture *f = *state;
    restart(f, STORE_POLICY_SIEVE, MIB, 0);
    uint64_t dir = make_dir(f, STORE_ROOT, "dir");
    put(f, dir, "file", "value");
    fill(f, 2 * FIT);
    assert_true(is_dir_there(f, dir));
    assert_false(is_there(f, dir, "file"));
    assert_true(was_told_gone(f, dir, "file", STORE_GONE_EVICTED));
    assert_int_equal(store_remove_dir(f->store, STORE_ROOT, "dir"), 0);
}

static void an_evicted_version_in_hand_is_whole(void **state)
{
    struct fixture *f = *state;
    restart(f, STORE_POLICY_FIFO, MIB, 0);
    uint8_t *value = pattern(f, 50000, 1);
    put_bytes(f, STORE_ROOT, "file", value, 50000);
    struct store_version *version = pin(f, STORE_ROOT, "file");
    fill(f, 2 * FIT);
    assert_false(is_there(f, STORE_ROOT, "file"));
    assert_true(store_version_dead(version));
    settle(f);
    expect_version(version, value, 50000);
    assert_true(stats(f).bytes <= MIB);
    unpin(f, version);
    expect_recount(f);
}

static void a_growing_value_makes_room_and_is_not_evicted_itself(void **state)
{
    struct fixture *f = *state;
    restart(f, STORE_POLICY_FIFO, MIB, 0);
    put(f, STORE_ROOT, "grows", "value");
    struct store_version *version = pin(f, STORE_ROOT, "grows");
    for (unsigned i = 0; i < 60; i++)
        assert_int_equal(put_number(f, i, SIZE), 0);
    assert_int_equal(store_resize(version, 900000), 0);
    assert_false(store_version_dead(version));
    assert_int_equal(look(f, STORE_ROOT, "grows")->size, 900000);
    assert_true(stats(f).bytes <= MIB);
    unpin(f, version);
    expect_recount(f);
}

/* By its deadline it would be the first to go; there is an end to that. */
static void a_growing_value_that_ends_first_is_not_evicted_itself(void **state)
{
    struct fixture *f = *state;
    restart(f, STORE_POLICY_TTL, MIB, 0);
    put_bytes(f, STORE_ROOT, "growing", pattern(f, 10000, 1), 10000);
    set_ttl(f, STORE_ROOT, "growing", 1000);
    struct store_version *version = pin(f, STORE_ROOT, "growing"), *staged = stage(f, STORE_ROOT, "staged");
    assert_int_equal(store_write(staged, pattern(f, 900000, 1), 900000, 0), 0);
    assert_int_equal(store_write(version, pattern(f, 200000, 1), 200000, STORE_AT_END), -ENOSPC);
    assert_false(store_version_dead(version));
    unpin(f, staged);
    unpin(f, version);
}

static void more_than_fits_beside_what_is_in_hand_is_enospc(void **state)
{
    struct fixture *f = *state;
    restart(f, STORE_POLICY_SIEVE, MIB, 0);
    struct store_version *a = stage(f, STORE_ROOT, "a"), *b = stage(f, STORE_ROOT, "b");
    assert_int_equal(store_write(a, pattern(f, 700000, 1), 700000, 0), 0);
    write_text(b, "value", 0);
    assert_int_equal(store_write(b, pattern(f, 700000, 1), 700000, 0), -ENOSPC);
    assert_int_equal(store_resize(b, 700000), -ENOSPC);
    expect_version_text(b, "value");
    assert_int_equal(look_version(f, b)->size, 5);
    unpin(f, a);
    settle(f);
    assert_int_equal(store_resize(b, 700000), 0);
    assert_int_equal(publish(b, STORE_ROOT, "b"), 0);
}

/* --- policy none --------------------------------------------------------------------------------------- */

/* Fills until it is full; returns how many fitted. */
static unsigned fill_to_the_brim(struct fixture *f, size_t size)
{
    unsigned count = 0;
    while (put_number(f, count, size) == 0)
        count++;
    return count;
}

static void none_answers_enospc_and_loses_nothing(void **state)
{
    struct fixture *f = *state;
    restart(f, STORE_POLICY_NONE, MIB, 0);
    unsigned count = fill_to_the_brim(f, SIZE);
    assert_true(count >= FIT);
    assert_int_equal(put_number(f, count, SIZE), -ENOSPC);
    settle(f);
    for (unsigned i = 0; i < count; i++)
        assert_true(number_is_there(f, i));
    assert_int_equal(stats(f).evicted, 0);
    assert_int_equal(f->gone_count, 0);
    expect_recount(f);
}

static void none_refuses_all_that_adds(void **state)
{
    struct fixture *f = *state;
    restart(f, STORE_POLICY_NONE, MIB, 0);
    put(f, STORE_ROOT, "file", "value");
    fill_to_the_brim(f, SIZE);
    char name[STORE_NAME_MAX + 1];
    struct store_version *version = pin(f, STORE_ROOT, "file");
    while (store_write(version, "xxxxxxxxxxxxxxxx", 16, STORE_AT_END) == 0)
        ;
    uint64_t size = look(f, STORE_ROOT, "file")->size;
    memset(name, 'n', STORE_NAME_MAX);
    name[STORE_NAME_MAX] = '\0';
    assert_int_equal(store_make_dir(f->store, STORE_ROOT, name, 0755, 0, 0, NULL), -ENOSPC);
    assert_int_equal(store_make_symlink(f->store, STORE_ROOT, "link", name, 0, 0, NULL), -ENOSPC);
    assert_int_equal(store_rename(f->store, STORE_ROOT, "00000", STORE_ROOT, name, 0), -ENOSPC);
    struct entry_change set = {.set = ENTRY_SET_TAGS | ENTRY_SET_MODE, .mode = 0111, .tags = name + 200};
    assert_int_equal(store_change(version, &set), -ENOSPC);
    set = (struct entry_change){.set = ENTRY_SET_XATTR, .xattr_name = "user.x", .xattr_value = name, .xattr_size = 200};
    assert_int_equal(store_change(version, &set), -ENOSPC);
    assert_int_equal(store_resize(version, size + 1000), -ENOSPC);
    assert_int_equal(publish(stage(f, STORE_ROOT, "new"), STORE_ROOT, "new"), -ENOSPC);
    const struct entry *after = look(f, STORE_ROOT, "file");
    assert_int_equal(after->size, size);
    assert_int_equal(after->mode, 0640);
    assert_string_equal(after->tags, "");
    assert_true(is_there(f, STORE_ROOT, "00000"));
    assert_false(is_there(f, STORE_ROOT, name));
    assert_false(is_there(f, STORE_ROOT, "link"));
    assert_int_equal(store_resize(version, 5), 0);
    unpin(f, version);
}

static void none_takes_more_after_a_removal(void **state)
{
    struct fixture *f = *state;
    restart(f, STORE_POLICY_NONE, MIB, 0);
    unsigned count = fill_to_the_brim(f, SIZE);
    assert_int_equal(store_remove(f->store, STORE_ROOT, "00000"), 0);
    settle(f);
    assert_int_equal(put_number(f, count, SIZE), 0);
    assert_int_equal(put_number(f, count + 1, SIZE), -ENOSPC);
}

static void none_takes_more_after_an_expiry(void **state)
{
    struct fixture *f = *state;
    restart(f, STORE_POLICY_NONE, MIB, 0);
    unsigned count = fill_to_the_brim(f, SIZE);
    set_ttl(f, STORE_ROOT, "00007", 10);
    advance_ms(f, 10);
    assert_int_equal(put_number(f, count, SIZE), 0);
    assert_false(number_is_there(f, 7));
}

static void a_dead_version_in_hand_takes_room_until_it_is_let_go(void **state)
{
    struct fixture *f = *state;
    restart(f, STORE_POLICY_NONE, MIB, 0);
    put_bytes(f, STORE_ROOT, "file", pattern(f, 600000, 1), 600000);
    struct store_version *version = pin(f, STORE_ROOT, "file");
    assert_int_equal(store_remove(f->store, STORE_ROOT, "file"), 0);
    settle(f);
    assert_int_equal(try_put(f, STORE_ROOT, "new", 'x', 600000), -ENOSPC);
    unpin(f, version);
    settle(f);
    assert_int_equal(try_put(f, STORE_ROOT, "new", 'x', 600000), 0);
}

static void a_full_store_of_items_takes_overwrites(void **state)
{
    struct fixture *f = *state;
    restart(f, STORE_POLICY_NONE, 16 * MIB, 20);
    for (unsigned i = 0; i < 20; i++)
        assert_int_equal(put_number(f, i, 10), 0);
    assert_int_equal(put_number(f, 20, 10), -ENOSPC);
    assert_int_equal(store_make_symlink(f->store, STORE_ROOT, "link", "target", 0, 0, NULL), -ENOSPC);
    assert_int_equal(put_number(f, 5, 5000), 0);
    make_dir(f, STORE_ROOT, "dir");
    assert_int_equal(store_rename(f->store, STORE_ROOT, "00003", STORE_ROOT, "moved", 0), 0);
    assert_int_equal(store_rename(f->store, STORE_ROOT, "moved", STORE_ROOT, "00004", 0), 0);
    assert_int_equal(put_number(f, 20, 10), 0);
    expect_recount(f);
}

static void a_publish_needs_no_room_for_what_it_replaces(void **state)
{
    struct fixture *f = *state;
    restart(f, STORE_POLICY_NONE, MIB, 0);
    put_bytes(f, STORE_ROOT, "file", pattern(f, 520000, 1), 520000);
    struct store_version *version = stage(f, STORE_ROOT, "file");
    assert_int_equal(store_write(version, pattern(f, 520000, 2), 520000, 0), 0);
    assert_int_equal(publish(version, STORE_ROOT, "file"), 0);
    unpin(f, version);
    expect_recount(f);
}

static void a_publish_that_found_no_room_may_be_tried_again(void **state)
{
    struct fixture *f = *state;
    restart(f, STORE_POLICY_NONE, 16 * MIB, 3);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(put_number(f, i, 10), 0);
    struct store_version *version = stage(f, STORE_ROOT, "new");
    write_text(version, "value", 0);
    assert_int_equal(publish(version, STORE_ROOT, "new"), -ENOSPC);
    assert_false(is_there(f, STORE_ROOT, "new"));
    expect_version_text(version, "value");
    assert_int_equal(store_remove(f->store, STORE_ROOT, "00000"), 0);
    assert_int_equal(publish(version, STORE_ROOT, "new"), 0);
    expect_text(f, STORE_ROOT, "new", "value");
}

static void put_xattr(struct store_version *version, size_t size)
{
    char *value = test_calloc(1, size);
    struct entry_change set = {
        .set = ENTRY_SET_XATTR, .xattr_name = "user.large", .xattr_value = value, .xattr_size = size};
    assert_int_equal(store_change(version, &set), 0);
    test_free(value);
}

/* What is to be replaced makes room for what replaces it. When it is evicted to make room, more is needed than was
 * waited for; there is an end to that, whichever. */
static void a_publish_outlives_the_eviction_of_what_it_replaces(void **state)
{
    struct fixture *f = *state;
    restart(f, STORE_POLICY_SIEVE, MIB, 0);
    struct store_version *old = stage(f, STORE_ROOT, "file"), *new = stage(f, STORE_ROOT, "other");
    put_xattr(old, 10000);
    assert_int_equal(publish(old, STORE_ROOT, "file"), 0);
    unpin(f, old);
    put_xattr(new, 65000);
    struct store_version *filler = stage(f, STORE_ROOT, "filler");
    assert_int_equal(store_resize(filler, MIB - stats(f).bytes - 53000), 0);
    int result = store_publish(new, STORE_ROOT, "file", STORE_FRESH);
    assert_true(result == 0 || result == -ENOSPC);
    unpin(f, filler);
    assert_int_equal(result == 0 ? 0 : store_publish(new, STORE_ROOT, "file", STORE_FRESH), 0);
    assert_true(is_there(f, STORE_ROOT, "file"));
    unpin(f, new);
    expect_recount(f);
}

/* --- who is told --------------------------------------------------------------------------------------- */

struct caller_back {
    struct fixture *fixture;
    atomic_int calls, failures;
};

static void call_back(void *arg, uint64_t dir, const char *name, enum store_gone why, uint64_t version, uint64_t size)
{
    struct caller_back *caller = arg;
    struct entry entry = {0};
    struct store_stats counted;
    (void)version, (void)size;
    int result = store_lookup(caller->fixture->store, dir, name, &entry);
    entry_release(&entry);
    store_stats(caller->fixture->store, &counted);
    atomic_fetch_add(&caller->calls, 1);
    if (result != -ENOENT || (why != STORE_GONE_EVICTED && why != STORE_GONE_EXPIRED))
        atomic_fetch_add(&caller->failures, 1);
}

static void gone_is_told_after_it_is_gone_and_may_look(void **state)
{
    struct fixture *f = *state;
    struct caller_back caller = {.fixture = f};
    f->options.gone = call_back;
    f->options.gone_arg = &caller;
    restart(f, STORE_POLICY_FIFO, MIB, 0);
    fill(f, FIT + 50);
    set_ttl(f, STORE_ROOT, "00139", 10);
    advance_ms(f, 10);
    settle(f);
    struct store_stats counted = stats(f);
    fixture_restart(f); /* whatever is still to be told is told before a close returns */
    assert_int_equal(atomic_load(&caller.failures), 0);
    assert_int_equal(counted.expired, 1);
    assert_int_equal(atomic_load(&caller.calls), counted.evicted + counted.expired);
}

/* Whatever has the name by then, in whichever way it went, and whether somebody has it in hand. */
static void what_is_told_gone_is_told_with_its_version_and_size(void **state)
{
    struct fixture *f = *state;
    restart(f, STORE_POLICY_FIFO, MIB, 0);
    put(f, STORE_ROOT, "expires", "12345");
    put_bytes(f, STORE_ROOT, "large", pattern(f, 100 * KIB, 1), 100 * KIB);
    put(f, STORE_ROOT, "tagged", "123");
    uint64_t expires = look(f, STORE_ROOT, "expires")->version, large = look(f, STORE_ROOT, "large")->version;
    uint64_t tagged = look(f, STORE_ROOT, "tagged")->version;
    struct store_version *held = pin(f, STORE_ROOT, "large");
    set_ttl(f, STORE_ROOT, "expires", 10);
    set_ttl(f, STORE_ROOT, "large", 10);
    set_tags(f, STORE_ROOT, "tagged", "t");
    advance_ms(f, 10);
    put(f, STORE_ROOT, "expires", "newer one");
    put(f, STORE_ROOT, "large", "newer one");
    assert_true(look(f, STORE_ROOT, "expires")->version > expires);
    assert_int_equal(store_invalidate_tag(f->store, "t"), 0);
    settle(f);
    assert_true(was_told_gone_as(f, STORE_ROOT, "expires", STORE_GONE_EXPIRED, expires, 5));
    assert_true(was_told_gone_as(f, STORE_ROOT, "large", STORE_GONE_EXPIRED, large, 100 * KIB));
    assert_true(was_told_gone_as(f, STORE_ROOT, "tagged", STORE_GONE_TAG, tagged, 3));
    unpin(f, held);
    put(f, STORE_ROOT, "first", "1");
    uint64_t first = look(f, STORE_ROOT, "first")->version;
    fill(f, 2 * FIT);
    assert_true(was_told_gone_as(f, STORE_ROOT, "first", STORE_GONE_EVICTED, first, 1));
    expect_recount(f);
}

static void nobody_needs_to_be_told(void **state)
{
    struct fixture *f = *state;
    f->options.gone = NULL;
    restart(f, STORE_POLICY_SIEVE, MIB, 0);
    fill(f, 2 * FIT);
    expect_recount(f);
}

int limits_tests(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(an_empty_store_counts_nothing),
        CONTRACT_TEST(counters_agree_with_a_recount_after_every_kind_of_change),
        CONTRACT_TEST(what_is_removed_costs_nothing_any_more),
        CONTRACT_TEST(what_is_in_hand_is_counted),
        CONTRACT_TEST(sets_and_deletes_are_counted),
        CONTRACT_TEST(fifo_evicts_the_oldest_first),
        CONTRACT_TEST(fifo_does_not_look_at_reads),
        CONTRACT_TEST(sieve_without_reads_evicts_the_oldest_first),
        CONTRACT_TEST(sieve_keeps_what_is_read_through_a_scan),
        CONTRACT_TEST(lru_evicts_what_was_used_longest_ago),
        CONTRACT_TEST(lru_forgets_nothing_that_was_read_lately),
        CONTRACT_TEST(lfu_evicts_what_is_read_least),
        CONTRACT_TEST(lfu_forgets_what_was_read_often_once),
        CONTRACT_TEST(ttl_evicts_what_ends_soonest),
        CONTRACT_TEST(a_policy_changes_while_the_store_is_open),
        CONTRACT_TEST(the_limit_of_items_holds),
        CONTRACT_TEST(the_expired_go_before_the_living),
        CONTRACT_TEST(directories_are_not_evicted),
        CONTRACT_TEST(an_evicted_version_in_hand_is_whole),
        CONTRACT_TEST(a_growing_value_makes_room_and_is_not_evicted_itself),
        CONTRACT_TEST(a_growing_value_that_ends_first_is_not_evicted_itself),
        CONTRACT_TEST(more_than_fits_beside_what_is_in_hand_is_enospc),
        CONTRACT_TEST(none_answers_enospc_and_loses_nothing),
        CONTRACT_TEST(none_refuses_all_that_adds),
        CONTRACT_TEST(none_takes_more_after_a_removal),
        CONTRACT_TEST(none_takes_more_after_an_expiry),
        CONTRACT_TEST(a_dead_version_in_hand_takes_room_until_it_is_let_go),
        CONTRACT_TEST(a_full_store_of_items_takes_overwrites),
        CONTRACT_TEST(a_publish_needs_no_room_for_what_it_replaces),
        CONTRACT_TEST(a_publish_that_found_no_room_may_be_tried_again),
        CONTRACT_TEST(a_publish_outlives_the_eviction_of_what_it_replaces),
        CONTRACT_TEST(gone_is_told_after_it_is_gone_and_may_look),
        CONTRACT_TEST(what_is_told_gone_is_told_with_its_version_and_size),
        CONTRACT_TEST(nobody_needs_to_be_told),
    };
    return cmocka_run_group_tests_name("limits", tests, NULL, NULL);
}
