/* SPDX-License-Identifier: MIT */
/* fixture.c - see contract.h. */
#include "contract.h"
#include "entry.h"
#include "scratch.h"

#include <time.h>
#include <unistd.h>

#define NS_PER_MS 1000000

/* --- the fixture --------------------------------------------------------------------------------------- */

static int64_t fixture_now_ns(void *arg)
{
    struct fixture *f = arg;
    return atomic_load(&f->now_ns);
}

static void fixture_gone(void *arg, uint64_t dir, const char *name, enum store_gone why, uint64_t version,
                         uint64_t size)
{
    struct fixture *f = arg;
    pthread_mutex_lock(&f->gone_lock);
    if (f->gone_count < GONE_MAX) {
        struct gone_entry *gone = &f->gone[f->gone_count++];
        gone->dir = dir;
        gone->version = version;
        gone->size = size;
        gone->why = why;
        snprintf(gone->name, sizeof gone->name, "%s", name);
    }
    pthread_mutex_unlock(&f->gone_lock);
}

static const char *scheme(void)
{
    const char *value = getenv("LARDER_STORE");
    return value && *value ? value : "mem";
}

static void open_store(struct fixture *f)
{
    struct store_error error = {""};
    int result = store_open(f->url, &f->options, &f->store, &error);
    if (result < 0)
        print_error("%s: %s\n", f->url, error.text);
    assert_int_equal(result, 0);
}

static void make_place(struct fixture *f)
{
    const char *base = getenv("TMPDIR");
    snprintf(f->dir, sizeof f->dir, "%s/larder-contract-XXXXXX", base ? base : "/tmp");
    assert_non_null(mkdtemp(f->dir));
    f->on_disk = strcmp(scheme(), "mem") != 0;
    if (f->on_disk)
        snprintf(f->url, sizeof f->url, "%s:%s/store", scheme(), f->dir);
    else
        snprintf(f->url, sizeof f->url, "mem:");
}

int fixture_setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    *state = f;
    f->gone = calloc(GONE_MAX, sizeof *f->gone);
    assert_non_null(f->gone);
    pthread_mutex_init(&f->gone_lock, NULL);
    atomic_store(&f->now_ns, (int64_t)1700000000 * 1000000000);
    f->options = (struct store_options){
        .limit_bytes = 256 * MIB,
        .cache_bytes = 4 * MIB,
        .gone = fixture_gone,
        .gone_arg = f,
        .now_ns = fixture_now_ns,
        .now_arg = f,
    };
    make_place(f);
    open_store(f);
    return 0;
}

static void print_finding(void *arg, const struct store_finding *finding)
{
    (void)arg;
    print_error("%s: %s\n", store_fault_name(finding->fault), finding->text);
}

void expect_sound(struct fixture *f)
{
    const struct store_watch watch = {.found = print_finding};
    struct store_checked checked = {0};
    assert_int_equal(store_check(f->store, &watch, &checked), 0);
    assert_int_equal(checked.left, 0);
}

/* A test that failed, or has closed it, has none to be looked at. */
static bool is_sound(struct fixture *f)
{
    const struct store_watch watch = {.found = print_finding};
    struct store_checked checked = {0};
    return !f->store || (store_check(f->store, &watch, &checked) == 0 && checked.left == 0);
}

static void let_go(struct fixture *f)
{
    store_snapshot_close(f->snapshot);
    f->snapshot = NULL;
    while (f->pin_count > 0)
        store_unpin(f->pins[--f->pin_count]);
    while (f->entry_count > 0) {
        struct entry *entry = f->entries[--f->entry_count];
        entry_release(entry);
        free(entry);
    }
}

int fixture_teardown(void **state)
{
    struct fixture *f = *state;
    bool sound = is_sound(f); /* with whatever is in hand */
    let_go(f);
    sound = is_sound(f) && sound;
    store_close(f->store);
    remove_tree(f->dir);
    pthread_mutex_destroy(&f->gone_lock);
    free(f->gone);
    free(f);
    return sound ? 0 : -1;
}

void fixture_reopen(struct fixture *f)
{
    let_go(f);
    store_close(f->store);
    f->store = NULL;
    open_store(f);
}

void fixture_restart(struct fixture *f)
{
    let_go(f);
    store_close(f->store);
    f->store = NULL;
    remove_tree(f->dir);
    make_place(f);
    open_store(f);
}

