/* SPDX-License-Identifier: MIT */
/*
 * options.c - argv -> struct mount_options.
 *
 * One table says it all: each option's key, kind, place in the struct, limits and the line --help prints. A list
 * behind -o and the lines of a config file are both cut into items, "key" or "key=value", and every item goes
 * through item_apply(). A config file is read first wherever it is named, so that what stands in a list wins
 * over it; otherwise the later item wins.
 *
 * mount(8) and its helpers hand on whatever stands in /etc/fstab. What is meant for them, or is always so here,
 * is accepted and ignored; what would have to be obeyed and is not known is an error.
 *
 * It reads the config file and asks the disk for its free space; it changes nothing.
 */
#include "options.h"

#include "units.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define MIB (UINT64_C(1) << 20)

/* --- the table ----------------------------------------------------------------------------------------- */

enum option_kind {
    OPTION_ON, /* a bool becomes true */
    OPTION_OFF, /* a bool becomes false */
    OPTION_SIZE, /* uint64_t bytes */
    OPTION_COUNT, /* uint64_t */
    OPTION_UNSIGNED, /* unsigned */
    OPTION_TIMES, /* the same, or without a value OPTION_TIMES_BARE */
    OPTION_LIFETIME, /* uint64_t ms, none = ENTRY_UNSET */
    OPTION_POLICY, /* enum store_policy */
    OPTION_TRANSPORT, /* enum mount_transport */
    OPTION_CONFIG, /* a file with more of them */
    OPTION_IGNORED, /* with or without a value */
};

enum { OPTION_TIMES_BARE = 10 };

struct option {
    const char *key; /* for OPTION_IGNORED perhaps with a '*' at the end: whatever begins so */
    enum option_kind kind;
    size_t offset; /* in struct mount_options */
    uint64_t min, max;
    const char *value; /* what --help puts behind the '=' */
    const char *help; /* NULL: not shown */
};

#define AT(field) offsetof(struct mount_options, field)

static const struct option options_table[] = {
    {"size", OPTION_SIZE, AT(size_bytes), MIB, INT64_MAX, "SIZE",
     "what may be stored, at least 1M (default 1G, or a tenth of the free disk if less)"},
    {"items", OPTION_COUNT, AT(items), 0, INT64_MAX, "N", "how many files may be stored (default 0: no limit)"},
    {"policy", OPTION_POLICY, AT(policy), 0, 0, "NAME",
     "what goes first when it is full: sieve (default), lru, lfu, fifo, ttl, none (then ENOSPC)"},
    {"ttl", OPTION_LIFETIME, AT(ttl_ms), 0, 0, "TIME", "lifetime of files nobody gives one (default none)"},
    {"cache", OPTION_SIZE, AT(cache_bytes), MIB, MIB << 20, "SIZE",
     "memory for blocks read from disk, 1M to 1T (default 64M)"},
    {"min_free", OPTION_SIZE, AT(min_free_bytes), 0, INT64_MAX, "SIZE",
     "with less free on the store's disk nothing is stored (default 256M, or half of a small disk)"},
    {"transport", OPTION_TRANSPORT, AT(transport), 0, 0, "NAME",
     "how requests come in: auto (default), uring (io_uring: fastest, Linux 6.14), dev (/dev/fuse)"},
    {"spin", OPTION_UNSIGNED, AT(spin_us), 0, 1000, "US",
     "over /dev/fuse, look so many microseconds for the next request before sleeping (default 20)"},
    {"threads", OPTION_UNSIGNED, AT(threads), 2, 1024, "N",
     "how many requests may wait for something at once, 2 to 1024 (default 64)"},
    {"sync", OPTION_ON, AT(sync), 0, 0, NULL, "what was stored survives a crash of the machine at once"},
    {"async", OPTION_OFF, AT(sync), 0, 0, NULL, "it does after fsync only (default)"},
    {"recreate", OPTION_ON, AT(recreate), 0, 0, NULL, "if the store is damaged throw it away, and begin anew"},
    {"ro", OPTION_ON, AT(read_only), 0, 0, NULL, "nobody may write"},
    {"rw", OPTION_OFF, AT(read_only), 0, 0, NULL, "whom the modes allow may write (default)"},
    {"allow_other", OPTION_ON, AT(allow_other), 0, 0, NULL, "other users may enter, checked by modes as anywhere"},
    {"nonempty", OPTION_ON, AT(nonempty), 0, 0, NULL, "mount over a directory that is not empty, hiding what is in it"},
    {"seccomp", OPTION_ON, AT(seccomp), 0, 0, NULL, "the daemon can start no program and open no connection"},
    {"noexec", OPTION_ON, AT(no_exec), 0, 0, NULL, "no program may be run from the mount"},
    {"exec", OPTION_OFF, AT(no_exec), 0, 0, NULL, "the modes say which may (default)"},
    {"supervise", OPTION_TIMES, AT(supervise), 1, 1000, "N",
     "start the daemon again when it has crashed, unless N times within a minute (without =N: 10)"},
    {"config", OPTION_CONFIG, 0, 0, 0, "FILE", "more options, one a line, # begins a comment; those in -o win"},

    /* always so */
    {"default_permissions", OPTION_IGNORED},
    {"nodev", OPTION_IGNORED},
    {"nosuid", OPTION_IGNORED},
    /* mount.fuse adds these two unasked; neither devices nor set-user-id programs work in a larder anyway */
    {"dev", OPTION_IGNORED},
    {"suid", OPTION_IGNORED},
    /* of no meaning for a file system without blocks of its own to write access times to */
    {"atime", OPTION_IGNORED},
    {"noatime", OPTION_IGNORED},
    {"relatime", OPTION_IGNORED},
    {"norelatime", OPTION_IGNORED},
    {"strictatime", OPTION_IGNORED},
    {"lazytime", OPTION_IGNORED},
    {"diratime", OPTION_IGNORED},
    {"nodiratime", OPTION_IGNORED},
    /* for mount(8) and systemd */
    {"defaults", OPTION_IGNORED},
    {"auto", OPTION_IGNORED},
    {"noauto", OPTION_IGNORED},
    {"user", OPTION_IGNORED},
    {"users", OPTION_IGNORED},
    {"nouser", OPTION_IGNORED},
    {"owner", OPTION_IGNORED},
    {"group", OPTION_IGNORED},
    {"nofail", OPTION_IGNORED},
    {"_netdev", OPTION_IGNORED},
    {"comment", OPTION_IGNORED},
    {"x-*", OPTION_IGNORED},
    {"X-*", OPTION_IGNORED},
};

