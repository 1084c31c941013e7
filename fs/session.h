/* SPDX-License-Identifier: MIT */
/*
 * session.h - the conversation with the kernel: mounts, greets, has a transport (transport.h) bring requests to those who
 * answer them (crew.h), and ends it all. One thread beside them sends notifications.
 */
#ifndef LARDER_FS_SESSION_H
#define LARDER_FS_SESSION_H

#include "fs.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct session;

/*
 * Mounts and begins to answer; returns when the kernel's first message (INIT) was answered, so that the mount works.
 * Always nosuid, nodev, default_permissions; type fuse.larder. Blocks no signals: the caller has blocked those it waits
 * for, and all threads inherit that. Returns 0, or a negative errno with one sentence in `error`.
 */
int session_mount(struct fs *fs, const struct mount_options *options, struct session **ret_session, char *error,
                  size_t error_size);

/* True once the kernel has let go of the mount (somebody unmounted it) and its threads have ended by themselves. */
bool session_ended(const struct session *session);

/* A file descriptor that becomes readable (POLLIN) when session_ended() does. Lives as long as the session. */
int session_end_fd(const struct session *session);

/* True when requests are answered, as far as one can tell without making one: see watchdog.h. *turns is 0 at first, and is
 * handed back the next time. Waits for what a request would wait for. From any thread but those that answer. */
bool session_answers(struct session *session, uint64_t *turns);

/* Unmounts if still mounted (lazily, so that nobody new comes in), waits up to `grace_ms` for open files to be closed,
 * then ends the threads, after which clients get ENOTCONN, and frees the session. */
void session_stop(struct session *session, int grace_ms);

/* From now on another process unmounts; it must be there until session_stop() has returned. */
struct unmounter;
void session_unmounts_by(struct session *session, struct unmounter *unmounter);

#endif
