/* SPDX-License-Identifier: MIT */
/*
 * status.c - `larder status [MOUNTPOINT...]`: which larders are mounted, and whether they answer: a line each.
 *
 * The mounts stand in /proc/self/mountinfo; what each is and how full is told by its .larder. A daemon that hangs or was
 * stopped would hold up whoever asks, even one that was killed, so each is asked by a child process, which has nothing of
 * ours open but a pipe, and is left to itself when it has said nothing after PATIENCE_MS. So is who looks up a path.
 */
#include "arguments.h"
#include "clock.h"
#include "json.h"
#include "sample.h"
#include "text.h"
#include "units.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATIENCE_MS = 2000 };

enum state {
    STATE_MOUNTED,
    STATE_DEAD, /* its daemon has ended without unmounting */
    STATE_SILENT, /* it does not answer in time */
    STATE_HIDDEN, /* something else is mounted over it */
    STATE_REFUSED, /* this user may not look */
};

static const char *const state_names[] = {"mounted", "dead", "silent", "hidden", "refused"};

/* What a mount tells of itself: as it comes through the pipe. */
struct answer {
    enum state state;
    int pid, supervisor; /* supervisor 0: none */
    unsigned restarts;
    char policy[32], transport[32];
    int64_t since_ms; /* since the epoch */
    uint64_t bytes, limit_bytes, items, limit_items;
};

/* --- asking, in the child ------------------------------------------------------------------------------ */

static enum state state_of(int result)
{
    return result == -ENOTCONN || result == -ECONNABORTED ? STATE_DEAD
           : result == -EACCES || result == -EPERM        ? STATE_REFUSED
           : result == -ENODEV || result == -ENOENT       ? STATE_HIDDEN
                                                          : STATE_SILENT;
}

