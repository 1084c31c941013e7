/* SPDX-License-Identifier: MIT */
/* checks.h - what checks that are written out in C have in common. */
#ifndef LARDER_TESTS_POSIX_CHECKS_H
#define LARDER_TESTS_POSIX_CHECKS_H

#include "posix.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* Ends the check when it is not so. */
#define EXPECT(what)                                                                                                   \
    do {                                                                                                               \
        if (!(what))                                                                                                   \
            return mismatch("not so: %s (%s)", #what, errno_name(errno));                                              \
    } while (0)

/* Checks that have a file of their own. */
check_fn open_with_all_flags;

#endif
