/* SPDX-License-Identifier: MIT */
/*
 * version.h - what the backend's table has for versions: see store.h for what each does.
 */
#ifndef LARDER_ROCKSDB_VERSION_H
#define LARDER_ROCKSDB_VERSION_H

#include "engine.h"

int version_pin(void *impl, uint64_t dir, const char *name, unsigned flags, struct store_version **ret_version);
int version_pin_known(void *impl, uint64_t version, unsigned flags, struct store_version **ret_version);
int version_stage(void *impl, uint64_t dir, const char *name, uint32_t mode, uint32_t uid, uint32_t gid,
                  struct store_version **ret_version);
void version_repin(void *impl, struct store_version *version);
void version_unpin(void *impl, struct store_version *version);
int version_entry(void *impl, struct store_version *version, struct entry *ret_entry);
bool version_dead(void *impl, struct store_version *version);
int version_read(void *impl, struct store_version *version, void *buffer, size_t size, uint64_t offset,
                 size_t *ret_size);
int version_write(void *impl, struct store_version *version, const void *data, size_t size, uint64_t offset);
int version_resize(void *impl, struct store_version *version, uint64_t size);
int version_change(void *impl, struct store_version *version, const struct entry_change *change);
int version_publish(void *impl, struct store_version *version, uint64_t dir, const char *name, uint64_t change,
                    unsigned flags);

#endif
