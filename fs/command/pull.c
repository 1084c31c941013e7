/* SPDX-License-Identifier: MIT */
/* pull.c - `larder pull DIR`: takes the first item out of a queue and prints it; see queue.h. */
#include "hold.h"
#include "queue.h"
#include "value_stream.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

struct pulling {
    struct queue queue;
    int64_t count; /* items, at most */
    bool wait, lines, back;
    uint64_t timeout_ms; /* for each item */
};

/* The next one, which it may wait for. -ENOENT: there is none. */
static int next(struct pulling *pulling, int *ret_fd)
{
    struct queue *queue = &pulling->queue;
    int64_t until_ns = hold_until(pulling->timeout_ms);
    int result;
    while ((result = queue_next(queue, true, ret_fd)) == -ENOENT && pulling->wait) {
        if (queue->watch < 0)
            result = queue_watch(queue); /* and look once more: one may have come before that */
        else
            result = queue_wait(queue, until_ns);
        if (result < 0)
            return result == -EAGAIN ? -ENOENT : result;
    }
    return result;
}

static int pull(struct pulling *pulling)
{
    int fd, result = 0;
    int64_t done = 0;
    for (; done < pulling->count && (result = next(pulling, &fd)) == 0; done++) {
        result = stream_copy(fd, STDOUT_FILENO, NULL);
        if (result == 0 && pulling->lines)
            result = stream_write(STDOUT_FILENO, "\n", 1);
        close(fd);
        if (result < 0)
            return command_fail(COMMAND_FAILED, "taken out, but it cannot be printed: %s", strerror(-result));
    }
    if (result < 0 && result != -ENOENT)
        return entry_path_fail(&pulling->queue.path, result);
    return done > 0 ? COMMAND_DONE : COMMAND_MISS;
}

static int run(int argc, char **argv)
{
    struct pulling pulling = {.count = 1, .timeout_ms = UINT64_MAX};
    const char *count = NULL, *timeout = NULL;
    int words;
    const struct argument table[] = {{"--wait", 'w', &pulling.wait, NULL}, {"--timeout", 0, NULL, &timeout},
                                     {"--number", 'n', NULL, &count},      {"--lines", 'l', &pulling.lines, NULL},
                                     {"--back", 0, &pulling.back, NULL},   {NULL}};

    int code = arguments_parse(&command_pull, argc, argv, table, 1, 1, &words, NULL);
    if (code == COMMAND_DONE)
        code = arguments_number("-n", count, 1, &pulling.count);
    if (code == COMMAND_DONE)
        code = arguments_timeout(timeout, &pulling.timeout_ms);
    if (code == COMMAND_DONE)
        code = queue_open(argv[0], pulling.wait, pulling.back, &pulling.queue);
    if (code != COMMAND_DONE)
        return code;
    code = pull(&pulling);
    queue_close(&pulling.queue);
    return code;
}

const struct command command_pull = {
    .name = "pull",
    .arguments = "DIR [--wait] [--timeout T] [-n N] [--lines] [--back]",
    .summary = "take the first item out of a queue and print it; exit 1 when there is none",
    .details = "  DIR             a directory in a larder\n"
               "  -w, --wait      wait for one\n"
               "  --timeout T     but for each no longer than this: 250ms, 10s, 5m\n"
               "  -n, --number N  as many as there are, up to N\n"
               "  -l, --lines     print a newline behind each\n"
               "  --back          the last item, which takes the longer the more there are\n",
    .run = run,
};
