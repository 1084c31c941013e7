/* SPDX-License-Identifier: MIT */
/*
 * units.h - sizes, durations and dates as people write them: in options and in extended attributes. Pure functions.
 */
#ifndef LARDER_FS_UNITS_H
#define LARDER_FS_UNITS_H

#include <stddef.h>
#include <stdint.h>

/* "0", "4096", "64K", "1.5G", "2T" (also lower case, also with a trailing B or iB): powers of 1024. -EINVAL what is no
 * size, -ERANGE above INT64_MAX. */
int size_parse(const char *text, uint64_t *ret_bytes);

/*
 * "90", "90s", "15m", "2h", "7d", "1w", "250ms", with decimals ("0.25", "1.5h") to the millisecond: a number of ms. "0"
 * and "none" are ENTRY_FOREVER. -EINVAL what is no duration or is negative or finer than a ms (so 0 < t < 1 ms),
 * -ERANGE above 1,000 years.
 */
int duration_parse(const char *text, uint64_t *ret_ms);

/* As duration_parse() reads it back: seconds, with as many decimals as there are ms ("90", "0.25"); "0" for
 * ENTRY_FOREVER. Returns the length; `text` has room for 32 bytes. */
size_t duration_format(uint64_t ms, char *text);

/* RFC 3339 section 5.6, with any offset and any number of decimals (cut to ms): ms since the epoch. -EINVAL. */
int date_parse(const char *text, int64_t *ret_ms);

/* RFC 3339 in UTC with milliseconds: 2026-01-02T03:04:05.678Z. Returns the length; room for 40 bytes. */
size_t date_format(int64_t ms, char *text);

/* A size for people: "17.3 MiB". Returns the length; room for 32 bytes. */
size_t size_format(uint64_t bytes, char *text);

#endif
