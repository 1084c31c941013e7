/* SPDX-License-Identifier: MIT */
/*
 * live.c - the live side: some append lines to names that others overwrite, and others read.
 *
 *     value (value.h), line, line, line ...
 *
 * A reader must see a whole value and whole lines behind it. An append session (one handle) appends to the version it
 * opened, so its lines are all behind one value, and in their order from the first to the last that is there. A session
 * that can read knows which value that is: its lines name it. Lines that are lost because the value they were appended
 * to was replaced cannot be told from lines never written, but for who appended them: in its own handle they all are.
 */
#include "names.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    LOGS = 2,
    LOG_BODY_MAX = 20000,
    LOG_MAX = 512 << 10, /* nobody appends to a log that is as long as this */
    LOG_ROOM = 2 * LOG_MAX,
    LINE_MAX = 300,
    LINES_MAX = 30, /* a session */
    FOLLOW_MAX_MS = 2000,
};

static void log_name(char *name)
{
    snprintf(name, NAME_SIZE, "log-%d", (int)below(LOGS));
}

/* --- lines --------------------------------------------------------------------------------------------- */

struct line {
    uint64_t generation; /* header.number of the value it was appended to; 0 not known */
    uint32_t session, number; /* the number counts from 0 */
};

/* Makes a line, with its newline; returns its length. All of it follows from the struct. */
static size_t line_make(char *text, const struct line *line)
{
    struct random random = {line->generation ^ (uint64_t)line->session << 32 ^ line->number};
    int length = snprintf(text, LINE_MAX, "+%016" PRIx64 " %08" PRIx32 " %06" PRIu32 " ", line->generation,
                          line->session, line->number);
    size_t fill = random_below(&random, 200);
    memset(text + length, 'a' + (int)random_below(&random, 26), fill);
    text[(size_t)length + fill] = '\n';
    return (size_t)length + fill + 1;
}

/* The sessions in the log that is being judged, and how many of their lines it has. */
struct seen {
    uint32_t session, lines;
    unsigned judged; /* in which log: others' entries count as empty */
};

enum { SEEN = 1 << 15 };
static struct seen table[SEEN];
static unsigned judged;

static struct seen *seen_find(uint32_t session)
{
    size_t at = session % SEEN;
    while (table[at].judged == judged && table[at].session != session)
        at = (at + 1) % SEEN;
    if (table[at].judged != judged)
        table[at] = (struct seen){.session = session, .judged = judged};
    return &table[at];
}

/* Is a whole line where it may be? */
static bool place_judge(const char *name, const struct line *line, uint64_t generation)
{
    struct seen *seen = seen_find(line->session);
    uint64_t behind = 0;
    if (line->generation && line->generation != generation)
        report(TORN, "%s: a line of value %" PRIx64 " behind value %" PRIx64, name, line->generation, generation);
    else if (line->number != seen->lines)
        report(TORN, "%s: line %" PRIu32 " of session %" PRIx32 " where %" PRIu32 " belongs", name, line->number,
               line->session, seen->lines);
    else if (!atomic_compare_exchange_strong(&shared->behind[line->session % SESSIONS], &behind, generation) &&
             behind != generation)
        report(TORN, "%s: session %" PRIx32 " behind value %" PRIx64 ", and elsewhere behind %" PRIx64, name,
               line->session, generation, behind);
    else {
        seen->lines++;
        return true;
    }
    return false;
}

static void report_line(const char *name, const char *log, size_t size, size_t at, size_t begin)
{
    char shown[24] = "";
    size_t zeros = 0;
    while (at + zeros < size && log[at + zeros] == '\0')
        zeros++;
    for (size_t i = 0; i < sizeof(shown) - 1 && at + i < size; i++)
        shown[i] = log[at + i] >= ' ' && log[at + i] <= '~' ? log[at + i] : '?';
    report(zeros ? ZEROED : TORN, "%s: no line at %zu of %zu (the value ends at %zu): %zu zeros; \"%s\"", name, at,
           size, begin, zeros, shown);
}

