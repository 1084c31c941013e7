/* SPDX-License-Identifier: MIT */
/*
 * keys.h - every key of every column family, in and out of bytes. FORMAT.md is the authority.
 *
 *     default    directory id (8) | name             an entry; with an empty name the directory itself
 *                0 (8) | a fixed name                what belongs to the whole store
 *     version    version id (8)                      -> the key in `default` of the entry that has it
 *     data       version id (8) | chunk (8)
 *     deadline   ms since the epoch (8) | version id (8)
 *     tag        tag | NUL | version id (8)
 *
 * Numbers are big-endian, so that keys sort as their numbers do. Pure functions; nothing here can fail: names and
 * tags were checked before they came here.
 */
#ifndef LARDER_ROCKSDB_KEYS_H
#define LARDER_ROCKSDB_KEYS_H

#include "bytes.h"
#include "store.h"

enum { KEY_MAX = 8 + STORE_NAME_MAX + 1 };

struct key {
    size_t size;
    uint8_t bytes[KEY_MAX];
};

#define META_FORMAT   "format"
#define META_IDS      "ids"
#define META_COUNTERS "counters"
#define META_HAND     "hand"
#define META_TAG      "tag:" /* and the tag */
#define META_QUOTA    "quota:" /* and the directory's number (8) */

/* The entry at a place; `name` is empty for the directory itself. */
static inline struct key key_name(uint64_t dir, const char *name)
{
    struct key key;
    size_t size = strlen(name);
    put_u64(key.bytes, dir);
    memcpy(key.bytes + 8, name, size);
    key.size = 8 + size;
    return key;
}

static inline struct key key_self(uint64_t dir)
{
    return key_name(dir, "");
}

static inline struct key key_meta(const char *name)
{
    return key_name(0, name);
}

/* The row of a tag that was invalidated; with "" the beginning that all of them have. */
static inline struct key key_invalidated(const char *tag)
{
    struct key key = key_meta(META_TAG);
    size_t size = strlen(tag);
    memcpy(key.bytes + key.size, tag, size);
    key.size += size;
    return key;
}

/* The row of a directory's quota. */
static inline struct key key_quota(uint64_t dir)
{
    struct key key = key_meta(META_QUOTA);
    put_u64(key.bytes + key.size, dir);
    key.size += 8;
    return key;
}

static inline struct key key_version(uint64_t version)
{
    struct key key = {.size = 8};
    put_u64(key.bytes, version);
    return key;
}

static inline struct key key_chunk(uint64_t version, uint64_t chunk)
{
    struct key key = {.size = 16};
    put_u64(key.bytes, version);
    put_u64(key.bytes + 8, chunk);
    return key;
}

/* Deadlines before the epoch are all the same: over. */
static inline int64_t deadline_clamp(int64_t deadline_ms)
{
    return deadline_ms < 0 ? 0 : deadline_ms;
}

static inline struct key key_deadline(int64_t deadline_ms, uint64_t version)
{
    struct key key = {.size = 16};
    put_u64(key.bytes, (uint64_t)deadline_clamp(deadline_ms));
    put_u64(key.bytes + 8, version);
    return key;
}

static inline struct key key_tag(const char *tag, size_t size, uint64_t version)
{
    struct key key;
    memcpy(key.bytes, tag, size);
    key.bytes[size] = '\0';
    put_u64(key.bytes + size + 1, version);
    key.size = size + 1 + 8;
    return key;
}

/* Where a key of `default` points: the directory's id and the name, in a buffer of STORE_NAME_MAX + 1 bytes. False
 * when it is none. */
static inline bool key_place(const uint8_t *bytes, size_t size, uint64_t *ret_dir, char *ret_name)
{
    if (size < 8 || size > 8 + STORE_NAME_MAX)
        return false;
    *ret_dir = get_u64(bytes);
    memcpy(ret_name, bytes + 8, size - 8);
    ret_name[size - 8] = '\0';
    return true;
}

#endif
