/* SPDX-License-Identifier: MIT */
/*
 * format_test.c - the worked example of store/FORMAT.md (its path is LARDER_FORMAT) is what the code reads and writes: every key and row in it is
 * decoded, encoded anew and compared byte by byte.
 *
 * The example is the block that begins with ```example. A line begins with a family's name and `key`, or with `row`, or
 * goes on with what the line before began; the rest of it is hex with blanks as one likes.
 */
#include "rocksdb/dirrow.h"
#include "rocksdb/keys.h"
#include "rocksdb/meta.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { BYTES_MAX = 512, PAIRS_MAX = 40 };

struct bytes {
    size_t size;
    uint8_t at[BYTES_MAX];
};

struct pair {
    char family[16];
    struct bytes key, row;
};

static struct pair pairs[PAIRS_MAX];
static size_t pairs_count;

/* --- reading FORMAT.md --------------------------------------------------------------------------------- */

static void add_hex(struct bytes *bytes, const char *digits)
{
    for (; *digits; digits += 2) {
        unsigned byte;
        assert_int_equal(sscanf(digits, "%2x", &byte), 1);
        assert_true(bytes->size < BYTES_MAX);
        bytes->at[bytes->size++] = (uint8_t)byte;
    }
}

static bool is_hex(const char *word)
{
    return strspn(word, "0123456789abcdef") == strlen(word) && strlen(word) % 2 == 0;
}

/* `*at` is the key or row that hex goes to. */
static void read_word(const char *word, struct bytes **at)
{
    if (strcmp(word, "key") == 0) {
        *at = &pairs[pairs_count - 1].key;
    } else if (strcmp(word, "row") == 0) {
        *at = &pairs[pairs_count - 1].row;
    } else if (is_hex(word)) {
        assert_non_null(*at);
        add_hex(*at, word);
    } else {
        assert_true(pairs_count < PAIRS_MAX && strlen(word) < sizeof pairs->family);
        strcpy(pairs[pairs_count++].family, word);
    }
}

static int read_example(void **state)
{
    (void)state;
    FILE *file = fopen(LARDER_FORMAT, "r");
    char line[400], *rest;
    bool within = false;
    struct bytes *at = NULL;
    if (!file)
        return -1;
    while (fgets(line, sizeof line, file)) {
        if (strncmp(line, "```", 3) == 0)
            within = strcmp(line, "```example\n") == 0;
        else if (within)
            for (char *word = strtok_r(line, " \n", &rest); word; word = strtok_r(NULL, " \n", &rest))
                read_word(word, &at);
    }
    fclose(file);
    return pairs_count > 0 ? 0 : -1;
}

/* --- comparing ----------------------------------------------------------------------------------------- */

static void expect_key(const struct pair *pair, struct key key)
{
    assert_int_equal(pair->key.size, key.size);
    assert_memory_equal(pair->key.at, key.bytes, key.size);
}

static void expect_row(const struct pair *pair, const uint8_t *row, size_t size)
{
    assert_int_equal(pair->row.size, size);
    assert_memory_equal(pair->row.at, row, size);
}

/* The pair with this key; it must be there. */
static const struct pair *find(const char *family, struct key key)
{
    for (size_t i = 0; i < pairs_count; i++)
        if (strcmp(pairs[i].family, family) == 0 && pairs[i].key.size == key.size &&
            memcmp(pairs[i].key.at, key.bytes, key.size) == 0)
            return &pairs[i];
    fail_msg("%s: a key of %zu bytes is not in the example", family, key.size);
    return NULL;
}

static void expect_meta(const struct pair *pair, const char *name)
{
    uint8_t row[META_SIZE_MAX];
    struct meta_format format = {0};
    struct meta_ids ids = {0};
    struct meta_counters counters = {0};
    if (strcmp(name, META_FORMAT) == 0) {
        assert_true(meta_get_format(pair->row.at, pair->row.size, &format));
        meta_put_format(row, format);
        expect_row(pair, row, META_FORMAT_SIZE);
    } else if (strcmp(name, META_IDS) == 0) {
        assert_true(meta_get_ids(pair->row.at, pair->row.size, &ids));
        meta_put_ids(row, ids);
        expect_row(pair, row, META_IDS_SIZE);
    } else {
        assert_string_equal(name, META_COUNTERS);
        assert_true(meta_get_counters(pair->row.at, pair->row.size, &counters));
        meta_put_counters(row, counters);
        expect_row(pair, row, META_COUNTERS_SIZE);
    }
}

static void expect_dir(const struct pair *pair)
{
    struct entry entry;
    char name[STORE_NAME_MAX + 1];
    uint8_t *row;
    size_t size;
    assert_int_equal(dirrow_decode(pair->row.at, pair->row.size, &entry, name), 0);
    assert_int_equal(dirrow_encode(&entry, name, &row, &size), 0);
    expect_row(pair, row, size);
    free(row);
    entry_release(&entry);
}

/* A file's or link's row is encoded again; a directory's link is put again. */
static void expect_entry(const struct pair *pair)
{
    uint8_t row[BYTES_MAX];
    struct entry entry;
    uint64_t id;
    if (dirrow_get_link(pair->row.at, pair->row.size, &id)) {
        dirrow_put_link(row, id);
        expect_row(pair, row, DIRROW_LINK_SIZE);
        return;
    }
    assert_int_equal(entry_decode(pair->row.at, pair->row.size, true, &entry), 0);
    assert_true(entry_row_size(&entry) <= sizeof row);
    entry_encode(&entry, row);
    expect_row(pair, row, entry_row_size(&entry));
    entry_release(&entry);
}

