/* SPDX-License-Identifier: MIT */
/* permission.c - see permission.h. */
#include "permission.h"

#include <errno.h>
#include <sys/stat.h>

int permission_whole(struct fs *fs, uid_t uid)
{
    struct entry root;
    if (uid == 0)
        return 0;
    int result = store_dir(fs->store, STORE_ROOT, &root);
    if (result < 0)
        return result;
    bool owns = root.uid == uid;
    entry_release(&root);
    return owns ? 0 : -EPERM;
}

/* Is the caller in a group? */
static bool in_group(fuse_req_t request, gid_t gid)
{
    enum { GROUPS = 1024 };
    gid_t groups[GROUPS];
    if (fuse_req_ctx(request)->gid == gid)
        return true;
    int count = fuse_req_getgroups(request, GROUPS, groups);
    for (int i = 0; i < count && i < GROUPS; i++)
        if (groups[i] == gid)
            return true;
    return false;
}

int permission_remove(struct fs *fs, fuse_req_t request, uint64_t dir, bool *ret_own_only)
{
    enum { WRITE_AND_SEARCH = 3 };
    struct entry entry;
    uid_t uid = fuse_req_ctx(request)->uid;
    int result = store_dir(fs->store, dir, &entry);
    if (result < 0)
        return result;
    unsigned shift = uid == entry.uid ? 6 : in_group(request, entry.gid) ? 3 : 0;
    bool may = uid == 0 || (entry.mode >> shift & WRITE_AND_SEARCH) == WRITE_AND_SEARCH;
    *ret_own_only = uid != 0 && entry.mode & S_ISVTX && uid != entry.uid;
    entry_release(&entry);
    return may ? 0 : -EACCES;
}

int permission_limit(struct fs *fs, fuse_req_t request, uint64_t dir)
{
    char name[STORE_NAME_MAX + 1];
    uint64_t parent;
    bool own_only;
    int result = store_dir_place(fs->store, dir, &parent, name);
    if (result == 0)
        result = permission_remove(fs, request, parent, &own_only);
    return result == -EACCES || (result == 0 && own_only) ? -EPERM : result;
}
