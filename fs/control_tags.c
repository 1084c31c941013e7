/* SPDX-License-Identifier: MIT */
/* control_tags.c - see control_tags.h. */
#include "control_tags.h"
#include "crew.h"
#include "notify.h"
#include "permission.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define TAGS_INO ((uint64_t)3 << 62) /* beyond what the store gives, and the files of .larder */

/* A tag's directory, or with a version a link in it. */
struct tag_node {
    struct node node; /* first; its version is 0 for the directory. In fs->tag_nodes, by key */
    size_t key_size;
    uint8_t key[sizeof(uint64_t) + STORE_TAG_MAX + 1]; /* version, tag and a NUL that key_size leaves out */
};

static const struct tag_node *tag_node_of(const struct node *node)
{
    assert(node->kind == NODE_CONTROL_TAG || node->kind == NODE_CONTROL_TAG_LINK);
    return (const struct tag_node *)node;
}

static const char *tag_of(const struct node *node)
{
    return (const char *)tag_node_of(node)->key + sizeof(uint64_t);
}

static uint64_t ino_of(const char *tag, uint64_t version)
{
    return TAGS_INO | place_hash(version, tag);
}

/* --- what has a tag ------------------------------------------------------------------------------------ */

/* The first entry behind a version, copied. */
struct member {
    uint64_t dir;
    char name[STORE_NAME_MAX + 1];
    struct entry entry; /* numbers alone: what it points to is not kept */
};

static int keep_member(void *arg, uint64_t dir, const char *name, const struct entry *entry)
{
    struct member *member = arg;
    member->dir = dir;
    strcpy(member->name, name);
    member->entry = *entry;
    member->entry.memory = NULL;
    member->entry.tags = NULL;
    member->entry.xattrs = member->entry.value = NULL;
    return 1;
}

/* Finds the first entry with a tag whose version is behind `after`. -ENOENT. */
static int find_member(struct fs *fs, const char *tag, uint64_t after, struct member *ret_member)
{
    crew_blocks(); /* a million that were invalidated may have to be passed by */
    int result = store_list_tag(fs->store, tag, after, keep_member, ret_member);
    return result == 1 ? 0 : result == 0 || result == -EINVAL ? -ENOENT : result;
}

static int find_version(struct fs *fs, const char *tag, uint64_t version, struct member *ret_member)
{
    int result = find_member(fs, tag, version - 1, ret_member);
    return result == 0 && ret_member->entry.version != version ? -ENOENT : result;
}

/* --- links --------------------------------------------------------------------------------------------- */

/* What a link to an entry is called. */
static void link_name(const char *name, uint64_t version, char ret_name[STORE_NAME_MAX + 1])
{
    char number[24];
    int size = snprintf(number, sizeof number, "@%" PRIu64, version);
    snprintf(ret_name, STORE_NAME_MAX + 1, "%.*s%s", STORE_NAME_MAX - size, name, number);
}

/* The version in the name of a link, 0 when there is none. */
static uint64_t link_version(const char *text)
{
    const char *at = strrchr(text, '@');
    if (!at || at[1] < '1' || at[1] > '9' || strlen(at) > 20 || strspn(at + 1, "0123456789") != strlen(at + 1))
        return 0;
    return strtoull(at + 1, NULL, 10);
}

/* Puts a name and a slash before what begins at *at; false when there is no room. */
static bool prepend(char *start, char **at, const char *name)
{
    size_t size = strlen(name);
    if ((size_t)(*at - start) < size + 1)
        return false;
    *--*at = '/';
    *at -= size;
    memcpy(*at, name, size);
    return true;
}

/* From a link in a tag's directory to a place, into CONTROL_TAGS_TARGET_MAX bytes. -ENAMETOOLONG, -ENOENT. */
static int write_target(struct fs *fs, uint64_t dir, const char *name, char *ret_target)
{
    static const char up[] = "../../..";
    char path[CONTROL_TAGS_TARGET_MAX], *at = path + sizeof path;
    bool fits = prepend(path, &at, name);
    while (fits && dir != STORE_ROOT) {
        char own[STORE_NAME_MAX + 1];
        int result = store_dir_place(fs->store, dir, &dir, own);
        if (result < 0)
            return result;
        fits = prepend(path, &at, own);
    }
    if (!fits || !prepend(path, &at, up))
        return -ENAMETOOLONG;
    size_t size = (size_t)(path + sizeof path - at) - 1; /* the last slash becomes the end */
    memcpy(ret_target, at, size);
    ret_target[size] = '\0';
    return 0;
}

int control_tags_readlink(struct fs *fs, const struct node *node, char *ret_target)
{
    struct member member;
    if (node->kind != NODE_CONTROL_TAG_LINK)
        return -EINVAL;
    int result = find_version(fs, tag_of(node), node->version, &member);
    return result < 0 ? result : write_target(fs, member.dir, member.name, ret_target);
}

