/* SPDX-License-Identifier: MIT */
/* versions_test.c - the contract of versions: staging, publishing, pinning, dying. */
#include "contract.h"

/* --- staging ------------------------------------------------------------------------------------------- */

static void a_staged_version_is_private(void **state)
{
    struct fixture *f = *state;
    struct store_version *version = stage(f, STORE_ROOT, "new"), *none = NULL;
    write_text(version, "value", 0);
    assert_false(is_there(f, STORE_ROOT, "new"));
    assert_int_equal(store_pin(f->store, STORE_ROOT, "new", 0, &none), -ENOENT);
    assert_int_equal(store_remove(f->store, STORE_ROOT, "new"), -ENOENT);
    assert_false(store_version_dead(version));
    expect_version_text(version, "value");
    assert_int_equal(look_version(f, version)->size, 5);
    assert_int_equal(stats(f).items, 0);
}

static void a_staged_version_leaves_the_old_value_alone(void **state)
{
    struct fixture *f = *state;
    put(f, STORE_ROOT, "file", "old");
    const struct entry *before = look(f, STORE_ROOT, "file");
    struct store_version *version = stage(f, STORE_ROOT, "file");
    write_text(version, "new value", 0);
    expect_text(f, STORE_ROOT, "file", "old");
    assert_int_equal(look(f, STORE_ROOT, "file")->version, before->version);
    unpin(f, version);
    expect_text(f, STORE_ROOT, "file", "old");
    assert_int_equal(look(f, STORE_ROOT, "file")->change, before->change);
}

static void a_version_never_published_vanishes_with_its_last_pin(void **state)
{
    struct fixture *f = *state;
    settle(f);
    uint64_t bytes = stats(f).bytes;
    struct store_version *version = stage(f, STORE_ROOT, "new");
    assert_int_equal(store_write(version, pattern(f, 300 * KIB, 1), 300 * KIB, 0), 0);
    assert_true(stats(f).bytes >= bytes + 300 * KIB);
    unpin(f, version);
    settle(f);
    assert_int_equal(stats(f).bytes, bytes);
    assert_int_equal(stats(f).pinned, 0);
    assert_false(is_there(f, STORE_ROOT, "new"));
}

static void staging_a_new_file_starts_with_what_is_given(void **state)
{
    struct fixture *f = *state;
    struct store_version *version = NULL;
    assert_int_equal(store_stage(f->store, STORE_ROOT, "new", 0107654, 7, 8, &version), 0);
    struct entry entry = {0};
    int result = store_version_entry(version, &entry);
    struct entry copy = entry;
    entry_release(&entry);
    store_unpin(version);
    assert_int_equal(result, 0);
    assert_int_equal(copy.kind, ENTRY_FILE);
    assert_int_equal(copy.mode, 07654);
    assert_int_equal(copy.uid, 7);
    assert_int_equal(copy.gid, 8);
    assert_int_equal(copy.size, 0);
    assert_int_equal(copy.btime_ns, f->now_ns);
    assert_true(copy.ino > STORE_ROOT);
    assert_true(copy.version > 0);
}

static void staging_over_a_file_starts_with_its_attributes(void **state)
{
    struct fixture *f = *state;
    put(f, STORE_ROOT, "file", "old value");
    struct entry_change set = {.set = ENTRY_SET_MODE | ENTRY_SET_UID, .mode = 0604, .uid = 42};
    assert_int_equal(change(f, STORE_ROOT, "file", &set), 0);
    set_ttl(f, STORE_ROOT, "file", 5000);
    set_idle(f, STORE_ROOT, "file", 6000);
    set_tags(f, STORE_ROOT, "file", "red");
    set_xattr(f, STORE_ROOT, "file", "user.x", "1");
    const struct entry *old = look(f, STORE_ROOT, "file");
    advance_ms(f, SECOND);
    const struct entry *staged = look_version(f, stage(f, STORE_ROOT, "file"));
    assert_int_equal(staged->ino, old->ino);
    assert_int_equal(staged->mode, 0604);
    assert_int_equal(staged->uid, 42);
    assert_int_equal(staged->gid, 12);
    assert_int_equal(staged->ttl_ms, 5000);
    assert_int_equal(staged->idle_ms, 6000);
    assert_string_equal(staged->tags, "red");
    expect_xattr(staged, "user.x", "1");
    assert_int_equal(staged->btime_ns, old->btime_ns);
    assert_int_equal(staged->size, 0);
    assert_int_not_equal(staged->version, old->version);
}

