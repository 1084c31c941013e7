/* SPDX-License-Identifier: MIT */
/* writers.c - the processes that set, move and remove values. */
#include "names.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { TTL_MIN_MS = 20, TTL_MAX_MS = 200, FILL_NAMES = 512 };

/* One set: how a name is opened, and what happens before the close. */
struct set {
    const char *name;
    int flags;
    unsigned ttl_ms; /* 0: for ever */
    const unsigned char *value;
    size_t size;
};

/* The value at hand. A process writes one at a time. */
static unsigned char value[VALUE_ROOM];
static uint64_t lasting_number, brief_number;

static unsigned random_ttl(void)
{
    return TTL_MIN_MS + (unsigned)below(TTL_MAX_MS - TTL_MIN_MS + 1);
}

/* Some values of names that all write get a lifetime. */
static unsigned perhaps_ttl(void)
{
    return shared->wanted[EXPIRE] && below(4) == 0 ? random_ttl() : 0;
}

static bool write_pieces(int fd, const struct set *set)
{
    for (size_t done = 0; done < set->size;) {
        size_t piece = 1 + below(4 * PIECE_MAX);
        if (piece > set->size - done)
            piece = set->size - done;
        ssize_t written = write(fd, set->value + done, piece);
        if (written < 0) {
            report_error("write", set->name);
            return false;
        }
        done += (size_t)written;
    }
    return true;
}

/* Whoever writes through a readable handle reads there what he wrote, and nothing of what others do. */
static void read_back(int fd, const struct set *set)
{
    static unsigned char read[VALUE_ROOM];
    ssize_t got = pread(fd, read, sizeof(read), 0);
    if (got < 0)
        report_error("read back", set->name);
    else if ((size_t)got != set->size || memcmp(read, set->value, set->size) != 0)
        report(CHANGED, "%s: read back %zd bytes that are not the %zu written", set->name, got, set->size);
}

static bool set_lifetime(int fd, const struct set *set)
{
    char text[16];
    int length = snprintf(text, sizeof(text), "%ums", set->ttl_ms);
    if (fsetxattr(fd, "user.ttl", text, (size_t)length, 0) == 0)
        return true;
    report_error("fsetxattr", set->name);
    return false;
}

/* Returns whether the value was written and published. */
static bool set_value(const struct set *set)
{
    int fd = open(set->name, set->flags, 0644);
    if (fd < 0) {
        if (!(errno == EEXIST && set->flags & O_EXCL) && !(errno == ENOENT && !(set->flags & O_CREAT)))
            report_error("open for writing", set->name);
        return false;
    }
    bool early = below(2), done = !set->ttl_ms || !early || set_lifetime(fd, set);
    done = write_pieces(fd, set) && done;
    if (set->ttl_ms && !early)
        done = set_lifetime(fd, set) && done;
    if ((set->flags & O_ACCMODE) == O_RDWR)
        read_back(fd, set);
    if (close(fd) == 0)
        return done;
    report_error("close", set->name);
    return false;
}

/* Sets a name that all write. */
static void set_shared(enum kind kind, int flags)
{
    char name[NAME_SIZE];
    shared_name(name);
    size_t size = value_make(value, random_body(), OWNER_SHARED, 0);
    if (set_value(&(struct set){name, flags, perhaps_ttl(), value, size}))
        count(kind);
}

static int perhaps_create(void)
{
    return below(4) ? O_CREAT : 0;
}

static void overwrite(void)
{
    set_shared(OVERWRITE, O_WRONLY | O_TRUNC | perhaps_create());
}

static void overwrite_and_read(void)
{
    set_shared(READ_BACK, O_RDWR | O_TRUNC | perhaps_create());
}

static void add(void)
{
    set_shared(ADD, (below(2) ? O_WRONLY : O_RDWR) | O_CREAT | O_EXCL);
}

/* Writes a new name and renames it over. Evicted or expired before, it is not there any more. */
static bool set_and_rename(const char *name, unsigned ttl_ms, size_t size)
{
    static unsigned made;
    char temporary[NAME_SIZE];
    snprintf(temporary, sizeof(temporary), "tmp-%d-%06x", self->number, made++);
    if (!set_value(&(struct set){temporary, O_RDWR | O_CREAT | O_EXCL, ttl_ms, value, size}))
        return false;
    if (rename(temporary, name) == 0)
        return true;
    if (errno != ENOENT || (shared->no_eviction && !ttl_ms))
        report_error("rename over", name);
    return false;
}

