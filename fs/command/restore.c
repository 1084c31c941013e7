/* SPDX-License-Identifier: MIT */
/*
 * restore.c - `larder restore MOUNT FILE`: stores what is in a tar archive, that of `larder backup` or any other.
 *
 *     FILE --> archive_file.h --> tar.h --> a member: open, attributes, value, mode, owner, times --> close: it is there
 *
 * Each entry becomes visible when it is whole, as with any set. Of an archive that `larder backup` made an entry gets
 * the attributes that it had and no others; what is in another archive says nothing of lifetimes, perhaps, and then
 * inherits them as any new file does.
 *
 * Nothing is followed out of the mount: a path is walked without symbolic links and mount points (openat2). Directories
 * get their modes, owners and times when what is in them has been stored; so those above the member at hand are kept
 * open. What cannot be stored is said and left out; what would be the same with every other member ends it.
 */
#include "archive_file.h"
#include "arguments.h"
#include "backup_stream.h"
#include "clock.h"
#include "control.h"
#include "larder_ioctl.h"
#include "progress.h"
#include "restore_tree.h"
#include "sample.h"
#include "tar.h"
#include "text.h"
#include "units.h"
#include "value_stream.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

enum {
    PIECE = 1 << 20, /* bytes: one message to a larder */
    NAMES_MAX = 64 << 10, /* of all attributes of an entry, as the kernel has it */
};

/* What becomes of what is there. */
enum what_is_there { REPLACE_IT, KEEP_IT, CLEAR_IT };

struct restore {
    const char *file, *mount; /* as they were given */
    enum what_is_there there;
    bool owners; /* are kept */
    int64_t now_ms; /* when it began: what has expired by then is left out */
    char *piece; /* PIECE bytes */
    struct tree tree;
    struct archive_in *in;
    struct tar_reader reader;
    struct progress progress;
    bool backup, ended; /* it is one of ours; and its end has come */
    struct backup_count promised, found; /* by its end; and in it */
    uint64_t restored, directories, replaced, kept, expired, skipped, removed, bytes, evicted;
};

/* --- saying what is wrong ------------------------------------------------------------------------------ */

/* What is wrong with one member, which is left out: the others are not. Names are bytes: they are shown as text_plain() does,
 * as far as there is room. */
__attribute__((format(printf, 3, 4))) static int leave_out(struct restore *restore, const char *path,
                                                           const char *format, ...)
{
    char shown[PATH_MAX] = "", why[256];
    va_list args;
    FILE *out = fmemopen(shown, sizeof shown - 1, "w");
    if (out) {
        setvbuf(out, NULL, _IOFBF, sizeof shown);
        text_plain(out, *path ? path : "."); /* the root */
        fclose(out); /* what has no room is cut off */
    }
    va_start(args, format);
    vsnprintf(why, sizeof why, format, args);
    va_end(args);
    progress_end(&restore->progress);
    command_fail(COMMAND_FAILED, "%s: %s", shown, why);
    restore->skipped++;
    return 0;
}

/* Would it be the same with everything that follows? */
static bool is_fatal(int result)
{
    return result == -ENOSPC || result == -EIO || result == -ENOTCONN || result == -ECONNABORTED || result == -ENOMEM ||
           result == -EROFS || result == -EMFILE || result == -ENFILE;
}

static int fail_member(struct restore *restore, const char *path, int result)
{
    if (is_fatal(result))
        return result;
    return leave_out(restore, path, "%s",
                     result == -EFBIG   ? "it is larger than the limit of the larder"
                     : result == -ELOOP ? "there is a symbolic link above it"
                     : result == -EXDEV ? "it would lie outside"
                                        : strerror(-result));
}

/* Of a directory that has been left, see restore_tree.h. */
static int fail_directory(void *arg, const char *path, int result)
{
    return fail_member(arg, path, result);
}

/* --- attributes ---------------------------------------------------------------------------------------- */

