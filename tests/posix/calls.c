/* SPDX-License-Identifier: MIT */
/* calls.c - the calls of scripts; see script.h. Each is the system's of its name, unless it says otherwise. */
#include "script.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

static int answer(long result)
{
    return result < 0 ? errno : 0;
}

static mode_t mode_of(int argc, char **argv, int at, mode_t otherwise)
{
    return argc > at ? (mode_t)number(argv[at]) : otherwise;
}

/* --- who, and how much ------------------------------------------------------------------------------------------ */

/* as UID [GID [GROUP...]]: goes on as that user; as 0 returns to root. */
static int do_as(int argc, char **argv)
{
    gid_t groups[8];
    size_t count = 0;
    uid_t uid = (uid_t)number(argv[1]);
    for (int i = 3; i < argc; i++)
        groups[count++] = (gid_t)number(argv[i]);
    if (seteuid(0) < 0 || setgroups(count, groups) < 0)
        return errno;
    return answer(setegid(argc > 2 ? (gid_t)number(argv[2]) : (gid_t)uid) < 0 ? -1 : seteuid(uid));
}

static int do_umask(int argc, char **argv)
{
    (void)argc;
    umask((mode_t)number(argv[1]));
    return 0;
}

/* limit BYTES: no file grows beyond (RLIMIT_FSIZE); SIGXFSZ is ignored. */
static int do_limit(int argc, char **argv)
{
    (void)argc;
    struct rlimit limit = {(rlim_t)number(argv[1]), (rlim_t)number(argv[1])};
    signal(SIGXFSZ, SIG_IGN);
    return answer(setrlimit(RLIMIT_FSIZE, &limit));
}

static int do_chdir(int argc, char **argv)
{
    (void)argc;
    return answer(chdir(argv[1]));
}

static int do_fchdir(int argc, char **argv)
{
    (void)argc;
    return answer(fchdir(*descriptor(argv[1])));
}

static int do_getcwd(int argc, char **argv)
{
    (void)argc, (void)argv;
    char path[8192];
    return getcwd(path, sizeof path) ? 0 : errno;
}

/* mount PATH: mounts something there, for this row alone */
static int do_mount(int argc, char **argv)
{
    (void)argc;
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return errno;
    return answer(mount("posix", argv[1], "tmpfs", 0, NULL));
}

/* --- opening ------------------------------------------------------------------------------------------------- */

static int keep(const char *name, int fd)
{
    if (fd < 0)
        return errno;
    *descriptor(name) = fd;
    return 0;
}

/* file PATH [TEXT [MODE]]: makes a file that holds the text, "text" otherwise. */
static int do_file(int argc, char **argv)
{
    const char *text = argc > 2 ? argv[2] : "text";
    int fd = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC, mode_of(argc, argv, 3, 0644));
    if (fd < 0)
        return errno;
    ssize_t written = write(fd, text, strlen(text));
    return answer(close(fd) < 0 || written < 0 ? -1 : 0);
}

/* open FD PATH FLAGS [MODE] */
static int do_open(int argc, char **argv)
{
    return keep(argv[1], open(argv[2], (int)number(argv[3]), mode_of(argc, argv, 4, 0644)));
}

/* openat FD DIRFD PATH FLAGS [MODE] */
static int do_openat(int argc, char **argv)
{
    return keep(argv[1], openat(*descriptor(argv[2]), argv[3], (int)number(argv[4]), mode_of(argc, argv, 5, 0644)));
}

/* reopen FD OLD FLAGS: by /proc/self/fd */
static int do_reopen(int argc, char **argv)
{
    (void)argc;
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", *descriptor(argv[2]));
    return keep(argv[1], open(path, (int)number(argv[3]), 0644));
}

static int do_creat(int argc, char **argv)
{
    return keep(argv[1], creat(argv[2], mode_of(argc, argv, 3, 0644)));
}

static int do_dup(int argc, char **argv)
{
    (void)argc;
    return keep(argv[1], dup(*descriptor(argv[2])));
}

static int do_close(int argc, char **argv)
{
    (void)argc;
    return answer(close(*descriptor(argv[1])));
}

/* --- bytes --------------------------------------------------------------------------------------------------- */

static int compare(const char *call, const char *expected, const char *got, ssize_t size)
{
    if (size < 0)
        return errno;
    if ((size_t)size == strlen(expected) && memcmp(got, expected, (size_t)size) == 0)
        return 0;
    return mismatch("%s: '%.*s' (%zd bytes), not '%s'", call, (int)size, got, size, expected);
}

