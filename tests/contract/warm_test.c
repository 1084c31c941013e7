/* SPDX-License-Identifier: MIT */
/*
 * warm_test.c - the contract of store_pin_version(): what it takes in hand is what the name would give at that moment,
 * and it reads nothing for it.
 *
 * A store may have forgotten a version that is still published, so that -EAGAIN is never wrong; but it must not have
 * forgotten what was in hand a moment ago, or warm gets would be slow and no test would tell.
 */
#include "contract.h"

/* The version at a place, which was in hand before and is not now. */
static uint64_t warm(struct fixture *f, const char *name)
{
    struct store_version *version = pin(f, STORE_ROOT, name);
    uint64_t id = store_version_id(version);
    unpin(f, version);
    return id;
}

/* Takes it in hand by number; it stays there to the end of the test. */
static struct store_version *take(struct fixture *f, uint64_t id, unsigned flags)
{
    struct store_version *version = NULL;
    assert_int_equal(store_pin_version(f->store, id, flags, &version), 0);
    assert_int_equal(store_version_id(version), id);
    f->pins[f->pin_count++] = version;
    return version;
}

static bool is_known(struct fixture *f, uint64_t id)
{
    struct store_version *version = NULL;
    int result = store_pin_version(f->store, id, 0, &version);
    assert_true(result == 0 || (result == -EAGAIN && !version));
    store_unpin(version);
    return result == 0;
}

/* The same by name and by number, attribute by attribute. */
static void expect_true_copy(struct fixture *f, const char *name)
{
    const struct entry *there = look(f, STORE_ROOT, name);
    const struct entry *copy = look_version(f, take(f, there->version, 0));
    assert_int_equal(copy->kind, there->kind);
    assert_int_equal(copy->mode, there->mode);
    assert_int_equal(copy->uid, there->uid);
    assert_int_equal(copy->ino, there->ino);
    assert_int_equal(copy->change, there->change);
    assert_int_equal(copy->size, there->size);
    assert_int_equal(copy->hits, there->hits);
    assert_int_equal(copy->mtime_ns, there->mtime_ns);
    assert_int_equal(copy->ctime_ns, there->ctime_ns);
    assert_int_equal(copy->ttl_ms, there->ttl_ms);
    assert_int_equal(copy->idle_ms, there->idle_ms);
    assert_int_equal(copy->expires_ms, there->expires_ms);
    assert_int_equal(copy->used_ms, there->used_ms);
    assert_string_equal(copy->tags, there->tags);
    assert_int_equal(copy->xattrs_size, there->xattrs_size);
    assert_memory_equal(copy->xattrs, there->xattrs, there->xattrs_size);
}

/* --- alive --------------------------------------------------------------------------------------------- */

static void what_was_in_hand_is_found_without_reading(void **state)
{
    struct fixture *f = *state;
    put(f, STORE_ROOT, "file", "value");
    uint64_t id = warm(f, "file"), reads = stats(f).reads;
    for (int i = 0; i < 1000; i++)
        assert_true(is_known(f, id));
    expect_version_text(take(f, id, 0), "value");
    assert_int_equal(stats(f).reads, reads);
}

static void what_was_published_is_found_without_reading(void **state)
{
    struct fixture *f = *state;
    struct store_version *version = stage(f, STORE_ROOT, "file");
    uint64_t id = store_version_id(version);
    write_text(version, "value", 0);
    assert_false(is_known(f, id));
    assert_int_equal(publish(version, STORE_ROOT, "file"), 0);
    assert_true(is_known(f, id));
    unpin(f, version);
    uint64_t reads = stats(f).reads;
    expect_version_text(take(f, id, 0), "value");
    assert_int_equal(stats(f).reads, reads);
}

static void what_nobody_has_is_not_in_hand(void **state)
{
    struct fixture *f = *state;
    put(f, STORE_ROOT, "file", "value");
    uint64_t id = warm(f, "file");
    assert_int_equal(stats(f).pinned, 0);
    struct store_version *one = take(f, id, 0), *same = take(f, id, 0);
    assert_ptr_equal(one, same);
    assert_int_equal(stats(f).pinned, 1);
    unpin(f, one);
    unpin(f, same);
    assert_int_equal(stats(f).pinned, 0);
    assert_true(is_known(f, id));
}

