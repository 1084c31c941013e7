/* SPDX-License-Identifier: MIT */
/* open_test.c - the contract of opening and closing, and of what survives them. What needs a disk is skipped for
 * "mem:". */
#include "contract.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void skip_unless_on_disk(const struct fixture *f)
{
    if (!f->on_disk)
        skip();
}

/* Opening `url` fails with `expected` and a sentence, and leaves the output alone. */
static void expect_open_fails(const struct fixture *f, const char *url, int expected)
{
    struct store_error error = {""};
    struct store *store = NULL;
    assert_int_equal(store_open(url, &f->options, &store, &error), expected);
    assert_null(store);
    assert_true(strlen(error.text) > 0);
}

static void expect_open_of_path_fails(const struct fixture *f, const char *path, int expected)
{
    char url[400];
    snprintf(url, sizeof url, "rocksdb:%s/%s", f->dir, path);
    expect_open_fails(f, url, expected);
    snprintf(url, sizeof url, "%s/%s", f->dir, path);
    expect_open_fails(f, url, expected);
}

static void an_unknown_scheme_is_einval(void **state)
{
    expect_open_fails(*state, "memcached:host", -EINVAL);
    expect_open_fails(*state, "memory:", -EINVAL);
    expect_open_fails(*state, "me:", -EINVAL);
    expect_open_fails(*state, "mem:path", -EINVAL);
}

static void limits_out_of_range_are_einval(void **state)
{
    struct fixture *f = *state;
    struct store_options good = f->options;
    f->options.limit_bytes = MIB - 1;
    expect_open_fails(f, "mem:", -EINVAL);
    f->options.limit_bytes = 0;
    expect_open_fails(f, "mem:", -EINVAL);
    f->options.limit_bytes = (uint64_t)INT64_MAX + 1;
    expect_open_fails(f, "mem:", -EINVAL);
    f->options = good;
    f->options.limit_items = (uint64_t)INT64_MAX + 1;
    expect_open_fails(f, "mem:", -EINVAL);
    f->options = good;
    f->options.limit_bytes = MIB;
    f->options.limit_items = 1;
    fixture_restart(f);
    assert_int_equal(stats(f).limit_bytes, MIB);
    assert_int_equal(stats(f).limit_items, 1);
}

static void policies_have_names(void **state)
{
    (void)state;
    static const char *const names[] = {"sieve", "lru", "lfu", "fifo", "ttl", "none"};
    static const enum store_policy policies[] = {STORE_POLICY_SIEVE, STORE_POLICY_LRU, STORE_POLICY_LFU,
                                                 STORE_POLICY_FIFO,  STORE_POLICY_TTL, STORE_POLICY_NONE};
    for (size_t i = 0; i < STORE_POLICIES; i++) {
        enum store_policy parsed = STORE_POLICY_SIEVE;
        assert_string_equal(store_policy_name(policies[i]), names[i]);
        assert_int_equal(store_policy_parse(names[i], &parsed), 0);
        assert_int_equal(parsed, policies[i]);
    }
    enum store_policy untouched = STORE_POLICY_FIFO;
    assert_int_equal(store_policy_parse("mru", &untouched), -EINVAL);
    assert_int_equal(store_policy_parse("", &untouched), -EINVAL);
    assert_int_equal(untouched, STORE_POLICY_FIFO);
}

static void sync_succeeds(void **state)
{
    struct fixture *f = *state;
    put(f, STORE_ROOT, "file", "value");
    assert_int_equal(store_sync(f->store), 0);
}

static void without_a_clock_it_is_now(void **state)
{
    struct fixture *f = *state;
    f->options.now_ns = NULL;
    fixture_restart(f);
    put(f, STORE_ROOT, "file", "value");
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t age_ns = now.tv_sec * 1000000000LL + now.tv_nsec - look(f, STORE_ROOT, "file")->btime_ns;
    assert_true(age_ns >= 0 && age_ns < 60 * 1000000000LL);
}

/* --- places on disk ------------------------------------------------------------------------------------ */

