/* SPDX-License-Identifier: MIT */
/*
 * evict.c - `larder evict`: lets go of entries: of those with a tag, by rmdir in .larder/tags; of those below a
 * directory, at a path or under a prefix, of an age or with a name, by unlink.
 *
 * It walks the directories through the mount and keeps one descriptor for each that it is in, and no names: a listing
 * stays right while names in it go. Directories stay.
 */
#include "arguments.h"
#include "clock.h"
#include "json.h"
#include "progress.h"
#include "units.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { PATH_SIZE = 8192 };

struct evict {
    struct argument_list tags;
    const char *glob; /* NULL: any */
    bool glob_path; /* it is of the path below the start, not of the name alone */
    bool aged, prefix, dry_run, json;
    uint64_t older_ms;
    const char *place;
    /* --- while it goes on --- */
    struct timespec before; /* what was written since is too young */
    dev_t device; /* of the mount: what is mounted within is left alone */
    char path[PATH_SIZE]; /* below the start */
    uint64_t looked, evicted;
    struct progress progress; /* entries looked at */
};

/* --- by name, place and age ---------------------------------------------------------------------------- */

static bool older(const struct stat *stat, const struct timespec *before)
{
    return stat->st_mtim.tv_sec < before->tv_sec ||
           (stat->st_mtim.tv_sec == before->tv_sec && stat->st_mtim.tv_nsec < before->tv_nsec);
}

/* Evicts one entry, if it is meant. 0, also when it has gone meanwhile; or -errno. */
static int evict_one(struct evict *evict, int dir, const char *name)
{
    struct stat stat;
    evict->looked++;
    progress_add(&evict->progress, 1);
    if (evict->glob && fnmatch(evict->glob, evict->glob_path ? evict->path : name, FNM_PATHNAME) != 0)
        return 0;
    if (evict->aged && fstatat(dir, name, &stat, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : -errno;
    if (evict->aged && !older(&stat, &evict->before))
        return 0;
    if (!evict->dry_run && unlinkat(dir, name, 0) < 0)
        return errno == ENOENT ? 0 : -errno;
    evict->evicted++;
    return 0;
}

static int evict_dir(struct evict *evict, int parent, const char *name, const char *only);

/* One name in a directory, and all below it. */
static int evict_name(struct evict *evict, int dir, const char *name, unsigned char type)
{
    struct stat stat;
    size_t length = strlen(evict->path);
    if (length + strlen(name) + 2 > sizeof evict->path)
        return -ENAMETOOLONG;
    sprintf(evict->path + length, "%s%s", length ? "/" : "", name);
    int result = 0;
    if (type == DT_UNKNOWN && fstatat(dir, name, &stat, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(stat.st_mode))
        type = DT_DIR;
    result = type == DT_DIR ? evict_dir(evict, dir, name, "") : evict_one(evict, dir, name);
    if (result == 0 || evict->path[length] == '\0')
        evict->path[length] = '\0'; /* else it is where it failed */
    return result;
}

/* What is in a directory, of names that begin with `only`. */
static int evict_dir(struct evict *evict, int parent, const char *name, const char *only)
{
    struct stat stat;
    struct dirent *entry;
    int result = 0, fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir)
        return errno == ENOENT ? 0 : -errno;
    if (fstat(fd, &stat) < 0)
        result = -errno;
    bool foreign = result == 0 && stat.st_dev != evict->device;
    while (result == 0 && !foreign && (errno = 0, entry = readdir(dir))) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            strncmp(entry->d_name, only, strlen(only)) == 0)
            result = evict_name(evict, fd, entry->d_name, entry->d_type);
    }
    if (result == 0 && !foreign && errno)
        result = -errno;
    closedir(dir);
    return result;
}

/* Splits a path at its last name: "." and the path where there is none. */
static int split(const char *path, char **ret_dir, const char **ret_name)
{
    const char *slash = strrchr(path, '/');
    *ret_name = slash ? slash + 1 : path;
    *ret_dir = slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(".");
    return *ret_dir ? 0 : -ENOMEM;
}

static int evict_prefix(struct evict *evict)
{
    char *dir;
    const char *only;
    int result = split(evict->place, &dir, &only);
    if (result == 0) {
        int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
        result = fd < 0 ? -errno : evict_dir(evict, fd, ".", only);
        if (fd >= 0)
            close(fd);
        free(dir);
    }
    return result;
}

