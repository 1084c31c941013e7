/* SPDX-License-Identifier: MIT */
/*
 * contract.h - what the contract tests share: a store of their own with a clock they set, and helpers that read like
 * the promise under test.
 *
 * The tests see store.h and nothing behind it (the fixture excepted, which recounts costs with entry.h), so that they
 * run unchanged against every backend. Which one is said by LARDER_STORE in the environment, or the first argument:
 * "mem" or "rocksdb".
 *
 * cmocka leaves a failed test by longjmp. So a fixture remembers every pin and every entry that its helpers hand out,
 * and fixture_teardown() lets go of those that are left, closes the store and removes its directory. What a test does
 * with store.h directly it must let go itself, at a place no assertion can jump over.
 */
#ifndef LARDER_TESTS_CONTRACT_H
#define LARDER_TESTS_CONTRACT_H

#include "store.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define KIB      ((uint64_t)1 << 10)
#define MIB      ((uint64_t)1 << 20)
#define SECOND   ((int64_t)1000) /* in ms */
#define MINUTE   (60 * SECOND)
#define HELD_MAX 4096 /* pins and entries a test may have in hand at once */
#define GONE_MAX 65536 /* expired and evicted entries a fixture remembers */

struct gone_entry {
    uint64_t dir, version, size;
    enum store_gone why;
    char name[STORE_NAME_MAX + 1];
};

struct fixture {
    char dir[256]; /* removed with all in it at the end; the store is in "store" below */
    char url[400];
    bool on_disk; /* what is stored survives a close */
    struct store_options options; /* of the next open */
    struct store *store;
    _Atomic int64_t now_ns; /* the store's clock */

    struct store_version *pins[HELD_MAX];
    struct entry *entries[HELD_MAX];
    size_t pin_count, entry_count;
    struct store_snapshot *snapshot; /* the one that is open, or NULL */

    pthread_mutex_t gone_lock; /* guards the rest */
    struct gone_entry *gone;
    size_t gone_count;
};

/* --- the fixture --------------------------------------------------------------------------------------- */

/* A store with a limit of 256 MiB and no lifetime, at a fixed time. For cmocka_unit_test_setup_teardown(). */
int fixture_setup(void **state);
int fixture_teardown(void **state);

#define CONTRACT_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

/* Closes the store and opens it again with the options as they are now. What is in memory is lost. */
void fixture_reopen(struct fixture *f);

/* The same for a store that shall be new: under options other than those of the setup. */
void fixture_restart(struct fixture *f);

/* Moves the clock. */
void advance_ms(struct fixture *f, int64_t ms);
int64_t now_ms(struct fixture *f);

/* --- getting and setting ------------------------------------------------------------------------------- */

/* The entry at a place, which must be there; it stays valid to the end of the test. */
const struct entry *look(struct fixture *f, uint64_t dir, const char *name);
const struct entry *look_dir(struct fixture *f, uint64_t dir);
const struct entry *look_version(struct fixture *f, struct store_version *version);

bool is_there(struct fixture *f, uint64_t dir, const char *name);
bool is_dir_there(struct fixture *f, uint64_t dir);

/* Makes a directory and returns its id. */
uint64_t make_dir(struct fixture *f, uint64_t dir, const char *name);

/* Begins a version (mode 0640, user 11, group 12 where there is none yet), takes one in hand, lets one go. */
struct store_version *stage(struct fixture *f, uint64_t dir, const char *name);
struct store_version *pin(struct fixture *f, uint64_t dir, const char *name);
struct store_version *repin(struct fixture *f, struct store_version *version);
void unpin(struct fixture *f, struct store_version *version);

/* A get, hit counted. */
void hit(struct fixture *f, uint64_t dir, const char *name);

/* A set: stage, write, publish, unpin. */
void put(struct fixture *f, uint64_t dir, const char *name, const char *value);
void put_bytes(struct fixture *f, uint64_t dir, const char *name, const void *value, size_t size);
/* A set of `size` times the byte `fill`; returns what publish or the write before it returned. */
int try_put(struct fixture *f, uint64_t dir, const char *name, int fill, size_t size);

void write_text(struct store_version *version, const char *text, uint64_t offset);
int publish(struct store_version *version, uint64_t dir, const char *name);

/* The whole value is what it should be. */
void expect_version(struct store_version *version, const void *value, size_t size);
void expect_version_text(struct store_version *version, const char *text);
void expect_text(struct fixture *f, uint64_t dir, const char *name, const char *text);
void expect_bytes(struct fixture *f, uint64_t dir, const char *name, const void *value, size_t size);

/* Memory for a test, freed at its end through the fixture: `size` bytes of a pattern that `seed` chooses. */
uint8_t *pattern(struct fixture *f, size_t size, unsigned seed);

/* --- attributes ---------------------------------------------------------------------------------------- */

/* Changes an entry by name; returns what store_change() does. */
int change(struct fixture *f, uint64_t dir, const char *name, const struct entry_change *change);
void set_ttl(struct fixture *f, uint64_t dir, const char *name, uint64_t ttl_ms);
void set_idle(struct fixture *f, uint64_t dir, const char *name, uint64_t idle_ms);
void set_tags(struct fixture *f, uint64_t dir, const char *name, const char *tags);
void set_xattr(struct fixture *f, uint64_t dir, const char *name, const char *xattr, const char *value);
void set_dir_defaults(struct fixture *f, uint64_t dir, uint64_t ttl_ms, uint64_t idle_ms, const char *tags);
/* A directory's limits, both; and its policy. */
void set_quota(struct fixture *f, uint64_t dir, uint64_t bytes, uint64_t items);
void set_policy(struct fixture *f, uint64_t dir, enum store_policy policy);
void expect_xattr(const struct entry *entry, const char *name, const char *value);

/* --- the whole ----------------------------------------------------------------------------------------- */

struct store_stats stats(struct fixture *f);
void settle(struct fixture *f);

/* store_check() finds nothing. fixture_teardown() sees to that as well. */
void expect_sound(struct fixture *f);

/* What is below a directory, at any depth, by a walk after all was settled. */
struct recount {
    uint64_t bytes, items, directories;
};
struct recount recount_below(struct fixture *f, uint64_t dir);

/* Waits until options.gone was told of an entry; false when it was not within ten seconds. */
bool was_told_gone(struct fixture *f, uint64_t dir, const char *name, enum store_gone why);

/* The same, and with which version and size. */
bool was_told_gone_as(struct fixture *f, uint64_t dir, const char *name, enum store_gone why, uint64_t version,
                      uint64_t size);

/* The names in a directory, each followed by a blank. */
const char *list_names(struct fixture *f, uint64_t dir, const char *after);

/* --- the suites ---------------------------------------------------------------------------------------- */

/* Each runs its group and returns how many failed. */
int attributes_tests(void);
int clear_tests(void);
int exchange_tests(void);
int lifetime_tests(void);
int limits_tests(void);
int listing_tests(void);
int names_tests(void);
int open_tests(void);
/* Another process for open_tests: opens a store, does what `work` says, writes a byte when done, and waits. */
int open_tests_child(const char *work, const char *url);
int quota_load_tests(void);
int quotas_tests(void);
int rename_tests(void);
int snapshot_tests(void);
int tags_tests(void);
int threads_tests(void);
int values_tests(void);
int versions_tests(void);
int warm_tests(void);

#endif
