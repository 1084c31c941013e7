/* SPDX-License-Identifier: MIT */
/*
 * barrier.c - `larder barrier PATH -n N`: waits until N have come, then all go on.
 *
 *     PATH/round.7/   1 2 3 ... N     who waits has one of them locked
 *
 * The one who locks the last makes round.8 and removes round.7, and that is what the others wait for. Whoever is killed
 * while it waits gives its place back. PATH itself is locked while a place is looked for.
 */
#include "arguments.h"
#include "hold.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    PLACES_MAX = 10000,
    PATIENCE_MS = 1000, /* for who looks for a place, also by who has no time to wait for others */
};

struct waiting {
    int dir; /* PATH */
    int place; /* the one that is locked */
    int64_t places;
    unsigned long round; /* which it waits in */
};

static void round_name(unsigned long round, char *name)
{
    snprintf(name, 32, "round.%lu", round);
}

static void remove_round(const struct waiting *waiting, unsigned long round)
{
    char name[32], place[64];
    round_name(round, name);
    for (int64_t i = 1; i <= waiting->places; i++) {
        snprintf(place, sizeof place, "%s/%d", name, (int)i);
        unlinkat(waiting->dir, place, AT_REMOVEDIR);
    }
    unlinkat(waiting->dir, name, AT_REMOVEDIR);
}

/* The newest round; those before, which somebody who was killed has left, are removed. */
static int find_round(struct waiting *waiting)
{
    unsigned long number, first = 0;
    const struct dirent *item;
    int fd = openat(waiting->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    if (!directory)
        return -errno;
    waiting->round = 0;
    while ((item = readdir(directory)))
        if (sscanf(item->d_name, "round.%lu", &number) == 1) {
            waiting->round = number > waiting->round ? number : waiting->round;
            first = first == 0 || number < first ? number : first;
        }
    closedir(directory);
    for (; first && first < waiting->round; first++)
        remove_round(waiting, first);
    waiting->round += waiting->round == 0;
    return 0;
}

/* Takes a place in the round. *ret_free: how many are left. */
static int take_place(struct waiting *waiting, int64_t *ret_free)
{
    char name[32], place[16];
    bool have = false;
    *ret_free = 0;
    round_name(waiting->round, name);
    int round = hold_open_dir(waiting->dir, name, false);
    if (round < 0)
        return round;
    for (int64_t i = 1; i <= waiting->places; i++) {
        snprintf(place, sizeof place, "%d", (int)i);
        int fd = hold_open_dir(round, place, false);
        if (fd < 0)
            return fd;
        bool got = hold_lock(fd, LOCK_EX, 0) == 0;
        if (got && !have) {
            have = true;
            waiting->place = fd;
        } else {
            *ret_free += got;
            close(fd);
        }
    }
    close(round);
    return have ? 0 : -EAGAIN;
}

/* Comes. 1 when it is the last one, and the others may go. */
static int come(struct waiting *waiting)
{
    char next[32];
    int64_t left = 0;
    int result = find_round(waiting);
    if (result == 0)
        result = take_place(waiting, &left);
    if (result < 0 || left > 0)
        return result;
    round_name(waiting->round + 1, next);
    if (mkdirat(waiting->dir, next, 0777) < 0 && errno != EEXIST)
        return -errno;
    remove_round(waiting, waiting->round);
    return 1;
}

/* 0: all have come; -EAGAIN not yet; -errno. */
static int look(const struct waiting *waiting)
{
    struct stat stat;
    char name[32];
    round_name(waiting->round, name);
    if (fstatat(waiting->dir, name, &stat, 0) == 0)
        return -EAGAIN;
    return errno == ENOENT ? 0 : -errno;
}

/* Gives the place back, unless it was counted on meanwhile. */
static int give_up(const struct waiting *waiting)
{
    int result = hold_lock(waiting->dir, LOCK_EX, hold_until(PATIENCE_MS));
    if (result == 0)
        result = look(waiting);
    close(waiting->place);
    return result;
}

static int wait_for_others(const struct waiting *waiting, int64_t until_ns)
{
    const struct timespec pause = {0, 5000000};
    int result;
    while ((result = look(waiting)) == -EAGAIN && !hold_is_over(until_ns))
        nanosleep(&pause, NULL);
    return result == -EAGAIN ? give_up(waiting) : result;
}

static int run(int argc, char **argv)
{
    struct waiting waiting = {0};
    const char *timeout = NULL, *places = NULL;
    uint64_t timeout_ms = UINT64_MAX;
    int words;
    const struct argument table[] = {{"--number", 'n', NULL, &places}, {"--timeout", 0, NULL, &timeout}, {NULL}};

    int code = arguments_parse(&command_barrier, argc, argv, table, 1, 1, &words, NULL);
    if (code == COMMAND_DONE)
        code = arguments_number("-n", places, 1, &waiting.places);
    if (code == COMMAND_DONE && (waiting.places == 0 || waiting.places > PLACES_MAX))
        code = arguments_fail(&command_barrier, "-n must say how many, up to %d", PLACES_MAX);
    if (code == COMMAND_DONE)
        code = arguments_timeout(timeout, &timeout_ms);
    if (code == COMMAND_DONE)
        code = hold_open_path(argv[0], false, &waiting.dir);
    if (code != COMMAND_DONE)
        return code;
    int64_t until_ns = hold_until(timeout_ms);
    int result = hold_lock(waiting.dir, LOCK_EX, hold_until(timeout_ms > PATIENCE_MS ? timeout_ms : PATIENCE_MS));
    if (result == 0)
        result = come(&waiting);
    flock(waiting.dir, LOCK_UN);
    if (result == 0)
        result = wait_for_others(&waiting, until_ns);
    if (result == -EAGAIN)
        return COMMAND_MISS;
    if (result < 0)
        return command_fail(COMMAND_FAILED, "%s: cannot be waited at: %s", argv[0], strerror(-result));
    return COMMAND_DONE;
}

const struct command command_barrier = {
    .name = "barrier",
    .arguments = "PATH -n N [--timeout T]",
    .summary = "wait until N have come, then all go on",
    .details = "  PATH             a directory in a larder, made when it is not there\n"
               "  -n, --number N   how many; the same for all who come\n"
               "  --timeout T      exit 1 when they have not come within that: 250ms, 10s, 5m\n",
    .run = run,
};
