/* SPDX-License-Identifier: MIT */
/*
 * tar.c - archives: every member that is read can be written, and is read as the same again. Sums are made right first,
 * since no fuzzer would guess them.
 */
#include "tar.h"
#include "backup_stream.h"
#include "fuzz.h"
#include "reading_only.h"

#include <errno.h>

enum { SUM_AT = 148, SUM_SIZE = 8 };

struct source {
    const char *bytes;
    size_t size, at;
};

/* In pieces that end anywhere. */
static ssize_t read_source(void *arg, void *buffer, size_t size)
{
    struct source *source = arg;
    size_t part = source->size - source->at;
    part = part < size ? part : size;
    part = part > 700 ? 700 : part;
    memcpy(buffer, source->bytes + source->at, part);
    source->at += part;
    return (ssize_t)part;
}

/* Puts the right sum into whatever may be a header. */
static void mend_sums(char *bytes, size_t size)
{
    for (size_t at = 0; at + TAR_BLOCK <= size; at += TAR_BLOCK) {
        unsigned sum = 0;
        char text[SUM_SIZE + 1], *block = bytes + at;
        if (memcmp(block + 257, "ustar", 5) != 0)
            continue;
        memset(block + SUM_AT, ' ', SUM_SIZE);
        for (size_t i = 0; i < TAR_BLOCK; i++)
            sum += (unsigned char)block[i];
        snprintf(text, sizeof text, "%06o", sum);
        memcpy(block + SUM_AT, text, 7);
    }
}

static void count_comment(void *arg, const char *text)
{
    struct backup_count count;
    (void)arg;
    if (backup_comment_parse(text, &count))
        require(strlen(text) < 128);
}

/* What the two agree in, as far as an archive can say it. */
static void check_same(const struct tar_member *a, const struct tar_member *b)
{
    require(a->type == b->type && strcmp(a->path, b->path) == 0 && strcmp(a->target, b->target) == 0);
    require(a->mode == b->mode && a->uid == b->uid && a->gid == b->gid && a->size == b->size);
    require(a->mtime_ns == b->mtime_ns && a->attributes_count == b->attributes_count);
    for (size_t i = 0; i < a->attributes_count; i++) {
        const struct tar_attribute *one = &a->attributes[i], *other = &b->attributes[i];
        require(strcmp(one->name, other->name) == 0 && one->value_size == other->value_size);
        require(memcmp(one->value, other->value, one->value_size) == 0);
    }
}

/* Members that nobody would write have no form of their own. */
static bool can_be_written(const struct tar_member *member)
{
    bool known = member->type == TAR_FILE || member->type == TAR_SYMLINK || member->type == TAR_DIRECTORY;
    size_t size = strlen(member->path);
    for (size_t i = 0; i < member->attributes_count; i++)
        if (strlen(member->attributes[i].name) > 255)
            return false;
    return known && size > 0 && !member->sparse && (member->type == TAR_DIRECTORY || member->path[size - 1] != '/') &&
           (member->type == TAR_FILE || member->size == 0);
}

static void write_and_read(const struct tar_member *member)
{
    char *bytes;
    size_t size;
    FILE *out = open_memstream(&bytes, &size);
    require(out && tar_put_member(out, member) == 0 && fclose(out) == 0);
    require(size % TAR_BLOCK == 0);
    struct source source = {bytes, size, 0};
    struct tar_reader reader = {.read = read_source, .arg = &source};
    const struct tar_member *again;
    require(tar_next(&reader, &again) == 0);
    check_same(member, again);
    require(source.at == size);
    tar_release(&reader);
    free(bytes);
}

static void read_all_members(char *bytes, size_t size)
{
    struct source source = {bytes, size, 0};
    struct tar_reader reader = {.read = read_source, .arg = &source, .comment = count_comment};
    const struct tar_member *member;
    char buffer[600];
    int result;
    ssize_t got = 0;
    while ((result = tar_next(&reader, &member)) == 0) {
        if (can_be_written(member))
            write_and_read(member);
        uint64_t left = member->size;
        for (int reads = 0; reads < 3 && (got = tar_read(&reader, buffer, sizeof buffer)) > 0;
             reads++, left -= (uint64_t)got)
            require(member->type != TAR_FILE || (uint64_t)got <= left);
    }
    require(result == 1 || result == -ENODATA || result == -EBADMSG);
    tar_release(&reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct backup_count count;
    char *bytes = fuzz_text(data, size);
    mend_sums(bytes, size);
    if (size >= BACKUP_END_SIZE)
        (void)backup_end_parse(bytes + size - BACKUP_END_SIZE, &count);
    read_all_members(bytes, size);
    free(bytes);
    return 0;
}
