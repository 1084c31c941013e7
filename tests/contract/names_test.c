/* SPDX-License-Identifier: MIT */
/* names_test.c - the contract of names: looking up, making and removing entries. */
#include "contract.h"

#include <unistd.h>

static const char name_255[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
                               "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
                               "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
                               "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde";
static const char name_256[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
                               "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
                               "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
                               "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

static int ignore_each(void *arg, const char *name, const struct entry *entry)
{
    (void)arg;
    (void)name;
    (void)entry;
    return 0;
}

/* Every function that takes a name answers `expected` for this one, and leaves its outputs alone. */
static void expect_refused(struct fixture *f, const char *name, int expected)
{
    struct entry entry = {.ino = 4711};
    struct store_version *version = NULL;
    assert_int_equal(store_lookup(f->store, STORE_ROOT, name, &entry), expected);
    assert_int_equal(store_list(f->store, STORE_ROOT, name, ignore_each, NULL), expected);
    assert_int_equal(store_make_dir(f->store, STORE_ROOT, name, 0755, 0, 0, &entry), expected);
    assert_int_equal(store_make_symlink(f->store, STORE_ROOT, name, "target", 0, 0, &entry), expected);
    assert_int_equal(store_remove(f->store, STORE_ROOT, name), expected);
    assert_int_equal(store_remove_dir(f->store, STORE_ROOT, name), expected);
    assert_int_equal(store_rename(f->store, STORE_ROOT, name, STORE_ROOT, "new", 0), expected);
    assert_int_equal(store_rename(f->store, STORE_ROOT, "old", STORE_ROOT, name, 0), expected);
    assert_int_equal(store_pin(f->store, STORE_ROOT, name, 0, &version), expected);
    assert_int_equal(store_stage(f->store, STORE_ROOT, name, 0644, 0, 0, &version), expected);
    assert_int_equal(publish(stage(f, STORE_ROOT, "good"), STORE_ROOT, name), expected);
    assert_int_equal(entry.ino, 4711);
    assert_null(version);
}

static void malformed_names_are_einval(void **state)
{
    expect_refused(*state, "", -EINVAL);
    expect_refused(*state, ".", -EINVAL);
    expect_refused(*state, "..", -EINVAL);
    expect_refused(*state, "a/b", -EINVAL);
    expect_refused(*state, "/", -EINVAL);
}

static void names_of_256_bytes_are_too_long(void **state)
{
    expect_refused(*state, name_256, -ENAMETOOLONG);
}

static void names_of_255_bytes_fit_everywhere(void **state)
{
    struct fixture *f = *state;
    uint64_t dir = make_dir(f, STORE_ROOT, name_255);
    put(f, dir, name_255, "value");
    expect_text(f, dir, name_255, "value");
    assert_int_equal(store_rename(f->store, dir, name_255, dir, "short", 0), 0);
    assert_int_equal(store_rename(f->store, dir, "short", dir, name_255, 0), 0);
    assert_int_equal(store_remove(f->store, dir, name_255), 0);
    assert_int_equal(store_remove_dir(f->store, STORE_ROOT, name_255), 0);
}

static void names_are_bytes(void **state)
{
    struct fixture *f = *state;
    static const char *const names[] = {"\x01", "\n", " ", "...", ".a", "\xff\xfe", "\xc3\xa4", "*", "-", "\\"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        put(f, STORE_ROOT, names[i], names[i]);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        expect_text(f, STORE_ROOT, names[i], names[i]);
}

static void what_is_missing_is_enoent(void **state)
{
    struct fixture *f = *state;
    struct entry entry = {.ino = 4711};
    struct store_version *version = NULL;
    assert_int_equal(store_lookup(f->store, STORE_ROOT, "none", &entry), -ENOENT);
    assert_int_equal(store_remove(f->store, STORE_ROOT, "none"), -ENOENT);
    assert_int_equal(store_remove_dir(f->store, STORE_ROOT, "none"), -ENOENT);
    assert_int_equal(store_rename(f->store, STORE_ROOT, "none", STORE_ROOT, "new", 0), -ENOENT);
    assert_int_equal(store_pin(f->store, STORE_ROOT, "none", 0, &version), -ENOENT);
    assert_int_equal(store_pin(f->store, STORE_ROOT, "none", STORE_HIT, &version), -ENOENT);
    assert_int_equal(entry.ino, 4711);
    assert_null(version);
}

/* Every function that takes a directory's id answers ENOENT for one that is gone. */
static void expect_gone_dir(struct fixture *f, uint64_t dir)
{
    struct entry entry = {.ino = 4711};
    struct entry_change set = {.set = ENTRY_SET_MODE, .mode = 0700};
    struct store_version *version = NULL;
    assert_int_equal(store_dir(f->store, dir, &entry), -ENOENT);
    assert_int_equal(store_lookup(f->store, dir, "a", &entry), -ENOENT);
    assert_int_equal(store_list(f->store, dir, NULL, ignore_each, NULL), -ENOENT);
    assert_int_equal(store_make_dir(f->store, dir, "a", 0755, 0, 0, &entry), -ENOENT);
    assert_int_equal(store_make_symlink(f->store, dir, "a", "target", 0, 0, &entry), -ENOENT);
    assert_int_equal(store_remove(f->store, dir, "a"), -ENOENT);
    assert_int_equal(store_remove_dir(f->store, dir, "a"), -ENOENT);
    assert_int_equal(store_rename(f->store, dir, "a", STORE_ROOT, "b", 0), -ENOENT);
    assert_int_equal(store_change_dir(f->store, dir, &set, &entry), -ENOENT);
    assert_int_equal(store_pin(f->store, dir, "a", 0, &version), -ENOENT);
    assert_int_equal(store_stage(f->store, dir, "a", 0644, 0, 0, &version), -ENOENT);
    assert_int_equal(publish(stage(f, STORE_ROOT, "good"), dir, "a"), -ENOENT);
    put(f, STORE_ROOT, "file", "value");
    assert_int_equal(store_rename(f->store, STORE_ROOT, "file", dir, "b", 0), -ENOENT);
    expect_text(f, STORE_ROOT, "file", "value");
    assert_int_equal(entry.ino, 4711);
    assert_null(version);
}

static void a_directory_that_never_was_is_enoent(void **state)
{
    expect_gone_dir(*state, 123456789);
}

static void a_removed_directory_is_enoent(void **state)
{
    struct fixture *f = *state;
    uint64_t dir = make_dir(f, STORE_ROOT, "dir");
    assert_int_equal(store_remove_dir(f->store, STORE_ROOT, "dir"), 0);
    expect_gone_dir(f, dir);
}

static void a_replaced_directory_is_enoent(void **state)
{
    struct fixture *f = *state;
    uint64_t dir = make_dir(f, STORE_ROOT, "dir");
    make_dir(f, STORE_ROOT, "other");
    assert_int_equal(store_rename(f->store, STORE_ROOT, "other", STORE_ROOT, "dir", 0), 0);
    expect_gone_dir(f, dir);
}

/* The contract leaves to the backend which of the two it can tell. */
static void a_file_is_no_directory(void **state)
{
    struct fixture *f = *state;
    put(f, STORE_ROOT, "file", "value");
    struct entry entry = {.ino = 4711};
    int result = store_lookup(f->store, look(f, STORE_ROOT, "file")->ino, "a", &entry);
    assert_true(result == -ENOTDIR || result == -ENOENT);
    assert_int_equal(entry.ino, 4711);
}

static void the_root_is_there_from_the_start(void **state)
{
    struct fixture *f = *state;
    const struct entry *root = look_dir(f, STORE_ROOT);
    assert_int_equal(root->kind, ENTRY_DIR);
    assert_int_equal(root->mode, 0755);
    assert_int_equal(root->uid, geteuid());
    assert_int_equal(root->gid, getegid());
    assert_int_equal(root->ino, STORE_ROOT);
    assert_int_equal(root->parent, STORE_ROOT);
    assert_int_equal(root->size, 0);
    assert_int_equal(root->version, 0);
    assert_string_equal(root->tags, "");
    assert_int_equal(root->mtime_ns, f->now_ns);
    assert_string_equal(list_names(f, STORE_ROOT, NULL), "");
}

/* --- directories --------------------------------------------------------------------------------------- */

static void expect_same_dir(const struct entry *a, const struct entry *b)
{
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->ino, b->ino);
    assert_int_equal(a->parent, b->parent);
    assert_int_equal(a->mode, b->mode);
    assert_int_equal(a->uid, b->uid);
    assert_int_equal(a->gid, b->gid);
    assert_int_equal(a->mtime_ns, b->mtime_ns);
    assert_int_equal(a->ttl_ms, b->ttl_ms);
    assert_string_equal(a->tags, b->tags);
}

static void make_dir_answers_what_lookup_and_dir_say(void **state)
{
    struct fixture *f = *state;
    struct entry made = {0};
    assert_int_equal(store_make_dir(f->store, STORE_ROOT, "dir", 0107751, 3, 4, &made), 0);
    struct entry copy = made;
    entry_release(&made);
    copy.tags = "";
    assert_int_equal(copy.kind, ENTRY_DIR);
    assert_int_equal(copy.mode, 07751);
    assert_int_equal(copy.uid, 3);
    assert_int_equal(copy.gid, 4);
    assert_int_equal(copy.parent, STORE_ROOT);
    assert_int_equal(copy.btime_ns, f->now_ns);
    expect_same_dir(look(f, STORE_ROOT, "dir"), &copy);
    expect_same_dir(look_dir(f, copy.ino), &copy);
}

static void directories_nest(void **state)
{
    struct fixture *f = *state;
    uint64_t dirs[40] = {STORE_ROOT};
    for (size_t i = 1; i < 40; i++)
        dirs[i] = make_dir(f, dirs[i - 1], "d");
    put(f, dirs[39], "file", "deep");
    for (size_t i = 1; i < 40; i++) {
        assert_int_equal(look(f, dirs[i - 1], "d")->ino, dirs[i]);
        assert_int_equal(look_dir(f, dirs[i])->parent, dirs[i - 1]);
    }
    expect_text(f, dirs[39], "file", "deep");
}

static void equal_names_in_two_directories_are_two_entries(void **state)
{
    struct fixture *f = *state;
    uint64_t a = make_dir(f, STORE_ROOT, "a"), b = make_dir(f, STORE_ROOT, "b");
    put(f, a, "file", "in a");
    put(f, b, "file", "in b");
    expect_text(f, a, "file", "in a");
    expect_text(f, b, "file", "in b");
    assert_int_not_equal(look(f, a, "file")->ino, look(f, b, "file")->ino);
    assert_false(is_there(f, STORE_ROOT, "file"));
}

static void making_over_what_is_there_is_eexist(void **state)
{
    struct fixture *f = *state;
    static const char *const names[] = {"dir", "file", "link"};
    make_dir(f, STORE_ROOT, "dir");
    put(f, STORE_ROOT, "file", "value");
    assert_int_equal(store_make_symlink(f->store, STORE_ROOT, "link", "to", 0, 0, NULL), 0);
    struct entry entry = {.ino = 4711};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(store_make_dir(f->store, STORE_ROOT, names[i], 0755, 0, 0, &entry), -EEXIST);
        assert_int_equal(store_make_symlink(f->store, STORE_ROOT, names[i], "t", 0, 0, &entry), -EEXIST);
    }
    assert_int_equal(entry.ino, 4711);
    expect_text(f, STORE_ROOT, "file", "value");
}

static void remove_dir_refuses_files_and_what_is_not_empty(void **state)
{
    struct fixture *f = *state;
    uint64_t dir = make_dir(f, STORE_ROOT, "dir");
    put(f, dir, "file", "value");
    assert_int_equal(store_remove_dir(f->store, STORE_ROOT, "dir"), -ENOTEMPTY);
    assert_int_equal(store_remove_dir(f->store, dir, "file"), -ENOTDIR);
    assert_int_equal(store_remove(f->store, dir, "file"), 0);
    make_dir(f, dir, "below");
    assert_int_equal(store_remove_dir(f->store, STORE_ROOT, "dir"), -ENOTEMPTY);
    assert_int_equal(store_remove_dir(f->store, dir, "below"), 0);
    assert_int_equal(store_remove_dir(f->store, STORE_ROOT, "dir"), 0);
    assert_false(is_there(f, STORE_ROOT, "dir"));
}

static void a_staged_version_does_not_keep_a_directory(void **state)
{
    struct fixture *f = *state;
    uint64_t dir = make_dir(f, STORE_ROOT, "dir");
    struct store_version *version = stage(f, dir, "file");
    assert_int_equal(store_remove_dir(f->store, STORE_ROOT, "dir"), 0);
    assert_int_equal(publish(version, dir, "file"), -ENOENT);
    assert_int_equal(publish(version, STORE_ROOT, "file"), 0);
    assert_true(is_there(f, STORE_ROOT, "file"));
}

static void a_directorys_times_follow_its_names(void **state)
{
    struct fixture *f = *state;
    uint64_t dir = make_dir(f, STORE_ROOT, "dir");
    advance_ms(f, 10);
    put(f, dir, "a", "value");
    assert_int_equal(look_dir(f, dir)->mtime_ns, f->now_ns);
    int64_t put_ns = f->now_ns;
    advance_ms(f, 10);
    put(f, dir, "a", "other");
    assert_int_equal(look_dir(f, dir)->mtime_ns, put_ns);
    assert_int_equal(store_make_symlink(f->store, dir, "b", "to", 0, 0, NULL), 0);
    assert_int_equal(look_dir(f, dir)->mtime_ns, f->now_ns);
    advance_ms(f, 10);
    make_dir(f, dir, "c");
    assert_int_equal(look_dir(f, dir)->mtime_ns, f->now_ns);
    advance_ms(f, 10);
    assert_int_equal(store_rename(f->store, dir, "a", STORE_ROOT, "a", 0), 0);
    assert_int_equal(look_dir(f, dir)->mtime_ns, f->now_ns);
    assert_int_equal(look_dir(f, STORE_ROOT)->mtime_ns, f->now_ns);
    advance_ms(f, 10);
    assert_int_equal(store_remove(f->store, dir, "b"), 0);
    assert_int_equal(look_dir(f, dir)->mtime_ns, f->now_ns);
    advance_ms(f, 10);
    assert_int_equal(store_remove_dir(f->store, dir, "c"), 0);
    assert_int_equal(look_dir(f, dir)->mtime_ns, f->now_ns);
    assert_int_equal(look_dir(f, dir)->ctime_ns, f->now_ns);
}

/* --- links and files ----------------------------------------------------------------------------------- */

static void a_link_hands_out_its_target(void **state)
{
    struct fixture *f = *state;
    struct entry made = {0};
    assert_int_equal(store_make_symlink(f->store, STORE_ROOT, "link", "../to/it", 3, 4, &made), 0);
    uint64_t ino = made.ino, version = made.version;
    entry_release(&made);
    const struct entry *link = look(f, STORE_ROOT, "link");
    assert_int_equal(link->kind, ENTRY_SYMLINK);
    assert_int_equal(link->ino, ino);
    assert_int_equal(link->version, version);
    assert_int_equal(link->uid, 3);
    assert_int_equal(link->gid, 4);
    assert_int_equal(link->size, 8);
    assert_int_equal(link->value_size, 8);
    assert_memory_equal(link->value, "../to/it", 8);
    expect_version_text(pin(f, STORE_ROOT, "link"), "../to/it");
}

static void a_links_target_has_limits(void **state)
{
    struct fixture *f = *state;
    char target[STORE_TARGET_MAX + 2];
    memset(target, 't', sizeof target);
    target[STORE_TARGET_MAX + 1] = '\0';
    assert_int_equal(store_make_symlink(f->store, STORE_ROOT, "link", "", 0, 0, NULL), -EINVAL);
    assert_int_equal(store_make_symlink(f->store, STORE_ROOT, "link", target, 0, 0, NULL), -ENAMETOOLONG);
    assert_false(is_there(f, STORE_ROOT, "link"));
    target[STORE_TARGET_MAX] = '\0';
    assert_int_equal(store_make_symlink(f->store, STORE_ROOT, "link", target, 0, 0, NULL), 0);
    expect_text(f, STORE_ROOT, "link", target);
}

static void remove_takes_files_and_links_only(void **state)
{
    struct fixture *f = *state;
    make_dir(f, STORE_ROOT, "dir");
    put(f, STORE_ROOT, "file", "value");
    assert_int_equal(store_make_symlink(f->store, STORE_ROOT, "link", "to", 0, 0, NULL), 0);
    assert_int_equal(store_remove(f->store, STORE_ROOT, "dir"), -EISDIR);
    assert_int_equal(store_remove(f->store, STORE_ROOT, "file"), 0);
    assert_int_equal(store_remove(f->store, STORE_ROOT, "link"), 0);
    assert_string_equal(list_names(f, STORE_ROOT, NULL), "dir ");
    assert_int_equal(store_remove(f->store, STORE_ROOT, "file"), -ENOENT);
}

static void what_is_made_again_is_new(void **state)
{
    struct fixture *f = *state;
    put(f, STORE_ROOT, "file", "value");
    const struct entry *first = look(f, STORE_ROOT, "file");
    hit(f, STORE_ROOT, "file");
    assert_int_equal(store_remove(f->store, STORE_ROOT, "file"), 0);
    put(f, STORE_ROOT, "file", "value");
    const struct entry *second = look(f, STORE_ROOT, "file");
    assert_int_not_equal(second->ino, first->ino);
    assert_true(second->version > first->version);
    assert_true(second->change > first->change);
    assert_int_equal(second->hits, 0);
}

static void expect_dir_place(struct fixture *f, uint64_t dir, uint64_t parent, const char *name)
{
    uint64_t is_in = 0;
    char is_called[STORE_NAME_MAX + 1] = "?";
    assert_int_equal(store_dir_place(f->store, dir, &is_in, is_called), 0);
    assert_int_equal(is_in, parent);
    assert_string_equal(is_called, name);
}

static void a_directory_tells_where_it_is(void **state)
{
    struct fixture *f = *state;
    uint64_t outer = make_dir(f, STORE_ROOT, "outer"), inner = make_dir(f, outer, name_255);
    expect_dir_place(f, STORE_ROOT, STORE_ROOT, "");
    expect_dir_place(f, outer, STORE_ROOT, "outer");
    expect_dir_place(f, inner, outer, name_255);
    assert_int_equal(store_rename(f->store, outer, name_255, STORE_ROOT, "moved", 0), 0);
    expect_dir_place(f, inner, STORE_ROOT, "moved");
    assert_int_equal(store_rename(f->store, STORE_ROOT, "moved", STORE_ROOT, "outer", STORE_EXCHANGE), 0);
    expect_dir_place(f, inner, STORE_ROOT, "outer");
    expect_dir_place(f, outer, STORE_ROOT, "moved");
    assert_int_equal(store_remove_dir(f->store, STORE_ROOT, "moved"), 0);
    uint64_t parent = 4711;
    char name[STORE_NAME_MAX + 1] = "untouched";
    assert_int_equal(store_dir_place(f->store, outer, &parent, name), -ENOENT);
    assert_int_equal(parent, 4711);
    assert_string_equal(name, "untouched");
}

int names_tests(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(malformed_names_are_einval),
        CONTRACT_TEST(names_of_256_bytes_are_too_long),
        CONTRACT_TEST(names_of_255_bytes_fit_everywhere),
        CONTRACT_TEST(names_are_bytes),
        CONTRACT_TEST(what_is_missing_is_enoent),
        CONTRACT_TEST(a_directory_that_never_was_is_enoent),
        CONTRACT_TEST(a_removed_directory_is_enoent),
        CONTRACT_TEST(a_replaced_directory_is_enoent),
        CONTRACT_TEST(a_file_is_no_directory),
        CONTRACT_TEST(the_root_is_there_from_the_start),
        CONTRACT_TEST(make_dir_answers_what_lookup_and_dir_say),
        CONTRACT_TEST(directories_nest),
        CONTRACT_TEST(equal_names_in_two_directories_are_two_entries),
        CONTRACT_TEST(making_over_what_is_there_is_eexist),
        CONTRACT_TEST(remove_dir_refuses_files_and_what_is_not_empty),
        CONTRACT_TEST(a_staged_version_does_not_keep_a_directory),
        CONTRACT_TEST(a_directorys_times_follow_its_names),
        CONTRACT_TEST(a_link_hands_out_its_target),
        CONTRACT_TEST(a_links_target_has_limits),
        CONTRACT_TEST(remove_takes_files_and_links_only),
        CONTRACT_TEST(what_is_made_again_is_new),
        CONTRACT_TEST(a_directory_tells_where_it_is),
    };
    return cmocka_run_group_tests_name("names", tests, NULL, NULL);
}
