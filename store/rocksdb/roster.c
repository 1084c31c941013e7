/* SPDX-License-Identifier: MIT */
/* roster.c - see roster.h. */
#include "roster.h"

#include <stdlib.h>
#include <string.h>

enum { ROOM_FIRST = 64, GONE_MIN = 64 };

void roster_release(struct roster *roster)
{
    free(roster->rows);
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

/* Where a version stands, or would. */
static size_t position(const struct roster *roster, uint64_t version)
{
    size_t low = 0, high = roster->count;
    if (high > 0 && number(&roster->rows[high - 1]) < version)
        return high;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (number(&roster->rows[middle]) < version)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct roster_row *find(const struct roster *roster, uint64_t version)
{
    size_t at = position(roster, version);
    return at < roster->count && number(&roster->rows[at]) == version ? &roster->rows[at] : NULL;
}

static bool insert(struct roster *roster, struct roster_row row)
{
    size_t at = position(roster, number(&row));
    if (!reserve(roster, roster->count + 1))
        return false;
    memmove(roster->rows + at + 1, roster->rows + at, (roster->count - at) * sizeof row);
    roster->rows[at] = row;
    roster->count++;
    roster->gone += is_gone(&row);
    return true;
}

static void close_up(struct roster *roster)
{
    size_t kept = 0;
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

bool roster_merge(struct roster *roster, struct roster *walked)
{
    size_t known = roster->count, into = 0;
    if (!reserve(roster, known + walked->count))
        return false;
    if (walked->count > 0)
        qsort(walked->rows, walked->count, sizeof *walked->rows, by_version);
    for (size_t i = 0; i < walked->count; i++) {
        while (into < known && number(&roster->rows[into]) < walked->rows[i].version)
            into++;
        if (into == known || number(&roster->rows[into]) != walked->rows[i].version)
            roster->rows[roster->count++] = walked->rows[i];
    }
    qsort(roster->rows, roster->count, sizeof *roster->rows, by_version);
    close_up(roster);
    roster_release(walked);
    return true;
}

bool roster_next(const struct roster *roster, uint64_t from, uint64_t *ret_version)
{
    size_t at = position(roster, from);
    while (at < roster->count && is_gone(&roster->rows[at]))
        at++;
    if (at == roster->count)
        return false;
    *ret_version = roster->rows[at].version;
    return true;
}

static int by_deadline(const void *a, const void *b)
{
    const struct roster_row *x = a, *y = b;
    if (x->deadline_ms != y->deadline_ms)
        return x->deadline_ms < y->deadline_ms ? -1 : 1;
    return by_version(a, b);
}

/* Sorts what was gathered and keeps the `max` nearest. */
static size_t keep_nearest(struct roster_row *rows, size_t count, size_t max)
{
    qsort(rows, count, sizeof *rows, by_deadline);
    return count < max ? count : max;
}

/* Gathers into twice the room, so that sorting is paid for by as many rows as it keeps. */
size_t roster_nearest(const struct roster *roster, struct roster_row *ret_rows, size_t max)
{
    struct roster_row *gathered = malloc(2 * max * sizeof *gathered + 1);
    int64_t bound_ms = INT64_MAX;
    size_t count = 0;
    for (size_t i = 0; gathered && i < roster->count; i++) {
        const struct roster_row *row = &roster->rows[i];
        if (is_gone(row) || row->deadline_ms >= bound_ms)
            continue;
        gathered[count++] = *row;
        if (count == 2 * max) {
            count = keep_nearest(gathered, count, max);
            bound_ms = gathered[count - 1].deadline_ms;
        }
    }
    if (count > 0) {
        count = keep_nearest(gathered, count, max);
        memcpy(ret_rows, gathered, count * sizeof *ret_rows);
    }
    free(gathered);
    return count;
}
