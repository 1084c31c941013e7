/* SPDX-License-Identifier: MIT */
/*
 * requests.c - requests [STORE [SEED [COUNT]]]: what answers the kernel's requests, without a kernel. In its place this keeps
 * track of the inodes and handles it was given, as the kernel does, and asks for anything: any name, offset, size, mode and
 * flag, any attribute with any value, any ioctl with any argument. It sends nothing that a kernel could not send.
 *
 * What is looked at: every request has exactly one reply, of a size that fits it, within seconds; the invariants of node.h
 * (check.h, in a debug build); at the end, when all handles are released and all inodes forgotten, none is left, and the
 * store is whole.
 *
 * Without arguments: some thousand requests to a store in memory and one on disk; with LARDER_FUZZ in the environment,
 * for so many seconds. The seed is told first, so that what went wrong can be run again.
 */
#define FUSE_USE_VERSION 314
#include "clock.h"
#include "events.h"
#include "fs.h"
#include "larder_ioctl.h"
#include "node.h"
#include "notify.h"
#include "ops.h"
#include "pages.h"
#include "transport.h"

#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <linux/fuse.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

enum {
    NODES = 4096,
    HANDLES = 256,
    REQUESTS = 1 << 20, /* at most, a run */
    REPLY_MAX = TRANSPORT_PAYLOAD + 4096,
    WAIT_S = 20,
    DATA_MAX = 128 << 10,
};

#define require(promise)                                                                                               \
    do {                                                                                                               \
        if (!(promise)) {                                                                                              \
            fprintf(stderr, "%s:%d: broken: %s; request %llu, opcode %u\n", __FILE__, __LINE__, #promise,              \
                    (unsigned long long)unique, header->opcode);                                                       \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

/* What the kernel knows. */
struct inode {
    uint64_t id, lookups;
    unsigned handles;
    uint32_t type; /* S_IFMT */
};

struct open_handle {
    struct inode *inode; /* NULL: closed */
    uint64_t fh;
    int flags;
};

static struct inode inodes[NODES]; /* the root first; lookups 0: forgotten */
static struct open_handle handles[HANDLES];
static struct transport transport;

static uint64_t unique; /* of the last request */
static uint8_t message[REPLY_MAX];
static size_t message_size;
static struct fuse_in_header *const header = (struct fuse_in_header *)message;

/* --- replies, from any thread ---------------------------------------------------------------------------- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t answered = PTHREAD_COND_INITIALIZER;
static uint8_t replies[REQUESTS]; /* how many each has had */
static uint8_t reply[REPLY_MAX]; /* the last one's, without its header */
static size_t reply_size;
static int reply_error;

static ssize_t take_reply(int fd, struct iovec *iov, int count, void *userdata)
{
    (void)fd, (void)userdata;
    const struct fuse_out_header *out = iov[0].iov_base;
    size_t size = 0;
    for (int i = 0; i < count; i++)
        size += iov[i].iov_len;
    require(size == out->len && size <= REPLY_MAX);
    if (out->unique == 0)
        return (ssize_t)size; /* a notification: the kernel does as it is told */
    pthread_mutex_lock(&lock);
    require(out->unique < REQUESTS && replies[out->unique] == 0);
    replies[out->unique]++;
    require(out->error <= 0 && out->error > -1000);
    reply_error = out->error;
    reply_size = 0;
    for (int i = 1; i < count; i++) {
        memcpy(reply + reply_size, iov[i].iov_base, iov[i].iov_len);
        reply_size += iov[i].iov_len;
    }
    require(!reply_error || reply_size == 0);
    pthread_cond_broadcast(&answered);
    pthread_mutex_unlock(&lock);
    return (ssize_t)size;
}

static ssize_t read_nothing(int fd, void *buffer, size_t size, void *userdata)
{
    (void)fd, (void)buffer, (void)size, (void)userdata;
    return -1;
}

/* --- chance ---------------------------------------------------------------------------------------------- */

static uint64_t seed;

static uint64_t chance(uint64_t below)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed * UINT64_C(2685821657736338717) % below;
}

static uint64_t any_offset(void)
{
    static const uint64_t edges[] = {
        0, 1, 4095, 4096, 32768, 1 << 20, INT32_MAX, UINT32_MAX, UINT64_C(1) << 40, INT64_MAX - 1, INT64_MAX};
    return chance(3) ? chance(3 * DATA_MAX) : edges[chance(sizeof edges / sizeof *edges)];
}

static uint32_t any_size(void)
{
    return (uint32_t)(chance(8) ? chance(5000) : chance(DATA_MAX));
}

static int64_t any_second(void)
{
    return chance(3) ? 1700000000 + (int64_t)chance(1000000) : (int64_t)(chance(UINT64_MAX) >> chance(64));
}

/* --- messages -------------------------------------------------------------------------------------------- */

static void *begin(uint32_t opcode, uint64_t node, size_t size)
{
    static const uint32_t uids[] = {0, 0, 0, 65534}, pids[] = {0, 1, UINT32_MAX};
    uint32_t uid = uids[chance(4)];
    size_t pid = chance(5);
    *header = (struct fuse_in_header){.opcode = opcode, .unique = ++unique, .nodeid = node, .uid = uid, .gid = uid};
    header->pid = pid < 2 ? pids[pid] : (uint32_t)getpid();
    message_size = sizeof *header;
    memset(message + message_size, 0, size);
    void *arguments = message + message_size;
    message_size += size;
    return arguments;
}

static void add(const void *bytes, size_t size)
{
    require(message_size + size <= sizeof message);
    memcpy(message + message_size, bytes, size);
    message_size += size;
}

/* A name as callers give them, with its NUL. Some of them come again and again. */
static void add_name(void)
{
    static const char *const known[] = {"a",     "b",       "c",      "d",      "users",      ".larder",
                                        "stats", "tags",    "events", "config", "stats.json", "metrics",
                                        "a\nb",  "\x1b[1m", "\xff",   "-",      "..."};
    char name[1025];
    size_t size = 0;
    if (chance(6)) {
        const char *text = known[chance(sizeof known / sizeof *known)];
        add(text, strlen(text) + 1);
        return;
    }
    size_t most = chance(4) ? 8 : chance(2) ? 255 : 1024; /* what the kernel's own limit is */
    for (size = 0; size < 1 + chance(most); size++) {
        name[size] = (char)(1 + chance(255));
        if (name[size] == '/' || name[size] == '.')
            name[size] = 'x';
    }
    name[size] = '\0';
    add(name, size + 1);
}

static void add_noise(size_t size)
{
    uint8_t bytes[256];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)chance(256);
    for (; size > 0; size -= size < sizeof bytes ? size : sizeof bytes)
        add(bytes, size < sizeof bytes ? size : sizeof bytes);
}