static void staging_over_a_directory_is_eisdir(void **state)
{
    struct fixture *f = *state;
    struct store_version *version = NULL;
    make_dir(f, STORE_ROOT, "dir");
    assert_int_equal(store_stage(f->store, STORE_ROOT, "dir", 0644, 0, 0, &version), -EISDIR);
    assert_null(version);
}

static void stages_of_one_place_are_independent(void **state)
{
    struct fixture *f = *state;
    struct store_version *a = stage(f, STORE_ROOT, "file"), *b = stage(f, STORE_ROOT, "file");
    write_text(a, "from a", 0);
    write_text(b, "from b, longer", 0);
    assert_int_equal(publish(b, STORE_ROOT, "file"), 0);
    expect_text(f, STORE_ROOT, "file", "from b, longer");
    assert_int_equal(publish(a, STORE_ROOT, "file"), 0);
    expect_text(f, STORE_ROOT, "file", "from a");
    assert_true(store_version_dead(b));
    expect_version_text(b, "from b, longer");
    assert_int_equal(stats(f).items, 1);
}

/* --- publishing ---------------------------------------------------------------------------------------- */

static void publish_replaces_at_once_and_keeps_ino_and_hits(void **state)
{
    struct fixture *f = *state;
    put(f, STORE_ROOT, "file", "old");
    hit(f, STORE_ROOT, "file");
    hit(f, STORE_ROOT, "file");
    const struct entry *old = look(f, STORE_ROOT, "file");
    advance_ms(f, SECOND);
    struct store_version *version = stage(f, STORE_ROOT, "file");
    write_text(version, "newer", 0);
    advance_ms(f, SECOND);
    assert_int_equal(publish(version, STORE_ROOT, "file"), 0);
    const struct entry *new = look(f, STORE_ROOT, "file");
    assert_int_equal(new->ino, old->ino);
    assert_int_equal(new->hits, 2);
    assert_int_equal(new->btime_ns, old->btime_ns);
    assert_true(new->version > old->version);
    assert_true(new->change > old->change);
    assert_int_equal(new->used_ms, now_ms(f));
    assert_int_equal(new->size, 5);
    assert_true(new->mtime_ns > old->mtime_ns);
    expect_text(f, STORE_ROOT, "file", "newer");
    assert_int_equal(stats(f).items, 1);
}

static void publish_takes_over_what_changed_since_the_stage(void **state)
{
    struct fixture *f = *state;
    put(f, STORE_ROOT, "file", "old");
    set_tags(f, STORE_ROOT, "file", "before");
    struct store_version *version = stage(f, STORE_ROOT, "file");
    struct entry_change set = {
        .set = ENTRY_SET_MODE | ENTRY_SET_UID | ENTRY_SET_GID, .mode = 0606, .uid = 61, .gid = 62};
    assert_int_equal(change(f, STORE_ROOT, "file", &set), 0);
    set_tags(f, STORE_ROOT, "file", "since");
    set_ttl(f, STORE_ROOT, "file", 5000);
    set_idle(f, STORE_ROOT, "file", 6000);
    set_xattr(f, STORE_ROOT, "file", "user.since", "1");
    assert_int_equal(publish(version, STORE_ROOT, "file"), 0);
    const struct entry *new = look(f, STORE_ROOT, "file");
    assert_int_equal(new->mode, 0606);
    assert_int_equal(new->uid, 61);
    assert_int_equal(new->gid, 62);
    assert_int_equal(new->ttl_ms, 5000);
    assert_int_equal(new->idle_ms, 6000);
    assert_string_equal(new->tags, "since");
    expect_xattr(new, "user.since", "1");
}

