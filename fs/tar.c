/* SPDX-License-Identifier: MIT */
/* tar.c - see tar.h. */
#include "tar.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* The header, of which all fields are text. Numbers end with a blank or NUL. */
struct block {
    char name[100];
    char mode[8], uid[8], gid[8];
    char size[12], mtime[12];
    char sum[8]; /* of all bytes, with this field blank */
    char type;
    char link[100];
    char magic[6], version[2];
    char uname[32], gname[32];
    char major[8], minor[8];
    char prefix[155];
    char rest[12];
};
_Static_assert(sizeof(struct block) == TAR_BLOCK, "a header is a block");

#define XATTR "SCHILY.xattr."

static unsigned sum_of(const struct block *block)
{
    const unsigned char *bytes = (const unsigned char *)block;
    unsigned sum = 0;
    for (size_t i = 0; i < TAR_BLOCK; i++)
        sum += i >= offsetof(struct block, sum) && i < offsetof(struct block, type) ? ' ' : bytes[i];
    return sum;
}

/* --- records ------------------------------------------------------------------------------------------- */

/* "LENGTH KEY=VALUE\n": the length counts itself. */
static void put_record(FILE *out, const char *key, const void *value, size_t size)
{
    size_t rest = 1 + strlen(key) + 1 + size + 1, length = rest + 1;
    char digits[24];
    while ((size_t)snprintf(digits, sizeof digits, "%zu", length) + rest != length)
        length = rest + strlen(digits);
    fprintf(out, "%s %s=", digits, key);
    fwrite(value, 1, size, out);
    fputc('\n', out);
}

static void put_text(FILE *out, const char *key, const char *text)
{
    put_record(out, key, text, strlen(text));
}

static void put_number(FILE *out, const char *key, uint64_t number)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, number);
    put_text(out, key, text);
}

/* A key ends at the first '=', so that one in a name is written as GNU tar does it. */
static void put_attribute(FILE *out, const struct tar_attribute *attribute)
{
    char key[sizeof XATTR + 3 * 256] = XATTR, *end = key + sizeof XATTR - 1;
    for (const char *at = attribute->name; *at && end < key + sizeof key - 4; at++)
        if (*at == '=' || *at == '%')
            end += sprintf(end, "%%%02X", *at);
        else
            *end++ = *at;
    *end = '\0';
    put_record(out, key, attribute->value, attribute->value_size);
}

static void put_time(FILE *out, int64_t ns)
{
    char text[40];
    uint64_t distance = ns < 0 ? -(uint64_t)ns : (uint64_t)ns;
    snprintf(text, sizeof text, "%s%" PRIu64 ".%09" PRIu64, ns < 0 ? "-" : "", distance / 1000000000,
             distance % 1000000000);
    put_text(out, "mtime", text);
}

/* --- writing ------------------------------------------------------------------------------------------- */

#define OCTAL7  UINT64_C(07777777)
#define OCTAL11 UINT64_C(077777777777)

/* The path as it stands in the archive. */
static size_t path_text(const struct tar_member *member, char **ret_text)
{
    size_t size = strlen(member->path);
    bool slash = member->type == TAR_DIRECTORY && size > 0 && member->path[size - 1] != '/';
    if (!(*ret_text = malloc(size + 2)))
        return 0;
    memcpy(*ret_text, member->path, size);
    strcpy(*ret_text + size, slash ? "/" : "");
    return size + slash;
}

static void put_octal(char *field, size_t size, uint64_t number, uint64_t most)
{
    char text[24];
    snprintf(text, sizeof text, "%0*" PRIo64, (int)size - 1, number <= most ? number : 0);
    memcpy(field, text, size);
}

static void put_block(FILE *out, const struct tar_member *member, const char *path, size_t path_size)
{
    struct block block = {.type = (char)member->type, .magic = "ustar", .version = {'0', '0'}};
    size_t target_size = strlen(member->target);
    int64_t seconds = member->mtime_ns / 1000000000;
    memcpy(block.name, path, path_size < sizeof block.name ? path_size : sizeof block.name);
    memcpy(block.link, member->target, target_size < sizeof block.link ? target_size : sizeof block.link);
    put_octal(block.mode, sizeof block.mode, member->mode, OCTAL7);
    put_octal(block.uid, sizeof block.uid, member->uid, OCTAL7);
    put_octal(block.gid, sizeof block.gid, member->gid, OCTAL7);
    put_octal(block.size, sizeof block.size, member->size, OCTAL11);
    put_octal(block.mtime, sizeof block.mtime, seconds > 0 ? (uint64_t)seconds : 0, OCTAL11);
    put_octal(block.major, sizeof block.major, 0, 0);
    put_octal(block.minor, sizeof block.minor, 0, 0);
    snprintf(block.sum, sizeof block.sum, "%06o", sum_of(&block));
    block.sum[7] = ' ';
    fwrite(&block, 1, sizeof block, out);
}

