/* SPDX-License-Identifier: MIT */
/* entry_test.c - store/entry.h: rows, clocks, tags, attributes, cost and names, each function by itself. */
#include "bytes.h"
#include "entry.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NOW_NS ((int64_t)1700000000123456789)
#define NOW_MS ((int64_t)1700000000123)

/* One entry of each kind, every field different from zero and from all others. Released in teardown. */
struct samples {
    struct entry file, dir, link, scratch;
    uint8_t *row;
};

static void set_xattr(struct entry *entry, const char *name, const char *value)
{
    struct entry_change change = {
        .set = ENTRY_SET_XATTR, .xattr_name = name, .xattr_value = value, .xattr_size = strlen(value)};
    assert_int_equal(entry_apply(entry, &change, NOW_NS), 0);
}

static void make_sample(struct entry *entry, enum entry_kind kind, const char *value)
{
    struct entry_defaults defaults = {.ttl_ms = 5000, .idle_ms = 7000, .tags = "red,blue"};
    assert_int_equal(entry_init(entry, kind, 0640, 11, 12, &defaults, NOW_NS), 0);
    entry->ino = 0x0102030405060708;
    entry->parent = kind == ENTRY_DIR ? 0x1112131415161718 : 0;
    entry->version = kind == ENTRY_DIR ? 0 : 0x2122232425262728;
    entry->change = 0x3132333435363738;
    entry->hits = 0x4142434445464748;
    entry->atime_ns = -1;
    entry->mtime_ns = NOW_NS + 1;
    entry->ctime_ns = NOW_NS + 2;
    entry->btime_ns = INT64_MIN;
    set_xattr(entry, "user.one", "1");
    set_xattr(entry, "user.empty", "");
    if (value) {
        assert_int_equal(entry_set_value(entry, value, strlen(value)), 0);
        entry->size = strlen(value);
    }
}

static int setup(void **state)
{
    struct samples *samples = calloc(1, sizeof *samples);
    assert_non_null(samples);
    *state = samples;
    make_sample(&samples->file, ENTRY_FILE, "the value");
    make_sample(&samples->dir, ENTRY_DIR, NULL);
    make_sample(&samples->link, ENTRY_SYMLINK, "../target");
    return 0;
}

static int teardown(void **state)
{
    struct samples *samples = *state;
    entry_release(&samples->file);
    entry_release(&samples->dir);
    entry_release(&samples->link);
    entry_release(&samples->scratch);
    free(samples->row);
    free(samples);
    return 0;
}

/* The row of an entry; valid until the next one is asked for. */
static uint8_t *encode(struct samples *samples, const struct entry *entry)
{
    free(samples->row);
    samples->row = malloc(entry_row_size(entry));
    assert_non_null(samples->row);
    entry_encode(entry, samples->row);
    return samples->row;
}

static void expect_equal(const struct entry *a, const struct entry *b)
{
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->mode, b->mode);
    assert_int_equal(a->uid, b->uid);
    assert_int_equal(a->gid, b->gid);
    assert_int_equal(a->ino, b->ino);
    assert_int_equal(a->version, b->version);
    assert_int_equal(a->change, b->change);
    assert_int_equal(a->parent, b->parent);
    assert_int_equal(a->size, b->size);
    assert_int_equal(a->hits, b->hits);
    assert_int_equal(a->atime_ns, b->atime_ns);
    assert_int_equal(a->mtime_ns, b->mtime_ns);
    assert_int_equal(a->ctime_ns, b->ctime_ns);
    assert_int_equal(a->btime_ns, b->btime_ns);
    assert_int_equal(a->ttl_ms, b->ttl_ms);
    assert_int_equal(a->idle_ms, b->idle_ms);
    assert_int_equal(a->expires_ms, b->expires_ms);
    assert_int_equal(a->used_ms, b->used_ms);
    assert_string_equal(a->tags, b->tags);
    assert_int_equal(a->tags_size, b->tags_size);
    assert_int_equal(a->xattrs_size, b->xattrs_size);
    assert_memory_equal(a->xattrs, b->xattrs, a->xattrs_size);
}

/* --- rows ---------------------------------------------------------------------------------------------- */

