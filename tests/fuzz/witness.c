/* SPDX-License-Identifier: MIT */
/*
 * witness.c - larder.closed, which says what files a store had. What is not whole says nothing; of what is, each line that
 * names a file is compared with it. Every other input gets the sum that makes it whole, which no fuzzer would guess.
 */
#include "rocksdb/witness.h"
#include "fuzz.h"

#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

static int directory(void)
{
    static int dir = -1;
    if (dir < 0) {
        const char *base = getenv("TMPDIR");
        char *made = NULL;
        require(asprintf(&made, "%s/witness.XXXXXX", base ? base : "/tmp") > 0 && mkdtemp(made));
        dir = open(made, O_RDONLY | O_DIRECTORY);
        int file = openat(dir, "CURRENT", O_WRONLY | O_CREAT, 0600);
        require(dir >= 0 && file >= 0 && write(file, "12345", 5) == 5);
        close(file);
        free(made);
    }
    return dir;
}

static void put_file(int dir, const uint8_t *data, size_t size, bool whole)
{
    uint64_t sum = 14695981039346656037u;
    for (size_t i = 0; i < size; i++)
        sum = (sum ^ data[i]) * 1099511628211u;
    int file = openat(dir, "larder.closed", O_WRONLY | O_CREAT | O_TRUNC, 0600);
    require(file >= 0 && write(file, data, size) == (ssize_t)size);
    require(!whole || dprintf(file, "sum %" PRIx64 "\n", sum) > 0);
    close(file);
}

static void count_wrong(void *arg, const char *name, const char *what)
{
    unsigned *count = arg;
    require(*name && strlen(name) < 256 && *what && strlen(what) < 96);
    ++*count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct witness witness;
    unsigned count = 0;
    if (size == 0)
        return 0;
    bool whole = data[0] % 2;
    int dir = directory();
    put_file(dir, data + 1, size - 1, whole);
    witness_read(dir, &witness);
    require(!witness.opening);
    if (witness.text && !memchr(data + 1, '\0', size - 1))
        require(strlen(witness.text) < size);
    require(witness_compare(dir, &witness, count_wrong, &count) == count);
    witness_release(&witness);
    return 0;
}
