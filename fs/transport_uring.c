/* SPDX-License-Identifier: MIT */
/*
 * transport_uring.c - requests over io_uring (Linux 6.14 and later, fs/fuse/dev_uring.c): one queue a core.
 *
 * The kernel puts a request into an entry of the queue of the core it is made on, and the thread that sits there is
 * pinned to that core: to answer takes one switch of threads, and no other core need be woken. An entry goes round:
 *
 *     REGISTER --> in the kernel --completion--> being answered --COMMIT_AND_FETCH--.
 *                       ^-----------------------------------------------------------'
 *
 * The ring is the sitting thread's alone. Whoever answers late, because it lost the seat or handed its request on, puts
 * the entry on the queue's list of done ones, and sends the one who sits there a signal, which only its wait lets in.
 *
 * The kernel fills an entry by way of the thread that gave it. One that waits in futex(2) does that on the side; one
 * that is stuck in a disk's uninterruptible sleep does not, and what came into its entries waits with it. So who sits
 * down where another has lost the seat gives the kernel some more, which it takes first.
 *
 * A request that is put aside until something happens (transport_put_aside()) keeps its entry for as long as that takes.
 * The kernel gets another one for it, and when there are only few left no more are put aside.
 *
 * An entry is answered when both the reply has been written and its handler has returned, for that may look at the
 * request till then. Forgets, and all that we tell the kernel unasked, stay with /dev/fuse.
 */
#include "log.h"
#include "transport.h"
#include "uring_abi.h"

#include <errno.h>
#include <liburing.h>
#include <linux/fuse.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    ENTRIES_MAX = 64, /* of a queue: so many may wait for something before those behind them do, too */
    ENTRIES_MIN = 8,
    ENTRIES_ALL = 2048, /* about, of all queues together: each has its megabyte of address space */
    FIRST_PART = 4, /* which part of them the kernel gets at first */
    ALONE_AFTER = 64, /* requests of one thread in a row: it is served after itself, see crew.h */
    FRESH = 4, /* how many it has at least of whoever sits down later, as long as there are any left */
    HEADROOM = 4096, /* before the payload; the headers are at its beginning */
};

struct queue;

struct ring_entry {
    struct queue *queue;
    struct uring_headers *headers;
    uint8_t *payload;
    struct iovec buffers[2]; /* these two, for the kernel */
    uint64_t unique, commit_id; /* of the request in it */
    atomic_uint missing; /* of: the reply, the handler's return */
    atomic_bool aside; /* its request was put aside */
    bool fetching; /* the kernel has it; the sitting thread's, as what follows */
    pthread_t giver; /* and got it from this thread */
    struct ring_entry *next; /* done */
};

struct queue {
    struct seat seat;
    struct uring *uring;
    unsigned core;
    _Atomic pthread_t sitter; /* who sits here, or sat here last */
    struct ring_entry *entries;
    uint8_t *memory; /* theirs */
    bool has_ring;
    atomic_uint aside; /* entries whose requests were put aside */
    /* --- below here it is the sitting thread's --- */
    struct io_uring ring;
    unsigned registered; /* entries that the kernel knows; 0 nobody has sat here yet */
    unsigned extra; /* of these, for those that were put aside */
    unsigned live; /* of these, that it has not given up */
    bool complained; /* of one that it did */
    uint32_t caller; /* the thread of the last request, and ... */
    unsigned in_a_row; /* ... how many it has made */
    /* --- below here lock protects --- */
    pthread_mutex_t lock;
    struct ring_entry *done;
};

struct uring {
    struct transport transport;
    struct seat *dev; /* reads /dev/fuse */
    unsigned queues_count, entries_count; /* of each queue */
    struct queue *queues;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* --- below here lock protects --- */
    unsigned registered; /* queues that have tried to */
    int error; /* the first one's */
};

/* --- entries ------------------------------------------------------------------------------------------- */

static size_t entry_size(void)
{
    return HEADROOM + TRANSPORT_PAYLOAD;
}

static void entry_init(struct ring_entry *entry, struct queue *queue, uint8_t *memory)
{
    entry->queue = queue;
    entry->headers = (struct uring_headers *)memory;
    entry->payload = memory + HEADROOM;
    entry->buffers[0] = (struct iovec){entry->headers, sizeof *entry->headers};
    entry->buffers[1] = (struct iovec){entry->payload, TRANSPORT_PAYLOAD};
}

