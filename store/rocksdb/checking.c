/* SPDX-License-Identifier: MIT */
/* checking.c - one round of a check: every family, the rows of the whole store, the counters; see checking.h. */
#include "checking.h"
#include "mutation.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

/* --- reading ------------------------------------------------------------------------------------------- */

enum { PASSED_EVERY = 256 }; /* rows, between two calls of the watcher */

bool check_goes_on(struct check *check)
{
    if (check->trouble < 0)
        return false;
    check->seen.rows++;
    if (check->seen.rows % PASSED_EVERY == 0 && check->watch->passed &&
        !check->watch->passed(check->watch->arg, check->seen.rows, check->total))
        check->trouble = -ECANCELED;
    return check->trouble == 0;
}

int check_get(struct check *check, enum family family, struct key key, struct slice *ret_value)
{
    int result = view_get(&check->view, family, &key, ret_value);
    if (result == 0 || result == -ENOENT)
        return result;
    check_unreadable(check);
    return -EIO;
}

int check_read(struct check *check, uint64_t dir, const char *name, struct entry *ret_entry, uint64_t *ret_link)
{
    SCOPED_SLICE row = {0};
    int result = check_get(check, FAMILY_DEFAULT, key_name(dir, name), &row);
    if (result < 0)
        return result;
    *ret_link = 0;
    if (dirrow_get_link(row.data, row.size, ret_link))
        return 0;
    return entry_decode(row.data, row.size, true, ret_entry);
}

int check_read_dir(struct check *check, uint64_t dir, struct entry *ret_entry, char *ret_name)
{
    SCOPED_SLICE row = {0};
    int result = check_get(check, FAMILY_DEFAULT, key_self(dir), &row);
    return result < 0 ? result : dirrow_decode(row.data, row.size, ret_entry, ret_name);
}

int check_entry_of(struct check *check, uint64_t version, uint64_t *ret_dir, char *ret_name, struct entry *ret_entry)
{
    SCOPED_SLICE place = {0};
    struct entry entry;
    uint64_t link;
    int result = check_get(check, FAMILY_VERSION, key_version(version), &place);
    if (result == 0 && (!key_place(place.data, place.size, ret_dir, ret_name) || !*ret_name || *ret_dir == 0))
        result = -ENOENT;
    if (result == 0)
        result = check_read(check, *ret_dir, ret_name, &entry, &link);
    if (result < 0 || link)
        return result == -EIO ? -EIO : -ENOENT;
    if (entry.kind == ENTRY_DIR || entry.version != version) {
        entry_release(&entry);
        return -ENOENT;
    }
    *ret_entry = entry;
    return 0;
}

/* --- rows of the whole store --------------------------------------------------------------------------- */

void check_number(struct check *check, uint64_t number)
{
    if (number > check->highest)
        check->highest = number;
}

static bool is_row(const struct slice *key, const char *name)
{
    return key->size == 8 + strlen(name) && memcmp(key->data + 8, name, key->size - 8) == 0;
}

/* A row of an invalidation that cannot be read: whatever has the tag by now may have been meant. */
static void check_invalidated(struct check *check, const struct slice *key, const struct slice *row)
{
    size_t head = 8 + strlen(META_TAG), size = key->size - head;
    const char *tag = (const char *)key->data + head;
    if (entry_check_tag(tag, size) < 0) {
        check_found(check, STORE_FAULT_ROW, STORE_MENDED, "a row that says which tag was invalidated names none");
        mend_delete_raw(check, FAMILY_DEFAULT, key);
        return;
    }
    if (row->size == META_TAG_SIZE && get_u64(row->data) < CHECK_NUMBER_MAX) {
        check_number(check, get_u64(row->data));
        return;
    }
    check_found(check, STORE_FAULT_ROW, STORE_LOST,
                "the row of the tag %.*s, which was invalidated, is damaged; what has the tag goes", (int)size, tag);
    if (!check->ids_there)
        return; /* that is mended first */
    uint8_t mark[META_TAG_SIZE];
    put_u64(mark, check->ids.mark - 1);
    struct key same = {.size = key->size};
    memcpy(same.bytes, key->data, key->size);
    mend_put(check, FAMILY_DEFAULT, same, mark, sizeof mark);
}