static void every_field_survives_a_row(void **state)
{
    struct samples *samples = *state;
    const struct entry *const all[] = {&samples->file, &samples->dir, &samples->link};
    for (size_t i = 0; i < 3; i++) {
        uint8_t *row = encode(samples, all[i]);
        entry_release(&samples->scratch);
        assert_int_equal(entry_decode(row, entry_row_size(all[i]), true, &samples->scratch), 0);
        expect_equal(&samples->scratch, all[i]);
        assert_int_equal(samples->scratch.value_size, all[i]->value_size);
        if (all[i]->value)
            assert_memory_equal(samples->scratch.value, all[i]->value, all[i]->value_size);
        else
            assert_null(samples->scratch.value);
    }
}

static void extreme_numbers_survive_a_row(void **state)
{
    struct samples *samples = *state;
    struct entry *entry = &samples->file;
    entry->mode = 07777;
    entry->uid = entry->gid = UINT32_MAX;
    entry->ino = entry->version = entry->change = entry->hits = UINT64_MAX;
    entry->ttl_ms = ENTRY_FOREVER;
    entry->idle_ms = ENTRY_UNSET;
    entry->expires_ms = INT64_MAX;
    entry->used_ms = INT64_MIN;
    uint8_t *row = encode(samples, entry);
    assert_int_equal(entry_decode(row, entry_row_size(entry), true, &samples->scratch), 0);
    expect_equal(&samples->scratch, entry);
}

static void a_value_is_left_out_when_not_wanted_but_a_target_never(void **state)
{
    struct samples *samples = *state;
    uint8_t *row = encode(samples, &samples->file);
    assert_int_equal(entry_decode(row, entry_row_size(&samples->file), false, &samples->scratch), 0);
    assert_null(samples->scratch.value);
    assert_int_equal(samples->scratch.size, 9);
    entry_release(&samples->scratch);
    row = encode(samples, &samples->link);
    assert_int_equal(entry_decode(row, entry_row_size(&samples->link), false, &samples->scratch), 0);
    assert_int_equal(samples->scratch.value_size, 9);
    assert_memory_equal(samples->scratch.value, "../target", 9);
}

static void a_row_without_value_is_a_file_with_chunks(void **state)
{
    struct samples *samples = *state;
    assert_int_equal(entry_set_value(&samples->file, NULL, 0), 0);
    samples->file.size = 1 << 30;
    assert_int_equal(entry_row_size(&samples->file),
                     ENTRY_ROW_HEAD + samples->file.tags_size + samples->file.xattrs_size);
    uint8_t *row = encode(samples, &samples->file);
    assert_int_equal(entry_decode(row, entry_row_size(&samples->file), true, &samples->scratch), 0);
    assert_null(samples->scratch.value);
    assert_int_equal(samples->scratch.size, 1 << 30);
}

static void an_empty_value_in_a_row_is_there(void **state)
{
    struct samples *samples = *state;
    assert_int_equal(entry_set_value(&samples->file, "", 0), 0);
    samples->file.size = 0;
    uint8_t *row = encode(samples, &samples->file);
    assert_int_equal(entry_decode(row, entry_row_size(&samples->file), true, &samples->scratch), 0);
    assert_non_null(samples->scratch.value);
    assert_int_equal(samples->scratch.value_size, 0);
}

/* Decodes from memory of exactly that size, so that a sanitizer sees a read behind it. */
static int decode_exactly(const uint8_t *row, size_t size)
{
    struct entry entry = {.ino = 4711};
    uint8_t *copy = malloc(size + 1);
    assert_non_null(copy);
    uint8_t *exact = memcpy(realloc(copy, size ? size : 1), row, size);
    int result = entry_decode(exact, size, true, &entry);
    free(exact);
    bool untouched = entry.ino == 4711;
    if (result == 0)
        entry_release(&entry);
    assert_true(result == 0 || untouched);
    return result;
}

static void a_row_cut_short_anywhere_or_too_long_is_refused(void **state)
{
    struct samples *samples = *state;
    const struct entry *const all[] = {&samples->file, &samples->dir, &samples->link};
    for (size_t i = 0; i < 3; i++) {
        size_t size = entry_row_size(all[i]);
        uint8_t longer[1024] = {0};
        entry_encode(all[i], longer);
        for (size_t cut = 0; cut < size; cut++)
            assert_int_equal(decode_exactly(longer, cut), -EUCLEAN);
        assert_int_equal(decode_exactly(longer, size), 0);
        assert_int_equal(decode_exactly(longer, size + 1), -EUCLEAN);
    }
}

