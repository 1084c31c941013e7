/* SPDX-License-Identifier: MIT */
/* ioctl.c - see ioctl.h. */
#include "ioctl.h"
#include "larder_ioctl.h"

#include <errno.h>

static int abandon(struct fs *fs, const struct handle *handle)
{
    struct write_session *session = handle->session;
    fs_lock(fs);
    bool listed = session && session->listed;
    if (listed)
        write_session_unlist_locked(fs, session);
    fs_unlock(fs);
    return listed ? 0 : -EINVAL;
}

int file_ioctl(struct fs *fs, struct handle *handle, unsigned command, void *argument)
{
    (void)argument;
    if (!handle->writes)
        return -EBADF;
    switch (command) {
    case LARDER_ABANDON:
        return abandon(fs, handle);
    default:
        return -ENOTTY;
    }
}
