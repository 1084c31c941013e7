/* SPDX-License-Identifier: MIT */
/* handles.c - see handles.h. */
#include "handles.h"
#include "file.h"

#include <stdlib.h>

/* So many are kept: some programs have that many files open at once. AddressSanitizer is to see who uses a freed one. */
#ifdef __SANITIZE_ADDRESS__
enum { SPARE_MAX = 0 };
#else
enum { SPARE_MAX = 256 };
#endif

struct handle *handles_take_locked(struct fs *fs)
{
    struct handle *handle = LIST_FIRST(&fs->spare_handles);
    if (!handle)
        return malloc(sizeof *handle);
    LIST_REMOVE(handle, of_node);
    fs->spare_handle_count--;
    return handle;
}

void handles_give_locked(struct fs *fs, struct handle *handle)
{
    if (fs->spare_handle_count == SPARE_MAX) {
        free(handle);
        return;
    }
    LIST_INSERT_HEAD(&fs->spare_handles, handle, of_node);
    fs->spare_handle_count++;
}

void handles_release(struct fs *fs)
{
    struct handle *handle;
    while ((handle = LIST_FIRST(&fs->spare_handles))) {
        LIST_REMOVE(handle, of_node);
        free(handle);
    }
}