/* The row of the file sample with one byte changed is refused. */
static void expect_damage_refused(struct samples *samples, size_t at, uint8_t byte)
{
    uint8_t *row = encode(samples, &samples->file);
    assert_int_not_equal(row[at], byte);
    row[at] = byte;
    assert_int_equal(decode_exactly(row, entry_row_size(&samples->file)), -EUCLEAN);
}

static void damaged_rows_are_refused(void **state)
{
    struct samples *samples = *state;
    expect_damage_refused(samples, 0, 0); /* kind */
    expect_damage_refused(samples, 0, 4);
    expect_damage_refused(samples, 0, ENTRY_DIR); /* a directory with a value */
    expect_damage_refused(samples, 1, 0); /* no value, but bytes where it would be */
    expect_damage_refused(samples, 1, 2); /* unknown flag */
    expect_damage_refused(samples, 2, 0x10); /* mode above 07777 */
    expect_damage_refused(samples, 36, 0x80); /* size above INT64_MAX */
    expect_damage_refused(samples, 43, 8); /* size other than the value's */
    expect_damage_refused(samples, 116, 0xff); /* tags longer than the row */
    expect_damage_refused(samples, 118, 0xff); /* attributes longer than the row */
    expect_damage_refused(samples, ENTRY_ROW_HEAD, 0); /* NUL in the tags */
    size_t xattrs = ENTRY_ROW_HEAD + samples->file.tags_size;
    expect_damage_refused(samples, xattrs, 0); /* attribute without name */
    expect_damage_refused(samples, xattrs, 0xff); /* name behind the end */
    expect_damage_refused(samples, xattrs + 1, 0xff); /* value behind the end */
    expect_damage_refused(samples, xattrs + 4, 2); /* next one begins in the wrong place */
}

static void any_one_wrong_byte_is_refused_or_harmless(void **state)
{
    struct samples *samples = *state;
    size_t size = entry_row_size(&samples->file);
    for (size_t at = 0; at < size; at++)
        for (int bit = 0; bit < 8; bit++) {
            uint8_t *row = encode(samples, &samples->file);
            row[at] ^= (uint8_t)(1 << bit);
            int result = decode_exactly(row, size);
            assert_true(result == 0 || result == -EUCLEAN);
        }
}

/* A row with these tags, attribute's name and target, each of so many bytes, as no change would make it. */
static int decode_made(size_t tags_size, const char *tags, const char *name, size_t name_size, size_t value_size,
                       size_t target_size)
{
    uint8_t xattr[5 + 255] = {(uint8_t)name_size};
    struct entry entry = {.kind = ENTRY_SYMLINK, .tags = tags, .tags_size = tags_size};
    put_u32(xattr + 1, (uint32_t)value_size);
    memcpy(xattr + 5, name, name_size);
    uint8_t *xattrs = calloc(1, 5 + name_size + value_size), *target = calloc(1, target_size + 1);
    assert_true(xattrs && target);
    memcpy(xattrs, xattr, 5 + name_size);
    memset(target, 'x', target_size);
    entry.xattrs = xattrs;
    entry.xattrs_size = 5 + name_size + value_size;
    entry.value = target;
    entry.value_size = entry.size = target_size;
    uint8_t *row = malloc(entry_row_size(&entry));
    assert_non_null(row);
    entry_encode(&entry, row);
    int result = decode_exactly(row, entry_row_size(&entry));
    free(row);
    free(xattrs);
    free(target);
    return result;
}

static void rows_that_nobody_could_have_written_are_refused(void **state)
{
    char tags[STORE_TAGS_MAX * 2 + 2], tag[STORE_TAG_MAX + 1];
    (void)state;
    memset(tag, 't', sizeof tag);
    for (size_t i = 0; i < sizeof tags; i++)
        tags[i] = i % 2 ? ',' : 'a';
    assert_int_equal(decode_made(STORE_TAG_MAX, tag, "n", 1, 0, 1), 0);
    assert_int_equal(decode_made(STORE_TAG_MAX + 1, tag, "n", 1, 0, 1), -EUCLEAN);
    assert_int_equal(decode_made(STORE_TAGS_MAX * 2 - 1, tags, "n", 1, 0, 1), 0);
    assert_int_equal(decode_made(STORE_TAGS_MAX * 2 + 1, tags, "n", 1, 0, 1), -EUCLEAN);
    assert_int_equal(decode_made(2, "a,", "n", 1, 0, 1), -EUCLEAN);
    assert_int_equal(decode_made(2, ",a", "n", 1, 0, 1), -EUCLEAN);
    assert_int_equal(decode_made(3, "a/b", "n", 1, 0, 1), -EUCLEAN);
    assert_int_equal(decode_made(4, ".,..", "n", 1, 0, 1), 0); /* the first stores of this format have such tags */
    assert_int_equal(decode_made(0, "", "n\0m", 3, 0, 1), -EUCLEAN);
    assert_int_equal(decode_made(0, "", "n", 1, STORE_XATTRS_MAX - 6, 1), 0);
    assert_int_equal(decode_made(0, "", "n", 1, STORE_XATTRS_MAX - 5, 1), -EUCLEAN);
    assert_int_equal(decode_made(0, "", "n", 1, 0, STORE_TARGET_MAX), 0);
    assert_int_equal(decode_made(0, "", "n", 1, 0, STORE_TARGET_MAX + 1), -EUCLEAN);
}

