/* SPDX-License-Identifier: MIT */
/* owner.c - see owner.h. */
#include "owner.h"

#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

static mode_t mask; /* as it was */
static bool changed;

bool owner_become(const char *url)
{
    const char *path = strncmp(url, "rocksdb:", 8) == 0 ? url + 8 : url;
    struct stat store;
    mask = umask(077);
    if (geteuid() != 0 || stat(path, &store) < 0 || store.st_uid == 0)
        return true;
    changed = setgroups(0, NULL) == 0 && setegid(store.st_gid) == 0 && seteuid(store.st_uid) == 0;
    return changed;
}

void owner_end(void)
{
    if (changed && (seteuid(getuid()) < 0 || setegid(getgid()) < 0))
        abort(); /* it was ours a moment ago */
    changed = false;
    umask(mask);
}
