/* SPDX-License-Identifier: MIT */
/*
 * fill.c - fill STORE COUNT TAG [EACH]: puts many entries with a tag into a store that nobody has mounted, faster than
 * through a mount: tagged/N/M, a thousand or EACH in a directory, of 100 bytes; and other/0 to other/999 without the tag.
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

int main(int argc, char **argv)
{
    struct store_options options = {.limit_bytes = (uint64_t)8 << 30};
    struct store *store;
    struct store_error error;
    if (argc != 4 && argc != 5) {
        fprintf(stderr, "usage: fill STORE COUNT TAG [EACH]\n");
        return 2;
    }
    unsigned count = (unsigned)strtoul(argv[2], NULL, 10);
    unsigned each = argc == 5 ? (unsigned)strtoul(argv[4], NULL, 10) : EACH;
    if (store_open(argv[1], &options, &store, &error) < 0) {
        fprintf(stderr, "fill: %s\n", error.text);
        return 1;
    }
    uint64_t tagged = make_dir(store, STORE_ROOT, "tagged"), other = make_dir(store, STORE_ROOT, "other"), dir = 0;
    need(store_change_dir(store, tagged, &(struct entry_change){.set = ENTRY_SET_TAGS, .tags = argv[3]}, NULL), "tags");
    for (unsigned i = 0; i < count; i++) {
        char name[16];
        snprintf(name, sizeof name, "%u", i / each);
        if (i % each == 0)
            dir = make_dir(store, tagged, name);
        put(store, dir, i % each);
    }
    for (unsigned i = 0; i < OTHERS; i++)
        put(store, other, i);
    store_close(store);
    return 0;
}