static void publish_takes_over_from_a_file_that_came_after_the_stage(void **state)
{
    struct fixture *f = *state;
    struct store_version *version = stage(f, STORE_ROOT, "file");
    put(f, STORE_ROOT, "file", "came first");
    set_tags(f, STORE_ROOT, "file", "red");
    uint64_t ino = look(f, STORE_ROOT, "file")->ino;
    assert_int_equal(publish(version, STORE_ROOT, "file"), 0);
    assert_int_equal(look(f, STORE_ROOT, "file")->ino, ino);
    assert_string_equal(look(f, STORE_ROOT, "file")->tags, "red");
    assert_int_equal(stats(f).items, 1);
}

static void publish_keeps_what_was_changed_on_the_staged_version(void **state)
{
    struct fixture *f = *state;
    put(f, STORE_ROOT, "file", "old");
    struct store_version *version = stage(f, STORE_ROOT, "file");
    struct entry_change set = {.set = ENTRY_SET_MODE | ENTRY_SET_TTL | ENTRY_SET_TAGS | ENTRY_SET_MTIME,
                               .mode = 0600,
                               .ttl_ms = 7000,
                               .tags = "mine",
                               .mtime_ns = 123456789};
    assert_int_equal(store_change(version, &set), 0);
    set = (struct entry_change){.set = ENTRY_SET_XATTR, .xattr_name = "user.mine", .xattr_value = "1", .xattr_size = 1};
    assert_int_equal(store_change(version, &set), 0);
    assert_int_equal(look(f, STORE_ROOT, "file")->mode, 0640);
    set = (struct entry_change){.set = ENTRY_SET_MODE | ENTRY_SET_GID, .mode = 0777, .gid = 99};
    assert_int_equal(change(f, STORE_ROOT, "file", &set), 0);
    set_tags(f, STORE_ROOT, "file", "theirs");
    set_xattr(f, STORE_ROOT, "file", "user.theirs", "1");
    assert_int_equal(publish(version, STORE_ROOT, "file"), 0);
    const struct entry *new = look(f, STORE_ROOT, "file");
    assert_int_equal(new->mode, 0600);
    assert_int_equal(new->gid, 99);
    assert_int_equal(new->ttl_ms, 7000);
    assert_int_equal(new->expires_ms, now_ms(f) + 7000);
    assert_string_equal(new->tags, "mine");
    assert_int_equal(new->mtime_ns, 123456789);
    expect_xattr(new, "user.mine", "1");
}

static void publish_keeps_a_deadline_set_on_the_staged_version(void **state)
{
    struct fixture *f = *state;
    struct store_version *version = stage(f, STORE_ROOT, "file");
    struct entry_change set = {.set = ENTRY_SET_EXPIRES, .expires_ms = now_ms(f) + 5000};
    assert_int_equal(store_change(version, &set), 0);
    advance_ms(f, 1000);
    assert_int_equal(publish(version, STORE_ROOT, "file"), 0);
    assert_int_equal(look(f, STORE_ROOT, "file")->expires_ms, now_ms(f) + 4000);
    advance_ms(f, 4000);
    assert_false(is_there(f, STORE_ROOT, "file"));
}

static void publish_fresh_takes_nothing_over(void **state)
{
    struct fixture *f = *state;
    put(f, STORE_ROOT, "file", "old");
    set_tags(f, STORE_ROOT, "file", "red");
    set_ttl(f, STORE_ROOT, "file", 5000);
    set_xattr(f, STORE_ROOT, "file", "user.x", "1");
    struct entry_change set = {.set = ENTRY_SET_MODE, .mode = 0600};
    assert_int_equal(change(f, STORE_ROOT, "file", &set), 0);
    hit(f, STORE_ROOT, "file");
    struct store_version *version = stage(f, STORE_ROOT, "temporary");
    write_text(version, "new", 0);
    const struct entry *staged = look_version(f, version);
    assert_int_equal(store_publish(version, STORE_ROOT, "file", STORE_FRESH), 0);
    const struct entry *new = look(f, STORE_ROOT, "file");
    assert_int_equal(new->ino, staged->ino);
    assert_int_equal(new->mode, 0640);
    assert_int_equal(new->ttl_ms, ENTRY_UNSET);
    assert_string_equal(new->tags, "");
    assert_int_equal(new->xattrs_size, 0);
    assert_int_equal(new->hits, 0);
    expect_text(f, STORE_ROOT, "file", "new");
    assert_int_equal(stats(f).items, 1);
}

