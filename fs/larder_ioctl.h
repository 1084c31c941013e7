/* SPDX-License-Identifier: MIT */
/*
 * larder_ioctl.h - what a larder's files answer to ioctl(2). It needs nothing else of larder: programs may copy it.
 *
 * Each wants a descriptor that was opened for writing; another gets EBADF.
 */
#ifndef LARDER_IOCTL_H
#define LARDER_IOCTL_H

#include <stdint.h>
#include <sys/ioctl.h>

/* Of a file that was opened to be replaced or created (O_TRUNC, O_EXCL): what was written will not be stored, and what
 * is there stays. EINVAL: there is nothing to abandon, since it is stored already or was opened to be changed. */
#define LARDER_ABANDON _IO(0xe6, 1)

#endif
