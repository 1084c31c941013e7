/* SPDX-License-Identifier: MIT */
/* setting.c - see setting.h. */
#include "setting.h"
#include "options.h"
#include "state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

bool setting_is(const struct fs *fs, const struct node *node, const char *name)
{
    return node == fs->root && strcmp(name, "user.policy") == 0;
}

int setting_get(struct fs *fs, char **ret_value, size_t *ret_size)
{
    struct store_stats stats;
    store_stats(fs->store, &stats);
    const char *name = store_policy_name(stats.policy);
    char *value = strdup(name);
    if (!value)
        return -ENOMEM;
    *ret_value = value;
    *ret_size = strlen(name);
    return 0;
}

static int check_user(struct fs *fs, uid_t uid)
{
    struct entry root;
    int result = store_dir(fs->store, STORE_ROOT, &root);
    if (result < 0)
        return result;
    bool may = uid == 0 || uid == root.uid;
    entry_release(&root);
    return may ? 0 : -EPERM;
}

int setting_set(struct fs *fs, uid_t uid, const char *value, size_t size, int flags)
{
    char text[16];
    enum store_policy policy = fs->options->policy;
    int result = check_user(fs, uid);
    if (result < 0)
        return result;
    if (fs->options->read_only)
        return -EROFS;
    if (flags & XATTR_CREATE)
        return -EEXIST;
    if (value) {
        if (size >= sizeof text)
            return -EINVAL;
        memcpy(text, value, size);
        text[size] = '\0';
        if (strlen(text) != size || store_policy_parse(text, &policy) < 0)
            return -EINVAL;
    }
    store_set_policy(fs->store, policy);
    return 0;
}
