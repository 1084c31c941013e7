/* SPDX-License-Identifier: MIT */
/* run.c - what operations share: chance, comparisons, requests. See run.h. */
#include "run.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- chance -------------------------------------------------------------------------------------------- */

uint32_t below(struct run *r, uint32_t bound)
{
    r->random = r->random * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(r->random >> 33) % bound;
}

bool one_in(struct run *r, uint32_t count)
{
    return below(r, count) == 0;
}

size_t any_size(struct run *r)
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
void any_path(struct run *r, char *path)
{
    unsigned depth = below(r, 10) < 6 ? 1 : one_in(r, 5) ? 3 : 2;
    *path = '\0';
    for (unsigned i = 1; i < depth; i++)
        strcat(strcat(path, names[NAMES - 1 - below(r, 2)]), "/");
    strcat(path, names[one_in(r, 8) ? below(r, NAMES) : below(r, NAMES - 2)]);
}

/* A path that more likely means a directory. */
void any_dir_path(struct run *r, char *path)
{
    any_path(r, path);
    if (!one_in(r, 8))
        strcpy(path + strlen(path) - 1, names[NAMES - 1 - below(r, 2)]);
}

struct process *any_process(struct run *r)
{
    return &r->processes[below(r, WORKERS)];
}

struct process *owner_of(struct run *r, const struct descriptor *descriptor)
{
    for (unsigned i = 0; i < WORKERS; i++)
        if (r->processes[i].number == descriptor->process)
            return &r->processes[i];
    abort();
}

/* A descriptor in use, or NULL. */
struct descriptor *any_descriptor(struct run *r)
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
__attribute__((format(printf, 3, 4))) void note(struct run *r, const struct process *p, const char *format, ...)
{
    char *line = r->log[++r->line % LOG_LINES];
    int used = snprintf(line, sizeof r->log[0], "%6u  process %u: ", r->step, p->number);
    va_list args;
    va_start(args, format);
    vsnprintf(line + used, sizeof r->log[0] - (size_t)used, format, args);
    va_end(args);
}

__attribute__((format(printf, 2, 3))) void note_more(struct run *r, const char *format, ...)
{
    char *line = r->log[r->line % LOG_LINES];
    size_t used = strlen(line);
    va_list args;
    va_start(args, format);
    vsnprintf(line + used, sizeof r->log[0] - used, format, args);
    va_end(args);
}

__attribute__((format(printf, 2, 3))) void differ(struct run *r, const char *format, ...)
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

const char *result_text(int64_t result)
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

bool same(struct run *r, const char *what, uint64_t want, uint64_t got)
{
    if (want != got)
        differ(r, "%s: expected %" PRIu64 ", got %" PRIu64, what, want, got);
    return want == got;
}

/* Makes the call that is in the process's channel. */
const struct reply *call(struct process *p)
{
    worker_begin(&p->worker);
    worker_wait(&p->worker);
    return &p->worker.channel->reply;
}

/* Makes the call and compares its result. True when that was right, and not an error. */
bool expect(struct run *r, struct process *p, int64_t want)
{
    int64_t got = call(p)->result;
    note_more(r, " = %s", result_text(got));
    if (got != want)
        differ(r, "result: expected %s, got %s", result_text(want), result_text(got));
    return got == want && got >= 0;
}

void expect_bytes(struct run *r, const struct process *p, const uint8_t *want, size_t size)
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
void expect_ino(struct run *r, uint64_t model, uint64_t real)
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
void expect_stat(struct run *r, const struct stat *got, mode_t type, const struct attributes *attributes,
                 const struct version *version, size_t size)
{
    note_more(r, " (mode %o, %lld bytes)", got->st_mode & 07777, (long long)got->st_size);
    same(r, "type", type, got->st_mode & S_IFMT);
    same(r, "mode", attributes->mode, got->st_mode & 07777);
    if (type != S_IFDIR)
        same(r, "size", size, (uint64_t)got->st_size);
    if (!version || (version->published && version->name->file == version))
        same(r, "st_nlink", 1, got->st_nlink);
    else if (!version->name->in && version->published && !version->overlaid)
        same(r, "st_nlink", 0, got->st_nlink);
    if (attributes->mtime_set) {
        same(r, "mtime", (uint64_t)attributes->mtime.tv_sec, (uint64_t)got->st_mtim.tv_sec);
        same(r, "mtime, ns", (uint64_t)attributes->mtime.tv_nsec, (uint64_t)got->st_mtim.tv_nsec);
    }
    expect_ino(r, attributes->ino, got->st_ino);
}

void expect_stat_of_name(struct run *r, const struct stat *got, const struct name *name)
{
    struct version *version;
    const struct attributes *attributes = name_attributes(name, &version);
    mode_t type = name->kind == NAME_DIR ? S_IFDIR : name->kind == NAME_LINK ? S_IFLNK : S_IFREG;
    expect_stat(r, got, type, attributes, version, version ? version->size : strlen(name->target));
}

/* --- requests ------------------------------------------------------------------------------------------ */

struct request *request(struct process *p, enum call call)
{
    struct request *request = &p->worker.channel->request;
    *request = (struct request){.call = call};
    return request;
}

struct request *request_fd(struct process *p, enum call call, const struct descriptor *descriptor)
{
    struct request *made = request(p, call);
    made->fd = descriptor->fd;
    return made;
}

struct request *request_path(struct process *p, enum call call, const char *path)
{
    struct request *made = request(p, call);
    strcpy(made->path, path);
    return made;
}

const uint8_t *data_of(const struct request *request)
{
    return pool + request->from;
}

void any_data(struct run *r, struct request *request)
{
    request->size = any_size(r);
    if (request->size == 0)
        request->size = 1;
    request->from = below(r, POOL_BYTES - VALUE_MAX);
}

off_t any_offset(struct run *r, const struct version *version)
{
    if (one_in(r, 8))
        return (off_t)version->size + below(r, 5000);
    return one_in(r, 3) ? 0 : below(r, (uint32_t)version->size + 1);
}

bool may_read(const struct open_file *file)
{
    return (file->flags & O_ACCMODE) != O_WRONLY;
}

bool may_write(const struct open_file *file)
{
    return (file->flags & O_ACCMODE) != O_RDONLY;
}

/* Has a process a descriptor to write to the file with this number, other than of `file`? */
bool writes_ino(const struct run *r, unsigned process, uint64_t ino, const struct open_file *file)
{
    for (size_t i = 0; i < DESCRIPTORS; i++) {
        const struct descriptor *descriptor = &r->model.descriptors[i];
        if (descriptor->process == process && descriptor->file != file && may_write(descriptor->file) &&
            descriptor->file->version->attributes.ino == ino)
            return true;
    }
    return false;
}

/* True when a write of that request still fits what values may be here. */
bool fits(const struct request *request, const struct version *version, off_t offset)
{
    size_t at = offset < 0 ? version->size : (size_t)offset;
    return at + request->size <= VALUE_MAX - 20000;
}
