/* SPDX-License-Identifier: MIT */
/*
 * random_model.c - drives the same random operations into the store in memory, which is the model, and into one on
 * disk, and compares every answer.
 *
 * A world is two stores under one clock, with few names, directories and handles, so that operations meet each other.
 * Ids need not be equal in both, but must correspond: whenever the model has x where the real one has y, it is so ever
 * after (struct bijection). From time to time everything there is, is walked and compared, and the real store is
 * closed and opened when nothing is in hand.
 *
 * A run follows from its seed alone. A difference prints the seed, the last operations and what differs.
 *
 *     random_model             six seeds from the clock
 *     LARDER_SEED=n            only that one
 *     LARDER_STEPS=n           operations a seed, default 3000
 *     LARDER_REAL=URL          what to compare with, instead of a new rocksdb store; "mem:" checks this program itself
 */
#include "scratch.h"
#include "store.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    DIRS = 8, /* directories known by id, some of them gone */
    HANDLES = 6, /* pins at once */
    NAMES = 7,
    SEEDS = 6,
    STEPS = 3000,
    LOG_LINES = 40, /* operations shown before a difference */
    VALUE_MAX = 300000, /* bytes; well above what a row holds */
    WALK_EVERY = 20, /* steps between two walks through everything */
};

#define NS_PER_MS  1000000
#define MIB        ((uint64_t)1 << 20)
#define START_NS   ((int64_t)1700000000 * 1000000000)
#define COUNT(all) (sizeof(all) / sizeof *(all))

/* --- the world ----------------------------------------------------------------------------------------- */

struct pair {
    uint64_t model, real;
};

/* Two hash tables, each id to its counterpart; 0 is an empty slot. */
struct bijection {
    struct pair *forth, *back;
    size_t used, room;
};

struct handle {
    struct store_version *model, *real;
    bool staged; /* not published yet */
};

/* The change numbers last seen with a version. They grow alike. */
struct changes {
    struct pair version, change;
};

struct world {
    char url[400];
    struct store_options options;
    struct store *model, *real;
    _Atomic int64_t now_ns;
    uint64_t random; /* state of the generator */
    unsigned step, reopened, found, invalidated;
    bool failed;

    struct pair dirs[DIRS];
    size_t dir_count;
    struct handle handles[HANDLES];
    size_t handle_count;
    struct bijection inos, versions;
    struct changes changes[256]; /* by version, the newer one stays */
    struct pair seen[16]; /* some versions, published once */
    uint8_t *data, *buffer[2]; /* VALUE_MAX each */
    char log[LOG_LINES][200];
    char where[300]; /* what is being compared */
    struct store_snapshot *model_then, *real_then; /* taken a while ago, or NULL */
};

static uint32_t below(struct world *w, uint32_t bound)
{
    w->random = w->random * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(w->random >> 33) % bound;
}

static bool one_in(struct world *w, uint32_t count)
{
    return below(w, count) == 0;
}

/* Writes the operation of this step into the log. */
__attribute__((format(printf, 2, 3))) static void note(struct world *w, const char *format, ...)
{
    char *line = w->log[w->step % LOG_LINES];
    int used = snprintf(line, sizeof w->log[0], "%6u  +%" PRId64 " ms  ", w->step,
                        (atomic_load(&w->now_ns) - START_NS) / NS_PER_MS);
    va_list args;
    va_start(args, format);
    vsnprintf(line + used, sizeof w->log[0] - (size_t)used, format, args);
    va_end(args);
}

/* Says what is compared from here on. */
__attribute__((format(printf, 2, 3))) static void look_at(struct world *w, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(w->where, sizeof w->where, format, args);
    va_end(args);
}

static void differ(struct world *w, const char *what, int64_t model, int64_t real)
{
    if (w->failed)
        return;
    w->failed = true;
    for (unsigned i = 1; i <= LOG_LINES; i++)
        if (w->log[(w->step + i) % LOG_LINES][0])
            printf("%s\n", w->log[(w->step + i) % LOG_LINES]);
    printf("DIFFERENT: %s of %s: model %" PRId64 ", real %" PRId64 "\n", what, w->where, model, real);
}

static bool same(struct world *w, const char *what, uint64_t model, uint64_t real)
{
    if (model != real)
        differ(w, what, (int64_t)model, (int64_t)real);
    return model == real;
}

/* The result that both gave; the first one of an operation stands in the log. */
static int same_result(struct world *w, int model, int real)
{
    char *line = w->log[w->step % LOG_LINES];
    size_t used = strlen(line);
    if (!strstr(line, " = "))
        snprintf(line + used, sizeof w->log[0] - used, " = %d", model);
    same(w, "result", (uint64_t)(int64_t)model, (uint64_t)(int64_t)real);
    return model;
}

/* --- ids that correspond ------------------------------------------------------------------------------- */

static uint64_t *slot(struct pair *table, size_t room, uint64_t key)
{
    size_t i = (size_t)(key * 0x9e3779b97f4a7c15u >> 20) % room;
    while (table[i].model != 0 && table[i].model != key)
        i = (i + 1) % room;
    table[i].model = key;
    return &table[i].real;
}

static void grow(struct bijection *b)
{
    struct bijection grown = {.room = b->room ? 2 * b->room : 1024, .used = b->used};
    grown.forth = calloc(grown.room, sizeof *grown.forth);
    grown.back = calloc(grown.room, sizeof *grown.back);
    if (!grown.forth || !grown.back)
        abort();
    for (size_t i = 0; i < b->room; i++) {
        if (b->forth[i].model)
            *slot(grown.forth, grown.room, b->forth[i].model) = b->forth[i].real;
        if (b->back[i].model)
            *slot(grown.back, grown.room, b->back[i].model) = b->back[i].real;
    }
    free(b->forth);
    free(b->back);
    *b = grown;
}

