/* SPDX-License-Identifier: MIT */
/*
 * clear.c - `larder clear DIR`: removes everything below a directory: of each directory all files and links in a few
 * requests (LARDER_CLEAR), then the directories in it, and last, from below, the directories themselves by rmdir(2).
 *
 * What is stored after it began stays, and so do the directories that is in. Every directory is asked for by itself, by
 * the caller: so the kernel and the daemon check what the caller may, as with `rm -r`. It keeps a descriptor for each
 * directory that it is in, and no names: a listing stays right while names in it go.
 */
#include "arguments.h"
#include "larder_ioctl.h"
#include "progress.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { DEPTH_MAX = 10000 }; /* directories in each other: each takes a descriptor, and half a KiB of stack */

static volatile sig_atomic_t interrupted; /* by SIGINT */

struct clear {
    const char *place;
    bool keep_dirs, json;
    dev_t device; /* of the mount: what is mounted within is left alone */
    /* --- while it goes on --- */
    char *path; /* below the place; owned */
    size_t path_room; /* 0: it is empty, and as small as can be */
    unsigned depth; /* of directories in it */
    uint64_t mark; /* see larder_ioctl.h */
    uint64_t entries, dirs, left; /* gone; and files and links that are not */
    unsigned refused; /* directories that were, and have been complained of */
    struct progress progress;
};

static void interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

/* --- a directory --------------------------------------------------------------------------------------- */

/* What may not be removed is told, and all else goes. Other errors end it. */
static int may_go_on(struct clear *clear, int result)
{
    if (result != -EACCES && result != -EPERM && result != -EBUSY)
        return result;
    progress_end(&clear->progress);
    (void)command_fail(COMMAND_FAILED, "%s%s%s: %s", clear->place, *clear->path ? "/" : "", clear->path,
                       strerror(-result));
    clear->refused++;
    return 0;
}

/* Its files and links. */
static int clear_entries(struct clear *clear, int fd)
{
    struct larder_clear step = {.mark = clear->mark};
    while (!step.done && !interrupted) {
        if (ioctl(fd, LARDER_CLEAR, &step) < 0)
            return -errno;
        clear->mark = step.mark;
        clear->entries += step.removed;
        clear->left += step.left;
        progress_add(&clear->progress, step.removed);
    }
    return 0;
}

static int clear_dir(struct clear *clear, int fd);

/* A directory that lies in the one that is open, and all below it. 0 also when it has gone, or is not empty by now. With
 * `keep` it stays; and when something in it does, nobody need be told that so does it. */
static int clear_child(struct clear *clear, int parent, const char *name, bool keep)
{
    unsigned refused = clear->refused;
    struct stat stat;
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : -errno;
    if (fstat(fd, &stat) < 0 || stat.st_dev != clear->device) {
        close(fd);
        return 0;
    }
    int result = clear_dir(clear, fd);
    if (result < 0 || keep || clear->refused > refused || interrupted)
        return result;
    if (unlinkat(parent, name, AT_REMOVEDIR) < 0)
        return errno == ENOENT || errno == ENOTEMPTY ? 0 : -errno;
    clear->dirs++;
    return 0;
}

/* Has room for so many bytes; longer than any path that the kernel takes in one. */
static bool path_fits(struct clear *clear, size_t size)
{
    if (size <= clear->path_room)
        return true;
    char *path = realloc(clear->path, 2 * size);
    if (!path)
        return false;
    clear->path = path;
    clear->path_room = 2 * size;
    return true;
}

static int clear_name(struct clear *clear, int fd, const char *name, bool keep)
{
    size_t length = strlen(clear->path);
    if (clear->depth == DEPTH_MAX)
        return -ENAMETOOLONG;
    if (!path_fits(clear, length + strlen(name) + 2))
        return -ENOMEM;
    sprintf(clear->path + length, "%s%s", length ? "/" : "", name);
    clear->depth++;
    int result = may_go_on(clear, clear_child(clear, fd, name, keep));
    clear->depth--;
    if (result == 0)
        clear->path[length] = '\0'; /* else it is where it failed */
    return result;
}

