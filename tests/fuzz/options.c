/* SPDX-License-Identifier: MIT */
/*
 * options.c - the arguments of a mount, and its config file: what is accepted is within the limits that options.h gives, and
 * what is refused is told in one sentence.
 *
 *     arguments, each with a NUL behind it | config file behind an empty one
 */
#include "options.h"
#include "fuzz.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

enum { ARGUMENTS_MAX = 12 };

/* Where the config file of this process is: "config=" with this behind it. */
static char config_option[64];

static int config_file(const uint8_t *data, size_t size)
{
    static int file = -1;
    if (file < 0) {
        file = memfd_create("config", 0);
        require(file >= 0);
        snprintf(config_option, sizeof config_option, "-oconfig=/proc/self/fd/%d", file);
    }
    require(ftruncate(file, 0) == 0 && pwrite(file, data, size, 0) == (ssize_t)size);
    return file;
}

/* An input may not name files of its own: some of them would never end. */
static bool names_a_file(const char *text)
{
    return strstr(text, "config") && !strstr(text, config_option + 2);
}

static void check_accepted(const struct mount_options *options)
{
    require(options->store_url && *options->store_url && options->mountpoint && options->mountpoint[0] == '/');
    require(options->size_bytes >= 1 << 20 && options->size_bytes <= INT64_MAX && options->items <= INT64_MAX);
    require(options->cache_bytes >= 1 << 20 && options->cache_bytes <= UINT64_C(1) << 40);
    require(options->min_free_bytes <= INT64_MAX && (unsigned)options->policy < STORE_POLICIES);
    require(options->spin_us <= 1000 && options->threads >= 2 && options->threads <= 1024);
    require((unsigned)options->transport <= TRANSPORT_DEV && options->ttl_ms != ENTRY_FOREVER);
    require(!options->debug || options->foreground);
    const char *dir = mount_options_store_dir(options);
    require(!dir || dir[0] == '/');
}

static void parse(int argc, char **argv)
{
    struct mount_options options;
    char error[256];
    memset(error, 'e', sizeof error);
    int result = mount_options_parse(argc, argv, &options, error, sizeof error);
    if (result == 0) {
        check_accepted(&options);
        mount_options_release(&options);
    } else
        require(*error && memchr(error, '\0', sizeof error));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size), *argv[ARGUMENTS_MAX + 2];
    size_t at = 0;
    int argc = 0;
    bool skip = false;
    for (; at < size && text[at] && argc < ARGUMENTS_MAX; at += strlen(text + at) + 1)
        argv[argc++] = text + at;
    at += at < size && !text[at];
    if (at > size)
        at = size;
    config_file(data + at, size - at);
    if (at < size)
        argv[argc++] = config_option;
    for (int i = 0; i < argc; i++)
        skip |= names_a_file(argv[i]);
    argv[argc] = NULL;
    if (!skip)
        parse(argc, argv);
    free(text);
    return 0;
}
