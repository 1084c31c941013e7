/* SPDX-License-Identifier: MIT */
/* restore_tree.c - see restore_tree.h. */
#include "restore_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

struct tree_level {
    char *path;
    int fd;
    struct tree_finish finish;
};

int tree_open(const char *root, struct tree *ret_tree)
{
    int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    *ret_tree = (struct tree){.root = fd, .parent_fd = -1};
    return 0;
}

static void forget_parent(struct tree *tree)
{
    if (tree->parent_fd >= 0)
        close(tree->parent_fd);
    free(tree->parent);
    tree->parent = NULL;
    tree->parent_fd = -1;
}

void tree_close(struct tree *tree)
{
    forget_parent(tree);
    free(tree->levels);
    close(tree->root);
}

/* --- paths --------------------------------------------------------------------------------------------- */

int tree_path(const char *text, char **ret_path)
{
    char *path = malloc(strlen(text) + 1), *end = path;
    if (!path)
        return -ENOMEM;
    bool out = text[0] == '/';
    while (*text && !out) {
        size_t size = strcspn(text, "/");
        out = size == 2 && memcmp(text, "..", 2) == 0;
        if (size > 0 && !(size == 1 && text[0] == '.')) {
            if (end > path)
                *end++ = '/';
            memcpy(end, text, size);
            end += size;
        }
        text += size + (text[size] == '/');
    }
    *end = '\0';
    if (out) {
        free(path);
        return -EXDEV;
    }
    *ret_path = path;
    return 0;
}

/* Opens a directory below another, by no way that leads out. */
static int open_below(int dir, const char *path)
{
    const struct open_how how = {
        .flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV,
    };
    int fd = (int)syscall(SYS_openat2, dir, *path ? path : ".", &how, sizeof how);
    return fd < 0 ? -errno : fd;
}

/* The directory of that name, made when it is missing. */
static int make_one(int dir, const char *name)
{
    int fd = open_below(dir, name);
    if (fd != -ENOENT)
        return fd;
    return mkdirat(dir, name, 0777) < 0 && errno != EEXIST ? -errno : open_below(dir, name);
}

/* The same of a path, name by name, as mkdir -p does: a path may be longer than the kernel takes in one, and deeper than
 * any stack. */
static int make_below(int root, const char *path)
{
    char name[NAME_MAX + 1];
    int fd = open_below(root, "");
    while (*path && fd >= 0) {
        size_t size = strcspn(path, "/");
        if (size > NAME_MAX) {
            close(fd);
            return -ENAMETOOLONG;
        }
        memcpy(name, path, size);
        name[size] = '\0';
        int below = make_one(fd, name);
        close(fd);
        fd = below;
        path += size + (path[size] == '/');
    }
    return fd;
}

/* Mostly it is there. */
static int find_below(int root, const char *path)
{
    int fd = open_below(root, path);
    return fd == -ENOENT || fd == -ENAMETOOLONG ? make_below(root, path) : fd;
}

/* From the directory that waits nearest above it, which is open: so a path is not walked anew for each that is in it. */
static int open_parent(const struct tree *tree, const char *path)
{
    const struct tree_level *level = tree->depth > 0 ? &tree->levels[tree->depth - 1] : NULL;
    size_t size = level ? strlen(level->path) : 0;
    int fd = -ENOENT;
    if (size > 0 && strncmp(path, level->path, size) == 0 && (path[size] == '/' || path[size] == '\0'))
        fd = find_below(level->fd, path + size + (path[size] == '/'));
    return fd == -ENOENT || fd == -ESTALE ? find_below(tree->root, path)
                                          : fd; /* unless somebody has removed that one */
}

int tree_parent(struct tree *tree, const char *path, int *ret_dir, char *ret_name)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t size = slash ? (size_t)(slash - path) : 0;
    if (strlen(name) > NAME_MAX)
        return -ENAMETOOLONG;
    if (!tree->parent || strlen(tree->parent) != size || memcmp(tree->parent, path, size) != 0) {
        forget_parent(tree);
        if (!(tree->parent = strndup(path, size)))
            return -ENOMEM;
        int fd = open_parent(tree, tree->parent);
        if (fd < 0) {
            forget_parent(tree);
            return fd;
        }
        tree->parent_fd = fd;
    }
    *ret_dir = tree->parent_fd;
    strcpy(ret_name, *name ? name : ".");
    return 0;
}

/* --- directories that wait ----------------------------------------------------------------------------- */

int tree_enter(struct tree *tree, const char *path, int fd, const struct tree_finish *finish)
{
    if (tree->depth == tree->room) {
        size_t room = tree->room ? 2 * tree->room : 16;
        struct tree_level *levels = realloc(tree->levels, room * sizeof *levels);
        if (!levels)
            return -ENOMEM;
        tree->levels = levels;
        tree->room = room;
    }
    struct tree_level level = {.path = strdup(path), .fd = fd, .finish = *finish};
    if (!level.path)
        return -ENOMEM;
    tree->levels[tree->depth++] = level;
    return 0;
}

