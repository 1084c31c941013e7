/* SPDX-License-Identifier: MIT */
/*
 * transport_dev.c - requests over /dev/fuse: a thread reads one, answers it, and reads the next. There is a seat for
 * each core, so that many callers are served side by side.
 *
 * *One caller.* With several threads asleep in read(2) the kernel wakes one after the other, mostly on another core than
 * the caller's, and that costs more than all the rest of a request (80 us of a set's 120). When one thread makes nearly
 * all requests, one seat alone reads, the others stand aside, and its thread moves to the caller's core: the caller
 * sleeps while we work, and the other way round. A caller that keeps changing cores is not followed; for that one the
 * seat looks for the next request for some microseconds before it sleeps, for as long as that mostly finds one.
 *
 *     many callers --ALONE_AFTER requests of one thread in a row--> one, near it
 *          ^  ^--------------others call, too---------------------'   | it changes cores
 *          '-----------------others call, too---- one, spinning <-----'
 */
#include "events.h"
#include "log.h"
#include "process.h"
#include "state.h"
#include "transport.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <sched.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    MESSAGE_MAX = TRANSPORT_PAYLOAD + 4096, /* bytes, with its headers */
    ALONE_AFTER = 64, /* requests of one thread in a row */
    LOOK_EVERY = 16, /* requests: whether it is alone still, and where it runs */
    STRANGERS = 4, /* of these may be others' */
    MOVES = 14, /* of the last 16 looks may have found it elsewhere: to follow is cheaper than to stay away */
    SPIN_MIN_NS = 2000,
    SPIN_AGAIN = 64, /* requests until spinning is tried again that did not pay */
};
#define APART_NS 1000000000LL /* for so long one that changes cores is not followed */

/* A number that this transport has put its own mark on came by the descriptor for spinning. */
#define CAME_SPINNING TRANSPORT_OWN

struct dev_seat {
    struct seat seat;
    struct transport *transport;
    struct dev *dev; /* NULL: it serves another kind of transport, and just reads */
    sem_t apart; /* nobody reads alone any more: look again */
};

struct dev {
    struct transport transport;
    int64_t spin_ns; /* at most */
    int spin_fd; /* the same connection, non-blocking; -1 none. What was read there is answered there */
    unsigned seats_count;
    struct dev_seat **seats;
    _Atomic(struct dev_seat *) alone; /* who reads alone; NULL: all do */
    _Atomic pid_t last; /* the thread of the last request; guesses, as what follows */
    atomic_uint in_a_row;
    /* --- below here it is the seat's that reads alone ------------------------------------------------- */
    pid_t caller;
    int core; /* where it is near the caller; -1 it spins */
    unsigned requests, strangers; /* since the last look */
    unsigned moves; /* a bit a look */
    int64_t follow_ns; /* CLOCK_MONOTONIC: not before */
    int64_t spin_now_ns; /* how long it would be worth it now */
    unsigned unspun; /* requests since it was not */
};

/* --- reading ------------------------------------------------------------------------------------------- */

/* A program that waits is interrupted: who reads events stops then, nobody else does. No answer is wanted. */
static bool is_interrupt(struct fs *fs, const struct fuse_in_header *header)
{
    if (header->opcode != FUSE_INTERRUPT)
        return false;
    events_interrupt(fs, ((const struct fuse_interrupt_in *)(header + 1))->unique);
    return true;
}

/* One read. Bytes; 0 there was nothing; -1 there will be nothing. */
static ssize_t read_one(struct fs *fs, int fd, void *message)
{
    ssize_t size = read(fd, message, MESSAGE_MAX);
    if (size >= (ssize_t)sizeof(struct fuse_in_header))
        return is_interrupt(fs, message) ? 0 : size;
    if (size >= 0 || (errno != EINTR && errno != EAGAIN && errno != ENOENT))
        return -1; /* ENODEV: unmounted */
    return 0;
}

/* --- alone --------------------------------------------------------------------------------------------- */

static bool is_alone(const struct dev_seat *seat)
{
    return seat->dev && atomic_load_explicit(&seat->dev->alone, memory_order_relaxed) == seat;
}

/* Where the thread that sits here should run. */
static void settle_down(struct dev_seat *seat)
{
    const struct transport *transport = seat->transport;
    if (is_alone(seat) && seat->dev->core >= 0)
        transport_pin(transport, (unsigned)seat->dev->core);
    else
        sched_setaffinity(0, sizeof transport->cores, &transport->cores);
}

