/* SPDX-License-Identifier: MIT */
/* files.c - operations on open files. */
#include "run.h"

#include <errno.h>
#include <fcntl.h>

void op_open(struct run *r)
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

void op_close(struct run *r)
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

void op_dup(struct run *r)
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

void op_pass(struct run *r)
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

void op_read(struct run *r)
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

void op_write(struct run *r)
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

void op_seek(struct run *r)
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

void op_ftruncate(struct run *r)
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

void op_fsync(struct run *r)
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

void op_map(struct run *r)
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
        model_write_mapped(file, data_of(request), request->size, request->offset);
    if (shared && syncs && may_write(file)) /* the kernel makes an fsync of it */
        model_sync(file);
}

void op_fstat(struct run *r)
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