/* --- attributes ---------------------------------------------------------------------------------------- */

/* For root and the owner of the root directory alone: names of what is in directories that others may not read are in
 * here. -ENOENT, -EIO: that directory's. */
static int dir_attr(const struct fs *fs, const struct node *node, struct stat *ret_stat)
{
    struct timespec started = {fs->started_ns / 1000000000, fs->started_ns % 1000000000};
    struct entry root;
    int result = store_dir(fs->store, STORE_ROOT, &root);
    if (result < 0)
        return result;
    *ret_stat = (struct stat){
        .st_ino = node->ino,
        .st_mode = S_IFDIR | (node->kind == NODE_CONTROL_TAGS ? 0700 : 0500),
        .st_nlink = 1,
        .st_uid = root.uid,
        .st_gid = root.gid,
        .st_blksize = 4096,
        .st_atim = started,
        .st_mtim = started,
        .st_ctim = started,
    };
    entry_release(&root);
    return 0;
}

static int link_attr(struct fs *fs, const struct node *node, const struct member *member, struct stat *ret_stat)
{
    char target[CONTROL_TAGS_TARGET_MAX];
    int result = write_target(fs, member->dir, member->name, target);
    if (result < 0)
        return result;
    attr_fill(&member->entry, 1, ret_stat);
    ret_stat->st_ino = node->ino;
    ret_stat->st_mode = S_IFLNK | 0777;
    ret_stat->st_size = (off_t)strlen(target);
    ret_stat->st_blocks = 0;
    return 0;
}

int control_tags_getattr(struct fs *fs, const struct node *node, struct stat *ret_stat, double *ret_timeout)
{
    struct member member;
    *ret_timeout = 0;
    if (node->kind != NODE_CONTROL_TAG_LINK)
        return dir_attr(fs, node, ret_stat);
    int result = find_version(fs, tag_of(node), node->version, &member);
    return result < 0 ? result : link_attr(fs, node, &member, ret_stat);
}

/* --- nodes --------------------------------------------------------------------------------------------- */

struct node *control_tags_new(void)
{
    struct node *node = calloc(1, sizeof *node);
    if (!node)
        return NULL;
    node->kind = NODE_CONTROL_TAGS;
    node->ino = TAGS_INO;
    LIST_INIT(&node->handles);
    return node;
}

static struct tag_node *tag_node_new(const uint8_t *key, size_t key_size, uint64_t version)
{
    struct tag_node *made = calloc(1, sizeof *made);
    if (!made)
        return NULL;
    memcpy(made->key, key, key_size);
    made->key_size = key_size;
    made->node.kind = version ? NODE_CONTROL_TAG_LINK : NODE_CONTROL_TAG;
    made->node.version = version;
    made->node.ino = ino_of((const char *)made->key + sizeof version, version);
    LIST_INIT(&made->node.handles);
    return made;
}

/* Finds or makes the node of a tag, or of a link; counts a lookup. NULL: out of memory. */
static struct node *node_get(struct fs *fs, const char *tag, uint64_t version)
{
    uint8_t key[sizeof version + STORE_TAG_MAX];
    size_t size = sizeof version + strlen(tag);
    struct node *node;
    memcpy(key, &version, sizeof version);
    memcpy(key + sizeof version, tag, strlen(tag));
    fs_lock(fs);
    HASH_FIND(hh, fs->tag_nodes, key, size, node);
    struct tag_node *made = node ? NULL : tag_node_new(key, size, version);
    if (made) {
        node = &made->node;
        HASH_ADD_KEYPTR(hh, fs->tag_nodes, made->key, size, node);
    }
    if (node)
        node->lookups++;
    fs_unlock(fs);
    return node;
}

void control_tags_forget_locked(struct fs *fs, struct node *node, uint64_t count)
{
    if (node->kind != NODE_CONTROL_TAG && node->kind != NODE_CONTROL_TAG_LINK)
        return; /* there once and for all */
    assert(node->lookups >= count);
    node->lookups -= count;
    if (node->lookups > 0)
        return;
    HASH_DEL(fs->tag_nodes, node);
    free(node);
}

void control_tags_release(struct fs *fs)
{
    struct node *node, *next;
    HASH_ITER(hh, fs->tag_nodes, node, next)
    {
        HASH_DEL(fs->tag_nodes, node);
        free(node);
    }
    free(fs->tags);
}

/* --- LOOKUP -------------------------------------------------------------------------------------------- */

