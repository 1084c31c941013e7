/* SPDX-License-Identifier: MIT */
/*
 * top.c - `larder top PATH`: what a mount is doing, live in the terminal: rates with their course, hit ratio, latency,
 * fill, and what is read most. Reads .larder/stats.json once an interval; the rest is drawing with ncurses.
 *
 * A row is a number and its course: the last HISTORY values, the newest at the right, in eighths of a line's height where
 * the terminal's characters have those.
 */
#include "command.h"
#include "sample.h"
#include "units.h"

#include <curses.h>
#include <errno.h>
#include <inttypes.h>
#include <langinfo.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { HISTORY = 512, COURSE_AT = 24 };

enum row { ROW_GETS, ROW_RATIO, ROW_SETS, ROW_DELETES, ROW_EXPIRED, ROW_EVICTED, ROW_GET, ROW_SET, ROWS };

struct view {
    const char *place; /* as it was asked for */
    char *path; /* of the file */
    double interval_s;
    bool utf8;
    struct sample before, now;
    unsigned samples; /* how many there were */
    struct rates rates;
    double history[ROWS][HISTORY]; /* NAN: there was none */
    char trouble[256]; /* why there is nothing to show */
};

/* --- drawing ------------------------------------------------------------------------------------------- */

/* As much of it as the line has room for. */
static void draw_text(int y, int x, const char *text)
{
    if (x < COLS)
        mvaddnstr(y, x, text, COLS - x);
}

static void draw_course(const struct view *view, enum row row, int y)
{
    static const char *const eighths[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    static const char *const plain[] = {" ", ".", ".", ":", ":", "-", "=", "+", "#"};
    int width = COLS - COURSE_AT - 1;
    double most = row == ROW_RATIO ? 1 : 0;
    if (width > HISTORY)
        width = HISTORY;
    for (int i = HISTORY - (width > 0 ? width : 0); i < HISTORY; i++)
        if (view->history[row][i] > most)
            most = view->history[row][i];
    for (int i = 0; i < width; i++) {
        double value = view->history[row][HISTORY - width + i];
        int eighth = isnan(value) || most <= 0 ? 0 : (int)ceil(8 * value / most);
        mvaddstr(y, COURSE_AT + i, (view->utf8 ? eighths : plain)[eighth < 0 ? 0 : eighth > 8 ? 8 : eighth]);
    }
}

static void draw_row(const struct view *view, enum row row, int y)
{
    static const char *const names[ROWS] = {"gets/s",    "hit ratio", "sets/s",  "deletes/s",
                                            "expired/s", "evicted/s", "get p99", "set p99"};
    double value = view->history[row][HISTORY - 1];
    char text[32];
    if (row == ROW_GET || row == ROW_SET)
        sample_duration(value, view->utf8, text);
    else if (row != ROW_RATIO)
        sample_number(value, text);
    else if (isnan(value))
        strcpy(text, "-");
    else
        snprintf(text, sizeof text, "%.1f %%", 100 * value);
    mvprintw(y, 0, "%-10s", names[row]);
    int columns = (int)strlen(text) - (strstr(text, "µ") ? 1 : 0);
    mvaddstr(y, COURSE_AT - 2 - columns, text);
    draw_course(view, row, y);
}

static void draw_fill(const struct view *view, int y)
{
    const struct sample *now = &view->now;
    char bytes[32], limit[32];
    double part = now->limit_bytes ? (double)now->bytes / (double)now->limit_bytes : 0;
    int width = COLS / 3, filled = (int)(part * width + 0.5);
    size_format(now->bytes, bytes);
    size_format(now->limit_bytes, limit);
    mvaddstr(y, 0, "fill [");
    for (int i = 0; i < width; i++)
        addstr(i < filled ? "|" : " ");
    char text[128];
    snprintf(text, sizeof text, "] %.1f %%, %s of %s, %" PRIu64 " items", 100 * part, bytes, limit, now->items);
    draw_text(y, 6 + width, text);
}

static void draw_hot(const struct view *view, int y)
{
    if (y + 1 >= LINES - 1)
        return;
    attron(A_BOLD);
    mvprintw(y++, 0, "%7s  %s", "of hits", "entry");
    attroff(A_BOLD);
    if (!view->now.names)
        draw_text(y, 9, "(names are shown to the owner of the mount and root)");
    for (unsigned i = 0; i < view->now.hot_count && y < LINES - 1; i++, y++) {
        mvprintw(y, 0, "%5.1f %%", 100 * view->now.hot[i].share);
        draw_text(y, 9, view->now.hot[i].path);
    }
}

static void draw(const struct view *view)
{
    erase();
    attron(A_REVERSE);
    mvhline(0, 0, ' ', COLS);
    char title[512];
    snprintf(title, sizeof title, "larder %s  up %" PRIu64 " s  policy %s", view->place, view->now.uptime_s,
             view->now.policy);
    draw_text(0, 0, title);
    attroff(A_REVERSE);
    if (*view->trouble)
        draw_text(2, 0, view->trouble);
    else {
        draw_fill(view, 1);
        for (enum row row = 0; row < ROWS && (int)row + 3 < LINES - 1; row++)
            draw_row(view, row, (int)row + 3);
        draw_hot(view, ROWS + 4);
    }
    attron(A_DIM);
    draw_text(LINES - 1, 0, "q quits");
    attroff(A_DIM);
    refresh();
}

/* --- looking ------------------------------------------------------------------------------------------- */

static void remember(struct view *view)
{
    const struct rates *rates = &view->rates;
    const double values[ROWS] = {
        [ROW_GETS] = rates->gets,       [ROW_RATIO] = rates->hit_ratio, [ROW_SETS] = rates->sets,
        [ROW_DELETES] = rates->deletes, [ROW_EXPIRED] = rates->expired, [ROW_EVICTED] = rates->evicted,
        [ROW_GET] = rates->get_p99_ns,  [ROW_SET] = rates->set_p99_ns,
    };
    for (int row = 0; row < ROWS; row++) {
        memmove(view->history[row], view->history[row] + 1, (HISTORY - 1) * sizeof(double));
        view->history[row][HISTORY - 1] = values[row];
    }
}

static void look(struct view *view)
{
    char *text;
    int result = sample_text(view->path, &text);
    if (result < 0) {
        snprintf(view->trouble, sizeof view->trouble, "its statistics cannot be read: %s", strerror(-result));
        return;
    }
    view->trouble[0] = '\0';
    view->before = view->now;
    sample_parse(text, &view->now);
    free(text);
    if (view->samples++ == 0)
        return;
    sample_rates(&view->before, &view->now, &view->rates);
    remember(view);
}

/* What is left of the interval, in ms. */
static int left_ms(const struct view *view, double next_s)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    double left = next_s - ((double)now.tv_sec + (double)now.tv_nsec / 1e9);
    return left <= 0 ? 0 : left > view->interval_s ? (int)(view->interval_s * 1e3) : (int)(left * 1e3) + 1;
}

