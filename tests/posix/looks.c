/* SPDX-License-Identifier: MIT */
/*
 * looks.c - what scripts see of the file system: see script.h. Each looks at a symbolic link itself. Where a PATH is
 * asked for, "fd:A" is the descriptor A.
 */
#include "script.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

static int look(const char *path, struct stat *stat)
{
    if (strncmp(path, "fd:", 3) == 0)
        return fstat(*descriptor(path + 3), stat) < 0 ? errno : 0;
    return lstat(path, stat) < 0 ? errno : 0;
}

static int equal(const char *path, const char *what, long long expected, long long got)
{
    return expected == got ? 0 : mismatch("%s of %s: %lld (%#llo), not %lld", what, path, got, got, expected);
}

/* look PATH: it is there */
static int do_look(int argc, char **argv)
{
    (void)argc;
    struct stat stat;
    return look(argv[1], &stat);
}

/* stat PATH: as look, but follows links */
static int do_stat(int argc, char **argv)
{
    (void)argc;
    struct stat at;
    return stat(argv[1], &at) < 0 ? errno : 0;
}

/* gone PATH...: nothing is there */
static int do_gone(int argc, char **argv)
{
    struct stat stat;
    for (int i = 1; i < argc; i++)
        if (look(argv[i], &stat) != ENOENT)
            return mismatch("%s is still there", argv[i]);
    return 0;
}

/* mode PATH MODE: all of its bits but the kind */
static int do_mode(int argc, char **argv)
{
    (void)argc;
    struct stat stat;
    int result = look(argv[1], &stat);
    return result ? result : equal(argv[1], "mode", number(argv[2]), stat.st_mode & 07777);
}

/* kind PATH S_IFDIR */
static int do_kind(int argc, char **argv)
{
    (void)argc;
    struct stat stat;
    int result = look(argv[1], &stat);
    return result ? result : equal(argv[1], "kind", number(argv[2]), stat.st_mode & S_IFMT);
}

/* owner PATH UID GID */
static int do_owner(int argc, char **argv)
{
    (void)argc;
    struct stat stat;
    int result = look(argv[1], &stat);
    if (result == 0)
        result = equal(argv[1], "owner", number(argv[2]), stat.st_uid);
    return result ? result : equal(argv[1], "group", number(argv[3]), stat.st_gid);
}

/* size PATH BYTES */
static int do_size(int argc, char **argv)
{
    (void)argc;
    struct stat stat;
    int result = look(argv[1], &stat);
    return result ? result : equal(argv[1], "size", number(argv[2]), stat.st_size);
}

/* links PATH COUNT */
static int do_links(int argc, char **argv)
{
    (void)argc;
    struct stat stat;
    int result = look(argv[1], &stat);
    return result ? result : equal(argv[1], "links", number(argv[2]), (long long)stat.st_nlink);
}

/* atime PATH NS, mtime PATH NS: since 1970 */
static int do_atime(int argc, char **argv)
{
    (void)argc;
    struct stat stat;
    int result = look(argv[1], &stat);
    return result ? result
                  : equal(argv[1], "atime", number(argv[2]), stat.st_atim.tv_sec * 1000000000 + stat.st_atim.tv_nsec);
}

static int do_mtime(int argc, char **argv)
{
    (void)argc;
    struct stat stat;
    int result = look(argv[1], &stat);
    return result ? result
                  : equal(argv[1], "mtime", number(argv[2]), stat.st_mtim.tv_sec * 1000000000 + stat.st_mtim.tv_nsec);
}

/* holds PATH TEXT: what opening and reading gives, links followed */
static int do_holds(int argc, char **argv)
{
    (void)argc;
    char got[16384];
    int fd = open(argv[1], O_RDONLY);
    if (fd < 0)
        return errno;
    ssize_t size = read(fd, got, sizeof got);
    int result = size < 0 ? errno : 0;
    close(fd);
    if (result == 0 && ((size_t)size != strlen(argv[2]) || memcmp(got, argv[2], (size_t)size) != 0))
        result = mismatch("%s holds '%.*s', not '%s'", argv[1], (int)size, got, argv[2]);
    return result;
}

/* readlink PATH [TARGET] */
static int do_readlink(int argc, char **argv)
{
    char got[8192];
    ssize_t size = readlink(argv[1], got, sizeof got - 1);
    if (size < 0)
        return errno;
    got[size] = '\0';
    if (argc > 2 && strcmp(got, argv[2]) != 0)
        return mismatch("%s leads to '%s', not '%s'", argv[1], got, argv[2]);
    return 0;
}

/* xattr PATH NAME [VALUE] */
static int do_xattr(int argc, char **argv)
{
    char got[65536];
    ssize_t size = lgetxattr(argv[1], argv[2], got, sizeof got);
    if (size < 0)
        return errno;
    if (argc > 3 && ((size_t)size != strlen(argv[3]) || memcmp(got, argv[3], (size_t)size) != 0))
        return mismatch("%s of %s is '%.*s', not '%s'", argv[2], argv[1], (int)size, got, argv[3]);
    return 0;
}