static void a_new_store_is_private_to_its_owner(void **state)
{
    struct fixture *f = *state;
    skip_unless_on_disk(f);
    char path[300];
    struct stat status;
    snprintf(path, sizeof path, "%s/store", f->dir);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0700);
}

static void a_plain_path_is_a_store_on_disk(void **state)
{
    struct fixture *f = *state;
    skip_unless_on_disk(f);
    snprintf(f->url, sizeof f->url, "%s/plain", f->dir);
    fixture_reopen(f);
    put(f, STORE_ROOT, "file", "value");
    snprintf(f->url, sizeof f->url, "rocksdb:%s/plain", f->dir);
    fixture_reopen(f);
    expect_text(f, STORE_ROOT, "file", "value");
}

static void an_empty_directory_becomes_a_store(void **state)
{
    struct fixture *f = *state;
    skip_unless_on_disk(f);
    char path[300];
    snprintf(path, sizeof path, "%s/empty", f->dir);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(f->url, sizeof f->url, "rocksdb:%s", path);
    fixture_reopen(f);
    put(f, STORE_ROOT, "file", "value");
}

static void a_wrong_path_fails_as_the_path_has_it(void **state)
{
    struct fixture *f = *state;
    skip_unless_on_disk(f);
    char path[300];
    snprintf(path, sizeof path, "%s/file", f->dir);
    int file = open(path, O_CREAT | O_WRONLY, 0600);
    assert_true(file >= 0);
    close(file);
    expect_open_of_path_fails(f, "missing/store", -ENOENT);
    expect_open_of_path_fails(f, "file", -ENOTDIR);
    expect_open_of_path_fails(f, "file/store", -ENOTDIR);
}

static void a_full_directory_that_is_no_store_is_euclean(void **state)
{
    struct fixture *f = *state;
    skip_unless_on_disk(f);
    char path[300];
    snprintf(path, sizeof path, "%s/full", f->dir);
    assert_int_equal(mkdir(path, 0700), 0);
    strcat(path, "/something");
    int file = open(path, O_CREAT | O_WRONLY, 0600);
    assert_true(file >= 0);
    close(file);
    expect_open_of_path_fails(f, "full", -EUCLEAN);
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
}

static void an_existing_store_is_never_made(void **state)
{
    struct fixture *f = *state;
    struct stat status;
    char path[300];
    f->options.existing = true;
    if (!f->on_disk) {
        struct store *store;
        struct store_error error;
        assert_int_equal(store_open("mem:", &f->options, &store, &error), -ENOENT);
        return;
    }
    fixture_reopen(f);
    put(f, STORE_ROOT, "file", "value");
    expect_open_of_path_fails(f, "nothing", -ENOENT);
    snprintf(path, sizeof path, "%s/nothing", f->dir);
    assert_int_equal(stat(path, &status), -1);
    assert_int_equal(mkdir(path, 0700), 0);
    expect_open_of_path_fails(f, "nothing", -ENOENT);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    strcat(path, "/something");
    assert_int_equal(mkdir(path, 0700), 0);
    expect_open_of_path_fails(f, "nothing", -ENOENT);
}

static void make_empty_file(const char *dir, const char *name)
{
    char path[400];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    int file = open(path, O_CREAT | O_WRONLY, 0600);
    assert_true(file >= 0);
    close(file);
}

static void what_a_crash_left_of_a_first_opening_is_opened(void **state)
{
    struct fixture *f = *state;
    skip_unless_on_disk(f);
    char path[300], url[400];
    struct store_error error = {""};
    struct store *store = NULL;
    snprintf(path, sizeof path, "%s/begun", f->dir);
    snprintf(url, sizeof url, "rocksdb:%s", path);
    assert_int_equal(mkdir(path, 0700), 0);
    make_empty_file(path, "larder.lock");
    make_empty_file(path, "larder.format.new");
    assert_int_equal(store_open(url, &f->options, &store, &error), 0);
    store_close(store);
}

struct opener {
    pthread_t thread;
    pthread_barrier_t *barrier;
    const struct fixture *fixture;
    const char *url;
    struct store *store;
    int result;
};

