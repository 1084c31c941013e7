/* SPDX-License-Identifier: MIT */
/*
 * bench.c - `larder bench --trace FILE`: reads a trace and prints how often it would have missed under each policy, from
 * simulate.h.
 *
 * A trace is text, a request a line: a key, its size (default 1), and for how many requests it lives (default for
 * ever), separated by blanks. Keys are bytes; here they become numbers, in the order of their first request.
 */
#include "command.h"
#include "simulate.h"
#include "units.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

struct arguments {
    const char *path;
    struct simulate_capacity capacity;
    bool json;
};

struct key {
    uint64_t number;
    UT_hash_handle hh;
    char name[];
};

struct reader {
    const char *path;
    struct key *keys;
    struct simulate_request *requests;
    size_t count, room;
};

/* --- the trace ----------------------------------------------------------------------------------------- */

static int number_of(struct reader *reader, const char *name, uint64_t *ret_number)
{
    struct key *key;
    size_t size = strlen(name);
    HASH_FIND(hh, reader->keys, name, size, key);
    if (!key) {
        key = malloc(sizeof *key + size + 1);
        if (!key)
            return -ENOMEM;
        memcpy(key->name, name, size + 1);
        key->number = HASH_COUNT(reader->keys);
        HASH_ADD_KEYPTR(hh, reader->keys, key->name, size, key);
    }
    *ret_number = key->number;
    return 0;
}

/* A number in decimal; without text `otherwise`. */
static bool parse_number(const char *text, uint64_t otherwise, uint64_t *ret_number)
{
    char *end;
    *ret_number = otherwise;
    if (!text)
        return true;
    errno = 0;
    *ret_number = strtoull(text, &end, 10);
    return *text >= '0' && *text <= '9' && !*end && errno == 0 && *ret_number <= INT64_MAX;
}

/* -EINVAL for what is no request. */
static int read_line(struct reader *reader, char *line)
{
    struct simulate_request request;
    char *rest, *name = strtok_r(line, " \t\n", &rest);
    if (!name)
        return 0;
    char *size = strtok_r(NULL, " \t\n", &rest), *lifetime = size ? strtok_r(NULL, " \t\n", &rest) : NULL;
    if (!parse_number(size, 1, &request.size) || !parse_number(lifetime, 0, &request.lifetime) ||
        (lifetime && strtok_r(NULL, " \t\n", &rest)))
        return -EINVAL;
    if (reader->count == reader->room) {
        size_t room = reader->room ? reader->room * 2 : 4096;
        struct simulate_request *requests = realloc(reader->requests, room * sizeof *requests);
        if (!requests)
            return -ENOMEM;
        reader->requests = requests;
        reader->room = room;
    }
    int result = number_of(reader, name, &request.key);
    if (result == 0)
        reader->requests[reader->count++] = request;
    return result;
}

static int read_lines(struct reader *reader, FILE *in)
{
    char *line = NULL;
    size_t room = 0, number = 0;
    int result = 0, code = COMMAND_DONE;
    while (result == 0 && getline(&line, &room, in) >= 0) {
        number++;
        result = read_line(reader, line);
    }
    free(line);
    if (result == -EINVAL)
        code = command_fail(COMMAND_FAILED, "%s: line %zu is no request: a key, its size and its lifetime",
                            reader->path, number);
    else if (result < 0 || ferror(in))
        code = command_fail(COMMAND_FAILED, "%s: %s", reader->path, strerror(result < 0 ? -result : errno));
    else if (reader->count == 0)
        code = command_fail(COMMAND_FAILED, "%s: there is no request in it", reader->path);
    return code;
}

static int read_trace(struct reader *reader)
{
    bool piped = strcmp(reader->path, "-") == 0;
    FILE *in = piped ? stdin : fopen(reader->path, "re");
    if (!in)
        return command_fail(COMMAND_FAILED, "%s: %s", reader->path, strerror(errno));
    int code = read_lines(reader, in);
    if (!piped)
        fclose(in);
    return code;
}

static void reader_release(struct reader *reader)
{
    struct key *key, *next;
    HASH_ITER(hh, reader->keys, key, next)
    {
        HASH_DEL(reader->keys, key);
        free(key);
    }
    free(reader->requests);
}

/* --- the table ----------------------------------------------------------------------------------------- */

static void print_row(const struct arguments *arguments, const struct simulate_trace *trace, const char *name,
                      const struct simulate_result *result, uint64_t bytes)
{
    double misses = (double)result->misses / (double)trace->count;
    double missed = bytes ? (double)result->bytes_missed / (double)bytes : 0;
    if (arguments->json)
        printf(",\"%s\":{\"misses\":%" PRIu64 ",\"miss_ratio\":%.6f,\"byte_miss_ratio\":%.6f}", name, result->misses,
               misses, missed);
    else
        printf("%-10s %8.2f %% %8.2f %%\n", name, 100 * misses, 100 * missed);
}

