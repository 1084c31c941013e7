/* SPDX-License-Identifier: MIT */
/*
 * events.h - .larder/events: what happens to entries, as a stream that any number of programs read.
 *
 *     emit, emit ...  ->  ring of EVENTS_KEPT records  ->  reader: cursor --> window of text --> READ
 *                                                      ->  reader: cursor --> window of text --> READ (waits)
 *
 * A line is a JSON object. The first is made when the file is opened, so that whoever has read it knows that it will
 * hear of everything from there on:
 *
 *     {"time":"2026-01-02T03:04:05.678Z","kind":"begin"}
 *     {"time":"2026-01-02T03:04:06.012Z","kind":"set","path":"users/42","size":15,"version":8128}
 *     {"lost":17}
 *
 * *The cache never waits.* An operation copies its record into the ring, under a lock that is held for copies alone, and
 * goes on. A reader that is overtaken by the ring is told how many it has lost. While nobody has the file open an
 * operation pays one load of a number.
 *
 * *Readers.* A record has (directory id, name); the path is made when a reader reads, by going up from where things are
 * then. Directories that were removed meanwhile are found in the ring, where their removal is a record, too, that no
 * reader is shown. A read with nothing to tell is put aside, not kept waiting in a thread of the crew: the request is
 * answered by a thread of our own as soon as there is something, with EINTR when the program is interrupted, or with the
 * end of the file when the mount ends. O_NONBLOCK gets EAGAIN, and poll(2) works.
 *
 * *The file looks regular* to the kernel. The stream counts its bytes as a file does, and keeps the last of them: a
 * shell's `read` takes a block, and then seeks back to the end of the line. Its size means nothing, but that it grows:
 * `tail -f` begins near the end, and reads when the size is another one than what it has read. Who reads far beyond what
 * there is, as it does, gets what comes next, or the end of the file for now; only who reads right on waits.
 *
 * Locking: a reader's own lock, held while text is made, which asks the store; below it events->lock, last of all.
 */
#ifndef LARDER_FS_EVENTS_H
#define LARDER_FS_EVENTS_H

#define FUSE_USE_VERSION 314
#include "state.h"

#include <fuse_lowlevel.h>

struct events;
struct event_reader;

enum {
    EVENTS_KEPT = 8192, /* records: of 304 bytes, while somebody has the file open */
    EVENTS_WINDOW = 64 << 10, /* bytes of text a reader */
    EVENTS_READERS = 64, /* at the same time */
    EVENTS_SIZE = 1 << 20, /* what stat says at first: several of the blocks that tail reads */
};

enum event_kind { EVENT_SET, EVENT_DELETE, EVENT_EXPIRE, EVENT_EVICT, EVENT_INVALIDATE, EVENT_DIR_GONE };

/* Makes it; NULL when out of memory. Frees it and all readers; the session is gone. */
struct events *events_new(void);
void events_free(struct events *events);

/* Does anybody listen? Who would have to find something out first, asks. */
bool events_wanted(const struct fs *fs);

/* Something has happened to the entry at a place. `version` 0: not known, nor is `size`. Not under fs->lock. Without
 * anybody who listens nothing happens. */
void events_emit(struct fs *fs, enum event_kind kind, uint64_t dir, const char *name, uint64_t size, uint64_t version);

/* What is published of a version was set, or changed, at a place. */
void events_set(struct fs *fs, uint64_t dir, const char *name, struct store_version *version);

/* A directory is about to be removed, and was. The first fills *ret_dir with its id; 0 when nobody listens. */
void events_note_dir(struct fs *fs, uint64_t dir, const char *name, uint64_t *ret_dir);
void events_dir_gone(struct fs *fs, uint64_t dir, const char *name, uint64_t gone);

/* OPEN: a new reader, in info->fh. -EMFILE when there are too many. */
int events_open(struct fs *fs, struct fuse_file_info *info);

/* READ: answers, now or later. `unique` is the request's number as the kernel knows it. */
void events_read(struct fs *fs, fuse_req_t request, uint64_t unique, size_t size, uint64_t offset,
                 const struct fuse_file_info *info);

/* POLL: answers, and keeps the handle to tell when there is something. */
void events_poll(struct fs *fs, fuse_req_t request, const struct fuse_file_info *info, struct fuse_pollhandle *handle);

/* RELEASE. */
void events_close(struct fs *fs, const struct fuse_file_info *info);

/* The kernel says that a request is not worth waiting for any more. For any request; most are none of ours. */
void events_interrupt(struct fs *fs, uint64_t unique);

/* What stat(2) says of its size, in bytes. */
uint64_t events_size(const struct fs *fs);

/* When something happened last, in ns since the epoch: 0 not yet. */
int64_t events_last_ns(const struct fs *fs);

/* A session begins; it ends: every reader gets the end of the file, now and from here on. */
void events_begin(struct fs *fs);
void events_end(struct fs *fs);

#endif
