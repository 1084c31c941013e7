/* SPDX-License-Identifier: MIT */
/* tar_test.c - archives: what is written is read again, and what is damaged is told from what is cut off. */
#include "tar.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* An archive in memory, read in pieces of a few bytes. */
struct memory {
    char *bytes;
    size_t size, at, piece;
    char comments[256]; /* each followed by a newline */
};

static ssize_t memory_read(void *arg, void *buffer, size_t size)
{
    struct memory *memory = arg;
    size_t left = memory->size - memory->at;
    if (size > left)
        size = left;
    if (memory->piece && size > memory->piece)
        size = memory->piece;
    memcpy(buffer, memory->bytes + memory->at, size);
    memory->at += size;
    return (ssize_t)size;
}

static void memory_comment(void *arg, const char *text)
{
    struct memory *memory = arg;
    strcat(strcat(memory->comments, text), "\n");
}

static struct tar_reader reader_of(struct memory *memory)
{
    memory->at = 0;
    memory->comments[0] = '\0';
    return (struct tar_reader){.read = memory_read, .arg = memory, .comment = memory_comment};
}

/* A file with all that needs a record, its data, a directory, a link, and the end. */
static const struct tar_member *file_member(void)
{
    static char path[700], target[] = "";
    static const struct tar_attribute attributes[] = {
        {"user.ttl", "900", 3}, {"user.a=b%3Dc", "\0\n=\xff", 4}, {"user.empty", "", 0}};
    static const struct tar_member member = {.type = TAR_FILE,
                                             .path = path,
                                             .target = target,
                                             .mode = 04751,
                                             .uid = 3000000,
                                             .gid = UINT32_MAX,
                                             .size = 5,
                                             .mtime_ns = -1500000001,
                                             .attributes = attributes,
                                             .attributes_count = 3};
    memset(path, 'p', sizeof path - 1);
    memcpy(path, "a\n\xff/", 4);
    return &member;
}

static void build(struct memory *memory)
{
    const struct tar_member dir = {.type = TAR_DIRECTORY, .path = "dir", .target = "", .mode = 0755};
    const struct tar_member link = {
        .type = TAR_SYMLINK, .path = "dir/l", .target = file_member()->path, .comment = "of it"};
    FILE *out = open_memstream(&memory->bytes, &memory->size);
    assert_non_null(out);
    assert_int_equal(tar_put_comment(out, "the first"), 0);
    assert_int_equal(tar_put_member(out, file_member()), 0);
    fwrite("value", 1, 5, out);
    for (size_t i = tar_padding(5); i > 0; i--)
        putc(0, out);
    assert_int_equal(tar_put_member(out, &dir), 0);
    assert_int_equal(tar_put_member(out, &link), 0);
    tar_put_end(out);
    assert_int_equal(fclose(out), 0);
}

static int setup(void **state)
{
    struct memory *memory = calloc(1, sizeof *memory);
    *state = memory;
    build(memory);
    return 0;
}

static int teardown(void **state)
{
    struct memory *memory = *state;
    free(memory->bytes);
    free(memory);
    return 0;
}

static void expect_file(const struct tar_member *member)
{
    const struct tar_member *wanted = file_member();
    assert_int_equal(member->type, TAR_FILE);
    assert_string_equal(member->path, wanted->path);
    assert_int_equal(member->mode, wanted->mode);
    assert_int_equal(member->uid, wanted->uid);
    assert_int_equal(member->gid, wanted->gid);
    assert_int_equal(member->size, wanted->size);
    assert_int_equal(member->mtime_ns, wanted->mtime_ns);
    assert_false(member->sparse);
    assert_int_equal(member->attributes_count, wanted->attributes_count);
    for (size_t i = 0; i < wanted->attributes_count; i++) {
        assert_string_equal(member->attributes[i].name, wanted->attributes[i].name);
        assert_int_equal(member->attributes[i].value_size, wanted->attributes[i].value_size);
        assert_memory_equal(member->attributes[i].value, wanted->attributes[i].value, wanted->attributes[i].value_size);
    }
}