/* Goes where the caller was seen to run, if it stays anywhere. */
static void follow(struct dev_seat *seat, int core)
{
    struct dev *dev = seat->dev;
    if (clock_ns(CLOCK_MONOTONIC) < dev->follow_ns)
        core = -1;
    bool moved = core != dev->core;
    dev->moves = (dev->moves << 1 | moved) & 0xffff;
    if (core >= 0 && (!CPU_ISSET(core, &dev->transport.cores) || __builtin_popcount(dev->moves) > MOVES)) {
        dev->follow_ns = clock_ns(CLOCK_MONOTONIC) + APART_NS;
        dev->moves = 0;
        core = -1;
    }
    dev->core = core;
    if (moved)
        settle_down(seat);
    if (core >= 0)
        crew_lower(&seat->seat);
    else
        crew_raise(&seat->seat);
}

static void begin_alone(struct dev_seat *seat, pid_t caller, int core)
{
    struct dev *dev = seat->dev;
    struct dev_seat *nobody = NULL;
    if (!atomic_compare_exchange_strong(&dev->alone, &nobody, seat))
        return;
    dev->caller = caller;
    dev->core = -1;
    dev->requests = dev->strangers = dev->moves = 0;
    follow(seat, core);
}

static void end_alone(struct dev_seat *seat)
{
    struct dev *dev = seat->dev;
    crew_raise(&seat->seat);
    dev->core = -1;
    atomic_store(&dev->alone, NULL);
    for (unsigned i = 0; i < dev->seats_count; i++)
        sem_post(&dev->seats[i]->apart);
    settle_down(seat);
}

/* Waits while another reads alone. */
static void stand_aside(struct dev_seat *seat)
{
    struct dev *dev = seat->dev;
    struct dev_seat *alone;
    while ((alone = atomic_load(&dev->alone)) && alone != seat && !crew_stopping(seat->seat.crew))
        sem_wait(&seat->apart); /* a signal ends it, too */
}

/* Takes note of who calls; true when it is time to see where the caller runs. */
static bool note_caller(struct dev_seat *seat, pid_t caller)
{
    struct dev *dev = seat->dev;
    if (!dev || caller == 0) /* the kernel itself, a RELEASE say; or another pid namespace */
        return false;
    if (is_alone(seat)) {
        dev->strangers += caller != dev->caller;
        return ++dev->requests >= LOOK_EVERY || dev->strangers > STRANGERS;
    }
    bool same = atomic_exchange_explicit(&dev->last, caller, memory_order_relaxed) == caller;
    unsigned in_a_row = same ? atomic_load_explicit(&dev->in_a_row, memory_order_relaxed) + 1 : 0;
    atomic_store_explicit(&dev->in_a_row, in_a_row, memory_order_relaxed);
    return in_a_row >= ALONE_AFTER && dev->seats_count > 1;
}

/* The caller was seen on a core; -1 it is not to be seen. */
static void noted(struct dev_seat *seat, pid_t caller, int core)
{
    struct dev *dev = seat->dev;
    atomic_store_explicit(&dev->in_a_row, 0, memory_order_relaxed);
    if (!is_alone(seat)) {
        begin_alone(seat, caller, core);
        return;
    }
    if (dev->strangers > STRANGERS)
        end_alone(seat);
    else if (caller == dev->caller)
        follow(seat, core);
    dev->requests = dev->strangers = 0;
}

/* --- spinning ------------------------------------------------------------------------------------------ */

/* Is it worth looking for the next request before sleeping? Only for who reads alone, away from the caller. */
static bool should_spin(struct dev_seat *seat)
{
    struct dev *dev = seat->dev;
    if (!is_alone(seat) || dev->spin_fd < 0 || dev->core >= 0)
        return false;
    if (dev->spin_now_ns == 0 && ++dev->unspun >= SPIN_AGAIN) {
        dev->spin_now_ns = SPIN_MIN_NS;
        dev->unspun = 0;
    }
    return dev->spin_now_ns > 0;
}

/* Looks for a request without sleeping: twice as long next time when there was one, half as long when not. */
static ssize_t spin(struct dev_seat *seat, void *message)
{
    struct dev *dev = seat->dev;
    int64_t until = clock_ns(CLOCK_MONOTONIC) + dev->spin_now_ns;
    ssize_t size;
    while ((size = read_one(seat->transport->fs, dev->spin_fd, message)) == 0 && clock_ns(CLOCK_MONOTONIC) < until)
        ;
    int64_t next = size > 0 ? dev->spin_now_ns * 2 : dev->spin_now_ns / 2;
    dev->spin_now_ns = next > dev->spin_ns ? dev->spin_ns : next < SPIN_MIN_NS ? 0 : next;
    if (size > 0)
        ((struct fuse_in_header *)message)->unique |= CAME_SPINNING;
    return size;
}

/* It came by the descriptor for spinning, and goes back there. */
static ssize_t reply(struct transport *transport, struct fuse_out_header *header, const struct iovec *iov, int count)
{
    const struct dev *dev = (const struct dev *)transport;
    header->unique &= ~CAME_SPINNING;
    return writev(dev->spin_fd, iov, count);
}

