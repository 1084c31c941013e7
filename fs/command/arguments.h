/* SPDX-License-Identifier: MIT */
/*
 * arguments.h - reads what stands behind a verb: options anywhere, words in order, and for verbs that run a command
 * that command behind "--".
 *
 * A verb describes its options in a table whose last row has no name. `--name VALUE`, `--name=VALUE`, `-n VALUE` and
 * `-nVALUE` are all understood; "--" ends the options. A negative number is a word, so that `larder incr KEY -1` works.
 */
#ifndef LARDER_FS_ARGUMENTS_H
#define LARDER_FS_ARGUMENTS_H

#include "command.h"

#include <stdint.h>

/* The values of an option that may come several times, in their order; free(at). */
struct argument_list {
    const char **at;
    size_t count;
};

/* One option: with `flag` it takes no value, with `text` or `list` it does; of several for `text` the last is meant. What
 * was not given is left as it was. */
struct argument {
    const char *name; /* "--json"; NULL ends a table */
    char letter; /* 0: none */
    bool *flag;
    const char **text;
    struct argument_list *list;
};

/*
 * Moves the words to argv[0], argv[1], ... and returns their number in *ret_words, which is from `least` to `most`; each
 * is at least one byte long up to the first `least`. With ret_rest, "--" begins another command, which must be there: it
 * is left in *ret_rest, ended by NULL. Returns COMMAND_DONE, or has complained and returns COMMAND_USAGE.
 */
int arguments_parse(const struct command *command, int argc, char **argv, const struct argument *table, int least,
                    int most, int *ret_words, char ***ret_rest);

/* The same, but behind the first word what begins with "-" and is no option of the table is a word, too: it takes something
 * away. */
int arguments_parse_changes(const struct command *command, int argc, char **argv, const struct argument *table,
                            int least, int most, int *ret_words);

/* Complains that something makes no sense, with the usage line behind it, and returns COMMAND_USAGE. */
__attribute__((format(printf, 2, 3))) int arguments_fail(const struct command *command, const char *format, ...);

/* A duration as units.h has it, of an option (its name) or NULL, which leaves the output alone. */
int arguments_duration(const char *option, const char *text, uint64_t *ret_ms);

/* How long to wait, of --timeout: the same, but 0 is not at all. */
int arguments_timeout(const char *text, uint64_t *ret_ms);

/* A whole number of at least `least`; likewise. */
int arguments_number(const char *option, const char *text, int64_t least, int64_t *ret_number);

#endif
