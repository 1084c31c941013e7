/* SPDX-License-Identifier: MIT */
/* touch.c - `larder touch PATH...`: entries that are there live on from now; exit 1 when one is not. */
#include "arguments.h"
#include "entry_path.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

/* A new lifetime starts the clock, too. */
static int touch(const struct entry_path *path, const char *ttl)
{
    char by_number[300];
    entry_path_by_number(path, by_number);
    int result = ttl ? setxattr(by_number, "user.ttl", ttl, strlen(ttl), 0) : utimensat(path->dir, path->name, NULL, 0);
    return result < 0 ? entry_path_fail(path, -errno) : COMMAND_DONE;
}

static int run(int argc, char **argv)
{
    struct entry_path path;
    const char *ttl = NULL;
    uint64_t ms;
    int words, worst = COMMAND_DONE;
    const struct argument table[] = {{"--ttl", 't', NULL, &ttl}, {NULL}};

    int code = arguments_parse(&command_touch, argc, argv, table, 1, argc, &words, NULL);
    if (code == COMMAND_DONE)
        code = arguments_duration("--ttl", ttl, &ms);
    if (code != COMMAND_DONE)
        return code;
    for (int i = 0; i < words; i++) {
        code = entry_path_find(argv[i], 0, &path);
        if (code == COMMAND_DONE) {
            code = touch(&path, ttl);
            entry_path_release(&path);
        }
        worst = code > worst ? code : worst;
    }
    return worst;
}

const struct command command_touch = {
    .name = "touch",
    .arguments = "PATH... [--ttl T]",
    .summary = "start the clock of entries anew; exit 1 when one is not there",
    .details = "  PATH         a name in a larder\n"
               "  -t, --ttl T  a new lifetime for them: 90, 90s, 15m, 2h, 7d, 250ms; 0 or none for ever\n",
    .run = run,
};
