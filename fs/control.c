/* SPDX-License-Identifier: MIT */
/* control.c - see control.h. */
#include "control.h"
#include "backup.h"
#include "control_tags.h"
#include "events.h"
#include "fsck.h"
#include "permission.h"
#include "privileges.h"
#include "report.h"
#include "units.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONTROL_INO ((uint64_t)1 << 63) /* beyond what the store gives */

/* --- the texts ----------------------------------------------------------------------------------------- */

static void write_config(struct fs *fs, FILE *out, bool names)
{
    (void)names;
    const struct mount_options *options = fs->options;
    struct store_stats store;
    char ttl[32];
    store_stats(fs->store, &store);
    duration_format(options->ttl_ms == ENTRY_UNSET ? ENTRY_FOREVER : options->ttl_ms, ttl);
    fprintf(out, "version=%s\n", LARDER_VERSION);
    fprintf(out, "pid=%d\n", (int)getpid());
    fprintf(out, "store=%s\n", options->store_url);
    fprintf(out, "mountpoint=%s\n", options->mountpoint);
    fprintf(out, "size=%" PRIu64 "\n", options->size_bytes);
    fprintf(out, "items=%" PRIu64 "\n", options->items);
    fprintf(out, "policy=%s\n", store_policy_name(store.policy));
    fprintf(out, "ttl=%s\n", ttl);
    fprintf(out, "cache=%" PRIu64 "\n", options->cache_bytes);
    fprintf(out, "min_free=%" PRIu64 "\n", options->min_free_bytes);
    fprintf(out, "transport=%s\n", fs->transport);
    fprintf(out, "spin=%u\n", options->spin_us);
    fprintf(out, "threads=%u\n", options->threads);
    fprintf(out, "sync=%d\n", options->sync);
    fprintf(out, "ro=%d\n", options->read_only);
    fprintf(out, "allow_other=%d\n", options->allow_other);
    fprintf(out, "seccomp=%d\n", options->seccomp);
    fputs("privileges=", out);
    privileges_write(out);
    fputc('\n', out);
    fprintf(out, "supervise=%u\n", options->supervise);
    if (options->supervisor) {
        fprintf(out, "supervisor=%d\n", (int)options->supervisor);
        fprintf(out, "restarts=%u\n", options->restarts);
    }
}

static const struct control_file {
    const char *name;
    void (*write)(struct fs *fs, FILE *out, bool names); /* names: as in report.h; NULL: a stream of its own */
    enum { STREAM_NONE, STREAM_EVENTS, STREAM_BACKUP, STREAM_FSCK } stream;
} files[] = {
    {"stats", report_stats, STREAM_NONE},     {"stats.json", report_json, STREAM_NONE},
    {"metrics", report_metrics, STREAM_NONE}, {"config", write_config, STREAM_NONE},
    {CONTROL_EVENTS, NULL, STREAM_EVENTS},    {CONTROL_BACKUP, NULL, STREAM_BACKUP},
    {CONTROL_FSCK, NULL, STREAM_FSCK},
};

enum { FILES = sizeof files / sizeof *files };

/* --- nodes: the directory first, then its files -------------------------------------------------------- */

struct node *control_nodes_new(void)
{
    struct node *nodes = calloc(1 + FILES, sizeof *nodes);
    if (!nodes)
        return NULL;
    for (size_t i = 0; i <= FILES; i++) {
        nodes[i].kind = i == 0 ? NODE_CONTROL_DIR : NODE_CONTROL_FILE;
        nodes[i].ino = CONTROL_INO + i;
        LIST_INIT(&nodes[i].handles);
    }
    return nodes;
}

static const struct control_file *file_of(const struct node *node)
{
    return &files[node->ino - CONTROL_INO - 1];
}

bool control_is_events(const struct node *node)
{
    return node->kind == NODE_CONTROL_FILE && file_of(node)->stream == STREAM_EVENTS;
}

static bool is_backup(const struct node *node)
{
    return node->kind == NODE_CONTROL_FILE && file_of(node)->stream == STREAM_BACKUP;
}

bool control_is_fsck(const struct node *node)
{
    return node->kind == NODE_CONTROL_FILE && file_of(node)->stream == STREAM_FSCK;
}

bool control_is_root_name(const struct fs *fs, const struct node *parent, const char *text)
{
    return parent == fs->root && strcmp(text, CONTROL_NAME) == 0;
}

const char *control_file(size_t n, uint64_t *ret_ino)
{
    *ret_ino = CONTROL_INO + 1 + n;
    return n < FILES ? files[n].name : NULL;
}

