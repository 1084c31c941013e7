/* SPDX-License-Identifier: MIT */
/* systemd.c - see systemd.h. Who listens is the process's, as its environment is. */
#include "systemd.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Written by systemd_begin(), before the first thread starts; read by all. */
static struct sockaddr_un listener = {.sun_family = AF_UNIX};
static socklen_t listener_size; /* 0: nobody */
static uint64_t watchdog_us;

/* A path, or with '@' in front a name in the abstract namespace, which begins with a NUL there. */
static void listener_take(const char *name)
{
    size_t length = name ? strlen(name) : 0;
    if (length < 2 || length >= sizeof listener.sun_path || (*name != '/' && *name != '@'))
        return;
    memcpy(listener.sun_path, name, length);
    if (*name == '@')
        listener.sun_path[0] = '\0';
    listener_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
}

/* WATCHDOG_USEC counts for the process that WATCHDOG_PID names, if it names one. */
static void watchdog_take(const char *us, const char *pid)
{
    char *end;
    if (!us || *us < '0' || *us > '9' || (pid && strtol(pid, NULL, 10) != getpid()))
        return;
    unsigned long long number = strtoull(us, &end, 10);
    if (!*end)
        watchdog_us = number;
}

void systemd_begin(void)
{
    listener_take(getenv("NOTIFY_SOCKET"));
    watchdog_take(getenv("WATCHDOG_USEC"), getenv("WATCHDOG_PID"));
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
}

void systemd_say(const char *format, ...)
{
    char text[1024];
    va_list args;
    if (listener_size == 0)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    /* who listened may have gone: then nobody wants to know */
    (void)sendto(fd, text, strlen(text), MSG_NOSIGNAL, (const struct sockaddr *)&listener, listener_size);
    close(fd);
}

uint64_t systemd_watchdog_us(void)
{
    return listener_size ? watchdog_us : 0;
}