/* read FD TEXT: there is this to be read, and no more */
static int do_read(int argc, char **argv)
{
    (void)argc;
    char got[16384];
    return compare("read", argv[2], got, read(*descriptor(argv[1]), got, strlen(argv[2]) + 1));
}

/* take FD TEXT: there is this to be read, and be it that there is more */
static int do_take(int argc, char **argv)
{
    (void)argc;
    char got[16384];
    return compare("read", argv[2], got, read(*descriptor(argv[1]), got, strlen(argv[2])));
}

/* pread FD OFFSET TEXT */
static int do_pread(int argc, char **argv)
{
    (void)argc;
    char got[16384];
    return compare("pread", argv[3], got,
                   pread(*descriptor(argv[1]), got, strlen(argv[3]) + 1, (off_t)number(argv[2])));
}

static int written(const char *text, ssize_t size)
{
    if (size < 0)
        return errno;
    return (size_t)size == strlen(text) ? 0 : mismatch("wrote %zd bytes of '%s'", size, text);
}

/* write FD TEXT */
static int do_write(int argc, char **argv)
{
    (void)argc;
    return written(argv[2], write(*descriptor(argv[1]), argv[2], strlen(argv[2])));
}

/* pwrite FD OFFSET TEXT */
static int do_pwrite(int argc, char **argv)
{
    (void)argc;
    return written(argv[3], pwrite(*descriptor(argv[1]), argv[3], strlen(argv[3]), (off_t)number(argv[2])));
}

/* lseek FD OFFSET WHENCE [RESULT] */
static int do_lseek(int argc, char **argv)
{
    off_t result = lseek(*descriptor(argv[1]), (off_t)number(argv[2]), (int)number(argv[3]));
    if (result < 0)
        return errno;
    if (argc > 4 && result != number(argv[4]))
        return mismatch("lseek: %lld, not %s", (long long)result, argv[4]);
    return 0;
}

static int do_truncate(int argc, char **argv)
{
    (void)argc;
    return answer(truncate(argv[1], (off_t)number(argv[2])));
}

static int do_ftruncate(int argc, char **argv)
{
    (void)argc;
    return answer(ftruncate(*descriptor(argv[1]), (off_t)number(argv[2])));
}

/* fallocate FD MODE OFFSET LENGTH */
static int do_fallocate(int argc, char **argv)
{
    (void)argc;
    return answer(
        fallocate(*descriptor(argv[1]), (int)number(argv[2]), (off_t)number(argv[3]), (off_t)number(argv[4])));
}

static int do_fadvise(int argc, char **argv)
{
    (void)argc;
    return posix_fadvise(*descriptor(argv[1]), 0, 0, (int)number(argv[2]));
}

static int do_fsync(int argc, char **argv)
{
    (void)argc;
    return answer(fsync(*descriptor(argv[1])));
}

static int do_fdatasync(int argc, char **argv)
{
    (void)argc;
    return answer(fdatasync(*descriptor(argv[1])));
}

static int do_syncfs(int argc, char **argv)
{
    (void)argc;
    return answer(syncfs(*descriptor(argv[1])));
}

static int all_of(ssize_t size, const char *wanted)
{
    if (size < 0)
        return errno;
    return size == number(wanted) ? 0 : mismatch("%zd bytes, not %s", size, wanted);
}

/* copy FROM TO LENGTH RESULT [FLAGS]: copy_file_range */
static int do_copy(int argc, char **argv)
{
    return all_of(copy_file_range(*descriptor(argv[1]), NULL, *descriptor(argv[2]), NULL, (size_t)number(argv[3]),
                                  argc > 5 ? (unsigned)number(argv[5]) : 0),
                  argv[4]);
}

/* sendfile TO FROM LENGTH RESULT */
static int do_sendfile(int argc, char **argv)
{
    (void)argc;
    return all_of(sendfile(*descriptor(argv[1]), *descriptor(argv[2]), NULL, (size_t)number(argv[3])), argv[4]);
}

/* --- names --------------------------------------------------------------------------------------------------- */

static int do_mkdir(int argc, char **argv)
{
    return answer(mkdir(argv[1], mode_of(argc, argv, 2, 0755)));
}

static int do_mkdirat(int argc, char **argv)
{
    return answer(mkdirat(*descriptor(argv[1]), argv[2], mode_of(argc, argv, 3, 0755)));
}

