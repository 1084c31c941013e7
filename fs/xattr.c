/* SPDX-License-Identifier: MIT */
/* xattr.c - see xattr.h. */
#include "xattr.h"
#include "limit.h"
#include "setting.h"
#include "target.h"
#include "units.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

/* The longest text of a property: 64 tags of 128 bytes, and commas. */
enum { TEXT_MAX = STORE_TAGS_MAX * (STORE_TAG_MAX + 1) + 1 };

/* --- properties ---------------------------------------------------------------------------------------- */

/* Each writes its text, or returns false when the entry has no such thing. */

static bool lifetime_show(uint64_t ms, char *text)
{
    if (ms == ENTRY_UNSET)
        return false;
    duration_format(ms, text);
    return true;
}

static bool ttl_show(const struct entry *entry, char *text)
{
    return lifetime_show(entry->ttl_ms, text);
}

static bool idle_show(const struct entry *entry, char *text)
{
    return lifetime_show(entry->idle_ms, text);
}

static bool expires_show(const struct entry *entry, char *text)
{
    int64_t deadline = entry_deadline_ms(entry);
    if (deadline == INT64_MAX)
        return false;
    date_format(deadline, text);
    return true;
}

static bool tags_show(const struct entry *entry, char *text)
{
    if (entry->tags_size == 0)
        return false;
    memcpy(text, entry->tags, entry->tags_size + 1);
    return true;
}

static bool version_show(const struct entry *entry, char *text)
{
    snprintf(text, TEXT_MAX, "%" PRIu64, entry->change);
    return true;
}

static bool hits_show(const struct entry *entry, char *text)
{
    snprintf(text, TEXT_MAX, "%" PRIu64, entry->hits);
    return true;
}

/* Each reads its text into a change. NULL takes the property away. */

static int lifetime_parse(const char *text, uint64_t *ret_ms)
{
    *ret_ms = ENTRY_UNSET;
    return text && duration_parse(text, ret_ms) < 0 ? -EINVAL : 0;
}

static int ttl_parse(const char *text, struct entry_change *change)
{
    change->set = ENTRY_SET_TTL;
    return lifetime_parse(text, &change->ttl_ms);
}

static int idle_parse(const char *text, struct entry_change *change)
{
    change->set = ENTRY_SET_IDLE;
    return lifetime_parse(text, &change->idle_ms);
}

static int expires_parse(const char *text, struct entry_change *change)
{
    change->set = ENTRY_SET_EXPIRES;
    int result = text ? date_parse(text, &change->expires_ms) : 0;
    if (result == 0 && text && change->expires_ms == 0)
        change->expires_ms = 1; /* 0 would be never; this is as long ago */
    return result;
}

static int tags_parse(const char *text, struct entry_change *change)
{
    change->set = ENTRY_SET_TAGS;
    change->tags = text ? text : "";
    return 0;
}

/* The table of DESIGN's extended attributes. A property without parse is computed; one not listed is hidden from
 * listxattr. */
static const struct property {
    const char *name;
    bool (*show)(const struct entry *entry, char *text);
    int (*parse)(const char *text, struct entry_change *change);
    bool listed, of_dirs;
} properties[] = {
    {"user.ttl", ttl_show, ttl_parse, true, true},      {"user.idle", idle_show, idle_parse, true, true},
    {"user.tags", tags_show, tags_parse, true, true},   {"user.expires", expires_show, expires_parse, false, false},
    {"user.version", version_show, NULL, false, false}, {"user.hits", hits_show, NULL, false, false},
};

static const struct property *find_property(const char *name)
{
    for (size_t i = 0; i < sizeof properties / sizeof *properties; i++)
        if (strcmp(properties[i].name, name) == 0)
            return &properties[i];
    return NULL;
}

/* Names that may have a meaning one day; kept as plain text today they would be a promise nobody keeps. */
static bool is_reserved(const char *name)
{
    return strncmp(name, "user.limit.", 11) == 0 && !limit_find(name);
}

