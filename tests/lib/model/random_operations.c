/* SPDX-License-Identifier: MIT */
/*
 * random_operations.c - random_operations DIR: random operations by several processes on the mount DIR, every answer
 * compared with what model.h says.
 *
 * One process makes one call at a time, so that there is one right answer: results, errors, bytes, attributes, listings.
 * A few names in a few directories, so that everything meets everything. From time to time, and at the end when all is
 * closed, the whole tree is walked.
 *
 * A run follows from its seed. A difference prints the seed, the last operations and what differs, and is exit status 1.
 *
 *     LARDER_SEED=n           the seed, else one from the clock
 *     LARDER_STEPS=n          operations, default 20000
 *     LARDER_CORNERS=letters  what is left out, see model_leaves_out()
 *     LARDER_ONLY=n,n...      only these steps; LARDER_WITHOUT=name,name: without these operations. Each step chooses
 *                             by the seed and its own number, so that what is left chooses much the same
 */
#include "model.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

enum {
    WORKERS = 4,
    STEPS = 20000,
    LOG_LINES = 30, /* operations shown before a difference */
    WALK_EVERY = 250, /* steps between two walks through everything */
    INOS_MAX = 1 << 20, /* numbers a run may meet */
};

#define COUNT(all) (sizeof(all) / sizeof *(all))

struct process {
    struct worker worker;
    unsigned number; /* the model's; another one when it was replaced */
};

struct run {
    const char *dir;
    struct model model;
    struct process processes[WORKERS];
    unsigned last_process;
    uint64_t random, seed;
    unsigned step, steps;
    unsigned line; /* of the log */
    bool failed;
    uint64_t *inos; /* by the model's number: the real one, 0 not met yet */
    char log[LOG_LINES][300];
    unsigned unmappable; /* shared mappings that were refused, which is not wrong */
};

/* --- chance -------------------------------------------------------------------------------------------- */

static uint32_t below(struct run *r, uint32_t bound)
{
    r->random = r->random * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(r->random >> 33) % bound;
}

static bool one_in(struct run *r, uint32_t count)
{
    return below(r, count) == 0;
}

static size_t any_size(struct run *r)
{
    static const size_t edges[] = {0, 1, 4095, 4096, 4097, 8192, 65536, 131071, 131072, 131073, 150000};
    switch (below(r, 4)) {
    case 0:
        return edges[below(r, COUNT(edges))];
    case 1:
        return below(r, 20000);
    default:
        return below(r, 300);
    }
}

/* A path of one to three names; sometimes one deeper than anything is. */
static void any_path(struct run *r, char *path)
{
    unsigned depth = below(r, 10) < 6 ? 1 : one_in(r, 5) ? 3 : 2;
    *path = '\0';
    for (unsigned i = 1; i < depth; i++)
        strcat(strcat(path, names[NAMES - 1 - below(r, 2)]), "/");
    strcat(path, names[one_in(r, 8) ? below(r, NAMES) : below(r, NAMES - 2)]);
}

/* A path that more likely means a directory. */
static void any_dir_path(struct run *r, char *path)
{
    any_path(r, path);
    if (!one_in(r, 8))
        strcpy(path + strlen(path) - 1, names[NAMES - 1 - below(r, 2)]);
}

static struct process *any_process(struct run *r)
{
    return &r->processes[below(r, WORKERS)];
}

static struct process *owner_of(struct run *r, const struct descriptor *descriptor)
{
    for (unsigned i = 0; i < WORKERS; i++)
        if (r->processes[i].number == descriptor->process)
            return &r->processes[i];
    abort();
}

/* A descriptor in use, or NULL. */
static struct descriptor *any_descriptor(struct run *r)
{
    for (unsigned tries = 0; tries < 2 * DESCRIPTORS; tries++) {
        struct descriptor *descriptor = &r->model.descriptors[below(r, DESCRIPTORS)];
        if (descriptor->process)
            return descriptor;
    }
    return NULL;
}

/* --- comparing ----------------------------------------------------------------------------------------- */

/* Writes the operation of this step into the log. */
__attribute__((format(printf, 3, 4))) static void note(struct run *r, const struct process *p, const char *format, ...)
{
    char *line = r->log[++r->line % LOG_LINES];
    int used = snprintf(line, sizeof r->log[0], "%6u  process %u: ", r->step, p->number);
    va_list args;
    va_start(args, format);
    vsnprintf(line + used, sizeof r->log[0] - (size_t)used, format, args);
    va_end(args);
}

__attribute__((format(printf, 2, 3))) static void note_more(struct run *r, const char *format, ...)
{
    char *line = r->log[r->line % LOG_LINES];
    size_t used = strlen(line);
    va_list args;
    va_start(args, format);
    vsnprintf(line + used, sizeof r->log[0] - used, format, args);
    va_end(args);
}

__attribute__((format(printf, 2, 3))) static void differ(struct run *r, const char *format, ...)
{
    va_list args;
    if (r->failed)
        return;
    r->failed = true;
    for (unsigned i = 1; i <= LOG_LINES; i++)
        if (r->log[(r->line + i) % LOG_LINES][0])
            printf("%s\n", r->log[(r->line + i) % LOG_LINES]);
    printf("DIFFERENT: ");
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    printf("\n");
}

static const char *result_text(int64_t result)
{
    static char texts[4][40];
    static unsigned next;
    char *text = texts[next++ % COUNT(texts)];
    if (result < 0)
        snprintf(text, sizeof texts[0], "%s", strerrorname_np((int)-result));
    else
        snprintf(text, sizeof texts[0], "%" PRId64, result);
    return text;
}

static bool same(struct run *r, const char *what, uint64_t want, uint64_t got)
{
    if (want != got)
        differ(r, "%s: expected %" PRIu64 ", got %" PRIu64, what, want, got);
    return want == got;
}

