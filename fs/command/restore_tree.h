/* SPDX-License-Identifier: MIT */
/*
 * restore_tree.h - the directories of a mount while `larder restore` stores things in them: the way to each from names
 * that nobody has vouched for, and what is to be done with each when it is left.
 *
 *     root | a      mode, owner and times of `a` wait
 *          | a/b    those of `a/b` wait, until a member comes that is not below it
 *
 * One thread's. Paths are those of tree_path(): no slash in front or behind, no empty part, ".", or "..".
 */
#ifndef LARDER_FS_RESTORE_TREE_H
#define LARDER_FS_RESTORE_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* What a directory gets when it is left. */
struct tree_finish {
    uint32_t mode, uid, gid;
    bool owner; /* uid and gid count */
    struct timespec times[2];
};

struct tree {
    int root;
    int (*failed)(void *arg, const char *path, int result); /* a directory does not get all it waits for */
    void *arg;
    unsigned spares; /* names that were given out */
    char *parent; /* of the last tree_parent(), and open as parent_fd; NULL: none */
    int parent_fd;
    struct tree_level *levels; /* the directories that wait, each below the one before */
    size_t depth, room;
};

/* The caller sets `failed` and `arg`. 0 or -errno. */
int tree_open(const char *root, struct tree *ret_tree);
void tree_close(struct tree *tree);

/* A path from an archive without what means nothing; free() it. "" is the root. -EXDEV: it leads out; -ENOMEM. */
int tree_path(const char *text, char **ret_path);

/* The directory that a path is in, open as long as nothing else is asked for, made when it is missing; and the name in
 * it, into NAME_MAX + 1 bytes, "." for the root. -ELOOP, -EXDEV: by way of a link, or of a mount; -ENOTDIR, ... */
int tree_parent(struct tree *tree, const char *path, int *ret_dir, char *ret_name);

/* Opens a directory in another to read, unless it is a link or something is mounted there: -ELOOP, -EXDEV, or -errno. */
int tree_open_child(int dir, const char *name);

/* From here on things are stored in this directory; `fd` is the tree's. -ENOMEM. */
int tree_enter(struct tree *tree, const char *path, int fd, const struct tree_finish *finish);

/* Those that wait and are not above this path get what they wait for; and all. What fails with one is told to `failed`,
 * which says whether to go on. 0, or what it returned. */
int tree_leave(struct tree *tree, const char *path);
int tree_leave_all(struct tree *tree);

/* What takes the place of something else is made under another name first, so that what is there stays until then. A
 * name in `dir` for that, into TREE_SPARE_MAX bytes, the next one each time. */
enum { TREE_SPARE_MAX = 64 };
void tree_spare_name(struct tree *tree, char *ret_name);

/* Puts what was made under a spare name in the place of whatever is at `name`, but a directory that is not empty, and
 * lets go of that; on failure of the spare one. 0 or -errno. */
int tree_take_place(int dir, const char *spare, const char *name);

/* Removes all there is, and counts the files and links. What others make meanwhile may stay. 0 or -errno. */
int tree_clear(struct tree *tree, uint64_t *removed);

#endif
