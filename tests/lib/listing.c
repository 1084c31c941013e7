/* SPDX-License-Identifier: MIT */
/*
 * listing.c - what readdir promises, on an empty directory DIR:
 *
 *   listing stable DIR NAMES SECONDS   NAMES entries stay while other processes create, rename and remove names all
 *                                      around them: every listing shows each of the NAMES exactly once, and nothing
 *                                      that never was
 *   listing positions DIR NAMES        telldir, seekdir and rewinddir lead back to where they should, also when the
 *                                      entry at the position is gone
 *   listing remove DIR NAMES           what a program removes as it reads along is all there is
 *
 * Exit status 0, or 1 with a sentence on stderr.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

__attribute__((noreturn, format(printf, 1, 2))) static void fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "listing: ");
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "\n");
    va_end(arguments);
    exit(1);
}

static void create(const char *name)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (fd < 0 || write(fd, "x", 1) != 1 || close(fd))
        fail("create %s: %s", name, strerror(errno));
}

static void create_names(int names)
{
    char name[32];
    for (int i = 0; i < names; i++) {
        snprintf(name, sizeof(name), "keep-%06d", i);
        create(name);
    }
}

static DIR *open_here(void)
{
    DIR *dir = opendir(".");
    if (!dir)
        fail("opendir: %s", strerror(errno));
    return dir;
}

/* NULL at the end. */
static const char *next(DIR *dir)
{
    errno = 0;
    struct dirent *entry = readdir(dir);
    if (!entry && errno)
        fail("readdir: %s", strerror(errno));
    return entry ? entry->d_name : NULL;
}

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* --- stable -------------------------------------------------------------------------------------------- */

/* Until killed: names that sort before, between and behind the ones that stay come, move and go. */
static void churn(int number, int names)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    char name[48], other[48];
    unsigned seed = (unsigned)number;
    for (unsigned round = 0;; round++) {
        static const char *const forms[] = {"aside-%d-%06d", "keep-%2$06d-%1$d", "zone-%d-%06d"};
        int at = rand_r(&seed) % names;
        snprintf(name, sizeof(name), forms[round % 3], number, at);
        snprintf(other, sizeof(other), forms[(round + 1) % 3], number, at);
        create(name);
        if (round % 4 == 0) {
            if (rename(name, other))
                fail("rename %s: %s", name, strerror(errno));
            memcpy(name, other, sizeof(name));
        }
        if (round % 8 != 7 && unlink(name))
            fail("unlink %s: %s", name, strerror(errno));
    }
}

struct seen {
    int names;
    unsigned char *times;
    int dots;
};

static void see(struct seen *seen, const char *name)
{
    int at, length = 0;
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
        seen->dots++;
    } else if (sscanf(name, "keep-%6d%n", &at, &length) == 1 && name[length] == '\0') {
        if (at < 0 || at >= seen->names)
            fail("%s never was", name);
        if (seen->times[at]++)
            fail("%s was listed twice", name);
    } else if (strncmp(name, "aside-", 6) != 0 && strncmp(name, "zone-", 5) != 0 &&
               (length == 0 || name[length] != '-')) {
        fail("%s never was", name);
    }
}

static void see_all(struct seen *seen)
{
    DIR *dir = open_here();
    for (const char *name; (name = next(dir));)
        see(seen, name);
    closedir(dir);
}

/* The same with a buffer that holds a handful of names, so that the listing is resumed as often as can be. */
static void see_all_bit_by_bit(struct seen *seen)
{
    struct record {
        ino64_t ino;
        off64_t off;
        unsigned short size;
        unsigned char type;
        char name[];
    };
    _Alignas(struct record) char buffer[320];
    int fd = open(".", O_RDONLY | O_DIRECTORY);
    long got;
    while ((got = syscall(SYS_getdents64, fd, buffer, sizeof(buffer))) > 0) {
        for (long at = 0; at < got;) {
            const struct record *record = (const struct record *)(buffer + at);
            see(seen, record->name);
            at += record->size;
        }
    }
    if (got < 0)
        fail("getdents64: %s", strerror(errno));
    close(fd);
}

