/* SPDX-License-Identifier: MIT */
/*
 * options.h - what a mount runs with: `larder mount STORE MOUNTPOINT [-f] [-d] [-o key=value,...]` and a config=FILE of
 * the same key=value lines become one struct. Every option's unit, default and limits stand here.
 */
#ifndef LARDER_FS_OPTIONS_H
#define LARDER_FS_OPTIONS_H

#include "store.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

enum mount_transport { TRANSPORT_AUTO, TRANSPORT_URING, TRANSPORT_DEV };

struct mount_options {
    char *store_url; /* as given, a path made absolute; owned */
    char *mountpoint; /* absolute; owned */
    bool foreground; /* -f: stay, and log to stderr */
    bool debug; /* -d: print every FUSE message; implies -f */

    uint64_t size_bytes; /* size=: K, M, G, T are powers of 1024; default 1 GiB, or a tenth of the free disk below the
                                 store if that is less; at least 1 MiB */
    uint64_t items; /* items=: how many files there may be; default 0 = no limit */
    enum store_policy policy; /* policy=: default sieve */
    uint64_t ttl_ms; /* ttl=: lifetime of entries nobody gives one; default none */
    uint64_t min_free_bytes; /* min_free=: what is to stay free on the store's disk; default 0: what the store needs */
    uint64_t cache_bytes; /* cache=: memory for blocks read from disk; default 64 MiB, 1 MiB to 1 TiB */
    enum mount_transport transport; /* transport=: how requests come in; default auto, the best one to be had */
    unsigned spin_us; /* spin=: over /dev/fuse, how long at most to look for the next request before sleeping;
                                 default 20, 0 not at all, to 1000 */
    unsigned
        threads; /* threads=: how many requests may wait for something at once without holding up others; default 64,
                         2 to 1024 */
    bool sync; /* sync: an acknowledged set survives a crash of the machine; default off */
    bool recreate; /* recreate: a store that is damaged is thrown away and made anew; default off: it is refused */
    bool read_only; /* ro: the kernel refuses whatever writes */
    bool allow_other; /* allow_other: other users may enter, checked by modes as anywhere */
    bool nonempty; /* nonempty: hide what is in the mount point instead of refusing it */
    bool seccomp; /* system calls are confined, see confine.h */
    bool no_exec; /* noexec: the kernel runs no program from the mount */
    unsigned supervise; /* supervise[=N]: a supervisor starts a crashed daemon again, but not after N crashes within a
                           minute; 1 to 1000, 10 without a number; default 0: nobody does */

    pid_t supervisor; /* not an option: the supervisor of this daemon, 0 none */
    unsigned restarts; /* likewise: how often it has started one again */
};

/*
 * Reads the arguments behind the word "mount". Returns 0; -EINVAL with one sentence in `error` (bad usage), after which
 * `ret_options` needs no release.
 */
int mount_options_parse(int argc, char **argv, struct mount_options *ret_options, char *error, size_t error_size);

/* Frees what it owns and zeroes it. */
void mount_options_release(struct mount_options *options);

/* The directory of a store that is on disk, pointing into the URL; NULL for one that is not. */
const char *mount_options_store_dir(const struct mount_options *options);

/* Prints the options a person may choose, a line each, as --help shows them. */
void mount_options_help(FILE *out);

/* The keys mount_options_help() shows, one by one; NULL behind the last. */
const char *mount_options_key(size_t index);

#endif
