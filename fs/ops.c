/* SPDX-License-Identifier: MIT */
/*
 * ops.c - a request in, one call, one reply. Nothing is decided here: each handler takes its request apart, calls the
 * part of fs/ whose business it is, and answers. This is where -errno turns into errno.
 *
 * flock, fcntl locks and lseek are left to the kernel, whose own are right and free.
 */
#include "ops.h"
#include "control.h"
#include "control_tags.h"
#include "crew.h"
#include "dir.h"
#include "dir_ioctl.h"
#include "events.h"
#include "file.h"
#include "fsck.h"
#include "ioctl.h"
#include "limit.h"
#include "pages.h"
#include "permission.h"
#include "place.h"
#include "setting.h"
#include "target.h"
#include "transport.h"
#include "xattr.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>

enum { BLOCK = 4096 };

static struct fs *fs_of(fuse_req_t request)
{
    return fuse_req_userdata(request);
}

static pid_t tid_of(fuse_req_t request)
{
    return fuse_req_ctx(request)->pid;
}

static void reply_result(fuse_req_t request, int result)
{
    fuse_reply_err(request, -result);
}

/* Answers with an entry whose lookup was counted; takes the count back when nobody was there to hear it. */
static void reply_entry(fuse_req_t request, int result, const struct fuse_entry_param *entry)
{
    struct fs *fs = fs_of(request);
    if (result < 0)
        reply_result(request, result);
    else if (fuse_reply_entry(request, entry) < 0 && entry->ino)
        node_forget(fs, node_of(fs, entry->ino), 1);
}

/* --- the conversation ---------------------------------------------------------------------------------- */

static void op_init(void *userdata, struct fuse_conn_info *conn)
{
    (void)userdata;
    const unsigned wanted = FUSE_CAP_ATOMIC_O_TRUNC | FUSE_CAP_ASYNC_READ | FUSE_CAP_PARALLEL_DIROPS |
                            FUSE_CAP_READDIRPLUS | FUSE_CAP_READDIRPLUS_AUTO | FUSE_CAP_EXPLICIT_INVAL_DATA |
                            FUSE_CAP_ASYNC_DIO | FUSE_CAP_IOCTL_DIR;
    conn->want = wanted & conn->capable;
    conn->max_background = 128; /* RELEASE counts too */
    conn->max_write = TRANSPORT_PAYLOAD;
    conn->time_gran = 1;
}

/* --- names --------------------------------------------------------------------------------------------- */

static void op_lookup(fuse_req_t request, fuse_ino_t parent_id, const char *name)
{
    struct fs *fs = fs_of(request);
    struct node *parent = node_of(fs, parent_id);
    struct fuse_entry_param entry;
    int result;
    if (node_is_control(parent) || control_is_root_name(fs, parent, name))
        result = control_lookup(fs, parent, name, &entry);
    else
        result = node_lookup(fs, parent, name, tid_of(request), &entry);
    reply_entry(request, result, &entry);
}

static void op_forget(fuse_req_t request, fuse_ino_t id, uint64_t count)
{
    struct fs *fs = fs_of(request);
    node_forget(fs, node_of(fs, id), count);
    fuse_reply_none(request);
}

static void op_forget_multi(fuse_req_t request, size_t count, struct fuse_forget_data *forgets)
{
    struct fs *fs = fs_of(request);
    for (size_t i = 0; i < count; i++)
        node_forget(fs, node_of(fs, forgets[i].ino), forgets[i].nlookup);
    fuse_reply_none(request);
}

static void op_mknod(fuse_req_t request, fuse_ino_t parent, const char *name, mode_t mode, dev_t device)
{
    struct fs *fs = fs_of(request);
    struct fuse_entry_param entry;
    (void)device;
    if (!S_ISREG(mode)) {
        reply_result(request, -EPERM);
        return;
    }
    int result = place_make_file(fs, node_of(fs, parent), name, mode, fuse_req_ctx(request), &entry);
    reply_entry(request, result, &entry);
}

static void op_mkdir(fuse_req_t request, fuse_ino_t parent, const char *name, mode_t mode)
{
    struct fs *fs = fs_of(request);
    struct fuse_entry_param entry;
    int result = place_make_dir(fs, node_of(fs, parent), name, mode, fuse_req_ctx(request), &entry);
    reply_entry(request, result, &entry);
}

