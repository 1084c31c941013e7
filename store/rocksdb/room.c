/* SPDX-License-Identifier: MIT */
/* room.c - see room.h. */
#include "room.h"

#include <assert.h>
#include <errno.h>
#include <sys/statvfs.h>

#define RESERVE_BYTES    (UINT64_C(256) << 20) /* memtables, log and one compaction have to fit */
#define LOOK_EVERY_BYTES (UINT64_C(4) << 20)

static uint64_t less(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

void room_init(struct room *room, struct room_amount limit, bool evicts, struct room_amount used, int disk_fd,
               uint64_t min_free_bytes)
{
    *room = (struct room){
        .limit = limit, .evicts = evicts, .used = used, .disk_fd = disk_fd, .min_free_bytes = min_free_bytes};
    room->unlooked_bytes = LOOK_EVERY_BYTES;
    pthread_mutex_init(&room->lock, NULL);
    pthread_cond_init(&room->changed, NULL);
}

void room_release(struct room *room)
{
    pthread_cond_destroy(&room->changed);
    pthread_mutex_destroy(&room->lock);
}

/* Less is left than it should; or than the store needs for itself, which is RESERVE_BYTES, or half of a small disk. */
static bool look_at_disk(const struct room *room)
{
    struct statvfs disk;
    if (fstatvfs(room->disk_fd, &disk) < 0)
        return false;
    uint64_t left = (uint64_t)disk.f_bavail * disk.f_frsize, all = (uint64_t)disk.f_blocks * disk.f_frsize;
    return left < less(RESERVE_BYTES, all / 2) || left < room->min_free_bytes;
}

static bool is_disk_full_locked(struct room *room, uint64_t bytes)
{
    room->unlooked_bytes += bytes;
    if (room->unlooked_bytes >= LOOK_EVERY_BYTES || room->disk_full) {
        room->disk_full = look_at_disk(room);
        room->unlooked_bytes = 0;
    }
    return room->disk_full;
}

static bool take_locked(struct room *room, struct room_amount amount)
{
    if (amount.bytes > 0 && is_disk_full_locked(room, amount.bytes))
        return false;
    if (!room_fits(room->used.bytes, amount.bytes, room->limit.bytes) ||
        !room_fits(room->used.items, amount.items, room->limit.items))
        return false;
    room->used.bytes += amount.bytes;
    room->used.items += amount.items;
    room->takes++;
    return true;
}

static bool is_high_locked(const struct room *room)
{
    return room->used.bytes > room_high(room->limit.bytes) || room->used.items > room_high(room->limit.items);
}

enum room_answer room_try(struct room *room, struct room_amount amount)
{
    enum room_answer answer = ROOM_NONE;
    pthread_mutex_lock(&room->lock);
    if (take_locked(room, amount))
        answer = room->evicts && is_high_locked(room) ? ROOM_TAKEN_HIGH : ROOM_TAKEN;
    pthread_mutex_unlock(&room->lock);
    return answer;
}

void room_give(struct room *room, struct room_amount amount)
{
    if (amount.bytes == 0 && amount.items == 0)
        return;
    pthread_mutex_lock(&room->lock);
    assert(room->used.bytes >= amount.bytes && room->used.items >= amount.items);
    room->used.bytes -= amount.bytes;
    room->used.items -= amount.items;
    if (room->waiting > 0)
        pthread_cond_broadcast(&room->changed);
    pthread_mutex_unlock(&room->lock);
}

uint64_t room_wait_begin(struct room *room, struct room_amount amount)
{
    pthread_mutex_lock(&room->lock);
    room->waiting++;
    room->waits++;
    room->wanted.bytes += amount.bytes;
    room->wanted.items += amount.items;
    uint64_t ticket = room->attempts;
    pthread_mutex_unlock(&room->lock);
    return ticket;
}

static bool ever_locked(const struct room *room, struct room_amount amount)
{
    return amount.bytes <= room->limit.bytes && amount.items <= room->limit.items;
}

int room_wait(struct room *room, struct room_amount amount, uint64_t ticket)
{
    pthread_mutex_lock(&room->lock);
    bool taken;
    while (!(taken = take_locked(room, amount)) && ever_locked(room, amount) && !room->disk_full &&
           room->failed <= ticket)
        pthread_cond_wait(&room->changed, &room->lock);
    room->waiting--;
    room->wanted.bytes -= amount.bytes;
    room->wanted.items -= amount.items;
    room->unused += taken;
    pthread_mutex_unlock(&room->lock);
    return taken ? 0 : -ENOSPC;
}

void room_used_up(struct room *room, unsigned waits)
{
    if (waits == 0)
        return;
    pthread_mutex_lock(&room->lock);
    room->unused -= waits;
    pthread_mutex_unlock(&room->lock);
}

bool room_attempt(struct room *room, uint64_t *ret_attempt)
{
    pthread_mutex_lock(&room->lock);
    bool due = room->waiting > 0 || (room->evicts && (is_high_locked(room) || room->disk_full));
    if (due)
        *ret_attempt = ++room->attempts;
    pthread_mutex_unlock(&room->lock);
    return due;
}

bool room_excess(struct room *room, struct room_amount *ret_excess)
{
    pthread_mutex_lock(&room->lock);
    *ret_excess = (struct room_amount){
        .bytes = room_surplus(room->used.bytes, room->limit.bytes, room->wanted.bytes),
        .items = room_surplus(room->used.items, room->limit.items, room->wanted.items),
    };
    pthread_mutex_unlock(&room->lock);
    return ret_excess->bytes > 0 || ret_excess->items > 0;
}

bool room_failed(struct room *room, uint64_t attempt, uint64_t takes)
{
    pthread_mutex_lock(&room->lock);
    bool final = !room->evicts || (room->unused == 0 && room->takes == takes);
    if (final) {
        room->failed = attempt;
        pthread_cond_broadcast(&room->changed);
    }
    pthread_mutex_unlock(&room->lock);
    return final;
}

uint64_t room_takes(struct room *room)
{
    pthread_mutex_lock(&room->lock);
    uint64_t takes = room->takes;
    pthread_mutex_unlock(&room->lock);
    return takes;
}

void room_set_evicts(struct room *room, bool evicts)
{
    pthread_mutex_lock(&room->lock);
    room->evicts = evicts;
    pthread_mutex_unlock(&room->lock);
}

bool room_evicts(struct room *room)
{
    pthread_mutex_lock(&room->lock);
    bool evicts = room->evicts;
    pthread_mutex_unlock(&room->lock);
    return evicts;
}

void room_set_limit(struct room *room, struct room_amount limit)
{
    pthread_mutex_lock(&room->lock);
    room->limit = limit;
    pthread_cond_broadcast(&room->changed);
    pthread_mutex_unlock(&room->lock);
}

struct room_amount room_limit(struct room *room)
{
    pthread_mutex_lock(&room->lock);
    struct room_amount limit = room->limit;
    pthread_mutex_unlock(&room->lock);
    return limit;
}

bool room_waited_for(struct room *room)
{
    pthread_mutex_lock(&room->lock);
    bool waited_for = room->waiting > 0;
    pthread_mutex_unlock(&room->lock);
    return waited_for;
}

struct room_amount room_used(struct room *room)
{
    pthread_mutex_lock(&room->lock);
    struct room_amount used = room->used;
    pthread_mutex_unlock(&room->lock);
    return used;
}

bool room_disk_full(struct room *room)
{
    pthread_mutex_lock(&room->lock);
    bool full = room->disk_full;
    pthread_mutex_unlock(&room->lock);
    return full;
}

uint64_t room_waits(struct room *room)
{
    pthread_mutex_lock(&room->lock);
    uint64_t waits = room->waits;
    pthread_mutex_unlock(&room->lock);
    return waits;
}