/* Makes the call that is in the process's channel. */
static const struct reply *call(struct process *p)
{
    worker_begin(&p->worker);
    worker_wait(&p->worker);
    return &p->worker.channel->reply;
}

/* Makes the call and compares its result. True when that was right, and not an error. */
static bool expect(struct run *r, struct process *p, int64_t want)
{
    int64_t got = call(p)->result;
    note_more(r, " = %s", result_text(got));
    if (got != want)
        differ(r, "result: expected %s, got %s", result_text(want), result_text(got));
    return got == want && got >= 0;
}

static void expect_bytes(struct run *r, const struct process *p, const uint8_t *want, size_t size)
{
    const struct channel *channel = p->worker.channel;
    const uint8_t *got = channel->data;
    if (!same(r, "bytes", size, channel->reply.size))
        return;
    for (size_t i = 0; i < size; i++)
        if (want[i] != got[i]) {
            differ(r, "byte %zu of %zu: expected %u, got %u", i, size, want[i], got[i]);
            return;
        }
}

/* The real number belongs to the model's, now and ever after. */
static void expect_ino(struct run *r, uint64_t model, uint64_t real)
{
    if (model >= INOS_MAX)
        return;
    if (r->inos[model]) {
        same(r, "st_ino", r->inos[model], real);
        return;
    }
    for (uint64_t i = model < 1000 ? 1 : model - 1000; i <= r->model.last_ino && i < INOS_MAX; i++)
        if (r->inos[i] == real)
            differ(r, "st_ino %" PRIu64 " of the model's %" PRIu64 " was that of its %" PRIu64, real, model, i);
    r->inos[model] = real;
}

/* `version` is the one whose size is shown, or NULL. */
static void expect_stat(struct run *r, const struct stat *got, mode_t type, const struct attributes *attributes,
                        const struct version *version, size_t size)
{
    note_more(r, " (mode %o, %lld bytes)", got->st_mode & 07777, (long long)got->st_size);
    same(r, "type", type, got->st_mode & S_IFMT);
    same(r, "mode", attributes->mode, got->st_mode & 07777);
    if (type != S_IFDIR)
        same(r, "size", size, (uint64_t)got->st_size);
    if (!version || (version->published && version->name->file == version))
        same(r, "st_nlink", 1, got->st_nlink);
    else if (!version->name->in && version->published)
        same(r, "st_nlink", 0, got->st_nlink);
    if (attributes->mtime_set) {
        same(r, "mtime", (uint64_t)attributes->mtime.tv_sec, (uint64_t)got->st_mtim.tv_sec);
        same(r, "mtime, ns", (uint64_t)attributes->mtime.tv_nsec, (uint64_t)got->st_mtim.tv_nsec);
    }
    expect_ino(r, attributes->ino, got->st_ino);
}

static void expect_stat_of_name(struct run *r, const struct stat *got, const struct name *name)
{
    struct version *version;
    const struct attributes *attributes = name_attributes(name, &version);
    mode_t type = name->kind == NAME_DIR ? S_IFDIR : name->kind == NAME_LINK ? S_IFLNK : S_IFREG;
    expect_stat(r, got, type, attributes, version, version ? version->size : strlen(name->target));
}

/* --- requests ------------------------------------------------------------------------------------------ */

static struct request *request(struct process *p, enum call call)
{
    struct request *request = &p->worker.channel->request;
    *request = (struct request){.call = call};
    return request;
}

static struct request *request_fd(struct process *p, enum call call, const struct descriptor *descriptor)
{
    struct request *made = request(p, call);
    made->fd = descriptor->fd;
    return made;
}

static struct request *request_path(struct process *p, enum call call, const char *path)
{
    struct request *made = request(p, call);
    strcpy(made->path, path);
    return made;
}

static const uint8_t *data_of(const struct request *request)
{
    return pool + request->from;
}

static void any_data(struct run *r, struct request *request)
{
    request->size = any_size(r);
    if (request->size == 0)
        request->size = 1;
    request->from = below(r, POOL_BYTES - VALUE_MAX);
}

static off_t any_offset(struct run *r, const struct version *version)
{
    if (one_in(r, 8))
        return (off_t)version->size + below(r, 5000);
    return one_in(r, 3) ? 0 : below(r, (uint32_t)version->size + 1);
}

static bool may_read(const struct open_file *file)
{
    return (file->flags & O_ACCMODE) != O_WRONLY;
}

static bool may_write(const struct open_file *file)
{
    return (file->flags & O_ACCMODE) != O_RDONLY;
}

/* Has a process a descriptor to write to the file with this number, other than of `file`? */
static bool writes_ino(const struct run *r, unsigned process, uint64_t ino, const struct open_file *file)
{
    for (size_t i = 0; i < DESCRIPTORS; i++) {
        const struct descriptor *descriptor = &r->model.descriptors[i];
        if (descriptor->process == process && descriptor->file != file && may_write(descriptor->file) &&
            descriptor->file->version->attributes.ino == ino)
            return true;
    }
    return false;
}

/* --- operations on open files -------------------------------------------------------------------------- */

