/* SPDX-License-Identifier: MIT */
/*
 * queue.h - a directory as a queue: an entry for each item, in the order of the names; whoever takes one out is the
 * only one who gets it (take.h).
 *
 * A name is the time at which the item was begun, in ns since the epoch with 20 digits, and the process that did. What
 * stands in the directory with other names is no item. Larders list names in their order, so that the first of a
 * listing is the first of the queue, however long that is. The last is found by listing them all.
 *
 * Who takes has locked the directory, so that not all of them open the first, and all but one in vain. The lock saves
 * work; that each item goes to one does not hang on it.
 *
 * What is pushed to the front gets the number below the one that is first then. Of several who push there at once,
 * all stand before what was there, in some order.
 */
#ifndef LARDER_FS_QUEUE_H
#define LARDER_FS_QUEUE_H

#include "put.h"

#include <dirent.h>

struct queue {
    struct entry_path path;
    bool reverse; /* pushes to the front, takes from the back */
    DIR *listing; /* where it has been read to; NULL: not begun */
    char **names; /* with `reverse`: those of a listing that are still to be tried, in their order */
    size_t name_count, name_room;
    int64_t front_ns; /* the number of what this process has pushed to the front last; 0 nothing */
    int watch; /* inotify; -1 nobody waits */
    bool races; /* it does not wait for its turn */
};

/* Finds the directory, and with `make` makes it. COMMAND_DONE; COMMAND_MISS, silently, there is none; or it has
 * complained. */
int queue_open(const char *path, bool make, bool reverse, struct queue *ret_queue);
void queue_close(struct queue *queue);

/* Puts an item at its end, or front: `value`, or NULL what comes from standard input. As put_value(). */
int queue_push(struct queue *queue, const struct put_options *options, const char *value, size_t size);

/* Takes the first item out, or the last, or with `take` false only opens it. 0; -ENOENT there is none; -errno. */
int queue_next(struct queue *queue, bool take, int *ret_fd);

/* Waits until something may have come since queue_watch(). 0, or -EAGAIN when the time is over. */
int queue_watch(struct queue *queue);
int queue_wait(struct queue *queue, int64_t until_ns);

#endif
