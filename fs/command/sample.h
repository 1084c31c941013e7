/* SPDX-License-Identifier: MIT */
/*
 * sample.h - what a mount says of itself at one moment, read from .larder/stats.json, and what happened between two of
 * those: for `larder stats --watch` and `larder top`.
 *
 * The file is read anew for each, so that nobody who watches keeps a mount busy.
 */
#ifndef LARDER_FS_SAMPLE_H
#define LARDER_FS_SAMPLE_H

#include "latency.h"

#include <stdbool.h>
#include <stdint.h>

enum { SAMPLE_HOT = 32, SAMPLE_NAME = 512 };

struct sample {
    double at_s; /* CLOCK_MONOTONIC */
    uint64_t uptime_s, bytes, limit_bytes, items, limit_items, hits, misses, sets, deletes, expired, evicted, waits;
    struct histogram get, set; /* opens to read; the FLUSH that publishes */
    char policy[32];
    bool names; /* it was told of hot keys, or that there are none */
    unsigned hot_count;
    struct {
        char path[SAMPLE_NAME]; /* JSON, without its quotes; cut off where it is longer */
        double share;
    } hot[SAMPLE_HOT];
};

/* What happened between two. */
struct rates {
    double seconds;
    double gets, sets, deletes, expired, evicted; /* a second; gets are hits and misses */
    double hit_ratio; /* 0 to 1; NAN: no gets */
    double get_p50_ns, get_p99_ns, set_p50_ns, set_p99_ns; /* NAN: none */
};

/* Reads the text of a file into memory, terminated; free() it. 0 or -errno. */
int sample_text(const char *path, char **ret_text);

/* Takes such a text apart. */
void sample_parse(const char *text, struct sample *ret_sample);

/* Numbers that have become smaller (it was mounted anew meanwhile) count from 0. */
void sample_rates(const struct sample *before, const struct sample *after, struct rates *ret_rates);

/* A number in six columns at most: "12", "1234", "12.3k". Room for 16 bytes. */
void sample_number(double number, char *text);

/* A duration in eight columns: " 12.3 µs", "       -" for NAN. Room for 32 bytes. */
void sample_duration(double ns, bool utf8, char *text);

#endif
