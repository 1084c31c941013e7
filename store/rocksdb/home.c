/* SPDX-License-Identifier: MIT */
/* home.c - see home.h. */
#include "home.h"
#include "meta.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define FORMAT_NAME "larder.format"
#define FORMAT_NEW  FORMAT_NAME ".new"
#define LOCK_NAME   "larder.lock"
#define REPAIRING   "larder.repairing"
#define LOST        "lost"
#define FORMAT_TEXT "larder store, format %u\n"

int home_fail_damaged(struct store_error *error, const char *format, ...)
{
    char what[400];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    return store_fail(error, -EUCLEAN, "%s; larder fsck --repair mends it, mounting it with -o recreate begins anew",
                      what);
}

static int fail(struct store_error *error, const char *path, const char *what)
{
    int result = -errno;
    return store_fail(error, result, "%s: %s: %s", path, what, strerror(-result));
}

/* Values are in it that modes within a mount may forbid to others: nobody else may enter it, or change who may. */
static int check_private(int dir, const char *path, struct store_error *error)
{
    struct stat stat;
    if (fstat(dir, &stat) < 0)
        return fail(error, path, "cannot look at the store's directory");
    if (stat.st_uid != geteuid())
        return store_fail(error, -EPERM, "%s: the store's directory is another user's; chown -R %u %s, or be uid %u",
                          path, (unsigned)geteuid(), path, (unsigned)stat.st_uid);
    if (stat.st_mode & 077)
        return store_fail(error, -EPERM, "%s: other users may enter the store's directory (mode %o); chmod 700 %s",
                          path, (unsigned)stat.st_mode & 07777, path);
    return 0;
}

/* Opens the directory, which is made if need be. */
static int open_dir(const char *path, bool existing, struct store_error *error)
{
    if (!existing && mkdir(path, 0700) < 0 && errno != EEXIST)
        return fail(error, path, "cannot make the store's directory");
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return dir < 0 ? fail(error, path, "cannot open the store's directory") : dir;
}

bool home_ends(const char *name, const char *end)
{
    size_t size = strlen(name), end_size = strlen(end);
    return size > end_size && strcmp(name + size - end_size, end) == 0;
}

/* Calls `each` with every name in a directory, until it says false; returns what it said last. */
static bool each_name(int dir, bool (*each)(void *arg, const char *name), void *arg)
{
    int again = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *listing = again >= 0 ? fdopendir(again) : NULL;
    bool go_on = listing;
    const struct dirent *found;
    while (go_on && (found = readdir(listing)))
        if (strcmp(found->d_name, ".") != 0 && strcmp(found->d_name, "..") != 0)
            go_on = each(arg, found->d_name);
    if (listing)
        closedir(listing);
    else if (again >= 0)
        close(again);
    return go_on;
}

static bool is_left_by_first_opening(void *arg, const char *name)
{
    (void)arg;
    return strcmp(name, LOCK_NAME) == 0 || strcmp(name, FORMAT_NEW) == 0;
}

/* True if there is nothing in it but what a first opening may have left that did not get further. */
static bool is_empty(int dir)
{
    return each_name(dir, is_left_by_first_opening, NULL);
}

static bool is_rocksdb_name(const char *name)
{
    static const char *const begins[] = {"MANIFEST-", "OPTIONS-", "LOG", "CURRENT", "IDENTITY", "LOCK"};
    for (size_t i = 0; i < sizeof begins / sizeof *begins; i++)
        if (strncmp(name, begins[i], strlen(begins[i])) == 0)
            return true;
    return home_ends(name, ".sst") || home_ends(name, ".log") || home_ends(name, ".dbtmp");
}

static bool is_ours(const char *name)
{
    static const char *const ours[] = {FORMAT_NAME,     FORMAT_NEW,          LOCK_NAME,        REPAIRING,       LOST,
                                       "larder.closed", "larder.closed.new", "larder.opening", "larder.ballast"};
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        if (strcmp(name, ours[i]) == 0)
            return true;
    return false;
}

/* What else is in a directory that looks like a store's without larder.format. */
struct contents {
    bool current, tables, rocksdb, ours;
    char strange[64]; /* a name that no store has; "" none */
};

static bool look_at(void *arg, const char *name)
{
    struct contents *contents = arg;
    contents->current |= strcmp(name, "CURRENT") == 0;
    contents->tables |= home_ends(name, ".sst") || home_ends(name, ".log");
    contents->rocksdb |= is_rocksdb_name(name);
    contents->ours |= is_ours(name);
    if (!is_rocksdb_name(name) && !is_ours(name))
        snprintf(contents->strange, sizeof contents->strange, "%s", name);
    return true;
}

static struct contents contents_of(int dir)
{
    struct contents contents = {0};
    (void)each_name(dir, look_at, &contents);
    return contents;
}

/* The text of a small file, terminated. -errno. */
static int read_text(int dir, const char *name, char *text, size_t size)
{
    int file = openat(dir, name, O_RDONLY | O_CLOEXEC);
    ssize_t count = file >= 0 ? read(file, text, size - 1) : -1;
    int result = count < 0 ? -errno : 0;
    text[count > 0 ? count : 0] = '\0';
    if (file >= 0)
        close(file);
    return result;
}

