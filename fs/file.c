/* SPDX-License-Identifier: MIT */
/* file.c - reading, writing and closing; see file.h. */
#include "file.h"
#include "events.h"
#include "handles.h"
#include "log.h"
#include "pages.h"
#include "place.h"

#include <errno.h>
#include <linux/falloc.h>
#include <string.h>

/* --- reading and writing ------------------------------------------------------------------------------- */

int file_read(struct handle *handle, void *buffer, size_t size, uint64_t offset, size_t *ret_size)
{
    return store_read(handle->version, buffer, size, offset, ret_size);
}

/* One change of a value: it passes the gates of its name, and other inodes over the same version keep their sizes until
 * they have dropped their pages. */
struct value_change {
    struct place place;
    struct pages_order *order;
};

static struct value_change begin_change(struct fs *fs, const struct handle *handle)
{
    struct spot spot;
    struct value_change change = {.order = pages_change_begin(fs, handle)};
    name_spot(fs, handle->name, &spot);
    change.place = place_begin(fs, spot.dir, spot.text);
    return change;
}

/* A value that is published has changed in place. */
static void tell_changed(struct fs *fs, const struct handle *handle)
{
    struct spot spot;
    fs_lock(fs);
    bool published = (!handle->session || handle->session->published) && !handle->name->gone;
    name_spot_locked(handle->name, &spot);
    fs_unlock(fs);
    if (published && !store_version_dead(handle->version))
        events_set(fs, spot.dir, spot.text, handle->version);
}

static int end_change(struct fs *fs, const struct handle *handle, const struct value_change *change, bool past_pages,
                      int result, struct pages_order **ret_order)
{
    place_end(fs, &change->place);
    if (result == 0 && events_wanted(fs))
        tell_changed(fs, handle);
    if (result < 0)
        pages_change_cancel(change->order);
    else
        *ret_order = pages_outdated(fs, change->order, handle->node, handle, past_pages);
    return result;
}

uint64_t version_size(struct store_version *version)
{
    struct entry entry;
    if (store_version_entry(version, &entry) < 0)
        return 0;
    uint64_t size = entry.size;
    entry_release(&entry); /* zeroes it */
    return size;
}

int file_write(struct fs *fs, struct handle *handle, pid_t tid, const struct fuse_file_info *info, const void *data,
               size_t size, uint64_t offset, struct pages_order **ret_order)
{
    if (handle->session && !info->writepage)
        write_session_note_writer(fs, handle->session, tid);
    struct value_change change = begin_change(fs, handle);
    /* An append goes to where the end is by now, which the kernel may have wrong: it may have been replaced under it,
     * or appended to through another inode. */
    int result = store_write(handle->version, data, size, handle->append ? STORE_AT_END : offset);
    if (result == 0)
        pages_change_grows(change.order, handle, offset + size);
    if (handle->session)
        write_session_wrote(fs, handle->session, result);
    return end_change(fs, handle, &change, !handle->cached, result, ret_order);
}

int file_resize(struct fs *fs, struct handle *handle, uint64_t size, struct pages_order **ret_order)
{
    struct value_change change = begin_change(fs, handle);
    int result = store_resize(handle->version, size);
    if (handle->session && result == 0) /* one that is refused changes nothing, and the program may go on */
        write_session_resized(fs, handle->session);
    return end_change(fs, handle, &change, false, result, ret_order);
}

int file_allocate(struct fs *fs, struct handle *handle, int mode, uint64_t offset, uint64_t length,
                  struct pages_order **ret_order)
{
    struct store_stats stats;
    *ret_order = NULL;
    if (mode & ~FALLOC_FL_KEEP_SIZE)
        return -EOPNOTSUPP;
    store_stats(fs->store, &stats);
    if (length > stats.limit_bytes || offset > stats.limit_bytes - length)
        return -EFBIG;
    if (mode & FALLOC_FL_KEEP_SIZE)
        return 0; /* what is reserved here would only have to be evicted elsewhere */
    return offset + length > version_size(handle->version) ? file_resize(fs, handle, offset + length, ret_order) : 0;
}

/* --- closing ------------------------------------------------------------------------------------------- */

int file_flush(struct fs *fs, struct handle *handle, pid_t tid)
{
    return handle->session ? write_session_flush(fs, handle->session, tid) : 0;
}

int file_sync(struct fs *fs, struct handle *handle)
{
    int result = handle->session ? write_session_publish(fs, handle->session) : 0;
    return result < 0 ? result : store_sync(fs->store);
}

void file_release(struct fs *fs, struct handle *handle)
{
    struct write_session *session = handle->session;
    struct node *node = handle->node;
    bool publish = false;
    if (session) {
        fs_lock(fs);
        publish = --session->handles == 0 && session->listed && !session->error && !session->killed;
        fs_unlock(fs);
    }
    if (publish) {
        int result = write_session_publish(fs, session);
        if (result < 0)
            log_line(STORE_LOG_WARNING, "a value could not be published after its last close: %s", strerror(-result));
    }
    fs_lock(fs);
    if (session && session->handles == 0)
        write_session_unlist_locked(fs, session);
    handle_leave_locked(fs, handle);
    struct store_version *held = node_drop_unused_locked(fs, node);
    fs_unlock(fs);
    store_unpin(held);
    handle_put(fs, handle);
}