static void replace(void)
{
    char name[NAME_SIZE];
    any_name(name);
    if (set_and_rename(name, perhaps_ttl(), value_make(value, random_body(), OWNER_SHARED, 0)))
        count(REPLACE);
}

static void move_with(unsigned flags, enum kind kind)
{
    char from[NAME_SIZE], to[NAME_SIZE];
    moved_name(from);
    moved_name(to);
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, flags) == 0)
        count(kind);
    else if (errno != ENOENT)
        report_error("rename", from);
}

static void move(void)
{
    move_with(0, MOVE);
}

static void swap(void)
{
    move_with(RENAME_EXCHANGE, SWAP);
}

static void remove_value(void)
{
    char name[NAME_SIZE];
    any_name(name);
    if (unlink(name) == 0)
        count(UNLINK);
    else if (errno != ENOENT)
        report_error("unlink", name);
}

/* Sets a lifetime by path; false when that failed for another reason than that nothing is there. */
static bool expire_path(const char *name, unsigned ttl_ms)
{
    char text[16];
    int length = snprintf(text, sizeof(text), "%ums", ttl_ms);
    if (setxattr(name, "user.ttl", text, (size_t)length, 0) == 0)
        return true;
    if (errno == ENOENT)
        return true;
    report_error("setxattr", name);
    return false;
}

static void expire(void)
{
    char name[NAME_SIZE];
    any_name(name);
    if (expire_path(name, random_ttl()))
        count(EXPIRE);
}

/* Sets a name of this writer's own, in any of the ways; true when everybody must see it now. */
static bool set_own(const char *name, unsigned ttl_ms, size_t size)
{
    static const int flags[] = {O_WRONLY | O_CREAT | O_TRUNC, O_RDWR | O_CREAT | O_TRUNC};
    unsigned way = (unsigned)below(3);
    return way == 2 ? set_and_rename(name, ttl_ms, size)
                    : set_value(&(struct set){name, flags[way], ttl_ms, value, size});
}

static void set_lasting(void)
{
    char name[NAME_SIZE];
    snprintf(name, sizeof(name), "lasting-%d", self->number);
    size_t size = value_make(value, random_body(), OWNER_LASTING + (unsigned)self->number, ++lasting_number);
    if (!set_own(name, 0, size))
        return;
    publish(&shared->lasting[self->number], lasting_number, NEVER_MS);
    count(LASTING);
}

static void set_brief(void)
{
    char name[NAME_SIZE];
    snprintf(name, sizeof(name), "brief-%d", self->number);
    size_t size = value_make(value, random_body(), OWNER_BRIEF + (unsigned)self->number, ++brief_number);
    unsigned ttl_ms = random_ttl();
    bool by_path = below(2);
    if (!set_own(name, by_path ? 0 : ttl_ms, size))
        return;
    if (by_path)
        publish(&shared->brief[self->number], brief_number, NEVER_MS);
    if (by_path && !expire_path(name, ttl_ms))
        return;
    publish(&shared->brief[self->number], brief_number, now_ms() + ttl_ms + 1);
    count(BRIEF);
}

void writer_run(void)
{
    static const struct job jobs[] = {
        {OVERWRITE, 6, overwrite}, {READ_BACK, 4, overwrite_and_read},
        {REPLACE, 4, replace},     {ADD, 3, add},
        {UNLINK, 2, remove_value}, {MOVE, 1, move},
        {SWAP, 2, swap},           {EXPIRE, 2, expire},
        {LASTING, 3, set_lasting}, {BRIEF, 3, set_brief},
    };
    work(jobs, sizeof(jobs) / sizeof(*jobs));
}

static void fill(void)
{
    char name[NAME_SIZE];
    snprintf(name, sizeof(name), "fill-%u", (unsigned)below(FILL_NAMES));
    size_t size = value_make(value, random_body(), OWNER_FILL, 0);
    if (set_value(&(struct set){name, O_WRONLY | O_CREAT | O_TRUNC, 0, value, size}))
        count(FILL);
}

void filler_run(void)
{
    work(&(struct job){FILL, 1, fill}, 1);
}