/* The connection once more, for reads that do not sleep. */
static int clone_connection(int fd)
{
    int clone = open("/dev/fuse", O_RDWR | O_CLOEXEC | O_NONBLOCK);
    uint32_t master = (uint32_t)fd;
    if (clone >= 0 && ioctl(clone, FUSE_DEV_IOC_CLONE, &master) < 0) {
        close(clone);
        return -1;
    }
    return clone;
}

/* --- seats --------------------------------------------------------------------------------------------- */

/* Waits for a message; 0 when there will be none. */
static size_t receive(struct dev_seat *seat, void *message)
{
    for (;;) {
        if (seat->dev)
            stand_aside(seat);
        if (crew_stopping(seat->seat.crew))
            return 0;
        ssize_t size = should_spin(seat) ? spin(seat, message) : 0;
        if (size == 0)
            size = read_one(seat->transport->fs, seat->transport->fd, message);
        if (size < 0)
            return 0;
        if (size > 0)
            return (size_t)size;
    }
}

/* Answers one; false when the seat was lost over it. What /proc has to say of a caller it may say only when other
 * requests are answered, so that is asked after the reply, while another can still sit down here. */
static bool answer(struct dev_seat *seat, void *message, size_t size)
{
    const struct fuse_in_header *header = message;
    pid_t caller = (pid_t)header->pid;
    bool look = note_caller(seat, caller);
    crew_begin(&seat->seat);
    transport_process(seat->transport, message, size, header->unique & ~CAME_SPINNING, true);
    int core = look ? process_core(caller) : -1;
    bool sits = crew_end(&seat->seat);
    if (sits && look)
        noted(seat, caller, core);
    return sits;
}

static enum sitting serve(struct seat *at)
{
    struct dev_seat *seat = (struct dev_seat *)at;
    /* Not from the heap, which would be left with holes of a megabyte; what is not touched costs nothing. */
    void *message = mmap(NULL, MESSAGE_MAX, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    bool ready = message != MAP_FAILED, sits = ready;
    size_t size;
    settle_down(seat);
    while (sits && (size = receive(seat, message)) > 0)
        sits = answer(seat, message, size);
    if (ready)
        munmap(message, MESSAGE_MAX);
    if (ready && !sits)
        return SEAT_LOST;
    if (is_alone(seat))
        end_alone(seat);
    return SEAT_CLOSED;
}

static struct dev_seat *seat_new(struct transport *transport, struct dev *dev)
{
    struct dev_seat *seat = calloc(1, sizeof *seat);
    if (!seat)
        return NULL;
    seat->seat.serve = serve;
    seat->transport = transport;
    seat->dev = dev;
    sem_init(&seat->apart, 0, 0);
    return seat;
}

int transport_dev_seat(struct transport *transport, struct seat **ret_seat)
{
    struct dev_seat *seat = seat_new(transport, NULL);
    *ret_seat = seat ? &seat->seat : NULL;
    return seat ? crew_seat(transport->crew, &seat->seat) : -ENOMEM;
}

/* --- the transport ------------------------------------------------------------------------------------- */

static int start(struct transport *transport)
{
    struct dev *dev = (struct dev *)transport;
    unsigned count = transport_cores(transport);
    dev->seats = calloc(count, sizeof *dev->seats);
    if (!dev->seats)
        return -ENOMEM;
    dev->spin_fd = dev->spin_ns ? clone_connection(transport->fd) : -1;
    for (; dev->seats_count < count; dev->seats_count++) /* all of them first: who sits looks at the others */
        if (!(dev->seats[dev->seats_count] = seat_new(transport, dev)))
            return -ENOMEM;
    int result = 0;
    for (unsigned i = 0; i < count && result == 0; i++)
        result = crew_seat(transport->crew, &dev->seats[i]->seat);
    return result;
}

static void dev_free(struct transport *transport)
{
    struct dev *dev = (struct dev *)transport;
    if (dev->spin_fd >= 0)
        close(dev->spin_fd);
    for (unsigned i = 0; i < dev->seats_count; i++)
        free(dev->seats[i]);
    free(dev->seats);
    free(dev);
}

int transport_dev_new(unsigned spin_us, struct transport **ret_transport)
{
    static const struct transport_kind kind = {.name = "dev", .start = start, .reply = reply, .free = dev_free};
    struct dev *dev = calloc(1, sizeof *dev);
    if (!dev)
        return -ENOMEM;
    dev->transport.kind = &kind;
    dev->spin_ns = (int64_t)spin_us * 1000;
    dev->spin_now_ns = dev->spin_ns;
    dev->spin_fd = dev->core = -1;
    *ret_transport = &dev->transport;
    return 0;
}
