/* SPDX-License-Identifier: MIT */
/* progress.c - see progress.h. */
#include "progress.h"
#include "clock.h"
#include "units.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
    QUIET_NS = 1000000000, /* before anything is shown */
    REDRAW_NS = 100000000,
    WIDTH_UNKNOWN = 80,
    WIDTH_MAX = 512,
    BAR_MAX = 40,
    BAR_MIN = 8, /* a shorter one tells nothing */
};

static size_t terminal_width(void)
{
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
        return WIDTH_UNKNOWN;
    return size.ws_col < WIDTH_MAX ? size.ws_col : WIDTH_MAX;
}

/* A number with a comma in every third place. Room for 32 bytes. */
static void number_format(uint64_t number, char *text)
{
    char digits[24];
    int count = snprintf(digits, sizeof digits, "%" PRIu64, number);
    for (int i = 0; i < count; i++) {
        if (i > 0 && (count - i) % 3 == 0)
            *text++ = ',';
        *text++ = digits[i];
    }
    *text = '\0';
}

static void amount_format(const struct progress *progress, uint64_t amount, char *text)
{
    if (progress->unit == PROGRESS_BYTES)
        size_format(amount, text);
    else
        number_format(amount, text);
}

static uint64_t rate(const struct progress *progress, int64_t now_ns)
{
    return (uint64_t)((double)progress->done * 1e9 / (double)(now_ns - progress->began_ns));
}

/* What stands behind the bar, or in its place. */
static void figures(const struct progress *progress, int64_t now_ns, char *text, size_t room)
{
    char done[32], total[32], speed[32];
    amount_format(progress, progress->done, done);
    amount_format(progress, progress->total, total);
    amount_format(progress, rate(progress, now_ns), speed);
    if (progress->total > 0)
        snprintf(text, room, "%s of %s, %s/s", done, total, speed);
    else
        snprintf(text, room, "%s%s, %s/s", done, progress->unit == PROGRESS_ENTRIES ? " entries" : "", speed);
}

/* "[####----]  52%  ", as wide as there is room for; more may have been done than was to be expected. */
static void bar(const struct progress *progress, size_t room, char *text)
{
    uint64_t done = progress->done < progress->total ? progress->done : progress->total;
    double share = (double)done / (double)progress->total;
    size_t around = strlen("[]  99%  "), width = room < around ? 0 : room - around;
    width = width < BAR_MAX ? width : BAR_MAX;
    if (width >= BAR_MIN) {
        size_t full = (size_t)(share * (double)width);
        *text++ = '[';
        memset(text, '#', full);
        memset(text + full, '-', width - full);
        text += width;
        *text++ = ']';
    }
    sprintf(text, " %3d%%  ", (int)(share * 100));
}

static void draw(struct progress *progress, int64_t now_ns)
{
    char facts[128], share[BAR_MAX + 16] = "", line[WIDTH_MAX + 1];
    size_t width = terminal_width() - 1; /* in the last column some terminals begin a new line */
    figures(progress, now_ns, facts, sizeof facts);
    size_t used = strlen(progress->what) + 2 + strlen(facts);
    if (progress->total > 0)
        bar(progress, width > used ? width - used : 0, share);
    snprintf(line, width + 1, "%s  %s%s", progress->what, share, facts);
    fprintf(stderr, "\r%s\033[K", line);
    fflush(stderr);
    progress->drawn = true;
}

void progress_begin(struct progress *progress, const char *what, uint64_t total, enum progress_unit unit)
{
    int64_t now_ns = clock_ns(CLOCK_MONOTONIC);
    *progress = (struct progress){.what = what, .total = total, .unit = unit, .began_ns = now_ns};
    progress->next_ns = isatty(STDERR_FILENO) ? now_ns + QUIET_NS : 0;
}

void progress_add(struct progress *progress, uint64_t more)
{
    progress->done += more;
    if (progress->next_ns == 0)
        return;
    int64_t now_ns = clock_ns(CLOCK_MONOTONIC);
    if (now_ns < progress->next_ns)
        return;
    draw(progress, now_ns);
    progress->next_ns = now_ns + REDRAW_NS;
}

void progress_end(struct progress *progress)
{
    if (progress->drawn)
        fputs("\r\033[K", stderr);
    progress->drawn = false;
    progress->next_ns = 0;
}