static void a_copy_has_memory_of_its_own(void **state)
{
    struct samples *samples = *state;
    assert_int_equal(entry_copy(&samples->file, true, &samples->scratch), 0);
    expect_equal(&samples->scratch, &samples->file);
    assert_ptr_not_equal(samples->scratch.memory, samples->file.memory);
    assert_ptr_not_equal(samples->scratch.value, samples->file.value);
    assert_memory_equal(samples->scratch.value, "the value", 9);
    entry_release(&samples->scratch);
    assert_int_equal(entry_copy(&samples->file, false, &samples->scratch), 0);
    assert_null(samples->scratch.value);
    entry_release(&samples->scratch);
    assert_int_equal(entry_copy(&samples->link, false, &samples->scratch), 0);
    assert_memory_equal(samples->scratch.value, "../target", 9);
}

/* --- clocks -------------------------------------------------------------------------------------------- */

static void a_deadline_is_the_nearer_of_two(void **state)
{
    (void)state;
    struct entry entry = {.kind = ENTRY_FILE};
    assert_true(entry_deadline_ms(&entry) == INT64_MAX);
    entry.expires_ms = 1000;
    assert_int_equal(entry_deadline_ms(&entry), 1000);
    entry.used_ms = 500;
    entry.idle_ms = 300;
    assert_int_equal(entry_deadline_ms(&entry), 800);
    entry.idle_ms = 600;
    assert_int_equal(entry_deadline_ms(&entry), 1000);
    entry.expires_ms = 0;
    assert_int_equal(entry_deadline_ms(&entry), 1100);
    entry.idle_ms = ENTRY_FOREVER;
    assert_true(entry_deadline_ms(&entry) == INT64_MAX);
    entry.kind = ENTRY_DIR;
    entry.expires_ms = 1000;
    assert_true(entry_deadline_ms(&entry) == INT64_MAX);
}

static void an_entry_lives_until_its_deadline(void **state)
{
    (void)state;
    struct entry entry = {.kind = ENTRY_FILE, .expires_ms = 1000};
    assert_true(entry_alive(&entry, 999));
    assert_false(entry_alive(&entry, 1000));
    entry.expires_ms = -5;
    assert_false(entry_alive(&entry, 0));
}

static void a_restart_counts_from_now_and_does_not_overflow(void **state)
{
    (void)state;
    struct entry entry = {.kind = ENTRY_FILE, .ttl_ms = 500, .expires_ms = 7};
    entry_restart(&entry, 1000);
    assert_int_equal(entry.expires_ms, 1500);
    assert_int_equal(entry.used_ms, 1000);
    entry.ttl_ms = ENTRY_FOREVER;
    entry_restart(&entry, 2000);
    assert_int_equal(entry.expires_ms, 0);
    entry.ttl_ms = UINT64_MAX - 1;
    entry_restart(&entry, 2000);
    assert_true(entry.expires_ms == INT64_MAX);
    entry.ttl_ms = INT64_MAX;
    entry_restart(&entry, 2000);
    assert_true(entry.expires_ms == INT64_MAX);
    entry.idle_ms = INT64_MAX;
    assert_true(entry_deadline_ms(&entry) == INT64_MAX);
    entry.kind = ENTRY_DIR;
    entry.ttl_ms = 500;
    entry_restart(&entry, 2000);
    assert_int_equal(entry.expires_ms, 0);
}

/* --- making -------------------------------------------------------------------------------------------- */

