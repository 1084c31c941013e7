/* SPDX-License-Identifier: MIT */
/*
 * rows.h - entries read from the rows of the default family. Nothing here locks: without the mutation mutex what is
 * read may be old by the time it is looked at.
 */
#ifndef LARDER_ROCKSDB_ROWS_H
#define LARDER_ROCKSDB_ROWS_H

#include "dirrow.h"
#include "engine.h"

/* Entries that expire are read as written: hits and reading times that are only in memory come with row_refresh().
 * -ENOENT also when `dir` is gone, -ENOTDIR when it never was a directory. Expired entries are there. */
int row_read(const struct engine *engine, uint64_t dir, const char *name, bool with_value, struct entry *ret_entry);

/*
 * The same, but without a look at the row of a file or link that is in memory: as in the row, but that `used_ms` of one
 * with an idle lifetime may be older; row_refresh() and row_alive() know. The second, for steps, gives it exactly as in
 * the row, and with the value.
 */
int row_recall(struct engine *engine, uint64_t dir, const char *name, bool with_value, struct entry *ret_entry);
int row_recall_exactly(struct engine *engine, uint64_t dir, const char *name, struct entry *ret_entry);

/* The same as row_recall(), up to date and only of what is alive: else -ENOENT. */
int row_recall_living(struct engine *engine, uint64_t dir, const char *name, bool with_value, struct entry *ret_entry);

/* A directory by its number. `ret_name` (may be NULL) has STORE_NAME_MAX + 1 bytes. -ENOENT, -ENOTDIR. */
int row_read_self(const struct engine *engine, uint64_t dir, struct entry *ret_entry, char *ret_name);
/* The same as it was when a frozen walk began. */
int row_read_self_frozen(const struct engine *engine, const struct walk *walk, uint64_t dir, struct entry *ret_entry);

/* Adds to an entry what is known of its reads beyond its row. Returns the hits added. */
uint64_t row_refresh(struct engine *engine, struct entry *entry);

/* See tags.h for when to believe it of a row that was read without the mutation mutex. True until its deadline, with the reads that are not in the row, or until one of its tags is invalidated. */
bool row_alive(struct engine *engine, const struct entry *entry, int64_t now_ms);

/* Where the entry is that has this version. -ENOENT when none has. */
int row_place(const struct engine *engine, uint64_t version, uint64_t *ret_dir, char *ret_name);

/* The same with the entry of a file or link, read as by row_read() with its value, by who has the mutation mutex. -ENOENT
 * when none has this version. */
int row_of_version(const struct engine *engine, uint64_t version, uint64_t *ret_dir, char *ret_name,
                   struct entry *ret_entry);

#endif
