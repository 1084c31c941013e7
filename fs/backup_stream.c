/* SPDX-License-Identifier: MIT */
/* backup_stream.c - see backup_stream.h. */
#include "backup_stream.h"
#include "limit.h"
#include "store.h"
#include "tar.h"
#include "xattr.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define END_FORMAT BACKUP_BEGIN " ends: %" PRIu64 " entries, %" PRIu64 " bytes"

struct backup_stream {
    struct store *store;
    struct store_snapshot *snapshot;
    int error; /* what ended it */
    bool ended; /* what waits is the last */
    char *text; /* what waits to be read, */
    size_t text_size, text_read;
    uint64_t value_size, value_read; /* and the value behind it */
    struct backup_count count;
    struct entry root; /* without what it owns */
};

/* --- members ------------------------------------------------------------------------------------------- */

/* The attributes of one entry, each with its name, in one block. */
struct attributes {
    struct tar_attribute *list;
    size_t count, room;
};

static int add_attribute(void *arg, const char *name, size_t name_size, const void *value, size_t value_size)
{
    struct attributes *attributes = arg;
    if (attributes->count == attributes->room) {
        size_t room = attributes->room ? 2 * attributes->room : 8;
        struct tar_attribute *list = realloc(attributes->list, room * sizeof *list);
        if (!list)
            return -ENOMEM;
        attributes->list = list;
        attributes->room = room;
    }
    char *copy = malloc(name_size + 1 + value_size);
    if (!copy)
        return -ENOMEM;
    memcpy(copy, name, name_size);
    copy[name_size] = '\0';
    if (value_size > 0)
        memcpy(copy + name_size + 1, value, value_size);
    attributes->list[attributes->count++] = (struct tar_attribute){copy, copy + name_size + 1, value_size};
    return 0;
}

static void release_attributes(struct attributes *attributes)
{
    for (size_t i = 0; i < attributes->count; i++)
        free((char *)attributes->list[i].name);
    free(attributes->list);
}

/* What limits a directory. These are as they are now, not as in the snapshot. */
static int add_limits(struct store *store, uint64_t dir, struct attributes *attributes)
{
    struct store_quota quota;
    if (dir == STORE_ROOT || store_quota(store, dir, &quota) < 0)
        return 0;
    return limit_each(&quota, add_attribute, attributes);
}

static int put_entry(struct store *store, FILE *out, const char *path, const struct entry *entry, const char *comment)
{
    static const int types[] = {[ENTRY_FILE] = TAR_FILE, [ENTRY_DIR] = TAR_DIRECTORY, [ENTRY_SYMLINK] = TAR_SYMLINK};
    char target[STORE_TARGET_MAX + 1] = "";
    struct attributes attributes = {0};
    if (entry->kind == ENTRY_SYMLINK)
        memcpy(target, entry->value, entry->value_size);
    int result = xattr_each(entry, add_attribute, &attributes);
    if (result == 0 && entry->kind == ENTRY_DIR && !comment)
        result = add_limits(store, entry->ino, &attributes);
    const struct tar_member member = {
        .type = types[entry->kind],
        .path = *path ? path : "./",
        .target = target,
        .mode = entry->mode,
        .uid = entry->uid,
        .gid = entry->gid,
        .size = entry->kind == ENTRY_FILE ? entry->size : 0,
        .mtime_ns = entry->mtime_ns,
        .comment = comment,
        .attributes = attributes.list,
        .attributes_count = attributes.count,
    };
    if (result == 0)
        result = tar_put_member(out, &member);
    release_attributes(&attributes);
    return result;
}

static int put_end(struct backup_stream *stream, FILE *out)
{
    char comment[128];
    snprintf(comment, sizeof comment, END_FORMAT, stream->count.entries, stream->count.bytes);
    int result = put_entry(stream->store, out, "", &stream->root, comment);
    tar_put_end(out);
    stream->ended = true;
    return result;
}

/* --- the stream ---------------------------------------------------------------------------------------- */

/* The root comes once more, without attributes, so that its size is known. */
static void note_root(struct backup_stream *stream, const struct entry *entry)
{
    stream->root = (struct entry){
        .kind = entry->kind, .mode = entry->mode, .uid = entry->uid, .gid = entry->gid, .mtime_ns = entry->mtime_ns};
}

