/* SPDX-License-Identifier: MIT */
/*
 * faulty.c - a file system that shows a directory and fails on demand, for tests of what a store does about it.
 *
 *     faulty DIRECTORY MOUNTPOINT
 *
 * It stays in the foreground, and ends when it is unmounted. What is written to `.faults` in its root is the fault that
 * is planted from then on, in place of the one before:
 *
 *     ERRNO OPERATIONS PATTERN AFTER [TIMES]     ENOSPC write,create *.log 12
 *     none
 *
 * AFTER operations of those kinds, on files whose name matches, still work, then TIMES of them fail (all, if it is not
 * said), then all work again. AFTER with a `b` behind it counts bytes that are written: the write that goes beyond
 * them is a short one. Operations: write, sync, create, rename, allocate, truncate, unlink, read; `change` is all but the last
 * two. A disk whose free space ends fails those. Errnos: EIO, ENOSPC, EDQUOT. statfs() tells of no free space while an
 * ENOSPC that is for ever has begun; of a quota it does not know.
 *
 * Reading `.faults` gives how many such operations came so far that matched, and how many of those failed.
 */
#define FUSE_USE_VERSION 31
#define _GNU_SOURCE      1
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <fuse.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define CONTROL "/.faults"

enum operation { WRITE = 1, SYNC = 2, CREATE = 4, RENAME = 8, ALLOCATE = 16, TRUNCATE = 32, UNLINK = 64, READ = 128 };

static const struct {
    const char *name;
    unsigned operations;
} operation_names[] = {
    {"write", WRITE},   {"sync", SYNC},         {"create", CREATE},
    {"rename", RENAME}, {"allocate", ALLOCATE}, {"truncate", TRUNCATE},
    {"unlink", UNLINK}, {"read", READ},         {"change", WRITE | SYNC | CREATE | RENAME | ALLOCATE | TRUNCATE},
};

static const struct {
    const char *name;
    int number;
} errno_names[] = {{"EIO", EIO}, {"ENOSPC", ENOSPC}, {"EDQUOT", EDQUOT}};

struct fault {
    int error; /* 0: none */
    unsigned operations;
    char pattern[64];
    bool in_bytes;
    uint64_t after, times; /* times: UINT64_MAX for ever */
    uint64_t seen, failed;
};

static int root = -1; /* the directory that is shown; constant */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct fault fault; /* lock */

/* --- the fault ----------------------------------------------------------------------------------------- */

static unsigned operations_of(char *list)
{
    unsigned operations = 0;
    char *rest = list;
    for (const char *name; (name = strsep(&rest, ","));) {
        unsigned known = 0;
        for (size_t i = 0; i < sizeof operation_names / sizeof *operation_names; i++)
            if (strcmp(name, operation_names[i].name) == 0)
                known = operation_names[i].operations;
        if (known == 0)
            return 0;
        operations |= known;
    }
    return operations;
}

static int errno_of(const char *name)
{
    for (size_t i = 0; i < sizeof errno_names / sizeof *errno_names; i++)
        if (strcmp(name, errno_names[i].name) == 0)
            return errno_names[i].number;
    return 0;
}

static bool parse(const char *line, struct fault *ret_fault)
{
    struct fault parsed = {.times = UINT64_MAX};
    char name[16], list[128], after[32], times[32];
    int fields = sscanf(line, "%15s %127s %63s %31s %31s", name, list, parsed.pattern, after, times);
    if (fields >= 4) {
        char *unit;
        parsed.error = errno_of(name);
        parsed.operations = operations_of(list);
        parsed.after = strtoull(after, &unit, 10);
        parsed.in_bytes = *unit == 'b';
        if (fields == 5)
            parsed.times = strtoull(times, NULL, 10);
    }
    bool none = fields == 1 && strcmp(name, "none") == 0;
    if (!none && (parsed.error == 0 || parsed.operations == 0))
        return false;
    *ret_fault = parsed;
    return true;
}

static bool concerns_locked(enum operation operation, const char *path)
{
    const char *slash = strrchr(path, '/');
    return fault.error != 0 && fault.operations & operation && fnmatch(fault.pattern, slash ? slash + 1 : path, 0) == 0;
}

