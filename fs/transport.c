/* SPDX-License-Identifier: MIT */
/* transport.c - what the two transports have in common; see transport.h. */
#include "transport.h"
#include "check.h"
#include "metrics.h"
#include "node.h"

#include <linux/fuse.h>
#include <sched.h>
#include <stdio.h>

int transport_uring_switch(void)
{
    FILE *file = fopen(TRANSPORT_URING_SWITCH, "re");
    int on = file ? fgetc(file) : EOF;
    if (file)
        fclose(file);
    return on == EOF ? 0 : on;
}

/* What a request is counted as; beforehand, since it may be gone afterwards. Gets are those of entries. */
static enum latency_operation operation_of(struct fs *fs, const struct fuse_in_header *header)
{
    enum latency_operation operation = latency_operation(header);
    bool opened = operation == LATENCY_GET || operation == LATENCY_READ;
    return opened && node_is_control(node_of(fs, header->nodeid)) ? LATENCY_OTHER : operation;
}

/* Of the request that the calling thread is answering. */
static _Thread_local uint64_t unique_now;
static _Thread_local bool may_be_put_aside, is_put_aside;

uint64_t transport_unique(void)
{
    return unique_now;
}

bool transport_put_aside(void)
{
    is_put_aside = may_be_put_aside;
    return is_put_aside;
}

bool transport_process(struct transport *transport, void *message, size_t size, uint64_t unique, bool may_put_aside)
{
    unique_now = unique;
    may_be_put_aside = may_put_aside;
    is_put_aside = false;
    const struct fuse_buf request = {.mem = message, .size = size};
    int64_t arrived = clock_ns(CLOCK_MONOTONIC);
    enum latency_operation operation = operation_of(transport->fs, message);
    requests_count(transport->fs, ((const struct fuse_in_header *)message)->opcode);
    fuse_session_process_buf(transport->fuse, &request);
    latency_count(metrics_latency(transport->fs->metrics), operation, clock_ns(CLOCK_MONOTONIC) - arrived);
    check_some(transport->fs);
    return is_put_aside;
}

void transport_note_cores(struct transport *transport)
{
    CPU_ZERO(&transport->cores);
    sched_getaffinity(0, sizeof transport->cores, &transport->cores); /* fails where there are more than fit: none */
}

void transport_pin(const struct transport *transport, unsigned core)
{
    cpu_set_t cores;
    CPU_ZERO(&cores);
    CPU_SET(core, &cores);
    if (!CPU_ISSET(core, &transport->cores) || sched_setaffinity(0, sizeof cores, &cores) < 0)
        sched_setaffinity(0, sizeof transport->cores, &transport->cores);
}

unsigned transport_cores(const struct transport *transport)
{
    int count = CPU_COUNT(&transport->cores);
    return count > 0 ? (unsigned)count : 1;
}
