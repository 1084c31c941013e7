/* SPDX-License-Identifier: MIT */
/* report.c - see report.h. */
#include "report.h"
#include "metrics.h"
#include "node.h"
#include "text.h"
#include "units.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HOT_SHOWN = 10, HOT_KEPT = 32, QUOTAS_SHOWN = 256 };

/* One state of everything that is shown. */
struct facts {
    struct store_stats store;
    struct usage usage;
    struct histogram latency[LATENCY_OPERATIONS];
    unsigned nodes, names, handles;
    double uptime_s;
    unsigned dirs, hot; /* how many there are of these */
    struct dir_facts {
        char name[STORE_NAME_MAX + 1];
        struct usage usage;
    } dir[METRICS_DIRS];
    struct hotkey hotkeys[HOT_KEPT];
    char *paths[HOT_KEPT]; /* of the hot keys; NULL: gone meanwhile */
    unsigned quotas;
    struct quota_facts {
        struct store_quota is;
        char *path; /* owned */
    } quota[QUOTAS_SHOWN];
};

struct gathering {
    struct store *store;
    struct facts *facts;
};

/* One that goes meanwhile is left out. */
static int gather_quota(void *arg, uint64_t dir, const struct store_quota *quota)
{
    struct gathering *gathering = arg;
    struct facts *facts = gathering->facts;
    char name[STORE_NAME_MAX + 1], *path;
    uint64_t parent;
    if (facts->quotas == QUOTAS_SHOWN)
        return 1;
    if (store_dir_place(gathering->store, dir, &parent, name) == 0 &&
        text_path(gathering->store, parent, name, NULL, NULL, &path) == 0)
        facts->quota[facts->quotas++] = (struct quota_facts){*quota, path};
    return 0;
}

static int by_path(const void *a, const void *b)
{
    const struct quota_facts *x = a, *y = b;
    return strcmp(x->path, y->path);
}

static void gather_quotas(struct fs *fs, struct facts *facts)
{
    struct gathering gathering = {fs->store, facts};
    (void)store_list_quotas(fs->store, gather_quota, &gathering);
    qsort(facts->quota, facts->quotas, sizeof facts->quota[0], by_path);
}

static void gather_names(struct fs *fs, struct facts *facts)
{
    while (facts->dirs < METRICS_DIRS &&
           metrics_dir_usage(fs, facts->dirs, facts->dir[facts->dirs].name, &facts->dir[facts->dirs].usage))
        facts->dirs++;
    facts->hot = hotkeys_top(metrics_hotkeys(fs->metrics), facts->hotkeys, HOT_KEPT);
    for (unsigned i = 0; i < facts->hot; i++)
        if (text_path(fs->store, facts->hotkeys[i].dir, facts->hotkeys[i].name, NULL, NULL, &facts->paths[i]) < 0)
            facts->paths[i] = NULL;
    gather_quotas(fs, facts);
}

/* NULL when out of memory: then nothing is shown. */
static struct facts *gather(struct fs *fs, bool names)
{
    struct facts *facts = calloc(1, sizeof *facts);
    if (!facts)
        return NULL;
    store_stats(fs->store, &facts->store);
    metrics_usage(fs, &facts->usage);
    for (enum latency_operation i = 0; i < LATENCY_OPERATIONS; i++)
        latency_read(metrics_latency(fs->metrics), i, &facts->latency[i]);
    facts->uptime_s = (double)(clock_ns(CLOCK_REALTIME) - fs->started_ns) / 1e9;
    fs_lock(fs);
    facts->nodes = fs->node_count;
    facts->names = HASH_COUNT(fs->names);
    facts->handles = fs->handle_count;
    fs_unlock(fs);
    if (names)
        gather_names(fs, facts);
    return facts;
}

static void facts_free(struct facts *facts)
{
    for (unsigned i = 0; i < facts->hot; i++)
        free(facts->paths[i]);
    for (unsigned i = 0; i < facts->quotas; i++)
        free(facts->quota[i].path);
    free(facts);
}

/* --- for people ---------------------------------------------------------------------------------------- */