/* How much of so many bytes, or of one operation, may be done; 0 or less: -errno, and nothing is. */
static int64_t allowed(enum operation operation, const char *path, size_t size)
{
    int64_t result = (int64_t)size;
    pthread_mutex_lock(&lock);
    if (concerns_locked(operation, path)) {
        bool bytes = fault.in_bytes && operation == WRITE;
        uint64_t amount = bytes ? size : 1, left = fault.seen < fault.after ? fault.after - fault.seen : 0;
        fault.seen += fault.in_bytes && !bytes ? 0 : amount;
        if (left < amount && fault.failed < fault.times) {
            fault.failed++;
            result = bytes && left > 0 ? (int64_t)left : -fault.error;
        }
    }
    pthread_mutex_unlock(&lock);
    return result;
}

static int refusal(enum operation operation, const char *path)
{
    int64_t result = allowed(operation, path, 1);
    return result < 0 ? (int)result : 0;
}

static bool is_control(const char *path)
{
    return strcmp(path, CONTROL) == 0;
}

static int plant(const char *text, size_t size)
{
    char line[256];
    struct fault parsed;
    snprintf(line, sizeof line, "%.*s", (int)(size < sizeof line ? size : sizeof line - 1), text);
    if (!parse(line, &parsed))
        return -EINVAL;
    pthread_mutex_lock(&lock);
    fault = parsed;
    pthread_mutex_unlock(&lock);
    return (int)size;
}

static int report(char *buffer, size_t size, off_t offset)
{
    char text[64];
    pthread_mutex_lock(&lock);
    int length =
        snprintf(text, sizeof text, "%llu %llu\n", (unsigned long long)fault.seen, (unsigned long long)fault.failed);
    pthread_mutex_unlock(&lock);
    if (offset >= length)
        return 0;
    size_t count = (size_t)(length - offset) < size ? (size_t)(length - offset) : size;
    memcpy(buffer, text + offset, count);
    return (int)count;
}

/* --- operations ---------------------------------------------------------------------------------------- */

static const char *below(const char *path)
{
    return path[1] ? path + 1 : ".";
}

static int result_of(int result)
{
    return result < 0 ? -errno : result;
}

static void *start(struct fuse_conn_info *conn, struct fuse_config *config)
{
    (void)conn;
    config->use_ino = 1;
    return NULL;
}

static int faulty_getattr(const char *path, struct stat *stat, struct fuse_file_info *file)
{
    (void)file;
    if (!is_control(path))
        return result_of(fstatat(root, below(path), stat, AT_SYMLINK_NOFOLLOW));
    *stat = (struct stat){.st_mode = S_IFREG | 0600, .st_nlink = 1};
    return 0;
}

