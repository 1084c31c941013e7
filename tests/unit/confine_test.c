/* SPDX-License-Identifier: MIT */
/* What a confined process may still do, and what not, in a process of its own, with a thread that was there before. */
#include "confine.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static int go[2];

static bool is_refused(long result)
{
    return result == -1 && errno == ENOSYS;
}

static bool may_not(void)
{
    char *const none[] = {NULL};
    return is_refused(execve("/bin/true", none, none)) && is_refused(socket(AF_INET, SOCK_STREAM, 0)) &&
           is_refused(fork()) && is_refused(mount("none", "/", "tmpfs", 0, NULL)) && is_refused(umount2("/none", 0)) &&
           is_refused(ptrace(PTRACE_TRACEME, 0, NULL, NULL)) && is_refused(chroot("/")) && is_refused(setuid(1));
}

static void *empty(void *arg)
{
    return arg;
}

static bool may(void)
{
    pthread_t thread;
    int file = open("/dev/null", O_RDWR | O_CLOEXEC), sock = socket(AF_UNIX, SOCK_DGRAM, 0);
    return file >= 0 && sock >= 0 && write(file, "x", 1) == 1 && pthread_create(&thread, NULL, empty, NULL) == 0 &&
           pthread_join(thread, NULL) == 0;
}

/* Of a thread that is older than the filter. */
static void *try_later(void *arg)
{
    char byte;
    bool *ret_good = arg;
    *ret_good = read(go[0], &byte, 1) == 1 && may_not() && may();
    return NULL;
}

/* Exit status 0: all is as it should be. */
static int confined(void)
{
    pthread_t older;
    bool good = false;
    if (pipe(go) < 0 || pthread_create(&older, NULL, try_later, &good) != 0)
        return 2;
    if (confine() < 0)
        return 3;
    if (!may())
        return 4;
    if (!may_not())
        return 5;
    if (write(go[1], "", 1) != 1 || pthread_join(older, NULL) != 0)
        return 6;
    return good ? 0 : 7;
}

static void confined_processes_start_and_reach_nothing(void **state)
{
    (void)state;
    int status;
    pid_t child = fork();
    if (child == 0)
        _exit(confined());
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(confined_processes_start_and_reach_nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
