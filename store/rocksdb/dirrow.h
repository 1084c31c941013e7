/* SPDX-License-Identifier: MIT */
/*
 * dirrow.h - a directory's two rows, in and out of bytes. FORMAT.md is the authority.
 *
 *     at (parent, name)   a link: ENTRY_DIR (1) | the directory's id (8)
 *     at (id, "")         itself: size of its name (1) | its name in its parent | the entry, as entry.h encodes it
 *
 * So a directory is found by its number alone, and renaming it touches no entry in it. Pure functions.
 */
#ifndef LARDER_ROCKSDB_DIRROW_H
#define LARDER_ROCKSDB_DIRROW_H

#include "entry.h"

enum { DIRROW_LINK_SIZE = 9 };

void dirrow_put_link(uint8_t row[DIRROW_LINK_SIZE], uint64_t id);

/* True if a row is such a link: a file's or symbolic link's row is longer. */
bool dirrow_get_link(const uint8_t *row, size_t size, uint64_t *ret_id);

/* Encodes a directory's own row; the caller frees. -ENOMEM. */
int dirrow_encode(const struct entry *entry, const char *name, uint8_t **ret_row, size_t *ret_size);

/* `ret_name` (may be NULL) has STORE_NAME_MAX + 1 bytes. -EUCLEAN when it is no such row. */
int dirrow_decode(const uint8_t *row, size_t size, struct entry *ret_entry, char *ret_name);

#endif
