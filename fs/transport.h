/* SPDX-License-Identifier: MIT */
/*
 * transport.h - how requests come in and replies go out, in two ways behind one interface: over /dev/fuse, and over
 * io_uring, by which the kernel hands a request to the core it was made on. libfuse takes requests apart and puts
 * replies together in both; what it would write goes through session.c, which knows by the reply's number whose it is.
 */
#ifndef LARDER_FS_TRANSPORT_H
#define LARDER_FS_TRANSPORT_H

#include "crew.h"

#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

struct fs;
struct fuse_session;
struct fuse_out_header;

/* What one request or reply may have besides its headers, in bytes; the kernel is told so. */
enum { TRANSPORT_PAYLOAD = 1 << 20 };

/* Set in the number of a request that does not belong to the session's own descriptor: the transport finds its place by
 * the bits below, and puts back the number that the kernel gave. The kernel counts up from 0 and never comes there. */
#define TRANSPORT_OWN (UINT64_C(1) << 62)

struct transport {
    const struct transport_kind *kind;
    struct fs *fs; /* constant, as what follows, since start() */
    struct fuse_session *fuse;
    struct crew *crew;
    int fd; /* the session's /dev/fuse */
    cpu_set_t cores; /* where the process may run */
};

struct transport_kind {
    const char *name; /* as the option says it */
    uint64_t
        init_flags; /* what the kernel is told in the answer to INIT, if it offered it (flags2 in the upper half) */

    /* Seats its threads; the kernel has been answered, and fs, fuse, crew, fd are set. Returns when requests can come.
     * 0 or -errno; then the mount is of no use any more. */
    int (*start)(struct transport *transport);

    /* Sends a reply whose number has TRANSPORT_OWN. From any thread, once a request. Like writev(2). */
    ssize_t (*reply)(struct transport *transport, struct fuse_out_header *header, const struct iovec *iov, int count);

    /* Frees it; the crew is gone. */
    void (*free)(struct transport *transport);
};

/* Makes one, before the mount. 0; -ENOMEM. */
int transport_dev_new(unsigned spin_us, struct transport **ret_transport);

/* The same. -EOPNOTSUPP: the kernel or this build knows nothing of it; -EPERM: it is switched off, or this process may
 * not; -errno. */
int transport_uring_new(struct transport **ret_transport);

/* The kernel's switch for FUSE over io_uring: 'Y', 'N', or 0 where there is none. */
int transport_uring_switch(void);
#define TRANSPORT_URING_SWITCH "/sys/module/fuse/parameters/enable_uring"

/* One more seat that reads the session's descriptor, for a transport of another kind, to which some messages come that
 * way. 0 or -errno. Free it with free() when the crew is gone. */
int transport_dev_seat(struct transport *transport, struct seat **ret_seat);

/* Has a request answered by the calling thread, between crew_begin() and crew_end(). `unique` is its number as the kernel
 * knows it. True when its handler has put it aside. */
bool transport_process(struct transport *transport, void *message, size_t size, uint64_t unique, bool may_put_aside);

/* The request that the calling thread is answering will be answered when something happens, perhaps never. To be asked
 * before: false when too many are already, and it must be answered now. */
bool transport_put_aside(void);

/* The number, as the kernel knows it, of the request that the calling thread is answering. */
uint64_t transport_unique(void);

/* Notes where this process may run; before start(). */
void transport_note_cores(struct transport *transport);

/* Pins the calling thread to a core; where that is off, or not among those noted (taskset(1)), to all of these. */
void transport_pin(const struct transport *transport, unsigned core);

/* How many these are, at least 1. */
unsigned transport_cores(const struct transport *transport);

#endif