/* Tells by larder.format, and what is there without it. -EPROTO, -EUCLEAN it is another's, ... */
static int look_at_format(int dir, const char *path, enum home_format *ret_format, struct store_error *error)
{
    char text[64], expected[64];
    unsigned format;
    int result = read_text(dir, FORMAT_NAME, text, sizeof text);
    *ret_format = HOME_NONE;
    if (result == -ENOENT && is_empty(dir))
        return 0;
    if (result == -ENOENT) /* another process may just have made it one */
        result = read_text(dir, FORMAT_NAME, text, sizeof text);
    struct contents contents = contents_of(dir);
    *ret_format = HOME_FORMAT_MISSING;
    if (result == -ENOENT && contents.rocksdb && contents.ours && !contents.strange[0])
        return 0;
    if (result == -ENOENT)
        return store_fail(error, -EUCLEAN, "%s: not empty, and not a larder store; choose an empty or a new directory",
                          path);
    if (result < 0)
        return store_fail(error, result, "%s: cannot read " FORMAT_NAME ": %s", path, strerror(-result));
    bool read = sscanf(text, FORMAT_TEXT, &format) == 1;
    snprintf(expected, sizeof expected, FORMAT_TEXT, read ? format : 0);
    bool exact = read && strcmp(text, expected) == 0;
    if (exact && format > META_FORMAT_NOW)
        return store_fail(error, -EPROTO, "%s: a store of format %u, this program knows up to %d; use a newer one",
                          path, format, META_FORMAT_NOW);
    *ret_format = exact && format == META_FORMAT_NOW ? HOME_FORMAT : HOME_FORMAT_DAMAGED;
    return 0;
}

/* 1: a store of our format. 0: nothing is there yet, and it need not be `existing`. */
static int check_format(int dir, const char *path, bool existing, struct store_error *error)
{
    enum home_format format;
    int result = look_at_format(dir, path, &format, error);
    bool none = format == HOME_NONE || (format == HOME_FORMAT_MISSING && result == -EUCLEAN);
    if (existing && none)
        return store_fail(error, -ENOENT, "%s: there is no store", path);
    if (result == 0 && format == HOME_FORMAT_MISSING)
        result = home_fail_damaged(error, "%s: the file " FORMAT_NAME " is missing", path);
    if (result == 0 && format == HOME_FORMAT_DAMAGED)
        result = home_fail_damaged(error, "%s: " FORMAT_NAME " is damaged", path);
    return result < 0 ? result : format == HOME_FORMAT;
}

static int lock(int dir, const char *path, struct store_error *error)
{
    int file = openat(dir, LOCK_NAME, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0)
        return fail(error, path, "cannot open " LOCK_NAME);
    if (flock(file, LOCK_EX | LOCK_NB) == 0)
        return file;
    int result = errno == EWOULDBLOCK ? -EBUSY : -errno;
    char pid[32] = "";
    (void)read_text(dir, LOCK_NAME, pid, sizeof pid);
    pid[strcspn(pid, "\n")] = '\0';
    close(file);
    if (result == -EBUSY)
        return store_fail(error, result, "%s: in use by process %s; unmount it there, or choose another directory",
                          path, pid[0] ? pid : "(unknown)");
    return store_fail(error, result, "%s: cannot lock: %s", path, strerror(-result));
}

/* For people, and for the sentence above; nothing hangs on it. */
static void write_pid(int file)
{
    char pid[32];
    int size = snprintf(pid, sizeof pid, "%d\n", (int)getpid());
    if (ftruncate(file, 0) == 0 && pwrite(file, pid, (size_t)size, 0) != size)
        (void)!ftruncate(file, 0);
}

