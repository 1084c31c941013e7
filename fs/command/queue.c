/* SPDX-License-Identifier: MIT */
/* queue.c - see queue.h. */
#include "queue.h"
#include "clock.h"
#include "hold.h"
#include "take.h"
#include "value_stream.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <time.h>
#include <unistd.h>

enum {
    DIGITS = 20,
    LOOK_MS = 200, /* how long to rely on inotify, which does not see other mounts of the store */
    TURN_MS = 100, /* how long to wait for one's turn: a take needs less than one, unless its process was stopped */
};

int queue_open(const char *text, bool make, struct queue *ret_queue)
{
    struct queue queue = {.listing = NULL, .watch = -1};
    int code = entry_path_find(text, make ? ENTRY_PATH_PARENTS : 0, &queue.path);
    if (code != COMMAND_DONE)
        return code;
    int dir = openat(queue.path.dir, queue.path.name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0 && errno == ENOENT && make)
        dir = hold_open_dir(queue.path.dir, queue.path.name, false);
    else if (dir < 0)
        dir = -errno;
    if (dir < 0) {
        code = entry_path_fail(&queue.path, dir);
        entry_path_release(&queue.path);
        return code;
    }
    close(queue.path.dir);
    queue.path.dir = dir; /* from here on, of its items */
    *ret_queue = queue;
    return COMMAND_DONE;
}

void queue_close(struct queue *queue)
{
    if (queue->listing)
        closedir(queue->listing);
    if (queue->watch >= 0)
        close(queue->watch);
    entry_path_release(&queue->path);
}

/* --- pushing ------------------------------------------------------------------------------------------- */

/* A name of its own: later than all that this process has used. */
static void name_item(char name[256])
{
    static int64_t last_ns; /* no other thread pushes */
    int64_t now_ns = clock_ns(CLOCK_REALTIME);
    last_ns = now_ns > last_ns ? now_ns : last_ns + 1;
    snprintf(name, 256, "%0*" PRId64 "-%d", DIGITS, last_ns, (int)getpid());
}

int queue_push(struct queue *queue, const struct put_options *options, const char *value, size_t size)
{
    int code, fd;
    do { /* a process of another pid namespace may have the same number, and the same time */
        name_item(queue->path.name);
        code = put_open(&queue->path, true, options, &fd);
    } while (code == COMMAND_MISS);
    if (code != COMMAND_DONE)
        return code;
    bool reading = false;
    int result = value ? stream_write(fd, value, size) : stream_copy(STDIN_FILENO, fd, &reading);
    if (result < 0 && reading)
        code = command_fail(COMMAND_FAILED, "standard input cannot be read: %s", strerror(-result));
    else if (result < 0)
        code = entry_path_fail(&queue->path, result);
    return put_close(fd, &queue->path, code);
}

/* --- taking -------------------------------------------------------------------------------------------- */

static bool is_item(const char *name)
{
    for (int i = 0; i < DIGITS; i++)
        if (!isdigit((unsigned char)name[i]))
            return false;
    return name[DIGITS] == '-';
}

/* The next name that is an item's; NULL at the end, with *ret_result. */
static const char *next_name(struct queue *queue, int *ret_result)
{
    const struct dirent *item;
    errno = 0;
    while ((item = readdir(queue->listing)))
        if (is_item(item->d_name))
            return item->d_name;
    *ret_result = -errno;
    return NULL;
}

static int begin_listing(struct queue *queue)
{
    int dir = openat(queue->path.dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    queue->listing = dir < 0 ? NULL : fdopendir(dir);
    if (queue->listing)
        return 0;
    int result = -errno;
    if (dir >= 0)
        close(dir);
    return result;
}

/* Opens one item: what is still being written, or was taken by another one, is -ENOENT. */
static int open_item(const struct queue *queue, const char *name, bool take, int *ret_fd)
{
    if (take)
        return take_entry(queue->path.dir, name, ret_fd);
    int fd = openat(queue->path.dir, name, O_RDONLY | O_CLOEXEC);
    if (fd >= 0)
        *ret_fd = fd;
    return fd < 0 ? -errno : 0;
}

/* Waits until nobody else is taking. Who does not let go, a stopped process or one that has locked the directory for
 * something else, is not waited for again. */
static bool begin_turn(struct queue *queue)
{
    if (!queue->races && hold_lock(queue->path.dir, LOCK_EX, hold_until(TURN_MS)) < 0)
        queue->races = true;
    return !queue->races;
}

/* The first that can be opened. */
static int open_next(struct queue *queue, bool take, int *ret_fd)
{
    int result = 0;
    /* Twice: what was read on may be long gone by now, and what came since stands behind it or, from a slower pusher,
     * before. */
    for (bool fresh = !queue->listing;; fresh = true) {
        const char *name;
        if (!queue->listing && (result = begin_listing(queue)) < 0)
            return result;
        while ((name = next_name(queue, &result))) {
            int opened = open_item(queue, name, take, ret_fd);
            if (opened != -ENOENT)
                return opened;
        }
        closedir(queue->listing);
        queue->listing = NULL;
        if (result < 0 || fresh)
            return result < 0 ? result : -ENOENT;
    }
}

int queue_next(struct queue *queue, bool take, int *ret_fd)
{
    bool mine = take && begin_turn(queue);
    int result = open_next(queue, take, ret_fd);
    if (mine)
        flock(queue->path.dir, LOCK_UN);
    return result;
}

/* --- waiting ------------------------------------------------------------------------------------------- */

int queue_watch(struct queue *queue)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", queue->path.dir);
    queue->watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (queue->watch < 0 || inotify_add_watch(queue->watch, path, IN_CLOSE_WRITE | IN_MOVED_TO) < 0)
        return -errno;
    return 0;
}

int queue_wait(struct queue *queue, int64_t until_ns)
{
    char events[4096];
    struct pollfd watched = {.fd = queue->watch, .events = POLLIN};
    if (hold_is_over(until_ns))
        return -EAGAIN;
    int64_t left_ms = hold_left_ms(until_ns);
    poll(&watched, 1, left_ms < LOOK_MS ? (int)left_ms + 1 : LOOK_MS);
    while (read(queue->watch, events, sizeof events) > 0)
        ;
    return 0;
}