/* Is this a whole value with whole lines behind it, each in its place? */
static bool log_judge(const char *name, const char *log, size_t size)
{
    struct header header;
    judged++;
    if (!header_judge(name, (const unsigned char *)log, size, &header))
        return false;
    if (size < header.size) {
        report(TORN, "%s: %zu bytes of a value of %" PRIu64, name, size, header.size);
        return false;
    }
    if (!body_judge(name, (const unsigned char *)log, &header))
        return false;
    for (size_t at = header.size; at < size;) {
        char expected[LINE_MAX], begin[64] = "";
        struct line line;
        memcpy(begin, log + at, size - at < sizeof(begin) - 1 ? size - at : sizeof(begin) - 1);
        bool is_line = sscanf(begin, "+%16" SCNx64 " %8" SCNx32 " %6" SCNu32 " ", &line.generation, &line.session,
                              &line.number) == 3;
        size_t length = is_line ? line_make(expected, &line) : 0;
        if (!is_line || length > size - at || memcmp(expected, log + at, length) != 0) {
            report_line(name, log, size, at, header.size);
            return false;
        }
        if (!place_judge(name, &line, header.number))
            return false;
        at += length;
    }
    return true;
}

/* --- overwriting --------------------------------------------------------------------------------------- */

static uint64_t generation;

static bool set_log(const char *name, int flags)
{
    static unsigned char value[VALUE_ROOM];
    size_t size = value_make(value, below(1 + (LOG_BODY_MAX >> below(8))), OWNER_LOG,
                             (uint64_t)(self->number + 1) << 40 | ++generation);
    int fd = open(name, O_CREAT | flags, 0644);
    if (fd < 0) {
        report_error("open for writing", name);
        return false;
    }
    bool done = true;
    for (size_t at = 0, piece; at < size && done; at += piece) {
        piece = 1 + below(PIECE_MAX);
        if (piece > size - at)
            piece = size - at;
        done = write(fd, value + at, piece) == (ssize_t)piece;
    }
    if (!done)
        report_error("write", name);
    if (close(fd) == 0)
        return done;
    report_error("close", name);
    return false;
}

/* Several overwrites in a row, and then time to append. */
static void rest(void)
{
    if (below(4) == 0)
        usleep((useconds_t)below(8000));
}

static void overwrite_log(void)
{
    char name[NAME_SIZE];
    log_name(name);
    if (set_log(name, O_WRONLY | O_TRUNC))
        count(OVERWRITE);
    rest();
}

static void replace_log(void)
{
    char name[NAME_SIZE], temporary[NAME_SIZE];
    log_name(name);
    snprintf(temporary, sizeof(temporary), "tmp-%d", self->number);
    if (!set_log(temporary, O_WRONLY | O_EXCL))
        return;
    if (rename(temporary, name))
        report_error("rename over", name);
    else
        count(REPLACE);
    rest();
}

void live_prepare(void)
{
    self = &shared->workers[WORKERS_MAX - 1];
    for (int i = 0; i < LOGS; i++) {
        char name[NAME_SIZE];
        snprintf(name, sizeof(name), "log-%d", i);
        set_log(name, O_WRONLY | O_TRUNC);
    }
    self = NULL;
}

void live_writer_run(void)
{
    static const struct job jobs[] = {{OVERWRITE, 3, overwrite_log}, {REPLACE, 1, replace_log}};
    work(jobs, sizeof(jobs) / sizeof(*jobs));
}

/* --- appending ----------------------------------------------------------------------------------------- */

/* All there is in a handle; -1: it failed. */
static ssize_t read_log(int fd, char *log, size_t done, const char *name)
{
    for (;;) {
        size_t piece = 1 + below(PIECE_MAX);
        ssize_t got = pread(fd, log + done, piece < LOG_ROOM - done ? piece : LOG_ROOM - done, (off_t)done);
        if (got < 0) {
            report_error("pread", name);
            return -1;
        }
        if (got == 0)
            return (ssize_t)done;
        done += (size_t)got;
    }
}

static bool append_lines(int fd, struct line *line, const char *name)
{
    uint32_t lines = 1 + (uint32_t)below(LINES_MAX);
    for (; line->number < lines; line->number++) {
        char text[LINE_MAX];
        size_t length = line_make(text, line);
        if (write(fd, text, length) != (ssize_t)length) {
            report_error("append to", name);
            return false;
        }
        if (below(16) == 0)
            usleep((useconds_t)below(1000)); /* so that it is overwritten in between */
    }
    return true;
}

static uint32_t new_session(void)
{
    uint32_t session = atomic_fetch_add(&shared->next_session, 1);
    atomic_store(&shared->behind[session % SESSIONS], 0);
    return session;
}

