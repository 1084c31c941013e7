/* SPDX-License-Identifier: MIT */
/* open_flags.c - open(2) with every combination of flags, of everything there may be: what it answers by the rules. */
#include "checks.h"

#include <stdio.h>

enum kind {
    ABSENT,
    IS_FILE,
    IS_DIR,
    TO_FILE, /* symbolic links */
    TO_DIR,
    TO_NOTHING,
    TO_ITSELF,
    KINDS
};

static const struct {
    const char *name, *made_by;
} kinds[KINDS] = {
    [ABSENT] = {"nothing", "gone a"},
    [IS_FILE] = {"a file", "file a"},
    [IS_DIR] = {"a directory", "mkdir a"},
    [TO_FILE] = {"a link to a file", "file t; symlink t a"},
    [TO_DIR] = {"a link to a directory", "mkdir t; symlink t a"},
    [TO_NOTHING] = {"a link to nothing", "symlink t a"},
    [TO_ITSELF] = {"a link to itself", "symlink a a"},
};

static const int modes[] = {O_RDONLY, O_WRONLY, O_RDWR};
static const int bits[] = {O_CREAT, O_EXCL, O_TRUNC, O_APPEND, O_DIRECTORY, O_NOFOLLOW, O_CLOEXEC};

/* Without the link, which is followed. */
static int expected_at_the_end(enum kind kind, int flags)
{
    switch (kind) {
    case ABSENT:
    case TO_NOTHING:
        return flags & O_CREAT ? 0 : ENOENT;
    case IS_DIR:
    case TO_DIR:
        return flags & (O_CREAT | O_TRUNC) || (flags & O_ACCMODE) != O_RDONLY ? EISDIR : 0;
    case TO_ITSELF:
        return ELOOP;
    default:
        return flags & O_DIRECTORY ? ENOTDIR : 0;
    }
}

static int expected(enum kind kind, int flags)
{
    if (flags & O_CREAT && flags & O_EXCL && kind != ABSENT)
        return EEXIST;
    if (kind >= TO_FILE && flags & O_NOFOLLOW)
        return flags & O_DIRECTORY ? ENOTDIR : ELOOP;
    return expected_at_the_end(kind, flags);
}

/* One open of what is newly made. */
static int try_open(enum kind kind, int flags)
{
    int result = run_script(kinds[kind].made_by);
    if (result)
        return mismatch("%s cannot be made: %s", kinds[kind].name, errno_name(result));
    int fd = open("a", flags, 0644);
    int got = fd < 0 ? errno : 0, wanted = expected(kind, flags);
    if (fd >= 0 && close(fd) < 0)
        got = errno;
    for (size_t i = 0; i < 2; i++)
        if (unlink(i ? "t" : "a") < 0 && errno == EISDIR)
            rmdir(i ? "t" : "a");
    if (got == wanted)
        return 0;
    char name[16];
    snprintf(name, sizeof name, "%s", errno_name(got));
    return mismatch("%s with %#o: %s, not %s", kinds[kind].name, (unsigned)flags, name, errno_name(wanted));
}

static int flags_of(unsigned combination)
{
    int flags = 0;
    for (size_t i = 0; i < COUNT(bits); i++)
        flags |= combination & 1u << i ? bits[i] : 0;
    return flags;
}

int open_with_all_flags(void)
{
    int result = 0;
    for (enum kind kind = ABSENT; kind < KINDS; kind++)
        for (unsigned combination = 0; combination < 1u << COUNT(bits); combination++)
            for (size_t mode = 0; mode < COUNT(modes) && result == 0; mode++) {
                int flags = modes[mode] | flags_of(combination);
                if ((flags & (O_CREAT | O_DIRECTORY)) != (O_CREAT | O_DIRECTORY)) /* EINVAL only since Linux 6.4 */
                    result = try_open(kind, flags);
            }
    return result;
}
