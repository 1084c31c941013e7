/* SPDX-License-Identifier: MIT */
/* data.c - reading, writing, seeking, sizes, and what makes it last. */
#include "checks.h"
#include "script.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static int open_file(const char *flags)
{
    int result = run_script("file a 0123456789");
    if (result)
        abort();
    int fd = open("a", (int)number(flags));
    if (fd < 0)
        abort();
    return fd;
}

static int vectors(void)
{
    char one[4], two[4];
    int fd = open_file("O_RDWR");
    const struct iovec out[] = {{"ab", 2}, {"", 0}, {"cdef", 4}}, in[] = {{one, 4}, {two, 4}};
    EXPECT(writev(fd, out, 3) == 6);
    EXPECT(lseek(fd, 0, SEEK_SET) == 0 && readv(fd, in, 2) == 8);
    EXPECT(memcmp(one, "abcd", 4) == 0 && memcmp(two, "ef67", 4) == 0);
    EXPECT(pwritev(fd, out, 3, 8) == 6 && preadv(fd, in, 2, 6) == 8);
    EXPECT(memcmp(one, "67ab", 4) == 0 && memcmp(two, "cdef", 4) == 0);
    EXPECT(lseek(fd, 0, SEEK_CUR) == 8);
    return 0;
}

static int no_vectors(void)
{
    int fd = open_file("O_RDWR");
    volatile int count = -1;
    return writev(fd, NULL, count) < 0 ? errno : 0;
}

static int too_many_vectors(void)
{
    static struct iovec out[IOV_MAX + 1];
    int fd = open_file("O_RDWR");
    return writev(fd, out, IOV_MAX + 1) < 0 ? errno : 0;
}

static int bad_memory(void)
{
    int fd = open_file("O_RDWR");
    void *volatile nowhere = (void *)16;
    return write(fd, nowhere, 5) < 0 ? errno : 0;
}

static int bad_memory_to_read(void)
{
    int fd = open_file("O_RDONLY");
    void *volatile nowhere = (void *)16;
    return read(fd, nowhere, 5) < 0 ? errno : 0;
}

/* RWF_APPEND writes at the end, RWF_NOWAIT and unknown ones do what they do, without moving the offset. */
static int appends_by_flag(void)
{
    char got[16];
    int fd = open_file("O_RDWR");
    const struct iovec out = {"xy", 2};
    EXPECT(pwritev2(fd, &out, 1, 0, RWF_APPEND) == 2);
    EXPECT(pread(fd, got, sizeof got, 0) == 12 && memcmp(got, "0123456789xy", 12) == 0);
    EXPECT(pwritev2(fd, &out, 1, 0, RWF_SYNC | RWF_DSYNC) == 2);
    EXPECT(pread(fd, got, 3, 0) == 3 && memcmp(got, "xy2", 3) == 0);
    EXPECT(lseek(fd, 0, SEEK_CUR) == 0);
    return 0;
}

static int unknown_flag(void)
{
    int fd = open_file("O_RDWR");
    const struct iovec out = {"xy", 2};
    return pwritev2(fd, &out, 1, 0, 1 << 20) < 0 ? errno : 0;
}

static int nothing_is_written(void)
{
    int fd = open_file("O_RDWR");
    EXPECT(write(fd, "", 0) == 0 && pwrite(fd, "", 0, 100) == 0);
    return run_script("size a 10; mode a 0644");
}

/* A child and a duplicate share the offset and O_APPEND, another open does not. */
static int shared_offsets(void)
{
    char got[4];
    int status, fd = open_file("O_RDWR"), copy = dup(fd), own = open("a", O_RDONLY);
    EXPECT(read(fd, got, 2) == 2 && lseek(copy, 0, SEEK_CUR) == 2 && lseek(own, 0, SEEK_CUR) == 0);
    pid_t child = fork();
    if (child == 0)
        _exit(read(fd, got, 3) == 3 ? 0 : 1);
    EXPECT(waitpid(child, &status, 0) == child && status == 0);
    EXPECT(lseek(fd, 0, SEEK_CUR) == 5 && lseek(own, 0, SEEK_CUR) == 0);
    EXPECT(fcntl(copy, F_SETFL, O_APPEND) == 0 && fcntl(fd, F_GETFL) & O_APPEND);
    EXPECT(write(fd, "x", 1) == 1 && lseek(copy, 0, SEEK_CUR) == 11);
    return run_script("holds a 0123456789x");
}