static void op_symlink(fuse_req_t request, const char *target, fuse_ino_t parent, const char *name)
{
    struct fs *fs = fs_of(request);
    struct fuse_entry_param entry;
    int result = place_make_symlink(fs, node_of(fs, parent), name, target, fuse_req_ctx(request), &entry);
    reply_entry(request, result, &entry);
}

static void op_link(fuse_req_t request, fuse_ino_t id, fuse_ino_t parent, const char *name)
{
    (void)id, (void)parent, (void)name;
    reply_result(request, -EPERM); /* one entry, one name */
}

static void op_unlink(fuse_req_t request, fuse_ino_t parent, const char *name)
{
    struct fs *fs = fs_of(request);
    reply_result(request, place_unlink(fs, node_of(fs, parent), name));
}

static void op_rmdir(fuse_req_t request, fuse_ino_t parent, const char *name)
{
    struct fs *fs = fs_of(request);
    struct node *node = node_of(fs, parent);
    reply_result(request, node_is_control(node) ? control_tags_remove(fs, node, name, fuse_req_ctx(request)->uid)
                                                : place_remove_dir(fs, node, name));
}

static void op_rename(fuse_req_t request, fuse_ino_t parent, const char *name, fuse_ino_t new_parent,
                      const char *new_name, unsigned flags)
{
    struct fs *fs = fs_of(request);
    reply_result(request, place_rename(fs, node_of(fs, parent), name, node_of(fs, new_parent), new_name, flags,
                                       tid_of(request)));
}

static int read_target(struct fs *fs, struct node *node, pid_t tid, char target[STORE_TARGET_MAX + 1])
{
    struct entry entry;
    int result = target_entry(fs, node, tid, &entry);
    if (result < 0)
        return result;
    memcpy(target, entry.value, entry.value_size);
    target[entry.value_size] = '\0';
    entry_release(&entry);
    return 0;
}

static void op_readlink(fuse_req_t request, fuse_ino_t id)
{
    struct fs *fs = fs_of(request);
    struct node *node = node_of(fs, id);
    char target[STORE_TARGET_MAX + 1];
    static_assert(CONTROL_TAGS_TARGET_MAX <= STORE_TARGET_MAX + 1, "the buffer is for both");
    int result = node_is_control(node) ? control_tags_readlink(fs, node, target)
                                       : read_target(fs, node, tid_of(request), target);
    if (result < 0)
        reply_result(request, result);
    else
        fuse_reply_readlink(request, target);
}

/* --- attributes ---------------------------------------------------------------------------------------- */

static void reply_attr(fuse_req_t request, struct node *node)
{
    struct stat stat;
    double timeout;
    int result = node_getattr(fs_of(request), node, tid_of(request), &stat, &timeout);
    if (result < 0)
        reply_result(request, result);
    else
        fuse_reply_attr(request, &stat, timeout);
}

static void op_getattr(fuse_req_t request, fuse_ino_t id, struct fuse_file_info *info)
{
    (void)info; /* the kernel never sends it with stat */
    reply_attr(request, node_of(fs_of(request), id));
}

/* How what changed a version is answered. */
typedef void answer_fn(fuse_req_t request, struct node *node, size_t size);

static void answer_attr(fuse_req_t request, struct node *node, size_t size)
{
    (void)size;
    reply_attr(request, node);
}

static void answer_done(fuse_req_t request, struct node *node, size_t size)
{
    (void)node, (void)size;
    reply_result(request, 0);
}

static void answer_written(fuse_req_t request, struct node *node, size_t size)
{
    (void)node;
    fuse_reply_write(request, size);
}

/* Answers at once, or when other inodes over the same version show it, too. */
static void reply_changed(fuse_req_t request, struct node *node, struct pages_order *order, answer_fn *answer,
                          size_t size)
{
    if (order)
        pages_forget(order, answer, request, node, size);
    else
        answer(request, node, size);
}

static void op_setattr(fuse_req_t request, fuse_ino_t id, struct stat *attr, int to_set, struct fuse_file_info *info)
{
    struct fs *fs = fs_of(request);
    struct node *node = node_of(fs, id);
    struct pages_order *order;
    const int others = FUSE_SET_ATTR_MODE | FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_MTIME;
    bool sized = to_set & FUSE_SET_ATTR_SIZE, owned = !sized && !(to_set & others); /* chown(2), even of nothing */
    bool control = node_is_control(node);
    int result = owned && !control ? permission_drop_setid(fs, request, node, true) : 0;
    if (result != -EPERM)
        result = target_setattr(fs, node, tid_of(request), attr, to_set, info, &order);
    if (result == 0 && sized && !control)
        permission_drop_setid(fs, request, node, false);
    if (result < 0)
        reply_result(request, result);
    else
        reply_changed(request, node, order, answer_attr, 0);
}

