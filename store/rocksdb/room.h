/* SPDX-License-Identifier: MIT */
/*
 * room.h - who may still put how much into the store.
 *
 * Room is taken before anything is written and given back after it is gone, so that bytes and items never pass
 * their limits, under any number of threads. `bytes` holds three things: what is published, what staged versions
 * have written so far, and what dead versions still keep on disk or in somebody's hand.
 *
 * There is no room either while the disk is nearly full: RocksDB must never meet a full one, which can leave it unable
 * to recover. What is refused then, without a wait, is what adds bytes; removing goes on, and the keeper evicts.
 *
 * Part of that reserve is a file, the ballast: it is given back when a stranger has taken nearly all there was, so that
 * what is removed can still be written down, and made again when there is room.
 *
 * Whoever finds no room waits for the keeper to make some, and fails when the keeper has tried and could not. A wait
 * holds neither the mutation mutex nor the table's lock, which the keeper needs. The lock here is taken last.
 */
#ifndef LARDER_ROCKSDB_ROOM_H
#define LARDER_ROCKSDB_ROOM_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct room_amount {
    uint64_t bytes, items;
};

/* The keeper starts above the high watermark and stops at the low one. */
static inline uint64_t room_high(uint64_t limit)
{
    return limit - limit / 16;
}

static inline uint64_t room_low(uint64_t limit)
{
    return limit - limit / 8;
}

/* What has to go of `used` for the low watermark, and for those who want more. */
static inline uint64_t room_surplus(uint64_t used, uint64_t limit, uint64_t wanted)
{
    uint64_t low = room_low(limit), left = wanted < limit ? limit - wanted : 0;
    uint64_t target = low < left ? low : left;
    return used > target ? used - target : 0;
}

/* Does so much more fit? What is opened with a smaller limit than before is over it; whoever asks for nothing there is not
 * held up. */
static inline bool room_fits(uint64_t used, uint64_t amount, uint64_t limit)
{
    return amount == 0 || (used <= limit && amount <= limit - used);
}

struct room {
    int dir; /* constant: the store's, on the file system that may become full, */
    uint64_t min_free_bytes; /* constant: and is, with less than that left; 0: see room.c */

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    struct room_amount limit;
    bool evicts; /* the policy is not none */
    struct room_amount used;
    struct room_amount wanted; /* sum of what those wait for who wait */
    unsigned waiting;
    unsigned unused; /* how many have taken room by waiting, and nothing stands in it yet */
    uint64_t takes; /* times room was taken */
    uint64_t attempts; /* times the keeper began to make room */
    uint64_t failed; /* the last of those that did not help */
    uint64_t waits;
    uint64_t unlooked_bytes; /* taken since the disk was last looked at */
    bool disk_full;
    uint64_t ballast_bytes; /* constant: of the file that is given back, */
    bool ballast; /* which is there */
    int64_t looked_ms; /* when the disk was last looked at, CLOCK_MONOTONIC_COARSE */
    int64_t ballast_not_before_ms; /* likewise: when it may be made again */
};

/* `min_free_bytes`: as in struct store_options. */
void room_init(struct room *room, struct room_amount limit, bool evicts, struct room_amount used, int dir,
               uint64_t min_free_bytes);
void room_release(struct room *room);

enum room_answer {
    ROOM_TAKEN, /* and there is plenty left */
    ROOM_TAKEN_HIGH, /* but the high watermark is passed: wake the keeper */
    ROOM_NONE,
};
/* Takes room if it is there. */
enum room_answer room_try(struct room *room, struct room_amount amount);

/* Gives room back. */
void room_give(struct room *room, struct room_amount amount);

/* Registers as waiting, then room_wait() until there is room (taken: 0) or none can be made (-ENOSPC). Between the
 * two the keeper has to be woken. */
uint64_t room_wait_begin(struct room *room, struct room_amount amount);
int room_wait(struct room *room, struct room_amount amount, uint64_t ticket);
/* What was taken by so many waits is in use, or given back. */
void room_used_up(struct room *room, unsigned waits);

/* For the keeper: starts an attempt to make room; true when it is time for one. While the disk is nearly full it is,
 * and down to the low watermark is what eviction can do about that. */
bool room_attempt(struct room *room, uint64_t *ret_attempt);
/* What has to go for the low watermark and for all who wait; false when nothing. */
bool room_excess(struct room *room, struct room_amount *ret_excess);
/* Nothing more can go: those who waited when the attempt began fail. False when it is too early to say so, because
 * somebody took room since room_takes() said `takes`, who may make of it something that can go. */
bool room_failed(struct room *room, uint64_t attempt, uint64_t takes);
uint64_t room_takes(struct room *room);

/* Says whether eviction can make room, by the policy there is; and asks. */
void room_set_evicts(struct room *room, bool evicts);
bool room_evicts(struct room *room);

/* Sets the limits, and says them. Who waits looks again; room_attempt() may be due. */
void room_set_limit(struct room *room, struct room_amount limit);
struct room_amount room_limit(struct room *room);

/* True while anybody waits. */
bool room_waited_for(struct room *room);

struct room_amount room_used(struct room *room);

/* So much is kept free for memtables, log and compaction on the disk that has `path`: 256 MiB, or half of a small one. */
uint64_t room_reserve(const char *path);

/* Gives the ballast of a store back that is about to be opened or closed on a disk that is nearly full: recovery, and what is
 * flushed at the end, take space before anybody looks. `dir`: the store's. Any thread. */
void room_lighten(int dir);

/* To be called before anything is written: looks at the disk, now and then, and gives the ballast back if need be. */
void room_guard(struct room *room);

/* True when the last look at the disk found it nearly full. */
bool room_disk_full(struct room *room);

/* How often somebody had to wait. */
uint64_t room_waits(struct room *room);

#endif