static double percent(uint64_t part, uint64_t whole)
{
    return whole ? 100.0 * (double)part / (double)whole : 0;
}

static void write_duration(FILE *out, double ns)
{
    const char *unit = ns < 1e6 ? "µs" : ns < 1e9 ? "ms" : "s ";
    double number = ns / (ns < 1e6 ? 1e3 : ns < 1e9 ? 1e6 : 1e9);
    fprintf(out, " %7.*f %s", number < 10 ? 2 : number < 100 ? 1 : 0, number, unit);
}

static void write_uptime(FILE *out, double seconds)
{
    unsigned long minutes = (unsigned long)seconds / 60, hours = minutes / 60, days = hours / 24;
    if (days > 0)
        fprintf(out, "uptime       %lu d %lu h\n", days, hours % 24);
    else if (hours > 0)
        fprintf(out, "uptime       %lu h %lu min\n", hours, minutes % 60);
    else if (minutes > 0)
        fprintf(out, "uptime       %lu min %lu s\n", minutes, (unsigned long)seconds % 60);
    else
        fprintf(out, "uptime       %lu s\n", (unsigned long)seconds);
}

static void write_contents(const struct fs *fs, const struct facts *facts, FILE *out)
{
    const struct store_stats *store = &facts->store;
    char bytes[32], limit[32];
    size_format(store->bytes, bytes);
    size_format(store->limit_bytes, limit);
    fprintf(out, "store        %s\n", fs->options->store_url);
    write_uptime(out, facts->uptime_s);
    fprintf(out, "bytes        %s of %s (%.1f %%)\n", bytes, limit, percent(store->bytes, store->limit_bytes));
    if (store->limit_items)
        fprintf(out, "items        %" PRIu64 " of %" PRIu64 " (%.1f %%)\n", store->items, store->limit_items,
                percent(store->items, store->limit_items));
    else
        fprintf(out, "items        %" PRIu64 "\n", store->items);
    fprintf(out, "directories  %" PRIu64 "\n", store->directories);
}

static void write_usage(const struct facts *facts, FILE *out)
{
    const struct store_stats *store = &facts->store;
    const struct usage *usage = &facts->usage;
    fprintf(out, "hits         %" PRIu64 " (%.1f %%)\n", usage->hits,
            percent(usage->hits, usage->hits + usage->misses));
    fprintf(out, "misses       %" PRIu64 "\n", usage->misses);
    fprintf(out, "sets         %" PRIu64 "\n", store->sets);
    fprintf(out, "deletes      %" PRIu64 "\n", store->deletes);
    fprintf(out, "expired      %" PRIu64 "\n", store->expired);
    fprintf(out, "evicted      %" PRIu64 " (%s)\n", store->evicted, store_policy_name(store->policy));
    fprintf(out, "invalidated  %" PRIu64 "\n", store->invalidated);
    fprintf(out, "waits        %" PRIu64 "\n", store->waits);
    fprintf(out, "open         %u handles, %" PRIu64 " versions, %u nodes, %u names\n", facts->handles, store->pinned,
            facts->nodes, facts->names);
}

static void write_latencies(const struct facts *facts, FILE *out)
{
    fprintf(out, "\n%-12s %10s %10s %10s %10s %10s\n", "latency", "count", "mean", "p50", "p99", "p99.9");
    for (enum latency_operation i = 0; i < LATENCY_OPERATIONS; i++) {
        const struct histogram *histogram = &facts->latency[i];
        if (histogram->count == 0)
            continue;
        fprintf(out, "  %-10s %10" PRIu64, latency_name(i), histogram->count);
        write_duration(out, (double)histogram->sum_ns / (double)histogram->count);
        write_duration(out, (double)histogram_percentile_ns(histogram, 0.5));
        write_duration(out, (double)histogram_percentile_ns(histogram, 0.99));
        write_duration(out, (double)histogram_percentile_ns(histogram, 0.999));
        putc('\n', out);
    }
}

static bool usage_any(const struct usage *usage)
{
    return usage->hits || usage->misses || usage->sets || usage->deletes;
}