static void op_open(struct run *r)
{
    static const int hows[] = {0,
                               0,
                               0,
                               O_TRUNC,
                               O_TRUNC,
                               O_CREAT,
                               O_CREAT | O_EXCL,
                               O_CREAT | O_TRUNC,
                               O_CREAT | O_TRUNC,
                               O_CREAT | O_TRUNC | O_EXCL};
    static const int accesses[] = {O_RDONLY, O_WRONLY, O_WRONLY, O_RDWR, O_RDWR};
    static const uint32_t modes[] = {0644, 0600, 0666, 0755};
    struct place place;
    char path[PATH_BYTES];
    struct process *p = any_process(r);
    struct descriptor *descriptor = model_free_descriptor(&r->model);
    any_path(r, path);
    if (!descriptor)
        return;
    struct request *request = request_path(p, CALL_OPEN, path);
    request->flags = hows[below(r, COUNT(hows))] | accesses[below(r, COUNT(accesses))];
    request->mode = modes[below(r, COUNT(modes))];
    if (one_in(r, 4))
        request->flags |= O_APPEND;
    int flags = request->flags;
    bool reads = (flags & O_ACCMODE) == O_RDONLY;
    if (reads && flags & O_TRUNC)
        return; /* POSIX leaves it open what that means */
    if (model_leaves_out('c') && flags & O_TRUNC && model_find(&r->model, path, true, &place) == 0 &&
        place.name->kind == NAME_CREATING)
        return;
    struct version *there;
    if (model_leaves_out('s') && !reads && model_find(&r->model, path, true, &place) == 0 &&
        writes_ino(r, p->number, name_attributes(place.name, &there)->ino, NULL))
        return;
    if (!(flags & O_CREAT) && reads && model_find(&r->model, path, true, &place) == 0 && place.name->kind == NAME_DIR)
        return; /* opens the directory */
    int want = model_open(&r->model, p->number, path, flags, request->mode, descriptor);
    note(r, p, "open(%s, %s%s%s%s%s, %o)", path,
         reads            ? "O_RDONLY"
         : flags & O_RDWR ? "O_RDWR"
                          : "O_WRONLY",
         flags & O_CREAT ? "|O_CREAT" : "", flags & O_EXCL ? "|O_EXCL" : "", flags & O_TRUNC ? "|O_TRUNC" : "",
         flags & O_APPEND ? "|O_APPEND" : "", request->mode);
    int64_t got = call(p)->result;
    note_more(r, " = %s", result_text(got));
    if ((got < 0 || want < 0) && got != want)
        differ(r, "result: expected %s, got %s", want < 0 ? result_text(want) : "a descriptor", result_text(got));
    descriptor->fd = (int)got;
}

static void op_close(struct run *r)
{
    struct descriptor *descriptor = any_descriptor(r);
    if (!descriptor)
        return;
    struct process *p = owner_of(r, descriptor);
    note(r, p, "close(%d)", descriptor->fd);
    request_fd(p, CALL_CLOSE, descriptor);
    model_close(&r->model, descriptor);
    expect(r, p, 0);
}

static void op_dup(struct run *r)
{
    struct descriptor *descriptor = any_descriptor(r), *made = model_free_descriptor(&r->model);
    if (!descriptor || !made)
        return;
    struct process *p = owner_of(r, descriptor);
    if (model_leaves_out('d') && descriptor->file->session)
        return;
    note(r, p, "dup(%d)", descriptor->fd);
    request_fd(p, CALL_DUP, descriptor);
    model_dup(descriptor, p->number, made);
    made->fd = (int)call(p)->result;
    note_more(r, " = %d", made->fd);
    if (made->fd < 0)
        differ(r, "dup failed");
}

static void op_pass(struct run *r)
{
    struct descriptor *descriptor = any_descriptor(r), *made = model_free_descriptor(&r->model);
    if (!descriptor || !made)
        return;
    struct process *p = owner_of(r, descriptor), *to = any_process(r);
    if (model_leaves_out('d') && descriptor->file->session && descriptor->file->session->opener == to->number)
        return;
    if (model_leaves_out('s') && may_write(descriptor->file) &&
        writes_ino(r, to->number, descriptor->file->version->attributes.ino, descriptor->file))
        return;
    note(r, p, "passes %d to process %u", descriptor->fd, to->number);
    request_fd(p, CALL_SEND, descriptor);
    expect(r, p, 0);
    request(to, CALL_RECEIVE);
    model_dup(descriptor, to->number, made);
    made->fd = (int)call(to)->result;
    note_more(r, ", %d there", made->fd);
    if (made->fd < 0)
        differ(r, "no descriptor came");
}

static void op_read(struct run *r)
{
    struct descriptor *descriptor = any_descriptor(r);
    if (!descriptor)
        return;
    struct process *p = owner_of(r, descriptor);
    struct open_file *file = descriptor->file;
    const struct version *version = file->version;
    bool positioned = one_in(r, 2);
    struct request *request = request_fd(p, positioned ? CALL_PREAD : CALL_READ, descriptor);
    request->size = one_in(r, 3) ? VALUE_MAX : any_size(r);
    request->offset = any_offset(r, version);
    off_t offset = positioned ? request->offset : file->position;
    if (positioned)
        note(r, p, "pread(%d, %zu, %lld)", descriptor->fd, request->size, (long long)offset);
    else
        note(r, p, "read(%d, %zu) at %lld", descriptor->fd, request->size, (long long)offset);
    if (!may_read(file)) {
        expect(r, p, -EBADF);
        return;
    }
    size_t left = (size_t)offset < version->size ? version->size - (size_t)offset : 0;
    size_t want = request->size < left ? request->size : left;
    if (expect(r, p, (int64_t)want))
        expect_bytes(r, p, version->data + offset, want);
    if (!positioned)
        file->position += (off_t)want;
}

/* True when a write of that request still fits what values may be here. */
static bool fits(const struct request *request, const struct version *version, off_t offset)
{
    size_t at = offset < 0 ? version->size : (size_t)offset;
    return at + request->size <= VALUE_MAX - 20000;
}

static void op_write(struct run *r)
{
    struct descriptor *descriptor = any_descriptor(r);
    if (!descriptor)
        return;
    struct process *p = owner_of(r, descriptor);
    struct open_file *file = descriptor->file;
    bool positioned = one_in(r, 3), appends = file->flags & O_APPEND;
    struct request *request = request_fd(p, positioned ? CALL_PWRITE : CALL_WRITE, descriptor);
    any_data(r, request);
    request->offset = any_offset(r, file->version);
    off_t offset = appends ? -1 : positioned ? request->offset : file->position;
    if (!fits(request, file->version, offset))
        return;
    note(r, p, "%s(%d, %zu bytes)%s at %lld", positioned ? "pwrite" : "write", descriptor->fd, request->size,
         appends ? " appends" : "", (long long)offset);
    if (!may_write(file)) {
        expect(r, p, -EBADF);
        return;
    }
    if (!positioned)
        file->position = (off_t)request->size + (appends ? (off_t)file->version->size : offset);
    model_write(file, p->number, data_of(request), request->size, offset);
    expect(r, p, (int64_t)request->size);
}