static void a_version_by_number_is_the_one_by_name(void **state)
{
    struct fixture *f = *state;
    put_bytes(f, STORE_ROOT, "file", pattern(f, 100 * KIB, 1), 100 * KIB);
    uint64_t id = warm(f, "file");
    struct store_version *by_number = take(f, id, 0);
    assert_ptr_equal(by_number, pin(f, STORE_ROOT, "file"));
    expect_version(by_number, pattern(f, 100 * KIB, 1), 100 * KIB);
}

static void numbers_that_are_no_version_are_eagain(void **state)
{
    struct fixture *f = *state;
    uint64_t dir = make_dir(f, STORE_ROOT, "dir");
    assert_false(is_known(f, 0));
    assert_false(is_known(f, dir));
    assert_false(is_known(f, look_dir(f, dir)->change));
    assert_false(is_known(f, UINT64_MAX));
    assert_false(is_known(f, UINT64_MAX - 1));
}

static void a_link_is_found_too(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(store_make_symlink(f->store, STORE_ROOT, "link", "target", 1, 2, NULL), 0);
    expect_version_text(take(f, warm(f, "link"), 0), "target");
    expect_true_copy(f, "link");
}

static void hits_by_number_count_like_hits_by_name(void **state)
{
    struct fixture *f = *state;
    put(f, STORE_ROOT, "file", "value");
    set_idle(f, STORE_ROOT, "file", 10 * SECOND);
    uint64_t id = warm(f, "file"), hits = stats(f).hits;
    advance_ms(f, 9 * SECOND);
    unpin(f, take(f, id, 0)); /* not read: its time goes on */
    assert_int_equal(stats(f).hits, hits);
    unpin(f, take(f, id, STORE_HIT));
    hit(f, STORE_ROOT, "file");
    unpin(f, take(f, id, STORE_HIT));
    assert_int_equal(stats(f).hits, hits + 3);
    assert_int_equal(look(f, STORE_ROOT, "file")->hits, 3);
    assert_int_equal(look_version(f, take(f, id, 0))->hits, 3);
    advance_ms(f, 9 * SECOND);
    assert_true(is_known(f, id));
    advance_ms(f, SECOND);
    assert_false(is_known(f, id));
}

/* --- gone ---------------------------------------------------------------------------------------------- */

static void what_is_replaced_is_known_no_more(void **state)
{
    struct fixture *f = *state;
    put(f, STORE_ROOT, "file", "old");
    uint64_t id = warm(f, "file");
    put(f, STORE_ROOT, "file", "new");
    assert_false(is_known(f, id));
    expect_text(f, STORE_ROOT, "file", "new");
    expect_version_text(take(f, warm(f, "file"), 0), "new");
}

static void what_is_dead_in_hand_is_known_no_more(void **state)
{
    struct fixture *f = *state;
    put(f, STORE_ROOT, "file", "old");
    struct store_version *old = pin(f, STORE_ROOT, "file");
    put(f, STORE_ROOT, "file", "new");
    assert_false(is_known(f, store_version_id(old)));
    expect_version_text(old, "old");
}

static void what_is_removed_is_known_no_more(void **state)
{
    struct fixture *f = *state;
    put(f, STORE_ROOT, "file", "value");
    uint64_t id = warm(f, "file");
    assert_int_equal(store_remove(f->store, STORE_ROOT, "file"), 0);
    assert_false(is_known(f, id));
    settle(f);
    assert_int_equal(stats(f).bytes, 0);
    assert_int_equal(stats(f).warm, 0);
    assert_int_equal(stats(f).warm_bytes, 0);
}

static void what_is_past_its_deadline_is_known_no_more(void **state)
{
    struct fixture *f = *state;
    put(f, STORE_ROOT, "file", "value");
    set_ttl(f, STORE_ROOT, "file", SECOND);
    uint64_t id = warm(f, "file");
    advance_ms(f, SECOND - 1);
    assert_true(is_known(f, id));
    advance_ms(f, 1);
    assert_false(is_known(f, id));
    settle(f);
    assert_false(is_known(f, id));
    assert_int_equal(stats(f).bytes, 0);
}

