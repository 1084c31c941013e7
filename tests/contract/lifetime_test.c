/* SPDX-License-Identifier: MIT */
/* lifetime_test.c - the contract of time: what ends when, what starts with which lifetime, and what an expired entry
 * still is (nothing). */
#include "contract.h"

static void set_expires(struct fixture *f, const char *name, int64_t expires_ms)
{
    struct entry_change set = {.set = ENTRY_SET_EXPIRES, .expires_ms = expires_ms};
    assert_int_equal(change(f, STORE_ROOT, name, &set), 0);
}

/* Makes "file" and lets it expire. */
static void put_expired(struct fixture *f)
{
    put(f, STORE_ROOT, "file", "value");
    set_ttl(f, STORE_ROOT, "file", 10);
    advance_ms(f, 10);
}

/* --- the moment ---------------------------------------------------------------------------------------- */

static void a_ttl_ends_to_the_millisecond(void **state)
{
    struct fixture *f = *state;
    put(f, STORE_ROOT, "file", "value");
    set_ttl(f, STORE_ROOT, "file", 1500);
    assert_int_equal(look(f, STORE_ROOT, "file")->expires_ms, now_ms(f) + 1500);
    assert_int_equal(entry_deadline_ms(look(f, STORE_ROOT, "file")), now_ms(f) + 1500);
    advance_ms(f, 1499);
    assert_true(is_there(f, STORE_ROOT, "file"));
    atomic_fetch_add(&f->now_ns, 999999);
    assert_true(is_there(f, STORE_ROOT, "file"));
    atomic_fetch_add(&f->now_ns, 1);
    assert_false(is_there(f, STORE_ROOT, "file"));
}

static void without_a_lifetime_nothing_ends(void **state)
{
    struct fixture *f = *state;
    put(f, STORE_ROOT, "file", "value");
    assert_int_equal(look(f, STORE_ROOT, "file")->expires_ms, 0);
    assert_true(entry_deadline_ms(look(f, STORE_ROOT, "file")) == INT64_MAX);
    advance_ms(f, 200LL * 365 * 24 * 60 * MINUTE);
    expect_text(f, STORE_ROOT, "file", "value");
}

static void idle_time_ends_to_the_millisecond(void **state)
{
    struct fixture *f = *state;
    put(f, STORE_ROOT, "file", "value");
    set_idle(f, STORE_ROOT, "file", 1000);
    advance_ms(f, 999);
    hit(f, STORE_ROOT, "file");
    advance_ms(f, 999);
    assert_true(is_there(f, STORE_ROOT, "file"));
    pin(f, STORE_ROOT, "file"); /* not a get */
    list_names(f, STORE_ROOT, NULL);
    advance_ms(f, 1);
    assert_false(is_there(f, STORE_ROOT, "file"));
}

static void the_nearer_of_ttl_and_idle_ends_it(void **state)
{
    struct fixture *f = *state;
    put(f, STORE_ROOT, "file", "value");
    set_ttl(f, STORE_ROOT, "file", 2500);
    set_idle(f, STORE_ROOT, "file", 1000);
    for (int i = 0; i < 2; i++) {
        advance_ms(f, 999);
        hit(f, STORE_ROOT, "file");
    }
    advance_ms(f, 501);
    assert_true(is_there(f, STORE_ROOT, "file"));
    hit(f, STORE_ROOT, "file");
    advance_ms(f, 1);
    assert_false(is_there(f, STORE_ROOT, "file"));
}

static void a_deadline_can_be_set_and_the_past_ends_at_once(void **state)
{
    struct fixture *f = *state;
    put(f, STORE_ROOT, "file", "value");
    set_expires(f, "file", now_ms(f) + 700);
    advance_ms(f, 699);
    assert_true(is_there(f, STORE_ROOT, "file"));
    set_expires(f, "file", now_ms(f) - 1000);
    assert_false(is_there(f, STORE_ROOT, "file"));
}