static void expect_counterpart(struct world *w, struct bijection *b, const char *what, uint64_t model, uint64_t real)
{
    if (model == 0 || real == 0) {
        same(w, what, model, real);
        return;
    }
    if (2 * b->used >= b->room)
        grow(b);
    uint64_t *there = slot(b->forth, b->room, model), *back = slot(b->back, b->room, real);
    b->used += *there == 0;
    if (*there == 0 && *back == 0) {
        *there = real;
        *back = model;
    }
    if (*there != real || *back != model) {
        printf("the model's %" PRIu64 " was %" PRIu64 "; the real %" PRIu64 " was %" PRIu64 "\n", model, *there, real,
               *back);
        differ(w, what, (int64_t)model, (int64_t)real);
    }
}

/* The change numbers of a published version are the same as before in both, or have grown in both. Only who keeps in mind
 * that a tag was invalidated needs a new one for an entry that is given the tag later. */
static void expect_changes(struct world *w, const struct entry *model, const struct entry *real)
{
    struct changes *seen = &w->changes[model->version % COUNT(w->changes)];
    if (seen->version.model == model->version) {
        int grown_model = (model->change > seen->change.model) - (model->change < seen->change.model);
        int grown_real = (real->change > seen->change.real) - (real->change < seen->change.real);
        if (!(w->invalidated > 0 && model->tags_size > 0 && grown_real > grown_model))
            same_result(w, grown_model, grown_real);
        if (grown_model < 0)
            differ(w, "change went back", (int64_t)model->change, (int64_t)real->change);
    }
    seen->version.model = model->version;
    seen->change = (struct pair){model->change, real->change};
}

/* --- comparing ----------------------------------------------------------------------------------------- */

static void expect_bytes(struct world *w, const char *what, const void *model, size_t model_size, const void *real,
                         size_t real_size)
{
    if (!same(w, what, model_size, real_size) || model_size == 0)
        return;
    const uint8_t *a = model, *b = real;
    size_t i = 0;
    while (i < model_size && a[i] == b[i])
        i++;
    if (i < model_size) {
        differ(w, what, a[i], b[i]);
        printf("at byte %zu of %zu\n", i, model_size);
    }
}

static void expect_same_attributes(struct world *w, const struct entry *model, const struct entry *real)
{
    same(w, "kind", model->kind, real->kind);
    same(w, "mode", model->mode, real->mode);
    same(w, "uid", model->uid, real->uid);
    same(w, "gid", model->gid, real->gid);
    same(w, "size", model->size, real->size);
    same(w, "hits", model->hits, real->hits);
    same(w, "atime", (uint64_t)model->atime_ns, (uint64_t)real->atime_ns);
    same(w, "mtime", (uint64_t)model->mtime_ns, (uint64_t)real->mtime_ns);
    same(w, "ctime", (uint64_t)model->ctime_ns, (uint64_t)real->ctime_ns);
    same(w, "btime", (uint64_t)model->btime_ns, (uint64_t)real->btime_ns);
    same(w, "ttl", model->ttl_ms, real->ttl_ms);
    same(w, "idle", model->idle_ms, real->idle_ms);
    same(w, "expires", (uint64_t)model->expires_ms, (uint64_t)real->expires_ms);
    same(w, "used", (uint64_t)model->used_ms, (uint64_t)real->used_ms);
    expect_bytes(w, "tags", model->tags, model->tags_size, real->tags, real->tags_size);
    expect_bytes(w, "xattrs", model->xattrs, model->xattrs_size, real->xattrs, real->xattrs_size);
}

static void expect_same_entry(struct world *w, const struct entry *model, const struct entry *real)
{
    expect_same_attributes(w, model, real);
    expect_counterpart(w, &w->inos, "ino", model->ino, real->ino);
    expect_counterpart(w, &w->inos, "parent", model->parent, real->parent);
    expect_counterpart(w, &w->versions, "version", model->version, real->version);
    if (model->kind == ENTRY_SYMLINK || (model->value && real->value))
        expect_bytes(w, "value in the row", model->value, model->value_size, real->value, real->value_size);
}

/* The entries two functions gave, if they did; releases both. */
static int same_entries(struct world *w, int model_result, int real_result, struct entry *model, struct entry *real)
{
    int result = same_result(w, model_result, real_result);
    if (!w->failed && result == 0)
        expect_same_entry(w, model, real);
    entry_release(model);
    entry_release(real);
    return result;
}

static void compare_lookup(struct world *w, struct pair dir, const char *name)
{
    struct entry model = {0}, real = {0};
    look_at(w, "%" PRIu64 "/%s", dir.model, name);
    int model_result = store_lookup(w->model, dir.model, name, &model);
    int real_result = store_lookup(w->real, dir.real, name, &real);
    if (model_result == 0 && real_result == 0 && model.kind != ENTRY_DIR)
        expect_changes(w, &model, &real);
    if (model_result == 0 && real_result == 0 && model.kind != ENTRY_DIR)
        w->seen[model.version % COUNT(w->seen)] = (struct pair){model.version, real.version};
    same_entries(w, model_result, real_result, &model, &real);
}

static void compare_dir(struct world *w, struct pair dir)
{
    struct entry model = {0}, real = {0};
    look_at(w, "directory %" PRIu64, dir.model);
    int model_result = store_dir(w->model, dir.model, &model), real_result = store_dir(w->real, dir.real, &real);
    same_entries(w, model_result, real_result, &model, &real);
}

static void compare_read(struct world *w, const struct handle *handle, uint64_t offset, size_t size)
{
    size_t got[2] = {0};
    int model = store_read(handle->model, w->buffer[0], size, offset, &got[0]);
    int real = store_read(handle->real, w->buffer[1], size, offset, &got[1]);
    if (same_result(w, model, real) == 0)
        expect_bytes(w, "value", w->buffer[0], got[0], w->buffer[1], got[1]);
}