/* Sends it, and waits for its reply. Returns the error, 0 or above as errno has it. */
static int ask(void)
{
    struct timespec until;
    header->len = (uint32_t)message_size;
    transport_process(&transport, message, message_size, header->unique, false);
    if (header->opcode == FUSE_FORGET || header->opcode == FUSE_BATCH_FORGET) {
        require(replies[unique] == 0);
        return 0;
    }
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += WAIT_S;
    pthread_mutex_lock(&lock);
    int late = 0;
    while (replies[unique] == 0 && late == 0)
        late = pthread_cond_timedwait(&answered, &lock, &until);
    require(replies[unique] == 1);
    int error = -reply_error;
    pthread_mutex_unlock(&lock);
    return error;
}

/* --- inodes and handles ---------------------------------------------------------------------------------- */

static struct inode *any_inode(uint32_t type)
{
    for (int tries = 0; tries < 200; tries++) {
        struct inode *inode = &inodes[chance(chance(3) ? 64 : NODES)];
        if (inode->lookups > 0 && (type == 0 || inode->type == type))
            return inode;
    }
    return type == 0 || type == S_IFDIR ? &inodes[0] : NULL;
}

/* An answer has an inode in it. */
static void note_inode(const struct fuse_entry_out *out)
{
    struct inode *free_one = NULL;
    if (out->nodeid == 0)
        return;
    require((out->attr.mode & S_IFMT) != 0 && out->attr_valid_nsec < 1000000000 && out->entry_valid_nsec < 1000000000);
    for (struct inode *inode = inodes; inode < inodes + NODES; inode++) {
        if (inode->lookups > 0 && inode->id == out->nodeid) {
            require(inode->type == (out->attr.mode & S_IFMT));
            inode->lookups++;
            return;
        }
        if (inode->lookups == 0 && !free_one)
            free_one = inode;
    }
    require(free_one);
    *free_one = (struct inode){.id = out->nodeid, .lookups = 1, .type = out->attr.mode & S_IFMT};
}

