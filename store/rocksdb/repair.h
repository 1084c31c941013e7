/* SPDX-License-Identifier: MIT */
/* repair.h - store_fsck() of a store that nobody has open. */
#ifndef LARDER_ROCKSDB_REPAIR_H
#define LARDER_ROCKSDB_REPAIR_H

#include "backend.h"

/* The backend's `fsck`. */
int repair_fsck(const char *path, unsigned flags, const struct store_options *options, const struct store_watch *watch,
                struct store_checked *ret_checked, struct store_error *ret_error);

#endif
