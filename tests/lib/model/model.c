/* SPDX-License-Identifier: MIT */
/* model.c - see model.h. */
#include "model.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

const char *const names[NAMES] = {"a", "b", "c", "d", "e", "f"};
const char *const xattr_names[XATTRS] = {"user.ttl", "user.tags", "user.one", "user.two"};

bool model_leaves_out(char corner)
{
    const char *all = getenv("LARDER_CORNERS");
    return all && strchr(all, corner);
}

static void *make(size_t size)
{
    void *memory = calloc(1, size);
    if (!memory)
        abort();
    return memory;
}

/* --- versions ------------------------------------------------------------------------------------------ */

static struct version *version_ref(struct version *version)
{
    version->refs++;
    return version;
}

static void version_unref(struct version *version)
{
    if (!version || --version->refs > 0)
        return;
    free(version->data);
    free(version);
}

static void version_resize(struct version *version, size_t size)
{
    if (size > VALUE_MAX)
        abort();
    if (size > version->size)
        memset(version->data + version->size, 0, size - version->size);
    version->size = size;
    version->attributes.mtime_set = false;
}

static void version_write(struct version *version, const uint8_t *data, size_t size, size_t offset)
{
    if (offset + size > version->size)
        version_resize(version, offset + size);
    memcpy(version->data + offset, data, size);
    version->attributes.mtime_set = false;
}

/* What an entry made in a directory starts with: its own number, and lifetime and tags of the nearest directory above
 * that has them. */
static void attributes_init(struct model *m, struct attributes *attributes, const struct dir *in, uint32_t mode)
{
    *attributes = (struct attributes){.ino = ++m->last_ino, .mode = mode};
    for (; in; in = in->parent)
        for (unsigned i = 0; i < XATTR_OTHERS; i++)
            if (!attributes->xattrs[i].set)
                attributes->xattrs[i] = in->attributes.xattrs[i];
}

/* A new version for a name, with the attributes of what is there. One reference. */
static struct version *version_new(struct model *m, struct name *name, uint32_t mode)
{
    struct version *version = make(sizeof *version);
    version->refs = 1;
    version->name = name;
    version->data = make(VALUE_MAX);
    if (name->kind == NAME_FILE) {
        version->attributes = name->file->attributes;
        version->attributes.mtime_set = false;
    } else
        attributes_init(m, &version->attributes, name->in, mode);
    return version;
}

/* --- names --------------------------------------------------------------------------------------------- */

static struct name *name_new(struct model *m, struct dir *in, unsigned slot, enum kind kind)
{
    struct name *name = make(sizeof *name);
    *name = (struct name){.kind = kind, .in = in, .slot = slot, .all = m->all_names};
    m->all_names = name;
    in->names[slot] = name;
    return name;
}

static struct dir *dir_new(struct model *m, struct dir *parent, uint32_t mode)
{
    struct dir *dir = make(sizeof *dir);
    dir->parent = parent;
    dir->attributes = (struct attributes){.ino = ++m->last_ino, .mode = mode};
    dir->all = m->all_dirs;
    m->all_dirs = dir;
    return dir;
}

/* Takes a session off its name: it will not publish. With the last one goes a name that was only being created. */
static void session_detach(struct session *session)
{
    struct session **at;
    struct name *name = session->name;
    if (!session->listed)
        return;
    session->listed = false;
    for (at = &name->sessions; *at != session; at = &(*at)->next)
        ;
    *at = session->next;
    if (name->kind == NAME_CREATING && !name->sessions && name->in) {
        name->in->names[name->slot] = NULL;
        name->in = NULL;
    }
}

static void name_gone(struct name *name)
{
    name->in->names[name->slot] = NULL;
    name->in = NULL;
    while (name->sessions)
        session_detach(name->sessions);
    version_unref(name->file);
    name->file = NULL;
}

static void name_place(struct name *name, struct dir *in, unsigned slot)
{
    name->in = in;
    name->slot = slot;
    in->names[slot] = name;
    if (name->kind == NAME_DIR)
        name->dir->parent = in;
}

