/* SPDX-License-Identifier: MIT */
/* crew.c - see crew.h. */
#include "crew.h"
#include "clock.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define PENALTY_MIN_NS 100000000LL /* one that was raised stays so for this long; twice as long each time that ... */
#define PENALTY_MAX_NS 10000000000LL
#define LOW_ENOUGH_NS  200000000LL /* ... it had not even been low for this long */
#define WATCH_NS       4000000LL /* how often the watch looks: a request may hold others up for at most twice that */

struct member {
    pthread_t thread;
    struct crew *crew;
    SLIST_ENTRY(member) next;
};

struct crew {
    int end_fd;
    atomic_uint running; /* threads that have not ended */
    atomic_bool stop;
    bool may_lower; /* constant */
    atomic_bool watch_sleeps;
    pthread_t watch;
    bool watched;
    pthread_mutex_t lock; /* taken last of all locks; guards what follows */
    pthread_cond_t seat_free; /* or nothing to sit for any more */
    pthread_cond_t busy; /* the watch must look again */
    STAILQ_HEAD(, seat) free;
    unsigned free_count;
    struct seat **seats;
    unsigned seats_count, open; /* of these not closed */
    unsigned idle; /* members that wait for a seat, or have yet to begin */
    unsigned members_count, max;
    SLIST_HEAD(, member) members;
};

/* Where the calling thread sits, and the turn it had when it began to answer. */
static _Thread_local struct seat *sits_at;
static _Thread_local uint64_t turn_begun;

/* --- turns --------------------------------------------------------------------------------------------- */

/* Rare: between two bursts of requests, at most once in WATCH_NS. */
static void wake_watch(struct crew *crew)
{
    pthread_mutex_lock(&crew->lock);
    atomic_store(&crew->watch_sleeps, false);
    pthread_cond_signal(&crew->busy);
    pthread_mutex_unlock(&crew->lock);
}

void crew_begin(struct seat *seat)
{
    sits_at = seat;
    turn_begun = atomic_load_explicit(&seat->turn, memory_order_relaxed) + 1;
    atomic_store(&seat->turn, turn_begun);
    if (atomic_load(&seat->crew->watch_sleeps))
        wake_watch(seat->crew);
}

bool crew_end(struct seat *seat)
{
    uint64_t turn = turn_begun;
    sits_at = NULL;
    return atomic_compare_exchange_strong(&seat->turn, &turn, turn + 1);
}

/* --- after the caller ---------------------------------------------------------------------------------- */

static bool set_policy(pid_t tid, int policy)
{
    return sched_setscheduler(tid, policy, &(struct sched_param){0}) == 0;
}

/* Lowers itself, and sees whether it may raise itself again. */
static void *try_policies(void *arg)
{
    bool *ret_may = arg;
    *ret_may = set_policy(0, SCHED_IDLE) && set_policy(0, SCHED_OTHER);
    return NULL;
}

void crew_lower(struct seat *seat)
{
    if (!seat->crew->may_lower || atomic_load_explicit(&seat->low, memory_order_relaxed))
        return;
    int64_t now = clock_ns(CLOCK_MONOTONIC);
    if (now < atomic_load(&seat->low_from_ns))
        return;
    atomic_store(&seat->low_since_ns, now);
    atomic_store(&seat->low, gettid()); /* first: from here on the watch sees to it */
    set_policy(0, SCHED_IDLE);
}

void crew_raise(struct seat *seat)
{
    pid_t self = atomic_load_explicit(&seat->low, memory_order_relaxed);
    if (self && self == gettid() && atomic_compare_exchange_strong(&seat->low, &self, 0))
        set_policy(self, SCHED_OTHER);
}

/* Does a thread of ours want to run, or does it sleep? Field 3 of proc(5)'s stat. */
static bool is_runnable(pid_t tid)
{
    char path[64], text[128];
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", (int)tid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
    if (fd >= 0)
        close(fd);
    text[got > 0 ? got : 0] = '\0';
    const char *rest = strrchr(text, ')');
    return !rest || strncmp(rest, ") R", 3) == 0;
}

/* The watch finds that one who is low gets no further, or has nothing to do. */
static void raise_stuck(struct seat *seat)
{
    pid_t tid = atomic_exchange(&seat->low, 0);
    if (!tid)
        return;
    bool starved = is_runnable(tid);
    set_policy(tid, SCHED_OTHER);
    if (!starved)
        return;
    int64_t now = clock_ns(CLOCK_MONOTONIC), penalty = atomic_load(&seat->penalty_ns);
    penalty = now - atomic_load(&seat->low_since_ns) > LOW_ENOUGH_NS || penalty == 0 ? PENALTY_MIN_NS : penalty * 2;
    penalty = penalty < PENALTY_MAX_NS ? penalty : PENALTY_MAX_NS;
    atomic_store(&seat->penalty_ns, penalty);
    atomic_store(&seat->low_from_ns, now + penalty);
}