static const size_t options_count = sizeof options_table / sizeof *options_table;

static const struct option *option_find(const char *key)
{
    for (const struct option *option = options_table; option < options_table + options_count; option++) {
        size_t length = strlen(option->key);
        bool prefix = option->key[length - 1] == '*';
        if (prefix ? strncmp(key, option->key, length - 1) == 0 : strcmp(key, option->key) == 0)
            return option;
    }
    return NULL;
}

const char *mount_options_key(size_t index)
{
    return index < options_count && options_table[index].help ? options_table[index].key : NULL;
}

void mount_options_help(FILE *out)
{
    for (const struct option *option = options_table; option->help; option++) {
        char left[32];
        snprintf(left, sizeof left, "%s%s%s", option->key, option->value ? "=" : "",
                 option->value ? option->value : "");
        fprintf(out, "  %-14s %s\n", left, option->help);
    }
}

/* --- one item ------------------------------------------------------------------------------------------ */

struct parse {
    struct mount_options *options;
    bool configs; /* this time round only config= is looked at, the other time only the rest */
    const char *file; /* the config file and its line, NULL within -o */
    unsigned line;
    char *error;
    size_t error_size;
};

/* Writes the sentence, and returns -EINVAL. */
__attribute__((format(printf, 2, 3))) static int fail(const struct parse *parse, const char *format, ...)
{
    size_t used = 0;
    va_list args;

    if (parse->file)
        used = (size_t)snprintf(parse->error, parse->error_size, "%s:%u: ", parse->file, parse->line);
    if (used < parse->error_size) {
        va_start(args, format);
        vsnprintf(parse->error + used, parse->error_size - used, format, args);
        va_end(args);
    }
    return -EINVAL;
}

static int config_read(struct parse *parse, const char *path);

/* A whole number; stricter than strtoull, which takes "-1" and " 1". */
static int count_parse(const char *text, uint64_t *ret_count)
{
    char *end;

    if (*text < '0' || *text > '9')
        return -EINVAL;
    errno = 0;
    unsigned long long count = strtoull(text, &end, 10);
    if (*end)
        return -EINVAL;
    if (errno)
        return -ERANGE;
    *ret_count = count;
    return 0;
}

