/* SPDX-License-Identifier: MIT */
/* place.c - see place.h. */
#include "place.h"
#include "control.h"
#include "events.h"
#include "metrics.h"
#include "process.h"
#include "stale.h"
#include "write_session.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* --- gates --------------------------------------------------------------------------------------------- */

struct place place_begin(struct fs *fs, uint64_t dir, const char *text)
{
    struct place place = {gate_of(dir, text), gate_of(dir, "")};
    gate_begin(fs, place.name_gate);
    gate_begin(fs, place.dir_gate);
    return place;
}

void place_end(struct fs *fs, const struct place *place)
{
    gate_end(fs, place->dir_gate);
    gate_end(fs, place->name_gate);
}

/* --- names held for an operation ----------------------------------------------------------------------- */

/* Takes a name in hand when no write session of it is about to be released. NULL: out of memory. */
static struct name *hold(struct fs *fs, uint64_t dir, const char *text)
{
    fs_lock(fs);
    struct name *name = name_get_locked(fs, dir, text);
    if (name)
        name_settle_locked(fs, name);
    fs_unlock(fs);
    return name;
}

static void let_go(struct fs *fs, struct name *name)
{
    if (!name)
        return;
    fs_lock(fs);
    name_put_locked(fs, name);
    fs_unlock(fs);
}

/* True when somebody is creating this very name. */
static bool being_created(struct fs *fs, uint64_t dir, const char *text)
{
    fs_lock(fs);
    struct name *name = name_find_locked(fs, dir, text);
    bool created = name && name_creator_locked(name);
    fs_unlock(fs);
    return created;
}

/* What every operation that makes or removes something refuses: .larder, and names in it. */
static int check_place(const struct fs *fs, const struct node *parent, const char *text)
{
    if (node_is_control(parent) || control_is_root_name(fs, parent, text))
        return -EPERM;
    return strlen(text) > STORE_NAME_MAX ? -ENAMETOOLONG : 0;
}

/* --- making -------------------------------------------------------------------------------------------- */

int place_maker(struct fs *fs, const struct node *parent, uint32_t mode, const struct fuse_ctx *caller,
                struct maker *ret_maker)
{
    struct entry dir;
    int result = store_dir(fs->store, parent->ino, &dir);
    if (result < 0)
        return result;
    *ret_maker = (struct maker){.mode = mode & 07777, .uid = caller->uid, .gid = caller->gid};
    if (dir.mode & S_ISGID) {
        ret_maker->gid = dir.gid;
        if (S_ISDIR(mode))
            ret_maker->mode |= S_ISGID;
    }
    entry_release(&dir);
    return 0;
}

/* The reply for what was just made. */
static int reply_made(struct fs *fs, struct node *parent, const char *text, struct fuse_entry_param *ret_entry)
{
    int result = node_lookup(fs, parent, text, 0, ret_entry);
    return result == 0 && ret_entry->ino == 0 ? -ENOENT : result; /* somebody was quicker to remove it */
}

/* What the three makers share: checks, owner, gates. `make` does it. */
static int
make_entry(struct fs *fs, struct node *parent, const char *text, uint32_t mode, const struct fuse_ctx *caller,
           int (*make)(struct fs *fs, uint64_t dir, const char *text, const struct maker *maker, const void *arg),
           const void *arg, struct fuse_entry_param *ret_entry)
{
    struct maker maker;
    int result = check_place(fs, parent, text);
    if (result == 0)
        result = place_maker(fs, parent, mode, caller, &maker);
    if (result == 0 && being_created(fs, parent->ino, text))
        result = -EEXIST;
    if (result < 0)
        return result;
    metrics_makes(fs, caller->pid, parent->ino, text);
    struct place place = place_begin(fs, parent->ino, text);
    result = make(fs, parent->ino, text, &maker, arg);
    place_end(fs, &place);
    return result < 0 ? result : reply_made(fs, parent, text, ret_entry);
}

static int make_dir(struct fs *fs, uint64_t dir, const char *text, const struct maker *maker, const void *arg)
{
    (void)arg;
    return store_make_dir(fs->store, dir, text, maker->mode, maker->uid, maker->gid, NULL);
}

int place_make_dir(struct fs *fs, struct node *parent, const char *text, uint32_t mode, const struct fuse_ctx *caller,
                   struct fuse_entry_param *ret_entry)
{
    return make_entry(fs, parent, text, mode | S_IFDIR, caller, make_dir, NULL, ret_entry);
}

static int make_symlink(struct fs *fs, uint64_t dir, const char *text, const struct maker *maker, const void *target)
{
    struct entry entry;
    int result = store_make_symlink(fs->store, dir, text, target, maker->uid, maker->gid, &entry);
    if (result < 0)
        return result;
    events_emit(fs, EVENT_SET, dir, text, entry.size, entry.version);
    entry_release(&entry);
    return 0;
}

