/* SPDX-License-Identifier: MIT */
/* entry_path.c - see entry_path.h. */
#include "entry_path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINKS_MAX = 40 }; /* as many as the kernel follows */

/* Splits off the last component: cuts `text` there and returns it. A path that ends in a slash, "." or ".." names a
 * directory: then NULL, and nothing is cut. */
static char *last_component(char *text)
{
    char *slash = strrchr(text, '/'), *name = slash ? slash + 1 : text;
    if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return NULL;
    if (slash)
        *slash = '\0';
    return name;
}

/* Makes the directories of a path that are missing. */
static int make_parents(int at, const char *text)
{
    char dir[PATH_MAX];
    snprintf(dir, sizeof dir, "%s", text);
    for (char *slash = dir; (slash = strchr(slash + 1, '/'));) {
        *slash = '\0';
        if (mkdirat(at, dir, 0777) < 0 && errno != EEXIST)
            return -errno;
        *slash = '/';
    }
    return mkdirat(at, dir, 0777) < 0 && errno != EEXIST ? -errno : 0;
}

/* Opens the directory of a path, whose name was cut off: "" may be the root or where it begins. */
static int open_parent(int at, const char *text, const char *name, unsigned flags)
{
    const char *dir = *text && text != name ? text : name > text ? "/" : ".";
    int fd = openat(at, dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT && flags & ENTRY_PATH_PARENTS) {
        int result = make_parents(at, dir);
        if (result < 0)
            return result;
        fd = openat(at, dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    }
    return fd < 0 ? -errno : fd;
}

/* Follows one path: opens its directory, and fills the name. 1 when that is a link, whose target is then in `text`. */
static int step(char text[PATH_MAX], unsigned flags, struct entry_path *path)
{
    char target[PATH_MAX];
    int at = path->dir < 0 ? AT_FDCWD : path->dir;
    char *name = last_component(text);
    int fd = name ? open_parent(at, text, name, flags) : openat(at, text, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return name ? fd : -errno;
    if (path->dir >= 0)
        close(path->dir);
    path->dir = fd;
    if (name && strlen(name) >= sizeof path->name)
        return -ENAMETOOLONG;
    strcpy(path->name, name ? name : ".");
    ssize_t got = name ? readlinkat(fd, name, target, sizeof target) : -1;
    if (got < 0)
        return 0;
    if ((size_t)got == sizeof target)
        return -ENAMETOOLONG;
    memcpy(text, target, (size_t)got);
    text[got] = '\0';
    return 1;
}

/* Does the directory that is open, or when there is none the nearest one above the path that is there, lie in a larder? */
static int check_larder(const struct entry_path *path)
{
    struct mountpoint mountpoint;
    char dir[PATH_MAX];
    int result;
    if (path->dir >= 0)
        snprintf(dir, sizeof dir, "/proc/self/fd/%d", path->dir);
    else
        snprintf(dir, sizeof dir, "%s%s", path->path[0] == '/' ? "" : "./", path->path);
    while ((result = mountpoint_find(dir, &mountpoint)) == -ENOENT && strrchr(dir, '/')) {
        char *slash = strrchr(dir, '/');
        slash[slash == dir] = '\0';
        if (slash == dir)
            break;
    }
    bool is_larder = result == 0 && mountpoint_is_larder(&mountpoint);
    if (result == 0)
        mountpoint_release(&mountpoint);
    if (result == -ENOTCONN || result == -ECONNABORTED)
        return entry_path_fail(path, result);
    return is_larder ? COMMAND_DONE : command_fail(COMMAND_FAILED, "%s: does not lie in a larder", path->path);
}

int entry_path_find(const char *text, unsigned flags, struct entry_path *ret_path)
{
    struct entry_path path = {.path = text, .dir = -1};
    char rest[PATH_MAX];
    int result = 1, links = 0;

    if (strlen(text) >= sizeof rest)
        return entry_path_fail(&path, -ENAMETOOLONG);
    strcpy(rest, text);
    while (result == 1)
        result = links++ > LINKS_MAX ? -ELOOP : step(rest, flags, &path);
    int code = result < 0 && result != -ENOENT ? entry_path_fail(&path, result) : check_larder(&path);
    if (code == COMMAND_DONE && result < 0)
        code = COMMAND_MISS;
    if (code == COMMAND_DONE)
        *ret_path = path;
    else
        entry_path_release(&path);
    return code;
}

void entry_path_release(struct entry_path *path)
{
    if (path->dir >= 0)
        close(path->dir);
    path->dir = -1;
}

int entry_path_fail(const struct entry_path *path, int result)
{
    if (result == -ENOENT)
        return COMMAND_MISS;
    if (result == -ENOTCONN || result == -ECONNABORTED)
        return command_fail(COMMAND_FAILED, "%s: the daemon of this mount has died; unmount it, or mount it anew",
                            path->path);
    if (result == -ENOSPC)
        return command_fail(COMMAND_FAILED, "%s: there is no room for it within the limit of the larder", path->path);
    return command_fail(COMMAND_FAILED, "%s: %s", path->path, strerror(-result));
}

void entry_path_by_number(const struct entry_path *path, char *text)
{
    snprintf(text, 300, "/proc/self/fd/%d/%s", path->dir, path->name);
}
