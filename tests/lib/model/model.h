/* SPDX-License-Identifier: MIT */
/*
 * model.h - what a mount must answer: names, versions, open files and write sessions as DESIGN.md has them, in the
 * plainest code that does it.
 *
 *     struct dir --slot--> struct name --file--> struct version      what is published there
 *                                      --sessions--> struct session  what is being written there
 *     struct descriptor (of a process) --> struct open_file --> struct version, struct session
 *
 * A name is a place's content: it moves with a rename, and what is unlinked or replaced by a rename is gone for good.
 * A name without anything published (NAME_CREATING) is one that sessions are creating.
 *
 * Functions return 0 or more, or -errno, as the system call does. One thread only.
 */
#ifndef LARDER_TESTS_MODEL_MODEL_H
#define LARDER_TESTS_MODEL_MODEL_H

#include "worker.h"

#include <stdbool.h>

enum {
    NAMES = 6, /* names a directory may have in it */
    DESCRIPTORS = 20, /* at once, of all processes */
    XATTRS = 4,
    XATTR_MAX = 300, /* bytes of a value */
    TARGET_MAX = 16, /* bytes of a link's target */
    FOLLOW_MAX = 40, /* links a path may lead through, as the kernel has it */
};

extern const char *const names[NAMES];
extern const char *const xattr_names[XATTRS];

enum { XATTR_TTL, XATTR_TAGS, XATTR_OTHERS }; /* the first of the others, which are taken over all or none */

struct xattr {
    bool set;
    size_t size;
    uint8_t value[XATTR_MAX];
};

struct attributes {
    uint64_t ino; /* the model's own number */
    uint32_t mode;
    struct xattr xattrs[XATTRS];
    bool mtime_set; /* by utimens, and nothing has been written since */
    struct timespec mtime;
};

struct version {
    unsigned refs; /* its name, sessions and open files */
    struct attributes attributes;
    unsigned kept; /* bits KEPT_: what was changed while it was staged, and stays so when it is published */
    struct name *name; /* where it is or was or will be */
    bool published;
    bool overlaid; /* a session that overwrites it has begun, so that its name may have led to another inode since */
    size_t size;
    uint8_t *data; /* VALUE_MAX */
};

enum { KEPT_MODE = 1, KEPT_TTL = 2, KEPT_TAGS = 4, KEPT_OTHERS = 8 };

enum kind { NAME_CREATING, NAME_FILE, NAME_LINK, NAME_DIR };

struct name {
    enum kind kind;
    struct dir *in; /* NULL: gone */
    unsigned slot;
    struct version *file;
    struct dir *dir;
    char target[TARGET_MAX];
    struct attributes link; /* a link's */
    struct session *sessions; /* listed ones, newest first */
    struct name *all;
};

struct dir {
    struct dir *parent; /* NULL: the root, or removed */
    struct attributes attributes;
    struct name *names[NAMES];
    struct dir *all;
};

struct session {
    struct version *version;
    struct name *name;
    unsigned opener; /* process */
    unsigned last_writer; /* process; 0 none */
    unsigned files; /* open ones */
    bool creates; /* nothing was published there when it began */
    bool wrote;
    bool mapped; /* opened to read and write, and given a size: as if it were mapped, only its very last close counts */
    bool shared; /* another process than the opener wrote */
    bool killed; /* the one who wrote last was killed, and nobody has written since */
    bool listed; /* neither published nor detached */
    struct session *next, *all;
};

struct open_file {
    int flags;
    off_t position;
    struct version *version;
    struct session *session; /* or NULL */
    unsigned descriptors;
};

struct descriptor {
    unsigned process; /* 0: not in use */
    int fd;
    struct open_file *file;
};

struct model {
    struct dir *root;
    struct descriptor descriptors[DESCRIPTORS];
    uint64_t last_ino;
    struct name *all_names;
    struct dir *all_dirs;
    struct session *all_sessions;
};

/*
 * Corners where the file system is known to answer otherwise are left out while LARDER_CORNERS has their letter:
 *   c  a second session begins at a name that another one is creating
 *   d  a descriptor of a staged file is duplicated within the process that opened it
 *   s  a process has two open files to write the same file, one of them staged
 *   k  a process that did not write last is killed with a shared staged file open: here, it spoils the set
 *   o  the process that opened a staged file is gone before another one that has it is killed
 */
bool model_leaves_out(char corner);

void model_init(struct model *m);
void model_free(struct model *m);

/* --- paths --------------------------------------------------------------------------------------------- */

/* Where a path leads: `name` is NULL when there is nothing. */
struct place {
    struct dir *dir;
    unsigned slot;
    struct name *name;
};

/* 0, also when nothing is there; or what leads to it is missing (-ENOENT), no directory, a loop. `follow`: a link at
 * its end, too. */
int model_walk(const struct model *m, const char *path, bool follow, struct place *ret_place);

/* The same, but nothing there is -ENOENT. */
int model_find(const struct model *m, const char *path, bool follow, struct place *ret_place);

/* The directory a path means. */
int model_find_dir(const struct model *m, const char *path, struct dir **ret_dir);

/* What stat shows of a name: its attributes, and the version whose size it has (NULL: none). */
struct attributes *name_attributes(const struct name *name, struct version **ret_version);

/* Is a process overwriting what is published at a name, as far as anybody can tell? */
bool model_overwrites(const struct model *m, const struct name *name, unsigned process);

int model_mkdir(struct model *m, const char *path, uint32_t mode);
int model_rmdir(struct model *m, const char *path);
int model_symlink(struct model *m, const char *path, const char *target);
int model_unlink(struct model *m, const char *path);
int model_rename(struct model *m, unsigned process, const char *path, const char *other, unsigned flags);

/* --- open files ---------------------------------------------------------------------------------------- */

/* A descriptor that is not in use, or NULL. */
struct descriptor *model_free_descriptor(struct model *m);

/* 0 and the descriptor filled but for its number, or -errno. */
int model_open(struct model *m, unsigned process, const char *path, int flags, uint32_t mode,
               struct descriptor *descriptor);
void model_dup(struct descriptor *descriptor, unsigned process, struct descriptor *made);
void model_close(struct model *m, struct descriptor *descriptor);
void model_sync(struct open_file *file);

/* A process is killed, or exits. */
void model_kill(struct model *m, unsigned process);
void model_exit(struct model *m, unsigned process);

/* A killed process that was not among the descriptors' owners: a forked child. */
void model_child_killed(struct model *m, unsigned parent, unsigned child);

/* Changes a file through a handle; `offset` < 0: at the end. */
void model_write(struct open_file *file, unsigned process, const uint8_t *data, size_t size, off_t offset);
void model_resize(struct open_file *file, size_t size);

/* The same through a shared mapping: of what comes out of the page cache nobody can tell who wrote it. */
void model_write_mapped(struct open_file *file, const uint8_t *data, size_t size, off_t offset);

/* Changes the size of what a path means. */
void model_resize_name(struct name *name, size_t size);

/* Sets an attribute, or with `value` NULL removes it; in *version, if that is not NULL, as in one that is staged. */
int model_setxattr(struct attributes *attributes, struct version *version, const char *name, const void *value,
                   size_t size, int flags);
void model_chmod(struct attributes *attributes, struct version *version, uint32_t mode);

#endif