static void op_seek(struct run *r)
{
    struct descriptor *descriptor = any_descriptor(r);
    if (!descriptor)
        return;
    struct process *p = owner_of(r, descriptor);
    struct open_file *file = descriptor->file;
    bool end = one_in(r, 2);
    struct request *request = request_fd(p, end ? CALL_SEEK_END : CALL_SEEK_SET, descriptor);
    request->offset = end ? 0 : any_offset(r, file->version);
    file->position = end ? (off_t)file->version->size : request->offset;
    note(r, p, "lseek(%d, %lld, %s)", descriptor->fd, (long long)request->offset, end ? "SEEK_END" : "SEEK_SET");
    expect(r, p, file->position);
}

static void op_ftruncate(struct run *r)
{
    struct descriptor *descriptor = any_descriptor(r);
    if (!descriptor)
        return;
    struct process *p = owner_of(r, descriptor);
    struct request *request = request_fd(p, CALL_FTRUNCATE, descriptor);
    request->offset = (off_t)any_size(r);
    note(r, p, "ftruncate(%d, %lld)", descriptor->fd, (long long)request->offset);
    if (!may_write(descriptor->file)) {
        expect(r, p, -EINVAL);
        return;
    }
    model_resize(descriptor->file, (size_t)request->offset);
    expect(r, p, 0);
}

static void op_fsync(struct run *r)
{
    struct descriptor *descriptor = any_descriptor(r);
    if (!descriptor)
        return;
    struct process *p = owner_of(r, descriptor);
    request_fd(p, CALL_FSYNC, descriptor);
    note(r, p, "fsync(%d)", descriptor->fd);
    model_sync(descriptor->file);
    expect(r, p, 0);
}

static void op_map(struct run *r)
{
    struct descriptor *descriptor = any_descriptor(r);
    if (!descriptor || descriptor->file->version->size == 0)
        return;
    struct process *p = owner_of(r, descriptor);
    struct open_file *file = descriptor->file;
    const struct version *version = file->version;
    struct request *request = request_fd(p, CALL_MAP, descriptor);
    request->flags = (int)below(r, 8);
    request->offset = below(r, (uint32_t)version->size);
    request->size = 1 + below(r, (uint32_t)(version->size - (size_t)request->offset));
    request->from = below(r, POOL_BYTES - VALUE_MAX);
    bool shared = request->flags & MAP_IS_SHARED, writes = request->flags & MAP_WRITES;
    bool syncs = request->flags & MAP_SYNCS;
    note(r, p, "mmap(%d, %s, %s%s) of %zu bytes at %lld", descriptor->fd, shared ? "shared" : "private",
         writes ? "writes" : "reads", syncs ? ", msync" : "", request->size, (long long)request->offset);
    int want = !may_read(file) || (shared && writes && !may_write(file)) ? -EACCES : 0;
    int64_t got = call(p)->result;
    note_more(r, " = %s", result_text(got));
    if (want == 0 && shared && got == -ENODEV) { /* a handle past the page cache; the kernel refuses */
        r->unmappable++;
        return;
    }
    if (got != want)
        differ(r, "result: expected %s, got %s", result_text(want), result_text(got));
    if (got < 0)
        return;
    expect_bytes(r, p, version->data + request->offset, request->size);
    if (shared && writes)
        model_write(file, p->number, data_of(request), request->size, request->offset);
    if (shared && syncs && may_write(file)) /* the kernel makes an fsync of it */
        model_sync(file);
}

static void op_fstat(struct run *r)
{
    struct descriptor *descriptor = any_descriptor(r);
    if (!descriptor)
        return;
    struct process *p = owner_of(r, descriptor);
    const struct version *version = descriptor->file->version;
    request_fd(p, CALL_FSTAT, descriptor);
    note(r, p, "fstat(%d)", descriptor->fd);
    if (expect(r, p, 0))
        expect_stat(r, &p->worker.channel->reply.stat, S_IFREG, &version->attributes, version, version->size);
}

/* --- operations on paths ------------------------------------------------------------------------------- */

static void op_get(struct run *r)
{
    struct place place;
    struct process *p = any_process(r);
    char path[PATH_BYTES];
    any_path(r, path);
    request_path(p, CALL_GET, path);
    int want = model_find(&r->model, path, true, &place);
    if (want == 0 && place.name->kind == NAME_DIR)
        want = -EISDIR;
    if (want == 0 && place.name->kind == NAME_CREATING)
        want = -ENOENT;
    note(r, p, "gets %s", path);
    if (expect(r, p, want))
        expect_bytes(r, p, place.name->file->data, place.name->file->size);
}

/* What a process finds at a name that it is overwriting itself, as the opener or with a descriptor it was given, is
 * what it writes or what is published: it depends on the inode the kernel knows by the path, and is left open. */
static bool is_open_question(const struct run *r, const struct name *name, const struct process *p)
{
    return model_overwrites(&r->model, name, p->number);
}

static void op_stat(struct run *r)
{
    struct place place;
    struct process *p = any_process(r);
    char path[PATH_BYTES];
    bool follow = !one_in(r, 3);
    any_path(r, path);
    request_path(p, follow ? CALL_STAT : CALL_LSTAT, path);
    int want = model_find(&r->model, path, follow, &place);
    note(r, p, "%s(%s)", follow ? "stat" : "lstat", path);
    if (expect(r, p, want) && !is_open_question(r, place.name, p))
        expect_stat_of_name(r, &p->worker.channel->reply.stat, place.name);
}

