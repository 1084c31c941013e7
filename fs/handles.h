/* SPDX-License-Identifier: MIT */
/*
 * handles.h - the making and the end of handles (file.h), for those who open and close. What was closed is used again,
 * so that a get needs no allocator.
 */
#ifndef LARDER_FS_HANDLES_H
#define LARDER_FS_HANDLES_H

#include "file.h"

/* Does an open with these flags write? */
bool handle_writes(int flags);

/* A handle on a node that takes the pin (or the session's version) over; not entered yet. NULL without memory. */
struct handle *handle_new_locked(struct fs *fs, struct node *node, struct store_version *version, int flags);
struct handle *handle_new(struct fs *fs, struct node *node, struct store_version *version, int flags);

/* Opens it on its node, through the page cache if it may (`cached`) and wants to; from here on the invariants of node.h
 * count it, until it leaves. */
void handle_enter_locked(struct fs *fs, struct handle *handle, struct name *name, bool cached);
void handle_leave_locked(struct fs *fs, struct handle *handle);

/* Frees what is kept for use. Nobody else uses it any more. */
void handles_release(struct fs *fs);

#endif
