/* SPDX-License-Identifier: MIT */
/* arguments.c - see arguments.h. */
#include "arguments.h"
#include "units.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int arguments_fail(const struct command *command, const char *format, ...)
{
    char text[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return command_fail(COMMAND_USAGE, "%s; usage: larder %s %s", text, command->name, command->arguments);
}

/* The option a text begins, and its value when that stands in the same text; else NULL. */
static const struct argument *find(const struct argument *table, const char *text, const char **ret_value)
{
    *ret_value = NULL;
    for (; table->name; table++) {
        size_t length = strlen(table->name);
        if (strncmp(text, table->name, length) == 0 && (text[length] == '\0' || text[length] == '=')) {
            *ret_value = text[length] ? text + length + 1 : NULL;
            return table;
        }
        if (table->letter && text[0] == '-' && text[1] == table->letter) {
            *ret_value = text[2] ? text + 2 : NULL;
            return table;
        }
    }
    return NULL;
}

static bool is_option(const char *text)
{
    return text[0] == '-' && text[1] && !isdigit((unsigned char)text[1]);
}

static int list_add(struct argument_list *list, const char *value)
{
    const char **at = reallocarray(list->at, list->count + 1, sizeof *at);
    if (!at)
        return command_fail(COMMAND_FAILED, "out of memory");
    list->at = at;
    list->at[list->count++] = value;
    return COMMAND_DONE;
}

/* Takes the option at argv[*at], and its value. */
static int take_option(const struct command *command, int argc, char **argv, const struct argument *table, int *at)
{
    const char *value;
    const char *text = argv[*at];
    const struct argument *argument = find(table, text, &value);

    if (!argument)
        return arguments_fail(command, "unknown option '%s'", text);
    if (argument->flag && value)
        return arguments_fail(command, "option '%s' takes no value", argument->name);
    if (argument->flag) {
        *argument->flag = true;
        return COMMAND_DONE;
    }
    if (!value && ++*at == argc)
        return arguments_fail(command, "option '%s' lacks its value", text);
    if (!value)
        value = argv[*at];
    if (argument->list)
        return list_add(argument->list, value);
    *argument->text = value;
    return COMMAND_DONE;
}

/* `changes`: as arguments_parse_changes() has it. */
static int parse(const struct command *command, int argc, char **argv, const struct argument *table, bool changes,
                 int least, int most, int *ret_words, char ***ret_rest)
{
    const char *value;
    int words = 0, code = COMMAND_DONE;
    bool only_words = false;
    char **rest = NULL;

    for (int i = 0; i < argc && !rest; i++) {
        if (!only_words && strcmp(argv[i], "--") == 0) {
            only_words = true;
            rest = ret_rest ? argv + i + 1 : NULL;
        } else if (!only_words && is_option(argv[i]) && !(changes && words > 0 && !find(table, argv[i], &value))) {
            if ((code = take_option(command, argc, argv, table, &i)) != COMMAND_DONE)
                return code;
        } else if (words == most)
            return arguments_fail(command, "unexpected argument '%s'", argv[i]);
        else
            argv[words++] = argv[i];
    }
    for (int i = 0; i < least; i++)
        if (i >= words || !*argv[i])
            return arguments_fail(command, "an argument is missing");
    if (ret_rest && (!rest || !*rest))
        return arguments_fail(command, "there is no command behind --");
    *ret_words = words;
    if (ret_rest)
        *ret_rest = rest;
    return COMMAND_DONE;
}

int arguments_parse(const struct command *command, int argc, char **argv, const struct argument *table, int least,
                    int most, int *ret_words, char ***ret_rest)
{
    return parse(command, argc, argv, table, false, least, most, ret_words, ret_rest);
}

int arguments_parse_changes(const struct command *command, int argc, char **argv, const struct argument *table,
                            int least, int most, int *ret_words)
{
    return parse(command, argc, argv, table, true, least, most, ret_words, NULL);
}

int arguments_duration(const char *option, const char *text, uint64_t *ret_ms)
{
    if (text && duration_parse(text, ret_ms) < 0)
        return command_fail(COMMAND_USAGE, "%s: '%s' is no duration; write 90, 90s, 15m, 2h, 7d, 250ms or none", option,
                            text);
    return COMMAND_DONE;
}

int arguments_number(const char *option, const char *text, int64_t least, int64_t *ret_number)
{
    char *end;

    if (!text)
        return COMMAND_DONE;
    errno = 0;
    intmax_t number = strtoimax(text, &end, 10);
    if (end == text || *end || isspace((unsigned char)*text) || errno || number < least || number > INT64_MAX)
        return command_fail(COMMAND_USAGE, "%s: '%s' is no whole number from %" PRId64 " on", option, text, least);
    *ret_number = number;
    return COMMAND_DONE;
}

int arguments_timeout(const char *text, uint64_t *ret_ms)
{
    if (text && strcmp(text, "0") == 0) {
        *ret_ms = 0;
        return COMMAND_DONE;
    }
    return arguments_duration("--timeout", text, ret_ms);
}