static void note_handle(struct inode *inode, uint64_t fh, int flags)
{
    struct open_handle *handle = handles;
    while (handle->inode)
        handle++;
    *handle = (struct open_handle){inode, fh, flags};
    inode->handles++;
}

static struct inode *inode_by_id(uint64_t id)
{
    struct inode *inode = inodes;
    while (inode->lookups == 0 || inode->id != id)
        inode++;
    return inode;
}

static struct open_handle *any_handle(bool dir)
{
    for (int tries = 0; tries < 100; tries++) {
        struct open_handle *handle = &handles[chance(chance(2) ? 16 : HANDLES)];
        if (handle->inode && (handle->inode->type == S_IFDIR) == dir)
            return handle;
    }
    return NULL;
}

static unsigned open_handles(void)
{
    unsigned count = 0;
    for (int i = 0; i < HANDLES; i++)
        count += handles[i].inode != NULL;
    return count;
}

static void forget(struct inode *inode, uint64_t count)
{
    struct fuse_forget_in *in;
    if (chance(2)) {
        in = begin(FUSE_FORGET, inode->id, sizeof *in);
        in->nlookup = count;
    } else {
        struct fuse_batch_forget_in *batch = begin(FUSE_BATCH_FORGET, 0, sizeof *batch);
        const struct fuse_forget_one one = {inode->id, count};
        batch->count = 1;
        add(&one, sizeof one);
    }
    inode->lookups -= count;
    ask();
}

static void release(struct open_handle *handle)
{
    bool dir = handle->inode->type == S_IFDIR;
    struct fuse_release_in *in = begin(dir ? FUSE_RELEASEDIR : FUSE_RELEASE, handle->inode->id, sizeof *in);
    in->fh = handle->fh;
    in->flags = (uint32_t)handle->flags;
    ask();
    handle->inode->handles--;
    handle->inode = NULL;
}

/* --- requests -------------------------------------------------------------------------------------------- */

static void reply_has_inode(int error)
{
    require(error || reply_size >= sizeof(struct fuse_entry_out));
    if (!error)
        note_inode((const struct fuse_entry_out *)reply);
}

static void do_lookup(void)
{
    begin(FUSE_LOOKUP, any_inode(S_IFDIR)->id, 0);
    add_name();
    reply_has_inode(ask());
}

static void do_make(void)
{
    static const uint32_t types[] = {S_IFREG, S_IFREG, S_IFIFO, S_IFCHR, S_IFSOCK};
    uint64_t parent = any_inode(S_IFDIR)->id;
    switch (chance(3)) {
    case 0: {
        struct fuse_mkdir_in *in = begin(FUSE_MKDIR, parent, sizeof *in);
        in->mode = (uint32_t)chance(010000);
        add_name();
        break;
    }
    case 1: {
        struct fuse_mknod_in *in = begin(FUSE_MKNOD, parent, sizeof *in);
        in->mode = types[chance(5)] | (uint32_t)chance(010000);
        add_name();
        break;
    }
    default: {
        char target[4096];
        size_t size = 1 + chance(chance(4) ? 30 : 4095);
        begin(FUSE_SYMLINK, parent, 0);
        add_name();
        for (size_t i = 0; i < size; i++)
            target[i] = (char)(1 + chance(255));
        target[size - (size > 1)] = '\0';
        add(target, strlen(target) + 1);
    }
    }
    reply_has_inode(ask());
}

static int any_flags(void)
{
    static const int modes[] = {O_RDONLY, O_WRONLY, O_RDWR};
    int flags = modes[chance(3)];
    if ((flags & O_ACCMODE) != O_RDONLY)
        flags |= (chance(2) ? O_TRUNC : 0) | (chance(4) ? 0 : O_APPEND);
    return flags | (chance(8) ? 0 : O_DIRECT) | O_LARGEFILE;
}

static void do_create(void)
{
    if (open_handles() > HANDLES - 2)
        return;
    int flags = any_flags();
    struct fuse_create_in *in = begin(FUSE_CREATE, any_inode(S_IFDIR)->id, sizeof *in);
    in->flags = (uint32_t)(flags | O_CREAT | (chance(2) ? O_EXCL : 0));
    in->mode = S_IFREG | (uint32_t)chance(010000);
    flags = (int)in->flags;
    add_name();
    int error = ask();
    require(error || reply_size == sizeof(struct fuse_entry_out) + sizeof(struct fuse_open_out));
    if (error)
        return;
    const struct fuse_entry_out *entry = (const struct fuse_entry_out *)reply;
    uint64_t id = entry->nodeid, fh = ((const struct fuse_open_out *)(entry + 1))->fh;
    note_inode(entry);
    note_handle(inode_by_id(id), fh, flags);
}

