/* SPDX-License-Identifier: MIT */
/*
 * tagged.h - what the backend's table has for tags: see store.h for what each does.
 */
#ifndef LARDER_ROCKSDB_TAGGED_H
#define LARDER_ROCKSDB_TAGGED_H

#include "engine.h"

int tagged_invalidate(void *impl, const char *tag);
int tagged_list_tags(void *impl, const char *after, int (*each)(void *arg, const char *tag), void *arg);
int tagged_list(void *impl, const char *tag, uint64_t after,
                int (*each)(void *arg, uint64_t dir, const char *name, const struct entry *entry), void *arg);

/* Enters into `tags` which were invalidated and not yet swept: now (NULL), or when it was frozen. -EUCLEAN, -ENOMEM. */
int tagged_load(const struct db *db, const struct frozen *frozen, struct tags *tags);

#endif
