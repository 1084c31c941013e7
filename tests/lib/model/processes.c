/* SPDX-License-Identifier: MIT */
/* processes.c - operations on processes: they are killed, exit and fork. */
#include "run.h"

#include <fcntl.h>

void process_start(struct run *r, struct process *p)
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

void op_kill(struct run *r)
{
    struct process *p = any_process(r);
    if (model_leaves_out('o') && is_outlived(r, p))
        return;
    note(r, p, "is killed");
    worker_kill(&p->worker);
    model_kill(&r->model, p->number);
    process_start(r, p);
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

void op_exit(struct run *r)
{
    struct process *p = any_process(r);
    if (writes_twice(r, p) || (model_leaves_out('o') && is_outlived(r, p)))
        return;
    note(r, p, "exits");
    request(p, CALL_EXIT);
    call(p);
    model_exit(&r->model, p->number);
    process_start(r, p);
}

void op_fork(struct run *r)
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