/* --- seats --------------------------------------------------------------------------------------------- */

static void *live(void *arg);

/* One more thread, unless there are enough. */
static int recruit_locked(struct crew *crew)
{
    if (crew->members_count >= crew->max || atomic_load(&crew->stop))
        return -EAGAIN;
    struct member *member = calloc(1, sizeof *member);
    if (!member)
        return -ENOMEM;
    member->crew = crew;
    atomic_fetch_add(&crew->running, 1);
    int error = pthread_create(&member->thread, NULL, live, member);
    if (error) {
        atomic_fetch_sub(&crew->running, 1);
        free(member);
        return -error;
    }
    SLIST_INSERT_HEAD(&crew->members, member, next);
    crew->members_count++;
    crew->idle++;
    return 0;
}

/* A seat has nobody: who is idle sits down, or who is done with something else. */
static int offer_locked(struct crew *crew, struct seat *seat)
{
    STAILQ_INSERT_TAIL(&crew->free, seat, next_free);
    if (++crew->free_count > crew->idle)
        return recruit_locked(crew);
    pthread_cond_signal(&crew->seat_free);
    return 0;
}

/* Takes the seat away from whoever is answering at this turn, unless that is over. */
static void vacate(struct seat *seat, uint64_t turn)
{
    struct crew *crew = seat->crew;
    if (!atomic_compare_exchange_strong(&seat->turn, &turn, turn + 1))
        return;
    pthread_mutex_lock(&crew->lock);
    offer_locked(crew, seat);
    pthread_mutex_unlock(&crew->lock);
}

void crew_blocks(void)
{
    struct seat *seat = sits_at;
    if (!seat)
        return;
    sits_at = NULL;
    crew_raise(seat); /* before another thread is made, which would inherit it */
    vacate(seat, turn_begun);
}

/* --- threads ------------------------------------------------------------------------------------------- */

/* Waits for a free seat, for one that counts as idle until it has one; NULL when there will be none. */
static struct seat *next_seat_locked(struct crew *crew)
{
    while (STAILQ_EMPTY(&crew->free) && crew->open > 0 && !atomic_load(&crew->stop))
        pthread_cond_wait(&crew->seat_free, &crew->lock);
    crew->idle--;
    struct seat *seat = crew->open > 0 && !atomic_load(&crew->stop) ? STAILQ_FIRST(&crew->free) : NULL;
    if (seat) {
        STAILQ_REMOVE_HEAD(&crew->free, next_free);
        crew->free_count--;
    }
    return seat;
}

static void close_seat_locked(struct crew *crew)
{
    if (--crew->open > 0)
        return;
    pthread_cond_broadcast(&crew->seat_free);
    pthread_cond_signal(&crew->busy);
}

static void *live(void *arg)
{
    struct member *member = arg;
    struct crew *crew = member->crew;
    struct seat *seat;
    sigset_t wake;
    sigemptyset(&wake);
    sigaddset(&wake, SIGUSR1);
    pthread_sigmask(SIG_UNBLOCK, &wake, NULL);

    pthread_mutex_lock(&crew->lock);
    while ((seat = next_seat_locked(crew))) {
        pthread_mutex_unlock(&crew->lock);
        enum sitting result = seat->serve(seat);
        crew_raise(seat);
        pthread_mutex_lock(&crew->lock);
        crew->idle++;
        if (result == SEAT_CLOSED)
            close_seat_locked(crew);
    }
    pthread_mutex_unlock(&crew->lock);
    if (atomic_fetch_sub(&crew->running, 1) == 1) {
        uint64_t one = 1;
        if (write(crew->end_fd, &one, sizeof one) < 0)
            abort(); /* an eventfd takes a one */
    }
    return NULL;
}

/* --- the watch ----------------------------------------------------------------------------------------- */

/* Takes seats from those who have been at one request since the last look, and tries once more to find somebody for
 * those that nobody sits at. True when anything has happened since. */
static bool look(struct crew *crew)
{
    bool active = false;
    pthread_mutex_lock(&crew->lock);
    if (crew->free_count > crew->idle)
        active = recruit_locked(crew) == -EAGAIN || crew->free_count > crew->idle;
    pthread_mutex_unlock(&crew->lock);
    for (unsigned i = 0;; i++) {
        pthread_mutex_lock(&crew->lock);
        struct seat *seat = i < crew->seats_count ? crew->seats[i] : NULL;
        pthread_mutex_unlock(&crew->lock);
        if (!seat)
            return active;
        uint64_t turn = atomic_load(&seat->turn);
        if (turn == seat->watched)
            raise_stuck(seat);
        if (turn & 1 && turn == seat->watched)
            vacate(seat, turn);
        active = active || turn & 1 || turn != seat->watched;
        seat->watched = turn;
    }
}

