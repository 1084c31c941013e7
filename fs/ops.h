/* SPDX-License-Identifier: MIT */
/* ops.h - the table of request handlers that session.c gives to libfuse; their user data is the struct fs. */
#ifndef LARDER_FS_OPS_H
#define LARDER_FS_OPS_H

#include "node.h"

extern const struct fuse_lowlevel_ops ops;

#endif