/* The value of a line "name=value" into `room` bytes; "" when there is none. */
static void line_value(const char *text, const char *name, char *value, size_t room)
{
    size_t length = strlen(name);
    *value = '\0';
    for (const char *line = text; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
        if (strncmp(line, name, length) == 0 && line[length] == '=')
            snprintf(value, room, "%.*s", (int)strcspn(line + length + 1, "\n"), line + length + 1);
}

/* Is what is found at its root the mount itself, and not something above it? 0, -ENODEV, or as lstat(2) has it. */
static int check_visible(const struct mountpoint *mountpoint)
{
    struct stat stat;
    char device[32];
    if (lstat(mountpoint->root, &stat) < 0)
        return -errno;
    snprintf(device, sizeof device, "%u:%u", major(stat.st_dev), minor(stat.st_dev));
    return strcmp(device, mountpoint->device) == 0 ? 0 : -ENODEV;
}

/* Reads one of the texts in .larder; free() it. 0 or -errno. */
static int control_text(const struct mountpoint *mountpoint, const char *name, char **ret_text)
{
    char *path;
    if (asprintf(&path, "%s/.larder/%s", mountpoint->root, name) < 0)
        return -ENOMEM;
    int result = sample_text(path, ret_text);
    free(path);
    return result;
}

static void take_numbers(const char *text, struct answer *answer)
{
    struct sample *sample = calloc(1, sizeof *sample);
    if (!sample)
        return;
    sample_parse(text, sample);
    answer->bytes = sample->bytes;
    answer->limit_bytes = sample->limit_bytes;
    answer->items = sample->items;
    answer->limit_items = sample->limit_items;
    answer->since_ms = clock_ns(CLOCK_REALTIME) / 1000000 - (int64_t)sample->uptime_s * 1000;
    free(sample);
}

static void ask(const struct mountpoint *mountpoint, struct answer *answer)
{
    char *config, *numbers, number[16];
    int result = check_visible(mountpoint);
    if (result == 0)
        result = control_text(mountpoint, "config", &config);
    if (result == 0) {
        line_value(config, "pid", number, sizeof number);
        answer->pid = (int)strtol(number, NULL, 10);
        line_value(config, "supervisor", number, sizeof number);
        answer->supervisor = (int)strtol(number, NULL, 10);
        line_value(config, "restarts", number, sizeof number);
        answer->restarts = (unsigned)strtoul(number, NULL, 10);
        line_value(config, "policy", answer->policy, sizeof answer->policy);
        line_value(config, "transport", answer->transport, sizeof answer->transport);
        free(config);
        result = control_text(mountpoint, "stats.json", &numbers);
    }
    if (result == 0) {
        take_numbers(numbers, answer);
        free(numbers);
    }
    answer->state = result < 0 ? state_of(result) : STATE_MOUNTED;
}

/* --- asking, from outside ------------------------------------------------------------------------------ */

struct asked {
    struct mountpoint mountpoint;
    struct answer answer;
    pid_t child;
    int pipe; /* of its answer; -1: none */
};

static void child_main(const struct asked *asked, int out)
{
    struct answer answer = {0};
    for (int fd = 0; fd <= 2; fd++)
        close(fd); /* who waits for the end of our output does not wait for this */
    ask(&asked->mountpoint, &answer);
    _exit(write(out, &answer, sizeof answer) != sizeof answer);
}

static void ask_begin(struct asked *asked)
{
    int ends[2];
    asked->pipe = -1;
    asked->answer.state = STATE_SILENT;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return;
    asked->child = fork();
    if (asked->child == 0)
        child_main(asked, ends[1]);
    close(ends[1]);
    asked->pipe = ends[0];
}

/* All are asked at once; whoever has not answered by then is silent. */
static void ask_end(struct asked *asked, int64_t until_ns)
{
    struct pollfd pipe = {.fd = asked->pipe, .events = POLLIN};
    int64_t left_ms = (until_ns - clock_ns(CLOCK_MONOTONIC)) / 1000000;
    struct answer answer;
    if (asked->pipe < 0)
        return;
    if (poll(&pipe, 1, left_ms > 0 ? (int)left_ms : 0) > 0 &&
        read(asked->pipe, &answer, sizeof answer) == sizeof answer) {
        asked->answer = answer;
        waitpid(asked->child, NULL, 0);
    } else if (asked->child > 0) {
        kill(asked->child, SIGKILL); /* it ends when the daemon answers, or is gone */
    }
    close(asked->pipe);
}

/* --- telling ------------------------------------------------------------------------------------------- */

/* "12.3 MiB of 1.0 GiB (1.2 %), 4711 items". */
static void fill_format(const struct answer *answer, char *text, size_t room)
{
    char bytes[32], limit[32], items[48];
    size_format(answer->bytes, bytes);
    size_format(answer->limit_bytes, limit);
    if (answer->limit_items)
        snprintf(items, sizeof items, "%" PRIu64 " of %" PRIu64, answer->items, answer->limit_items);
    else
        snprintf(items, sizeof items, "%" PRIu64, answer->items);
    snprintf(text, room, "%s of %s (%.1f %%), %s items", bytes, limit,
             100.0 * (double)answer->bytes / (double)answer->limit_bytes, items);
}

static const char *why(enum state state)
{
    static const char *const sentences[] = {
        [STATE_MOUNTED] = "",
        [STATE_DEAD] = "dead: its daemon has ended; unmount it, or mount it anew",
        [STATE_SILENT] = "silent: its daemon does not answer",
        [STATE_HIDDEN] = "hidden: something else is mounted over it",
        [STATE_REFUSED] = "refused: another user's, mounted without allow_other",
    };
    return sentences[state];
}

static void print_line(const struct asked *asked)
{
    const struct answer *answer = &asked->answer;
    char fill[192], since[48];
    text_plain(stdout, asked->mountpoint.root);
    fputs("  ", stdout);
    text_plain(stdout, asked->mountpoint.source);
    if (answer->state != STATE_MOUNTED) {
        printf("  %s\n", why(answer->state));
        return;
    }
    fill_format(answer, fill, sizeof fill);
    date_format(answer->since_ms, since);
    printf("  pid %d  %s  ", answer->pid, fill);
    text_plain(stdout, answer->policy);
    fputs("  ", stdout);
    text_plain(stdout, answer->transport);
    printf("  since %.19sZ", since);
    if (answer->supervisor)
        printf("  supervised by %d, restarted %u time%s", answer->supervisor, answer->restarts,
               answer->restarts == 1 ? "" : "s");
    putchar('\n');
}

static void print_object(const struct asked *asked)
{
    const struct answer *answer = &asked->answer;
    char since[48];
    fputs("{\"mountpoint\":", stdout);
    json_string(stdout, asked->mountpoint.root, strlen(asked->mountpoint.root));
    fputs(",\"store\":", stdout);
    json_string(stdout, asked->mountpoint.source, strlen(asked->mountpoint.source));
    printf(",\"state\":\"%s\"", state_names[answer->state]);
    if (answer->state == STATE_MOUNTED) {
        date_format(answer->since_ms, since);
        printf(",\"pid\":%d,\"bytes\":%" PRIu64 ",\"limit_bytes\":%" PRIu64 ",\"items\":%" PRIu64
               ",\"limit_items\":%" PRIu64 ",\"policy\":",
               answer->pid, answer->bytes, answer->limit_bytes, answer->items, answer->limit_items);
        json_string(stdout, answer->policy, strlen(answer->policy));
        fputs(",\"transport\":", stdout);
        json_string(stdout, answer->transport, strlen(answer->transport));
        printf(",\"since\":\"%s\"", since);
        if (answer->supervisor)
            printf(",\"supervisor\":%d,\"restarts\":%u", answer->supervisor, answer->restarts);
    }
    putchar('}');
}

/* --- the verb ------------------------------------------------------------------------------------------ */

struct all {
    struct asked *at;
    size_t count;
};

static int all_add(void *arg, const struct mountpoint *mountpoint)
{
    struct all *all = arg;
    struct asked *at = reallocarray(all->at, all->count + 1, sizeof *at);
    if (!at)
        return -ENOMEM;
    all->at = at;
    all->at[all->count] = (struct asked){.pipe = -1};
    int result = mountpoint_copy(mountpoint, &all->at[all->count].mountpoint);
    all->count += result == 0;
    return result;
}

/* In which mount a path lies, as a child finds out, since already looking up a name waits for the daemon. */
struct found {
    int result; /* of mountpoint_find(); -ETIMEDOUT: nobody answered */
    bool larder;
    char root[PATH_MAX]; /* when it is one; after -ETIMEDOUT the path itself, seen from the root */
};

static void find_main(const char *path, int out)
{
    struct found found = {0};
    struct mountpoint mountpoint;
    for (int fd = 0; fd <= 2; fd++)
        close(fd); /* as in child_main() */
    found.result = mountpoint_find(path, &mountpoint);
    if (found.result == 0) {
        found.larder = mountpoint_is_larder(&mountpoint);
        snprintf(found.root, sizeof found.root, "%s", mountpoint.root);
    }
    _exit(write(out, &found, sizeof found) != sizeof found);
}

/* The whole answer in time. Larger than what a pipe takes in one piece, but not than what it holds. */
static bool read_in_time(int fd, struct found *found)
{
    int64_t until_ns = clock_ns(CLOCK_MONOTONIC) + PATIENCE_MS * INT64_C(1000000), left_ms;
    size_t used = 0;
    ssize_t got = 1;
    while (used < sizeof *found && got > 0 && (left_ms = (until_ns - clock_ns(CLOCK_MONOTONIC)) / 1000000) > 0) {
        struct pollfd pipe = {.fd = fd, .events = POLLIN};
        if (poll(&pipe, 1, (int)left_ms) > 0 && (got = read(fd, (char *)found + used, sizeof *found - used)) > 0)
            used += (size_t)got;
    }
    return used == sizeof *found;
}

static void find(const char *path, struct found *found)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) {
        found->result = -errno;
        return;
    }
    pid_t child = fork();
    if (child == 0)
        find_main(path, ends[1]);
    close(ends[1]);
    if (child > 0 && read_in_time(ends[0], found)) {
        waitpid(child, NULL, 0);
    } else {
        char here[PATH_MAX] = "";
        bool whole = *path == '/' || getcwd(here, sizeof here);
        int length = snprintf(found->root, sizeof found->root, "%s%s%s", here, *path == '/' ? "" : "/", path);
        *found->root = whole && (size_t)length < sizeof found->root ? *found->root : '\0';
        found->result = child < 0 ? -EAGAIN : -ETIMEDOUT;
        if (child > 0)
            kill(child, SIGKILL);
    }
    close(ends[0]);
}

