/* SPDX-License-Identifier: MIT */
/*
 * progress.h - how far a command has come, on a terminal: one line on stderr that is drawn over and over, and is not
 * there any more when the command ends.
 *
 *     clearing  [##########----------]  52%  523,104 of 1,000,000, 231,044/s
 *     looked at  4,711 entries, 1,204/s
 *
 * Nothing is shown within the first second, nor where stderr is no terminal. It is drawn at most ten times a second, and
 * only when the count is added to, so a command that hangs shows no progress, which is the truth. What a command prints
 * meanwhile, to the same terminal, would end up behind the line: end the progress first.
 *
 * One thread's. Between progress_begin() and progress_end() nothing is owned: there is nothing to free.
 */
#ifndef LARDER_FS_PROGRESS_H
#define LARDER_FS_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

enum progress_unit { PROGRESS_ENTRIES, PROGRESS_BYTES };

struct progress {
    const char *what; /* "clearing"; ASCII, not owned */
    uint64_t done, total; /* in the unit; total 0: not known. May be set when it becomes known */
    enum progress_unit unit;
    int64_t began_ns, next_ns; /* CLOCK_MONOTONIC: when it began, when it may be drawn next; next 0: never */
    bool drawn; /* there is a line to erase */
};

/* Begins; `what` is kept. */
void progress_begin(struct progress *progress, const char *what, uint64_t total, enum progress_unit unit);

/* So much more is done. */
void progress_add(struct progress *progress, uint64_t more);

/* Ends, and erases what was drawn. Harmless when it has ended, or was zeroed and never began. */
void progress_end(struct progress *progress);

#endif
