/* SPDX-License-Identifier: MIT */
/* progress_test.c - the line a terminal shows while a command goes on. The terminal is a pseudo terminal of this test's. */
#include "clock.h"
#include "command/progress.h"

#include <fcntl.h>
#include <pty.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cmocka.h>

struct screen {
    int master, stderr_copy; /* what stderr was */
    char text[1 << 20]; /* all that was written to it so far */
    size_t size;
};

static int setup(void **state)
{
    struct screen *screen = calloc(1, sizeof *screen);
    struct winsize size = {.ws_row = 24, .ws_col = 100};
    int slave;
    if (!screen || openpty(&screen->master, &slave, NULL, NULL, &size) < 0)
        return -1;
    fcntl(screen->master, F_SETFL, O_NONBLOCK);
    screen->stderr_copy = dup(STDERR_FILENO);
    dup2(slave, STDERR_FILENO);
    close(slave);
    *state = screen;
    return 0;
}

static int teardown(void **state)
{
    struct screen *screen = *state;
    dup2(screen->stderr_copy, STDERR_FILENO);
    close(screen->stderr_copy);
    close(screen->master);
    free(screen);
    return 0;
}

/* What was written since. */
static void look(struct screen *screen)
{
    ssize_t got;
    while ((got = read(screen->master, screen->text + screen->size, sizeof screen->text - 1 - screen->size)) > 0)
        screen->size += (size_t)got;
    screen->text[screen->size] = '\0';
}

static unsigned lines_drawn(const struct screen *screen)
{
    unsigned count = 0;
    for (const char *at = screen->text; (at = strstr(at, "\033[K")); at++)
        count++;
    return count;
}

/* Adds one again and again until so many lines were drawn. */
static void work(struct progress *progress, struct screen *screen, unsigned lines)
{
    do {
        progress_add(progress, 1);
        look(screen);
    } while (lines_drawn(screen) < lines);
}

static void nothing_within_a_second(void **state)
{
    struct screen *screen = *state;
    struct progress progress;
    int64_t began_ns = clock_ns(CLOCK_MONOTONIC);
    progress_begin(&progress, "testing", 0, PROGRESS_ENTRIES);
    work(&progress, screen, 1);
    assert_true(clock_ns(CLOCK_MONOTONIC) - began_ns >= 1000000000);
    assert_non_null(strstr(screen->text, "\rtesting  "));
    assert_non_null(strstr(screen->text, " entries, "));
    progress_end(&progress);
    look(screen);
    assert_string_equal(screen->text + screen->size - 4, "\r\033[K"); /* erased */
    size_t size = screen->size;
    progress_end(&progress);
    progress_add(&progress, 1);
    look(screen);
    assert_int_equal(size, screen->size);
}

static void ten_times_a_second_at_most(void **state)
{
    struct screen *screen = *state;
    struct progress progress;
    progress_begin(&progress, "testing", 0, PROGRESS_ENTRIES);
    work(&progress, screen, 1);
    int64_t first_ns = clock_ns(CLOCK_MONOTONIC);
    work(&progress, screen, 5);
    assert_true(clock_ns(CLOCK_MONOTONIC) - first_ns >= 390000000);
    progress_end(&progress);
}

/* As if it had begun long ago: what it shows does not need so long a test. */
static void show(struct screen *screen, uint64_t done, uint64_t total, enum progress_unit unit)
{
    struct progress progress;
    progress_begin(&progress, "testing", total, unit);
    progress.began_ns -= 10000000000;
    progress.next_ns -= progress.next_ns ? 10000000000 : 0;
    screen->size = 0;
    progress_add(&progress, done);
    look(screen);
    progress.drawn = false;
    progress_end(&progress);
}

static void share_of_a_total(void **state)
{
    struct screen *screen = *state;
    show(screen, 500000, 1000000, PROGRESS_ENTRIES);
    assert_string_equal(screen->text, "\rtesting  [####################--------------------]  50%  "
                                      "500,000 of 1,000,000, 49,999/s\033[K");
    show(screen, 3, 2, PROGRESS_ENTRIES); /* more than was expected */
    assert_non_null(strstr(screen->text, "########################################] 100%  3 of 2, "));
    show(screen, UINT64_C(10) << 20, UINT64_C(40) << 20, PROGRESS_BYTES);
    assert_non_null(strstr(screen->text, " 25%  10.0 MiB of 40.0 MiB, "));
    show(screen, UINT64_C(10) << 20, 0, PROGRESS_BYTES);
    assert_non_null(strstr(screen->text, "testing  10.0 MiB, "));
}

static void no_wider_than_the_terminal(void **state)
{
    struct screen *screen = *state;
    for (unsigned short columns = 1; columns < 200; columns++) {
        struct winsize size = {.ws_row = 24, .ws_col = columns};
        ioctl(screen->master, TIOCSWINSZ, &size);
        show(screen, UINT64_MAX / 2, UINT64_MAX, PROGRESS_ENTRIES);
        assert_true(screen->size <= columns - 1u + strlen("\r\033[K"));
    }
}

static void silent_without_a_terminal(void **state)
{
    struct screen *screen = *state;
    int ends[2];
    char byte;
    assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
    dup2(ends[1], STDERR_FILENO);
    show(screen, 1, 2, PROGRESS_ENTRIES);
    assert_int_equal(read(ends[0], &byte, 1), -1);
    close(ends[0]);
    close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_within_a_second, setup, teardown),
        cmocka_unit_test_setup_teardown(ten_times_a_second_at_most, setup, teardown),
        cmocka_unit_test_setup_teardown(share_of_a_total, setup, teardown),
        cmocka_unit_test_setup_teardown(no_wider_than_the_terminal, setup, teardown),
        cmocka_unit_test_setup_teardown(silent_without_a_terminal, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
