/* SPDX-License-Identifier: MIT */
/* mappers.c - the processes that keep mappings of values over many replacements. */
#include "names.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    MAPPINGS = 6, /* a mapper has at a time */
    KEEP_MAX_MS = 2000,
};

struct mapping {
    unsigned char *value; /* NULL: none */
    size_t size;
    int fd; /* -1: closed, as a mapping does without it */
    bool is_shared;
    struct sight sight;
    struct header header;
    int64_t until_ns;
};

static struct mapping mappings[MAPPINGS];
static sigjmp_buf at_fault;

static void on_sigbus(int number)
{
    (void)number;
    siglongjmp(at_fault, 1);
}

static const char *way(const struct mapping *mapping)
{
    return mapping->is_shared ? "shared" : "private";
}

/* What lies behind the value in its last page. */
static bool tail_is_zero(const struct mapping *mapping)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    for (size_t at = mapping->size; at % page; at++)
        if (mapping->value[at] != 0)
            return false;
    return true;
}

/* Looks at every page of a mapping: it shows one whole value, the one it showed the first time. */
static bool look(struct mapping *mapping)
{
    struct header header;
    char what[2 * NAME_SIZE];
    snprintf(what, sizeof(what), "%s (%s)", mapping->sight.name, way(mapping));
    if (sigsetjmp(at_fault, 1)) {
        report(SIGBUSES, "%s: of %zu bytes", what, mapping->size);
        return false;
    }
    if (!value_judge(what, mapping->value, mapping->size, SIZES, &header))
        return false;
    if (mapping->header.size == 0)
        mapping->header = header;
    else if (memcmp(&mapping->header, &header, sizeof(header)) != 0)
        report(CHANGED, "%s: another value of %zu bytes", what, mapping->size);
    if (tail_is_zero(mapping))
        return sight_judge(&mapping->sight, &header);
    report(TORN, "%s: something behind the end, at %zu", what, mapping->size);
    return false;
}

static void unmap(struct mapping *mapping)
{
    if (mapping->value && munmap(mapping->value, mapping->size))
        report_error("munmap", mapping->sight.name);
    if (mapping->fd >= 0)
        close(mapping->fd);
    mapping->value = NULL;
    mapping->fd = -1;
}

static void map(struct mapping *mapping)
{
    struct stat stat;
    *mapping = (struct mapping){.is_shared = below(2)};
    mapping->fd = sight_open(&mapping->sight);
    if (mapping->fd < 0)
        return;
    const char *name = mapping->sight.name;
    if (fstat(mapping->fd, &stat)) {
        report_error("fstat", name);
    } else if (stat.st_size == 0) {
        report(EMPTY, "%s: fstat says so", name);
    } else {
        int flags = mapping->is_shared ? MAP_SHARED : MAP_PRIVATE;
        mapping->size = (size_t)stat.st_size;
        mapping->value = mmap(NULL, mapping->size, PROT_READ, flags, mapping->fd, 0);
        if (mapping->value == MAP_FAILED) {
            mapping->value = NULL;
            report_error(mapping->is_shared ? "mmap (shared)" : "mmap (private)", name);
        }
    }
    if (!mapping->value || below(2)) {
        close(mapping->fd);
        mapping->fd = -1;
    }
    if (!mapping->value)
        return;
    count(MAP);
    mapping->until_ns = monotonic_ns() + (int64_t)below(1 + (KEEP_MAX_MS >> below(12))) * 1000000;
    if (below(4) && !look(mapping)) /* some are looked at for the first time later on */
        unmap(mapping);
}

static void map_or_look(void)
{
    struct mapping *mapping = &mappings[below(MAPPINGS)];
    if (!mapping->value) {
        map(mapping);
        return;
    }
    bool over = monotonic_ns() >= mapping->until_ns;
    if (!look(mapping) || over)
        unmap(mapping);
    else
        usleep(200); /* others should have the processor */
}

void mapper_run(void)
{
    struct sigaction action = {.sa_handler = on_sigbus};
    sigaction(SIGBUS, &action, NULL);
    for (int i = 0; i < MAPPINGS; i++)
        mappings[i].fd = -1;
    work(&(struct job){MAP, 1, map_or_look}, 1);
    for (int i = 0; i < MAPPINGS; i++)
        if (mappings[i].value) {
            look(&mappings[i]);
            unmap(&mappings[i]);
        }
}