/* Of the mounts in the list the one that was found, or, when nobody answered, the one the path seems to lie in. */
struct choice {
    const struct found *found;
    struct mountpoint best; /* root NULL: none yet */
};

static int choose(void *arg, const struct mountpoint *mountpoint)
{
    struct choice *choice = arg;
    const char *path = choice->found->root;
    size_t length = strlen(mountpoint->root);
    bool same = strcmp(path, mountpoint->root) == 0;
    bool within = strncmp(path, mountpoint->root, length) == 0 && path[length] == '/';
    if (!same && (choice->found->result == 0 || !within || (choice->best.root && strlen(choice->best.root) > length)))
        return 0;
    mountpoint_release(&choice->best);
    return mountpoint_copy(mountpoint, &choice->best); /* a later one covers an earlier one */
}

/* The mount a word lies in is added; false: there is none, which is told. */
static bool find_one(struct all *all, const char *word, int *ret_result)
{
    struct found found = {0};
    struct choice choice = {.found = &found};
    find(word, &found);
    bool may_be = found.result == -ETIMEDOUT || (found.result == 0 && found.larder);
    *ret_result = may_be ? mountpoint_each(choose, &choice) : 0;
    bool larder = choice.best.root;
    if (larder && *ret_result == 0)
        *ret_result = all_add(all, &choice.best);
    mountpoint_release(&choice.best);
    if (!larder && *ret_result == 0)
        (void)command_fail(COMMAND_MISS, "%s: %s", word,
                           found.result == -ETIMEDOUT ? "does not answer"
                           : found.result < 0         ? strerror(-found.result)
                                                      : "no larder is mounted there");
    return larder;
}

