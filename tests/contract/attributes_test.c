/* SPDX-License-Identifier: MIT */
/* attributes_test.c - the contract of store_change() and store_change_dir(): what a change does, and its errors. */
#include "contract.h"

/* How a tested change reaches an entry: by a pin of a file, or by a directory's id. */
static int change_file(struct fixture *f, const struct entry_change *set)
{
    return change(f, STORE_ROOT, "file", set);
}

static int change_dir(struct fixture *f, const struct entry_change *set)
{
    return store_change_dir(f->store, look(f, STORE_ROOT, "dir")->ino, set, NULL);
}

typedef int (*change_fn)(struct fixture *f, const struct entry_change *set);

static const struct way {
    const char *name;
    change_fn change;
} ways[] = {{"file", change_file}, {"dir", change_dir}};

enum { WAYS = 2 };

static void make_both(struct fixture *f)
{
    put(f, STORE_ROOT, "file", "value");
    make_dir(f, STORE_ROOT, "dir");
}

static void a_change_sets_the_fields_it_names(void **state)
{
    struct fixture *f = *state;
    make_both(f);
    for (size_t i = 0; i < WAYS; i++) {
        const struct entry *before = look(f, STORE_ROOT, ways[i].name);
        advance_ms(f, SECOND);
        struct entry_change set = {.set = ENTRY_SET_MODE | ENTRY_SET_MTIME, .mode = 0102755, .uid = 77, .mtime_ns = -5};
        assert_int_equal(ways[i].change(f, &set), 0);
        const struct entry *after = look(f, STORE_ROOT, ways[i].name);
        assert_int_equal(after->mode, 02755);
        assert_int_equal(after->mtime_ns, -5);
        assert_int_equal(after->uid, before->uid);
        assert_int_equal(after->gid, before->gid);
        assert_int_equal(after->atime_ns, before->atime_ns);
        assert_int_equal(after->btime_ns, before->btime_ns);
        assert_int_equal(after->ctime_ns, f->now_ns);
        set = (struct entry_change){
            .set = ENTRY_SET_UID | ENTRY_SET_GID | ENTRY_SET_ATIME, .uid = 5, .gid = UINT32_MAX, .atime_ns = 9};
        assert_int_equal(ways[i].change(f, &set), 0);
        after = look(f, STORE_ROOT, ways[i].name);
        assert_int_equal(after->mode, 02755);
        assert_int_equal(after->uid, 5);
        assert_int_equal(after->gid, UINT32_MAX);
        assert_int_equal(after->atime_ns, 9);
    }
}

static void a_change_is_no_publish(void **state)
{
    struct fixture *f = *state;
    put(f, STORE_ROOT, "file", "value");
    struct store_version *version = pin(f, STORE_ROOT, "file");
    const struct entry *before = look(f, STORE_ROOT, "file");
    set_tags(f, STORE_ROOT, "file", "red");
    const struct entry *after = look(f, STORE_ROOT, "file");
    assert_int_equal(after->version, before->version);
    assert_int_equal(after->change, before->change);
    assert_int_equal(after->mtime_ns, before->mtime_ns);
    assert_false(store_version_dead(version));
    assert_string_equal(look_version(f, version)->tags, "red");
    expect_text(f, STORE_ROOT, "file", "value");
}

static void change_dir_answers_how_it_is_afterwards(void **state)
{
    struct fixture *f = *state;
    uint64_t dir = make_dir(f, STORE_ROOT, "dir");
    struct entry entry = {0};
    struct entry_change set = {.set = ENTRY_SET_MODE | ENTRY_SET_TAGS, .mode = 0711, .tags = "red"};
    assert_int_equal(store_change_dir(f->store, dir, &set, &entry), 0);
    bool right = entry.kind == ENTRY_DIR && entry.ino == dir && entry.mode == 0711 && strcmp(entry.tags, "red") == 0;
    entry_release(&entry);
    assert_true(right);
    assert_int_equal(look_dir(f, dir)->mode, 0711);
    assert_int_equal(look(f, STORE_ROOT, "dir")->mode, 0711);
}