static void publish_fresh_without_anything_there_is_a_publish(void **state)
{
    struct fixture *f = *state;
    struct store_version *version = stage(f, STORE_ROOT, "file");
    assert_int_equal(store_publish(version, STORE_ROOT, "file", STORE_FRESH | STORE_NOREPLACE), 0);
    assert_true(is_there(f, STORE_ROOT, "file"));
}

static void publish_noreplace_has_one_winner(void **state)
{
    struct fixture *f = *state;
    struct store_version *a = stage(f, STORE_ROOT, "file"), *b = stage(f, STORE_ROOT, "file");
    write_text(a, "a", 0);
    write_text(b, "b", 0);
    assert_int_equal(store_publish(a, STORE_ROOT, "file", STORE_NOREPLACE), 0);
    assert_int_equal(store_publish(b, STORE_ROOT, "file", STORE_NOREPLACE), -EEXIST);
    expect_text(f, STORE_ROOT, "file", "a");
    assert_false(store_version_dead(b));
    assert_int_equal(store_publish(b, STORE_ROOT, "other", STORE_NOREPLACE), 0);
    expect_text(f, STORE_ROOT, "other", "b");
}

static void publish_over_a_directory_is_eisdir(void **state)
{
    struct fixture *f = *state;
    struct store_version *version = stage(f, STORE_ROOT, "file");
    write_text(version, "value", 0);
    make_dir(f, STORE_ROOT, "file");
    assert_int_equal(publish(version, STORE_ROOT, "file"), -EISDIR);
    assert_int_equal(store_publish(version, STORE_ROOT, "file", STORE_FRESH), -EISDIR);
    assert_int_equal(store_publish(version, STORE_ROOT, "file", STORE_NOREPLACE), -EEXIST);
    assert_int_equal(publish(version, STORE_ROOT, "other"), 0);
    expect_text(f, STORE_ROOT, "other", "value");
}

static void publish_over_a_link_takes_nothing_from_it(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(store_make_symlink(f->store, STORE_ROOT, "name", "target", 3, 4, NULL), 0);
    struct store_version *link = pin(f, STORE_ROOT, "name"), *version = stage(f, STORE_ROOT, "name");
    write_text(version, "value", 0);
    assert_int_equal(publish(version, STORE_ROOT, "name"), 0);
    const struct entry *entry = look(f, STORE_ROOT, "name");
    assert_int_equal(entry->kind, ENTRY_FILE);
    assert_int_equal(entry->mode, 0640);
    assert_int_equal(entry->uid, 11);
    assert_true(store_version_dead(link));
    expect_version_text(link, "target");
    expect_text(f, STORE_ROOT, "name", "value");
    assert_int_equal(stats(f).items, 1);
}

static void publish_happens_once(void **state)
{
    struct fixture *f = *state;
    struct store_version *version = stage(f, STORE_ROOT, "file");
    assert_int_equal(publish(version, STORE_ROOT, "file"), 0);
    assert_int_equal(publish(version, STORE_ROOT, "file"), -EINVAL);
    assert_int_equal(publish(version, STORE_ROOT, "other"), -EINVAL);
    assert_int_equal(publish(pin(f, STORE_ROOT, "file"), STORE_ROOT, "other"), -EINVAL);
    assert_int_equal(store_remove(f->store, STORE_ROOT, "file"), 0);
    assert_int_equal(publish(version, STORE_ROOT, "file"), -EINVAL);
    assert_string_equal(list_names(f, STORE_ROOT, NULL), "");
}

static void publish_refuses_unknown_flags(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(store_publish(stage(f, STORE_ROOT, "file"), STORE_ROOT, "file", STORE_EXCHANGE), -EINVAL);
}

