/* SPDX-License-Identifier: MIT */
/*
 * row.c - entries' rows: what is read as a row is one that could have been written, is written again as it was, and
 * survives changes.
 *
 *     row size (2) | row | changes: kind (1), size (1), bytes
 */
#include "entry.h"
#include "fuzz.h"

#include <errno.h>

static void check_tags(const struct entry *entry)
{
    size_t position = 0, size, count = 0;
    const char *tag;
    require(strlen(entry->tags) == entry->tags_size);
    while (entry_tag_next(entry->tags, &position, &tag, &size)) {
        bool dots = size <= 2 && memcmp(tag, "..", size) == 0; /* of the first stores */
        require(entry_check_tag(tag, size) == 0 || (dots && size > 0));
        count++;
    }
    require(position == entry->tags_size && count <= STORE_TAGS_MAX);
}

static void check_xattrs(const struct entry *entry)
{
    size_t position = 0, name_size, value_size;
    const char *name;
    const uint8_t *value, *found;
    size_t found_size;
    while (entry_xattr_next(entry, &position, &name, &name_size, &value, &value_size)) {
        char *text = fuzz_text((const uint8_t *)name, name_size);
        require(name_size > 0 && strlen(text) == name_size);
        require(entry_xattr_get(entry, text, &found, &found_size) == 0);
        require(found + found_size <= entry->xattrs + entry->xattrs_size);
        free(text);
    }
    require(position == entry->xattrs_size && entry->xattrs_size <= STORE_XATTRS_MAX);
}

static void check_entry(const struct entry *entry)
{
    check_tags(entry);
    check_xattrs(entry);
    if (entry->kind == ENTRY_SYMLINK)
        require(entry->value && entry->value_size == entry->size && entry->size <= STORE_TARGET_MAX &&
                !memchr(entry->value, '\0', entry->value_size));
    (void)entry_alive(entry, entry_deadline_ms(entry));
}

/* Written and read again it is the same. */
static void check_encoding(const struct entry *entry)
{
    size_t size = entry_row_size(entry);
    uint8_t *row = malloc(size), *again = malloc(size);
    struct entry read;
    require(row && again);
    entry_encode(entry, row);
    require(entry_decode(row, size, true, &read) == 0);
    require(entry_row_size(&read) == size);
    entry_encode(&read, again);
    require(memcmp(row, again, size) == 0);
    entry_release(&read);
    free(row);
    free(again);
}

static void change(struct entry *entry, struct fuzz_input *input)
{
    struct entry_change change = {.set = (unsigned)fuzz_number(input, 2) & (2 * ENTRY_RESTART - 1)};
    size_t size;
    change.mode = (uint32_t)fuzz_number(input, 2);
    change.ttl_ms = fuzz_number(input, 8);
    change.idle_ms = fuzz_number(input, 8);
    change.expires_ms = (int64_t)fuzz_number(input, 8);
    change.xattr_how = (enum entry_xattr_how)(fuzz_byte(input) % (ENTRY_XATTR_REMOVE + 1));
    const uint8_t *bytes = fuzz_bytes(input, fuzz_byte(input), &size);
    char *tags = fuzz_text(bytes, size);
    bytes = fuzz_bytes(input, fuzz_byte(input), &size);
    char *name = fuzz_text(bytes, size);
    change.tags = tags;
    change.xattr_name = *name ? name : "x";
    change.xattr_size = fuzz_number(input, 3) % (2 * STORE_XATTRS_MAX);
    void *value = calloc(1, change.xattr_size + 1);
    require(value);
    change.xattr_value = value;
    int result = entry_apply(entry, &change, (int64_t)fuzz_number(input, 8));
    require(result == 0 || result == -EINVAL || result == -EEXIST || result == -ENODATA || result == -ENOSPC);
    free(value);
    free(name);
    free(tags);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    struct entry entry, copy;
    size_t row_size;
    const uint8_t *given = fuzz_bytes(&input, fuzz_number(&input, 2), &row_size);
    char *row = fuzz_text(given, row_size);
    int result = entry_decode((uint8_t *)row, row_size, true, &entry);
    require(result == 0 || result == -EUCLEAN);
    if (result == 0) {
        require(entry_row_size(&entry) == row_size);
        uint8_t *again = malloc(row_size);
        require(again);
        entry_encode(&entry, again);
        require(memcmp(row, again, row_size) == 0);
        free(again);
        check_entry(&entry);
        for (int changes = 0; changes < 4 && input.left > 0; changes++) {
            change(&entry, &input);
            check_entry(&entry);
            check_encoding(&entry);
        }
        require(entry_copy(&entry, false, &copy) == 0);
        require(entry_take_over(&copy, &entry, 0) == 0);
        check_entry(&copy);
        entry_release(&copy);
        entry_release(&entry);
    }
    free(row);
    return 0;
}
