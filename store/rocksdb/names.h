/* SPDX-License-Identifier: MIT */
/*
 * names.h - what the backend's table has for names: see store.h for what each does. Also what rename and remove share.
 */
#ifndef LARDER_ROCKSDB_NAMES_H
#define LARDER_ROCKSDB_NAMES_H

#include "mutation.h"

int names_lookup(void *impl, uint64_t dir, const char *name, struct entry *ret_entry);
int names_dir(void *impl, uint64_t dir, struct entry *ret_entry);
int names_dir_place(void *impl, uint64_t dir, uint64_t *ret_parent, char *ret_name);
int names_list(void *impl, uint64_t dir, const char *after,
               int (*each)(void *arg, const char *name, const struct entry *entry), void *arg);
int names_make_dir(void *impl, uint64_t dir, const char *name, uint32_t mode, uint32_t uid, uint32_t gid,
                   struct entry *ret_entry);
int names_make_symlink(void *impl, uint64_t dir, const char *name, const char *target, uint32_t uid, uint32_t gid,
                       struct entry *ret_entry);
int names_remove(void *impl, uint64_t dir, const char *name, uint64_t version);
int names_remove_dir(void *impl, uint64_t dir, const char *name);
int names_clear(void *impl, uint64_t dir, uint64_t most, struct store_clearing *clearing,
                void (*each)(void *arg, const char *name, uint64_t version, uint64_t size), void *arg); /* clear.c */
int names_change_dir(void *impl, uint64_t dir, const struct entry_change *change, struct entry *ret_entry);
int names_rename(void *impl, uint64_t dir, const char *name, uint64_t new_dir, const char *new_name, unsigned flags);

/* The living entry at a place, for a step; one that has expired is killed on the way, and -ENOENT. With
 * `delete_row` false the caller puts another row in its place. */
int names_find(struct mutation *mutation, uint64_t dir, const char *name, bool delete_row, struct entry *ret_entry);

/* Kills what has expired in a directory, as many as one mutation holds. 0 when nothing is left, -ENOTEMPTY when
 * something lives, -EAGAIN when there is more to kill: have the batch written and come again. */
int names_empty_dir(struct mutation *mutation, uint64_t dir);

/* What a new entry below a directory starts with. *ret_tags is what defaults.tags points to; the caller frees, and does
 * not hold the mutation mutex. -ENOENT, -ENOTDIR: the directory. */
int names_defaults(struct engine *engine, uint64_t dir, struct entry_defaults *ret_defaults, char **ret_tags);

/* Fills a zeroed entry that is to be published as `entry` now is; ret_entry may be NULL. */
int names_give(const struct entry *entry, struct entry *ret_entry);

#endif
