/* SPDX-License-Identifier: MIT */
/*
 * main.c - `larder VERB ...`: finds the verb, prints help, and has what several verbs need to read their arguments.
 *
 * /etc/fstab and mount(8) know nothing of verbs: they run `larder STORE MOUNTPOINT -o ...`. So when the first
 * argument looks like a store, a path or a URL, the verb is mount.
 */
#include "command/command.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static int help_run(int argc, char **argv);

static const struct command command_help = {
    .name = "help",
    .arguments = "[VERB]",
    .summary = "show this, or all about a verb",
    .details = "",
    .run = help_run,
};

static const struct command *const commands[] = {
    &command_mount,   &command_umount, &command_status, &command_stats, &command_top,       &command_get,
    &command_set,     &command_add,    &command_touch,  &command_info,  &command_incr,      &command_decr,
    &command_pop,     &command_tag,    &command_evict,  &command_clear, &command_expire,    &command_backup,
    &command_restore, &command_fsck,   &command_bench,  &command_lock,  &command_semaphore, &command_throttle,
    &command_barrier, &command_run,    &command_push,   &command_pull,  &command_peek,      &command_version,
    &command_help,
};

enum { COMMANDS = sizeof commands / sizeof *commands };

/* --- help ---------------------------------------------------------------------------------------------- */

static const struct command *command_find(const char *name)
{
    for (int i = 0; i < COMMANDS; i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}

static void print_overview(FILE *out)
{
    fprintf(out, "usage: larder VERB ...\n\nA cache you mount as a directory.\n\n");
    for (int i = 0; i < COMMANDS; i++)
        fprintf(out, "  %-9s %s\n", commands[i]->name, commands[i]->summary);
    fprintf(out, "\nlarder VERB --help tells more, and so does the manual: man larder, man larder-VERB.\n");
}

static void print_help(const struct command *command)
{
    printf("usage: larder %s %s\n\n%s\n", command->name, command->arguments, command->summary);
    if (*command->details)
        printf("\n%s", command->details);
    if (command->more)
        command->more();
}

static int help_run(int argc, char **argv)
{
    const struct command *command;

    if (argc == 0) {
        print_overview(stdout);
        return COMMAND_DONE;
    }
    if (argc > 1 || !(command = command_find(argv[0])))
        return command_fail(COMMAND_USAGE, "no such verb to help with: '%s'; larder help lists them", argv[argc - 1]);
    print_help(command);
    return COMMAND_DONE;
}

/* --- what verbs share ---------------------------------------------------------------------------------- */

int command_fail(int code, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fputs("larder: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    return code;
}

int command_arguments(const struct command *command, int argc, char **argv, const char *long_name, char letter,
                      bool *ret_flag, const char **ret_place)
{
    const char *place = NULL;
    bool flag = false, only_places = false;

    for (int i = 0; i < argc; i++) {
        const char *text = argv[i];
        if (!only_places && strcmp(text, "--") == 0)
            only_places = true;
        else if (!only_places &&
                 (strcmp(text, long_name) == 0 || (letter && text[0] == '-' && text[1] == letter && !text[2])))
            flag = true;
        else if (!only_places && text[0] == '-' && text[1])
            return command_fail(COMMAND_USAGE, "unknown option '%s'; usage: larder %s %s", text, command->name,
                                command->arguments);
        else if (!ret_place || place)
            return command_fail(COMMAND_USAGE, "unexpected argument '%s'; usage: larder %s %s", text, command->name,
                                command->arguments);
        else
            place = text;
    }
    if (ret_place && (!place || !*place))
        return command_fail(COMMAND_USAGE, "missing mount point; usage: larder %s %s", command->name,
                            command->arguments);
    *ret_flag = flag;
    if (ret_place)
        *ret_place = place;
    return COMMAND_DONE;
}

int command_find_larder(const char *path, struct mountpoint *ret_mountpoint)
{
    int result = mountpoint_find(path, ret_mountpoint);

    if (result == -ENOTCONN || result == -ECONNABORTED)
        return command_fail(COMMAND_FAILED, "%s: the daemon of this mount has died; unmount it, or mount it anew",
                            path);
    if (result < 0)
        return command_fail(COMMAND_FAILED, "%s: %s", path, strerror(-result));
    if (mountpoint_is_larder(ret_mountpoint))
        return COMMAND_DONE;
    mountpoint_release(ret_mountpoint);
    return command_fail(COMMAND_FAILED, "%s: no larder is mounted there", path);
}

/* --- the verb ------------------------------------------------------------------------------------------ */

static bool is_help(const char *text)
{
    return strcmp(text, "--help") == 0 || strcmp(text, "-h") == 0;
}

/* The argument asks for help: it is not behind "--", nor the list of an -o. */
static bool asks_for_help(int argc, char **argv)
{
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (is_help(argv[i]) && (i == 0 || strcmp(argv[i - 1], "-o") != 0))
            return true;
    return false;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        print_overview(stderr);
        return COMMAND_USAGE;
    }
    const char *verb = argv[1];
    const struct command *command = command_find(verb);
    int skip = 2;

    if (is_help(verb))
        command = &command_help;
    else if (strcmp(verb, "--version") == 0 || strcmp(verb, "-V") == 0)
        command = &command_version;
    else if (!command && verb[0] != '-' && strpbrk(verb, "/:")) {
        command = &command_mount;
        skip = 1;
    }
    if (!command)
        return command_fail(COMMAND_USAGE, "no such verb: '%s'; larder help lists them", verb);
    if (command != &command_help && asks_for_help(argc - skip, argv + skip)) {
        print_help(command);
        return COMMAND_DONE;
    }
    int code = command->run(argc - skip, argv + skip);
    if ((fflush(stdout) != 0 || ferror(stdout)) && code == COMMAND_DONE)
        return command_fail(COMMAND_FAILED, "cannot write: %s", strerror(errno));
    return code;
}