static void op_truncate(struct run *r)
{
    struct place place;
    struct process *p = any_process(r);
    char path[PATH_BYTES];
    any_path(r, path);
    struct request *request = request_path(p, CALL_TRUNCATE, path);
    request->offset = (off_t)any_size(r);
    int want = model_find(&r->model, path, true, &place);
    if (want == 0 && is_open_question(r, place.name, p))
        return;
    if (want == 0 && place.name->kind == NAME_DIR)
        want = -EISDIR;
    note(r, p, "truncate(%s, %lld)", path, (long long)request->offset);
    if (want == 0)
        model_resize_name(place.name, (size_t)request->offset);
    expect(r, p, want);
}

/* Where an operation on attributes goes. */
struct target {
    struct process *process;
    char path[PATH_BYTES]; /* or empty: */
    struct descriptor *descriptor;
    struct attributes *attributes;
    struct version *version; /* or NULL */
    int result;
};

/* Chooses one, by path or by handle; false when there is none whose answer is determined. */
static bool any_target(struct run *r, bool by_handle, struct target *ret_target)
{
    struct target target = {0};
    struct place place;
    if (by_handle) {
        if (!(target.descriptor = any_descriptor(r)))
            return false;
        target.process = owner_of(r, target.descriptor);
        target.version = target.descriptor->file->version;
        target.attributes = &target.version->attributes;
        snprintf(target.path, sizeof target.path, "%d", target.descriptor->fd);
    } else {
        target.process = any_process(r);
        any_path(r, target.path);
        target.result = model_find(&r->model, target.path, true, &place);
        if (target.result == 0 && is_open_question(r, place.name, target.process))
            return false;
        if (target.result == 0)
            target.attributes = name_attributes(place.name, &target.version);
    }
    *ret_target = target;
    return true;
}

static struct request *request_target(const struct target *target, enum call by_path, enum call by_handle)
{
    return target->descriptor ? request_fd(target->process, by_handle, target->descriptor)
                              : request_path(target->process, by_path, target->path);
}

static void op_chmod(struct run *r)
{
    static const uint32_t modes[] = {0600, 0640, 0644, 0700, 0755, 0777};
    struct target target;
    if (!any_target(r, one_in(r, 2), &target))
        return;
    struct request *request = request_target(&target, CALL_CHMOD, CALL_FCHMOD);
    request->mode = modes[below(r, COUNT(modes))];
    note(r, target.process, "chmod(%s, %o)", target.path, request->mode);
    if (target.result == 0)
        model_chmod(target.attributes, target.version, request->mode);
    expect(r, target.process, target.result);
}

static void op_utimens(struct run *r)
{
    struct target target;
    if (!any_target(r, one_in(r, 2), &target))
        return;
    struct request *request = request_target(&target, CALL_UTIMENS, CALL_FUTIMENS);
    request->times[0] = request->times[1] = (struct timespec){1000000000 + below(r, 1000000), below(r, 1000000000)};
    note(r, target.process, "utimens(%s, %lld)", target.path, (long long)request->times[1].tv_sec);
    if (target.result == 0 && target.version) { /* a directory's change with what is in it */
        target.attributes->mtime_set = true;
        target.attributes->mtime = request->times[1];
    }
    expect(r, target.process, target.result);
}

/* Puts a value for an attribute into the request; *ret_value is what it reads back as. */
static void any_xattr_value(struct run *r, unsigned xattr, struct request *request, struct xattr *ret_value)
{
    static const char *const tags[] = {"red", "red,blue", "a,b,c", "green"};
    static const char *const lifetimes[][2] = {{"1h", "3600"}, {"90000", "90000"}, {"7d", "604800"}, {"3600s", "3600"}};
    const char *text = NULL, *back = NULL;
    if (xattr == XATTR_TAGS)
        text = back = tags[below(r, COUNT(tags))];
    else if (xattr == XATTR_TTL) {
        unsigned i = below(r, COUNT(lifetimes));
        text = lifetimes[i][0];
        back = lifetimes[i][1];
    }
    *ret_value = (struct xattr){.set = true};
    if (text) {
        request->from = POOL_BYTES - XATTR_MAX; /* a part of the pool that no write uses */
        request->size = strlen(text);
        memcpy(pool + request->from, text, request->size);
        ret_value->size = strlen(back);
        memcpy(ret_value->value, back, ret_value->size);
    } else {
        request->from = below(r, POOL_BYTES - VALUE_MAX);
        request->size = ret_value->size = below(r, XATTR_MAX);
        memcpy(ret_value->value, data_of(request), ret_value->size);
    }
}

static void op_setxattr(struct run *r)
{
    struct target target;
    struct xattr value;
    if (!any_target(r, one_in(r, 3), &target))
        return;
    unsigned xattr = below(r, XATTRS);
    struct request *request = request_target(&target, CALL_SETXATTR, CALL_FSETXATTR);
    request->flags = one_in(r, 6) ? XATTR_CREATE : one_in(r, 6) ? XATTR_REPLACE : 0;
    strcpy(request->other, xattr_names[xattr]);
    any_xattr_value(r, xattr, request, &value);
    note(r, target.process, "setxattr(%s, %s, %zu bytes%s)", target.path, request->other, request->size,
         request->flags == XATTR_CREATE    ? ", XATTR_CREATE"
         : request->flags == XATTR_REPLACE ? ", XATTR_REPLACE"
                                           : "");
    if (target.result == 0)
        target.result =
            model_setxattr(target.attributes, target.version, request->other, value.value, value.size, request->flags);
    expect(r, target.process, target.result);
}