void check_row_of_store(struct check *check, const struct slice *key, const struct slice *row)
{
    struct meta_format format = {0};
    if (is_row(key, META_FORMAT)) {
        check->format_there = meta_get_format(row->data, row->size, &format) && format.format == META_FORMAT_NOW &&
                              format.chunk_bytes >= CHUNK_BYTES_MIN && format.chunk_bytes <= CHUNK_BYTES_MAX;
        if (check->format_there)
            check->chunk_bytes = format.chunk_bytes;
    } else if (is_row(key, META_IDS)) {
        check->ids_there = meta_get_ids(row->data, row->size, &check->ids) && check->ids.mark < CHECK_NUMBER_MAX;
    } else if (is_row(key, META_COUNTERS)) {
        check->counters_there = meta_get_counters(row->data, row->size, &check->counters);
    } else if (is_row(key, META_HAND)) {
        if (row->size == META_HAND_SIZE)
            return;
        check_found(check, STORE_FAULT_ROW, STORE_MENDED, "the row \"hand\" has %zu bytes", row->size);
        mend_delete_raw(check, FAMILY_DEFAULT, key);
    } else if (key->size > 8 + strlen(META_TAG) && memcmp(key->data + 8, META_TAG, strlen(META_TAG)) == 0) {
        check_invalidated(check, key, row);
    } else if (key->size == 8 + strlen(META_QUOTA) + 8 && memcmp(key->data + 8, META_QUOTA, strlen(META_QUOTA)) == 0) {
        check_quota_row(check, key, row);
    } else {
        check_found(check, STORE_FAULT_ROW, STORE_MENDED, "the whole store has a row of %zu bytes that is none",
                    row->size);
        mend_delete_raw(check, FAMILY_DEFAULT, key);
    }
}

/* Once all numbers are known. */
static void check_store(struct check *check)
{
    if (!check->format_there) {
        uint8_t row[META_FORMAT_SIZE];
        check_found(check, STORE_FAULT_ROW, STORE_MENDED, "the row \"format\" is missing or damaged");
        meta_put_format(row, (struct meta_format){META_FORMAT_NOW, check->chunk_bytes});
        mend_put(check, FAMILY_DEFAULT, key_meta(META_FORMAT), row, sizeof row);
    }
    bool above = check->ids_there && check->highest >= check->ids.mark;
    if (!check->ids_there)
        check_found(check, STORE_FAULT_ROW, STORE_MENDED, "the row \"ids\" is missing or damaged");
    else if (above)
        check_found(check, STORE_FAULT_NUMBER, STORE_MENDED,
                    "the number %" PRIu64 " is in use, and only those below %" PRIu64 " were given out", check->highest,
                    check->ids.mark);
    if (above || !check->ids_there) {
        uint8_t row[META_IDS_SIZE];
        meta_put_ids(row, (struct meta_ids){.mark = check->highest + (1 << 20)});
        mend_put(check, FAMILY_DEFAULT, key_meta(META_IDS), row, sizeof row);
    }
}

/* Last of all, and of a round in which nothing went: else the next one counts. */
static void check_counters(struct check *check)
{
    const struct meta_counters *have = &check->counted, *say = &check->counters;
    bool totals = !check->damaged && !check->uncounted && !(check->fix && check->findings > 0);
    if (totals || !check->fix)
        check_quotas(check, totals);
    if (!totals)
        return;
    if (!check->counters_there)
        check_found(check, STORE_FAULT_COUNTERS, STORE_MENDED, "the row \"counters\" is missing or damaged");
    else if (have->bytes != say->bytes || have->items != say->items || have->directories != say->directories)
        check_found(check, STORE_FAULT_COUNTERS, STORE_MENDED,
                    "counted are %" PRIu64 " bytes, %" PRIu64 " entries and %" PRIu64 " directories, there are %" PRIu64
                    ", %" PRIu64 " and %" PRIu64,
                    say->bytes, say->items, say->directories, have->bytes, have->items, have->directories);
    else
        return;
    uint8_t row[META_COUNTERS_SIZE];
    meta_put_counters(row, *have);
    mend_put(check, FAMILY_DEFAULT, key_meta(META_COUNTERS), row, sizeof row);
}

