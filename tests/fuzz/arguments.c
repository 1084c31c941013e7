/* SPDX-License-Identifier: MIT */
/*
 * arguments.c - what the command line's verbs read: words and options, numbers, durations; and the trace of
 * `larder bench --trace`.
 *
 *     which (1) | texts with a NUL behind each, or the trace
 */
#include "command/arguments.h"
#include "fuzz.h"
#include "units.h"

#include <stdarg.h>

#include "command/bench.c"

enum { WORDS_MAX = 16 };

/* In main.c's place. */
int command_fail(int code, const char *format, ...)
{
    char text[4096];
    va_list args;
    va_start(args, format);
    require(vsnprintf(text, sizeof text, format, args) > 0);
    va_end(args);
    return code;
}

static const struct command verb = {.name = "verb", .arguments = "WORD..."};

static void check_words(int argc, char **argv)
{
    bool flag = false;
    const char *text = NULL;
    struct argument_list list = {0};
    int words = 0;
    char **rest = NULL;
    const struct argument table[] = {{"--flag", 'f', &flag, NULL, NULL},
                                     {"--text", 't', NULL, &text, NULL},
                                     {"--list", 'l', NULL, NULL, &list},
                                     {NULL}};
    bool wants_rest = argc > 0 && argv[0][0] == 'r';
    int code = arguments_parse(&verb, argc, argv, table, 1, 4, &words, wants_rest ? &rest : NULL);
    require(code == COMMAND_DONE || code == COMMAND_USAGE);
    if (code == COMMAND_DONE) {
        require(words >= 1 && words <= 4 && *argv[0]);
        require(!wants_rest || (rest && *rest));
    }
    free(list.at);
}

static void check_changes(int argc, char **argv)
{
    int words = 0;
    const struct argument table[] = {{NULL}};
    int code = arguments_parse_changes(&verb, argc, argv, table, 1, WORDS_MAX, &words);
    require(code != COMMAND_DONE || (words >= 1 && words <= argc));
}

static void check_values(const char *text)
{
    int64_t number = -7;
    uint64_t ms = 7;
    char again[32];
    if (arguments_number("--number", text, 0, &number) == COMMAND_DONE) {
        require(number >= 0);
        snprintf(again, sizeof again, "%" PRId64, number);
        require(arguments_number("--number", again, number, &number) == COMMAND_DONE);
    }
    if (arguments_timeout(text, &ms) == COMMAND_DONE && arguments_duration("--ttl", text, &ms) == COMMAND_DONE)
        require(ms > 0);
}

/* What is in a trace is counted, and no number is larger than what the simulation adds up. */
static void check_trace(char *text, size_t size)
{
    struct reader reader = {.path = "trace"};
    FILE *in = fmemopen(text, size, "r");
    if (!in)
        return;
    int code = read_lines(&reader, in);
    fclose(in);
    for (size_t i = 0; i < reader.count; i++)
        require(reader.requests[i].size <= INT64_MAX && reader.requests[i].lifetime <= INT64_MAX &&
                reader.requests[i].key < HASH_COUNT(reader.keys));
    if (code == COMMAND_DONE && reader.count < 2000) {
        struct simulate_trace trace = {reader.requests, reader.count, HASH_COUNT(reader.keys)};
        struct simulate_capacity capacity = {.bytes = 100, .items = 5};
        struct simulate_result result;
        for (int policy = 0; policy < STORE_POLICY_NONE; policy++) {
            require(simulate_policy(&trace, capacity, (enum store_policy)policy, &result) == 0);
            require(result.misses <= trace.count);
        }
        require(simulate_optimum(&trace, capacity, &result) == 0);
    }
    reader_release(&reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size), *argv[WORDS_MAX + 1], *again[WORDS_MAX + 1];
    int argc = 0;
    if (size > 1 && data[0] == 't') {
        check_trace(text + 1, size - 1);
        free(text);
        return 0;
    }
    for (size_t at = 0; at < size && argc < WORDS_MAX; at += strlen(text + at) + 1)
        argv[argc++] = text + at;
    argv[argc] = NULL;
    memcpy(again, argv, sizeof again);
    for (int i = 0; i < argc; i++)
        check_values(argv[i]);
    check_words(argc, argv);
    check_changes(argc, again);
    free(text);
    return 0;
}
