/* SPDX-License-Identifier: MIT */
/* witness.c - see witness.h. */
#include "witness.h"
#include "home.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CLOSED  "larder.closed"
#define NEW     CLOSED ".new"
#define OPENING "larder.opening"

/* The last line says that the lines before it are whole. */
static uint64_t sum_of(const char *text, size_t size)
{
    uint64_t sum = 14695981039346656037u;
    for (size_t i = 0; i < size; i++)
        sum = (sum ^ (uint8_t)text[i]) * 1099511628211u;
    return sum;
}

/* The files on which it depends whether all is there. */
static bool matters(const char *name)
{
    return strcmp(name, "CURRENT") == 0 || strncmp(name, "MANIFEST-", 9) == 0 || home_ends(name, ".sst") ||
           home_ends(name, ".log");
}

/* --- reading ------------------------------------------------------------------------------------------- */

static char *read_file(int dir, const char *name)
{
    struct stat stat;
    int file = openat(dir, name, O_RDONLY | O_CLOEXEC);
    char *text = NULL;
    if (file >= 0 && fstat(file, &stat) == 0 && S_ISREG(stat.st_mode) && (text = malloc((size_t)stat.st_size + 1))) {
        ssize_t got = read(file, text, (size_t)stat.st_size);
        text[got > 0 ? got : 0] = '\0';
    }
    if (file >= 0)
        close(file);
    return text;
}

/* Cuts the last line off, if it is right. */
static bool is_whole(char *text)
{
    size_t size = strlen(text);
    uint64_t sum;
    while (size > 0 && (size == strlen(text) || text[size - 1] != '\n'))
        size--;
    if (size == 0 || sscanf(text + size, "sum %" SCNx64 "\n", &sum) != 1 || sum != sum_of(text, size))
        return false;
    text[size] = '\0';
    return true;
}

void witness_read(int dir, struct witness *ret_witness)
{
    struct witness witness = {.text = read_file(dir, OPENING), .opening = true};
    if (!witness.text) {
        witness.opening = false;
        witness.text = read_file(dir, CLOSED);
    }
    if (witness.text && (!is_whole(witness.text) || sscanf(witness.text, "ids %" SCNu64 "\n", &witness.ids) != 1))
        witness_release(&witness);
    *ret_witness = witness;
}

void witness_release(struct witness *witness)
{
    free(witness->text);
    witness->text = NULL;
}

unsigned witness_compare(int dir, const struct witness *witness,
                         void (*wrong)(void *arg, const char *name, const char *what), void *arg)
{
    unsigned count = 0;
    uint64_t size;
    char name[256], what[96];
    struct stat stat;
    const char *line = witness->text && !witness->opening ? witness->text : "";
    for (; *line; line += strcspn(line, "\n") + 1) {
        if (sscanf(line, "file %" SCNu64 " %255[^\n]", &size, name) != 2)
            continue;
        if (fstatat(dir, name, &stat, AT_SYMLINK_NOFOLLOW) < 0)
            snprintf(what, sizeof what, "is missing");
        else if ((uint64_t)stat.st_size != size)
            snprintf(what, sizeof what, "has %" PRIu64 " bytes, and had %" PRIu64, (uint64_t)stat.st_size, size);
        else
            continue;
        wrong(arg, name, what);
        count++;
    }
    return count;
}

/* --- writing ------------------------------------------------------------------------------------------- */

int witness_begin(int dir)
{
    if (renameat(dir, CLOSED, dir, OPENING) < 0)
        return errno == ENOENT ? 0 : -errno;
    return fsync(dir) < 0 ? -errno : 0;
}

int witness_end(int dir)
{
    bool there = unlinkat(dir, OPENING, 0) == 0;
    there = unlinkat(dir, CLOSED, 0) == 0 || there;
    return there && fsync(dir) < 0 ? -errno : 0;
}

static void list_files(int dir, FILE *out)
{
    int again = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *listing = again >= 0 ? fdopendir(again) : NULL;
    const struct dirent *found;
    struct stat stat;
    while (listing && (found = readdir(listing)))
        if (matters(found->d_name) && fstatat(dir, found->d_name, &stat, AT_SYMLINK_NOFOLLOW) == 0 && stat.st_size > 0)
            fprintf(out, "file %" PRIu64 " %s\n", (uint64_t)stat.st_size, found->d_name);
    if (listing)
        closedir(listing);
    else if (again >= 0)
        close(again);
}

static int write_file(int dir, const char *text, size_t size)
{
    int file = openat(dir, NEW, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0)
        return -errno;
    bool written = dprintf(file, "%ssum %" PRIx64 "\n", text, sum_of(text, size)) > 0 && fsync(file) == 0;
    int result = written ? 0 : -errno;
    close(file);
    if (result == 0 && (renameat(dir, NEW, dir, CLOSED) < 0 || fsync(dir) < 0))
        result = -errno;
    if (result < 0)
        unlinkat(dir, NEW, 0);
    return result;
}

int witness_write(int dir, uint64_t ids)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return -ENOMEM;
    fprintf(out, "ids %" PRIu64 "\n", ids);
    list_files(dir, out);
    int result = fclose(out) == 0 ? write_file(dir, text, size) : -ENOMEM;
    free(text);
    return result;
}
