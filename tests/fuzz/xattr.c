/* SPDX-License-Identifier: MIT */
/*
 * xattr.c - extended attributes, through what answers the kernel's requests for them: what is set is refused, or reads back
 * as what it means; what is listed can be read; what is read of a lifetime, tags or a deadline can be set again.
 *
 *     kind (1) | steps: operation (1), which name (1), flags (1), size (1 or 3), value
 *
 * The store is one entry and one quota, here.
 */
#include "xattr.h"
#include "entry.h"
#include "fuzz.h"
#include "limit.h"
#include "setting.h"
#include "target.h"

#include <errno.h>
#include <sys/xattr.h>

#define NOW_NS (INT64_C(1700000000) * 1000000000)

static struct entry subject;
static struct store_quota subject_quota;

/* --- what xattr.c calls ---------------------------------------------------------------------------------- */

int target_entry(struct fs *fs, struct node *node, pid_t tid, struct entry *ret_entry)
{
    (void)fs, (void)node, (void)tid;
    return entry_copy(&subject, false, ret_entry);
}

int target_change(struct fs *fs, struct node *node, pid_t tid, const struct entry_change *change)
{
    (void)fs, (void)node, (void)tid;
    return entry_apply(&subject, change, NOW_NS);
}

bool setting_is(const struct fs *fs, const struct node *node, const char *name)
{
    (void)fs, (void)node, (void)name;
    return false;
}

int setting_get(struct fs *fs, const char *name, char **ret_value, size_t *ret_size)
{
    (void)fs, (void)name, (void)ret_value, (void)ret_size;
    return -ENODATA;
}

int store_quota(struct store *store, uint64_t dir, struct store_quota *ret_quota)
{
    (void)store, (void)dir;
    *ret_quota = subject_quota;
    return 0;
}

int store_set_quota(struct store *store, uint64_t dir, unsigned set, const struct store_quota *quota)
{
    (void)store, (void)dir;
    if (set & STORE_QUOTA_BYTES)
        subject_quota.limit_bytes = quota->limit_bytes;
    if (set & STORE_QUOTA_ITEMS)
        subject_quota.limit_items = quota->limit_items;
    if (set & STORE_QUOTA_POLICY) {
        subject_quota.has_policy = quota->has_policy;
        subject_quota.policy = quota->policy;
    }
    return 0;
}

int store_dir_place(struct store *store, uint64_t dir, uint64_t *ret_parent, char *ret_name)
{
    (void)store, (void)dir, (void)ret_parent, (void)ret_name;
    return -ENOENT;
}

/* Names, and numbers, of policies: as store.c has them. */
static const char *const policies[STORE_POLICIES] = {"sieve", "lru", "lfu", "fifo", "ttl", "none"};

const char *store_policy_name(enum store_policy policy)
{
    return policies[policy];
}

int store_policy_parse(const char *name, enum store_policy *ret_policy)
{
    for (int i = 0; i < STORE_POLICIES; i++)
        if (strcmp(name, policies[i]) == 0) {
            *ret_policy = (enum store_policy)i;
            return 0;
        }
    return -EINVAL;
}

/* --- the steps ------------------------------------------------------------------------------------------- */

static struct fs fs;

static const char *const names[] = {"user.ttl",     "user.idle",        "user.tags",        "user.expires",
                                    "user.version", "user.hits",        "user.limit.bytes", "user.limit.items",
                                    "user.policy",  "user.limit.other", "user.a",           "user.b"};
enum { NAMES = sizeof names / sizeof *names, OWN = 10 };

static bool is_own(const char *name)
{
    return strncmp(name, "user.", 5) == 0 && strcmp(name, "user.") != 0 && strncmp(name, "user.limit.", 11) != 0;
}

/* What of a property was read can be set again, and then reads the same. */
static void set_again(struct node *node, const char *name, const char *value, size_t size)
{
    char *again;
    size_t again_size;
    if (strcmp(name, "user.version") == 0 || strcmp(name, "user.hits") == 0)
        return;
    if (strcmp(name, "user.expires") == 0 && size != strlen("2026-01-02T03:04:05.678Z"))
        return; /* a lifetime of 1,000 years leads to years that are none */
    int result = xattr_set(&fs, node, 0, name, value, size, XATTR_REPLACE);
    require(result == 0);
    require(xattr_get(&fs, node, 0, name, &again, &again_size) == 0);
    /* an entry that has expired by its idle time gets that as its deadline */
    require(strcmp(name, "user.expires") == 0 || (again_size == size && memcmp(again, value, size) == 0));
    free(again);
}

static void set(struct node *node, const char *name, const char *value, size_t size, int flags)
{
    char *back;
    size_t back_size;
    int result = xattr_set(&fs, node, 0, name, value, size, flags);
    require(result == 0 || result == -EINVAL || result == -EEXIST || result == -ENODATA || result == -ENOSPC ||
            result == -EPERM || result == -EOPNOTSUPP);
    if (result < 0)
        return;
    int got = xattr_get(&fs, node, 0, name, &back, &back_size);
    bool text = strncmp(name, "user.a", 6) == 0 || strncmp(name, "user.b", 6) == 0 || strlen(name) > 20;
    require(got == 0 || !text);
    if (got < 0) /* "none" of a limit, no tags */
        return;
    require(!text || (back_size == size && memcmp(back, value, size) == 0));
    if (!text && is_own(name))
        set_again(node, name, back, back_size);
    free(back);
}

static void check_list(struct node *node)
{
    char *list, *value;
    size_t size, value_size;
    require(xattr_list(&fs, node, 0, &list, &size) == 0);
    for (char *name = list; name < list + size; name += strlen(name) + 1) {
        require(*name && xattr_get(&fs, node, 0, name, &value, &value_size) == 0);
        require(value_size <= STORE_XATTRS_MAX);
        free(value);
    }
    free(list);
}

static void step(struct node *node, struct fuzz_input *input)
{
    uint8_t operation = fuzz_byte(input), which = fuzz_byte(input), flags = fuzz_byte(input);
    size_t size, room = 0;
    char made[256] = "";
    const char *name = names[which % NAMES];
    if (which >= 128) { /* a name of its own: behind "user.", or anything */
        const uint8_t *bytes = fuzz_bytes(input, which - 126, &room);
        char *text = fuzz_text(bytes, room);
        snprintf(made, sizeof made, "%s%s", flags & 0x80 ? "" : "user.a", text);
        free(text);
        name = made;
    }
    const uint8_t *bytes = fuzz_bytes(input, fuzz_byte(input), &size);
    char *value = fuzz_text(bytes, size);
    if (flags & 0x40) { /* a large one */
        size = 60000 + 40 * size;
        char *large = calloc(1, size + 1);
        require(large);
        free(value);
        value = large;
    }
    if (operation % 4 == 0)
        (void)xattr_remove(&fs, node, 0, name);
    else
        set(node, name, value, size, flags & 3 & ~(flags & 1 ? XATTR_REPLACE : 0));
    check_list(node);
    free(value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    enum entry_kind kind = (enum entry_kind)(1 + fuzz_byte(&input) % 3);
    struct node node = {.kind = kind == ENTRY_DIR ? NODE_DIR : kind == ENTRY_FILE ? NODE_FILE : NODE_SYMLINK, .ino = 5};
    require(entry_init(&subject, kind, 0644, 0, 0, NULL, NOW_NS) == 0);
    subject_quota = (struct store_quota){0};
    for (int steps = 0; steps < 24 && input.left > 0; steps++)
        step(&node, &input);
    entry_release(&subject);
    return 0;
}