static int evict_path(struct evict *evict)
{
    struct stat stat;
    char *dir;
    const char *name;
    if (lstat(evict->place, &stat) < 0)
        return errno == ENOENT ? 0 : -errno;
    if (S_ISDIR(stat.st_mode)) {
        int fd = open(evict->place, O_PATH | O_DIRECTORY | O_CLOEXEC);
        int result = fd < 0 ? -errno : evict_dir(evict, fd, ".", "");
        if (fd >= 0)
            close(fd);
        return result;
    }
    int result = split(evict->place, &dir, &name);
    if (result < 0)
        return result;
    int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    result = fd < 0 ? -errno : evict_name(evict, fd, name, DT_REG);
    if (fd >= 0)
        close(fd);
    free(dir);
    return result;
}

static int run_walk(struct evict *evict)
{
    int64_t before_ns = clock_ns(CLOCK_REALTIME) - (int64_t)evict->older_ms * 1000000;
    evict->before = (struct timespec){before_ns / 1000000000, before_ns % 1000000000};
    progress_begin(&evict->progress, "looked at", 0, PROGRESS_ENTRIES);
    int result = evict->prefix ? evict_prefix(evict) : evict_path(evict);
    progress_end(&evict->progress);
    if (evict->json)
        printf("{\"entries\":%" PRIu64 ",\"looked_at\":%" PRIu64 ",\"dry_run\":%s}\n", evict->evicted, evict->looked,
               evict->dry_run ? "true" : "false");
    else
        printf("%s %" PRIu64 " of %" PRIu64 " entries\n", evict->dry_run ? "would evict" : "evicted", evict->evicted,
               evict->looked);
    if (result < 0)
        return command_fail(COMMAND_FAILED, "%s%s%s: %s", evict->place, *evict->path ? ": " : "", evict->path,
                            strerror(-result));
    return evict->evicted ? COMMAND_DONE : COMMAND_MISS;
}

/* --- by tag -------------------------------------------------------------------------------------------- */

/* How many entries a tag's directory has. 0 or -errno. */
static int count_links(struct evict *evict, const char *path, uint64_t *ret_count)
{
    struct dirent *entry;
    DIR *dir = opendir(path);
    uint64_t count = 0;
    if (!dir)
        return -errno;
    while ((errno = 0, entry = readdir(dir)))
        if (entry->d_type == DT_LNK) {
            count++;
            evict->looked++;
            progress_add(&evict->progress, 1);
        }
    int result = -errno;
    closedir(dir);
    *ret_count = count;
    return result;
}

static void print_tag(const struct evict *evict, size_t n, bool there, uint64_t count)
{
    const char *tag = evict->tags.at[n];
    if (!evict->json && evict->dry_run)
        printf("would invalidate %s: %" PRIu64 " entries\n", tag, count);
    else if (!evict->json)
        printf(there ? "invalidated %s\n" : "nothing has the tag %s\n", tag);
    if (!evict->json)
        return;
    fputs(n ? ",{\"tag\":" : "[{\"tag\":", stdout);
    json_string(stdout, tag, strlen(tag));
    if (evict->dry_run)
        printf(",\"entries\":%" PRIu64, count);
    printf(",\"invalidated\":%s}", there && !evict->dry_run ? "true" : "false");
}

static int one_tag(struct evict *evict, const char *root, size_t n, bool *ret_there)
{
    char *path;
    uint64_t count = 0;
    if (asprintf(&path, "%s/.larder/tags/%s", root, evict->tags.at[n]) < 0)
        return -ENOMEM;
    int result = evict->dry_run ? count_links(evict, path, &count) : rmdir(path) < 0 ? -errno : 0;
    free(path);
    if (result < 0 && result != -ENOENT)
        return result;
    progress_end(&evict->progress);
    print_tag(evict, n, result == 0, count);
    *ret_there |= result == 0;
    return 0;
}

static int run_tags(struct evict *evict, const struct mountpoint *mountpoint)
{
    bool there = false;
    int result = 0;
    if (!mountpoint->whole)
        return command_fail(COMMAND_FAILED, "%s: only a part of a larder is mounted there; ask the mount itself",
                            evict->place);
    for (size_t i = 0; i < evict->tags.count && result == 0; i++) {
        progress_begin(&evict->progress, "looked at", 0, PROGRESS_ENTRIES);
        result = one_tag(evict, mountpoint->root, i, &there);
        progress_end(&evict->progress);
        if (result < 0)
            (void)command_fail(COMMAND_FAILED, "tag %s: %s", evict->tags.at[i], strerror(-result));
    }
    if (evict->json)
        puts("]");
    return result < 0 ? COMMAND_FAILED : there ? COMMAND_DONE : COMMAND_MISS;
}

