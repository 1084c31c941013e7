/* SPDX-License-Identifier: MIT */
/*
 * worker.h - processes that make one system call when they are told to, and say what it answered.
 *
 * Each has a channel in memory it shares with the driver: the request, the reply, and the bytes that were read. What is
 * written comes from a pool of random bytes that all of them know. A socket carries the wake-ups.
 */
#ifndef LARDER_TESTS_MODEL_WORKER_H
#define LARDER_TESTS_MODEL_WORKER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

enum {
    VALUE_MAX = 256 << 10, /* bytes of a value, a listing, an attribute's value */
    POOL_BYTES = 2 * VALUE_MAX,
    PATH_BYTES = 128,
    CHILD_WRITES = 1, /* what a forked child does: bits */
    CHILD_KILLED = 2,
    MAP_IS_SHARED = 1, /* how a file is mapped: bits */
    MAP_WRITES = 2,
    MAP_SYNCS = 4,
};

enum call {
    CALL_OPEN,
    CALL_CLOSE,
    CALL_DUP,
    CALL_SEND, /* passes a descriptor on ... */
    CALL_RECEIVE, /* ... to whoever takes it */
    CALL_READ,
    CALL_PREAD,
    CALL_WRITE,
    CALL_PWRITE,
    CALL_SEEK_END,
    CALL_SEEK_SET,
    CALL_FTRUNCATE,
    CALL_TRUNCATE,
    CALL_FSYNC,
    CALL_MAP, /* mmap, copy, msync or not, munmap */
    CALL_FSTAT,
    CALL_STAT,
    CALL_LSTAT,
    CALL_CHMOD,
    CALL_FCHMOD,
    CALL_UTIMENS,
    CALL_FUTIMENS,
    CALL_SETXATTR,
    CALL_FSETXATTR,
    CALL_GETXATTR,
    CALL_FGETXATTR,
    CALL_LISTXATTR,
    CALL_REMOVEXATTR,
    CALL_UNLINK,
    CALL_RENAME,
    CALL_MKDIR,
    CALL_RMDIR,
    CALL_SYMLINK,
    CALL_READLINK,
    CALL_LIST, /* all of a directory: a struct listed for each entry */
    CALL_GET, /* open, read to the end, close */
    CALL_FORK, /* a child that has all descriptors writes or not and exits or is killed */
    CALL_EXIT,
};

struct request {
    enum call call;
    int fd, flags;
    uint32_t mode;
    off_t offset;
    size_t size;
    size_t from; /* where in the pool the data begins */
    struct timespec times[2];
    char path[PATH_BYTES],
        other[PATH_BYTES]; /* `other`: a rename's second path, a link's target, an attribute's name */
};

struct reply {
    int64_t result; /* or -errno */
    size_t size; /* bytes in data */
    struct stat stat;
};

struct channel {
    struct request request;
    struct reply reply;
    uint8_t data[VALUE_MAX];
};

struct listed {
    uint64_t ino;
    unsigned char type;
    char name[55];
};

struct worker {
    pid_t pid;
    int socket;
    struct channel *channel;
};

/* Bytes to write, the same in every process. */
extern uint8_t *pool;

/* Makes the pool and the socket over which descriptors are passed, before the first worker. */
void workers_prepare(uint64_t seed);
void workers_finish(void);

/* Starts one that works in the directory `dir`. */
void worker_start(struct worker *worker, const char *dir);

/* Tells it to do what its channel's request says. */
void worker_begin(struct worker *worker);

/* Waits for the answer, which is then in its channel. After CALL_EXIT: for its end. */
void worker_wait(struct worker *worker);

/* Kills it by SIGKILL and waits until it is gone. */
void worker_kill(struct worker *worker);

/* Lets one go that is gone or not needed any more. */
void worker_release(struct worker *worker);

#endif
