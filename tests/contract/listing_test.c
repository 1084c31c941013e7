/* SPDX-License-Identifier: MIT */
/* listing_test.c - the contract of store_list(). */
#include "contract.h"

static void names_come_in_byte_order(void **state)
{
    struct fixture *f = *state;
    static const char *const names[] = {"b", "\xff", "a", "aa", "B", "a.", "\x01", "z\xc3", "a0"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        put(f, STORE_ROOT, names[i], "");
    assert_string_equal(list_names(f, STORE_ROOT, NULL), "\x01 B a a. a0 aa b z\xc3 \xff ");
}

static void a_listing_begins_behind_a_name_there_or_not(void **state)
{
    struct fixture *f = *state;
    put(f, STORE_ROOT, "a", "");
    put(f, STORE_ROOT, "c", "");
    make_dir(f, STORE_ROOT, "d");
    assert_string_equal(list_names(f, STORE_ROOT, "a"), "c d ");
    assert_string_equal(list_names(f, STORE_ROOT, "b"), "c d ");
    assert_string_equal(list_names(f, STORE_ROOT, "A"), "a c d ");
    assert_string_equal(list_names(f, STORE_ROOT, "a\x01"), "c d ");
    assert_string_equal(list_names(f, STORE_ROOT, "d"), "");
    assert_string_equal(list_names(f, STORE_ROOT, "\xff"), "");
}

static void a_listing_stays_in_its_directory(void **state)
{
    struct fixture *f = *state;
    uint64_t a = make_dir(f, STORE_ROOT, "a"), b = make_dir(f, STORE_ROOT, "b");
    put(f, a, "in a", "");
    put(f, b, "in b", "");
    assert_string_equal(list_names(f, STORE_ROOT, NULL), "a b ");
    assert_string_equal(list_names(f, a, NULL), "in a ");
    assert_string_equal(list_names(f, b, NULL), "in b ");
    assert_string_equal(list_names(f, a, "zzz"), "");
}

static void neither_staged_nor_expired_nor_removed_is_listed(void **state)
{
    struct fixture *f = *state;
    put(f, STORE_ROOT, "expired", "");
    set_ttl(f, STORE_ROOT, "expired", 10);
    put(f, STORE_ROOT, "removed", "");
    put(f, STORE_ROOT, "there", "");
    stage(f, STORE_ROOT, "staged");
    assert_int_equal(store_remove(f->store, STORE_ROOT, "removed"), 0);
    advance_ms(f, 9);
    assert_string_equal(list_names(f, STORE_ROOT, NULL), "expired there ");
    advance_ms(f, 1);
    assert_string_equal(list_names(f, STORE_ROOT, NULL), "there ");
}

struct look_arg {
    struct fixture *fixture;
    unsigned files, dirs, links, wrong;
};

static int count_kinds(void *arg, const char *name, const struct entry *entry)
{
    struct look_arg *look = arg;
    look->files += entry->kind == ENTRY_FILE;
    look->dirs += entry->kind == ENTRY_DIR;
    look->links += entry->kind == ENTRY_SYMLINK;
    bool right = entry->kind == ENTRY_SYMLINK
                     ? entry->value && entry->value_size == 2 && memcmp(entry->value, "to", 2) == 0
                     : !entry->value;
    right = right && (entry->kind != ENTRY_FILE || (entry->size == 5 && strcmp(entry->tags, "red") == 0));
    look->wrong += !right || strcmp(name, "none") == 0;
    return 0;
}

static void a_listing_shows_entries_without_values_but_for_links(void **state)
{
    struct fixture *f = *state;
    put(f, STORE_ROOT, "file", "value");
    set_tags(f, STORE_ROOT, "file", "red");
    make_dir(f, STORE_ROOT, "dir");
    assert_int_equal(store_make_symlink(f->store, STORE_ROOT, "link", "to", 0, 0, NULL), 0);
    struct look_arg look = {0};
    assert_int_equal(store_list(f->store, STORE_ROOT, NULL, count_kinds, &look), 0);
    assert_int_equal(look.files, 1);
    assert_int_equal(look.dirs, 1);
    assert_int_equal(look.links, 1);
    assert_int_equal(look.wrong, 0);
}

static int stop_at_second(void *arg, const char *name, const struct entry *entry)
{
    int *calls = arg;
    (void)name;
    (void)entry;
    return ++*calls == 2 ? 77 : 0;
}

static int stop_at_once(void *arg, const char *name, const struct entry *entry)
{
    int *calls = arg;
    (void)name;
    (void)entry;
    ++*calls;
    return -ECANCELED;
}

static void a_result_of_each_ends_the_walk(void **state)
{
    struct fixture *f = *state;
    int calls = 0;
    put(f, STORE_ROOT, "a", "");
    put(f, STORE_ROOT, "b", "");
    put(f, STORE_ROOT, "c", "");
    assert_int_equal(store_list(f->store, STORE_ROOT, NULL, stop_at_second, &calls), 77);
    assert_int_equal(calls, 2);
    assert_int_equal(store_list(f->store, STORE_ROOT, NULL, stop_at_once, &calls), -ECANCELED);
    assert_int_equal(calls, 3);
}

static void an_empty_directory_lists_nothing(void **state)
{
    struct fixture *f = *state;
    int calls = 0;
    uint64_t dir = make_dir(f, STORE_ROOT, "dir");
    assert_int_equal(store_list(f->store, dir, NULL, stop_at_once, &calls), 0);
    assert_int_equal(calls, 0);
}

/* --- while names come and go --------------------------------------------------------------------------- */

enum { STABLE = 300, BATCH = 7 };

struct cursor {
    char after[STORE_NAME_MAX + 1];
    unsigned met[STABLE]; /* how often each of the stable names came */
    unsigned batch, total;
    bool ordered;
};

/* Takes note of a name, and ends the walk after a batch. */
static int note_name(void *arg, const char *name, const struct entry *entry)
{
    struct cursor *cursor = arg;
    (void)entry;
    cursor->ordered = cursor->ordered && strcmp(cursor->after, name) < 0;
    snprintf(cursor->after, sizeof cursor->after, "%s", name);
    unsigned number;
    bool stable = strlen(name) == strlen("stable-000") && sscanf(name, "stable-%u", &number) == 1;
    if (stable && number < STABLE)
        cursor->met[number]++;
    cursor->total++;
    return ++cursor->batch == BATCH ? 1 : 0;
}

static bool each_stable_name_was_met_once(const struct cursor *cursor)
{
    for (size_t i = 0; i < STABLE; i++)
        if (cursor->met[i] != 1)
            return false;
    return cursor->ordered;
}

static void put_stable_names(struct fixture *f)
{
    char name[32];
    for (unsigned i = 0; i < STABLE; i++) {
        snprintf(name, sizeof name, "stable-%03u", i);
        assert_int_equal(try_put(f, STORE_ROOT, name, 'v', 10), 0);
    }
}

/* Names before, at and behind the cursor come, go, are replaced and renamed. */
static void disturb(struct fixture *f, const struct cursor *cursor, unsigned round)
{
    char name[64], other[64];
    snprintf(name, sizeof name, "stable-%03u-x%u", (round * 37) % STABLE, round);
    snprintf(other, sizeof other, "a-%u", round);
    assert_int_equal(try_put(f, STORE_ROOT, name, 'x', 10), 0);
    assert_int_equal(try_put(f, STORE_ROOT, other, 'x', 10), 0);
    snprintf(name, sizeof name, "stable-%03u", (round * 53) % STABLE);
    assert_int_equal(try_put(f, STORE_ROOT, name, 'y', 5000), 0);
    snprintf(name, sizeof name, "z-%u", round);
    assert_int_equal(store_rename(f->store, STORE_ROOT, other, STORE_ROOT, name, 0), 0);
    if (strncmp(cursor->after, "stable-", 7) != 0 || strchr(cursor->after, 'x'))
        assert_int_equal(store_remove(f->store, STORE_ROOT, cursor->after), 0);
}

static void a_cursor_meets_what_stays_exactly_once(void **state)
{
    struct fixture *f = *state;
    struct cursor cursor = {.ordered = true};
    put_stable_names(f);
    int result = 1;
    for (unsigned round = 0; result == 1 && cursor.total < 100 * STABLE; round++) {
        cursor.batch = 0;
        result = store_list(f->store, STORE_ROOT, *cursor.after ? cursor.after : NULL, note_name, &cursor);
        if (result == 1 && round < 2 * STABLE / BATCH)
            disturb(f, &cursor, round);
    }
    assert_int_equal(result, 0);
    assert_true(each_stable_name_was_met_once(&cursor));
}

struct disturber {
    struct fixture *fixture;
    atomic_bool stop;
    atomic_int failed;
};

static void *keep_disturbing(void *arg)
{
    struct disturber *disturber = arg;
    struct store *store = disturber->fixture->store;
    char name[64];
    for (unsigned round = 0; !atomic_load(&disturber->stop); round++) {
        snprintf(name, sizeof name, "stable-%03u-x", round % STABLE);
        int result = try_put(disturber->fixture, STORE_ROOT, name, 'x', 10);
        if (result == 0)
            result = store_rename(store, STORE_ROOT, name, STORE_ROOT, "m", 0);
        if (result == 0)
            result = store_remove(store, STORE_ROOT, "m");
        snprintf(name, sizeof name, "stable-%03u", round * 7 % STABLE);
        if (result == 0)
            result = try_put(disturber->fixture, STORE_ROOT, name, 'y', 20);
        if (result < 0)
            atomic_store(&disturber->failed, result);
    }
    return NULL;
}

static void a_walk_meets_what_stays_exactly_once_under_writers(void **state)
{
    struct fixture *f = *state;
    struct disturber disturber = {.fixture = f};
    pthread_t thread;
    bool whole = true;
    put_stable_names(f);
    assert_int_equal(pthread_create(&thread, NULL, keep_disturbing, &disturber), 0);
    for (int walk = 0; walk < 30; walk++) {
        struct cursor cursor = {.ordered = true};
        int result = 1;
        while (result == 1) {
            cursor.batch = walk % 2 ? 0 : BATCH; /* every second walk in batches, the others in one go */
            result = store_list(f->store, STORE_ROOT, *cursor.after ? cursor.after : NULL, note_name, &cursor);
        }
        whole = whole && result == 0 && each_stable_name_was_met_once(&cursor);
    }
    atomic_store(&disturber.stop, true);
    pthread_join(thread, NULL);
    assert_true(whole);
    assert_int_equal(atomic_load(&disturber.failed), 0);
}

/* --- where much was removed ---------------------------------------------------------------------------- */

/* A store may remember where a directory begins: whatever gets a name there, it is listed. */
static void what_comes_before_all_others_is_listed(void **state)
{
    struct fixture *f = *state;
    uint64_t dir = make_dir(f, STORE_ROOT, "dir"), other = make_dir(f, STORE_ROOT, "other");
    struct entry entry = {0};
    put(f, dir, "m", "value");
    assert_int_equal(store_remove(f->store, dir, "m"), 0);
    assert_string_equal(list_names(f, dir, NULL), "");
    put(f, dir, "k", "value");
    assert_string_equal(list_names(f, dir, NULL), "k ");
    assert_int_equal(store_make_symlink(f->store, dir, "i", "target", 1, 1, &entry), 0);
    entry_release(&entry);
    assert_string_equal(list_names(f, dir, NULL), "i k ");
    make_dir(f, dir, "g");
    assert_string_equal(list_names(f, dir, NULL), "g i k ");
    put(f, other, "x", "value");
    assert_int_equal(store_rename(f->store, other, "x", dir, "e", 0), 0);
    assert_string_equal(list_names(f, dir, NULL), "e g i k ");
    assert_int_equal(store_rename(f->store, dir, "g", dir, "c", 0), 0);
    assert_string_equal(list_names(f, dir, NULL), "c e i k ");
    put(f, other, "y", "value");
    assert_string_equal(list_names(f, other, NULL), "y ");
    assert_int_equal(store_rename(f->store, dir, "c", other, "y", STORE_EXCHANGE), 0);
    assert_int_equal(store_rename(f->store, other, "y", other, "a", 0), 0);
    assert_string_equal(list_names(f, other, NULL), "a ");
    assert_string_equal(list_names(f, dir, "b"), "c e i k ");
    assert_int_equal(store_remove_dir(f->store, STORE_ROOT, "dir"), -ENOTEMPTY);
    assert_string_equal(list_names(f, dir, "\xff"), "");
}

enum { HEADS_ROUNDS = 2000 };

/* Of a directory each name of which goes before all that were there, and goes away again. */
static void *keep_heading(void *arg)
{
    struct disturber *disturber = arg;
    struct store *store = disturber->fixture->store;
    char name[64];
    for (unsigned round = 0; round < HEADS_ROUNDS; round++) {
        snprintf(name, sizeof name, "%06u", round % 3 ? HEADS_ROUNDS - round : HEADS_ROUNDS + round);
        struct cursor cursor = {0};
        int result = try_put(disturber->fixture, STORE_ROOT, name, 'x', 10);
        if (result == 0 && (result = store_list(store, STORE_ROOT, NULL, note_name, &cursor)) > 0)
            result = -EIO;
        if (result == 0 && (cursor.total != 1 || strcmp(cursor.after, name) != 0))
            result = -ENOENT;
        if (result == 0)
            result = store_remove(store, STORE_ROOT, name);
        if (result < 0)
            atomic_store(&disturber->failed, result);
    }
    atomic_store(&disturber->stop, true);
    return NULL;
}

static void who_places_a_name_lists_it_whoever_lists_meanwhile(void **state)
{
    struct fixture *f = *state;
    struct disturber disturber = {.fixture = f};
    pthread_t thread;
    bool done = true;
    assert_int_equal(pthread_create(&thread, NULL, keep_heading, &disturber), 0);
    while (!atomic_load(&disturber.stop)) {
        struct cursor cursor = {0};
        done = store_list(f->store, STORE_ROOT, NULL, note_name, &cursor) == 0 && done;
    }
    pthread_join(thread, NULL);
    assert_true(done);
    assert_int_equal(atomic_load(&disturber.failed), 0);
}

int listing_tests(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(names_come_in_byte_order),
        CONTRACT_TEST(a_listing_begins_behind_a_name_there_or_not),
        CONTRACT_TEST(a_listing_stays_in_its_directory),
        CONTRACT_TEST(neither_staged_nor_expired_nor_removed_is_listed),
        CONTRACT_TEST(a_listing_shows_entries_without_values_but_for_links),
        CONTRACT_TEST(a_result_of_each_ends_the_walk),
        CONTRACT_TEST(an_empty_directory_lists_nothing),
        CONTRACT_TEST(a_cursor_meets_what_stays_exactly_once),
        CONTRACT_TEST(a_walk_meets_what_stays_exactly_once_under_writers),
        CONTRACT_TEST(what_comes_before_all_others_is_listed),
        CONTRACT_TEST(who_places_a_name_lists_it_whoever_lists_meanwhile),
    };
    return cmocka_run_group_tests_name("listing", tests, NULL, NULL);
}