static void write_dirs(const struct facts *facts, FILE *out)
{
    if (facts->dirs == 0)
        return;
    fprintf(out, "\n%10s %10s %10s %10s %7s   directory\n", "hits", "misses", "sets", "deletes", "hit");
    for (unsigned i = 0; i < facts->dirs; i++) {
        const struct usage *usage = &facts->dir[i].usage;
        if (!usage_any(usage))
            continue;
        fprintf(out, "%10" PRIu64 " %10" PRIu64 " %10" PRIu64 " %10" PRIu64 " %5.1f %%   ", usage->hits, usage->misses,
                usage->sets, usage->deletes, percent(usage->hits, usage->hits + usage->misses));
        text_plain(out, facts->dir[i].name);
        putc('\n', out);
    }
}

static void write_limit(FILE *out, const char *used, const char *limit)
{
    fprintf(out, "%10s of %-9s ", used, limit);
}

static void write_quotas(const struct facts *facts, FILE *out)
{
    if (facts->quotas == 0)
        return;
    fprintf(out, "\n%10s    %-9s %10s    %-9s %-6s   below\n", "bytes", "limit", "items", "limit", "policy");
    for (unsigned i = 0; i < facts->quotas; i++) {
        const struct store_quota *quota = &facts->quota[i].is;
        char used[32], limit[32] = "-";
        size_format(quota->bytes, used);
        if (quota->limit_bytes)
            size_format(quota->limit_bytes, limit);
        write_limit(out, used, limit);
        snprintf(used, sizeof used, "%" PRIu64, quota->items);
        snprintf(limit, sizeof limit, "%" PRIu64, quota->limit_items);
        write_limit(out, used, quota->limit_items ? limit : "-");
        fprintf(out, "%-6s   ", store_policy_name(quota->has_policy ? quota->policy : facts->store.policy));
        text_plain(out, facts->quota[i].path);
        putc('\n', out);
    }
}

static void write_hot(const struct facts *facts, FILE *out)
{
    bool first = true;
    for (unsigned i = 0, shown = 0; i < facts->hot && shown < HOT_SHOWN; i++) {
        if (!facts->paths[i])
            continue;
        if (first)
            fprintf(out, "\n%10s %10s   entry\n", "of hits", "at least");
        first = false;
        const struct hotkey *key = &facts->hotkeys[i];
        fprintf(out, "%8.1f %% %8.1f %%   ", 100 * key->share, 100 * (key->share - key->error));
        text_plain(out, facts->paths[i]);
        putc('\n', out);
        shown++;
    }
}

void report_stats(struct fs *fs, FILE *out, bool names)
{
    struct facts *facts = gather(fs, names);
    if (!facts)
        return;
    write_contents(fs, facts, out);
    write_usage(facts, out);
    write_latencies(facts, out);
    write_dirs(facts, out);
    write_quotas(facts, out);
    write_hot(facts, out);
    facts_free(facts);
}

/* --- for programs -------------------------------------------------------------------------------------- */

