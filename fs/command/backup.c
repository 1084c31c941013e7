/* SPDX-License-Identifier: MIT */
/*
 * backup.c - `larder backup MOUNT FILE`: what is in a larder at this moment, as a tar archive in a file.
 *
 *     .larder/backup, or the store itself  -->  pieces  -->  zstd  -->  FILE.XXXXXX  -->  FILE
 *
 * The last bytes are looked at before the file gets its name: an archive is written whole, or not at all. A signal is
 * noticed between two pieces, so that the temporary file goes, too.
 */
#include "archive_file.h"
#include "arguments.h"
#include "backup_stream.h"
#include "clock.h"
#include "control.h"
#include "json.h"
#include "owner.h"
#include "progress.h"
#include "sample.h"
#include "store.h"
#include "units.h"
#include "value_stream.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    PIECE = 1 << 20, /* bytes: one message to a larder */
    MEMBER = 1280, /* bytes an entry has in an archive beside its value, more or less */
};

static volatile sig_atomic_t stopped_by; /* a signal */

/* --- where it comes from ------------------------------------------------------------------------------- */

struct source {
    const char *path; /* as it was given */
    int fd; /* of a mount, else -1 */
    struct store *store; /* of one that is not mounted */
    struct backup_stream *stream;
    uint64_t expected; /* bytes, more or less; 0 not known */
    bool owned; /* we act as the store's owner */
};

static uint64_t expect(uint64_t bytes, uint64_t entries)
{
    return bytes + entries * MEMBER;
}

static int open_mount(const struct mountpoint *mountpoint, struct source *source)
{
    char path[PATH_MAX], *text;
    struct sample sample;
    snprintf(path, sizeof path, "%s/" CONTROL_NAME "/stats.json", mountpoint->root);
    if (sample_text(path, &text) == 0) {
        sample_parse(text, &sample);
        source->expected = expect(sample.bytes, sample.items);
        free(text);
    }
    snprintf(path, sizeof path, "%s/" CONTROL_NAME "/" CONTROL_BACKUP, mountpoint->root);
    source->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (source->fd >= 0)
        return COMMAND_DONE;
    if (errno == ENOTCONN || errno == ECONNABORTED)
        return command_fail(COMMAND_FAILED, "%s: the daemon of this mount has died; unmount it, or mount it anew",
                            source->path);
    if (errno == EACCES)
        return command_fail(COMMAND_FAILED, "%s: only root and the owner of the mount may back it up", source->path);
    if (errno == EMFILE)
        return command_fail(COMMAND_FAILED, "%s: too many backups are being made of it", source->path);
    return command_fail(COMMAND_FAILED, "%s: cannot be read: %s", path, strerror(errno));
}

/* Nothing is evicted of a store whose limit is not known here. */
static int open_store(struct source *source)
{
    const struct store_options options = {.limit_bytes = INT64_MAX, .policy = STORE_POLICY_NONE, .existing = true};
    struct store_error error;
    struct store_stats stats;
    source->owned = owner_become(source->path);
    if (!source->owned)
        return command_fail(COMMAND_FAILED, "%s: cannot act as its owner: %s", source->path, strerror(errno));
    int result = store_open(source->path, &options, &source->store, &error);
    if (result == -ENOENT || result == -ENOTDIR)
        return command_fail(COMMAND_FAILED, "%s: no larder is mounted there, and it is no store", source->path);
    if (result == -EBUSY)
        return command_fail(COMMAND_FAILED, "%s: in use; give where it is mounted", source->path);
    if (result < 0)
        return command_fail(COMMAND_FAILED, "%s", error.text);
    store_stats(source->store, &stats);
    source->expected = expect(stats.bytes, stats.items + stats.directories);
    result = backup_stream_open(source->store, &source->stream);
    return result == 0 ? COMMAND_DONE : command_fail(COMMAND_FAILED, "%s: %s", source->path, strerror(-result));
}

