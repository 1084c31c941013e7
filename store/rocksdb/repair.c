/* SPDX-License-Identifier: MIT */
/*
 * repair.c - store_fsck(): looks at a store that nobody has open, and mends it.
 *
 *     files: are they those of the last close? --> database: opens? reads? --> rows: checking.h, until nothing is found
 *               |                                     |
 *               '------- no: rebuilt from the tables and logs that are whole, and distrusted <-'
 *
 * While it is rebuilt larder.repairing is there, so that nobody opens what does not fit together. A store that can only
 * be looked at is opened for reading and nothing of it changes.
 */
#include "repair.h"
#include "checking.h"
#include "witness.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct repair {
    const char *path;
    const struct store_options *options;
    struct store_error *error;
    struct home home;
    struct witness witness;
    struct check check;
    struct db db;
    _Atomic uint64_t reads;
    bool open;
    bool rebuild; /* the database has to be, before it is opened */
    bool current_mended;
    unsigned rebuilt; /* times */
};

enum { REBUILDS = 3 };

/* --- files --------------------------------------------------------------------------------------------- */

static void file_is_wrong(void *arg, const char *name, const char *what)
{
    struct repair *repair = arg;
    bool current = strcmp(name, "CURRENT") == 0;
    enum store_remedy remedy = current || strncmp(name, "MANIFEST-", 9) == 0 ? STORE_MENDED : STORE_LOST;
    check_found(&repair->check, STORE_FAULT_FILE, remedy, "the file %s %s", name, what);
    repair->check.distrust = true;
    repair->rebuild |= !current && !home_ends(name, ".log");
}

/* Of what the directory tells by itself. */
static void look_at_files(struct repair *repair)
{
    struct check *check = &repair->check;
    if (repair->home.format != HOME_FORMAT)
        check_found(check, STORE_FAULT_FILE, STORE_MENDED, "larder.format is %s",
                    repair->home.format == HOME_FORMAT_MISSING ? "missing" : "damaged");
    if (home_is_repairing(&repair->home)) {
        check_found(check, STORE_FAULT_FILE, STORE_MENDED, "a repair was not finished (larder.repairing)");
        check->distrust = true;
    }
    (void)witness_compare(repair->home.dir, &repair->witness, file_is_wrong, repair);
    if (home_lacks_current(&repair->home) && (!repair->witness.text || repair->witness.opening))
        check_found(check, STORE_FAULT_FILE, STORE_MENDED, "CURRENT is missing");
}

/* The mark that was written last is not there: a log ended before it. */
static void look_at_log(struct repair *repair)
{
    struct key key = key_meta(META_IDS);
    struct meta_ids ids = {0};
    SCOPED_SLICE row = {0};
    if (!repair->witness.text || repair->rebuilt > 0 || db_get(&repair->db, FAMILY_DEFAULT, &key, &row) < 0)
        return;
    if (meta_get_ids(row.data, row.size, &ids) && ids.mark == repair->witness.ids)
        return;
    check_found(&repair->check, STORE_FAULT_FILE, STORE_LOST, "a log is damaged: what was stored last is not in it");
    repair->check.distrust = true;
}

/* --- the database -------------------------------------------------------------------------------------- */

static int open_database(struct repair *repair, enum db_how how, struct store_error *error)
{
    int result = db_open(&repair->db, repair->path, how, repair->options, &repair->reads, error);
    repair->open = result == 0;
    repair->check.db = &repair->db;
    return result;
}

static void close_database(struct repair *repair)
{
    if (repair->open)
        db_close(&repair->db);
    repair->open = false;
}

static int fail_file(struct repair *repair, int result)
{
    return store_fail(repair->error, result, "%s: %s", repair->path, strerror(-result));
}

static int fail_hopeless(struct repair *repair, const char *why)
{
    return store_fail(repair->error, -EUCLEAN, "%s: cannot be repaired: %s; mount it with -o recreate to begin anew",
                      repair->path, why);
}

/* The table that could not be read, if RocksDB keeps it. */
static void discard_unreadable(struct repair *repair)
{
    const char *text = db_last_error(), *end = strstr(text, ".sst"), *begin = end;
    char name[64];
    while (begin && begin > text && begin[-1] >= '0' && begin[-1] <= '9')
        begin--;
    if (!begin || begin == end)
        return;
    snprintf(name, sizeof name, "%.*s", (int)(end + 4 - begin), begin);
    (void)home_discard(&repair->home, name);
}

static int rebuild(struct repair *repair)
{
    struct store_error why;
    close_database(repair);
    if (repair->rebuilt == REBUILDS)
        return fail_hopeless(repair, db_last_error());
    if (repair->rebuilt > 0)
        discard_unreadable(repair);
    int result = home_set_repairing(&repair->home, true);
    if (result < 0)
        return fail_file(repair, result);
    repair->rebuilt++;
    repair->rebuild = false;
    repair->check.distrust = true;
    if (db_rebuild(repair->path, repair->options, &why) < 0)
        return fail_hopeless(repair, why.text);
    result = open_database(repair, DB_MAKE, &why);
    return result < 0 ? fail_hopeless(repair, why.text) : 0;
}

