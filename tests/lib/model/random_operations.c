/* SPDX-License-Identifier: MIT */
/*
 * random_operations.c - random_operations DIR: random operations by several processes on the mount DIR, every answer
 * compared with what model.h says.
 *
 * One process makes one call at a time, so that there is one right answer: results, errors, bytes, attributes,
 * listings. A few names in a few directories, so that everything meets everything. From time to time, and at the end
 * when all is closed, the whole tree is walked.
 *
 * A run follows from its seed. A difference prints the seed, the last operations and what differs, and is exit
 * status 1.
 *
 *     LARDER_SEED=n           the seed, else one from the clock
 *     LARDER_STEPS=n          operations, default 20000
 *     LARDER_CORNERS=letters  what is left out, see model_leaves_out()
 *     LARDER_ONLY=n,n...      only these steps; LARDER_WITHOUT=name,name: without these operations. Each step chooses
 *                             by the seed and its own number, so that what is left chooses much the same
 */
#include "run.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { STEPS = 20000 };

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
        process_start(r, &r->processes[i]);

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