static void the_root_can_be_changed(void **state)
{
    struct fixture *f = *state;
    struct entry_change set = {
        .set = ENTRY_SET_MODE | ENTRY_SET_UID | ENTRY_SET_TTL, .mode = 01777, .uid = 5, .ttl_ms = 1000};
    assert_int_equal(store_change_dir(f->store, STORE_ROOT, &set, NULL), 0);
    assert_int_equal(look_dir(f, STORE_ROOT)->mode, 01777);
    assert_int_equal(look_dir(f, STORE_ROOT)->uid, 5);
    assert_int_equal(look_dir(f, STORE_ROOT)->ttl_ms, 1000);
    set = (struct entry_change){.set = ENTRY_SET_XATTR, .xattr_name = "user.x", .xattr_value = "root", .xattr_size = 4};
    assert_int_equal(store_change_dir(f->store, STORE_ROOT, &set, NULL), 0);
    expect_xattr(look_dir(f, STORE_ROOT), "user.x", "root");
}

static void links_have_attributes_too(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(store_make_symlink(f->store, STORE_ROOT, "link", "target", 3, 4, NULL), 0);
    set_tags(f, STORE_ROOT, "link", "red");
    set_xattr(f, STORE_ROOT, "link", "user.x", "1");
    struct entry_change set = {.set = ENTRY_SET_UID, .uid = 9};
    assert_int_equal(change(f, STORE_ROOT, "link", &set), 0);
    const struct entry *link = look(f, STORE_ROOT, "link");
    assert_int_equal(link->uid, 9);
    assert_string_equal(link->tags, "red");
    expect_xattr(link, "user.x", "1");
    expect_text(f, STORE_ROOT, "link", "target");
}

/* --- tags ---------------------------------------------------------------------------------------------- */

static void tags_keep_their_order_and_lose_duplicates(void **state)
{
    struct fixture *f = *state;
    make_both(f);
    for (size_t i = 0; i < WAYS; i++) {
        struct entry_change set = {.set = ENTRY_SET_TAGS, .tags = "red,blue,red,a b,blue,\xc3\xa4"};
        assert_int_equal(ways[i].change(f, &set), 0);
        assert_string_equal(look(f, STORE_ROOT, ways[i].name)->tags, "red,blue,a b,\xc3\xa4");
        assert_int_equal(look(f, STORE_ROOT, ways[i].name)->tags_size, 15);
        set.tags = "";
        assert_int_equal(ways[i].change(f, &set), 0);
        assert_string_equal(look(f, STORE_ROOT, ways[i].name)->tags, "");
    }
}

static void malformed_tags_are_einval_and_change_nothing(void **state)
{
    struct fixture *f = *state;
    char long_tag[STORE_TAG_MAX + 2];
    memset(long_tag, 't', sizeof long_tag);
    long_tag[STORE_TAG_MAX + 1] = '\0';
    const char *const wrong[] = {",", ",a", "a,", "a,,b", "a/b", "/", "a\n", "\x01", "a,b\x7f", "\t", long_tag};
    make_both(f);
    for (size_t i = 0; i < WAYS; i++) {
        struct entry_change set = {.set = ENTRY_SET_TAGS, .tags = "good"};
        assert_int_equal(ways[i].change(f, &set), 0);
        const struct entry *before = look(f, STORE_ROOT, ways[i].name);
        advance_ms(f, 1);
        for (size_t j = 0; j < sizeof wrong / sizeof *wrong; j++) {
            set = (struct entry_change){.set = ENTRY_SET_TAGS | ENTRY_SET_MODE, .mode = 0111, .tags = wrong[j]};
            assert_int_equal(ways[i].change(f, &set), -EINVAL);
        }
        const struct entry *after = look(f, STORE_ROOT, ways[i].name);
        assert_string_equal(after->tags, "good");
        assert_int_equal(after->mode, before->mode);
        assert_int_equal(after->ctime_ns, before->ctime_ns);
    }
}