static bool is_user(const char *name)
{
    return strncmp(name, "user.", 5) == 0 && name[5] != '\0';
}

/* --- reading ------------------------------------------------------------------------------------------- */

static int value_copy(const void *value, size_t size, char **ret_value, size_t *ret_size)
{
    char *copy = malloc(size + 1);
    if (!copy)
        return -ENOMEM;
    if (size > 0)
        memcpy(copy, value, size);
    *ret_value = copy;
    *ret_size = size;
    return 0;
}

static int entry_get(const struct entry *entry, const char *name, char **ret_value, size_t *ret_size)
{
    const struct property *property = find_property(name);
    char text[TEXT_MAX];
    const uint8_t *value;
    size_t size;
    if (!property) {
        int result = entry_xattr_get(entry, name, &value, &size);
        return result < 0 ? result : value_copy(value, size, ret_value, ret_size);
    }
    if ((entry->kind == ENTRY_DIR && !property->of_dirs) || !property->show(entry, text))
        return -ENODATA;
    return value_copy(text, strlen(text), ret_value, ret_size);
}

static int limit_text(struct fs *fs, const struct node *node, const char *name, char **ret_value, size_t *ret_size)
{
    char text[LIMIT_TEXT_MAX];
    int result = limit_get(fs, node, name, text);
    return result < 0 ? result : value_copy(text, strlen(text), ret_value, ret_size);
}

int xattr_get(struct fs *fs, struct node *node, pid_t tid, const char *name, char **ret_value, size_t *ret_size)
{
    struct entry entry;
    if (strcmp(name, "security.capability") == 0)
        return -ENODATA; /* the kernel asks before every cached write; ENOSYS would turn all of them off */
    if (!is_user(name))
        return -EOPNOTSUPP; /* of security.selinux ls -l remembers that, and asks no more, for each file */
    if (node_is_control(node))
        return -ENODATA;
    if (setting_is(fs, node, name))
        return setting_get(fs, name, ret_value, ret_size);
    if (limit_find(name))
        return limit_text(fs, node, name, ret_value, ret_size);
    int result = target_entry(fs, node, tid, &entry);
    if (result < 0)
        return result;
    result = entry_get(&entry, name, ret_value, ret_size);
    entry_release(&entry);
    return result;
}

static void add_name(FILE *names, const char *name, size_t size)
{
    fwrite(name, 1, size, names);
    fputc('\0', names);
}

static void write_names(const struct entry *entry, FILE *names)
{
    char text[TEXT_MAX];
    for (size_t i = 0; i < sizeof properties / sizeof *properties; i++)
        if (properties[i].listed && properties[i].show(entry, text))
            add_name(names, properties[i].name, strlen(properties[i].name));
    size_t position = 0, name_size, value_size;
    const char *name;
    const uint8_t *value;
    while (entry_xattr_next(entry, &position, &name, &name_size, &value, &value_size))
        add_name(names, name, name_size);
}

static int add_limit(void *arg, const char *name, size_t name_size, const void *value, size_t value_size)
{
    (void)value, (void)value_size;
    add_name(arg, name, name_size);
    return 0;
}

static void write_limits(struct fs *fs, const struct node *node, FILE *names)
{
    struct store_quota quota;
    if (node->kind == NODE_DIR && store_quota(fs->store, node->ino, &quota) == 0)
        (void)limit_each(&quota, add_limit, names);
}

int xattr_list(struct fs *fs, struct node *node, pid_t tid, char **ret_names, size_t *ret_size)
{
    struct entry entry = {0};
    int result = node_is_control(node) ? 0 : target_entry(fs, node, tid, &entry);
    if (result < 0)
        return result;
    FILE *names = open_memstream(ret_names, ret_size);
    if (names) {
        write_names(&entry, names);
        write_limits(fs, node, names);
        if (fclose(names) != 0)
            result = -ENOMEM;
    } else
        result = -ENOMEM;
    entry_release(&entry);
    return result;
}

