/* SPDX-License-Identifier: MIT */
/*
 * replace.c - see replace.h.
 *
 * Joining is a loop: read what is there and its version, write it with the new part to a version of its own, replace;
 * when somebody else was quicker, begin again. Each round that fails is one in which another one succeeded.
 */
#include "replace.h"
#include "larder_ioctl.h"
#include "value_stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Stores what was written, when `code` is COMMAND_DONE. COMMAND_MISS when not that version is there. */
static int close_replaced(int fd, const struct entry_path *path, const struct larder_replace *replace, int code)
{
    if (code == COMMAND_DONE && ioctl(fd, LARDER_REPLACE, replace) < 0)
        code = errno == EAGAIN ? COMMAND_MISS : entry_path_fail(path, -errno);
    if (code == COMMAND_MISS) {
        close(fd); /* what was written is abandoned */
        return code;
    }
    return put_close(fd, path, code);
}

/* --- joining ------------------------------------------------------------------------------------------- */

struct joining {
    const struct entry_path *path;
    const struct replace_options *how;
    const struct put_options *options;
    const char *part;
    size_t size;
};

/* Writes both, the one that is there from `old`. */
static int write_both(const struct joining *joining, int old, int fd)
{
    int result = joining->how->prepend ? stream_write(fd, joining->part, joining->size) : 0;
    if (result == 0)
        result = stream_copy(old, fd, NULL);
    if (result == 0 && joining->how->append)
        result = stream_write(fd, joining->part, joining->size);
    return result;
}

/* One round, with what is there in hand. *ret_again: somebody was quicker. */
static int join_to(const struct joining *joining, int old, bool *ret_again)
{
    struct larder_replace replace = {.flags = joining->options->ttl ? 0 : LARDER_REPLACE_KEEPS_DEADLINE};
    int64_t wanted = joining->how->version;
    int fd;
    int result = stream_version(old, &replace.version);
    if (result < 0)
        return entry_path_fail(joining->path, result);
    if (wanted && (uint64_t)wanted != replace.version)
        return COMMAND_MISS;
    int code = put_open(joining->path, PUT_OVER_SOMETHING, joining->options, &fd);
    if (code != COMMAND_DONE)
        return code;
    result = write_both(joining, old, fd);
    if (result < 0)
        code = entry_path_fail(joining->path, result);
    code = close_replaced(fd, joining->path, &replace, code);
    *ret_again = code == COMMAND_MISS && !wanted;
    return code;
}

static int join(const struct joining *joining)
{
    int code;
    bool again;
    do {
        again = false;
        int old = openat(joining->path->dir, joining->path->name, O_RDONLY | O_CLOEXEC);
        if (old < 0)
            return entry_path_fail(joining->path, -errno);
        code = join_to(joining, old, &again);
        close(old);
    } while (again);
    return code;
}

/* All of standard input, since a round may need it again. 0 or -errno; the caller frees it. */
static int read_input(char **ret_data, size_t *ret_size)
{
    enum { PIECE = 1 << 16 };
    char *data = NULL;
    size_t size = 0, room = 0;
    for (;;) {
        if (room - size < PIECE) {
            char *larger = realloc(data, room = 2 * room + PIECE);
            if (!larger) {
                free(data);
                return -ENOMEM;
            }
            data = larger;
        }
        ssize_t got = read(STDIN_FILENO, data + size, room - size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            int result = -errno;
            free(data);
            return result;
        }
        if (got == 0)
            break;
        size += (size_t)got;
    }
    *ret_data = data;
    *ret_size = size;
    return 0;
}

static int join_value(struct joining *joining, const char *value)
{
    char *input = NULL;
    if (value) {
        joining->part = value;
        joining->size = strlen(value);
        return join(joining);
    }
    int result = read_input(&input, &joining->size);
    if (result < 0)
        return command_fail(COMMAND_FAILED, "standard input cannot be read: %s", strerror(-result));
    joining->part = input;
    int code = join(joining);
    free(input);
    return code;
}

/* --- the whole ----------------------------------------------------------------------------------------- */

int replace_value(const struct entry_path *path, const struct replace_options *how, const struct put_options *options,
                  const char *value)
{
    const struct larder_replace replace = {.version = (uint64_t)how->version};
    struct joining joining = {.path = path, .how = how, .options = options};
    int fd;
    if (how->append || how->prepend)
        return join_value(&joining, value);
    int code = put_open(path, PUT_OVER_SOMETHING, options, &fd);
    if (code != COMMAND_DONE)
        return code;
    return close_replaced(fd, path, &replace, put_write(fd, path, value));
}
