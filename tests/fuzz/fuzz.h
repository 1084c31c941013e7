/* SPDX-License-Identifier: MIT */
/*
 * fuzz.h - what the targets have in common: a promise that is broken ends the program, so that the fuzzer keeps what broke
 * it; and ways to take an input apart. Each target is one thread's.
 */
#ifndef LARDER_FUZZ_H
#define LARDER_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the fuzzer calls with each input. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A promise. Unlike an assertion it is looked at in every build. */
#define require(promise)                                                                                               \
    do {                                                                                                               \
        if (!(promise)) {                                                                                              \
            fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #promise);                                      \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

/* A copy with a NUL behind it, no byte larger than it has to be, so that reading past it is seen. free() it. */
static inline char *fuzz_text(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    require(text);
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    return text;
}

/* Takes from the front of an input; when there is no more, zeroes. */
struct fuzz_input {
    const uint8_t *at;
    size_t left;
};

static inline uint8_t fuzz_byte(struct fuzz_input *input)
{
    if (input->left == 0)
        return 0;
    input->left--;
    return *input->at++;
}

static inline uint64_t fuzz_number(struct fuzz_input *input, unsigned bytes)
{
    uint64_t number = 0;
    while (bytes-- > 0)
        number = number << 8 | fuzz_byte(input);
    return number;
}

/* Up to `most` bytes, lent; how many are in *ret_size. */
static inline const uint8_t *fuzz_bytes(struct fuzz_input *input, size_t most, size_t *ret_size)
{
    const uint8_t *bytes = input->at;
    *ret_size = most < input->left ? most : input->left;
    input->at += *ret_size;
    input->left -= *ret_size;
    return bytes;
}

#endif