static int write_format(int dir, const char *path, struct store_error *error)
{
    int file = openat(dir, FORMAT_NEW, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool written = file >= 0 && dprintf(file, FORMAT_TEXT, (unsigned)META_FORMAT_NOW) > 0 && fsync(file) == 0;
    if (file >= 0)
        close(file);
    if (!written || renameat(dir, FORMAT_NEW, dir, FORMAT_NAME) < 0 || fsync(dir) < 0)
        return fail(error, path, "cannot make the store");
    return 0;
}

int home_write_format(const struct home *home, const char *path, struct store_error *ret_error)
{
    return write_format(home->dir, path, ret_error);
}

/* What can be known to be missing or unfinished without RocksDB. */
static int check_whole(const struct home *home, const char *path, struct store_error *error)
{
    if (home_is_repairing(home))
        return home_fail_damaged(error, "%s: its repair was not finished (" REPAIRING ")", path);
    if (home_lacks_current(home))
        return home_fail_damaged(error, "%s: the file CURRENT is missing", path);
    return 0;
}

int home_take(const char *path, bool existing, struct home *ret_home, struct store_error *ret_error)
{
    struct home home = {.dir = open_dir(path, existing, ret_error), .lock = -1};
    if (home.dir < 0)
        return home.dir;
    int result = check_format(home.dir, path, existing, ret_error);
    if (result >= 0)
        result = check_private(home.dir, path, ret_error);
    if (result >= 0)
        result = home.lock = lock(home.dir, path, ret_error);
    if (result >= 0) /* another process may have made it, meanwhile */
        result = check_format(home.dir, path, existing, ret_error);
    if (result == 0)
        result = write_format(home.dir, path, ret_error);
    if (result >= 0)
        result = check_whole(&home, path, ret_error);
    if (result < 0) {
        home_release(&home);
        return result;
    }
    write_pid(home.lock);
    *ret_home = home;
    return 0;
}

void home_release(struct home *home)
{
    if (home->lock >= 0)
        close(home->lock);
    close(home->dir);
}

int home_hold(const char *path, struct home *ret_home, struct store_error *ret_error)
{
    struct home home = {.dir = open_dir(path, true, ret_error), .lock = -1};
    if (home.dir < 0)
        return home.dir;
    int result = look_at_format(home.dir, path, &home.format, ret_error);
    if (result == 0 && home.format == HOME_NONE)
        result = store_fail(ret_error, -ENOENT, "%s: no store is there", path);
    if (result == 0)
        result = check_private(home.dir, path, ret_error);
    if (result == 0)
        result = home.lock = lock(home.dir, path, ret_error);
    if (result < 0) {
        home_release(&home);
        return result;
    }
    write_pid(home.lock);
    *ret_home = home;
    return 0;
}

/* --- damage -------------------------------------------------------------------------------------------- */

int home_set_repairing(const struct home *home, bool repairing)
{
    if (!repairing)
        return (unlinkat(home->dir, REPAIRING, 0) < 0 && errno != ENOENT) || fsync(home->dir) < 0 ? -errno : 0;
    int file = openat(home->dir, REPAIRING, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0)
        return -errno;
    close(file);
    return fsync(home->dir) < 0 ? -errno : 0;
}

bool home_is_repairing(const struct home *home)
{
    return faccessat(home->dir, REPAIRING, F_OK, 0) == 0;
}

bool home_lacks_current(const struct home *home)
{
    struct contents contents = contents_of(home->dir);
    return contents.tables && !contents.current;
}

struct newest {
    char name[64];
    uint64_t number;
};

/* Numbers have six digits at least, and more when it takes more. */
static bool newest_manifest(void *arg, const char *name)
{
    static const char begin[] = "MANIFEST-";
    struct newest *newest = arg;
    char *end;
    if (strncmp(name, begin, strlen(begin)) != 0 || strlen(name) >= sizeof newest->name)
        return true;
    const char *digits = name + strlen(begin);
    uint64_t number = strtoull(digits, &end, 10);
    if (*digits < '0' || *digits > '9' || *end || (newest->name[0] && number <= newest->number))
        return true;
    strcpy(newest->name, name);
    newest->number = number;
    return true;
}

int home_mend_current(const struct home *home)
{
    struct newest newest = {.number = 0};
    (void)each_name(home->dir, newest_manifest, &newest);
    if (!newest.name[0])
        return -ENOENT;
    int file = openat(home->dir, "CURRENT", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0)
        return -errno;
    int result = dprintf(file, "%s\n", newest.name) > 0 && fsync(file) == 0 ? 0 : -errno;
    close(file);
    return result;
}

int home_discard(const struct home *home, const char *name)
{
    char to[300];
    snprintf(to, sizeof to, LOST "/%s", name);
    if (mkdirat(home->dir, LOST, 0700) < 0 && errno != EEXIST)
        return -errno;
    return renameat(home->dir, name, home->dir, to) < 0 ? -errno : 0;
}

static bool delete_name(void *arg, const char *name)
{
    const int *dir = arg;
    (void)unlinkat(*dir, name, 0);
    return true;
}

void home_delete_discarded(const struct home *home)
{
    int lost = openat(home->dir, LOST, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (lost < 0)
        return;
    (void)each_name(lost, delete_name, &lost);
    close(lost);
    (void)unlinkat(home->dir, LOST, AT_REMOVEDIR);
}

/* larder.format goes last: until then it is a store, a damaged one. */
static bool delete_of_store(void *arg, const char *name)
{
    const struct home *home = arg;
    bool stays = strcmp(name, LOCK_NAME) == 0 || strcmp(name, FORMAT_NAME) == 0 || strcmp(name, LOST) == 0;
    return stays || unlinkat(home->dir, name, 0) == 0;
}

int home_clear(const char *path, struct store_error *ret_error)
{
    struct home home;
    int result = home_hold(path, &home, ret_error);
    if (result < 0)
        return result;
    struct contents contents = contents_of(home.dir);
    if (!contents.strange[0])
        home_delete_discarded(&home);
    if (contents.strange[0])
        result =
            store_fail(ret_error, -EUCLEAN, "%s: cannot be made anew: %s in it is no store's", path, contents.strange);
    else if (!each_name(home.dir, delete_of_store, &home) ||
             (unlinkat(home.dir, FORMAT_NAME, 0) < 0 && errno != ENOENT) || fsync(home.dir) < 0)
        result = fail(ret_error, path, "cannot delete what is in it");
    home_release(&home);
    return result;
}
