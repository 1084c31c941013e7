/* SPDX-License-Identifier: MIT */
/* json.c - see json.h. */
#include "json.h"
#include "text.h"

#include <stdint.h>

void json_string(FILE *out, const char *text, size_t size)
{
    const uint8_t *rest = (const uint8_t *)text;
    fputc('"', out);
    while (size > 0) {
        size_t length = text_character((const char *)rest, size);
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
