/* SPDX-License-Identifier: MIT */
/*
 * records.c - the small records of a store on disk (FORMAT.md): keys of entries, rows of directories and of the whole store.
 * What is read is written again as it was.
 */
#include "fuzz.h"
#include "rocksdb/dirrow.h"
#include "rocksdb/keys.h"
#include "rocksdb/meta.h"

#include <errno.h>

/* Keys of `default`, which are also what rows of `version` hold. */
static void check_place(const uint8_t *bytes, size_t size)
{
    uint64_t dir;
    char name[STORE_NAME_MAX + 1];
    if (!key_place(bytes, size, &dir, name))
        return;
    require(strlen(name) <= size - 8);
    if (strlen(name) < size - 8)
        return; /* a quota's: a number with zeroes in it */
    struct key key = key_name(dir, name);
    require(key.size == size && memcmp(key.bytes, bytes, size) == 0);
}

static void check_dirrow(const uint8_t *bytes, size_t size)
{
    struct entry entry;
    char name[STORE_NAME_MAX + 1];
    uint8_t link[DIRROW_LINK_SIZE], *row;
    uint64_t id;
    size_t row_size;
    if (dirrow_get_link(bytes, size, &id)) {
        dirrow_put_link(link, id);
        require(memcmp(link, bytes, size) == 0);
    }
    int result = dirrow_decode(bytes, size, &entry, name);
    require(result == 0 || result == -EUCLEAN);
    if (result < 0)
        return;
    require(entry.kind == ENTRY_DIR && (!*name || entry_check_name(name) == 0));
    require(dirrow_encode(&entry, name, &row, &row_size) == 0);
    require(row_size == size && memcmp(row, bytes, size) == 0);
    free(row);
    entry_release(&entry);
}

static void check_meta(const uint8_t *bytes, size_t size)
{
    uint8_t row[64];
    struct meta_format format;
    struct meta_ids ids;
    struct meta_counters counters;
    struct meta_quota quota;
    if (meta_get_format(bytes, size, &format)) {
        meta_put_format(row, format);
        require(memcmp(row, bytes, size) == 0);
    }
    if (meta_get_ids(bytes, size, &ids)) {
        meta_put_ids(row, ids);
        require(memcmp(row, bytes, size) == 0);
    }
    if (meta_get_counters(bytes, size, &counters)) {
        meta_put_counters(row, counters);
        require(memcmp(row, bytes, size) == 0);
    }
    if (meta_get_quota(bytes, size, &quota)) {
        meta_put_quota(row, quota);
        require(memcmp(row, bytes, size) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *bytes = fuzz_text(data, size);
    uint8_t *exact = (uint8_t *)realloc(bytes, size ? size : 1);
    require(exact);
    check_place(exact, size);
    check_dirrow(exact, size);
    check_meta(exact, size);
    free(exact);
    return 0;
}
