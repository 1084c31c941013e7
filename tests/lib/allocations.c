/* SPDX-License-Identifier: MIT */
/*
 * allocations.c - counts who asks for memory: a library for LD_PRELOAD, for programs on glibc.
 *
 * The file that ALLOCATIONS names gets three numbers of 64 bits: allocations by the program itself, by libfuse, and by
 * everything else. It is mapped, so that a test reads them while the program runs.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PROGRAM, LIBFUSE, OTHERS, COUNTS };

/* glibc's own, under the names that nothing replaces. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

static _Atomic(atomic_uint_fast64_t *) counts; /* NULL until there is something to count in */
static const void *program;

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("ALLOCATIONS");
    Dl_info info;
    int fd = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
    if (fd < 0 || ftruncate(fd, COUNTS * sizeof(uint64_t)) < 0)
        return;
    void *memory = mmap(NULL, COUNTS * sizeof(uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (memory == MAP_FAILED || !dladdr((const void *)getauxval(AT_ENTRY), &info))
        return;
    program = info.dli_fbase;
    atomic_store(&counts, (atomic_uint_fast64_t *)memory);
}

/* Counts an allocation by whoever the call returns to. */
static void count(const void *caller)
{
    atomic_uint_fast64_t *all = atomic_load(&counts);
    Dl_info info;
    if (!all || !dladdr(caller, &info))
        return;
    int whose = info.dli_fbase == program ? PROGRAM : strstr(info.dli_fname, "libfuse3") ? LIBFUSE : OTHERS;
    atomic_fetch_add(&all[whose], 1);
}

void *malloc(size_t size)
{
    count(__builtin_return_address(0));
    return __libc_malloc(size);
}

void *calloc(size_t number, size_t size)
{
    count(__builtin_return_address(0));
    return __libc_calloc(number, size);
}

void *realloc(void *memory, size_t size)
{
    count(__builtin_return_address(0));
    return __libc_realloc(memory, size);
}

void *memalign(size_t alignment, size_t size)
{
    count(__builtin_return_address(0));
    return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    count(__builtin_return_address(0));
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **ret_memory, size_t alignment, size_t size)
{
    count(__builtin_return_address(0));
    void *memory = __libc_memalign(alignment, size);
    if (!memory)
        return ENOMEM;
    *ret_memory = memory;
    return 0;
}
