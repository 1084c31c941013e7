/* SPDX-License-Identifier: MIT */
/* readers.c - the processes that read values: at once, or by instalments over many replacements. */
#include "names.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    HANDLES = 4, /* a holder has at a time */
    HOLD_MAX_MS = 4000,
};

/* fstat's size; false when that failed. */
static bool size_of(int fd, const char *name, size_t *ret_size)
{
    struct stat stat;
    if (fstat(fd, &stat)) {
        report_error("fstat", name);
        return false;
    }
    *ret_size = (size_t)stat.st_size;
    return true;
}

/* --- at once ------------------------------------------------------------------------------------------- */

/* Reads on, one odd piece, and a byte more than the largest value if there is one. Returns bytes, 0 at the end, -1. */
static ssize_t read_piece(int fd, unsigned char *buffer, size_t done, const char *name)
{
    size_t piece = 1 + below(PIECE_MAX);
    ssize_t got = read(fd, buffer + done, piece < VALUE_ROOM - done ? piece : VALUE_ROOM - done);
    if (got < 0)
        report_error("read", name);
    return got;
}

static void read_value(void)
{
    static unsigned char value[VALUE_ROOM];
    struct sight sight;
    struct header header;
    int fd = sight_open(&sight);
    if (fd < 0)
        return;
    size_t done = 0;
    ssize_t got;
    while ((got = read_piece(fd, value, done, sight.name)) > 0)
        done += (size_t)got;
    if (got == 0 && value_judge(sight.name, value, done, TORN, &header))
        sight_judge(&sight, &header);
    close(fd);
    count(READ);
}

/* Reads `size` bytes by pieces from one offset on, round the end to where it began. False: there are fewer. */
static bool pread_all(int fd, unsigned char *value, size_t size, const char *name)
{
    size_t first = below(size), piece;
    for (size_t done = 0; done < size; done += piece) {
        size_t at = (first + done) % size, limit = at >= first ? size - at : first - at;
        piece = 1 + below(4 * PIECE_MAX);
        if (piece > limit)
            piece = limit;
        ssize_t got = pread(fd, value + at, piece, (off_t)at);
        if (got < 0) {
            report_error("pread", name);
            return false;
        }
        if ((size_t)got < piece) {
            report(SIZES, "%s: fstat said %zu bytes, and at %zu there are %zd instead of %zu", name, size, at, got,
                   piece);
            return false;
        }
    }
    return true;
}

static void pread_value(void)
{
    static unsigned char value[VALUE_ROOM];
    struct sight sight;
    struct header header;
    size_t size;
    int fd = sight_open(&sight);
    if (fd < 0)
        return;
    if (size_of(fd, sight.name, &size)) {
        if (size == 0)
            report(EMPTY, "%s: fstat says so", sight.name);
        else if (size > VALUE_MAX)
            report(SIZES, "%s: fstat says %zu bytes", sight.name, size);
        else if (pread_all(fd, value, size, sight.name) && value_judge(sight.name, value, size, SIZES, &header))
            sight_judge(&sight, &header);
    }
    close(fd);
    count(PREAD);
}

void reader_run(void)
{
    static const struct job jobs[] = {{READ, 3, read_value}, {PREAD, 2, pread_value}};
    work(jobs, sizeof(jobs) / sizeof(*jobs));
}

/* --- by instalments ------------------------------------------------------------------------------------ */

struct held {
    int fd; /* -1: none */
    struct sight sight;
    int64_t until_ns;
    size_t done;
    bool at_end, failed;
    unsigned char value[VALUE_ROOM];
};

static struct held held[HANDLES];

static void held_open(struct held *hold)
{
    hold->fd = sight_open(&hold->sight);
    hold->until_ns = monotonic_ns() + (int64_t)below(1 + (HOLD_MAX_MS >> below(14))) * 1000000;
    hold->done = 0;
    hold->at_end = hold->failed = false;
}

static void held_read(struct held *hold)
{
    if (hold->at_end || hold->failed)
        return;
    ssize_t got = read_piece(hold->fd, hold->value, hold->done, hold->sight.name);
    if (got > 0)
        hold->done += (size_t)got;
    hold->at_end = got == 0;
    hold->failed = got < 0;
}

/* Reads to the end, and all of it once more. */
static void held_close(struct held *hold)
{
    static unsigned char again[VALUE_ROOM];
    struct header header;
    const char *name = hold->sight.name;
    size_t size;
    while (!hold->at_end && !hold->failed)
        held_read(hold);
    if (!hold->failed && value_judge(name, hold->value, hold->done, TORN, &header)) {
        sight_judge(&hold->sight, &header);
        ssize_t got = pread(hold->fd, again, sizeof(again), 0);
        if (got < 0)
            report_error("pread", name);
        else if ((size_t)got != hold->done || memcmp(again, hold->value, hold->done) != 0)
            report(CHANGED, "%s: %zu bytes, and %zd read again later", name, hold->done, got);
        if (size_of(hold->fd, name, &size) && size != hold->done)
            report(SIZES, "%s: fstat says %zu bytes of a value of %zu", name, size, hold->done);
    }
    close(hold->fd);
    hold->fd = -1;
    count(HOLD);
}

static void hold(void)
{
    struct held *one = &held[below(HANDLES)];
    if (one->fd < 0)
        held_open(one);
    else if (monotonic_ns() >= one->until_ns)
        held_close(one);
    else if (!one->at_end)
        held_read(one);
    else
        usleep(500); /* it waits for its time: others should have the processor */
}

void holder_run(void)
{
    for (int i = 0; i < HANDLES; i++)
        held[i].fd = -1;
    work(&(struct job){HOLD, 1, hold}, 1);
    for (int i = 0; i < HANDLES; i++)
        if (held[i].fd >= 0)
            held_close(&held[i]);
}