static void a_version_may_be_published_elsewhere_than_staged(void **state)
{
    struct fixture *f = *state;
    uint64_t dir = make_dir(f, STORE_ROOT, "dir");
    struct store_version *version = stage(f, STORE_ROOT, "temporary");
    write_text(version, "value", 0);
    assert_int_equal(publish(version, dir, "final"), 0);
    assert_string_equal(list_names(f, STORE_ROOT, NULL), "dir ");
    expect_text(f, dir, "final", "value");
}

static void a_version_whose_file_was_removed_publishes_as_it_was(void **state)
{
    struct fixture *f = *state;
    put(f, STORE_ROOT, "file", "old");
    set_tags(f, STORE_ROOT, "file", "red");
    hit(f, STORE_ROOT, "file");
    struct store_version *version = stage(f, STORE_ROOT, "file");
    assert_int_equal(store_remove(f->store, STORE_ROOT, "file"), 0);
    assert_int_equal(publish(version, STORE_ROOT, "file"), 0);
    assert_int_equal(look(f, STORE_ROOT, "file")->hits, 0);
    assert_string_equal(look(f, STORE_ROOT, "file")->tags, "red");
    assert_int_equal(look(f, STORE_ROOT, "file")->size, 0);
}

static void an_ino_is_never_in_use_twice(void **state)
{
    struct fixture *f = *state;
    put(f, STORE_ROOT, "file", "old");
    uint64_t ino = look(f, STORE_ROOT, "file")->ino;
    struct store_version *version = stage(f, STORE_ROOT, "file"), *elsewhere = stage(f, STORE_ROOT, "file");
    assert_int_equal(publish(elsewhere, STORE_ROOT, "elsewhere"), 0);
    assert_int_not_equal(look(f, STORE_ROOT, "elsewhere")->ino, ino);
    assert_int_equal(store_rename(f->store, STORE_ROOT, "file", STORE_ROOT, "moved", 0), 0);
    assert_int_equal(publish(version, STORE_ROOT, "file"), 0);
    assert_int_not_equal(look(f, STORE_ROOT, "file")->ino, ino);
    assert_int_equal(look(f, STORE_ROOT, "moved")->ino, ino);
}

static void the_pin_of_a_publish_is_one_of_a_published_version(void **state)
{
    struct fixture *f = *state;
    struct store_version *version = stage(f, STORE_ROOT, "file");
    write_text(version, "value", 0);
    assert_int_equal(publish(version, STORE_ROOT, "file"), 0);
    assert_false(store_version_dead(version));
    write_text(version, "V", 0);
    expect_text(f, STORE_ROOT, "file", "Value");
    struct entry_change set = {.set = ENTRY_SET_MODE, .mode = 0444};
    assert_int_equal(store_change(version, &set), 0);
    assert_int_equal(look(f, STORE_ROOT, "file")->mode, 0444);
    put(f, STORE_ROOT, "file", "next");
    assert_true(store_version_dead(version));
    expect_version_text(version, "Value");
}

static void version_and_change_only_grow(void **state)
{
    struct fixture *f = *state;
    uint64_t version = 0, change_number = 0;
    for (int i = 0; i < 20; i++) {
        put(f, STORE_ROOT, i % 2 ? "a" : "b", "value");
        const struct entry *entry = look(f, STORE_ROOT, i % 2 ? "a" : "b");
        assert_true(entry->version > version);
        assert_true(entry->change > change_number);
        version = entry->version;
        change_number = entry->change;
    }
}

/* --- pinning ------------------------------------------------------------------------------------------- */

static void pinning_a_directory_is_eisdir(void **state)
{
    struct fixture *f = *state;
    struct store_version *version = NULL;
    make_dir(f, STORE_ROOT, "dir");
    assert_int_equal(store_pin(f->store, STORE_ROOT, "dir", STORE_HIT, &version), -EISDIR);
    assert_null(version);
}

