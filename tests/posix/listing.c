/* SPDX-License-Identifier: MIT */
/* listing.c - opendir, readdir, telldir, seekdir, rewinddir; and inotify, which tells what readdir would. */
#include "checks.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>

static const struct dirent *find(DIR *dir, const char *name)
{
    const struct dirent *entry;
    rewinddir(dir);
    while ((entry = readdir(dir)) && strcmp(entry->d_name, name) != 0)
        ;
    return entry;
}

static int kinds_and_inodes(void)
{
    static const struct {
        const char *name;
        unsigned char type;
    } there[] = {{"f", DT_REG}, {"d", DT_DIR}, {"l", DT_LNK}, {".", DT_DIR}, {"..", DT_DIR}};
    struct stat stat;
    int result = run_script("mkdir w; chdir w; file f; mkdir d; symlink f l");
    DIR *dir = opendir(".");
    EXPECT(result == 0 && dir);
    for (size_t i = 0; i < COUNT(there); i++) {
        const struct dirent *entry = find(dir, there[i].name);
        EXPECT(entry && lstat(there[i].name, &stat) == 0);
        EXPECT(entry->d_type == there[i].type || entry->d_type == DT_UNKNOWN);
        EXPECT(entry->d_ino == stat.st_ino);
    }
    return closedir(dir) < 0 ? errno : 0;
}

/* Makes the files 0 ... count-1. */
static int make_files(int count)
{
    char name[16];
    for (int i = 0; i < count; i++) {
        snprintf(name, sizeof name, "%d", i);
        int fd = open(name, O_WRONLY | O_CREAT, 0644);
        if (fd < 0 || close(fd) < 0)
            return errno;
    }
    return 0;
}

static int every_name_once(void)
{
    enum { FILES = 500 };
    static unsigned seen[FILES];
    const struct dirent *entry;
    unsigned dots = 0;
    EXPECT(mkdir("w", 0755) == 0 && chdir("w") == 0 && make_files(FILES) == 0);
    DIR *dir = opendir(".");
    while ((entry = readdir(dir)))
        if (entry->d_name[0] == '.')
            dots++;
        else
            seen[atoi(entry->d_name) % FILES]++;
    EXPECT(dots == 2);
    for (unsigned i = 0; i < FILES; i++)
        EXPECT(seen[i] == 1);
    closedir(dir);
    return 0;
}

static int positions(void)
{
    enum { FILES = 100 };
    long at[FILES + 2];
    char names[FILES + 2][256];
    const struct dirent *entry;
    EXPECT(mkdir("w", 0755) == 0 && chdir("w") == 0 && make_files(FILES) == 0);
    DIR *dir = opendir(".");
    for (int i = 0; i < FILES + 2; i++) {
        at[i] = telldir(dir);
        EXPECT((entry = readdir(dir)));
        strcpy(names[i], entry->d_name);
    }
    EXPECT(!readdir(dir));
    for (int i = FILES + 1; i >= 0; i -= 7) {
        seekdir(dir, at[i]);
        EXPECT((entry = readdir(dir)) && strcmp(entry->d_name, names[i]) == 0);
    }
    rewinddir(dir);
    EXPECT((entry = readdir(dir)) && strcmp(entry->d_name, names[0]) == 0);
    closedir(dir);
    return 0;
}

static int removing_while_reading(void)
{
    enum { FILES = 300 };
    const struct dirent *entry;
    unsigned removed = 0;
    EXPECT(mkdir("w", 0755) == 0 && chdir("w") == 0 && make_files(FILES) == 0);
    DIR *dir = opendir(".");
    while ((entry = readdir(dir)))
        if (entry->d_name[0] != '.') {
            EXPECT(unlink(entry->d_name) == 0);
            removed++;
        }
    EXPECT(removed == FILES);
    rewinddir(dir);
    EXPECT(readdir(dir) && readdir(dir) && !readdir(dir));
    closedir(dir);
    return chdir("..") < 0 || rmdir("w") < 0 ? errno : 0;
}