static void a_new_entry_starts_with_the_defaults_now(void **state)
{
    struct samples *samples = *state;
    struct entry_defaults defaults = {.ttl_ms = 500, .idle_ms = 600, .tags = "red"};
    struct entry *entry = &samples->scratch;
    assert_int_equal(entry_init(entry, ENTRY_FILE, 0640, 1, 2, &defaults, NOW_NS), 0);
    assert_int_equal(entry->kind, ENTRY_FILE);
    assert_int_equal(entry->atime_ns, NOW_NS);
    assert_int_equal(entry->mtime_ns, NOW_NS);
    assert_int_equal(entry->ctime_ns, NOW_NS);
    assert_int_equal(entry->btime_ns, NOW_NS);
    assert_int_equal(entry->expires_ms, NOW_MS + 500);
    assert_int_equal(entry->used_ms, NOW_MS);
    assert_int_equal(entry->idle_ms, 600);
    assert_string_equal(entry->tags, "red");
    assert_ptr_not_equal(entry->tags, defaults.tags);
    entry_release(entry);
    assert_int_equal(entry_init(entry, ENTRY_FILE, 0640, 1, 2, NULL, NOW_NS), 0);
    assert_int_equal(entry->ttl_ms, ENTRY_UNSET);
    assert_int_equal(entry->expires_ms, 0);
    assert_string_equal(entry->tags, "");
    assert_int_equal(entry->xattrs_size, 0);
}

static void defaults_come_from_the_nearest_that_has_them(void **state)
{
    (void)state;
    struct entry near = {.kind = ENTRY_DIR, .ttl_ms = 1, .tags = ""};
    struct entry middle = {.kind = ENTRY_DIR, .ttl_ms = 2, .tags = "red", .tags_size = 3};
    struct entry far = {.kind = ENTRY_DIR, .ttl_ms = 3, .idle_ms = ENTRY_FOREVER, .tags = "blue", .tags_size = 4};
    struct entry_defaults defaults = {0};
    assert_false(entry_defaults_take(&defaults, &near));
    assert_false(entry_defaults_take(&defaults, &middle));
    assert_true(entry_defaults_take(&defaults, &far));
    assert_int_equal(defaults.ttl_ms, 1);
    assert_true(defaults.idle_ms == ENTRY_FOREVER);
    assert_string_equal(defaults.tags, "red");
}

/* --- changing ------------------------------------------------------------------------------------------ */

static void a_change_touches_what_it_names(void **state)
{
    struct samples *samples = *state;
    struct entry *entry = &samples->file;
    struct entry_change change = {.set = ENTRY_SET_MODE | ENTRY_SET_ATIME, .mode = 0107777, .atime_ns = 5, .uid = 99};
    assert_int_equal(entry_apply(entry, &change, NOW_NS + 100), 0);
    assert_int_equal(entry->mode, 07777);
    assert_int_equal(entry->atime_ns, 5);
    assert_int_equal(entry->uid, 11);
    assert_int_equal(entry->ctime_ns, NOW_NS + 100);
    assert_string_equal(entry->tags, "red,blue");
    assert_memory_equal(entry->value, "the value", 9);
    assert_int_equal(entry->expires_ms, NOW_MS + 5000);
}

static void lifetimes_restart_the_clock_they_belong_to(void **state)
{
    struct samples *samples = *state;
    struct entry *entry = &samples->file;
    int64_t later_ms = NOW_MS + 1000, later_ns = NOW_NS + 1000000000;
    struct entry_change change = {.set = ENTRY_SET_IDLE, .idle_ms = 300};
    assert_int_equal(entry_apply(entry, &change, later_ns), 0);
    assert_int_equal(entry->used_ms, later_ms);
    assert_int_equal(entry->expires_ms, NOW_MS + 5000);
    change = (struct entry_change){.set = ENTRY_SET_TTL, .ttl_ms = 400};
    assert_int_equal(entry_apply(entry, &change, later_ns), 0);
    assert_int_equal(entry->expires_ms, later_ms + 400);
    change = (struct entry_change){.set = ENTRY_SET_EXPIRES, .expires_ms = 123};
    assert_int_equal(entry_apply(entry, &change, later_ns), 0);
    assert_int_equal(entry->expires_ms, 123);
    change = (struct entry_change){.set = ENTRY_RESTART};
    assert_int_equal(entry_apply(entry, &change, later_ns + 5000000), 0);
    assert_int_equal(entry->expires_ms, later_ms + 5 + 400);
    change = (struct entry_change){.set = ENTRY_SET_TTL, .ttl_ms = ENTRY_UNSET};
    assert_int_equal(entry_apply(entry, &change, later_ns), 0);
    assert_int_equal(entry->expires_ms, 0);
    change = (struct entry_change){.set = ENTRY_SET_EXPIRES, .expires_ms = 123};
    assert_int_equal(entry_apply(&samples->dir, &change, later_ns), -EINVAL);
}

