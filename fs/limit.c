/* SPDX-License-Identifier: MIT */
/* limit.c - see limit.h. */
#include "limit.h"
#include "state.h"
#include "units.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>

struct limit {
    const char *name;
    unsigned field; /* STORE_QUOTA_ */
};

static const struct limit properties[] = {
    {"user.limit.bytes", STORE_QUOTA_BYTES},
    {"user.limit.items", STORE_QUOTA_ITEMS},
    {"user.policy", STORE_QUOTA_POLICY},
};

enum { PROPERTIES = sizeof properties / sizeof *properties };

const struct limit *limit_find(const char *name)
{
    for (size_t i = 0; i < PROPERTIES; i++)
        if (strcmp(properties[i].name, name) == 0)
            return &properties[i];
    return NULL;
}

static bool show_limit(uint64_t limit, char *text)
{
    snprintf(text, LIMIT_TEXT_MAX, "%" PRIu64, limit);
    return limit > 0;
}

bool limit_show(const struct limit *property, const struct store_quota *quota, char *text)
{
    if (property->field == STORE_QUOTA_BYTES)
        return show_limit(quota->limit_bytes, text);
    if (property->field == STORE_QUOTA_ITEMS)
        return show_limit(quota->limit_items, text);
    if (quota->has_policy)
        strcpy(text, store_policy_name(quota->policy));
    return quota->has_policy;
}

int limit_each(const struct store_quota *quota,
               int (*each)(void *arg, const char *name, size_t name_size, const void *value, size_t value_size),
               void *arg)
{
    char text[LIMIT_TEXT_MAX];
    int result = 0;
    for (size_t i = 0; i < PROPERTIES && result == 0; i++)
        if (limit_show(&properties[i], quota, text))
            result = each(arg, properties[i].name, strlen(properties[i].name), text, strlen(text));
    return result;
}

/* A count as a size without a unit. */
static int count_parse(const char *text, uint64_t *ret_count)
{
    return text[strspn(text, "0123456789")] ? -EINVAL : size_parse(text, ret_count);
}

int limit_parse(const struct limit *property, const char *value, size_t size, struct store_quota *ret_quota,
                unsigned *ret_field)
{
    char text[LIMIT_TEXT_MAX] = "0";
    struct store_quota quota = {0};
    if (size >= sizeof text || (value && memchr(value, '\0', size)))
        return -EINVAL;
    if (value) {
        memcpy(text, value, size);
        text[size] = '\0';
    }
    int result = 0;
    if (property->field == STORE_QUOTA_POLICY && value) {
        quota.has_policy = true;
        result = store_policy_parse(text, &quota.policy);
    } else if (strcmp(text, "none") != 0 && property->field == STORE_QUOTA_BYTES) {
        result = size_parse(text, &quota.limit_bytes);
    } else if (strcmp(text, "none") != 0 && property->field == STORE_QUOTA_ITEMS) {
        result = count_parse(text, &quota.limit_items);
    }
    if (result < 0)
        return -EINVAL;
    *ret_quota = quota;
    *ret_field = property->field;
    return 0;
}

int limit_get(struct fs *fs, const struct node *node, const char *name, char *ret_text)
{
    struct store_quota quota;
    if (node->kind != NODE_DIR)
        return -ENODATA;
    int result = store_quota(fs->store, node->ino, &quota);
    if (result < 0)
        return result;
    return limit_show(limit_find(name), &quota, ret_text) ? 0 : -ENODATA;
}

int limit_set(struct fs *fs, const struct node *node, const char *name, const char *value, size_t size, int flags)
{
    struct store_quota quota;
    unsigned field;
    char text[LIMIT_TEXT_MAX];
    if (node->kind != NODE_DIR)
        return -EINVAL;
    int result = limit_parse(limit_find(name), value, size, &quota, &field);
    if (result < 0)
        return result;
    int there = flags == 0 ? 0 : limit_get(fs, node, name, text);
    if (there == 0 && flags & XATTR_CREATE)
        return -EEXIST;
    if (there < 0 && flags & XATTR_REPLACE)
        return there;
    return store_set_quota(fs->store, node->ino, field, &quota);
}

/* The smallest limit is the one that is met first; of two alike the nearer. */
static void narrow(struct store_quota *space, const struct store_quota *quota)
{
    if (quota->limit_bytes && quota->limit_bytes < space->limit_bytes) {
        space->limit_bytes = quota->limit_bytes;
        space->bytes = quota->bytes;
    }
    if (quota->limit_items && (!space->limit_items || quota->limit_items < space->limit_items)) {
        space->limit_items = quota->limit_items;
        space->items = quota->items;
    }
}

void limit_narrow(struct fs *fs, const struct node *node, struct store_quota *space)
{
    char name[STORE_NAME_MAX + 1];
    if (node->kind != NODE_DIR)
        return;
    for (uint64_t dir = node->ino; dir != STORE_ROOT;) {
        struct store_quota quota;
        if (store_quota(fs->store, dir, &quota) == 0)
            narrow(space, &quota);
        if (store_dir_place(fs->store, dir, &dir, name) < 0)
            return;
    }
}
