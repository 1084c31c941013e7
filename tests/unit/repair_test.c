/* SPDX-License-Identifier: MIT */
/*
 * repair_test.c - each rule of FORMAT.md is broken once by hand, with RocksDB's own means: store_fsck() finds just that,
 * mends it, and finds nothing afterwards; and what is left in the store is right.
 *
 * What is expected to be found stands beside each fault as "kind kind ...", as it is looked at, and as it is repaired,
 * where one mending may take away what else would be found.
 */
#include "rocksdb/checking.h"
#include "rocksdb/dirrow.h"
#include "rocksdb/home.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define BIG_BYTES ((size_t)100000) /* four chunks, the last one short */

struct fixture {
    const struct plant *plant;
    char dir[200], path[256];
    struct db db; /* open while a fault is planted */
    _Atomic uint64_t reads;
    uint64_t users, deep, limited; /* directories' numbers */
    struct entry small, big, link; /* users/42, big and ada, as stored */
    char found[400]; /* kinds, in the order found */
    struct store_checked checked;
};

struct plant {
    const char *name;
    void (*plant)(struct fixture *f);
    const char *found, *repaired;
    bool lost; /* some entry goes */
};

static const struct store_options options = {.limit_bytes = UINT64_C(1) << 30, .cache_bytes = 1 << 20};

/* --- a store ------------------------------------------------------------------------------------------- */

static uint8_t *big_value(void)
{
    static uint8_t value[BIG_BYTES];
    for (size_t i = 0; i < BIG_BYTES; i++)
        value[i] = (uint8_t)(i / 251 + i);
    return value;
}

static struct store *open_store(struct fixture *f)
{
    struct store *store = NULL;
    struct store_error error = {""};
    int result = store_open(f->path, &options, &store, &error);
    if (result < 0)
        print_error("%s\n", error.text);
    assert_int_equal(result, 0);
    return store;
}

static void put(struct store *store, uint64_t dir, const char *name, const void *value, size_t size)
{
    struct store_version *version;
    assert_int_equal(store_stage(store, dir, name, 0644, 1, 2, &version), 0);
    assert_int_equal(store_write(version, value, size, 0), 0);
    assert_int_equal(store_publish(version, dir, name, 0), 0);
    store_unpin(version);
}

/* A directory with limits, and another in it. */
static void fill_limited(struct fixture *f, struct store *store)
{
    struct entry entry;
    const struct store_quota quota = {.limit_bytes = 1 << 20, .limit_items = 10};
    assert_int_equal(store_make_dir(store, STORE_ROOT, "limited", 0755, 1, 2, &entry), 0);
    f->limited = entry.ino;
    entry_release(&entry);
    assert_int_equal(store_set_quota(store, f->limited, STORE_QUOTA_BYTES | STORE_QUOTA_ITEMS, &quota), 0);
    assert_int_equal(store_make_dir(store, f->limited, "below", 0755, 1, 2, &entry), 0);
    put(store, entry.ino, "one", "1", 1);
    entry_release(&entry);
    put(store, f->limited, "two", "22", 2);
}

