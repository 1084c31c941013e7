/* SPDX-License-Identifier: MIT */
/* open.c - open(2), openat(2), creat(2). */
#include "checks.h"
#include "script.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/sendfile.h>
#include <sys/wait.h>
#include <unistd.h>

/* Copies a program to `path`. 0 or an errno. */
static int copy_program(const char *path)
{
    int from = open("/bin/true", O_RDONLY), to = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0755);
    if (from < 0 || to < 0)
        return errno;
    ssize_t size;
    while ((size = sendfile(to, from, NULL, 1 << 20)) > 0)
        ;
    int result = size < 0 ? errno : 0;
    close(from);
    return close(to) < 0 ? errno : result;
}

/* The errno of execve(path), 0 when the program ran. */
static int execute(const char *path)
{
    int status;
    pid_t child = vfork();
    if (child == 0) {
        execl(path, path, (char *)NULL);
        _exit(errno);
    }
    if (waitpid(child, &status, 0) < 0)
        return errno;
    return WIFEXITED(status) ? WEXITSTATUS(status) : MISMATCH;
}

static int executes(void)
{
    int result = copy_program("true");
    return result ? result : execute("./true");
}

static int not_executable(void)
{
    int result = copy_program("true");
    if (result == 0 && chmod("true", 0644) < 0)
        result = errno;
    return result ? mismatch("%s", errno_name(result)) : execute("./true");
}

static int executing_what_is_written(void)
{
    int result = copy_program("true");
    if (result == 0)
        result = run_script("open A true O_WRONLY");
    return result ? mismatch("%s", errno_name(result)) : execute("./true");
}

/* A program that runs cannot be opened to be written. */
static int writing_what_is_executed(void)
{
    int result = copy_program("true");
    if (result)
        return result;
    pid_t child = fork();
    if (child == 0) { /* it waits at its first instruction, traced */
        if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0)
            execl("./true", "true", (char *)NULL);
        _exit(1);
    }
    int status;
    waitpid(child, &status, 0);
    result = WIFSTOPPED(status) ? run_script("open A true O_WRONLY") : MISMATCH;
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    return result;
}

/* Makes and removes s until it is killed. */
__attribute__((noreturn)) static void storm(int flags)
{
    for (;;) {
        int fd = open("s", O_WRONLY | O_CREAT | flags, 0644);
        if (fd >= 0 && (write(fd, "x", 1) < 0 || close(fd) < 0))
            _exit(1);
        unlink("s");
    }
}

/* Whatever becomes of the name meanwhile: it is there or it is not. */
static int open_in_a_storm(int flags)
{
    enum { OPENS = 100 };
    pid_t children[2];
    int result = 0;
    for (size_t i = 0; i < COUNT(children); i++)
        if ((children[i] = fork()) == 0)
            storm(i == 0 ? O_EXCL : O_TRUNC);
    for (int i = 0; i < OPENS && result == 0; i++) {
        int fd = open("s", flags, 0644);
        if (fd < 0 && (flags & O_CREAT || errno != ENOENT))
            result = errno;
        if (fd >= 0 && close(fd) < 0)
            result = errno;
    }
    for (size_t i = 0; i < COUNT(children); i++) {
        kill(children[i], SIGKILL);
        waitpid(children[i], NULL, 0);
    }
    return result;
}

static int reading_in_a_storm(void)
{
    return open_in_a_storm(O_RDONLY);
}

static int changing_in_a_storm(void)
{
    return open_in_a_storm(O_RDWR);
}

static int making_in_a_storm(void)
{
    return open_in_a_storm(O_RDWR | O_CREAT);
}

static int replacing_in_a_storm(void)
{
    return open_in_a_storm(O_WRONLY | O_TRUNC);
}