/* The text of the next entry, or of the end. */
static int put_next(struct backup_stream *stream, FILE *out)
{
    const char *path;
    const struct entry *entry;
    int result = store_snapshot_next(stream->snapshot, &path, &entry);
    if (result != 0)
        return result < 0 ? result : put_end(stream, out);
    if (entry->kind == ENTRY_FILE)
        stream->value_size = entry->size;
    else if (stream->count.entries == 0)
        note_root(stream, entry);
    stream->count.entries++;
    stream->count.bytes += stream->value_size;
    return put_entry(stream->store, out, path, entry, NULL);
}

/* Makes more to be read. */
static int produce(struct backup_stream *stream)
{
    free(stream->text);
    stream->text = NULL;
    stream->text_size = stream->text_read = 0;
    FILE *out = open_memstream(&stream->text, &stream->text_size);
    if (!out)
        return -ENOMEM;
    int result = 0;
    if (stream->count.entries == 0)
        result = tar_put_comment(out, BACKUP_BEGIN);
    for (size_t i = tar_padding(stream->value_size); i > 0; i--)
        putc('\0', out);
    stream->value_size = stream->value_read = 0;
    if (result == 0)
        result = put_next(stream, out);
    return fclose(out) == 0 ? result : -ENOMEM;
}

/* Copies what is there; *ret_size is 0 when it is time for more. */
static int take(struct backup_stream *stream, char *to, size_t size, size_t *ret_size)
{
    size_t text_left = stream->text_size - stream->text_read;
    uint64_t value_left = stream->value_size - stream->value_read;
    if (text_left > 0) {
        *ret_size = size < text_left ? size : text_left;
        memcpy(to, stream->text + stream->text_read, *ret_size);
        stream->text_read += *ret_size;
        return 0;
    }
    *ret_size = 0;
    if (value_left == 0)
        return 0;
    int result = store_snapshot_read(stream->snapshot, to, size, stream->value_read, ret_size);
    if (result == 0 && *ret_size == 0)
        result = -EIO;
    stream->value_read += *ret_size;
    return result;
}

int backup_stream_read(struct backup_stream *stream, void *buffer, size_t size, size_t *ret_size)
{
    char *to = buffer;
    size_t filled = 0, got;
    while (stream->error == 0 && filled < size) {
        stream->error = take(stream, to + filled, size - filled, &got);
        filled += stream->error == 0 ? got : 0;
        if (stream->error == 0 && got == 0) {
            if (stream->ended)
                break;
            stream->error = produce(stream);
        }
    }
    if (stream->error == 0)
        *ret_size = filled;
    return stream->error;
}

int backup_stream_open(struct store *store, struct backup_stream **ret_stream)
{
    struct backup_stream *stream = calloc(1, sizeof *stream);
    if (!stream)
        return -ENOMEM;
    stream->store = store;
    int result = store_snapshot_open(store, &stream->snapshot);
    if (result < 0)
        free(stream);
    else
        *ret_stream = stream;
    return result;
}

void backup_stream_close(struct backup_stream *stream)
{
    if (!stream)
        return;
    store_snapshot_close(stream->snapshot);
    free(stream->text);
    free(stream);
}

/* --- is it whole --------------------------------------------------------------------------------------- */

bool backup_comment_parse(const char *text, struct backup_count *ret_count)
{
    struct backup_count count;
    char again[128];
    if (sscanf(text, BACKUP_BEGIN " ends: %" SCNu64 " entries, %" SCNu64 " bytes", &count.entries, &count.bytes) != 2)
        return false;
    snprintf(again, sizeof again, END_FORMAT, count.entries, count.bytes);
    if (strcmp(text, again) != 0)
        return false;
    *ret_count = count;
    return true;
}

struct ending {
    const char *bytes;
    size_t left;
    bool found;
    struct backup_count count;
};

static ssize_t read_ending(void *arg, void *buffer, size_t size)
{
    struct ending *ending = arg;
    if (size > ending->left)
        size = ending->left;
    memcpy(buffer, ending->bytes + BACKUP_END_SIZE - ending->left, size);
    ending->left -= size;
    return (ssize_t)size;
}

static void hear_ending(void *arg, const char *text)
{
    struct ending *ending = arg;
    ending->found = backup_comment_parse(text, &ending->count);
}

bool backup_end_parse(const char *bytes, struct backup_count *ret_count)
{
    struct ending ending = {.bytes = bytes, .left = BACKUP_END_SIZE};
    struct tar_reader reader = {.read = read_ending, .arg = &ending, .comment = hear_ending};
    const struct tar_member *member;
    bool whole = tar_next(&reader, &member) == 0 && ending.found && tar_next(&reader, &member) == 1;
    tar_release(&reader);
    if (whole)
        *ret_count = ending.count;
    return whole;
}