static void op_removexattr(struct run *r)
{
    struct target target;
    if (!any_target(r, false, &target))
        return;
    struct request *request = request_target(&target, CALL_REMOVEXATTR, CALL_REMOVEXATTR);
    strcpy(request->other, xattr_names[below(r, XATTRS)]);
    note(r, target.process, "removexattr(%s, %s)", target.path, request->other);
    if (target.result == 0)
        target.result = model_setxattr(target.attributes, target.version, request->other, NULL, 0, 0);
    expect(r, target.process, target.result);
}

static void compare_xattr(struct run *r, const struct target *target, unsigned i)
{
    struct request *request = request_target(target, CALL_GETXATTR, CALL_FGETXATTR);
    strcpy(request->other, xattr_names[i]);
    note(r, target->process, "getxattr(%s, %s)", target->path, request->other);
    const struct xattr *xattr = target->result == 0 ? &target->attributes->xattrs[i] : NULL;
    if (expect(r, target->process, !xattr ? target->result : xattr->set ? (int64_t)xattr->size : -ENODATA))
        expect_bytes(r, target->process, xattr->value, xattr->size);
}

static void op_getxattr(struct run *r)
{
    struct target target;
    if (any_target(r, one_in(r, 3), &target))
        compare_xattr(r, &target, below(r, XATTRS));
}

/* All names that are set are listed, and nothing else. */
static void compare_xattr_names(struct run *r, const struct target *target)
{
    size_t size = 0;
    request_path(target->process, CALL_LISTXATTR, target->path);
    note(r, target->process, "listxattr(%s)", target->path);
    for (unsigned i = 0; target->result == 0 && i < XATTRS; i++)
        if (target->attributes->xattrs[i].set)
            size += strlen(xattr_names[i]) + 1;
    if (!expect(r, target->process, target->result == 0 ? (int64_t)size : target->result))
        return;
    const char *listed = (const char *)target->process->worker.channel->data;
    for (size_t at = 0; at < size; at += strlen(listed + at) + 1) {
        unsigned i = 0;
        while (i < XATTRS && strcmp(xattr_names[i], listed + at) != 0)
            i++;
        if (i == XATTRS || !target->attributes->xattrs[i].set)
            differ(r, "listed: %s", listed + at);
    }
}

static void op_listxattr(struct run *r)
{
    struct target target;
    if (any_target(r, false, &target))
        compare_xattr_names(r, &target);
}

/* --- operations on names ------------------------------------------------------------------------------- */

static void op_unlink(struct run *r)
{
    struct process *p = any_process(r);
    char path[PATH_BYTES];
    any_path(r, path);
    request_path(p, CALL_UNLINK, path);
    note(r, p, "unlink(%s)", path);
    expect(r, p, model_unlink(&r->model, path));
}

/* With several writers at one name it is left open which of them a rename publishes. */
static bool has_several_writers(const struct run *r, const char *path)
{
    struct place place;
    return model_find(&r->model, path, false, &place) == 0 && place.name->sessions && place.name->sessions->next;
}

static void op_rename(struct run *r)
{
    struct process *p = any_process(r);
    char path[PATH_BYTES], other[PATH_BYTES];
    unsigned flags = one_in(r, 4) ? RENAME_EXCHANGE : one_in(r, 4) ? RENAME_NOREPLACE : 0;
    if (one_in(r, 4)) {
        any_dir_path(r, path);
        any_dir_path(r, other);
    } else {
        any_path(r, path);
        any_path(r, other);
    }
    if (has_several_writers(r, path) || (flags == RENAME_EXCHANGE && has_several_writers(r, other)))
        return;
    struct request *request = request_path(p, CALL_RENAME, path);
    strcpy(request->other, other);
    request->flags = (int)flags;
    note(r, p, "rename(%s, %s%s)", path, other,
         flags == RENAME_EXCHANGE    ? ", RENAME_EXCHANGE"
         : flags == RENAME_NOREPLACE ? ", RENAME_NOREPLACE"
                                     : "");
    expect(r, p, model_rename(&r->model, p->number, path, other, flags));
}

static void op_mkdir(struct run *r)
{
    struct process *p = any_process(r);
    char path[PATH_BYTES];
    any_dir_path(r, path);
    request_path(p, CALL_MKDIR, path)->mode = 0755;
    note(r, p, "mkdir(%s)", path);
    expect(r, p, model_mkdir(&r->model, path, 0755));
}

static void op_rmdir(struct run *r)
{
    struct process *p = any_process(r);
    char path[PATH_BYTES];
    any_dir_path(r, path);
    request_path(p, CALL_RMDIR, path);
    note(r, p, "rmdir(%s)", path);
    expect(r, p, model_rmdir(&r->model, path));
}

static void op_symlink(struct run *r)
{
    struct process *p = any_process(r);
    char path[PATH_BYTES];
    any_path(r, path);
    struct request *request = request_path(p, CALL_SYMLINK, path);
    any_path(r, request->other);
    note(r, p, "symlink(%s, %s)", request->other, path);
    expect(r, p, model_symlink(&r->model, path, request->other));
}

static void op_readlink(struct run *r)
{
    struct place place;
    struct process *p = any_process(r);
    char path[PATH_BYTES];
    any_path(r, path);
    request_path(p, CALL_READLINK, path);
    int want = model_find(&r->model, path, false, &place);
    if (want == 0 && place.name->kind != NAME_LINK)
        want = -EINVAL;
    const char *target = want == 0 ? place.name->target : "";
    note(r, p, "readlink(%s)", path);
    if (expect(r, p, want < 0 ? want : (int64_t)strlen(target)))
        expect_bytes(r, p, (const uint8_t *)target, strlen(target));
}