static void a_pin_is_the_published_version(void **state)
{
    struct fixture *f = *state;
    put(f, STORE_ROOT, "file", "value");
    set_tags(f, STORE_ROOT, "file", "red");
    const struct entry *found = look(f, STORE_ROOT, "file");
    struct store_version *version = pin(f, STORE_ROOT, "file");
    const struct entry *entry = look_version(f, version);
    assert_int_equal(entry->ino, found->ino);
    assert_int_equal(entry->version, found->version);
    assert_int_equal(entry->change, found->change);
    assert_int_equal(entry->size, 5);
    assert_string_equal(entry->tags, "red");
    assert_null(entry->value);
    assert_false(store_version_dead(version));
    assert_int_equal(stats(f).pinned, 1);
    struct store_version *second = pin(f, STORE_ROOT, "file");
    assert_int_equal(stats(f).pinned, 1);
    unpin(f, version);
    expect_version_text(second, "value");
    unpin(f, second);
    assert_int_equal(stats(f).pinned, 0);
    expect_text(f, STORE_ROOT, "file", "value");
}

static void all_pins_share_what_is_in_a_version(void **state)
{
    struct fixture *f = *state;
    put(f, STORE_ROOT, "file", "value");
    struct store_version *a = pin(f, STORE_ROOT, "file"), *b = pin(f, STORE_ROOT, "file");
    write_text(a, "V", 0);
    expect_version_text(b, "Value");
    assert_int_equal(store_remove(f->store, STORE_ROOT, "file"), 0);
    write_text(b, "dead!", 0);
    expect_version_text(a, "dead!");
    unpin(f, a);
    expect_version_text(b, "dead!");
}

/* A pinned version of `size` bytes lives on after `die` took its name. */
static void expect_pin_outlives(struct fixture *f, size_t size, void (*die)(struct fixture *f))
{
    uint8_t *value = pattern(f, size, 5);
    settle(f);
    put_bytes(f, STORE_ROOT, "file", value, size);
    struct store_version *version = pin(f, STORE_ROOT, "file");
    uint64_t id = look_version(f, version)->version;
    die(f);
    assert_true(store_version_dead(version));
    expect_version(version, value, size);
    settle(f);
    expect_version(version, value, size);
    assert_int_equal(look_version(f, version)->size, size);
    assert_int_equal(look_version(f, version)->version, id);
    uint64_t held = stats(f).bytes;
    unpin(f, version);
    settle(f);
    assert_int_equal(stats(f).bytes, held - size);
    if (is_there(f, STORE_ROOT, "file"))
        assert_int_equal(store_remove(f->store, STORE_ROOT, "file"), 0);
}

static void die_removed(struct fixture *f)
{
    assert_int_equal(store_remove(f->store, STORE_ROOT, "file"), 0);
}

static void die_replaced(struct fixture *f)
{
    put(f, STORE_ROOT, "file", "successor");
}

static void die_renamed_over(struct fixture *f)
{
    put(f, STORE_ROOT, "other", "successor");
    assert_int_equal(store_rename(f->store, STORE_ROOT, "other", STORE_ROOT, "file", 0), 0);
}

static void die_expired(struct fixture *f)
{
    set_ttl(f, STORE_ROOT, "file", 10);
    advance_ms(f, 10);
}

static void die_of_a_deadline_in_the_past(struct fixture *f)
{
    struct entry_change set = {.set = ENTRY_SET_EXPIRES, .expires_ms = now_ms(f) - 1};
    assert_int_equal(change(f, STORE_ROOT, "file", &set), 0);
}

static const size_t sizes[] = {0, 1, 4096, 4097, 100000, 3 << 20};

static void expect_pin_outlives_at_any_size(struct fixture *f, void (*die)(struct fixture *f))
{
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        expect_pin_outlives(f, sizes[i], die);
}

static void a_removed_version_is_whole_while_pinned(void **state)
{
    expect_pin_outlives_at_any_size(*state, die_removed);
}

static void a_replaced_version_is_whole_while_pinned(void **state)
{
    expect_pin_outlives_at_any_size(*state, die_replaced);
}

static void a_version_renamed_over_is_whole_while_pinned(void **state)
{
    expect_pin_outlives_at_any_size(*state, die_renamed_over);
}

static void an_expired_version_is_whole_while_pinned(void **state)
{
    expect_pin_outlives_at_any_size(*state, die_expired);
}

