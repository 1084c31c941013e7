/* SPDX-License-Identifier: MIT */
/*
 * crew_test.c - whoever waits holds nobody up: the seat goes to another, by itself or by the watch, and every request is
 * answered once. Seats here read orders of one letter from a pipe and answer them in another.
 */
#include "crew.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* cmocka needs what is above */
#include <cmocka.h>

enum { DESKS = 4, SOON_MS = 10000 };

struct desk {
    struct seat seat;
    struct fixture *fixture;
    int orders[2], answers[2];
    atomic_int thread; /* who served the last order */
};

struct fixture {
    struct crew *crew;
    struct desk desks[DESKS];
    sem_t go; /* whoever is told to wait waits for it */
    atomic_int waiting;
};

static void wait_for_go(struct fixture *f)
{
    f->waiting++;
    while (sem_wait(&f->go) < 0 && !crew_stopping(f->crew))
        ;
    f->waiting--;
}

/* e, l: echo; b: wait, and say so before; s: wait without a word; n: a short nap, said or not. */
static void carry_out(struct desk *desk, char order)
{
    if (order == 'b' || order == 'n')
        crew_blocks();
    if (order == 'b' || order == 's')
        wait_for_go(desk->fixture);
    if (order == 'n')
        usleep(100);
    assert_int_equal(write(desk->answers[1], &order, 1), 1);
}

static enum sitting serve(struct seat *seat)
{
    struct desk *desk = (struct desk *)seat;
    char order;
    while (read(desk->orders[0], &order, 1) == 1) {
        desk->thread = gettid();
        crew_begin(seat);
        carry_out(desk, order);
        if (!crew_end(seat))
            return SEAT_LOST;
        if (order == 'l')
            crew_lower(seat);
    }
    return SEAT_CLOSED;
}

static void nothing(int number)
{
    (void)number;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct sigaction action = {.sa_handler = nothing};
    sigaction(SIGUSR1, &action, NULL);
    sem_init(&f->go, 0, 0);
    for (int i = 0; i < DESKS; i++) {
        struct desk *desk = &f->desks[i];
        *desk = (struct desk){.seat.serve = serve, .fixture = f};
        if (pipe(desk->orders) < 0 || pipe(desk->answers) < 0)
            return -1;
    }
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    crew_stop(f->crew);
    for (int i = 0; i < DESKS; i++) {
        close(f->desks[i].orders[0]);
        if (f->desks[i].orders[1] >= 0)
            close(f->desks[i].orders[1]);
        close(f->desks[i].answers[0]);
        close(f->desks[i].answers[1]);
    }
    sem_destroy(&f->go);
    free(f);
    return 0;
}

static void begin(struct fixture *f, unsigned threads, unsigned desks)
{
    f->crew = crew_new(threads);
    assert_non_null(f->crew);
    for (unsigned i = 0; i < desks; i++)
        assert_int_equal(crew_seat(f->crew, &f->desks[i].seat), 0);
}

static void order(struct desk *desk, const char *letters)
{
    assert_int_equal(write(desk->orders[1], letters, strlen(letters)), strlen(letters));
}

static void readable(int fd)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&poll_fd, 1, SOON_MS), 1);
}

static void answered(struct desk *desk, const char *letters)
{
    for (; *letters; letters++) {
        char answer;
        readable(desk->answers[0]);
        assert_int_equal(read(desk->answers[0], &answer, 1), 1);
        assert_int_equal(answer, *letters);
    }
}

static void until_waiting(struct fixture *f, int count)
{
    while (f->waiting < count)
        usleep(100);
}

/* --- tests --------------------------------------------------------------------------------------------- */

static void every_seat_has_somebody(void **state)
{
    struct fixture *f = *state;
    begin(f, 0, DESKS);
    for (int i = 0; i < DESKS; i++)
        order(&f->desks[i], "e");
    for (int i = 0; i < DESKS; i++)
        answered(&f->desks[i], "e");
}

static void who_waits_gives_up_the_seat(void **state)
{
    struct fixture *f = *state;
    begin(f, 8, 1);
    order(f->desks, "bbeb");
    answered(f->desks, "e");
    until_waiting(f, 3);
    order(f->desks, "ee");
    answered(f->desks, "ee");
    for (int i = 0; i < 3; i++)
        sem_post(&f->go);
    answered(f->desks, "bbb");
    order(f->desks, "e");
    answered(f->desks, "e");
}