static void do_open(void)
{
    struct inode *inode = any_inode(chance(4) ? S_IFREG : S_IFDIR);
    if (!inode || open_handles() > HANDLES - 2)
        return;
    bool dir = inode->type == S_IFDIR;
    struct fuse_open_in *in = begin(dir ? FUSE_OPENDIR : FUSE_OPEN, inode->id, sizeof *in);
    in->flags = (uint32_t)(dir ? O_RDONLY | O_DIRECTORY : any_flags());
    int flags = (int)in->flags, error = ask();
    require(error || reply_size == sizeof(struct fuse_open_out));
    if (!error)
        note_handle(inode, ((const struct fuse_open_out *)reply)->fh, flags);
}

static void do_read(void)
{
    struct open_handle *handle = any_handle(false);
    if (!handle || (handle->flags & O_ACCMODE) == O_WRONLY)
        return;
    struct fuse_read_in *in = begin(FUSE_READ, handle->inode->id, sizeof *in);
    in->fh = handle->fh;
    in->offset = any_offset();
    in->flags = (uint32_t)handle->flags;
    uint32_t size = in->size = any_size();
    int error = ask();
    require(error || reply_size <= size);
}

static void do_write(void)
{
    struct open_handle *handle = any_handle(false);
    if (!handle || (handle->flags & O_ACCMODE) == O_RDONLY)
        return;
    struct fuse_write_in *in = begin(FUSE_WRITE, handle->inode->id, sizeof *in);
    in->fh = handle->fh;
    in->size = any_size();
    in->flags = (uint32_t)handle->flags;
    in->offset = any_offset();
    if (in->offset > (uint64_t)INT64_MAX - in->size)
        in->offset = INT64_MAX - in->size; /* the kernel lets nobody go beyond */
    uint32_t size = in->size;
    add_noise(size);
    int error = ask();
    require(error || (reply_size == sizeof(struct fuse_write_out) && ((struct fuse_write_out *)reply)->size <= size));
}

static void do_handle(void)
{
    struct open_handle *handle = any_handle(false);
    if (!handle)
        return;
    uint64_t id = handle->inode->id;
    switch (chance(4)) {
    case 0: {
        struct fuse_flush_in *in = begin(FUSE_FLUSH, id, sizeof *in);
        in->fh = handle->fh;
        ask();
        if (chance(16)) /* as a rule it was the last: else others wait a moment for what should follow */
            release(handle);
        return;
    }
    case 1: {
        struct fuse_fsync_in *in = begin(FUSE_FSYNC, id, sizeof *in);
        in->fh = handle->fh;
        in->fsync_flags = (uint32_t)chance(2);
        break;
    }
    case 2: {
        if ((handle->flags & O_ACCMODE) == O_RDONLY)
            return;
        struct fuse_fallocate_in *in = begin(FUSE_FALLOCATE, id, sizeof *in);
        in->fh = handle->fh;
        in->offset = any_offset();
        in->length = 1 + any_offset() % INT64_MAX;
        if (in->length > INT64_MAX - in->offset)
            in->length = INT64_MAX - in->offset;
        in->mode = (uint32_t)chance(chance(2) ? 2 : 128);
        break;
    }
    default: {
        struct fuse_poll_in *in = begin(FUSE_POLL, id, sizeof *in);
        in->fh = handle->fh;
        in->events = (uint32_t)chance(65536);
    }
    }
    ask();
}

static void do_release(void)
{
    struct open_handle *handle = any_handle(!chance(4));
    if (handle)
        release(handle);
}