static const struct tar_attribute *find_attribute(const struct tar_member *member, const char *name)
{
    for (size_t i = 0; i < member->attributes_count; i++)
        if (strcmp(member->attributes[i].name, name) == 0)
            return &member->attributes[i];
    return NULL;
}

/* Takes away what it has and the archive has not: inherited, or from the one that it replaces. */
static int remove_others(int fd, const struct tar_member *member)
{
    char names[NAMES_MAX];
    ssize_t size = flistxattr(fd, names, sizeof names);
    for (const char *name = names; size > 0 && name < names + size; name += strlen(name) + 1)
        if (!find_attribute(member, name) && fremovexattr(fd, name) < 0 && errno != ENODATA)
            return -errno;
    return size < 0 ? -errno : 0;
}

/* Those that a larder keeps, and does not compute. */
static bool is_settable(const char *name)
{
    return strncmp(name, "user.", 5) == 0 && strcmp(name, "user.version") != 0 && strcmp(name, "user.hits") != 0;
}

static int set_attributes(struct restore *restore, int fd, const char *path, const struct tar_member *member)
{
    int result = restore->backup ? remove_others(fd, member) : 0;
    for (size_t i = 0; i < member->attributes_count && result == 0; i++) {
        const struct tar_attribute *attribute = &member->attributes[i];
        if (!is_settable(attribute->name) ||
            fsetxattr(fd, attribute->name, attribute->value, attribute->value_size, 0) == 0)
            continue;
        if (is_fatal(-errno))
            return -errno;
        leave_out(restore, path, "%s cannot be set: %s", attribute->name, strerror(errno));
    }
    return result;
}

static bool has_expired(const struct restore *restore, const struct tar_member *member)
{
    const struct tar_attribute *attribute = find_attribute(member, "user.expires");
    char text[64];
    int64_t expires_ms;
    if (!attribute || attribute->value_size >= sizeof text)
        return false;
    memcpy(text, attribute->value, attribute->value_size);
    text[attribute->value_size] = '\0';
    return date_parse(text, &expires_ms) == 0 && expires_ms <= restore->now_ms;
}

static void times_of(const struct tar_member *member, struct timespec times[2])
{
    int64_t seconds = member->mtime_ns / 1000000000, rest = member->mtime_ns % 1000000000;
    times[0] = times[1] = (struct timespec){seconds - (rest < 0), rest + (rest < 0 ? 1000000000 : 0)};
}

/* --- files --------------------------------------------------------------------------------------------- */

/* Opens what is to be stored; -EEXIST: there is something, and it stays. What cannot be opened is replaced at the end by
 * what is stored under a spare name until then; else that is "". */
static int open_file(struct restore *restore, int dir, const char *name, bool *ret_there, char *ret_spare)
{
    const int flags = O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC;
    int fd = openat(dir, name, flags | O_EXCL, 0600);
    ret_spare[0] = '\0';
    *ret_there = fd < 0 && errno == EEXIST;
    if (!*ret_there || restore->there == KEEP_IT)
        return fd < 0 ? -errno : fd;
    fd = openat(dir, name, flags | O_TRUNC, 0600);
    if (fd >= 0)
        return fd;
    /* a link, a directory, or one that its owner may not write to */
    if (errno != ELOOP && errno != EISDIR && errno != EACCES)
        return -errno;
    tree_spare_name(&restore->tree, ret_spare);
    fd = openat(dir, ret_spare, flags | O_EXCL, 0600);
    return fd < 0 ? -errno : fd;
}

/* *ret_reading: it is the archive that failed. */
static int copy_value(struct restore *restore, int fd, bool *ret_reading)
{
    ssize_t got = 1;
    int result = 0;
    while (result == 0 && got > 0) {
        got = tar_read(&restore->reader, restore->piece, PIECE);
        *ret_reading = got < 0;
        if (got > 0)
            result = stream_write(fd, restore->piece, (size_t)got);
        restore->bytes += got > 0 && result == 0 ? (uint64_t)got : 0;
    }
    return got < 0 ? (int)got : result;
}

