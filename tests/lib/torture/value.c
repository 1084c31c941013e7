/* SPDX-License-Identifier: MIT */
/* value.c - see value.h. */
#include "value.h"

#include <inttypes.h>
#include <string.h>

#define MAGIC UINT64_C(0x6c61726465722121)

static uint64_t check_of(const struct header *header)
{
    struct random random = {header->size ^ header->seed * MAGIC ^ header->owner << 48 ^ header->number << 20};
    return random_next(&random);
}

size_t random_body(void)
{
    return below(1 + (BODY_MAX >> below(12)));
}

static void body_make(unsigned char *body, size_t size, uint64_t seed)
{
    struct random random = {seed};
    for (size_t i = 0; i < size; i += 8) {
        uint64_t word = random_next(&random);
        memcpy(body + i, &word, size - i < 8 ? size - i : 8);
    }
}

size_t value_make(unsigned char *value, size_t body_size, uint64_t owner, uint64_t number)
{
    struct header header = {
        .magic = MAGIC,
        .size = sizeof(header) + body_size,
        .seed = random_next(&self->random),
        .owner = owner,
        .number = number,
    };
    header.check = check_of(&header);
    memcpy(value, &header, sizeof(header));
    body_make(value + sizeof(header), body_size, header.seed);
    return header.size;
}

bool header_judge(const char *name, const unsigned char *value, size_t size, struct header *ret_header)
{
    struct header header = {0};
    if (size == 0) {
        report(EMPTY, "%s", name);
        return false;
    }
    memcpy(&header, value, size < sizeof(header) ? size : sizeof(header));
    if (size < sizeof(header) || header.magic != MAGIC || header.check != check_of(&header) ||
        header.size < sizeof(header) || header.size > VALUE_MAX) {
        report(TORN, "%s: %zu bytes that do not begin with a header", name, size);
        return false;
    }
    *ret_header = header;
    return true;
}

bool body_judge(const char *name, const unsigned char *value, const struct header *header)
{
    static unsigned char expected[VALUE_ROOM];
    size_t size = header->size - sizeof(*header), at = 0;
    const unsigned char *body = value + sizeof(*header);
    body_make(expected, size, header->seed);
    if (memcmp(body, expected, size) == 0)
        return true;
    while (at < size && body[at] == expected[at])
        at++;
    size_t zeros = 0;
    while (at + zeros < size && body[at + zeros] == 0)
        zeros++;
    report(TORN, "%s: wrong from byte %zu of %" PRIu64 " on, where there are %zu zeros", name, at + sizeof(*header),
           header->size, zeros);
    return false;
}

bool value_judge(const char *name, const unsigned char *value, size_t size, enum fault on_size,
                 struct header *ret_header)
{
    if (!header_judge(name, value, size, ret_header))
        return false;
    if (size != ret_header->size) {
        report(on_size, "%s: %zu bytes of a value of %" PRIu64, name, size, ret_header->size);
        return false;
    }
    return body_judge(name, value, ret_header);
}
