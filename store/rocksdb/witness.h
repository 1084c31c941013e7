/* SPDX-License-Identifier: MIT */
/*
 * witness.h - which files a store had when it was closed: larder.closed, see FORMAT.md.
 *
 * RocksDB notices when a byte in its files was changed, but not always when a file was cut or taken away: a manifest
 * that ends earlier is one of before, and what it does not know is deleted. So a store that was closed well says what
 * there was, and is compared with that before it is opened again.
 *
 *     closed --witness_begin--> larder.opening --witness_end--> none, while it is open or after a crash
 *
 * `dir` is a descriptor of the store's directory. By who holds the store's lock.
 */
#ifndef LARDER_ROCKSDB_WITNESS_H
#define LARDER_ROCKSDB_WITNESS_H

#include <stdbool.h>
#include <stdint.h>

struct witness {
    char *text; /* NULL: there is none, or it is damaged itself, which says nothing of the others */
    bool opening; /* the files may have changed since; what is in the database has not */
    uint64_t ids; /* the mark in the row `ids`, written last of all */
};

/* Reads it; let go with witness_release(). */
void witness_read(int dir, struct witness *ret_witness);
void witness_release(struct witness *witness);

/* Calls `wrong` for each file that is missing or has another size. Returns how many. */
unsigned witness_compare(int dir, const struct witness *witness,
                         void (*wrong)(void *arg, const char *name, const char *what), void *arg);

/* From now on files change. -errno. */
int witness_begin(int dir);

/* What the database has was compared, or is about to change. -errno. */
int witness_end(int dir);

/* After the database was closed. -errno. */
int witness_write(int dir, uint64_t ids);

#endif