static void a_version_ended_by_its_deadline_is_whole_while_pinned(void **state)
{
    expect_pin_outlives_at_any_size(*state, die_of_a_deadline_in_the_past);
}

static void writes_to_a_dead_version_are_private(void **state)
{
    struct fixture *f = *state;
    put(f, STORE_ROOT, "file", "old value");
    struct store_version *version = pin(f, STORE_ROOT, "file");
    put(f, STORE_ROOT, "file", "new value");
    const struct entry *new = look(f, STORE_ROOT, "file");
    write_text(version, "OLD", 0);
    write_text(version, "!", STORE_AT_END);
    expect_version_text(version, "OLD value!");
    assert_int_equal(store_resize(version, 3), 0);
    expect_version_text(version, "OLD");
    assert_int_equal(store_write(version, pattern(f, 20000, 1), 20000, 3), 0);
    assert_int_equal(look_version(f, version)->size, 20003);
    expect_text(f, STORE_ROOT, "file", "new value");
    assert_int_equal(look(f, STORE_ROOT, "file")->change, new->change);
}

static void changes_to_a_dead_version_are_its_own(void **state)
{
    struct fixture *f = *state;
    put(f, STORE_ROOT, "file", "old");
    struct store_version *version = pin(f, STORE_ROOT, "file");
    put(f, STORE_ROOT, "file", "new");
    struct entry_change set = {.set = ENTRY_SET_MODE | ENTRY_SET_TAGS, .mode = 0400, .tags = "dead"};
    assert_int_equal(store_change(version, &set), 0);
    assert_int_equal(look_version(f, version)->mode, 0400);
    assert_string_equal(look_version(f, version)->tags, "dead");
    assert_int_equal(look(f, STORE_ROOT, "file")->mode, 0640);
    assert_string_equal(look(f, STORE_ROOT, "file")->tags, "");
    assert_true(store_version_dead(version));
}

static void a_name_made_again_is_not_the_dead_version(void **state)
{
    struct fixture *f = *state;
    put(f, STORE_ROOT, "file", "first");
    struct store_version *first = pin(f, STORE_ROOT, "file");
    assert_int_equal(store_remove(f->store, STORE_ROOT, "file"), 0);
    put(f, STORE_ROOT, "file", "second");
    assert_true(store_version_dead(first));
    assert_int_equal(store_write(first, "FIRST", 5, 0), 0);
    expect_text(f, STORE_ROOT, "file", "second");
    expect_version_text(first, "FIRST");
}

static void a_version_lives_until_its_last_pin_is_let_go(void **state)
{
    struct fixture *f = *state;
    struct store_version *staged = stage(f, STORE_ROOT, "file");
    assert_ptr_equal(repin(f, staged), staged);
    write_text(staged, "value", 0);
    unpin(f, staged);
    expect_version_text(staged, "value");
    assert_int_equal(publish(staged, STORE_ROOT, "file"), 0);
    struct store_version *again = repin(f, staged);
    unpin(f, staged);
    assert_int_equal(store_remove(f->store, STORE_ROOT, "file"), 0);
    expect_version_text(again, "value");
    repin(f, again);
    unpin(f, again);
    expect_version_text(again, "value");
    unpin(f, again);
    settle(f);
    assert_int_equal(stats(f).bytes, 0);
    assert_int_equal(stats(f).pinned, 0);
}

static void a_versions_id_is_known_from_the_stage_on(void **state)
{
    struct fixture *f = *state;
    struct store_version *staged = stage(f, STORE_ROOT, "file");
    uint64_t id = store_version_id(staged);
    assert_int_equal(look_version(f, staged)->version, id);
    assert_int_equal(publish(staged, STORE_ROOT, "file"), 0);
    assert_int_equal(look(f, STORE_ROOT, "file")->version, id);
    assert_int_equal(store_version_id(pin(f, STORE_ROOT, "file")), id);
    assert_int_equal(store_make_symlink(f->store, STORE_ROOT, "link", "to", 0, 0, NULL), 0);
    assert_int_equal(store_version_id(pin(f, STORE_ROOT, "link")), look(f, STORE_ROOT, "link")->version);
    assert_int_equal(store_remove(f->store, STORE_ROOT, "file"), 0);
    assert_int_equal(store_version_id(staged), id);
}

