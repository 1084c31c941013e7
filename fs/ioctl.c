/* SPDX-License-Identifier: MIT */
/*
 * ioctl.c - see ioctl.h.
 *
 * A sum is published as any set is: a new version, which the next LOOKUP gives a new node. But no LOOKUP or OPEN of a
 * writer has led the kernel there, so that it would go on believing in the node it knows. A name that is added to is
 * therefore *restless* from the first time on: the kernel is told to forget it once, and to believe nothing of it for
 * longer than the call that asks. So adding costs one message, and reading two.
 */
#include "ioctl.h"
#include "events.h"
#include "file.h"
#include "larder_ioctl.h"
#include "metrics.h"
#include "notify.h"
#include "pages.h"
#include "permission.h"
#include "place.h"
#include "stale.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* --- giving up ----------------------------------------------------------------------------------------- */

static int abandon(struct fs *fs, const struct handle *handle)
{
    struct write_session *session = handle->session;
    fs_lock(fs);
    bool listed = session && session->listed && !handle->joined; /* what who creates it has written is not ours */
    if (listed)
        write_session_unlist_locked(fs, session);
    fs_unlock(fs);
    return listed ? 0 : -EINVAL;
}

/* --- replacing ----------------------------------------------------------------------------------------- */

/* One that is not will never publish. */
static bool is_listed(struct fs *fs, const struct write_session *session)
{
    fs_lock(fs);
    bool listed = session->listed;
    fs_unlock(fs);
    return listed;
}

/* Replaces whatever is there, as long as something is. -ESTALE: nothing is. */
static int replace_any(struct fs *fs, struct write_session *session, unsigned flags)
{
    struct entry found;
    struct spot spot;
    int result;
    do {
        name_spot(fs, session->name, &spot);
        result = store_lookup(fs->store, spot.dir, spot.text, &found);
        if (result < 0)
            return result == -ENOENT ? -ESTALE : result;
        uint64_t change = found.change;
        entry_release(&found);
        result = write_session_publish_over(fs, session, change, flags);
    } while (result == -ESTALE && is_listed(fs, session));
    return result;
}

static int replace(struct fs *fs, const struct handle *handle, const struct larder_replace *how)
{
    struct write_session *session = handle->session;
    unsigned flags = how->flags & LARDER_REPLACE_KEEPS_DEADLINE ? STORE_KEEP_CLOCK : 0;
    if (!session || handle->joined || session->guessed || how->flags & ~(uint64_t)LARDER_REPLACE_KEEPS_DEADLINE)
        return -EINVAL;
    int result =
        how->version ? write_session_publish_over(fs, session, how->version, flags) : replace_any(fs, session, flags);
    if (result != -ESTALE)
        return result;
    abandon(fs, handle);
    return -EAGAIN;
}

/* --- telling versions apart ---------------------------------------------------------------------------- */

/* Is what was opened published, or was it once? What is being written has no value yet. */
static bool is_published(struct fs *fs, const struct handle *handle)
{
    fs_lock(fs);
    bool published = !handle->session || handle->session->published;
    fs_unlock(fs);
    return published;
}

static int tell_version(struct fs *fs, const struct handle *handle, uint64_t *ret_version)
{
    struct entry entry;
    int result = is_published(fs, handle) ? store_version_entry(handle->version, &entry) : -EINVAL;
    if (result < 0)
        return result;
    uint64_t change = entry.change;
    entry_release(&entry);
    result = pages_shown(fs, store_version_id(handle->version));
    if (result == 0)
        *ret_version = change;
    return result;
}

/* --- adding -------------------------------------------------------------------------------------------- */

enum {
    NUMBER_MAX = 24, /* bytes: a sign, 19 digits, and what may follow */
    ADD_TRIES = 64, /* before it is said that somebody writes all the time */
};

/* Reads a number and what follows it, which is nothing or white space. */
static int number_parse(const char *text, int64_t *ret_number, const char **ret_end)
{
    char *end;
    if (text[0] != '-' && !isdigit((unsigned char)text[0]))
        return -EINVAL;
    errno = 0;
    intmax_t number = strtoimax(text, &end, 10);
    if (errno || end == text || !isdigit((unsigned char)end[-1]) || end[strspn(end, " \t\r\n")])
        return -EINVAL;
    *ret_number = number;
    *ret_end = end;
    return 0;
}