static void a_deadline_that_is_set_holds_for_the_warm_copy(void **state)
{
    struct fixture *f = *state;
    put(f, STORE_ROOT, "file", "value");
    uint64_t id = warm(f, "file");
    struct entry_change set = {.set = ENTRY_SET_EXPIRES, .expires_ms = now_ms(f) + SECOND};
    assert_int_equal(change(f, STORE_ROOT, "file", &set), 0);
    assert_true(is_known(f, id));
    advance_ms(f, SECOND);
    assert_false(is_known(f, id));
}

static void what_is_evicted_is_known_no_more(void **state)
{
    struct fixture *f = *state;
    enum { FILES = 40 };
    uint64_t ids[FILES];
    char name[16];
    f->options.limit_items = FILES / 2;
    fixture_restart(f);
    for (unsigned i = 0; i < FILES; i++) {
        snprintf(name, sizeof name, "file-%u", i);
        put(f, STORE_ROOT, name, "value");
        ids[i] = is_there(f, STORE_ROOT, name) ? warm(f, name) : 0;
    }
    settle(f);
    assert_true(stats(f).evicted >= FILES / 2);
    for (unsigned i = 0; i < FILES; i++) {
        snprintf(name, sizeof name, "file-%u", i);
        assert_int_equal(is_known(f, ids[i]), is_there(f, STORE_ROOT, name));
    }
    assert_int_equal(stats(f).pinned, 0);
}

/* What is warm is no harder to evict than what is not, and leaves nothing behind. */
static void warm_versions_hold_no_room(void **state)
{
    struct fixture *f = *state;
    char name[16];
    f->options.limit_bytes = 4 * MIB;
    fixture_restart(f);
    for (unsigned i = 0; i < 30; i++) {
        snprintf(name, sizeof name, "file-%u", i);
        assert_int_equal(try_put(f, STORE_ROOT, name, 'x', i % 2 ? 100 * KIB : 3000), 0);
        warm(f, name);
    }
    assert_int_equal(try_put(f, STORE_ROOT, "large", 'y', 2 * MIB), 0);
    settle(f);
    assert_true(stats(f).bytes <= 4 * MIB);
    assert_int_equal(store_remove(f->store, STORE_ROOT, "large"), 0);
    for (unsigned i = 0; i < 30; i++) {
        snprintf(name, sizeof name, "file-%u", i);
        (void)store_remove(f->store, STORE_ROOT, name);
    }
    settle(f);
    assert_int_equal(stats(f).bytes, 0);
}

/* --- moved and changed --------------------------------------------------------------------------------- */

static void what_is_renamed_is_still_known(void **state)
{
    struct fixture *f = *state;
    put(f, STORE_ROOT, "a", "from a");
    put(f, STORE_ROOT, "b", "from b");
    put(f, STORE_ROOT, "c", "from c");
    uint64_t a = warm(f, "a"), b = warm(f, "b"), c = warm(f, "c");
    assert_int_equal(store_rename(f->store, STORE_ROOT, "a", STORE_ROOT, "b", 0), 0);
    assert_true(is_known(f, a));
    assert_false(is_known(f, b));
    assert_int_equal(store_rename(f->store, STORE_ROOT, "b", STORE_ROOT, "c", STORE_EXCHANGE), 0);
    expect_version_text(take(f, a, 0), "from a");
    expect_version_text(take(f, c, 0), "from c");
    expect_true_copy(f, "b");
    expect_true_copy(f, "c");
    write_text(take(f, a, 0), "FROM", 0); /* it knows where it is */
    expect_text(f, STORE_ROOT, "c", "FROM a");
}

static void the_warm_copy_is_a_true_one(void **state)
{
    struct fixture *f = *state;
    put(f, STORE_ROOT, "file", "value");
    uint64_t id = warm(f, "file");
    struct entry_change set = {.set = ENTRY_SET_MODE | ENTRY_SET_UID, .mode = 0604, .uid = 42};
    assert_int_equal(change(f, STORE_ROOT, "file", &set), 0);
    advance_ms(f, SECOND);
    set_ttl(f, STORE_ROOT, "file", 5 * MINUTE);
    expect_true_copy(f, "file");
    set_tags(f, STORE_ROOT, "file", "red,green");
    set_xattr(f, STORE_ROOT, "file", "user.x", "1");
    expect_true_copy(f, "file");
    hit(f, STORE_ROOT, "file");
    set_idle(f, STORE_ROOT, "file", MINUTE);
    advance_ms(f, 50 * SECOND);
    hit(f, STORE_ROOT, "file");
    expect_true_copy(f, "file");
    advance_ms(f, 50 * SECOND); /* past the deadline in the row: the keeper writes another */
    settle(f);
    expect_true_copy(f, "file");
    unpin(f, take(f, id, 0));
    struct store_version *version = pin(f, STORE_ROOT, "file");
    write_text(version, "longer than before", 0);
    assert_int_equal(store_resize(version, 6), 0);
    unpin(f, version);
    expect_true_copy(f, "file");
    expect_version_text(take(f, id, 0), "longer");
}