static void a_link_ends_as_a_file_does(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(store_make_symlink(f->store, STORE_ROOT, "link", "target", 0, 0, NULL), 0);
    set_ttl(f, STORE_ROOT, "link", 10);
    advance_ms(f, 10);
    assert_false(is_there(f, STORE_ROOT, "link"));
}

static void a_directory_never_ends(void **state)
{
    struct fixture *f = *state;
    uint64_t dir = make_dir(f, STORE_ROOT, "dir");
    set_dir_defaults(f, dir, 10, 10, "");
    put(f, dir, "file", "value");
    advance_ms(f, 1000);
    assert_true(is_dir_there(f, dir));
    assert_true(is_there(f, STORE_ROOT, "dir"));
    assert_false(is_there(f, dir, "file"));
}

/* --- the clock ----------------------------------------------------------------------------------------- */

static void touch_restarts_the_clock(void **state)
{
    struct fixture *f = *state;
    put(f, STORE_ROOT, "file", "value");
    set_ttl(f, STORE_ROOT, "file", 1000);
    set_idle(f, STORE_ROOT, "file", 1000);
    advance_ms(f, 900);
    struct entry_change set = {.set = ENTRY_RESTART};
    assert_int_equal(change(f, STORE_ROOT, "file", &set), 0);
    advance_ms(f, 999);
    assert_true(is_there(f, STORE_ROOT, "file"));
    advance_ms(f, 1);
    assert_false(is_there(f, STORE_ROOT, "file"));
}

static void setting_a_lifetime_restarts_the_clock(void **state)
{
    struct fixture *f = *state;
    put(f, STORE_ROOT, "file", "value");
    set_ttl(f, STORE_ROOT, "file", 1000);
    advance_ms(f, 900);
    set_ttl(f, STORE_ROOT, "file", 1000);
    advance_ms(f, 900);
    assert_true(is_there(f, STORE_ROOT, "file"));
    set_ttl(f, STORE_ROOT, "file", ENTRY_FOREVER);
    advance_ms(f, 100000);
    assert_true(is_there(f, STORE_ROOT, "file"));
    set_ttl(f, STORE_ROOT, "file", 1000);
    set_ttl(f, STORE_ROOT, "file", ENTRY_UNSET);
    advance_ms(f, 100000);
    assert_true(is_there(f, STORE_ROOT, "file"));
}

static void setting_idle_time_restarts_it(void **state)
{
    struct fixture *f = *state;
    put(f, STORE_ROOT, "file", "value");
    advance_ms(f, 5000);
    set_idle(f, STORE_ROOT, "file", 1000);
    advance_ms(f, 999);
    assert_true(is_there(f, STORE_ROOT, "file"));
    set_idle(f, STORE_ROOT, "file", ENTRY_UNSET);
    advance_ms(f, 100000);
    assert_true(is_there(f, STORE_ROOT, "file"));
}

static void a_publish_starts_the_clock(void **state)
{
    struct fixture *f = *state;
    put(f, STORE_ROOT, "file", "value");
    set_ttl(f, STORE_ROOT, "file", 1000);
    advance_ms(f, 500);
    struct store_version *version = stage(f, STORE_ROOT, "file");
    advance_ms(f, 400);
    assert_int_equal(publish(version, STORE_ROOT, "file"), 0);
    advance_ms(f, 999);
    assert_true(is_there(f, STORE_ROOT, "file"));
    advance_ms(f, 1);
    assert_false(is_there(f, STORE_ROOT, "file"));
}

static void a_publish_ends_an_explicit_deadline(void **state)
{
    struct fixture *f = *state;
    put(f, STORE_ROOT, "file", "value");
    set_expires(f, "file", now_ms(f) + 1000);
    put(f, STORE_ROOT, "file", "other");
    assert_int_equal(look(f, STORE_ROOT, "file")->expires_ms, 0);
}

static void a_staged_version_does_not_expire(void **state)
{
    struct fixture *f = *state;
    f->options.ttl_ms = 1000;
    fixture_restart(f);
    struct store_version *version = stage(f, STORE_ROOT, "file");
    write_text(version, "value", 0);
    advance_ms(f, 5000);
    settle(f);
    assert_false(store_version_dead(version));
    assert_int_equal(publish(version, STORE_ROOT, "file"), 0);
    advance_ms(f, 999);
    expect_text(f, STORE_ROOT, "file", "value");
}

