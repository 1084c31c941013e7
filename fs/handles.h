/* SPDX-License-Identifier: MIT */
/*
 * handles.h - memory for handles (file.h): what was closed is used again, so that a get needs no allocator.
 */
#ifndef LARDER_FS_HANDLES_H
#define LARDER_FS_HANDLES_H

struct fs;
struct handle;

/* Memory for one, whatever is in it; NULL when there is none. */
struct handle *handles_take_locked(struct fs *fs);

/* Takes it back. */
void handles_give_locked(struct fs *fs, struct handle *handle);

/* Frees what is kept. Nobody else uses it any more. */
void handles_release(struct fs *fs);

#endif
