/* SPDX-License-Identifier: MIT */
/*
 * home.h - the directory a store lives in: whether it is one, of which format, and whose it is just now.
 *
 *     larder.format   "larder store, format 1\n"; what makes a directory a store's; larder.format.new while written
 *     larder.lock     locked with flock() while a process has the store open; the text is its pid
 *     everything else is RocksDB's
 *
 * A directory that is neither empty nor a store's is not touched. Of one that is new, larder.format is written
 * before RocksDB begins, so that a crash at any moment leaves something that can be opened.
 */
#ifndef LARDER_ROCKSDB_HOME_H
#define LARDER_ROCKSDB_HOME_H

#include "backend.h"

/* Takes the directory, made if it is not there and need not be `existing`: a descriptor that holds it until it is closed. Errors and sentences
 * as store_open(). */
int home_take(const char *path, bool existing, int *ret_lock_fd, struct store_error *ret_error);

#endif