static void other_changes_leave_the_clock_alone(void **state)
{
    struct fixture *f = *state;
    put(f, STORE_ROOT, "file", "value");
    set_ttl(f, STORE_ROOT, "file", 1000);
    advance_ms(f, 500);
    set_tags(f, STORE_ROOT, "file", "red");
    set_xattr(f, STORE_ROOT, "file", "user.x", "1");
    struct entry_change set = {.set = ENTRY_SET_MODE | ENTRY_SET_MTIME, .mode = 0600};
    assert_int_equal(change(f, STORE_ROOT, "file", &set), 0);
    assert_int_equal(store_rename(f->store, STORE_ROOT, "file", STORE_ROOT, "moved", 0), 0);
    hit(f, STORE_ROOT, "moved");
    advance_ms(f, 500);
    assert_false(is_there(f, STORE_ROOT, "moved"));
}

static void the_longest_lifetimes_do_not_overflow(void **state)
{
    struct fixture *f = *state;
    put(f, STORE_ROOT, "file", "value");
    set_ttl(f, STORE_ROOT, "file", UINT64_MAX - 1);
    set_idle(f, STORE_ROOT, "file", INT64_MAX);
    advance_ms(f, 1000);
    hit(f, STORE_ROOT, "file");
    settle(f);
    assert_true(is_there(f, STORE_ROOT, "file"));
}

/* --- what an expired entry is -------------------------------------------------------------------------- */

static void an_expired_entry_is_enoent_to_everything(void **state)
{
    struct fixture *f = *state;
    struct store_version *version = NULL;
    put_expired(f);
    assert_false(is_there(f, STORE_ROOT, "file"));
    assert_int_equal(store_pin(f->store, STORE_ROOT, "file", 0, &version), -ENOENT);
    assert_int_equal(store_pin(f->store, STORE_ROOT, "file", STORE_HIT, &version), -ENOENT);
    assert_int_equal(store_remove(f->store, STORE_ROOT, "file"), -ENOENT);
    assert_int_equal(store_remove_dir(f->store, STORE_ROOT, "file"), -ENOENT);
    assert_int_equal(store_rename(f->store, STORE_ROOT, "file", STORE_ROOT, "new", 0), -ENOENT);
    put(f, STORE_ROOT, "other", "value");
    assert_int_equal(store_rename(f->store, STORE_ROOT, "other", STORE_ROOT, "file", STORE_EXCHANGE), -ENOENT);
    assert_string_equal(list_names(f, STORE_ROOT, NULL), "other ");
    assert_null(version);
}

static void an_expired_name_is_free_for_all_that_creates(void **state)
{
    struct fixture *f = *state;
    put_expired(f);
    make_dir(f, STORE_ROOT, "file");
    assert_int_equal(look(f, STORE_ROOT, "file")->kind, ENTRY_DIR);
    assert_int_equal(store_remove_dir(f->store, STORE_ROOT, "file"), 0);
    put_expired(f);
    assert_int_equal(store_make_symlink(f->store, STORE_ROOT, "file", "target", 0, 0, NULL), 0);
    assert_int_equal(store_remove(f->store, STORE_ROOT, "file"), 0);
    put_expired(f);
    put(f, STORE_ROOT, "other", "moved");
    assert_int_equal(store_rename(f->store, STORE_ROOT, "other", STORE_ROOT, "file", STORE_NOREPLACE), 0);
    expect_text(f, STORE_ROOT, "file", "moved");
    assert_int_equal(store_remove(f->store, STORE_ROOT, "file"), 0);
    put_expired(f);
    uint64_t dir = make_dir(f, STORE_ROOT, "dir");
    assert_int_equal(store_rename(f->store, STORE_ROOT, "dir", STORE_ROOT, "file", 0), 0);
    assert_int_equal(look(f, STORE_ROOT, "file")->ino, dir);
    settle(f);
    assert_int_equal(stats(f).items, 0);
    assert_int_equal(stats(f).directories, 1);
}