static void append(void)
{
    char name[NAME_SIZE];
    struct stat stat;
    log_name(name);
    int fd = open(name, O_WRONLY | O_APPEND);
    if (fd < 0) {
        report_error("open to append", name);
        return;
    }
    struct line line = {.session = new_session()};
    if (fstat(fd, &stat))
        report_error("fstat", name);
    else if (stat.st_size < LOG_MAX && append_lines(fd, &line, name))
        count(APPEND);
    if (close(fd))
        report_error("close", name);
}

/* The same, and its own lines are all there, in the handle they were written to. */
static void append_and_read(void)
{
    static char log[LOG_ROOM];
    char name[NAME_SIZE];
    struct header header;
    log_name(name);
    int fd = open(name, O_RDWR | O_APPEND);
    if (fd < 0) {
        report_error("open to append", name);
        return;
    }
    ssize_t size = read_log(fd, log, 0, name);
    if (size >= 0 && size < LOG_MAX && header_judge(name, (unsigned char *)log, (size_t)size, &header)) {
        struct line line = {.generation = header.number, .session = new_session()};
        bool done = append_lines(fd, &line, name);
        size = done ? read_log(fd, log, 0, name) : -1;
        if (size >= 0 && log_judge(name, log, (size_t)size) && seen_find(line.session)->lines != line.number)
            report(TORN, "%s: of %" PRIu32 " lines appended, %" PRIu32 " are there", name, line.number,
                   seen_find(line.session)->lines);
        count(APPEND_READ);
    }
    if (close(fd))
        report_error("close", name);
}

void appender_run(void)
{
    static const struct job jobs[] = {{APPEND, 1, append}, {APPEND_READ, 1, append_and_read}};
    work(jobs, sizeof(jobs) / sizeof(*jobs));
}

/* --- reading ------------------------------------------------------------------------------------------- */

static int open_log(char *name)
{
    log_name(name);
    int fd = open(name, O_RDONLY);
    if (fd < 0)
        report_error("open", name);
    return fd;
}

static void read_whole(void)
{
    static char log[LOG_ROOM];
    char name[NAME_SIZE];
    int fd = open_log(name);
    if (fd < 0)
        return;
    ssize_t size = read_log(fd, log, 0, name);
    if (size >= 0)
        log_judge(name, log, (size_t)size);
    close(fd);
    count(READ);
}

/* In one go, and no more than fstat says; the end may have been seen there a moment before it is in reach. */
static void pread_whole(void)
{
    static char log[LOG_ROOM];
    char name[NAME_SIZE];
    struct stat stat;
    int fd = open_log(name);
    if (fd < 0)
        return;
    if (fstat(fd, &stat)) {
        report_error("fstat", name);
    } else {
        size_t size = stat.st_size < LOG_ROOM ? (size_t)stat.st_size : LOG_ROOM;
        ssize_t got = pread(fd, log, size, 0);
        if (got < 0)
            report_error("pread", name);
        else
            log_judge(name, log, (size_t)got);
    }
    close(fd);
    count(PREAD);
}

/* Reads on for a while: what is behind the end may come to be more, what was before it stays as it was. */
static void follow(void)
{
    static char log[LOG_ROOM], again[LOG_ROOM];
    char name[NAME_SIZE];
    int fd = open_log(name);
    if (fd < 0)
        return;
    int64_t until_ns = monotonic_ns() + (int64_t)below(1 + (FOLLOW_MAX_MS >> below(12))) * 1000000;
    ssize_t size = read_log(fd, log, 0, name);
    while (size >= 0 && monotonic_ns() < until_ns && !is_over()) {
        usleep((useconds_t)below(5000));
        size = read_log(fd, log, (size_t)size, name);
    }
    if (size >= 0 && log_judge(name, log, (size_t)size)) {
        ssize_t got = read_log(fd, again, 0, name);
        if (got >= 0 && (got < size || memcmp(log, again, (size_t)size) != 0))
            report(CHANGED, "%s: %zd bytes, and %zd other ones read again", name, size, got);
    }
    close(fd);
    count(FOLLOW);
}

void live_reader_run(void)
{
    static const struct job jobs[] = {{READ, 2, read_whole}, {PREAD, 1, pread_whole}};
    work(jobs, sizeof(jobs) / sizeof(*jobs));
}

void follower_run(void)
{
    work(&(struct job){FOLLOW, 1, follow}, 1);
}
