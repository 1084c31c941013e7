/* SPDX-License-Identifier: MIT */
/*
 * mountpoint.c - finds mounts in /proc/self/mountinfo, and unmounts.
 *
 * A path is opened with O_PATH, which reaches even the root of a mount without a daemon; /proc then tells the
 * path's true name and, in fdinfo, the number of the mount it lies in, which is the first field of its line in
 * mountinfo:
 *
 *     36 35 0:42 / /home/ada/larder rw,nosuid,nodev - fuse.larder /home/ada/.cache/larder rw,user_id=1000
 *     id         | where                              type        source
 *                what part of the file system
 */
#include "mountpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- finding ------------------------------------------------------------------------------------------- */

/* The number of the mount an open file lies in, -1 if /proc does not say. */
static long mount_number(int fd)
{
    char path[64], line[256];
    long number = -1;

    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
    FILE *info = fopen(path, "re");
    while (info && fgets(line, sizeof line, info))
        if (sscanf(line, "mnt_id: %ld", &number) == 1)
            break;
    if (info)
        fclose(info);
    return number;
}

/* A copy with "\040" and its like turned back into the characters they stand for. */
static char *unescape(const char *text)
{
    char *copy = malloc(strlen(text) + 1), *to = copy;
    unsigned code;

    while (copy && *text)
        if (*text == '\\' && strspn(text + 1, "01234567") >= 3 && sscanf(text + 1, "%3o", &code) == 1) {
            *to++ = (char)code;
            text += 4;
        } else {
            *to++ = *text++;
        }
    if (copy)
        *to = '\0';
    return copy;
}

/* The fields of a line, pointing into it. */
struct line {
    long number;
    const char *device, *part, *root, *type, *source;
};

static bool line_cut(char *text, struct line *line)
{
    char *fields[5], *save, *behind = strstr(text, " - ");

    if (!behind)
        return false;
    *behind = '\0';
    for (int i = 0; i < 5; i++)
        if (!(fields[i] = strtok_r(i ? NULL : text, " ", &save)))
            return false;
    *line = (struct line){strtol(fields[0], NULL, 10), fields[2], fields[3], fields[4]};
    line->type = strtok_r(behind + 3, " \n", &save);
    line->source = line->type ? strtok_r(NULL, " \n", &save) : NULL;
    return line->source;
}

/* 0 or -ENOMEM. */
static int line_take(const struct line *line, struct mountpoint *mountpoint)
{
    mountpoint->whole = strcmp(line->part, "/") == 0;
    mountpoint->device = strdup(line->device);
    mountpoint->root = unescape(line->root);
    mountpoint->type = unescape(line->type);
    mountpoint->source = unescape(line->source);
    return mountpoint->device && mountpoint->root && mountpoint->type && mountpoint->source ? 0 : -ENOMEM;
}

/* Reads the whole list, for the mount with that number or, when `device` is set, for another one of the same file
 * system. Returns 0, -ENOENT or -ENOMEM. */
static int list_search(long number, const char *device, struct mountpoint *mountpoint)
{
    char *text = NULL;
    size_t room = 0;
    struct line line;
    int result = -ENOENT;

    FILE *list = fopen("/proc/self/mountinfo", "re");
    while (list && result == -ENOENT && getline(&text, &room, list) >= 0) {
        if (!line_cut(text, &line))
            continue;
        if (device) {
            result = line.number != number && strcmp(line.device, device) == 0 ? 0 : -ENOENT;
        } else if (line.number == number) {
            result = line_take(&line, mountpoint);
        }
    }
    free(text);
    if (list)
        fclose(list);
    return result;
}

static char *true_name(int fd)
{
    char link[64], name[4096];

    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, name, sizeof name);
    if (length <= 0 || (size_t)length == sizeof name)
        return NULL;
    return strndup(name, (size_t)length);
}

int mountpoint_find(const char *path, struct mountpoint *ret_mountpoint)
{
    struct mountpoint mountpoint = {0};

    int fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    long number = mount_number(fd);
    mountpoint.path = true_name(fd);
    close(fd);
    int result = mountpoint.path ? list_search(number, NULL, &mountpoint) : -ENOMEM;
    if (result < 0) {
        mountpoint_release(&mountpoint);
        return result == -ENOENT ? -EIO : result; /* it is there, but /proc does not tell of it */
    }
    mountpoint.elsewhere = list_search(number, mountpoint.device, NULL) == 0;
    *ret_mountpoint = mountpoint;
    return 0;
}

