/* SPDX-License-Identifier: MIT */
/*
 * tag.c - `larder tag PATH [+TAG|-TAG ...]`: shows the tags of an entry or a directory, or adds and takes away some.
 *
 * It reads user.tags and writes it anew: of two that change the tags of one entry at the same time, the later one's
 * are what stays.
 */
#include "arguments.h"
#include "json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

enum { TAGS_SIZE = 64 * 129 + 1 }; /* 64 tags of 128 bytes, their commas, and a NUL */

#define TAGS "user.tags"

/* --- lists of tags ------------------------------------------------------------------------------------- */

/* Where a tag stands in a list; NULL if it does not. */
static char *find_tag(char *list, const char *tag)
{
    size_t size = strlen(tag);
    for (char *at = list; *at;) {
        size_t length = strcspn(at, ",");
        if (length == size && memcmp(at, tag, size) == 0)
            return at;
        at += length + (at[length] == ',');
    }
    return NULL;
}

/* False when there is no room: then there are too many. */
static bool add_tag(char *list, const char *tag)
{
    size_t used = strlen(list);
    if (find_tag(list, tag))
        return true;
    if (used + 1 + strlen(tag) >= TAGS_SIZE)
        return false;
    sprintf(list + used, "%s%s", used ? "," : "", tag);
    return true;
}

static void take_tag(char *list, const char *tag)
{
    char *at = find_tag(list, tag);
    if (!at)
        return;
    char *rest = at + strlen(tag);
    if (*rest == ',')
        memmove(at, rest + 1, strlen(rest + 1) + 1);
    else
        at[at == list ? 0 : -1] = '\0';
}

/* --- the verb ------------------------------------------------------------------------------------------ */

/* One tag a line, or an array. */
static void print_tags(const char *list, bool json)
{
    if (json)
        putchar('[');
    for (const char *at = list; *at;) {
        size_t length = strcspn(at, ",");
        if (json) {
            fputs(at == list ? "" : ",", stdout);
            json_string(stdout, at, length);
        } else {
            printf("%.*s\n", (int)length, at);
        }
        at += length + (at[length] == ',');
    }
    if (json)
        puts("]");
}

static int read_tags(const char *path, char *list)
{
    ssize_t size = lgetxattr(path, TAGS, list, TAGS_SIZE - 1);
    if (size < 0 && errno != ENODATA)
        return -errno;
    list[size < 0 ? 0 : size] = '\0';
    return 0;
}

static int write_tags(const char *path, const char *list)
{
    int result = *list ? lsetxattr(path, TAGS, list, strlen(list), 0) : lremovexattr(path, TAGS);
    return result < 0 && (errno != ENODATA || *list) ? -errno : 0;
}

static int check_tag(const char *change)
{
    if (change[0] != '+' && change[0] != '-')
        return arguments_fail(&command_tag, "say +TAG or -TAG, not '%s'", change);
    if (!change[1] || strchr(change, ','))
        return arguments_fail(&command_tag, "'%s' is no tag", change + 1);
    return COMMAND_DONE;
}

static int explain(const char *path, int result)
{
    if (result == -ENOENT) {
        (void)command_fail(COMMAND_MISS, "%s: %s", path, strerror(ENOENT));
        return COMMAND_MISS;
    }
    if (result == -EINVAL)
        return command_fail(COMMAND_FAILED,
                            "%s: a tag has at most 128 bytes, no slash or control character, and is not . or ..; an "
                            "entry has at most 64",
                            path);
    return command_fail(COMMAND_FAILED, "%s: %s", path, strerror(-result));
}

static int change_tags(const char *path, int count, char **changes)
{
    char list[TAGS_SIZE];
    int result = read_tags(path, list);
    for (int i = 0; i < count && result == 0; i++) {
        if (changes[i][0] == '-')
            take_tag(list, changes[i] + 1);
        else if (!add_tag(list, changes[i] + 1))
            result = -EINVAL;
    }
    if (result == 0)
        result = write_tags(path, list);
    return result < 0 ? explain(path, result) : COMMAND_DONE;
}

static int show_tags(const char *path, bool json)
{
    char list[TAGS_SIZE];
    int result = read_tags(path, list);
    if (result < 0)
        return explain(path, result);
    print_tags(list, json);
    return COMMAND_DONE;
}

static int read_arguments(int argc, char **argv, bool *ret_json, int *ret_words)
{
    const struct argument table[] = {{"--json", 0, ret_json, NULL, NULL}, {NULL, 0, NULL, NULL, NULL}};
    int code = arguments_parse_changes(&command_tag, argc, argv, table, 1, argc, ret_words);
    if (code == COMMAND_DONE && *ret_json && *ret_words > 1)
        return arguments_fail(&command_tag, "--json is for showing tags");
    for (int i = 1; code == COMMAND_DONE && i < *ret_words; i++)
        code = check_tag(argv[i]);
    return code;
}

static int run(int argc, char **argv)
{
    struct mountpoint mountpoint;
    struct stat stat;
    bool json = false;
    int words, code = read_arguments(argc, argv, &json, &words);
    if (code != COMMAND_DONE)
        return code;
    if (lstat(argv[0], &stat) < 0)
        return explain(argv[0], -errno);
    code = command_find_larder(argv[0], &mountpoint);
    if (code != COMMAND_DONE)
        return code;
    mountpoint_release(&mountpoint);
    return words == 1 ? show_tags(argv[0], json) : change_tags(argv[0], words - 1, argv + 1);
}

const struct command command_tag = {
    .name = "tag",
    .arguments = "[--json] PATH [+TAG|-TAG]...",
    .summary = "show, add or take away an entry's tags",
    .details = "  PATH    an entry, or a directory: what is made in it later starts with its tags\n"
               "  +TAG    add a tag\n"
               "  -TAG    take one away\n"
               "  --json  show them as an array\n",
    .run = run,
};
