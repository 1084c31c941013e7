/* SPDX-License-Identifier: MIT */
/* unmounter.c - see unmounter.h. */
#include "unmounter.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

void unmounter_detach(const char *mountpoint)
{
    if (geteuid() == 0)
        _exit(umount2(mountpoint, MNT_DETACH | UMOUNT_NOFOLLOW) < 0);
    execlp("fusermount3", "fusermount3", "-u", "-q", "-z", "--", mountpoint, (char *)NULL);
    _exit(127);
}

/* A byte: unmount. The end of the pipe: the daemon is gone. What it had open is not held, lest somebody wait for its end. */
__attribute__((noreturn)) static void wait_and_detach(const char *mountpoint, int fd)
{
    char byte;
    int null = open("/dev/null", O_RDWR);
    for (int standard = 0; standard <= STDERR_FILENO; standard++)
        dup2(null, standard);
    dup2(fd, STDERR_FILENO + 1);
    close_range(STDERR_FILENO + 2, UINT_MAX, 0);
    ssize_t got = chdir("/");
    while ((got = read(STDERR_FILENO + 1, &byte, 1)) < 0 && errno == EINTR)
        ;
    if (got == 1)
        unmounter_detach(mountpoint);
    _exit(0);
}

int unmounter_start(const char *mountpoint, struct unmounter *ret_unmounter)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    pid_t pid = fork();
    int result = pid < 0 ? -errno : 0;
    if (pid == 0)
        wait_and_detach(mountpoint, ends[0]);
    close(ends[0]);
    if (pid < 0)
        close(ends[1]);
    else
        *ret_unmounter = (struct unmounter){pid, ends[1]};
    return result;
}

void unmounter_end(struct unmounter *unmounter)
{
    if (!unmounter->pid)
        return;
    close(unmounter->fd);
    while (waitpid(unmounter->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    unmounter->pid = 0;
}

void unmounter_unmount(struct unmounter *unmounter)
{
    if (unmounter->pid && write(unmounter->fd, "", 1) == 1)
        unmounter_end(unmounter);
}