static void tags_may_be_128_bytes_and_64_of_them(void **state)
{
    struct fixture *f = *state;
    char tags[STORE_TAGS_MAX * (STORE_TAG_MAX + 1) + 10], *at = tags;
    for (int i = 0; i < STORE_TAGS_MAX; i++)
        at += sprintf(at, "%s%0*d", i ? "," : "", STORE_TAG_MAX, i);
    make_both(f);
    for (size_t i = 0; i < WAYS; i++) {
        struct entry_change set = {.set = ENTRY_SET_TAGS, .tags = tags};
        strcpy(at, "");
        assert_int_equal(ways[i].change(f, &set), 0);
        assert_string_equal(look(f, STORE_ROOT, ways[i].name)->tags, tags);
        strcpy(at, ",more");
        assert_int_equal(ways[i].change(f, &set), -EINVAL);
    }
}

/* --- extended attributes ------------------------------------------------------------------------------- */

static struct entry_change xattr(const char *name, const void *value, size_t size, enum entry_xattr_how how)
{
    return (struct entry_change){
        .set = ENTRY_SET_XATTR, .xattr_name = name, .xattr_value = value, .xattr_size = size, .xattr_how = how};
}

static void xattrs_are_made_replaced_and_removed(void **state)
{
    struct fixture *f = *state;
    make_both(f);
    for (size_t i = 0; i < WAYS; i++) {
        struct entry_change set = xattr("user.a", "1", 1, ENTRY_XATTR_CREATE);
        assert_int_equal(ways[i].change(f, &set), 0);
        assert_int_equal(ways[i].change(f, &set), -EEXIST);
        set = xattr("user.a", "22", 2, ENTRY_XATTR_REPLACE);
        assert_int_equal(ways[i].change(f, &set), 0);
        set = xattr("user.b", "33", 2, ENTRY_XATTR_REPLACE);
        assert_int_equal(ways[i].change(f, &set), -ENODATA);
        set = xattr("user.b", "333", 3, ENTRY_XATTR_ANY);
        assert_int_equal(ways[i].change(f, &set), 0);
        set = xattr("user.c", "", 0, ENTRY_XATTR_ANY);
        assert_int_equal(ways[i].change(f, &set), 0);
        const struct entry *entry = look(f, STORE_ROOT, ways[i].name);
        expect_xattr(entry, "user.a", "22");
        expect_xattr(entry, "user.b", "333");
        expect_xattr(entry, "user.c", "");
        set = xattr("user.a", NULL, 0, ENTRY_XATTR_REMOVE);
        assert_int_equal(ways[i].change(f, &set), 0);
        assert_int_equal(ways[i].change(f, &set), -ENODATA);
        const uint8_t *value;
        size_t size;
        entry = look(f, STORE_ROOT, ways[i].name);
        assert_int_equal(entry_xattr_get(entry, "user.a", &value, &size), -ENODATA);
        expect_xattr(entry, "user.b", "333");
    }
}

static void xattrs_walk_in_full(void **state)
{
    struct fixture *f = *state;
    put(f, STORE_ROOT, "file", "value");
    char name[32];
    for (int i = 0; i < 50; i++) {
        snprintf(name, sizeof name, "user.%d", i);
        set_xattr(f, STORE_ROOT, "file", name, name + 5);
    }
    const struct entry *entry = look(f, STORE_ROOT, "file");
    const char *found;
    const uint8_t *value;
    size_t position = 0, name_size, value_size;
    int count = 0;
    while (entry_xattr_next(entry, &position, &found, &name_size, &value, &value_size)) {
        assert_int_equal(name_size, value_size + 5);
        assert_memory_equal(found + 5, value, value_size);
        count++;
    }
    assert_int_equal(count, 50);
}

static void xattr_names_have_1_to_255_bytes(void **state)
{
    struct fixture *f = *state;
    char name[257];
    memset(name, 'n', sizeof name);
    make_both(f);
    for (size_t i = 0; i < WAYS; i++) {
        struct entry_change set = xattr(name, "v", 1, ENTRY_XATTR_ANY);
        name[255] = '\0';
        assert_int_equal(ways[i].change(f, &set), 0);
        expect_xattr(look(f, STORE_ROOT, ways[i].name), name, "v");
        name[255] = 'n';
        name[256] = '\0';
        assert_int_equal(ways[i].change(f, &set), -EINVAL);
        set.xattr_name = "";
        assert_int_equal(ways[i].change(f, &set), -EINVAL);
    }
}

