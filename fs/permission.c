/* SPDX-License-Identifier: MIT */
/* permission.c - see permission.h. */
#include "permission.h"
#include "file.h"
#include "target.h"

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

/* What of a mode is left when the caller changes the value. */
static uint32_t mode_left(const struct entry *entry, fuse_req_t request)
{
    uint32_t mode = entry->mode & ~(uint32_t)S_ISUID;
    bool keeps = !(mode & S_IXGRP) && in_group(request, entry->gid); /* then it is no privilege */
    return keeps ? mode : mode & ~(uint32_t)S_ISGID;
}

void permission_drop_privileges(struct fs *fs, fuse_req_t request, const struct handle *handle)
{
    struct entry entry;
    struct entry_change change = {.set = ENTRY_SET_MODE};
    if (fuse_req_ctx(request)->uid == 0)
        return;
    fs_lock(fs);
    bool privileged = handle->node->mode & (S_ISUID | S_ISGID);
    fs_unlock(fs);
    if (!privileged || store_version_entry(handle->version, &entry) < 0)
        return;
    change.mode = mode_left(&entry, request);
    bool drops = change.mode != entry.mode;
    entry_release(&entry);
    if (!drops || store_change(handle->version, &change) < 0)
        return;
    fs_lock(fs);
    node_told_mode_locked(handle->node, change.mode);
    fs_unlock(fs);
    node_disbelieve(fs, handle->node);
}

int permission_drop_setid(struct fs *fs, fuse_req_t request, struct node *node, bool owner_only)
{
    const struct fuse_ctx *caller = fuse_req_ctx(request);
    struct entry entry;
    if (caller->uid == 0)
        return 0;
    int result = target_entry(fs, node, caller->pid, &entry);
    if (result < 0)
        return result;
    const struct entry_change change = {.set = ENTRY_SET_MODE, .mode = mode_left(&entry, request)};
    bool drops = entry.kind == ENTRY_FILE && change.mode != entry.mode;
    bool may = !owner_only || entry.uid == caller->uid;
    entry_release(&entry);
    if (!drops)
        return 0;
    return may ? target_change(fs, node, caller->pid, &change) : -EPERM;
}