static bool is_url(const char *text)
{
    return text[strspn(text, "abcdefghijklmnopqrstuvwxyz")] == ':';
}

static int open_source(const char *path, struct source *source)
{
    struct mountpoint mountpoint;
    *source = (struct source){.path = path, .fd = -1};
    if (is_url(path))
        return open_store(source);
    int result = mountpoint_find(path, &mountpoint);
    if (result < 0 && result != -ENOTCONN && result != -ECONNABORTED)
        return command_fail(COMMAND_FAILED, "%s: %s", path, strerror(-result));
    if (result < 0)
        return command_find_larder(path, &mountpoint);
    int code;
    if (!mountpoint_is_larder(&mountpoint))
        code = open_store(source);
    else if (!mountpoint_is_root(&mountpoint) || !mountpoint.whole)
        code = command_fail(COMMAND_FAILED, "%s: a larder is backed up as a whole: give where it is mounted", path);
    else
        code = open_mount(&mountpoint, source);
    mountpoint_release(&mountpoint);
    return code;
}

static void close_source(struct source *source)
{
    if (source->fd >= 0)
        close(source->fd);
    backup_stream_close(source->stream);
    store_close(source->store);
    if (source->owned)
        owner_end();
}

static int read_source(struct source *source, void *buffer, size_t *ret_size)
{
    if (source->stream)
        return backup_stream_read(source->stream, buffer, PIECE, ret_size);
    ssize_t got;
    while ((got = read(source->fd, buffer, PIECE)) < 0 && errno == EINTR && !stopped_by)
        ;
    if (got < 0)
        return -errno;
    *ret_size = (size_t)got;
    return 0;
}

static int fail_source(const struct source *source, int result)
{
    if (result == -ESTALE)
        return command_fail(COMMAND_FAILED, "%s: its disk is nearly full, and a backup keeps what is deleted meanwhile",
                            source->path);
    if (result == -ENOTCONN || result == -ECONNABORTED || result == -ENODATA)
        return command_fail(COMMAND_FAILED, "%s: the daemon of this mount ended while the backup was made",
                            source->path);
    return command_fail(COMMAND_FAILED, "%s: cannot be read: %s", source->path, strerror(-result));
}

/* --- where it goes ------------------------------------------------------------------------------------- */

struct target {
    const char *path; /* as it was given */
    int fd;
    char final[PATH_MAX], temporary[PATH_MAX]; /* "": it is written to directly */
};

static int fail_target(const struct target *target, int result)
{
    return command_fail(COMMAND_FAILED, "%s: cannot be written: %s", target->path, strerror(-result));
}

static void stop(int signal)
{
    stopped_by = signal;
}

/* For who has something to take away before it ends. Another is ended at once, whatever it waits for. */
static void notice_signals(void)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        struct sigaction now, action = {.sa_handler = stop};
        if (sigaction(signals[i], NULL, &now) == 0 && now.sa_handler != SIG_IGN)
            sigaction(signals[i], &action, NULL);
    }
}

/* A file beside the one that will be replaced, where that is one; a device or a pipe is written to. */
static int open_target(const char *path, struct target *target)
{
    struct stat stat_now;
    *target = (struct target){.path = path, .fd = -1};
    if (strcmp(path, "-") == 0) {
        target->path = "standard output";
        target->fd = STDOUT_FILENO;
        return isatty(STDOUT_FILENO)
                   ? command_fail(COMMAND_USAGE, "an archive is not written to a terminal; give a file")
                   : COMMAND_DONE;
    }
    bool there = stat(path, &stat_now) == 0;
    if (there && !S_ISREG(stat_now.st_mode)) {
        target->fd = open(path, O_WRONLY | O_CLOEXEC);
        return target->fd < 0 ? fail_target(target, -errno) : COMMAND_DONE;
    }
    if (there ? !realpath(path, target->final)
              : (size_t)snprintf(target->final, sizeof target->final, "%s", path) >= sizeof target->final)
        return fail_target(target, -ENAMETOOLONG);
    if ((size_t)snprintf(target->temporary, sizeof target->temporary, "%s.XXXXXX", target->final) >=
        sizeof target->temporary)
        return fail_target(target, -ENAMETOOLONG);
    notice_signals();
    target->fd = mkostemp(target->temporary, O_CLOEXEC);
    if (target->fd >= 0)
        return COMMAND_DONE;
    target->temporary[0] = '\0';
    return fail_target(target, -errno);
}

