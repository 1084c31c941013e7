/* SPDX-License-Identifier: MIT */
/* fsck.c - see fsck.h. */
#include "fsck.h"
#include "crew.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { UNREAD_MAX = 64 << 10, LINE_MAX_BYTES = 2048 };
#define PATIENCE_NS INT64_C(250000000)

struct fsck {
    struct fs *fs;
    pthread_t thread;

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed; /* CLOCK_MONOTONIC */
    char text[UNREAD_MAX + LINE_MAX_BYTES]; /* what is unread, */
    size_t size;
    uint64_t begin; /* from this offset on */
    uint64_t rows, total;
    bool cancelled, ended;
};

/* --- what is written ----------------------------------------------------------------------------------- */

__attribute__((format(printf, 2, 3))) static void say_locked(struct fsck *fsck, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int size = vsnprintf(fsck->text + fsck->size, LINE_MAX_BYTES, format, args);
    va_end(args);
    if (size >= LINE_MAX_BYTES) {
        size = LINE_MAX_BYTES - 1;
        fsck->text[fsck->size + (size_t)size - 1] = '\n';
    }
    fsck->size += size > 0 ? (size_t)size : 0;
    pthread_cond_broadcast(&fsck->changed);
}

static void found(void *arg, const struct store_finding *finding)
{
    struct fsck *fsck = arg;
    pthread_mutex_lock(&fsck->lock);
    while (fsck->size > UNREAD_MAX - LINE_MAX_BYTES && !fsck->cancelled)
        pthread_cond_wait(&fsck->changed, &fsck->lock);
    if (!fsck->cancelled)
        say_locked(fsck, "found %s %s\n", store_fault_name(finding->fault), finding->text);
    pthread_mutex_unlock(&fsck->lock);
}

static bool passed(void *arg, uint64_t rows, uint64_t total)
{
    struct fsck *fsck = arg;
    pthread_mutex_lock(&fsck->lock);
    fsck->rows = rows;
    fsck->total = total;
    bool go_on = !fsck->cancelled;
    pthread_mutex_unlock(&fsck->lock);
    return go_on;
}

static void *check(void *arg)
{
    struct fsck *fsck = arg;
    const struct store_watch watch = {.found = found, .passed = passed, .arg = fsck};
    struct store_checked checked = {0};
    int result = store_check(fsck->fs->store, &watch, &checked);
    pthread_mutex_lock(&fsck->lock);
    if (result < 0)
        say_locked(fsck, "failed %s\n", strerror(-result));
    else
        say_locked(fsck, "done %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", checked.rows,
                   checked.entries, checked.directories, checked.value_bytes, checked.left);
    fsck->ended = true;
    pthread_mutex_unlock(&fsck->lock);
    return NULL;
}

/* --- what is read -------------------------------------------------------------------------------------- */

static void wait_locked(struct fsck *fsck)
{
    int64_t until_ns = clock_ns(CLOCK_MONOTONIC) + PATIENCE_NS;
    struct timespec until = {until_ns / 1000000000, until_ns % 1000000000};
    int result = 0;
    crew_blocks();
    while (fsck->size == 0 && !fsck->ended && result == 0)
        result = pthread_cond_timedwait(&fsck->changed, &fsck->lock, &until);
    if (fsck->size == 0 && !fsck->ended)
        say_locked(fsck, "passed %" PRIu64 " %" PRIu64 "\n", fsck->rows, fsck->total);
}

static void take_locked(struct fsck *fsck, size_t size)
{
    memmove(fsck->text, fsck->text + size, fsck->size - size);
    fsck->size -= size;
    fsck->begin += size;
    pthread_cond_broadcast(&fsck->changed);
}

int fsck_read(const struct fuse_file_info *info, char *buffer, size_t size, uint64_t offset, size_t *ret_got)
{
    struct fsck *fsck = (struct fsck *)(uintptr_t)info->fh;
    pthread_mutex_lock(&fsck->lock);
    int result = offset == fsck->begin ? 0 : -EINVAL;
    if (result == 0 && fsck->size == 0)
        wait_locked(fsck);
    if (result == 0 && offset != fsck->begin)
        result = -EINVAL; /* another one has read it meanwhile */
    if (result == 0) {
        size_t got = size < fsck->size ? size : fsck->size;
        memcpy(buffer, fsck->text, got);
        take_locked(fsck, got);
        *ret_got = got;
    }
    pthread_mutex_unlock(&fsck->lock);
    return result;
}

/* --- its life ------------------------------------------------------------------------------------------ */

static struct fsck *fsck_new(struct fs *fs)
{
    struct fsck *fsck = calloc(1, sizeof *fsck);
    pthread_condattr_t monotonic;
    if (!fsck)
        return NULL;
    fsck->fs = fs;
    pthread_mutex_init(&fsck->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&fsck->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return fsck;
}

static void fsck_free(struct fsck *fsck)
{
    pthread_cond_destroy(&fsck->changed);
    pthread_mutex_destroy(&fsck->lock);
    free(fsck);
}

/* Of one that was closed a moment ago the RELEASE may be on its way. */
static bool enter(struct fs *fs, struct fsck *fsck)
{
    int64_t until_ns = clock_ns(CLOCK_MONOTONIC) + 4 * PATIENCE_NS;
    fs_lock(fs);
    while (fs->fsck && fs_wait_until_locked(fs, until_ns))
        ;
    bool first = !fs->fsck;
    if (first)
        fs->fsck = fsck;
    fs_unlock(fs);
    return first;
}

static void leave(struct fs *fs)
{
    fs_lock(fs);
    fs->fsck = NULL;
    pthread_cond_broadcast(&fs->changed);
    fs_unlock(fs);
}

int fsck_open(struct fs *fs, struct fuse_file_info *info)
{
    struct fsck *fsck = fsck_new(fs);
    if (!fsck)
        return -ENOMEM;
    int result = enter(fs, fsck) ? 0 : -EBUSY;
    if (result == 0) {
        result = -pthread_create(&fsck->thread, NULL, check, fsck);
        if (result < 0)
            leave(fs);
    }
    if (result < 0) {
        fsck_free(fsck);
        return result;
    }
    info->fh = (uint64_t)(uintptr_t)fsck;
    info->direct_io = 1;
    info->noflush = 1;
    return 0;
}

static void cancel(struct fsck *fsck)
{
    pthread_mutex_lock(&fsck->lock);
    fsck->cancelled = true;
    pthread_cond_broadcast(&fsck->changed);
    pthread_mutex_unlock(&fsck->lock);
}

void fsck_close(struct fs *fs, const struct fuse_file_info *info)
{
    struct fsck *fsck = (struct fsck *)(uintptr_t)info->fh;
    crew_blocks();
    cancel(fsck);
    pthread_join(fsck->thread, NULL);
    leave(fs);
    fsck_free(fsck);
}

void fsck_end(struct fs *fs)
{
    fs_lock(fs);
    if (fs->fsck) /* it is freed by who has taken it from here */
        cancel(fs->fsck);
    fs_unlock(fs);
}

void fsck_release(struct fs *fs)
{
    if (!fs->fsck)
        return;
    struct fuse_file_info info = {.fh = (uint64_t)(uintptr_t)fs->fsck};
    fsck_close(fs, &info);
}