static void a_value_that_leaves_its_row_is_whole(void **state)
{
    struct fixture *f = *state;
    put(f, STORE_ROOT, "file", "value");
    uint64_t id = warm(f, "file");
    struct store_version *version = take(f, id, 0);
    assert_int_equal(store_write(version, pattern(f, 90 * KIB, 3), 90 * KIB, 0), 0);
    unpin(f, version);
    expect_version(take(f, id, 0), pattern(f, 90 * KIB, 3), 90 * KIB);
}

/* --- what sets read ------------------------------------------------------------------------------------ */

static void an_overwrite_reads_nothing(void **state)
{
    struct fixture *f = *state;
    put(f, STORE_ROOT, "file", "value");
    uint64_t reads = stats(f).reads;
    for (int i = 0; i < 10; i++) {
        put(f, STORE_ROOT, "file", "another value");
        assert_int_equal(look(f, STORE_ROOT, "file")->size, 13);
    }
    assert_int_equal(stats(f).reads, reads);
}

static void an_overwrite_takes_over_what_is_in_the_row(void **state)
{
    struct fixture *f = *state;
    put(f, STORE_ROOT, "file", "value");
    set_ttl(f, STORE_ROOT, "file", 5 * MINUTE);
    set_tags(f, STORE_ROOT, "file", "red,green");
    set_xattr(f, STORE_ROOT, "file", "user.x", "1");
    hit(f, STORE_ROOT, "file");
    uint64_t bytes = stats(f).bytes;
    for (int i = 0; i < 3; i++) {
        put(f, STORE_ROOT, "file", "other");
        const struct entry *entry = look(f, STORE_ROOT, "file");
        assert_int_equal(entry->hits, 1);
        assert_int_equal(entry->ttl_ms, 5 * MINUTE);
        assert_string_equal(entry->tags, "red,green");
        expect_xattr(entry, "user.x", "1");
        expect_true_copy(f, "file");
    }
    while (f->pin_count > 0)
        unpin(f, f->pins[0]);
    settle(f);
    assert_int_equal(stats(f).bytes, bytes);
}

/* Is it there, when it is staged and when it is published. Its directory's row is known from the last change. */
static void a_new_name_reads_two_rows(void **state)
{
    struct fixture *f = *state;
    char name[16];
    uint64_t dir = make_dir(f, make_dir(f, STORE_ROOT, "dir"), "deep");
    put(f, dir, "file", "value");
    uint64_t reads = stats(f).reads;
    for (unsigned i = 0; i < 10; i++) {
        snprintf(name, sizeof name, "file-%u", i);
        put(f, dir, name, "value");
    }
    assert_true(stats(f).reads <= reads + 20);
}

static void what_goes_or_moves_reads_nothing(void **state)
{
    struct fixture *f = *state;
    uint64_t dir = make_dir(f, STORE_ROOT, "dir"), other = make_dir(f, STORE_ROOT, "other");
    put(f, dir, "a", "1");
    put(f, dir, "b", "2");
    put(f, other, "c", "3");
    uint64_t reads = stats(f).reads;
    assert_int_equal(store_rename(f->store, dir, "a", dir, "b", 0), 0);
    assert_int_equal(store_rename(f->store, dir, "b", other, "c", 0), 0);
    assert_int_equal(store_remove(f->store, other, "c"), 0);
    assert_int_equal(stats(f).reads, reads);
}

