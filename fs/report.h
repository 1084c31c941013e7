/* SPDX-License-Identifier: MIT */
/*
 * report.h - what .larder says of how the cache is used, in three forms: `stats` for people, `stats.json` for programs
 * and `metrics` in Prometheus' text format. Each is one state: gathered first, then written.
 *
 * Names may be what the modes of directories hide from others, so directories' and entries' names are shown only when
 * `names` is set, which is for root and the owner of the root directory.
 */
#ifndef LARDER_FS_REPORT_H
#define LARDER_FS_REPORT_H

#include "state.h"

#include <stdio.h>

void report_stats(struct fs *fs, FILE *out, bool names);
void report_json(struct fs *fs, FILE *out, bool names);
void report_metrics(struct fs *fs, FILE *out, bool names);

#endif