static int by_name(const struct dirent **one, const struct dirent **other)
{
    return strcmp((*one)->d_name, (*other)->d_name);
}

static int no_dots(const struct dirent *entry)
{
    return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

/* lists PATH NAMES: with commas in between, sorted; "" when it is empty */
static int do_lists(int argc, char **argv)
{
    (void)argc;
    struct dirent **entries;
    char got[8192] = "";
    int count = scandir(argv[1], &entries, no_dots, by_name);
    if (count < 0)
        return errno;
    for (int i = 0; i < count; i++) {
        if (i > 0)
            strncat(got, ",", sizeof got - strlen(got) - 1);
        strncat(got, entries[i]->d_name, sizeof got - strlen(got) - 1);
        free(entries[i]);
    }
    free(entries);
    return strcmp(got, argv[2]) == 0 ? 0 : mismatch("%s lists '%s', not '%s'", argv[1], got, argv[2]);
}

/* --- compared with before ------------------------------------------------------------------------------------- */

/* What "note" has seen, by the name under which the row calls it. */
static struct note {
    char path[64];
    struct stat stat;
} notes[8];
static unsigned noted;

static const struct note *find_note(const char *path)
{
    for (unsigned i = noted; i-- > 0;)
        if (strcmp(notes[i].path, path) == 0)
            return &notes[i];
    fprintf(stderr, "posix: %s was not noted\n", path);
    abort();
}

/* Waits until the clock has moved that file systems of the kernel's stamp their files with. */
static void wait_for_tick(void)
{
    struct timespec first, now;
    clock_gettime(CLOCK_REALTIME_COARSE, &first);
    do {
        usleep(500);
        clock_gettime(CLOCK_REALTIME_COARSE, &now);
    } while (now.tv_sec == first.tv_sec && now.tv_nsec == first.tv_nsec);
}

/* note PATH...: remembers what stat says of each; what comes afterwards is later, by every clock */
static int do_note(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        struct note *note = &notes[noted++ % COUNT(notes)];
        int result = look(argv[i], &note->stat);
        if (result)
            return result;
        snprintf(note->path, sizeof note->path, "%s", argv[i]);
    }
    wait_for_tick();
    return 0;
}

static int moved(const struct timespec *before, const struct timespec *after)
{
    return after->tv_sec != before->tv_sec     ? after->tv_sec > before->tv_sec ? 1 : -1
           : after->tv_nsec != before->tv_nsec ? after->tv_nsec > before->tv_nsec ? 1 : -1
                                               : 0;
}

/* moved PATH TIMES [NOW]: of atime, mtime and ctime exactly those of TIMES (of "amc"; "-" none) are later than when
 * PATH was noted. NOW: where it is by now. */
static int do_moved(int argc, char **argv)
{
    const struct note *note = find_note(argv[1]);
    struct stat now;
    int result = look(argv[argc > 3 ? 3 : 1], &now);
    if (result)
        return result;
    const int times[] = {moved(&note->stat.st_atim, &now.st_atim), moved(&note->stat.st_mtim, &now.st_mtim),
                         moved(&note->stat.st_ctim, &now.st_ctim)};
    for (size_t i = 0; i < COUNT(times); i++)
        if (times[i] != (strchr(argv[2], "amc"[i]) != NULL))
            return mismatch("%ctime of %s is %s", "amc"[i], argv[1],
                            times[i] > 0   ? "later than before"
                            : times[i] < 0 ? "earlier than before"
                                           : "the same as before");
    return 0;
}

/* same PATH NOTED, other PATH NOTED: it is the same file as was noted, or another one */
static int do_same(int argc, char **argv)
{
    (void)argc;
    const struct note *note = find_note(argv[2]);
    struct stat now;
    int result = look(argv[1], &now);
    return result ? result : equal(argv[1], "inode", (long long)note->stat.st_ino, (long long)now.st_ino);
}

static int do_other(int argc, char **argv)
{
    (void)argc;
    const struct note *note = find_note(argv[2]);
    struct stat now;
    int result = look(argv[1], &now);
    return result || now.st_ino != note->stat.st_ino ? result : mismatch("%s is the same as %s", argv[1], argv[2]);
}

const struct command look_commands[] = {
    {"look", 1, 1, do_look},
    {"stat", 1, 1, do_stat},
    {"gone", 1, 8, do_gone},
    {"mode", 2, 2, do_mode},
    {"kind", 2, 2, do_kind},
    {"owner", 3, 3, do_owner},
    {"size", 2, 2, do_size},
    {"links", 2, 2, do_links},
    {"atime", 2, 2, do_atime},
    {"mtime", 2, 2, do_mtime},
    {"holds", 2, 2, do_holds},
    {"readlink", 1, 2, do_readlink},
    {"xattr", 2, 3, do_xattr},
    {"lists", 2, 2, do_lists},
    {"note", 1, 8, do_note},
    {"moved", 2, 3, do_moved},
    {"same", 2, 2, do_same},
    {"other", 2, 2, do_other},
    {NULL},
};
