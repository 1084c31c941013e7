/* SPDX-License-Identifier: MIT */
/*
 * units.c - sizes, durations and dates between text and numbers.
 *
 * Sizes and durations begin with a plain decimal number; both are read by number_parse() into an integer and
 * billionths, so that no floating point rounds anybody's limit. Neither looks at the locale.
 */
#include "units.h"

#include "store.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define NANO 1000000000u

/* 1,000 years of 365.25 days. */
#define DURATION_MAX_MS (UINT64_C(31557600) * 1000 * 1000)

/* --- numbers ------------------------------------------------------------------------------------------- */

struct number {
    uint64_t whole; /* UINT64_MAX when it is larger than that */
    uint32_t nano; /* billionths */
    bool finer; /* there is more behind the billionths than zeroes */
    bool decimals; /* it was written with a point */
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Reads digits, perhaps a point and more digits. Returns what follows, or NULL if there is no number. */
static const char *number_parse(const char *text, struct number *ret_number)
{
    struct number number = {0};

    if (!is_digit(*text))
        return NULL;
    for (; is_digit(*text); text++)
        if (__builtin_mul_overflow(number.whole, 10, &number.whole) ||
            __builtin_add_overflow(number.whole, (unsigned)(*text - '0'), &number.whole)) {
            number.whole = UINT64_MAX;
            text += strspn(text, "0123456789");
            break;
        }
    if (*text == '.') {
        if (!is_digit(*++text))
            return NULL;
        number.decimals = true;
        for (uint32_t place = NANO / 10; is_digit(*text); text++, place /= 10) {
            number.nano += place * (unsigned)(*text - '0');
            number.finer |= place == 0 && *text != '0';
        }
    }
    *ret_number = number;
    return text;
}

/* --- sizes --------------------------------------------------------------------------------------------- */

int size_parse(const char *text, uint64_t *ret_bytes)
{
    static const char letters[] = "kmgtpe";
    struct number number;
    unsigned shift = 0;

    const char *unit = number_parse(text, &number);
    if (!unit)
        return -EINVAL;
    const char *letter = *unit ? strchr(letters, *unit | 0x20) : NULL;
    if (letter) {
        shift = 10 * (unsigned)(letter - letters + 1);
        unit++;
        if (strcmp(unit, "iB") == 0)
            unit += 2;
    } else if (number.decimals) {
        return -EINVAL; /* part of a byte */
    }
    if (*unit == 'B' || *unit == 'b')
        unit++;
    if (*unit)
        return -EINVAL;
    if (number.whole > (uint64_t)INT64_MAX >> shift)
        return -ERANGE;
    uint64_t bytes = number.whole << shift;
    bytes += (uint64_t)(((unsigned __int128)number.nano << shift) / NANO);
    if (bytes > INT64_MAX)
        return -ERANGE;
    *ret_bytes = bytes;
    return 0;
}

size_t size_format(uint64_t bytes, char *text)
{
    static const char letters[] = "KMGTPE";
    double size = (double)bytes;
    int unit = -1;

    if (bytes < 1024)
        return (size_t)snprintf(text, 32, "%" PRIu64 " B", bytes);
    /* 1023.95 would be printed as 1024.0 */
    for (; size >= 1023.95 && letters[unit + 1]; unit++)
        size /= 1024;
    return (size_t)snprintf(text, 32, "%.1f %ciB", size, letters[unit]);
}

/* --- durations ----------------------------------------------------------------------------------------- */

int duration_parse(const char *text, uint64_t *ret_ms)
{
    static const struct {
        const char *name;
        uint32_t ms;
    } units[] = {{"", 1000}, {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}, {"w", 604800000}};
    struct number number;

    if (strcmp(text, "none") == 0) {
        *ret_ms = ENTRY_FOREVER;
        return 0;
    }
    const char *unit = number_parse(text, &number);
    if (!unit)
        return -EINVAL;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strcmp(unit, units[i].name) != 0)
            continue;
        uint64_t part = (uint64_t)number.nano * units[i].ms;
        if (number.finer || part % NANO != 0)
            return -EINVAL;
        if (number.whole > DURATION_MAX_MS / units[i].ms)
            return -ERANGE;
        uint64_t ms = number.whole * units[i].ms + part / NANO;
        if (ms > DURATION_MAX_MS)
            return -ERANGE;
        *ret_ms = ms ? ms : ENTRY_FOREVER;
        return 0;
    }
    return -EINVAL;
}