/* Opens it for writing, by whatever means. */
static int open_for_repair(struct repair *repair)
{
    struct store_error why;
    if (home_lacks_current(&repair->home) && home_mend_current(&repair->home) == 0)
        repair->current_mended = true;
    if (repair->rebuild)
        return rebuild(repair);
    int result = open_database(repair, DB_WRITE, &why);
    if (result == -EUCLEAN && !repair->current_mended && home_mend_current(&repair->home) == 0) {
        struct store_error again;
        repair->current_mended = true;
        result = open_database(repair, DB_WRITE, &again);
        if (result == 0)
            check_found(&repair->check, STORE_FAULT_FILE, STORE_MENDED, "CURRENT: %s", why.text);
    }
    if (result == 0)
        return 0;
    if (result != -EUCLEAN && result != -EIO)
        return store_fail(repair->error, result, "%s: %s", repair->path, why.text);
    check_found(&repair->check, STORE_FAULT_FILE, STORE_LOST, "%s", why.text);
    return rebuild(repair);
}

/* Without larder.format nothing may be touched until the database says whose it is. */
static int check_whose(struct repair *repair)
{
    struct store_error why;
    struct meta_format format = {0};
    struct key key = key_meta(META_FORMAT);
    if (repair->home.format != HOME_FORMAT_MISSING)
        return 0;
    bool ours = false;
    if (open_database(repair, DB_LOOK, &why) == 0) {
        SCOPED_SLICE row = {0};
        ours = db_get(&repair->db, FAMILY_DEFAULT, &key, &row) == 0 && meta_get_format(row.data, row.size, &format);
    }
    close_database(repair);
    return ours ? 0
                : store_fail(repair->error, -EUCLEAN,
                             "%s: larder.format is missing, and nothing else in it says that it is a larder store",
                             repair->path);
}

/* --- rows ---------------------------------------------------------------------------------------------- */

static int fail_round(struct repair *repair, int result)
{
    if (result == -ECANCELED)
        return store_fail(repair->error, result, "%s: the check was ended", repair->path);
    return store_fail(repair->error, result, "%s: cannot be written to: %s", repair->path, db_last_error());
}

/* Until a round finds nothing. */
static int mend_rows(struct repair *repair)
{
    struct check *check = &repair->check;
    for (check->round = 0; check->round < CHECK_ROUNDS; check->round++) {
        int result = check_round(check);
        if (result < 0)
            return fail_round(repair, result);
        if (check->damaged) {
            result = rebuild(repair);
            if (result < 0)
                return result;
            check->round = UINT32_MAX; /* begins anew */
        } else if (check->findings == 0) {
            return 0;
        }
    }
    return fail_hopeless(repair, "whatever is mended, something is found");
}

/* Everything is on disk before what says that it is not whole goes. */
static int finish(struct repair *repair)
{
    struct home *home = &repair->home;
    int result = db_flush(&repair->db);
    if (result == 0)
        result = db_sync(&repair->db);
    close_database(repair);
    if (result < 0)
        return fail_file(repair, result);
    if (home->format != HOME_FORMAT)
        result = home_write_format(home, repair->path, repair->error);
    if (result < 0)
        return result;
    result = witness_end(home->dir);
    if (result == 0)
        result = home_set_repairing(home, false);
    home_delete_discarded(home);
    return result < 0 ? fail_file(repair, result) : 0;
}

/* --- both ---------------------------------------------------------------------------------------------- */

static int mend(struct repair *repair)
{
    int result = check_whose(repair);
    if (result < 0)
        return result;
    look_at_files(repair);
    /* Files change from now on. Where some are wrong the witness stays: if this is interrupted, they are found again. */
    result = repair->check.distrust ? home_set_repairing(&repair->home, true) : witness_begin(repair->home.dir);
    if (result < 0)
        return fail_file(repair, result);
    result = open_for_repair(repair);
    if (result < 0)
        return result;
    look_at_log(repair);
    result = repair->check.distrust ? home_set_repairing(&repair->home, true) : witness_end(repair->home.dir);
    if (result < 0)
        return fail_file(repair, result);
    result = mend_rows(repair);
    return result < 0 ? result : finish(repair);
}

static int look(struct repair *repair)
{
    struct store_error why;
    look_at_files(repair);
    int result = open_database(repair, DB_LOOK, &why);
    if (result == -EUCLEAN) {
        check_found(&repair->check, STORE_FAULT_FILE, STORE_LEFT, "%s", why.text);
        return 0;
    }
    if (result < 0)
        return store_fail(repair->error, result, "%s: %s", repair->path, why.text);
    look_at_log(repair);
    result = check_round(&repair->check);
    return result < 0 ? fail_round(repair, result) : 0;
}

int repair_fsck(const char *path, unsigned flags, const struct store_options *options, const struct store_watch *watch,
                struct store_checked *ret_checked, struct store_error *ret_error)
{
    struct store_checked checked = {0};
    struct repair *repair = calloc(1, sizeof *repair);
    if (!repair)
        return store_fail(ret_error, -ENOMEM, "%s: out of memory", path);
    repair->path = path;
    repair->options = options;
    repair->error = ret_error;
    repair->check = (struct check){.watch = watch, .done = &checked, .fix = flags & STORE_REPAIR};
    int result = home_hold(path, &repair->home, ret_error);
    if (result == 0) {
        witness_read(repair->home.dir, &repair->witness);
        result = flags & STORE_REPAIR ? mend(repair) : look(repair);
        close_database(repair);
        witness_release(&repair->witness);
        home_release(&repair->home);
    }
    free(repair);
    *ret_checked = checked;
    return result;
}
