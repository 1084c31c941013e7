/* SPDX-License-Identifier: MIT */
/* json.h - writes JSON text, RFC 8259. */
#ifndef LARDER_FS_JSON_H
#define LARDER_FS_JSON_H

#include <stddef.h>
#include <stdio.h>

/* Writes a string in quotes. What is no UTF-8, as names and tags need not be, becomes U+FFFD, a byte at a time. */
void json_string(FILE *out, const char *text, size_t size);

#endif
