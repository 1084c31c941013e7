/* SPDX-License-Identifier: MIT */
/* greeting.c - see greeting.h. */
#include "greeting.h"

#include <errno.h>
#include <linux/fuse.h>
#include <string.h>

int greeting_read(struct greeting *greeting, const void *message, size_t size)
{
    struct fuse_in_header header;
    struct fuse_init_in init = {0}; /* old kernels send less of it */
    if (size < sizeof header)
        return -EPROTO;
    memcpy(&header, message, sizeof header);
    if (header.opcode != FUSE_INIT)
        return -EPROTO;
    size -= sizeof header;
    memcpy(&init, (const char *)message + sizeof header, size < sizeof init ? size : sizeof init);
    greeting->unique = header.unique;
    greeting->offered = init.flags;
    if (init.flags & FUSE_INIT_EXT)
        greeting->offered |= (uint64_t)init.flags2 << 32;
    return 0;
}

void greeting_answer(struct greeting *greeting, const struct iovec *iov, int count)
{
    const struct fuse_out_header *header = iov[0].iov_base;
    if (header->unique != greeting->unique || header->error || count < 2 ||
        iov[1].iov_len < sizeof(struct fuse_init_out))
        return;
    struct fuse_init_out *init = iov[1].iov_base;
    greeting->agreed = greeting->wanted & greeting->offered;
    if (greeting->agreed >> 32 && greeting->offered & FUSE_INIT_EXT)
        greeting->agreed |= FUSE_INIT_EXT;
    init->flags |= (uint32_t)greeting->agreed;
    init->flags2 |= (uint32_t)(greeting->agreed >> 32);
}
