/* SPDX-License-Identifier: MIT */
/* latency_test.c - buckets, percentiles and threads that count at the same time. */
#include "latency.h"

#include <fcntl.h>
#include <linux/fuse.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void every_duration_is_in_its_bucket(void **state)
{
    (void)state;
    for (int64_t ns = 0; ns < INT64_C(1) << 36; ns += 1 + ns / 97) {
        unsigned bucket = histogram_bucket(ns);
        assert_true(bucket < LATENCY_BUCKETS);
        assert_true((uint64_t)ns < histogram_end_ns(bucket));
        assert_true(bucket == 0 || (uint64_t)ns >= histogram_end_ns(bucket - 1));
    }
    assert_int_equal(histogram_bucket(-5), 0); /* a clock that went back */
    assert_int_equal(histogram_bucket(INT64_MAX), LATENCY_BUCKETS - 1);
}

static void buckets_are_no_wider_than_a_quarter(void **state)
{
    (void)state;
    for (unsigned bucket = 1; bucket < LATENCY_BUCKETS - 1; bucket++) {
        double begin = (double)histogram_end_ns(bucket - 1), end = (double)histogram_end_ns(bucket);
        assert_true(end > begin && end <= begin * 1.25);
    }
    assert_int_equal(histogram_end_ns(0), 512);
    assert_int_equal(histogram_end_ns(LATENCY_STEPS), 1024); /* octaves end where metrics say */
}

static void percentiles_are_a_quarter_too_high_at_most(void **state)
{
    (void)state;
    struct latency *latency = latency_new();
    struct histogram histogram;
    latency_read(latency, LATENCY_GET, &histogram);
    assert_int_equal(histogram_percentile_ns(&histogram, 0.99), 0);
    uint64_t sum = 0;
    for (int64_t us = 1; us <= 1000; us++) {
        latency_count(latency, LATENCY_GET, us * 1000);
        sum += (uint64_t)us * 1000;
    }
    latency_read(latency, LATENCY_GET, &histogram);
    assert_int_equal(histogram.count, 1000);
    assert_int_equal(histogram.sum_ns, sum);
    for (double part = 0.01; part < 1; part += 0.01) {
        double exact = part * 1e6, told = (double)histogram_percentile_ns(&histogram, part);
        assert_true(told >= exact && told <= exact * 1.26 + 1000);
    }
    latency_read(latency, LATENCY_WRITE, &histogram);
    assert_int_equal(histogram.count, 0);
    latency_free(latency);
}

static void *count_many(void *arg)
{
    for (int i = 0; i < 100000; i++)
        latency_count(arg, LATENCY_READ, i);
    return NULL;
}

static void nothing_is_lost_between_threads(void **state)
{
    (void)state;
    enum { THREADS = 12 };
    struct latency *latency = latency_new();
    struct histogram histogram;
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count_many, latency), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    latency_read(latency, LATENCY_READ, &histogram);
    assert_int_equal(histogram.count, THREADS * 100000);
    latency_free(latency);
}

static void only_an_open_to_read_is_a_get(void **state)
{
    (void)state;
    struct {
        struct fuse_in_header header;
        struct fuse_open_in open;
    } message = {.header = {.opcode = FUSE_OPEN}};
    const struct {
        uint32_t flags;
        enum latency_operation operation;
    } cases[] = {{O_RDONLY, LATENCY_GET},  {O_RDONLY | O_NONBLOCK, LATENCY_GET}, {O_RDWR, LATENCY_GET},
                 {O_WRONLY, LATENCY_OPEN}, {O_WRONLY | O_TRUNC, LATENCY_OPEN},   {O_RDWR | O_TRUNC, LATENCY_OPEN}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        message.open.flags = cases[i].flags;
        assert_int_equal(latency_operation(&message), cases[i].operation);
    }
    message.header.opcode = FUSE_FLUSH;
    assert_int_equal(latency_operation(&message), LATENCY_FLUSH);
    for (enum latency_operation i = 0; i < LATENCY_OPERATIONS; i++)
        assert_non_null(latency_name(i));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_duration_is_in_its_bucket),
        cmocka_unit_test(buckets_are_no_wider_than_a_quarter),
        cmocka_unit_test(percentiles_are_a_quarter_too_high_at_most),
        cmocka_unit_test(nothing_is_lost_between_threads),
        cmocka_unit_test(only_an_open_to_read_is_a_get),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
