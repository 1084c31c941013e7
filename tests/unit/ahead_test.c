/* SPDX-License-Identifier: MIT */
/*
 * ahead_test.c - reading ahead by itself: its reads of the medium are wrapped by the linker (--wrap), and last as long as
 * a test wants.
 */
#include "rocksdb/ahead.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

enum { VERSION = 2, CHANGE = 4, CHUNK_BYTES = 32 << 10, CHUNKS = 10, PATIENCE_S = 20 };

/* The medium: while it is closed, who reads waits. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool closed;
    unsigned reading, reads;
} medium = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

int __wrap_db_get_passing(const struct db *db, enum family family, const struct key *key, struct slice *ret_value);

int __wrap_db_get_passing(const struct db *db, enum family family, const struct key *key, struct slice *ret_value)
{
    (void)db, (void)family, (void)key, (void)ret_value;
    pthread_mutex_lock(&medium.lock);
    medium.reading++;
    medium.reads++;
    pthread_cond_broadcast(&medium.changed);
    while (medium.closed)
        pthread_cond_wait(&medium.changed, &medium.lock);
    medium.reading--;
    pthread_mutex_unlock(&medium.lock);
    return -ENOENT; /* a chunk of zeroes */
}

static void medium_close(bool closed)
{
    pthread_mutex_lock(&medium.lock);
    medium.closed = closed;
    pthread_cond_broadcast(&medium.changed);
    pthread_mutex_unlock(&medium.lock);
}

static void wait_until_read(void)
{
    pthread_mutex_lock(&medium.lock);
    while (medium.reading == 0)
        pthread_cond_wait(&medium.changed, &medium.lock);
    pthread_mutex_unlock(&medium.lock);
}

struct reader {
    struct ahead *ahead;
    bool taken;
};

static void *take_first(void *arg)
{
    struct reader *reader = arg;
    struct slice slice = {0};
    reader->taken = ahead_take(reader->ahead, VERSION, CHANGE, 0, &slice);
    slice_release(&slice);
    return NULL;
}

static void wait_for_waiter(struct ahead *ahead)
{
    for (bool waits = false; !waits;) {
        pthread_mutex_lock(&ahead->lock);
        waits = ahead->waiting > 0;
        pthread_mutex_unlock(&ahead->lock);
        nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
    }
}

static bool ends_soon(pthread_t thread)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_S;
    return pthread_timedjoin_np(thread, NULL, &until) == 0;
}

static int setup(void **state)
{
    struct ahead *ahead = calloc(1, sizeof *ahead);
    medium_close(true);
    *state = ahead;
    return ahead ? ahead_start(ahead, NULL, CHUNK_BYTES) : -1;
}

static int teardown(void **state)
{
    medium_close(false);
    ahead_stop(*state);
    free(*state);
    return 0;
}

/* The last of one handle's reads may be told of when another has begun to read the same version. */
static void a_reader_waits_no_longer_than_its_stream_lives(void **state)
{
    struct ahead *ahead = *state;
    struct reader reader = {.ahead = ahead, .taken = true};
    pthread_t thread;
    ahead_follow(ahead, VERSION, CHANGE, 0, CHUNKS);
    wait_until_read();
    assert_int_equal(pthread_create(&thread, NULL, take_first, &reader), 0);
    wait_for_waiter(ahead);
    ahead_forget(ahead, VERSION);
    bool ended = ends_soon(thread);
    if (!ended) /* lets it end, so that the others run */
        ahead_follow(ahead, VERSION + 2, CHANGE, 0, CHUNKS);
    assert_true(ended);
    assert_false(reader.taken); /* it reads for itself */
}

static void what_is_fetched_is_taken_once(void **state)
{
    struct ahead *ahead = *state;
    struct reader reader = {.ahead = ahead};
    medium_close(false);
    ahead_follow(ahead, VERSION, CHANGE, 0, CHUNKS);
    bool taken = false;
    for (time_t end = time(NULL) + PATIENCE_S; !taken && time(NULL) < end;) {
        pthread_mutex_lock(&ahead->lock);
        bool ready = ahead->streams[0].slots[0].state == AHEAD_READY;
        pthread_mutex_unlock(&ahead->lock);
        if (ready) {
            take_first(&reader);
            taken = reader.taken;
        }
    }
    assert_true(taken);
    take_first(&reader);
    assert_false(reader.taken);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_reader_waits_no_longer_than_its_stream_lives, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_fetched_is_taken_once, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
