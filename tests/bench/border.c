/* SPDX-License-Identifier: MIT */
/*
 * border.c - measures where the border between values in the row and values in chunks should lie, and how large a
 * chunk should be. What it prints stands in store/FORMAT.md, as the reason for ENTRY_INLINE_MAX and CHUNK_BYTES.
 *
 *     border DIR    makes and removes a store in DIR for each case; about two minutes and 1 GiB of disk
 *
 * Each figure is the median of RUNS runs on a new store each. Values are random bytes: compression does not help.
 */
#include "rocksdb/engine.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum {
    RUNS = 5,
    ENTRIES = 4000, /* in one directory; each is set twice, and got twice */
    LARGE_BYTES = 128 << 20,
    WRITE_BYTES = 128 << 10, /* as they come from the kernel */
    RANDOM_READS = 4000,
    APPENDS = 2000,
};

static uint8_t noise[2 << 20];

static double now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static void check(int result, const char *what)
{
    if (result == 0)
        return;
    fprintf(stderr, "border: %s: %s\n", what, strerror(-result));
    exit(3);
}

/* --- a store for one run ------------------------------------------------------------------------------- */

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status;
    (void)type;
    (void)place;
    return remove(path);
}

static struct engine *open_store(const char *path, uint32_t inline_max, uint32_t chunk_bytes)
{
    static const struct store_options options = {.limit_bytes = UINT64_C(8) << 30, .cache_bytes = 64 << 20};
    struct layout layout = {.inline_max = inline_max, .chunk_bytes = chunk_bytes};
    struct store_error error;
    struct engine *engine;
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    if (engine_open(path, &options, &layout, NULL, &engine, &error) == 0)
        return engine;
    fprintf(stderr, "border: %s\n", error.text);
    exit(3);
}

static void close_store(struct engine *engine, const char *path)
{
    engine_close(engine);
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void name_of(char name[16], unsigned number)
{
    snprintf(name, 16, "%08u", number);
}

static void set(struct engine *engine, const char *name, size_t size, unsigned seed)
{
    struct store_version *version;
    check(backend_rocksdb.stage(engine, STORE_ROOT, name, 0644, 0, 0, &version), "stage");
    check(backend_rocksdb.write(engine, version, noise + seed * 64 % (1 << 20), size, 0), "write");
    check(backend_rocksdb.publish(engine, version, STORE_ROOT, name, 0, 0), "publish");
    backend_rocksdb.unpin(engine, version);
}

static void get(struct engine *engine, const char *name, size_t size)
{
    static uint8_t buffer[1 << 20];
    struct store_version *version;
    size_t got;
    check(backend_rocksdb.pin(engine, STORE_ROOT, name, STORE_HIT, &version), "pin");
    check(backend_rocksdb.read(engine, version, buffer, size, 0, &got), "read");
    check(got == size ? 0 : -EIO, "short read");
    backend_rocksdb.unpin(engine, version);
}

static int count_one(void *arg, const char *name, const struct entry *entry)
{
    (void)name;
    (void)entry;
    ++*(unsigned *)arg;
    return 0;
}

/* --- medians ------------------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Of column `column` in rows of `width`. */
static double median(const double *figures, int width, int column)
{
    double sorted[RUNS];
    for (int i = 0; i < RUNS; i++)
        sorted[i] = figures[i * width + column];
    qsort(sorted, RUNS, sizeof *sorted, compare);
    return sorted[RUNS / 2];
}

/* --- small values -------------------------------------------------------------------------------------- */

enum { SMALL_FIGURES = 5 }; /* new, overwrite, get, lookup, list; microseconds each */

static void run_small(const char *path, size_t size, uint32_t inline_max, double *figures)
{
    struct engine *engine = open_store(path, inline_max, CHUNK_BYTES);
    char name[16];
    double started = now_us();
    for (int pass = 0; pass < 2; pass++) {
        for (unsigned i = 0; i < ENTRIES; i++) {
            name_of(name, i);
            set(engine, name, size, i);
        }
        figures[pass] = (now_us() - started) / ENTRIES;
        started = now_us();
    }
    for (unsigned i = 0; i < 2 * ENTRIES; i++) {
        name_of(name, i * 7919 % ENTRIES);
        get(engine, name, size);
    }
    figures[2] = (now_us() - started) / (2 * ENTRIES);
    started = now_us();
    for (unsigned i = 0; i < 2 * ENTRIES; i++) {
        struct entry entry;
        name_of(name, i * 7919 % ENTRIES);
        check(backend_rocksdb.lookup(engine, STORE_ROOT, name, &entry), "lookup");
        entry_release(&entry);
    }
    figures[3] = (now_us() - started) / (2 * ENTRIES);
    started = now_us();
    unsigned listed = 0;
    check(backend_rocksdb.list(engine, STORE_ROOT, NULL, count_one, &listed), "list");
    figures[4] = (now_us() - started) / listed;
    close_store(engine, path);
}

static void small_values(const char *path)
{
    static const size_t sizes[] = {100, 1 << 10, 2 << 10, 4 << 10, 8 << 10, 16 << 10, 32 << 10};
    printf("| value | where | set new | overwrite | get | lookup | list, an entry |\n|---|---|---|---|---|---|---|\n");
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int in_row = 1; in_row >= 0; in_row--) {
            double figures[RUNS * SMALL_FIGURES];
            for (int run = 0; run < RUNS; run++)
                run_small(path, sizes[i], in_row ? CHUNK_BYTES : 0, figures + run * SMALL_FIGURES);
            printf("| %zu | %s |", sizes[i], in_row ? "row" : "chunk");
            for (int column = 0; column < SMALL_FIGURES; column++)
                printf(" %.1f |", median(figures, SMALL_FIGURES, column));
            printf("\n");
            fflush(stdout);
        }
}