static void what_is_written_is_read(void **state)
{
    struct memory *memory = *state;
    assert_int_equal(memory->size % TAR_BLOCK, 0);
    for (memory->piece = 0; memory->piece < 600; memory->piece += 37) {
        struct tar_reader reader = reader_of(memory);
        const struct tar_member *member;
        char value[10];
        assert_int_equal(tar_next(&reader, &member), 0);
        expect_file(member);
        if (memory->piece % 2) { /* else it is skipped */
            assert_int_equal(tar_read(&reader, value, 2), 2);
            assert_int_equal(tar_read(&reader, value + 2, 8), 3);
            assert_int_equal(tar_read(&reader, value + 5, 5), 0);
            assert_memory_equal(value, "value", 5);
        }
        assert_int_equal(tar_next(&reader, &member), 0);
        assert_int_equal(member->type, TAR_DIRECTORY);
        assert_string_equal(member->path, "dir");
        assert_int_equal(member->attributes_count, 0);
        assert_string_equal(memory->comments, "the first\n");
        assert_int_equal(tar_next(&reader, &member), 0);
        assert_int_equal(member->type, TAR_SYMLINK);
        assert_string_equal(member->target, file_member()->path);
        assert_string_equal(memory->comments, "the first\nof it\n");
        assert_int_equal(tar_next(&reader, &member), 1);
        tar_release(&reader);
    }
}

/* Reads all there is: what ended it. */
static int read_all(struct memory *memory)
{
    struct tar_reader reader = reader_of(memory);
    const struct tar_member *member;
    int result;
    while ((result = tar_next(&reader, &member)) == 0)
        ;
    tar_release(&reader);
    return result;
}

static void what_is_cut_off_is_told(void **state)
{
    struct memory *memory = *state;
    size_t whole = memory->size - TAR_BLOCK; /* one block of zeroes will do */
    for (size_t size = 0; size < whole; size += size % TAR_BLOCK == 0 ? 7 : TAR_BLOCK - 7) {
        memory->size = size;
        assert_int_equal(read_all(memory), -ENODATA);
    }
    memory->size = whole;
    assert_int_equal(read_all(memory), 1);
    memory->size = whole + TAR_BLOCK;
}

/* A byte that is flipped is noticed in a header; wherever it is, reading ends, and reads nothing that is not there. */
static void damage_does_no_harm(void **state)
{
    struct memory *memory = *state;
    for (size_t at = 0; at < memory->size; at++)
        for (int bit = 0; bit < 8; bit += 3) {
            memory->bytes[at] ^= (char)(1 << bit);
            int result = read_all(memory);
            assert_true(result == 1 || result == -ENODATA || result == -EBADMSG);
            if (at < TAR_BLOCK && at != 155) /* behind the sum anything may stand */
                assert_int_equal(result, -EBADMSG);
            memory->bytes[at] ^= (char)(1 << bit);
        }
    assert_int_equal(read_all(memory), 1);
}

static void random_bytes_are_no_archive(void **state)
{
    struct memory *memory = *state;
    uint32_t random = 1;
    for (int round = 0; round < 200; round++) {
        for (size_t i = 0; i < memory->size; i++)
            memory->bytes[i] = (char)((random = random * 1664525u + 1013904223u) >> 24);
        assert_int_equal(read_all(memory), -EBADMSG);
    }
}

static void expect_far(uint64_t size, int64_t time_ns)
{
    struct memory memory = {0};
    const struct tar_member large = {.type = TAR_FILE, .path = "x", .target = "", .size = size, .mtime_ns = time_ns};
    const struct tar_member *member;
    FILE *out = open_memstream(&memory.bytes, &memory.size);
    assert_non_null(out);
    assert_int_equal(tar_put_member(out, &large), 0);
    assert_int_equal(fclose(out), 0);
    struct tar_reader reader = reader_of(&memory);
    int result = tar_next(&reader, &member);
    uint64_t size_read = result == 0 ? member->size : 0;
    int64_t time_read = result == 0 ? member->mtime_ns : 0;
    tar_release(&reader);
    free(memory.bytes);
    assert_int_equal(size_read, size);
    assert_int_equal(time_read, time_ns);
}

static void sizes_and_times_have_no_bound(void **state)
{
    (void)state;
    expect_far(UINT64_C(1) << 40, INT64_MAX);
    expect_far(1, INT64_MIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_written_is_read, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_cut_off_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(damage_does_no_harm, setup, teardown),
        cmocka_unit_test_setup_teardown(random_bytes_are_no_archive, setup, teardown),
        cmocka_unit_test(sizes_and_times_have_no_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