static void do_attributes(void)
{
    struct inode *inode = any_inode(0);
    const struct open_handle *handle = any_handle(false);
    if (chance(2)) {
        begin(FUSE_GETATTR, inode->id, sizeof(struct fuse_getattr_in));
    } else {
        bool by_handle = chance(2) && handle && (handle->flags & O_ACCMODE) != O_RDONLY;
        struct fuse_setattr_in *in = begin(FUSE_SETATTR, by_handle ? handle->inode->id : inode->id, sizeof *in);
        in->valid = (uint32_t)chance(1 << 9) & ~(uint32_t)FATTR_FH;
        if (by_handle) {
            in->valid |= FATTR_FH;
            in->fh = handle->fh;
        }
        if (!by_handle && inode->type != S_IFREG)
            in->valid &= ~(uint32_t)FATTR_SIZE;
        in->size = any_offset();
        in->mode = (by_handle ? handle->inode->type : inode->type) | (uint32_t)chance(010000);
        in->uid = (uint32_t)chance(chance(2) ? 3 : UINT32_MAX);
        in->gid = (uint32_t)chance(chance(2) ? 3 : UINT32_MAX);
        in->atime = (uint64_t)any_second();
        in->mtime = (uint64_t)any_second();
        in->atimensec = (uint32_t)chance(1000000000);
        in->mtimensec = (uint32_t)chance(1000000000);
    }
    int error = ask();
    require(error || reply_size == sizeof(struct fuse_attr_out));
}

static void do_xattr(void)
{
    static const char *const names[] = {"user.ttl",
                                        "user.idle",
                                        "user.tags",
                                        "user.expires",
                                        "user.version",
                                        "user.hits",
                                        "user.limit.bytes",
                                        "user.limit.items",
                                        "user.policy",
                                        "user.limit.x",
                                        "user.own",
                                        "user.other",
                                        "user.",
                                        "security.capability",
                                        "security.selinux",
                                        "trusted.x",
                                        "system.posix_acl_access",
                                        "nothing"};
    static const char *const values[] = {"15m",   "0",
                                         "250ms", "users,eu",
                                         "1G",    "100",
                                         "lru",   "none",
                                         "",      "2026-01-02T03:04:05.678Z",
                                         "-1",    "99999999999999999999"};
    uint64_t id = any_inode(0)->id;
    const char *name = names[chance(sizeof names / sizeof *names)],
               *value = values[chance(sizeof values / sizeof *values)];
    uint32_t room = (uint32_t)(chance(2) ? 0 : chance(65537));
    int error;
    switch (chance(4)) {
    case 0: {
        struct fuse_getxattr_in *in = begin(FUSE_GETXATTR, id, sizeof *in);
        in->size = room;
        add(name, strlen(name) + 1);
        error = ask();
        require(error || (room ? reply_size <= room : reply_size == sizeof(struct fuse_getxattr_out)));
        return;
    }
    case 1: {
        struct fuse_getxattr_in *in = begin(FUSE_LISTXATTR, id, sizeof *in);
        in->size = room;
        error = ask();
        require(error || (room ? reply_size <= room : reply_size == sizeof(struct fuse_getxattr_out)));
        return;
    }
    case 2:
        begin(FUSE_REMOVEXATTR, id, 0);
        add(name, strlen(name) + 1);
        break;
    default: {
        size_t size = chance(2) ? strlen(value) : chance(chance(4) ? 300 : 65537);
        uint32_t *in = begin(FUSE_SETXATTR, id, 8); /* size and flags, without what FUSE_SETXATTR_EXT has */
        in[0] = (uint32_t)size;
        in[1] = (uint32_t)chance(3);
        add(name, strlen(name) + 1);
        if (size == strlen(value))
            add(value, size);
        else
            add_noise(size);
    }
    }
    ask();
}

static void do_remove(void)
{
    begin(chance(2) ? FUSE_UNLINK : FUSE_RMDIR, any_inode(S_IFDIR)->id, 0);
    add_name();
    ask();
}

static void do_rename(void)
{
    struct fuse_rename2_in *in = begin(FUSE_RENAME2, any_inode(S_IFDIR)->id, sizeof *in);
    in->newdir = any_inode(S_IFDIR)->id;
    in->flags = (uint32_t)chance(chance(4) ? 3 : 8);
    add_name();
    add_name();
    ask();
}