static void an_add_over_an_expired_entry_wins_and_starts_anew(void **state)
{
    struct fixture *f = *state;
    put(f, STORE_ROOT, "file", "old");
    hit(f, STORE_ROOT, "file");
    set_tags(f, STORE_ROOT, "file", "red");
    uint64_t ino = look(f, STORE_ROOT, "file")->ino;
    set_ttl(f, STORE_ROOT, "file", 10);
    advance_ms(f, 10);
    struct store_version *version = stage(f, STORE_ROOT, "file");
    write_text(version, "new", 0);
    assert_int_equal(store_publish(version, STORE_ROOT, "file", STORE_NOREPLACE), 0);
    const struct entry *entry = look(f, STORE_ROOT, "file");
    assert_int_not_equal(entry->ino, ino);
    assert_int_equal(entry->hits, 0);
    assert_int_equal(entry->ttl_ms, ENTRY_UNSET);
    assert_string_equal(entry->tags, "");
    assert_int_equal(stats(f).items, 1);
    settle(f);
    expect_text(f, STORE_ROOT, "file", "new");
    assert_int_equal(stats(f).items, 1);
}

static void an_entry_that_expired_after_the_stage_hands_nothing_on(void **state)
{
    struct fixture *f = *state;
    put(f, STORE_ROOT, "file", "old");
    set_ttl(f, STORE_ROOT, "file", 1000);
    struct store_version *version = stage(f, STORE_ROOT, "file");
    set_tags(f, STORE_ROOT, "file", "late");
    advance_ms(f, 1000);
    assert_int_equal(publish(version, STORE_ROOT, "file"), 0);
    assert_string_equal(look(f, STORE_ROOT, "file")->tags, "");
    assert_int_equal(look(f, STORE_ROOT, "file")->ttl_ms, 1000);
}

static void a_directory_of_expired_children_is_empty(void **state)
{
    struct fixture *f = *state;
    uint64_t dir = make_dir(f, STORE_ROOT, "dir");
    set_dir_defaults(f, dir, 10, ENTRY_UNSET, "");
    put(f, dir, "a", "value");
    put(f, dir, "b", "value");
    struct store_version *version = pin(f, dir, "a");
    advance_ms(f, 9);
    assert_int_equal(store_remove_dir(f->store, STORE_ROOT, "dir"), -ENOTEMPTY);
    advance_ms(f, 1);
    assert_int_equal(store_remove_dir(f->store, STORE_ROOT, "dir"), 0);
    assert_true(store_version_dead(version));
    expect_version_text(version, "value");
    unpin(f, version);
    settle(f);
    assert_int_equal(stats(f).items, 0);
    assert_int_equal(stats(f).bytes, 0);
}

static void an_expired_version_in_hand_is_dead_and_private(void **state)
{
    struct fixture *f = *state;
    put(f, STORE_ROOT, "file", "value");
    struct store_version *version = pin(f, STORE_ROOT, "file");
    set_ttl(f, STORE_ROOT, "file", 10);
    assert_false(store_version_dead(version));
    advance_ms(f, 10);
    assert_true(store_version_dead(version));
    write_text(version, "V", 0);
    struct entry_change set = {.set = ENTRY_RESTART};
    assert_int_equal(store_change(version, &set), 0);
    assert_false(is_there(f, STORE_ROOT, "file"));
    expect_version_text(version, "Value");
    put(f, STORE_ROOT, "file", "new");
    write_text(version, "W", 0);
    expect_text(f, STORE_ROOT, "file", "new");
}