static void put_zeroes(FILE *out, size_t count)
{
    static const char zeroes[2 * TAR_BLOCK];
    fwrite(zeroes, 1, count, out);
}

/* A header with records for what follows; nothing when there are none. */
static void put_records(FILE *out, int type, const char *records, size_t size)
{
    const struct tar_member header = {.type = type, .target = "", .mode = 0644, .size = size};
    if (size == 0)
        return;
    put_block(out, &header, "./PaxHeaders/larder", 19);
    fwrite(records, 1, size, out);
    put_zeroes(out, tar_padding(size));
}

/* What the old header has no room for. */
static void write_records(FILE *out, const struct tar_member *member, const char *path, size_t path_size)
{
    if (path_size > sizeof((struct block *)0)->name)
        put_record(out, "path", path, path_size);
    if (strlen(member->target) > sizeof((struct block *)0)->link)
        put_text(out, "linkpath", member->target);
    if (member->size > OCTAL11)
        put_number(out, "size", member->size);
    if (member->uid > OCTAL7)
        put_number(out, "uid", member->uid);
    if (member->gid > OCTAL7)
        put_number(out, "gid", member->gid);
    if (member->mtime_ns < 0 || member->mtime_ns % 1000000000)
        put_time(out, member->mtime_ns);
    if (member->comment)
        put_text(out, "comment", member->comment);
    for (size_t i = 0; i < member->attributes_count; i++)
        put_attribute(out, &member->attributes[i]);
}

int tar_put_member(FILE *out, const struct tar_member *member)
{
    char *records = NULL, *path;
    size_t size = 0, path_size = path_text(member, &path);
    FILE *text = path ? open_memstream(&records, &size) : NULL;
    if (text)
        write_records(text, member, path, path_size);
    bool done = text && fclose(text) == 0;
    if (done) {
        put_records(out, 'x', records, size);
        put_block(out, member, path, path_size);
    }
    free(records);
    free(path);
    return done ? 0 : -ENOMEM;
}

int tar_put_comment(FILE *out, const char *comment)
{
    char *records = NULL;
    size_t size = 0;
    FILE *text = open_memstream(&records, &size);
    if (text)
        put_text(text, "comment", comment);
    bool done = text && fclose(text) == 0;
    if (done)
        put_records(out, 'g', records, size);
    free(records);
    return done ? 0 : -ENOMEM;
}

void tar_put_end(FILE *out)
{
    put_zeroes(out, 2 * TAR_BLOCK);
}

/* --- reading ------------------------------------------------------------------------------------------- */

/* All of `size` bytes. */
static int read_all(struct tar_reader *reader, void *buffer, size_t size)
{
    char *to = buffer;
    size_t got = 0;
    while (got < size) {
        ssize_t part = reader->read(reader->arg, to + got, size - got);
        if (part < 0)
            return (int)part;
        if (part == 0)
            return -ENODATA;
        got += (size_t)part;
    }
    return 0;
}

static int skip(struct tar_reader *reader, uint64_t size)
{
    char buffer[64 << 10];
    int result = 0;
    while (size > 0 && result == 0) {
        size_t part = size < sizeof buffer ? (size_t)size : sizeof buffer;
        result = read_all(reader, buffer, part);
        size -= part;
    }
    return result;
}

/* Octal text; or, with the first bit set, a binary number, as GNU tar has it. False when it is neither. */
static bool get_number(const char *field, size_t size, int64_t *ret_number)
{
    const unsigned char *bytes = (const unsigned char *)field;
    uint64_t number = 0;
    size_t i = 0;
    if (bytes[0] & 0x80) {
        number = bytes[0] & 0x40 ? UINT64_MAX << 6 | (bytes[0] & 0x3f) : bytes[0] & 0x3fu;
        for (i = 1; i < size; i++)
            number = number << 8 | bytes[i];
        *ret_number = (int64_t)number;
        return true;
    }
    while (i < size && bytes[i] == ' ')
        i++;
    for (; i < size && bytes[i] >= '0' && bytes[i] <= '7'; i++)
        number = number << 3 | (bytes[i] - '0');
    *ret_number = (int64_t)number;
    return i == size || bytes[i] == ' ' || bytes[i] == '\0';
}

/* A text that fills its field has no NUL. */
static void get_text(const char *field, size_t size, char *text)
{
    size = strnlen(field, size);
    memcpy(text, field, size);
    text[size] = '\0';
}

static int read_text(struct tar_reader *reader, uint64_t size, char **ret_text)
{
    if (size > TAR_RECORDS_MAX)
        return -EBADMSG;
    char *text = malloc((size_t)size + 1);
    if (!text)
        return -ENOMEM;
    int result = read_all(reader, text, (size_t)size);
    if (result == 0)
        result = skip(reader, tar_padding(size));
    text[size] = '\0';
    if (result < 0)
        free(text);
    else
        *ret_text = text;
    return result;
}