/* A size, count or number of threads, within the option's limits. */
static int number_apply(const struct parse *parse, const struct option *option, const char *value)
{
    uint64_t number;
    char min[32], max[32];
    bool size = option->kind == OPTION_SIZE;

    int result = size ? size_parse(value, &number) : count_parse(value, &number);
    if (result == -EINVAL)
        return fail(parse, "%s=%s: not a %s", option->key, value,
                    size ? "size; write for example 512M or 2G" : "number");
    if (size) {
        size_format(option->min, min);
        size_format(option->max, max);
    } else {
        snprintf(min, sizeof min, "%" PRIu64, option->min);
        snprintf(max, sizeof max, "%" PRIu64, option->max);
    }
    if (result == -ERANGE || number > option->max)
        return fail(parse, "%s=%s: must be at most %s", option->key, value, max);
    if (number < option->min)
        return fail(parse, "%s=%s: must be at least %s", option->key, value, min);
    char *field = (char *)parse->options + option->offset;
    if (option->kind == OPTION_UNSIGNED || option->kind == OPTION_TIMES)
        *(unsigned *)(void *)field = (unsigned)number;
    else
        *(uint64_t *)(void *)field = number;
    return 0;
}

static int lifetime_apply(const struct parse *parse, const struct option *option, const char *value)
{
    uint64_t ms;

    int result = duration_parse(value, &ms);
    if (result == -ERANGE)
        return fail(parse, "%s=%s: must be at most 1,000 years", option->key, value);
    if (result < 0)
        return fail(parse, "%s=%s: not a duration; write for example 90s, 15m, 2h, 7d or none", option->key, value);
    parse->options->ttl_ms = ms == ENTRY_FOREVER ? ENTRY_UNSET : ms;
    return 0;
}

static int transport_apply(struct parse *parse, const struct option *option, const char *value)
{
    static const char *const names[] = {
        [TRANSPORT_AUTO] = "auto", [TRANSPORT_URING] = "uring", [TRANSPORT_DEV] = "dev"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(value, names[i]) == 0) {
            parse->options->transport = (enum mount_transport)i;
            return 0;
        }
    return fail(parse, "%s=%s: no such transport; there are auto, uring and dev", option->key, value);
}

/* One "key" or "key=value"; `item` is cut at the '='. */
static int item_apply(struct parse *parse, char *item)
{
    char *value = strchr(item, '=');

    if (value)
        *value++ = '\0';
    const struct option *option = option_find(item);
    if (!option)
        return fail(parse, "unknown option '%s'; larder mount --help lists them", item);
    if (option->kind == OPTION_IGNORED)
        return 0;
    bool bare = option->kind == OPTION_TIMES && !value;
    if (!bare && (option->value != NULL) != (value != NULL && *value))
        return option->value ? fail(parse, "option '%s' needs a value: %s=%s", item, item, option->value)
                             : fail(parse, "option '%s' takes no value", item);
    if (parse->configs != (option->kind == OPTION_CONFIG) && !parse->file)
        return 0;

    bool *flag = (bool *)((char *)parse->options + option->offset);
    switch (option->kind) {
    case OPTION_ON:
        *flag = true;
        return 0;
    case OPTION_OFF:
        *flag = false;
        return 0;
    case OPTION_SIZE:
    case OPTION_COUNT:
    case OPTION_UNSIGNED:
        return number_apply(parse, option, value);
    case OPTION_TIMES:
        if (value)
            return number_apply(parse, option, value);
        *(unsigned *)(void *)flag = OPTION_TIMES_BARE;
        return 0;
    case OPTION_LIFETIME:
        return lifetime_apply(parse, option, value);
    case OPTION_POLICY:
        if (store_policy_parse(value, &parse->options->policy) < 0)
            return fail(parse, "%s=%s: no such policy; there are sieve, lru, lfu, fifo, ttl and none", item, value);
        return 0;
    case OPTION_TRANSPORT:
        return transport_apply(parse, option, value);
    case OPTION_CONFIG:
        return parse->file ? fail(parse, "a config file cannot name another one") : config_read(parse, value);
    case OPTION_IGNORED:
        break;
    }
    return 0;
}

/* --- lists and files ----------------------------------------------------------------------------------- */

