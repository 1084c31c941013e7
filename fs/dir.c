/* SPDX-License-Identifier: MIT */
/* dir.c - see dir.h. */
#include "dir.h"
#include "control.h"
#include "control_tags.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* The cursor behind a name: 1 is behind ".", 2 behind "..", then STEP more for each entry, so that names which come
 * between two known ones later find numbers, too. A known name keeps its number. */
#define STEP ((uint64_t)1 << 20)

struct mark {
    uint64_t cursor;
    char *name; /* owned */
};

struct marks {
    struct mark *at;
    size_t count, room;
};

struct dir_handle {
    struct node *node; /* the kernel holds it while the handle is open */
    LIST_ENTRY(dir_handle) all; /* in fs->dir_handles, guarded by fs->lock */
    pthread_mutex_t lock;
    /* --- below here lock protects ---------------------------------------------------------------------- */
    struct marks kept; /* the first MARKS_EXACT, then one in MARK_EVERY, ascending */
    struct marks last; /* every entry of the last reply, ascending without gaps */
};

/* --- marks --------------------------------------------------------------------------------------------- */

static int marks_add(struct marks *marks, uint64_t cursor, const char *name)
{
    if (marks->count == marks->room) {
        size_t room = marks->room ? 2 * marks->room : 64;
        struct mark *at = reallocarray(marks->at, room, sizeof *at);
        if (!at)
            return -ENOMEM;
        marks->at = at;
        marks->room = room;
    }
    char *copy = strdup(name);
    if (!copy)
        return -ENOMEM;
    marks->at[marks->count++] = (struct mark){cursor, copy};
    return 0;
}

static void marks_clear(struct marks *marks)
{
    for (size_t i = 0; i < marks->count; i++)
        free(marks->at[i].name);
    marks->count = 0;
}

/* The mark at a cursor, or the nearest before it; NULL when there is none. */
static const struct mark *marks_find(const struct marks *marks, uint64_t cursor)
{
    size_t low = 0, high = marks->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (marks->at[middle].cursor <= cursor)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 ? &marks->at[low - 1] : NULL;
}

