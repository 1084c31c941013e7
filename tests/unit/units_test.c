/* SPDX-License-Identifier: MIT */
/*
 * units_test.c - sizes, durations and dates are read as people write them, nothing else is, and what is printed
 * reads back.
 */
#include "store.h"
#include "units.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
/* cmocka needs what is above */
#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* --- sizes --------------------------------------------------------------------------------------------- */

static void sizes_are_read(void **state)
{
    static const struct {
        const char *text;
        uint64_t bytes;
    } cases[] = {
        {"0", 0},
        {"4096", 4096},
        {"4096B", 4096},
        {"64K", 64 << 10},
        {"64k", 64 << 10},
        {"64KB", 64 << 10},
        {"64KiB", 64 << 10},
        {"64kb", 64 << 10},
        {"1.5G", UINT64_C(3) << 29},
        {"0.5K", 512},
        {"0.001K", 1},
        {"2T", UINT64_C(2) << 40},
        {"7.5E", (UINT64_C(15) << 59)},
        {"9223372036854775807", INT64_MAX},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint64_t bytes = 1;
        assert_int_equal(size_parse(cases[i].text, &bytes), 0);
        assert_int_equal(bytes, cases[i].bytes);
    }
}

static void what_is_no_size_is_refused(void **state)
{
    static const char *const texts[] = {"",    " ",    "K",     "-1",  "+1",   "1.5",  "1.",    ".5K",  "1 K",
                                        " 1K", "1K ",  "1KK",   "1Ki", "0x10", "1e3",  "1,5K",  "1BB",  "1iB",
                                        "1X",  "1.5B", "1..5K", "nan", "12;",  "1K\n", "1KiBx", "1\x0b"};
    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        uint64_t bytes = 42;
        assert_int_equal(size_parse(texts[i], &bytes), -EINVAL);
        assert_int_equal(bytes, 42);
    }
}

static void sizes_past_63_bits_are_out_of_range(void **state)
{
    static const char *const texts[] = {"8E", "9223372036854775808", "18446744073709551616",
                                        "99999999999999999999999999999K", "8388608T"};
    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        uint64_t bytes = 42;
        assert_int_equal(size_parse(texts[i], &bytes), -ERANGE);
        assert_int_equal(bytes, 42);
    }
}

static void sizes_are_printed_for_people(void **state)
{
    static const struct {
        uint64_t bytes;
        const char *text;
    } cases[] = {
        {0, "0 B"},
        {1023, "1023 B"},
        {1024, "1.0 KiB"},
        {18140365, "17.3 MiB"},
        {(1 << 20) - 1, "1.0 MiB"},
        {UINT64_C(1) << 30, "1.0 GiB"},
        {UINT64_MAX, "16.0 EiB"},
    };
    char text[32];
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(size_format(cases[i].bytes, text), strlen(cases[i].text));
        assert_string_equal(text, cases[i].text);
    }
}

/* --- durations ----------------------------------------------------------------------------------------- */

static void durations_are_read(void **state)
{
    static const struct {
        const char *text;
        uint64_t ms;
    } cases[] = {
        {"90", 90000},
        {"90s", 90000},
        {"15m", 900000},
        {"2h", 7200000},
        {"7d", 604800000},
        {"1w", 604800000},
        {"250ms", 250},
        {"0.25", 250},
        {"0.250000000000", 250},
        {"1.5h", 5400000},
        {"0.00001h", 36},
        {"0.001", 1},
        {"0", ENTRY_FOREVER},
        {"0s", ENTRY_FOREVER},
        {"0.0", ENTRY_FOREVER},
        {"none", ENTRY_FOREVER},
        {"365250d", UINT64_C(31557600000000)},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint64_t ms = 1;
        assert_int_equal(duration_parse(cases[i].text, &ms), 0);
        assert_int_equal(ms, cases[i].ms);
    }
}

static void what_is_no_duration_is_refused(void **state)
{
    static const char *const texts[] = {"",
                                        "-1",
                                        "-0",
                                        "+1",
                                        "s",
                                        ".5s",
                                        "5.",
                                        "1 s",
                                        "1S",
                                        "1H",
                                        "1y",
                                        "1min",
                                        "soon",
                                        "None",
                                        "0.0001",
                                        "1.5ms",
                                        "0.1ms",
                                        "1e3",
                                        "0x1",
                                        "1h30m",
                                        "90s\n",
                                        "1,5h",
                                        "inf",
                                        "nan",
                                        "1.5.5s",
                                        "ms",
                                        " 90",
                                        "90 ",
                                        "1mss",
                                        "0.3ms",
                                        "0.0000000000001d"};
    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        uint64_t ms = 42;
        assert_int_equal(duration_parse(texts[i], &ms), -EINVAL);
        assert_int_equal(ms, 42);
    }
}

static void durations_above_1000_years_are_out_of_range(void **state)
{
    static const char *const texts[] = {"365250.1d", "31557600000.001", "99999999999999999999999w",
                                        "18446744073709551615ms"};
    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        uint64_t ms = 42;
        assert_int_equal(duration_parse(texts[i], &ms), -ERANGE);
        assert_int_equal(ms, 42);
    }
}