static void watch(struct view *view)
{
    int key = 0;
    while (key != 'q' && key != 'Q') {
        look(view);
        draw(view);
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        double next_s = (double)now.tv_sec + (double)now.tv_nsec / 1e9 + view->interval_s;
        int left;
        key = ERR;
        while (key != 'q' && key != 'Q' && (left = left_ms(view, next_s)) > 0) {
            timeout(left);
            key = getch();
            if (key == KEY_RESIZE)
                draw(view);
        }
    }
}

/* --- the verb ------------------------------------------------------------------------------------------ */

static int show(struct view *view)
{
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
        return command_fail(COMMAND_FAILED, "top needs a terminal; elsewhere there is larder stats --watch");
    setlocale(LC_CTYPE, "");
    view->utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    SCREEN *screen = newterm(NULL, stdout, stdin);
    if (!screen)
        return command_fail(COMMAND_FAILED, "top cannot use this terminal; there is larder stats --watch");
    cbreak();
    noecho();
    keypad(stdscr, TRUE);
    curs_set(0);
    watch(view);
    endwin();
    delscreen(screen);
    return COMMAND_DONE;
}

static int run(int argc, char **argv)
{
    const char *place = NULL, *interval = "1";
    struct mountpoint mountpoint;
    uint64_t interval_ms;
    bool only_places = false;
    for (int i = 0; i < argc; i++) {
        if (!only_places && strcmp(argv[i], "--") == 0)
            only_places = true;
        else if (!only_places && strcmp(argv[i], "--interval") == 0 && i + 1 < argc)
            interval = argv[++i];
        else if (!only_places && strncmp(argv[i], "--interval=", 11) == 0)
            interval = argv[i] + 11;
        else if (!only_places && argv[i][0] == '-' && argv[i][1])
            return command_fail(COMMAND_USAGE, "unknown option '%s'; usage: larder top %s", argv[i],
                                command_top.arguments);
        else if (place)
            return command_fail(COMMAND_USAGE, "unexpected argument '%s'; usage: larder top %s", argv[i],
                                command_top.arguments);
        else
            place = argv[i];
    }
    if (!place || !*place)
        return command_fail(COMMAND_USAGE, "missing mount point; usage: larder top %s", command_top.arguments);
    if (duration_parse(interval, &interval_ms) < 0 || interval_ms < 100 || interval_ms > 3600000)
        return command_fail(COMMAND_USAGE, "'%s' is no interval from 100ms to 1h", interval);
    int code = command_find_larder(place, &mountpoint);
    if (code != COMMAND_DONE)
        return code;
    struct view *view = calloc(1, sizeof *view);
    if (view && asprintf(&view->path, "%s/.larder/stats.json", mountpoint.root) >= 0) {
        view->place = mountpoint.root;
        view->interval_s = (double)interval_ms / 1e3;
        for (int row = 0; row < ROWS; row++)
            for (int i = 0; i < HISTORY; i++)
                view->history[row][i] = NAN;
        look(view);
        code = *view->trouble ? command_fail(COMMAND_FAILED, "%s: %s", place, view->trouble) : show(view);
        free(view->path);
    } else
        code = command_fail(COMMAND_FAILED, "%s", strerror(ENOMEM));
    free(view);
    mountpoint_release(&mountpoint);
    return code;
}

const struct command command_top = {
    .name = "top",
    .arguments = "PATH [--interval SECONDS]",
    .summary = "watch live what a mount is doing",
    .details = "  PATH                 the mount point, or anything in the mount\n"
               "  --interval SECONDS   how often to look: 1 if it is not given, or 500ms, 2s, 1m\n"
               "\n"
               "In the terminal: q quits.\n",
    .run = run,
};