static void settling_frees_what_expired_and_tells(void **state)
{
    struct fixture *f = *state;
    uint64_t dir = make_dir(f, STORE_ROOT, "dir");
    settle(f);
    uint64_t bytes = stats(f).bytes;
    uint8_t *value = pattern(f, 100000, 1);
    put_bytes(f, dir, "large", value, 100000);
    put(f, dir, "small", "value");
    put(f, dir, "stays", "value");
    set_ttl(f, dir, "large", 10);
    set_idle(f, dir, "small", 10);
    advance_ms(f, 10);
    settle(f);
    assert_true(was_told_gone(f, dir, "large", STORE_GONE_EXPIRED));
    assert_true(was_told_gone(f, dir, "small", STORE_GONE_EXPIRED));
    assert_int_equal(stats(f).items, 1);
    assert_int_equal(stats(f).expired, 2);
    assert_int_equal(store_remove(f->store, dir, "stays"), 0);
    settle(f);
    assert_int_equal(stats(f).bytes, bytes);
    assert_int_equal(f->gone_count, 2);
}

/* --- what entries start with --------------------------------------------------------------------------- */

static void the_stores_ttl_is_the_last_resort(void **state)
{
    struct fixture *f = *state;
    f->options.ttl_ms = 3000;
    fixture_restart(f);
    uint64_t dir = make_dir(f, STORE_ROOT, "dir");
    put(f, dir, "file", "value");
    assert_int_equal(look(f, dir, "file")->ttl_ms, 3000);
    set_dir_defaults(f, dir, 5000, ENTRY_UNSET, "");
    put(f, dir, "other", "value");
    assert_int_equal(look(f, dir, "other")->ttl_ms, 5000);
    assert_int_equal(look_dir(f, STORE_ROOT)->ttl_ms, ENTRY_UNSET);
    advance_ms(f, 3000);
    assert_false(is_there(f, dir, "file"));
    assert_true(is_there(f, dir, "other"));
}

static void each_default_comes_from_the_nearest_directory_that_has_it(void **state)
{
    struct fixture *f = *state;
    uint64_t a = make_dir(f, STORE_ROOT, "a"), b = make_dir(f, a, "b"), c = make_dir(f, b, "c");
    set_dir_defaults(f, STORE_ROOT, 1000, 1001, "root");
    set_dir_defaults(f, a, 2000, ENTRY_UNSET, "a,red");
    set_dir_defaults(f, b, ENTRY_UNSET, 3001, "");
    put(f, c, "file", "value");
    const struct entry *entry = look(f, c, "file");
    assert_int_equal(entry->ttl_ms, 2000);
    assert_int_equal(entry->idle_ms, 3001);
    assert_string_equal(entry->tags, "a,red");
    assert_int_equal(entry->expires_ms, now_ms(f) + 2000);
    put(f, STORE_ROOT, "file", "value");
    assert_int_equal(look(f, STORE_ROOT, "file")->ttl_ms, 1000);
    assert_int_equal(look(f, STORE_ROOT, "file")->idle_ms, 1001);
    assert_string_equal(look(f, STORE_ROOT, "file")->tags, "root");
    assert_int_equal(store_make_symlink(f->store, c, "link", "target", 0, 0, NULL), 0);
    assert_int_equal(look(f, c, "link")->ttl_ms, 2000);
    assert_string_equal(look(f, c, "link")->tags, "a,red");
}

static void for_ever_stops_inheritance(void **state)
{
    struct fixture *f = *state;
    f->options.ttl_ms = 500;
    fixture_restart(f);
    uint64_t a = make_dir(f, STORE_ROOT, "a"), b = make_dir(f, a, "b");
    set_dir_defaults(f, STORE_ROOT, 1000, 1000, "");
    set_dir_defaults(f, a, ENTRY_FOREVER, ENTRY_FOREVER, "");
    put(f, b, "file", "value");
    assert_true(look(f, b, "file")->ttl_ms == ENTRY_FOREVER);
    assert_true(look(f, b, "file")->idle_ms == ENTRY_FOREVER);
    advance_ms(f, 1000000);
    assert_true(is_there(f, b, "file"));
}

