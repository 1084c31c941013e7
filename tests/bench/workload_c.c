/* SPDX-License-Identifier: MIT */
/*
 * workload_c.c - workload C: one large file, and one directory of many files.
 *
 *     workload_c stream DIR OUT BYTES [cold]   writes a file in blocks of 1 MiB, then reads it cold and warm
 *     workload_c list DIR OUT FILES [cold]     makes empty files, then lists them with ls -f and ls -l
 *
 * What is timed in a stream is each block; the operations are "write" (from open to close), "write, flushed" (and
 * fsync, in one sample), "read cold" and "read warm". Of a listing it is each run of ls as a whole, with what it prints
 * going nowhere: "ls -f", LIST_RUNS times, and "ls -l", of names and attributes that the kernel has forgotten, and
 * "create", each file that is made. Without "cold" nothing is dropped: then "read cold" is left out, and the lists are
 * what they are. Samples go to OUT in the form that samples.py reads.
 */
#include "parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BLOCK = 1 << 20, LIST_RUNS = 3 };

static uint64_t block[BLOCK / sizeof(uint64_t)];

/* --- a stream ------------------------------------------------------------------------------------------ */

/* Noise, so that compression is of no help, and the number of the block in front, so that one can be told. */
static void block_make(void)
{
    uint64_t random = 1;
    for (size_t i = 0; i < BLOCK / sizeof *block; i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        block[i] = random;
    }
}

static void stream_write(struct samples *samples, size_t blocks)
{
    samples_begin(samples);
    int fd = open("large", O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (fd < 0)
        stop("large");
    for (size_t i = 0; i < blocks; i++) {
        block[0] = i;
        uint64_t started = clock_now();
        if (write(fd, block, BLOCK) != BLOCK)
            stop("write");
        samples_add(samples, started);
    }
    if (close(fd) != 0)
        stop("close");
    samples_end(samples);
}

/* What was written is on the disk; counted from the beginning of the writing. */
static void stream_flush(struct samples *samples, uint64_t started_ns)
{
    samples_begin(samples);
    int fd = open("large", O_RDONLY);
    if (fd < 0 || fsync(fd) != 0)
        stop("fsync");
    close(fd);
    samples->start_ns = started_ns;
    samples_add(samples, started_ns);
    samples_end(samples);
}

/* Returns false at a short read. A block that is another than the one written counts as wrong. */
static bool block_read(struct samples *samples, int fd, uint64_t *buffer, size_t number)
{
    size_t got = 0;
    ssize_t more = 1;
    uint64_t started = clock_now();
    while (got < BLOCK && (more = read(fd, (char *)buffer + got, BLOCK - got)) > 0)
        got += (size_t)more;
    samples_add(samples, started);
    size_t last = BLOCK / sizeof *block - 1;
    samples->wrong += got != BLOCK || buffer[0] != number || buffer[last] != block[last];
    return more > 0;
}

static void stream_read(struct samples *samples, size_t blocks, uint64_t *buffer)
{
    samples_begin(samples);
    int fd = open("large", O_RDONLY);
    if (fd < 0)
        stop("large");
    for (size_t i = 0; i < blocks && block_read(samples, fd, buffer, i); i++)
        ;
    close(fd);
    samples_end(samples);
    samples->failed += blocks - samples->count;
}

static void stream(const char *out, uint64_t bytes, bool cold)
{
    struct samples samples;
    size_t blocks = bytes / BLOCK ? bytes / BLOCK : 1;
    uint64_t *buffer = malloc(BLOCK);
    if (!buffer)
        stop("memory");
    memset(buffer, 1, BLOCK);
    block_make();
    samples_init(&samples, blocks);
    stream_write(&samples, blocks);
    samples_write(&samples, out, "write", 0);
    stream_flush(&samples, samples.start_ns);
    samples_write(&samples, out, "write, flushed", 0);
    if (cold)
        caches_drop();
    stream_read(&samples, blocks, buffer);
    if (cold)
        samples_write(&samples, out, "read cold", 0);
    stream_read(&samples, blocks, buffer);
    samples_write(&samples, out, "read warm", 0);
    samples_release(&samples);
    free(buffer);
}

/* --- listing ------------------------------------------------------------------------------------------- */

static void create_files(struct samples *samples, size_t files)
{
    if (mkdir("many", 0755) != 0 || chdir("many") != 0)
        stop("many");
    samples_begin(samples);
    for (size_t i = 0; i < files; i++) {
        char name[32];
        snprintf(name, sizeof name, "entry-%07zu", i);
        uint64_t started = clock_now();
        int fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0644);
        if (fd < 0 || close(fd) != 0)
            stop("%s", name);
        samples_add(samples, started);
    }
    samples_end(samples);
    if (chdir("..") != 0)
        stop("chdir");
}

/* How many lines a run of ls prints. */
static size_t count_lines(const char *how)
{
    char command[64], buffer[65536];
    size_t lines = 0, got;
    snprintf(command, sizeof command, "ls %s many", how);
    FILE *list = popen(command, "r");
    if (!list)
        stop("ls");
    while ((got = fread(buffer, 1, sizeof buffer, list)) > 0)
        for (size_t i = 0; i < got; i++)
            lines += buffer[i] == '\n';
    return pclose(list) == 0 ? lines : 0;
}

/* One run of ls. */
static void list(struct samples *samples, const char *how)
{
    char command[64];
    snprintf(command, sizeof command, "exec ls %s many >/dev/null", how);
    uint64_t started = clock_now();
    int status = system(command);
    samples_add(samples, started);
    samples->failed += status != 0;
}

static void list_again(struct samples *samples, const char *how, int runs, bool cold)
{
    uint64_t sum_ns = 0;
    samples_begin(samples);
    for (int i = 0; i < runs; i++) {
        if (cold)
            caches_drop();
        list(samples, how);
        sum_ns += samples->times_ns[i];
    }
    samples->end_ns = samples->start_ns + sum_ns; /* dropping is no part of it */
}

static void many(const char *out, size_t files, bool cold)
{
    struct samples samples;
    samples_init(&samples, files > LIST_RUNS ? files : LIST_RUNS);
    create_files(&samples, files);
    samples_write(&samples, out, "create", 0);
    list_again(&samples, "-f", LIST_RUNS, cold);
    samples.wrong = count_lines("-f") != files + 2; /* "." and ".." with it */
    samples_write(&samples, out, "ls -f", 0);
    list_again(&samples, "-l", 1, cold);
    samples_write(&samples, out, "ls -l", 0);
    samples_release(&samples);
}

int main(int argc, char **argv)
{
    bool is_stream = argc > 1 && strcmp(argv[1], "stream") == 0, is_list = argc > 1 && strcmp(argv[1], "list") == 0;
    if (argc < 5 || argc > 6 || !(is_stream || is_list)) {
        fprintf(stderr, "usage: workload_c stream DIR OUT BYTES [cold]\n"
                        "       workload_c list DIR OUT FILES [cold]\n");
        return 2;
    }
    if (chdir(argv[2]) != 0)
        stop("%s", argv[2]);
    if (is_stream)
        stream(argv[3], strtoull(argv[4], NULL, 10), argc == 6);
    else
        many(argv[3], strtoull(argv[4], NULL, 10), argc == 6);
    return 0;
}
