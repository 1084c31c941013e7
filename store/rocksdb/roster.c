/* SPDX-License-Identifier: MIT */
/* roster.c - see roster.h. */
#include "roster.h"

#include <stdlib.h>
#include <string.h>

enum { ROOM_FIRST = 64, GONE_MIN = 64, LATE_MAX = 1024 };

void roster_release(struct roster *roster)
{
    free(roster->rows);
    free(roster->late);
    *roster = (struct roster){0};
}

static bool is_gone(const struct roster_row *row)
{
    return row->version % 2 != 0;
}

static uint64_t number(const struct roster_row *row)
{
    return row->version & ~UINT64_C(1);
}

static bool reserve(struct roster *roster, size_t count)
{
    size_t room = roster->room ? roster->room : ROOM_FIRST;
    while (room < count)
        room *= 2;
    if (room == roster->room)
        return true;
    struct roster_row *rows = realloc(roster->rows, room * sizeof *rows);
    if (!rows)
        return false;
    roster->rows = rows;
    roster->room = room;
    return true;
}

/* Where a version stands in one of the arrays, or would. */
static size_t position(const struct roster_row *rows, size_t count, uint64_t version)
{
    size_t low = 0, high = count;
    if (high > 0 && number(&rows[high - 1]) < version)
        return high;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (number(&rows[middle]) < version)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct roster_row *find_in(struct roster_row *rows, size_t count, uint64_t version)
{
    size_t at = position(rows, count, version);
    return at < count && number(&rows[at]) == version ? &rows[at] : NULL;
}

static struct roster_row *find(const struct roster *roster, uint64_t version)
{
    struct roster_row *row = find_in(roster->rows, roster->count, version);
    return row ? row : find_in(roster->late, roster->late_count, version);
}

/* Puts sorted rows among those of a roster that has room for them: from behind, so that only what is above the lowest of
 * them moves. */
static void merge_rows(struct roster *into, const struct roster_row *rows, size_t count)
{
    size_t from = into->count, to = from + count;
    into->count = to;
    while (count > 0) {
        bool old = from > 0 && number(&into->rows[from - 1]) > number(&rows[count - 1]);
        into->rows[--to] = old ? into->rows[--from] : rows[--count];
    }
}

static bool fold(struct roster *roster)
{
    if (!reserve(roster, roster->count + roster->late_count))
        return false;
    merge_rows(roster, roster->late, roster->late_count);
    roster->late_count = 0;
    return true;
}

static bool insert_late(struct roster *roster, struct roster_row row)
{
    if (!roster->late && !(roster->late = malloc(LATE_MAX * sizeof *roster->late)))
        return false;
    if (roster->late_count == LATE_MAX && !fold(roster))
        return false;
    size_t at = position(roster->late, roster->late_count, number(&row));
    memmove(roster->late + at + 1, roster->late + at, (roster->late_count - at) * sizeof row);
    roster->late[at] = row;
    roster->late_count++;
    return true;
}

static bool insert(struct roster *roster, struct roster_row row)
{
    bool last = roster->count == 0 || number(&roster->rows[roster->count - 1]) < number(&row);
    if (last ? !roster_push(roster, row.version, row.deadline_ms) : !insert_late(roster, row))
        return false;
    roster->gone += is_gone(&row);
    return true;
}

static void close_up(struct roster *roster)
{
    size_t kept = 0;
    if (!fold(roster))
        return;
    for (size_t i = 0; i < roster->count; i++)
        if (!is_gone(&roster->rows[i]))
            roster->rows[kept++] = roster->rows[i];
    roster->count = kept;
    roster->gone = 0;
}

bool roster_put(struct roster *roster, uint64_t version, int64_t deadline_ms)
{
    struct roster_row *row = find(roster, version);
    if (!row)
        return insert(roster, (struct roster_row){version, deadline_ms});
    roster->gone -= is_gone(row);
    *row = (struct roster_row){version, deadline_ms};
    return true;
}

void roster_drop(struct roster *roster, uint64_t version)
{
    struct roster_row *row = find(roster, version);
    if (!row || is_gone(row))
        return;
    row->version |= 1;
    roster->gone++;
    if (roster->gone > GONE_MIN && roster->gone > roster->count / 2)
        close_up(roster);
}

bool roster_drop_unseen(struct roster *roster, uint64_t version)
{
    struct roster_row *row = find(roster, version);
    if (!row)
        return insert(roster, (struct roster_row){version | 1, INT64_MAX});
    roster->gone += !is_gone(row);
    row->version |= 1;
    return true;
}

bool roster_push(struct roster *roster, uint64_t version, int64_t deadline_ms)
{
    if (!reserve(roster, roster->count + 1))
        return false;
    roster->rows[roster->count++] = (struct roster_row){version, deadline_ms};
    return true;
}

static int by_version(const void *a, const void *b)
{
    uint64_t x = number(a), y = number(b);
    return (x > y) - (x < y);
}

void roster_sort(struct roster *roster)
{
    if (roster->count > 0)
        qsort(roster->rows, roster->count, sizeof *roster->rows, by_version);
}

bool roster_merge(struct roster *roster, struct roster *walked)
{
    size_t fresh = 0;
    if (!fold(roster) || !reserve(walked, walked->count + roster->count))
        return false;
    for (size_t i = 0; i < roster->count; i++) {
        struct roster_row row = roster->rows[i], *seen = find_in(walked->rows, walked->count, number(&row));
        walked->gone += seen && is_gone(&row);
        if (seen)
            *seen = row;
        else if (!is_gone(&row))
            roster->rows[fresh++] = row;
    }
    merge_rows(walked, roster->rows, fresh);
    roster_release(roster);
    *roster = *walked;
    *walked = (struct roster){0};
    return true;
}

bool roster_has(const struct roster *roster, uint64_t version)
{
    const struct roster_row *row = find(roster, version);
    return row && !is_gone(row);
}

/* The lowest from `from` on; UINT64_MAX when there is none. */
static uint64_t next_in(const struct roster_row *rows, size_t count, uint64_t from)
{
    size_t at = position(rows, count, from);
    while (at < count && is_gone(&rows[at]))
        at++;
    return at < count ? rows[at].version : UINT64_MAX;
}

bool roster_next(const struct roster *roster, uint64_t from, uint64_t *ret_version)
{
    uint64_t version = next_in(roster->rows, roster->count, from);
    uint64_t late = next_in(roster->late, roster->late_count, from);
    if (late < version)
        version = late;
    if (version == UINT64_MAX)
        return false;
    *ret_version = version;
    return true;
}

/* --- by deadline --------------------------------------------------------------------------------------- */

static int by_deadline(const void *a, const void *b)
{
    const struct roster_row *x = a, *y = b;
    if (x->deadline_ms != y->deadline_ms)
        return x->deadline_ms < y->deadline_ms ? -1 : 1;
    return by_version(a, b);
}

/* The nearest of those it was shown, in twice the room, so that sorting is paid for by as many rows as it keeps. */
struct nearest {
    struct roster_row *rows;
    size_t count, max;
    int64_t bound_ms; /* none from then on is among them */
};

static void keep_nearest(struct nearest *nearest)
{
    if (nearest->count > 0)
        qsort(nearest->rows, nearest->count, sizeof *nearest->rows, by_deadline);
    if (nearest->count > nearest->max)
        nearest->count = nearest->max;
}

static void look_at(struct nearest *nearest, const struct roster_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (is_gone(&rows[i]) || rows[i].deadline_ms >= nearest->bound_ms)
            continue;
        nearest->rows[nearest->count++] = rows[i];
        if (nearest->count == 2 * nearest->max) {
            keep_nearest(nearest);
            nearest->bound_ms = nearest->rows[nearest->count - 1].deadline_ms;
        }
    }
}

size_t roster_nearest(const struct roster *roster, struct roster_row *ret_rows, size_t max)
{
    struct nearest nearest = {.rows = malloc(2 * max * sizeof *nearest.rows + 1), .max = max, .bound_ms = INT64_MAX};
    if (!nearest.rows)
        return 0;
    look_at(&nearest, roster->rows, roster->count);
    look_at(&nearest, roster->late, roster->late_count);
    keep_nearest(&nearest);
    memcpy(ret_rows, nearest.rows, nearest.count * sizeof *ret_rows);
    free(nearest.rows);
    return nearest.count;
}