static int finish_file(const struct restore *restore, int fd, const struct tar_member *member)
{
    struct timespec times[2];
    times_of(member, times);
    if (restore->owners && fchown(fd, member->uid, member->gid) < 0)
        return -errno;
    return fchmod(fd, member->mode) < 0 || futimens(fd, times) < 0 ? -errno : 0;
}

static int put_file(struct restore *restore, int dir, const char *name, const char *path,
                    const struct tar_member *member)
{
    char spare[TREE_SPARE_MAX];
    bool there, reading = false;
    int fd = open_file(restore, dir, name, &there, spare);
    if (fd == -EEXIST) {
        restore->kept++;
        return 0;
    }
    if (fd < 0)
        return fail_member(restore, path, fd);
    int result = set_attributes(restore, fd, path, member);
    if (result == 0)
        result = copy_value(restore, fd, &reading);
    if (result == 0)
        result = finish_file(restore, fd, member);
    if (result == 0 && *spare)
        result = tree_take_place(dir, spare, name);
    if (result < 0)
        ioctl(fd, LARDER_ABANDON);
    if (close(fd) < 0 && result == 0)
        result = -errno;
    if (result < 0)
        return reading ? result : fail_member(restore, path, result);
    restore->restored++;
    restore->replaced += there;
    return 0;
}

/* --- links and directories ----------------------------------------------------------------------------- */

/* A link's lifetime cannot be set through a mount; it begins anew, as its directory has it. */
static int put_symlink(struct restore *restore, int dir, const char *name, const char *path,
                       const struct tar_member *member)
{
    struct timespec times[2];
    times_of(member, times);
    const char *made = name;
    char spare[TREE_SPARE_MAX];
    int result = symlinkat(member->target, dir, name) < 0 ? -errno : 0;
    bool there = result == -EEXIST;
    if (there && restore->there == KEEP_IT) {
        restore->kept++;
        return 0;
    }
    if (there) {
        tree_spare_name(&restore->tree, spare);
        made = spare;
        result = symlinkat(member->target, dir, made) < 0 ? -errno : 0;
    }
    if (result == 0 && restore->owners && fchownat(dir, made, member->uid, member->gid, AT_SYMLINK_NOFOLLOW) < 0)
        result = -errno;
    if (result == 0 && utimensat(dir, made, times, AT_SYMLINK_NOFOLLOW) < 0)
        result = -errno;
    if (result == 0 && there)
        result = tree_take_place(dir, spare, name);
    if (result < 0 && there)
        unlinkat(dir, spare, 0);
    if (result < 0)
        return fail_member(restore, path, result);
    restore->restored++;
    restore->replaced += there;
    return 0;
}

