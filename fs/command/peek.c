/* SPDX-License-Identifier: MIT */
/* peek.c - `larder peek DIR`: prints the first item of a queue, and leaves it there; see queue.h. */
#include "queue.h"
#include "value_stream.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static int run(int argc, char **argv)
{
    struct queue queue;
    bool back = false;
    int words, fd;
    const struct argument table[] = {{"--back", 0, &back, NULL}, {NULL}};
    int code = arguments_parse(&command_peek, argc, argv, table, 1, 1, &words, NULL);
    if (code == COMMAND_DONE)
        code = queue_open(argv[0], false, back, &queue);
    if (code != COMMAND_DONE)
        return code;
    int result = queue_next(&queue, false, &fd);
    if (result == 0) {
        result = stream_copy(fd, STDOUT_FILENO, NULL);
        close(fd);
        if (result < 0)
            code = command_fail(COMMAND_FAILED, "%s: cannot be printed: %s", argv[0], strerror(-result));
    } else
        code = entry_path_fail(&queue.path, result);
    queue_close(&queue);
    return code;
}

const struct command command_peek = {
    .name = "peek",
    .arguments = "DIR [--back]",
    .summary = "print the first item of a queue; exit 1 when there is none",
    .details = "  DIR      a directory in a larder\n"
               "  --back   the last item, which takes the longer the more there are\n",
    .run = run,
};
