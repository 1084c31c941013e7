/* SPDX-License-Identifier: MIT */
/*
 * fill.c - puts many entries of 100 bytes into a store that nobody has mounted, faster than through a mount.
 *
 *     fill STORE COUNT TAG [EACH]    tagged/N/M with a tag, a thousand or EACH in a directory, and other/0 to other/999
 *                                    without
 *     fill STORE NAME=COUNT...       NAME/0 to NAME/COUNT-1, without a tag
 */
#include "store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EACH = 1000, OTHERS = 1000 };

/* Ends the program when something went wrong. */
static void need(int result, const char *what)
{
    if (result == 0)
        return;
    fprintf(stderr, "fill: %s: %s\n", what, strerror(-result));
    exit(1);
}

static unsigned number(const char *text)
{
    return (unsigned)strtoul(text, NULL, 10);
}

static uint64_t make_dir(struct store *store, uint64_t parent, const char *name)
{
    struct entry entry;
    need(store_make_dir(store, parent, name, 0755, 0, 0, &entry), name);
    uint64_t id = entry.ino;
    entry_release(&entry);
    return id;
}

static void put(struct store *store, uint64_t dir, unsigned number)
{
    char name[16], value[100];
    struct store_version *version;
    snprintf(name, sizeof name, "%u", number);
    memset(value, 'v', sizeof value);
    need(store_stage(store, dir, name, 0644, 0, 0, &version), "stage");
    need(store_write(version, value, sizeof value, 0), "write");
    need(store_publish(version, dir, name, 0), "publish");
    store_unpin(version);
}

static void fill_tagged(struct store *store, unsigned count, const char *tag, unsigned each)
{
    uint64_t tagged = make_dir(store, STORE_ROOT, "tagged"), other = make_dir(store, STORE_ROOT, "other"), dir = 0;
    need(store_change_dir(store, tagged, &(struct entry_change){.set = ENTRY_SET_TAGS, .tags = tag}, NULL), "tags");
    for (unsigned i = 0; i < count; i++) {
        char name[16];
        snprintf(name, sizeof name, "%u", i / each);
        if (i % each == 0)
            dir = make_dir(store, tagged, name);
        put(store, dir, i % each);
    }
    for (unsigned i = 0; i < OTHERS; i++)
        put(store, other, i);
}

/* `what` is NAME=COUNT. */
static void fill_one(struct store *store, char *what)
{
    char *count = strchr(what, '=');
    *count++ = '\0';
    uint64_t dir = make_dir(store, STORE_ROOT, what);
    unsigned entries = number(count);
    for (unsigned i = 0; i < entries; i++)
        put(store, dir, i);
}

int main(int argc, char **argv)
{
    struct store_options options = {.limit_bytes = (uint64_t)64 << 30};
    struct store *store;
    struct store_error error;
    bool names = argc > 2;
    for (int i = 2; i < argc; i++)
        names = names && strchr(argv[i], '=');
    if (!names && argc != 4 && argc != 5) {
        fprintf(stderr, "usage: fill STORE COUNT TAG [EACH]\n"
                        "       fill STORE NAME=COUNT...\n");
        return 2;
    }
    if (store_open(argv[1], &options, &store, &error) < 0) {
        fprintf(stderr, "fill: %s\n", error.text);
        return 1;
    }
    if (!names)
        fill_tagged(store, number(argv[2]), argv[3], argc == 5 ? number(argv[4]) : EACH);
    for (int i = 2; names && i < argc; i++)
        fill_one(store, argv[i]);
    store_close(store);
    return 0;
}