static void compare_handle(struct world *w, const struct handle *handle)
{
    struct entry model = {0}, real = {0};
    int model_result = store_version_entry(handle->model, &model);
    int real_result = store_version_entry(handle->real, &real);
    if (handle->staged) /* its clock starts when it is published; what it shows before is left open */
        model.expires_ms = real.expires_ms;
    same_entries(w, model_result, real_result, &model, &real);
    same(w, "dead", store_version_dead(handle->model), store_version_dead(handle->real));
    compare_read(w, handle, 0, VALUE_MAX);
}

/* Living tags, or entries of a tag. */
struct tagged {
    char text[1 << 16];
    size_t used;
};

static int tag_one(void *arg, const char *tag)
{
    struct tagged *tagged = arg;
    tagged->used += (size_t)snprintf(tagged->text + tagged->used, sizeof tagged->text - tagged->used, "%s,", tag);
    return tagged->used >= sizeof tagged->text ? -E2BIG : 0;
}

static int entry_one(void *arg, uint64_t dir, const char *name, const struct entry *entry)
{
    struct tagged *tagged = arg;
    (void)dir;
    tagged->used += (size_t)snprintf(tagged->text + tagged->used, sizeof tagged->text - tagged->used, "%s %s %u %zu,",
                                     name, entry->tags, entry->mode, (size_t)entry->size);
    return tagged->used >= sizeof tagged->text ? -E2BIG : 0;
}

static const char *const listed_tags[] = {"red", "blue", "green", "a tag that is longer", "nobody", "a/b"};

static void compare_tags(struct world *w)
{
    static struct tagged model, real; /* too large for a stack */
    model.used = real.used = 0;
    look_at(w, "the list of tags");
    same_result(w, store_list_tags(w->model, NULL, tag_one, &model), store_list_tags(w->real, NULL, tag_one, &real));
    expect_bytes(w, "tags", model.text, model.used, real.text, real.used);
    for (size_t i = 0; i < COUNT(listed_tags) && !w->failed; i++) {
        model.used = real.used = 0;
        look_at(w, "what has the tag %s", listed_tags[i]);
        same_result(w, store_list_tag(w->model, listed_tags[i], 0, entry_one, &model),
                    store_list_tag(w->real, listed_tags[i], 0, entry_one, &real));
        expect_bytes(w, "entries", model.text, model.used, real.text, real.used);
    }
}

static void compare_stats(struct world *w)
{
    struct store_stats model, real;
    look_at(w, "the whole");
    same_result(w, store_settle(w->model), store_settle(w->real));
    store_stats(w->model, &model);
    store_stats(w->real, &real);
    same(w, "stats.bytes", model.bytes, real.bytes);
    same(w, "stats.items", model.items, real.items);
    same(w, "stats.directories", model.directories, real.directories);
    same(w, "stats.pinned", model.pinned, real.pinned);
}

/* --- walking ------------------------------------------------------------------------------------------- */

struct listing {
    char names[NAMES + 1][STORE_NAME_MAX + 1];
    uint64_t inos[NAMES + 1];
    enum entry_kind kinds[NAMES + 1];
    size_t count, most;
};

static int list_one(void *arg, const char *name, const struct entry *entry)
{
    struct listing *listing = arg;
    if (listing->count == listing->most)
        return 1;
    snprintf(listing->names[listing->count], sizeof listing->names[0], "%s", name);
    listing->inos[listing->count] = entry->ino;
    listing->kinds[listing->count++] = entry->kind;
    return 0;
}

/* Lists up to `most` names in both; returns what the model has, with the real ids in *ret_real. */
static struct listing compare_list(struct world *w, struct pair dir, const char *after, size_t most,
                                   struct listing *ret_real)
{
    struct listing model = {.most = most}, real = {.most = most};
    look_at(w, "the listing of %" PRIu64, dir.model);
    int model_result = store_list(w->model, dir.model, after, list_one, &model);
    int real_result = store_list(w->real, dir.real, after, list_one, &real);
    same_result(w, model_result, real_result);
    same(w, "names listed", model.count, real.count);
    for (size_t i = 0; i < model.count && !w->failed; i++) {
        expect_bytes(w, "name", model.names[i], strlen(model.names[i]), real.names[i], strlen(real.names[i]));
        expect_counterpart(w, &w->inos, "ino in a list", model.inos[i], real.inos[i]);
    }
    *ret_real = real;
    return model;
}

static void compare_value(struct world *w, struct pair dir, const char *name)
{
    struct handle handle = {0};
    look_at(w, "the value of %" PRIu64 "/%s", dir.model, name);
    int model = store_pin(w->model, dir.model, name, 0, &handle.model);
    int real = store_pin(w->real, dir.real, name, 0, &handle.real);
    if (same_result(w, model, real) == 0 && !w->failed)
        compare_handle(w, &handle);
    store_unpin(handle.model);
    store_unpin(handle.real);
}

static void compare_tree(struct world *w, struct pair dir)
{
    struct listing real, model = compare_list(w, dir, NULL, NAMES + 1, &real);
    compare_dir(w, dir);
    for (size_t i = 0; i < model.count && !w->failed; i++) {
        compare_lookup(w, dir, model.names[i]);
        if (model.kinds[i] == ENTRY_DIR)
            compare_tree(w, (struct pair){model.inos[i], real.inos[i]});
        else
            compare_value(w, dir, model.names[i]);
    }
}

/* Of every directory that is known, after the real store has caught up. */
static void compare_quotas(struct world *w)
{
    for (size_t i = 0; i < w->dir_count && !w->failed; i++) {
        struct store_quota model = {0}, real = {0};
        look_at(w, "the quota of directory %" PRIu64, w->dirs[i].model);
        int result = store_quota(w->model, w->dirs[i].model, &model);
        same(w, "result", (uint64_t)result, (uint64_t)store_quota(w->real, w->dirs[i].real, &real));
        same(w, "limit of bytes", model.limit_bytes, real.limit_bytes);
        same(w, "limit of items", model.limit_items, real.limit_items);
        same(w, "has a policy", model.has_policy, real.has_policy);
        same(w, "bytes", model.bytes, real.bytes);
        same(w, "items", model.items, real.items);
    }
}

