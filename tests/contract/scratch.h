/* SPDX-License-Identifier: MIT */
/*
 * scratch.h - what tests that make stores in directories of their own have in common. Each test is one thread's.
 */
#ifndef LARDER_CONTRACT_SCRATCH_H
#define LARDER_CONTRACT_SCRATCH_H

#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>

static inline int scratch_remove_one(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status, (void)type, (void)place;
    return remove(path);
}

/* Removes a directory with all that is in it, as far as that can be. */
static inline void remove_tree(const char *path)
{
    nftw(path, scratch_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

#endif
