/* SPDX-License-Identifier: MIT */
/*
 * log.h - one line for whoever looks after the machine: on stderr until log_to_syslog(), in the system's log
 * from then on.
 */
#ifndef LARDER_FS_LOG_H
#define LARDER_FS_LOG_H

#include "store.h"

/* Writes one line, without newline in the format. Longer ones are cut at 1 KiB. From any thread; keeps errno. */
__attribute__((format(printf, 2, 3))) void log_line(enum store_log_level level, const char *format, ...);

/* The same with the signature of store_options.log; `arg` is not used. */
void log_store_line(void *arg, enum store_log_level level, const char *line);

/* From now on lines go to syslog as "larder[pid]", facility daemon. To be called once, before there are threads. */
void log_to_syslog(void);

#endif
