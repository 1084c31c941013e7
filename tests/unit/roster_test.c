/* SPDX-License-Identifier: MIT */
/* roster_test.c - a roster agrees with a plain table of the same versions, whatever is done to both. */
#include "rocksdb/roster.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { VERSIONS = 20000, STEPS = 100000 };

/* By half a version's number: its deadline, or 0 when it is not in it. */
struct plain {
    int64_t deadlines[VERSIONS];
};

static void expect_same(const struct roster *roster, const struct plain *plain)
{
    uint64_t version = 0;
    for (uint64_t i = 0; i < VERSIONS; i++) {
        assert_int_equal(roster_has(roster, i * 2), plain->deadlines[i] != 0);
        if (plain->deadlines[i] == 0)
            continue;
        assert_true(roster_next(roster, version, &version));
        assert_int_equal(version, i * 2);
        version++;
    }
    assert_false(roster_next(roster, version, &version));
}

static int by_time(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static void expect_nearest(const struct roster *roster, const struct plain *plain)
{
    static struct roster_row rows[100];
    int64_t *sorted = malloc(sizeof plain->deadlines);
    size_t count = 0, found = roster_nearest(roster, rows, 100);
    for (size_t i = 0; i < VERSIONS; i++)
        if (plain->deadlines[i] != 0 && plain->deadlines[i] != INT64_MAX)
            sorted[count++] = plain->deadlines[i];
    qsort(sorted, count, sizeof *sorted, by_time);
    assert_int_equal(found, count < 100 ? count : 100);
    for (size_t i = 0; i < found; i++) {
        assert_int_equal(rows[i].deadline_ms, sorted[i]);
        assert_int_equal(plain->deadlines[rows[i].version / 2], sorted[i]);
    }
    free(sorted);
}

static int64_t some_deadline(void)
{
    return rand() % 3 ? 1 + rand() % 1000000 : INT64_MAX;
}

static void it_agrees_with_a_plain_table(void **state)
{
    (void)state;
    struct roster roster = {0};
    struct plain *plain = calloc(1, sizeof *plain);
    srand(7);
    for (int step = 0; step < STEPS; step++) {
        size_t i = (size_t)(step < STEPS / 2 ? step % (VERSIONS / 2) : rand() % VERSIONS);
        if (rand() % 3 == 0) {
            roster_drop(&roster, i * 2);
            plain->deadlines[i] = 0;
        } else {
            plain->deadlines[i] = some_deadline();
            assert_true(roster_put(&roster, i * 2, plain->deadlines[i]));
        }
        if (step % 10000 == 9999)
            expect_same(&roster, plain);
    }
    expect_nearest(&roster, plain);
    roster_release(&roster);
    free(plain);
}

/* What was walked is as it was at first; the roster knows what was put and taken out since. */
static void what_was_walked_and_what_came_since_are_merged(void **state)
{
    (void)state;
    struct roster walked = {0}, since = {0};
    struct plain *plain = calloc(1, sizeof *plain);
    srand(11);
    for (size_t n = 0; n < VERSIONS / 2; n++) {
        size_t i = (n * 7919) % (VERSIONS / 2);
        plain->deadlines[i] = some_deadline();
        assert_true(roster_push(&walked, i * 2, plain->deadlines[i]));
    }
    for (int step = 0; step < STEPS / 4; step++) {
        size_t i = (size_t)(rand() % VERSIONS);
        bool drops = rand() % 2;
        plain->deadlines[i] = drops ? 0 : some_deadline();
        assert_true(drops ? roster_drop_unseen(&since, i * 2) : roster_put(&since, i * 2, plain->deadlines[i]));
    }
    roster_sort(&walked);
    assert_true(roster_merge(&since, &walked));
    assert_null(walked.rows);
    expect_same(&since, plain);
    expect_nearest(&since, plain);
    roster_release(&since);
    free(plain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_agrees_with_a_plain_table),
        cmocka_unit_test(what_was_walked_and_what_came_since_are_merged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
