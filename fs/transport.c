/* SPDX-License-Identifier: MIT */
/* transport.c - what the two transports have in common; see transport.h. */
#include "transport.h"
#include "check.h"

#include <errno.h>
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

void transport_process(struct transport *transport, void *message, size_t size)
{
    const struct fuse_buf request = {.mem = message, .size = size};
    requests_count(transport->fs, ((const struct fuse_in_header *)message)->opcode);
    fuse_session_process_buf(transport->fuse, &request);
    check_some(transport->fs);
}

int transport_pin(unsigned core)
{
    cpu_set_t cores;
    CPU_ZERO(&cores);
    CPU_SET(core, &cores);
    return sched_setaffinity(0, sizeof cores, &cores) < 0 ? -errno : 0;
}

unsigned transport_cores(void)
{
    cpu_set_t cores;
    if (sched_getaffinity(0, sizeof cores, &cores) < 0)
        return 1;
    return (unsigned)CPU_COUNT(&cores);
}
