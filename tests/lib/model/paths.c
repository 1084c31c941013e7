/* SPDX-License-Identifier: MIT */
/* paths.c - operations on values and attributes by path, and on attributes by handle. */
#include "run.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>

void op_get(struct run *r)
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
bool is_open_question(const struct run *r, const struct name *name, const struct process *p)
{
    return model_overwrites(&r->model, name, p->number);
}

void op_stat(struct run *r)
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

void op_truncate(struct run *r)
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

void op_chmod(struct run *r)
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

void op_utimens(struct run *r)
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

void op_setxattr(struct run *r)
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

void op_removexattr(struct run *r)
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

void compare_xattr(struct run *r, const struct target *target, unsigned i)
{
    struct request *request = request_target(target, CALL_GETXATTR, CALL_FGETXATTR);
    strcpy(request->other, xattr_names[i]);
    note(r, target->process, "getxattr(%s, %s)", target->path, request->other);
    const struct xattr *xattr = target->result == 0 ? &target->attributes->xattrs[i] : NULL;
    if (expect(r, target->process, !xattr ? target->result : xattr->set ? (int64_t)xattr->size : -ENODATA))
        expect_bytes(r, target->process, xattr->value, xattr->size);
}

void op_getxattr(struct run *r)
{
    struct target target;
    if (any_target(r, one_in(r, 3), &target))
        compare_xattr(r, &target, below(r, XATTRS));
}

/* All names that are set are listed, and nothing else. */
void compare_xattr_names(struct run *r, const struct target *target)
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

void op_listxattr(struct run *r)
{
    struct target target;
    if (any_target(r, false, &target))
        compare_xattr_names(r, &target);
}
