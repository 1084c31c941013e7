/* SPDX-License-Identifier: MIT */
/*
 * quota_load.c - many processes get, or set, for a while: quota_load get|set MS DIR...
 *
 * One process a DIR, each with KEYS values of SIZE bytes in it, which are made first. Prints how many operations a second
 * all of them did together; quotas.sh compares such numbers.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { KEYS = 100, SIZE = 200, PROCESSES_MAX = 64 };

static _Noreturn void stop(const char *what)
{
    fprintf(stderr, "quota_load: %s: %s\n", what, strerror(errno));
    _exit(1);
}

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void set(const char *name)
{
    char value[SIZE];
    memset(value, 'x', sizeof value);
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (fd < 0 || write(fd, value, sizeof value) != SIZE || close(fd) < 0)
        stop(name);
}

static void get(const char *name)
{
    char value[SIZE];
    int fd = open(name, O_RDONLY);
    if (fd < 0 || read(fd, value, sizeof value) != SIZE)
        stop(name);
    close(fd);
}

/* All keys in turn until the time is over; how many that were. */
static uint64_t work(bool gets, int64_t until_ns)
{
    uint64_t count = 0;
    for (; now_ns() < until_ns; count++) {
        char name[16];
        snprintf(name, sizeof name, "%d", (int)(count % KEYS));
        gets ? get(name) : set(name);
    }
    return count;
}

static void fill(void)
{
    for (int i = 0; i < KEYS; i++) {
        char name[16];
        snprintf(name, sizeof name, "%d", i);
        if (access(name, F_OK) < 0)
            set(name);
    }
}

int main(int argc, char **argv)
{
    int count = argc - 3;
    if (argc < 4 || count > PROCESSES_MAX)
        return 2;
    int64_t for_ns = strtoll(argv[2], NULL, 10) * 1000000;
    bool gets = strcmp(argv[1], "get") == 0;
    uint64_t *done =
        mmap(NULL, PROCESSES_MAX * sizeof *done, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int gate[2];
    if (done == MAP_FAILED || pipe(gate) < 0)
        stop("shared memory");
    for (int i = 0; i < count; i++) {
        if (fork() > 0)
            continue;
        char byte;
        if (chdir(argv[3 + i]) < 0)
            stop(argv[3 + i]);
        fill();
        done[i] = 1;
        close(gate[1]);
        (void)!read(gate[0], &byte, 1); /* until the parent closes its end */
        done[i] = work(gets, now_ns() + for_ns);
        _exit(0);
    }
    for (int i = 0; i < count; i++)
        while (!*(volatile uint64_t *)&done[i])
            usleep(1000);
    close(gate[0]);
    close(gate[1]);
    uint64_t sum = 0;
    int status, failed = 0;
    while (wait(&status) > 0)
        failed |= status;
    for (int i = 0; i < count; i++)
        sum += done[i];
    printf("%.0f\n", (double)sum * 1e9 / (double)for_ns);
    return failed != 0;
}
