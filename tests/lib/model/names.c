/* SPDX-License-Identifier: MIT */
/* names.c - operations on names and directories. */
#include "run.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

void op_unlink(struct run *r)
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

void op_rename(struct run *r)
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

void op_mkdir(struct run *r)
{
    struct process *p = any_process(r);
    char path[PATH_BYTES];
    any_dir_path(r, path);
    request_path(p, CALL_MKDIR, path)->mode = 0755;
    note(r, p, "mkdir(%s)", path);
    expect(r, p, model_mkdir(&r->model, path, 0755));
}

void op_rmdir(struct run *r)
{
    struct process *p = any_process(r);
    char path[PATH_BYTES];
    any_dir_path(r, path);
    request_path(p, CALL_RMDIR, path);
    note(r, p, "rmdir(%s)", path);
    expect(r, p, model_rmdir(&r->model, path));
}

void op_symlink(struct run *r)
{
    struct process *p = any_process(r);
    char path[PATH_BYTES];
    any_path(r, path);
    struct request *request = request_path(p, CALL_SYMLINK, path);
    any_path(r, request->other);
    note(r, p, "symlink(%s, %s)", request->other, path);
    expect(r, p, model_symlink(&r->model, path, request->other));
}

void op_readlink(struct run *r)
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

void compare_list(struct run *r, struct process *p, const char *path)
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

void op_list(struct run *r)
{
    char path[PATH_BYTES] = ".";
    if (!one_in(r, 2))
        any_dir_path(r, path);
    compare_list(r, any_process(r), path);
}