/* --- tests --------------------------------------------------------------------------------------------- */

static void rows_of_entries_read_and_write_alike(void **state)
{
    (void)state;
    for (size_t i = 0; i < pairs_count; i++) {
        uint64_t dir = 0;
        char name[STORE_NAME_MAX + 1];
        if (strcmp(pairs[i].family, "default") != 0)
            continue;
        assert_true(key_place(pairs[i].key.at, pairs[i].key.size, &dir, name));
        expect_key(&pairs[i], key_name(dir, name));
        if (dir == 0)
            expect_meta(&pairs[i], name);
        else if (name[0] == '\0')
            expect_dir(&pairs[i]);
        else
            expect_entry(&pairs[i]);
    }
}

static void the_example_says_what_its_text_says(void **state)
{
    (void)state;
    const struct pair *pair = find("default", key_name(3, "42"));
    struct entry entry;
    const uint8_t *value;
    size_t size;
    assert_int_equal(entry_decode(pair->row.at, pair->row.size, true, &entry), 0);
    assert_int_equal(entry.mode, 0644);
    assert_int_equal(entry.uid, 1000);
    assert_int_equal(entry.ino, 4);
    assert_int_equal(entry.version, 6);
    assert_int_equal(entry.change, 8);
    assert_int_equal(entry.ttl_ms, 15 * 60 * 1000);
    assert_int_equal(entry.expires_ms, entry.used_ms + 15 * 60 * 1000);
    assert_string_equal(entry.tags, "users,eu");
    assert_int_equal(entry_xattr_get(&entry, "user.by", &value, &size), 0);
    assert_memory_equal(value, "test", size);
    assert_int_equal(entry.value_size, 15);
    assert_memory_equal(entry.value, "{\"name\":\"Ada\"}\n", 15);
    entry_release(&entry);
}

/* Every index that FORMAT.md asks for is there, and no other. */
static void indexes_follow_from_the_entries(void **state)
{
    (void)state;
    size_t indexes = 0, expected = 0;
    for (size_t i = 0; i < pairs_count; i++) {
        uint64_t id, dir = 0;
        char name[STORE_NAME_MAX + 1];
        struct entry entry;
        size_t position = 0, size;
        const char *tag;
        indexes += strcmp(pairs[i].family, "default") != 0 && strcmp(pairs[i].family, "data") != 0;
        if (strcmp(pairs[i].family, "default") != 0 || !key_place(pairs[i].key.at, pairs[i].key.size, &dir, name) ||
            dir == 0 || name[0] == '\0' || dirrow_get_link(pairs[i].row.at, pairs[i].row.size, &id))
            continue;
        assert_int_equal(entry_decode(pairs[i].row.at, pairs[i].row.size, true, &entry), 0);
        const struct pair *version = find("version", key_version(entry.version));
        expect_row(version, pairs[i].key.at, pairs[i].key.size);
        expected++;
        if (entry_deadline_ms(&entry) != INT64_MAX) {
            assert_int_equal(find("deadline", key_deadline(entry_deadline_ms(&entry), entry.version))->row.size, 0);
            expected++;
        }
        for (; entry_tag_next(entry.tags, &position, &tag, &size); expected++) {
            const struct pair *tagged = find("tag", key_tag(tag, size, entry.version));
            assert_int_equal(tagged->row.size, 8);
            assert_true(get_u64(tagged->row.at) <= entry.change);
        }
        entry_release(&entry);
    }
    assert_int_equal(indexes, expected);
}

static void what_is_no_row_is_refused(void **state)
{
    (void)state;
    const struct pair *pair = find("default", key_self(3));
    struct entry entry;
    struct meta_format format = {0};
    struct meta_ids ids = {0};
    uint64_t id;
    for (size_t size = 0; size < pair->row.size; size++)
        assert_true(dirrow_decode(pair->row.at, size, &entry, NULL) < 0);
    pair = find("default", key_name(3, "42"));
    for (size_t size = 0; size < pair->row.size; size++) {
        assert_true(entry_decode(pair->row.at, size, true, &entry) < 0);
        assert_false(dirrow_get_link(pair->row.at, size, &id));
    }
    assert_false(meta_get_format((const uint8_t *)"something else", 14, &format));
    assert_false(meta_get_ids((const uint8_t *)"12345678\x02", 9, &ids));
}

/* A name that is none would lead elsewhere in the path that it is part of. */
static void names_of_directories_that_are_none_are_refused(void **state)
{
    (void)state;
    static const char *const names[] = {"..", ".", "a/b", "a\0b"};
    static const size_t sizes[] = {2, 1, 3, 3};
    const struct pair *pair = find("default", key_self(3));
    size_t entry_size = pair->row.size - 1 - pair->row.at[0];
    struct entry entry;
    char name[STORE_NAME_MAX + 1];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        uint8_t *row = malloc(1 + sizes[i] + entry_size);
        assert_non_null(row);
        row[0] = (uint8_t)sizes[i];
        memcpy(row + 1, names[i], sizes[i]);
        memcpy(row + 1 + sizes[i], pair->row.at + 1 + pair->row.at[0], entry_size);
        int result = dirrow_decode(row, 1 + sizes[i] + entry_size, &entry, name);
        free(row);
        assert_int_equal(result, -EUCLEAN);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_of_entries_read_and_write_alike),
        cmocka_unit_test(the_example_says_what_its_text_says),
        cmocka_unit_test(indexes_follow_from_the_entries),
        cmocka_unit_test(what_is_no_row_is_refused),
        cmocka_unit_test(names_of_directories_that_are_none_are_refused),
    };
    return cmocka_run_group_tests_name("format", tests, read_example, NULL);
}
