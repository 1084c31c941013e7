/* SPDX-License-Identifier: MIT */
/* locks.c - flock, fcntl's locks of processes and of open files, and handles of files. */
#include "checks.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/wait.h>

static int open_one(void)
{
    int fd = open("a", O_RDWR | O_CREAT, 0644);
    if (fd < 0)
        abort();
    return fd;
}

static int lock_range(int fd, int command, short type, off_t start, off_t length)
{
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};
    return fcntl(fd, command, &lock) < 0 ? errno : 0;
}

/* What `check` says in another process. */
static int elsewhere(int (*check)(void))
{
    int status;
    pid_t child = fork();
    if (child == 0)
        _exit(check() & 0xff);
    return waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int try_flock(void)
{
    return flock(open_one(), LOCK_EX | LOCK_NB) < 0 ? errno : 0;
}

static int try_flock_shared(void)
{
    return flock(open_one(), LOCK_SH | LOCK_NB) < 0 ? errno : 0;
}

static int try_range(void)
{
    return lock_range(open_one(), F_SETLK, F_WRLCK, 5, 1);
}

static int try_other_range(void)
{
    return lock_range(open_one(), F_SETLK, F_WRLCK, 20, 1);
}

static int whole_files(void)
{
    int fd = open_one(), copy = dup(fd);
    EXPECT(flock(fd, LOCK_SH) == 0 && elsewhere(try_flock_shared) == 0 && elsewhere(try_flock) == EWOULDBLOCK);
    EXPECT(flock(fd, LOCK_EX) == 0 && elsewhere(try_flock_shared) == EWOULDBLOCK && try_flock() == EWOULDBLOCK);
    EXPECT(flock(copy, LOCK_UN) == 0 && elsewhere(try_flock) == 0);
    EXPECT(flock(fd, LOCK_EX) == 0 && close(fd) == 0 && elsewhere(try_flock) == EWOULDBLOCK);
    EXPECT(close(copy) == 0 && elsewhere(try_flock) == 0);
    EXPECT(flock(-1, LOCK_EX) < 0 && errno == EBADF);
    EXPECT(flock(open_one(), 0) < 0 && errno == EINVAL);
    return 0;
}

static int of_processes(void)
{
    int fd = open_one(), other = open_one();
    struct flock asked = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 0};
    EXPECT(lock_range(fd, F_SETLK, F_WRLCK, 0, 10) == 0);
    EXPECT(elsewhere(try_range) == EAGAIN && elsewhere(try_other_range) == 0);
    EXPECT(lock_range(other, F_SETLK, F_WRLCK, 0, 10) == 0); /* one's own are no hindrance */
    EXPECT(lock_range(fd, F_SETLK, F_UNLCK, 4, 3) == 0 && elsewhere(try_range) == 0);
    EXPECT(lock_range(fd, F_SETLK, F_WRLCK, 0, 10) == 0 && fcntl(fd, F_GETLK, &asked) == 0 && asked.l_type == F_UNLCK);
    EXPECT(close(other) == 0 && elsewhere(try_range) == 0); /* any close lets all go */
    return 0;
}

static int of_open_files(void)
{
    int fd = open_one(), other = open_one();
    EXPECT(lock_range(fd, F_OFD_SETLK, F_WRLCK, 0, 10) == 0);
    EXPECT(lock_range(other, F_OFD_SETLK, F_WRLCK, 5, 1) == EAGAIN && elsewhere(try_range) == EAGAIN);
    EXPECT(close(other) == 0 && elsewhere(try_range) == EAGAIN);
    EXPECT(close(fd) == 0 && elsewhere(try_range) == 0);
    return 0;
}

static int wrong_mode(void)
{
    close(open_one());
    return lock_range(open("a", O_RDONLY), F_SETLK, F_WRLCK, 0, 1);
}

static int wrong_mode_to_share(void)
{
    close(open_one());
    return lock_range(open("a", O_WRONLY), F_SETLK, F_RDLCK, 0, 1);
}

static int negative_range(void)
{
    return lock_range(open_one(), F_SETLK, F_WRLCK, -1, 1);
}

static int of_directories(void)
{
    int fd = open(".", O_RDONLY);
    return flock(fd, LOCK_EX | LOCK_NB) < 0 ? errno : 0;
}

/* Handles of files that outlive names, as NFS servers use them. */
static int by_handle(void)
{
    _Alignas(struct file_handle) char room[sizeof(struct file_handle) + MAX_HANDLE_SZ];
    struct file_handle *handle = (void *)room;
    int mount, where = open(".", O_RDONLY);
    handle->handle_bytes = MAX_HANDLE_SZ;
    close(open_one());
    if (name_to_handle_at(AT_FDCWD, "a", handle, &mount, 0) < 0)
        return errno;
    return open_by_handle_at(where, handle, O_RDONLY) < 0 ? errno : 0;
}

static const struct row locks_rows[] = {
    {"flock", .check = whole_files},
    {"fcntl: locks of processes", .check = of_processes},
    {"fcntl: locks of open files", .check = of_open_files},
    {"F_WRLCK of O_RDONLY", EBADF, .check = wrong_mode},
    {"F_RDLCK of O_WRONLY", EBADF, .check = wrong_mode_to_share},
    {"a lock before the beginning", EINVAL, .check = negative_range},
    {"flock of a directory", .check = of_directories},
    {"open_by_handle_at", .check = by_handle},
};

TABLE(locks);