/* The first mark whose name is not before this one; NULL when all are. */
static const struct mark *marks_find_name(const struct marks *marks, const char *name)
{
    if (marks->count == 0 || strcmp(marks->at[marks->count - 1].name, name) < 0)
        return NULL; /* nearly always: listing goes on */
    size_t low = 0, high = marks->count - 1;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(marks->at[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return &marks->at[low];
}

/* The cursor behind a name that comes after the one with cursor `before`. */
static uint64_t cursor_behind(const struct marks *kept, const char *name, uint64_t before)
{
    const struct mark *mark = marks_find_name(kept, name);
    uint64_t next = before - before % STEP + STEP;
    if (mark && strcmp(mark->name, name) == 0 && mark->cursor > before)
        return mark->cursor;
    return mark && next >= mark->cursor && before + 1 < mark->cursor ? before + 1 : next;
}

/* --- one reply ----------------------------------------------------------------------------------------- */

/* A reply being filled. */
struct filling {
    struct fs *fs;
    fuse_req_t request;
    struct dir_handle *handle;
    bool plus;
    char *buffer;
    size_t size, used;
    uint64_t cursor; /* behind what was given last */
    uint64_t skip; /* entries to pass over first */
    struct marks given; /* what this reply gives */
    uint64_t noted[GATES]; /* what had ended when the listing began */
    int error;
};

enum { STOP = 1 };

/* Adds one entry when it fits; STOP when it does not. */
static int fill_attr(struct filling *filling, const char *name, const struct fuse_entry_param *entry, uint64_t cursor)
{
    char *at = filling->buffer + filling->used;
    size_t left = filling->size - filling->used, needed;
    if (filling->plus)
        needed = fuse_add_direntry_plus(filling->request, at, left, name, entry, (off_t)cursor);
    else
        needed = fuse_add_direntry(filling->request, at, left, name, &entry->attr, (off_t)cursor);
    if (needed > left)
        return STOP;
    filling->used += needed;
    filling->cursor = cursor;
    return 0;
}

static bool fits(const struct filling *filling, const char *name)
{
    size_t needed = filling->plus ? fuse_add_direntry_plus(filling->request, NULL, 0, name, NULL, 0)
                                  : fuse_add_direntry(filling->request, NULL, 0, name, NULL, 0);
    return needed <= filling->size - filling->used;
}

/* "." and "..", which the kernel does not enter into its caches. */
static int fill_dots(struct filling *filling, uint64_t ino, uint64_t parent)
{
    struct fuse_entry_param entry = {.attr = {.st_mode = S_IFDIR, .st_ino = ino}};
    if (filling->cursor == 0 && fill_attr(filling, ".", &entry, 1) == STOP)
        return STOP;
    entry.attr.st_ino = parent;
    return filling->cursor == 1 ? fill_attr(filling, "..", &entry, 2) : 0;
}

/* For READDIRPLUS: the entry's node, with a lookup counted. */
static int fill_plus(struct filling *filling, const char *name, const struct entry *entry)
{
    struct fs *fs = filling->fs;
    struct fuse_entry_param param = {0};
    uint64_t dir = filling->handle->node->ino;
    unsigned gate = gate_of(dir, name);
    fs_lock(fs);
    bool steady = gate_steady(fs, gate, filling->noted[gate]);
    struct node *node = node_for_entry_locked(fs, dir, name, entry, steady);
    if (node)
        node_reply_locked(fs, node, entry, steady, &param);
    if (param.entry_timeout > 0)
        filling->handle->node->listed_ns = clock_ns(CLOCK_MONOTONIC);
    fs_unlock(fs);
    return node ? fill_attr(filling, name, &param, cursor_behind(&filling->handle->kept, name, filling->cursor))
                : -ENOMEM;
}

static int fill_plain(struct filling *filling, const char *name, const struct entry *entry)
{
    struct fuse_entry_param param;
    attr_fill(entry, 1, &param.attr);
    return fill_attr(filling, name, &param, cursor_behind(&filling->handle->kept, name, filling->cursor));
}

/* store_list()'s each. */
static int fill_entry(void *arg, const char *name, const struct entry *entry)
{
    struct filling *filling = arg;
    if (filling->skip > 0) {
        filling->skip--;
        return 0;
    }
    if (!fits(filling, name))
        return STOP;
    int result = filling->plus ? fill_plus(filling, name, entry) : fill_plain(filling, name, entry);
    if (result == 0)
        result = marks_add(&filling->given, filling->cursor, name);
    if (result < 0)
        filling->error = result;
    return result == 0 ? 0 : STOP;
}

/* --- the cursor ---------------------------------------------------------------------------------------- */

/* Where to go on from a cursor: behind which name, and how many entries further. */
static const char *resume(const struct dir_handle *handle, uint64_t cursor, uint64_t *ret_skip)
{
    const struct mark *mark = marks_find(&handle->last, cursor);
    if (!mark || mark->cursor != cursor)
        mark = marks_find(&handle->kept, cursor);
    uint64_t beyond = mark ? cursor - mark->cursor : cursor - cursor % STEP;
    *ret_skip = beyond / STEP + beyond % STEP;
    return mark ? mark->name : NULL;
}

/* Remembers what a reply gave. */
static void remember(struct dir_handle *handle, struct marks *given)
{
    for (size_t i = 0; i < given->count; i++) {
        const struct mark *mark = &given->at[i];
        const struct marks *kept = &handle->kept;
        if (kept->count > 0 && mark->cursor <= kept->at[kept->count - 1].cursor)
            continue; /* been here before */
        if (kept->count < MARKS_EXACT || mark->cursor >= kept->at[kept->count - 1].cursor + MARK_EVERY * STEP)
            if (marks_add(&handle->kept, mark->cursor, mark->name) < 0)
                break;
    }
    marks_clear(&handle->last);
    free(handle->last.at);
    handle->last = *given;
}

/* --- the whole ----------------------------------------------------------------------------------------- */

int dir_open(struct fs *fs, struct node *node, struct dir_handle **ret_handle)
{
    struct dir_handle *handle = calloc(1, sizeof *handle);
    if (!handle)
        return -ENOMEM;
    handle->node = node;
    pthread_mutex_init(&handle->lock, NULL);
    fs_lock(fs);
    LIST_INSERT_HEAD(&fs->dir_handles, handle, all);
    fs_unlock(fs);
    *ret_handle = handle;
    return 0;
}

void dir_close(struct fs *fs, struct dir_handle *handle)
{
    fs_lock(fs);
    LIST_REMOVE(handle, all);
    fs_unlock(fs);
    marks_clear(&handle->kept);
    marks_clear(&handle->last);
    free(handle->kept.at);
    free(handle->last.at);
    pthread_mutex_destroy(&handle->lock);
    free(handle);
}

void dir_close_all(struct fs *fs)
{
    struct dir_handle *handle;
    while ((handle = LIST_FIRST(&fs->dir_handles)))
        dir_close(fs, handle);
}

static int read_store(struct fs *fs, struct filling *filling)
{
    struct dir_handle *handle = filling->handle;
    struct entry dir;
    int result = store_dir(fs->store, handle->node->ino, &dir);
    if (result < 0)
        return result;
    result = fill_dots(filling, dir.ino, dir.parent);
    entry_release(&dir);
    if (result == STOP)
        return 0;
    const char *after = resume(handle, filling->cursor, &filling->skip);
    result = store_list(fs->store, handle->node->ino, after, fill_entry, filling);
    if (filling->error && filling->used == 0)
        return filling->error;
    return result < 0 ? result : 0;
}

static int read_control(struct filling *filling)
{
    uint64_t ino;
    const char *name;
    int result = fill_dots(filling, filling->handle->node->ino, STORE_ROOT);
    while (result == 0 && (name = control_file((size_t)filling->cursor - 2, &ino))) {
        struct fuse_entry_param entry = {.attr = {.st_mode = S_IFREG, .st_ino = ino}};
        result = fill_attr(filling, name, &entry, filling->cursor + 1);
    }
    struct fuse_entry_param tags = {.attr = {.st_mode = S_IFDIR, .st_ino = filling->fs->tags->ino}};
    if (result == 0 && !control_file((size_t)filling->cursor - 3, &ino))
        return 0; /* they are behind us */
    if (result == 0)
        (void)fill_attr(filling, CONTROL_TAGS_NAME, &tags, filling->cursor + 1);
    return 0;
}

/* --- .larder/tags -------------------------------------------------------------------------------------- */

/* control_tags_list()'s each. No node comes with it: `ls` asks for what it wants to know. */
static int fill_tag(void *arg, const char *name, uint64_t ino, uint64_t version)
{
    struct filling *filling = arg;
    struct fuse_entry_param entry = {.attr = {.st_mode = S_IFDIR, .st_ino = ino}};
    (void)version;
    if (filling->skip > 0) {
        filling->skip--;
        return 0;
    }
    uint64_t cursor = cursor_behind(&filling->handle->kept, name, filling->cursor);
    int result = fill_attr(filling, name, &entry, cursor);
    if (result == 0)
        filling->error = result = marks_add(&filling->given, cursor, name);
    return result == 0 ? 0 : STOP;
}

/* The cursor behind a link is its version, behind those of the dots. */
enum { LINKS_BEHIND = 2 };

static int fill_link(void *arg, const char *name, uint64_t ino, uint64_t version)
{
    struct fuse_entry_param entry = {.attr = {.st_mode = S_IFLNK, .st_ino = ino}};
    return fill_attr(arg, name, &entry, LINKS_BEHIND + version);
}

static int read_tags(struct filling *filling)
{
    struct fs *fs = filling->fs;
    struct dir_handle *handle = filling->handle;
    bool all = handle->node->kind == NODE_CONTROL_TAGS;
    if (fill_dots(filling, handle->node->ino, all ? fs->control->ino : fs->tags->ino) == STOP)
        return 0;
    const char *after = all ? resume(handle, filling->cursor, &filling->skip) : NULL;
    int result = all ? control_tags_list(fs, after, fill_tag, filling)
                     : control_tags_list_tag(fs, handle->node, filling->cursor - LINKS_BEHIND, fill_link, filling);
    if (filling->error && filling->used == 0)
        return filling->error;
    return result < 0 ? result : 0;
}

static int read_any(struct fs *fs, struct filling *filling)
{
    switch (filling->handle->node->kind) {
    case NODE_CONTROL_DIR:
        return read_control(filling);
    case NODE_CONTROL_TAGS:
    case NODE_CONTROL_TAG:
        return read_tags(filling);
    default:
        return read_store(fs, filling);
    }
}

int dir_read(struct fs *fs, fuse_req_t request, struct dir_handle *handle, bool plus, uint64_t cursor, char *buffer,
             size_t size, size_t *ret_used)
{
    struct filling filling = {
        .fs = fs,
        .request = request,
        .handle = handle,
        .plus = plus,
        .buffer = buffer,
        .size = size,
        .cursor = cursor,
    };
    if (cursor == 0)
        node_dir_settle(fs, handle->node);
    for (unsigned gate = 0; gate < GATES; gate++)
        filling.noted[gate] = gate_note(fs, gate);

    pthread_mutex_lock(&handle->lock);
    int result = read_any(fs, &filling);
    if (filling.given.count > 0)
        remember(handle, &filling.given);
    pthread_mutex_unlock(&handle->lock);
    *ret_used = filling.used;
    return result;
}
