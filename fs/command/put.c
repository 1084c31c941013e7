/* SPDX-License-Identifier: MIT */
/* put.c - see put.h. */
#include "put.h"
#include "larder_ioctl.h"
#include "value_stream.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

int put_options_check(const struct put_options *options)
{
    uint64_t ms;
    int code = arguments_duration("--ttl", options->ttl, &ms);
    return code == COMMAND_DONE ? arguments_duration("--idle", options->idle, &ms) : code;
}

/* Sets one attribute, if it was given. */
static int put_attribute(int fd, const char *path, const char *name, const char *value)
{
    if (!value || fsetxattr(fd, name, value, strlen(value), 0) == 0)
        return COMMAND_DONE;
    if (errno == EINVAL)
        return command_fail(COMMAND_USAGE, "%s: '%s' is no value for %s", path, value, name);
    return command_fail(COMMAND_FAILED, "%s: %s cannot be set: %s", path, name, strerror(errno));
}

int put_attributes(int fd, const struct put_options *options, const char *path)
{
    int code = put_attribute(fd, path, "user.ttl", options->ttl);
    if (code == COMMAND_DONE)
        code = put_attribute(fd, path, "user.idle", options->idle);
    return code == COMMAND_DONE ? put_attribute(fd, path, "user.tags", options->tags) : code;
}

int put_open(const struct entry_path *path, enum put_over over, const struct put_options *options, int *ret_fd)
{
    static const int flags[] = {
        [PUT_OVER_ANYTHING] = O_CREAT | O_TRUNC, [PUT_OVER_NOTHING] = O_CREAT | O_EXCL, [PUT_OVER_SOMETHING] = O_TRUNC};
    int fd = openat(path->dir, path->name, O_WRONLY | O_CLOEXEC | flags[over], 0666);
    if (fd < 0 && errno == EEXIST && over == PUT_OVER_NOTHING)
        return COMMAND_MISS;
    if (fd < 0 && errno == ENOENT && over != PUT_OVER_SOMETHING)
        return command_fail(COMMAND_FAILED, "%s: its directory is gone", path->path);
    if (fd < 0)
        return entry_path_fail(path, -errno);
    int code = put_attributes(fd, options, path->path);
    if (code != COMMAND_DONE)
        return put_close(fd, path, code);
    *ret_fd = fd;
    return COMMAND_DONE;
}

int put_close(int fd, const struct entry_path *path, int code)
{
    if (code != COMMAND_DONE)
        ioctl(fd, LARDER_ABANDON);
    if (close(fd) < 0 && code == COMMAND_DONE)
        return entry_path_fail(path, errno == ENOENT ? -EIO : -errno);
    return code;
}

int put_write(int fd, const struct entry_path *path, const char *value)
{
    bool reading = false;
    int result = value ? stream_write(fd, value, strlen(value)) : stream_copy(STDIN_FILENO, fd, &reading);
    if (result < 0 && reading)
        return command_fail(COMMAND_FAILED, "standard input cannot be read: %s", strerror(-result));
    return result < 0 ? entry_path_fail(path, result) : COMMAND_DONE;
}

int put_value(const struct entry_path *path, bool exclusive, const struct put_options *options, const char *value)
{
    int fd;
    int code = put_open(path, exclusive ? PUT_OVER_NOTHING : PUT_OVER_ANYTHING, options, &fd);
    return code == COMMAND_DONE ? put_close(fd, path, put_write(fd, path, value)) : code;
}

int put_find(const char *text, bool parents, struct entry_path *ret_path)
{
    int code = entry_path_find(text, parents ? ENTRY_PATH_PARENTS : 0, ret_path);
    if (code == COMMAND_MISS)
        return command_fail(COMMAND_FAILED, "%s: its directory is not there; -p makes it", text);
    return code;
}