static void more_than_64_kib_of_xattrs_is_enospc(void **state)
{
    struct fixture *f = *state;
    uint8_t *value = pattern(f, STORE_XATTRS_MAX + 1, 1);
    make_both(f);
    for (size_t i = 0; i < WAYS; i++) {
        struct entry_change set = xattr("user.x", value, STORE_XATTRS_MAX + 1, ENTRY_XATTR_ANY);
        assert_int_equal(ways[i].change(f, &set), -ENOSPC);
        set = xattr("user.x", value, STORE_XATTRS_MAX - 1000, ENTRY_XATTR_ANY);
        assert_int_equal(ways[i].change(f, &set), 0);
        set = xattr("user.y", value, 1001, ENTRY_XATTR_ANY);
        assert_int_equal(ways[i].change(f, &set), -ENOSPC);
        set = xattr("user.y", value, 900, ENTRY_XATTR_ANY);
        assert_int_equal(ways[i].change(f, &set), 0);
        set = xattr("user.x", value, STORE_XATTRS_MAX - 900, ENTRY_XATTR_REPLACE);
        assert_int_equal(ways[i].change(f, &set), -ENOSPC);
        const struct entry *entry = look(f, STORE_ROOT, ways[i].name);
        const uint8_t *got;
        size_t size;
        assert_int_equal(entry_xattr_get(entry, "user.x", &got, &size), 0);
        assert_int_equal(size, STORE_XATTRS_MAX - 1000);
        assert_memory_equal(got, value, size);
    }
}

static void a_deadline_on_a_directory_is_einval(void **state)
{
    struct fixture *f = *state;
    make_both(f);
    struct entry_change set = {.set = ENTRY_SET_EXPIRES | ENTRY_SET_MODE, .expires_ms = 1, .mode = 0111};
    assert_int_equal(change_dir(f, &set), -EINVAL);
    assert_int_equal(look(f, STORE_ROOT, "dir")->mode, 0755);
}

/* --- of a staged version ------------------------------------------------------------------------------- */

static void a_staged_version_takes_changes_and_refuses_wrong_ones(void **state)
{
    struct fixture *f = *state;
    struct store_version *version = stage(f, STORE_ROOT, "new");
    struct entry_change set = {.set = ENTRY_SET_MODE | ENTRY_SET_TAGS, .mode = 0604, .tags = "red"};
    assert_int_equal(store_change(version, &set), 0);
    set.tags = "a,,b";
    set.mode = 0111;
    assert_int_equal(store_change(version, &set), -EINVAL);
    set = xattr("user.x", "1", 1, ENTRY_XATTR_REPLACE);
    assert_int_equal(store_change(version, &set), -ENODATA);
    assert_int_equal(look_version(f, version)->mode, 0604);
    assert_int_equal(publish(version, STORE_ROOT, "new"), 0);
    assert_int_equal(look(f, STORE_ROOT, "new")->mode, 0604);
    assert_string_equal(look(f, STORE_ROOT, "new")->tags, "red");
}

int attributes_tests(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(a_change_sets_the_fields_it_names),
        CONTRACT_TEST(a_change_is_no_publish),
        CONTRACT_TEST(change_dir_answers_how_it_is_afterwards),
        CONTRACT_TEST(the_root_can_be_changed),
        CONTRACT_TEST(links_have_attributes_too),
        CONTRACT_TEST(tags_keep_their_order_and_lose_duplicates),
        CONTRACT_TEST(malformed_tags_are_einval_and_change_nothing),
        CONTRACT_TEST(tags_may_be_128_bytes_and_64_of_them),
        CONTRACT_TEST(xattrs_are_made_replaced_and_removed),
        CONTRACT_TEST(xattrs_walk_in_full),
        CONTRACT_TEST(xattr_names_have_1_to_255_bytes),
        CONTRACT_TEST(more_than_64_kib_of_xattrs_is_enospc),
        CONTRACT_TEST(a_deadline_on_a_directory_is_einval),
        CONTRACT_TEST(a_staged_version_takes_changes_and_refuses_wrong_ones),
    };
    return cmocka_run_group_tests_name("attributes", tests, NULL, NULL);
}