/* The answer to a caller who has room for `room` bytes; 0: who asks how many there are. Frees the data. */
static void reply_sized(fuse_req_t request, int result, char *data, size_t size, size_t room)
{
    if (result < 0) {
        reply_result(request, result);
        return;
    }
    if (room == 0)
        fuse_reply_xattr(request, size);
    else if (size > room)
        reply_result(request, -ERANGE);
    else
        fuse_reply_buf(request, data, size);
    free(data);
}

static void op_getxattr(fuse_req_t request, fuse_ino_t id, const char *name, size_t room)
{
    struct fs *fs = fs_of(request);
    char *value = NULL;
    size_t size = 0;
    int result = xattr_get(fs, node_of(fs, id), tid_of(request), name, &value, &size);
    reply_sized(request, result, value, size, room);
}

static void op_listxattr(fuse_req_t request, fuse_ino_t id, size_t room)
{
    struct fs *fs = fs_of(request);
    char *names = NULL;
    size_t size = 0;
    int result = xattr_list(fs, node_of(fs, id), tid_of(request), &names, &size);
    reply_sized(request, result, names, size, room);
}

/* With `value` NULL it is taken away. */
static void change_xattr(fuse_req_t request, fuse_ino_t id, const char *name, const char *value, size_t size, int flags)
{
    struct fs *fs = fs_of(request);
    struct node *node = node_of(fs, id);
    bool setting = setting_is(fs, node, name);
    int result = 0;
    if (!setting && node->kind == NODE_DIR && limit_find(name))
        result = permission_limit(fs, request, node->ino);
    if (result == 0 && setting)
        result = setting_set(fs, fuse_req_ctx(request)->uid, name, value, size, flags);
    else if (result == 0 && value)
        result = xattr_set(fs, node, tid_of(request), name, value, size, flags);
    else if (result == 0)
        result = xattr_remove(fs, node, tid_of(request), name);
    if (result < 0 || setting)
        reply_result(request, result);
    else
        reply_changed(request, node, pages_outdated(fs, NULL, node, NULL, false), answer_done, 0);
}

static void op_setxattr(fuse_req_t request, fuse_ino_t id, const char *name, const char *value, size_t size, int flags)
{
    change_xattr(request, id, name, value ? value : "", size, flags);
}

static void op_removexattr(fuse_req_t request, fuse_ino_t id, const char *name)
{
    change_xattr(request, id, name, NULL, 0, XATTR_REPLACE);
}

/* --- files --------------------------------------------------------------------------------------------- */

static void op_create(fuse_req_t request, fuse_ino_t parent, const char *name, mode_t mode, struct fuse_file_info *info)
{
    struct fs *fs = fs_of(request);
    struct fuse_entry_param entry;
    int result = file_create(fs, node_of(fs, parent), name, mode, fuse_req_ctx(request), &entry, info);
    if (result < 0)
        reply_result(request, result);
    else if (fuse_reply_create(request, &entry, info) < 0) { /* nobody heard it: nothing was written */
        handle_abandon(fs, handle_of(info));
        node_forget(fs, node_of(fs, entry.ino), 1);
    }
}

/* Nobody may be there to hear it. */
static void reply_open(fuse_req_t request, struct node *node, bool control, struct fuse_file_info *info)
{
    struct fs *fs = fs_of(request);
    if (fuse_reply_open(request, info) == 0)
        return;
    if (control)
        control_release(fs, node, info);
    else
        handle_abandon(fs, handle_of(info));
}

static void op_open(fuse_req_t request, fuse_ino_t id, struct fuse_file_info *info)
{
    struct fs *fs = fs_of(request);
    struct node *node = node_of(fs, id);
    bool control = node_is_control(node);
    int result =
        control ? control_open(fs, node, fuse_req_ctx(request)->uid, info) : file_open(fs, node, tid_of(request), info);
    if (result < 0)
        reply_result(request, result);
    else {
        if (!control && info->flags & O_TRUNC)
            permission_drop_privileges(fs, request, handle_of(info));
        reply_open(request, node, control, info);
    }
}

