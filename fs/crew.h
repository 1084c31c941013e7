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
 * A seat's turn is one atomic word: a number that grows with every request, odd while one is being answered. Who takes
 * the seat away and who comes back to it both change it by compare-and-swap, so that one of them wins.
 */
#ifndef LARDER_FS_CREW_H
#define LARDER_FS_CREW_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

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
    STAILQ_ENTRY(seat) next_free;
};

/* A crew of at most `threads` threads, at least one a seat; none yet. NULL when out of memory. */
struct crew *crew_new(unsigned threads);

/* Seats a thread. The seat lives until crew_stop() has returned. 0 or -errno. */
int crew_seat(struct crew *crew, struct seat *seat);

/* Before and after a request is answered. crew_end() is false when the seat was lost meanwhile: what only the one who
 * sits there may touch is another's by then. */
void crew_begin(struct seat *seat);
bool crew_end(struct seat *seat);

/* The calling thread is about to wait: it gives up its seat, if it has one. Cheap when it has not. Takes no lock but
 * the crew's own, so that it may be called with any held. */
void crew_blocks(void);

/* True when all seats are closed and all threads have ended; then end_fd, an eventfd, is readable. */
bool crew_ended(const struct crew *crew);
int crew_end_fd(const struct crew *crew);

/* True once crew_stop() was called: whoever sits should return SEAT_CLOSED. */
bool crew_stopping(const struct crew *crew);

/* Ends all threads, interrupting by SIGUSR1 what they wait for in the kernel, and frees the crew. NULL is harmless. */
void crew_stop(struct crew *crew);

#endif
