/* SPDX-License-Identifier: MIT */
/* tags_test.c - the contract of tags: invalidating them, and listing what has them. */
#include "contract.h"

#include <time.h>

static void put_tagged(struct fixture *f, uint64_t dir, const char *name, const char *tags)
{
    put(f, dir, name, name);
    set_tags(f, dir, name, tags);
}

static void invalidate(struct fixture *f, const char *tag)
{
    assert_int_equal(store_invalidate_tag(f->store, tag), 0);
}

static int add_tag(void *arg, const char *tag)
{
    strcat(strcat(arg, tag), " ");
    return 0;
}

static void expect_tags(struct fixture *f, const char *after, const char *expected)
{
    char text[1024] = "";
    assert_int_equal(store_list_tags(f->store, after, add_tag, text), 0);
    assert_string_equal(text, expected);
}

struct tagged {
    char text[4096];
    uint64_t last, count;
};

static int add_name(void *arg, uint64_t dir, const char *name, const struct entry *entry)
{
    struct tagged *tagged = arg;
    (void)dir;
    strcat(strcat(tagged->text, name), " ");
    bool ordered = entry->version > tagged->last;
    tagged->last = entry->version;
    tagged->count++;
    return ordered ? 0 : -EILSEQ;
}

static void expect_tagged(struct fixture *f, const char *tag, const char *expected)
{
    struct tagged tagged = {0};
    assert_int_equal(store_list_tag(f->store, tag, 0, add_name, &tagged), 0);
    assert_string_equal(tagged.text, expected);
}

static int add_listed(void *arg, const char *name, const struct entry *entry)
{
    (void)entry;
    strcat(arg, name);
    return 0;
}

/* --- invalidating -------------------------------------------------------------------------------------- */

static void what_has_the_tag_is_gone_for_every_function(void **state)
{
    struct fixture *f = *state;
    uint64_t dir = make_dir(f, STORE_ROOT, "dir");
    put_tagged(f, dir, "a", "red,blue");
    put_tagged(f, dir, "b", "blue");
    struct store_version *version = pin(f, dir, "a"), *none = NULL;
    uint64_t id = store_version_id(version);
    invalidate(f, "red");
    assert_false(is_there(f, dir, "a"));
    assert_true(is_there(f, dir, "b"));
    assert_string_equal(list_names(f, dir, NULL), "b ");
    assert_int_equal(store_pin(f->store, dir, "a", STORE_HIT, &none), -ENOENT);
    assert_int_equal(store_pin_version(f->store, id, STORE_HIT, &none), -EAGAIN);
    assert_int_equal(store_remove(f->store, dir, "a"), -ENOENT);
    assert_int_equal(store_rename(f->store, dir, "a", dir, "c", 0), -ENOENT);
    assert_int_equal(store_rename(f->store, dir, "b", dir, "a", STORE_EXCHANGE), -ENOENT);
    assert_int_equal(store_rename(f->store, dir, "b", dir, "a", STORE_NOREPLACE), 0);
    assert_true(store_version_dead(version));
    expect_version_text(version, "a");
    expect_tagged(f, "red", "");
    expect_tagged(f, "blue", "a ");
}

static void warm_versions_are_dead_too(void **state)
{
    struct fixture *f = *state;
    put_tagged(f, STORE_ROOT, "a", "red");
    hit(f, STORE_ROOT, "a");
    uint64_t id = look(f, STORE_ROOT, "a")->version;
    struct store_version *version = NULL;
    assert_int_equal(store_pin_version(f->store, id, 0, &version), 0);
    store_unpin(version);
    invalidate(f, "red");
    assert_int_equal(store_pin_version(f->store, id, 0, &version), -EAGAIN);
}

