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
#include <stdlib.h>
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

int queue_open(const char *text, bool make, bool reverse, struct queue *ret_queue)
{
    struct queue queue = {.reverse = reverse, .watch = -1};
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

static void forget_names(struct queue *queue)
{
    while (queue->name_count > 0)
        free(queue->names[--queue->name_count]);
}

void queue_close(struct queue *queue)
{
    forget_names(queue);
    free(queue->names);
    if (queue->listing)
        closedir(queue->listing);
    if (queue->watch >= 0)
        close(queue->watch);
    entry_path_release(&queue->path);
}

/* --- listing -------------------------------------------------------------------------------------------- */

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

static void end_listing(struct queue *queue)
{
    closedir(queue->listing);
    queue->listing = NULL;
}

/* Keeps one name of a listing. 0 or -ENOMEM. */
static int keep_name(struct queue *queue, const char *name)
{
    if (queue->name_count == queue->name_room) {
        size_t room = 2 * queue->name_room + 64;
        char **names = realloc(queue->names, room * sizeof *names);
        if (!names)
            return -ENOMEM;
        queue->names = names;
        queue->name_room = room;
    }
    char *kept = strdup(name);
    if (kept)
        queue->names[queue->name_count++] = kept;
    return kept ? 0 : -ENOMEM;
}

/* Lists all names. 0 or -errno. */
static int list_names(struct queue *queue)
{
    const char *name;
    int result = begin_listing(queue);
    if (result < 0)
        return result;
    while (result == 0 && (name = next_name(queue, &result)))
        result = keep_name(queue, name);
    end_listing(queue);
    return result;
}

/* --- pushing ------------------------------------------------------------------------------------------- */

/* A number of its own: later than all that this process has used. */
static int64_t number_at_back(void)
{
    static int64_t last_ns; /* no other thread pushes */
    int64_t now_ns = clock_ns(CLOCK_REALTIME);
    last_ns = now_ns > last_ns ? now_ns : last_ns + 1;
    return last_ns;
}

/* The number of the first item, or of one that would be pushed now. */
static int first_number(struct queue *queue, int64_t *ret_ns)
{
    int result = begin_listing(queue);
    if (result < 0)
        return result;
    const char *name = next_name(queue, &result);
    int64_t ns = name ? strtoll(name, NULL, 10) : number_at_back();
    end_listing(queue);
    if (result == 0)
        *ret_ns = ns;
    return result;
}

/* One below the first item's, and below all that this process has used. */
static int number_at_front(struct queue *queue, int64_t *ret_ns)
{
    int64_t first_ns = 0;
    int result = first_number(queue, &first_ns);
    if (result < 0)
        return result;
    if (queue->front_ns && queue->front_ns < first_ns)
        first_ns = queue->front_ns;
    if (first_ns <= 1)
        return -EOVERFLOW;
    *ret_ns = queue->front_ns = first_ns - 1;
    return 0;
}

static int name_item(struct queue *queue)
{
    int64_t ns = 0;
    int result = 0;
    if (queue->reverse)
        result = number_at_front(queue, &ns);
    else
        ns = number_at_back();
    snprintf(queue->path.name, sizeof queue->path.name, "%0*" PRId64 "-%d", DIGITS, ns, (int)getpid());
    return result;
}

int queue_push(struct queue *queue, const struct put_options *options, const char *value, size_t size)
{
    int code, fd;
    do { /* a process of another pid namespace may have the same number, and the same time */
        int named = name_item(queue);
        if (named < 0)
            return entry_path_fail(&queue->path, named);
        code = put_open(&queue->path, PUT_OVER_NOTHING, options, &fd);
    } while (code == COMMAND_MISS);
    if (code != COMMAND_DONE)
        return code;
    if (!value)
        return put_close(fd, &queue->path, put_write(fd, &queue->path, NULL));
    int result = stream_write(fd, value, size);
    return put_close(fd, &queue->path, result < 0 ? entry_path_fail(&queue->path, result) : COMMAND_DONE);
}

/* --- taking -------------------------------------------------------------------------------------------- */

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

/* The first item that is to be had from a listing, which goes on where it was. */
static int next_of_listing(struct queue *queue, bool take, int *ret_fd)
{
    const char *name;
    int result = queue->listing ? 0 : begin_listing(queue);
    if (result < 0)
        return result;
    while ((name = next_name(queue, &result))) {
        int opened = open_item(queue, name, take, ret_fd);
        if (opened != -ENOENT)
            return opened;
    }
    end_listing(queue);
    return result < 0 ? result : -ENOENT;
}

/* The last one of the names that are kept, or that are listed now. */
static int next_of_names(struct queue *queue, bool take, int *ret_fd)
{
    int result = queue->name_count > 0 ? 0 : list_names(queue);
    if (result < 0)
        return result;
    while (queue->name_count > 0) {
        char *name = queue->names[--queue->name_count];
        result = open_item(queue, name, take, ret_fd);
        free(name);
        if (result != -ENOENT)
            return result;
    }
    return -ENOENT;
}

/* The first that can be opened, from the end that is meant. */
static int open_next(struct queue *queue, bool take, int *ret_fd)
{
    /* Twice: what was read on may be long gone by now, and what came since stands behind it or, from a slower pusher,
     * before. */
    bool fresh = !queue->listing && queue->name_count == 0;
    int (*next)(struct queue *, bool, int *) = queue->reverse ? next_of_names : next_of_listing;
    int result = next(queue, take, ret_fd);
    return result == -ENOENT && !fresh ? next(queue, take, ret_fd) : result;
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