static void op_read(fuse_req_t request, fuse_ino_t id, size_t size, off_t offset, struct fuse_file_info *info)
{
    enum { LARGE = 256 << 10 }; /* bytes: beyond, a disk takes longer than another thread takes to wake up */
    if (size >= LARGE)
        crew_blocks();
    if (control_is_events(node_of(fs_of(request), id))) {
        events_read(fs_of(request), request, transport_unique(), size, (uint64_t)offset, info);
        return;
    }
    size_t got = 0;
    int result = 0;
    char *buffer = malloc(size);
    if (!buffer)
        result = -ENOMEM;
    else if (control_is_fsck(node_of(fs_of(request), id)))
        result = fsck_read(info, buffer, size, (uint64_t)offset, &got);
    else if (node_is_control(node_of(fs_of(request), id)))
        result = control_read(node_of(fs_of(request), id), info, buffer, size, (uint64_t)offset, &got);
    else
        result = file_read(handle_of(info), buffer, size, (uint64_t)offset, &got);
    if (result < 0)
        reply_result(request, result);
    else
        fuse_reply_buf(request, buffer, got);
    free(buffer);
}

static void op_write(fuse_req_t request, fuse_ino_t id, const char *data, size_t size, off_t offset,
                     struct fuse_file_info *info)
{
    struct fs *fs = fs_of(request);
    struct pages_order *order;
    int result = file_write(fs, handle_of(info), tid_of(request), info, data, size, (uint64_t)offset, &order);
    if (result == 0 && !info->writepage)
        permission_drop_privileges(fs, request, handle_of(info));
    if (result < 0)
        reply_result(request, result);
    else
        reply_changed(request, node_of(fs, id), order, answer_written, size);
}

static void op_flush(fuse_req_t request, fuse_ino_t id, struct fuse_file_info *info)
{
    struct fs *fs = fs_of(request);
    bool control = node_is_control(node_of(fs, id));
    reply_result(request, control ? 0 : file_flush(fs, handle_of(info), tid_of(request)));
}

static void op_release(fuse_req_t request, fuse_ino_t id, struct fuse_file_info *info)
{
    struct fs *fs = fs_of(request);
    if (node_is_control(node_of(fs, id)))
        control_release(fs, node_of(fs, id), info);
    else
        file_release(fs, handle_of(info));
    reply_result(request, 0);
}

static void op_fsync(fuse_req_t request, fuse_ino_t id, int data_only, struct fuse_file_info *info)
{
    struct fs *fs = fs_of(request);
    (void)data_only;
    bool control = node_is_control(node_of(fs, id));
    reply_result(request, control ? 0 : file_sync(fs, handle_of(info)));
}

static void op_poll(fuse_req_t request, fuse_ino_t id, struct fuse_file_info *info, struct fuse_pollhandle *handle)
{
    struct fs *fs = fs_of(request);
    if (control_is_events(node_of(fs, id))) {
        events_poll(fs, request, info, handle);
        return;
    }
    if (handle)
        fuse_pollhandle_destroy(handle);
    fuse_reply_poll(request, POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM); /* as of any file */
}

static void op_fallocate(fuse_req_t request, fuse_ino_t id, int mode, off_t offset, off_t length,
                         struct fuse_file_info *info)
{
    struct fs *fs = fs_of(request);
    struct pages_order *order;
    int result = file_allocate(fs, handle_of(info), mode, (uint64_t)offset, (uint64_t)length, &order);
    if (result < 0)
        reply_result(request, result);
    else
        reply_changed(request, node_of(fs, id), order, answer_done, 0);
}

static void op_ioctl(fuse_req_t request, fuse_ino_t id, unsigned command, void *where, struct fuse_file_info *info,
                     unsigned flags, const void *in, size_t in_size, size_t out_size)
{
    struct fs *fs = fs_of(request);
    struct node *node = node_of(fs, id);
    uint8_t argument[IOCTL_MAX] = {0};
    int result = -ENOTTY;
    (void)where;
    if (in_size <= sizeof argument && out_size <= sizeof argument) {
        if (in_size > 0)
            memcpy(argument, in, in_size);
        if (flags & FUSE_IOCTL_DIR)
            result = dir_ioctl(fs, node, request, command, argument);
        else if (!node_is_control(node))
            result = file_ioctl(fs, handle_of(info), request, command, argument);
    }
    if (result < 0)
        reply_result(request, result);
    else
        fuse_reply_ioctl(request, 0, argument, out_size);
}

/* --- directories --------------------------------------------------------------------------------------- */

static struct dir_handle *dir_handle_of(const struct fuse_file_info *info)
{
    return (struct dir_handle *)(uintptr_t)info->fh;
}

