/* SPDX-License-Identifier: MIT */
/*
 * log.c - where lines go: stderr or syslog. The choice is the process's, as syslog's own state is.
 */
#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <syslog.h>

/* Written once, before the first thread starts; read by all. */
static bool to_syslog;

void log_to_syslog(void)
{
    openlog("larder", LOG_PID, LOG_DAEMON);
    to_syslog = true;
}

void log_line(enum store_log_level level, const char *format, ...)
{
    static const int priorities[] = {
        [STORE_LOG_ERROR] = LOG_ERR,
        [STORE_LOG_WARNING] = LOG_WARNING,
        [STORE_LOG_INFO] = LOG_INFO,
    };
    char line[1024];
    int saved_errno = errno;

    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (to_syslog)
        syslog(priorities[level], "%s", line);
    else
        fprintf(stderr, "larder: %s\n", line);
    errno = saved_errno;
}

void log_store_line(void *arg, enum store_log_level level, const char *line)
{
    (void)arg;
    log_line(level, "%s", line);
}