static void hits_are_counted_for_gets_only(void **state)
{
    struct fixture *f = *state;
    put(f, STORE_ROOT, "file", "value");
    assert_int_equal(look(f, STORE_ROOT, "file")->hits, 0);
    hit(f, STORE_ROOT, "file");
    hit(f, STORE_ROOT, "file");
    pin(f, STORE_ROOT, "file");
    list_names(f, STORE_ROOT, NULL);
    assert_int_equal(look(f, STORE_ROOT, "file")->hits, 2);
    assert_int_equal(stats(f).hits, 2);
}

static void letting_nothing_go_is_harmless(void **state)
{
    (void)state;
    store_unpin(NULL);
    store_close(NULL);
    struct entry entry = {0};
    entry_release(&entry);
    entry_release(&entry);
}

int versions_tests(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(a_staged_version_is_private),
        CONTRACT_TEST(a_staged_version_leaves_the_old_value_alone),
        CONTRACT_TEST(a_version_never_published_vanishes_with_its_last_pin),
        CONTRACT_TEST(staging_a_new_file_starts_with_what_is_given),
        CONTRACT_TEST(staging_over_a_file_starts_with_its_attributes),
        CONTRACT_TEST(staging_over_a_directory_is_eisdir),
        CONTRACT_TEST(stages_of_one_place_are_independent),
        CONTRACT_TEST(publish_replaces_at_once_and_keeps_ino_and_hits),
        CONTRACT_TEST(publish_takes_over_what_changed_since_the_stage),
        CONTRACT_TEST(publish_takes_over_from_a_file_that_came_after_the_stage),
        CONTRACT_TEST(publish_keeps_what_was_changed_on_the_staged_version),
        CONTRACT_TEST(publish_keeps_a_deadline_set_on_the_staged_version),
        CONTRACT_TEST(publish_fresh_takes_nothing_over),
        CONTRACT_TEST(publish_fresh_without_anything_there_is_a_publish),
        CONTRACT_TEST(publish_noreplace_has_one_winner),
        CONTRACT_TEST(publish_over_a_directory_is_eisdir),
        CONTRACT_TEST(publish_over_a_link_takes_nothing_from_it),
        CONTRACT_TEST(publish_happens_once),
        CONTRACT_TEST(publish_refuses_unknown_flags),
        CONTRACT_TEST(a_version_may_be_published_elsewhere_than_staged),
        CONTRACT_TEST(a_version_whose_file_was_removed_publishes_as_it_was),
        CONTRACT_TEST(an_ino_is_never_in_use_twice),
        CONTRACT_TEST(the_pin_of_a_publish_is_one_of_a_published_version),
        CONTRACT_TEST(version_and_change_only_grow),
        CONTRACT_TEST(pinning_a_directory_is_eisdir),
        CONTRACT_TEST(a_pin_is_the_published_version),
        CONTRACT_TEST(all_pins_share_what_is_in_a_version),
        CONTRACT_TEST(a_removed_version_is_whole_while_pinned),
        CONTRACT_TEST(a_replaced_version_is_whole_while_pinned),
        CONTRACT_TEST(a_version_renamed_over_is_whole_while_pinned),
        CONTRACT_TEST(an_expired_version_is_whole_while_pinned),
        CONTRACT_TEST(a_version_ended_by_its_deadline_is_whole_while_pinned),
        CONTRACT_TEST(writes_to_a_dead_version_are_private),
        CONTRACT_TEST(changes_to_a_dead_version_are_its_own),
        CONTRACT_TEST(a_name_made_again_is_not_the_dead_version),
        CONTRACT_TEST(a_version_lives_until_its_last_pin_is_let_go),
        CONTRACT_TEST(a_versions_id_is_known_from_the_stage_on),
        CONTRACT_TEST(hits_are_counted_for_gets_only),
        CONTRACT_TEST(letting_nothing_go_is_harmless),
    };
    return cmocka_run_group_tests_name("versions", tests, NULL, NULL);
}
