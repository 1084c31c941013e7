/* SPDX-License-Identifier: MIT */
/* watchdog.c - see watchdog.h. */
#include "watchdog.h"

#include "clock.h"
#include "log.h"
#include "systemd.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct watchdog {
    struct session *session;
    uint64_t turns; /* the thread's: see session_answers() */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed; /* CLOCK_MONOTONIC */
    bool stop; /* protected by lock */
};

/* Waits until then, or for the end: then false. */
static bool sleep_until_locked(struct watchdog *watchdog, int64_t until_ns)
{
    const struct timespec until = {until_ns / 1000000000, until_ns % 1000000000};
    while (!watchdog->stop && clock_ns(CLOCK_MONOTONIC) < until_ns)
        pthread_cond_timedwait(&watchdog->changed, &watchdog->lock, &until);
    return !watchdog->stop;
}

static void *live(void *arg)
{
    struct watchdog *watchdog = arg;
    int64_t every_ns = (int64_t)(systemd_watchdog_us() / 2) * 1000;
    pthread_mutex_lock(&watchdog->lock);
    int64_t next_ns = clock_ns(CLOCK_MONOTONIC);
    while (sleep_until_locked(watchdog, next_ns)) {
        next_ns = clock_ns(CLOCK_MONOTONIC) + every_ns;
        pthread_mutex_unlock(&watchdog->lock);
        if (session_answers(watchdog->session, &watchdog->turns))
            systemd_say("WATCHDOG=1");
        pthread_mutex_lock(&watchdog->lock);
    }
    pthread_mutex_unlock(&watchdog->lock);
    return NULL;
}

struct watchdog *watchdog_start(struct session *session)
{
    pthread_condattr_t monotonic;
    struct watchdog *watchdog = systemd_watchdog_us() ? calloc(1, sizeof *watchdog) : NULL;
    if (!watchdog)
        return NULL;
    watchdog->session = session;
    pthread_mutex_init(&watchdog->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&watchdog->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    int error = pthread_create(&watchdog->thread, NULL, live, watchdog);
    if (error) {
        log_line(STORE_LOG_ERROR, "no thread for systemd's watchdog: %s", strerror(error));
        free(watchdog);
        return NULL;
    }
    return watchdog;
}

void watchdog_stop(struct watchdog *watchdog)
{
    if (!watchdog)
        return;
    pthread_mutex_lock(&watchdog->lock);
    watchdog->stop = true;
    pthread_cond_signal(&watchdog->changed);
    pthread_mutex_unlock(&watchdog->lock);
    pthread_join(watchdog->thread, NULL);
    pthread_cond_destroy(&watchdog->changed);
    pthread_mutex_destroy(&watchdog->lock);
    free(watchdog);
}