static int do_rmdir(int argc, char **argv)
{
    (void)argc;
    return answer(rmdir(argv[1]));
}

static int do_unlink(int argc, char **argv)
{
    (void)argc;
    return answer(unlink(argv[1]));
}

/* unlinkat DIRFD PATH FLAGS */
static int do_unlinkat(int argc, char **argv)
{
    (void)argc;
    return answer(unlinkat(*descriptor(argv[1]), argv[2], (int)number(argv[3])));
}

/* rename OLD NEW [FLAGS] */
static int do_rename(int argc, char **argv)
{
    if (argc > 3)
        return answer(renameat2(AT_FDCWD, argv[1], AT_FDCWD, argv[2], (unsigned)number(argv[3])));
    return answer(rename(argv[1], argv[2]));
}

/* renameat DIRFD OLD DIRFD NEW */
static int do_renameat(int argc, char **argv)
{
    (void)argc;
    return answer(renameat(*descriptor(argv[1]), argv[2], *descriptor(argv[3]), argv[4]));
}

static int do_link(int argc, char **argv)
{
    (void)argc;
    return answer(link(argv[1], argv[2]));
}

/* linkat DIRFD OLD DIRFD NEW FLAGS */
static int do_linkat(int argc, char **argv)
{
    (void)argc;
    return answer(linkat(*descriptor(argv[1]), argv[2], *descriptor(argv[3]), argv[4], (int)number(argv[5])));
}

/* symlink TARGET PATH */
static int do_symlink(int argc, char **argv)
{
    (void)argc;
    return answer(symlink(argv[1], argv[2]));
}

static int do_symlinkat(int argc, char **argv)
{
    (void)argc;
    return answer(symlinkat(argv[1], *descriptor(argv[2]), argv[3]));
}

/* mknod PATH MODE */
static int do_mknod(int argc, char **argv)
{
    (void)argc;
    return answer(mknod(argv[1], (mode_t)number(argv[2]), makedev(1, 3)));
}

/* bind PATH: makes a socket */
static int do_bind(int argc, char **argv)
{
    (void)argc;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", argv[1]);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    int result = answer(bind(fd, (struct sockaddr *)&address, sizeof address));
    close(fd);
    return result;
}

/* --- attributes ---------------------------------------------------------------------------------------------- */

static int do_chmod(int argc, char **argv)
{
    (void)argc;
    return answer(chmod(argv[1], (mode_t)number(argv[2])));
}

static int do_fchmod(int argc, char **argv)
{
    (void)argc;
    return answer(fchmod(*descriptor(argv[1]), (mode_t)number(argv[2])));
}

/* chown PATH UID GID */
static int do_chown(int argc, char **argv)
{
    (void)argc;
    return answer(chown(argv[1], (uid_t)number(argv[2]), (gid_t)number(argv[3])));
}

static int do_lchown(int argc, char **argv)
{
    (void)argc;
    return answer(lchown(argv[1], (uid_t)number(argv[2]), (gid_t)number(argv[3])));
}

static int do_fchown(int argc, char **argv)
{
    (void)argc;
    return answer(fchown(*descriptor(argv[1]), (uid_t)number(argv[2]), (gid_t)number(argv[3])));
}

/* fchownat DIRFD PATH UID GID FLAGS */
static int do_fchownat(int argc, char **argv)
{
    (void)argc;
    return answer(
        fchownat(*descriptor(argv[1]), argv[2], (uid_t)number(argv[3]), (gid_t)number(argv[4]), (int)number(argv[5])));
}

/* "now", "omit", "bad", or nanoseconds since 1970 */
static struct timespec time_of(const char *text)
{
    if (strcmp(text, "now") == 0)
        return (struct timespec){.tv_nsec = UTIME_NOW};
    if (strcmp(text, "omit") == 0)
        return (struct timespec){.tv_nsec = UTIME_OMIT};
    if (strcmp(text, "bad") == 0)
        return (struct timespec){.tv_nsec = 1000000000};
    long ns = number(text);
    long seconds = ns / 1000000000 - (ns % 1000000000 < 0);
    return (struct timespec){seconds, ns - seconds * 1000000000};
}

/* utimens PATH ATIME MTIME [FLAGS] */
static int do_utimens(int argc, char **argv)
{
    struct timespec times[2] = {time_of(argv[2]), time_of(argv[3])};
    return answer(utimensat(AT_FDCWD, argv[1], times, argc > 4 ? (int)number(argv[4]) : 0));
}