static void a_new_directory_has_no_defaults_of_its_own(void **state)
{
    struct fixture *f = *state;
    set_dir_defaults(f, STORE_ROOT, 1000, 1000, "red");
    uint64_t dir = make_dir(f, STORE_ROOT, "dir");
    assert_int_equal(look_dir(f, dir)->ttl_ms, ENTRY_UNSET);
    assert_int_equal(look_dir(f, dir)->idle_ms, ENTRY_UNSET);
    assert_string_equal(look_dir(f, dir)->tags, "");
}

static void defaults_are_read_when_an_entry_is_made(void **state)
{
    struct fixture *f = *state;
    uint64_t a = make_dir(f, STORE_ROOT, "a"), b = make_dir(f, STORE_ROOT, "b"), below = make_dir(f, a, "below");
    set_dir_defaults(f, a, 1000, ENTRY_UNSET, "in-a");
    set_dir_defaults(f, b, 2000, ENTRY_UNSET, "in-b");
    put(f, below, "first", "value");
    set_dir_defaults(f, a, 1500, ENTRY_UNSET, "in-a");
    assert_int_equal(store_rename(f->store, a, "below", b, "below", 0), 0);
    put(f, below, "second", "value");
    assert_int_equal(look(f, below, "first")->ttl_ms, 1000);
    assert_int_equal(look(f, below, "second")->ttl_ms, 2000);
    assert_string_equal(look(f, below, "second")->tags, "in-b");
    put(f, below, "first", "again");
    assert_int_equal(look(f, below, "first")->ttl_ms, 1000);
    assert_string_equal(look(f, below, "first")->tags, "in-a");
}

static void a_deadline_before_all_time_is_in_the_past(void **state)
{
    struct fixture *f = *state;
    put(f, STORE_ROOT, "file", "value");
    set_expires(f, "file", INT64_MIN);
    assert_false(is_there(f, STORE_ROOT, "file"));
    settle(f);
    assert_int_equal(stats(f).items, 0);
}

int lifetime_tests(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(a_ttl_ends_to_the_millisecond),
        CONTRACT_TEST(without_a_lifetime_nothing_ends),
        CONTRACT_TEST(idle_time_ends_to_the_millisecond),
        CONTRACT_TEST(the_nearer_of_ttl_and_idle_ends_it),
        CONTRACT_TEST(a_deadline_can_be_set_and_the_past_ends_at_once),
        CONTRACT_TEST(a_link_ends_as_a_file_does),
        CONTRACT_TEST(a_directory_never_ends),
        CONTRACT_TEST(touch_restarts_the_clock),
        CONTRACT_TEST(setting_a_lifetime_restarts_the_clock),
        CONTRACT_TEST(setting_idle_time_restarts_it),
        CONTRACT_TEST(a_publish_starts_the_clock),
        CONTRACT_TEST(a_publish_ends_an_explicit_deadline),
        CONTRACT_TEST(a_staged_version_does_not_expire),
        CONTRACT_TEST(other_changes_leave_the_clock_alone),
        CONTRACT_TEST(the_longest_lifetimes_do_not_overflow),
        CONTRACT_TEST(an_expired_entry_is_enoent_to_everything),
        CONTRACT_TEST(an_expired_name_is_free_for_all_that_creates),
        CONTRACT_TEST(an_add_over_an_expired_entry_wins_and_starts_anew),
        CONTRACT_TEST(an_entry_that_expired_after_the_stage_hands_nothing_on),
        CONTRACT_TEST(a_directory_of_expired_children_is_empty),
        CONTRACT_TEST(an_expired_version_in_hand_is_dead_and_private),
        CONTRACT_TEST(settling_frees_what_expired_and_tells),
        CONTRACT_TEST(the_stores_ttl_is_the_last_resort),
        CONTRACT_TEST(each_default_comes_from_the_nearest_directory_that_has_it),
        CONTRACT_TEST(for_ever_stops_inheritance),
        CONTRACT_TEST(a_new_directory_has_no_defaults_of_its_own),
        CONTRACT_TEST(defaults_are_read_when_an_entry_is_made),
        CONTRACT_TEST(a_deadline_before_all_time_is_in_the_past),
    };
    return cmocka_run_group_tests_name("lifetime", tests, NULL, NULL);
}
