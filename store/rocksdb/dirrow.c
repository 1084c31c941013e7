/* SPDX-License-Identifier: MIT */
/* dirrow.c - see dirrow.h. */
#include "dirrow.h"
#include "bytes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void dirrow_put_link(uint8_t row[DIRROW_LINK_SIZE], uint64_t id)
{
    row[0] = ENTRY_DIR;
    put_u64(row + 1, id);
}

bool dirrow_get_link(const uint8_t *row, size_t size, uint64_t *ret_id)
{
    if (size != DIRROW_LINK_SIZE || row[0] != ENTRY_DIR)
        return false;
    *ret_id = get_u64(row + 1);
    return true;
}

int dirrow_encode(const struct entry *entry, const char *name, uint8_t **ret_row, size_t *ret_size)
{
    size_t name_size = strlen(name), size = 1 + name_size + entry_row_size(entry);
    uint8_t *row = malloc(size);
    if (!row)
        return -ENOMEM;
    row[0] = (uint8_t)name_size;
    memcpy(row + 1, name, name_size);
    entry_encode(entry, row + 1 + name_size);
    *ret_row = row;
    *ret_size = size;
    return 0;
}

int dirrow_decode(const uint8_t *row, size_t size, struct entry *ret_entry, char *ret_name)
{
    if (size < 1 || size < 1 + (size_t)row[0])
        return -EUCLEAN;
    char name[STORE_NAME_MAX + 1];
    memcpy(name, row + 1, row[0]);
    name[row[0]] = '\0';
    if (row[0] > 0 && (strlen(name) != row[0] || entry_check_name(name) < 0)) /* it would lead elsewhere in a path */
        return -EUCLEAN;
    struct entry entry;
    int result = entry_decode(row + 1 + row[0], size - 1 - row[0], false, &entry);
    if (result == 0 && entry.kind != ENTRY_DIR) {
        entry_release(&entry);
        result = -EUCLEAN;
    }
    if (result == 0) {
        *ret_entry = entry;
        if (ret_name)
            memcpy(ret_name, name, (size_t)row[0] + 1);
    }
    return result;
}