void advance_ms(struct fixture *f, int64_t ms)
{
    atomic_fetch_add(&f->now_ns, ms * NS_PER_MS);
}

int64_t now_ms(struct fixture *f)
{
    return atomic_load(&f->now_ns) / NS_PER_MS;
}

/* Entries are kept to the end of the test. */
static struct entry *keep_entry(struct fixture *f)
{
    assert_true(f->entry_count < HELD_MAX);
    struct entry *entry = calloc(1, sizeof *entry);
    assert_non_null(entry);
    f->entries[f->entry_count++] = entry;
    return entry;
}

static struct store_version *keep_pin(struct fixture *f, struct store_version *version)
{
    assert_true(f->pin_count < HELD_MAX);
    f->pins[f->pin_count++] = version;
    return version;
}

/* --- getting and setting ------------------------------------------------------------------------------- */

const struct entry *look(struct fixture *f, uint64_t dir, const char *name)
{
    struct entry *entry = keep_entry(f);
    assert_int_equal(store_lookup(f->store, dir, name, entry), 0);
    return entry;
}

const struct entry *look_dir(struct fixture *f, uint64_t dir)
{
    struct entry *entry = keep_entry(f);
    assert_int_equal(store_dir(f->store, dir, entry), 0);
    return entry;
}

const struct entry *look_version(struct fixture *f, struct store_version *version)
{
    struct entry *entry = keep_entry(f);
    assert_int_equal(store_version_entry(version, entry), 0);
    return entry;
}

static bool there(int result, struct entry *entry)
{
    entry_release(entry);
    assert_true(result == 0 || result == -ENOENT);
    return result == 0;
}

bool is_there(struct fixture *f, uint64_t dir, const char *name)
{
    struct entry entry = {0};
    return there(store_lookup(f->store, dir, name, &entry), &entry);
}

bool is_dir_there(struct fixture *f, uint64_t dir)
{
    struct entry entry = {0};
    return there(store_dir(f->store, dir, &entry), &entry);
}

uint64_t make_dir(struct fixture *f, uint64_t dir, const char *name)
{
    struct entry *entry = keep_entry(f);
    assert_int_equal(store_make_dir(f->store, dir, name, 0755, 1, 2, entry), 0);
    return entry->ino;
}

struct store_version *stage(struct fixture *f, uint64_t dir, const char *name)
{
    struct store_version *version = NULL;
    assert_int_equal(store_stage(f->store, dir, name, 0640, 11, 12, &version), 0);
    return keep_pin(f, version);
}

struct store_version *pin(struct fixture *f, uint64_t dir, const char *name)
{
    struct store_version *version = NULL;
    assert_int_equal(store_pin(f->store, dir, name, 0, &version), 0);
    return keep_pin(f, version);
}

struct store_version *repin(struct fixture *f, struct store_version *version)
{
    return keep_pin(f, store_repin(version));
}

void unpin(struct fixture *f, struct store_version *version)
{
    size_t i = f->pin_count;
    while (i > 0 && f->pins[i - 1] != version)
        i--;
    assert_true(i > 0);
    f->pins[i - 1] = f->pins[--f->pin_count];
    store_unpin(version);
}

void hit(struct fixture *f, uint64_t dir, const char *name)
{
    struct store_version *version = NULL;
    assert_int_equal(store_pin(f->store, dir, name, STORE_HIT, &version), 0);
    store_unpin(version);
}

void put_bytes(struct fixture *f, uint64_t dir, const char *name, const void *value, size_t size)
{
    struct store_version *version = stage(f, dir, name);
    assert_int_equal(store_write(version, value, size, 0), 0);
    assert_int_equal(store_publish(version, dir, name, 0), 0);
    unpin(f, version);
}

void put(struct fixture *f, uint64_t dir, const char *name, const char *value)
{
    put_bytes(f, dir, name, value, strlen(value));
}

int try_put(struct fixture *f, uint64_t dir, const char *name, int fill, size_t size)
{
    struct store_version *version = NULL;
    char *value = malloc(size + 1);
    if (!value)
        return -ENOMEM;
    memset(value, fill, size);
    int result = store_stage(f->store, dir, name, 0640, 11, 12, &version);
    if (result == 0)
        result = store_write(version, value, size, 0);
    if (result == 0)
        result = store_publish(version, dir, name, 0);
    store_unpin(version);
    free(value);
    return result;
}

