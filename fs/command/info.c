/* SPDX-License-Identifier: MIT */
/*
 * info.c - `larder info PATH`: what is known of an entry, for people or as JSON. It opens nothing: to look is no hit.
 *
 * The facts are asked for one by one, so that of an entry that is replaced meanwhile some may be of the old one; who
 * must know compares the version before and after.
 */
#include "arguments.h"
#include "entry_path.h"
#include "json.h"
#include "units.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

enum { TAGS_TEXT_MAX = 64 * 129 + 1 }; /* bytes of as many and as long tags as there may be */

struct facts {
    struct stat stat;
    char ttl[32], idle[32], expires[48], version[32], hits[32]; /* "" where there is none */
    char tags[TAGS_TEXT_MAX];
};

/* One attribute's text. 0 or -errno; "" when there is none. */
static int attribute(const char *path, const char *name, char *text, size_t room)
{
    ssize_t got = getxattr(path, name, text, room - 1);
    text[got > 0 ? got : 0] = '\0';
    return got < 0 && errno != ENODATA ? -errno : 0;
}

static int facts_get(const struct entry_path *path, struct facts *facts)
{
    char by_number[300];
    entry_path_by_number(path, by_number);
    if (fstatat(path->dir, path->name, &facts->stat, 0) < 0)
        return -errno;
    int result = attribute(by_number, "user.ttl", facts->ttl, sizeof facts->ttl);
    if (result == 0)
        result = attribute(by_number, "user.idle", facts->idle, sizeof facts->idle);
    if (result == 0)
        result = attribute(by_number, "user.tags", facts->tags, sizeof facts->tags);
    if (result == 0)
        result = attribute(by_number, "user.expires", facts->expires, sizeof facts->expires);
    if (result == 0)
        result = attribute(by_number, "user.version", facts->version, sizeof facts->version);
    if (result == 0)
        result = attribute(by_number, "user.hits", facts->hits, sizeof facts->hits);
    return result;
}

static const char *date(const struct timespec *at, char *text)
{
    date_format((int64_t)at->tv_sec * 1000 + at->tv_nsec / 1000000, text);
    return text;
}

/* A lifetime for people. */
static void print_lifetime(const char *name, const char *seconds)
{
    if (*seconds)
        printf("%-9s %s%s\n", name, strcmp(seconds, "0") == 0 ? "for ever" : seconds,
               strcmp(seconds, "0") == 0 ? "" : " s");
}

static void print_text(const struct entry_path *path, const struct facts *facts)
{
    char text[48];
    bool dir = S_ISDIR(facts->stat.st_mode);
    printf("%s\n", path->path);
    if (!dir) {
        size_format((uint64_t)facts->stat.st_size, text);
        printf("%-9s %s (%" PRIu64 " bytes)\n", "size", text, (uint64_t)facts->stat.st_size);
    }
    print_lifetime(dir ? "gives ttl" : "ttl", facts->ttl);
    if (*facts->expires)
        printf("%-9s %s\n", "expires", facts->expires);
    print_lifetime("idle", facts->idle);
    if (*facts->tags)
        printf("%-9s %s\n", "tags", facts->tags);
    if (*facts->version)
        printf("%-9s %s\n%-9s %s\n", "version", facts->version, "hits", facts->hits);
    printf("%-9s %s\n", "modified", date(&facts->stat.st_mtim, text));
    printf("%-9s %s\n", "changed", date(&facts->stat.st_ctim, text));
    printf("%-9s %04o, user %u, group %u\n", "mode", facts->stat.st_mode & 07777u, facts->stat.st_uid,
           facts->stat.st_gid);
}

static void print_number(const char *name, const char *number)
{
    printf(",\"%s\":%s", name, *number ? number : "null");
}

static void print_tags(const char *tags)
{
    const char *comma = "";
    printf(",\"tags\":[");
    for (size_t length; *tags; tags += length + (tags[length] == ',')) {
        length = strcspn(tags, ",");
        fputs(comma, stdout);
        json_string(stdout, tags, length);
        comma = ",";
    }
    printf("]");
}

static void print_json(const struct entry_path *path, const struct facts *facts)
{
    char text[48];
    printf("{\"path\":");
    json_string(stdout, path->path, strlen(path->path));
    printf(",\"kind\":\"%s\",\"size\":%" PRIu64, S_ISDIR(facts->stat.st_mode) ? "directory" : "file",
           (uint64_t)facts->stat.st_size);
    print_number("ttl", facts->ttl);
    print_number("idle", facts->idle);
    printf(",\"expires\":%s%s%s", *facts->expires ? "\"" : "", *facts->expires ? facts->expires : "null",
           *facts->expires ? "\"" : "");
    print_tags(facts->tags);
    print_number("version", facts->version);
    print_number("hits", facts->hits);
    printf(",\"modified\":\"%s\"", date(&facts->stat.st_mtim, text));
    printf(",\"changed\":\"%s\",\"mode\":\"%04o\",\"uid\":%u,\"gid\":%u}\n", date(&facts->stat.st_ctim, text),
           facts->stat.st_mode & 07777u, facts->stat.st_uid, facts->stat.st_gid);
}

static int run(int argc, char **argv)
{
    struct entry_path path;
    struct facts facts = {0};
    bool json = false;
    int words;
    const struct argument table[] = {{"--json", 0, &json, NULL}, {NULL}};

    int code = arguments_parse(&command_info, argc, argv, table, 1, 1, &words, NULL);
    if (code == COMMAND_DONE)
        code = entry_path_find(argv[0], 0, &path);
    if (code != COMMAND_DONE)
        return code;
    int result = facts_get(&path, &facts);
    if (result < 0)
        code = entry_path_fail(&path, result);
    else if (json)
        print_json(&path, &facts);
    else
        print_text(&path, &facts);
    entry_path_release(&path);
    return code;
}

const struct command command_info = {
    .name = "info",
    .arguments = "PATH [--json]",
    .summary = "show the size, lifetime, tags and times of an entry; exit 1 when it is not there",
    .details = "  PATH     a name in a larder; of a directory, what it gives to entries made in it\n"
               "  --json   for programs\n",
    .run = run,
};
