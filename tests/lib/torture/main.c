/* SPDX-License-Identifier: MIT */
/*
 * torture - does a reader ever see anything but one whole value?
 *
 * Processes write and read a handful of names in a directory at once, so that everybody is always in everybody's way:
 *
 *   writers   overwrite, write elsewhere and rename over, add, unlink, rename and exchange values, give them lifetimes
 *   fillers   write many other names, so that there is something to evict
 *   readers   read a name at once, in order or by pread
 *   holders   keep handles over many replacements, and read by instalments
 *   mappers   keep mappings likewise
 *
 * or, with --live, overwrite names, append lines to them and read them (live.c).
 *
 * value.h tells how a value shows that it is whole, names.h what else a reader can know, torture.h what may go wrong
 * and which kinds of jobs there are.
 */
#include "torture.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static const char usage[] = "Usage: torture [OPTION...] DIR SECONDS WRITERS READERS\n"
                            "\n"
                            "  --holders N, --mappers N, --fillers N   how many of these; 1 each\n"
                            "  --live             the live side, with --appenders N; 2\n"
                            "  --without KIND,... leaves jobs out, by the names that the counts at the end have\n"
                            "  --no-eviction      nothing is evicted: what nobody removes must be there\n"
                            "\n"
                            "Prints one line of counts. Exit status 0: no fault; 1: some; 2: bad usage.\n";

enum { HOLDERS = 1, MAPPERS, FILLERS, APPENDERS, LIVE, WITHOUT, NO_EVICTION, OPTIONS };

static const struct option options[] = {
    {"holders", required_argument, NULL, HOLDERS},
    {"mappers", required_argument, NULL, MAPPERS},
    {"fillers", required_argument, NULL, FILLERS},
    {"appenders", required_argument, NULL, APPENDERS},
    {"live", no_argument, NULL, LIVE},
    {"without", required_argument, NULL, WITHOUT},
    {"no-eviction", no_argument, NULL, NO_EVICTION},
    {0},
};

static int shared_new(void)
{
    struct timespec now;
    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return -1;
    memset(shared->wanted, true, sizeof(shared->wanted));
    clock_gettime(CLOCK_REALTIME, &now);
    shared->start_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
    shared->start_ns = monotonic_ns();
    return 0;
}

int main(int argc, char **argv)
{
    int numbers[OPTIONS] = {[HOLDERS] = 1, [MAPPERS] = 1, [FILLERS] = 1, [APPENDERS] = 2};
    if (shared_new()) {
        perror("torture");
        return 2;
    }
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        bool good = option != '?';
        if (option == WITHOUT)
            good = leave_out(optarg);
        else if (good)
            numbers[option] = optarg ? atoi(optarg) : 1;
        if (!good) {
            fputs(usage, stderr);
            return 2;
        }
    }
    char **arguments = argv + optind;
    int seconds = argc - optind == 4 ? atoi(arguments[1]) : 0, writers = seconds > 0 ? atoi(arguments[2]) : 0;
    if (writers <= 0 || writers > WORKERS_MAX) {
        fputs(usage, stderr);
        return 2;
    }
    if (chdir(arguments[0])) {
        perror(arguments[0]);
        return 2;
    }
    shared->no_eviction = numbers[NO_EVICTION];
    shared->writers = writers;
    int readers = atoi(arguments[3]);
    shared->end_ns = shared->start_ns + seconds * INT64_C(1000000000);

    const struct role roles[] = {
        {"writer", writers, writer_run},          {"filler", numbers[FILLERS], filler_run},
        {"reader", readers, reader_run},          {"holder", numbers[HOLDERS], holder_run},
        {"mapper", numbers[MAPPERS], mapper_run},
    };
    const struct role live_roles[] = {
        {"writer", writers, live_writer_run},
        {"appender", numbers[APPENDERS], appender_run},
        {"reader", readers, live_reader_run},
        {"follower", numbers[HOLDERS], follower_run},
    };
    if (numbers[LIVE]) {
        live_prepare();
        run_roles(live_roles, sizeof(live_roles) / sizeof(*live_roles));
    } else {
        run_roles(roles, sizeof(roles) / sizeof(*roles));
    }
    return !print_counts();
}