static void json_numbers(const struct facts *facts, FILE *out)
{
    const struct store_stats *store = &facts->store;
    const struct {
        const char *name;
        uint64_t number;
    } rows[] = {
        {"uptime_s", (uint64_t)facts->uptime_s},
        {"bytes", store->bytes},
        {"limit_bytes", store->limit_bytes},
        {"items", store->items},
        {"limit_items", store->limit_items},
        {"directories", store->directories},
        {"hits", facts->usage.hits},
        {"misses", facts->usage.misses},
        {"sets", store->sets},
        {"deletes", store->deletes},
        {"expired", store->expired},
        {"evicted", store->evicted},
        {"invalidated", store->invalidated},
        {"waits", store->waits},
        {"pinned", store->pinned},
        {"warm", store->warm},
        {"warm_bytes", store->warm_bytes},
        {"reads", store->reads},
        {"handles", facts->handles},
        {"nodes", facts->nodes},
        {"names", facts->names},
        {"uptime_ms", (uint64_t)(facts->uptime_s * 1e3)},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        fprintf(out, "%s\"%s\":%" PRIu64, i ? "," : "{", rows[i].name, rows[i].number);
}

static void json_latencies(const struct facts *facts, FILE *out)
{
    const char *before = "{";
    fputs(",\"latency\":", out);
    for (enum latency_operation i = 0; i < LATENCY_OPERATIONS; i++) {
        const struct histogram *histogram = &facts->latency[i];
        unsigned end = LATENCY_BUCKETS;
        while (end > 0 && histogram->buckets[end - 1] == 0)
            end--;
        if (end == 0)
            continue;
        fprintf(out, "%s\"%s\":{\"count\":%" PRIu64 ",\"sum_ns\":%" PRIu64, before, latency_name(i), histogram->count,
                histogram->sum_ns);
        fprintf(out, ",\"p50_ns\":%" PRIu64 ",\"p99_ns\":%" PRIu64 ",\"p999_ns\":%" PRIu64 ",\"buckets\":[",
                histogram_percentile_ns(histogram, 0.5), histogram_percentile_ns(histogram, 0.99),
                histogram_percentile_ns(histogram, 0.999));
        for (unsigned bucket = 0; bucket < end; bucket++)
            fprintf(out, "%s%" PRIu64, bucket ? "," : "", histogram->buckets[bucket]);
        fputs("]}", out);
        before = ",";
    }
    fputs(*before == '{' ? "{}" : "}", out);
}

static void json_quotas(const struct facts *facts, FILE *out)
{
    fputs("},\"quotas\":{", out);
    for (unsigned i = 0; i < facts->quotas; i++) {
        const struct store_quota *quota = &facts->quota[i].is;
        fputs(i ? "," : "", out);
        text_json(out, facts->quota[i].path);
        fprintf(out,
                ":{\"bytes\":%" PRIu64 ",\"limit_bytes\":%" PRIu64 ",\"items\":%" PRIu64 ",\"limit_items\":%" PRIu64
                ",\"policy\":\"%s\"}",
                quota->bytes, quota->limit_bytes, quota->items, quota->limit_items,
                store_policy_name(quota->has_policy ? quota->policy : facts->store.policy));
    }
    putc('}', out);
}

static void json_names(const struct facts *facts, FILE *out)
{
    const char *before = "";
    fputs(",\"by_directory\":{", out);
    for (unsigned i = 0; i < facts->dirs; i++) {
        const struct usage *usage = &facts->dir[i].usage;
        fputs(before, out);
        text_json(out, facts->dir[i].name);
        fprintf(out, ":{\"hits\":%" PRIu64 ",\"misses\":%" PRIu64 ",\"sets\":%" PRIu64 ",\"deletes\":%" PRIu64 "}",
                usage->hits, usage->misses, usage->sets, usage->deletes);
        before = ",";
    }
    json_quotas(facts, out);
    before = "";
    fputs(",\"hot\":[", out);
    for (unsigned i = 0; i < facts->hot; i++) {
        if (!facts->paths[i])
            continue;
        fprintf(out, "%s{\"path\":", before);
        text_json(out, facts->paths[i]);
        fprintf(out, ",\"share\":%.4f,\"error\":%.4f}", facts->hotkeys[i].share, facts->hotkeys[i].error);
        before = ",";
    }
    putc(']', out);
}

void report_json(struct fs *fs, FILE *out, bool names)
{
    struct facts *facts = gather(fs, names);
    if (!facts)
        return;
    json_numbers(facts, out);
    fprintf(out, ",\"evicted_by\":{\"limit\":%" PRIu64 ",\"quota\":%" PRIu64 ",\"tag\":%" PRIu64 "}",
            facts->store.evicted - facts->store.evicted_for_quotas, facts->store.evicted_for_quotas,
            facts->store.invalidated);
    fprintf(out, ",\"policy\":\"%s\"", store_policy_name(facts->store.policy));
    fputs(",\"requests\":", out);
    requests_write(fs, out);
    json_latencies(facts, out);
    if (names)
        json_names(facts, out);
    fputs("}\n", out);
    facts_free(facts);
}

/* --- for Prometheus ------------------------------------------------------------------------------------- */

static void metric_begin(FILE *out, const char *name, const char *type, const char *help)
{
    fprintf(out, "# HELP larder_%s %s\n# TYPE larder_%s %s\n", name, help, name, type);
}

static void metric(FILE *out, const char *name, const char *type, const char *help, uint64_t number)
{
    metric_begin(out, name, type, help);
    fprintf(out, "larder_%s %" PRIu64 "\n", name, number);
}

static void metrics_of_store(const struct fs *fs, const struct facts *facts, FILE *out)
{
    const struct store_stats *store = &facts->store;
    metric_begin(out, "info", "gauge", "What runs, in labels; always 1.");
    fprintf(out, "larder_info{version=\"%s\",policy=\"%s\",transport=\"%s\"} 1\n", LARDER_VERSION,
            store_policy_name(store->policy), fs->transport);
    metric_begin(out, "start_time_seconds", "gauge", "When it was mounted, since the epoch.");
    fprintf(out, "larder_start_time_seconds %.3f\n", (double)fs->started_ns / 1e9);
    metric(out, "stored_bytes", "gauge", "What entries cost now: names, attributes and values.", store->bytes);
    metric(out, "limit_bytes", "gauge", "What they may cost.", store->limit_bytes);
    metric(out, "items", "gauge", "Files and links that are stored.", store->items);
    if (store->limit_items)
        metric(out, "limit_items", "gauge", "How many there may be.", store->limit_items);
    metric(out, "directories", "gauge", "Directories, without the root.", store->directories);
    metric(out, "hits_total", "counter", "Opens to read that got a value.", facts->usage.hits);
    metric(out, "misses_total", "counter", "Names that were looked for and not there.", facts->usage.misses);
    metric(out, "sets_total", "counter", "Values that were published.", store->sets);
    metric(out, "deletes_total", "counter", "Entries that were removed.", store->deletes);
    metric(out, "expired_total", "counter", "Entries whose lifetime ended.", store->expired);
    metric_begin(out, "evicted_total", "counter", "Entries that had to go, by what for.");
    fprintf(out, "larder_evicted_total{reason=\"limit\"} %" PRIu64 "\n", store->evicted - store->evicted_for_quotas);
    fprintf(out, "larder_evicted_total{reason=\"quota\"} %" PRIu64 "\n", store->evicted_for_quotas);
    fprintf(out, "larder_evicted_total{reason=\"tag\"} %" PRIu64 "\n", store->invalidated);
    metric(out, "waits_total", "counter", "Times a writer waited for room.", store->waits);
    metric(out, "store_reads_total", "counter", "Rows and pieces of values looked up in the store.", store->reads);
    metric(out, "pinned_versions", "gauge", "Versions that are in hand.", store->pinned);
    metric(out, "warm_versions", "gauge", "Versions that an open finds without the store.", store->warm);
    metric(out, "warm_bytes", "gauge", "The memory they take.", store->warm_bytes);
    metric(out, "open_handles", "gauge", "Files that are open.", facts->handles);
    metric(out, "nodes", "gauge", "Inodes that the kernel knows.", facts->nodes);
}

static void metrics_of_latency(const struct facts *facts, FILE *out)
{
    metric_begin(out, "request_duration_seconds", "histogram",
                 "From a request's arrival in the daemon to its answer, by operation; get is an open to read.");
    for (enum latency_operation i = 0; i < LATENCY_OPERATIONS; i++) {
        const struct histogram *histogram = &facts->latency[i];
        const char *name = latency_name(i);
        uint64_t below = 0;
        for (unsigned bucket = 0; bucket < LATENCY_BUCKETS - 1; bucket++) {
            below += histogram->buckets[bucket];
            if (bucket % LATENCY_STEPS == 0) /* an octave's end: enough for a graph, and a fourth of the lines */
                fprintf(out, "larder_request_duration_seconds_bucket{operation=\"%s\",le=\"%.9g\"} %" PRIu64 "\n", name,
                        (double)histogram_end_ns(bucket) / 1e9, below);
        }
        fprintf(out, "larder_request_duration_seconds_bucket{operation=\"%s\",le=\"+Inf\"} %" PRIu64 "\n", name,
                histogram->count);
        fprintf(out, "larder_request_duration_seconds_sum{operation=\"%s\"} %.9f\n", name,
                (double)histogram->sum_ns / 1e9);
        fprintf(out, "larder_request_duration_seconds_count{operation=\"%s\"} %" PRIu64 "\n", name, histogram->count);
    }
}

static void metrics_of_dirs(const struct facts *facts, FILE *out)
{
    static const struct {
        const char *name, *help;
        size_t offset;
    } kinds[] = {
        {"directory_hits_total", "Hits in each directory of the root.", offsetof(struct usage, hits)},
        {"directory_misses_total", "Misses, likewise.", offsetof(struct usage, misses)},
        {"directory_sets_total", "Sets, likewise.", offsetof(struct usage, sets)},
        {"directory_deletes_total", "Deletes, likewise.", offsetof(struct usage, deletes)},
    };
    for (size_t kind = 0; kind < sizeof kinds / sizeof *kinds; kind++) {
        metric_begin(out, kinds[kind].name, "counter", kinds[kind].help);
        for (unsigned i = 0; i < facts->dirs; i++) {
            uint64_t number;
            memcpy(&number, (const char *)&facts->dir[i].usage + kinds[kind].offset, sizeof number);
            fprintf(out, "larder_%s{directory=", kinds[kind].name);
            text_label(out, facts->dir[i].name);
            fprintf(out, "} %" PRIu64 "\n", number);
        }
    }
}

static void metrics_of_quotas(const struct facts *facts, FILE *out)
{
    static const struct {
        const char *name, *help;
        size_t offset;
        bool limits; /* left out where there is no limit */
    } kinds[] = {
        {"quota_stored_bytes", "What entries below a directory with limits cost.", offsetof(struct store_quota, bytes),
         false},
        {"quota_limit_bytes", "What they may cost.", offsetof(struct store_quota, limit_bytes), true},
        {"quota_items", "Files and links below it.", offsetof(struct store_quota, items), false},
        {"quota_limit_items", "How many there may be.", offsetof(struct store_quota, limit_items), true},
    };
    for (size_t kind = 0; kind < sizeof kinds / sizeof *kinds; kind++) {
        metric_begin(out, kinds[kind].name, "gauge", kinds[kind].help);
        for (unsigned i = 0; i < facts->quotas; i++) {
            uint64_t number;
            memcpy(&number, (const char *)&facts->quota[i].is + kinds[kind].offset, sizeof number);
            if (kinds[kind].limits && number == 0)
                continue;
            fprintf(out, "larder_%s{directory=", kinds[kind].name);
            text_label(out, facts->quota[i].path);
            fprintf(out, "} %" PRIu64 "\n", number);
        }
    }
}

static void metrics_of_hot(const struct facts *facts, FILE *out)
{
    metric_begin(out, "hot_key_ratio", "gauge", "The part of the hits of late that an entry had, of the most read.");
    for (unsigned i = 0, shown = 0; i < facts->hot && shown < HOT_SHOWN; i++) {
        if (!facts->paths[i])
            continue;
        fputs("larder_hot_key_ratio{key=", out);
        text_label(out, facts->paths[i]);
        fprintf(out, "} %.4f\n", facts->hotkeys[i].share);
        shown++;
    }
}

void report_metrics(struct fs *fs, FILE *out, bool names)
{
    struct facts *facts = gather(fs, names);
    if (!facts)
        return;
    metrics_of_store(fs, facts, out);
    metrics_of_latency(facts, out);
    if (names)
        metrics_of_dirs(facts, out);
    if (facts->quotas > 0)
        metrics_of_quotas(facts, out);
    if (facts->hot > 0)
        metrics_of_hot(facts, out);
    facts_free(facts);
}
