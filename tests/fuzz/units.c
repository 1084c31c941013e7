/* SPDX-License-Identifier: MIT */
/* units.c - sizes, durations and dates: what is read is within its bounds and, written, is read as the same again. */
#include "units.h"
#include "fuzz.h"
#include "store.h"

#include <errno.h>

#define YEARS_1000_MS (UINT64_C(31557600) * 1000 * 1000)

static void check_size(const char *text)
{
    uint64_t bytes = 1, again;
    char shown[32];
    int result = size_parse(text, &bytes);
    require(result == 0 || result == -EINVAL || result == -ERANGE);
    if (result < 0)
        return;
    require(bytes <= INT64_MAX);
    require(size_format(bytes, shown) == strlen(shown) && strlen(shown) < sizeof shown);
    snprintf(shown, sizeof shown, "%llu", (unsigned long long)bytes);
    require(size_parse(shown, &again) == 0 && again == bytes);
}

static void check_duration(const char *text)
{
    uint64_t ms = 1, again;
    char shown[32];
    int result = duration_parse(text, &ms);
    require(result == 0 || result == -EINVAL || result == -ERANGE);
    if (result < 0)
        return;
    require(ms == ENTRY_FOREVER || (ms > 0 && ms <= YEARS_1000_MS));
    require(duration_format(ms, shown) == strlen(shown) && strlen(shown) < sizeof shown);
    require(duration_parse(shown, &again) == 0 && again == ms);
}

static void check_date(const char *text)
{
    int64_t ms, again;
    char shown[40];
    int result = date_parse(text, &ms);
    require(result == 0 || result == -EINVAL);
    if (result < 0)
        return;
    size_t size = date_format(ms, shown);
    require(size == strlen(shown) && size < sizeof shown);
    /* within a day of the years that have four digits the offset may lead out of them */
    if (size == strlen("2026-01-02T03:04:05.678Z"))
        require(date_parse(shown, &again) == 0 && again == ms);
}

/* Any number of ms, also those that no date is read as, has a text. */
static void check_formats(const uint8_t *data)
{
    char text[40];
    int64_t ms;
    memcpy(&ms, data, sizeof ms);
    require(date_format(ms, text) < sizeof text);
    require(size_format((uint64_t)ms, text) < 32);
    require(duration_format((uint64_t)ms, text) < 32);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);
    check_size(text);
    check_duration(text);
    check_date(text);
    if (size >= sizeof(int64_t))
        check_formats(data);
    free(text);
    return 0;
}