static int apply_tags(struct entry *entry, const char *tags)
{
    struct entry_change change = {.set = ENTRY_SET_TAGS, .tags = tags};
    return entry_apply(entry, &change, NOW_NS);
}

static void tags_are_checked_and_cleaned(void **state)
{
    struct samples *samples = *state;
    struct entry *entry = &samples->file;
    static const char *const wrong[] = {",", "a,", ",a", "a,,b", "a/b", "a\nb", "a\x7f"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(apply_tags(entry, wrong[i]), -EINVAL);
        assert_string_equal(entry->tags, "red,blue");
    }
    assert_int_equal(apply_tags(entry, "b,a,b,aa,a"), 0);
    assert_string_equal(entry->tags, "b,a,aa");
    assert_int_equal(entry->tags_size, 6);
    assert_int_equal(apply_tags(entry, ""), 0);
    assert_string_equal(entry->tags, "");
    assert_memory_equal(entry->value, "the value", 9);
}

static void duplicates_do_not_count_against_64_tags(void **state)
{
    struct samples *samples = *state;
    char tags[STORE_TAGS_MAX * 4 + 10], *at = tags;
    for (int i = 0; i < STORE_TAGS_MAX; i++)
        at += sprintf(at, "%03d,", i);
    strcpy(at, "000");
    assert_int_equal(apply_tags(&samples->file, tags), 0);
    strcpy(at, "xxx");
    assert_int_equal(apply_tags(&samples->file, tags), -EINVAL);
}

static void tags_are_walked_one_by_one(void **state)
{
    (void)state;
    size_t position = 0, size;
    const char *tag;
    assert_true(entry_tag_next("ab,c", &position, &tag, &size));
    assert_int_equal(size, 2);
    assert_memory_equal(tag, "ab", 2);
    assert_true(entry_tag_next("ab,c", &position, &tag, &size));
    assert_int_equal(size, 1);
    assert_memory_equal(tag, "c", 1);
    assert_false(entry_tag_next("ab,c", &position, &tag, &size));
    position = 0;
    assert_false(entry_tag_next("", &position, &tag, &size));
}

static void expect_xattr(const struct entry *entry, const char *name, const char *expected)
{
    const uint8_t *value;
    size_t size;
    int result = entry_xattr_get(entry, name, &value, &size);
    assert_int_equal(result, expected ? 0 : -ENODATA);
    if (expected) {
        assert_int_equal(size, strlen(expected));
        assert_memory_equal(value, expected, size);
    }
}

static int apply_xattr(struct entry *entry, const char *name, const char *value, enum entry_xattr_how how)
{
    struct entry_change change = {.set = ENTRY_SET_XATTR, .xattr_name = name, .xattr_how = how};
    change.xattr_value = value;
    change.xattr_size = value ? strlen(value) : 0;
    return entry_apply(entry, &change, NOW_NS);
}

static void xattrs_are_edited_in_any_place(void **state)
{
    struct samples *samples = *state;
    struct entry *entry = &samples->file;
    set_xattr(entry, "user.last", "3");
    assert_int_equal(apply_xattr(entry, "user.empty", "not any more", ENTRY_XATTR_REPLACE), 0);
    expect_xattr(entry, "user.one", "1");
    expect_xattr(entry, "user.empty", "not any more");
    expect_xattr(entry, "user.last", "3");
    assert_int_equal(apply_xattr(entry, "user.one", NULL, ENTRY_XATTR_REMOVE), 0);
    expect_xattr(entry, "user.one", NULL);
    expect_xattr(entry, "user.last", "3");
    assert_int_equal(apply_xattr(entry, "user.last", NULL, ENTRY_XATTR_REMOVE), 0);
    assert_int_equal(apply_xattr(entry, "user.empty", NULL, ENTRY_XATTR_REMOVE), 0);
    assert_int_equal(entry->xattrs_size, 0);
    assert_string_equal(entry->tags, "red,blue");
    assert_memory_equal(entry->value, "the value", 9);
}