static int do_futimens(int argc, char **argv)
{
    (void)argc;
    struct timespec times[2] = {time_of(argv[2]), time_of(argv[3])};
    return answer(futimens(*descriptor(argv[1]), times));
}

/* access PATH MODE [FLAGS] */
static int do_access(int argc, char **argv)
{
    if (argc > 3)
        return answer(faccessat(AT_FDCWD, argv[1], (int)number(argv[2]), (int)number(argv[3])));
    return answer(access(argv[1], (int)number(argv[2])));
}

/* setxattr PATH NAME VALUE [FLAGS] */
static int do_setxattr(int argc, char **argv)
{
    return answer(setxattr(argv[1], argv[2], argv[3], strlen(argv[3]), argc > 4 ? (int)number(argv[4]) : 0));
}

static int do_lsetxattr(int argc, char **argv)
{
    return answer(lsetxattr(argv[1], argv[2], argv[3], strlen(argv[3]), argc > 4 ? (int)number(argv[4]) : 0));
}

static int do_fsetxattr(int argc, char **argv)
{
    return answer(
        fsetxattr(*descriptor(argv[1]), argv[2], argv[3], strlen(argv[3]), argc > 4 ? (int)number(argv[4]) : 0));
}

static int do_removexattr(int argc, char **argv)
{
    (void)argc;
    return answer(removexattr(argv[1], argv[2]));
}

static int do_lremovexattr(int argc, char **argv)
{
    (void)argc;
    return answer(lremovexattr(argv[1], argv[2]));
}

const struct command call_commands[] = {
    {"as", 1, 8, do_as},
    {"umask", 1, 1, do_umask},
    {"limit", 1, 1, do_limit},
    {"chdir", 1, 1, do_chdir},
    {"fchdir", 1, 1, do_fchdir},
    {"getcwd", 0, 0, do_getcwd},
    {"mount", 1, 1, do_mount},
    {"file", 1, 3, do_file},
    {"open", 3, 4, do_open},
    {"openat", 4, 5, do_openat},
    {"reopen", 3, 3, do_reopen},
    {"creat", 2, 3, do_creat},
    {"dup", 2, 2, do_dup},
    {"close", 1, 1, do_close},
    {"read", 2, 2, do_read},
    {"take", 2, 2, do_take},
    {"pread", 3, 3, do_pread},
    {"write", 2, 2, do_write},
    {"pwrite", 3, 3, do_pwrite},
    {"lseek", 3, 4, do_lseek},
    {"truncate", 2, 2, do_truncate},
    {"ftruncate", 2, 2, do_ftruncate},
    {"fallocate", 4, 4, do_fallocate},
    {"fadvise", 2, 2, do_fadvise},
    {"fsync", 1, 1, do_fsync},
    {"fdatasync", 1, 1, do_fdatasync},
    {"syncfs", 1, 1, do_syncfs},
    {"copy", 4, 5, do_copy},
    {"sendfile", 4, 4, do_sendfile},
    {"mkdir", 1, 2, do_mkdir},
    {"mkdirat", 2, 3, do_mkdirat},
    {"rmdir", 1, 1, do_rmdir},
    {"unlink", 1, 1, do_unlink},
    {"unlinkat", 3, 3, do_unlinkat},
    {"rename", 2, 3, do_rename},
    {"renameat", 4, 4, do_renameat},
    {"link", 2, 2, do_link},
    {"linkat", 5, 5, do_linkat},
    {"symlink", 2, 2, do_symlink},
    {"symlinkat", 3, 3, do_symlinkat},
    {"mknod", 2, 2, do_mknod},
    {"bind", 1, 1, do_bind},
    {"chmod", 2, 2, do_chmod},
    {"fchmod", 2, 2, do_fchmod},
    {"chown", 3, 3, do_chown},
    {"lchown", 3, 3, do_lchown},
    {"fchown", 3, 3, do_fchown},
    {"fchownat", 5, 5, do_fchownat},
    {"utimens", 3, 4, do_utimens},
    {"futimens", 3, 3, do_futimens},
    {"access", 2, 3, do_access},
    {"setxattr", 3, 4, do_setxattr},
    {"lsetxattr", 3, 4, do_lsetxattr},
    {"fsetxattr", 3, 4, do_fsetxattr},
    {"removexattr", 2, 2, do_removexattr},
    {"lremovexattr", 2, 2, do_lremovexattr},
    {NULL},
};