/* The text of the sum, with what followed the number. */
static int add_to_text(const char *text, struct larder_add *add, char *ret_text, size_t room)
{
    int64_t number;
    const char *end;
    int result = number_parse(text, &number, &end);
    if (result < 0)
        return result;
    if (__builtin_add_overflow(number, add->by, &add->value))
        return -EOVERFLOW;
    snprintf(ret_text, room, "%" PRId64 "%s", add->value, end);
    return 0;
}

/* The whole value of a version as text. */
static int read_text(struct store_version *version, char *text, size_t room)
{
    size_t got;
    int result = store_read(version, text, room, 0, &got);
    if (result == 0 && (got == room || memchr(text, '\0', got)))
        result = -EINVAL;
    if (result == 0)
        text[got] = '\0';
    return result;
}

/* May who opened `opened` write to `found`, for the same reason? */
static int check_same_owner(const struct handle *handle, const struct entry *found)
{
    struct entry opened;
    int result = store_version_entry(handle->version, &opened);
    if (result < 0)
        return result;
    bool same =
        found->kind == ENTRY_FILE && opened.uid == found->uid && opened.gid == found->gid && opened.mode == found->mode;
    entry_release(&opened);
    return same ? 0 : -EAGAIN;
}

/* Publishes `text` over the entry that was found at a place. */
static int publish_text(struct fs *fs, struct name *name, const struct spot *spot, const struct entry *found,
                        const char *text)
{
    struct store_version *version;
    int result = store_stage(fs->store, spot->dir, spot->text, found->mode, found->uid, found->gid, &version);
    if (result < 0)
        return result;
    struct place place = place_begin(fs, spot->dir, spot->text);
    struct hold *replaced = stale_hold_begin(fs, name, NULL, spot);
    result = store_write(version, text, strlen(text), 0);
    if (result == 0)
        result = store_publish_over(version, spot->dir, spot->text, found->change, STORE_KEEP_CLOCK);
    fs_lock(fs);
    if (result == 0)
        name->current = NULL;
    fs_unlock(fs);
    place_end(fs, &place);
    stale_hold_end(fs, replaced);
    if (result == 0) {
        metrics_set(fs, spot->dir);
        events_set(fs, spot->dir, spot->text, version);
    }
    store_unpin(version);
    return result;
}

/* One attempt, by who has the name's lock. -ESTALE: it was written to meanwhile. */
static int add_once(struct fs *fs, const struct handle *handle, struct name *name, const struct spot *spot,
                    struct larder_add *add)
{
    struct store_version *version;
    struct entry found;
    char old[NUMBER_MAX + 1], new[2 * NUMBER_MAX + 1];
    int result = store_pin(fs->store, spot->dir, spot->text, 0, &version);
    if (result < 0)
        return result == -ENOENT || result == -EISDIR ? -EAGAIN : result;
    result = store_version_entry(version, &found); /* first: what is written later has another `change` */
    if (result == 0) {
        result = check_same_owner(handle, &found);
        if (result == 0)
            result = read_text(version, old, sizeof old);
        if (result == 0)
            result = add_to_text(old, add, new, sizeof new);
        if (result == 0)
            result = publish_text(fs, name, spot, &found, new);
        entry_release(&found);
    }
    store_unpin(version);
    return result;
}

/* See at the top. -EAGAIN when the kernel takes its time: it may be waiting for us. */
static int stir_locked(struct fs *fs, struct name *name)
{
    enum { PATIENCE_NS = 20000000 };
    int64_t until_ns = clock_ns(CLOCK_MONOTONIC) + PATIENCE_NS;
    if (name->unrest == NAME_CALM)
        name->unrest = NAME_STIRRED;
    if (name->unrest == NAME_STIRRED && fs->notify)
        notify_name_locked(fs->notify, name);
    while (name->unrest == NAME_STIRRED && fs->notify)
        if (!fs_wait_until_locked(fs, until_ns))
            return -EAGAIN;
    return 0;
}