/* The ring has room for every entry. */
static void submit_entry(struct ring_entry *entry, unsigned command)
{
    struct queue *queue = entry->queue;
    if (atomic_exchange(&entry->aside, false))
        atomic_fetch_sub(&queue->aside, 1);
    struct io_uring_sqe *sqe = io_uring_get_sqe(&queue->ring);
    io_uring_prep_rw(IORING_OP_URING_CMD, sqe, queue->uring->transport.fd, NULL, 0, 0);
    sqe->cmd_op = command;
    memset(sqe->cmd, 0, 80);
    struct uring_command *fuse = (struct uring_command *)sqe->cmd;
    fuse->queue = (uint16_t)queue->core;
    if (command == URING_CMD_REGISTER) {
        sqe->addr = (uint64_t)(uintptr_t)entry->buffers;
        sqe->len = 2;
    } else
        fuse->commit_id = entry->commit_id;
    io_uring_sqe_set_data(sqe, entry);
    entry->fetching = true;
    entry->giver = pthread_self();
}

/* One of the two things that make an entry answered. True when it was the last. */
static bool part_done(struct ring_entry *entry)
{
    return atomic_fetch_sub(&entry->missing, 1) == 1;
}

/* For whoever does not sit at the queue. */
static void hand_in(struct ring_entry *entry)
{
    struct queue *queue = entry->queue;
    pthread_mutex_lock(&queue->lock);
    entry->next = queue->done;
    queue->done = entry;
    pthread_mutex_unlock(&queue->lock);
    pthread_kill(atomic_load(&queue->sitter), SIGUSR1); /* who sits down later looks by itself */
}

/* The request as libfuse reads it: headers and payload in a row, in the room before the payload. */
static void *entry_message(struct ring_entry *entry, size_t *ret_size)
{
    struct uring_headers *headers = entry->headers;
    struct fuse_in_header in;
    memcpy(&in, headers->in_out, sizeof in);
    size_t op_size = in.len - sizeof in - headers->ring.payload_size;
    if (in.len < sizeof in + headers->ring.payload_size || op_size > sizeof headers->op)
        return NULL;
    entry->commit_id = headers->ring.commit_id;
    entry->unique = in.unique;
    in.unique = TRANSPORT_OWN | (uint64_t)entry->queue->core << 16 | (uint64_t)(entry - entry->queue->entries);
    uint8_t *op = entry->payload - op_size, *message = op - sizeof in;
    memcpy(op, headers->op, op_size);
    memcpy(message, &in, sizeof in);
    *ret_size = in.len;
    return message;
}

static struct ring_entry *entry_of(const struct uring *uring, uint64_t unique)
{
    return &uring->queues[(unique & ~TRANSPORT_OWN) >> 16].entries[unique & 0xffff];
}

static ssize_t reply(struct transport *transport, struct fuse_out_header *header, const struct iovec *iov, int count)
{
    struct ring_entry *entry = entry_of((struct uring *)transport, header->unique);
    size_t size = 0;
    for (int i = 1; i < count; i++) {
        if (iov[i].iov_len > TRANSPORT_PAYLOAD - size) {
            errno = EINVAL;
            return -1;
        }
        if (iov[i].iov_base != entry->payload + size)
            memcpy(entry->payload + size, iov[i].iov_base, iov[i].iov_len);
        size += iov[i].iov_len;
    }
    header->unique = entry->unique;
    memcpy(entry->headers->in_out, header, sizeof *header);
    entry->headers->ring.payload_size = (uint32_t)size;
    if (part_done(entry))
        hand_in(entry);
    return (ssize_t)(sizeof *header + size);
}

/* --- the queue ----------------------------------------------------------------------------------------- */

/* What others have answered. */
static void take_done(struct queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    struct ring_entry *entry = queue->done, *next;
    queue->done = NULL;
    pthread_mutex_unlock(&queue->lock);
    for (; entry; entry = next) {
        next = entry->next;
        submit_entry(entry, URING_CMD_COMMIT_AND_FETCH);
    }
}

/* Takes note of who calls. */
static void note_caller(struct queue *queue, uint32_t caller)
{
    if (caller == 0) /* the kernel itself, a RELEASE say; or another pid namespace */
        return;
    if (caller == queue->caller) {
        if (++queue->in_a_row >= ALONE_AFTER)
            crew_lower(&queue->seat);
        return;
    }
    queue->caller = caller;
    queue->in_a_row = 0;
    crew_raise(&queue->seat);
}

/* Gives the kernel so many more entries, as far as there are any. */
static void register_more(struct queue *queue, unsigned count)
{
    for (; count > 0 && queue->registered < queue->uring->entries_count; count--) {
        submit_entry(&queue->entries[queue->registered++], URING_CMD_REGISTER);
        queue->live++;
    }
}

/* Before its part is done, so that it is still its own. */
static void note_aside(struct ring_entry *entry)
{
    atomic_store(&entry->aside, true);
    atomic_fetch_add(&entry->queue->aside, 1);
}

/* Gives the kernel an entry for each whose request was put aside. */
static void make_up_for_aside(struct queue *queue)
{
    for (; queue->extra < atomic_load(&queue->aside); queue->extra++)
        register_more(queue, 1);
}