/* --- large values -------------------------------------------------------------------------------------- */

enum { LARGE_FIGURES = 5 }; /* write MB/s, read MB/s, random 4 KiB us, append us, set of 20 kB us */

static void run_large(const char *path, uint32_t chunk_bytes, double *figures)
{
    static uint8_t buffer[WRITE_BYTES];
    struct engine *engine = open_store(path, ENTRY_INLINE_MAX, chunk_bytes);
    struct store_version *version;
    char name[16];
    size_t got;
    double started = now_us();
    check(backend_rocksdb.stage(engine, STORE_ROOT, "large", 0644, 0, 0, &version), "stage");
    for (uint64_t at = 0; at < LARGE_BYTES; at += WRITE_BYTES)
        check(backend_rocksdb.write(engine, version, noise + at / 61 % (1 << 20), WRITE_BYTES, at), "write");
    check(backend_rocksdb.publish(engine, version, STORE_ROOT, "large", 0, 0), "publish");
    figures[0] = LARGE_BYTES / (now_us() - started);
    started = now_us();
    for (uint64_t at = 0; at < LARGE_BYTES; at += WRITE_BYTES)
        check(backend_rocksdb.read(engine, version, buffer, WRITE_BYTES, at, &got), "read");
    figures[1] = LARGE_BYTES / (now_us() - started);
    started = now_us();
    for (unsigned i = 0; i < RANDOM_READS; i++)
        check(backend_rocksdb.read(engine, version, buffer, 4096, i * UINT64_C(7919) % (LARGE_BYTES >> 12) << 12, &got),
              "read");
    figures[2] = (now_us() - started) / RANDOM_READS;
    backend_rocksdb.unpin(engine, version);

    set(engine, "log", 20000, 1);
    check(backend_rocksdb.pin(engine, STORE_ROOT, "log", 0, &version), "pin");
    started = now_us();
    for (unsigned i = 0; i < APPENDS; i++)
        check(backend_rocksdb.write(engine, version, noise, 100, STORE_AT_END), "append");
    figures[3] = (now_us() - started) / APPENDS;
    backend_rocksdb.unpin(engine, version);
    started = now_us();
    for (unsigned i = 0; i < ENTRIES; i++) {
        name_of(name, i);
        set(engine, name, 20000, i);
    }
    figures[4] = (now_us() - started) / ENTRIES;
    close_store(engine, path);
}

static void large_values(const char *path)
{
    printf("\n| chunk | write, MB/s | read, MB/s | read 4 KiB anywhere | append 100 bytes | set 20,000 bytes |\n"
           "|---|---|---|---|---|---|\n");
    for (uint32_t chunk_bytes = 16 << 10; chunk_bytes <= 1 << 20; chunk_bytes *= 2) {
        double figures[RUNS * LARGE_FIGURES];
        for (int run = 0; run < RUNS; run++)
            run_large(path, chunk_bytes, figures + run * LARGE_FIGURES);
        printf("| %u KiB |", (unsigned)(chunk_bytes >> 10));
        for (int column = 0; column < LARGE_FIGURES; column++)
            printf(" %.*f |", column < 2 ? 0 : 1, median(figures, LARGE_FIGURES, column));
        printf("\n");
        fflush(stdout);
    }
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: border DIR\n");
        return 2;
    }
    char path[4096];
    snprintf(path, sizeof path, "%s/border-store", argv[1]);
    uint32_t random = 1;
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (uint8_t)((random = random * 1664525u + 1013904223u) >> 24);
    small_values(path);
    large_values(path);
    return 0;
}
