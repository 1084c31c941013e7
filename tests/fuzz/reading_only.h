/* SPDX-License-Identifier: MIT */
/*
 * reading_only.h - in place of what only writing a backup calls, for targets that read archives. To be included once a
 * program.
 */
#ifndef LARDER_FUZZ_READING_ONLY_H
#define LARDER_FUZZ_READING_ONLY_H

#include "limit.h"
#include "xattr.h"

typedef int xattr_fn(void *arg, const char *name, size_t name_size, const void *value, size_t value_size);

int xattr_each(const struct entry *entry, xattr_fn *each, void *arg)
{
    (void)entry, (void)each, (void)arg;
    return 0;
}

int limit_each(const struct store_quota *quota, xattr_fn *each, void *arg)
{
    (void)quota, (void)each, (void)arg;
    return 0;
}

#endif