static void the_watch_takes_the_seat_of_who_says_nothing(void **state)
{
    struct fixture *f = *state;
    begin(f, 8, 2);
    order(f->desks, "sse");
    answered(f->desks, "e");
    until_waiting(f, 2);
    sem_post(&f->go);
    sem_post(&f->go);
    answered(f->desks, "ss");
    order(f->desks, "e");
    answered(f->desks, "e");
}

/* It sleeps in between, and must be awake again in time. */
static void the_watch_wakes_up(void **state)
{
    struct fixture *f = *state;
    begin(f, 8, 1);
    for (int i = 0; i < 5; i++) {
        usleep(20000 * (useconds_t)i);
        order(f->desks, "se");
        answered(f->desks, "e");
        sem_post(&f->go);
        answered(f->desks, "s");
    }
}

static void no_more_threads_than_allowed(void **state)
{
    struct fixture *f = *state;
    begin(f, 1, 1); /* one to sit, one to wait */
    order(f->desks, "bbe");
    until_waiting(f, 2); /* and nobody is left */
    sem_post(&f->go);
    answered(f->desks, "be"); /* who is done sits down */
    sem_post(&f->go);
    answered(f->desks, "b");
}

static void the_end_is_told(void **state)
{
    struct fixture *f = *state;
    begin(f, 8, 2);
    order(f->desks, "b");
    until_waiting(f, 1);
    for (int i = 0; i < 2; i++) {
        close(f->desks[i].orders[1]);
        f->desks[i].orders[1] = -1;
    }
    assert_false(crew_ended(f->crew)); /* one is at work still */
    sem_post(&f->go);
    answered(f->desks, "b");
    readable(crew_end_fd(f->crew));
    assert_true(crew_ended(f->crew));
}

static void it_can_be_stopped_in_the_middle(void **state)
{
    struct fixture *f = *state;
    begin(f, 8, DESKS);
    order(f->desks, "bse");
    answered(f->desks, "e");
    until_waiting(f, 2); /* some wait, others read: teardown ends them all */
}

static int policy(const struct desk *desk)
{
    return sched_getscheduler(desk->thread);
}

static void who_is_low_is_raised(void **state)
{
    struct fixture *f = *state;
    begin(f, 8, 1);
    for (int i = 0; i < 3; i++) {
        order(f->desks, "l");
        answered(f->desks, "l");
        while (policy(f->desks) != SCHED_OTHER) /* by the watch: there is nothing to do any more */
            usleep(1000);
        order(f->desks, "lb");
        answered(f->desks, "l");
        until_waiting(f, 1);
        assert_int_equal(policy(f->desks), SCHED_OTHER); /* by itself: it waits for something */
        sem_post(&f->go);
        answered(f->desks, "b");
        order(f->desks, "ls");
        answered(f->desks, "l");
        until_waiting(f, 1);
        while (policy(f->desks) != SCHED_OTHER) /* by the watch: it gets no further */
            usleep(1000);
        sem_post(&f->go);
        answered(f->desks, "s");
    }
}

struct storm {
    struct desk *desk;
    unsigned seed;
};

enum { STORM = 3000 };

static void *send_orders(void *arg)
{
    struct storm *storm = arg;
    for (int i = 0; i < STORM; i++) {
        char letter = "eeeenl"[rand_r(&storm->seed) % 6];
        if (write(storm->desk->orders[1], &letter, 1) != 1)
            return storm;
    }
    return NULL;
}

static void none_is_lost_in_a_storm(void **state)
{
    struct fixture *f = *state;
    struct storm storms[DESKS];
    pthread_t senders[DESKS];
    begin(f, 16, DESKS);
    for (unsigned i = 0; i < DESKS; i++) {
        storms[i] = (struct storm){&f->desks[i], i + 1};
        assert_int_equal(pthread_create(&senders[i], NULL, send_orders, &storms[i]), 0);
    }
    for (int i = 0; i < DESKS; i++)
        for (int got = 0; got < STORM; got++) {
            char answer;
            readable(f->desks[i].answers[0]);
            assert_int_equal(read(f->desks[i].answers[0], &answer, 1), 1);
        }
    for (int i = 0; i < DESKS; i++) {
        void *failed;
        pthread_join(senders[i], &failed);
        assert_null(failed);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_seat_has_somebody),
        TEST(who_waits_gives_up_the_seat),
        TEST(the_watch_takes_the_seat_of_who_says_nothing),
        TEST(the_watch_wakes_up),
        TEST(no_more_threads_than_allowed),
        TEST(the_end_is_told),
        TEST(it_can_be_stopped_in_the_middle),
        TEST(who_is_low_is_raised),
        TEST(none_is_lost_in_a_storm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