static const struct row open_rows[] = {
    {"every combination of flags", .check = open_with_all_flags},
    {"file a one; open A a O_RDONLY; read A one"},
    {"open A a O_RDONLY", ENOENT},
    {"open A a O_WRONLY", ENOENT},
    {"open A \"\" O_RDONLY", ENOENT},
    {"open A \"\" O_RDWR|O_CREAT", ENOENT},
    {"open A d/a O_RDWR|O_CREAT", ENOENT},
    {"symlink nowhere l; open A l/a O_RDWR|O_CREAT", ENOENT},
    {"file f; open A f/a O_RDONLY", ENOTDIR},
    {"file f; open A f/a O_RDWR|O_CREAT", ENOTDIR},
    {"file f; open A f/ O_RDONLY", ENOTDIR},
    {"file f; open A f/. O_RDONLY", ENOTDIR},
    {"file f; open A f/.. O_RDONLY", ENOTDIR},
    {"open A a/ O_RDWR|O_CREAT", EISDIR},
    {"mkdir d; open A d/ O_RDONLY"},
    {"symlink l l; open A l O_RDONLY", ELOOP},
    {"symlink l l; open A l/a O_RDONLY", ELOOP},
    {"symlink b a; symlink a b; open A a O_RDONLY", ELOOP},
    {"symlink l l; open A l O_RDWR|O_CREAT", ELOOP},
    {"open A {n*255} O_RDWR|O_CREAT; look {n*255}"},
    {"open A {n*256} O_RDONLY", ENAMETOOLONG},
    {"open A {n*256} O_RDWR|O_CREAT", ENAMETOOLONG},
    {"file a; open A {./*2047}a O_RDONLY"},
    {"file a; open A {./*2048}a O_RDONLY", ENAMETOOLONG},
    /* Directories. */
    {"mkdir d; open A d O_RDONLY"},
    {"mkdir d; open A d O_WRONLY", EISDIR},
    {"mkdir d; open A d O_RDWR", EISDIR},
    {"mkdir d; open A d O_RDONLY|O_TRUNC", EISDIR},
    {"mkdir d; open A d O_RDONLY|O_CREAT", EISDIR},
    {"mkdir d; open A d O_RDONLY|O_CREAT|O_EXCL", EEXIST},
    {"mkdir d; open A d O_RDONLY|O_APPEND"},
    {"mkdir d; creat A d", EISDIR},
    {"mkdir d; open A d O_RDONLY|O_DIRECTORY"},
    {"file a; open A a O_RDONLY|O_DIRECTORY", ENOTDIR},
    {"open A a O_RDONLY|O_DIRECTORY", ENOENT},
    {"mkdir d; symlink d l; open A l O_RDONLY|O_DIRECTORY"},
    {"mkdir d; symlink d l; open A l O_RDONLY|O_DIRECTORY|O_NOFOLLOW", ENOTDIR},
    {"mkdir d; symlink d l; open A l/ O_RDONLY|O_NOFOLLOW; kind fd:A S_IFDIR"},
    {"open A . O_RDONLY"},
    {"open A . O_RDWR", EISDIR},
    {"mkdir d; open A d O_RDONLY; rmdir d; openat B A a O_RDWR|O_CREAT", ENOENT},
    /* Creating. */
    {"open A a O_WRONLY|O_CREAT; size a 0; kind a S_IFREG"},
    {"open A a O_RDONLY|O_CREAT; size a 0; read A \"\""},
    {"file a one; open A a O_RDWR|O_CREAT; read A one"},
    {"file a one; open A a O_RDWR|O_CREAT|O_EXCL", EEXIST},
    {"open A a O_RDWR|O_CREAT|O_EXCL; open B a O_RDWR|O_CREAT|O_EXCL", EEXIST},
    {"open A a O_RDWR|O_CREAT|O_EXCL; write A one; pread A 0 one; close A; holds a one"},
    {"symlink t l; open A l O_RDWR|O_CREAT|O_EXCL", EEXIST},
    {"symlink t l; file t; open A l O_RDWR|O_CREAT|O_EXCL", EEXIST},
    {"symlink l l; open A l O_RDWR|O_CREAT|O_EXCL", EEXIST},
    {"symlink t l; open A l O_RDWR|O_CREAT; write A one; close A; holds t one; readlink l t"},
    {"symlink t l; open A l O_RDONLY", ENOENT},
    {"symlink d/t l; open A l O_RDWR|O_CREAT", ENOENT},
    {"mkdir d; symlink d/t l; open A l O_RDWR|O_CREAT; look d/t"},
    {"creat A a; write A one; close A; holds a one"},
    {"file a one; creat A a; close A; size a 0"},
    {"creat A a 0640; close A; mode a 0640"},
    {"umask 027; creat A a 0777; close A; mode a 0750"},
    {"umask 0777; open A a O_RDWR|O_CREAT|O_EXCL 0777; write A one; read A \"\"; close A; mode a 0"},
    {"open A a O_RDWR|O_CREAT|O_EXCL 0; write A one; pread A 0 one"}, /* what is opened may be written, whatever its mode */
    {"open A a O_WRONLY|O_CREAT 04755; close A; mode a 04755"},
    {"file a one 0600; open A a O_RDWR|O_CREAT 0777; mode a 0600"},
    {"chmod . 0777; as 1001; open A a O_RDWR|O_CREAT; owner a 1001 1001"},
    {"mkdir d; chown d 0 1005; chmod d 02777; as 1001; file d/a; owner d/a 1001 1005"},
    {"mkdir d; chown d 0 1005; chmod d 02777; as 1001; mkdir d/e; owner d/e 1001 1005; mode d/e 02755"},
    /* Truncating. */
    {"file a one; open A a O_WRONLY|O_TRUNC; close A; size a 0"},
    {"file a one; open A a O_RDWR|O_TRUNC; write A x; pread A 0 x; close A; holds a x"},
    {"open A a O_WRONLY|O_TRUNC", ENOENT},
    {"file a one 0444; as 1001; open A a O_RDONLY|O_TRUNC", EACCES},
    {"file a one 0666; as 1001; open A a O_RDONLY|O_TRUNC; size fd:A 0"},
    {"file a one; open A a O_WRONLY|O_TRUNC; holds a \"\"", 0, OVERWRITING, 0,
     "file a one; open A a O_WRONLY|O_TRUNC; write A two; holds a one; close A; holds a two"},
    {"open A a O_WRONLY|O_CREAT|O_TRUNC; write A one; holds a one", 0, CREATING, ENOENT},
    {"open A a O_WRONLY|O_CREAT|O_EXCL; write A one; lists . a", 0, CREATING, 0,
     "open A a O_WRONLY|O_CREAT|O_EXCL; write A one; lists . \"\"; stat a; fsync A; lists . a; holds a one"},
    {"file a one; open A a O_WRONLY|O_TRUNC; write A ab; size fd:A 2; size a 2"}, /* who writes sees it */
    {"open A a O_WRONLY|O_CREAT|O_EXCL 0600; write A ab; size a 2; mode a 0600; owner a 0 0; chmod a 0640; close A; "
     "mode a 0640"},
    {"open A a O_WRONLY|O_CREAT|O_EXCL; write A ab; setxattr a user.x y; close A; xattr a user.x y; holds a ab"},
    {"open A a O_WRONLY|O_CREAT|O_EXCL; write A ab; rename a b; gone a; write A cd; close A; holds b abcd"},
    {"file b old; open A a O_WRONLY|O_CREAT|O_EXCL; write A ab; rename a b; close A; gone a; holds b ab"},
    {"open A a O_WRONLY|O_CREAT|O_EXCL; write A ab; unlink a; gone a; close A; gone a; lists . \"\""},
    {"file a one; open A a O_RDONLY; file a two; pread A 0 two", 0, PINNED, 0,
     "file a one; open A a O_RDONLY; file a two; pread A 0 one; holds a two"},
    /* Not following. */
    {"file t; symlink t l; open A l O_RDONLY|O_NOFOLLOW", ELOOP},
    {"symlink t l; open A l O_RDWR|O_CREAT|O_NOFOLLOW", ELOOP},
    {"file a one; open A a O_RDONLY|O_NOFOLLOW; read A one"},
    {"mkdir d; file d/t one; symlink d l; open A l/t O_RDONLY|O_NOFOLLOW; read A one"},
    /* Places rather than files. */
    {"file a; open A a O_PATH; kind fd:A S_IFREG"},
    {"file a; open A a O_PATH; take A x", EBADF},
    {"file a; open A a O_PATH; write A x", EBADF},
    {"file a; open A a O_PATH; fchmod A 0600", EBADF},
    {"file a; open A a O_PATH; fchown A 0 0", EBADF},
    {"file a; open A a O_PATH; ftruncate A 0", EBADF},
    {"file a; open A a O_PATH; fsync A", EBADF},
    {"symlink t l; open A l O_PATH|O_NOFOLLOW; kind fd:A S_IFLNK"},
    {"symlink t l; open A l O_PATH", ENOENT},
    {"file a one 0; as 1001; open A a O_PATH; size fd:A 3"},
    {"file a one; open A a O_PATH; reopen B A O_RDONLY; read B one"},
    {"file a one; open A a O_PATH; unlink a; links fd:A 0"},
    {"file a one; open A a O_PATH; unlink a; reopen B A O_RDONLY", 0, NOT_OPEN, ENOENT},
    {"file a one; open A a O_PATH; rename a b; links fd:A 1; size fd:A 3"},
    {"file a one; open A a O_PATH; rename a b; reopen B A O_RDONLY; read B one"},
    {"file a one; open A a O_PATH; file a three; reopen B A O_RDONLY; read B three"},
    {"file a one; open A a O_PATH; file a three; size fd:A 5"},
    {"mkdir d; open A d O_PATH; fchdir A; file a; look ../d/a"},
    {"file a; open A a O_PATH; fchdir A", ENOTDIR},
    /* By a descriptor of one's own. */
    {"file a one; open A a O_RDONLY; reopen B A O_RDONLY; read B one"},
    {"file a one; open A a O_RDONLY; reopen B A O_WRONLY; write B two; close B; holds a two"},
    {"file a one; open A a O_RDONLY; reopen B A O_WRONLY|O_TRUNC; write B tw; close B; holds a tw", 0, EMPTYING, ESTALE,
     "file a one; open A a O_RDONLY; reopen B A O_WRONLY|O_TRUNC"},
    {"file a one; open A a O_RDWR; reopen B A O_WRONLY|O_TRUNC; write B tw; close B; holds a tw", 0, EMPTYING, ESTALE,
     "file a one; open A a O_RDWR; reopen B A O_WRONLY|O_TRUNC"},
    {"file a one; open A a O_WRONLY; reopen B A O_WRONLY|O_APPEND; write B two; close B; holds a onetwo"},
    {"open A a O_RDWR|O_CREAT|O_EXCL; write A one; reopen B A O_RDWR; read B one"},
    {"file a one; open A a O_RDONLY; unlink a; reopen B A O_RDONLY; read B one"},
    {"file a one; open A a O_RDWR; unlink a; reopen B A O_RDWR; read B one"},
    {"mkdir d; open A d O_RDONLY; reopen B A O_RDONLY|O_DIRECTORY; kind fd:B S_IFDIR"},
    /* Files without a name. */
    {"open A . O_TMPFILE|O_RDWR 0600; write A one; links fd:A 0", 0, NAMELESS, EOPNOTSUPP,
     "open A . O_TMPFILE|O_RDWR 0600"},
    {"open A . O_TMPFILE|O_RDONLY 0600", EINVAL},
    {"file a; open A a O_TMPFILE|O_RDWR 0600", ENOTDIR},
    /* Other flags. */
    {"open A a O_WRONLY|O_CREAT|O_SYNC; write A one; close A; holds a one"},
    {"open A a O_WRONLY|O_CREAT|O_DSYNC; write A one; close A; holds a one"},
    {"open A a O_WRONLY|O_CREAT|O_NONBLOCK; write A one; close A; holds a one"},
    {"file a {ab*4096}; open A a O_RDONLY|O_DIRECT"},
    {"file a; as 1001; open A a O_RDONLY|O_NOATIME", EPERM},
    {"file a; open A a O_RDONLY|O_NOATIME"},
    {"open A a O_WRONLY|O_CREAT|O_APPEND; write A one; lseek A 0 SEEK_SET; write A two; close A; holds a onetwo"},
    {"open A a O_RDWR|O_CREAT|O_APPEND; write A one; lseek A 0 SEEK_SET 0; take A one"},
    {"file a one; open A a O_WRONLY|O_APPEND; lseek A 0 SEEK_CUR 0; write A two; lseek A 0 SEEK_CUR 6"},
    {"file a one; open A a O_WRONLY|O_APPEND; pwrite A 0 two; close A; holds a onetwo"}, /* as Linux has it, not POSIX */
    {"file a one; open A a O_RDWR|O_APPEND; pwrite A 1 two; close A; holds a onetwo"},
    {"file a one; open A a O_WRONLY|O_APPEND; ftruncate A 1; write A x; close A; holds a ox"},
    {"file a one; open A a O_WRONLY|O_APPEND|O_TRUNC; write A x; write A y; close A; holds a xy"},
    {"open A a O_WRONLY|O_CREAT|O_EXCL|O_APPEND; write A x; pwrite A 0 y; close A; holds a xy"},
    /* Who may. */
    {"file a one 0600; as 1001; open A a O_RDONLY", EACCES},
    {"file a one 0644; as 1001; open A a O_RDONLY; read A one"},
    {"file a one 0644; as 1001; open A a O_WRONLY", EACCES},
    {"file a one 0644; as 1001; open A a O_RDWR", EACCES},
    {"file a one 0644; as 1001; open A a O_RDWR|O_CREAT", EACCES},
    {"file a one 0222; as 1001; open A a O_WRONLY"},
    {"file a one 0222; as 1001; open A a O_RDWR", EACCES},
    {"file a one 0040; chown a 1005 1001; as 1001; open A a O_RDONLY"},
    {"file a one 0040; chown a 1005 1006; as 1001 1001 1006; open A a O_RDONLY"},
    {"file a one 0077; chown a 1001 1001; as 1001; open A a O_RDONLY",
     EACCES}, /* the owner's bits count for the owner */
    {"file a one 0607; chown a 0 1001; as 1001; open A a O_RDONLY", EACCES},
    {"file a one 0; open A a O_RDWR; read A one"}, /* root's may everything */
    {"mkdir d; as 1001; open A d/a O_RDWR|O_CREAT", EACCES},
    {"mkdir d 0700; file d/a; as 1001; open A d/a O_RDONLY", EACCES},
    {"mkdir d 0700; as 1001; open A d/a O_RDONLY", EACCES},
    {"mkdir d 0722; as 1001; open A d/a O_RDWR|O_CREAT", EACCES},
    {"mkdir d 0733; as 1001; open A d/a O_RDWR|O_CREAT; look d/a"},
    {"mkdir d 0733; as 1001; open A d O_RDONLY", EACCES},
    {"mkdir d 0744; as 1001; open A d O_RDONLY; openat B A a O_RDONLY", EACCES},
    {"mkdir d 0700; mkdir d/e 0777; symlink d/e l; as 1001; open A l/a O_RDWR|O_CREAT", EACCES},
    {"mkdir d 01777; file d/a one 0666; chown d/a 1002 1002; as 1001; open A d/a O_WRONLY"},
    /* At a directory. */
    {"mkdir d; file d/a one; open A d O_RDONLY; openat B A a O_RDONLY; read B one"},
    {"file f; open A f O_RDONLY; openat B A a O_RDONLY", ENOTDIR},
    {"openat B A a O_RDONLY", EBADF},
    {"file f one; openat B A {self}/f O_RDONLY; read B one"},
    {"mkdir d; file a one; open A d O_RDONLY; openat B A ../a O_RDONLY; read B one"},
    {"close A", EBADF},
    {"file a; open A a O_RDONLY; close A; close A", EBADF},
    /* While others make and remove the name. */
    {"O_RDONLY in a storm", .check = reading_in_a_storm},
    {"O_RDWR in a storm", .check = changing_in_a_storm},
    {"O_RDWR|O_CREAT in a storm", .check = making_in_a_storm},
    {"O_WRONLY|O_TRUNC in a storm", .check = replacing_in_a_storm},
    /* Programs. */
    {"a program runs", .check = executes},
    {"a program that is not executable", EACCES, .check = not_executable},
    {"a program that is open to be written does not run", ETXTBSY, .check = executing_what_is_written},
    {"a program that runs is not written", ETXTBSY, .check = writing_what_is_executed},
};

TABLE(open);