static void *open_at_once(void *arg)
{
    struct opener *opener = arg;
    struct store_error error = {""};
    pthread_barrier_wait(opener->barrier);
    opener->result = store_open(opener->url, &opener->fixture->options, &opener->store, &error);
    return NULL;
}

/* Who comes too late is told that it is in use, at whatever point of its making. */
static void of_many_who_make_a_store_at_once_one_has_it(void **state)
{
    enum { OPENERS = 4, ROUNDS = 15 };
    struct fixture *f = *state;
    skip_unless_on_disk(f);
    pthread_barrier_t barrier;
    pthread_barrier_init(&barrier, NULL, OPENERS);
    int wins = 0, busy = 0;
    for (int round = 0; round < ROUNDS; round++) {
        struct opener openers[OPENERS];
        char url[400];
        snprintf(url, sizeof url, "rocksdb:%s/new%d", f->dir, round);
        for (int i = 0; i < OPENERS; i++) {
            openers[i] = (struct opener){.barrier = &barrier, .fixture = f, .url = url};
            assert_int_equal(pthread_create(&openers[i].thread, NULL, open_at_once, &openers[i]), 0);
        }
        for (int i = 0; i < OPENERS; i++)
            pthread_join(openers[i].thread, NULL);
        for (int i = 0; i < OPENERS; i++) {
            store_close(openers[i].store);
            wins += openers[i].result == 0;
            busy += openers[i].result == -EBUSY;
        }
    }
    pthread_barrier_destroy(&barrier);
    assert_int_equal(wins, ROUNDS);
    assert_int_equal(busy, ROUNDS * (OPENERS - 1));
}

static void an_unreadable_directory_is_eacces(void **state)
{
    struct fixture *f = *state;
    skip_unless_on_disk(f);
    if (geteuid() == 0)
        skip();
    char path[300];
    snprintf(path, sizeof path, "%s/closed", f->dir);
    assert_int_equal(mkdir(path, 0), 0);
    expect_open_of_path_fails(f, "closed/store", -EACCES);
}

/* --- several processes --------------------------------------------------------------------------------- */

enum { DURABLE = 200 };

static bool put_durable(struct fixture *f)
{
    char name[16];
    for (int i = 0; i < DURABLE; i++) {
        snprintf(name, sizeof name, "%d", i);
        if (try_put(f, STORE_ROOT, name, i, (size_t)i * 100) < 0)
            return false;
    }
    if (store_rename(f->store, STORE_ROOT, "1", STORE_ROOT, "renamed", 0) < 0)
        return false;
    struct store_version *version;
    return store_remove(f->store, STORE_ROOT, "2") == 0 &&
           store_stage(f->store, STORE_ROOT, "staged", 0644, 0, 0, &version) == 0 && store_resize(version, 500000) == 0;
}

enum { LARGE_PIECES = 40, LARGE_REWRITTEN = 37 }; /* so large that parts of it are not logged */

/* A piece is 1 MiB and a bit, of one byte. */
static size_t large_piece(uint8_t *piece, int number)
{
    memset(piece, number + 1, MIB + 11);
    return MIB + 11;
}

static bool put_large(struct fixture *f)
{
    uint8_t *piece = malloc(MIB + 11);
    struct store_version *version, *unpublished;
    if (!piece || store_stage(f->store, STORE_ROOT, "large", 0644, 0, 0, &version) < 0 ||
        store_stage(f->store, STORE_ROOT, "unpublished", 0644, 0, 0, &unpublished) < 0)
        return false;
    int result = 0;
    for (int i = 0; i < LARGE_PIECES && result == 0; i++) {
        size_t size = large_piece(piece, i);
        result = store_write(version, piece, size, (uint64_t)i * size);
        if (result == 0)
            result = store_write(unpublished, piece, size, (uint64_t)i * size);
    }
    size_t size = large_piece(piece, 100);
    if (result == 0)
        result = store_write(version, piece, size, LARGE_REWRITTEN * (uint64_t)size);
    if (result == 0)
        result = store_publish(version, STORE_ROOT, "large", 0);
    if (result == 0) /* and once more, live */
        result = store_write(version, "live", 4, 5 * (uint64_t)size);
    free(piece);
    return result == 0;
}

