/* SPDX-License-Identifier: MIT */
/* snapshot_test.c - the contract of snapshots: a walk of everything, as it was at one moment. */
#include "contract.h"

static struct store_snapshot *open_snapshot(struct fixture *f)
{
    assert_int_equal(store_snapshot_open(f->store, &f->snapshot), 0);
    return f->snapshot;
}

static void close_snapshot(struct fixture *f)
{
    store_snapshot_close(f->snapshot);
    f->snapshot = NULL;
}

/* All paths that are left, a directory's with a slash behind it, each followed by a blank. */
static const char *walk(struct fixture *f, struct store_snapshot *snapshot)
{
    const char *path;
    const struct entry *entry;
    char *text = (char *)pattern(f, 1 << 16, 0), *end = text;
    int result;
    while ((result = store_snapshot_next(snapshot, &path, &entry)) == 0)
        end += sprintf(end, "%s%s ", path, entry->kind == ENTRY_DIR ? "/" : "");
    *end = '\0';
    assert_int_equal(result, 1);
    assert_int_equal(store_snapshot_next(snapshot, &path, &entry), 1);
    return text;
}

static const char *paths(struct fixture *f)
{
    struct store_snapshot *snapshot = open_snapshot(f);
    const char *text = walk(f, snapshot);
    close_snapshot(f);
    return text;
}

/* On to a path. */
static const struct entry *find(struct store_snapshot *snapshot, const char *wanted)
{
    const char *path = "";
    const struct entry *entry = NULL;
    int result;
    while ((result = store_snapshot_next(snapshot, &path, &entry)) == 0 && strcmp(path, wanted) != 0)
        ;
    assert_int_equal(result, 0);
    return entry;
}

static void expect_bytes_then(struct fixture *f, struct store_snapshot *snapshot, const void *value, size_t size)
{
    uint8_t *read = pattern(f, size + 100, 0);
    size_t got;
    for (size_t at = 0; at <= size; at += 10007) {
        assert_int_equal(
            store_snapshot_read(snapshot, read + at, 10007 < size + 100 - at ? 10007 : size + 100 - at, at, &got), 0);
        assert_int_equal(got, size - at < 10007 ? size - at : 10007);
    }
    assert_memory_equal(read, value, size);
    assert_int_equal(store_snapshot_read(snapshot, read, 100, size + 1, &got), 0);
    assert_int_equal(got, 0);
}

static void directories_come_before_what_is_in_them(void **state)
{
    struct fixture *f = *state;
    assert_string_equal(paths(f), "/ ");
    uint64_t b = make_dir(f, STORE_ROOT, "b"), c = make_dir(f, b, "c");
    make_dir(f, c, "empty");
    put(f, c, "x", "");
    put(f, b, "a", "");
    put(f, b, "d", "");
    put(f, STORE_ROOT, "a", "");
    put(f, STORE_ROOT, "b.", "");
    put(f, STORE_ROOT, "z\xff", "");
    assert_int_equal(store_make_symlink(f->store, STORE_ROOT, "link", "to", 0, 0, NULL), 0);
    assert_string_equal(paths(f), "/ a b/ b/a b/c/ b/c/empty/ b/c/x b/d b. link z\xff ");
}

static void any_depth_and_number_is_walked(void **state)
{
    struct fixture *f = *state;
    enum { DEPTH = 300, FILES = 9000 };
    uint64_t dir = STORE_ROOT;
    for (int i = 0; i < DEPTH; i++)
        dir = make_dir(f, dir, "d");
    put(f, dir, "deep", "");
    char name[16];
    for (int i = 0; i < FILES; i++) {
        sprintf(name, "f%05d", i);
        put(f, STORE_ROOT, name, "");
    }
    struct store_snapshot *snapshot = open_snapshot(f);
    const char *path;
    const struct entry *entry;
    int dirs = 0, files = 0;
    while (store_snapshot_next(snapshot, &path, &entry) == 0) {
        dirs += entry->kind == ENTRY_DIR;
        files += entry->kind == ENTRY_FILE;
        if (path[0] == 'f')
            assert_int_equal(atoi(path + 1), files - 2);
    }
    close_snapshot(f);
    assert_int_equal(dirs, DEPTH + 1);
    assert_int_equal(files, FILES + 1);
}

