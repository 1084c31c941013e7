/* SPDX-License-Identifier: MIT */
/* room.c - see room.h. */
#include "room.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#define RESERVE_BYTES    (UINT64_C(256) << 20) /* memtables, log and one compaction have to fit */
#define LOOK_EVERY_BYTES (UINT64_C(4) << 20)
#define BALLAST_NAME     "larder.ballast"
#define BALLAST_MIN      (UINT64_C(4) << 20)
enum { LOOK_EVERY_MS = 5, BALLAST_AGAIN_MS = 60000 };

static uint64_t less(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

void room_init(struct room *room, struct room_amount limit, bool evicts, struct room_amount used, int dir,
               uint64_t min_free_bytes)
{
    *room = (struct room){.limit = limit, .evicts = evicts, .used = used, .dir = dir, .min_free_bytes = min_free_bytes};
    room->unlooked_bytes = LOOK_EVERY_BYTES;
    pthread_mutex_init(&room->lock, NULL);
    pthread_cond_init(&room->changed, NULL);
}

void room_release(struct room *room)
{
    pthread_cond_destroy(&room->changed);
    pthread_mutex_destroy(&room->lock);
}

static uint64_t reserve_of(const struct statvfs *disk)
{
    return less(RESERVE_BYTES, (uint64_t)disk->f_blocks * disk->f_frsize / 2);
}

uint64_t room_reserve(const char *path)
{
    struct statvfs disk;
    return statvfs(path, &disk) < 0 || disk.f_blocks == 0 ? RESERVE_BYTES : reserve_of(&disk);
}

static int64_t coarse_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* --- the ballast --------------------------------------------------------------------------------------- */

/* Whether that is the size of it, and so much of the disk is set aside. */
static bool is_ballast(const struct stat *stat, uint64_t bytes)
{
    return (uint64_t)stat->st_size == bytes && (uint64_t)stat->st_blocks * 512 >= bytes;
}

/* Where a file system cannot set space aside, or says that it did and did not, there is none. */
static bool make_ballast(int dir, uint64_t bytes)
{
    struct stat stat;
    int file = openat(dir, BALLAST_NAME, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    bool made =
        file >= 0 && fallocate(file, 0, 0, (off_t)bytes) == 0 && fstat(file, &stat) == 0 && is_ballast(&stat, bytes);
    if (file >= 0)
        close(file);
    if (!made)
        unlinkat(dir, BALLAST_NAME, 0);
    return made;
}

/* Whether the one that the store had when it was last open is there, and as large as it is to be; another is taken away. */
static bool keep_ballast(int dir, uint64_t bytes)
{
    struct stat stat;
    bool kept = fstatat(dir, BALLAST_NAME, &stat, AT_SYMLINK_NOFOLLOW) == 0 && is_ballast(&stat, bytes);
    if (!kept)
        unlinkat(dir, BALLAST_NAME, 0);
    return kept;
}

/* As large as what memtables may hold, and no more than becomes a small store. */
static uint64_t ballast_size(uint64_t reserve, uint64_t limit)
{
    uint64_t share = limit / 8 > BALLAST_MIN ? limit / 8 : BALLAST_MIN;
    return less(reserve / 4, share);
}

/* --- the disk ------------------------------------------------------------------------------------------ */

/* Gives the ballast back, or sets it aside, as the disk has `left`; returns what is left then. One that cannot be had, as
 * with a quota that statvfs() knows nothing of, is not tried again soon: trying takes what is left of that. */
static uint64_t tend_ballast(struct room *room, uint64_t left, uint64_t reserve, bool writes)
{
    uint64_t bytes = room->ballast_bytes;
    if (room->ballast && left < bytes / 2 && writes) {
        unlinkat(room->dir, BALLAST_NAME, 0);
        room->ballast = false;
        return left + bytes;
    }
    bool wanted = !room->ballast && left >= reserve && left >= room->min_free_bytes + bytes;
    if (!wanted || room->looked_ms < room->ballast_not_before_ms)
        return left;
    room->ballast = make_ballast(room->dir, bytes);
    room->ballast_not_before_ms = room->looked_ms + BALLAST_AGAIN_MS;
    return left - (room->ballast ? bytes : 0);
}

/* Full: less is left than it should, or than the store needs for itself, of which the ballast is a part. `writes`: something is
 * about to be written. For one that only asks whether there is room the ballast stays, else a stranger who goes on would have
 * it before anybody needs it. */
static void look_locked(struct room *room, bool writes)
{
    struct statvfs disk;
    room->unlooked_bytes = 0;
    room->looked_ms = coarse_ms();
    if (fstatvfs(room->dir, &disk) < 0 || disk.f_blocks == 0)
        return;
    uint64_t reserve = reserve_of(&disk);
    if (room->ballast_bytes == 0) {
        room->ballast_bytes = ballast_size(reserve, room->limit.bytes);
        room->ballast = keep_ballast(room->dir, room->ballast_bytes);
        if (fstatvfs(room->dir, &disk) < 0)
            return;
    }
    uint64_t left = tend_ballast(room, (uint64_t)disk.f_bavail * disk.f_frsize, reserve, writes);
    room->disk_full = left + (room->ballast ? room->ballast_bytes : 0) < reserve || left < room->min_free_bytes;
}

void room_lighten(int dir)
{
    struct statvfs disk;
    if (fstatvfs(dir, &disk) < 0 || (uint64_t)disk.f_bavail * disk.f_frsize < reserve_of(&disk))
        unlinkat(dir, BALLAST_NAME, 0);
}

void room_guard(struct room *room)
{
    pthread_mutex_lock(&room->lock);
    if (coarse_ms() - room->looked_ms >= LOOK_EVERY_MS || (room->disk_full && room->ballast))
        look_locked(room, true);
    pthread_mutex_unlock(&room->lock);
}

static bool is_disk_full_locked(struct room *room, uint64_t bytes)
{
    room->unlooked_bytes += bytes;
    if (room->unlooked_bytes >= LOOK_EVERY_BYTES || room->disk_full)
        look_locked(room, false);
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