/* "key=value,key,..." as it stands behind -o; "\," is a comma within a value. */
static int list_apply(struct parse *parse, const char *list)
{
    char *copy = strdup(list);
    int result = copy ? 0 : fail(parse, "out of memory");

    for (char *from = copy; result == 0 && from;) {
        char *item = from, *to = from;
        while (*from && *from != ',') {
            if (*from == '\\' && from[1])
                from++;
            *to++ = *from++;
        }
        from = *from ? from + 1 : NULL;
        *to = '\0';
        if (*item)
            result = item_apply(parse, item);
    }
    free(copy);
    return result;
}

/* The text of a line without the blanks around it and the comment; a '#' within a word is none. */
static char *line_strip(char *line)
{
    line += strspn(line, " \t");
    for (char *at = line; *at; at++)
        if (*at == '#' && (at == line || at[-1] == ' ' || at[-1] == '\t')) {
            *at = '\0';
            break;
        }
    size_t length = strlen(line);
    while (length > 0 && strchr(" \t\r\n", line[length - 1]))
        line[--length] = '\0';
    return line;
}

static int config_read(struct parse *parse, const char *path)
{
    char *line = NULL;
    size_t room = 0;
    int result = 0;

    FILE *file = fopen(path, "re");
    if (!file)
        return fail(parse, "config=%s: %s", path, strerror(errno));
    parse->file = path;
    parse->line = 0;
    while (result == 0 && getline(&line, &room, file) >= 0) {
        parse->line++;
        char *item = line_strip(line);
        if (*item)
            result = item_apply(parse, item);
    }
    parse->file = NULL;
    if (result == 0 && ferror(file))
        result = fail(parse, "config=%s: %s", path, strerror(errno));
    free(line);
    fclose(file);
    return result;
}

/* --- paths --------------------------------------------------------------------------------------------- */

/* The path without slashes at its end, seen from the root. NULL when there is no memory or no current directory. */
static char *path_absolute(const char *prefix, const char *path)
{
    char *directory = NULL, *absolute;
    size_t length = strlen(path);

    while (length > 1 && path[length - 1] == '/')
        length--;
    if (*path != '/' && !(directory = getcwd(NULL, 0)))
        return NULL;
    if (asprintf(&absolute, "%s%s%s%.*s", prefix, directory ? directory : "", directory ? "/" : "", (int)length, path) <
        0)
        absolute = NULL;
    free(directory);
    return absolute;
}

/* Where the path begins in a URL of a store on disk; NULL if it is none. */
static const char *url_path(const char *url)
{
    static const char scheme[] = "rocksdb:";
    size_t word = strspn(url, "abcdefghijklmnopqrstuvwxyz");

    if (strncmp(url, scheme, strlen(scheme)) == 0)
        return url + strlen(scheme);
    return url[word] == ':' ? NULL : url;
}

const char *mount_options_store_dir(const struct mount_options *options)
{
    return url_path(options->store_url);
}

static char *url_absolute(const char *url)
{
    const char *path = url_path(url);

    return path ? path_absolute(path == url ? "" : "rocksdb:", path) : strdup(url);
}

/* --- the default size ---------------------------------------------------------------------------------- */

