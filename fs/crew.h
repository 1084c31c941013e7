/* SPDX-License-Identifier: MIT */
/*
 * crew.h - threads that take turns at seats.
 *
 * A *seat* is a place where requests come in: a reader of /dev/fuse, the queue of a core. One thread sits there at a
 * time, takes a request, answers it, and takes the next, without waking anybody. That is what makes a cache fast, and
 * it would make one that must wait for something (for room, for another request, for a disk) hold up all behind it. So
 * who is about to wait gets up first, and another of the crew sits down; who waits without having said so is found out
 * by the watch a few milliseconds later. A thread that has lost its seat finishes what it is at, and waits for a seat
 * to come free.
 *
 *     free --sit--> taken --crew_begin--> busy --crew_end--> taken
 *       ^------------------------------------' crew_blocks(), or the watch
 *
 * *After the caller.* The scheduler wakes a caller on another core when the one it slept on is busy, and that is busy
 * with us, who have just answered it. So a caller would change cores with every request, each time to one that sleeps,
 * and that costs more than the request. A core on which only SCHED_IDLE threads run counts as free: so a thread that
 * serves one busy caller from the caller's own core lowers itself to that. It would starve where others want the core,
 * with whatever locks it has: the watch raises one that gets no further, and it stays raised for a while then.
 *
 * A seat's turn is one atomic word: a number that grows with every request, odd while one is being answered. Who takes
 * the seat away and who comes back to it both change it by compare-and-swap, so that one of them wins.
 */
#ifndef LARDER_FS_CREW_H
#define LARDER_FS_CREW_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

struct crew;
struct seat;

enum sitting { SEAT_LOST, SEAT_CLOSED };

struct seat {
    /* Sits: takes requests and answers each between crew_begin() and crew_end(). Returns SEAT_LOST as soon as
     * crew_end() says so, SEAT_CLOSED when nothing will come here any more. */
    enum sitting (*serve)(struct seat *seat);
    /* --- private --- */
    struct crew *crew;
    _Atomic uint64_t turn;
    uint64_t watched; /* the watch's: what it saw last */
    _Atomic pid_t low; /* the thread that sits here and is lowered; 0 */
    _Atomic int64_t low_since_ns, low_from_ns; /* CLOCK_MONOTONIC: since when; and not before */
    _Atomic int64_t penalty_ns; /* for how long not, next time */
    STAILQ_ENTRY(seat) next_free;
};

/* A crew of one thread a seat and at most `spare` more, for those who wait; none yet. NULL when out of memory. */
struct crew *crew_new(unsigned spare);

/* Seats a thread. The seat lives until crew_stop() has returned. 0 or -errno. */
int crew_seat(struct crew *crew, struct seat *seat);

/* Before and after a request is answered. crew_end() is false when the seat was lost meanwhile: what only the one who
 * sits there may touch is another's by then. */
void crew_begin(struct seat *seat);
bool crew_end(struct seat *seat);

/* The calling thread is about to wait: it gives up its seat, if it has one. Cheap when it has not. Takes no lock but
 * the crew's own, so that it may be called with any held. */
void crew_blocks(void);

/* The calling thread, which sits here and is between two requests, runs after everybody else from now on: see above.
 * Does nothing where it could not be raised again (that takes CAP_SYS_NICE), or was raised lately for good reason. */
void crew_lower(struct seat *seat);

/* It runs as others do, if it did not. */
void crew_raise(struct seat *seat);

/* True when all seats are closed and all threads have ended; then end_fd, an eventfd, is readable. */
bool crew_ended(const struct crew *crew);
int crew_end_fd(const struct crew *crew);

/* True when somebody sits or will sit down to take the next request, or has since this was last asked: with *turns, 0 at
 * first, as it was left then. From any thread. */
bool crew_answers(struct crew *crew, uint64_t *turns);

/* True once crew_stop() was called: whoever sits should return SEAT_CLOSED. */
bool crew_stopping(const struct crew *crew);

/* Ends all threads, interrupting by SIGUSR1 what they wait for in the kernel, and frees the crew. NULL is harmless. */
void crew_stop(struct crew *crew);

#endif