static void what_is_published_later_lives(void **state)
{
    struct fixture *f = *state;
    put_tagged(f, STORE_ROOT, "over", "red");
    put_tagged(f, STORE_ROOT, "staged", "red");
    struct store_version *staged = stage(f, STORE_ROOT, "staged"); /* inherits the tag */
    write_text(staged, "new", 0);
    set_dir_defaults(f, STORE_ROOT, 0, 0, "red");
    struct store_version *early = stage(f, STORE_ROOT, "early");
    invalidate(f, "red");
    assert_int_equal(publish(staged, STORE_ROOT, "staged"), 0);
    assert_int_equal(publish(early, STORE_ROOT, "early"), 0);
    put(f, STORE_ROOT, "over", "again");
    put(f, STORE_ROOT, "later", "later");
    assert_int_equal(store_make_symlink(f->store, STORE_ROOT, "link", "target", 1, 1, NULL), 0);
    settle(f);
    expect_text(f, STORE_ROOT, "staged", "new");
    expect_text(f, STORE_ROOT, "over", "again");
    expect_text(f, STORE_ROOT, "later", "later");
    assert_string_equal(look(f, STORE_ROOT, "over")->tags, "red");
    assert_string_equal(list_names(f, STORE_ROOT, NULL), "early later link over staged ");
    invalidate(f, "red");
    assert_string_equal(list_names(f, STORE_ROOT, NULL), "");
}

static void an_overwrite_inherits_nothing_from_the_dead(void **state)
{
    struct fixture *f = *state;
    put_tagged(f, STORE_ROOT, "a", "red");
    set_ttl(f, STORE_ROOT, "a", 5000);
    uint64_t ino = look(f, STORE_ROOT, "a")->ino;
    invalidate(f, "red");
    put(f, STORE_ROOT, "a", "new");
    assert_string_equal(look(f, STORE_ROOT, "a")->tags, "");
    assert_int_equal(look(f, STORE_ROOT, "a")->ttl_ms, ENTRY_UNSET);
    assert_int_not_equal(look(f, STORE_ROOT, "a")->ino, ino);
}

static void a_tag_set_later_makes_a_member_that_lives(void **state)
{
    struct fixture *f = *state;
    put_tagged(f, STORE_ROOT, "old", "blue");
    put_tagged(f, STORE_ROOT, "red", "red");
    struct store_version *held = pin(f, STORE_ROOT, "red"); /* keeps the space from coming back at once */
    invalidate(f, "red");
    set_tags(f, STORE_ROOT, "old", "blue,red");
    assert_true(is_there(f, STORE_ROOT, "old"));
    expect_tagged(f, "red", "old ");
    settle(f);
    assert_true(is_there(f, STORE_ROOT, "old"));
    assert_false(is_there(f, STORE_ROOT, "red"));
    unpin(f, held);
    invalidate(f, "blue");
    assert_false(is_there(f, STORE_ROOT, "old"));
}

static void a_tag_taken_away_before_saves(void **state)
{
    struct fixture *f = *state;
    put_tagged(f, STORE_ROOT, "a", "red,blue");
    set_tags(f, STORE_ROOT, "a", "blue");
    invalidate(f, "red");
    settle(f);
    assert_true(is_there(f, STORE_ROOT, "a"));
}

static void nothing_brings_it_back(void **state)
{
    struct fixture *f = *state;
    put_tagged(f, STORE_ROOT, "a", "red");
    struct store_version *version = pin(f, STORE_ROOT, "a");
    invalidate(f, "red");
    struct entry_change set = {.set = ENTRY_SET_TAGS | ENTRY_RESTART, .tags = ""};
    assert_int_equal(store_change(version, &set), 0);
    write_text(version, "more", 0);
    assert_false(is_there(f, STORE_ROOT, "a"));
    assert_true(store_version_dead(version));
    unpin(f, version);
    settle(f);
    assert_false(is_there(f, STORE_ROOT, "a"));
    assert_int_equal(stats(f).items, 0);
}

static void writing_after_joining_does_not_save(void **state)
{
    struct fixture *f = *state;
    put_tagged(f, STORE_ROOT, "a", "red");
    struct store_version *version = pin(f, STORE_ROOT, "a");
    write_text(version, "written", 0);
    unpin(f, version);
    invalidate(f, "red");
    assert_false(is_there(f, STORE_ROOT, "a"));
    settle(f);
    assert_int_equal(stats(f).items, 0);
}

static void renamed_entries_keep_their_tags_and_die_by_them(void **state)
{
    struct fixture *f = *state;
    uint64_t dir = make_dir(f, STORE_ROOT, "dir");
    put_tagged(f, STORE_ROOT, "a", "red");
    assert_int_equal(store_rename(f->store, STORE_ROOT, "a", dir, "b", 0), 0);
    expect_tagged(f, "red", "b ");
    invalidate(f, "red");
    assert_false(is_there(f, dir, "b"));
    assert_int_equal(store_remove_dir(f->store, STORE_ROOT, "dir"), 0);
}