static void what_happens_later_is_not_in_it(void **state)
{
    struct fixture *f = *state;
    uint64_t dir = make_dir(f, STORE_ROOT, "dir"), gone = make_dir(f, STORE_ROOT, "gone");
    put(f, dir, "changed", "old");
    put(f, dir, "written", "old");
    put(f, gone, "in it", "old");
    put(f, STORE_ROOT, "moved", "old");
    set_tags(f, dir, "changed", "red");
    struct store_snapshot *snapshot = open_snapshot(f);
    put(f, dir, "changed", "new one");
    set_tags(f, dir, "changed", "blue");
    write_text(pin(f, dir, "written"), "live", 0);
    put(f, dir, "added", "new");
    assert_int_equal(store_remove(f->store, gone, "in it"), 0);
    assert_int_equal(store_remove_dir(f->store, STORE_ROOT, "gone"), 0);
    assert_int_equal(store_rename(f->store, STORE_ROOT, "moved", dir, "here", 0), 0);
    assert_int_equal(store_rename(f->store, STORE_ROOT, "dir", STORE_ROOT, "other", 0), 0);
    settle(f);
    const struct entry *entry = find(snapshot, "dir/changed");
    assert_string_equal(entry->tags, "red");
    expect_bytes_then(f, snapshot, "old", 3);
    find(snapshot, "dir/written");
    expect_bytes_then(f, snapshot, "old", 3);
    assert_string_equal(walk(f, snapshot), "gone/ gone/in it moved ");
    close_snapshot(f);
    assert_string_equal(paths(f), "/ other/ other/added other/changed other/here other/written ");
}

static void values_of_all_sizes_are_as_they_were(void **state)
{
    struct fixture *f = *state;
    static const size_t sizes[] = {0, 1, 4096, 4097, 32768, 100000, 1 << 20};
    struct store_snapshot *snapshot;
    char name[8];
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        sprintf(name, "%zu", i);
        put_bytes(f, STORE_ROOT, name, pattern(f, sizes[i] + 1, (unsigned)i), sizes[i]);
    }
    struct store_version *hole = stage(f, STORE_ROOT, "hole");
    write_text(hole, "end", 300000);
    assert_int_equal(publish(hole, STORE_ROOT, "hole"), 0);
    snapshot = open_snapshot(f);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        sprintf(name, "%zu", i);
        if (i % 2)
            assert_int_equal(try_put(f, STORE_ROOT, name, 'x', sizes[i]), 0);
        else
            assert_int_equal(store_resize(pin(f, STORE_ROOT, name), 5000), 0);
    }
    settle(f);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        sprintf(name, "%zu", i);
        assert_int_equal(find(snapshot, name)->size, sizes[i]);
        expect_bytes_then(f, snapshot, pattern(f, sizes[i] + 1, (unsigned)i), sizes[i]);
    }
    assert_int_equal(find(snapshot, "hole")->size, 300003);
    uint8_t *expected = calloc(1, 300003);
    memcpy(expected + 300000, "end", 3);
    expect_bytes_then(f, snapshot, expected, 300003);
    free(expected);
    close_snapshot(f);
}

/* Values of so many bytes are dropped with their files. */
static void a_large_value_stays_until_the_snapshot_is_closed(void **state)
{
    struct fixture *f = *state;
    size_t size = 80 * MIB, got;
    assert_int_equal(try_put(f, STORE_ROOT, "large", 'x', size), 0);
    put(f, STORE_ROOT, "small", "later");
    settle(f);
    struct store_snapshot *snapshot = open_snapshot(f);
    assert_int_equal(store_remove(f->store, STORE_ROOT, "large"), 0);
    settle(f);
    assert_int_equal(find(snapshot, "large")->size, size);
    uint8_t *piece = pattern(f, MIB, 0);
    size_t wrong = 0;
    for (uint64_t at = 0; at < size; at += MIB) {
        assert_int_equal(store_snapshot_read(snapshot, piece, MIB, at, &got), 0);
        for (size_t i = 0; i < got; i++)
            wrong += piece[i] != 'x';
    }
    assert_int_equal(wrong, 0);
    close_snapshot(f);
    settle(f);
    assert_string_equal(paths(f), "/ small ");
}

