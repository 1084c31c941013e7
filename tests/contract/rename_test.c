/* SPDX-License-Identifier: MIT */
/* rename_test.c - the contract of store_rename(). */
#include "contract.h"

static int rename_in_root(struct fixture *f, const char *name, const char *new_name, unsigned flags)
{
    return store_rename(f->store, STORE_ROOT, name, STORE_ROOT, new_name, flags);
}

static void rename_carries_all_that_belongs_to_an_entry(void **state)
{
    struct fixture *f = *state;
    uint64_t dir = make_dir(f, STORE_ROOT, "dir");
    put(f, STORE_ROOT, "old", "value");
    set_ttl(f, STORE_ROOT, "old", 10 * SECOND);
    set_idle(f, STORE_ROOT, "old", 20 * SECOND);
    set_tags(f, STORE_ROOT, "old", "red,blue");
    set_xattr(f, STORE_ROOT, "old", "user.x", "1");
    hit(f, STORE_ROOT, "old");
    const struct entry *before = look(f, STORE_ROOT, "old");
    advance_ms(f, SECOND);
    assert_int_equal(store_rename(f->store, STORE_ROOT, "old", dir, "new", 0), 0);
    assert_false(is_there(f, STORE_ROOT, "old"));
    const struct entry *after = look(f, dir, "new");
    assert_int_equal(after->ino, before->ino);
    assert_int_equal(after->version, before->version);
    assert_int_equal(after->change, before->change);
    assert_int_equal(after->mode, before->mode);
    assert_int_equal(after->uid, before->uid);
    assert_int_equal(after->hits, 1);
    assert_int_equal(after->mtime_ns, before->mtime_ns);
    assert_int_equal(after->btime_ns, before->btime_ns);
    assert_int_equal(after->expires_ms, before->expires_ms);
    assert_int_equal(after->used_ms, before->used_ms);
    assert_int_equal(after->ttl_ms, 10 * SECOND);
    assert_int_equal(after->idle_ms, 20 * SECOND);
    assert_string_equal(after->tags, "red,blue");
    expect_xattr(after, "user.x", "1");
    expect_text(f, dir, "new", "value");
}

static void rename_replaces_a_file_and_all_that_belonged_to_it(void **state)
{
    struct fixture *f = *state;
    put(f, STORE_ROOT, "old", "moved");
    put(f, STORE_ROOT, "new", "replaced");
    set_tags(f, STORE_ROOT, "new", "gone");
    struct store_version *replaced = pin(f, STORE_ROOT, "new");
    uint64_t ino = look(f, STORE_ROOT, "old")->ino;
    assert_int_equal(rename_in_root(f, "old", "new", 0), 0);
    expect_text(f, STORE_ROOT, "new", "moved");
    assert_string_equal(look(f, STORE_ROOT, "new")->tags, "");
    assert_int_equal(look(f, STORE_ROOT, "new")->ino, ino);
    assert_string_equal(list_names(f, STORE_ROOT, NULL), "new ");
    assert_true(store_version_dead(replaced));
    expect_version_text(replaced, "replaced");
}

static void rename_replaces_links_both_ways(void **state)
{
    struct fixture *f = *state;
    put(f, STORE_ROOT, "file", "value");
    assert_int_equal(store_make_symlink(f->store, STORE_ROOT, "link", "to", 0, 0, NULL), 0);
    assert_int_equal(rename_in_root(f, "file", "link", 0), 0);
    assert_int_equal(look(f, STORE_ROOT, "link")->kind, ENTRY_FILE);
    assert_int_equal(store_make_symlink(f->store, STORE_ROOT, "link2", "to", 0, 0, NULL), 0);
    assert_int_equal(rename_in_root(f, "link2", "link", 0), 0);
    assert_int_equal(look(f, STORE_ROOT, "link")->kind, ENTRY_SYMLINK);
    expect_text(f, STORE_ROOT, "link", "to");
}

static void pins_follow_a_rename(void **state)
{
    struct fixture *f = *state;
    uint64_t dir = make_dir(f, STORE_ROOT, "dir");
    put(f, STORE_ROOT, "old", "value");
    struct store_version *version = pin(f, STORE_ROOT, "old");
    assert_int_equal(store_rename(f->store, STORE_ROOT, "old", dir, "new", 0), 0);
    assert_false(store_version_dead(version));
    write_text(version, "V", 0);
    expect_text(f, dir, "new", "Value");
    struct entry_change set = {.set = ENTRY_SET_MODE, .mode = 0400};
    assert_int_equal(store_change(version, &set), 0);
    assert_int_equal(look(f, dir, "new")->mode, 0400);
    assert_int_equal(store_remove(f->store, dir, "new"), 0);
    assert_true(store_version_dead(version));
}