/* Answers a request; false when the seat was lost over it. */
static bool answer(struct queue *queue, struct ring_entry *entry)
{
    size_t size;
    atomic_store(&entry->missing, 2);
    void *message = entry_message(entry, &size);
    if (!message) {
        struct fuse_out_header refusal = {.len = sizeof refusal, .error = -EIO, .unique = entry->unique};
        memcpy(entry->headers->in_out, &refusal, sizeof refusal);
        submit_entry(entry, URING_CMD_COMMIT_AND_FETCH);
        return true;
    }
    note_caller(queue, ((struct fuse_in_header *)message)->pid);
    crew_begin(&queue->seat);
    bool may_put_aside = atomic_load(&queue->aside) < queue->uring->entries_count / 4 * 3 - 1;
    if (transport_process(&queue->uring->transport, message, size, entry->unique, may_put_aside))
        note_aside(entry);
    bool sits = crew_end(&queue->seat);
    if (sits)
        make_up_for_aside(queue);
    if (!part_done(entry))
        return sits;
    if (sits)
        submit_entry(entry, URING_CMD_COMMIT_AND_FETCH);
    else
        hand_in(entry);
    return sits;
}

/* The mount is gone, or is going: nothing is wrong. */
static bool tells_the_end(int result)
{
    return result == -ENOTCONN || result == -ECONNABORTED || result == -ECANCELED || result == -ENODEV;
}

/* One completion. False when the seat was lost. */
static bool complete(struct queue *queue, struct ring_entry *entry, int result)
{
    entry->fetching = false;
    if (result >= 0)
        return answer(queue, entry);
    queue->live--;
    bool expected = tells_the_end(result);
    if (!expected && !queue->complained)
        log_line(STORE_LOG_ERROR, "the kernel gave an entry of its queue %u back: %s", queue->core, strerror(-result));
    queue->complained = queue->complained || !expected;
    return true;
}

/* The first to sit here: gives it the first entries, and tells start() how that went. Requests are served by then, so that a
 * short mount may have ended before this queue began. */
static void register_first(struct queue *queue)
{
    struct uring *uring = queue->uring;
    struct io_uring_cqe *cqe;
    register_more(queue, uring->entries_count / FIRST_PART);
    int result = io_uring_submit(&queue->ring);
    if (result >= 0 && io_uring_peek_cqe(&queue->ring, &cqe) == 0)
        result = cqe->res; /* it is refused at once, or not at all */
    pthread_mutex_lock(&uring->lock);
    uring->registered++;
    if (result < 0 && !tells_the_end(result) && uring->error == 0)
        uring->error = result;
    pthread_cond_broadcast(&uring->changed);
    pthread_mutex_unlock(&uring->lock);
}

/* Another lost the seat: sees to it that the kernel has entries of this thread, too. */
static void register_fresh(struct queue *queue)
{
    unsigned mine = 0;
    for (unsigned i = 0; i < queue->registered; i++)
        mine += queue->entries[i].fetching && pthread_equal(queue->entries[i].giver, pthread_self());
    if (mine < FRESH)
        register_more(queue, FRESH - mine);
}

/* Answers what is there. False when the seat was lost. */
static bool answer_all(struct queue *queue)
{
    struct io_uring_cqe *cqe;
    while (io_uring_peek_cqe(&queue->ring, &cqe) == 0) {
        struct ring_entry *entry = io_uring_cqe_get_data(cqe);
        int result = cqe->res;
        io_uring_cqe_seen(&queue->ring, cqe); /* first: afterwards the ring may be another's */
        if (!complete(queue, entry, result))
            return false;
    }
    return true;
}

/* Sends replies, and waits for requests, or for others who have answered some. */
static void converse(struct queue *queue, sigset_t *waiting)
{
    struct io_uring_cqe *cqe;
    take_done(queue);
    /* Not with the call that sleeps: whom a reply wakes goes on here first then, and mostly has its next request ready
     * when we come to wait; one who wakes us out of sleep is put off itself (2 switches a get, not 4). */
    int result = io_uring_sq_ready(&queue->ring) > 0 ? io_uring_submit(&queue->ring) : 0;
    if (result >= 0)
        result = io_uring_submit_and_wait_timeout(&queue->ring, &cqe, 1, NULL, waiting);
    if (result < 0 && result != -EINTR) { /* short of memory, say */
        if (!queue->complained)
            log_line(STORE_LOG_ERROR, "cannot wait for requests: %s", strerror(-result));
        queue->complained = true;
        usleep(1000);
    }
}

