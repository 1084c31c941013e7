/* SPDX-License-Identifier: MIT */
/*
 * dir.h - listing a directory, with a cursor that stays right while names come and go.
 *
 * The store lists in the order of names and goes on behind any name. The kernel's cursor is a number: the handle counts
 * the entries it has given and remembers which name each number stands for: of all in the last reply, of the first
 * MARKS_EXACT, and of one in MARK_EVERY behind those, so that memory stays small in a directory of millions. Going back
 * (seekdir) to where no name is remembered counts on from the mark before, exact as long as nothing between was made or
 * removed.
 */
#ifndef LARDER_FS_DIR_H
#define LARDER_FS_DIR_H

#include "node.h"

struct dir_handle;

enum { MARKS_EXACT = 65536, MARK_EVERY = 256 };

/* OPENDIR. 0 or -ENOMEM. */
int dir_open(struct fs *fs, struct node *node, struct dir_handle **ret_handle);

/* RELEASEDIR. */
void dir_close(struct fs *fs, struct dir_handle *handle);

/* Closes those whose RELEASEDIR will never come. */
void dir_close_all(struct fs *fs);

/* READDIR (READDIRPLUS with `plus`, which counts a lookup for every entry given): fills up to `size` bytes from the
 * cursor on. One thread at a time goes through a handle; others wait. */
int dir_read(struct fs *fs, fuse_req_t request, struct dir_handle *handle, bool plus, uint64_t cursor, char *buffer,
             size_t size, size_t *ret_used);

#endif
