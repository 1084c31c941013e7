/* SPDX-License-Identifier: MIT */
/* take.c - see take.h. */
#include "take.h"
#include "larder_ioctl.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* One attempt. -EAGAIN when it was replaced or removed meanwhile, or is only being created. */
static int attempt(int dir, const char *name, int *ret_fd)
{
    int fd = openat(dir, name, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return errno == ESTALE ? -EAGAIN : -errno;
    if (ioctl(fd, LARDER_TAKE) < 0) {
        int result = -errno;
        close(fd);
        return result;
    }
    *ret_fd = fd;
    return 0;
}

int take_entry(int dir, const char *name, int *ret_fd)
{
    int result = attempt(dir, name, ret_fd);
    while (result == -EAGAIN) {
        int fd = openat(dir, name, O_RDONLY | O_CLOEXEC); /* what is being created is not there for readers */
        if (fd < 0)
            return errno == ESTALE ? -ENOENT : -errno;
        close(fd);
        result = attempt(dir, name, ret_fd);
    }
    return result;
}
