/* SPDX-License-Identifier: MIT */
/* value_stream.c - see value_stream.h. */
#include "value_stream.h"
#include "larder_ioctl.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { PIECE = 1 << 20 }; /* bytes: one message to a larder */

int stream_write(int fd, const void *data, size_t size)
{
    const char *rest = data;
    while (size > 0) {
        ssize_t wrote = write(fd, rest, size);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote < 0)
            return -errno;
        rest += wrote;
        size -= (size_t)wrote;
    }
    return 0;
}

int stream_copy(int from, int to, _Bool *ret_reading)
{
    char *buffer = malloc(PIECE);
    int result = buffer ? 0 : -ENOMEM;
    _Bool reading = 1;
    while (result == 0) {
        ssize_t got = read(from, buffer, PIECE);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            result = got < 0 ? -errno : 0;
            break;
        }
        if ((result = stream_write(to, buffer, (size_t)got)) < 0)
            reading = 0;
    }
    free(buffer);
    if (ret_reading)
        *ret_reading = reading;
    return result;
}

int stream_version(int fd, uint64_t *ret_version)
{
    enum { TRIES = 100 }; /* each lasts as long as the daemon is patient */
    for (int tries = 0; tries < TRIES; tries++)
        if (ioctl(fd, LARDER_TELL_VERSION, ret_version) == 0)
            return 0;
        else if (errno != EAGAIN)
            return -errno;
    return -EBUSY;
}
