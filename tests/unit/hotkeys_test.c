/* SPDX-License-Identifier: MIT */
/* hotkeys_test.c - what the sketch promises: what is read often enough is in it, and no share is off by more than it says. */
#include "hotkeys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct hotkey top[HOTKEYS_SLOTS];

static const struct hotkey *find(unsigned count, uint64_t dir, const char *name)
{
    for (unsigned i = 0; i < count; i++)
        if (top[i].dir == dir && strcmp(top[i].name, name) == 0)
            return &top[i];
    return NULL;
}

static void few_are_counted_exactly(void **state)
{
    (void)state;
    struct hotkeys *hotkeys = hotkeys_new();
    assert_int_equal(hotkeys_top(hotkeys, top, HOTKEYS_SLOTS), 0);
    for (int i = 0; i < 100; i++) {
        hotkeys_count(hotkeys, 1, "a");
        if (i % 2)
            hotkeys_count(hotkeys, 3, "a"); /* another directory's */
        if (i % 4 == 0)
            hotkeys_count(hotkeys, 1, "b");
    }
    assert_int_equal(hotkeys_top(hotkeys, top, HOTKEYS_SLOTS), 3);
    assert_true(top[0].dir == 1 && strcmp(top[0].name, "a") == 0);
    assert_true(top[0].share > 0.5713 && top[0].share < 0.5715 && top[0].error == 0);
    assert_true(top[1].dir == 3 && top[2].dir == 1);
    assert_int_equal(hotkeys_top(hotkeys, top, 1), 1);
    hotkeys_free(hotkeys);
}

/* Ten hot ones of 3 % each among very many that are read once. */
static void the_hot_ones_are_found_among_many(void **state)
{
    (void)state;
    enum { ALL = 50000 };
    struct hotkeys *hotkeys = hotkeys_new();
    char name[32];
    for (int i = 0; i < ALL; i++) {
        if (i % 100 < 30)
            snprintf(name, sizeof name, "hot %d", i % 10);
        else
            snprintf(name, sizeof name, "cold %d", i);
        hotkeys_count(hotkeys, 1, name);
    }
    unsigned count = hotkeys_top(hotkeys, top, HOTKEYS_SLOTS);
    for (int i = 0; i < 10; i++) {
        snprintf(name, sizeof name, "hot %d", i);
        const struct hotkey *key = find(count, 1, name);
        assert_non_null(key);
        assert_true(key->share >= 0.03 - 1e-9 && key->share - key->error <= 0.03 + 1e-9);
        assert_true(key->error <= 1.0 / HOTKEYS_SLOTS);
    }
    hotkeys_free(hotkeys);
}

static void what_was_hot_gives_way(void **state)
{
    (void)state;
    struct hotkeys *hotkeys = hotkeys_new();
    for (int i = 0; i < HOTKEYS_AGE; i++)
        hotkeys_count(hotkeys, 1, "yesterday");
    for (int i = 0; i < 2 * HOTKEYS_AGE; i++)
        hotkeys_count(hotkeys, 1, "today");
    unsigned count = hotkeys_top(hotkeys, top, HOTKEYS_SLOTS);
    assert_string_equal(top[0].name, "today");
    const struct hotkey *yesterday = find(count, 1, "yesterday");
    assert_true(!yesterday || yesterday->share < 0.1);
    hotkeys_free(hotkeys);
}

/* Also of a loop that is as long as the sample is sparse. */
static void a_sample_is_enough(void **state)
{
    (void)state;
    struct hotkeys *hotkeys = hotkeys_new();
    char name[32];
    for (int i = 0; i < 80000; i++) {
        snprintf(name, sizeof name, "%d", i % HOTKEYS_SAMPLE);
        hotkeys_record(hotkeys, 1, name);
    }
    unsigned count = hotkeys_top(hotkeys, top, HOTKEYS_SLOTS);
    assert_int_equal(count, HOTKEYS_SAMPLE);
    for (unsigned i = 0; i < count; i++)
        assert_true(top[i].share > 0.8 / HOTKEYS_SAMPLE && top[i].share < 1.2 / HOTKEYS_SAMPLE);
    hotkeys_free(hotkeys);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_are_counted_exactly),
        cmocka_unit_test(the_hot_ones_are_found_among_many),
        cmocka_unit_test(what_was_hot_gives_way),
        cmocka_unit_test(a_sample_is_enough),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