int control_getattr(struct fs *fs, const struct node *node, struct stat *ret_stat, double *ret_timeout)
{
    struct entry root;
    if (node->kind >= NODE_CONTROL_TAGS)
        return control_tags_getattr(fs, node, ret_stat, ret_timeout);
    int result = store_dir(fs->store, STORE_ROOT, &root);
    if (result < 0)
        return result;
    struct timespec started = {fs->started_ns / 1000000000, fs->started_ns % 1000000000};
    *ret_stat = (struct stat){
        .st_ino = node->ino,
        .st_mode = node->kind == NODE_CONTROL_DIR ? S_IFDIR | 0555 : S_IFREG | 0444,
        .st_nlink = 1,
        .st_uid = root.uid,
        .st_gid = root.gid,
        .st_blksize = 4096,
        .st_atim = started,
        .st_mtim = started,
        .st_ctim = started,
    };
    entry_release(&root);
    *ret_timeout = 1;
    if (control_is_events(node)) {
        int64_t last_ns = events_last_ns(fs);
        if (last_ns)
            ret_stat->st_mtim = ret_stat->st_ctim = (struct timespec){last_ns / 1000000000, last_ns % 1000000000};
        ret_stat->st_mode = S_IFREG | 0400;
        ret_stat->st_size = (off_t)events_size(fs);
        *ret_timeout = 0; /* who follows it looks at the time */
    } else if (is_backup(node) || control_is_fsck(node)) {
        ret_stat->st_mode = S_IFREG | 0400;
    }
    return 0;
}

int control_lookup(struct fs *fs, const struct node *parent, const char *text, struct fuse_entry_param *ret_entry)
{
    const struct node *found = NULL;
    if (control_is_root_name(fs, parent, text))
        found = &fs->control[0];
    else if (parent->kind == NODE_CONTROL_DIR)
        for (size_t i = 0; i < FILES; i++)
            if (strcmp(files[i].name, text) == 0)
                found = &fs->control[1 + i];
    if (!found)
        return control_tags_lookup(fs, parent, text, ret_entry);
    *ret_entry = (struct fuse_entry_param){.ino = node_id(fs, found), .entry_timeout = LONG_SECONDS};
    return control_getattr(fs, found, &ret_entry->attr, &ret_entry->attr_timeout);
}

/* --- handles ------------------------------------------------------------------------------------------- */

struct control_text {
    LIST_ENTRY(control_text) all; /* in fs->control_texts, guarded by fs->lock */
    char *data;
    size_t size;
};

int control_open(struct fs *fs, const struct node *node, uid_t uid, struct fuse_file_info *info)
{
    if ((info->flags & O_ACCMODE) != O_RDONLY || info->flags & O_TRUNC)
        return -EACCES;
    if (node->kind != NODE_CONTROL_FILE)
        return -EISDIR;
    if (control_is_events(node))
        return events_open(fs, info);
    if (control_is_fsck(node))
        return permission_whole(fs, uid) == 0 ? fsck_open(fs, info) : -EACCES;
    if (is_backup(node))
        return permission_whole(fs, uid) == 0 ? backup_open(fs, info) : -EACCES;
    struct control_text *text = calloc(1, sizeof *text);
    FILE *out = text ? open_memstream(&text->data, &text->size) : NULL;
    if (!out) {
        free(text);
        return -ENOMEM;
    }
    file_of(node)->write(fs, out, permission_whole(fs, uid) == 0);
    if (fclose(out) != 0) {
        free(text->data);
        free(text);
        return -ENOMEM;
    }
    fs_lock(fs);
    LIST_INSERT_HEAD(&fs->control_texts, text, all);
    fs_unlock(fs);
    info->fh = (uint64_t)(uintptr_t)text;
    info->direct_io = 1; /* its size is not known beforehand */
    info->noflush = 1;
    return 0;
}

int control_read(const struct node *node, const struct fuse_file_info *info, char *buffer, size_t size, uint64_t offset,
                 size_t *ret_size)
{
    const struct control_text *text = (struct control_text *)(uintptr_t)info->fh;
    if (is_backup(node))
        return backup_read(info, buffer, size, offset, ret_size);
    uint64_t left = offset < text->size ? text->size - offset : 0;
    if (size > left)
        size = (size_t)left;
    if (size > 0)
        memcpy(buffer, text->data + offset, size);
    *ret_size = size;
    return 0;
}

static void text_free(struct fs *fs, struct control_text *text)
{
    fs_lock(fs);
    LIST_REMOVE(text, all);
    fs_unlock(fs);
    free(text->data);
    free(text);
}

void control_release(struct fs *fs, const struct node *node, const struct fuse_file_info *info)
{
    if (control_is_events(node))
        events_close(fs, info);
    else if (is_backup(node))
        backup_release(fs, info);
    else if (control_is_fsck(node))
        fsck_close(fs, info);
    else
        text_free(fs, (struct control_text *)(uintptr_t)info->fh);
}

void control_release_all(struct fs *fs)
{
    struct control_text *text;
    backup_release_all(fs);
    fsck_release(fs);
    while ((text = LIST_FIRST(&fs->control_texts)))
        text_free(fs, text);
}