/* The mounts these words lie in. Those that lie in none are told, and counted in *ret_missing. */
static int find_named(struct all *all, int words, char **argv, unsigned *ret_missing)
{
    int result = 0;
    for (int i = 0; i < words && result == 0; i++)
        *ret_missing += !find_one(all, argv[i], &result);
    return result;
}

static void ask_all(struct all *all)
{
    int64_t until_ns = clock_ns(CLOCK_MONOTONIC) + PATIENCE_MS * INT64_C(1000000);
    for (size_t i = 0; i < all->count; i++)
        ask_begin(&all->at[i]);
    for (size_t i = 0; i < all->count; i++)
        ask_end(&all->at[i], until_ns);
}

/* Prints all; returns how many answer. */
static size_t print_all(const struct all *all, bool json)
{
    size_t mounted = 0;
    for (size_t i = 0; i < all->count; i++) {
        mounted += all->at[i].answer.state == STATE_MOUNTED;
        if (json)
            fputs(i ? "," : "[", stdout);
        (json ? print_object : print_line)(&all->at[i]);
    }
    if (json)
        puts(all->count ? "]" : "[]");
    return mounted;
}

static int status(int words, char **argv, bool json)
{
    struct all all = {0};
    unsigned missing = 0;
    int result = words ? find_named(&all, words, argv, &missing) : mountpoint_each(all_add, &all);
    size_t mounted = 0;
    if (result == 0) {
        ask_all(&all);
        mounted = print_all(&all, json);
    }
    bool good = words ? missing == 0 && mounted == all.count : mounted > 0;
    for (size_t i = 0; i < all.count; i++)
        mountpoint_release(&all.at[i].mountpoint);
    free(all.at);
    if (result < 0)
        return command_fail(COMMAND_FAILED, "cannot tell what is mounted: %s", strerror(-result));
    return good ? COMMAND_DONE : COMMAND_MISS;
}

static int run(int argc, char **argv)
{
    bool json = false;
    const struct argument table[] = {{"--json", 0, &json, NULL}, {NULL, 0, NULL, NULL}};
    int words, code = arguments_parse(&command_status, argc, argv, table, 0, argc, &words, NULL);
    return code == COMMAND_DONE ? status(words, argv, json) : code;
}

const struct command command_status = {
    .name = "status",
    .arguments = "[PATH]... [--json]",
    .summary = "show which larders are mounted, and how full they are; exit 1 when none is",
    .details = "  PATH     a mount point, or anything in a mount; without one, all there are\n"
               "  --json   for programs\n",
    .run = run,
};