static int finish_level(const struct tree_level *level)
{
    const struct tree_finish *finish = &level->finish;
    if (finish->owner && fchown(level->fd, finish->uid, finish->gid) < 0)
        return -errno;
    return fchmod(level->fd, finish->mode) < 0 || futimens(level->fd, finish->times) < 0 ? -errno : 0;
}

static bool is_above(const char *dir, const char *path)
{
    size_t size = strlen(dir);
    return size == 0 ? *path != '\0' : strncmp(dir, path, size) == 0 && path[size] == '/';
}

static int leave_lowest(struct tree *tree)
{
    struct tree_level *level = &tree->levels[--tree->depth];
    int result = finish_level(level);
    close(level->fd);
    if (result < 0 && result != -ENOENT && result != -ESTALE) /* else somebody has removed it */
        result = tree->failed(tree->arg, level->path, result);
    else
        result = 0;
    free(level->path);
    return result;
}

int tree_leave(struct tree *tree, const char *path)
{
    int result = 0;
    while (tree->depth > 0 && !is_above(tree->levels[tree->depth - 1].path, path) && result == 0)
        result = leave_lowest(tree);
    return result;
}

int tree_leave_all(struct tree *tree)
{
    int result = 0;
    while (tree->depth > 0) {
        int left = leave_lowest(tree);
        result = result < 0 ? result : left;
    }
    return result;
}

int tree_open_child(int dir, const char *name)
{
    const struct open_how how = {
        .flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
    };
    int fd = (int)syscall(SYS_openat2, dir, name, &how, sizeof how);
    return fd < 0 ? -errno : fd;
}

/* --- taking the place of something ---------------------------------------------------------------------- */

void tree_spare_name(struct tree *tree, char *ret_name)
{
    uint64_t chance =
        0; /* a number of a process says little: there are others in other containers, and before a crash */
    if (getrandom(&chance, sizeof chance, 0) < 0)
        chance = (uint64_t)getpid();
    snprintf(ret_name, TREE_SPARE_MAX, ".restoring-%016" PRIx64 "-%u", chance, tree->spares++);
}

/* Removes whatever is there but a directory with something in it. */
static int remove_any(int dir, const char *name)
{
    int result = unlinkat(dir, name, 0) < 0 ? -errno : 0;
    if (result == -EISDIR)
        result = unlinkat(dir, name, AT_REMOVEDIR) < 0 ? -errno : 0;
    return result == -ENOENT ? 0 : result;
}

/* A directory and something else change places. */
static int exchange(int dir, const char *spare, const char *name)
{
    if (renameat2(dir, spare, dir, name, RENAME_EXCHANGE) < 0)
        return -errno;
    int result = remove_any(dir, spare);
    if (result < 0)
        renameat2(dir, spare, dir, name, RENAME_EXCHANGE);
    return result;
}

int tree_take_place(int dir, const char *spare, const char *name)
{
    int result = renameat(dir, spare, dir, name) < 0 ? -errno : 0;
    if (result == -EISDIR) { /* which has no value to lose, or it stays */
        result = unlinkat(dir, name, AT_REMOVEDIR) < 0 && errno != ENOENT ? -errno : 0;
        if (result == 0)
            result = renameat(dir, spare, dir, name) < 0 ? -errno : 0;
    } else if (result == -ENOTDIR)
        result = exchange(dir, spare, name);
    if (result < 0)
        remove_any(dir, spare);
    return result;
}

/* --- clearing ------------------------------------------------------------------------------------------ */

static int clear_dir(int fd, uint64_t *removed);

static int clear_one(int dir, const char *name, uint64_t *removed)
{
    if (unlinkat(dir, name, 0) == 0) {
        ++*removed;
        return 0;
    }
    if (errno != EISDIR)
        return errno == ENOENT ? 0 : -errno;
    int fd = tree_open_child(dir, name);
    if (fd < 0)
        return fd == -ENOENT || fd == -EXDEV ? 0 : fd; /* what is mounted there is none of ours */
    int result = clear_dir(fd, removed);
    if (result == 0 && unlinkat(dir, name, AT_REMOVEDIR) < 0 && errno != ENOENT && errno != ENOTEMPTY)
        result = -errno;
    return result;
}

/* Removes what is in a directory, which is closed. */
static int clear_dir(int fd, uint64_t *removed)
{
    DIR *listing = fdopendir(fd);
    const struct dirent *found;
    int result = 0;
    if (!listing) {
        result = -errno;
        close(fd);
        return result;
    }
    while (result == 0 && (errno = 0, found = readdir(listing)))
        if (strcmp(found->d_name, ".") != 0 && strcmp(found->d_name, "..") != 0)
            result = clear_one(fd, found->d_name, removed);
    if (result == 0 && errno)
        result = -errno;
    closedir(listing);
    return result;
}

int tree_clear(struct tree *tree, uint64_t *removed)
{
    int fd = openat(tree->root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -errno : clear_dir(fd, removed);
}