static void xattr_edits_mind_what_is_there(void **state)
{
    struct samples *samples = *state;
    struct entry *entry = &samples->file;
    assert_int_equal(apply_xattr(entry, "user.one", "x", ENTRY_XATTR_CREATE), -EEXIST);
    assert_int_equal(apply_xattr(entry, "user.on", "x", ENTRY_XATTR_REPLACE), -ENODATA);
    assert_int_equal(apply_xattr(entry, "user.ones", NULL, ENTRY_XATTR_REMOVE), -ENODATA);
    expect_xattr(entry, "user.one", "1");
    assert_int_equal(apply_xattr(entry, "user.ones", "x", ENTRY_XATTR_CREATE), 0);
    expect_xattr(entry, "user.one", "1");
    expect_xattr(entry, "user.ones", "x");
}

static void a_change_that_fails_changes_nothing(void **state)
{
    struct samples *samples = *state;
    struct entry_change change = {.set = ENTRY_SET_MODE | ENTRY_SET_TAGS | ENTRY_SET_XATTR | ENTRY_SET_TTL,
                                  .mode = 0111,
                                  .ttl_ms = 1,
                                  .tags = "good",
                                  .xattr_name = "user.one",
                                  .xattr_value = "x",
                                  .xattr_size = 1,
                                  .xattr_how = ENTRY_XATTR_CREATE};
    assert_int_equal(entry_copy(&samples->file, true, &samples->scratch), 0);
    assert_int_equal(entry_apply(&samples->file, &change, NOW_NS + 5), -EEXIST);
    expect_equal(&samples->file, &samples->scratch);
}

static void xattrs_end_at_64_kib(void **state)
{
    struct samples *samples = *state;
    struct entry *entry = &samples->scratch;
    assert_int_equal(entry_init(entry, ENTRY_FILE, 0644, 0, 0, NULL, NOW_NS), 0);
    char *value = calloc(1, STORE_XATTRS_MAX + 1);
    assert_non_null(value);
    struct entry_change change = {.set = ENTRY_SET_XATTR, .xattr_name = "n", .xattr_value = value};
    change.xattr_size = STORE_XATTRS_MAX + 1;
    int too_large = entry_apply(entry, &change, NOW_NS);
    change.xattr_size = STORE_XATTRS_MAX - 6;
    int just_fits = entry_apply(entry, &change, NOW_NS);
    change.xattr_name = "m";
    change.xattr_size = 0;
    int no_more = entry_apply(entry, &change, NOW_NS);
    free(value);
    assert_int_equal(too_large, -ENOSPC);
    assert_int_equal(just_fits, 0);
    assert_int_equal(entry->xattrs_size, STORE_XATTRS_MAX);
    assert_int_equal(no_more, -ENOSPC);
}

/* --- taking over --------------------------------------------------------------------------------------- */

static void a_take_over_keeps_what_was_changed(void **state)
{
    struct samples *samples = *state;
    struct entry *staged = &samples->scratch, *current = &samples->file;
    assert_int_equal(entry_init(staged, ENTRY_FILE, 0600, 1, 2, NULL, NOW_NS + 9), 0);
    staged->ino = 5;
    staged->version = 6;
    staged->size = 7;
    assert_int_equal(entry_take_over(staged, current, ENTRY_SET_MODE | ENTRY_SET_TTL), 0);
    assert_int_equal(staged->mode, 0600);
    assert_int_equal(staged->ttl_ms, ENTRY_UNSET);
    assert_int_equal(staged->uid, 11);
    assert_int_equal(staged->gid, 12);
    assert_int_equal(staged->idle_ms, 7000);
    assert_string_equal(staged->tags, "red,blue");
    expect_xattr(staged, "user.one", "1");
    assert_int_equal(staged->ino, current->ino);
    assert_int_equal(staged->hits, current->hits);
    assert_int_equal(staged->btime_ns, current->btime_ns);
    assert_int_equal(staged->version, 6);
    assert_int_equal(staged->size, 7);
    assert_int_equal(staged->mtime_ns, NOW_NS + 9);
    assert_ptr_not_equal(staged->tags, current->tags);
}

static void a_take_over_keeps_tags_and_xattrs_whole(void **state)
{
    struct samples *samples = *state;
    struct entry *staged = &samples->scratch;
    assert_int_equal(entry_init(staged, ENTRY_FILE, 0600, 1, 2, NULL, NOW_NS), 0);
    assert_int_equal(apply_tags(staged, "mine"), 0);
    set_xattr(staged, "user.mine", "1");
    assert_int_equal(entry_take_over(staged, &samples->file, ENTRY_SET_TAGS | ENTRY_SET_XATTR), 0);
    assert_string_equal(staged->tags, "mine");
    expect_xattr(staged, "user.mine", "1");
    expect_xattr(staged, "user.one", NULL);
    assert_int_equal(staged->mode, 0640);
}

