/* SPDX-License-Identifier: MIT */
/*
 * posix.h - what a file system owes its callers, as tables of rows: some calls, and what the last of them must answer.
 *
 * A row is a script (script.h), or the name of a check that is written out in C. Each runs in a process and an empty
 * directory of its own, as root, umask 0. The same table is held against a file system of the kernel's, which shows
 * that it is right, and against larder; where larder differs on purpose a row says which of the differences of
 * differences.c it is, and what the answer is then.
 */
#ifndef LARDER_TESTS_POSIX_H
#define LARDER_TESTS_POSIX_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* Each is a line of the README's table "Left out on purpose". */
enum difference {
    NONE,
    HARD_LINKS,
    SPECIAL_FILES,
    OVERWRITING,
    CREATING,
    PINNED,
    NOT_OPEN,
    NAMELESS,
    EMPTYING,
    APPENDING_MAPS,
    HOLES,
    NAMESPACES,
    DIRECTORY_LINKS,
    CHANGE_TIMES,
    ACCESS_TIMES,
    DIFFERENCES
};

/* What it is, and what it answers, as the README has them. */
struct difference_text {
    const char *what, *answer;
};
extern const struct difference_text difference_texts[DIFFERENCES];

/* 0 when all is as it should be; else an errno, or what mismatch() returns. */
typedef int check_fn(void);

struct row {
    const char *script; /* with `check`: its name */
    int expected; /* the errno of the last call; 0: it succeeds. All calls before it do */
    enum difference difference; /* NONE: larder answers the same */
    int answer; /* else its errno */
    const char *instead; /* and the script that it is the answer of; NULL: the same */
    check_fn *check;
    check_fn *check_instead; /* on larder, with a difference */
};

struct table {
    const char *name;
    const struct row *rows;
    size_t count;
    bool read_only; /* for a mount that cannot be written */
};

#define TABLE(title)                                                                                                   \
    const struct table title##_table = {.name = #title, .rows = title##_rows, .count = COUNT(title##_rows)}

extern const struct table open_table, data_table, names_table, rename_table, attributes_table, times_table,
    places_table, listing_table, memory_table, locks_table, read_only_table;

/* What the process that runs a row knows. */
extern const char *other_dir; /* a directory on another file system */
extern bool on_larder;

/* Notes what is not as it should be. Returns MISMATCH. */
enum { MISMATCH = 1 << 20 };
__attribute__((format(printf, 1, 2))) int mismatch(const char *format, ...);
extern char mismatch_text[512];

/* Runs a script: 0, the errno of its last call, or MISMATCH. */
int run_script(const char *script);

/* The name of an errno, "0" or a number. */
const char *errno_name(int number);

#endif
