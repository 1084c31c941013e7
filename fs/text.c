/* SPDX-License-Identifier: MIT */
/* text.c - see text.h. */
#include "text.h"
#include "store.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* --- UTF-8 --------------------------------------------------------------------------------------------- */

size_t text_character(const char *text, size_t size)
{
    const unsigned char *at = (const unsigned char *)text;
    size_t length = *at < 0x80 ? 1 : *at < 0xc2 ? 0 : *at < 0xe0 ? 2 : *at < 0xf0 ? 3 : *at < 0xf5 ? 4 : 0;
    if (length > size)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    bool out_of_range = (*at == 0xe0 && at[1] < 0xa0) || (*at == 0xed && at[1] > 0x9f) ||
                        (*at == 0xf0 && at[1] < 0x90) || (*at == 0xf4 && at[1] > 0x8f);
    return out_of_range ? 0 : length;
}

static bool is_control(const unsigned char *character, size_t size)
{
    return *character < 0x20 || *character == 0x7f || (size == 2 && *character == 0xc2 && character[1] < 0xa0);
}

void text_json(FILE *out, const char *text)
{
    putc('"', out);
    for (const unsigned char *at = (const unsigned char *)text; *at;) {
        size_t size = text_character((const char *)at, SIZE_MAX);
        if (size == 0)
            fprintf(out, "\\udc%02x", *at);
        else if (*at == '"' || *at == '\\')
            fprintf(out, "\\%c", *at);
        else if (is_control(at, size))
            fprintf(out, "\\u%04x", at[size - 1]);
        else
            fwrite(at, 1, size, out);
        at += size ? size : 1;
    }
    putc('"', out);
}

void text_label(FILE *out, const char *text)
{
    putc('"', out);
    for (const unsigned char *at = (const unsigned char *)text; *at;) {
        size_t size = text_character((const char *)at, SIZE_MAX);
        if (size > 0 && *at == '\n')
            fputs("\\n", out);
        else if (size == 0 || is_control(at, size))
            for (size_t i = 0; i < (size ? size : 1); i++)
                fprintf(out, "\\\\x%02x", at[i]);
        else if (*at == '"' || *at == '\\')
            fprintf(out, "\\%c", *at);
        else
            fwrite(at, 1, size, out);
        at += size ? size : 1;
    }
    putc('"', out);
}

void text_plain(FILE *out, const char *text)
{
    for (const unsigned char *at = (const unsigned char *)text; *at;) {
        size_t size = text_character((const char *)at, SIZE_MAX);
        if (size == 0 || is_control(at, size))
            for (size_t i = 0; i < (size ? size : 1); i++)
                fprintf(out, "\\x%02x", at[i]);
        else
            fwrite(at, 1, size, out);
        at += size ? size : 1;
    }
}

/* --- paths --------------------------------------------------------------------------------------------- */

/* A path that grows to the front: it ends at the end of its block. */
struct path {
    char *block;
    size_t room, used;
};

static int path_put(struct path *path, const char *name)
{
    size_t size = strlen(name), wanted = path->used + size + 1;
    if (wanted > path->room) {
        size_t room = wanted * 2;
        char *block = malloc(room);
        if (!block)
            return -ENOMEM;
        if (path->used)
            memcpy(block + room - path->used, path->block + path->room - path->used, path->used);
        free(path->block);
        path->block = block;
        path->room = room;
    }
    char *end = path->block + path->room - path->used;
    end[-1] = path->used ? '/' : '\0';
    memcpy(end - 1 - size, name, size);
    path->used = wanted;
    return 0;
}

int text_path(struct store *store, uint64_t dir, const char *name, text_gone_dir *gone, void *arg, char **ret_path)
{
    enum { DEPTH_MAX = 100000 }; /* a rename while we go up could lead in circles */
    struct path path = {0};
    char text[STORE_NAME_MAX + 1];
    int result = path_put(&path, name);
    for (unsigned depth = 0; result == 0 && dir != STORE_ROOT; depth++) {
        uint64_t parent;
        result = depth < DEPTH_MAX ? store_dir_place(store, dir, &parent, text) : -ENOENT;
        if (result == -ENOENT && gone && depth < DEPTH_MAX)
            result = gone(arg, dir, &parent, text);
        if (result == 0)
            result = path_put(&path, text);
        dir = result == 0 ? parent : dir;
    }
    if (result == 0)
        memmove(path.block, path.block + path.room - path.used, path.used);
    if (result == 0)
        *ret_path = path.block;
    else
        free(path.block);
    return result;
}