struct attributes *name_attributes(const struct name *name, struct version **ret_version)
{
    *ret_version = name->kind == NAME_FILE ? name->file : name->kind == NAME_CREATING ? name->sessions->version : NULL;
    if (*ret_version)
        return &(*ret_version)->attributes;
    return name->kind == NAME_DIR ? &name->dir->attributes : (struct attributes *)&name->link;
}

/* Has a process a descriptor of a session, or one to write to another version of the same file, which looks alike? */
static bool has_descriptor(const struct model *m, const struct session *session, unsigned process)
{
    for (size_t i = 0; i < DESCRIPTORS; i++) {
        if (m->descriptors[i].process != process)
            continue;
        const struct open_file *file = m->descriptors[i].file;
        bool writes = (file->flags & O_ACCMODE) != O_RDONLY;
        if (file->session == session || (writes && file->version->attributes.ino == session->version->attributes.ino))
            return true;
    }
    return false;
}

bool model_overwrites(const struct model *m, const struct name *name, unsigned process)
{
    const struct session *session;
    for (session = name->kind == NAME_FILE ? name->sessions : NULL; session; session = session->next)
        if (session->opener == process || has_descriptor(m, session, process))
            return true;
    return false;
}

/* --- publishing ---------------------------------------------------------------------------------------- */

/* What is at the name hands its attributes on, but for those that were set while the new version was written. */
static void take_over(struct version *made, const struct version *current)
{
    struct attributes *to = &made->attributes;
    const struct attributes *from = &current->attributes;
    to->ino = from->ino;
    if (!(made->kept & KEPT_MODE))
        to->mode = from->mode;
    if (!(made->kept & KEPT_TTL))
        to->xattrs[XATTR_TTL] = from->xattrs[XATTR_TTL];
    if (!(made->kept & KEPT_TAGS))
        to->xattrs[XATTR_TAGS] = from->xattrs[XATTR_TAGS];
    if (!(made->kept & KEPT_OTHERS))
        memcpy(&to->xattrs[XATTR_OTHERS], &from->xattrs[XATTR_OTHERS], (XATTRS - XATTR_OTHERS) * sizeof *to->xattrs);
}

static void publish(struct session *session)
{
    struct name *name = session->name;
    struct version *version = session->version;
    if (!session->listed)
        return;
    if (name->kind == NAME_FILE) {
        take_over(version, name->file);
        version_unref(name->file);
    }
    name->kind = NAME_FILE;
    name->file = version_ref(version);
    version->published = true;
    session_detach(session);
    version->overlaid = name->sessions;
}

/* --- paths --------------------------------------------------------------------------------------------- */

static int walk(const struct model *m, struct dir *dir, const char *path, bool follow, unsigned *links,
                struct place *ret_place)
{
    for (;;) {
        size_t length = strcspn(path, "/");
        bool last = path[length] == '\0';
        unsigned slot = 0;
        while (strncmp(names[slot], path, length) != 0)
            slot++;
        struct name *name = dir->names[slot];
        *ret_place = (struct place){dir, slot, name};
        if (name && name->kind == NAME_LINK && (!last || follow)) {
            if (++*links > FOLLOW_MAX)
                return -ELOOP;
            int result = walk(m, dir, name->target, true, links, ret_place);
            if (result < 0)
                return result;
            name = ret_place->name;
        }
        if (last)
            return 0;
        if (!name)
            return -ENOENT;
        if (name->kind != NAME_DIR)
            return -ENOTDIR;
        dir = name->dir;
        path += length + 1;
    }
}

int model_walk(const struct model *m, const char *path, bool follow, struct place *ret_place)
{
    unsigned links = 0;
    return walk(m, m->root, path, follow, &links, ret_place);
}

int model_find(const struct model *m, const char *path, bool follow, struct place *ret_place)
{
    int result = model_walk(m, path, follow, ret_place);
    return result == 0 && !ret_place->name ? -ENOENT : result;
}

int model_find_dir(const struct model *m, const char *path, struct dir **ret_dir)
{
    struct place place;
    if (strcmp(path, ".") == 0) {
        *ret_dir = m->root;
        return 0;
    }
    int result = model_find(m, path, true, &place);
    if (result == 0 && place.name->kind != NAME_DIR)
        result = -ENOTDIR;
    if (result == 0)
        *ret_dir = place.name->dir;
    return result;
}

