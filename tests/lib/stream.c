/* SPDX-License-Identifier: MIT */
/*
 * stream.c - long values without a file to copy them from:
 *
 *   stream make BYTES SEED   writes BYTES pseudo-random bytes to stdout, and their checksum to stderr
 *   stream sum               reads stdin to its end and writes its checksum to stdout
 *
 * A checksum is printed as "BYTES SUM", on one line. Each holds one block in memory, and is faster than the disk.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BLOCK = 1 << 20 };

/* Both sides feed it whole blocks but for the last one, so the sum does not depend on how the kernel cuts the reads. */
static uint64_t sum_block(uint64_t sum, const uint64_t *block, size_t size)
{
    for (size_t i = 0; i < (size + 7) / 8; i++)
        sum = (sum ^ block[i]) * UINT64_C(0x100000001b3) + (sum >> 29);
    return sum;
}

static int fail(const char *what)
{
    fprintf(stderr, "stream: %s: %s\n", what, strerror(errno));
    return 1;
}

static int make(uint64_t bytes, uint64_t state, uint64_t *block)
{
    uint64_t sum = 0;
    for (uint64_t rest = bytes; rest > 0;) {
        size_t size = rest < BLOCK ? rest : BLOCK;
        for (size_t i = 0; i < BLOCK / 8; i++) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            block[i] = state;
        }
        memset((char *)block + size, 0, BLOCK - size);
        sum = sum_block(sum, block, size);
        for (size_t done = 0; done < size;) {
            ssize_t written = write(STDOUT_FILENO, (char *)block + done, size - done);
            if (written < 0)
                return fail("write");
            done += (size_t)written;
        }
        rest -= size;
    }
    if (close(STDOUT_FILENO))
        return fail("close");
    fprintf(stderr, "%" PRIu64 " %016" PRIx64 "\n", bytes, sum);
    return 0;
}

static int sum_up(uint64_t *block)
{
    uint64_t bytes = 0, sum = 0;
    for (size_t size = BLOCK; size == BLOCK;) {
        memset(block, 0, BLOCK);
        size = 0;
        while (size < BLOCK) {
            ssize_t got = read(STDIN_FILENO, (char *)block + size, BLOCK - size);
            if (got < 0)
                return fail("read");
            if (got == 0)
                break;
            size += (size_t)got;
        }
        sum = sum_block(sum, block, size);
        bytes += size;
    }
    printf("%" PRIu64 " %016" PRIx64 "\n", bytes, sum);
    return 0;
}

int main(int argc, char **argv)
{
    static uint64_t block[BLOCK / 8];
    if (argc == 4 && strcmp(argv[1], "make") == 0)
        return make(strtoull(argv[2], NULL, 10), strtoull(argv[3], NULL, 10) * 2 + 1, block);
    if (argc == 2 && strcmp(argv[1], "sum") == 0)
        return sum_up(block);
    fprintf(stderr, "Usage: stream make BYTES SEED | stream sum\n");
    return 2;
}
