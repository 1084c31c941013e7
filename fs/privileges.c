/* SPDX-License-Identifier: MIT */
/* privileges.c - see privileges.h. It makes the system calls itself: two of them, for which a library would be much. */
#include "privileges.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CAPABILITY(number) (UINT64_C(1) << (number))

static const struct {
    unsigned number;
    const char *name;
} kept[] = {
    {CAP_DAC_READ_SEARCH, "dac_read_search"},
    {CAP_SYS_PTRACE, "sys_ptrace"},
    {CAP_SYS_ADMIN, "sys_admin"},
    {CAP_SYS_NICE, "sys_nice"}, /* last: only where it cannot be done without */
};

enum { KEPT = sizeof kept / sizeof *kept };

static struct __user_cap_header_struct header(void)
{
    return (struct __user_cap_header_struct){.version = _LINUX_CAPABILITY_VERSION_3};
}

static int get_permitted(uint64_t *ret_permitted)
{
    struct __user_cap_header_struct self = header();
    struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];
    if (syscall(SYS_capget, &self, sets) < 0)
        return -errno;
    *ret_permitted = sets[0].permitted | (uint64_t)sets[1].permitted << 32;
    return 0;
}

/* Nothing is handed on to other programs. */
static int set_permitted(uint64_t permitted)
{
    struct __user_cap_header_struct self = header();
    const uint32_t low = (uint32_t)permitted, high = (uint32_t)(permitted >> 32);
    const struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {
        {.effective = low, .permitted = low},
        {.effective = high, .permitted = high},
    };
    return syscall(SYS_capset, &self, sets) < 0 ? -errno : 0;
}

/* Whoever may raise its priority a little may end being SCHED_IDLE. False where that may not be set, as without sys_resource. */
static bool allow_usual_priority(void)
{
    const rlim_t usual = 20; /* that of nice 0; see RLIMIT_NICE in getrlimit(2) */
    struct rlimit limit;
    if (getrlimit(RLIMIT_NICE, &limit) < 0)
        return false;
    if (limit.rlim_cur >= usual)
        return true;
    limit.rlim_cur = usual;
    limit.rlim_max = limit.rlim_max > usual ? limit.rlim_max : usual;
    return setrlimit(RLIMIT_NICE, &limit) == 0;
}

int privileges_drop(void)
{
    uint64_t permitted, keep = 0;
    if (geteuid() != 0)
        return 0;
    int result = get_permitted(&permitted);
    if (result < 0)
        return result;
    for (unsigned i = 0; i < KEPT; i++)
        keep |= CAPABILITY(kept[i].number);
    if (allow_usual_priority())
        keep &= ~CAPABILITY(CAP_SYS_NICE);
    for (unsigned number = 0; prctl(PR_CAPBSET_READ, number) >= 0; number++)
        if (!(keep & CAPABILITY(number)) && permitted & CAPABILITY(CAP_SETPCAP))
            prctl(PR_CAPBSET_DROP, number);
    result = set_permitted(permitted & keep);
    if (result == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        result = -errno;
    return result;
}

void privileges_write(FILE *out)
{
    uint64_t permitted;
    if (get_permitted(&permitted) < 0)
        permitted = 0;
    const char *comma = permitted ? "" : "none";
    for (unsigned i = 0; i < KEPT; i++) {
        if (permitted & CAPABILITY(kept[i].number)) {
            fprintf(out, "%s%s", comma, kept[i].name);
            comma = ",";
        }
        permitted &= ~CAPABILITY(kept[i].number);
    }
    for (unsigned number = 0; number < 64; number++)
        if (permitted & CAPABILITY(number)) {
            fprintf(out, "%scap%u", comma, number);
            comma = ",";
        }
    if (*comma != ',')
        fputs(comma, out);
}