int place_make_symlink(struct fs *fs, struct node *parent, const char *text, const char *target,
                       const struct fuse_ctx *caller, struct fuse_entry_param *ret_entry)
{
    return make_entry(fs, parent, text, 0777, caller, make_symlink, target, ret_entry);
}

static int make_file(struct fs *fs, uint64_t dir, const char *text, const struct maker *maker, const void *arg)
{
    (void)arg;
    struct store_version *version;
    int result = store_stage(fs->store, dir, text, maker->mode, maker->uid, maker->gid, &version);
    if (result < 0)
        return result;
    result = store_publish(version, dir, text, STORE_NOREPLACE);
    if (result == 0) {
        metrics_set(fs, dir);
        events_set(fs, dir, text, version);
    }
    store_unpin(version);
    return result;
}

int place_make_file(struct fs *fs, struct node *parent, const char *text, uint32_t mode, const struct fuse_ctx *caller,
                    struct fuse_entry_param *ret_entry)
{
    return make_entry(fs, parent, text, mode, caller, make_file, NULL, ret_entry);
}

/* --- removing ------------------------------------------------------------------------------------------ */

/* What events tell of an entry that goes: it must be known before. */
struct removal {
    uint64_t size, version; /* 0: nobody listens */
};

static struct removal removal_begin(struct fs *fs, uint64_t dir, const char *text)
{
    struct entry entry;
    struct removal removal = {0};
    if (events_wanted(fs) && store_lookup(fs->store, dir, text, &entry) == 0) {
        removal = (struct removal){entry.size, entry.version};
        entry_release(&entry);
    }
    return removal;
}

static void removal_end(struct fs *fs, uint64_t dir, const char *text, const struct removal *removal)
{
    metrics_delete(fs, dir);
    events_emit(fs, EVENT_DELETE, dir, text, removal->size, removal->version);
}

int place_unlink(struct fs *fs, struct node *parent, const char *text)
{
    int result = check_place(fs, parent, text);
    if (result < 0)
        return result;
    struct name *name = hold(fs, parent->ino, text);
    if (!name)
        return -ENOMEM;
    name_lock(fs, name);
    struct place place = place_begin(fs, parent->ino, text);
    struct removal removal = removal_begin(fs, parent->ino, text);
    result = store_remove(fs->store, parent->ino, text);
    if (result == 0)
        removal_end(fs, parent->ino, text, &removal);
    fs_lock(fs);
    if (result == -ENOENT && name_creator_locked(name))
        result = 0;
    if (result == 0)
        name_gone_locked(fs, name);
    fs_unlock(fs);
    place_end(fs, &place);
    name_unlock(fs, name);
    let_go(fs, name);
    return result;
}

/* True when something is being created in the directory at a place. The kernel holds its lock where it may be removed:
 * nobody begins to create in it meanwhile. */
static bool creating_in(struct fs *fs, uint64_t dir, const char *text)
{
    struct entry entry;
    if (store_lookup(fs->store, dir, text, &entry) < 0)
        return false;
    struct node *node;
    fs_lock(fs);
    HASH_FIND(hh, fs->dirs, &entry.ino, sizeof entry.ino, node);
    bool creating = entry.kind == ENTRY_DIR && node && node->creating > 0;
    fs_unlock(fs);
    entry_release(&entry);
    return creating;
}

/* The directory at a place, which is about to be removed, if there is one: what is open of it lasts. Returns its id, or 0. */
static uint64_t removal_of_dir_begin(struct fs *fs, uint64_t parent, const char *text)
{
    struct entry entry;
    if (store_lookup(fs->store, parent, text, &entry) < 0)
        return 0;
    uint64_t dir = entry.kind == ENTRY_DIR ? entry.ino : 0;
    if (dir)
        node_dir_leaves(fs, &entry);
    entry_release(&entry);
    return dir;
}

static void removal_of_dir_end(struct fs *fs, uint64_t dir, int result)
{
    if (dir && result < 0)
        node_dir_stays(fs, dir);
}

int place_remove_dir(struct fs *fs, struct node *parent, const char *text)
{
    int result = check_place(fs, parent, text);
    if (result == 0 && creating_in(fs, parent->ino, text))
        result = -ENOTEMPTY;
    if (result < 0)
        return result;
    struct place place = place_begin(fs, parent->ino, text);
    uint64_t gone;
    events_note_dir(fs, parent->ino, text, &gone);
    uint64_t dir = removal_of_dir_begin(fs, parent->ino, text);
    result = store_remove_dir(fs->store, parent->ino, text);
    removal_of_dir_end(fs, dir, result);
    if (result == 0)
        events_dir_gone(fs, parent->ino, text, gone);
    place_end(fs, &place);
    return result;
}

/* --- moving -------------------------------------------------------------------------------------------- */

/*
 * Publishes what is being written at a name that moves: a file in creation, so that there is something to move, and
 * whatever the caller itself is writing. Somebody else's overwriting goes on, and will be published at the new place.
 */
