/* SPDX-License-Identifier: MIT */
/*
 * run.h - one run of random operations: its state, and what the operations share. Each chooses what it does by chance,
 * asks the model what is right, has a process make the call, and compares.
 */
#ifndef LARDER_TESTS_MODEL_RUN_H
#define LARDER_TESTS_MODEL_RUN_H

#include "model.h"

enum {
    WORKERS = 4,
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

uint32_t below(struct run *r, uint32_t bound);
bool one_in(struct run *r, uint32_t count);
size_t any_size(struct run *r);

/* A path of one to three names; sometimes one deeper than anything is. */
void any_path(struct run *r, char *path);

/* A path that more likely means a directory. */
void any_dir_path(struct run *r, char *path);

struct process *any_process(struct run *r);
struct process *owner_of(struct run *r, const struct descriptor *descriptor);

/* A descriptor in use, or NULL. */
struct descriptor *any_descriptor(struct run *r);

/* --- comparing ----------------------------------------------------------------------------------------- */

/* Writes the operation of this step into the log. */
__attribute__((format(printf, 3, 4))) void note(struct run *r, const struct process *p, const char *format, ...);

__attribute__((format(printf, 2, 3))) void note_more(struct run *r, const char *format, ...);
__attribute__((format(printf, 2, 3))) void differ(struct run *r, const char *format, ...);
const char *result_text(int64_t result);
bool same(struct run *r, const char *what, uint64_t want, uint64_t got);

/* Makes the call that is in the process's channel. */
const struct reply *call(struct process *p);

/* Makes the call and compares its result. True when that was right, and not an error. */
bool expect(struct run *r, struct process *p, int64_t want);

void expect_bytes(struct run *r, const struct process *p, const uint8_t *want, size_t size);

/* The real number belongs to the model's, now and ever after. */
void expect_ino(struct run *r, uint64_t model, uint64_t real);

/* `version` is the one whose size is shown, or NULL. */
void expect_stat(struct run *r, const struct stat *got, mode_t type, const struct attributes *attributes,
                 const struct version *version, size_t size);

void expect_stat_of_name(struct run *r, const struct stat *got, const struct name *name);

/* --- requests ------------------------------------------------------------------------------------------ */

struct request *request(struct process *p, enum call call);
struct request *request_fd(struct process *p, enum call call, const struct descriptor *descriptor);
struct request *request_path(struct process *p, enum call call, const char *path);
const uint8_t *data_of(const struct request *request);
void any_data(struct run *r, struct request *request);
off_t any_offset(struct run *r, const struct version *version);

/* True when a write of that request still fits what values may be here. */
bool fits(const struct request *request, const struct version *version, off_t offset);

bool may_read(const struct open_file *file);
bool may_write(const struct open_file *file);

/* Has a process a descriptor to write to the file with this number, other than of `file`? */
bool writes_ino(const struct run *r, unsigned process, uint64_t ino, const struct open_file *file);

/* --- operations ---------------------------------------------------------------------------------------- */

/* files.c */
void op_open(struct run *r);
void op_close(struct run *r);
void op_dup(struct run *r);
void op_pass(struct run *r);
void op_read(struct run *r);
void op_write(struct run *r);
void op_seek(struct run *r);
void op_ftruncate(struct run *r);
void op_fsync(struct run *r);
void op_map(struct run *r);
void op_fstat(struct run *r);

/* paths.c */
void op_get(struct run *r);
void op_stat(struct run *r);
void op_truncate(struct run *r);
void op_chmod(struct run *r);
void op_utimens(struct run *r);
void op_setxattr(struct run *r);
void op_removexattr(struct run *r);
void op_getxattr(struct run *r);
void op_listxattr(struct run *r);

/* names.c */
void op_unlink(struct run *r);
void op_rename(struct run *r);
void op_mkdir(struct run *r);
void op_rmdir(struct run *r);
void op_symlink(struct run *r);
void op_readlink(struct run *r);
void op_list(struct run *r);

/* processes.c */
void op_kill(struct run *r);
void op_exit(struct run *r);
void op_fork(struct run *r);

/* --- what the walk through everything shares with them ------------------------------------------------- */

/* Where an operation on attributes goes. */
struct target {
    struct process *process;
    char path[PATH_BYTES]; /* or empty: */
    struct descriptor *descriptor;
    struct attributes *attributes;
    struct version *version; /* or NULL */
    int result;
};

/* What a process finds at a name that it is overwriting itself, as the opener or with a descriptor it was given, is
 * what it writes or what is published: it depends on the inode the kernel knows by the path, and is left open. */
bool is_open_question(const struct run *r, const struct name *name, const struct process *p);

void compare_xattr(struct run *r, const struct target *target, unsigned i);

/* All names that are set are listed, and nothing else. */
void compare_xattr_names(struct run *r, const struct target *target);

void compare_list(struct run *r, struct process *p, const char *path);

/* Starts a process; the model knows it by another number than any before. */
void process_start(struct run *r, struct process *p);

#endif