int open_tests_child(const char *work, const char *url)
{
    struct fixture f = {.options.limit_bytes = 256 * MIB};
    struct store_error error;
    if (store_open(url, &f.options, &f.store, &error) < 0) {
        fprintf(stderr, "%s\n", error.text);
        return 1;
    }
    if (strcmp(work, "put") == 0 && !put_durable(&f))
        return 1;
    if (strcmp(work, "put large") == 0 && !put_large(&f))
        return 1;
    if (write(STDOUT_FILENO, "y", 1) == 1)
        for (;;)
            pause();
    return 1;
}

static void kill_child(pid_t child)
{
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

/* Starts this program anew, as open_tests_child(), with its standard output in a pipe; a fork would take over half of
 * the threads that a store has had. Returns when the work is done; the child lives on until kill_child(). */
static pid_t start_child(struct fixture *f, const char *work)
{
    char *const argv[] = {"contract", "child", (char *)work, f->url, NULL};
    posix_spawn_file_actions_t actions;
    pid_t child;
    int ready[2];
    char answer = 0;
    store_close(f->store);
    f->store = NULL;
    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ready[1], STDOUT_FILENO);
    int result = posix_spawn(&child, "/proc/self/exe", &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ready[1]);
    bool heard = result == 0 && read(ready[0], &answer, 1) == 1;
    close(ready[0]);
    if (result == 0 && !heard)
        kill_child(child);
    assert_int_equal(result, 0);
    assert_true(heard);
    return child;
}

static void a_store_in_use_is_ebusy_and_names_who(void **state)
{
    struct fixture *f = *state;
    skip_unless_on_disk(f);
    struct store_error error = {""};
    struct store *store = NULL;
    char pid[20];
    pid_t child = start_child(f, "hold");
    int result = store_open(f->url, &f->options, &store, &error);
    kill_child(child);
    store_close(store);
    snprintf(pid, sizeof pid, "%d", (int)child);
    assert_int_equal(result, -EBUSY);
    assert_non_null(strstr(error.text, pid));
    fixture_reopen(f); /* the death of the other frees it */
}

static void what_was_acknowledged_survives_a_kill(void **state)
{
    struct fixture *f = *state;
    skip_unless_on_disk(f);
    kill_child(start_child(f, "put"));
    fixture_reopen(f);
    char name[16];
    uint8_t *value = pattern(f, DURABLE * 100, 0);
    for (int i = 3; i < DURABLE; i++) {
        snprintf(name, sizeof name, "%d", i);
        memset(value, i, DURABLE * 100);
        expect_bytes(f, STORE_ROOT, name, value, (size_t)i * 100);
    }
    assert_true(is_there(f, STORE_ROOT, "renamed"));
    assert_false(is_there(f, STORE_ROOT, "1"));
    assert_false(is_there(f, STORE_ROOT, "2"));
    assert_false(is_there(f, STORE_ROOT, "staged"));
    settle(f);
    assert_int_equal(stats(f).items, DURABLE - 1);
    for (int i = 3; i < DURABLE; i++) {
        snprintf(name, sizeof name, "%d", i);
        assert_int_equal(store_remove(f->store, STORE_ROOT, name), 0);
    }
    assert_int_equal(store_remove(f->store, STORE_ROOT, "0"), 0);
    assert_int_equal(store_remove(f->store, STORE_ROOT, "renamed"), 0);
    settle(f);
    assert_int_equal(stats(f).bytes, 0);
}

static void a_large_value_survives_a_kill(void **state)
{
    struct fixture *f = *state;
    skip_unless_on_disk(f);
    kill_child(start_child(f, "put large"));
    fixture_reopen(f);
    assert_false(is_there(f, STORE_ROOT, "unpublished"));
    uint8_t *piece = malloc(MIB + 11), *got = malloc(MIB + 11);
    assert_non_null(piece);
    assert_non_null(got);
    struct store_version *version;
    assert_int_equal(store_pin(f->store, STORE_ROOT, "large", 0, &version), 0);
    bool equal = true;
    for (int i = 0; i < LARGE_PIECES && equal; i++) {
        size_t size = large_piece(piece, i == LARGE_REWRITTEN ? 100 : i), got_size = 0;
        if (i == 5)
            memcpy(piece, "live", 4);
        equal = store_read(version, got, size, (uint64_t)i * size, &got_size) == 0 && got_size == size &&
                memcmp(got, piece, size) == 0;
    }
    store_unpin(version);
    free(piece);
    free(got);
    assert_true(equal);
    assert_int_equal(look(f, STORE_ROOT, "large")->size, LARGE_PIECES * (MIB + 11));
    assert_int_equal(store_remove(f->store, STORE_ROOT, "large"), 0);
    settle(f);
    assert_int_equal(stats(f).bytes, 0);
}