static void durations_read_back_as_printed(void **state)
{
    static const struct {
        uint64_t ms;
        const char *text;
    } cases[] = {{90000, "90"}, {250, "0.25"}, {1, "0.001"}, {1010, "1.01"}, {100000, "100"}, {ENTRY_FOREVER, "0"}};
    char text[32];
    uint64_t ms;
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(duration_format(cases[i].ms, text), strlen(cases[i].text));
        assert_string_equal(text, cases[i].text);
        assert_int_equal(duration_parse(text, &ms), 0);
        assert_int_equal(ms, cases[i].ms);
    }
}

/* --- dates --------------------------------------------------------------------------------------------- */

static void dates_are_read(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01t00:00:00z", 0},
        {"1970-01-01 00:00:00Z", 0},
        {"1969-12-31T23:59:59.999Z", -1},
        {"2026-01-02T03:04:05.678Z", INT64_C(1767323045678)},
        {"2026-01-02T03:04:05.6789999999999Z", INT64_C(1767323045678)},
        {"2026-01-02T03:04:05.6Z", INT64_C(1767323045600)},
        {"2026-01-02T05:34:05+02:30", INT64_C(1767323045000)},
        {"2026-01-01T22:04:05-05:00", INT64_C(1767323045000)},
        {"2026-01-02T03:04:05-00:00", INT64_C(1767323045000)},
        {"2000-02-29T00:00:00Z", INT64_C(951782400000)},
        {"2016-12-31T23:59:60Z", INT64_C(1483228800000)},
        {"9999-12-31T23:59:59.999Z", INT64_C(253402300799999)},
        {"0000-01-01T00:00:00Z", INT64_C(-62167219200000)},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t ms = 1;
        assert_int_equal(date_parse(cases[i].text, &ms), 0);
        assert_int_equal(ms, cases[i].ms);
    }
}

static void what_is_no_date_is_refused(void **state)
{
    static const char *const texts[] = {"",
                                        "2026-01-02",
                                        "2026-01-02T03:04Z",
                                        "2026-01-02T03:04:05",
                                        "2026-13-02T03:04:05Z",
                                        "2026-00-02T03:04:05Z",
                                        "2026-02-29T03:04:05Z",
                                        "1900-02-29T03:04:05Z",
                                        "2026-04-31T03:04:05Z",
                                        "2026-01-00T03:04:05Z",
                                        "2026-01-02T24:00:00Z",
                                        "2026-01-02T03:60:05Z",
                                        "2026-01-02T03:04:61Z",
                                        "2026-01-02T03:04:05.Z",
                                        "2026-01-02T03:04:05,5Z",
                                        "2026-01-02T03:04:05+2:00",
                                        "2026-01-02T03:04:05+0200",
                                        "2026-01-02T03:04:05+24:00",
                                        "2026-01-02T03:04:05+02:60",
                                        "2026-01-02T03:04:05+02:00Z",
                                        "2026-01-02T03:04:05Zulu",
                                        "2026-1-02T03:04:05Z",
                                        "-026-01-02T03:04:05Z",
                                        "12026-01-02T03:04:05Z",
                                        "2026-01-02T03:04:05Z ",
                                        "tomorrow",
                                        "1767323045"};
    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        int64_t ms = 42;
        assert_int_equal(date_parse(texts[i], &ms), -EINVAL);
        assert_int_equal(ms, 42);
    }
}

/* Whatever the machine's time zone is. */
static void dates_read_back_as_printed(void **state)
{
    static const int64_t times[] = {0,
                                    -1,
                                    1,
                                    999,
                                    -1000,
                                    -1001,
                                    INT64_C(1767323045678),
                                    INT64_C(951782400000),
                                    INT64_C(253402300799999),
                                    INT64_C(-62167219200000)};
    char text[40];
    int64_t ms;
    (void)state;
    setenv("TZ", "America/St_Johns", 1);
    for (size_t i = 0; i < COUNT(times); i++) {
        assert_int_equal(date_format(times[i], text), 24);
        assert_int_equal(date_parse(text, &ms), 0);
        assert_int_equal(ms, times[i]);
    }
    date_format(INT64_C(1767323045678), text);
    assert_string_equal(text, "2026-01-02T03:04:05.678Z");
    unsetenv("TZ");
}

static void any_number_prints_within_40_bytes(void **state)
{
    static const int64_t times[] = {INT64_MAX, INT64_MIN, INT64_MAX - 1, INT64_MIN + 1};
    char text[40];
    (void)state;
    for (size_t i = 0; i < COUNT(times); i++)
        assert_in_range(date_format(times[i], text), 1, sizeof text - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_are_read),
        cmocka_unit_test(what_is_no_size_is_refused),
        cmocka_unit_test(sizes_past_63_bits_are_out_of_range),
        cmocka_unit_test(sizes_are_printed_for_people),
        cmocka_unit_test(durations_are_read),
        cmocka_unit_test(what_is_no_duration_is_refused),
        cmocka_unit_test(durations_above_1000_years_are_out_of_range),
        cmocka_unit_test(durations_read_back_as_printed),
        cmocka_unit_test(dates_are_read),
        cmocka_unit_test(what_is_no_date_is_refused),
        cmocka_unit_test(dates_read_back_as_printed),
        cmocka_unit_test(any_number_prints_within_40_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
