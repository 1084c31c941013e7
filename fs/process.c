/* SPDX-License-Identifier: MIT */
/* process.c - see process.h and proc(5). */
#include "process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Reads a file of /proc; true when there is something in `text`. */
static bool read_text(pid_t tid, const char *file, char *text, size_t size)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)tid, file);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t got = read(fd, text, size - 1);
    close(fd);
    text[got > 0 ? got : 0] = '\0';
    return got > 0;
}

/* A process's first thread has its number. Whether that thread is one of that process is told by the attempt to send it
 * no signal at all, which we may not be allowed to: 0.5 us, where pidfd_open(2) and close(2) take 5, and the text of
 * /proc more. */
static bool is_process(pid_t tid)
{
    return syscall(SYS_tgkill, tid, tid, 0) == 0 || errno != ESRCH;
}

pid_t process_of(pid_t tid)
{
    char text[512];
    if (tid == 0 || is_process(tid))
        return tid;
    const char *line = read_text(tid, "status", text, sizeof text) ? strstr(text, "\nTgid:") : NULL;
    return line ? (pid_t)strtol(line + 6, NULL, 10) : 0;
}

bool process_same(pid_t tid, pid_t other_tid)
{
    if (tid == 0 || other_tid == 0)
        return false;
    if (tid == other_tid)
        return true;
    pid_t process = process_of(tid);
    return process != 0 && process == process_of(other_tid);
}

/* Field 9 of stat has the flag PF_EXITING, the last one the exit code with the signal in its low seven bits. */
bool process_was_killed(pid_t tid)
{
    enum { EXITING = 0x4, SIGNAL = 0x7f };
    char text[2048], state;
    unsigned flags;
    if (!read_text(tid, "status", text, sizeof text) || strstr(text, "\nVmSize:"))
        return false; /* it has its memory yet, so it is not exiting; it may be in execve(2) */
    const char *rest = read_text(tid, "stat", text, sizeof text) ? strrchr(text, ')') : NULL;
    if (!rest || sscanf(rest + 1, " %c %*d %*d %*d %*d %*d %u", &state, &flags) != 2 || !(flags & EXITING))
        return false;
    const char *last = strrchr(rest, ' ');
    return last && strtol(last, NULL, 10) & SIGNAL;
}

/* Field 39 of stat. */
int process_core(pid_t tid)
{
    char text[2048];
    int core;
    const char *rest = tid != 0 && read_text(tid, "stat", text, sizeof text) ? strrchr(text, ')') : NULL;
    for (unsigned field = 2; rest && field < 39; field++)
        rest = strchr(rest + 1, ' ');
    return rest && sscanf(rest, " %d", &core) == 1 ? core : -1;
}

/* --- how many descriptors ------------------------------------------------------------------------------ */

/*
 * The /proc/TID/fd of the threads asked about lately. A descriptor of that costs 0.6 us to ask, its path 2, and whose
 * thread it is another 1; and it stands for this one thread: when that has ended it is ENOENT, even when another has got
 * its number. (Before Linux 6.2 it has no size and does not tell: then each look is a new one.)
 */
static struct look {
    pid_t tid;
    int fd; /* meaningless where tid is 0 */
    pid_t process;
} looks[64];
static pthread_mutex_t looks_lock = PTHREAD_MUTEX_INITIALIZER; /* guards them; taken last of all locks */

static bool look_again_locked(struct look *look, pid_t tid)
{
    char path[64];
    if (look->tid != 0)
        close(look->fd);
    snprintf(path, sizeof path, "/proc/%d/fd", (int)tid);
    look->fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    look->process = look->fd < 0 ? 0 : process_of(tid);
    if (look->fd >= 0 && look->process == 0) /* it could not be told now, but may be another time */
        close(look->fd);
    look->tid = look->process ? tid : 0;
    return look->tid != 0;
}

pid_t process_look(pid_t tid, unsigned *ret_descriptors)
{
    *ret_descriptors = 0;
    if (tid == 0)
        return 0;
    struct stat dir;
    struct look *look = &looks[(unsigned)tid % (sizeof looks / sizeof *looks)];
    pthread_mutex_lock(&looks_lock);
    bool there = look->tid == tid && fstat(look->fd, &dir) == 0 && dir.st_size > 0;
    if (!there)
        there = look_again_locked(look, tid) && fstat(look->fd, &dir) == 0;
    pid_t process = there ? look->process : 0;
    pthread_mutex_unlock(&looks_lock);
    if (there)
        *ret_descriptors = (unsigned)dir.st_size;
    return there ? process : process_of(tid);
}

/* --- whose descriptors --------------------------------------------------------------------------------- */

/* The link's own mode tells what the descriptor is open for. */
static bool is_writable(int dir, const char *number)
{
    struct stat link;
    return fstatat(dir, number, &link, AT_SYMLINK_NOFOLLOW) == 0 && link.st_mode & S_IWUSR;
}

static uint64_t field(const char *text, const char *name)
{
    const char *line = strstr(text, name);
    return line ? strtoull(line + strlen(name), NULL, 10) : 0;
}

static enum process_answer is_file(pid_t tid, const char *number, uint64_t mount_id, uint64_t ino)
{
    char file[32], text[512];
    snprintf(file, sizeof file, "fdinfo/%.20s", number);
    if (!read_text(tid, file, text, sizeof text))
        return PROCESS_NO; /* closed meanwhile */
    if (!strstr(text, "\nino:"))
        return PROCESS_UNKNOWN;
    if (field(text, "\nino:") != ino)
        return PROCESS_NO;
    return field(text, "\nmnt_id:") == mount_id ? PROCESS_YES : PROCESS_MAYBE;
}

enum process_answer process_has_file(pid_t tid, uint64_t mount_id, uint64_t ino, bool to_write)
{
    enum process_answer answer = PROCESS_NO;
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/fd", (int)tid);
    DIR *dir = tid != 0 ? opendir(path) : NULL;
    if (!dir)
        return PROCESS_UNKNOWN;
    const struct dirent *entry;
    while (answer != PROCESS_YES && (entry = readdir(dir)))
        if (entry->d_name[0] != '.' && (!to_write || is_writable(dirfd(dir), entry->d_name))) {
            enum process_answer found = is_file(tid, entry->d_name, mount_id, ino);
            if (found != PROCESS_NO)
                answer = found;
        }
    closedir(dir);
    return answer;
}

enum process_answer process_any_has_file(uint64_t mount_id, uint64_t ino, bool to_write)
{
    DIR *dir = opendir("/proc");
    if (!dir)
        return PROCESS_UNKNOWN;
    enum process_answer answer = PROCESS_NO;
    const struct dirent *entry;
    while (answer == PROCESS_NO && (entry = readdir(dir))) {
        pid_t process = (pid_t)strtol(entry->d_name, NULL, 10); /* 0: none */
        enum process_answer found = process ? process_has_file(process, mount_id, ino, to_write) : PROCESS_NO;
        if (found != PROCESS_UNKNOWN)
            answer = found;
    }
    closedir(dir);
    return answer;
}

uint64_t process_mount_id(const char *path)
{
    struct statx found;
    int result = statx(AT_FDCWD, path, AT_STATX_DONT_SYNC, STATX_MNT_ID, &found);
    return result == 0 && found.stx_mask & STATX_MNT_ID ? found.stx_mnt_id : 0;
}