static void compare_everything(struct world *w)
{
    compare_tree(w, (struct pair){STORE_ROOT, STORE_ROOT});
    for (size_t i = 0; i < w->handle_count && !w->failed; i++) {
        look_at(w, "handle %zu", i);
        compare_handle(w, &w->handles[i]);
    }
    if (!w->failed)
        compare_tags(w);
    compare_stats(w);
    compare_quotas(w);
}

/* --- choosing ------------------------------------------------------------------------------------------ */

static const char *const names[NAMES] = {"a", "b", "c", "dd", "e with a longer name than the others have", "\xff", "Z"};

static const char *some_name(struct world *w)
{
    return names[below(w, NAMES)];
}

static struct pair some_dir(struct world *w)
{
    return w->dirs[one_in(w, 3) ? 0 : below(w, (uint32_t)w->dir_count)];
}

static struct handle *some_handle(struct world *w)
{
    return w->handle_count ? &w->handles[below(w, (uint32_t)w->handle_count)] : NULL;
}

/* Mostly small, sometimes around the size where values leave the row, sometimes large. */
static uint32_t some_size(struct world *w)
{
    switch (below(w, 8)) {
    case 0:
        return 4090 + below(w, 12);
    case 1:
        return below(w, VALUE_MAX / 3);
    case 2:
        return below(w, 20000);
    default:
        return below(w, 200);
    }
}

static const void *some_data(struct world *w, size_t size)
{
    return w->data + below(w, (uint32_t)(VALUE_MAX - size));
}

/* Short enough to be over soon; sometimes unset or for ever. */
static uint64_t some_lifetime(struct world *w)
{
    switch (below(w, 6)) {
    case 0:
        return ENTRY_UNSET;
    case 1:
        return ENTRY_FOREVER;
    case 2:
        return 1 + below(w, 20);
    default:
        return 1 + below(w, 2000);
    }
}

static const char *some_tags(struct world *w)
{
    static const char *const tags[] = {"", "red", "blue,red", "red,red,green", "a,,b", "a/b", "a tag that is longer"};
    return tags[below(w, COUNT(tags))];
}

static void choose_xattr(struct world *w, struct entry_change *change)
{
    static const char *const xattrs[] = {"user.a", "user.b", "user.with.a.longer.name", ""};
    change->xattr_name = xattrs[below(w, one_in(w, 8) ? 4 : 3)];
    change->xattr_size = one_in(w, 10) ? below(w, 40000) : below(w, 50);
    change->xattr_value = some_data(w, change->xattr_size);
    change->xattr_how = (enum entry_xattr_how)below(w, 4);
}

static struct entry_change some_change(struct world *w)
{
    static const unsigned sets[] = {ENTRY_SET_MODE,  ENTRY_SET_UID | ENTRY_SET_GID,
                                    ENTRY_SET_ATIME, ENTRY_SET_MTIME,
                                    ENTRY_SET_TTL,   ENTRY_SET_IDLE,
                                    ENTRY_SET_TAGS,  ENTRY_SET_EXPIRES,
                                    ENTRY_SET_XATTR, ENTRY_RESTART};
    struct entry_change change = {.mode = below(w, 010000), .uid = below(w, 5), .gid = below(w, 5)};
    change.set = sets[below(w, COUNT(sets))];
    if (one_in(w, 4))
        change.set |= sets[below(w, COUNT(sets))];
    change.atime_ns = below(w, 1000);
    change.mtime_ns = below(w, 1000);
    change.ttl_ms = some_lifetime(w);
    change.idle_ms = some_lifetime(w);
    change.expires_ms = one_in(w, 4) ? 0 : atomic_load(&w->now_ns) / NS_PER_MS - 100 + below(w, 1000);
    change.tags = some_tags(w);
    choose_xattr(w, &change);
    return change;
}

static void keep_dir(struct world *w, uint64_t model, uint64_t real)
{
    size_t i = w->dir_count < DIRS ? w->dir_count++ : 1 + below(w, DIRS - 1);
    w->dirs[i] = (struct pair){model, real};
}

static void keep_handle(struct world *w, struct handle handle)
{
    if (w->failed || w->handle_count == HANDLES) {
        store_unpin(handle.model);
        store_unpin(handle.real);
        return;
    }
    w->handles[w->handle_count++] = handle;
}

/* --- operations ---------------------------------------------------------------------------------------- */

static int stage_both(struct world *w, struct pair dir, const char *name, struct handle *ret_handle)
{
    uint32_t mode = below(w, 010000), uid = below(w, 5);
    int model = store_stage(w->model, dir.model, name, mode, uid, 7, &ret_handle->model);
    int real = store_stage(w->real, dir.real, name, mode, uid, 7, &ret_handle->real);
    return same_result(w, model, real);
}

static int write_both(struct world *w, const struct handle *handle, const void *data, size_t size, uint64_t offset)
{
    int model = store_write(handle->model, data, size, offset);
    return same_result(w, model, store_write(handle->real, data, size, offset));
}

static int publish_both(struct world *w, struct handle *handle, struct pair dir, const char *name, unsigned flags)
{
    int model = store_publish(handle->model, dir.model, name, flags);
    int result = same_result(w, model, store_publish(handle->real, dir.real, name, flags));
    handle->staged = handle->staged && result < 0;
    return result;
}

static unsigned some_publish_flags(struct world *w)
{
    return (one_in(w, 5) ? STORE_NOREPLACE : 0) | (one_in(w, 5) ? STORE_FRESH : 0);
}

