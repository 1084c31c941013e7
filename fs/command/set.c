/* SPDX-License-Identifier: MIT */
/*
 * set.c - `larder set PATH [VALUE]`: stores a value, lifetime and tags at once, see put.h; or only in the place of what
 * is there, see replace.h.
 */
#include "replace.h"

/* Of the options that ask for something to be there. COMMAND_DONE, or it has complained. */
static int check(struct replace_options *how, const char *version)
{
    if (how->append && how->prepend)
        return arguments_fail(&command_set, "it can stand before what is there or behind it, not both");
    int code = arguments_number("--if-version", version, 1, &how->version);
    how->only |= how->append || how->prepend || how->version;
    return code;
}

static int run(int argc, char **argv)
{
    struct put_options options = {0};
    struct replace_options how = {0};
    const char *version = NULL;
    bool parents = false;
    struct entry_path path;
    int words;
    const struct argument table[] = {PUT_ARGUMENTS(options),
                                     {"--parents", 'p', &parents, NULL},
                                     {"--replace", 'r', &how.only, NULL},
                                     {"--if-version", 0, NULL, &version},
                                     {"--append", 0, &how.append, NULL},
                                     {"--prepend", 0, &how.prepend, NULL},
                                     {NULL}};

    int code = arguments_parse(&command_set, argc, argv, table, 1, 2, &words, NULL);
    if (code == COMMAND_DONE)
        code = put_options_check(&options);
    if (code == COMMAND_DONE)
        code = check(&how, version);
    if (code == COMMAND_DONE)
        code = how.only ? entry_path_find(argv[0], 0, &path) : put_find(argv[0], parents, &path);
    if (code != COMMAND_DONE)
        return code;
    const char *value = words == 2 ? argv[1] : NULL;
    code = how.only ? replace_value(&path, &how, &options, value) : put_value(&path, false, &options, value);
    entry_path_release(&path);
    return code;
}

const struct command command_set = {
    .name = "set",
    .arguments = "PATH [VALUE] [--ttl T] [--idle T] [--tag LIST] [-p] [-r] [--if-version V] [--append | --prepend]",
    .summary = "store a value, with its lifetime and tags",
    .details = "  PATH             a name in a larder\n"
               "  VALUE            what to store, as it is; without it, what comes from standard input\n" PUT_DETAILS
               "  -p, --parents    make the directories above it that are missing\n"
               " only where there is a value, else exit 1 and change nothing:\n"
               "  -r, --replace    in its place\n"
               "  --if-version V   in its place, if its user.version is V, see larder-get(1)\n"
               "  --append         behind it; without --ttl it goes when it would have gone\n"
               "  --prepend        before it; likewise\n",
    .run = run,
};
