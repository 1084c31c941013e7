/* SPDX-License-Identifier: MIT */
/* backup.c - see backup.h. */
#include "backup.h"
#include "backup_stream.h"
#include "crew.h"

#include <errno.h>
#include <stdlib.h>

struct backup {
    pthread_mutex_t lock; /* guards the stream and its position */
    struct backup_stream *stream;
    uint64_t position; /* bytes read */
    LIST_ENTRY(backup) all; /* in fs->backups, guarded by fs->lock */
};

static struct backup *backup_of(const struct fuse_file_info *info)
{
    return (struct backup *)(uintptr_t)info->fh;
}

/* Counts it in, if there are not too many; false when there are. */
static bool enlist(struct fs *fs, struct backup *backup)
{
    fs_lock(fs);
    bool room = fs->backup_count < BACKUPS_MAX;
    if (room) {
        fs->backup_count++;
        LIST_INSERT_HEAD(&fs->backups, backup, all);
    }
    fs_unlock(fs);
    return room;
}

static void let_go(struct fs *fs, struct backup *backup)
{
    fs_lock(fs);
    fs->backup_count--;
    LIST_REMOVE(backup, all);
    fs_unlock(fs);
    backup_stream_close(backup->stream);
    pthread_mutex_destroy(&backup->lock);
    free(backup);
}

int backup_open(struct fs *fs, struct fuse_file_info *info)
{
    struct backup *backup = calloc(1, sizeof *backup);
    if (!backup)
        return -ENOMEM;
    if (!enlist(fs, backup)) {
        free(backup);
        return -EMFILE;
    }
    pthread_mutex_init(&backup->lock, NULL);
    int result = backup_stream_open(fs->store, &backup->stream);
    if (result < 0) {
        let_go(fs, backup);
        return result;
    }
    info->fh = (uint64_t)(uintptr_t)backup;
    info->direct_io = 1;
    info->noflush = 1;
    info->nonseekable = 1; /* tar reads through what it could not skip */
    return 0;
}

int backup_read(const struct fuse_file_info *info, char *buffer, size_t size, uint64_t offset, size_t *ret_size)
{
    struct backup *backup = backup_of(info);
    int result = -EINVAL;
    if (pthread_mutex_trylock(&backup->lock) != 0) {
        crew_blocks();
        pthread_mutex_lock(&backup->lock);
    }
    if (offset == backup->position)
        result = backup_stream_read(backup->stream, buffer, size, ret_size);
    if (result == 0)
        backup->position += *ret_size;
    pthread_mutex_unlock(&backup->lock);
    return result;
}

void backup_release(struct fs *fs, const struct fuse_file_info *info)
{
    let_go(fs, backup_of(info));
}

void backup_release_all(struct fs *fs)
{
    struct backup *backup;
    while ((backup = LIST_FIRST(&fs->backups)))
        let_go(fs, backup);
}