static void op_set(struct world *w)
{
    struct pair dir = some_dir(w);
    const char *name = some_name(w);
    struct handle handle = {0};
    size_t size = some_size(w);
    unsigned flags = some_publish_flags(w);
    note(w, "set %" PRIu64 "/%s of %zu bytes, flags %u", dir.model, name, size, flags);
    int result = stage_both(w, dir, name, &handle);
    if (result == 0)
        result = write_both(w, &handle, some_data(w, size), size, 0);
    if (result == 0)
        publish_both(w, &handle, dir, name, flags);
    store_unpin(handle.model);
    store_unpin(handle.real);
}

static void op_stage(struct world *w)
{
    struct pair dir = some_dir(w);
    const char *name = some_name(w);
    struct handle handle = {0};
    note(w, "stage %" PRIu64 "/%s as handle %zu", dir.model, name, w->handle_count);
    handle.staged = stage_both(w, dir, name, &handle) == 0;
    if (handle.model || handle.real)
        keep_handle(w, handle);
}

static void op_pin(struct world *w)
{
    struct pair dir = some_dir(w);
    const char *name = some_name(w);
    struct handle handle = {0};
    unsigned flags = one_in(w, 2) ? STORE_HIT : 0;
    note(w, "pin %" PRIu64 "/%s as handle %zu%s", dir.model, name, w->handle_count, flags ? ", a hit" : "");
    int model = store_pin(w->model, dir.model, name, flags, &handle.model);
    same_result(w, model, store_pin(w->real, dir.real, name, flags, &handle.real));
    if (handle.model || handle.real)
        keep_handle(w, handle);
}

/* By number. The real store may have forgotten it, unless it is in hand. */
static void op_pin_version(struct world *w)
{
    struct pair id = w->seen[below(w, COUNT(w->seen))];
    struct handle handle = {0};
    unsigned flags = one_in(w, 2) ? STORE_HIT : 0;
    note(w, "pin version %" PRIu64 " as handle %zu%s", id.model, w->handle_count, flags ? ", a hit" : "");
    int real = store_pin_version(w->real, id.real, 0, &handle.real);
    bool forgotten = real == -EAGAIN;
    for (size_t i = 0; i < w->handle_count; i++)
        forgotten = forgotten && store_version_id(w->handles[i].model) != id.model;
    int model = forgotten ? -EAGAIN : store_pin_version(w->model, id.model, flags, &handle.model);
    same_result(w, model, real);
    if (real == 0 && flags) {
        struct store_version *again = NULL;
        same_result(w, 0, store_pin_version(w->real, id.real, flags, &again));
        store_unpin(again);
    }
    w->found += real == 0;
    if (handle.model || handle.real)
        keep_handle(w, handle);
}

static void op_repin(struct world *w)
{
    struct handle *handle = some_handle(w), again;
    if (!handle)
        return;
    note(w, "pin handle %td again as handle %zu", handle - w->handles, w->handle_count);
    again = (struct handle){store_repin(handle->model), store_repin(handle->real), handle->staged};
    keep_handle(w, again);
}

static void op_unpin(struct world *w)
{
    struct handle *handle = some_handle(w);
    if (!handle)
        return;
    note(w, "unpin handle %td, the last one becomes it", handle - w->handles);
    store_unpin(handle->model);
    store_unpin(handle->real);
    *handle = w->handles[--w->handle_count];
}

static bool is_link(const struct handle *handle)
{
    struct entry entry = {0};
    bool link = store_version_entry(handle->model, &entry) == 0 && entry.kind == ENTRY_SYMLINK;
    entry_release(&entry);
    return link;
}

static void op_write(struct world *w)
{
    struct handle *handle = some_handle(w);
    if (!handle || is_link(handle))
        return;
    size_t size = some_size(w);
    uint64_t offset = one_in(w, 3) ? STORE_AT_END : some_size(w);
    note(w, "write %zu bytes at %" PRId64 " into handle %td", size, (int64_t)offset, handle - w->handles);
    write_both(w, handle, some_data(w, size), size, offset);
}

static void op_resize(struct world *w)
{
    struct handle *handle = some_handle(w);
    if (!handle || is_link(handle))
        return;
    uint64_t size = one_in(w, 20) ? UINT64_MAX - below(w, 3) : some_size(w);
    note(w, "resize handle %td to %" PRIu64, handle - w->handles, size);
    int model = store_resize(handle->model, size);
    same_result(w, model, store_resize(handle->real, size));
}

static void op_read(struct world *w)
{
    struct handle *handle = some_handle(w);
    if (!handle)
        return;
    uint64_t offset = some_size(w);
    size_t size = some_size(w);
    note(w, "read %zu bytes at %" PRIu64 " of handle %td", size, offset, handle - w->handles);
    compare_read(w, handle, offset, size);
}

static void op_change(struct world *w)
{
    struct handle *handle = some_handle(w);
    if (!handle)
        return;
    struct entry_change change = some_change(w);
    note(w, "change %#x of handle %td (ttl %" PRId64 ", idle %" PRId64 ", expires %" PRId64 ")", change.set,
         handle - w->handles, (int64_t)change.ttl_ms, (int64_t)change.idle_ms, change.expires_ms);
    int model = store_change(handle->model, &change);
    same_result(w, model, store_change(handle->real, &change));
}

/* What setxattr on a path does. */
static void op_change_by_name(struct world *w)
{
    struct pair dir = some_dir(w);
    const char *name = some_name(w);
    struct handle handle = {0};
    struct entry_change change = some_change(w);
    note(w, "change %#x of %" PRIu64 "/%s (ttl %" PRId64 ", idle %" PRId64 ", expires %" PRId64 ")", change.set,
         dir.model, name, (int64_t)change.ttl_ms, (int64_t)change.idle_ms, change.expires_ms);
    int result = store_pin(w->model, dir.model, name, 0, &handle.model);
    same_result(w, result, store_pin(w->real, dir.real, name, 0, &handle.real));
    if (!w->failed && result == 0) {
        result = store_change(handle.model, &change);
        same_result(w, result, store_change(handle.real, &change));
    }
    store_unpin(handle.model);
    store_unpin(handle.real);
}