static int reply_node(struct fs *fs, const char *tag, uint64_t version, const struct member *member,
                      struct fuse_entry_param *ret_entry)
{
    struct node *node = node_get(fs, tag, version);
    if (!node)
        return -ENOMEM;
    int result = 0;
    *ret_entry = (struct fuse_entry_param){.ino = node_id(fs, node)};
    if (version)
        result = link_attr(fs, node, member, &ret_entry->attr);
    else
        result = dir_attr(fs, node, &ret_entry->attr);
    if (result < 0)
        node_forget(fs, node, 1);
    return result;
}

static int lookup_tag(struct fs *fs, const char *text, struct fuse_entry_param *ret_entry)
{
    struct member member;
    int result = find_member(fs, text, 0, &member);
    return result < 0 ? result : reply_node(fs, text, 0, &member, ret_entry);
}

static int lookup_link(struct fs *fs, const char *tag, const char *text, struct fuse_entry_param *ret_entry)
{
    struct member member;
    char name[STORE_NAME_MAX + 1];
    uint64_t version = link_version(text);
    int result = version ? find_version(fs, tag, version, &member) : -ENOENT;
    if (result < 0)
        return result;
    link_name(member.name, version, name);
    return strcmp(name, text) == 0 ? reply_node(fs, tag, version, &member, ret_entry) : -ENOENT;
}

int control_tags_lookup(struct fs *fs, const struct node *parent, const char *text, struct fuse_entry_param *ret_entry)
{
    switch (parent->kind) {
    case NODE_CONTROL_TAGS:
        return lookup_tag(fs, text, ret_entry);
    case NODE_CONTROL_TAG:
        return lookup_link(fs, tag_of(parent), text, ret_entry);
    case NODE_CONTROL_DIR:
        if (strcmp(text, CONTROL_TAGS_NAME) != 0)
            return -ENOENT;
        *ret_entry = (struct fuse_entry_param){.ino = node_id(fs, fs->tags), .entry_timeout = LONG_SECONDS};
        return dir_attr(fs, fs->tags, &ret_entry->attr);
    default:
        return -ENOENT;
    }
}

/* --- RMDIR --------------------------------------------------------------------------------------------- */

/* To be found no more until it is forgotten: by its address, without a tag. */
static void node_hide_locked(struct fs *fs, struct node *node)
{
    struct tag_node *tag_node = (struct tag_node *)node;
    HASH_DEL(fs->tag_nodes, node);
    memcpy(tag_node->key, &node, sizeof node);
    tag_node->key_size = sizeof node;
    HASH_ADD_KEYPTR(hh, fs->tag_nodes, tag_node->key, tag_node->key_size, node);
}

/* The kernel takes the inode of a directory that was removed for dead: what gets the tag later needs another. */
static void node_removed(struct fs *fs, const char *tag)
{
    uint8_t key[sizeof(uint64_t) + STORE_TAG_MAX] = {0};
    struct node *node;
    memcpy(key + sizeof(uint64_t), tag, strlen(tag));
    fs_lock(fs);
    HASH_FIND(hh, fs->tag_nodes, key, sizeof(uint64_t) + strlen(tag), node);
    if (node)
        node_hide_locked(fs, node);
    if (fs->notify)
        notify_doubt_locked(fs->notify);
    fs_unlock(fs);
}

int control_tags_remove(struct fs *fs, const struct node *parent, const char *text, uid_t caller)
{
    int result = parent->kind == NODE_CONTROL_TAGS ? permission_whole(fs, caller) : -EPERM;
    if (result < 0)
        return result;
    result = store_invalidate_tag(fs->store, text);
    if (result == 0)
        node_removed(fs, text);
    return result == -EINVAL ? -ENOENT : result;
}

/* --- READDIR ------------------------------------------------------------------------------------------- */

struct listing {
    const char *tag;
    control_tags_each *each;
    void *arg;
};

static int each_tag(void *arg, const char *tag)
{
    const struct listing *listing = arg;
    bool old = strcmp(tag, ".") == 0 || strcmp(tag, "..") == 0; /* of a store from before these were refused */
    return old ? 0 : listing->each(listing->arg, tag, ino_of(tag, 0), 0);
}

static int each_link(void *arg, uint64_t dir, const char *name, const struct entry *entry)
{
    const struct listing *listing = arg;
    char text[STORE_NAME_MAX + 1];
    (void)dir;
    link_name(name, entry->version, text);
    return listing->each(listing->arg, text, ino_of(listing->tag, entry->version), entry->version);
}

int control_tags_list(struct fs *fs, const char *after, control_tags_each *each, void *arg)
{
    struct listing listing = {.each = each, .arg = arg};
    crew_blocks();
    return store_list_tags(fs->store, after, each_tag, &listing);
}

int control_tags_list_tag(struct fs *fs, const struct node *node, uint64_t after, control_tags_each *each, void *arg)
{
    struct listing listing = {.tag = tag_of(node), .each = each, .arg = arg};
    crew_blocks();
    return store_list_tag(fs->store, listing.tag, after, each_link, &listing);
}