/* Cuts the next record out of the rest: key and value, each with a NUL behind it. False at the end, or when it is none. */
static bool next_record(char **rest, size_t *left, char **ret_key, char **ret_value, size_t *ret_size)
{
    char *end, *record = *rest;
    if (*left == 0 || *record < '0' || *record > '9')
        return false;
    unsigned long length = strtoul(record, &end, 10);
    if (*end != ' ' || length > *left || length < (size_t)(end - record) + 3 || record[length - 1] != '\n')
        return false;
    char *equals = memchr(end, '=', (size_t)(record + length - end));
    if (!equals)
        return false;
    *equals = record[length - 1] = '\0';
    *ret_key = end + 1;
    *ret_value = equals + 1;
    *ret_size = (size_t)(record + length - 1 - *ret_value);
    *rest += length;
    *left -= length;
    return true;
}

/* "%3D" is "=" and "%25" is "%". */
static void decode_name(char *name)
{
    char *to = name;
    for (const char *at = name; *at; to++)
        if (strncmp(at, "%3D", 3) == 0 || strncmp(at, "%25", 3) == 0) {
            *to = at[1] == '3' ? '=' : '%';
            at += 3;
        } else
            *to = *at++;
    *to = '\0';
}

static int add_attribute(struct tar_reader *reader, char *name, const char *value, size_t size)
{
    struct tar_member *member = &reader->member;
    if (member->attributes_count == reader->attributes_room) {
        size_t room = reader->attributes_room ? 2 * reader->attributes_room : 16;
        struct tar_attribute *attributes = realloc(reader->attributes, room * sizeof *attributes);
        if (!attributes)
            return -ENOMEM;
        reader->attributes = attributes;
        reader->attributes_room = room;
    }
    decode_name(name);
    reader->attributes[member->attributes_count++] = (struct tar_attribute){name, value, size};
    member->attributes = reader->attributes;
    return 0;
}

static int64_t get_time(const char *text)
{
    bool negative = *text == '-';
    char *end;
    uint64_t ns = strtoull(text + negative, &end, 10) * 1000000000; /* of what no time is the sum may be anything */
    if (*end == '.')
        for (int64_t unit = 100000000; *++end >= '0' && *end <= '9'; unit /= 10)
            ns += (uint64_t)((*end - '0') * unit);
    return (int64_t)(negative ? -ns : ns);
}

static int take_record(struct tar_reader *reader, char *key, char *value, size_t size)
{
    struct tar_member *member = &reader->member;
    if (strncmp(key, XATTR, sizeof XATTR - 1) == 0)
        return add_attribute(reader, key + sizeof XATTR - 1, value, size);
    if (strcmp(key, "path") == 0)
        member->path = value;
    else if (strcmp(key, "linkpath") == 0)
        member->target = value;
    else if (strcmp(key, "size") == 0)
        member->size = strtoull(value, NULL, 10);
    else if (strcmp(key, "uid") == 0)
        member->uid = (uint32_t)strtoul(value, NULL, 10);
    else if (strcmp(key, "gid") == 0)
        member->gid = (uint32_t)strtoul(value, NULL, 10);
    else if (strcmp(key, "mtime") == 0)
        member->mtime_ns = get_time(value);
    else if (strncmp(key, "GNU.sparse.", 11) == 0)
        member->sparse = true;
    else if (strcmp(key, "comment") == 0 && reader->comment)
        reader->comment(reader->arg, value);
    return 0;
}

static int take_records(struct tar_reader *reader, size_t size)
{
    char *rest = reader->records, *key, *value;
    size_t value_size;
    int result = 0;
    while (result == 0 && next_record(&rest, &size, &key, &value, &value_size))
        result = take_record(reader, key, value, value_size);
    return result < 0 || size == 0 ? result : -EBADMSG;
}

static int tell_comments(struct tar_reader *reader, char *records, size_t size)
{
    char *key, *value;
    size_t value_size;
    while (next_record(&records, &size, &key, &value, &value_size))
        if (strcmp(key, "comment") == 0 && reader->comment)
            reader->comment(reader->arg, value);
    return size == 0 ? 0 : -EBADMSG;
}