static void op_change_dir(struct world *w)
{
    struct pair dir = some_dir(w);
    struct entry model = {0}, real = {0};
    struct entry_change change = some_change(w);
    note(w, "change %#x of directory %" PRIu64 " (ttl %" PRId64 ", idle %" PRId64 ", tags %s)", change.set, dir.model,
         (int64_t)change.ttl_ms, (int64_t)change.idle_ms, change.tags);
    int model_result = store_change_dir(w->model, dir.model, &change, &model);
    int real_result = store_change_dir(w->real, dir.real, &change, &real);
    same_entries(w, model_result, real_result, &model, &real);
}

static void op_publish(struct world *w)
{
    struct handle *handle = some_handle(w);
    if (!handle)
        return;
    struct pair dir = some_dir(w);
    const char *name = some_name(w);
    unsigned flags = some_publish_flags(w);
    note(w, "publish handle %td as %" PRIu64 "/%s, flags %u", handle - w->handles, dir.model, name, flags);
    publish_both(w, handle, dir, name, flags);
}

static void op_remove(struct world *w)
{
    struct pair dir = some_dir(w);
    const char *name = some_name(w);
    note(w, "remove %" PRIu64 "/%s", dir.model, name);
    int model = store_remove(w->model, dir.model, name);
    same_result(w, model, store_remove(w->real, dir.real, name));
}

static void op_remove_dir(struct world *w)
{
    struct pair dir = some_dir(w);
    const char *name = some_name(w);
    note(w, "remove directory %" PRIu64 "/%s", dir.model, name);
    int model = store_remove_dir(w->model, dir.model, name);
    same_result(w, model, store_remove_dir(w->real, dir.real, name));
}

/* Sometimes some, sometimes all, sometimes of one owner. */
static void op_clear(struct world *w)
{
    struct pair dir = some_dir(w);
    struct store_clearing model = {0};
    uint64_t most = 1 + below(w, 4);
    bool whole = one_in(w, 2);
    model.owned = one_in(w, 3);
    model.uid = 3;
    struct store_clearing real = model;
    note(w, "clear %" PRIu64 ", %" PRIu64 " at a time%s%s", dir.model, most, whole ? ", all" : "",
         model.owned ? ", of user 3" : "");
    do {
        int result = same_result(w, store_clear(w->model, dir.model, most, &model, NULL, NULL),
                                 store_clear(w->real, dir.real, most, &real, NULL, NULL));
        if (result < 0)
            return;
        same(w, "removed", model.removed, real.removed);
    } while (whole && !w->failed && !(model.done && real.done));
    if (model.done && real.done)
        same(w, "left", model.left, real.left);
}

static void op_expire(struct world *w)
{
    uint64_t model, real;
    bool more;
    note(w, "expire");
    int result = store_expire(w->model, UINT64_MAX, &model, &more);
    same_result(w, result, store_expire(w->real, UINT64_MAX, &real, &more)); /* the keeper may have been quicker */
}

static void op_make_dir(struct world *w)
{
    struct pair dir = some_dir(w);
    const char *name = some_name(w);
    struct entry model = {0}, real = {0};
    uint32_t mode = below(w, 010000);
    note(w, "make directory %" PRIu64 "/%s", dir.model, name);
    int model_result = store_make_dir(w->model, dir.model, name, mode, 3, 4, &model);
    int real_result = store_make_dir(w->real, dir.real, name, mode, 3, 4, &real);
    if (model_result == 0 && real_result == 0)
        keep_dir(w, model.ino, real.ino);
    same_entries(w, model_result, real_result, &model, &real);
}

static void op_make_symlink(struct world *w)
{
    struct pair dir = some_dir(w);
    const char *name = some_name(w), *target = one_in(w, 10) ? "" : some_name(w);
    struct entry model = {0}, real = {0};
    note(w, "make link %" PRIu64 "/%s to %s", dir.model, name, target);
    int model_result = store_make_symlink(w->model, dir.model, name, target, 3, 4, &model);
    int real_result = store_make_symlink(w->real, dir.real, name, target, 3, 4, &real);
    same_entries(w, model_result, real_result, &model, &real);
}

static void op_rename(struct world *w)
{
    struct pair dir = some_dir(w), new_dir = one_in(w, 2) ? dir : some_dir(w);
    const char *name = some_name(w), *new_name = some_name(w);
    unsigned flags = one_in(w, 2) ? 0 : below(w, 4);
    note(w, "rename %" PRIu64 "/%s to %" PRIu64 "/%s, flags %u", dir.model, name, new_dir.model, new_name, flags);
    int model = store_rename(w->model, dir.model, name, new_dir.model, new_name, flags);
    same_result(w, model, store_rename(w->real, dir.real, name, new_dir.real, new_name, flags));
    if (model == 0 && store_settle(w->real) < 0) /* what a directory takes along is counted in the background */
        differ(w, "settle", 0, -1);
}

/* No policy evicts here, so that what does not fit is refused by both. */
static void op_set_quota(struct world *w)
{
    static const uint64_t bytes[] = {0, 0, 1000, 20000, 200000, 100 * MIB}, items[] = {0, 0, 2, 5, 1000};
    static const unsigned all[] = {STORE_QUOTA_BYTES, STORE_QUOTA_ITEMS, STORE_QUOTA_POLICY,
                                   STORE_QUOTA_BYTES | STORE_QUOTA_ITEMS | STORE_QUOTA_POLICY};
    struct pair dir = some_dir(w);
    unsigned fields = all[below(w, COUNT(all))];
    struct store_quota quota = {.limit_bytes = bytes[below(w, COUNT(bytes))],
                                .limit_items = items[below(w, COUNT(items))],
                                .has_policy = one_in(w, 2),
                                .policy = STORE_POLICY_NONE};
    note(w, "set quota of %" PRIu64 ", fields %u: %" PRIu64 " bytes, %" PRIu64 " items, %s", dir.model, fields,
         quota.limit_bytes, quota.limit_items, quota.has_policy ? "none" : "-");
    int model = store_set_quota(w->model, dir.model, fields, &quota);
    same_result(w, model, store_set_quota(w->real, dir.real, fields, &quota));
}

