/* SPDX-License-Identifier: MIT */
/*
 * control.h - .larder, the control directory in the root: found by name, never listed there. Its files are text made
 * when they are opened, so that a handle reads one whole state.
 *
 *     stats       for people             config   what the mount runs with, key=value
 *     stats.json  for programs           metrics  for Prometheus
 *     events      a stream, see events.h
 *     backup      a stream, see backup.h
 *     fsck        a check and what it finds, see fsck.h
 *     tags/       see control_tags.h
 *
 * The texts but `config` are report.c's.
 */
#ifndef LARDER_FS_CONTROL_H
#define LARDER_FS_CONTROL_H

#include "node.h"

#define CONTROL_NAME   ".larder"
#define CONTROL_EVENTS "events"
#define CONTROL_BACKUP "backup"
#define CONTROL_FSCK   "fsck"

/* The nodes of .larder and its files, in an array; NULL when out of memory. free() lets go of them. */
struct node *control_nodes_new(void);

/* True for the name ".larder" in the root. */
bool control_is_root_name(const struct fs *fs, const struct node *parent, const char *text);

/* LOOKUP of .larder itself, or in it. -ENOENT. */
int control_lookup(struct fs *fs, const struct node *parent, const char *text, struct fuse_entry_param *ret_entry);

/* GETATTR. */
int control_getattr(struct fs *fs, const struct node *node, struct stat *ret_stat, double *ret_timeout);

/* The n-th file of .larder, its name and number; NULL past the end. */
const char *control_file(size_t n, uint64_t *ret_ino);

/* OPEN by a user: makes the text. Fills info. -EACCES for writing. */
int control_open(struct fs *fs, const struct node *node, uid_t uid, struct fuse_file_info *info);

/* READ of all but `events`: copies at most `size` bytes from `offset` on. 0, or as backup_read() says. */
int control_read(const struct node *node, const struct fuse_file_info *info, char *buffer, size_t size, uint64_t offset,
                 size_t *ret_size);

/* Is it `events`, whose READ and POLL are events.h's? */
bool control_is_events(const struct node *node);

/* Is it `fsck`, whose READ is fsck.h's? */
bool control_is_fsck(const struct node *node);

/* RELEASE. */
void control_release(struct fs *fs, const struct node *node, const struct fuse_file_info *info);

/* Frees the texts and backups whose RELEASE will never come. */
void control_release_all(struct fs *fs);

#endif