/* --- arguments ----------------------------------------------------------------------------------------- */

/* What no tag can be would mean another directory, or none. */
static int check_tag(const char *tag)
{
    if (!*tag || strpbrk(tag, "/,") || strcmp(tag, ".") == 0 || strcmp(tag, "..") == 0)
        return arguments_fail(&command_evict, "'%s' is no tag", tag);
    return COMMAND_DONE;
}

static int check_arguments(struct evict *evict, const char *older)
{
    int code = arguments_duration("--older", older, &evict->older_ms);
    evict->aged = older;
    evict->glob_path = evict->glob && strchr(evict->glob, '/');
    if (code == COMMAND_DONE && evict->aged && evict->older_ms > INT64_MAX / 1000000)
        code = arguments_fail(&command_evict, "--older: '%s' is no age", older);
    for (size_t i = 0; code == COMMAND_DONE && i < evict->tags.count; i++)
        code = check_tag(evict->tags.at[i]);
    if (code == COMMAND_DONE && evict->tags.count && (evict->aged || evict->glob || evict->prefix))
        code = arguments_fail(&command_evict,
                              "a tag is invalidated as a whole: --tag goes with --dry-run and --json alone");
    return code;
}

static int read_arguments(struct evict *evict, int argc, char **argv)
{
    const char *older = NULL;
    const struct argument table[] = {
        {"--tag", 0, NULL, NULL, &evict->tags},
        {"--older", 0, NULL, &older, NULL},
        {"--glob", 0, NULL, &evict->glob, NULL},
        {"--prefix", 0, &evict->prefix, NULL, NULL},
        {"--dry-run", 0, &evict->dry_run, NULL, NULL},
        {"--json", 0, &evict->json, NULL, NULL},
        {NULL, 0, NULL, NULL, NULL},
    };
    int words, code = arguments_parse(&command_evict, argc, argv, table, 1, 1, &words, NULL);
    if (code == COMMAND_DONE)
        code = check_arguments(evict, older);
    evict->place = argv[0];
    return code;
}

/* The mount of a path, or for a prefix of its directory. */
static int find_mount(const struct evict *evict, struct mountpoint *ret_mountpoint)
{
    char *dir = NULL;
    const char *name, *place = evict->place;
    struct stat stat;
    if (evict->prefix || lstat(evict->place, &stat) < 0 || !S_ISDIR(stat.st_mode)) {
        if (split(evict->place, &dir, &name) < 0)
            return command_fail(COMMAND_FAILED, "out of memory");
        place = dir;
    }
    int code = command_find_larder(place, ret_mountpoint);
    free(dir);
    return code;
}

static int run(int argc, char **argv)
{
    struct evict *evict = calloc(1, sizeof *evict);
    struct mountpoint mountpoint;
    struct stat stat;
    if (!evict)
        return command_fail(COMMAND_FAILED, "out of memory");
    int code = read_arguments(evict, argc, argv);
    if (code == COMMAND_DONE)
        code = find_mount(evict, &mountpoint);
    if (code == COMMAND_DONE) {
        if (lstat(mountpoint.root, &stat) < 0)
            code = command_fail(COMMAND_FAILED, "%s: %s", mountpoint.root, strerror(errno));
        evict->device = stat.st_dev;
        if (code == COMMAND_DONE)
            code = evict->tags.count ? run_tags(evict, &mountpoint) : run_walk(evict);
        mountpoint_release(&mountpoint);
    }
    free(evict->tags.at);
    free(evict);
    return code;
}

const struct command command_evict = {
    .name = "evict",
    .arguments = "[--tag NAME]... [--older DURATION] [--glob PATTERN] [--prefix] [--dry-run] [--json] PATH",
    .summary = "let go of entries, by tag, place, age or name",
    .details = "  PATH             an entry, or a directory: all entries below it; with --tag the mount\n"
               "  --tag NAME       all entries with a tag, at once; may come several times\n"
               "  --older DURATION only what was written longer ago than that: 90s, 15m, 2h, 7d\n"
               "  --glob PATTERN   only names like that; with a slash in it, paths below PATH\n"
               "  --prefix         PATH is how paths begin: all entries with such a path\n"
               "  --dry-run        say how many, and let go of nothing\n"
               "  --json           for programs\n",
    .run = run,
};