static void stable(int names, double seconds)
{
    create_names(names);
    pid_t churners[3];
    for (int i = 0; i < 3; i++) {
        churners[i] = fork();
        if (churners[i] == 0)
            churn(i, names);
    }
    double end = seconds_now() + seconds;
    int rounds = 0;
    for (; rounds < 2 || seconds_now() < end; rounds++) {
        struct seen seen = {names, calloc((size_t)names, 1), 0};
        if (rounds % 2)
            see_all_bit_by_bit(&seen);
        else
            see_all(&seen);
        for (int i = 0; i < names; i++)
            if (seen.times[i] != 1)
                fail("keep-%06d was not listed", i);
        if (seen.dots != 2)
            fail(". and .. were listed %d times", seen.dots);
        free(seen.times);
    }
    for (int i = 0; i < 3; i++) {
        int status;
        if (waitpid(churners[i], &status, WNOHANG) != 0)
            fail("a process that creates and removes names failed");
        kill(churners[i], SIGKILL);
        waitpid(churners[i], &status, 0);
    }
    printf("%d listings of %d names\n", rounds, names);
}

/* --- positions ----------------------------------------------------------------------------------------- */

static void positions(int names)
{
    create_names(names);
    int count = names + 2;
    long *places = calloc((size_t)count + 1, sizeof(*places));
    char(*listed)[256] = calloc((size_t)count, sizeof(*listed));
    DIR *dir = open_here();
    for (int i = 0; i < count; i++) {
        places[i] = telldir(dir);
        const char *name = next(dir);
        if (!name)
            fail("the listing ends after %d of %d names", i, count);
        snprintf(listed[i], sizeof(listed[i]), "%s", name);
    }
    if (next(dir))
        fail("the listing goes on behind its end");

    unsigned seed = 1;
    for (int i = 0; i < 500; i++) {
        int at = rand_r(&seed) % count;
        seekdir(dir, places[at]);
        for (int j = at; j < count && j < at + 3; j++) {
            const char *name = next(dir);
            if (!name || strcmp(name, listed[j]) != 0)
                fail("seekdir to the place of %s led to %s", listed[j], name ? name : "the end");
        }
    }

    /* The entry at a place goes: the place leads to the one behind it. Dots are not to be removed. */
    for (int i = 0; i < 50; i++) {
        int at = rand_r(&seed) % (count - 1);
        if (listed[at][0] == '.' || listed[at][0] == '\0' || listed[at + 1][0] == '\0')
            continue;
        if (unlink(listed[at]))
            fail("unlink %s: %s", listed[at], strerror(errno));
        listed[at][0] = '\0';
        seekdir(dir, places[at]);
        const char *name = next(dir);
        if (!name || strcmp(name, listed[at + 1]) != 0)
            fail("behind a removed entry: expected %s, got %s", listed[at + 1], name ? name : "the end");
    }

    create("new");
    rewinddir(dir);
    bool found = false;
    for (const char *name; (name = next(dir));)
        found = found || strcmp(name, "new") == 0;
    if (!found)
        fail("rewinddir does not show what was created since");
    closedir(dir);
    free(places);
    free(listed);
}

/* --- remove -------------------------------------------------------------------------------------------- */

static void remove_along(int names)
{
    create_names(names);
    DIR *dir = open_here();
    int removed = 0;
    for (const char *name; (name = next(dir));) {
        if (name[0] == '.')
            continue;
        if (unlink(name))
            fail("unlink %s: %s", name, strerror(errno));
        removed++;
    }
    closedir(dir);
    if (removed != names)
        fail("%d of %d names were listed", removed, names);
    dir = open_here();
    for (const char *name; (name = next(dir));)
        if (name[0] != '.')
            fail("%s is left", name);
    closedir(dir);
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr, "Usage: listing stable DIR NAMES SECONDS | positions DIR NAMES | remove DIR NAMES\n");
        return 2;
    }
    if (chdir(argv[2]))
        fail("%s: %s", argv[2], strerror(errno));
    int names = atoi(argv[3]);
    if (strcmp(argv[1], "stable") == 0 && argc == 5)
        stable(names, atof(argv[4]));
    else if (strcmp(argv[1], "positions") == 0)
        positions(names);
    else if (strcmp(argv[1], "remove") == 0)
        remove_along(names);
    else
        return 2;
    return 0;
}
