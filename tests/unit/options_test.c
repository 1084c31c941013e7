/* SPDX-License-Identifier: MIT */
/*
 * options_test.c - arguments become the struct they say, whatever is wrong with them gets a sentence that names it,
 * and every option stands in --help and in the manual.
 *
 * It needs LARDER_MAN_DIR, the directory of the manual's sources.
 */
#include "options.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
/* cmocka needs what is above */
#include <cmocka.h>

#define MIB          (UINT64_C(1) << 20)
#define COUNT(array) (sizeof(array) / sizeof *(array))

/* What a test works with: its own directory, and what the last parse() made. */
struct fixture {
    char directory[64];
    char config[96]; /* a path in it */
    struct mount_options options;
    char error[512];
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    if (!fixture)
        return -1;
    strcpy(fixture->directory, "/tmp/options_test.XXXXXX");
    *state = fixture;
    if (!mkdtemp(fixture->directory))
        return -1;
    snprintf(fixture->config, sizeof fixture->config, "%s/config", fixture->directory);
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    mount_options_release(&fixture->options);
    unlink(fixture->config);
    rmdir(fixture->directory);
    free(fixture);
    return 0;
}

/* Parses the words up to NULL. */
static int parse(struct fixture *fixture, const char *word, ...)
{
    char *argv[16];
    int argc = 0;
    va_list words;

    va_start(words, word);
    for (; word; word = va_arg(words, const char *))
        argv[argc++] = (char *)(uintptr_t)word;
    va_end(words);
    mount_options_release(&fixture->options);
    fixture->error[0] = '\0';
    return mount_options_parse(argc, argv, &fixture->options, fixture->error, sizeof fixture->error);
}

#define assert_accepted(fixture, ...) assert_int_equal(parse(fixture, __VA_ARGS__, NULL), 0)

/* Refused with exactly one line, which contains `text`. */
#define assert_refused(fixture, text, ...)                                                                             \
    do {                                                                                                               \
        assert_int_equal(parse(fixture, __VA_ARGS__, NULL), -EINVAL);                                                  \
        if (!strstr((fixture)->error, text))                                                                           \
            fail_msg("no '%s' in '%s'", text, (fixture)->error);                                                       \
        assert_null(strchr((fixture)->error, '\n'));                                                                   \
    } while (0)