static void op_opendir(fuse_req_t request, fuse_ino_t id, struct fuse_file_info *info)
{
    struct fs *fs = fs_of(request);
    struct dir_handle *handle;
    int result = dir_open(fs, node_of(fs, id), &handle);
    if (result < 0) {
        reply_result(request, result);
        return;
    }
    info->fh = (uint64_t)(uintptr_t)handle;
    if (fuse_reply_open(request, info) < 0)
        dir_close(fs, handle);
}

static void read_dir(fuse_req_t request, size_t size, off_t cursor, struct fuse_file_info *info, bool plus)
{
    size_t used;
    char *buffer = malloc(size);
    int result =
        buffer ? dir_read(fs_of(request), request, dir_handle_of(info), plus, (uint64_t)cursor, buffer, size, &used)
               : -ENOMEM;
    if (result < 0)
        reply_result(request, result);
    else
        fuse_reply_buf(request, buffer, used);
    free(buffer);
}

static void op_readdir(fuse_req_t request, fuse_ino_t id, size_t size, off_t cursor, struct fuse_file_info *info)
{
    (void)id;
    read_dir(request, size, cursor, info, false);
}

static void op_readdirplus(fuse_req_t request, fuse_ino_t id, size_t size, off_t cursor, struct fuse_file_info *info)
{
    (void)id;
    read_dir(request, size, cursor, info, true);
}

static void op_releasedir(fuse_req_t request, fuse_ino_t id, struct fuse_file_info *info)
{
    (void)id;
    dir_close(fs_of(request), dir_handle_of(info));
    reply_result(request, 0);
}

static void op_fsyncdir(fuse_req_t request, fuse_ino_t id, int data_only, struct fuse_file_info *info)
{
    (void)id, (void)data_only, (void)info;
    reply_result(request, store_sync(fs_of(request)->store)); /* what makes a rename durable */
}

/* --- the whole ----------------------------------------------------------------------------------------- */

/* What is full first, and how full: the mount, or below a directory with limits that one. */
static void op_statfs(fuse_req_t request, fuse_ino_t id)
{
    struct fs *fs = fs_of(request);
    struct store_stats stats;
    store_stats(fs->store, &stats);
    uint64_t left = stats.limit_bytes > stats.bytes ? (stats.limit_bytes - stats.bytes) / BLOCK : 0;
    struct store_quota space = {
        .limit_bytes = stats.limit_bytes, .limit_items = stats.limit_items, .bytes = stats.bytes, .items = stats.items};
    limit_narrow(fs, node_of(fs, id), &space);
    uint64_t blocks = space.limit_bytes / BLOCK, used = (space.bytes + BLOCK - 1) / BLOCK;
    if (left > blocks - (used < blocks ? used : blocks))
        left = blocks - (used < blocks ? used : blocks);
    uint64_t files_left = space.limit_items == 0            ? left
                          : space.limit_items > space.items ? space.limit_items - space.items
                                                            : 0;
    struct statvfs statfs = {
        .f_bsize = BLOCK,
        .f_frsize = BLOCK,
        .f_blocks = blocks,
        .f_bfree = blocks - (used < blocks ? used : blocks),
        .f_bavail = left,
        .f_files = space.items + files_left,
        .f_ffree = files_left,
        .f_favail = files_left,
        .f_namemax = STORE_NAME_MAX,
    };
    fuse_reply_statfs(request, &statfs);
}

const struct fuse_lowlevel_ops ops = {
    .init = op_init,
    .lookup = op_lookup,
    .forget = op_forget,
    .forget_multi = op_forget_multi,
    .getattr = op_getattr,
    .setattr = op_setattr,
    .readlink = op_readlink,
    .mknod = op_mknod,
    .mkdir = op_mkdir,
    .unlink = op_unlink,
    .rmdir = op_rmdir,
    .symlink = op_symlink,
    .rename = op_rename,
    .link = op_link,
    .open = op_open,
    .read = op_read,
    .write = op_write,
    .flush = op_flush,
    .release = op_release,
    .fsync = op_fsync,
    .opendir = op_opendir,
    .readdir = op_readdir,
    .readdirplus = op_readdirplus,
    .releasedir = op_releasedir,
    .fsyncdir = op_fsyncdir,
    .statfs = op_statfs,
    .setxattr = op_setxattr,
    .getxattr = op_getxattr,
    .listxattr = op_listxattr,
    .removexattr = op_removexattr,
    .create = op_create,
    .fallocate = op_fallocate,
    .ioctl = op_ioctl,
    .poll = op_poll,
};
