/* SPDX-License-Identifier: MIT */
/* late.c - preloaded, makes the first io_uring_submit() of each thread that is not on the first core return LATE_US
 * microseconds after it was done, as on a machine that has other things to do. */
#include <dlfcn.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

struct io_uring;

int io_uring_submit(struct io_uring *ring);

int io_uring_submit(struct io_uring *ring)
{
    static _Thread_local bool again;
    int (*submit)(struct io_uring *) = NULL;
    const char *late_us = getenv("LATE_US");
    *(void **)&submit = dlsym(RTLD_NEXT, "io_uring_submit");
    int result = submit(ring);
    if (!again && late_us && sched_getcpu() > 0)
        usleep((useconds_t)atoi(late_us));
    again = true;
    return result;
}