static int rewinding_shows_what_is_new(void)
{
    int result = run_script("mkdir w; chdir w; file one");
    DIR *dir = opendir(".");
    EXPECT(result == 0 && find(dir, "one") && !find(dir, "two"));
    result = run_script("file two; unlink one");
    EXPECT(result == 0 && find(dir, "two") && !find(dir, "one"));
    closedir(dir);
    return 0;
}

static int opens_no_file_as_directory(void)
{
    return run_script("file a") || opendir("a") ? 0 : errno;
}

static int reads_a_removed_directory(void)
{
    int result = run_script("mkdir d; file d/f");
    DIR *dir = opendir("d");
    EXPECT(result == 0 && dir && run_script("unlink d/f; rmdir d") == 0);
    EXPECT(!readdir(dir));
    closedir(dir);
    return 0;
}

/* --- inotify --------------------------------------------------------------------------------------------------- */

/* What happens to a directory, or a file, by a script: as letters; the same twice in a row comes once. */
static int events_of(const char *watched, const char *before, const char *script, const char *expected)
{
    static const struct {
        uint32_t mask;
        char letter;
    } letters[] = {{IN_CREATE, 'c'}, {IN_MODIFY, 'm'},      {IN_CLOSE_WRITE, 'w'},
                   {IN_DELETE, 'd'}, {IN_MOVED_FROM, 'f'},  {IN_MOVED_TO, 't'},
                   {IN_ATTRIB, 'a'}, {IN_DELETE_SELF, 's'}, {IN_MOVE_SELF, 'v'}};
    _Alignas(struct inotify_event) char buffer[4096];
    char got[64] = "";
    int fd = inotify_init1(IN_NONBLOCK), result = run_script(before);
    uint32_t mask = 0;
    for (size_t i = 0; i < COUNT(letters); i++)
        mask |= letters[i].mask;
    EXPECT(result == 0 && inotify_add_watch(fd, watched, mask) >= 0);
    if ((result = run_script(script)))
        return result;
    ssize_t size = read(fd, buffer, sizeof buffer);
    for (char *at = buffer; size > 0 && at < buffer + size;) {
        const struct inotify_event *event = (void *)at;
        for (size_t i = 0; i < COUNT(letters); i++)
            if (event->mask & letters[i].mask && strlen(got) < sizeof got - 1)
                got[strlen(got)] = letters[i].letter;
        at += sizeof *event + event->len;
    }
    close(fd);
    return strcmp(got, expected) == 0 ? 0 : mismatch("events '%s', not '%s'", got, expected);
}

static int tells_of_making(void)
{
    return events_of("d", "mkdir d", "open A d/f O_WRONLY|O_CREAT|O_EXCL; write A x; close A; mkdir d/e", "cmwc");
}

static int tells_of_moving(void)
{
    return events_of("d", "mkdir d; file d/f", "rename d/f d/g; rename d/g g", "ftf");
}

static int tells_of_removing(void)
{
    return events_of("d", "mkdir d; file d/f; mkdir d/e", "unlink d/f; rmdir d/e", "dd");
}

static int tells_of_attributes(void)
{
    return events_of("f", "file f", "chmod f 0600; setxattr f user.x y; open A f O_WRONLY|O_APPEND; write A x; close A",
                     "amw");
}

static const struct row listing_rows[] = {
    {"kinds and inode numbers", .check = kinds_and_inodes},
    {"every name once, and both dots", .check = every_name_once},
    {"telldir, seekdir, rewinddir", .check = positions},
    {"names are removed as they are read", .check = removing_while_reading},
    {"rewinddir shows what is there by now", .check = rewinding_shows_what_is_new},
    {"opendir of a file", ENOTDIR, .check = opens_no_file_as_directory},
    {"a directory that is removed while it is read is empty", .check = reads_a_removed_directory},
    {"inotify: making", .check = tells_of_making},
    {"inotify: moving", .check = tells_of_moving},
    {"inotify: removing", .check = tells_of_removing},
    {"inotify: attributes and writing", .check = tells_of_attributes},
};

TABLE(listing);
