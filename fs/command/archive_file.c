/* SPDX-License-Identifier: MIT */
/* archive_file.c - see archive_file.h. */
#include "archive_file.h"
#include "value_stream.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* What the library says, as -errno; of what it finds wrong itself it has no number. */
static int error_of(struct archive *archive)
{
    int error = archive_errno(archive);
    return error == ENOMEM ? -ENOMEM : error > 0 && error != EILSEQ && error != EINVAL ? -error : -EBADMSG;
}

/* --- writing ------------------------------------------------------------------------------------------- */

struct archive_out {
    int fd, error; /* the first there was */
    uint64_t bytes;
    struct archive *archive; /* NULL: not compressed */
};

static la_ssize_t write_some(struct archive *archive, void *arg, const void *data, size_t size)
{
    struct archive_out *out = arg;
    int result = stream_write(out->fd, data, size);
    if (result < 0) {
        archive_set_error(archive, -result, "write");
        out->error = out->error ? out->error : result;
        return -1;
    }
    out->bytes += size;
    return (la_ssize_t)size;
}

/* One file without a name, since the library wants one. */
static int begin_raw(struct archive *archive)
{
    struct archive_entry *entry = archive_entry_new();
    if (!entry)
        return -ENOMEM;
    archive_entry_set_pathname(entry, "larder");
    archive_entry_set_filetype(entry, AE_IFREG);
    int result = archive_write_header(archive, entry) == ARCHIVE_OK ? 0 : error_of(archive);
    archive_entry_free(entry);
    return result;
}

static int begin_zstd(struct archive_out *out, int level)
{
    char text[16];
    snprintf(text, sizeof text, "%d", level);
    if (!(out->archive = archive_write_new()))
        return -ENOMEM;
    struct archive *archive = out->archive;
    archive_write_set_bytes_per_block(archive, 64 << 10);
    archive_write_set_bytes_in_last_block(archive, 1);
    if (archive_write_set_format_raw(archive) != ARCHIVE_OK || archive_write_add_filter_zstd(archive) != ARCHIVE_OK ||
        archive_write_set_filter_option(archive, "zstd", "compression-level", text) != ARCHIVE_OK ||
        archive_write_open(archive, out, NULL, write_some, NULL) != ARCHIVE_OK)
        return error_of(archive);
    return begin_raw(archive);
}

int archive_out_open(int fd, int level, struct archive_out **ret_out)
{
    struct archive_out *out = calloc(1, sizeof *out);
    if (!out)
        return -ENOMEM;
    out->fd = fd;
    int result = level > 0 ? begin_zstd(out, level) : 0;
    if (result == 0) {
        *ret_out = out;
        return 0;
    }
    out->error = result;
    (void)archive_out_close(out, NULL);
    return result;
}

int archive_out_write(struct archive_out *out, const void *data, size_t size)
{
    if (out->error)
        return out->error;
    if (!out->archive && (out->error = stream_write(out->fd, data, size)) == 0)
        out->bytes += size;
    else if (out->archive && archive_write_data(out->archive, data, size) < 0 && !out->error)
        out->error = error_of(out->archive);
    return out->error;
}

int archive_out_close(struct archive_out *out, uint64_t *ret_bytes)
{
    if (!out)
        return 0;
    if (out->archive && out->error)
        (void)archive_write_fail(out->archive);
    else if (out->archive && archive_write_close(out->archive) != ARCHIVE_OK && !out->error)
        out->error = error_of(out->archive);
    (void)archive_write_free(out->archive);
    int result = out->error;
    if (ret_bytes)
        *ret_bytes = out->bytes;
    free(out);
    return result;
}

/* --- reading ------------------------------------------------------------------------------------------- */

struct archive_in {
    struct archive *archive;
    int empty; /* there is nothing in it */
};

int archive_in_open(int fd, struct archive_in **ret_in)
{
    struct archive_in *in = calloc(1, sizeof *in);
    struct archive_entry *entry;
    int result = in && (in->archive = archive_read_new()) ? 0 : -ENOMEM;
    if (result == 0) { /* those that start no programs */
        archive_read_support_filter_gzip(in->archive);
        archive_read_support_filter_bzip2(in->archive);
        archive_read_support_filter_xz(in->archive);
        archive_read_support_filter_lzma(in->archive);
        archive_read_support_filter_zstd(in->archive);
        archive_read_support_filter_lz4(in->archive);
        archive_read_support_format_raw(in->archive);
        archive_read_support_format_empty(in->archive);
        if (archive_read_open_fd(in->archive, fd, 256 << 10) != ARCHIVE_OK)
            result = error_of(in->archive);
    }
    if (result == 0) {
        int header = archive_read_next_header(in->archive, &entry);
        in->empty = header == ARCHIVE_EOF;
        if (header != ARCHIVE_OK && header != ARCHIVE_EOF && header != ARCHIVE_WARN)
            result = error_of(in->archive);
    }
    if (result == 0)
        *ret_in = in;
    else
        archive_in_close(in);
    return result;
}

ssize_t archive_in_read(void *arg, void *buffer, size_t size)
{
    struct archive_in *in = arg;
    if (in->empty)
        return 0;
    la_ssize_t got = archive_read_data(in->archive, buffer, size);
    return got < 0 ? error_of(in->archive) : got;
}

uint64_t archive_in_taken(const struct archive_in *in)
{
    return (uint64_t)archive_filter_bytes(in->archive, -1);
}

void archive_in_close(struct archive_in *in)
{
    if (in)
        (void)archive_read_free(in->archive);
    free(in);
}