static void what_is_staged_expired_or_invalidated_is_left_out(void **state)
{
    struct fixture *f = *state;
    stage(f, STORE_ROOT, "staged");
    put(f, STORE_ROOT, "expired", "");
    set_ttl(f, STORE_ROOT, "expired", 10);
    put(f, STORE_ROOT, "later", "");
    set_ttl(f, STORE_ROOT, "later", 11);
    put(f, STORE_ROOT, "red", "");
    set_tags(f, STORE_ROOT, "red", "warm,red");
    assert_int_equal(store_invalidate_tag(f->store, "red"), 0);
    put(f, STORE_ROOT, "red again", "");
    set_tags(f, STORE_ROOT, "red again", "red");
    put(f, STORE_ROOT, "green", "");
    set_tags(f, STORE_ROOT, "green", "green");
    uint64_t dir = make_dir(f, STORE_ROOT, "dir");
    set_dir_defaults(f, dir, 10, ENTRY_UNSET, "red");
    advance_ms(f, 10);
    struct store_snapshot *snapshot = open_snapshot(f);
    advance_ms(f, 1000);
    assert_int_equal(store_invalidate_tag(f->store, "green"), 0);
    settle(f);
    assert_string_equal(walk(f, snapshot), "/ dir/ green later red again ");
    close_snapshot(f);
    assert_string_equal(paths(f), "/ dir/ red again ");
}

static void a_read_keeps_what_would_have_expired_unread(void **state)
{
    struct fixture *f = *state;
    put(f, STORE_ROOT, "read", "");
    set_idle(f, STORE_ROOT, "read", 100);
    put(f, STORE_ROOT, "unread", "");
    set_idle(f, STORE_ROOT, "unread", 100);
    advance_ms(f, 60);
    hit(f, STORE_ROOT, "read");
    int64_t used_ms = now_ms(f);
    advance_ms(f, 60);
    struct store_snapshot *snapshot = open_snapshot(f);
    settle(f); /* writes it into the row, and forgets it */
    hit(f, STORE_ROOT, "read");
    assert_int_equal(find(snapshot, "read")->used_ms, used_ms);
    assert_string_equal(walk(f, snapshot), "");
    close_snapshot(f);
}

static void entries_have_all_that_belongs_to_them(void **state)
{
    struct fixture *f = *state;
    uint64_t dir = make_dir(f, STORE_ROOT, "dir");
    set_dir_defaults(f, dir, 5000, 6000, "a,b");
    put(f, dir, "file", "value");
    set_xattr(f, dir, "file", "user.by", "test");
    assert_int_equal(store_make_symlink(f->store, dir, "link", "target", 7, 8, NULL), 0);
    struct store_snapshot *snapshot = open_snapshot(f);
    const struct entry *entry = find(snapshot, "dir");
    assert_int_equal(entry->ttl_ms, 5000);
    assert_string_equal(entry->tags, "a,b");
    entry = find(snapshot, "dir/file");
    const struct entry *now = look(f, dir, "file");
    assert_int_equal(entry->ino, now->ino);
    assert_int_equal(entry->version, now->version);
    assert_int_equal(entry->mode, now->mode);
    assert_int_equal(entry->uid, now->uid);
    assert_int_equal(entry->mtime_ns, now->mtime_ns);
    assert_int_equal(entry->idle_ms, 6000);
    assert_int_equal(entry->expires_ms, now->expires_ms);
    expect_xattr(entry, "user.by", "test");
    entry = find(snapshot, "dir/link");
    assert_int_equal(entry->value_size, 6);
    assert_memory_equal(entry->value, "target", 6);
    close_snapshot(f);
}

static void only_a_files_value_can_be_read(void **state)
{
    struct fixture *f = *state;
    size_t got;
    char byte;
    struct store_snapshot *snapshot = open_snapshot(f);
    assert_int_equal(store_snapshot_read(snapshot, &byte, 1, 0, &got), -EINVAL);
    find(snapshot, "");
    assert_int_equal(store_snapshot_read(snapshot, &byte, 1, 0, &got), -EINVAL);
    assert_string_equal(walk(f, snapshot), "");
    assert_int_equal(store_snapshot_read(snapshot, &byte, 1, 0, &got), -EINVAL);
    close_snapshot(f);
    store_snapshot_close(NULL);
}