static void print_head(const struct arguments *arguments, const struct simulate_trace *trace)
{
    char bytes[32];
    if (arguments->json) {
        printf("{\"requests\":%zu,\"keys\":%" PRIu64 ",\"limit_bytes\":%" PRIu64 ",\"limit_items\":%" PRIu64,
               trace->count, trace->keys, arguments->capacity.bytes, arguments->capacity.items);
        return;
    }
    printf("%zu requests for %" PRIu64 " keys; a cache of", trace->count, trace->keys);
    if (arguments->capacity.items)
        printf(" %" PRIu64 " items", arguments->capacity.items);
    if (arguments->capacity.bytes) {
        size_format(arguments->capacity.bytes, bytes);
        printf("%s %s", arguments->capacity.items ? " and" : "", bytes);
    }
    printf("\n%-10s %10s %10s\n", "policy", "misses", "of bytes");
}

static int print_table(const struct arguments *arguments, const struct simulate_trace *trace)
{
    struct simulate_result result;
    uint64_t bytes = 0;
    for (size_t i = 0; i < trace->count; i++)
        bytes += trace->requests[i].size;
    print_head(arguments, trace);
    int failed = 0;
    for (int policy = 0; policy < STORE_POLICIES && failed == 0; policy++) {
        if (policy == STORE_POLICY_NONE)
            continue;
        failed = simulate_policy(trace, arguments->capacity, (enum store_policy)policy, &result);
        if (failed == 0)
            print_row(arguments, trace, store_policy_name((enum store_policy)policy), &result, bytes);
    }
    if (failed == 0 && (failed = simulate_exact_lru(trace, arguments->capacity, &result)) == 0)
        print_row(arguments, trace, "exact lru", &result, bytes);
    if (failed == 0 && (failed = simulate_optimum(trace, arguments->capacity, &result)) == 0)
        print_row(arguments, trace, "optimum", &result, bytes);
    if (arguments->json)
        puts("}");
    return failed < 0 ? command_fail(COMMAND_FAILED, "%s", strerror(-failed)) : COMMAND_DONE;
}

/* --- the verb ------------------------------------------------------------------------------------------ */

static int parse_arguments(int argc, char **argv, struct arguments *arguments)
{
    for (int i = 0; i < argc; i++) {
        const char *name = argv[i], *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(name, "--json") == 0) {
            arguments->json = true;
            continue;
        }
        if (strcmp(name, "--ahead") == 0) {
            arguments->capacity.ahead = true;
            continue;
        }
        bool trace = strcmp(name, "--trace") == 0, items = strcmp(name, "--items") == 0;
        if (!trace && !items && strcmp(name, "--bytes") != 0)
            return command_fail(COMMAND_USAGE, "unexpected argument '%s'; usage: larder %s %s", name,
                                command_bench.name, command_bench.arguments);
        if (!value)
            return command_fail(COMMAND_USAGE, "%s needs a value", name);
        if (trace)
            arguments->path = value;
        else if (items && (!parse_number(value, 0, &arguments->capacity.items) || arguments->capacity.items == 0))
            return command_fail(COMMAND_USAGE, "--items %s: not a number above 0", value);
        else if (!items && (size_parse(value, &arguments->capacity.bytes) < 0 || arguments->capacity.bytes == 0))
            return command_fail(COMMAND_USAGE, "--bytes %s: not a size", value);
        i++;
    }
    if (!arguments->path || (!arguments->capacity.items && !arguments->capacity.bytes))
        return command_fail(COMMAND_USAGE, "a trace and the size of a cache are needed; usage: larder %s %s",
                            command_bench.name, command_bench.arguments);
    return COMMAND_DONE;
}

static int run(int argc, char **argv)
{
    struct arguments arguments = {0};
    int code = parse_arguments(argc, argv, &arguments);
    if (code != COMMAND_DONE)
        return code;
    struct reader reader = {.path = arguments.path};
    code = read_trace(&reader);
    if (code == COMMAND_DONE) {
        struct simulate_trace trace = {reader.requests, reader.count, HASH_COUNT(reader.keys)};
        code = print_table(&arguments, &trace);
    }
    reader_release(&reader);
    return code;
}

const struct command command_bench = {
    .name = "bench",
    .arguments = "--trace FILE (--items N | --bytes SIZE) [--ahead] [--json]",
    .summary = "tell how often a trace of reads would miss, under each policy",
    .details = "  --trace FILE   a request a line: key, size, lifetime in requests; - is standard input\n"
               "  --items N      how many entries the cache holds\n"
               "  --bytes SIZE   how many bytes, like 64M\n"
               "  --ahead        evict as a store does, from its high watermark down to its low one\n"
               "  --json         for programs\n",
    .run = run,
};