int mountpoint_copy(const struct mountpoint *mountpoint, struct mountpoint *ret_copy)
{
    struct mountpoint copy = {.path = strdup(mountpoint->path), .whole = mountpoint->whole};
    copy.root = strdup(mountpoint->root);
    copy.type = strdup(mountpoint->type);
    copy.source = strdup(mountpoint->source);
    copy.device = strdup(mountpoint->device);
    if (!copy.path || !copy.root || !copy.type || !copy.source || !copy.device) {
        mountpoint_release(&copy);
        return -ENOMEM;
    }
    *ret_copy = copy;
    return 0;
}

/* One line of the list; 0 also when it is of something else. */
static int each_line(char *text, int (*each)(void *arg, const struct mountpoint *mountpoint), void *arg)
{
    struct mountpoint mountpoint = {0};
    struct line line;
    if (!line_cut(text, &line))
        return 0;
    int result = line_take(&line, &mountpoint);
    if (result == 0 && !(mountpoint.path = strdup(mountpoint.root)))
        result = -ENOMEM;
    if (result == 0 && mountpoint.whole && mountpoint_is_larder(&mountpoint))
        result = each(arg, &mountpoint);
    mountpoint_release(&mountpoint);
    return result;
}

int mountpoint_each(int (*each)(void *arg, const struct mountpoint *mountpoint), void *arg)
{
    char *text = NULL;
    size_t room = 0;
    int result = 0;
    FILE *list = fopen("/proc/self/mountinfo", "re");
    if (!list)
        return -errno;
    while (result == 0 && getline(&text, &room, list) >= 0)
        result = each_line(text, each, arg);
    free(text);
    fclose(list);
    return result;
}

void mountpoint_release(struct mountpoint *mountpoint)
{
    free(mountpoint->path);
    free(mountpoint->root);
    free(mountpoint->type);
    free(mountpoint->source);
    free(mountpoint->device);
    *mountpoint = (struct mountpoint){0};
}

bool mountpoint_is_larder(const struct mountpoint *mountpoint)
{
    return strcmp(mountpoint->type, MOUNTPOINT_TYPE) == 0;
}

bool mountpoint_is_root(const struct mountpoint *mountpoint)
{
    return strcmp(mountpoint->path, mountpoint->root) == 0;
}

bool mountpoint_is_dead(const struct mountpoint *mountpoint)
{
    struct statvfs disk;

    /* Not stat(), which the kernel answers from what it remembers as long as the attributes' timeout lasts. */
    return statvfs(mountpoint->root, &disk) < 0 && (errno == ENOTCONN || errno == ECONNABORTED);
}

/* --- unmounting ---------------------------------------------------------------------------------------- */

/* Runs fusermount3; its complaint goes to `reason`, which stays as it was when the program cannot be run. */
static int run_fusermount(const char *root, bool lazily, char *reason, size_t reason_size)
{
    const char *argv[] = {"fusermount3", lazily ? "-uz" : "-u", "--", root, NULL};
    posix_spawn_file_actions_t actions;
    size_t used = 0;
    ssize_t got;
    int status = -1, ends[2];
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
    int result = -posix_spawnp(&pid, argv[0], &actions, NULL, (char **)(void *)argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    if (result < 0) {
        close(ends[0]);
        return result;
    }
    while (used + 1 < reason_size && (got = read(ends[0], reason + used, reason_size - used - 1)) > 0)
        used += (size_t)got;
    reason[used] = '\0';
    reason[strcspn(reason, "\n")] = '\0';
    close(ends[0]);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    return strstr(reason, "busy") ? -EBUSY : -EPERM;
}

int mountpoint_unmount(const struct mountpoint *mountpoint, bool lazily, char *reason, size_t reason_size)
{
    snprintf(reason, reason_size, "fusermount3 is missing (it comes with the package fuse3)");
    if (umount2(mountpoint->root, UMOUNT_NOFOLLOW | (lazily ? MNT_DETACH : 0)) == 0)
        return 0;
    if (errno == EPERM)
        return run_fusermount(mountpoint->root, lazily, reason, reason_size);
    snprintf(reason, reason_size, "%s", strerror(errno));
    return -errno;
}