/* --- through a close ----------------------------------------------------------------------------------- */

static void everything_persists_through_a_close(void **state)
{
    struct fixture *f = *state;
    skip_unless_on_disk(f);
    uint64_t dir = make_dir(f, STORE_ROOT, "dir"), below = make_dir(f, dir, "below");
    set_dir_defaults(f, dir, 100 * SECOND, 200 * SECOND, "red,blue");
    put(f, below, "small", "value");
    uint8_t *large = malloc(MIB);
    assert_non_null(large);
    memcpy(large, pattern(f, MIB, 1), MIB);
    put_bytes(f, STORE_ROOT, "large", large, MIB);
    assert_int_equal(store_make_symlink(f->store, dir, "link", "target", 3, 4, NULL), 0);
    set_xattr(f, below, "small", "user.x", "1");
    advance_ms(f, SECOND);
    hit(f, below, "small");
    settle(f);
    struct store_stats before = stats(f);
    struct entry small = *look(f, below, "small");
    fixture_reopen(f);
    struct store_stats after = stats(f);
    expect_bytes(f, STORE_ROOT, "large", large, MIB);
    free(large);
    assert_int_equal(after.bytes, before.bytes);
    assert_int_equal(after.items, before.items);
    assert_int_equal(after.directories, before.directories);
    assert_int_equal(after.hits, 0);
    assert_int_equal(look(f, STORE_ROOT, "dir")->ino, dir);
    assert_int_equal(look(f, dir, "below")->ino, below);
    assert_int_equal(look_dir(f, dir)->ttl_ms, 100 * SECOND);
    assert_string_equal(look_dir(f, dir)->tags, "red,blue");
    expect_text(f, dir, "link", "target");
    expect_text(f, below, "small", "value");
    const struct entry *entry = look(f, below, "small");
    assert_int_equal(entry->ino, small.ino);
    assert_int_equal(entry->version, small.version);
    assert_int_equal(entry->change, small.change);
    assert_int_equal(entry->mode, small.mode);
    assert_int_equal(entry->mtime_ns, small.mtime_ns);
    assert_int_equal(entry->btime_ns, small.btime_ns);
    assert_int_equal(entry->expires_ms, small.expires_ms);
    assert_int_equal(entry->used_ms, small.used_ms);
    assert_int_equal(entry->hits, small.hits);
    assert_string_equal(entry->tags, "red,blue");
    expect_xattr(entry, "user.x", "1");
}

enum { OPENED = 4 };

static void ids_do_not_come_again_after_a_close(void **state)
{
    struct fixture *f = *state;
    skip_unless_on_disk(f);
    uint64_t last_version = 0, last_change = 0, seen[2 * OPENED];
    for (size_t i = 0; i < OPENED; i++) {
        char name[16];
        snprintf(name, sizeof name, "%zu", i);
        put(f, STORE_ROOT, name, "value");
        assert_int_equal(store_remove(f->store, STORE_ROOT, name), 0);
        put(f, STORE_ROOT, "file", "value");
        make_dir(f, STORE_ROOT, name);
        const struct entry *file = look(f, STORE_ROOT, "file");
        assert_true(file->version > last_version);
        assert_true(file->change > last_change);
        last_version = file->version;
        last_change = file->change;
        seen[2 * i] = look(f, STORE_ROOT, name)->ino;
        assert_int_equal(store_rename(f->store, STORE_ROOT, "file", look(f, STORE_ROOT, name)->ino, "file", 0), 0);
        seen[2 * i + 1] = file->ino;
        fixture_reopen(f);
    }
    for (size_t i = 0; i < 2 * OPENED; i++)
        for (size_t j = 0; j < i; j++)
            assert_int_not_equal(seen[i], seen[j]);
}

