/* SPDX-License-Identifier: MIT */
/*
 * file.h - handles: what an open file reads and where its writes go.
 *
 * A handle of a *live* open holds a pin of the published version, and writes to that. A handle of a *staged* open
 * belongs to a write session (write_session.h) and reads and writes its version. A *cached* handle goes through the
 * kernel's page cache, a direct one past it.
 *
 * A reader opens the version its node stands for, through the page cache. A writer takes a node nobody has open, or is
 * bounced and gets one of its own: stale.h tells how. So several nodes may stand for one version; pages.h tells how
 * they are kept alike when it is written live.
 */
#ifndef LARDER_FS_FILE_H
#define LARDER_FS_FILE_H

#include "node.h"
#include "write_session.h"

struct pages_order;

struct handle {
    struct node *node;
    struct name *name; /* whose nodes may show the version: the node's, or when that is gone what took its place. One
                          reference, from when it is entered */
    struct write_session *session; /* or NULL; one reference */
    struct store_version *version; /* its own pin; with a session the session's */
    bool cached; /* goes through the page cache */
    bool keeps_cache; /* what is in that already may stay */
    bool first; /* nothing was in that when it was opened */
    bool writes; /* not O_RDONLY */
    bool reads; /* not O_WRONLY */
    bool wants_pages; /* is better through the page cache, see handles.c */
    bool joined; /* what another one is creating */
    bool append; /* O_APPEND: writes go to the end, wherever that is by then */
    unsigned refs; /* the kernel's and whoever looks at it; guarded by fs->lock */
    LIST_ENTRY(handle) of_node; /* guarded by fs->lock */
};

static inline struct handle *handle_of(const struct fuse_file_info *info)
{
    return (struct handle *)(uintptr_t)info->fh;
}

/* OPEN by thread `tid`. Fills info for the reply. */
int file_open(struct fs *fs, struct node *node, pid_t tid, struct fuse_file_info *info);

/* CREATE: also makes the node and fills the entry, with one lookup counted. */
int file_create(struct fs *fs, struct node *parent, const char *text, uint32_t mode, const struct fuse_ctx *caller,
                struct fuse_entry_param *ret_entry, struct fuse_file_info *info);

int file_read(struct handle *handle, void *buffer, size_t size, uint64_t offset, size_t *ret_size);

/* WRITE by thread `tid`. What changes a value returns the order (pages.h) that must be carried out before it is
 * answered, or NULL. */
int file_write(struct fs *fs, struct handle *handle, pid_t tid, const struct fuse_file_info *info, const void *data,
               size_t size, uint64_t offset, struct pages_order **ret_order);

/* FLUSH by thread `tid`: publishes when this is the close that ends the set. */
int file_flush(struct fs *fs, struct handle *handle, pid_t tid);

/* RELEASE: publishes what has not been, and frees the handle. */
void file_release(struct fs *fs, struct handle *handle);

/* FSYNC: publishes what is there so far and makes it durable. */
int file_sync(struct fs *fs, struct handle *handle);

/* FALLOCATE of `length` bytes from `offset`: mode 0 and FALLOC_FL_KEEP_SIZE; others -EOPNOTSUPP. */
int file_allocate(struct fs *fs, struct handle *handle, int mode, uint64_t offset, uint64_t length,
                  struct pages_order **ret_order);

/* ftruncate. */
int file_resize(struct fs *fs, struct handle *handle, uint64_t size, struct pages_order **ret_order);

/* Closes a handle whose RELEASE will never come: publishes nothing. */
void handle_abandon(struct fs *fs, struct handle *handle);

/* The size of a version in hand, in bytes; 0, too, when it cannot be told. Not under fs->lock. */
uint64_t version_size(struct store_version *version);

/* A handle on a node whose write session is not published yet; NULL when nobody writes there. */
struct handle *node_writer_locked(const struct node *node);

/* Lets a reference of a handle go. Not under fs->lock. */
void handle_put(struct fs *fs, struct handle *handle);

#endif
