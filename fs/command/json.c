/* SPDX-License-Identifier: MIT */
/* json.c - see json.h. */
#include "json.h"

#include <stdint.h>

/* The bytes of the UTF-8 character (RFC 3629) that a text begins with; 0 if it is none. */
static size_t character(const uint8_t *text, size_t size)
{
    size_t length = text[0] < 0x80 ? 1 : text[0] < 0xc2 ? 0 : text[0] < 0xe0 ? 2 : text[0] < 0xf0 ? 3 : 4;
    if (length == 0 || length > size || text[0] > 0xf4)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    if ((text[0] == 0xe0 && text[1] < 0xa0) || (text[0] == 0xed && text[1] >= 0xa0) ||
        (text[0] == 0xf0 && text[1] < 0x90) || (text[0] == 0xf4 && text[1] >= 0x90))
        return 0; /* longer than need be, half of a pair, or beyond U+10FFFF */
    return length;
}

void json_string(FILE *out, const char *text, size_t size)
{
    const uint8_t *rest = (const uint8_t *)text;
    fputc('"', out);
    while (size > 0) {
        size_t length = character(rest, size);
        if (length == 0)
            fputs("\\ufffd", out);
        else if (*rest == '"' || *rest == '\\')
            fprintf(out, "\\%c", *rest);
        else if (*rest < 0x20 || *rest == 0x7f)
            fprintf(out, "\\u%04x", *rest);
        else
            fwrite(rest, 1, length, out);
        length += length == 0;
        rest += length;
        size -= length;
    }
    fputc('"', out);
}