static void op_lookup(struct world *w)
{
    struct pair dir = some_dir(w);
    const char *name = some_name(w);
    note(w, "look up %" PRIu64 "/%s", dir.model, name);
    compare_lookup(w, dir, name);
}

static void op_list(struct world *w)
{
    struct pair dir = some_dir(w);
    const char *after = one_in(w, 3) ? NULL : some_name(w);
    struct listing real;
    note(w, "list %" PRIu64 " after %s", dir.model, after ? after : "nothing");
    compare_list(w, dir, after, one_in(w, 2) ? NAMES + 1 : 2, &real);
}

/* store_list_quotas()'s each: 1 ends it. */
static int exceeds(void *arg, uint64_t dir, const struct store_quota *quota)
{
    (void)arg, (void)dir;
    return (quota->limit_bytes && quota->bytes > quota->limit_bytes) ||
           (quota->limit_items && quota->items > quota->limit_items);
}

/* Where a quota is exceeded, by what was moved or was there before, what expired and still counts in the real store makes
 * a difference: what is stored in its place takes nothing more. In the model it may have expired already. */
static void expire_where_exceeded(struct world *w)
{
    bool exceeded = store_list_quotas(w->real, exceeds, NULL) == 1 || store_list_quotas(w->model, exceeds, NULL) == 1;
    if (exceeded && store_settle(w->real) < 0)
        differ(w, "settle", 0, -1);
}

static void op_advance(struct world *w)
{
    int64_t ns = one_in(w, 4) ? below(w, NS_PER_MS) : (int64_t)below(w, one_in(w, 15) ? 3000 : 60) * NS_PER_MS;
    if (one_in(w, 300))
        ns = (int64_t)86400 * 1000 * NS_PER_MS;
    note(w, "advance by %" PRId64 " us", ns / 1000);
    atomic_fetch_add(&w->now_ns, ns);
    expire_where_exceeded(w);
}

static void op_invalidate(struct world *w)
{
    const char *tag = listed_tags[below(w, COUNT(listed_tags))];
    note(w, "invalidate %s", tag);
    int model = store_invalidate_tag(w->model, tag);
    same_result(w, model, store_invalidate_tag(w->real, tag));
    w->invalidated++;
}

static void op_list_tags(struct world *w)
{
    note(w, "list tags");
    compare_tags(w);
}

static void op_settle(struct world *w)
{
    note(w, "settle");
    compare_stats(w);
}

static void compare_value_then(struct world *w, uint64_t size)
{
    size_t got[2] = {0};
    uint64_t at = size > VALUE_MAX ? 0 : below(w, (uint32_t)size + 10);
    int model = store_snapshot_read(w->model_then, w->buffer[0], VALUE_MAX, at, &got[0]);
    int real = store_snapshot_read(w->real_then, w->buffer[1], VALUE_MAX, at, &got[1]);
    if (same_result(w, model, real) == 0)
        expect_bytes(w, "bytes then", w->buffer[0], got[0], w->buffer[1], got[1]);
}

static void close_snapshots(struct world *w)
{
    store_snapshot_close(w->model_then);
    store_snapshot_close(w->real_then);
    w->model_then = w->real_then = NULL;
}

static void compare_snapshots(struct world *w)
{
    for (int result = 0; result == 0 && !w->failed;) {
        const char *path[2] = {"", ""};
        const struct entry *model, *real;
        int model_result = store_snapshot_next(w->model_then, &path[0], &model);
        int real_result = store_snapshot_next(w->real_then, &path[1], &real);
        look_at(w, "%s then, or %s", path[0], path[1]);
        if (!same(w, "what a snapshot says", (uint64_t)model_result, (uint64_t)real_result))
            break;
        result = model_result;
        if (result != 0)
            break;
        struct entry real_as_counted = *real;
        real_as_counted.hits = model->hits; /* it may know of fewer */
        expect_bytes(w, "path", path[0], strlen(path[0]), path[1], strlen(path[1]));
        expect_same_entry(w, model, &real_as_counted);
        if (model->kind == ENTRY_FILE && !w->failed)
            compare_value_then(w, model->size);
    }
    close_snapshots(w);
}

/* Takes one, and later compares it, when much has changed. */
static void op_snapshot(struct world *w)
{
    note(w, "snapshot: %s", w->model_then ? "compare" : "take");
    if (w->model_then)
        compare_snapshots(w);
    else
        same_result(w, store_snapshot_open(w->model, &w->model_then), store_snapshot_open(w->real, &w->real_then));
}

static void open_real(struct world *w)
{
    struct store_error error;
    if (store_open(w->url, &w->options, &w->real, &error) == 0)
        return;
    w->real = NULL;
    printf("%s: %s\n", w->url, error.text);
    differ(w, "open", 0, -1);
}

static void print_finding(void *arg, const struct store_finding *finding)
{
    (void)arg;
    printf("%s: %s\n", store_fault_name(finding->fault), finding->text);
}

/* Both are as they should be, whatever is in hand. */
static void check_both(struct world *w)
{
    const struct store_watch watch = {.found = print_finding};
    struct store_checked model = {0}, real = {0};
    int model_result = store_check(w->model, &watch, &model), real_result = store_check(w->real, &watch, &real);
    if (model_result < 0 || model.left > 0 || real_result < 0 || real.left > 0)
        differ(w, "check", (int64_t)model.left, (int64_t)real.left);
}

static void op_reopen(struct world *w)
{
    if (w->handle_count > 0 || strcmp(w->url, "mem:") == 0)
        return;
    note(w, "close and open");
    close_snapshots(w);
    check_both(w);
    if (w->failed)
        return;
    store_close(w->real);
    open_real(w);
    w->reopened++;
    if (!w->failed)
        compare_everything(w);
}