static void do_listing(void)
{
    const struct open_handle *handle = any_handle(true);
    if (!handle)
        return;
    bool plus = chance(2);
    struct fuse_read_in *in = begin(plus ? FUSE_READDIRPLUS : FUSE_READDIR, handle->inode->id, sizeof *in);
    in->fh = handle->fh;
    in->offset = chance(3) ? 0 : any_offset();
    in->size = (uint32_t)(chance(3) ? 4096 : chance(8192));
    uint32_t size = in->size;
    int error = ask();
    require(error || reply_size <= size);
    for (size_t at = 0; !error && at < reply_size;) {
        size_t entry_size = plus ? sizeof(struct fuse_entry_out) : 0;
        const struct fuse_dirent *dirent = (const struct fuse_dirent *)(reply + at + entry_size);
        require(at + entry_size + FUSE_NAME_OFFSET + dirent->namelen <= reply_size);
        require(dirent->namelen > 0 && !memchr(dirent->name, '/', dirent->namelen));
        if (plus)
            note_inode((const struct fuse_entry_out *)(reply + at));
        at += FUSE_DIRENT_ALIGN(entry_size + FUSE_NAME_OFFSET + dirent->namelen);
    }
}

static void do_ioctl(void)
{
    static const unsigned own[] = {LARDER_ABANDON, LARDER_ADD,          LARDER_TAKE,   LARDER_CLEAR,
                                   LARDER_EXPIRE,  LARDER_TELL_VERSION, LARDER_REPLACE};
    bool dir = !chance(3);
    const struct open_handle *handle = any_handle(dir);
    if (!handle)
        return;
    struct fuse_ioctl_in *in = begin(FUSE_IOCTL, handle->inode->id, sizeof *in);
    in->fh = handle->fh;
    in->cmd = chance(3)   ? own[chance(sizeof own / sizeof *own)]
              : chance(2) ? (unsigned)chance(UINT32_MAX)
                          : _IOC(chance(4), 0xe6, chance(12), chance(1 << 14));
    in->arg = chance(UINT32_MAX);
    in->flags = dir ? FUSE_IOCTL_DIR : 0;
    in->in_size = _IOC_DIR(in->cmd) & _IOC_WRITE ? _IOC_SIZE(in->cmd) : 0;
    in->out_size = _IOC_DIR(in->cmd) & _IOC_READ ? _IOC_SIZE(in->cmd) : 0;
    uint32_t size = in->in_size, out_size = in->out_size;
    if (chance(2))
        add_noise(size);
    else {
        memset(message + message_size, 0, size);
        message_size += size;
    }
    int error = ask();
    require(error || reply_size <= sizeof(struct fuse_ioctl_out) + out_size);
}

static void do_other(void)
{
    static const uint32_t unknown[] = {FUSE_BMAP, FUSE_LSEEK, FUSE_COPY_FILE_RANGE, 60, 1000, UINT32_MAX};
    const struct inode *inode = any_inode(0), *link = any_inode(S_IFLNK);
    switch (chance(5)) {
    case 0:
        begin(FUSE_STATFS, inode->id, 0);
        break;
    case 1: {
        struct fuse_link_in *in = begin(FUSE_LINK, any_inode(S_IFDIR)->id, sizeof *in);
        in->oldnodeid = inode->id;
        add_name();
        break;
    }
    case 2:
        begin(unknown[chance(sizeof unknown / sizeof *unknown)], inode->id, 64);
        break;
    case 3: {
        struct fuse_access_in *in = begin(FUSE_ACCESS, inode->id, sizeof *in);
        in->mask = (uint32_t)chance(8);
        break;
    }
    default:
        begin(FUSE_READLINK, link ? link->id : inode->id, 0);
        if (!link)
            header->opcode = FUSE_STATFS;
    }
    ask();
}

static void do_forget(void)
{
    struct inode *inode = any_inode(chance(3) ? S_IFREG : S_IFLNK);
    if (inode && inode->handles == 0)
        forget(inode, chance(2) ? inode->lookups : 1 + chance(inode->lookups));
}

static void do_anything(void)
{
    static void (*const all[])(void) = {
        do_lookup, do_lookup, do_make,    do_create, do_create,  do_open,    do_open,       do_read,  do_read,
        do_write,  do_write,  do_handle,  do_handle, do_release, do_release, do_attributes, do_xattr, do_xattr,
        do_remove, do_rename, do_listing, do_ioctl,  do_ioctl,   do_other,   do_forget};
    all[chance(sizeof all / sizeof *all)]();
}

/* --- a life ---------------------------------------------------------------------------------------------- */

static void greet(void)
{
    struct fuse_init_in *in = begin(FUSE_INIT, 0, sizeof *in);
    in->major = FUSE_KERNEL_VERSION;
    in->minor = 36;
    in->max_readahead = 128 << 10;
    in->flags = FUSE_ASYNC_READ | FUSE_ATOMIC_O_TRUNC | FUSE_BIG_WRITES | FUSE_DO_READDIRPLUS | FUSE_READDIRPLUS_AUTO |
                FUSE_ASYNC_DIO | FUSE_PARALLEL_DIROPS | FUSE_HAS_IOCTL_DIR | FUSE_EXPLICIT_INVAL_DATA | FUSE_MAX_PAGES;
    require(ask() == 0);
}

