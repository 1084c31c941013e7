/* SPDX-License-Identifier: MIT */
/* memory.c - mmap and msync. */
#include "checks.h"

#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { PAGE = 4096 };

static int open_one(const char *script, int flags)
{
    int fd = run_script(script) == 0 ? open("a", flags) : -1;
    if (fd < 0)
        abort();
    return fd;
}

static int map_errno(int flags, int protection, int sharing)
{
    int fd = open_one("file a 0123456789", flags);
    return mmap(NULL, PAGE, protection, sharing, fd, 0) == MAP_FAILED ? errno : 0;
}

static int reads_a_map(void)
{
    int fd = open_one("file a 0123456789", O_RDONLY);
    const char *map = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
    EXPECT(map != MAP_FAILED && memcmp(map, "0123456789", 10) == 0);
    for (size_t i = 10; i < PAGE; i++)
        EXPECT(map[i] == 0);
    EXPECT(close(fd) == 0 && unlink("a") == 0 && memcmp(map, "0123456789", 10) == 0);
    return 0;
}

static int writes_a_map(void)
{
    int fd = open_one("file a 0123456789", O_RDWR);
    char *map = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    EXPECT(map != MAP_FAILED);
    memcpy(map, "abc", 3);
    memcpy(map + 10, "behind", 6); /* which is not in the file */
    EXPECT(msync(map, PAGE, MS_SYNC) == 0);
    int result = run_script("holds a abc3456789");
    EXPECT(pwrite(fd, "x", 1, 1) == 1 && memcmp(map, "axc3", 4) == 0);
    return result;
}

static int moves_times(void)
{
    int fd = open_one("file a 0123456789", O_RDWR);
    char *map = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    EXPECT(map != MAP_FAILED && run_script("note a") == 0);
    map[0] = 'x';
    EXPECT(msync(map, PAGE, MS_SYNC) == 0);
    return run_script("moved a mc");
}

static int keeps_a_private_map(void)
{
    int fd = open_one("file a 0123456789", O_RDONLY);
    char *map = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    EXPECT(map != MAP_FAILED);
    memcpy(map, "abc", 3);
    EXPECT(munmap(map, PAGE) == 0);
    return run_script("holds a 0123456789");
}

static sigjmp_buf behind;
static void jump(int number)
{
    siglongjmp(behind, number);
}

static int faults_behind_the_end(void)
{
    int fd = open_one("file a 0123456789", O_RDWR);
    volatile char *map = mmap(NULL, 3 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
    signal(SIGBUS, jump);
    EXPECT(map != MAP_FAILED && map[PAGE - 1] == 0);
    int number = sigsetjmp(behind, 1);
    if (number == 0)
        return map[PAGE] == 0 ? mismatch("no SIGBUS") : MISMATCH;
    EXPECT(number == SIGBUS && ftruncate(fd, 2 * PAGE) == 0 && map[PAGE] == 0); /* it is in the file now */
    EXPECT(ftruncate(fd, 10) == 0);
    if (sigsetjmp(behind, 1) == 0)
        return map[PAGE] == 0 ? mismatch("no SIGBUS after ftruncate") : MISMATCH;
    return 0;
}

static int sees_zeroes_after_cutting(void)
{
    int fd = open_one("file a 0123456789", O_RDWR);
    const char *map = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
    EXPECT(map != MAP_FAILED && map[9] == '9');
    EXPECT(ftruncate(fd, 5) == 0 && ftruncate(fd, 10) == 0);
    EXPECT(memcmp(map, "01234\0\0\0\0\0", 10) == 0);
    return 0;
}

static int shared_read_only(void)
{
    return map_errno(O_RDONLY, PROT_READ | PROT_WRITE, MAP_SHARED);
}

static int write_only(void)
{
    return map_errno(O_WRONLY, PROT_READ, MAP_SHARED);
}

static int write_only_private(void)
{
    return map_errno(O_WRONLY, PROT_READ, MAP_PRIVATE);
}

static int shared_append(void)
{
    return map_errno(O_RDWR | O_APPEND, PROT_READ | PROT_WRITE, MAP_SHARED);
}

static int neither_shared_nor_private(void)
{
    return map_errno(O_RDWR, PROT_READ, 0);
}

static int directory_map(void)
{
    int fd = open(".", O_RDONLY);
    return mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED ? errno : 0;
}

static int odd_offset(void)
{
    int fd = open_one("file a 0123456789", O_RDONLY);
    return mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 1) == MAP_FAILED ? errno : 0;
}

static int no_length(void)
{
    int fd = open_one("file a 0123456789", O_RDONLY);
    return mmap(NULL, 0, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED ? errno : 0;
}

static const struct row memory_rows[] = {
    {"a map shows the file and zeroes, also without descriptor and name", .check = reads_a_map},
    {"what is written to a map is in the file, and the other way round", .check = writes_a_map},
    {"msync moves the times of what was written", .check = moves_times},
    {"what is written to a private map is not", .check = keeps_a_private_map},
    {"a page behind the end is SIGBUS, as long as it is there", .check = faults_behind_the_end},
    {"what was cut off a map is zeroes", .check = sees_zeroes_after_cutting},
    {"PROT_WRITE, MAP_SHARED of O_RDONLY", EACCES, .check = shared_read_only},
    {"PROT_READ, MAP_SHARED of O_WRONLY", EACCES, .check = write_only},
    {"PROT_READ, MAP_PRIVATE of O_WRONLY", EACCES, .check = write_only_private},
    {"PROT_WRITE, MAP_SHARED of O_RDWR|O_APPEND", 0, APPENDING_MAPS, ENODEV, .check = shared_append},
    {"neither MAP_SHARED nor MAP_PRIVATE", EINVAL, .check = neither_shared_nor_private},
    {"mmap of a directory", ENODEV, .check = directory_map},
    {"mmap from within a page", EINVAL, .check = odd_offset},
    {"mmap of nothing", EINVAL, .check = no_length},
};

TABLE(memory);