static void noreplace_is_eexist_over_anything_there(void **state)
{
    struct fixture *f = *state;
    put(f, STORE_ROOT, "old", "value");
    put(f, STORE_ROOT, "file", "stays");
    make_dir(f, STORE_ROOT, "dir");
    assert_int_equal(rename_in_root(f, "old", "file", STORE_NOREPLACE), -EEXIST);
    assert_int_equal(rename_in_root(f, "old", "dir", STORE_NOREPLACE), -EEXIST);
    expect_text(f, STORE_ROOT, "file", "stays");
    expect_text(f, STORE_ROOT, "old", "value");
    assert_int_equal(rename_in_root(f, "old", "new", STORE_NOREPLACE), 0);
    expect_text(f, STORE_ROOT, "new", "value");
}

static void exchange_swaps_files(void **state)
{
    struct fixture *f = *state;
    uint64_t dir = make_dir(f, STORE_ROOT, "dir");
    put(f, STORE_ROOT, "a", "from root");
    put(f, dir, "b", "from dir");
    set_tags(f, STORE_ROOT, "a", "root");
    struct store_version *a = pin(f, STORE_ROOT, "a"), *b = pin(f, dir, "b");
    assert_int_equal(store_rename(f->store, STORE_ROOT, "a", dir, "b", STORE_EXCHANGE), 0);
    expect_text(f, STORE_ROOT, "a", "from dir");
    expect_text(f, dir, "b", "from root");
    assert_string_equal(look(f, dir, "b")->tags, "root");
    assert_string_equal(look(f, STORE_ROOT, "a")->tags, "");
    assert_false(store_version_dead(a));
    assert_false(store_version_dead(b));
    write_text(a, "FROM", 0);
    expect_text(f, dir, "b", "FROM root");
}

static void exchange_swaps_a_file_and_a_full_directory(void **state)
{
    struct fixture *f = *state;
    uint64_t dir = make_dir(f, STORE_ROOT, "dir"), below = make_dir(f, STORE_ROOT, "below");
    put(f, dir, "inside", "kept");
    put(f, below, "file", "value");
    assert_int_equal(store_rename(f->store, STORE_ROOT, "dir", below, "file", STORE_EXCHANGE), 0);
    expect_text(f, STORE_ROOT, "dir", "value");
    assert_int_equal(look(f, below, "file")->ino, dir);
    assert_int_equal(look_dir(f, dir)->parent, below);
    expect_text(f, dir, "inside", "kept");
}

static void exchange_needs_both(void **state)
{
    struct fixture *f = *state;
    put(f, STORE_ROOT, "a", "value");
    assert_int_equal(rename_in_root(f, "a", "b", STORE_EXCHANGE), -ENOENT);
    assert_int_equal(rename_in_root(f, "b", "a", STORE_EXCHANGE), -ENOENT);
    expect_text(f, STORE_ROOT, "a", "value");
}

static void both_flags_are_einval(void **state)
{
    struct fixture *f = *state;
    put(f, STORE_ROOT, "a", "value");
    put(f, STORE_ROOT, "b", "value");
    assert_int_equal(rename_in_root(f, "a", "b", STORE_NOREPLACE | STORE_EXCHANGE), -EINVAL);
}

static void a_directory_cannot_go_into_itself(void **state)
{
    struct fixture *f = *state;
    uint64_t a = make_dir(f, STORE_ROOT, "a"), b = make_dir(f, a, "b"), c = make_dir(f, b, "c");
    put(f, c, "file", "value");
    assert_int_equal(store_rename(f->store, STORE_ROOT, "a", a, "x", 0), -EINVAL);
    assert_int_equal(store_rename(f->store, STORE_ROOT, "a", c, "x", 0), -EINVAL);
    assert_int_equal(store_rename(f->store, STORE_ROOT, "a", c, "x", STORE_NOREPLACE), -EINVAL);
    assert_int_equal(store_rename(f->store, STORE_ROOT, "a", b, "c", STORE_EXCHANGE), -EINVAL);
    assert_int_equal(store_rename(f->store, b, "c", STORE_ROOT, "a", STORE_EXCHANGE), -EINVAL);
    assert_int_equal(store_rename(f->store, c, "file", STORE_ROOT, "a", STORE_EXCHANGE), -EINVAL);
    assert_int_equal(store_rename(f->store, b, "c", STORE_ROOT, "a", 0), -ENOTEMPTY);
    expect_text(f, c, "file", "value");
    assert_int_equal(look_dir(f, a)->parent, STORE_ROOT);
}