static void compare_listed(struct run *r, const struct dir *dir, const struct listed *listed)
{
    static const unsigned char types[] = {[NAME_FILE] = 8, [NAME_LINK] = 10, [NAME_DIR] = 4};
    struct version *version;
    unsigned i = 0;
    while (i < NAMES && strcmp(names[i], listed->name) != 0)
        i++;
    const struct name *name = i < NAMES ? dir->names[i] : NULL;
    if (!name || name->kind == NAME_CREATING) {
        differ(r, "listed: %s", listed->name);
        return;
    }
    same(r, "d_type", types[name->kind], listed->type);
    expect_ino(r, name_attributes(name, &version)->ino, listed->ino);
}

static void compare_list(struct run *r, struct process *p, const char *path)
{
    struct dir *dir;
    request_path(p, CALL_LIST, path);
    int want = model_find_dir(&r->model, path, &dir);
    note(r, p, "lists %s", path);
    if (!expect(r, p, want))
        return;
    const struct channel *channel = p->worker.channel;
    const struct listed *listed = (const struct listed *)channel->data;
    size_t count = 0;
    for (unsigned i = 0; i < NAMES; i++)
        count += dir->names[i] && dir->names[i]->kind != NAME_CREATING;
    for (size_t i = 0; i < channel->reply.size / sizeof *listed; i++) {
        note_more(r, " %s", listed[i].name);
        compare_listed(r, dir, &listed[i]);
    }
    same(r, "names listed", count, channel->reply.size / sizeof *listed);
}

static void op_list(struct run *r)
{
    char path[PATH_BYTES] = ".";
    if (!one_in(r, 2))
        any_dir_path(r, path);
    compare_list(r, any_process(r), path);
}

/* --- operations on processes --------------------------------------------------------------------------- */

static void start(struct run *r, struct process *p)
{
    worker_start(&p->worker, r->dir);
    p->number = ++r->last_process;
}

/* Has another process what this one opened and has not published? */
static bool is_outlived(const struct run *r, const struct process *p)
{
    for (size_t i = 0; i < DESCRIPTORS; i++) {
        const struct descriptor *descriptor = &r->model.descriptors[i];
        const struct session *session = descriptor->process ? descriptor->file->session : NULL;
        if (session && session->listed && session->opener == p->number && descriptor->process != p->number)
            return true;
    }
    return false;
}

static void op_kill(struct run *r)
{
    struct process *p = any_process(r);
    if (model_leaves_out('o') && is_outlived(r, p))
        return;
    note(r, p, "is killed");
    worker_kill(&p->worker);
    model_kill(&r->model, p->number);
    start(r, p);
}

/* True when a process has two sessions at one name: as it exits it closes both, in an order of the kernel's. */
static bool writes_twice(const struct run *r, const struct process *p)
{
    for (size_t i = 0; i < DESCRIPTORS; i++)
        for (size_t j = 0; j < i; j++) {
            const struct descriptor *one = &r->model.descriptors[i], *other = &r->model.descriptors[j];
            if (one->process != p->number || other->process != p->number || one->file == other->file)
                continue;
            const struct session *session = one->file->session, *second = other->file->session;
            if (session && second && session->listed && second->listed && session->name == second->name)
                return true;
        }
    return false;
}

static void op_exit(struct run *r)
{
    struct process *p = any_process(r);
    if (writes_twice(r, p) || (model_leaves_out('o') && is_outlived(r, p)))
        return;
    note(r, p, "exits");
    request(p, CALL_EXIT);
    call(p);
    model_exit(&r->model, p->number);
    start(r, p);
}

static void op_fork(struct run *r)
{
    struct descriptor *descriptor = any_descriptor(r);
    if (!descriptor)
        return;
    struct process *p = owner_of(r, descriptor);
    struct open_file *file = descriptor->file;
    struct request *request = request_fd(p, CALL_FORK, descriptor);
    any_data(r, request);
    off_t offset = file->flags & O_APPEND ? -1 : file->position;
    if (may_write(file) && fits(request, file->version, offset) && !one_in(r, 4))
        request->flags |= CHILD_WRITES;
    if (one_in(r, 3))
        request->flags |= CHILD_KILLED;
    unsigned child = ++r->last_process;
    bool writes = request->flags & CHILD_WRITES, killed = request->flags & CHILD_KILLED;
    note(r, p, "forks %u, which ", child);
    if (writes)
        note_more(r, "writes(%d, %zu bytes) at %lld and ", descriptor->fd, request->size, (long long)offset);
    note_more(r, killed ? "is killed" : "exits");
    if (writes) {
        file->position = (off_t)request->size + (offset < 0 ? (off_t)file->version->size : offset);
        model_write(file, child, data_of(request), request->size, offset);
    }
    if (killed)
        model_child_killed(&r->model, p->number, child);
    expect(r, p, writes ? (int64_t)request->size : 0);
}

/* --- everything ---------------------------------------------------------------------------------------- */

static void compare_name(struct run *r, struct process *p, const struct name *name, const char *path)
{
    struct target target = {.process = p};
    strcpy(target.path, path);
    request_path(p, CALL_LSTAT, path);
    note(r, p, "lstat(%s)", path);
    if (expect(r, p, 0))
        expect_stat_of_name(r, &p->worker.channel->reply.stat, name);
    if (name->kind == NAME_FILE) {
        request_path(p, CALL_GET, path);
        note(r, p, "gets %s", path);
        if (!r->failed && expect(r, p, 0))
            expect_bytes(r, p, name->file->data, name->file->size);
    }
    target.attributes = name_attributes(name, &target.version);
    for (unsigned i = 0; i < XATTRS && !r->failed && name->kind != NAME_LINK; i++)
        compare_xattr(r, &target, i);
    if (!r->failed && name->kind != NAME_LINK)
        compare_xattr_names(r, &target);
}

