/* SPDX-License-Identifier: MIT */
/* text_test.c - names as JSON, as labels and for terminals, and the paths they are part of. */
#include "store.h"
#include "text.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void expect(void (*write)(FILE *out, const char *text), const char *text, const char *expected)
{
    char *got = NULL;
    size_t size;
    FILE *out = open_memstream(&got, &size);
    write(out, text);
    fclose(out);
    assert_string_equal(got, expected);
    free(got);
}

static void json_keeps_every_byte(void **state)
{
    (void)state;
    expect(text_json, "", "\"\"");
    expect(text_json, "plain", "\"plain\"");
    expect(text_json, "q\"b\\n\nt\t\x01\x7f", "\"q\\\"b\\\\n\\u000at\\u0009\\u0001\\u007f\"");
    expect(text_json, "ü€😀", "\"ü€😀\"");
    expect(text_json,
           "\xc2\x9b"
           "1m",
           "\"\\u009b1m\""); /* to some terminals the beginning of a sequence */
    expect(text_json, "\xc2\xa0", "\"\xc2\xa0\"");
    expect(text_json, "\xff", "\"\\udcff\"");
    expect(text_json, "\xc3", "\"\\udcc3\""); /* cut off */
    expect(text_json, "\xc3(", "\"\\udcc3(\"");
    expect(text_json, "\xc0\xaf", "\"\\udcc0\\udcaf\""); /* too long a form */
    expect(text_json, "\xed\xa0\x80", "\"\\udced\\udca0\\udc80\""); /* a surrogate */
    expect(text_json, "\xf4\x90\x80\x80", "\"\\udcf4\\udc90\\udc80\\udc80\""); /* beyond Unicode */
}

static void labels_are_what_prometheus_reads(void **state)
{
    (void)state;
    expect(text_label, "a\"b\\c\nd", "\"a\\\"b\\\\c\\nd\"");
    expect(text_label, "ü\xff", "\"ü\\\\xff\"");
    expect(text_label, "\x1b[1m\xc2\x9b", "\"\\\\x1b[1m\\\\xc2\\\\x9b\"");
}

static void terminals_get_nothing_odd(void **state)
{
    (void)state;
    expect(text_plain, "a\x1b[2Jb\n", "a\\x1b[2Jb\\x0a");
    expect(text_plain, "ü\xc2\x9b\xff", "ü\\xc2\\x9b\\xff"); /* the second is a control character, too */
}

static int remembered(void *arg, uint64_t dir, uint64_t *ret_parent, char *ret_name)
{
    if (dir != *(uint64_t *)arg)
        return -ENOENT;
    *ret_parent = STORE_ROOT;
    strcpy(ret_name, "gone");
    return 0;
}

static void paths_go_up_to_the_root(void **state)
{
    (void)state;
    struct store *store;
    struct store_error error;
    struct entry entry;
    char *path;
    struct store_options options = {.limit_bytes = 64 << 20};
    assert_int_equal(store_open("mem:", &options, &store, &error), 0);
    assert_int_equal(text_path(store, STORE_ROOT, "entry", NULL, NULL, &path), 0);
    assert_string_equal(path, "entry");
    free(path);

    char expected[100 * 10 + 10] = "";
    uint64_t dir = STORE_ROOT;
    for (int i = 0; i < 100; i++) {
        char name[16];
        snprintf(name, sizeof name, "level-%d", i);
        assert_int_equal(store_make_dir(store, dir, name, 0755, 0, 0, &entry), 0);
        dir = entry.ino;
        entry_release(&entry);
        strcat(strcat(expected, name), "/");
    }
    strcat(expected, "entry");
    assert_int_equal(text_path(store, dir, "entry", NULL, NULL, &path), 0);
    assert_string_equal(path, expected);
    free(path);

    assert_int_equal(store_make_dir(store, STORE_ROOT, "gone", 0755, 0, 0, &entry), 0);
    uint64_t gone = entry.ino;
    entry_release(&entry);
    assert_int_equal(store_remove_dir(store, STORE_ROOT, "gone"), 0);
    assert_int_equal(text_path(store, gone, "entry", NULL, NULL, &path), -ENOENT);
    assert_int_equal(text_path(store, gone, "entry", remembered, &gone, &path), 0);
    assert_string_equal(path, "gone/entry");
    free(path);
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_keeps_every_byte),
        cmocka_unit_test(labels_are_what_prometheus_reads),
        cmocka_unit_test(terminals_get_nothing_odd),
        cmocka_unit_test(paths_go_up_to_the_root),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
