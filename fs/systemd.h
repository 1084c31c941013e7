/* SPDX-License-Identifier: MIT */
/*
 * systemd.h - tells systemd, or whoever started us in its way, how we are: sd_notify(3)'s protocol, one datagram of lines
 * like READY=1 to the socket named by NOTIFY_SOCKET. Spoken by ourselves: the whole of it is a sendmsg(2), for which
 * libsystemd would bring in several libraries that a cache has no use for.
 */
#ifndef LARDER_FS_SYSTEMD_H
#define LARDER_FS_SYSTEMD_H

#include <stdint.h>

/* Takes note of what the environment says, and takes it out of there, so that no child speaks in our name. To be called
 * first, in the process that was started, before there are threads; those it forks speak for it. */
void systemd_begin(void);

/* Sends lines, separated by newlines, none at the end; does nothing when nobody listens. From any thread, also while
 * others do. Waits for nobody but a full socket. */
__attribute__((format(printf, 1, 2))) void systemd_say(const char *format, ...);

/* Within how many microseconds systemd wants to be told WATCHDOG=1 again and again; 0: not at all. */
uint64_t systemd_watchdog_us(void);

#endif