static void config_write(const struct fixture *fixture, const char *text)
{
    FILE *file = fopen(fixture->config, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

/* --- what is accepted ---------------------------------------------------------------------------------- */

static void defaults_are_as_documented(void **state)
{
    struct fixture *f = *state;
    assert_accepted(f, "mem:", "/mnt");
    assert_string_equal(f->options.store_url, "mem:");
    assert_string_equal(f->options.mountpoint, "/mnt");
    assert_int_equal(f->options.size_bytes, 1024 * MIB);
    assert_int_equal(f->options.items, 0);
    assert_int_equal(f->options.policy, STORE_POLICY_SIEVE);
    assert_int_equal(f->options.ttl_ms, ENTRY_UNSET);
    assert_int_equal(f->options.cache_bytes, 64 * MIB);
    assert_int_equal(f->options.min_free_bytes, 0);
    assert_int_equal(f->options.threads, 64);
    assert_int_equal(f->options.transport, TRANSPORT_AUTO);
    assert_int_equal(f->options.spin_us, 20);
    assert_int_equal(f->options.supervise, 0);
    assert_false(f->options.foreground || f->options.debug || f->options.sync || f->options.read_only ||
                 f->options.allow_other || f->options.nonempty || f->options.no_exec);
}

static void every_option_reaches_its_field(void **state)
{
    struct fixture *f = *state;
    assert_accepted(f, "mem:", "/mnt", "-f", "-o", "size=512M,items=1000,policy=fifo,ttl=1.5h",
                    "-ocache=2M,min_free=3G,threads=2,sync,transport=uring,spin=0", "-o",
                    "ro,allow_other,nonempty,noexec,supervise=3");
    assert_int_equal(f->options.supervise, 3);
    assert_int_equal(f->options.size_bytes, 512 * MIB);
    assert_int_equal(f->options.items, 1000);
    assert_int_equal(f->options.policy, STORE_POLICY_FIFO);
    assert_int_equal(f->options.ttl_ms, 5400000);
    assert_int_equal(f->options.cache_bytes, 2 * MIB);
    assert_int_equal(f->options.min_free_bytes, 3072 * MIB);
    assert_int_equal(f->options.threads, 2);
    assert_int_equal(f->options.transport, TRANSPORT_URING);
    assert_int_equal(f->options.spin_us, 0);
    assert_true(f->options.foreground && f->options.sync && f->options.read_only && f->options.allow_other &&
                f->options.nonempty && f->options.no_exec);
    assert_false(f->options.debug);
}

static void the_later_option_wins(void **state)
{
    struct fixture *f = *state;
    assert_accepted(f, "mem:", "/mnt", "-o", "ro,sync,size=2M,ttl=90,rw,supervise=3", "-o",
                    "async,size=3M,ttl=none,supervise");
    assert_int_equal(f->options.supervise, 10);
    assert_int_equal(f->options.size_bytes, 3 * MIB);
    assert_int_equal(f->options.ttl_ms, ENTRY_UNSET);
    assert_false(f->options.read_only || f->options.sync);
}

static void switches_come_in_any_order(void **state)
{
    struct fixture *f = *state;
    assert_accepted(f, "-o", "ro", "mem:", "-d", "--", "/mnt");
    assert_true(f->options.read_only && f->options.debug && f->options.foreground);
    assert_accepted(f, "-fdo", "ro", "mem:", "/mnt");
    assert_true(f->options.read_only && f->options.debug && f->options.foreground);
    assert_accepted(f, "--foreground", "mem:", "/mnt", "-o", "", "-o", ",,");
    assert_true(f->options.foreground && !f->options.debug);
}

static void what_mount_8_adds_is_ignored(void **state)
{
    struct fixture *f = *state;
    assert_accepted(f, "mem:", "/mnt", "-o",
                    "rw,dev,suid,nosuid,nodev,exec,noauto,user,user=ada,nofail,_netdev,defaults,noatime,relatime,"
                    "x-systemd.automount,x-systemd.idle-timeout=60,comment=x,default_permissions,ro");
    assert_true(f->options.read_only);
}

static void paths_become_absolute(void **state)
{
    struct fixture *f = *state;
    char here[4096], expected[8192];
    assert_non_null(getcwd(here, sizeof here));

    assert_accepted(f, "some/store//", "mount point/");
    snprintf(expected, sizeof expected, "%s/some/store", here);
    assert_string_equal(f->options.store_url, expected);
    assert_string_equal(mount_options_store_dir(&f->options), expected);
    snprintf(expected, sizeof expected, "%s/mount point", here);
    assert_string_equal(f->options.mountpoint, expected);

    assert_accepted(f, "rocksdb:store", "/");
    snprintf(expected, sizeof expected, "rocksdb:%s/store", here);
    assert_string_equal(f->options.store_url, expected);
    assert_string_equal(mount_options_store_dir(&f->options), expected + strlen("rocksdb:"));
    assert_string_equal(f->options.mountpoint, "/");

    assert_accepted(f, "mem:", "/mnt");
    assert_null(mount_options_store_dir(&f->options));
    assert_accepted(f, "./mem:", "/mnt");
    assert_non_null(mount_options_store_dir(&f->options));
}

/* What the store has taken already counts, else its limit would shrink with every mount. */
static void default_size_is_at_most_a_tenth_of_the_disk(void **state)
{
    struct fixture *f = *state;
    struct statvfs disk;
    char store[128];

    snprintf(store, sizeof store, "%s/not/there/yet", f->directory);
    assert_int_equal(statvfs(f->directory, &disk), 0);
    uint64_t tenth = (uint64_t)disk.f_bavail * disk.f_frsize / 10;
    assert_accepted(f, store, "/mnt");
    assert_in_range(f->options.size_bytes, MIB, 1024 * MIB);
    if (tenth > 1100 * MIB)
        assert_int_equal(f->options.size_bytes, 1024 * MIB);
    else if (tenth < 1000 * MIB && tenth > 2 * MIB)
        assert_in_range(f->options.size_bytes, tenth - tenth / 4, tenth + tenth / 4);
}

static void config_file_is_read(void **state)
{
    struct fixture *f = *state;
    char list[128];
    config_write(f, "# for the build machine\n"
                    "\n"
                    "  size=3M   # more is no use\r\n"
                    "sync\n"
                    "\tttl = never mind\n");
    snprintf(list, sizeof list, "config=%s", f->config);
    assert_refused(f, ":5: ", "mem:", "/mnt", "-o", list);

    config_write(f, "size=3M   # more is no use\r\n#\n\n \n sync\nitems=7\nttl=90s");
    assert_accepted(f, "mem:", "/mnt", "-o", list);
    assert_int_equal(f->options.size_bytes, 3 * MIB);
    assert_int_equal(f->options.items, 7);
    assert_int_equal(f->options.ttl_ms, 90000);
    assert_true(f->options.sync);
}

static void lists_win_over_the_config_file(void **state)
{
    struct fixture *f = *state;
    char list[128];
    config_write(f, "size=3M\nitems=7\nsync\n");
    snprintf(list, sizeof list, "size=5M,config=%s", f->config);
    assert_accepted(f, "mem:", "/mnt", "-o", "async", "-o", list);
    assert_int_equal(f->options.size_bytes, 5 * MIB);
    assert_int_equal(f->options.items, 7);
    assert_false(f->options.sync);
}

/* --- what is refused ----------------------------------------------------------------------------------- */

static void missing_and_surplus_arguments_are_refused(void **state)
{
    struct fixture *f = *state;
    assert_refused(f, "missing arguments", "-f");
    assert_refused(f, "missing mount point", "mem:");
    assert_refused(f, "missing mount point", "mem:", "-o", "/mnt");
    assert_refused(f, "unexpected argument 'size=1G'", "mem:", "/mnt", "size=1G");
    assert_refused(f, "empty argument", "mem:", "");
    assert_refused(f, "-o needs", "mem:", "/mnt", "-o");
    assert_refused(f, "'-x'", "mem:", "/mnt", "-x");
    assert_refused(f, "'--color'", "mem:", "/mnt", "--color");
}

static void unknown_options_are_named(void **state)
{
    struct fixture *f = *state;
    assert_refused(f, "unknown option 'sise'", "mem:", "/mnt", "-o", "ro,sise=1G");
    assert_refused(f, "unknown option 'Size'", "mem:", "/mnt", "-o", "Size=1G");
    assert_refused(f, "unknown option ''", "mem:", "/mnt", "-o", "=1G");
    assert_refused(f, "unknown option 'x'", "mem:", "/mnt", "-o", "x");
    assert_refused(f, "unknown option ' ro'", "mem:", "/mnt", "-o", "sync, ro");
    assert_refused(f, "'sync' takes no value", "mem:", "/mnt", "-o", "sync=yes");
    assert_refused(f, "'size' needs a value", "mem:", "/mnt", "-o", "size");
    assert_refused(f, "'size' needs a value", "mem:", "/mnt", "-o", "size=");
}

static void values_out_of_range_are_refused(void **state)
{
    static const struct {
        const char *list, *text;
    } cases[] = {
        {"size=1023K", "size=1023K: must be at least 1.0 MiB"},
        {"size=0", "at least"},
        {"size=8E", "at most"},
        {"size=-1", "not a size"},
        {"size=lots", "not a size"},
        {"items=-1", "not a number"},
        {"items= 1", "not a number"},
        {"items=1.5", "not a number"},
        {"items=99999999999999999999", "at most"},
        {"items=9223372036854775808", "at most"},
        {"cache=1", "at least"},
        {"cache=1.1T", "at most 1.0 TiB"},
        {"threads=1", "threads=1: must be at least 2"},
        {"threads=1025", "threads=1025: must be at most 1024"},
        {"threads=4294967298", "at most 1024"},
        {"transport=tcp", "no such transport; there are auto, uring and dev"},
        {"spin=1001", "spin=1001: must be at most 1000"},
        {"threads=two", "not a number"},
        {"supervise=0", "supervise=0: must be at least 1"},
        {"supervise=1001", "supervise=1001: must be at most 1000"},
        {"supervise=", "option 'supervise' needs a value"},
        {"policy=mru", "policy=mru: no such policy"},
        {"ttl=-5", "not a duration"},
        {"ttl=soon", "ttl=soon: not a duration"},
        {"ttl=1001w,ttl=99999999w", "1,000 years"},
        {"config=/no/such/file", "config=/no/such/file: No such file"},
        {"config=/", "config=/: "},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_refused(f, cases[i].text, "mem:", "/mnt", "-o", cases[i].list);
}

static void errors_in_a_config_file_name_file_and_line(void **state)
{
    struct fixture *f = *state;
    char list[128], place[256];
    snprintf(list, sizeof list, "config=%s", f->config);

    config_write(f, "# one\nsync\nthreads=1\n");
    snprintf(place, sizeof place, "%s:3: threads=1: must be at least 2", f->config);
    assert_refused(f, place, "mem:", "/mnt", "-o", list);
    config_write(f, "spam\n");
    snprintf(place, sizeof place, "%s:1: unknown option 'spam'", f->config);
    assert_refused(f, place, "mem:", "/mnt", "-o", list);
    config_write(f, "\nconfig=/etc/passwd\n");
    assert_refused(f, ":2: a config file cannot", "mem:", "/mnt", "-o", list);
}

static void commas_and_odd_bytes_do_no_harm(void **state)
{
    struct fixture *f = *state;
    assert_refused(f, "config=/no,such: ", "mem:", "/mnt", "-o", "sync,config=/no\\,such");
    assert_refused(f, "unknown option", "mem:", "/mnt", "-o", "\xff\xfe=\x01");
    assert_refused(f, "unknown option '\\'", "mem:", "/mnt", "-o", "\\");

    char long_list[5000];
    memset(long_list, 'x', sizeof long_list - 1);
    long_list[sizeof long_list - 1] = '\0';
    assert_refused(f, "unknown option 'xxx", "mem:", "/mnt", "-o", long_list);
}

/* --- what is written about them ------------------------------------------------------------------------ */

enum { TEXT_SIZE = 1 << 16 };

/* Static, so that nothing is left to free when an assertion leaves the test. */
static char help_text[TEXT_SIZE], manual_text[TEXT_SIZE];

static void read_all(FILE *file, char *text)
{
    assert_non_null(file);
    rewind(file);
    text[fread(text, 1, TEXT_SIZE - 1, file)] = '\0';
    fclose(file);
}

/* `text` has a line that begins with `start` and goes on with a blank, an '=' or its end. */
static bool has_line(const char *text, const char *start)
{
    for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n')
        if (strncmp(line, start, strlen(start)) == 0 && strchr(" =\n", line[strlen(start)]))
            return true;
    return false;
}

/* In the help as "  size=SIZE  what it is", in the manual as the head of a list item, ".It Cm size Ns = Ns Ar SIZE". */
static void every_option_stands_in_help_and_manual(void **state)
{
    char start[64];
    const char *key;
    FILE *help = tmpfile();
    (void)state;
    assert_non_null(help);
    mount_options_help(help);
    read_all(help, help_text);
    read_all(fopen(LARDER_MAN_DIR "/larder-mount.1", "r"), manual_text);

    assert_non_null(mount_options_key(0));
    for (size_t i = 0; (key = mount_options_key(i)); i++) {
        snprintf(start, sizeof start, "  %s", key);
        if (!has_line(help_text, start))
            fail_msg("--help does not know %s", key);
        snprintf(start, sizeof start, ".It Cm %s", key);
        if (!has_line(manual_text, start))
            fail_msg("larder-mount.1 does not know %s", key);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(defaults_are_as_documented),
        TEST(every_option_reaches_its_field),
        TEST(the_later_option_wins),
        TEST(switches_come_in_any_order),
        TEST(what_mount_8_adds_is_ignored),
        TEST(paths_become_absolute),
        TEST(default_size_is_at_most_a_tenth_of_the_disk),
        TEST(config_file_is_read),
        TEST(lists_win_over_the_config_file),
        TEST(missing_and_surplus_arguments_are_refused),
        TEST(unknown_options_are_named),
        TEST(values_out_of_range_are_refused),
        TEST(errors_in_a_config_file_name_file_and_line),
        TEST(commas_and_odd_bytes_do_no_harm),
        TEST(every_option_stands_in_help_and_manual),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