static const struct operation {
    void (*run)(struct world *w);
    unsigned weight;
} operations[] = {
    {op_set, 30},      {op_stage, 8},   {op_pin, 12},         {op_unpin, 14},         {op_write, 20},
    {op_resize, 8},    {op_read, 8},    {op_change, 10},      {op_change_by_name, 8}, {op_change_dir, 5},
    {op_publish, 12},  {op_remove, 6},  {op_remove_dir, 5},   {op_make_dir, 8},       {op_make_symlink, 4},
    {op_rename, 22},   {op_lookup, 10}, {op_list, 6},         {op_advance, 25},       {op_settle, 3},
    {op_reopen, 2},    {op_repin, 2},   {op_pin_version, 20}, {op_invalidate, 3},     {op_list_tags, 3},
    {op_set_quota, 5}, {op_clear, 2},   {op_expire, 2},       {op_snapshot, 4},
};

/* --- a run --------------------------------------------------------------------------------------------- */

static void one_step(struct world *w)
{
    uint32_t total = 0, chosen;
    for (size_t i = 0; i < COUNT(operations); i++)
        total += operations[i].weight;
    chosen = below(w, total);
    size_t i = 0;
    while (chosen >= operations[i].weight)
        chosen -= operations[i++].weight;
    note(w, "-");
    look_at(w, "the operation");
    operations[i].run(w);
    if (!w->failed && w->step % WALK_EVERY == 0)
        compare_everything(w);
}

static int64_t world_now_ns(void *arg)
{
    return atomic_load(&((struct world *)arg)->now_ns);
}

/* Every third world is one without eviction and with limits that are met: both must refuse the same. */
static void choose_options(struct world *w, uint64_t seed)
{
    w->options = (struct store_options){.limit_bytes = 1024 * MIB, .now_ns = world_now_ns, .now_arg = w};
    w->options.policy = STORE_POLICY_NONE;
    w->options.cache_bytes = 4 * MIB;
    w->options.ttl_ms = seed % 2 ? 5000 : 0;
    if (seed % 3 == 0) {
        w->options.limit_bytes = MIB;
        w->options.limit_items = 20;
    }
}

static void open_both(struct world *w)
{
    struct store_error error;
    if (store_open("mem:", &w->options, &w->model, &error) < 0) {
        printf("mem: %s\n", error.text);
        w->model = NULL;
        w->failed = true;
    }
    open_real(w);
}

static void close_both(struct world *w)
{
    close_snapshots(w);
    if (!w->failed)
        check_both(w);
    while (w->handle_count > 0) {
        store_unpin(w->handles[--w->handle_count].model);
        store_unpin(w->handles[w->handle_count].real);
    }
    store_close(w->model);
    store_close(w->real);
}

static void free_world(struct world *w)
{
    free(w->inos.forth);
    free(w->inos.back);
    free(w->versions.forth);
    free(w->versions.back);
    free(w->data);
    free(w->buffer[0]);
    free(w->buffer[1]);
    free(w);
}

static struct world *new_world(uint64_t seed, const char *url)
{
    struct world *w = calloc(1, sizeof *w);
    if (!w)
        abort();
    w->random = seed;
    atomic_store(&w->now_ns, START_NS);
    snprintf(w->url, sizeof w->url, "%s", url);
    w->dirs[0] = (struct pair){STORE_ROOT, STORE_ROOT};
    w->dir_count = 1;
    w->data = malloc(VALUE_MAX);
    w->buffer[0] = malloc(VALUE_MAX);
    w->buffer[1] = malloc(VALUE_MAX);
    if (!w->data || !w->buffer[0] || !w->buffer[1])
        abort();
    for (size_t i = 0; i < VALUE_MAX; i++)
        w->data[i] = (uint8_t)(below(w, 255) + 1);
    choose_options(w, seed);
    return w;
}

static bool run(uint64_t seed, unsigned steps, const char *url)
{
    printf("seed %" PRIu64 ": ", seed);
    fflush(stdout);
    struct world *w = new_world(seed, url);
    open_both(w);
    while (!w->failed && w->step < steps) {
        w->step++;
        one_step(w);
    }
    if (!w->failed)
        compare_everything(w);
    bool agreed = !w->failed;
    if (agreed)
        printf("%u steps agree, closed and opened %u times, %u versions found by number\n", w->step, w->reopened,
               w->found);
    else
        printf("to see it again: LARDER_SEED=%" PRIu64 "\n", seed);
    close_both(w);
    free_world(w);
    return agreed;
}

/* A run in a directory of its own, unless LARDER_REAL says what to compare with. */
static bool run_in_place(uint64_t seed, unsigned steps)
{
    const char *base = getenv("TMPDIR"), *real = getenv("LARDER_REAL");
    char dir[300], url[400];
    if (real)
        return run(seed, steps, real);
    snprintf(dir, sizeof dir, "%s/larder-model-XXXXXX", base ? base : "/tmp");
    if (!mkdtemp(dir)) {
        perror(dir);
        return false;
    }
    snprintf(url, sizeof url, "rocksdb:%s/store", dir);
    bool agreed = run(seed, steps, url);
    remove_tree(dir);
    return agreed;
}

int main(void)
{
    const char *seed_text = getenv("LARDER_SEED"), *steps_text = getenv("LARDER_STEPS");
    setvbuf(stdout, NULL, _IOLBF, 0); /* what was said before a crash is seen */
    unsigned steps = steps_text ? (unsigned)strtoul(steps_text, NULL, 10) : STEPS;
    if (seed_text)
        return !run_in_place(strtoull(seed_text, NULL, 10), steps);
    uint64_t first = (uint64_t)time(NULL) % 1000000 * 10;
    for (uint64_t i = 0; i < SEEDS; i++)
        if (!run_in_place(first + i, steps))
            return 1;
    return 0;
}
