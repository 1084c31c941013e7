/* SPDX-License-Identifier: MIT */
/* clock.h - the time as one number, of any clock that clock_gettime(2) knows; needs nothing else of fs/. */
#ifndef LARDER_FS_CLOCK_H
#define LARDER_FS_CLOCK_H

#include <stdint.h>
#include <time.h>

/* In nanoseconds. From any thread. */
static inline int64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

#endif
