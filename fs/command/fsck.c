/* SPDX-License-Identifier: MIT */
/*
 * fsck.c - `larder fsck PLACE`: looks whether everything in a store is as it should be. Of a mount its daemon does it,
 * which tells in .larder/fsck what it finds; of a store that is not mounted this program, which can repair it, too.
 *
 * It exits as fsck(8) wants it, and not as other verbs do.
 */
#include "arguments.h"
#include "json.h"
#include "owner.h"
#include "progress.h"
#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FSCK_CLEAN = 0, FSCK_CORRECTED = 1, FSCK_LEFT = 4, FSCK_FAILED = 8, FSCK_USAGE = 16 };

struct fsck {
    const char *place;
    bool repair, json, quiet;
    bool told; /* a finding, or more */
    uint64_t rows; /* passed, of this round */
    struct progress progress;
    struct store_checked checked;
};

/* --- telling ------------------------------------------------------------------------------------------- */

static const char *const remedies[] = {[STORE_LEFT] = "left", [STORE_MENDED] = "mended", [STORE_LOST] = "lost"};

static void tell_json(struct fsck *fsck, const struct store_finding *finding)
{
    const char *kind = store_fault_name(finding->fault);
    printf("%s{\"kind\":\"%s\",\"remedy\":\"%s\",\"text\":", fsck->told ? "," : "", kind, remedies[finding->remedy]);
    json_string(stdout, finding->text, strlen(finding->text));
    putchar('}');
}

static void tell(void *arg, const struct store_finding *finding)
{
    struct fsck *fsck = arg;
    progress_end(&fsck->progress); /* it may be the same terminal */
    if (fsck->json)
        tell_json(fsck, finding);
    else
        printf("%s: %s%s%s\n", store_fault_name(finding->fault), finding->text,
               finding->remedy == STORE_LEFT ? "" : ": ",
               finding->remedy == STORE_LEFT ? "" : remedies[finding->remedy]);
    fsck->told = true;
}

static bool passed(void *arg, uint64_t rows, uint64_t total)
{
    struct fsck *fsck = arg;
    if (rows < fsck->rows || fsck->progress.what == NULL) { /* a round begins */
        progress_end(&fsck->progress);
        progress_begin(&fsck->progress, "checking", total, PROGRESS_ENTRIES);
        fsck->rows = 0;
    }
    fsck->progress.total = total > rows ? total : 0;
    progress_add(&fsck->progress, rows - fsck->rows);
    fsck->rows = rows;
    return true;
}

static void begin(struct fsck *fsck)
{
    if (fsck->json) {
        printf("{\"place\":");
        json_string(stdout, fsck->place, strlen(fsck->place));
        printf(",\"findings\":[");
    }
}

static int code_of(const struct store_checked *checked)
{
    return checked->left > 0 ? FSCK_LEFT : checked->mended + checked->lost > 0 ? FSCK_CORRECTED : FSCK_CLEAN;
}

static void tell_json_end(const struct fsck *fsck, int result, bool live)
{
    const struct store_checked *c = &fsck->checked;
    printf("],\"live\":%s,\"finished\":%s,\"entries\":%" PRIu64 ",\"directories\":%" PRIu64 ",\"rows\":%" PRIu64
           ",\"value_bytes\":%" PRIu64 ",\"left\":%" PRIu64 ",\"mended\":%" PRIu64 ",\"lost\":%" PRIu64 "}\n",
           live ? "true" : "false", result == 0 ? "true" : "false", c->entries, c->directories, c->rows, c->value_bytes,
           c->left, c->mended, c->lost);
}

static void tell_end(struct fsck *fsck, int result, bool live)
{
    const struct store_checked *c = &fsck->checked;
    progress_end(&fsck->progress);
    if (fsck->json)
        tell_json_end(fsck, result, live);
    else if (result == 0 && code_of(c) == FSCK_CLEAN && !fsck->quiet)
        printf("%s: clean: %" PRIu64 " entries, %" PRIu64 " directories\n", fsck->place, c->entries, c->directories);
    else if (result == 0 && code_of(c) == FSCK_LEFT)
        printf("%s: %" PRIu64 " found and left; %s\n", fsck->place, c->left,
               live ? "unmount it, and run larder fsck --repair on its store" : "larder fsck --repair mends it");
    else if (result == 0 && code_of(c) == FSCK_CORRECTED)
        printf("%s: repaired: %" PRIu64 " mended, %" PRIu64 " lost; there are %" PRIu64 " entries, %" PRIu64
               " directories\n",
               fsck->place, c->mended, c->lost, c->entries, c->directories);
}

/* --- a mount ------------------------------------------------------------------------------------------- */

static bool fault_by_name(const char *name, size_t size, enum store_fault *ret_fault)
{
    for (int i = 0; i < STORE_FAULTS; i++)
        if (strlen(store_fault_name(i)) == size && memcmp(store_fault_name(i), name, size) == 0) {
            *ret_fault = (enum store_fault)i;
            return true;
        }
    return false;
}

