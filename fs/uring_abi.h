/* SPDX-License-Identifier: MIT */
/*
 * uring_abi.h - what the kernel and a file system say to each other over io_uring, as in linux/fuse.h (struct
 * fuse_uring_req_header and what follows) of Linux 6.14 and later. Debian 12's header is older.
 *
 * An entry is two buffers that the kernel fills with a request and takes the reply from:
 *
 *     headers:  | in or out header, 128 | the operation's own struct, 128 | ring: flags, commit id, payload size, 32 |
 *     payload:  names or data, at least as large as the largest message
 */
#ifndef LARDER_FS_URING_ABI_H
#define LARDER_FS_URING_ABI_H

#include <stdint.h>

#define URING_INIT_FLAG (UINT64_C(1) << 41) /* FUSE_OVER_IO_URING, in the INIT messages */

/* sqe->cmd_op */
enum { URING_CMD_REGISTER = 1, URING_CMD_COMMIT_AND_FETCH = 2 };

struct uring_headers {
    char in_out[128]; /* struct fuse_in_header, struct fuse_out_header */
    char op[128]; /* fuse_open_in and its kin; of some operations nothing */
    struct {
        uint64_t flags;
        uint64_t commit_id; /* which request a commit answers */
        uint32_t payload_size; /* bytes */
        uint32_t padding;
        uint64_t reserved;
    } ring;
};

/* In sqe->cmd, of 80 bytes. */
struct uring_command {
    uint64_t flags;
    uint64_t commit_id;
    uint16_t queue; /* the core */
    uint8_t padding[6];
};

#endif
