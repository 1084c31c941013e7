/* SPDX-License-Identifier: MIT */
/* home.c - see home.h. */
#include "home.h"
#include "meta.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define FORMAT_NAME "larder.format"
#define FORMAT_NEW  FORMAT_NAME ".new"
#define LOCK_NAME   "larder.lock"
#define FORMAT_TEXT "larder store, format %u\n"

static int fail(struct store_error *error, const char *path, const char *what)
{
    int result = -errno;
    return store_fail(error, result, "%s: %s: %s", path, what, strerror(-result));
}

/* Opens the directory, which is made if need be. */
static int open_dir(const char *path, bool existing, struct store_error *error)
{
    if (!existing && mkdir(path, 0700) < 0 && errno != EEXIST)
        return fail(error, path, "cannot make the store's directory");
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return dir < 0 ? fail(error, path, "cannot open the store's directory") : dir;
}

/* True if there is nothing in it but what a first opening may have left that did not get further. */
static bool is_empty(int dir)
{
    int again = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *listing = again >= 0 ? fdopendir(again) : NULL;
    bool empty = listing;
    const struct dirent *found;
    while (empty && (found = readdir(listing)))
        empty = strcmp(found->d_name, ".") == 0 || strcmp(found->d_name, "..") == 0 ||
                strcmp(found->d_name, LOCK_NAME) == 0 || strcmp(found->d_name, FORMAT_NEW) == 0;
    if (listing)
        closedir(listing);
    else if (again >= 0)
        close(again);
    return empty;
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

/* 1: a store of our format. 0: nothing is there yet, and it need not be `existing`. */
static int check_format(int dir, const char *path, bool existing, struct store_error *error)
{
    char text[64], expected[64];
    unsigned format;
    int result = read_text(dir, FORMAT_NAME, text, sizeof text);
    if (result == -ENOENT && existing)
        return store_fail(error, result, "%s: there is no store", path);
    if (result == -ENOENT && is_empty(dir))
        return 0;
    if (result == -ENOENT) /* another process may just have made it one */
        result = read_text(dir, FORMAT_NAME, text, sizeof text);
    if (result == -ENOENT)
        return store_fail(error, -EUCLEAN, "%s: not empty, and not a larder store; choose an empty or a new directory",
                          path);
    if (result < 0)
        return store_fail(error, result, "%s: cannot read " FORMAT_NAME ": %s", path, strerror(-result));
    if (sscanf(text, FORMAT_TEXT, &format) != 1)
        return store_fail(error, -EUCLEAN, "%s: " FORMAT_NAME " is damaged", path);
    if (format > META_FORMAT_NOW)
        return store_fail(error, -EPROTO, "%s: a store of format %u, this program knows up to %d; use a newer one",
                          path, format, META_FORMAT_NOW);
    snprintf(expected, sizeof expected, FORMAT_TEXT, (unsigned)META_FORMAT_NOW);
    if (strcmp(text, expected) != 0)
        return store_fail(error, -EUCLEAN, "%s: " FORMAT_NAME " is damaged", path);
    return 1;
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

int home_take(const char *path, bool existing, int *ret_lock_fd, struct store_error *ret_error)
{
    int dir = open_dir(path, existing, ret_error);
    if (dir < 0)
        return dir;
    int file = -1, result = check_format(dir, path, existing, ret_error);
    if (result >= 0)
        result = file = lock(dir, path, ret_error);
    if (result >= 0) /* another process may have made it, meanwhile */
        result = check_format(dir, path, existing, ret_error);
    if (result == 0)
        result = write_format(dir, path, ret_error);
    close(dir);
    if (result < 0) {
        if (file >= 0)
            close(file);
        return result;
    }
    write_pid(file);
    *ret_lock_fd = file;
    return 0;
}
