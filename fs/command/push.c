/* SPDX-License-Identifier: MIT */
/* push.c - `larder push DIR [VALUE]`: puts an item at the end of a queue, or at its front; see queue.h. */
#include "queue.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Each line of standard input, without its newline. */
static int push_lines(struct queue *queue, const struct put_options *options)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t size;
    int code = COMMAND_DONE;
    while (code == COMMAND_DONE && (size = getline(&line, &room, stdin)) > 0)
        code = queue_push(queue, options, line, (size_t)(size - (line[size - 1] == '\n')));
    if (code == COMMAND_DONE && ferror(stdin))
        code = command_fail(COMMAND_FAILED, "standard input cannot be read: %s", strerror(errno));
    free(line);
    return code;
}

static int run(int argc, char **argv)
{
    struct put_options options = {0};
    struct queue queue;
    bool lines = false, front = false;
    int words;
    const struct argument table[] = {
        {"--lines", 'l', &lines, NULL}, {"--front", 0, &front, NULL}, PUT_ARGUMENTS(options), {NULL}};

    int code = arguments_parse(&command_push, argc, argv, table, 1, 2, &words, NULL);
    if (code == COMMAND_DONE && lines && words == 2)
        code = arguments_fail(&command_push, "the lines come from standard input, not from '%s'", argv[1]);
    if (code == COMMAND_DONE)
        code = put_options_check(&options);
    if (code == COMMAND_DONE && (code = queue_open(argv[0], true, front, &queue)) == COMMAND_MISS)
        return command_fail(COMMAND_FAILED, "%s: is gone", argv[0]);
    if (code != COMMAND_DONE)
        return code;
    const char *value = words == 2 ? argv[1] : NULL;
    code = lines ? push_lines(&queue, &options) : queue_push(&queue, &options, value, value ? strlen(value) : 0);
    queue_close(&queue);
    return code;
}

const struct command command_push = {
    .name = "push",
    .arguments = "DIR [VALUE] [--lines] [--front] [--ttl T] [--idle T] [--tag LIST]",
    .summary = "put an item at the end of a queue",
    .details = "  DIR            a directory in a larder, made when it is not there\n"
               "  VALUE          the item, as it is; without it, what comes from standard input\n"
               "  -l, --lines    each line of standard input is one\n"
               "  --front        put it before all others\n" PUT_DETAILS,
    .run = run,
};
