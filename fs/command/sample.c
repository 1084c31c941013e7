/* SPDX-License-Identifier: MIT */
/* sample.c - see sample.h. The text is our own report.c's, in which numbers of the whole come first, and a quote within a
 * string has a backslash before it: so what looks like a member's name is one. */
#include "sample.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int sample_text(const char *path, char **ret_text)
{
    size_t room = 0, used = 0;
    char *text = NULL;
    ssize_t got = 1;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    while (got > 0) {
        if (room - used < 16384) {
            char *more = realloc(text, room += 65536);
            if (!more) {
                free(text);
                close(fd);
                return -ENOMEM;
            }
            text = more;
        }
        got = read(fd, text + used, room - used - 1);
        used += got > 0 ? (size_t)got : 0;
    }
    int result = got < 0 ? -errno : 0;
    close(fd);
    text[used] = '\0';
    if (result == 0)
        *ret_text = text;
    else
        free(text);
    return result;
}

/* --- taking it apart ----------------------------------------------------------------------------------- */

/* What stands behind a member's name, or NULL. */
static const char *member(const char *text, const char *name)
{
    char key[64];
    snprintf(key, sizeof key, "\"%s\":", name);
    const char *at = text ? strstr(text, key) : NULL;
    return at ? at + strlen(key) : NULL;
}

static uint64_t number(const char *text, const char *name)
{
    const char *at = member(text, name);
    return at ? strtoull(at, NULL, 10) : 0;
}

/* A string's inside, as it stands. Returns what is behind it. */
static const char *string(const char *at, char *ret_text, size_t room)
{
    size_t used = 0;
    if (*at == '"')
        at++;
    for (; *at && *at != '"'; at++) {
        size_t size = *at == '\\' && at[1] ? 2 : 1;
        if (used + size < room)
            memcpy(ret_text + used, at, size);
        used += used + size < room ? size : room; /* once too long, no more */
        at += size - 1;
    }
    ret_text[used < room ? used : strnlen(ret_text, room - 1)] = '\0';
    return *at ? at + 1 : at;
}

static void histogram(const char *text, const char *name, struct histogram *ret_histogram)
{
    const char *at = member(member(text, "latency"), name);
    *ret_histogram = (struct histogram){.count = number(at, "count"), .sum_ns = number(at, "sum_ns")};
    at = member(at, "buckets");
    for (unsigned i = 0; at && *at && *at != ']' && i < LATENCY_BUCKETS; i++) {
        char *end;
        ret_histogram->buckets[i] = strtoull(at + 1, &end, 10);
        at = end;
    }
}

static void hot_keys(const char *text, struct sample *sample)
{
    const char *at = member(text, "hot");
    sample->names = at;
    while (at && sample->hot_count < SAMPLE_HOT && (at = member(at, "path"))) {
        at = string(at, sample->hot[sample->hot_count].path, SAMPLE_NAME);
        const char *share = member(at, "share");
        sample->hot[sample->hot_count++].share = share ? strtod(share, NULL) : 0;
    }
}

void sample_parse(const char *text, struct sample *ret_sample)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    *ret_sample = (struct sample){
        .at_s = (double)now.tv_sec + (double)now.tv_nsec / 1e9,
        .uptime_s = number(text, "uptime_s"),
        .bytes = number(text, "bytes"),
        .limit_bytes = number(text, "limit_bytes"),
        .items = number(text, "items"),
        .limit_items = number(text, "limit_items"),
        .hits = number(text, "hits"),
        .misses = number(text, "misses"),
        .sets = number(text, "sets"),
        .deletes = number(text, "deletes"),
        .expired = number(text, "expired"),
        .evicted = number(text, "evicted"),
        .waits = number(text, "waits"),
    };
    const char *policy = member(text, "policy");
    if (policy)
        string(policy, ret_sample->policy, sizeof ret_sample->policy);
    histogram(text, "get", &ret_sample->get);
    histogram(text, "flush", &ret_sample->set);
    hot_keys(text, ret_sample);
}

/* --- between two --------------------------------------------------------------------------------------- */

static uint64_t grown(uint64_t before, uint64_t after)
{
    return after >= before ? after - before : after;
}

static void percentiles(const struct histogram *before, const struct histogram *after, double *ret_p50, double *ret_p99)
{
    struct histogram between = {0};
    for (unsigned i = 0; i < LATENCY_BUCKETS; i++)
        between.count += between.buckets[i] = grown(before->buckets[i], after->buckets[i]);
    *ret_p50 = between.count ? (double)histogram_percentile_ns(&between, 0.5) : NAN;
    *ret_p99 = between.count ? (double)histogram_percentile_ns(&between, 0.99) : NAN;
}

void sample_rates(const struct sample *before, const struct sample *after, struct rates *ret_rates)
{
    double seconds = after->at_s - before->at_s;
    double per = seconds > 0 ? 1 / seconds : 0;
    double hits = (double)grown(before->hits, after->hits), misses = (double)grown(before->misses, after->misses);
    *ret_rates = (struct rates){
        .seconds = seconds,
        .gets = (hits + misses) * per,
        .sets = (double)grown(before->sets, after->sets) * per,
        .deletes = (double)grown(before->deletes, after->deletes) * per,
        .expired = (double)grown(before->expired, after->expired) * per,
        .evicted = (double)grown(before->evicted, after->evicted) * per,
        .hit_ratio = hits + misses > 0 ? hits / (hits + misses) : NAN,
    };
    percentiles(&before->get, &after->get, &ret_rates->get_p50_ns, &ret_rates->get_p99_ns);
    percentiles(&before->set, &after->set, &ret_rates->set_p50_ns, &ret_rates->set_p99_ns);
}

/* --- for people ---------------------------------------------------------------------------------------- */

void sample_number(double number, char *text)
{
    static const char letters[] = "kMGT";
    int unit = -1;
    for (; number >= 99999.5 / (unit < 0 ? 1 : 100) && letters[unit + 1]; unit++)
        number /= 1000;
    if (unit < 0)
        snprintf(text, 16, number < 10 && number > 0 ? "%.1f" : "%.0f", number);
    else
        snprintf(text, 16, "%.1f%c", number, letters[unit]);
}

void sample_duration(double ns, bool utf8, char *text)
{
    if (isnan(ns)) {
        snprintf(text, 32, "%8s", "-");
        return;
    }
    const char *unit = ns < 1e6 ? (utf8 ? "µs" : "us") : ns < 1e9 ? "ms" : "s ";
    double number = ns / (ns < 1e6 ? 1e3 : ns < 1e9 ? 1e6 : 1e9);
    snprintf(text, 32, "%5.*f %s", number < 100 ? 1 : 0, number, unit);
}
