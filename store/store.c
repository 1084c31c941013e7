/* SPDX-License-Identifier: MIT */
/*
 * store.c - opens a store by URL, and stands between its callers and the backend's table: every call is checked
 * against store.h here, once, so that backends need not, and in debug builds so is what the backend answers.
 *
 * It keeps no state of its own beside the table and the backend's pointer, and takes no lock.
 */
#include "backend.h"
#include "entry.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct store {
    const struct backend *backend;
    void *impl;
    struct store_options options;
};

static const struct backend *const backends[] = {&backend_rocksdb, &backend_memory};

#define LIMIT_BYTES_MIN ((uint64_t)1 << 20)
#define CACHE_BYTES     ((uint64_t)64 << 20)

/* --- services for backends ----------------------------------------------------------------------------- */

int64_t store_now_ns(const struct store_options *options)
{
    if (options->now_ns)
        return options->now_ns(options->now_arg);
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void store_log(const struct store_options *options, enum store_log_level level, const char *format, ...)
{
    char line[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (options->log)
        options->log(options->log_arg, level, line);
    else
        fprintf(stderr, "larder: %s\n", line);
}

int store_fail(struct store_error *error, int result, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(error->text, sizeof error->text, format, args);
    va_end(args);
    return result;
}

/* --- opening ------------------------------------------------------------------------------------------- */

/* The backend a URL names, and the rest of it behind the colon. A URL without a scheme is a path on disk. */
static const struct backend *find_backend(const char *url, const char **ret_path)
{
    size_t scheme = strspn(url, "abcdefghijklmnopqrstuvwxyz");
    if (url[scheme] != ':') {
        *ret_path = url;
        return &backend_rocksdb;
    }
    *ret_path = url + scheme + 1;
    for (size_t i = 0; i < sizeof backends / sizeof *backends; i++)
        if (strlen(backends[i]->scheme) == scheme && memcmp(backends[i]->scheme, url, scheme) == 0)
            return backends[i];
    return NULL;
}

int store_open(const char *url, const struct store_options *options, struct store **ret_store,
               struct store_error *ret_error)
{
    struct store_error error = {""};
    const char *path;
    const struct backend *backend = find_backend(url, &path);
    int result = 0;
    struct store *store = NULL;

    if (!backend)
        result = store_fail(&error, -EINVAL, "%s: no such kind of store; use rocksdb:DIR, a path, or mem:", url);
    else if (options->limit_bytes < LIMIT_BYTES_MIN || options->limit_bytes > INT64_MAX)
        result = store_fail(&error, -EINVAL, "the size limit must be between 1 MiB and 2^63-1 bytes");
    else if (options->limit_items > INT64_MAX)
        result = store_fail(&error, -EINVAL, "the limit of items must be below 2^63");
    else if (!(store = calloc(1, sizeof *store)))
        result = store_fail(&error, -ENOMEM, "out of memory");
    if (result == 0) {
        store->backend = backend;
        store->options = *options;
        if (store->options.cache_bytes == 0)
            store->options.cache_bytes = CACHE_BYTES;
        result = backend->open(path, &store->options, store, &store->impl, &error);
        assert(result <= 0 && (result == 0 || error.text[0]));
    }
    if (result < 0) {
        free(store);
        *ret_error = error;
        return result;
    }
    *ret_store = store;
    return 0;
}

void store_close(struct store *store)
{
    if (!store)
        return;
    store->backend->close(store->impl);
    free(store);
}

int store_sync(struct store *store)
{
    return store->backend->sync(store->impl);
}

/* --- names --------------------------------------------------------------------------------------------- */

int store_lookup(struct store *store, uint64_t dir, const char *name, struct entry *ret_entry)
{
    int result = entry_check_name(name);
    if (result == 0)
        result = store->backend->lookup(store->impl, dir, name, ret_entry);
    assert(result <= 0);
    return result;
}

int store_dir(struct store *store, uint64_t dir, struct entry *ret_entry)
{
    int result = store->backend->dir(store->impl, dir, ret_entry);
    assert(result < 0 || (ret_entry->kind == ENTRY_DIR && ret_entry->ino == dir));
    return result;
}

int store_dir_place(struct store *store, uint64_t dir, uint64_t *ret_parent, char *ret_name)
{
    int result = store->backend->dir_place(store->impl, dir, ret_parent, ret_name);
    assert(result < 0 || (dir == STORE_ROOT) == (*ret_name == '\0'));
    return result;
}

int store_list(struct store *store, uint64_t dir, const char *after,
               int (*each)(void *arg, const char *name, const struct entry *entry), void *arg)
{
    int result = after ? entry_check_name(after) : 0;
    return result < 0 ? result : store->backend->list(store->impl, dir, after, each, arg);
}

int store_make_dir(struct store *store, uint64_t dir, const char *name, uint32_t mode, uint32_t uid, uint32_t gid,
                   struct entry *ret_entry)
{
    int result = entry_check_name(name);
    if (result == 0)
        result = store->backend->make_dir(store->impl, dir, name, mode & 07777, uid, gid, ret_entry);
    assert(result <= 0);
    return result;
}

int store_make_symlink(struct store *store, uint64_t dir, const char *name, const char *target, uint32_t uid,
                       uint32_t gid, struct entry *ret_entry)
{
    int result = entry_check_name(name);
    if (result == 0 && target[0] == '\0')
        result = -EINVAL;
    if (result == 0 && strlen(target) > STORE_TARGET_MAX)
        result = -ENAMETOOLONG;
    if (result == 0)
        result = store->backend->make_symlink(store->impl, dir, name, target, uid, gid, ret_entry);
    assert(result <= 0);
    return result;
}

int store_remove(struct store *store, uint64_t dir, const char *name)
{
    int result = entry_check_name(name);
    return result < 0 ? result : store->backend->remove(store->impl, dir, name, 0);
}

int store_remove_version(struct store *store, uint64_t dir, const char *name, uint64_t version)
{
    int result = entry_check_name(name);
    if (result == 0 && version == 0)
        result = -ESTALE; /* a directory's */
    return result < 0 ? result : store->backend->remove(store->impl, dir, name, version);
}

int store_remove_dir(struct store *store, uint64_t dir, const char *name)
{
    int result = entry_check_name(name);
    return result < 0 ? result : store->backend->remove_dir(store->impl, dir, name);
}

static void ignore_cleared(void *arg, const char *name, uint64_t version, uint64_t size)
{
    (void)arg, (void)name, (void)version, (void)size;
}

int store_clear(struct store *store, uint64_t dir, uint64_t most, struct store_clearing *clearing,
                void (*each)(void *arg, const char *name, uint64_t version, uint64_t size), void *arg)
{
    int result = *clearing->after ? entry_check_name(clearing->after) : 0;
    if (result == 0 && most == 0)
        result = -EINVAL;
    if (result == 0 && !clearing->done)
        result = store->backend->clear(store->impl, dir, most, clearing, each ? each : ignore_cleared, arg);
    assert(result <= 0);
    return result;
}

int store_rename(struct store *store, uint64_t dir, const char *name, uint64_t new_dir, const char *new_name,
                 unsigned flags)
{
    int result = entry_check_name(name);
    if (result == 0)
        result = entry_check_name(new_name);
    if (result == 0 && flags != 0 && flags != STORE_NOREPLACE && flags != STORE_EXCHANGE)
        result = -EINVAL;
    if (result == 0)
        result = store->backend->rename(store->impl, dir, name, new_dir, new_name, flags);
    assert(result <= 0);
    return result;
}

/* What can be said of a change without knowing the entry. */
static int check_change(const struct entry_change *change)
{
    if (!(change->set & ENTRY_SET_XATTR))
        return 0;
    size_t name_size = strlen(change->xattr_name);
    return name_size >= 1 && name_size <= 255 ? 0 : -EINVAL;
}

int store_change_dir(struct store *store, uint64_t dir, const struct entry_change *change, struct entry *ret_entry)
{
    int result = check_change(change);
    return result < 0 ? result : store->backend->change_dir(store->impl, dir, change, ret_entry);
}

/* --- versions ------------------------------------------------------------------------------------------ */

int store_pin(struct store *store, uint64_t dir, const char *name, unsigned flags, struct store_version **ret_version)
{
    int result = entry_check_name(name);
    if (result == 0)
        result = store->backend->pin(store->impl, dir, name, flags, ret_version);
    return result;
}

int store_pin_version(struct store *store, uint64_t version, unsigned flags, struct store_version **ret_version)
{
    int result = store->backend->pin_version(store->impl, version, flags, ret_version);
    assert(result == -EAGAIN || (result == 0 && (*ret_version)->id == version));
    return result;
}

int store_stage(struct store *store, uint64_t dir, const char *name, uint32_t mode, uint32_t uid, uint32_t gid,
                struct store_version **ret_version)
{
    int result = entry_check_name(name);
    if (result == 0)
        result = store->backend->stage(store->impl, dir, name, mode & 07777, uid, gid, ret_version);
    return result;
}

struct store_version *store_repin(struct store_version *version)
{
    version->store->backend->repin(version->store->impl, version);
    return version;
}

void store_unpin(struct store_version *version)
{
    if (version)
        version->store->backend->unpin(version->store->impl, version);
}

uint64_t store_version_id(const struct store_version *version)
{
    return version->id;
}

int store_version_entry(struct store_version *version, struct entry *ret_entry)
{
    return version->store->backend->version_entry(version->store->impl, version, ret_entry);
}

bool store_version_dead(struct store_version *version)
{
    return version->store->backend->version_dead(version->store->impl, version);
}

int store_read(struct store_version *version, void *buffer, size_t size, uint64_t offset, size_t *ret_size)
{
    int result = version->store->backend->read(version->store->impl, version, buffer, size, offset, ret_size);
    assert(result < 0 || *ret_size <= size);
    return result;
}

int store_write(struct store_version *version, const void *data, size_t size, uint64_t offset)
{
    const struct store *store = version->store;
    if (offset != STORE_AT_END && (offset > INT64_MAX || size > INT64_MAX - offset))
        return -EFBIG;
    if (size == 0)
        return 0;
    return store->backend->write(store->impl, version, data, size, offset);
}

int store_resize(struct store_version *version, uint64_t size)
{
    const struct store *store = version->store;
    return size > INT64_MAX ? -EFBIG : store->backend->resize(store->impl, version, size);
}

int store_change(struct store_version *version, const struct entry_change *change)
{
    int result = check_change(change);
    return result < 0 ? result : version->store->backend->change(version->store->impl, version, change);
}

static int publish(struct store_version *version, uint64_t dir, const char *name, uint64_t change, unsigned flags,
                   unsigned known_flags)
{
    int result = entry_check_name(name);
    if (result == 0 && flags & ~known_flags)
        result = -EINVAL;
    if (result == 0)
        result = version->store->backend->publish(version->store->impl, version, dir, name, change, flags);
    assert(result <= 0);
    return result;
}

int store_publish(struct store_version *version, uint64_t dir, const char *name, unsigned flags)
{
    return publish(version, dir, name, 0, flags, STORE_NOREPLACE | STORE_FRESH | STORE_KEEP_CLOCK);
}

int store_publish_over(struct store_version *version, uint64_t dir, const char *name, uint64_t change, unsigned flags)
{
    return change == 0 ? -ESTALE : publish(version, dir, name, change, flags, STORE_KEEP_CLOCK);
}

/* --- tags ---------------------------------------------------------------------------------------------- */

int store_invalidate_tag(struct store *store, const char *tag)
{
    int result = entry_check_tag(tag, strlen(tag));
    return result < 0 ? result : store->backend->invalidate_tag(store->impl, tag);
}

int store_list_tags(struct store *store, const char *after, int (*each)(void *arg, const char *tag), void *arg)
{
    int result = after ? entry_check_tag(after, strlen(after)) : 0;
    return result < 0 ? result : store->backend->list_tags(store->impl, after, each, arg);
}

int store_list_tag(struct store *store, const char *tag, uint64_t after,
                   int (*each)(void *arg, uint64_t dir, const char *name, const struct entry *entry), void *arg)
{
    int result = entry_check_tag(tag, strlen(tag));
    return result < 0 ? result : store->backend->list_tag(store->impl, tag, after, each, arg);
}

/* --- quotas -------------------------------------------------------------------------------------------- */

int store_set_quota(struct store *store, uint64_t dir, unsigned fields, const struct store_quota *quota)
{
    int result = dir == STORE_ROOT || quota->limit_bytes > INT64_MAX || quota->limit_items > INT64_MAX ? -EINVAL : 0;
    if (result == 0)
        result = store->backend->set_quota(store->impl, dir, fields, quota);
    assert(result <= 0);
    return result;
}

int store_quota(struct store *store, uint64_t dir, struct store_quota *ret_quota)
{
    return store->backend->quota(store->impl, dir, ret_quota);
}

int store_list_quotas(struct store *store, int (*each)(void *arg, uint64_t dir, const struct store_quota *quota),
                      void *arg)
{
    return store->backend->list_quotas(store->impl, each, arg);
}

/* --- snapshots ----------------------------------------------------------------------------------------- */

int store_snapshot_open(struct store *store, struct store_snapshot **ret_snapshot)
{
    return store->backend->snapshot_open(store->impl, ret_snapshot);
}

void store_snapshot_close(struct store_snapshot *snapshot)
{
    if (snapshot)
        snapshot->store->backend->snapshot_close(snapshot->store->impl, snapshot);
}

int store_snapshot_next(struct store_snapshot *snapshot, const char **ret_path, const struct entry **ret_entry)
{
    const struct store *store = snapshot->store;
    const struct entry *entry = NULL;
    int result = store->backend->snapshot_next(store->impl, snapshot, ret_path, &entry);
    assert(result != 0 || ((*ret_path)[0] != '\0') == (entry->ino != STORE_ROOT));
    snapshot->at = result == 0 ? entry : NULL;
    if (result == 0)
        *ret_entry = entry;
    return result;
}

int store_snapshot_read(struct store_snapshot *snapshot, void *buffer, size_t size, uint64_t offset, size_t *ret_size)
{
    const struct store *store = snapshot->store;
    const struct entry *entry = snapshot->at;
    if (!entry || entry->kind != ENTRY_FILE)
        return -EINVAL;
    uint64_t left = offset < entry->size ? entry->size - offset : 0;
    if (size > left)
        size = (size_t)left;
    int result = size > 0 ? store->backend->snapshot_read(store->impl, snapshot, buffer, size, offset) : 0;
    if (result == 0)
        *ret_size = size;
    return result;
}

/* --- the whole ----------------------------------------------------------------------------------------- */

void store_stats(struct store *store, struct store_stats *ret_stats)
{
    store->backend->stats(store->impl, ret_stats);
}

int store_set_limits(struct store *store, uint64_t limit_bytes, uint64_t limit_items)
{
    if (limit_bytes < LIMIT_BYTES_MIN || limit_bytes > INT64_MAX || limit_items > INT64_MAX)
        return -EINVAL;
    store->backend->set_limits(store->impl, limit_bytes, limit_items);
    return 0;
}

int store_settle(struct store *store)
{
    return store->backend->settle(store->impl);
}

int store_expire(struct store *store, uint64_t most, uint64_t *ret_expired, bool *ret_more)
{
    return most == 0 ? -EINVAL : store->backend->expire(store->impl, most, ret_expired, ret_more);
}

void store_set_policy(struct store *store, enum store_policy policy)
{
    store->backend->set_policy(store->impl, policy);
}

/* --- checking ------------------------------------------------------------------------------------------ */

static const char *const fault_names[STORE_FAULTS] = {
    [STORE_FAULT_FILE] = "file",       [STORE_FAULT_ROW] = "row",       [STORE_FAULT_DIRECTORY] = "directory",
    [STORE_FAULT_VERSION] = "version", [STORE_FAULT_CHUNK] = "chunk",   [STORE_FAULT_DEADLINE] = "deadline",
    [STORE_FAULT_TAG] = "tag",         [STORE_FAULT_NUMBER] = "number", [STORE_FAULT_COUNTERS] = "counters"};

const char *store_fault_name(enum store_fault fault)
{
    return fault_names[fault];
}

int store_check(struct store *store, const struct store_watch *watch, struct store_checked *ret_checked)
{
    return store->backend->check(store->impl, watch, ret_checked);
}

int store_fsck(const char *url, unsigned flags, const struct store_watch *watch, struct store_checked *ret_checked,
               struct store_error *ret_error)
{
    const struct store_options options = {.limit_bytes = INT64_MAX, .cache_bytes = CACHE_BYTES};
    const char *path;
    const struct backend *backend = find_backend(url, &path);
    if (!backend)
        return store_fail(ret_error, -EINVAL, "%s: no such kind of store; use rocksdb:DIR or a path", url);
    int result = backend->fsck(path, flags, &options, watch, ret_checked, ret_error);
    assert(result <= 0 && (result == 0 || ret_error->text[0]));
    return result;
}

static const char *const policy_names[STORE_POLICIES] = {
    [STORE_POLICY_SIEVE] = "sieve", [STORE_POLICY_LRU] = "lru", [STORE_POLICY_LFU] = "lfu",
    [STORE_POLICY_FIFO] = "fifo",   [STORE_POLICY_TTL] = "ttl", [STORE_POLICY_NONE] = "none"};

const char *store_policy_name(enum store_policy policy)
{
    return policy_names[policy];
}

int store_policy_parse(const char *text, enum store_policy *ret_policy)
{
    for (size_t i = 0; i < STORE_POLICIES; i++)
        if (strcmp(text, policy_names[i]) == 0) {
            *ret_policy = (enum store_policy)i;
            return 0;
        }
    return -EINVAL;
}