static void let_all_go(void)
{
    for (int i = 0; i < HANDLES; i++)
        if (handles[i].inode)
            release(&handles[i]);
    for (int i = 1; i < NODES; i++)
        if (inodes[i].lookups > 0)
            forget(&inodes[i], inodes[i].lookups);
}

static void whole(struct store *store)
{
    struct store_checked checked = {0};
    struct store_watch watch = {0};
    int result = store_check(store, &watch, &checked);
    require(result == 0 && checked.left == 0 && checked.lost == 0 && checked.mended == 0);
}

static void live(const char *url, unsigned count)
{
    struct mount_options options = {
        .size_bytes = 8 << 20, .store_url = (char *)url, .mountpoint = "/none", .threads = 64};
    struct store_options store_options = {.limit_bytes = options.size_bytes, .min_free_bytes = 1};
    struct fs *fs;
    struct store *store;
    struct store_error error;
    struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
    static const struct fuse_custom_io io = {.writev = take_reply, .read = read_nothing};
    static const struct transport_kind kind = {.name = "none"};
    int ends[2];
    require(fs_new(&options, &fs) == 0 && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    store_options.gone = fs_gone;
    store_options.gone_arg = fs;
    if (store_open(url, &store_options, &store, &error) < 0) {
        fprintf(stderr, "%s\n", error.text);
        exit(1);
    }
    fs_set_store(fs, store);
    fuse_opt_add_arg(&args, "larder");
    struct fuse_session *fuse = fuse_session_new(&args, &ops, sizeof ops, fs);
    fuse_opt_free_args(&args);
    require(fuse && fuse_session_custom_io(fuse, &io, ends[0]) == 0);
    transport = (struct transport){.kind = &kind, .fs = fs, .fuse = fuse, .fd = ends[0]};
    fs->fuse = fuse;
    fs->transport = kind.name;
    unique = 0;
    memset(replies, 0, sizeof replies);
    memset(inodes, 0, sizeof inodes);
    inodes[0] = (struct inode){.id = FUSE_ROOT_ID, .lookups = 1, .type = S_IFDIR};
    events_begin(fs);
    greet();
    require(notify_start(fs, fuse, &fs->notify) == 0);
    for (unsigned i = 0; i < count && unique < REQUESTS - 8 * NODES; i++)
        do_anything();
    let_all_go();
    uint64_t requests = unique;
    events_end(fs);
    pages_settle(fs);
    fs_lock(fs);
    struct notify *notify = fs->notify;
    fs->notify = NULL;
    fs_unlock(fs);
    notify_stop(notify);
    whole(store);
    fuse_session_exit(fuse);
    fuse_session_destroy(fuse);
    fs_free(fs);
    store_close(store);
    close(ends[1]);
    printf("%s: %llu requests\n", url, (unsigned long long)requests);
}

static void live_on_disk(unsigned count)
{
    const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"; /* it is not about disks */
    char path[256], command[300];
    snprintf(path, sizeof path, "%s/larder-requests.XXXXXX", base);
    require(mkdtemp(path));
    live(path, count);
    snprintf(command, sizeof command, "rm -rf --one-file-system '%s'", path);
    require(system(command) == 0);
}

int main(int argc, char **argv)
{
    const char *seconds = getenv("LARDER_FUZZ");
    int64_t until_ns = clock_ns(CLOCK_MONOTONIC) + (seconds ? atoll(seconds) : 0) * INT64_C(1000000000);
    uint64_t first = argc > 2 ? strtoull(argv[2], NULL, 10) : seconds ? (uint64_t)clock_ns(CLOCK_REALTIME) : 4711;
    unsigned count = argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : 4000;
    signal(SIGPIPE, SIG_IGN);
    do {
        fprintf(stderr, "seed %llu\n", (unsigned long long)first);
        seed = first * 2 + 1;
        if (argc > 1)
            live(argv[1], count);
        else {
            live("mem:", count);
            live_on_disk(count);
        }
        first++;
    } while (seconds && clock_ns(CLOCK_MONOTONIC) < until_ns);
    return 0;
}
