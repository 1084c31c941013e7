/* SPDX-License-Identifier: MIT */
/* script.c - takes scripts apart; see script.h. */
#include "script.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    ARGUMENTS = 12,
    ROOM = 3 * PATH_MAX /* bytes of one argument */
};

static char self_dir[PATH_MAX];

__attribute__((noreturn)) static void senseless(const char *script, const char *what)
{
    fprintf(stderr, "posix: %s: what is %s?\n", script, what);
    abort();
}

int *descriptor(const char *name)
{
    static int open_ones[8] = {-1, -1, -1, -1, -1, -1, -1, -1}, here = AT_FDCWD;
    if (strcmp(name, ".") == 0)
        return &here;
    if (name[0] < 'A' || name[0] >= 'A' + (int)COUNT(open_ones) || name[1])
        senseless("a descriptor", name);
    return &open_ones[name[0] - 'A'];
}

/* What {...} stands for, appended to `to`. */
static void expand_braces(const char *inside, char *to)
{
    char text[64];
    int count;
    if (strcmp(inside, "other") == 0)
        strcat(to, other_dir ? other_dir : "/nonexistent");
    else if (strcmp(inside, "self") == 0)
        strcat(to, self_dir);
    else if (sscanf(inside, "%63[^*]*%d", text, &count) == 2) {
        char *end = to + strlen(to);
        for (; count > 0; count--)
            end = stpcpy(end, text);
    } else
        senseless("{}", inside);
}

static char *expand(const char *word)
{
    static char rooms[ARGUMENTS][ROOM];
    static unsigned next;
    char *to = rooms[next++ % ARGUMENTS], inside[64];
    *to = '\0';
    if (strcmp(word, "\"\"") == 0)
        return to;
    for (int skipped; *word; word += skipped) {
        skipped = 0;
        if (sscanf(word, "{%63[^}]}%n", inside, &skipped) == 1 && skipped > 0)
            expand_braces(inside, to);
        else {
            strncat(to, word, 1);
            skipped = 1;
        }
    }
    return to;
}

static const struct command *find_command(const char *name)
{
    for (const struct command *command = call_commands; command->name; command++)
        if (strcmp(command->name, name) == 0)
            return command;
    for (const struct command *command = look_commands; command->name; command++)
        if (strcmp(command->name, name) == 0)
            return command;
    return NULL;
}

static int run_call(const char *script, char *call)
{
    char *argv[ARGUMENTS + 1] = {NULL}, *word;
    int argc = 0;
    while ((word = strsep(&call, " ")))
        if (*word && argc < ARGUMENTS) {
            argv[argc] = argc == 0 ? word : expand(word);
            argc++;
        }
    const struct command *command = argc > 0 ? find_command(argv[0]) : NULL;
    if (!command || argc - 1 < command->least || argc - 1 > command->most)
        senseless(script, argc > 0 ? argv[0] : "nothing");
    return command->run(argc, argv);
}

int run_script(const char *script)
{
    char *copy = strdup(script), *rest = copy, *call, shown[128];
    int result = 0;
    if (!copy || (!*self_dir && !getcwd(self_dir, sizeof self_dir)))
        abort();
    while (result == 0 && (call = strsep(&rest, ";"))) {
        snprintf(shown, sizeof shown, "%s", call + strspn(call, " "));
        result = run_call(script, call);
    }
    if (result != 0 && result != MISMATCH && rest)
        result = mismatch("%s: %s", shown, errno_name(result));
    free(copy);
    return result;
}