static void directories_with_the_tag_stay(void **state)
{
    struct fixture *f = *state;
    uint64_t dir = make_dir(f, STORE_ROOT, "dir");
    set_dir_defaults(f, dir, 0, 0, "red");
    put(f, dir, "a", "a");
    invalidate(f, "red");
    assert_true(is_dir_there(f, dir));
    assert_string_equal(look_dir(f, dir)->tags, "red");
    assert_string_equal(list_names(f, dir, NULL), "");
    put(f, dir, "b", "b");
    assert_string_equal(look(f, dir, "b")->tags, "red");
}

static void tags_are_whole_words(void **state)
{
    struct fixture *f = *state;
    put_tagged(f, STORE_ROOT, "a", "re,redder,xred,red x,Red,r\xc3\xa9");
    invalidate(f, "red");
    invalidate(f, "x");
    assert_true(is_there(f, STORE_ROOT, "a"));
    invalidate(f, "r\xc3\xa9");
    assert_false(is_there(f, STORE_ROOT, "a"));
}

static void the_space_comes_back_and_is_counted(void **state)
{
    struct fixture *f = *state;
    uint64_t bytes = stats(f).bytes;
    char name[16];
    for (int i = 0; i < 500; i++) {
        snprintf(name, sizeof name, "%d", i);
        put_tagged(f, STORE_ROOT, name, i % 2 ? "red,odd" : "red");
    }
    put_bytes(f, STORE_ROOT, "large", pattern(f, 300 * KIB, 1), 300 * KIB);
    set_tags(f, STORE_ROOT, "large", "red");
    invalidate(f, "red");
    settle(f);
    assert_int_equal(stats(f).bytes, bytes);
    assert_int_equal(stats(f).items, 0);
    assert_int_equal(stats(f).invalidated, 501);
    assert_int_equal(stats(f).expired + stats(f).evicted + stats(f).deletes, 0);
    assert_true(was_told_gone(f, STORE_ROOT, "499", STORE_GONE_TAG));
    expect_tags(f, NULL, "");
}

/* A clock that stands in the way of one thread: of whoever changes something, at a time when no other change can. */
struct gate {
    struct fixture *fixture;
    atomic_bool closed, reached, done;
};
static _Thread_local bool stops_at_gate;

static int64_t gate_now_ns(void *arg)
{
    struct gate *gate = arg;
    while (stops_at_gate && atomic_load(&gate->closed))
        atomic_store(&gate->reached, true);
    return atomic_load(&gate->fixture->now_ns);
}

static void *remove_at_gate(void *arg)
{
    struct gate *gate = arg;
    stops_at_gate = true;
    store_remove(gate->fixture->store, STORE_ROOT, "other");
    return NULL;
}

static void *invalidate_swept(void *arg)
{
    struct gate *gate = arg;
    store_invalidate_tag(gate->fixture->store, "red");
    atomic_store(&gate->done, true);
    return NULL;
}

static bool wait_for(const atomic_bool *flag)
{
    const struct timespec pause = {.tv_nsec = 1000000};
    for (int tries = 0; tries < 5000 && !atomic_load(flag); tries++)
        nanosleep(&pause, NULL);
    return atomic_load(flag);
}

/* To find that nothing has a tag takes long where much had it: no change waits for that, nor that for a change. */
static void to_look_for_what_was_swept_holds_up_nobody(void **state)
{
    struct fixture *f = *state;
    if (!f->on_disk)
        skip(); /* one lock, which everything takes */
    static struct gate gate; /* the store's until the teardown */
    pthread_t remover, invalidator;
    gate = (struct gate){.fixture = f};
    f->options.now_ns = gate_now_ns;
    f->options.now_arg = &gate;
    fixture_restart(f);
    put_tagged(f, STORE_ROOT, "swept", "red");
    put(f, STORE_ROOT, "other", "value");
    invalidate(f, "red");
    settle(f);
    atomic_store(&gate.closed, true);
    assert_int_equal(pthread_create(&remover, NULL, remove_at_gate, &gate), 0);
    bool reached = wait_for(&gate.reached), started = reached;
    started = started && pthread_create(&invalidator, NULL, invalidate_swept, &gate) == 0;
    bool done = started && wait_for(&gate.done);
    atomic_store(&gate.closed, false);
    pthread_join(remover, NULL);
    if (started)
        pthread_join(invalidator, NULL);
    assert_true(reached);
    assert_true(done);
    assert_false(is_there(f, STORE_ROOT, "other"));
}