static void fill(struct fixture *f)
{
    struct store *store = open_store(f);
    struct entry entry;
    struct entry_change change = {.set = ENTRY_SET_TTL | ENTRY_SET_TAGS, .ttl_ms = 3600000, .tags = "users,eu"};
    assert_int_equal(store_make_dir(store, STORE_ROOT, "users", 0755, 1, 2, &entry), 0);
    f->users = entry.ino;
    entry_release(&entry);
    assert_int_equal(store_change_dir(store, f->users, &change, NULL), 0);
    assert_int_equal(store_make_dir(store, f->users, "deep", 0755, 1, 2, &entry), 0);
    f->deep = entry.ino;
    entry_release(&entry);
    put(store, f->users, "42", "Ada", 3);
    put(store, STORE_ROOT, "big", big_value(), BIG_BYTES);
    fill_limited(f, store);
    assert_int_equal(store_make_symlink(store, STORE_ROOT, "ada", "users/42", 1, 2, NULL), 0);
    assert_int_equal(store_lookup(store, f->users, "42", &f->small), 0);
    assert_int_equal(store_lookup(store, STORE_ROOT, "big", &f->big), 0);
    assert_int_equal(store_lookup(store, STORE_ROOT, "ada", &f->link), 0);
    store_close(store);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status, (void)type, (void)place;
    return remove(path);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->plant = *state;
    const char *base = getenv("TMPDIR");
    snprintf(f->dir, sizeof f->dir, "%s/larder-repair-XXXXXX", base ? base : "/tmp");
    if (!mkdtemp(f->dir))
        return -1;
    snprintf(f->path, sizeof f->path, "%s/store", f->dir);
    *state = f;
    fill(f);
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    entry_release(&f->small);
    entry_release(&f->big);
    entry_release(&f->link);
    nftw(f->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(f);
    return 0;
}

/* --- planting ------------------------------------------------------------------------------------------ */

static void put_row(struct fixture *f, enum family family, struct key key, const void *row, size_t size)
{
    assert_int_equal(db_put(&f->db, family, &key, row, size), 0);
}

static void take_row(struct fixture *f, enum family family, struct key key)
{
    rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
    SCOPED_SLICE there = {0};
    assert_int_equal(db_get(&f->db, family, &key, &there), 0); /* else nothing is planted */
    db_batch_delete(&f->db, batch, family, &key);
    assert_int_equal(db_write(&f->db, batch), 0);
    rocksdb_writebatch_destroy(batch);
}

static void put_entry(struct fixture *f, uint64_t dir, const char *name, const struct entry *entry)
{
    uint8_t row[8192];
    assert_true(entry_row_size(entry) <= sizeof row);
    entry_encode(entry, row);
    put_row(f, FAMILY_DEFAULT, key_name(dir, name), row, entry_row_size(entry));
}

static void put_dir(struct fixture *f, uint64_t dir, const char *name, uint64_t parent)
{
    struct key key = key_self(dir);
    struct entry entry;
    uint8_t *row;
    size_t size;
    SCOPED_SLICE there = {0};
    assert_int_equal(db_get(&f->db, FAMILY_DEFAULT, &key, &there), 0);
    assert_int_equal(dirrow_decode(there.data, there.size, &entry, NULL), 0);
    entry.parent = parent;
    assert_int_equal(dirrow_encode(&entry, name, &row, &size), 0);
    put_row(f, FAMILY_DEFAULT, key, row, size);
    free(row);
    entry_release(&entry);
}

static void put_link(struct fixture *f, uint64_t dir, const char *name, uint64_t to)
{
    uint8_t row[DIRROW_LINK_SIZE];
    dirrow_put_link(row, to);
    put_row(f, FAMILY_DEFAULT, key_name(dir, name), row, sizeof row);
}

static struct key deadline_of(const struct entry *entry)
{
    return key_deadline(entry_deadline_ms(entry), entry->version);
}

static void row_damaged(struct fixture *f)
{
    put_row(f, FAMILY_DEFAULT, key_name(STORE_ROOT, "ada"), "what is this", 12);
}

static void row_has_odd_version(struct fixture *f)
{
    f->link.version++;
    put_entry(f, STORE_ROOT, "ada", &f->link);
    f->link.version--;
}

static void row_has_bad_tags(struct fixture *f)
{
    struct entry bad = f->link;
    bad.tags = "a/b";
    bad.tags_size = 3;
    put_entry(f, STORE_ROOT, "ada", &bad);
}

static void row_has_a_short_key(struct fixture *f)
{
    put_row(f, FAMILY_DEFAULT, (struct key){.size = 3, .bytes = "abc"}, "", 0);
}

static void row_has_a_bad_name(struct fixture *f)
{
    put_entry(f, STORE_ROOT, "a/b", &f->link);
}

static void row_is_in_no_directory(struct fixture *f)
{
    put_entry(f, 999, "ada", &f->link);
}

static void version_missing(struct fixture *f)
{
    take_row(f, FAMILY_VERSION, key_version(f->link.version));
}

static void version_missing_of_a_value_in_chunks(struct fixture *f)
{
    take_row(f, FAMILY_VERSION, key_version(f->big.version));
}

static void version_leads_elsewhere(struct fixture *f)
{
    struct key elsewhere = key_name(STORE_ROOT, "nowhere");
    put_row(f, FAMILY_VERSION, key_version(f->link.version), elsewhere.bytes, elsewhere.size);
}

static void version_of_nothing(struct fixture *f)
{
    struct key elsewhere = key_name(STORE_ROOT, "nowhere");
    put_row(f, FAMILY_VERSION, key_version(500), elsewhere.bytes, elsewhere.size);
}

static void version_of_two(struct fixture *f)
{
    put_entry(f, STORE_ROOT, "another", &f->link);
}

static void chunk_of_nothing(struct fixture *f)
{
    put_row(f, FAMILY_DATA, key_chunk(500, 0), "x", 1);
}

static void chunk_of_a_value_in_its_row(struct fixture *f)
{
    put_row(f, FAMILY_DATA, key_chunk(f->small.version, 0), "x", 1);
}

static void chunk_past_the_end(struct fixture *f)
{
    put_row(f, FAMILY_DATA, key_chunk(f->big.version, 4), "x", 1);
}

static void chunk_reaches_past_the_end(struct fixture *f)
{
    uint8_t row[CHUNK_BYTES];
    size_t start = 3 * (size_t)CHUNK_BYTES, size = BIG_BYTES - start;
    memcpy(row, big_value() + start, size);
    row[size] = 'x';
    put_row(f, FAMILY_DATA, key_chunk(f->big.version, 3), row, size + 1);
}

static void chunk_too_large(struct fixture *f)
{
    uint8_t row[CHUNK_BYTES + 1] = {0};
    put_row(f, FAMILY_DATA, key_chunk(f->big.version, 0), row, sizeof row);
}

static void chunk_with_a_short_key(struct fixture *f)
{
    put_row(f, FAMILY_DATA, (struct key){.size = 3, .bytes = "abc"}, "x", 1);
}

static void deadline_missing(struct fixture *f)
{
    take_row(f, FAMILY_DEADLINE, deadline_of(&f->small));
}

static void deadline_too_many(struct fixture *f)
{
    put_row(f, FAMILY_DEADLINE, key_deadline(1, f->small.version), "", 0);
}

static void deadline_of_nothing(struct fixture *f)
{
    put_row(f, FAMILY_DEADLINE, key_deadline(INT64_MAX - 1, 500), "", 0);
}

static void deadline_not_empty(struct fixture *f)
{
    put_row(f, FAMILY_DEADLINE, deadline_of(&f->small), "x", 1);
}

static void tag_missing(struct fixture *f)
{
    take_row(f, FAMILY_TAG, key_tag("eu", 2, f->small.version));
}

static void tag_of_nothing(struct fixture *f)
{
    put_row(f, FAMILY_TAG, key_tag("eu", 2, 500), "", 0);
}

static void tag_that_it_has_not(struct fixture *f)
{
    put_row(f, FAMILY_TAG, key_tag("us", 2, f->small.version), "", 0);
}

static void tag_from_the_future(struct fixture *f)
{
    uint8_t since[8];
    put_u64(since, f->small.change + 1);
    put_row(f, FAMILY_TAG, key_tag("eu", 2, f->small.version), since, sizeof since);
}

static void directory_without_name(struct fixture *f)
{
    take_row(f, FAMILY_DEFAULT, key_name(STORE_ROOT, "users"));
}

static void directory_whose_name_is_taken(struct fixture *f)
{
    put_entry(f, STORE_ROOT, "users", &f->link);
    take_row(f, FAMILY_DEFAULT, key_name(STORE_ROOT, "ada"));
    struct key place = key_name(STORE_ROOT, "users");
    put_row(f, FAMILY_VERSION, key_version(f->link.version), place.bytes, place.size);
}

static void directory_without_row(struct fixture *f)
{
    take_row(f, FAMILY_DEFAULT, key_self(f->users));
}

static void directory_with_a_damaged_row(struct fixture *f)
{
    put_row(f, FAMILY_DEFAULT, key_self(f->users), "\5users", 6);
}

static void directory_by_two_names(struct fixture *f)
{
    put_link(f, STORE_ROOT, "again", f->users);
}

static void directory_of_another_parent(struct fixture *f)
{
    put_dir(f, f->deep, "deep", STORE_ROOT);
}

static void directory_in_itself(struct fixture *f)
{
    put_dir(f, f->users, "users", f->deep);
    put_link(f, f->deep, "users", f->users);
    take_row(f, FAMILY_DEFAULT, key_name(STORE_ROOT, "users"));
}

static void root_missing(struct fixture *f)
{
    take_row(f, FAMILY_DEFAULT, key_self(STORE_ROOT));
}

static void number_above_the_mark(struct fixture *f)
{
    uint8_t row[META_IDS_SIZE];
    meta_put_ids(row, (struct meta_ids){.mark = f->big.version, .clean = true});
    put_row(f, FAMILY_DEFAULT, key_meta(META_IDS), row, sizeof row);
}

static void ids_missing(struct fixture *f)
{
    take_row(f, FAMILY_DEFAULT, key_meta(META_IDS));
}

static void ids_damaged(struct fixture *f)
{
    put_row(f, FAMILY_DEFAULT, key_meta(META_IDS), "123456789", 9);
}

static void format_missing(struct fixture *f)
{
    take_row(f, FAMILY_DEFAULT, key_meta(META_FORMAT));
}

static void counters_missing(struct fixture *f)
{
    take_row(f, FAMILY_DEFAULT, key_meta(META_COUNTERS));
}

static void counters_wrong(struct fixture *f, int bytes, int items, int directories)
{
    struct key key = key_meta(META_COUNTERS);
    struct meta_counters counters = {0};
    uint8_t row[META_COUNTERS_SIZE];
    SCOPED_SLICE there = {0};
    assert_int_equal(db_get(&f->db, FAMILY_DEFAULT, &key, &there), 0);
    assert_true(meta_get_counters(there.data, there.size, &counters));
    counters.bytes += (uint64_t)bytes;
    counters.items += (uint64_t)items;
    counters.directories += (uint64_t)directories;
    meta_put_counters(row, counters);
    put_row(f, FAMILY_DEFAULT, key, row, sizeof row);
}

static void counters_wrong_in_bytes(struct fixture *f)
{
    counters_wrong(f, 1, 0, 0);
}

static void counters_wrong_in_items(struct fixture *f)
{
    counters_wrong(f, 0, -1, 0);
}

static void counters_wrong_in_directories(struct fixture *f)
{
    counters_wrong(f, 0, 0, 1);
}

static void quota_wrong(struct fixture *f, int bytes, int items)
{
    struct key key = key_quota(f->limited);
    struct meta_quota quota = {0};
    uint8_t row[META_QUOTA_SIZE];
    SCOPED_SLICE there = {0};
    assert_int_equal(db_get(&f->db, FAMILY_DEFAULT, &key, &there), 0);
    assert_true(meta_get_quota(there.data, there.size, &quota) && quota.counted && quota.items == 2);
    quota.bytes += (uint64_t)bytes;
    quota.items += (uint64_t)items;
    meta_put_quota(row, quota);
    put_row(f, FAMILY_DEFAULT, key, row, sizeof row);
}

static void quota_wrong_in_bytes(struct fixture *f)
{
    quota_wrong(f, -1, 0);
}

static void quota_wrong_in_items(struct fixture *f)
{
    quota_wrong(f, 0, 1);
}

static void quota_damaged(struct fixture *f)
{
    put_row(f, FAMILY_DEFAULT, key_quota(f->limited), "x", 1);
}

static void quota_of_no_directory(struct fixture *f)
{
    uint8_t row[META_QUOTA_SIZE];
    meta_put_quota(row, (struct meta_quota){.limit_items = 5, .counted = true});
    put_row(f, FAMILY_DEFAULT, key_quota(f->limited + 1000), row, sizeof row);
}

static void hand_damaged(struct fixture *f)
{
    put_row(f, FAMILY_DEFAULT, key_meta(META_HAND), "x", 1);
}

static void store_has_a_strange_row(struct fixture *f)
{
    put_row(f, FAMILY_DEFAULT, key_meta("strange"), "x", 1);
}

static void invalidation_damaged(struct fixture *f)
{
    put_row(f, FAMILY_DEFAULT, key_invalidated("eu"), "x", 1);
}

static void invalidation_of_no_tag(struct fixture *f)
{
    put_row(f, FAMILY_DEFAULT, key_invalidated("a/b"), "12345678", 8);
}

/* A byte in the table that has the rows. */
static void table_damaged(struct fixture *f)
{
    char path[512];
    bool done = false;
    assert_int_equal(db_flush(&f->db), 0);
    DIR *dir = opendir(f->path);
    for (const struct dirent *item; (item = readdir(dir));) {
        uint8_t bytes[65536];
        snprintf(path, sizeof path, "%s/%s", f->path, item->d_name);
        int file = strstr(item->d_name, ".sst") ? open(path, O_RDWR) : -1;
        ssize_t got = file >= 0 ? pread(file, bytes, sizeof bytes, 0) : 0;
        if (got > 100 && memmem(bytes, (size_t)got, "default", 7)) { /* its family's name */
            bytes[50] ^= 1;
            done = pwrite(file, bytes, (size_t)got, 0) == got;
        }
        if (file >= 0)
            close(file);
    }
    closedir(dir);
    assert_true(done);
}

#define PLANT(function, looked, repaired, lost)                                                                        \
    {                                                                                                                  \
#function, function, looked, repaired, lost                                                                    \
    }

static const struct plant plants[] = {
    PLANT(row_damaged, "row version ", "row version counters ", true),
    PLANT(row_has_odd_version, "row version ", "row version counters ", true),
    PLANT(row_has_bad_tags, "row version ", "row version counters ", true),
    PLANT(row_has_a_short_key, "row ", "row ", false),
    PLANT(row_has_a_bad_name, "row ", "row ", false),
    PLANT(row_is_in_no_directory, "directory ", "directory ", false),
    PLANT(version_missing, "version ", "version ", false),
    PLANT(version_missing_of_a_value_in_chunks, "version chunk ", "version ", false),
    PLANT(version_leads_elsewhere, "version version ", "version ", false),
    PLANT(version_of_nothing, "version ", "version ", false),
    PLANT(version_of_two, "version ", "version ", false),
    PLANT(chunk_of_nothing, "chunk ", "chunk ", false),
    PLANT(chunk_of_a_value_in_its_row, "chunk ", "chunk ", false),
    PLANT(chunk_past_the_end, "chunk ", "chunk ", false),
    PLANT(chunk_reaches_past_the_end, "chunk ", "chunk ", false),
    PLANT(chunk_too_large, "chunk ", "chunk counters ", true),
    PLANT(chunk_with_a_short_key, "chunk ", "chunk ", false),
    PLANT(deadline_missing, "deadline ", "deadline ", false),
    PLANT(deadline_too_many, "deadline ", "deadline ", false),
    PLANT(deadline_of_nothing, "deadline ", "deadline ", false),
    PLANT(deadline_not_empty, "deadline ", "deadline ", false),
    PLANT(tag_missing, "tag ", "tag ", false),
    PLANT(tag_of_nothing, "tag ", "tag ", false),
    PLANT(tag_that_it_has_not, "tag ", "tag ", false),
    PLANT(tag_from_the_future, "tag ", "tag ", false),
    PLANT(directory_without_name, "directory ", "directory ", false),
    PLANT(directory_whose_name_is_taken, "directory counters ", "directory counters ", false),
    PLANT(directory_without_row, "directory directory directory ", "directory counters ", false),
    PLANT(directory_with_a_damaged_row, "directory row ", "directory counters ", false),
    PLANT(directory_by_two_names, "directory ", "directory ", false),
    PLANT(directory_of_another_parent, "directory directory ", "directory directory ", false),
    PLANT(directory_in_itself, "directory directory ", "directory directory counters ", false),
    PLANT(root_missing, "directory ", "directory ", false),
    PLANT(number_above_the_mark, "number ", "number ", false),
    PLANT(ids_missing, "row ", "row ", false),
    PLANT(ids_damaged, "row ", "row ", false),
    PLANT(format_missing, "row ", "row ", false),
    PLANT(counters_missing, "counters ", "counters ", false),
    PLANT(counters_wrong_in_bytes, "counters ", "counters ", false),
    PLANT(counters_wrong_in_items, "counters ", "counters ", false),
    PLANT(counters_wrong_in_directories, "counters ", "counters ", false),
    PLANT(quota_wrong_in_bytes, "counters ", "counters ", false),
    PLANT(quota_wrong_in_items, "counters ", "counters ", false),
    PLANT(quota_damaged, "row ", "row ", false),
    PLANT(quota_of_no_directory, "row ", "row ", false),
    PLANT(hand_damaged, "row ", "row ", false),
    PLANT(store_has_a_strange_row, "row ", "row ", false),
    PLANT(invalidation_damaged, "row ", "row ", true),
    PLANT(invalidation_of_no_tag, "row ", "row ", false),
    PLANT(table_damaged, NULL, NULL, true),
};

/* --- looking ------------------------------------------------------------------------------------------- */

static void note(void *arg, const struct store_finding *finding)
{
    struct fixture *f = arg;
    size_t used = strlen(f->found);
    snprintf(f->found + used, sizeof f->found - used, "%s ", store_fault_name(finding->fault));
    if (getenv("LARDER_VERBOSE"))
        print_message("  %s %d: %s\n", store_fault_name(finding->fault), (int)finding->remedy, finding->text);
}

static void fsck(struct fixture *f, unsigned flags)
{
    const struct store_watch watch = {.found = note, .arg = f};
    struct store_error error = {""};
    f->found[0] = '\0';
    int result = store_fsck(f->path, flags, &watch, &f->checked, &error);
    if (result < 0)
        print_error("%s\n", error.text);
    assert_int_equal(result, 0);
}

/* Right, or with `may_lack` a miss. */
static void expect_stored(struct store *store, uint64_t dir, const char *name, const void *value, size_t size,
                          bool may_lack)
{
    struct store_version *version;
    size_t got;
    int result = store_pin(store, dir, name, 0, &version);
    if (may_lack && result == -ENOENT)
        return;
    assert_int_equal(result, 0);
    uint8_t *buffer = malloc(size + 1);
    result = store_read(version, buffer, size + 1, 0, &got);
    bool right = result == 0 && got == size && memcmp(buffer, value, size) == 0;
    free(buffer);
    store_unpin(version);
    assert_true(right);
}

static void expect_right(struct fixture *f)
{
    struct store *store = open_store(f);
    bool may_lack = f->plant->lost;
    expect_stored(store, f->users, "42", "Ada", 3, may_lack);
    expect_stored(store, STORE_ROOT, "big", big_value(), BIG_BYTES, may_lack);
    if (strcmp(f->plant->name, "directory_whose_name_is_taken") != 0)
        expect_stored(store, STORE_ROOT, "ada", "users/42", 8, may_lack);
    put(store, STORE_ROOT, "new", "new", 3); /* and it can be gone on with */
    const struct store_watch watch = {.found = note, .arg = f};
    assert_int_equal(store_check(store, &watch, &f->checked), 0);
    store_close(store);
    assert_int_equal(f->checked.left, 0);
}

static void open_database(struct fixture *f)
{
    char witness[300];
    struct store_error error;
    snprintf(witness, sizeof witness, "%s/larder.closed", f->path);
    assert_int_equal(unlink(witness), 0); /* files change */
    assert_int_equal(db_open(&f->db, f->path, DB_WRITE, &options, &f->reads, &error), 0);
}

static void fault_is_found_and_mended(void **state)
{
    struct fixture *f = *state;
    fsck(f, 0);
    assert_string_equal(f->found, "");
    assert_int_equal(f->checked.entries, 5);
    assert_int_equal(f->checked.directories, 4);

    open_database(f);
    f->plant->plant(f);
    db_close(&f->db);
    fsck(f, 0);
    assert_true(f->checked.left > 0);
    if (f->plant->found)
        assert_string_equal(f->found, f->plant->found);
    else
        assert_int_equal(strncmp(f->found, "file ", 5), 0);

    fsck(f, STORE_REPAIR);
    if (f->plant->repaired)
        assert_string_equal(f->found, f->plant->repaired);
    assert_int_equal(f->checked.left, 0);
    fsck(f, 0);
    assert_string_equal(f->found, "");
    expect_right(f);
}

/* --- CURRENT ------------------------------------------------------------------------------------------- */

static int setup_empty(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    const char *base = getenv("TMPDIR");
    snprintf(f->dir, sizeof f->dir, "%s/larder-repair-XXXXXX", base ? base : "/tmp");
    *state = f;
    return mkdtemp(f->dir) ? 0 : -1;
}

static void current_leads_to_the_manifest_with_the_largest_number(void **state)
{
    static const char *const names[] = {"MANIFEST-000009", "MANIFEST-1000010", "MANIFEST-999999", "MANIFEST-2000000x",
                                        "MANIFEST-"};
    struct fixture *f = *state;
    char text[64] = "";
    struct home home = {.dir = open(f->dir, O_RDONLY | O_DIRECTORY), .lock = -1};
    assert_true(home.dir >= 0);
    assert_int_equal(home_mend_current(&home), -ENOENT);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        close(openat(home.dir, names[i], O_WRONLY | O_CREAT, 0600));
    assert_int_equal(home_mend_current(&home), 0);
    int current = openat(home.dir, "CURRENT", O_RDONLY);
    assert_true(read(current, text, sizeof text - 1) > 0);
    close(current);
    close(home.dir);
    assert_string_equal(text, "MANIFEST-1000010\n");
}

int main(void)
{
    enum { COUNT = sizeof plants / sizeof *plants };
    struct CMUnitTest faults[COUNT + 1] = {
        [COUNT] = cmocka_unit_test_setup_teardown(current_leads_to_the_manifest_with_the_largest_number, setup_empty,
                                                  teardown)};
    for (size_t i = 0; i < COUNT; i++)
        faults[i] = (struct CMUnitTest){plants[i].name, fault_is_found_and_mended, setup, teardown,
                                        (void *)(uintptr_t)&plants[i]};
    return cmocka_run_group_tests(faults, NULL, NULL);
}
