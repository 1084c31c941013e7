/* SPDX-License-Identifier: MIT */
/*
 * torture.c - torture DIR SECONDS WRITERS READERS: does a reader ever see anything but one whole value?
 *
 * Processes write and read a handful of names in DIR at once, so that everybody is always in everybody's way:
 *
 *   writers   overwrite (open with O_TRUNC, several writes, close), write elsewhere and rename over, unlink, or add
 *             (O_EXCL), at random;
 *   readers   open a name and read it to the end in small pieces of odd sizes.
 *
 * A value tells whether it is whole: a header with its own size and a seed, then 0 to 200 KiB that follow from the seed.
 * So a reader finds a value cut off, one with a foreign or zeroed part, or one with something behind its end (torn), one
 * without even a header's first byte (empty, which no writer ever published), or a failing system call other than the
 * ENOENT that is a miss (error).
 *
 * Prints one line of counts. Exit status 0: none torn, empty or in error; 1: some; 2: bad usage.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    NAMES = 4,
    BODY_MAX = 200 << 10,
    PIECE_MAX = 13000, /* bytes a read; pieces of a write are up to four times as large */
    REPORTS_MAX = 10, /* faults described on stderr */
};

struct header {
    uint64_t magic, size, seed, check;
};
#define MAGIC UINT64_C(0x6c61726465722121)

/* Shared by all processes. */
struct counts {
    atomic_ulong sets, deletes, gets, misses, torn, empty, errors, reports;
};
static struct counts *counts;

struct random {
    uint64_t state;
};