static void two_invalidations_in_a_row(void **state)
{
    struct fixture *f = *state;
    put_tagged(f, STORE_ROOT, "a", "red");
    invalidate(f, "red");
    put_tagged(f, STORE_ROOT, "b", "red");
    invalidate(f, "red");
    invalidate(f, "red");
    put_tagged(f, STORE_ROOT, "c", "red");
    settle(f);
    assert_string_equal(list_names(f, STORE_ROOT, NULL), "c ");
    assert_int_equal(stats(f).invalidated, 2);
}

/* The keeper is about to kill it, and to forget why it is dead, while somebody looks. */
static void gone_stays_gone_while_its_space_comes_back(void **state)
{
    struct fixture *f = *state;
    struct entry entry;
    struct store_version *version;
    char names[64];
    unsigned seen = 0;
    set_dir_defaults(f, STORE_ROOT, 0, 0, "red");
    for (int i = 0; i < 3000 && seen == 0; i++) {
        put(f, STORE_ROOT, "a", "a");
        invalidate(f, "red");
        for (int look = 0; look < 8; look++) {
            struct tagged tagged = {0};
            names[0] = '\0';
            if (store_lookup(f->store, STORE_ROOT, "a", &entry) != -ENOENT)
                seen |= 1;
            if (store_pin(f->store, STORE_ROOT, "a", 0, &version) != -ENOENT)
                seen |= 2;
            (void)store_list(f->store, STORE_ROOT, NULL, add_listed, names);
            seen |= names[0] ? 4 : 0;
            (void)store_list_tag(f->store, "red", 0, add_name, &tagged);
            seen |= tagged.count ? 8 : 0;
        }
    }
    assert_int_equal(seen, 0);
}

static void a_full_store_takes_the_room_of_the_invalidated(void **state)
{
    struct fixture *f = *state;
    f->options.limit_bytes = 4 * MIB;
    f->options.policy = STORE_POLICY_NONE;
    fixture_restart(f);
    char name[16];
    int count = 0;
    do {
        snprintf(name, sizeof name, "%d", count++);
        set_dir_defaults(f, STORE_ROOT, 0, 0, "red");
    } while (try_put(f, STORE_ROOT, name, 'x', 100 * KIB) == 0);
    invalidate(f, "red");
    for (int i = 0; i < count - 1; i++) {
        snprintf(name, sizeof name, "new%d", i);
        assert_int_equal(try_put(f, STORE_ROOT, name, 'y', 100 * KIB), 0);
    }
    assert_int_equal(stats(f).evicted, 0);
}

static void an_invalidation_survives_a_reopen_without_settling(void **state)
{
    struct fixture *f = *state;
    if (!f->on_disk)
        return;
    char name[16];
    for (int i = 0; i < 300; i++) {
        snprintf(name, sizeof name, "%d", i);
        put_tagged(f, STORE_ROOT, name, "red");
    }
    put_tagged(f, STORE_ROOT, "blue", "blue");
    invalidate(f, "red");
    put_tagged(f, STORE_ROOT, "later", "red");
    fixture_reopen(f);
    assert_string_equal(list_names(f, STORE_ROOT, NULL), "blue later ");
    expect_tagged(f, "red", "later ");
    settle(f);
    fixture_reopen(f);
    assert_string_equal(list_names(f, STORE_ROOT, NULL), "blue later ");
    assert_int_equal(stats(f).items, 2);
}

static void what_is_no_tag_is_einval(void **state)
{
    struct fixture *f = *state;
    char long_tag[STORE_TAG_MAX + 2];
    memset(long_tag, 't', sizeof long_tag);
    long_tag[STORE_TAG_MAX + 1] = '\0';
    const char *const wrong[] = {"", ",", "a,b", "a/b", "a\n", "\x7f", ".", "..", long_tag};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(store_invalidate_tag(f->store, wrong[i]), -EINVAL);
        assert_int_equal(store_list_tag(f->store, wrong[i], 0, add_name, NULL), -EINVAL);
        if (wrong[i][0]) {
            put(f, STORE_ROOT, "a", "a");
            struct entry_change set = {.set = ENTRY_SET_TAGS, .tags = wrong[i]};
            if (!strchr(wrong[i], ',') || wrong[i][1] == '\0')
                assert_int_equal(change(f, STORE_ROOT, "a", &set), -EINVAL);
        }
    }
    long_tag[STORE_TAG_MAX] = '\0';
    invalidate(f, long_tag);
    invalidate(f, "nobody has it");
}

