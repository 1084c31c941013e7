/* SPDX-License-Identifier: MIT */
/*
 * backend.h - the table a backend fills. store.c is its only caller: it has checked every argument against store.h
 * (names well-formed, flags known, pointers present, sizes within range), so a backend checks none of that again,
 * and it checks what a backend returns against the contract in debug builds.
 *
 * Each slot means what the function of the same name in store.h says, errors included; `impl` is what open returned.
 * A backend does its own locking.
 */
#ifndef LARDER_STORE_BACKEND_H
#define LARDER_STORE_BACKEND_H

#include "store.h"

/* Every backend's version begins with this. */
struct store_version {
    struct store *store; /* the one handed to open; both are set once, when the version is made */
    uint64_t id;
};

/* And every backend's snapshot with this, set likewise. */
struct store_snapshot {
    struct store *store;
    const struct entry *at; /* store.c's: what was given last; NULL: nothing */
};

struct backend {
    const char *scheme; /* before the colon in a URL */

    /* `store` is for the versions this backend makes; `options` stays valid until close. A failure writes the
     * sentence with store_fail(). */
    int (*open)(const char *path, const struct store_options *options, struct store *store, void **ret_impl,
                struct store_error *ret_error);
    void (*close)(void *impl);
    int (*sync)(void *impl);

    int (*lookup)(void *impl, uint64_t dir, const char *name, struct entry *ret_entry);
    int (*dir)(void *impl, uint64_t dir, struct entry *ret_entry);
    int (*dir_place)(void *impl, uint64_t dir, uint64_t *ret_parent, char *ret_name);
    int (*list)(void *impl, uint64_t dir, const char *after,
                int (*each)(void *arg, const char *name, const struct entry *entry), void *arg);
    int (*make_dir)(void *impl, uint64_t dir, const char *name, uint32_t mode, uint32_t uid, uint32_t gid,
                    struct entry *ret_entry);
    int (*make_symlink)(void *impl, uint64_t dir, const char *name, const char *target, uint32_t uid, uint32_t gid,
                        struct entry *ret_entry);
    /* `version`: 0 whichever, else only that one, as store_remove_version() has it */
    int (*remove)(void *impl, uint64_t dir, const char *name, uint64_t version);
    int (*remove_dir)(void *impl, uint64_t dir, const char *name);
    /* `mark` is filled in by the backend, in the same step as what is removed first */
    int (*clear)(void *impl, uint64_t dir, uint64_t most, struct store_clearing *clearing,
                 void (*each)(void *arg, const char *name, uint64_t version, uint64_t size), void *arg);
    int (*rename)(void *impl, uint64_t dir, const char *name, uint64_t new_dir, const char *new_name, unsigned flags);
    int (*change_dir)(void *impl, uint64_t dir, const struct entry_change *change, struct entry *ret_entry);

    int (*pin)(void *impl, uint64_t dir, const char *name, unsigned flags, struct store_version **ret_version);
    int (*pin_version)(void *impl, uint64_t version, unsigned flags, struct store_version **ret_version);
    int (*stage)(void *impl, uint64_t dir, const char *name, uint32_t mode, uint32_t uid, uint32_t gid,
                 struct store_version **ret_version);
    void (*repin)(void *impl, struct store_version *version);
    void (*unpin)(void *impl, struct store_version *version);
    int (*version_entry)(void *impl, struct store_version *version, struct entry *ret_entry);
    bool (*version_dead)(void *impl, struct store_version *version);
    int (*read)(void *impl, struct store_version *version, void *buffer, size_t size, uint64_t offset,
                size_t *ret_size);
    /* offset + size does not pass INT64_MAX, unless offset is STORE_AT_END */
    int (*write)(void *impl, struct store_version *version, const void *data, size_t size, uint64_t offset);
    int (*resize)(void *impl, struct store_version *version, uint64_t size);
    int (*change)(void *impl, struct store_version *version, const struct entry_change *change);
    /* `change`: 0 over whatever is there, else as store_publish_over() has it */
    int (*publish)(void *impl, struct store_version *version, uint64_t dir, const char *name, uint64_t change,
                   unsigned flags);

    int (*invalidate_tag)(void *impl, const char *tag);
    int (*list_tags)(void *impl, const char *after, int (*each)(void *arg, const char *tag), void *arg);
    int (*list_tag)(void *impl, const char *tag, uint64_t after,
                    int (*each)(void *arg, uint64_t dir, const char *name, const struct entry *entry), void *arg);

    int (*set_quota)(void *impl, uint64_t dir, unsigned fields, const struct store_quota *quota);
    int (*quota)(void *impl, uint64_t dir, struct store_quota *ret_quota);
    int (*list_quotas)(void *impl, int (*each)(void *arg, uint64_t dir, const struct store_quota *quota), void *arg);

    void (*set_limits)(void *impl, uint64_t limit_bytes, uint64_t limit_items);
    int (*snapshot_open)(void *impl, struct store_snapshot **ret_snapshot);
    void (*snapshot_close)(void *impl, struct store_snapshot *snapshot);
    int (*snapshot_next)(void *impl, struct store_snapshot *snapshot, const char **ret_path,
                         const struct entry **ret_entry);
    /* after snapshot_next() has given a file, and `offset` is within it */
    int (*snapshot_read)(void *impl, struct store_snapshot *snapshot, void *buffer, size_t size, uint64_t offset);

    void (*set_policy)(void *impl, enum store_policy policy);
    void (*stats)(void *impl, struct store_stats *ret_stats);
    int (*settle)(void *impl);
    int (*expire)(void *impl, uint64_t most, uint64_t *ret_expired, bool *ret_more);

    int (*check)(void *impl, const struct store_watch *watch, struct store_checked *ret_checked);
    /* Without a store that is open; `options` are store_open()'s defaults. */
    int (*fsck)(const char *path, unsigned flags, const struct store_options *options, const struct store_watch *watch,
                struct store_checked *ret_checked, struct store_error *ret_error);
};

extern const struct backend backend_memory; /* memory/memory.c */
extern const struct backend backend_rocksdb; /* rocksdb/rocksdb.c */

/* The time by options.now_ns, for backends. */
int64_t store_now_ns(const struct store_options *options);

/* Sends one line to options.log, or to stderr. */
__attribute__((format(printf, 3, 4))) void store_log(const struct store_options *options, enum store_log_level level,
                                                     const char *format, ...);

/* Writes the sentence of an open that failed; returns `result`, so that it ends a function. */
__attribute__((format(printf, 3, 4))) int store_fail(struct store_error *error, int result, const char *format, ...);

#endif
