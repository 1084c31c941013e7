/* SPDX-License-Identifier: MIT */
/*
 * check_quotas.c - what is below each directory with a quota is as much as its row says; see checking.h.
 *
 * The rows of the whole store come first in the walk, so all quotas are known before anything that counts in one is met.
 * What counts in a directory counts in each quota above it: the way up is walked once for each directory.
 */
#include "checking.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

enum { DEPTH_MAX = 1 << 16 }; /* a directory that lies in itself is found elsewhere */

void check_quota_row(struct check *check, const struct slice *key, const struct slice *row)
{
    uint64_t dir = get_u64(key->data + key->size - 8);
    struct meta_quota says;
    if (!meta_get_quota(row->data, row->size, &says) || says.policy > STORE_POLICIES || dir % 2 == 0 ||
        dir == STORE_ROOT || dir >= CHECK_NUMBER_MAX) {
        check_found(check, STORE_FAULT_ROW, STORE_MENDED,
                    "the limits of directory %" PRIu64 " are damaged; it has none any more", dir);
        mend_delete_raw(check, FAMILY_DEFAULT, key);
        return;
    }
    struct check_quota *grown = realloc(check->quotas, (check->quotas_count + 1) * sizeof *grown);
    if (!grown) {
        check->trouble = -ENOMEM;
        return;
    }
    check->quotas = grown;
    check->quotas[check->quotas_count++] = (struct check_quota){.dir = dir, .says = says};
}

/* They are in the order of their directories, as their rows were. */
static struct check_quota *find(struct check *check, uint64_t dir)
{
    size_t low = 0, high = check->quotas_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (check->quotas[middle].dir < dir)
            low = middle + 1;
        else
            high = middle;
    }
    return low < check->quotas_count && check->quotas[low].dir == dir ? &check->quotas[low] : NULL;
}

void check_count_in(struct check *check, uint64_t dir, uint64_t bytes, uint64_t items)
{
    check->counted.bytes += bytes;
    check->counted.items += items;
    if (check->quotas_count == 0)
        return;
    if (dir != check->adding.dir)
        check_count_up(check);
    check->adding.dir = dir;
    check->adding.bytes += bytes;
    check->adding.items += items;
}

void check_count_up(struct check *check)
{
    struct check_quota sum = check->adding;
    check->adding = (struct check_quota){0};
    uint64_t dir = sum.dir;
    for (int depth = 0; dir != 0 && dir != STORE_ROOT && depth < DEPTH_MAX; depth++) {
        struct entry entry;
        struct check_quota *quota = find(check, dir);
        if (quota) {
            quota->bytes += sum.bytes;
            quota->items += sum.items;
        }
        if (check_read_dir(check, dir, &entry, NULL) < 0)
            return;
        dir = entry.parent;
        entry_release(&entry);
    }
}

static void check_totals(struct check *check, const struct check_quota *quota)
{
    struct path path;
    uint8_t row[META_QUOTA_SIZE];
    struct meta_quota right = quota->says;
    right.bytes = quota->bytes;
    right.items = quota->items;
    if (!quota->says.counted || (quota->says.bytes == right.bytes && quota->says.items == right.items) ||
        (quota->says.limit_bytes == 0 && quota->says.limit_items == 0))
        return;
    check_found(check, STORE_FAULT_COUNTERS, STORE_MENDED,
                "below %s are counted %" PRIu64 " bytes and %" PRIu64 " entries, there are %" PRIu64 " and %" PRIu64,
                check_path(check, quota->dir, "", &path), quota->says.bytes, quota->says.items, right.bytes,
                right.items);
    meta_put_quota(row, right);
    mend_put(check, FAMILY_DEFAULT, key_quota(quota->dir), row, sizeof row);
}

/* False when its directory is gone. */
static bool check_has_dir(struct check *check, const struct check_quota *quota)
{
    struct entry entry;
    int result = check_read_dir(check, quota->dir, &entry, NULL);
    if (result == 0)
        entry_release(&entry);
    if (result != -ENOENT)
        return true;
    check_found(check, STORE_FAULT_ROW, STORE_MENDED, "directory %" PRIu64 " has limits, and is none", quota->dir);
    mend_delete(check, FAMILY_DEFAULT, key_quota(quota->dir));
    return false;
}

void check_quotas(struct check *check, bool totals)
{
    for (size_t i = 0; i < check->quotas_count; i++)
        if (check_has_dir(check, &check->quotas[i]) && totals)
            check_totals(check, &check->quotas[i]);
}