int xattr_each(const struct entry *entry,
               int (*each)(void *arg, const char *name, size_t name_size, const void *value, size_t value_size),
               void *arg)
{
    char text[TEXT_MAX];
    int result = 0;
    for (size_t i = 0; result == 0 && i < sizeof properties / sizeof *properties; i++)
        if (properties[i].listed && properties[i].show(entry, text))
            result = each(arg, properties[i].name, strlen(properties[i].name), text, strlen(text));
    if (result == 0 && entry->kind != ENTRY_DIR && entry->expires_ms) {
        size_t size = date_format(entry->expires_ms, text);
        result = each(arg, "user.expires", strlen("user.expires"), text, size);
    }
    size_t position = 0, name_size, value_size;
    const char *name;
    const uint8_t *value;
    while (result == 0 && entry_xattr_next(entry, &position, &name, &name_size, &value, &value_size))
        result = each(arg, name, name_size, value, value_size);
    return result;
}

/* --- writing ------------------------------------------------------------------------------------------- */

/* setxattr's XATTR_CREATE and XATTR_REPLACE for a property. */
static int check_presence(struct fs *fs, struct node *node, pid_t tid, const char *name, int flags)
{
    char *value;
    size_t size;
    if (flags == 0)
        return 0;
    int result = xattr_get(fs, node, tid, name, &value, &size);
    if (result == 0)
        free(value);
    if (result == 0 && flags & XATTR_CREATE)
        return -EEXIST;
    return result == -ENODATA && flags & XATTR_CREATE ? 0 : result;
}

static int set_property(struct fs *fs, struct node *node, pid_t tid, const struct property *property, const char *value,
                        size_t size, int flags)
{
    struct entry_change change = {0};
    char text[TEXT_MAX];
    if (!property->parse)
        return -EPERM;
    if (node->kind == NODE_DIR && !property->of_dirs)
        return -EINVAL;
    if (value && (size >= sizeof text || memchr(value, '\0', size)))
        return -EINVAL;
    if (value) {
        memcpy(text, value, size);
        text[size] = '\0';
    }
    int result = property->parse(value ? text : NULL, &change);
    if (result == 0)
        result = check_presence(fs, node, tid, property->name, flags);
    return result < 0 ? result : target_change(fs, node, tid, &change);
}

static int check_settable(const struct node *node, const char *name)
{
    if (!is_user(name) || is_reserved(name))
        return strcmp(name, "user.") == 0 ? -EINVAL : -EOPNOTSUPP;
    return node_is_control(node) ? -EPERM : 0;
}

int xattr_set(struct fs *fs, struct node *node, pid_t tid, const char *name, const char *value, size_t size, int flags)
{
    int result = check_settable(node, name);
    if (result < 0)
        return result;
    if (limit_find(name))
        return limit_set(fs, node, name, value, size, flags);
    const struct property *property = find_property(name);
    if (property)
        return set_property(fs, node, tid, property, value, size, flags);
    struct entry_change change = {
        .set = ENTRY_SET_XATTR,
        .xattr_name = name,
        .xattr_value = value,
        .xattr_size = size,
        .xattr_how = flags & XATTR_CREATE    ? ENTRY_XATTR_CREATE
                     : flags & XATTR_REPLACE ? ENTRY_XATTR_REPLACE
                                             : ENTRY_XATTR_ANY,
    };
    return target_change(fs, node, tid, &change);
}

int xattr_remove(struct fs *fs, struct node *node, pid_t tid, const char *name)
{
    int result = check_settable(node, name);
    if (result < 0)
        return result;
    if (limit_find(name))
        return node->kind == NODE_DIR ? limit_set(fs, node, name, NULL, 0, XATTR_REPLACE) : -ENODATA;
    const struct property *property = find_property(name);
    if (property)
        return set_property(fs, node, tid, property, NULL, 0, XATTR_REPLACE);
    struct entry_change change = {.set = ENTRY_SET_XATTR, .xattr_name = name, .xattr_how = ENTRY_XATTR_REMOVE};
    return target_change(fs, node, tid, &change);
}