void write_text(struct store_version *version, const char *text, uint64_t offset)
{
    assert_int_equal(store_write(version, text, strlen(text), offset), 0);
}

int publish(struct store_version *version, uint64_t dir, const char *name)
{
    return store_publish(version, dir, name, 0);
}

void expect_version(struct store_version *version, const void *value, size_t size)
{
    size_t got = SIZE_MAX;
    uint8_t *buffer = test_malloc(size + 2);
    assert_int_equal(store_read(version, buffer, size + 1, 0, &got), 0);
    assert_int_equal(got, size);
    if (memcmp(buffer, value, size) != 0) {
        size_t i = 0;
        while (buffer[i] == ((const uint8_t *)value)[i])
            i++;
        fail_msg("byte %zu of %zu is %#x, not %#x", i, size, buffer[i], ((const uint8_t *)value)[i]);
    }
    test_free(buffer);
}

void expect_version_text(struct store_version *version, const char *text)
{
    expect_version(version, text, strlen(text));
}

void expect_bytes(struct fixture *f, uint64_t dir, const char *name, const void *value, size_t size)
{
    struct store_version *version = pin(f, dir, name);
    const struct entry *entry = look(f, dir, name);
    assert_int_equal(entry->size, size);
    if (entry->value) {
        assert_int_equal(entry->value_size, size);
        assert_memory_equal(entry->value, value, size);
    }
    expect_version(version, value, size);
    unpin(f, version);
}

void expect_text(struct fixture *f, uint64_t dir, const char *name, const char *text)
{
    expect_bytes(f, dir, name, text, strlen(text));
}

uint8_t *pattern(struct fixture *f, size_t size, unsigned seed)
{
    struct entry *owner = keep_entry(f);
    uint8_t *bytes = owner->memory = malloc(size + 1);
    assert_non_null(bytes);
    uint32_t state = seed * 2654435761u + 1;
    for (size_t i = 0; i < size; i++) {
        state = state * 1664525u + 1013904223u;
        bytes[i] = (uint8_t)(state >> 24);
    }
    return bytes;
}

/* --- attributes ---------------------------------------------------------------------------------------- */

int change(struct fixture *f, uint64_t dir, const char *name, const struct entry_change *change)
{
    struct store_version *version = pin(f, dir, name);
    int result = store_change(version, change);
    unpin(f, version);
    return result;
}

void set_ttl(struct fixture *f, uint64_t dir, const char *name, uint64_t ttl_ms)
{
    struct entry_change set = {.set = ENTRY_SET_TTL, .ttl_ms = ttl_ms};
    assert_int_equal(change(f, dir, name, &set), 0);
}

void set_idle(struct fixture *f, uint64_t dir, const char *name, uint64_t idle_ms)
{
    struct entry_change set = {.set = ENTRY_SET_IDLE, .idle_ms = idle_ms};
    assert_int_equal(change(f, dir, name, &set), 0);
}

void set_tags(struct fixture *f, uint64_t dir, const char *name, const char *tags)
{
    struct entry_change set = {.set = ENTRY_SET_TAGS, .tags = tags};
    assert_int_equal(change(f, dir, name, &set), 0);
}

void set_xattr(struct fixture *f, uint64_t dir, const char *name, const char *xattr, const char *value)
{
    struct entry_change set = {
        .set = ENTRY_SET_XATTR, .xattr_name = xattr, .xattr_value = value, .xattr_size = strlen(value)};
    assert_int_equal(change(f, dir, name, &set), 0);
}

void set_dir_defaults(struct fixture *f, uint64_t dir, uint64_t ttl_ms, uint64_t idle_ms, const char *tags)
{
    struct entry_change set = {
        .set = ENTRY_SET_TTL | ENTRY_SET_IDLE | ENTRY_SET_TAGS, .ttl_ms = ttl_ms, .idle_ms = idle_ms, .tags = tags};
    assert_int_equal(store_change_dir(f->store, dir, &set, NULL), 0);
}

void set_quota(struct fixture *f, uint64_t dir, uint64_t bytes, uint64_t items)
{
    struct store_quota quota = {.limit_bytes = bytes, .limit_items = items};
    assert_int_equal(store_set_quota(f->store, dir, STORE_QUOTA_BYTES | STORE_QUOTA_ITEMS, &quota), 0);
}