/* What the header says, before any records. */
static int take_block(struct tar_reader *reader, const struct block *block)
{
    struct tar_member *member = &reader->member;
    int64_t mode = 0, uid = 0, gid = 0, size = 0, mtime = 0;
    size_t prefix = 0;
    if (!get_number(block->size, sizeof block->size, &size) || size < 0 ||
        !get_number(block->mode, sizeof block->mode, &mode) || !get_number(block->uid, sizeof block->uid, &uid) ||
        !get_number(block->gid, sizeof block->gid, &gid) || !get_number(block->mtime, sizeof block->mtime, &mtime))
        return -EBADMSG;
    if (memcmp(block->magic, "ustar", 6) == 0 && block->prefix[0]) {
        get_text(block->prefix, sizeof block->prefix, reader->path);
        prefix = strlen(reader->path);
        reader->path[prefix++] = '/';
    }
    get_text(block->name, sizeof block->name, reader->path + prefix);
    get_text(block->link, sizeof block->link, reader->target);
    *member = (struct tar_member){
        .type = block->type == '\0' || block->type == '7' ? TAR_FILE : block->type,
        .path = reader->path,
        .target = reader->target,
        .mode = (uint32_t)mode & 07777,
        .uid = (uint32_t)uid,
        .gid = (uint32_t)gid,
        .size = (uint64_t)size,
        .mtime_ns = (int64_t)((uint64_t)mtime * 1000000000),
        .sparse = block->type == 'S',
    };
    return 0;
}

/* Reads a header's block. 1 at the end, which is zeroes. */
static int read_block(struct tar_reader *reader, struct block *block)
{
    int64_t sum;
    int result = read_all(reader, block, sizeof *block);
    if (result != 0)
        return result;
    static const struct block zeroes;
    if (memcmp(block, &zeroes, sizeof zeroes) == 0)
        return 1;
    return get_number(block->sum, sizeof block->sum, &sum) && sum == sum_of(block) ? 0 : -EBADMSG;
}

static void release_texts(struct tar_reader *reader)
{
    free(reader->records);
    free(reader->long_path);
    free(reader->long_target);
    reader->records = reader->long_path = reader->long_target = NULL;
}

/* Reads what belongs to the member to come, if the header is of that kind: then 1. */
static int take_special(struct tar_reader *reader, const struct block *block, size_t *records_size)
{
    char *records;
    int64_t size = 0;
    char **text = block->type == 'x'   ? &reader->records
                  : block->type == 'L' ? &reader->long_path
                  : block->type == 'K' ? &reader->long_target
                  : block->type == 'g' ? &records
                                       : NULL;
    if (!text)
        return 0;
    if (!get_number(block->size, sizeof block->size, &size) || size < 0)
        return -EBADMSG;
    if (text != &records)
        free(*text);
    *text = NULL;
    int result = read_text(reader, (uint64_t)size, text);
    if (result == 0 && text == &records) {
        result = tell_comments(reader, records, (size_t)size);
        free(records);
    } else if (block->type == 'x')
        *records_size = (size_t)size;
    return result < 0 ? result : 1;
}

/* Directories may end in slashes, and in old archives are nothing but files which do. */
static void take_slashes(struct tar_member *member)
{
    char *path = (char *)member->path; /* in our own memory */
    size_t size = strlen(path);
    if (member->type == TAR_FILE && size > 0 && path[size - 1] == '/')
        member->type = TAR_DIRECTORY;
    while (member->type == TAR_DIRECTORY && size > 1 && path[size - 1] == '/')
        path[--size] = '\0';
}

int tar_next(struct tar_reader *reader, const struct tar_member **ret_member)
{
    struct tar_member *member = &reader->member;
    struct block block;
    size_t records_size = 0;
    int result = skip(reader, reader->left);
    if (result == 0)
        result = skip(reader, reader->padding);
    reader->left = reader->padding = 0;
    release_texts(reader);
    for (int special = 1; result == 0 && special == 1;) {
        result = read_block(reader, &block);
        if (result == 0 && (special = take_special(reader, &block, &records_size)) < 0)
            result = special;
    }
    if (result == 0)
        result = take_block(reader, &block);
    if (result != 0)
        return result;
    if (reader->long_path)
        member->path = reader->long_path;
    if (reader->long_target)
        member->target = reader->long_target;
    if (reader->records)
        result = take_records(reader, records_size);
    if (result < 0)
        return result;
    bool data = member->type != TAR_HARD_LINK && member->type != TAR_SYMLINK && member->type != TAR_DIRECTORY;
    reader->left = data ? member->size : 0;
    reader->padding = tar_padding(reader->left);
    take_slashes(member);
    if (member->type == TAR_DIRECTORY)
        member->size = 0;
    *ret_member = member;
    return 0;
}

ssize_t tar_read(struct tar_reader *reader, void *buffer, size_t size)
{
    if (size > reader->left)
        size = (size_t)reader->left;
    int result = read_all(reader, buffer, size);
    if (result < 0)
        return result;
    reader->left -= size;
    return (ssize_t)size;
}

void tar_release(struct tar_reader *reader)
{
    release_texts(reader);
    free(reader->attributes);
    reader->attributes = NULL;
    reader->attributes_room = 0;
}