static int publish_before_move(struct fs *fs, struct name *name, pid_t tid)
{
    struct spot spot;
    fs_lock(fs);
    name_spot_locked(name, &spot);
    struct write_session *session = name_creator_locked(name);
    if (!session)
        session = LIST_FIRST(&name->sessions);
    if (session)
        session->refs++;
    int result = session ? session->error : 0;
    bool creates = session && session->creates;
    fs_unlock(fs);
    if (!session)
        return 0;
    if (result == 0 && (creates || process_same(tid, session->opener)))
        result = write_session_publish_at(fs, session, &spot);
    write_session_put(fs, session);
    return result;
}

/* Keeps the table of names in step with a rename that was done. */
static void names_moved(struct fs *fs, struct name *from, struct name *to, unsigned flags)
{
    struct spot spot;
    fs_lock(fs);
    if (flags & RENAME_EXCHANGE)
        names_exchange_locked(fs, from, to);
    else {
        name_spot_locked(to, &spot);
        if (name_move_locked(fs, from, spot.dir, spot.text) < 0) {
            name_gone_locked(fs, from); /* forgets what we knew of both; the next LOOKUP learns it anew */
            name_gone_locked(fs, to);
        }
    }
    fs_unlock(fs);
}

/* What is at a place by now was set there. */
static void tell_set(struct fs *fs, const struct name *name)
{
    struct entry entry;
    if (store_lookup(fs->store, name->dir, name->text, &entry) < 0)
        return;
    if (entry.kind != ENTRY_DIR)
        events_emit(fs, EVENT_SET, name->dir, name->text, entry.size, entry.version);
    entry_release(&entry);
}

/* Files have moved: to who listens that is a delete and a set. The names are busy, so they stay what they are. */
static void tell_moved(struct fs *fs, const struct name *from, const struct name *to, unsigned flags)
{
    if (flags & RENAME_EXCHANGE)
        tell_set(fs, from);
    else
        events_emit(fs, EVENT_DELETE, from->dir, from->text, 0, 0);
    tell_set(fs, to);
}

/* After a rename. What has no nodes may be a directory. */
static void moved(struct fs *fs, struct name *from, struct name *to, unsigned flags)
{
    fs_lock(fs);
    bool file = !LIST_EMPTY(&from->nodes) && (!(flags & RENAME_EXCHANGE) || !LIST_EMPTY(&to->nodes));
    fs_unlock(fs);
    if (!file)
        metrics_moved(fs);
    else if (events_wanted(fs))
        tell_moved(fs, from, to, flags);
    names_moved(fs, from, to, flags);
}

static int move(struct fs *fs, struct name *from, struct name *to, unsigned flags)
{
    static_assert(RENAME_NOREPLACE == STORE_NOREPLACE && RENAME_EXCHANGE == STORE_EXCHANGE, "flags differ");
    struct place old_place = place_begin(fs, from->dir, from->text);
    struct place new_place = place_begin(fs, to->dir, to->text);
    struct spot spot = {.dir = to->dir};
    strcpy(spot.text, to->text);
    struct hold *replaced = flags == 0 ? stale_hold_begin(fs, to, NULL, &spot) : NULL;
    uint64_t dir = flags == 0 ? removal_of_dir_begin(fs, to->dir, to->text) : 0;
    int result = store_rename(fs->store, from->dir, from->text, to->dir, to->text, flags);
    removal_of_dir_end(fs, dir, result);
    if (result == 0)
        moved(fs, from, to, flags);
    place_end(fs, &new_place);
    place_end(fs, &old_place);
    stale_hold_end(fs, replaced);
    return result;
}

int place_rename(struct fs *fs, struct node *parent, const char *text, struct node *new_parent, const char *new_text,
                 unsigned flags, pid_t tid)
{
    int result = check_place(fs, parent, text);
    if (result == 0)
        result = check_place(fs, new_parent, new_text);
    if (result == 0 && flags & ~(unsigned)(RENAME_NOREPLACE | RENAME_EXCHANGE))
        result = -EINVAL;
    if (result == 0 && flags == 0 && creating_in(fs, new_parent->ino, new_text))
        result = -ENOTEMPTY;
    if (result < 0)
        return result;

    metrics_makes(fs, tid, new_parent->ino, new_text);
    struct name *from = hold(fs, parent->ino, text), *to = hold(fs, new_parent->ino, new_text);
    if (from && to && from != to) {
        name_lock_two(fs, from, to);
        if (flags & RENAME_NOREPLACE && being_created(fs, new_parent->ino, new_text))
            result = -EEXIST;
        if (result == 0)
            result = publish_before_move(fs, from, tid);
        if (result == 0 && flags & RENAME_EXCHANGE)
            result = publish_before_move(fs, to, tid);
        if (result == 0)
            result = move(fs, from, to, flags);
        name_unlock(fs, from);
        name_unlock(fs, to);
    } else if (!from || !to)
        result = -ENOMEM;
    let_go(fs, from);
    let_go(fs, to);
    return result;
}
