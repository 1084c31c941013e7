/* SPDX-License-Identifier: MIT */
/*
 * meta.h - the rows that belong to the whole store, in and out of bytes. FORMAT.md is the authority. Pure functions;
 * the readers return false for what is no such row.
 */
#ifndef LARDER_ROCKSDB_META_H
#define LARDER_ROCKSDB_META_H

#include "bytes.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    META_FORMAT_NOW = 1, /* the format this program writes, and the newest it reads */
    META_FORMAT_SIZE = 14,
    META_IDS_SIZE = 9,
    META_COUNTERS_SIZE = 24,
    META_HAND_SIZE = 8,
    META_TAG_SIZE = 8,
    META_QUOTA_SIZE = 34,
    META_SIZE_MAX = 24,
};
#define META_MAGIC "larder\0\n" /* 8 bytes */

struct meta_format {
    uint16_t format;
    uint32_t chunk_bytes;
};

static inline void meta_put_format(uint8_t row[META_FORMAT_SIZE], struct meta_format format)
{
    memcpy(row, META_MAGIC, 8);
    put_u16(row + 8, format.format);
    put_u32(row + 10, format.chunk_bytes);
}

static inline bool meta_get_format(const uint8_t *row, size_t size, struct meta_format *ret_format)
{
    if (size != META_FORMAT_SIZE || memcmp(row, META_MAGIC, 8) != 0)
        return false;
    *ret_format = (struct meta_format){.format = get_u16(row + 8), .chunk_bytes = get_u32(row + 10)};
    return true;
}

/* No number from `mark` on was given out. `clean`: the store was closed, and nothing is left to sweep. */
struct meta_ids {
    uint64_t mark;
    bool clean;
};

static inline void meta_put_ids(uint8_t row[META_IDS_SIZE], struct meta_ids ids)
{
    put_u64(row, ids.mark);
    row[8] = ids.clean;
}

static inline bool meta_get_ids(const uint8_t *row, size_t size, struct meta_ids *ret_ids)
{
    if (size != META_IDS_SIZE || row[8] > 1)
        return false;
    *ret_ids = (struct meta_ids){.mark = get_u64(row), .clean = row[8]};
    return true;
}

/* What is published. */
struct meta_counters {
    uint64_t bytes, items, directories;
};

static inline void meta_put_counters(uint8_t row[META_COUNTERS_SIZE], struct meta_counters counters)
{
    put_u64(row, counters.bytes);
    put_u64(row + 8, counters.items);
    put_u64(row + 16, counters.directories);
}

static inline bool meta_get_counters(const uint8_t *row, size_t size, struct meta_counters *ret_counters)
{
    if (size != META_COUNTERS_SIZE)
        return false;
    *ret_counters = (struct meta_counters){get_u64(row), get_u64(row + 8), get_u64(row + 16)};
    return true;
}

/* A directory's quota: what is set, and what is below it. */
struct meta_quota {
    uint64_t limit_bytes, limit_items; /* 0: none */
    uint8_t policy; /* enum store_policy + 1; 0: the mount's */
    bool counted; /* the next two are right */
    uint64_t bytes, items;
};

static inline void meta_put_quota(uint8_t row[META_QUOTA_SIZE], struct meta_quota quota)
{
    put_u64(row, quota.limit_bytes);
    put_u64(row + 8, quota.limit_items);
    row[16] = quota.policy;
    row[17] = quota.counted;
    put_u64(row + 18, quota.bytes);
    put_u64(row + 26, quota.items);
}

static inline bool meta_get_quota(const uint8_t *row, size_t size, struct meta_quota *ret_quota)
{
    if (size != META_QUOTA_SIZE || row[17] > 1)
        return false;
    *ret_quota =
        (struct meta_quota){get_u64(row), get_u64(row + 8), row[16], row[17], get_u64(row + 18), get_u64(row + 26)};
    return true;
}

#endif