size_t duration_format(uint64_t ms, char *text)
{
    if (ms == ENTRY_FOREVER)
        ms = 0;
    int length = snprintf(text, 32, "%" PRIu64 ".%03u", ms / 1000, (unsigned)(ms % 1000));
    while (text[length - 1] == '0')
        length--;
    if (text[length - 1] == '.')
        length--;
    text[length] = '\0';
    return (size_t)length;
}

/* --- dates --------------------------------------------------------------------------------------------- */

/* Reads exactly `digits` digits and the character behind them, if one is asked for. Returns -1 on anything else. */
static int field_parse(const char **text, int digits, char behind)
{
    int value = 0;
    const char *at = *text;

    for (; digits > 0; digits--, at++) {
        if (!is_digit(*at))
            return -1;
        value = value * 10 + (*at - '0');
    }
    if (behind && *at++ != behind)
        return -1;
    *text = at;
    return value;
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && leap);
}

/* "Z", "+02:00", "-11:30": minutes east of Greenwich. */
static int offset_parse(const char *text, int *ret_minutes)
{
    int sign = *text == '-' ? -1 : 1;

    if (*text == 'Z' || *text == 'z') {
        *ret_minutes = 0;
        return text[1] ? -EINVAL : 0;
    }
    if (*text != '+' && *text != '-')
        return -EINVAL;
    text++;
    int hours = field_parse(&text, 2, ':');
    int minutes = hours < 0 ? -1 : field_parse(&text, 2, '\0');
    if (minutes < 0 || hours > 23 || minutes > 59 || *text)
        return -EINVAL;
    *ret_minutes = sign * (hours * 60 + minutes);
    return 0;
}

int date_parse(const char *text, int64_t *ret_ms)
{
    struct tm tm = {0};
    int year, offset, ms = 0;

    if ((year = field_parse(&text, 4, '-')) < 0 || (tm.tm_mon = field_parse(&text, 2, '-')) < 1 || tm.tm_mon > 12)
        return -EINVAL;
    if ((tm.tm_mday = field_parse(&text, 2, '\0')) < 1 || tm.tm_mday > days_in_month(year, tm.tm_mon))
        return -EINVAL;
    if (*text != 'T' && *text != 't' && *text != ' ')
        return -EINVAL;
    text++;
    if ((tm.tm_hour = field_parse(&text, 2, ':')) < 0 || (tm.tm_min = field_parse(&text, 2, ':')) < 0 ||
        (tm.tm_sec = field_parse(&text, 2, '\0')) < 0)
        return -EINVAL;
    /* 60 is a leap second; it becomes the second after it, as the kernel's clock has it. */
    if (tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 60)
        return -EINVAL;
    if (*text == '.') {
        if (!is_digit(*++text))
            return -EINVAL;
        for (int place = 100; is_digit(*text); text++, place /= 10)
            ms += place * (*text - '0');
    }
    if (offset_parse(text, &offset) < 0)
        return -EINVAL;
    tm.tm_year = year - 1900;
    tm.tm_mon--;
    *ret_ms = ((int64_t)timegm(&tm) - offset * 60) * 1000 + ms;
    return 0;
}

size_t date_format(int64_t ms, char *text)
{
    /* of the second before, not towards zero */
    int part = (int)(ms % 1000) + (ms % 1000 < 0 ? 1000 : 0);
    time_t seconds = (time_t)(ms / 1000 - (ms % 1000 < 0));
    struct tm tm = {0};

    gmtime_r(&seconds, &tm); /* no number of ms is out of its range */
    return (size_t)snprintf(text, 40, "%04lld-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900LL, tm.tm_mon + 1,
                            tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, part);
}