/* One line, without its newline. 1 at the end; -EIO the check failed. */
static int hear(struct fsck *fsck, const char *line)
{
    struct store_checked *c = &fsck->checked;
    uint64_t rows, total;
    if (sscanf(line, "passed %" SCNu64 " %" SCNu64, &rows, &total) == 2)
        (void)passed(fsck, rows, total);
    else if (strncmp(line, "found ", 6) == 0) {
        const char *kind = line + 6, *text = strchr(kind, ' ');
        struct store_finding finding = {.remedy = STORE_LEFT, .text = text ? text + 1 : ""};
        if (text && fault_by_name(kind, (size_t)(text - kind), &finding.fault))
            tell(fsck, &finding);
    } else if (sscanf(line, "done %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64, &c->rows, &c->entries,
                      &c->directories, &c->value_bytes, &c->left) == 5)
        return 1;
    else if (strncmp(line, "failed ", 7) == 0)
        return -EIO;
    return 0;
}

static int listen_to(struct fsck *fsck, FILE *file)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t size;
    int heard = 0;
    while (heard == 0 && (size = getline(&line, &room, file)) > 0) {
        line[strcspn(line, "\n")] = '\0';
        heard = hear(fsck, line);
    }
    free(line);
    return heard > 0 ? 0 : -EIO; /* a daemon that died has told no end */
}

static int fail_open(const struct fsck *fsck, const struct mountpoint *mountpoint, int error)
{
    if (error == EACCES || error == EPERM)
        return command_fail(FSCK_FAILED, "%s: only its owner and root may check it", fsck->place);
    if (error == EBUSY)
        return command_fail(FSCK_FAILED, "%s: is being checked already", fsck->place);
    if (error == ENOENT && !mountpoint->whole)
        return command_fail(FSCK_FAILED, "%s: only a part of a larder is mounted there; ask the mount itself",
                            fsck->place);
    return command_fail(FSCK_FAILED, "%s: cannot be checked: %s", fsck->place, strerror(error));
}

static int check_mount(struct fsck *fsck, const struct mountpoint *mountpoint)
{
    char *path;
    if (fsck->repair)
        return command_fail(FSCK_FAILED, "%s: is mounted; to repair the store %s unmount it first", fsck->place,
                            mountpoint->source);
    if (asprintf(&path, "%s/.larder/fsck", mountpoint->root) < 0)
        return command_fail(FSCK_FAILED, "out of memory");
    FILE *file = fopen(path, "re");
    int error = errno;
    free(path);
    if (!file)
        return fail_open(fsck, mountpoint, error);
    begin(fsck);
    int result = listen_to(fsck, file);
    fclose(file);
    tell_end(fsck, result, true);
    if (result < 0)
        return command_fail(FSCK_FAILED, "%s: the check did not come to its end", fsck->place);
    return code_of(&fsck->checked);
}

/* --- a store ------------------------------------------------------------------------------------------- */

static int check_store(struct fsck *fsck)
{
    const struct store_watch watch = {.found = tell, .passed = passed, .arg = fsck};
    struct store_error error = {""};
    if (!owner_become(fsck->place))
        return command_fail(FSCK_FAILED, "%s: cannot act as its owner: %s", fsck->place, strerror(errno));
    begin(fsck);
    int result = store_fsck(fsck->place, fsck->repair ? STORE_REPAIR : 0, &watch, &fsck->checked, &error);
    tell_end(fsck, result, false);
    if (result < 0)
        return command_fail(result == -EINVAL ? FSCK_USAGE : FSCK_FAILED, "%s", error.text);
    return code_of(&fsck->checked);
}

/* --- the verb ------------------------------------------------------------------------------------------ */

static int run(int argc, char **argv)
{
    struct fsck fsck = {0};
    const struct argument table[] = {
        {"--repair", 0, &fsck.repair, NULL}, {"--json", 0, &fsck.json, NULL}, {"--quiet", 'q', &fsck.quiet, NULL}, {0}};
    struct mountpoint mountpoint;
    int words;
    if (arguments_parse(&command_fsck, argc, argv, table, 1, 1, &words, NULL) != COMMAND_DONE)
        return FSCK_USAGE;
    fsck.place = argv[0];
    int result = mountpoint_find(fsck.place, &mountpoint);
    if (result == -ENOTCONN || result == -ECONNABORTED)
        return command_fail(FSCK_FAILED, "%s: the daemon of this mount has died; unmount it, and check its store",
                            fsck.place);
    if (result < 0)
        return check_store(&fsck);
    int code = mountpoint_is_larder(&mountpoint) ? check_mount(&fsck, &mountpoint) : check_store(&fsck);
    if (fflush(stdout) != 0 && code < FSCK_FAILED)
        code = command_fail(FSCK_FAILED, "cannot write: %s", strerror(errno));
    mountpoint_release(&mountpoint);
    return code;
}

const struct command command_fsck = {
    .name = "fsck",
    .arguments = "STORE|PATH [--repair] [--json] [-q|--quiet]",
    .summary = "check a store or a mount, and repair a store",
    .details =
        "  STORE         a store that is not mounted\n"
        "  PATH          a mount point, or anything in the mount: it goes on while it is checked\n"
        "  --repair      mend what can be mended, and let go of what cannot be told to be right\n"
        "  --json        for programs\n"
        "  -q, --quiet   say nothing when all is well\n"
        "\n"
        "exits with 0 when nothing is wrong, 1 what was wrong is repaired, 4 something wrong is left, 8 it failed,\n"
        "16 the arguments make no sense\n",
    .run = run,
};