static bool is_empty(const struct dir *dir)
{
    for (unsigned i = 0; i < NAMES; i++)
        if (dir->names[i])
            return false;
    return true;
}

static bool is_below(const struct dir *dir, const struct dir *above)
{
    for (; dir; dir = dir->parent)
        if (dir == above)
            return true;
    return false;
}

/* A place where something is to be made. */
static int find_vacant(const struct model *m, const char *path, struct place *ret_place)
{
    int result = model_walk(m, path, false, ret_place);
    return result == 0 && ret_place->name ? -EEXIST : result;
}

int model_mkdir(struct model *m, const char *path, uint32_t mode)
{
    struct place place;
    int result = find_vacant(m, path, &place);
    if (result < 0)
        return result;
    struct name *name = name_new(m, place.dir, place.slot, NAME_DIR);
    name->dir = dir_new(m, place.dir, mode);
    return 0;
}

int model_symlink(struct model *m, const char *path, const char *target)
{
    struct place place;
    int result = find_vacant(m, path, &place);
    if (result < 0)
        return result;
    struct name *name = name_new(m, place.dir, place.slot, NAME_LINK);
    attributes_init(m, &name->link, place.dir, 0777);
    strcpy(name->target, target);
    return 0;
}

int model_rmdir(struct model *m, const char *path)
{
    struct place place;
    int result = model_find(m, path, false, &place);
    if (result < 0)
        return result;
    if (place.name->kind != NAME_DIR)
        return -ENOTDIR;
    if (!is_empty(place.name->dir))
        return -ENOTEMPTY;
    place.name->dir->parent = NULL;
    name_gone(place.name);
    return 0;
}

int model_unlink(struct model *m, const char *path)
{
    struct place place;
    int result = model_find(m, path, false, &place);
    if (result < 0)
        return result;
    if (place.name->kind == NAME_DIR)
        return -EISDIR;
    name_gone(place.name);
    return 0;
}

/* --- rename -------------------------------------------------------------------------------------------- */

/* What may not be renamed to what, in the order in which the kernel asks. */
static int check_rename(const struct place *from, const struct place *to, unsigned flags)
{
    const struct name *moved = from->name, *there = to->name;
    bool swap = flags & RENAME_EXCHANGE;
    if (!moved)
        return -ENOENT;
    if (flags & RENAME_NOREPLACE && there)
        return -EEXIST;
    if (swap && !there)
        return -ENOENT;
    if (moved->kind == NAME_DIR && is_below(to->dir, moved->dir))
        return -EINVAL;
    if (there && there->kind == NAME_DIR && is_below(from->dir, there->dir))
        return swap ? -EINVAL : -ENOTEMPTY;
    if (!there || swap || there == moved)
        return 0;
    if (moved->kind == NAME_DIR && there->kind != NAME_DIR)
        return -ENOTDIR;
    if (moved->kind != NAME_DIR && there->kind == NAME_DIR)
        return -EISDIR;
    return there->kind == NAME_DIR && !is_empty(there->dir) ? -ENOTEMPTY : 0;
}

/* A name in creation is published, so that there is something to move; and so is what the caller himself writes. */
static void publish_before_move(struct name *name, unsigned process)
{
    struct session *session = name->sessions;
    if (!session)
        return;
    if (name->kind == NAME_CREATING || session->opener == process)
        publish(session);
}

int model_rename(struct model *m, unsigned process, const char *path, const char *other, unsigned flags)
{
    struct place from, to;
    int result = model_walk(m, path, false, &from);
    if (result == 0)
        result = model_walk(m, other, false, &to);
    if (result == 0)
        result = check_rename(&from, &to, flags);
    if (result < 0 || from.name == to.name)
        return result;
    publish_before_move(from.name, process);
    if (flags & RENAME_EXCHANGE) {
        publish_before_move(to.name, process);
        name_place(to.name, from.dir, from.slot);
        name_place(from.name, to.dir, to.slot);
        return 0;
    }
    if (to.name) {
        if (to.name->kind == NAME_DIR)
            to.name->dir->parent = NULL;
        name_gone(to.name);
    }
    from.dir->names[from.slot] = NULL;
    name_place(from.name, to.dir, to.slot);
    return 0;
}

