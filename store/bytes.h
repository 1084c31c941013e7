/* SPDX-License-Identifier: MIT */
/*
 * bytes.h - numbers in and out of bytes, big-endian, as every key and row of a store has them. Big-endian so that
 * the byte order of keys is the order of the numbers in them.
 */
#ifndef LARDER_STORE_BYTES_H
#define LARDER_STORE_BYTES_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

static inline void put_u16(uint8_t *at, uint16_t number)
{
    number = htobe16(number);
    memcpy(at, &number, sizeof number);
}

static inline void put_u32(uint8_t *at, uint32_t number)
{
    number = htobe32(number);
    memcpy(at, &number, sizeof number);
}

static inline void put_u64(uint8_t *at, uint64_t number)
{
    number = htobe64(number);
    memcpy(at, &number, sizeof number);
}

static inline uint16_t get_u16(const uint8_t *at)
{
    uint16_t number;
    memcpy(&number, at, sizeof number);
    return be16toh(number);
}

static inline uint32_t get_u32(const uint8_t *at)
{
    uint32_t number;
    memcpy(&number, at, sizeof number);
    return be32toh(number);
}

static inline uint64_t get_u64(const uint8_t *at)
{
    uint64_t number;
    memcpy(&number, at, sizeof number);
    return be64toh(number);
}

#endif