static void what_was_staged_or_dead_is_gone_after_a_close(void **state)
{
    struct fixture *f = *state;
    skip_unless_on_disk(f);
    put_bytes(f, STORE_ROOT, "dead", pattern(f, 200000, 1), 200000);
    pin(f, STORE_ROOT, "dead");
    assert_int_equal(store_remove(f->store, STORE_ROOT, "dead"), 0);
    assert_int_equal(store_resize(stage(f, STORE_ROOT, "staged"), 300000), 0);
    fixture_reopen(f);
    settle(f);
    assert_string_equal(list_names(f, STORE_ROOT, NULL), "");
    assert_int_equal(stats(f).bytes, 0);
    assert_int_equal(stats(f).items, 0);
}

static void what_expires_while_closed_is_gone(void **state)
{
    struct fixture *f = *state;
    skip_unless_on_disk(f);
    put(f, STORE_ROOT, "ttl", "value");
    set_ttl(f, STORE_ROOT, "ttl", 1000);
    put(f, STORE_ROOT, "idle", "value");
    set_idle(f, STORE_ROOT, "idle", 1000);
    put(f, STORE_ROOT, "stays", "value");
    advance_ms(f, 999);
    fixture_reopen(f);
    assert_string_equal(list_names(f, STORE_ROOT, NULL), "idle stays ttl ");
    advance_ms(f, 1);
    fixture_reopen(f);
    assert_string_equal(list_names(f, STORE_ROOT, NULL), "stays ");
    settle(f);
    assert_int_equal(stats(f).items, 1);
}

static void a_smaller_limit_is_kept_after_opening(void **state)
{
    struct fixture *f = *state;
    skip_unless_on_disk(f);
    char name[16];
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "%d", i);
        assert_int_equal(try_put(f, STORE_ROOT, name, i, 40000), 0);
    }
    f->options.limit_bytes = MIB;
    fixture_reopen(f);
    settle(f);
    assert_true(stats(f).bytes <= MIB);
    assert_true(stats(f).items > 5);
    put(f, STORE_ROOT, "new", "value");
    expect_text(f, STORE_ROOT, "new", "value");
}

int open_tests(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(an_unknown_scheme_is_einval),
        CONTRACT_TEST(limits_out_of_range_are_einval),
        CONTRACT_TEST(policies_have_names),
        CONTRACT_TEST(sync_succeeds),
        CONTRACT_TEST(without_a_clock_it_is_now),
        CONTRACT_TEST(a_new_store_is_private_to_its_owner),
        CONTRACT_TEST(a_plain_path_is_a_store_on_disk),
        CONTRACT_TEST(an_empty_directory_becomes_a_store),
        CONTRACT_TEST(a_wrong_path_fails_as_the_path_has_it),
        CONTRACT_TEST(a_full_directory_that_is_no_store_is_euclean),
        CONTRACT_TEST(an_existing_store_is_never_made),
        CONTRACT_TEST(what_a_crash_left_of_a_first_opening_is_opened),
        CONTRACT_TEST(of_many_who_make_a_store_at_once_one_has_it),
        CONTRACT_TEST(an_unreadable_directory_is_eacces),
        CONTRACT_TEST(a_store_in_use_is_ebusy_and_names_who),
        CONTRACT_TEST(what_was_acknowledged_survives_a_kill),
        CONTRACT_TEST(a_large_value_survives_a_kill),
        CONTRACT_TEST(everything_persists_through_a_close),
        CONTRACT_TEST(ids_do_not_come_again_after_a_close),
        CONTRACT_TEST(what_was_staged_or_dead_is_gone_after_a_close),
        CONTRACT_TEST(what_expires_while_closed_is_gone),
        CONTRACT_TEST(a_smaller_limit_is_kept_after_opening),
    };
    return cmocka_run_group_tests_name("open", tests, NULL, NULL);
}