/* --- under load ---------------------------------------------------------------------------------------- */

struct load {
    struct fixture *fixture;
    uint64_t dir;
    atomic_bool ending;
};

/* Sets a, then b, to the same ever larger number. */
static void *count_up(void *arg)
{
    struct load *load = arg;
    char text[32];
    for (unsigned n = 0; !atomic_load(&load->ending); n++) {
        sprintf(text, "%08u", n);
        put(load->fixture, load->dir, "a", text);
        put(load->fixture, load->dir, "b", text);
    }
    return NULL;
}

static unsigned number_of(struct store_snapshot *snapshot, const char *path)
{
    char text[9] = "";
    size_t got;
    find(snapshot, path);
    assert_int_equal(store_snapshot_read(snapshot, text, 8, 0, &got), 0);
    assert_int_equal(got, 8);
    return (unsigned)atoi(text);
}

static void a_snapshot_is_a_state_that_was(void **state)
{
    struct fixture *f = *state;
    struct load load = {.fixture = f, .dir = STORE_ROOT};
    pthread_t thread;
    put(f, STORE_ROOT, "a", "00000000");
    put(f, STORE_ROOT, "b", "00000000");
    assert_int_equal(pthread_create(&thread, NULL, count_up, &load), 0);
    unsigned wrong = 0;
    for (int i = 0; i < 300; i++) {
        struct store_snapshot *snapshot = open_snapshot(f);
        unsigned a = number_of(snapshot, "a"), b = number_of(snapshot, "b");
        wrong += a != b && a != b + 1;
        close_snapshot(f);
    }
    atomic_store(&load.ending, true);
    pthread_join(thread, NULL);
    assert_int_equal(wrong, 0);
}

/* --- a check in use ------------------------------------------------------------------------------------ */

struct checking {
    struct fixture *fixture;
    bool removed;
};

/* The large one dies, and its space comes back, before the check has come to the chunks. */
static bool remove_meanwhile(void *arg, uint64_t done, uint64_t total)
{
    struct checking *checking = arg;
    (void)done, (void)total;
    if (!checking->removed) {
        checking->removed = true;
        assert_int_equal(store_remove(checking->fixture->store, STORE_ROOT, "large"), 0);
        settle(checking->fixture);
    }
    return true;
}

/* From 64 MiB on whole files go with a value: what is in older ones, and was void, would come to light again. */
static void a_check_has_no_holes(void **state)
{
    enum { LARGE = 100 << 20, NAMES = 600 };
    struct fixture *f = *state;
    struct checking checking = {.fixture = f};
    const struct store_watch watch = {.passed = remove_meanwhile, .arg = &checking};
    struct store_checked checked;
    char name[32];
    if (!f->on_disk)
        skip(); /* it has no files */
    for (unsigned i = 0; i < NAMES; i++) {
        snprintf(name, sizeof name, "entry-%u", i);
        put(f, STORE_ROOT, name, "value");
    }
    put_bytes(f, STORE_ROOT, "large", pattern(f, LARGE, 1), LARGE);
    fixture_reopen(f);
    assert_int_equal(store_check(f->store, &watch, &checked), 0);
    assert_true(checking.removed);
    assert_int_equal(checked.left, 0);
    assert_int_equal(checked.value_bytes, LARGE);
}

int snapshot_tests(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(directories_come_before_what_is_in_them),
        CONTRACT_TEST(any_depth_and_number_is_walked),
        CONTRACT_TEST(what_happens_later_is_not_in_it),
        CONTRACT_TEST(values_of_all_sizes_are_as_they_were),
        CONTRACT_TEST(a_large_value_stays_until_the_snapshot_is_closed),
        CONTRACT_TEST(what_is_staged_expired_or_invalidated_is_left_out),
        CONTRACT_TEST(a_read_keeps_what_would_have_expired_unread),
        CONTRACT_TEST(entries_have_all_that_belongs_to_them),
        CONTRACT_TEST(only_a_files_value_can_be_read),
        CONTRACT_TEST(a_snapshot_is_a_state_that_was),
        CONTRACT_TEST(a_check_has_no_holes),
    };
    return cmocka_run_group_tests_name("snapshot", tests, NULL, NULL);
}