static void a_directory_is_as_it_was_changed(void **state)
{
    struct fixture *f = *state;
    uint64_t dir = make_dir(f, STORE_ROOT, "dir"), other = make_dir(f, STORE_ROOT, "other");
    for (unsigned i = 1; i <= 3; i++) {
        advance_ms(f, SECOND);
        set_dir_defaults(f, dir, i * 1000, 0, i % 2 ? "red" : "green,blue");
        assert_int_equal(look_dir(f, dir)->ttl_ms, i * 1000);
        put(f, dir, "file", "value");
        assert_int_equal(look_dir(f, dir)->mtime_ns, f->now_ns);
        assert_string_equal(look(f, dir, "file")->tags, i % 2 ? "red" : "green,blue");
        assert_int_equal(store_remove(f->store, dir, "file"), 0);
    }
    assert_int_equal(store_rename(f->store, STORE_ROOT, "dir", other, "dir", 0), 0);
    assert_int_equal(look_dir(f, dir)->parent, other);
    assert_int_equal(store_remove_dir(f->store, other, "dir"), 0);
    assert_false(is_dir_there(f, dir));
    struct store_version *none = NULL;
    assert_int_equal(store_stage(f->store, dir, "file", 0644, 0, 0, &none), -ENOENT);
}

/* --- bounds -------------------------------------------------------------------------------------------- */

static void what_is_warm_is_bounded(void **state)
{
    struct fixture *f = *state;
    enum { FILES = 1500 };
    uint64_t first = 0, last = 0;
    char name[16], value[1000];
    memset(value, 'v', sizeof value);
    f->options.cache_bytes = MIB;
    fixture_restart(f);
    for (unsigned i = 0; i < FILES; i++) {
        snprintf(name, sizeof name, "file-%u", i);
        put_bytes(f, STORE_ROOT, name, value, sizeof value);
        last = look(f, STORE_ROOT, name)->version;
        first = i == 0 ? last : first;
    }
    struct store_stats now = stats(f);
    assert_true(now.warm_bytes <= MIB / STORE_WARM_SHARE);
    assert_true(now.warm * sizeof value <= MIB / STORE_WARM_SHARE);
    assert_int_equal(now.pinned, 0);
    assert_true(is_known(f, last));
    if (f->on_disk) {
        assert_true(now.warm > 40);
        assert_false(is_known(f, first));
    }
    expect_bytes(f, STORE_ROOT, "file-0", value, sizeof value);
    assert_true(is_known(f, first)); /* it was in hand just now */
}

static void what_is_used_stays_warm(void **state)
{
    struct fixture *f = *state;
    char name[16];
    f->options.cache_bytes = MIB;
    fixture_restart(f);
    put(f, STORE_ROOT, "used", "value");
    uint64_t used = warm(f, "used");
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "file-%u", i);
        put(f, STORE_ROOT, name, "value");
        assert_true(is_known(f, used));
    }
}

int warm_tests(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(what_was_in_hand_is_found_without_reading),
        CONTRACT_TEST(what_was_published_is_found_without_reading),
        CONTRACT_TEST(what_nobody_has_is_not_in_hand),
        CONTRACT_TEST(a_version_by_number_is_the_one_by_name),
        CONTRACT_TEST(numbers_that_are_no_version_are_eagain),
        CONTRACT_TEST(a_link_is_found_too),
        CONTRACT_TEST(hits_by_number_count_like_hits_by_name),
        CONTRACT_TEST(what_is_replaced_is_known_no_more),
        CONTRACT_TEST(what_is_dead_in_hand_is_known_no_more),
        CONTRACT_TEST(what_is_removed_is_known_no_more),
        CONTRACT_TEST(what_is_past_its_deadline_is_known_no_more),
        CONTRACT_TEST(a_deadline_that_is_set_holds_for_the_warm_copy),
        CONTRACT_TEST(what_is_evicted_is_known_no_more),
        CONTRACT_TEST(warm_versions_hold_no_room),
        CONTRACT_TEST(what_is_renamed_is_still_known),
        CONTRACT_TEST(the_warm_copy_is_a_true_one),
        CONTRACT_TEST(a_value_that_leaves_its_row_is_whole),
        CONTRACT_TEST(an_overwrite_reads_nothing),
        CONTRACT_TEST(an_overwrite_takes_over_what_is_in_the_row),
        CONTRACT_TEST(a_new_name_reads_two_rows),
        CONTRACT_TEST(what_goes_or_moves_reads_nothing),
        CONTRACT_TEST(a_directory_is_as_it_was_changed),
        CONTRACT_TEST(what_is_warm_is_bounded),
        CONTRACT_TEST(what_is_used_stays_warm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
