/* SPDX-License-Identifier: MIT */
/* able.c - whether there is a compiler that can build the targets here: one that links this can. */
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return data && size == SIZE_MAX;
}