/* --- cost and names ------------------------------------------------------------------------------------ */

static void the_cost_counts_every_byte_kept(void **state)
{
    (void)state;
    struct entry entry = {.kind = ENTRY_FILE};
    uint64_t bare = ENTRY_OVERHEAD + ENTRY_ROW_HEAD;
    assert_int_equal(entry_cost(&entry, 0), bare);
    assert_int_equal(entry_cost(&entry, 10), bare + 20);
    entry.tags_size = 5;
    assert_int_equal(entry_cost(&entry, 10), bare + 20 + 10);
    entry.xattrs_size = 100;
    assert_int_equal(entry_cost(&entry, 10), bare + 20 + 10 + 100);
    entry.size = 1ull << 40;
    assert_int_equal(entry_cost(&entry, 10), bare + 20 + 10 + 100 + (1ull << 40));
}

static void names_are_single_components(void **state)
{
    (void)state;
    char name[300];
    static const char *const good[] = {"a", "...", ".a", "a.", " ", "\xff", "\n", "-"};
    static const char *const wrong[] = {"", ".", "..", "/", "a/", "/a", "a/b"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_int_equal(entry_check_name(good[i]), 0);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(entry_check_name(wrong[i]), -EINVAL);
    memset(name, 'n', sizeof name);
    name[255] = '\0';
    assert_int_equal(entry_check_name(name), 0);
    name[255] = 'n';
    name[256] = '\0';
    assert_int_equal(entry_check_name(name), -ENAMETOOLONG);
}

static void numbers_in_bytes_sort_as_numbers(void **state)
{
    (void)state;
    uint8_t low[8], high[8];
    put_u64(low, 0x00ff);
    put_u64(high, 0x0100);
    assert_true(memcmp(low, high, 8) < 0);
    assert_int_equal(get_u64(high), 0x0100);
    put_u32(low, 0x01020304);
    assert_memory_equal(low, "\x01\x02\x03\x04", 4);
    assert_int_equal(get_u32(low), 0x01020304);
    put_u16(low, 0xfffe);
    assert_int_equal(get_u16(low), 0xfffe);
}

#define UNIT_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(every_field_survives_a_row),
        UNIT_TEST(extreme_numbers_survive_a_row),
        UNIT_TEST(a_value_is_left_out_when_not_wanted_but_a_target_never),
        UNIT_TEST(a_row_without_value_is_a_file_with_chunks),
        UNIT_TEST(an_empty_value_in_a_row_is_there),
        UNIT_TEST(a_row_cut_short_anywhere_or_too_long_is_refused),
        UNIT_TEST(damaged_rows_are_refused),
        UNIT_TEST(any_one_wrong_byte_is_refused_or_harmless),
        UNIT_TEST(rows_that_nobody_could_have_written_are_refused),
        UNIT_TEST(a_copy_has_memory_of_its_own),
        UNIT_TEST(a_deadline_is_the_nearer_of_two),
        UNIT_TEST(an_entry_lives_until_its_deadline),
        UNIT_TEST(a_restart_counts_from_now_and_does_not_overflow),
        UNIT_TEST(a_new_entry_starts_with_the_defaults_now),
        UNIT_TEST(defaults_come_from_the_nearest_that_has_them),
        UNIT_TEST(a_change_touches_what_it_names),
        UNIT_TEST(lifetimes_restart_the_clock_they_belong_to),
        UNIT_TEST(tags_are_checked_and_cleaned),
        UNIT_TEST(duplicates_do_not_count_against_64_tags),
        UNIT_TEST(tags_are_walked_one_by_one),
        UNIT_TEST(xattrs_are_edited_in_any_place),
        UNIT_TEST(xattr_edits_mind_what_is_there),
        UNIT_TEST(a_change_that_fails_changes_nothing),
        UNIT_TEST(xattrs_end_at_64_kib),
        UNIT_TEST(a_take_over_keeps_what_was_changed),
        UNIT_TEST(a_take_over_keeps_tags_and_xattrs_whole),
        UNIT_TEST(the_cost_counts_every_byte_kept),
        UNIT_TEST(names_are_single_components),
        UNIT_TEST(numbers_in_bytes_sort_as_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