static enum sitting serve(struct seat *seat)
{
    struct queue *queue = (struct queue *)seat;
    sigset_t signal, waiting;
    bool sits = true;
    sigemptyset(&signal);
    sigaddset(&signal, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &signal, &waiting);
    atomic_store(&queue->sitter, pthread_self());
    transport_pin(&queue->uring->transport, queue->core);
    if (queue->registered == 0)
        register_first(queue);
    else
        register_fresh(queue);
    while (sits && queue->live > 0 && !crew_stopping(seat->crew)) {
        converse(queue, &waiting);
        sits = answer_all(queue);
    }
    pthread_sigmask(SIG_UNBLOCK, &signal, NULL);
    return sits ? SEAT_CLOSED : SEAT_LOST;
}

/* --- the transport ------------------------------------------------------------------------------------- */

static int queue_init(struct queue *queue, struct uring *uring, unsigned core)
{
    queue->seat.serve = serve;
    queue->uring = uring;
    queue->core = core;
    pthread_mutex_init(&queue->lock, NULL);
    queue->entries = calloc(uring->entries_count, sizeof *queue->entries);
    queue->memory = mmap(NULL, entry_size() * uring->entries_count, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (queue->memory == MAP_FAILED)
        queue->memory = NULL;
    if (!queue->entries || !queue->memory)
        return -ENOMEM;
    for (unsigned i = 0; i < uring->entries_count; i++)
        entry_init(&queue->entries[i], queue, queue->memory + i * entry_size());
    int result =
        io_uring_queue_init(uring->entries_count, &queue->ring, IORING_SETUP_SQE128 | IORING_SETUP_COOP_TASKRUN);
    queue->has_ring = result == 0;
    return result;
}

static void queue_release(struct queue *queue, const struct uring *uring)
{
    if (queue->has_ring) {
        take_done(queue); /* what was answered is sent, even at the last moment */
        io_uring_submit(&queue->ring);
        io_uring_queue_exit(&queue->ring);
    }
    if (queue->memory)
        munmap(queue->memory, entry_size() * uring->entries_count);
    free(queue->entries);
    pthread_mutex_destroy(&queue->lock);
}

static int start(struct transport *transport)
{
    struct uring *uring = (struct uring *)transport;
    int result = transport_dev_seat(transport, &uring->dev);
    unsigned seated = 0;
    for (; seated < uring->queues_count && result == 0; seated++)
        result = crew_seat(transport->crew, &uring->queues[seated].seat);
    pthread_mutex_lock(&uring->lock);
    while (result == 0 && uring->registered < uring->queues_count)
        pthread_cond_wait(&uring->changed, &uring->lock);
    if (result == 0)
        result = uring->error;
    pthread_mutex_unlock(&uring->lock);
    return result;
}

static void uring_free(struct transport *transport)
{
    struct uring *uring = (struct uring *)transport;
    for (unsigned i = 0; i < uring->queues_count; i++)
        queue_release(&uring->queues[i], uring);
    free(uring->queues);
    free(uring->dev);
    pthread_cond_destroy(&uring->changed);
    pthread_mutex_destroy(&uring->lock);
    free(uring);
}

/* The kernel wants a queue for every core there could be: a list of numbers and ranges. */
static unsigned possible_cores(void)
{
    FILE *file = fopen("/sys/devices/system/cpu/possible", "re");
    unsigned first, last, count = 0;
    while (file && fscanf(file, "%u", &first) == 1) {
        if (fscanf(file, "-%u", &last) != 1 || last < first)
            last = first;
        count += last - first + 1;
        if (fgetc(file) != ',')
            break;
    }
    if (file)
        fclose(file);
    return count > 0 ? count : 1;
}

int transport_uring_new(struct transport **ret_transport)
{
    static const struct transport_kind kind = {
        .name = "uring", .init_flags = URING_INIT_FLAG, .start = start, .reply = reply, .free = uring_free};
    int on = transport_uring_switch();
    if (on != 'Y')
        return on ? -EPERM : -EOPNOTSUPP;
    struct uring *uring = calloc(1, sizeof *uring);
    unsigned cores = possible_cores();
    if (!uring)
        return -ENOMEM;
    uring->transport.kind = &kind;
    uring->entries_count = ENTRIES_ALL / cores;
    if (uring->entries_count > ENTRIES_MAX)
        uring->entries_count = ENTRIES_MAX;
    if (uring->entries_count < ENTRIES_MIN)
        uring->entries_count = ENTRIES_MIN;
    pthread_mutex_init(&uring->lock, NULL);
    pthread_cond_init(&uring->changed, NULL);
    uring->queues = calloc(cores, sizeof *uring->queues);
    int result = uring->queues ? 0 : -ENOMEM;
    for (; result == 0 && uring->queues_count < cores; uring->queues_count++)
        result = queue_init(&uring->queues[uring->queues_count], uring, uring->queues_count);
    if (result == 0)
        *ret_transport = &uring->transport;
    else
        uring_free(&uring->transport);
    return result;
}
