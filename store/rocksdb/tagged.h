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

/* At opening: reads which tags were invalidated and not yet swept. */
int tagged_load(struct engine *engine);

#endif
