/* SPDX-License-Identifier: MIT */
/*
 * stats.c - `larder stats PATH`: copies .larder/stats, or .larder/stats.json, of the mount a path lies in to stdout; with
 * --watch it tells every so often what happened since, a line a time, for terminals that can do no more, and for pipes.
 */
#include "command.h"
#include "sample.h"
#include "units.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { HEADER_EVERY = 20 }; /* lines, on a terminal */

struct asked {
    const char *place;
    bool json, watch;
    uint64_t interval_ms;
};

/* --- once ---------------------------------------------------------------------------------------------- */

/* Copies a file to stdout. Returns 0 or a negative errno of reading; main() looks after stdout's. */
static int print_file(const char *path)
{
    char *text;
    int result = sample_text(path, &text);
    if (result < 0)
        return result;
    fputs(text, stdout);
    free(text);
    return 0;
}

/* --- again and again ----------------------------------------------------------------------------------- */

static void print_header(void)
{
    printf("%-8s %7s %6s %7s %7s %7s %7s %10s %8s  %8s %8s %8s\n", "time", "gets/s", "hit %", "sets/s", "dels/s",
           "expd/s", "evcd/s", "bytes", "items", "get p50", "get p99", "set p99");
}

static void print_rates(const struct sample *now, const struct rates *rates)
{
    char clock[16], gets[16], sets[16], deletes[16], expired[16], evicted[16], ratio[16], bytes[32];
    char get_p50[32], get_p99[32], set_p99[32];
    time_t seconds = time(NULL);
    struct tm local;
    strftime(clock, sizeof clock, "%H:%M:%S", localtime_r(&seconds, &local));
    sample_number(rates->gets, gets);
    sample_number(rates->sets, sets);
    sample_number(rates->deletes, deletes);
    sample_number(rates->expired, expired);
    sample_number(rates->evicted, evicted);
    size_format(now->bytes, bytes);
    sample_duration(rates->get_p50_ns, false, get_p50);
    sample_duration(rates->get_p99_ns, false, get_p99);
    sample_duration(rates->set_p99_ns, false, set_p99);
    snprintf(ratio, sizeof ratio, isnan(rates->hit_ratio) ? "-" : "%.1f", 100 * rates->hit_ratio);
    printf("%-8s %7s %6s %7s %7s %7s %7s %10s %8llu  %s %s %s\n", clock, gets, ratio, sets, deletes, expired, evicted,
           bytes, (unsigned long long)now->items, get_p50, get_p99, set_p99);
}

/* Sleeps until a moment, a whole number of intervals after the first. */
static void sleep_until(struct timespec *moment, uint64_t interval_ms)
{
    moment->tv_sec += (time_t)(interval_ms / 1000);
    moment->tv_nsec += (long)(interval_ms % 1000) * 1000000;
    if (moment->tv_nsec >= 1000000000) {
        moment->tv_sec++;
        moment->tv_nsec -= 1000000000;
    }
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, moment, NULL) == EINTR)
        ;
}

/* One look: a line, but for the first one. */
static int look(const char *path, bool json, struct sample *before, unsigned *count)
{
    struct sample now;
    struct rates rates;
    char *text;
    int result = sample_text(path, &text);
    if (result < 0)
        return result;
    sample_parse(text, &now);
    if (json)
        fputs(text, stdout);
    else if (*count > 0) {
        if (*count == 1 || (isatty(STDOUT_FILENO) && *count % HEADER_EVERY == 1))
            print_header();
        sample_rates(before, &now, &rates);
        print_rates(&now, &rates);
    }
    free(text);
    *before = now;
    ++*count;
    return fflush(stdout) == 0 ? 0 : -EPIPE;
}

/* Until it is interrupted, the mount ends, or nobody reads it any more. */
static int watch(const char *path, const struct asked *asked)
{
    struct sample before;
    struct timespec moment;
    unsigned count = 0;
    clock_gettime(CLOCK_MONOTONIC, &moment);
    int result;
    while ((result = look(path, asked->json, &before, &count)) == 0)
        sleep_until(&moment, asked->interval_ms);
    return result == -EPIPE ? 0 : result;
}

/* --- the verb ------------------------------------------------------------------------------------------ */

static int usage(const char *wrong, const char *argument)
{
    return command_fail(COMMAND_USAGE, "%s '%s'; usage: larder stats %s", wrong, argument, command_stats.arguments);
}

static int read_arguments(int argc, char **argv, struct asked *asked)
{
    bool only_places = false;
    for (int i = 0; i < argc; i++) {
        const char *text = argv[i];
        bool option = !only_places && text[0] == '-' && text[1];
        if (option && strcmp(text, "--") == 0)
            only_places = true;
        else if (option && strcmp(text, "--json") == 0)
            asked->json = true;
        else if (option && strcmp(text, "--watch") == 0) {
            uint64_t interval_ms;
            asked->watch = true;
            if (i + 1 < argc && duration_parse(argv[i + 1], &interval_ms) == 0) { /* else it is the path */
                asked->interval_ms = interval_ms;
                i++;
            }
        } else if (option && strncmp(text, "--watch=", 8) == 0) {
            asked->watch = true;
            if (duration_parse(text + 8, &asked->interval_ms) < 0)
                return usage("this is no interval:", text + 8);
        } else if (option)
            return usage("unknown option", text);
        else if (asked->place)
            return usage("unexpected argument", text);
        else
            asked->place = text;
    }
    if (!asked->place || !*asked->place)
        return command_fail(COMMAND_USAGE, "missing mount point; usage: larder stats %s", command_stats.arguments);
    if (asked->interval_ms < 100 || asked->interval_ms > 86400000)
        return command_fail(COMMAND_USAGE, "an interval is from 100ms to 1d");
    return COMMAND_DONE;
}

static int run(int argc, char **argv)
{
    struct asked asked = {.interval_ms = 1000};
    struct mountpoint mountpoint;
    char *path;

    int code = read_arguments(argc, argv, &asked);
    if (code == COMMAND_DONE)
        code = command_find_larder(asked.place, &mountpoint);
    if (code != COMMAND_DONE)
        return code;
    const char *place = asked.place;
    int result = asprintf(&path, "%s/.larder/stats%s", mountpoint.root, asked.json || asked.watch ? ".json" : "") < 0
                     ? -ENOMEM
                     : 0;
    if (result == 0) {
        result = asked.watch ? watch(path, &asked) : print_file(path);
        free(path);
    }
    if (result == -ENOTCONN || result == -ECONNABORTED)
        code =
            command_fail(COMMAND_FAILED, "%s: the daemon of this mount has died; unmount it, or mount it anew", place);
    else if (result == -ENOENT && !mountpoint.whole)
        code =
            command_fail(COMMAND_FAILED, "%s: only a part of a larder is mounted there; ask the mount itself", place);
    else if (result < 0)
        code = command_fail(COMMAND_FAILED, "%s: its statistics cannot be read: %s", place, strerror(-result));
    mountpoint_release(&mountpoint);
    return code;
}

const struct command command_stats = {
    .name = "stats",
    .arguments = "PATH [--json] [--watch [SECONDS]]",
    .summary = "show what a mount holds and how it is used",
    .details = "  PATH     the mount point, or anything in the mount\n"
               "  --json   for programs\n"
               "  --watch [SECONDS]\n"
               "           tell what happened since, a line every second, or every 500ms, 10s, 1m; with --json all of\n"
               "           it, an object a line\n",
    .run = run,
};
