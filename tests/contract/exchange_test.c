/* SPDX-License-Identifier: MIT */
/*
 * exchange_test.c - changes that are made of what is there: published only over that, removed only if it is that.
 */
#include "contract.h"

static int publish_over(struct fixture *f, const char *name, const char *value, uint64_t change, unsigned flags)
{
    struct store_version *version = stage(f, STORE_ROOT, name);
    write_text(version, value, 0);
    int result = store_publish_over(version, STORE_ROOT, name, change, flags);
    unpin(f, version);
    return result;
}

static void publish_over_what_is_there_replaces_it(void **state)
{
    struct fixture *f = *state;
    put(f, STORE_ROOT, "a", "one");
    assert_int_equal(publish_over(f, "a", "two", look(f, STORE_ROOT, "a")->change, 0), 0);
    expect_text(f, STORE_ROOT, "a", "two");
}

static void publish_over_anything_else_is_estale(void **state)
{
    struct fixture *f = *state;
    put(f, STORE_ROOT, "a", "one");
    uint64_t change = look(f, STORE_ROOT, "a")->change;
    write_text(pin(f, STORE_ROOT, "a"), "live", 0);
    assert_int_equal(publish_over(f, "a", "two", change, 0), -ESTALE);
    expect_text(f, STORE_ROOT, "a", "live");
    change = look(f, STORE_ROOT, "a")->change;
    put(f, STORE_ROOT, "a", "other");
    assert_int_equal(publish_over(f, "a", "two", change, 0), -ESTALE);
    expect_text(f, STORE_ROOT, "a", "other");
    change = look(f, STORE_ROOT, "a")->change;
    assert_int_equal(store_remove(f->store, STORE_ROOT, "a"), 0);
    assert_int_equal(publish_over(f, "a", "two", change, 0), -ESTALE);
    assert_int_equal(publish_over(f, "a", "two", 0, 0), -ESTALE);
    assert_false(is_there(f, STORE_ROOT, "a"));
    assert_int_equal(publish_over(f, "a", "two", 1, STORE_NOREPLACE), -EINVAL);
}

static void the_clock_is_kept_when_asked(void **state)
{
    struct fixture *f = *state;
    put(f, STORE_ROOT, "a", "one");
    set_ttl(f, STORE_ROOT, "a", 10 * SECOND);
    int64_t expires_ms = look(f, STORE_ROOT, "a")->expires_ms;
    advance_ms(f, 4 * SECOND);
    assert_int_equal(publish_over(f, "a", "two", look(f, STORE_ROOT, "a")->change, STORE_KEEP_CLOCK), 0);
    assert_int_equal(look(f, STORE_ROOT, "a")->expires_ms, expires_ms);
    assert_int_equal(look(f, STORE_ROOT, "a")->ttl_ms, 10 * SECOND);
    advance_ms(f, 6 * SECOND);
    assert_false(is_there(f, STORE_ROOT, "a"));
    put(f, STORE_ROOT, "b", "one");
    set_ttl(f, STORE_ROOT, "b", 10 * SECOND);
    advance_ms(f, 4 * SECOND);
    assert_int_equal(publish_over(f, "b", "two", look(f, STORE_ROOT, "b")->change, 0), 0);
    advance_ms(f, 6 * SECOND);
    assert_true(is_there(f, STORE_ROOT, "b"));
}

static void only_the_version_meant_is_removed(void **state)
{
    struct fixture *f = *state;
    put(f, STORE_ROOT, "a", "one");
    uint64_t version = look(f, STORE_ROOT, "a")->version;
    put(f, STORE_ROOT, "a", "two");
    assert_int_equal(store_remove_version(f->store, STORE_ROOT, "a", version), -ESTALE);
    assert_int_equal(store_remove_version(f->store, STORE_ROOT, "a", 0), -ESTALE);
    expect_text(f, STORE_ROOT, "a", "two");
    version = look(f, STORE_ROOT, "a")->version;
    struct store_version *held = pin(f, STORE_ROOT, "a");
    assert_int_equal(store_remove_version(f->store, STORE_ROOT, "a", version), 0);
    assert_int_equal(store_remove_version(f->store, STORE_ROOT, "a", version), -ENOENT);
    expect_version_text(held, "two");
    make_dir(f, STORE_ROOT, "d");
    assert_int_equal(store_remove_version(f->store, STORE_ROOT, "d", 1), -EISDIR);
}

/* --- many at once -------------------------------------------------------------------------------------- */

enum { THREADS = 6, ROUNDS = 100 };

struct counting {
    struct store *store;
    atomic_int errors, removed;
};

/* Adds one to what is there; -ESTALE when somebody else did meanwhile. */
static int add_one(struct store *store)
{
    struct store_version *old, *new;
    struct entry entry;
    char text[32] = "";
    size_t got;
    int result = store_pin(store, STORE_ROOT, "n", 0, &old);
    if (result < 0)
        return result;
    result = store_version_entry(old, &entry);
    uint64_t change = result == 0 ? entry.change : 0;
    entry_release(&entry);
    if (result == 0)
        result = store_read(old, text, sizeof text - 1, 0, &got);
    store_unpin(old);
    if (result < 0 || (result = store_stage(store, STORE_ROOT, "n", 0600, 0, 0, &new)) < 0)
        return result;
    snprintf(text, sizeof text, "%ld", strtol(text, NULL, 10) + 1);
    result = store_write(new, text, strlen(text), 0);
    if (result == 0)
        result = store_publish_over(new, STORE_ROOT, "n", change, 0);
    store_unpin(new);
    return result;
}

static void *count(void *arg)
{
    struct counting *counting = arg;
    for (int i = 0; i < ROUNDS; i++) {
        int result;
        while ((result = add_one(counting->store)) == -ESTALE)
            ;
        if (result < 0)
            atomic_fetch_add(&counting->errors, 1);
    }
    return NULL;
}

static void *remove_it(void *arg)
{
    struct counting *counting = arg;
    struct entry entry;
    if (store_lookup(counting->store, STORE_ROOT, "n", &entry) == 0) {
        if (store_remove_version(counting->store, STORE_ROOT, "n", entry.version) == 0)
            atomic_fetch_add(&counting->removed, 1);
        entry_release(&entry);
    }
    return NULL;
}

static void at_once(struct counting *counting, void *(*work)(void *arg))
{
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, counting), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

static void nothing_added_at_once_is_lost(void **state)
{
    struct fixture *f = *state;
    struct counting counting = {.store = f->store};
    put(f, STORE_ROOT, "n", "0");
    at_once(&counting, count);
    assert_int_equal(atomic_load(&counting.errors), 0);
    expect_text(f, STORE_ROOT, "n", "600");
}

static void one_of_many_removes_a_version(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < ROUNDS; i++) {
        struct counting counting = {.store = f->store};
        put(f, STORE_ROOT, "n", "x");
        at_once(&counting, remove_it);
        assert_int_equal(atomic_load(&counting.removed), 1);
    }
}

int exchange_tests(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(publish_over_what_is_there_replaces_it), CONTRACT_TEST(publish_over_anything_else_is_estale),
        CONTRACT_TEST(the_clock_is_kept_when_asked),           CONTRACT_TEST(only_the_version_meant_is_removed),
        CONTRACT_TEST(nothing_added_at_once_is_lost),          CONTRACT_TEST(one_of_many_removes_a_version),
    };
    return cmocka_run_group_tests_name("exchange", tests, NULL, NULL);
}