/* Sleeps while nobody has anything to do. */
static void sleep_locked(struct crew *crew)
{
    atomic_store(&crew->watch_sleeps, true);
    for (unsigned i = 0; i < crew->seats_count; i++) /* one that began just before the flag was set did not see it */
        if (atomic_load(&crew->seats[i]->turn) != crew->seats[i]->watched)
            atomic_store(&crew->watch_sleeps, false);
    while (atomic_load(&crew->watch_sleeps) && crew->open > 0 && !atomic_load(&crew->stop))
        pthread_cond_wait(&crew->busy, &crew->lock);
    atomic_store(&crew->watch_sleeps, false);
}

static void *watch(void *arg)
{
    struct crew *crew = arg;
    bool active = true;
    pthread_mutex_lock(&crew->lock);
    while (crew->open > 0 && !atomic_load(&crew->stop)) {
        if (!active)
            sleep_locked(crew);
        pthread_mutex_unlock(&crew->lock);
        nanosleep(&(struct timespec){.tv_nsec = WATCH_NS}, NULL);
        active = look(crew);
        pthread_mutex_lock(&crew->lock);
    }
    pthread_mutex_unlock(&crew->lock);
    return NULL;
}

/* --- the crew ------------------------------------------------------------------------------------------ */

struct crew *crew_new(unsigned spare)
{
    struct crew *crew = calloc(1, sizeof *crew);
    if (!crew)
        return NULL;
    crew->max = spare;
    crew->end_fd = eventfd(0, EFD_CLOEXEC);
    STAILQ_INIT(&crew->free);
    SLIST_INIT(&crew->members);
    pthread_mutex_init(&crew->lock, NULL);
    pthread_cond_init(&crew->seat_free, NULL);
    pthread_cond_init(&crew->busy, NULL);
    if (crew->end_fd < 0) {
        crew_stop(crew);
        return NULL;
    }
    pthread_t trial;
    if (pthread_create(&trial, NULL, try_policies, &crew->may_lower) == 0)
        pthread_join(trial, NULL);
    return crew;
}

int crew_seat(struct crew *crew, struct seat *seat)
{
    int result = 0;
    seat->crew = crew;
    pthread_mutex_lock(&crew->lock);
    struct seat **seats = realloc(crew->seats, (crew->seats_count + 1) * sizeof *seats);
    if (seats) {
        crew->seats = seats;
        seats[crew->seats_count++] = seat;
        crew->open++;
        crew->max++;
        result = offer_locked(crew, seat);
    }
    if (seats && !crew->watched && result == 0) {
        result = -pthread_create(&crew->watch, NULL, watch, crew);
        crew->watched = result == 0;
    }
    pthread_mutex_unlock(&crew->lock);
    return seats ? result : -ENOMEM;
}

bool crew_ended(const struct crew *crew)
{
    return atomic_load(&crew->running) == 0;
}

int crew_end_fd(const struct crew *crew)
{
    return crew->end_fd;
}

bool crew_answers(struct crew *crew, uint64_t *turns)
{
    uint64_t before = *turns;
    *turns = 0;
    pthread_mutex_lock(&crew->lock);
    for (unsigned i = 0; i < crew->seats_count; i++)
        *turns += atomic_load(&crew->seats[i]->turn);
    bool seated = crew->free_count < crew->open || crew->idle > 0 || crew->members_count < crew->max;
    pthread_mutex_unlock(&crew->lock);
    return seated || *turns != before;
}

bool crew_stopping(const struct crew *crew)
{
    return atomic_load(&crew->stop);
}

/* Waits for a thread to end, for at most `ms`. */
static bool joined(pthread_t thread, int ms)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    int64_t ns = until.tv_nsec + (int64_t)ms * 1000000;
    until.tv_sec += ns / 1000000000;
    until.tv_nsec = ns % 1000000000;
    return pthread_timedjoin_np(thread, NULL, &until) == 0;
}

void crew_stop(struct crew *crew)
{
    struct member *member;
    if (!crew)
        return;
    pthread_mutex_lock(&crew->lock);
    atomic_store(&crew->stop, true);
    pthread_cond_broadcast(&crew->seat_free);
    pthread_cond_signal(&crew->busy);
    pthread_mutex_unlock(&crew->lock);
    if (crew->watched)
        pthread_join(crew->watch, NULL); /* before the others: it may recruit */
    while ((member = SLIST_FIRST(&crew->members))) {
        while (!joined(member->thread, 10)) /* it may have looked just before the signal: once more */
            pthread_kill(member->thread, SIGUSR1);
        SLIST_REMOVE_HEAD(&crew->members, next);
        free(member);
    }
    if (crew->end_fd >= 0)
        close(crew->end_fd);
    pthread_cond_destroy(&crew->busy);
    pthread_cond_destroy(&crew->seat_free);
    pthread_mutex_destroy(&crew->lock);
    free(crew->seats);
    free(crew);
}