static bool is_dir(int fd, const struct dirent *entry)
{
    struct stat stat;
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
        return false;
    return entry->d_type == DT_DIR ||
           (entry->d_type == DT_UNKNOWN && fstatat(fd, entry->d_name, &stat, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISDIR(stat.st_mode));
}

/* The directories in it. Takes the descriptor over. */
static int clear_children(struct clear *clear, int fd, bool keep)
{
    const struct dirent *entry;
    DIR *dir = fdopendir(fd);
    int result = dir ? 0 : -errno;
    while (result == 0 && !interrupted && (errno = 0, entry = readdir(dir)))
        if (is_dir(fd, entry))
            result = clear_name(clear, fd, entry->d_name, keep);
    if (result == 0 && !interrupted)
        result = -errno;
    if (dir)
        closedir(dir);
    else
        close(fd);
    return result;
}

/* Takes the descriptor over. */
static int clear_dir(struct clear *clear, int fd)
{
    unsigned refused = clear->refused;
    int result = may_go_on(clear, clear_entries(clear, fd));
    if (result == 0) /* where files may not be removed, directories may not */
        return clear_children(clear, fd, clear->keep_dirs || clear->refused > refused);
    close(fd);
    return result;
}

/* --- the verb ------------------------------------------------------------------------------------------ */

static void print_result(const struct clear *clear)
{
    if (clear->json)
        printf("{\"entries\":%" PRIu64 ",\"directories\":%" PRIu64 ",\"left\":%" PRIu64 "}\n", clear->entries,
               clear->dirs, clear->left);
    else if (clear->left)
        printf("removed %" PRIu64 " entries and %" PRIu64 " directories; %" PRIu64 " entries stay\n", clear->entries,
               clear->dirs, clear->left);
    else
        printf("removed %" PRIu64 " entries and %" PRIu64 " directories\n", clear->entries, clear->dirs);
}

/* How much there is, when it is the whole mount; 0: not known. */
static uint64_t total_of(int fd, const struct mountpoint *mountpoint)
{
    struct statvfs disk;
    if (!mountpoint->whole || !mountpoint_is_root(mountpoint) || fstatvfs(fd, &disk) < 0)
        return 0;
    return disk.f_files - disk.f_ffree;
}

/* Opens the place. -EROFS: through this mount nothing may be changed, of which the daemon is not told. */
static int open_place(struct clear *clear)
{
    struct statvfs disk;
    struct stat stat;
    int fd = open(clear->place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int result = fd < 0 || fstat(fd, &stat) < 0 || fstatvfs(fd, &disk) < 0 ? -errno : 0;
    if (result == 0 && disk.f_flag & ST_RDONLY)
        result = -EROFS;
    if (result < 0) {
        if (fd >= 0)
            close(fd);
        return result;
    }
    clear->device = stat.st_dev;
    return fd;
}

/* As deep as this process may have directories open. */
static void raise_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

/* What was asked to end it ends this process, too, so that a script around it ends. */
static void die_of_interrupt(void)
{
    fflush(stdout);
    signal(SIGINT, SIG_DFL);
    raise(SIGINT);
}

static int clear_place(struct clear *clear, const struct mountpoint *mountpoint)
{
    const struct sigaction action = {.sa_handler = interrupt};
    int fd = open_place(clear), result = fd < 0 ? fd : 0;
    if (result == 0) {
        raise_descriptors();
        sigaction(SIGINT, &action, NULL);
        progress_begin(&clear->progress, "clearing", total_of(fd, mountpoint), PROGRESS_ENTRIES);
        result = clear_dir(clear, fd);
        progress_end(&clear->progress);
        print_result(clear);
    }
    if (interrupted)
        die_of_interrupt();
    if (result < 0)
        return command_fail(COMMAND_FAILED, "%s%s%s: %s", clear->place, *clear->path ? "/" : "", clear->path,
                            result == -ENOTTY ? "its daemon is of a version that cannot clear" : strerror(-result));
    return clear->refused > 0 ? COMMAND_FAILED : COMMAND_DONE;
}

static int run(int argc, char **argv)
{
    struct clear clear = {0};
    const struct argument table[] = {
        {"--keep-dirs", 0, &clear.keep_dirs, NULL}, {"--json", 0, &clear.json, NULL}, {NULL, 0, NULL, NULL}};
    struct mountpoint mountpoint;
    int words, code = arguments_parse(&command_clear, argc, argv, table, 1, 1, &words, NULL);
    if (code != COMMAND_DONE)
        return code;
    clear.place = argv[0];
    code = command_find_larder(clear.place, &mountpoint);
    if (code != COMMAND_DONE)
        return code;
    if (!(clear.path = strdup("")))
        code = command_fail(COMMAND_FAILED, "out of memory");
    else
        code = clear_place(&clear, &mountpoint);
    free(clear.path);
    mountpoint_release(&mountpoint);
    return code;
}

const struct command command_clear = {
    .name = "clear",
    .arguments = "DIRECTORY [--keep-dirs] [--json]",
    .summary = "remove everything below a directory, or in a mount",
    .details = "  DIRECTORY    a directory in a larder, which stays; or the mount point: everything there is\n"
               "  --keep-dirs  the directories below it stay, too\n"
               "  --json       for programs\n",
    .run = run,
};