static void files_and_directories_do_not_replace_each_other(void **state)
{
    struct fixture *f = *state;
    put(f, STORE_ROOT, "file", "value");
    make_dir(f, STORE_ROOT, "dir");
    assert_int_equal(rename_in_root(f, "file", "dir", 0), -EISDIR);
    assert_int_equal(rename_in_root(f, "dir", "file", 0), -ENOTDIR);
    assert_string_equal(list_names(f, STORE_ROOT, NULL), "dir file ");
}

static void a_directory_replaces_only_an_empty_one(void **state)
{
    struct fixture *f = *state;
    uint64_t full = make_dir(f, STORE_ROOT, "full"), other = make_dir(f, STORE_ROOT, "other");
    put(f, full, "file", "value");
    assert_int_equal(rename_in_root(f, "other", "full", 0), -ENOTEMPTY);
    assert_int_equal(rename_in_root(f, "full", "other", 0), 0);
    assert_false(is_dir_there(f, other));
    expect_text(f, look(f, STORE_ROOT, "other")->ino, "file", "value");
    assert_int_equal(stats(f).directories, 1);
}

static void a_directory_replaces_one_whose_children_have_expired(void **state)
{
    struct fixture *f = *state;
    uint64_t old = make_dir(f, STORE_ROOT, "old"), moved = make_dir(f, STORE_ROOT, "moved");
    put(f, old, "file", "value");
    set_ttl(f, old, "file", 10);
    advance_ms(f, 10);
    assert_int_equal(rename_in_root(f, "moved", "old", 0), 0);
    assert_int_equal(look(f, STORE_ROOT, "old")->ino, moved);
    assert_false(is_dir_there(f, old));
    settle(f);
    assert_int_equal(stats(f).items, 0);
}

static void a_renamed_directory_takes_its_contents_along(void **state)
{
    struct fixture *f = *state;
    uint64_t a = make_dir(f, STORE_ROOT, "a"), b = make_dir(f, STORE_ROOT, "b"), below = make_dir(f, a, "below");
    put(f, below, "file", "value");
    struct store_version *version = stage(f, below, "other");
    assert_int_equal(store_rename(f->store, STORE_ROOT, "a", b, "moved", 0), 0);
    assert_false(is_there(f, STORE_ROOT, "a"));
    assert_int_equal(look(f, b, "moved")->ino, a);
    assert_int_equal(look(f, b, "moved")->parent, b);
    assert_int_equal(look_dir(f, a)->parent, b);
    assert_int_equal(publish(version, below, "other"), 0);
    assert_string_equal(list_names(f, below, NULL), "file other ");
}

static void both_places_the_same_changes_nothing(void **state)
{
    struct fixture *f = *state;
    uint64_t dir = make_dir(f, STORE_ROOT, "dir");
    put(f, STORE_ROOT, "file", "value");
    struct store_version *version = pin(f, STORE_ROOT, "file");
    assert_int_equal(rename_in_root(f, "file", "file", 0), 0);
    assert_int_equal(rename_in_root(f, "dir", "dir", 0), 0);
    assert_int_equal(rename_in_root(f, "file", "file", STORE_EXCHANGE), 0);
    assert_false(store_version_dead(version));
    expect_text(f, STORE_ROOT, "file", "value");
    assert_true(is_dir_there(f, dir));
    assert_int_equal(rename_in_root(f, "none", "none", 0), -ENOENT);
}

int rename_tests(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(rename_carries_all_that_belongs_to_an_entry),
        CONTRACT_TEST(rename_replaces_a_file_and_all_that_belonged_to_it),
        CONTRACT_TEST(rename_replaces_links_both_ways),
        CONTRACT_TEST(pins_follow_a_rename),
        CONTRACT_TEST(noreplace_is_eexist_over_anything_there),
        CONTRACT_TEST(exchange_swaps_files),
        CONTRACT_TEST(exchange_swaps_a_file_and_a_full_directory),
        CONTRACT_TEST(exchange_needs_both),
        CONTRACT_TEST(both_flags_are_einval),
        CONTRACT_TEST(a_directory_cannot_go_into_itself),
        CONTRACT_TEST(files_and_directories_do_not_replace_each_other),
        CONTRACT_TEST(a_directory_replaces_only_an_empty_one),
        CONTRACT_TEST(a_directory_replaces_one_whose_children_have_expired),
        CONTRACT_TEST(a_renamed_directory_takes_its_contents_along),
        CONTRACT_TEST(both_places_the_same_changes_nothing),
    };
    return cmocka_run_group_tests_name("rename", tests, NULL, NULL);
}
