/* SPDX-License-Identifier: MIT */
/*
 * place.h - operations on names: making, removing and moving what is at a place. Each passes the gates (state.h) of the
 * name and of its directory, so that no answer read before it is believed after it, and keeps the table of names in
 * step with the store.
 */
#ifndef LARDER_FS_PLACE_H
#define LARDER_FS_PLACE_H

#include "node.h"

/* Passing the gates of a place that is about to change. */
struct place {
    unsigned name_gate, dir_gate;
};
struct place place_begin(struct fs *fs, uint64_t dir, const char *text);
void place_end(struct fs *fs, const struct place *place);

/* Owner and mode of what a caller makes in a directory: a setgid directory hands on its group, and itself to
 * directories. */
struct maker {
    uint32_t mode, uid, gid;
};
int place_maker(struct fs *fs, const struct node *parent, uint32_t mode, const struct fuse_ctx *caller,
                struct maker *ret_maker);

/* MKDIR, SYMLINK, MKNOD of a regular file: fill the reply, with one lookup counted. */
int place_make_dir(struct fs *fs, struct node *parent, const char *text, uint32_t mode, const struct fuse_ctx *caller,
                   struct fuse_entry_param *ret_entry);
int place_make_symlink(struct fs *fs, struct node *parent, const char *text, const char *target,
                       const struct fuse_ctx *caller, struct fuse_entry_param *ret_entry);
int place_make_file(struct fs *fs, struct node *parent, const char *text, uint32_t mode, const struct fuse_ctx *caller,
                    struct fuse_entry_param *ret_entry);

int place_unlink(struct fs *fs, struct node *parent, const char *text);
int place_remove_dir(struct fs *fs, struct node *parent, const char *text);

/* flags are renameat2's; `tid` is the thread that asks. */
int place_rename(struct fs *fs, struct node *parent, const char *text, struct node *new_parent, const char *new_text,
                 unsigned flags, pid_t tid);

#endif
