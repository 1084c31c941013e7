/* SPDX-License-Identifier: MIT */
/* worker.c - see worker.h. */
#include "worker.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

uint8_t *pool;
static int post[2]; /* descriptors on their way from one worker to another */

static void die(const char *what)
{
    perror(what);
    exit(2);
}

static void *shared_memory(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        die("mmap");
    return memory;
}

/* --- passing a descriptor ------------------------------------------------------------------------------ */

union control {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof(int))];
};

static int64_t send_descriptor(int fd)
{
    char byte = '.';
    union control control = {.header = {CMSG_LEN(sizeof fd), SOL_SOCKET, SCM_RIGHTS}};
    struct iovec data = {&byte, 1};
    struct msghdr message = {
        .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    memcpy(CMSG_DATA(&control.header), &fd, sizeof fd);
    return sendmsg(post[0], &message, 0) == 1 ? 0 : -errno;
}

static int64_t receive_descriptor(void)
{
    char byte;
    int fd;
    union control control;
    struct iovec data = {&byte, 1};
    struct msghdr message = {
        .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    if (recvmsg(post[1], &message, 0) != 1 || !CMSG_FIRSTHDR(&message))
        return -EIO;
    memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
    return fd;
}

/* --- calls of several steps ---------------------------------------------------------------------------- */

static int64_t result_of(int64_t result)
{
    return result < 0 ? -errno : result;
}

static int64_t map_file(const struct request *request, struct reply *reply, uint8_t *data)
{
    bool writes = request->flags & MAP_WRITES;
    size_t page = (size_t)getpagesize(), skipped = (size_t)request->offset % page;
    uint8_t *mapping =
        mmap(NULL, skipped + request->size, writes ? PROT_READ | PROT_WRITE : PROT_READ,
             request->flags & MAP_IS_SHARED ? MAP_SHARED : MAP_PRIVATE, request->fd, request->offset - (off_t)skipped);
    if (mapping == MAP_FAILED)
        return -errno;
    memcpy(data, mapping + skipped, request->size);
    reply->size = request->size;
    if (writes)
        memcpy(mapping + skipped, pool + request->from, request->size);
    int64_t result = 0;
    if (request->flags & MAP_SYNCS)
        result = result_of(msync(mapping, skipped + request->size, MS_SYNC));
    munmap(mapping, skipped + request->size);
    return result;
}

static int64_t list_directory(const char *path, struct reply *reply, uint8_t *data)
{
    DIR *dir = opendir(path);
    const struct dirent *entry;
    if (!dir)
        return -errno;
    struct listed *listed = (struct listed *)data;
    while ((errno = 0, entry = readdir(dir))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        *listed = (struct listed){entry->d_ino, entry->d_type, ""};
        memccpy(listed++->name, entry->d_name, '\0', sizeof listed->name - 1);
    }
    int64_t result = -errno;
    closedir(dir);
    reply->size = (size_t)((uint8_t *)listed - data);
    return result;
}

static int64_t get(const char *path, struct reply *reply, uint8_t *data)
{
    int fd = open(path, O_RDONLY);
    if (fd < 0)
        return -errno;
    ssize_t got = 0;
    while (reply->size < VALUE_MAX && (got = read(fd, data + reply->size, VALUE_MAX - reply->size)) > 0)
        reply->size += (size_t)got;
    int64_t result = got < 0 ? -errno : 0;
    close(fd);
    return result;
}

static int64_t fork_child(const struct request *request)
{
    int64_t *answer = shared_memory(sizeof *answer);
    pid_t pid = fork();
    if (pid < 0)
        return -errno;
    if (pid == 0) {
        if (request->flags & CHILD_WRITES)
            *answer = result_of(write(request->fd, pool + request->from, request->size));
        if (request->flags & CHILD_KILLED)
            raise(SIGKILL);
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    int64_t result = *answer;
    munmap(answer, sizeof *answer);
    return result;
}

/* --- one call ------------------------------------------------------------------------------------------ */

/* A call whose answer is its result and some bytes. */
static int64_t sized(struct reply *reply, ssize_t result)
{
    if (result > 0)
        reply->size = (size_t)result;
    return result_of(result);
}

static int64_t perform(const struct request *r, struct reply *reply, uint8_t *data)
{
    switch (r->call) {
    case CALL_OPEN:
        return result_of(open(r->path, r->flags, r->mode));
    case CALL_CLOSE:
        return result_of(close(r->fd));
    case CALL_DUP:
        return result_of(dup(r->fd));
    case CALL_SEND:
        return send_descriptor(r->fd);
    case CALL_RECEIVE:
        return receive_descriptor();
    case CALL_READ:
        return sized(reply, read(r->fd, data, r->size));
    case CALL_PREAD:
        return sized(reply, pread(r->fd, data, r->size, r->offset));
    case CALL_WRITE:
        return result_of(write(r->fd, pool + r->from, r->size));
    case CALL_PWRITE:
        return result_of(pwrite(r->fd, pool + r->from, r->size, r->offset));
    case CALL_SEEK_END:
        return result_of(lseek(r->fd, r->offset, SEEK_END));
    case CALL_SEEK_SET:
        return result_of(lseek(r->fd, r->offset, SEEK_SET));
    case CALL_FTRUNCATE:
        return result_of(ftruncate(r->fd, r->offset));
    case CALL_TRUNCATE:
        return result_of(truncate(r->path, r->offset));
    case CALL_FSYNC:
        return result_of(fsync(r->fd));
    case CALL_MAP:
        return map_file(r, reply, data);
    case CALL_FSTAT:
        return result_of(fstat(r->fd, &reply->stat));
    case CALL_STAT:
        return result_of(stat(r->path, &reply->stat));
    case CALL_LSTAT:
        return result_of(lstat(r->path, &reply->stat));
    case CALL_CHMOD:
        return result_of(chmod(r->path, r->mode));
    case CALL_FCHMOD:
        return result_of(fchmod(r->fd, r->mode));
    case CALL_UTIMENS:
        return result_of(utimensat(AT_FDCWD, r->path, r->times, 0));
    case CALL_FUTIMENS:
        return result_of(futimens(r->fd, r->times));
    case CALL_SETXATTR:
        return result_of(setxattr(r->path, r->other, pool + r->from, r->size, r->flags));
    case CALL_FSETXATTR:
        return result_of(fsetxattr(r->fd, r->other, pool + r->from, r->size, r->flags));
    case CALL_GETXATTR:
        return sized(reply, getxattr(r->path, r->other, data, VALUE_MAX));
    case CALL_FGETXATTR:
        return sized(reply, fgetxattr(r->fd, r->other, data, VALUE_MAX));
    case CALL_LISTXATTR:
        return sized(reply, listxattr(r->path, (char *)data, VALUE_MAX));
    case CALL_REMOVEXATTR:
        return result_of(removexattr(r->path, r->other));
    case CALL_UNLINK:
        return result_of(unlink(r->path));
    case CALL_RENAME:
        return result_of(renameat2(AT_FDCWD, r->path, AT_FDCWD, r->other, (unsigned)r->flags));
    case CALL_MKDIR:
        return result_of(mkdir(r->path, r->mode));
    case CALL_RMDIR:
        return result_of(rmdir(r->path));
    case CALL_SYMLINK:
        return result_of(symlink(r->other, r->path));
    case CALL_READLINK:
        return sized(reply, readlink(r->path, (char *)data, VALUE_MAX));
    case CALL_LIST:
        return list_directory(r->path, reply, data);
    case CALL_GET:
        return get(r->path, reply, data);
    case CALL_FORK:
        return fork_child(r);
    case CALL_EXIT:
        _exit(0);
    }
    return -ENOSYS;
}

/* --- the process --------------------------------------------------------------------------------------- */

__attribute__((noreturn)) static void serve(const char *dir, int socket, struct channel *channel)
{
    char byte;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    umask(0);
    if (chdir(dir) < 0)
        die(dir);
    while (read(socket, &byte, 1) == 1) {
        struct reply *reply = &channel->reply;
        reply->size = 0;
        reply->result = perform(&channel->request, reply, channel->data);
        if (write(socket, &byte, 1) != 1)
            break;
    }
    _exit(0);
}

void workers_prepare(uint64_t seed)
{
    pool = shared_memory(POOL_BYTES);
    for (size_t i = 0; i < POOL_BYTES; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        pool[i] = (uint8_t)((seed >> 33) % 255 + 1); /* no zeroes: those are holes */
    }
    if (socketpair(AF_UNIX, SOCK_DGRAM, 0, post) < 0)
        die("socketpair");
}

void workers_finish(void)
{
    close(post[0]);
    close(post[1]);
    munmap(pool, POOL_BYTES);
}

void worker_start(struct worker *worker, const char *dir)
{
    int ends[2];
    if (!worker->channel)
        worker->channel = shared_memory(sizeof *worker->channel);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        die("socketpair");
    worker->pid = fork();
    if (worker->pid < 0)
        die("fork");
    if (worker->pid == 0) {
        close(ends[0]);
        serve(dir, ends[1], worker->channel);
    }
    close(ends[1]);
    worker->socket = ends[0];
}

void worker_begin(struct worker *worker)
{
    if (write(worker->socket, ".", 1) != 1)
        die("a worker is gone");
}

void worker_wait(struct worker *worker)
{
    char byte;
    if (read(worker->socket, &byte, 1) == 1)
        return;
    if (worker->channel->request.call != CALL_EXIT)
        worker->channel->reply = (struct reply){.result = -EOWNERDEAD};
    waitpid(worker->pid, NULL, 0);
    close(worker->socket);
    worker->pid = 0;
}

void worker_kill(struct worker *worker)
{
    kill(worker->pid, SIGKILL);
    waitpid(worker->pid, NULL, 0);
    close(worker->socket);
    worker->pid = 0;
}

void worker_release(struct worker *worker)
{
    if (worker->pid)
        worker_kill(worker);
    if (worker->channel)
        munmap(worker->channel, sizeof *worker->channel);
}
