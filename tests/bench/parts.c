/* SPDX-License-Identifier: MIT */
/* parts.c - see parts.h. */
#include "parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { FORGET_US = 50000 }; /* FUSE sends what it forgets behind its own back */

uint64_t clock_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

void caches_drop(void)
{
    sync();
    int fd = open("/proc/sys/vm/drop_caches", O_WRONLY);
    if (fd < 0 || write(fd, "3", 1) != 1)
        stop("drop_caches");
    close(fd);
    usleep(FORGET_US);
}

void stop(const char *format, ...)
{
    int error = errno;
    va_list args;
    fprintf(stderr, "workload: ");
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, ": %s\n", strerror(error));
    exit(1);
}

void samples_init(struct samples *samples, size_t room)
{
    *samples = (struct samples){.times_ns = calloc(room, sizeof *samples->times_ns), .room = room};
    if (!samples->times_ns)
        stop("memory for %zu samples", room);
    /* Faulted in now, and not while the clock runs. */
    memset(samples->times_ns, 1, room * sizeof *samples->times_ns);
}

void samples_release(struct samples *samples)
{
    free(samples->times_ns);
    *samples = (struct samples){0};
}

void samples_begin(struct samples *samples)
{
    samples->count = 0;
    samples->failed = samples->wrong = 0;
    samples->start_ns = clock_now();
}

void samples_add(struct samples *samples, uint64_t started_ns)
{
    if (samples->count < samples->room)
        samples->times_ns[samples->count++] = clock_now() - started_ns;
}

void samples_end(struct samples *samples)
{
    samples->end_ns = clock_now();
}

void samples_write(const struct samples *samples, const char *directory, const char *operation, unsigned worker)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s.%u", directory, operation, worker);
    const uint64_t header[] = {samples->start_ns, samples->end_ns, samples->failed, samples->wrong};
    FILE *out = fopen(path, "w");
    if (!out)
        stop("%s", path);
    fwrite(header, sizeof header, 1, out);
    fwrite(samples->times_ns, sizeof *samples->times_ns, samples->count, out);
    if (ferror(out) | fclose(out))
        stop("%s", path);
}