/* Makes a directory, or finds it; 1: what is there is kept. */
static int make_directory(struct restore *restore, int dir, const char *name)
{
    char spare[TREE_SPARE_MAX];
    struct stat stat;
    if (mkdirat(dir, name, 0700) == 0)
        return 0;
    if (errno != EEXIST)
        return -errno;
    if (fstatat(dir, name, &stat, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    if (restore->there == KEEP_IT)
        return 1;
    if (S_ISDIR(stat.st_mode))
        return 0;
    tree_spare_name(&restore->tree, spare);
    return mkdirat(dir, spare, 0700) < 0 ? -errno : tree_take_place(dir, spare, name);
}

/* Its attributes are set at once, since links that are made in it start with them; the rest when it is left. */
static int enter_directory(struct restore *restore, int dir, const char *name, const char *path,
                           const struct tar_member *member)
{
    struct tree_finish finish = {
        .mode = member->mode, .uid = member->uid, .gid = member->gid, .owner = restore->owners};
    times_of(member, finish.times);
    int fd = tree_open_child(dir, name);
    int result = fd < 0 ? fd : set_attributes(restore, fd, path, member);
    if (result == 0)
        result = tree_enter(&restore->tree, path, fd, &finish);
    if (result < 0 && fd >= 0)
        close(fd);
    return result < 0 ? fail_member(restore, path, result) : 0;
}

static int put_directory(struct restore *restore, int dir, const char *name, const char *path,
                         const struct tar_member *member)
{
    int result = *path ? make_directory(restore, dir, name) : restore->there == KEEP_IT;
    if (result < 0)
        return fail_member(restore, path, result);
    restore->directories += *path && result == 0;
    return result == 0 ? enter_directory(restore, dir, name, path, member) : 0;
}

/* --- members ------------------------------------------------------------------------------------------- */

static int put_member(struct restore *restore, const char *path, const struct tar_member *member)
{
    char name[NAME_MAX + 1];
    int dir;
    int result = tree_parent(&restore->tree, path, &dir, name);
    if (result < 0)
        return fail_member(restore, path, result);
    switch (member->type) {
    case TAR_FILE:
        return put_file(restore, dir, name, path, member);
    case TAR_SYMLINK:
        return put_symlink(restore, dir, name, path, member);
    default:
        return put_directory(restore, dir, name, path, member);
    }
}

static const char *what_is(int type)
{
    switch (type) {
    case TAR_HARD_LINK:
        return "a hard link";
    case '3':
    case '4':
        return "a device";
    case '6':
        return "a fifo";
    default:
        return "of a kind that is not known";
    }
}

static int take_member(struct restore *restore, const struct tar_member *member)
{
    bool known = member->type == TAR_FILE || member->type == TAR_SYMLINK || member->type == TAR_DIRECTORY;
    char *path;
    restore->found.entries++;
    restore->found.bytes += member->type == TAR_FILE ? member->size : 0;
    if (!known)
        return leave_out(restore, member->path, "it is %s, which a larder does not keep", what_is(member->type));
    if (member->sparse)
        return leave_out(restore, member->path,
                         "it is stored as a sparse file; make the archive without tar's --sparse");
    if (has_expired(restore, member)) {
        restore->expired++;
        return 0;
    }
    int result = tree_path(member->path, &path);
    if (result == -ENOMEM)
        return result;
    if (result < 0)
        return leave_out(restore, member->path, "its name leads out of the larder");
    if (strcmp(path, CONTROL_NAME) == 0 || strncmp(path, CONTROL_NAME "/", sizeof CONTROL_NAME) == 0)
        result = leave_out(restore, path, "this name is the larder's own");
    else if (!*path && member->type != TAR_DIRECTORY)
        result = leave_out(restore, member->path, "it has no name");
    else if ((result = tree_leave(&restore->tree, path)) == 0)
        result = put_member(restore, path, member);
    free(path);
    return result;
}

/* --- the archive --------------------------------------------------------------------------------------- */

static ssize_t read_archive(void *arg, void *buffer, size_t size)
{
    struct restore *restore = arg;
    uint64_t before = archive_in_taken(restore->in);
    ssize_t got = archive_in_read(restore->in, buffer, size);
    progress_add(&restore->progress, archive_in_taken(restore->in) - before);
    return got;
}

static void hear_comment(void *arg, const char *text)
{
    struct restore *restore = arg;
    if (strcmp(text, BACKUP_BEGIN) == 0)
        restore->backup = true;
    else if (backup_comment_parse(text, &restore->promised))
        restore->ended = true;
}

/* What is behind the end means nothing, but a compressed file has its checksum there, and whoever writes to a pipe wants
 * to be read. */
static int read_rest(struct restore *restore)
{
    ssize_t got;
    while ((got = read_archive(restore, restore->piece, PIECE)) > 0)
        ;
    return (int)got;
}

/* All members. 0, or what ended it. */
static int take_all(struct restore *restore)
{
    const struct tar_member *member;
    bool first = true;
    int result;
    while ((result = tar_next(&restore->reader, &member)) == 0 && !restore->ended) {
        if (first && restore->there == CLEAR_IT)
            result = tree_clear(&restore->tree, &restore->removed);
        if (result == 0)
            result = take_member(restore, member);
        if (result < 0)
            return result;
        first = false;
    }
    if (restore->ended && result == 0)
        result = tar_next(&restore->reader, &member);
    if (result < 0)
        return result;
    bool whole = restore->promised.entries == restore->found.entries && restore->promised.bytes == restore->found.bytes;
    return result == 1 && (!restore->backup || (restore->ended && whole)) ? read_rest(restore) : -ENODATA;
}

static int fail_archive(const struct restore *restore, int result)
{
    char done[64] = "nothing was restored";
    if (restore->restored > 0)
        snprintf(done, sizeof done, "%" PRIu64 " entries were restored before that", restore->restored);
    const char *why = result == -ENODATA   ? "the archive is cut off"
                      : result == -EBADMSG ? "this is no tar archive, or a damaged one"
                                           : NULL;
    if (why)
        return command_fail(COMMAND_FAILED, "%s: %s; %s", restore->file, why, done);
    if (result == -ENOSPC)
        return command_fail(COMMAND_FAILED, "%s: there is no room for more within the limit of the larder; %s",
                            restore->mount, done);
    return command_fail(COMMAND_FAILED, "%s: %s; %s", restore->mount, strerror(-result), done);
}

static int restore_all(struct restore *restore, int fd)
{
    struct stat stat;
    uint64_t total = fstat(fd, &stat) == 0 && S_ISREG(stat.st_mode) ? (uint64_t)stat.st_size : 0;
    int result = (restore->piece = malloc(PIECE)) ? archive_in_open(fd, &restore->in) : -ENOMEM;
    restore->reader = (struct tar_reader){.read = read_archive, .arg = restore, .comment = hear_comment};
    progress_begin(&restore->progress, "restoring", total, PROGRESS_BYTES);
    if (result == 0)
        result = take_all(restore);
    int finished = tree_leave_all(&restore->tree);
    progress_end(&restore->progress);
    if (result == 0)
        result = finished;
    tar_release(&restore->reader);
    archive_in_close(restore->in);
    free(restore->piece);
    return result < 0 ? fail_archive(restore, result) : restore->skipped ? COMMAND_FAILED : COMMAND_DONE;
}

/* --- what it did --------------------------------------------------------------------------------------- */

static void say(const char *format, uint64_t count)
{
    if (count > 0)
        printf(format, count);
}

static void tell(const struct restore *restore, double seconds, bool json)
{
    if (json) {
        printf("{\"restored\":%" PRIu64 ",\"directories\":%" PRIu64 ",\"replaced\":%" PRIu64 ",\"kept\":%" PRIu64
               ",\"expired\":%" PRIu64 ",\"skipped\":%" PRIu64 ",\"removed\":%" PRIu64 ",\"evicted\":%" PRIu64
               ",\"bytes\":%" PRIu64 ",\"seconds\":%.3f}\n",
               restore->restored, restore->directories, restore->replaced, restore->kept, restore->expired,
               restore->skipped, restore->removed, restore->evicted, restore->bytes, seconds);
        return;
    }
    printf("%s: restored %" PRIu64 " entries and %" PRIu64 " directories", restore->mount, restore->restored,
           restore->directories);
    say("; %" PRIu64 " replaced what was there", restore->replaced);
    say("; %" PRIu64 " were there and were kept", restore->kept);
    say("; %" PRIu64 " had expired", restore->expired);
    say("; %" PRIu64 " could not be restored", restore->skipped);
    say("; %" PRIu64 " that were there were removed first", restore->removed);
    say("; %" PRIu64 " were evicted meanwhile, to stay within the limit", restore->evicted);
    printf("\n");
}

/* How many entries the mount has evicted so far; 0 when it does not say. */
static uint64_t evicted_by(const struct mountpoint *mountpoint)
{
    char path[PATH_MAX], *text;
    struct sample sample = {0};
    snprintf(path, sizeof path, "%s/" CONTROL_NAME "/stats.json", mountpoint->root);
    if (sample_text(path, &text) == 0) {
        sample_parse(text, &sample);
        free(text);
    }
    return sample.evicted;
}

/* --- the verb ------------------------------------------------------------------------------------------ */

/* Directories above what is being stored are open: one each. */
static void allow_files(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static int open_archive(const char *file, int *ret_fd)
{
    bool standard = strcmp(file, "-") == 0;
    if (standard && isatty(STDIN_FILENO))
        return command_fail(COMMAND_USAGE, "an archive is not read from a terminal; give a file");
    *ret_fd = standard ? STDIN_FILENO : open(file, O_RDONLY | O_CLOEXEC);
    return *ret_fd < 0 ? command_fail(COMMAND_FAILED, "%s: %s", file, strerror(errno)) : COMMAND_DONE;
}

static int find_mount(const char *path, struct mountpoint *ret_mountpoint)
{
    int code = command_find_larder(path, ret_mountpoint);
    if (code != COMMAND_DONE || mountpoint_is_root(ret_mountpoint))
        return code;
    mountpoint_release(ret_mountpoint);
    return command_fail(COMMAND_FAILED, "%s: give where the larder is mounted", path);
}

static int restore_into(struct restore *restore, int fd, const struct mountpoint *mountpoint, bool json)
{
    int64_t began_ns = clock_ns(CLOCK_MONOTONIC);
    int result = tree_open(mountpoint->root, &restore->tree);
    if (result < 0)
        return command_fail(COMMAND_FAILED, "%s: %s", restore->mount, strerror(-result));
    restore->tree.failed = fail_directory;
    restore->tree.arg = restore;
    uint64_t evicted = evicted_by(mountpoint);
    restore->now_ms = clock_ns(CLOCK_REALTIME) / 1000000;
    restore->owners = geteuid() == 0;
    int code = restore_all(restore, fd);
    uint64_t evicted_now = evicted_by(mountpoint);
    restore->evicted = evicted_now > evicted ? evicted_now - evicted : 0;
    tree_close(&restore->tree);
    if (code == COMMAND_DONE || restore->skipped)
        tell(restore, (double)(clock_ns(CLOCK_MONOTONIC) - began_ns) / 1e9, json);
    return code;
}

static int run(int argc, char **argv)
{
    struct restore restore = {.there = REPLACE_IT};
    struct mountpoint mountpoint;
    bool replace = false, keep = false, clear = false, json = false;
    int words, fd = -1;
    const struct argument table[] = {{"--replace", 0, &replace, NULL},
                                     {"--keep", 0, &keep, NULL},
                                     {"--clear", 0, &clear, NULL},
                                     {"--json", 0, &json, NULL},
                                     {NULL}};

    int code = arguments_parse(&command_restore, argc, argv, table, 2, 2, &words, NULL);
    if (code == COMMAND_DONE && replace + keep + clear > 1)
        code = arguments_fail(&command_restore, "--replace, --keep and --clear exclude each other");
    if (code == COMMAND_DONE)
        code = find_mount(argv[0], &mountpoint);
    if (code != COMMAND_DONE)
        return code;
    restore.mount = argv[0];
    restore.file = strcmp(argv[1], "-") == 0 ? "standard input" : argv[1];
    restore.there = keep ? KEEP_IT : clear ? CLEAR_IT : REPLACE_IT;
    allow_files();
    code = open_archive(argv[1], &fd);
    if (code == COMMAND_DONE)
        code = restore_into(&restore, fd, &mountpoint, json);
    if (fd > STDIN_FILENO)
        close(fd);
    mountpoint_release(&mountpoint);
    return code;
}

const struct command command_restore = {
    .name = "restore",
    .arguments = "MOUNT FILE [--replace|--keep|--clear] [--json]",
    .summary = "store what is in a tar archive, of larder backup or another",
    .details = "  MOUNT      where a larder is mounted; it stays in use\n"
               "  FILE       the archive, compressed or not; - is standard input\n"
               "  --replace  entries of the archive replace those of the same name, all others stay; this is what it\n"
               "             does if not told\n"
               "  --keep     what is there stays as it is\n"
               "  --clear    everything that is there is removed first\n"
               "  --json     for programs: what was done\n",
    .run = run,
};