/* --- opening ------------------------------------------------------------------------------------------- */

struct descriptor *model_free_descriptor(struct model *m)
{
    for (size_t i = 0; i < DESCRIPTORS; i++)
        if (!m->descriptors[i].process)
            return &m->descriptors[i];
    return NULL;
}

static void open_version(struct descriptor *descriptor, unsigned process, int flags, struct version *version,
                         struct session *session)
{
    struct open_file *file = make(sizeof *file);
    *file = (struct open_file){.flags = flags, .version = version_ref(version), .session = session, .descriptors = 1};
    if (session)
        session->files++;
    *descriptor = (struct descriptor){.process = process, .file = file};
}

static void open_staged(struct model *m, unsigned process, struct name *name, int flags, uint32_t mode,
                        struct descriptor *descriptor)
{
    struct session *session = make(sizeof *session);
    if (name->kind == NAME_FILE)
        name->file->overlaid = true;
    if (name->kind == NAME_CREATING && name->sessions)
        mode = name->sessions->version->attributes.mode;
    *session = (struct session){
        .version = version_new(m, name, mode),
        .name = name,
        .opener = process,
        .creates = name->kind == NAME_CREATING,
        .listed = true,
        .next = name->sessions,
        .all = m->all_sessions,
    };
    m->all_sessions = session;
    name->sessions = session;
    open_version(descriptor, process, flags, session->version, session);
}

int model_open(struct model *m, unsigned process, const char *path, int flags, uint32_t mode,
               struct descriptor *descriptor)
{
    struct place place;
    bool excludes = (flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL), writes = (flags & O_ACCMODE) != O_RDONLY;
    int result = model_walk(m, path, !excludes, &place);
    if (result < 0)
        return result;
    struct name *name = place.name;
    if (name && excludes)
        return -EEXIST;
    if (name && name->kind == NAME_DIR)
        return -EISDIR;
    if (!name && !(flags & O_CREAT))
        return -ENOENT;

    bool staged = flags & O_TRUNC || excludes;
    if (!name) {
        name = name_new(m, place.dir, place.slot, NAME_CREATING);
        if (!staged) { /* an empty file, at once */
            name->file = version_new(m, name, mode);
            name->file->published = true;
            name->kind = NAME_FILE;
        }
    }
    if (staged)
        open_staged(m, process, name, flags, mode, descriptor);
    else if (name->kind == NAME_FILE)
        open_version(descriptor, process, flags, name->file, NULL);
    else if (writes) /* joins who creates it */
        open_version(descriptor, process, flags, name->sessions->version, name->sessions);
    else
        return -ENOENT; /* a miss */
    return 0;
}

void model_dup(struct descriptor *descriptor, unsigned process, struct descriptor *made)
{
    *made = (struct descriptor){.process = process, .file = descriptor->file};
    made->file->descriptors++;
}

void model_sync(struct open_file *file)
{
    if (file->session)
        publish(file->session);
}

/* --- closing ------------------------------------------------------------------------------------------- */

static bool has_open(const struct model *m, unsigned process, const struct open_file *file)
{
    for (size_t i = 0; i < DESCRIPTORS; i++)
        if (m->descriptors[i].process == process && m->descriptors[i].file == file)
            return true;
    return false;
}

/* The last descriptor of all is closed. */
static void file_close(struct open_file *file)
{
    struct session *session = file->session;
    if (session && --session->files == 0) {
        if (session->killed)
            session_detach(session);
        publish(session);
        version_unref(session->version);
        session->version = NULL;
    }
    version_unref(file->version);
    free(file);
}

void model_close(struct model *m, struct descriptor *descriptor)
{
    struct open_file *file = descriptor->file;
    struct session *session = file->session;
    unsigned process = descriptor->process;
    *descriptor = (struct descriptor){0};
    if (session && session->opener == process && session->files == 1 && session->wrote && !session->shared &&
        !session->mapped && !has_open(m, process, file))
        publish(session);
    if (--file->descriptors == 0)
        file_close(file);
}