/* The signal comes, too, unless it is ignored. */
static volatile sig_atomic_t signals;
static void note_signal(int number_)
{
    (void)number_;
    signals++;
}

static int too_large_signals(void)
{
    int fd = open_file("O_RDWR");
    const struct rlimit limit = {12, 12};
    signal(SIGXFSZ, note_signal);
    EXPECT(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    EXPECT(pwrite(fd, "abcd", 4, 10) == 2); /* as much as may be */
    EXPECT(signals == 0);
    EXPECT(pwrite(fd, "abcd", 4, 12) == -1 && errno == EFBIG && signals == 1);
    EXPECT(ftruncate(fd, 13) == -1 && errno == EFBIG && signals == 2);
    EXPECT(truncate("a", 13) == -1 && errno == EFBIG && signals == 3);
    EXPECT(fallocate(fd, 0, 0, 13) == -1 && errno == EFBIG);
    return run_script("size a 12; holds a 0123456789ab");
}

/* Unread pages are whole: what was written in parts and in holes. */
static int holes_are_zeroes(void)
{
    static char got[70000];
    int fd = open("a", O_RDWR | O_CREAT, 0644);
    EXPECT(pwrite(fd, "x", 1, 69999) == 1 && pwrite(fd, "y", 1, 10000) == 1);
    EXPECT(pread(fd, got, sizeof got, 0) == sizeof got && got[69999] == 'x' && got[10000] == 'y');
    got[69999] = got[10000] = 0;
    for (size_t i = 0; i < sizeof got; i++)
        EXPECT(got[i] == 0);
    EXPECT(ftruncate(fd, 5000) == 0 && ftruncate(fd, 20000) == 0);
    EXPECT(pread(fd, got, sizeof got, 0) == 20000);
    for (size_t i = 0; i < 20000; i++)
        EXPECT(got[i] == 0);
    return 0;
}

static int spliced(void)
{
    int ends[2], fd = open_file("O_RDWR");
    loff_t at = 2, to = 10;
    EXPECT(pipe(ends) == 0 && splice(fd, &at, ends[1], NULL, 4, 0) == 4 && at == 6);
    EXPECT(splice(ends[0], NULL, fd, &to, 4, 0) == 4 && to == 14);
    return run_script("holds a 01234567892345");
}

static const struct row data_rows[] = {
    {"file a one; open A a O_RDONLY; write A x", EBADF},
    {"file a one; open A a O_WRONLY; take A x", EBADF},
    {"file a one; open A a O_RDONLY; pwrite A 0 x", EBADF},
    {"file a one; open A a O_WRONLY; pread A 0 x", EBADF},
    {"take A x", EBADF},
    {"write A x", EBADF},
    {"mkdir d; open A d O_RDONLY; take A x", EISDIR},
    {"mkdir d; open A d O_RDONLY; write A x", EBADF},
    {"mkdir d; open A d O_RDONLY; pread A 0 x", EISDIR},
    {"file a one; open A a O_RDWR; pread A -1 x", EINVAL},
    {"file a one; open A a O_RDWR; pwrite A -1 x", EINVAL},
    {"file a one; open A a O_RDONLY; pread A 3 \"\""},
    {"file a one; open A a O_RDONLY; pread A 1000000 \"\""},
    {"file a one; open A a O_RDWR; pwrite A 1 x; read A oxe"},
    {"file a one; open A a O_RDWR; pwrite A 0 abcdef; size a 6; close A; holds a abcdef"},
    {"file a one; open A a O_RDWR; write A x; read A ne"},
    {"file a one; open A a O_RDWR; pwrite A 9223372036854775807 x", EINVAL},
    {"readv and writev take parts in turn", .check = vectors},
    {"writev of -1 parts", EINVAL, .check = no_vectors},
    {"writev of too many parts", EINVAL, .check = too_many_vectors},
    {"write from where no memory is", EFAULT, .check = bad_memory},
    {"read to where no memory is", EFAULT, .check = bad_memory_to_read},
    {"pwritev2 with RWF_APPEND, RWF_SYNC, RWF_DSYNC", .check = appends_by_flag},
    {"pwritev2 with a flag that is none", EOPNOTSUPP, .check = unknown_flag},
    {"a write of no bytes changes nothing", .check = nothing_is_written},
    {"dup and fork share an offset", .check = shared_offsets},
    {"what was never written is zeroes", .check = holes_are_zeroes},
    {"splice", .check = spliced},
    /* As much as a process may. */
    {"too large: a signal and EFBIG", .check = too_large_signals},
    {"file a 0123; limit 4; open A a O_WRONLY|O_APPEND; write A x", EFBIG},
    {"file a 0123; limit 4; open A a O_WRONLY; pwrite A 4 x", EFBIG},
    {"file a 0123; limit 4; open A a O_WRONLY; write A xxxx; close A; holds a xxxx"},
    {"file a 0123; limit 4; open A a O_WRONLY|O_TRUNC; write A xxxx; write A x", EFBIG},
    {"limit 4; open A a O_WRONLY|O_CREAT|O_EXCL; write A xxxx; write A x", EFBIG},
    {"limit 4; open A a O_WRONLY|O_CREAT; write A xxxx; write A x", EFBIG},
    {"file a 0123; limit 4; truncate a 5", EFBIG},
    {"file a 0123; limit 4; open A a O_RDWR; ftruncate A 5", EFBIG},
    {"file a 0123; limit 2; open A a O_RDWR; ftruncate A 3; size a 3"},
    {"file a 0123; limit 4; open A a O_RDWR; fallocate A 0 0 5", EFBIG},
    /* lseek */
    {"file a 0123; open A a O_RDONLY; lseek A 2 SEEK_SET 2; read A 23"},
    {"file a 0123; open A a O_RDONLY; lseek A 2 SEEK_SET 2; lseek A -1 SEEK_CUR 1; read A 123"},
    {"file a 0123; open A a O_RDONLY; lseek A -1 SEEK_END 3; read A 3"},
    {"file a 0123; open A a O_RDWR; lseek A 2 SEEK_END 6; size a 4; write A x; size a 7"},
    {"file a 0123; open A a O_RDONLY; lseek A -1 SEEK_SET", EINVAL},
    {"file a 0123; open A a O_RDONLY; lseek A -5 SEEK_END", EINVAL},
    {"file a 0123; open A a O_RDONLY; lseek A -1 SEEK_CUR", EINVAL},
    {"file a 0123; open A a O_RDONLY; lseek A 0 99", EINVAL},
    {"lseek A 0 SEEK_SET", EBADF},
    {"file a 0123; open A a O_PATH; lseek A 0 SEEK_SET", EBADF},
    {"file a 0123; open A a O_RDONLY; lseek A 0 SEEK_DATA 0"},
    {"file a 0123; open A a O_RDONLY; lseek A 2 SEEK_DATA 2"},
    {"file a 0123; open A a O_RDONLY; lseek A 0 SEEK_HOLE 4"},
    {"file a 0123; open A a O_RDONLY; lseek A 4 SEEK_DATA", ENXIO},
    {"file a 0123; open A a O_RDONLY; lseek A 4 SEEK_HOLE", ENXIO},
    {"file a 0123; open A a O_RDONLY; lseek A -1 SEEK_DATA", ENXIO},
    {"file a 0123; truncate a 1000000; open A a O_RDONLY; lseek A 0 SEEK_HOLE 4096", 0, HOLES, 0,
     "file a 0123; truncate a 1000000; open A a O_RDONLY; lseek A 0 SEEK_HOLE 1000000"},
    /* truncate, ftruncate */
    {"file a 0123; truncate a 2; size a 2; holds a 01"},
    {"file a 0123; truncate a 0; size a 0; holds a \"\""},
    {"file a 0123; truncate a 2; truncate a 6; size a 6; open A a O_RDONLY; take A 01"},
    {"file a 0123; truncate a 100000; size a 100000; open A a O_RDONLY; lseek A 99999 SEEK_SET; lseek A 0 SEEK_END "
     "100000"},
    {"file a 0123; truncate a -1", EINVAL},
    {"truncate a 0", ENOENT},
    {"truncate \"\" 0", ENOENT},
    {"file f; truncate f/a 0", ENOTDIR},
    {"mkdir d; truncate d 0", EISDIR},
    {"symlink l l; truncate l 0", ELOOP},
    {"symlink t l; file t 0123; truncate l 2; size t 2"},
    {"truncate {n*256} 0", ENAMETOOLONG},
    {"file a 0123; as 1001; truncate a 0", EACCES},
    {"file a 0123 0222; as 1001; truncate a 1; as 0; holds a 0"},
    {"mkdir d 0700; file d/a; as 1001; truncate d/a 0", EACCES},
    {"file a 0123; truncate a 9223372036854775807", EFBIG},
    {"file a 0123; open A a O_RDWR; ftruncate A 2; size fd:A 2; size a 2; read A 01"},
    {"file a 0123; open A a O_RDWR; lseek A 4 SEEK_SET; ftruncate A 0; write A x; size a 5"},
    {"file a 0123; open A a O_RDONLY; ftruncate A 2", EINVAL},
    {"file a 0123; open A a O_RDWR; ftruncate A -1", EINVAL},
    {"ftruncate A 0", EBADF},
    {"mkdir d; open A d O_RDONLY; ftruncate A 0", EINVAL},
    {"file a 0123; open A a O_RDWR; chmod a 0; as 1001; ftruncate A 1; size fd:A 1"}, /* who has opened it may */
    {"open A a O_RDWR|O_CREAT|O_EXCL; write A 0123; ftruncate A 2; close A; holds a 01"},
    /* Without a name. */
    {"file a 0123; open A a O_RDWR; unlink a; read A 0123; pwrite A 4 45; pread A 0 012345; links fd:A 0; size fd:A 6"},
    {"file a 0123; open A a O_RDWR; unlink a; ftruncate A 1; size fd:A 1; pread A 0 0"},
    {"file a 0123; open A a O_RDWR; unlink a; fchmod A 0600; mode fd:A 0600"},
    {"file a 0123; open A a O_RDWR; unlink a; fchown A 1001 1002; owner fd:A 1001 1002"},
    {"file a 0123; open A a O_RDWR; unlink a; futimens A 5 6; atime fd:A 5; mtime fd:A 6"},
    {"file a 0123; open A a O_RDWR; unlink a; fsetxattr A user.x y; fsync A"},
    {"open A a O_RDWR|O_CREAT|O_EXCL; write A 0123; unlink a; gone a; pread A 0 0123; links fd:A 0; size fd:A 4"},
    {"open A a O_RDWR|O_CREAT|O_EXCL; unlink a; write A 0123; ftruncate A 2; pread A 0 01; close A; gone a"},
    {"open A a O_RDWR|O_CREAT|O_EXCL; unlink a; file a new; write A 0123; close A; holds a new"},
    {"file a 0123; open A a O_RDONLY; unlink a; file a new; read A 0123; links fd:A 0; links a 1"},
    /* What makes it last. */
    {"file a; open A a O_RDONLY; fsync A"},
    {"file a; open A a O_WRONLY; write A x; fsync A; fdatasync A"},
    {"mkdir d; open A d O_RDONLY; fsync A"},
    {"mkdir d; open A d O_RDONLY; fdatasync A"},
    {"mkdir d; open A d O_RDONLY; rmdir d; fsync A"},
    {"fsync A", EBADF},
    {"fdatasync A", EBADF},
    {"file a; open A a O_RDONLY; syncfs A"},
    /* fallocate, posix_fadvise */
    {"open A a O_RDWR|O_CREAT; fallocate A 0 0 1000; size a 1000"},
    {"open A a O_RDWR|O_CREAT; fallocate A FALLOC_FL_KEEP_SIZE 0 1000; size a 0"},
    {"file a 0123; open A a O_RDWR; fallocate A 0 0 2; size a 4; holds a 0123"},
    {"file a 0123; open A a O_RDWR; fallocate A 0 1000 10; size a 1010"},
    {"file a 0123; open A a O_RDWR; fallocate A 0 0 0", EINVAL},
    {"file a 0123; open A a O_RDWR; fallocate A 0 -1 1", EINVAL},
    {"file a 0123; open A a O_RDWR; fallocate A 0 0 -1", EINVAL},
    {"file a 0123; open A a O_RDONLY; fallocate A 0 0 10", EBADF},
    {"fallocate A 0 0 10", EBADF},
    {"file a 0123; open A a O_RDWR; fallocate A 0 9223372036854775807 1", EFBIG},
    {"file a 0123; open A a O_RDWR; fallocate A FALLOC_FL_PUNCH_HOLE 0 1", EOPNOTSUPP},
    {"file a 0123; open A a O_RDWR; fallocate A FALLOC_FL_PUNCH_HOLE|FALLOC_FL_KEEP_SIZE 0 4096; size a 4", 0, HOLES,
     EOPNOTSUPP, "file a 0123; open A a O_RDWR; fallocate A FALLOC_FL_PUNCH_HOLE|FALLOC_FL_KEEP_SIZE 0 4096"},
    {"file a 0123; open A a O_RDWR; fallocate A FALLOC_FL_ZERO_RANGE 0 2; size a 4", 0, HOLES, EOPNOTSUPP,
     "file a 0123; open A a O_RDWR; fallocate A FALLOC_FL_ZERO_RANGE 0 2"},
    {"file a {x*12288}; open A a O_RDWR; fallocate A FALLOC_FL_COLLAPSE_RANGE 0 4096; size a 8192", 0, HOLES,
     EOPNOTSUPP, "file a {x*12288}; open A a O_RDWR; fallocate A FALLOC_FL_COLLAPSE_RANGE 0 4096"},
    {"file a {x*8192}; open A a O_RDWR; fallocate A FALLOC_FL_INSERT_RANGE 0 4096; size a 12288", 0, HOLES, EOPNOTSUPP,
     "file a {x*8192}; open A a O_RDWR; fallocate A FALLOC_FL_INSERT_RANGE 0 4096"},
    {"file a 0123; open A a O_RDWR; fallocate A 0x4000 0 1", EOPNOTSUPP},
    {"file a; open A a O_RDONLY; fadvise A POSIX_FADV_WILLNEED"},
    {"file a; open A a O_RDONLY; fadvise A POSIX_FADV_DONTNEED; read A text"},
    {"file a; open A a O_RDONLY; fadvise A 99", EINVAL},
    {"fadvise A POSIX_FADV_NORMAL", EBADF},
    /* Copying. */
    {"file a 0123; open A a O_RDONLY; creat B b; copy A B 100 4; close B; holds b 0123"},
    {"file a 0123; open A a O_RDONLY; creat B b; copy A B 2 2; copy A B 2 2; copy A B 2 0; close B; holds b 0123"},
    {"file a 0123; open A a O_RDONLY; open B b O_WRONLY|O_CREAT|O_APPEND; copy A B 2 2", EBADF},
    {"file a 0123; open A a O_WRONLY; creat B b; copy A B 2 2", EBADF},
    {"file a 0123; open A a O_RDONLY; open B a O_RDONLY; copy A B 2 2", EBADF},
    {"file a 0123; open A a O_RDONLY; creat B b; copy A B 2 2 1", EINVAL},
    {"mkdir d; open A d O_RDONLY; creat B b; copy A B 2 2", EISDIR},
    {"file a 0123; open A a O_RDWR; open B a O_RDWR; copy A B 2 2", EINVAL},
    {"file a 0123; open A a O_RDONLY; creat B b; sendfile B A 100 4; close B; holds b 0123"},
    {"file a 0123; open A a O_RDONLY; open B b O_RDONLY|O_CREAT; sendfile B A 2 2", EBADF},
};

TABLE(data);