/* What the files right in a directory take on disk: all of a store's. */
static uint64_t directory_bytes(const char *path)
{
    uint64_t bytes = 0;
    struct dirent *item;
    struct stat stat;

    DIR *directory = opendir(path);
    if (!directory)
        return 0;
    while ((item = readdir(directory)))
        if (fstatat(dirfd(directory), item->d_name, &stat, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(stat.st_mode))
            bytes += (uint64_t)stat.st_blocks * 512;
    closedir(directory);
    return bytes;
}

/* 1 GiB, or a tenth of the free disk if that is less. What the store has already counts as free: otherwise a
 * store that is filling up would get a smaller limit with every mount. */
static uint64_t default_size(const char *store_dir)
{
    uint64_t size = 1024 * MIB;
    struct statvfs disk;
    char *path;

    if (!store_dir || !(path = strdup(store_dir)))
        return size;
    uint64_t used = directory_bytes(path);
    /* the nearest directory that is there */
    int result;
    while ((result = statvfs(path, &disk)) < 0 && errno == ENOENT) {
        char *slash = strrchr(path, '/');
        if (!slash || slash == path)
            break;
        *slash = '\0';
    }
    free(path);
    if (result == 0) {
        uint64_t tenth = ((uint64_t)disk.f_bavail * disk.f_frsize + used) / 10;
        size = tenth < size ? tenth : size;
    }
    return size < MIB ? MIB : size;
}

/* --- arguments ----------------------------------------------------------------------------------------- */

/* What the arguments are, before any of them is looked into. */
struct arguments {
    const char *store, *mountpoint;
    const char **lists; /* of each -o; room for argc */
    int lists_count;
    bool foreground, debug;
};

static int place_take(const struct parse *parse, const char *text, struct arguments *arguments)
{
    if (!*text)
        return fail(parse, "an empty argument; usage: larder mount STORE MOUNTPOINT");
    if (!arguments->store)
        arguments->store = text;
    else if (!arguments->mountpoint)
        arguments->mountpoint = text;
    else
        return fail(parse, "unexpected argument '%s'; options go behind -o", text);
    return 0;
}

/* -f, -d, -o LIST, -oLIST, and the first two joined. Advances *index when -o takes the next argument. */
static int letters_take(const struct parse *parse, int argc, char **argv, int *index, struct arguments *arguments)
{
    for (const char *letter = argv[*index] + 1; *letter; letter++)
        switch (*letter) {
        case 'f':
            arguments->foreground = true;
            break;
        case 'd':
            arguments->foreground = arguments->debug = true;
            break;
        case 'o':
            if (!letter[1] && *index + 1 >= argc)
                return fail(parse, "-o needs a list of options behind it");
            arguments->lists[arguments->lists_count++] = letter[1] ? letter + 1 : argv[++*index];
            return 0;
        default:
            return fail(parse, "unknown option '-%c'; larder mount --help lists them", *letter);
        }
    return 0;
}

static int arguments_take(const struct parse *parse, int argc, char **argv, struct arguments *arguments)
{
    bool only_places = false;
    int result = 0;

    for (int i = 0; i < argc && result == 0; i++) {
        const char *text = argv[i];
        if (only_places || text[0] != '-' || !text[1])
            result = place_take(parse, text, arguments);
        else if (strcmp(text, "--") == 0)
            only_places = true;
        else if (strcmp(text, "--foreground") == 0)
            arguments->foreground = true;
        else if (strcmp(text, "--debug") == 0)
            arguments->foreground = arguments->debug = true;
        else if (text[1] == '-')
            result = fail(parse, "unknown option '%s'; larder mount --help lists them", text);
        else
            result = letters_take(parse, argc, argv, &i, arguments);
    }
    if (result == 0 && !arguments->store)
        result = fail(parse, "missing arguments; usage: larder mount STORE MOUNTPOINT");
    else if (result == 0 && !arguments->mountpoint)
        result = fail(parse, "missing mount point; usage: larder mount STORE MOUNTPOINT");
    return result;
}

/* Config files first, then what stands in the lists. */
static int lists_apply(struct parse *parse, const struct arguments *arguments)
{
    int result = 0;

    for (int pass = 0; pass < 2; pass++) {
        parse->configs = pass == 0;
        for (int i = 0; i < arguments->lists_count && result == 0; i++)
            result = list_apply(parse, arguments->lists[i]);
    }
    return result;
}

int mount_options_parse(int argc, char **argv, struct mount_options *ret_options, char *error, size_t error_size)
{
    struct mount_options options = {.cache_bytes = 64 * MIB, .threads = 64, .spin_us = 20};
    struct parse parse = {.options = &options, .error = error, .error_size = error_size};
    struct arguments arguments = {.lists = calloc((size_t)argc + 1, sizeof *arguments.lists)};

    int result = arguments.lists ? arguments_take(&parse, argc, argv, &arguments) : fail(&parse, "out of memory");
    if (result == 0)
        result = lists_apply(&parse, &arguments);
    if (result == 0) {
        options.foreground = arguments.foreground;
        options.debug = arguments.debug;
        options.store_url = url_absolute(arguments.store);
        options.mountpoint = path_absolute("", arguments.mountpoint);
        if (!options.store_url || !options.mountpoint)
            result = fail(&parse, "the current directory cannot be found: %s", strerror(errno));
        else if (options.size_bytes == 0)
            options.size_bytes = default_size(mount_options_store_dir(&options));
    }
    free(arguments.lists);
    if (result < 0)
        mount_options_release(&options);
    else
        *ret_options = options;
    return result;
}

void mount_options_release(struct mount_options *options)
{
    free(options->store_url);
    free(options->mountpoint);
    *options = (struct mount_options){0};
}