static void compare_tree(struct run *r, struct process *p, const struct dir *dir, const char *path)
{
    compare_list(r, p, path);
    for (unsigned i = 0; i < NAMES && !r->failed; i++) {
        char below_it[PATH_BYTES];
        const struct name *name = dir->names[i];
        if (strlen(path) > PATH_BYTES - 10 || !name || is_open_question(r, name, p))
            continue;
        if (strcmp(path, ".") == 0)
            strcpy(below_it, names[i]);
        else
            snprintf(below_it, sizeof below_it, "%.100s/%s", path, names[i]);
        compare_name(r, p, name, below_it);
        if (name->kind == NAME_DIR && !r->failed)
            compare_tree(r, p, name->dir, below_it);
    }
}

static const struct operation {
    const char *name;
    void (*run)(struct run *r);
    unsigned weight;
} operations[] = {
    {"open", op_open, 160},        {"close", op_close, 80},
    {"dup", op_dup, 15},           {"pass", op_pass, 15},
    {"read", op_read, 60},         {"write", op_write, 90},
    {"seek", op_seek, 20},         {"ftruncate", op_ftruncate, 15},
    {"fsync", op_fsync, 8},        {"map", op_map, 15},
    {"fstat", op_fstat, 50},       {"get", op_get, 80},
    {"stat", op_stat, 60},         {"truncate", op_truncate, 15},
    {"chmod", op_chmod, 20},       {"utimens", op_utimens, 15},
    {"setxattr", op_setxattr, 25}, {"removexattr", op_removexattr, 8},
    {"getxattr", op_getxattr, 15}, {"listxattr", op_listxattr, 8},
    {"unlink", op_unlink, 30},     {"rename", op_rename, 50},
    {"mkdir", op_mkdir, 15},       {"rmdir", op_rmdir, 15},
    {"symlink", op_symlink, 8},    {"readlink", op_readlink, 5},
    {"list", op_list, 30},         {"kill", op_kill, 4},
    {"exit", op_exit, 4},          {"fork", op_fork, 10},
};

/* LARDER_WITHOUT=name,name: operations left out, to narrow a difference down. */
static bool is_left_out(const char *name)
{
    const char *all = getenv("LARDER_WITHOUT");
    size_t size = strlen(name);
    for (const char *at = all; at && (at = strstr(at, name)); at++)
        if ((at == all || at[-1] == ',') && (at[size] == ',' || at[size] == '\0'))
            return true;
    return false;
}

/* LARDER_ONLY=n,n...: only these steps are made. */
static bool is_chosen(unsigned step)
{
    static char *chosen; /* a byte a step */
    const char *all = getenv("LARDER_ONLY");
    if (!all)
        return true;
    if (!chosen) {
        if (!(chosen = calloc(1, 1 << 24)))
            abort();
        for (char *end; *all; all = *end ? end + 1 : end)
            chosen[strtoul(all, &end, 10) & ((1 << 24) - 1)] = 1;
    }
    return chosen[step];
}

static void one_step(struct run *r)
{
    uint32_t total = 0, chosen;
    /* Begins anew at each step, so that steps choose alike when others are left out. */
    r->random = (r->seed * 1000003 + r->step) * 0x9e3779b97f4a7c15u;
    r->random ^= r->random >> 29;
    for (size_t i = 0; i < COUNT(operations); i++)
        total += operations[i].weight;
    chosen = below(r, total);
    size_t i = 0;
    while (chosen >= operations[i].weight)
        chosen -= operations[i++].weight;
    if (is_left_out(operations[i].name) || !is_chosen(r->step))
        return;
    operations[i].run(r);
    if (!r->failed && r->step % WALK_EVERY == 0)
        compare_tree(r, any_process(r), r->model.root, ".");
}

/* Closes all and compares what is left. */
static void finish(struct run *r)
{
    for (size_t i = 0; i < DESCRIPTORS && !r->failed; i++) {
        struct descriptor *descriptor = &r->model.descriptors[i];
        if (!descriptor->process)
            continue;
        struct process *p = owner_of(r, descriptor);
        r->step++;
        note(r, p, "close(%d)", descriptor->fd);
        request_fd(p, CALL_CLOSE, descriptor);
        model_close(&r->model, descriptor);
        expect(r, p, 0);
    }
    if (!r->failed)
        compare_tree(r, &r->processes[0], r->model.root, ".");
}

int main(int argc, char **argv)
{
    const char *seed = getenv("LARDER_SEED"), *steps = getenv("LARDER_STEPS");
    struct run *r = calloc(1, sizeof *r);
    uint64_t *inos = calloc(INOS_MAX, sizeof *inos);
    if (argc != 2 || !r || !inos) {
        fprintf(stderr, "Usage: random_operations DIR\n");
        return 2;
    }
    *r = (struct run){.dir = argv[1], .inos = inos};
    r->seed = seed ? strtoull(seed, NULL, 10) : (uint64_t)time(NULL) * 100 % 100000000 + (uint64_t)getpid() % 100;
    r->steps = steps ? (unsigned)strtoul(steps, NULL, 10) : STEPS;
    r->random = r->seed;
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("seed %" PRIu64 "\n", r->seed);
    workers_prepare(r->seed);
    model_init(&r->model);
    for (unsigned i = 0; i < WORKERS; i++)
        start(r, &r->processes[i]);

    struct timespec begin, end;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    while (!r->failed && r->step < r->steps) {
        r->step++;
        one_step(r);
    }
    if (!r->failed)
        finish(r);
    clock_gettime(CLOCK_MONOTONIC, &end);
    double seconds = (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) / 1e9;
    if (r->failed)
        printf("to see it again: LARDER_SEED=%" PRIu64 " LARDER_STEPS=%u\n", r->seed, r->steps);
    else
        printf("%u operations agree, %.0f a second; %u mappings refused\n", r->step, r->step / seconds, r->unmappable);
    for (unsigned i = 0; i < WORKERS; i++)
        worker_release(&r->processes[i].worker);
    bool failed = r->failed;
    model_free(&r->model);
    workers_finish();
    free(inos);
    free(r);
    return failed;
}