void set_policy(struct fixture *f, uint64_t dir, enum store_policy policy)
{
    struct store_quota quota = {.has_policy = true, .policy = policy};
    assert_int_equal(store_set_quota(f->store, dir, STORE_QUOTA_POLICY, &quota), 0);
}

void expect_xattr(const struct entry *entry, const char *name, const char *value)
{
    const uint8_t *got;
    size_t size;
    assert_int_equal(entry_xattr_get(entry, name, &got, &size), 0);
    assert_int_equal(size, strlen(value));
    assert_memory_equal(got, value, size);
}

/* --- the whole ----------------------------------------------------------------------------------------- */

struct store_stats stats(struct fixture *f)
{
    struct store_stats result;
    store_stats(f->store, &result);
    return result;
}

void settle(struct fixture *f)
{
    assert_int_equal(store_settle(f->store), 0);
}

/* With how it was, when it was told. */
static bool told(struct fixture *f, uint64_t dir, const char *name, enum store_gone why, struct gone_entry *ret_gone)
{
    bool found = false;
    pthread_mutex_lock(&f->gone_lock);
    for (size_t i = 0; i < f->gone_count && !found; i++) {
        found = f->gone[i].dir == dir && f->gone[i].why == why && strcmp(f->gone[i].name, name) == 0;
        if (found)
            *ret_gone = f->gone[i];
    }
    pthread_mutex_unlock(&f->gone_lock);
    return found;
}

static bool wait_for_told(struct fixture *f, uint64_t dir, const char *name, enum store_gone why,
                          struct gone_entry *ret_gone)
{
    const struct timespec pause = {.tv_nsec = 10 * NS_PER_MS};
    for (int tries = 0; tries < 1000; tries++) {
        if (told(f, dir, name, why, ret_gone))
            return true;
        nanosleep(&pause, NULL);
    }
    return false;
}

struct recounting {
    struct recount sum;
    uint64_t dirs[256]; /* below the one that was asked for, and that itself */
    size_t dir_count;
};

static int recount_entry(void *arg, const char *name, const struct entry *entry)
{
    struct recounting *counting = arg;
    counting->sum.bytes += entry_cost(entry, strlen(name));
    counting->sum.items += entry->kind != ENTRY_DIR;
    counting->sum.directories += entry->kind == ENTRY_DIR;
    if (entry->kind != ENTRY_DIR)
        return 0;
    if (counting->dir_count == sizeof counting->dirs / sizeof *counting->dirs)
        return -EOVERFLOW;
    counting->dirs[counting->dir_count++] = entry->ino;
    return 0;
}

struct recount recount_below(struct fixture *f, uint64_t dir)
{
    struct recounting counting = {.dirs = {dir}, .dir_count = 1};
    settle(f);
    for (size_t i = 0; i < counting.dir_count; i++)
        assert_int_equal(store_list(f->store, counting.dirs[i], NULL, recount_entry, &counting), 0);
    return counting.sum;
}

bool was_told_gone(struct fixture *f, uint64_t dir, const char *name, enum store_gone why)
{
    struct gone_entry gone;
    return wait_for_told(f, dir, name, why, &gone);
}

bool was_told_gone_as(struct fixture *f, uint64_t dir, const char *name, enum store_gone why, uint64_t version,
                      uint64_t size)
{
    struct gone_entry gone;
    return wait_for_told(f, dir, name, why, &gone) && gone.version == version && gone.size == size;
}

struct names {
    char *text;
    size_t size;
};

static int append_name(void *arg, const char *name, const struct entry *entry)
{
    struct names *names = arg;
    (void)entry;
    size_t size = strlen(name);
    char *text = realloc(names->text, names->size + size + 2);
    if (!text)
        return -ENOMEM;
    names->text = text;
    memcpy(text + names->size, name, size);
    strcpy(text + names->size + size, " ");
    names->size += size + 1;
    return 0;
}

const char *list_names(struct fixture *f, uint64_t dir, const char *after)
{
    struct names names = {0};
    struct entry *owner = keep_entry(f);
    int result = store_list(f->store, dir, after, append_name, &names);
    owner->memory = names.text;
    assert_int_equal(result, 0);
    return names.text ? names.text : "";
}