static uint64_t random_next(struct random *random)
{
    uint64_t z = (random->state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static uint64_t random_below(struct random *random, uint64_t limit)
{
    return random_next(random) % limit;
}

/* Most values are small, as in a cache; each size up to the largest has its turn. */
static size_t random_size(struct random *random)
{
    return random_below(random, 1 + (BODY_MAX >> random_below(random, 12)));
}

static size_t value_make(unsigned char *value, size_t body_size, uint64_t seed)
{
    struct header header = {.magic = MAGIC, .size = sizeof(header) + body_size, .seed = seed};
    header.check = header.size ^ (seed * MAGIC);
    memcpy(value, &header, sizeof(header));
    struct random random = {seed};
    for (size_t i = 0; i < body_size; i += 8) {
        uint64_t word = random_next(&random);
        memcpy(value + sizeof(header) + i, &word, body_size - i < 8 ? body_size - i : 8);
    }
    return header.size;
}

__attribute__((format(printf, 2, 3))) static void report(atomic_ulong *count, const char *format, ...)
{
    atomic_fetch_add(count, 1);
    if (atomic_fetch_add(&counts->reports, 1) >= REPORTS_MAX)
        return;
    char line[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    fprintf(stderr, "%s\n", line);
}

static bool is_over(const struct timespec *end)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec > end->tv_sec || (now.tv_sec == end->tv_sec && now.tv_nsec >= end->tv_nsec);
}

static void report_error(const char *call, const char *name)
{
    report(&counts->errors, "%s %s: %s", call, name, strerror(errno));
}

/* --- writers ------------------------------------------------------------------------------------------- */

static bool write_pieces(int fd, const unsigned char *value, size_t size, struct random *random)
{
    for (size_t done = 0; done < size;) {
        size_t piece = 1 + random_below(random, 4 * PIECE_MAX);
        if (piece > size - done)
            piece = size - done;
        ssize_t written = write(fd, value + done, piece);
        if (written < 0)
            return false;
        done += (size_t)written;
    }
    return true;
}

/* Returns whether the value was written and published. */
static bool set(const char *name, int flags, const unsigned char *value, size_t size, struct random *random)
{
    int fd = open(name, O_WRONLY | O_CREAT | flags, 0644);
    if (fd < 0) {
        if (errno != EEXIST || !(flags & O_EXCL))
            report_error("open for writing", name);
        return false;
    }
    bool done = write_pieces(fd, value, size, random);
    if (!done)
        report_error("write", name);
    if (close(fd)) {
        report_error("close", name);
        done = false;
    }
    if (done)
        atomic_fetch_add(&counts->sets, 1);
    return done;
}

static void writer(int number, struct random *random, const struct timespec *end)
{
    static unsigned char value[sizeof(struct header) + BODY_MAX + 8];
    char name[32], own_name[32];
    snprintf(own_name, sizeof(own_name), "new-%d", number);
    while (!is_over(end)) {
        snprintf(name, sizeof(name), "value-%d", (int)random_below(random, NAMES));
        size_t size = value_make(value, random_size(random), random_next(random));
        unsigned what = (unsigned)random_below(random, 16);
        if (what < 9) {
            set(name, O_TRUNC, value, size, random);
        } else if (what < 12) {
            if (set(own_name, O_TRUNC, value, size, random) && rename(own_name, name))
                report_error("rename to", name);
        } else if (what < 14) {
            set(name, O_EXCL, value, size, random);
        } else if (unlink(name) == 0) {
            atomic_fetch_add(&counts->deletes, 1);
        } else if (errno != ENOENT) {
            report_error("unlink", name);
        }
    }
}

/* --- readers ------------------------------------------------------------------------------------------- */

/* Reads what there is, in odd pieces; one byte more than the largest value shows what lies behind an end. */
static ssize_t read_pieces(int fd, unsigned char *buffer, size_t room, struct random *random)
{
    size_t done = 0;
    while (done < room) {
        size_t piece = 1 + random_below(random, PIECE_MAX);
        ssize_t got = read(fd, buffer + done, piece < room - done ? piece : room - done);
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        done += (size_t)got;
    }
    return (ssize_t)done;
}

static void judge(const char *name, const unsigned char *value, size_t size)
{
    static unsigned char expected[sizeof(struct header) + BODY_MAX + 8];
    struct header header = {0};
    if (size == 0) {
        report(&counts->empty, "%s: empty", name);
        return;
    }
    memcpy(&header, value, size < sizeof(header) ? size : sizeof(header));
    if (size < sizeof(header) || header.magic != MAGIC || header.check != (header.size ^ (header.seed * MAGIC)) ||
        header.size < sizeof(header) || header.size > sizeof(header) + BODY_MAX) {
        report(&counts->torn, "%s: torn: %zu bytes without a whole header", name, size);
        return;
    }
    if (size != header.size) {
        report(&counts->torn, "%s: torn: %zu bytes of a value of %" PRIu64, name, size, header.size);
        return;
    }
    value_make(expected, size - sizeof(header), header.seed);
    if (memcmp(value, expected, size) == 0)
        return;
    size_t at = 0;
    while (value[at] == expected[at])
        at++;
    report(&counts->torn, "%s: torn: wrong from byte %zu of %zu on (there: %02x)", name, at, size, value[at]);
}

static void reader(struct random *random, const struct timespec *end)
{
    static unsigned char buffer[sizeof(struct header) + BODY_MAX + 1];
    char name[32];
    while (!is_over(end)) {
        snprintf(name, sizeof(name), "value-%d", (int)random_below(random, NAMES));
        int fd = open(name, O_RDONLY);
        if (fd < 0) {
            if (errno == ENOENT)
                atomic_fetch_add(&counts->misses, 1);
            else
                report_error("open", name);
            continue;
        }
        ssize_t size = read_pieces(fd, buffer, sizeof(buffer), random);
        if (size < 0)
            report_error("read", name);
        else
            judge(name, buffer, (size_t)size);
        atomic_fetch_add(&counts->gets, 1);
        close(fd);
    }
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "Usage: torture DIR SECONDS WRITERS READERS\n");
        return 2;
    }
    if (chdir(argv[1])) {
        perror(argv[1]);
        return 2;
    }
    int writers = atoi(argv[3]), readers = atoi(argv[4]);
    counts = mmap(NULL, sizeof(*counts), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (counts == MAP_FAILED)
        return 2;
    struct timespec end;
    clock_gettime(CLOCK_MONOTONIC, &end);
    uint64_t seed = (uint64_t)end.tv_nsec;
    end.tv_sec += atoi(argv[2]);

    for (int i = 0; i < writers + readers; i++) {
        pid_t pid = fork();
        if (pid < 0)
            return 2;
        if (pid > 0)
            continue;
        struct random random = {seed + (uint64_t)i * MAGIC};
        if (i < writers)
            writer(i, &random, &end);
        else
            reader(&random, &end);
        _exit(0);
    }
    for (int status; wait(&status) > 0;)
        if (status != 0)
            atomic_fetch_add(&counts->errors, 1);

    printf("%lu sets, %lu deletes, %lu gets, %lu misses: %lu torn, %lu empty, %lu errors\n", counts->sets,
           counts->deletes, counts->gets, counts->misses, counts->torn, counts->empty, counts->errors);
    return counts->torn + counts->empty + counts->errors > 0;
}