/* Stirs a name and takes its lock. -EAGAIN: it is gone, or see above. */
static int stir_and_lock(struct fs *fs, struct name *name)
{
    fs_lock(fs);
    int result = name->gone ? -EAGAIN : stir_locked(fs, name);
    fs_unlock(fs);
    if (result == 0)
        name_lock(fs, name);
    return result;
}

/* Where a name is, by who has its lock. -EAGAIN: it is gone. */
static int spot_of(struct fs *fs, const struct name *name, struct spot *ret_spot)
{
    fs_lock(fs);
    bool gone = name->gone;
    name_spot_locked(name, ret_spot);
    fs_unlock(fs);
    return gone ? -EAGAIN : 0;
}

/* By who has the name's lock. Live writers do not take that, and may come between each time. */
static int add_some_times(struct fs *fs, const struct handle *handle, struct name *name, struct larder_add *add)
{
    struct spot spot;
    int result = -ESTALE;
    for (int tries = 0; tries < ADD_TRIES && result == -ESTALE; tries++) {
        result = spot_of(fs, name, &spot);
        if (result == 0)
            result = add_once(fs, handle, name, &spot, add);
    }
    return result == -ESTALE ? -EBUSY : result;
}

static int add(struct fs *fs, const struct handle *handle, struct larder_add *add)
{
    struct name *name = handle->name;
    if (!handle->reads)
        return -EBADF;
    int result = is_published(fs, handle) ? stir_and_lock(fs, name) : -EAGAIN;
    if (result < 0)
        return result;
    result = add_some_times(fs, handle, name, add);
    name_unlock(fs, name);
    return result;
}

/* --- taking -------------------------------------------------------------------------------------------- */

/* What the kernel asks of an unlink(2), which it does not know this is: the sticky bit wants the directory or the file to
 * be the caller's. */
static int check_may_remove(struct fs *fs, fuse_req_t request, const struct handle *handle, const struct spot *spot)
{
    struct entry file;
    bool own_only;
    int result = permission_remove(fs, request, spot->dir, &own_only);
    if (result < 0 || !own_only)
        return result;
    result = store_version_entry(handle->version, &file);
    if (result < 0)
        return result;
    bool own = file.uid == fuse_req_ctx(request)->uid;
    entry_release(&file);
    return own ? 0 : -EPERM;
}

static int take(struct fs *fs, const struct handle *handle, fuse_req_t request)
{
    struct spot spot;
    struct name *name = handle->name;
    if (handle->session)
        return -EAGAIN; /* it was opened while it was written: the kernel takes its size for that of then */
    int result = stir_and_lock(fs, name);
    if (result < 0)
        return result;
    result = spot_of(fs, name, &spot);
    if (result == 0)
        result = check_may_remove(fs, request, handle, &spot);
    if (result == 0) {
        struct place place = place_begin(fs, spot.dir, spot.text);
        result = store_remove_version(fs->store, spot.dir, spot.text, store_version_id(handle->version));
        fs_lock(fs);
        if (result == 0 && LIST_EMPTY(&name->sessions) && name->reserved == 0)
            name_gone_locked(fs, name);
        else if (result == 0)
            name->current = NULL; /* who is setting it comes after this */
        fs_unlock(fs);
        place_end(fs, &place);
    }
    name_unlock(fs, name);
    if (result == 0) {
        metrics_delete(fs, spot.dir);
        events_emit(fs, EVENT_DELETE, spot.dir, spot.text, version_size(handle->version),
                    store_version_id(handle->version));
    }
    return result == -ESTALE || result == -ENOENT ? -EAGAIN : result;
}

/* --- the commands -------------------------------------------------------------------------------------- */

int file_ioctl(struct fs *fs, struct handle *handle, fuse_req_t request, unsigned command, void *argument)
{
    switch (command) {
    case LARDER_TELL_VERSION:
        return tell_version(fs, handle, argument);
    case LARDER_ABANDON:
        return handle->writes ? abandon(fs, handle) : -EBADF;
    case LARDER_ADD:
        return handle->writes ? add(fs, handle, argument) : -EBADF;
    case LARDER_TAKE:
        return handle->writes ? take(fs, handle, request) : -EBADF;
    case LARDER_REPLACE:
        return handle->writes ? replace(fs, handle, argument) : -EBADF;
    default:
        return -ENOTTY; /* as isatty(3) wants it */
    }
}
