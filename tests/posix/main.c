/* SPDX-License-Identifier: MIT */
/*
 * main.c - runs the tables.
 *
 *   posix [--larder] [--other DIR] [--read-only] DIR [TABLE...]
 *                           runs the rows in DIR, which is on the file system in question; all of them, or those of the
 *                           tables named. --other: a directory on another one. --read-only: those for a mount that cannot
 *                           be written (read_only.c says what is to be there), and no others
 *   posix --differences     lists on what larder differs, as rows of a table
 *   posix --list            lists the rows
 *
 * Prints "N rows, N kept, N deliberate differences". Exit status 0 when every row is as its table says, 1 else.
 */
#include "posix.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct table *const tables[] = {&open_table,       &data_table,  &names_table,    &rename_table,
                                             &attributes_table, &times_table, &places_table,   &listing_table,
                                             &memory_table,     &locks_table, &read_only_table};

const char *other_dir;
bool on_larder;
static bool read_only;
char mismatch_text[512];

enum { ROW_SECONDS = 60 }; /* no row waits for anything that long */

/* What the process of a row hands back. */
struct outcome {
    int result;
    char text[sizeof mismatch_text];
};

int mismatch(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(mismatch_text, sizeof mismatch_text, format, arguments);
    va_end(arguments);
    return MISMATCH;
}

const char *errno_name(int number)
{
    static char text[16];
    const char *name = strerrorname_np(number);
    if (number && name)
        return name;
    snprintf(text, sizeof text, "%d", number);
    return text;
}

__attribute__((noreturn)) static void die(const char *what)
{
    fprintf(stderr, "posix: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int remove_one(const char *path, const struct stat *stat, int type, struct FTW *walk)
{
    (void)stat, (void)walk;
    return type == FTW_DP || type == FTW_DNR ? rmdir(path) : unlink(path);
}

static bool differs(const struct row *row)
{
    return on_larder && row->difference != NONE;
}

/* In the row's own process and directory. */
static int run_row(const struct row *row)
{
    if (row->check)
        return differs(row) && row->check_instead ? row->check_instead() : row->check();
    return run_script(differs(row) && row->instead ? row->instead : row->script);
}

__attribute__((noreturn)) static void be_row(const struct row *row, const char *dir, struct outcome *outcome)
{
    umask(0);
    alarm(ROW_SECONDS);
    if (chdir(dir) < 0)
        die(dir);
    outcome->result = run_row(row);
    memcpy(outcome->text, mismatch_text, sizeof outcome->text);
    _exit(0); /* what it has in hand goes with it; as another user it could not even say so */
}

static struct outcome outcome_of(const struct row *row, const char *dir)
{
    struct outcome *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        die("mmap");
    int status;
    pid_t child = fork();
    if (child == 0)
        be_row(row, dir, shared);
    if (child < 0 || waitpid(child, &status, 0) < 0)
        die("fork");
    struct outcome outcome = *shared;
    munmap(shared, sizeof *shared);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        outcome.result = MISMATCH;
        snprintf(outcome.text, sizeof outcome.text, "its process ended with status %#x", (unsigned)status);
    }
    return outcome;
}

static bool row_is_kept(const struct table *table, const struct row *row, const char *dir)
{
    struct outcome outcome = outcome_of(row, dir);
    int expected = differs(row) ? row->answer : row->expected;
    if (outcome.result == expected)
        return true;
    printf("%s: %s", table->name, row->script);
    if (outcome.result == MISMATCH)
        printf(": %s\n", outcome.text);
    else {
        printf(": %s", errno_name(outcome.result));
        printf(", not %s\n", errno_name(expected));
    }
    return false;
}

/* Each row has a directory of its own, which everybody may write to. */
static bool run_in(const struct table *table, const struct row *row, const char *parent)
{
    char dir[4096];
    if (table->read_only)
        return row_is_kept(table, row, parent);
    snprintf(dir, sizeof dir, "%s/row", parent);
    if (mkdir(dir, 0777) < 0)
        die(dir);
    bool kept = row_is_kept(table, row, dir);
    if (nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS) < 0)
        die(dir);
    return kept;
}

static bool is_wanted(const struct table *table, char **names)
{
    if (table->read_only != read_only)
        return false;
    if (!*names)
        return true;
    for (; *names; names++)
        if (strcmp(table->name, *names) == 0)
            return true;
    return false;
}

static int run_tables(const char *dir, char **names)
{
    unsigned rows = 0, kept = 0, differences = 0, wrong = 0;
    for (size_t i = 0; i < COUNT(tables); i++)
        for (size_t j = 0; is_wanted(tables[i], names) && j < tables[i]->count; j++) {
            const struct row *row = &tables[i]->rows[j];
            rows++;
            if (!run_in(tables[i], row, dir))
                wrong++;
            else if (differs(row))
                differences++;
            else
                kept++;
        }
    printf("%u rows, %u kept, %u deliberate differences\n", rows, kept, differences);
    return wrong == 0 && rows > 0 ? 0 : 1;
}

/* One that no row shows is not listed: what the README says of it is not so. */
static void list_differences(void)
{
    bool shown[DIFFERENCES] = {false};
    for (size_t i = 0; i < COUNT(tables); i++)
        for (size_t j = 0; j < tables[i]->count; j++)
            shown[tables[i]->rows[j].difference] = true;
    for (size_t i = NONE + 1; i < DIFFERENCES; i++)
        if (shown[i])
            printf("| %s | %s |\n", difference_texts[i].what, difference_texts[i].answer);
}

static void list_rows(void)
{
    for (size_t i = 0; i < COUNT(tables); i++)
        for (size_t j = 0; j < tables[i]->count; j++) {
            const struct row *row = &tables[i]->rows[j];
            printf("%s: %s: %s\n", tables[i]->name, row->script, errno_name(row->expected));
        }
}

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (; argc > 1 && strncmp(argv[1], "--", 2) == 0; argc--, argv++) {
        if (strcmp(argv[1], "--differences") == 0)
            return list_differences(), 0;
        if (strcmp(argv[1], "--list") == 0)
            return list_rows(), 0;
        if (strcmp(argv[1], "--larder") == 0)
            on_larder = true;
        else if (strcmp(argv[1], "--read-only") == 0)
            read_only = true;
        else if (strcmp(argv[1], "--other") == 0 && argc > 2) {
            other_dir = argv[2];
            argc--, argv++;
        }
    }
    if (argc < 2) {
        fprintf(stderr,
                "usage: posix [--larder] [--other DIR] [--read-only] DIR [TABLE...] | --differences | --list\n");
        return 2;
    }
    return run_tables(argv[1], argv + 2);
}