static int sync_parent(const char *path)
{
    char parent[PATH_MAX];
    snprintf(parent, sizeof parent, "%s", path);
    char *slash = strrchr(parent, '/');
    if (slash)
        slash[slash == parent] = '\0';
    int fd = open(slash ? parent : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int result = fd < 0 || fsync(fd) < 0 ? -errno : 0;
    if (fd >= 0)
        close(fd);
    return result == -EINVAL || result == -EACCES ? 0 : result; /* some file systems cannot, or it may not be read */
}

/* Gives the file its name, when `code` is COMMAND_DONE; else takes it away. */
static int close_target(struct target *target, int code)
{
    int result = 0;
    bool file = target->temporary[0];
    if (code == COMMAND_DONE && file && fsync(target->fd) < 0)
        result = -errno;
    if (target->fd >= 0 && target->fd != STDOUT_FILENO && close(target->fd) < 0 && result == 0)
        result = -errno;
    if (code == COMMAND_DONE && file && result == 0 && rename(target->temporary, target->final) < 0)
        result = -errno;
    if (file && (code != COMMAND_DONE || result < 0))
        unlink(target->temporary);
    else if (file)
        result = sync_parent(target->final);
    return code == COMMAND_DONE && result < 0 ? fail_target(target, result) : code;
}

/* --- copying ------------------------------------------------------------------------------------------- */

/* The last BACKUP_END_SIZE bytes, or what there was so far. */
struct tail {
    char bytes[BACKUP_END_SIZE];
    size_t size;
};

static void keep_tail(struct tail *tail, const char *piece, size_t size)
{
    if (size >= sizeof tail->bytes) {
        memcpy(tail->bytes, piece + size - sizeof tail->bytes, sizeof tail->bytes);
        tail->size = sizeof tail->bytes;
        return;
    }
    size_t kept = tail->size + size > sizeof tail->bytes ? sizeof tail->bytes - size : tail->size;
    memmove(tail->bytes, tail->bytes + tail->size - kept, kept);
    memcpy(tail->bytes + kept, piece, size);
    tail->size = kept + size;
}

/* *ret_reading: it was the source that failed. */
static int copy(struct source *source, struct archive_out *out, struct backup_count *ret_count, bool *ret_reading)
{
    char *piece = malloc(PIECE);
    struct tail tail = {.size = 0};
    struct progress progress;
    size_t got = 1;
    int result = piece ? 0 : -ENOMEM;
    progress_begin(&progress, "backing up", source->expected, PROGRESS_BYTES);
    while (result == 0 && got > 0 && !stopped_by) {
        result = read_source(source, piece, &got);
        *ret_reading = result < 0;
        if (result == 0 && (result = archive_out_write(out, piece, got)) == 0) {
            keep_tail(&tail, piece, got);
            progress_add(&progress, got);
        }
    }
    progress_end(&progress);
    free(piece);
    if (result == 0 && !stopped_by && (tail.size < sizeof tail.bytes || !backup_end_parse(tail.bytes, ret_count))) {
        *ret_reading = true;
        result = -ENODATA;
    }
    return result;
}

static int back_up(struct source *source, const struct target *target, int level, struct backup_count *ret_count,
                   uint64_t *ret_written)
{
    struct archive_out *out = NULL;
    bool reading = false;
    int result = archive_out_open(target->fd, level, &out);
    if (result == 0)
        result = copy(source, out, ret_count, &reading);
    int closed = archive_out_close(out, ret_written);
    if (stopped_by)
        return COMMAND_FAILED;
    if (result == 0 && closed == 0)
        return COMMAND_DONE;
    return reading ? fail_source(source, result) : fail_target(target, result < 0 ? result : closed);
}

/* --- the verb ------------------------------------------------------------------------------------------ */

static void tell(const struct target *target, const struct backup_count *count, uint64_t written, double seconds,
                 bool json)
{
    char bytes[32], file[32];
    if (json) {
        printf("{\"file\":");
        json_string(stdout, target->path, strlen(target->path));
        printf(",\"entries\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"written\":%" PRIu64 ",\"seconds\":%.3f}\n",
               count->entries, count->bytes, written, seconds);
    } else if (target->fd != STDOUT_FILENO) {
        size_format(count->bytes, bytes);
        size_format(written, file);
        printf("%s: %" PRIu64 " entries with %s, in %s, %.1f s\n", target->path, count->entries, bytes, file, seconds);
    }
}

static int check_arguments(const char *level_text, bool plain, bool json, const char *file, int *ret_level)
{
    int64_t level = ARCHIVE_LEVEL_USUAL;
    int code = arguments_number("--level", level_text, 1, &level);
    if (code != COMMAND_DONE)
        return code;
    if (level > ARCHIVE_LEVEL_MOST)
        return arguments_fail(&command_backup, "--level is from 1 to %d", ARCHIVE_LEVEL_MOST);
    if (plain && level_text)
        return arguments_fail(&command_backup, "--level and --no-compress exclude each other");
    if (json && strcmp(file, "-") == 0)
        return arguments_fail(&command_backup, "with --json the archive cannot go to standard output");
    *ret_level = plain ? 0 : (int)level;
    return COMMAND_DONE;
}

static int run(int argc, char **argv)
{
    struct source source = {.fd = -1};
    struct target target = {.fd = -1};
    struct backup_count count = {0};
    const char *level_text = NULL;
    bool plain = false, json = false;
    uint64_t written = 0;
    int words, level = 0;
    const struct argument table[] = {
        {"--level", 'l', NULL, &level_text}, {"--no-compress", 0, &plain, NULL}, {"--json", 0, &json, NULL}, {NULL}};

    int code = arguments_parse(&command_backup, argc, argv, table, 2, 2, &words, NULL);
    if (code == COMMAND_DONE)
        code = check_arguments(level_text, plain, json, argv[1], &level);
    if (code != COMMAND_DONE)
        return code;
    int64_t began_ns = clock_ns(CLOCK_MONOTONIC);
    signal(SIGPIPE, SIG_IGN); /* it is an error of write(2) then, which has a sentence */
    code = open_target(argv[1], &target);
    if (code == COMMAND_DONE)
        code = open_source(argv[0], &source);
    if (code == COMMAND_DONE)
        code = back_up(&source, &target, level, &count, &written);
    close_source(&source);
    code = close_target(&target, code);
    if (stopped_by && code != COMMAND_DONE) { /* else it came too late: the archive has its name */
        signal(stopped_by, SIG_DFL);
        raise(stopped_by);
    }
    if (code == COMMAND_DONE)
        tell(&target, &count, written, (double)(clock_ns(CLOCK_MONOTONIC) - began_ns) / 1e9, json);
    return code;
}

const struct command command_backup = {
    .name = "backup",
    .arguments = "MOUNT|STORE FILE [--level N|--no-compress] [--json]",
    .summary = "write all that is in a larder at this moment to a tar archive",
    .details = "  MOUNT          where a larder is mounted; it stays in use\n"
               "  STORE          a store that is not mounted\n"
               "  FILE           is replaced when the archive is whole; - is standard output\n"
               "  -l, --level N  how hard to compress (zstd), from 1 to 19; 3 if not given\n"
               "  --no-compress  do not\n"
               "  --json         for programs: what was written\n",
    .run = run,
};
