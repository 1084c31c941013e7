/* SPDX-License-Identifier: MIT */
/*
 * home.h - the directory a store lives in: whether it is one, of which format, and whose it is just now.
 *
 *     larder.format     "larder store, format 1\n"; what makes a directory a store's; larder.format.new while written
 *     larder.lock       locked with flock() while a process has the store open; the text is its pid
 *     larder.closed     which files there were when it was closed, see witness.h
 *     larder.ballast    space set aside, see room.h
 *     larder.repairing  while it is rebuilt: what is in it need not fit together
 *     everything else is RocksDB's
 *
 * It is the user's who opens it, of mode 0700 and made so; another is refused with -EPERM, for what is in it the modes of
 * a mount may forbid to others.
 *
 * A directory that is neither empty nor a store's is not touched. Of one that is new, larder.format is written
 * before RocksDB begins, so that a crash at any moment leaves something that can be opened.
 */
#ifndef LARDER_ROCKSDB_HOME_H
#define LARDER_ROCKSDB_HOME_H

#include "backend.h"

enum home_format { HOME_NONE, HOME_FORMAT, HOME_FORMAT_MISSING, HOME_FORMAT_DAMAGED };

/* Descriptors: of the directory, and of the lock, which holds it until that is closed. */
struct home {
    int dir, lock;
    enum home_format format;
};

/* Takes the directory, made if it is not there and need not be `existing`. Errors and sentences as store_open(). */
int home_take(const char *path, bool existing, struct home *ret_home, struct store_error *ret_error);

/* The same of one that is there and perhaps damaged: `format` tells. -EUCLEAN when it is no store's. */
int home_hold(const char *path, struct home *ret_home, struct store_error *ret_error);

void home_release(struct home *home);

/* Deletes a store, but for the directory and its lock. -EUCLEAN when there is anything in it that no store has, and then
 * nothing is deleted. */
int home_clear(const char *path, struct store_error *ret_error);

/* Says that what is in it need not fit together; and no more. -errno. */
int home_set_repairing(const struct home *home, bool repairing);
bool home_is_repairing(const struct home *home);

/* Writes larder.format. */
int home_write_format(const struct home *home, const char *path, struct store_error *ret_error);

/* True when a file is there that RocksDB writes once it has CURRENT, but not that. */
bool home_lacks_current(const struct home *home);

/* Makes CURRENT lead to the newest manifest. -ENOENT when there is none. */
int home_mend_current(const struct home *home);

/* Moves a table out of the way; and deletes what was moved, by this or by RocksDB. */
int home_discard(const struct home *home, const char *name);
void home_delete_discarded(const struct home *home);

/* Does a name end so? */
bool home_ends(const char *name, const char *end);

/* The sentence of a store that cannot be opened as it is, with the way out. Returns -EUCLEAN. */
__attribute__((format(printf, 2, 3))) int home_fail_damaged(struct store_error *error, const char *format, ...);

#endif
