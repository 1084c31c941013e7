/* SPDX-License-Identifier: MIT */
/* setting.c - see setting.h. */
#include "setting.h"
#include "limit.h"
#include "options.h"
#include "permission.h"
#include "state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

bool setting_is(const struct fs *fs, const struct node *node, const char *name)
{
    return node == fs->root && limit_find(name);
}

/* The mount's as if they were a directory's. */
static struct store_quota settings_now(struct fs *fs)
{
    struct store_stats stats;
    store_stats(fs->store, &stats);
    return (struct store_quota){
        .limit_bytes = stats.limit_bytes, .limit_items = stats.limit_items, .has_policy = true, .policy = stats.policy};
}

int setting_get(struct fs *fs, const char *name, char **ret_value, size_t *ret_size)
{
    struct store_quota now = settings_now(fs);
    char text[LIMIT_TEXT_MAX];
    if (!limit_show(limit_find(name), &now, text))
        return -ENODATA;
    char *value = strdup(text);
    if (!value)
        return -ENOMEM;
    *ret_value = value;
    *ret_size = strlen(text);
    return 0;
}

static int check_presence(const struct limit *property, const struct store_quota *now, int flags)
{
    char text[LIMIT_TEXT_MAX];
    bool there = limit_show(property, now, text);
    if (there && flags & XATTR_CREATE)
        return -EEXIST;
    return !there && flags & XATTR_REPLACE ? -ENODATA : 0;
}

/* What the mount's options say, where nothing is wanted. */
static int apply(struct fs *fs, unsigned field, const struct store_quota *wanted, bool any, struct store_quota *now)
{
    const struct mount_options *options = fs->options;
    if (field == STORE_QUOTA_POLICY) {
        store_set_policy(fs->store, any ? wanted->policy : options->policy);
        return 0;
    }
    if (field == STORE_QUOTA_BYTES)
        now->limit_bytes = any ? wanted->limit_bytes : options->size_bytes;
    else
        now->limit_items = any ? wanted->limit_items : options->items;
    return store_set_limits(fs->store, now->limit_bytes, now->limit_items);
}

/* One at a time: the kernel holds the root's inode lock over setxattr(2) and removexattr(2), so that nothing comes between
 * reading the limits and setting them. */
int setting_set(struct fs *fs, uid_t uid, const char *name, const char *value, size_t size, int flags)
{
    const struct limit *property = limit_find(name);
    struct store_quota now = settings_now(fs), wanted;
    unsigned field;
    int result = permission_whole(fs, uid);
    if (result == 0 && fs->options->read_only)
        result = -EROFS;
    if (result == 0)
        result = check_presence(property, &now, flags);
    if (result == 0)
        result = limit_parse(property, value, size, &wanted, &field);
    return result < 0 ? result : apply(fs, field, &wanted, value, &now);
}