/* --- listing ------------------------------------------------------------------------------------------- */

static void tags_are_listed_in_order_while_something_has_them(void **state)
{
    struct fixture *f = *state;
    expect_tags(f, NULL, "");
    put_tagged(f, STORE_ROOT, "a", "red,blue,re");
    put_tagged(f, STORE_ROOT, "b", "red,\xff\xfe");
    expect_tags(f, NULL, "blue re red \xff\xfe ");
    expect_tags(f, "re", "red \xff\xfe ");
    expect_tags(f, "between", "blue re red \xff\xfe ");
    expect_tags(f, "\xff\xfe", "");
    set_ttl(f, STORE_ROOT, "b", 1000);
    advance_ms(f, 1000);
    expect_tags(f, NULL, "blue re red ");
    assert_int_equal(store_remove(f->store, STORE_ROOT, "a"), 0);
    expect_tags(f, NULL, "");
}

static void entries_of_a_tag_are_listed_by_version(void **state)
{
    struct fixture *f = *state;
    uint64_t dir = make_dir(f, STORE_ROOT, "dir");
    put_tagged(f, STORE_ROOT, "b", "red");
    put_tagged(f, dir, "a", "red");
    put_tagged(f, dir, "other", "redder");
    assert_int_equal(store_make_symlink(f->store, STORE_ROOT, "link", "target", 1, 1, NULL), 0);
    set_tags(f, STORE_ROOT, "link", "x,red");
    expect_tagged(f, "red", "b a link ");
    struct tagged tagged = {0};
    uint64_t first = look(f, STORE_ROOT, "b")->version;
    assert_int_equal(store_list_tag(f->store, "red", first, add_name, &tagged), 0);
    assert_string_equal(tagged.text, "a link ");
    memset(&tagged, 0, sizeof tagged);
    assert_int_equal(store_list_tag(f->store, "red", first - 1, add_name, &tagged), 0);
    assert_int_equal(tagged.count, 3);
    assert_int_equal(store_list_tag(f->store, "red", UINT64_MAX, add_name, &tagged), 0);
    assert_int_equal(tagged.count, 3);
    put(f, STORE_ROOT, "b", "again");
    expect_tagged(f, "red", "a link b ");
}

int tags_tests(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(what_has_the_tag_is_gone_for_every_function),
        CONTRACT_TEST(warm_versions_are_dead_too),
        CONTRACT_TEST(what_is_published_later_lives),
        CONTRACT_TEST(an_overwrite_inherits_nothing_from_the_dead),
        CONTRACT_TEST(a_tag_set_later_makes_a_member_that_lives),
        CONTRACT_TEST(a_tag_taken_away_before_saves),
        CONTRACT_TEST(nothing_brings_it_back),
        CONTRACT_TEST(writing_after_joining_does_not_save),
        CONTRACT_TEST(renamed_entries_keep_their_tags_and_die_by_them),
        CONTRACT_TEST(directories_with_the_tag_stay),
        CONTRACT_TEST(tags_are_whole_words),
        CONTRACT_TEST(the_space_comes_back_and_is_counted),
        CONTRACT_TEST(to_look_for_what_was_swept_holds_up_nobody),
        CONTRACT_TEST(two_invalidations_in_a_row),
        CONTRACT_TEST(gone_stays_gone_while_its_space_comes_back),
        CONTRACT_TEST(a_full_store_takes_the_room_of_the_invalidated),
        CONTRACT_TEST(an_invalidation_survives_a_reopen_without_settling),
        CONTRACT_TEST(what_is_no_tag_is_einval),
        CONTRACT_TEST(tags_are_listed_in_order_while_something_has_them),
        CONTRACT_TEST(entries_of_a_tag_are_listed_by_version),
    };
    return cmocka_run_group_tests_name("tags", tests, NULL, NULL);
}
