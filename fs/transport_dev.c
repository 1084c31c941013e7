/* SPDX-License-Identifier: MIT */
/*
 * transport_dev.c - requests over /dev/fuse: a thread reads one, answers it, and reads the next.
 */
#include "log.h"
#include "transport.h"

#include <errno.h>
#include <linux/fuse.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MESSAGE_MAX = TRANSPORT_PAYLOAD + 4096 }; /* bytes, with its headers */

struct dev {
    struct transport transport;
    unsigned seats_count;
    struct dev_seat **seats;
};

struct dev_seat {
    struct seat seat;
    struct transport *transport;
};

/* Nobody here stops at what it is doing when a program that waits is interrupted: the kernel need not tell. */
static bool is_interrupt(int fd, const struct fuse_in_header *header)
{
    if (header->opcode != FUSE_INTERRUPT)
        return false;
    struct fuse_out_header answer = {.len = sizeof answer, .error = -ENOSYS, .unique = header->unique};
    if (write(fd, &answer, sizeof answer) < 0) /* the request is gone; what matters is that the kernel has heard it */
        return true;
    return true;
}

/* Reads a message; 0 when there will be none. */
static size_t receive(struct dev_seat *seat, void *message)
{
    int fd = seat->transport->fd;
    for (;;) {
        ssize_t size = read(fd, message, MESSAGE_MAX);
        if (crew_stopping(seat->seat.crew))
            return 0;
        if (size >= (ssize_t)sizeof(struct fuse_in_header)) {
            if (!is_interrupt(fd, message))
                return (size_t)size;
        } else if (size >= 0 || (errno != EINTR && errno != EAGAIN && errno != ENOENT))
            return 0; /* ENODEV: unmounted */
    }
}

static enum sitting serve(struct seat *at)
{
    struct dev_seat *seat = (struct dev_seat *)at;
    void *message = malloc(MESSAGE_MAX);
    bool lost = false;
    size_t size;
    while (message && !lost && (size = receive(seat, message)) > 0) {
        crew_begin(at);
        transport_process(seat->transport, message, size);
        lost = !crew_end(at);
    }
    free(message);
    return lost ? SEAT_LOST : SEAT_CLOSED;
}

int transport_dev_seat(struct transport *transport, struct seat **ret_seat)
{
    struct dev_seat *seat = calloc(1, sizeof *seat);
    if (!seat)
        return -ENOMEM;
    seat->seat.serve = serve;
    seat->transport = transport;
    *ret_seat = &seat->seat;
    return crew_seat(transport->crew, &seat->seat);
}

static int start(struct transport *transport)
{
    struct dev *dev = (struct dev *)transport;
    unsigned count = transport_cores();
    int result = 0;
    dev->seats = calloc(count, sizeof *dev->seats);
    if (!dev->seats)
        return -ENOMEM;
    for (; dev->seats_count < count && result == 0; dev->seats_count++) {
        struct seat *seat = NULL;
        result = transport_dev_seat(transport, &seat);
        dev->seats[dev->seats_count] = (struct dev_seat *)seat;
    }
    return result;
}

static void dev_free(struct transport *transport)
{
    struct dev *dev = (struct dev *)transport;
    for (unsigned i = 0; i < dev->seats_count; i++)
        free(dev->seats[i]);
    free(dev->seats);
    free(dev);
}

int transport_dev_new(unsigned spin_us, struct transport **ret_transport)
{
    static const struct transport_kind kind = {.name = "dev", .start = start, .free = dev_free};
    struct dev *dev = calloc(1, sizeof *dev);
    if (!dev)
        return -ENOMEM;
    (void)spin_us;
    dev->transport.kind = &kind;
    *ret_transport = &dev->transport;
    return 0;
}