void model_exit(struct model *m, unsigned process)
{
    for (int fd = 0; fd < 1024; fd++)
        for (size_t i = 0; i < DESCRIPTORS; i++)
            if (m->descriptors[i].process == process && m->descriptors[i].fd == fd)
                model_close(m, &m->descriptors[i]);
}

static void died_with(struct session *session, unsigned process)
{
    if (session && session->opener == process)
        session_detach(session);
    else if (session && (model_leaves_out('k') ? session->shared : session->last_writer == process))
        session->killed = true;
}

void model_kill(struct model *m, unsigned process)
{
    for (size_t i = 0; i < DESCRIPTORS; i++)
        if (m->descriptors[i].process == process)
            died_with(m->descriptors[i].file->session, process);
    model_exit(m, process);
}

void model_child_killed(struct model *m, unsigned parent, unsigned child)
{
    for (size_t i = 0; i < DESCRIPTORS; i++)
        if (m->descriptors[i].process == parent)
            died_with(m->descriptors[i].file->session, child);
}

/* --- changing ------------------------------------------------------------------------------------------ */

void model_write(struct open_file *file, unsigned process, const uint8_t *data, size_t size, off_t offset)
{
    struct session *session = file->session;
    version_write(file->version, data, size, offset < 0 ? file->version->size : (size_t)offset);
    if (!session)
        return;
    session->wrote = true;
    session->shared |= session->listed && process != session->opener;
    session->last_writer = process;
    session->killed = false;
}

void model_write_mapped(struct open_file *file, const uint8_t *data, size_t size, off_t offset)
{
    version_write(file->version, data, size, (size_t)offset);
    if (file->session)
        file->session->wrote = true;
}

void model_resize(struct open_file *file, size_t size)
{
    version_resize(file->version, size);
    if (file->session) {
        file->session->wrote = true;
        file->session->mapped |= (file->flags & (O_ACCMODE | O_APPEND)) == O_RDWR;
    }
}

void model_resize_name(struct name *name, size_t size)
{
    struct version *version;
    name_attributes(name, &version);
    version_resize(version, size);
    if (name->kind == NAME_CREATING)
        name->sessions->wrote = true;
}

void model_chmod(struct attributes *attributes, struct version *version, uint32_t mode)
{
    attributes->mode = mode;
    if (version && !version->published)
        version->kept |= KEPT_MODE;
}

int model_setxattr(struct attributes *attributes, struct version *version, const char *name, const void *value,
                   size_t size, int flags)
{
    static const unsigned kept[XATTRS] = {KEPT_TTL, KEPT_TAGS, KEPT_OTHERS, KEPT_OTHERS};
    unsigned i = 0;
    while (strcmp(xattr_names[i], name) != 0)
        i++;
    struct xattr *xattr = &attributes->xattrs[i];
    if (flags & XATTR_CREATE && xattr->set)
        return -EEXIST;
    if ((flags & XATTR_REPLACE || !value) && !xattr->set)
        return -ENODATA;
    *xattr = (struct xattr){.set = value, .size = size};
    if (value)
        memcpy(xattr->value, value, size);
    if (version && !version->published)
        version->kept |= kept[i];
    return 0;
}

/* --- the whole ----------------------------------------------------------------------------------------- */

void model_init(struct model *m)
{
    *m = (struct model){0};
    m->root = dir_new(m, NULL, 0755);
}

void model_free(struct model *m)
{
    for (unsigned i = 0; i < DESCRIPTORS; i++)
        if (m->descriptors[i].process)
            model_close(m, &m->descriptors[i]);
    for (struct name *name = m->all_names, *next; name; name = next) {
        next = name->all;
        version_unref(name->file);
        free(name);
    }
    for (struct session *session = m->all_sessions, *next; session; session = next) {
        next = session->all;
        free(session);
    }
    for (struct dir *dir = m->all_dirs, *next; dir; dir = next) {
        next = dir->all;
        free(dir);
    }
}