static int faulty_readdir(const char *path, void *buffer, fuse_fill_dir_t fill, off_t offset,
                          struct fuse_file_info *file, enum fuse_readdir_flags flags)
{
    (void)offset, (void)file, (void)flags;
    int fd = openat(root, below(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *listing = fd >= 0 ? fdopendir(fd) : NULL;
    if (!listing)
        return -errno;
    for (const struct dirent *entry; (entry = readdir(listing));)
        if (fill(buffer, entry->d_name, NULL, 0, 0))
            break;
    closedir(listing);
    return 0;
}

static int open_at(const char *path, int flags, mode_t mode, struct fuse_file_info *file)
{
    file->direct_io = is_control(path);
    if (file->direct_io)
        return 0;
    int result = flags & O_TRUNC ? refusal(TRUNCATE, path) : 0;
    if (result < 0)
        return result;
    int fd = openat(root, below(path), flags | O_CLOEXEC, mode);
    file->fh = (uint64_t)fd;
    return fd < 0 ? -errno : 0;
}

static int faulty_open(const char *path, struct fuse_file_info *file)
{
    return open_at(path, file->flags, 0, file);
}

static int faulty_create(const char *path, mode_t mode, struct fuse_file_info *file)
{
    int result = refusal(CREATE, path);
    return result < 0 ? result : open_at(path, file->flags, mode, file);
}

static int faulty_read(const char *path, char *buffer, size_t size, off_t offset, struct fuse_file_info *file)
{
    if (is_control(path))
        return report(buffer, size, offset);
    int result = refusal(READ, path);
    return result < 0 ? result : result_of((int)pread((int)file->fh, buffer, size, offset));
}

static int faulty_write(const char *path, const char *data, size_t size, off_t offset, struct fuse_file_info *file)
{
    if (is_control(path))
        return plant(data, size);
    int64_t result = allowed(WRITE, path, size);
    return result < 0 ? (int)result : result_of((int)pwrite((int)file->fh, data, (size_t)result, offset));
}

static int faulty_release(const char *path, struct fuse_file_info *file)
{
    return is_control(path) ? 0 : result_of(close((int)file->fh));
}

static int faulty_fsync(const char *path, int data_only, struct fuse_file_info *file)
{
    int result = refusal(SYNC, path);
    if (result < 0 || is_control(path))
        return result;
    return result_of(data_only ? fdatasync((int)file->fh) : fsync((int)file->fh));
}

static int faulty_fsyncdir(const char *path, int data_only, struct fuse_file_info *file)
{
    (void)data_only, (void)file;
    return refusal(SYNC, path);
}

static int faulty_fallocate(const char *path, int mode, off_t offset, off_t length, struct fuse_file_info *file)
{
    int result = refusal(ALLOCATE, path);
    return result < 0 ? result : result_of(fallocate((int)file->fh, mode, offset, length));
}

static int faulty_truncate(const char *path, off_t size, struct fuse_file_info *file)
{
    int result = is_control(path) ? 0 : refusal(TRUNCATE, path);
    if (result < 0 || is_control(path))
        return result;
    int fd = file ? (int)file->fh : openat(root, below(path), O_WRONLY | O_CLOEXEC);
    result = fd < 0 ? -errno : result_of(ftruncate(fd, size));
    if (!file && fd >= 0)
        close(fd);
    return result;
}

static int faulty_unlink(const char *path)
{
    int result = refusal(UNLINK, path);
    return result < 0 ? result : result_of(unlinkat(root, below(path), 0));
}

static int faulty_rmdir(const char *path)
{
    return result_of(unlinkat(root, below(path), AT_REMOVEDIR));
}

static int faulty_mkdir(const char *path, mode_t mode)
{
    int result = refusal(CREATE, path);
    return result < 0 ? result : result_of(mkdirat(root, below(path), mode));
}

static int faulty_rename(const char *from, const char *to, unsigned flags)
{
    int result = refusal(RENAME, to);
    return result < 0 ? result : result_of(renameat2(root, below(from), root, below(to), flags));
}

static int faulty_chmod(const char *path, mode_t mode, struct fuse_file_info *file)
{
    (void)file;
    return result_of(fchmodat(root, below(path), mode, 0));
}

static int faulty_utimens(const char *path, const struct timespec times[2], struct fuse_file_info *file)
{
    (void)file;
    return result_of(utimensat(root, below(path), times, AT_SYMLINK_NOFOLLOW));
}

static int faulty_statfs(const char *path, struct statvfs *stat)
{
    (void)path;
    int result = result_of(fstatvfs(root, stat));
    pthread_mutex_lock(&lock);
    bool full = fault.error == ENOSPC && fault.failed > 0 && fault.times == UINT64_MAX;
    pthread_mutex_unlock(&lock);
    if (full)
        stat->f_bavail = stat->f_bfree = 0;
    return result;
}

static const struct fuse_operations operations = {
    .init = start,
    .getattr = faulty_getattr,
    .readdir = faulty_readdir,
    .open = faulty_open,
    .create = faulty_create,
    .read = faulty_read,
    .write = faulty_write,
    .release = faulty_release,
    .fsync = faulty_fsync,
    .fsyncdir = faulty_fsyncdir,
    .fallocate = faulty_fallocate,
    .truncate = faulty_truncate,
    .unlink = faulty_unlink,
    .rmdir = faulty_rmdir,
    .mkdir = faulty_mkdir,
    .rename = faulty_rename,
    .chmod = faulty_chmod,
    .utimens = faulty_utimens,
    .statfs = faulty_statfs,
};

int main(int argc, char **argv)
{
    root = argc == 3 ? open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (root < 0) {
        fprintf(stderr, "usage: %s DIRECTORY MOUNTPOINT\n", argv[0]);
        return 2;
    }
    char *arguments[] = {argv[0], argv[2], (char *)"-f", NULL};
    umask(0);
    return fuse_main(3, arguments, &operations, NULL);
}