/* --- versions without an entry, in a store in use ------------------------------------------------------ */

static bool has_chunks(struct check *check, uint64_t version)
{
    struct key from = key_chunk(version, 0), end = key_chunk(version + 1, 0);
    struct slice any;
    SCOPED_WALK walk;
    db_walk(check->db, FAMILY_DATA, &from, &end, &walk);
    return walk_get(&walk, &any, NULL);
}

/* No entry has it now, and nobody has it in hand. */
static bool is_orphan(struct check *check, uint64_t version)
{
    struct engine *engine = check->engine;
    struct key key = key_version(version);
    SCOPED_SLICE place = {0};
    pthread_mutex_lock(&engine->mutation);
    bool orphan = db_get(&engine->db, FAMILY_VERSION, &key, &place) == -ENOENT && !pins_have(&engine->pins, version);
    pthread_mutex_unlock(&engine->mutation);
    return orphan && has_chunks(check, version);
}

static size_t still_orphans(struct check *check)
{
    size_t count = 0;
    for (size_t i = 0; i < check->suspects_count; i++)
        if (is_orphan(check, check->suspects[i]))
            check->suspects[count++] = check->suspects[i];
    return check->suspects_count = count;
}

/* The keeper deletes what has died, and what a crash left. What is there after that, and after whoever was just letting
 * it go has come to say so, nobody will ever delete. */
void check_suspects(struct check *check)
{
    enum { LOOKS = 5 };
    const struct timespec pause = {.tv_nsec = 20000000};
    size_t left = still_orphans(check);
    for (int look = 0; look < LOOKS && left > 0; look++) {
        if (check->watch->passed && !check->watch->passed(check->watch->arg, check->seen.rows, check->total)) {
            check->trouble = -ECANCELED;
            check->suspects_count = 0;
            return;
        }
        if (look > 0)
            nanosleep(&pause, NULL);
        (void)keeper_settle(check->engine);
        left = still_orphans(check);
    }
    for (size_t i = 0; i < check->suspects_count; i++)
        check_found(check, STORE_FAULT_CHUNK, STORE_LEFT, "no entry has version %" PRIu64 ", but it has a value",
                    check->suspects[i]);
    check->suspects_count = 0;
}

/* --- the round ----------------------------------------------------------------------------------------- */

static void begin(struct check *check)
{
    check->seen = (struct store_checked){0};
    check->findings = check->highest = check->dir = 0;
    check->damaged = check->uncounted = check->format_there = check->ids_there = check->counters_there = false;
    check->dir_there = check->root_there = false;
    check->chunk_bytes = CHUNK_BYTES;
    check->counted = (struct meta_counters){0};
    check->adding = (struct check_quota){0};
    check->quotas_count = 0;
    check->told_count = 0;
    check->suspects_count = 0;
    check->trouble = 0;
    check->total = db_keys(check->db);
}

int check_round(struct check *check)
{
    static int (*const parts[])(struct check *) = {check_names, check_versions, check_data, check_deadlines,
                                                   check_tags};
    begin(check);
    check->rooted = calloc(CHECK_ROOTED, sizeof *check->rooted);
    if (!check->rooted)
        return -ENOMEM;
    view_open(check->db, check->engine, &check->view);
    int result = 0;
    for (size_t i = 0; i < sizeof parts / sizeof *parts && result == 0; i++) {
        result = parts[i](check);
        if (result == 0)
            result = check->trouble;
    }
    if (result == 0 && !check->damaged)
        check_store(check);
    if (result == 0)
        check_counters(check);
    view_release(&check->view);
    free(check->rooted);
    free(check->quotas);
    check->quotas = NULL;
    *check->done = (struct store_checked){
        .rows = check->seen.rows,
        .entries = check->counted.items,
        .directories = check->counted.directories,
        .value_bytes = check->seen.value_bytes,
        .left = check->done->left,
        .mended = check->done->mended,
        .lost = check->done->lost,
    };
    return result < 0 ? result : check->trouble;
}
