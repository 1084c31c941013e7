/* SPDX-License-Identifier: MIT */
/*
 * powerloss.c - what a store on disk is after the machine lost its power: it opens, it is as it was after some operation
 * that is not older than the last store_sync(), every value is whole, and a check of every invariant finds nothing.
 *
 *     powerloss            a sample: a few moments, and of each some borders of blocks
 *     powerloss all        more moments, every border of 512 bytes
 *     LARDER_SEED=n        which operations
 *     LARDER_VERBOSE=1     a line a case
 *
 * One process works on a store and keeps moments of it. It sees each fsync() and fdatasync() of the engine and of RocksDB,
 * for this program's own functions of these names come before the C library's, and so it knows of every file up to which
 * byte it must be there, and of the directory which names. Of the rest anything may be there. Another process builds what
 * a power loss may have left at that moment, and looks at it:
 *
 *     nothing of what was not synced: files end there, names made or removed since the directory was synced are not, or are
 *     what was written last to a log, cut off at a border between blocks
 *     the same, but the file has its length already, and the rest is zeroes
 *     one block of it zeroes, and those behind it written
 *
 * The operations follow from the seed alone, so both processes know every state. In some cases it is then changed, crashes
 * again without having been closed, and must be right once more.
 */
#include "scratch.h"
#include "store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { OPERATIONS = 400, NODES_MAX = 64, FILES_MAX = 128, MOMENTS_MAX = 64, NAME_SIZE = 64 };
enum { LARGE_SIZE = 100 << 20, VALUE_MAX = 300000 };
#define NOW_NS INT64_C(1700000000000000000)

static char base[200], live[240], shadow[240], work[240];
static bool verbose, all;
static unsigned seed;
static int64_t clock_ns = NOW_NS;

__attribute__((noreturn)) static void die(const char *what)
{
    printf("%s: %s\n", what, strerror(errno));
    exit(99);
}

static void need(int result, const char *what)
{
    if (result == 0)
        return;
    printf("%s: %s\n", what, strerror(-result));
    exit(99);
}

/* --- what the medium has for certain -------------------------------------------------------------------- */

/* A file of the store, by its inode; its content stays to be had in `shadow` when its name goes. */
struct medium_file {
    ino_t ino;
    off_t synced; /* bytes that are there for certain */
};

/* A name that is there for certain. */
struct medium_name {
    char name[NAME_SIZE];
    ino_t ino;
};

static struct {
    pthread_mutex_t lock;
    bool watching;
    struct medium_file files[1024];
    size_t files_count;
    struct medium_name names[FILES_MAX];
    size_t names_count;
} medium = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct medium_file *file_locked(ino_t ino)
{
    for (size_t i = 0; i < medium.files_count; i++)
        if (medium.files[i].ino == ino)
            return &medium.files[i];
    if (medium.files_count == sizeof medium.files / sizeof *medium.files)
        die("too many files");
    struct medium_file *file = &medium.files[medium.files_count++];
    *file = (struct medium_file){.ino = ino};
    return file;
}

static bool is_store(const struct stat *stat)
{
    struct stat dir;
    return lstat(live, &dir) == 0 && dir.st_ino == stat->st_ino && dir.st_dev == stat->st_dev;
}

static void keep_content(const char *name, ino_t ino)
{
    char from[400], to[400];
    snprintf(from, sizeof from, "%s/%.60s", live, name);
    snprintf(to, sizeof to, "%s/%llu", shadow, (unsigned long long)ino);
    if (link(from, to) < 0 && errno != EEXIST && errno != ENOENT)
        die(to);
}

/* The names it has now. */
static void note_names_locked(void)
{
    DIR *dir = opendir(live);
    medium.names_count = 0;
    for (const struct dirent *item; dir && (item = readdir(dir));) {
        if (item->d_type != DT_REG || medium.names_count == FILES_MAX)
            continue;
        struct medium_name *name = &medium.names[medium.names_count++];
        snprintf(name->name, sizeof name->name, "%.63s", item->d_name);
        name->ino = item->d_ino;
        keep_content(name->name, name->ino);
        (void)file_locked(name->ino);
    }
    if (dir)
        closedir(dir);
}

/* What was written before the call is there after it. */
static int sync_noted(int fd, long number)
{
    struct stat stat;
    if (!medium.watching || fstat(fd, &stat) < 0)
        return (int)syscall(number, fd);
    pthread_mutex_lock(&medium.lock);
    int result = (int)syscall(number, fd);
    if (result == 0 && S_ISDIR(stat.st_mode) && is_store(&stat))
        note_names_locked();
    else if (result == 0 && S_ISREG(stat.st_mode))
        file_locked(stat.st_ino)->synced = stat.st_size;
    pthread_mutex_unlock(&medium.lock);
    return result;
}

int fsync(int fd)
{
    return sync_noted(fd, SYS_fsync);
}

int fdatasync(int fd)
{
    return sync_noted(fd, SYS_fdatasync);
}

/* --- files ---------------------------------------------------------------------------------------------- */

static void make_dir_or_die(const char *path)
{
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        die(path);
}

/* Up to `size` bytes. Only RocksDB's tables are never written to again: those are shared. */
static void copy_file(const char *from, const char *to, off_t size)
{
    static char buffer[1 << 20];
    int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ssize_t got = 1;
    if (in < 0 || out < 0)
        die(from);
    for (; size > 0 && got > 0; size -= got) {
        got = read(in, buffer, size < (off_t)sizeof buffer ? (size_t)size : sizeof buffer);
        if (got < 0 || write(out, buffer, (size_t)got) != got)
            die(to);
    }
    close(in);
    close(out);
}

static bool ends_with(const char *name, const char *end)
{
    size_t size = strlen(name), end_size = strlen(end);
    return size > end_size && strcmp(name + size - end_size, end) == 0;
}

/* --- moments -------------------------------------------------------------------------------------------- */

/* A file as it was then. Its content is a file of the moment's directory, called by its number here. */
struct moment_file {
    char name[NAME_SIZE];
    off_t size, synced;
    bool named, certain; /* it had the name then, and has it for certain. A name may have two files: before and after */
};

struct moment {
    unsigned synced, done; /* operations */
    struct moment_file files[FILES_MAX];
    size_t count;
};

static unsigned moments_count;

static void moment_path(unsigned moment, char path[300])
{
    snprintf(path, 300, "%s/moment-%u", base, moment);
}

static bool is_certain_locked(const char *name, ino_t ino)
{
    for (size_t i = 0; i < medium.names_count; i++)
        if (medium.names[i].ino == ino && strcmp(medium.names[i].name, name) == 0)
            return true;
    return false;
}

static void keep_file_locked(struct moment *moment, const char *path, const char *name, const char *from, ino_t ino,
                             bool named)
{
    char to[400];
    struct stat stat;
    if (lstat(from, &stat) < 0)
        return; /* it has gone this moment */
    if (moment->count == FILES_MAX)
        die("too many files");
    struct moment_file *file = &moment->files[moment->count];
    snprintf(file->name, sizeof file->name, "%.63s", name);
    file->size = stat.st_size;
    file->synced = file_locked(ino)->synced;
    file->named = named;
    file->certain = is_certain_locked(name, ino);
    snprintf(to, sizeof to, "%.300s/%zu", path, moment->count++);
    if (!ends_with(name, ".sst") || link(from, to) < 0)
        copy_file(from, to, file->size);
}

static void keep_moment(unsigned synced, unsigned done)
{
    static struct moment moment;
    char path[300], from[400];
    moment = (struct moment){.synced = synced, .done = done};
    moment_path(moments_count++, path);
    make_dir_or_die(path);
    pthread_mutex_lock(&medium.lock);
    DIR *dir = opendir(live);
    for (const struct dirent *item; dir && (item = readdir(dir));) {
        snprintf(from, sizeof from, "%s/%.63s", live, item->d_name);
        if (item->d_type == DT_REG)
            keep_file_locked(&moment, path, item->d_name, from, item->d_ino, true);
    }
    if (!dir)
        die(live);
    closedir(dir);
    for (size_t i = 0; i < medium.names_count; i++) {
        const struct medium_name *name = &medium.names[i];
        struct stat stat;
        snprintf(from, sizeof from, "%s/%.63s", live, name->name);
        if (lstat(from, &stat) == 0 && stat.st_ino == name->ino)
            continue;
        snprintf(from, sizeof from, "%s/%llu", shadow, (unsigned long long)name->ino);
        keep_file_locked(&moment, path, name->name, from, name->ino, false);
    }
    pthread_mutex_unlock(&medium.lock);
    snprintf(from, sizeof from, "%.300s/moment", path);
    FILE *out = fopen(from, "w");
    if (!out || fwrite(&moment, sizeof moment, 1, out) != 1 || fclose(out) != 0)
        die(from);
}

static bool load_moment(unsigned number, struct moment *ret_moment)
{
    char path[300], from[400];
    moment_path(number, path);
    snprintf(from, sizeof from, "%.300s/moment", path);
    FILE *in = fopen(from, "r");
    bool there = in && fread(ret_moment, sizeof *ret_moment, 1, in) == 1;
    if (in)
        fclose(in);
    return there;
}

/* --- operations ----------------------------------------------------------------------------------------- */

struct node {
    bool there, dir, tagged[2];
    int parent; /* a node's number; the root's is 0 */
    unsigned name, generation;
    size_t size;
    int64_t expires_ms; /* 0 never */
};

enum kind { SET, APPEND, REMOVE, RENAME, MAKE_DIR, REMOVE_DIR, INVALIDATE, CLEAR, ADVANCE, SYNC, SET_LARGE, REOPEN };

struct operation {
    enum kind kind;
    int node, parent; /* what it is about, and where it goes */
    unsigned name;
    struct node value; /* SET: as it will be */
};

struct model {
    struct node nodes[NODES_MAX]; /* 0 is the root */
    uint64_t random;
    unsigned generation;
    int64_t now_ms;
    bool large; /* the other plan, about one value that fills files of its own */
};

static unsigned below(struct model *model, unsigned end)
{
    model->random = model->random * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)((model->random >> 33) % end);
}

static void model_begin(struct model *model, bool large)
{
    *model = (struct model){.random = seed * 2654435761u + 1, .now_ms = NOW_NS / 1000000, .large = large};
    model->nodes[0] = (struct node){.there = true, .dir = true};
}

static bool is_alive(const struct model *model, int number)
{
    const struct node *node = &model->nodes[number];
    return node->there && (node->expires_ms == 0 || node->expires_ms > model->now_ms);
}

/* One that is there, of this kind; -1 none. */
static int some_node(struct model *model, bool dir)
{
    unsigned start = below(model, NODES_MAX);
    for (unsigned i = 0; i < NODES_MAX; i++) {
        int number = (int)((start + i) % NODES_MAX);
        if (is_alive(model, number) && model->nodes[number].dir == dir)
            return number;
    }
    return -1;
}

static int node_at(const struct model *model, int parent, unsigned name)
{
    for (int i = 1; i < NODES_MAX; i++)
        if (is_alive(model, i) && model->nodes[i].parent == parent && model->nodes[i].name == name)
            return i;
    return -1;
}

static bool is_empty(const struct model *model, int dir)
{
    for (int i = 1; i < NODES_MAX; i++)
        if (is_alive(model, i) && model->nodes[i].parent == dir)
            return false;
    return true;
}

static bool lies_in(const struct model *model, int number, int dir)
{
    for (; number != 0; number = model->nodes[number].parent)
        if (number == dir)
            return true;
    return false;
}

static int free_node(const struct model *model)
{
    for (int i = 1; i < NODES_MAX; i++)
        if (!is_alive(model, i))
            return i;
    return -1;
}

static bool choose_set(struct model *model, struct operation *op)
{
    static const size_t sizes[] = {0, 1, 100, 100, 1000, 4096, 4097, 20000, 32768, 70000, VALUE_MAX};
    op->parent = some_node(model, true);
    op->name = below(model, 8);
    op->node = node_at(model, op->parent, op->name);
    if (op->node >= 0 && model->nodes[op->node].dir)
        return false;
    if (op->node < 0 && (op->node = free_node(model)) < 0)
        return false;
    op->value = (struct node){.there = true,
                              .parent = op->parent,
                              .name = op->name,
                              .generation = ++model->generation,
                              .size = sizes[below(model, sizeof sizes / sizeof *sizes)]};
    op->value.tagged[0] = below(model, 4) == 0;
    op->value.tagged[1] = below(model, 6) == 0;
    if (below(model, 8) == 0)
        op->value.expires_ms = model->now_ms + 1000 + below(model, 10) * 1000;
    return true;
}

static bool choose_rename(struct model *model, struct operation *op)
{
    bool dir = below(model, 2) == 0;
    op->node = some_node(model, dir);
    op->parent = some_node(model, true);
    op->name = below(model, 8) + (dir ? 100 : 0);
    if (op->node <= 0 || lies_in(model, op->parent, op->node))
        return false;
    int there = node_at(model, op->parent, op->name);
    return there < 0 || (there != op->node && !dir);
}

static bool choose_dir(struct model *model, struct operation *op)
{
    op->parent = some_node(model, true);
    op->name = 100 + below(model, 8);
    op->node = free_node(model);
    return op->node >= 0 && node_at(model, op->parent, op->name) < 0;
}

/* False: nothing of that kind can be done now. */
static bool choose(struct model *model, struct operation *op)
{
    static const enum kind kinds[] = {SET,    SET,    SET,      SET,        SET,        SET,   APPEND,  APPEND, REMOVE,
                                      RENAME, RENAME, MAKE_DIR, REMOVE_DIR, INVALIDATE, CLEAR, ADVANCE, SYNC};
    *op = (struct operation){.kind = kinds[below(model, sizeof kinds / sizeof *kinds)]};
    switch (op->kind) {
    case SET:
        return choose_set(model, op);
    case RENAME:
        return choose_rename(model, op);
    case MAKE_DIR:
        return choose_dir(model, op);
    case REMOVE:
        return (op->node = some_node(model, false)) >= 0;
    case APPEND:
        op->node = some_node(model, false);
        return op->node >= 0 && model->nodes[op->node].size + 5000 <= VALUE_MAX &&
               model->nodes[op->node].expires_ms == 0; /* else that would begin anew */
    case REMOVE_DIR:
        op->node = some_node(model, true);
        return op->node > 0 && is_empty(model, op->node);
    case CLEAR:
        return (op->node = some_node(model, true)) >= 0 && below(model, 6) == 0;
    case ADVANCE:
        op->name = below(model, 3000);
        return true;
    default:
        op->name = below(model, 2);
        return true;
    }
}

/* A large value that is replaced, removed, and has its chunks removed: what was synced before is not to suffer. */
static void choose_large(unsigned number, struct operation *op)
{
    static const struct operation plan[] = {{.kind = SET, .node = 1, .value = {.there = true, .size = 100}},
                                            {.kind = SET_LARGE, .node = 2},
                                            {.kind = SYNC},
                                            {.kind = SET, .node = 1, .value = {.there = true, .size = 5000}},
                                            {.kind = REMOVE, .node = 2}};
    *op = plan[number];
    op->value.generation = number + 1;
    op->value.name = (unsigned)op->node;
    if (op->kind == SET_LARGE) {
        op->value.there = true;
        op->value.size = LARGE_SIZE;
    }
}
enum { LARGE_OPERATIONS = 5 };

static void next_operation(struct model *model, unsigned number, struct operation *op)
{
    if (model->large) {
        choose_large(number, op);
        return;
    }
    if (number % 150 == 149) {
        *op = (struct operation){.kind = REOPEN};
        return;
    }
    while (!choose(model, op))
        ;
}

static void model_apply(struct model *model, const struct operation *op)
{
    struct node *node = &model->nodes[op->node];
    switch (op->kind) {
    case SET:
    case SET_LARGE:
        *node = op->value;
        return;
    case APPEND:
        node->size += 5000;
        return;
    case REMOVE:
    case REMOVE_DIR:
        node->there = false;
        return;
    case RENAME: {
        int replaced = node_at(model, op->parent, op->name);
        if (replaced >= 0)
            model->nodes[replaced].there = false;
        node->parent = op->parent;
        node->name = op->name;
        return;
    }
    case MAKE_DIR:
        *node = (struct node){.there = true, .dir = true, .parent = op->parent, .name = op->name};
        return;
    case INVALIDATE:
    case CLEAR:
        for (int i = 1; i < NODES_MAX; i++) {
            struct node *each = &model->nodes[i];
            if (!each->dir && (op->kind == CLEAR ? each->parent == op->node : each->tagged[op->name]))
                each->there = false;
        }
        return;
    case ADVANCE:
        model->now_ms += op->name;
        return;
    case SYNC:
    case REOPEN:
        return;
    }
}

/* --- a state as text ------------------------------------------------------------------------------------ */

struct lines {
    char *lines[NODES_MAX * 2];
    size_t count;
};

static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

__attribute__((format(printf, 2, 3))) static void add_line(struct lines *lines, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (lines->count == NODES_MAX * 2 || vasprintf(&lines->lines[lines->count++], format, args) < 0)
        die("too many entries");
    va_end(args);
}

static char *end_lines(struct lines *lines)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    qsort(lines->lines, lines->count, sizeof *lines->lines, compare_lines);
    for (size_t i = 0; i < lines->count; i++) {
        fprintf(out, "%s\n", lines->lines[i]);
        free(lines->lines[i]);
    }
    fclose(out);
    return text;
}

static void node_path(const struct model *model, int number, char path[600])
{
    char above[600] = "";
    if (number == 0) {
        path[0] = '\0';
        return;
    }
    node_path(model, model->nodes[number].parent, above);
    snprintf(path, 600, "%.500s/%u", above, model->nodes[number].name);
}

static const char *tags_of(const struct node *node)
{
    return node->tagged[0] && node->tagged[1] ? "t0,t1" : node->tagged[0] ? "t0" : node->tagged[1] ? "t1" : "";
}

/* As much of its generation as a value has room to tell. */
static unsigned told_generation(const struct node *node)
{
    return node->size >= 4 ? node->generation : node->generation & ((1u << 8 * node->size) - 1);
}

/* As it is to be at a time, which may be later. */
static char *text_of_model(const struct model *model, int64_t now_ms)
{
    struct lines lines = {0};
    char path[600];
    for (int i = 1; i < NODES_MAX; i++) {
        const struct node *node = &model->nodes[i];
        if (!node->there || (node->expires_ms && node->expires_ms <= now_ms))
            continue;
        node_path(model, i, path);
        if (node->dir)
            add_line(&lines, "%s dir", path);
        else
            add_line(&lines, "%s generation %u, %zu bytes, tags %s, until %lld", path, told_generation(node),
                     node->size, tags_of(node), (long long)node->expires_ms);
    }
    return end_lines(&lines);
}

static uint8_t byte_of(unsigned generation, size_t at)
{
    uint64_t word = (at / 4 + 1) * 0x9e3779b97f4a7c15u ^ generation * 0xbf58476d1ce4e5b9u;
    word ^= word >> 29;
    return at < 4 ? (uint8_t)(generation >> 8 * at) : (uint8_t)(word * 0x94d049bb133111ebu >> (32 + at % 4 * 8));
}

static void fill_value(unsigned generation, uint8_t *value, size_t size, size_t from)
{
    for (size_t i = 0; i < size; i++)
        value[i] = byte_of(generation, from + i);
}

/* Which generation it is, as far as there is room to tell. */
static bool is_whole(struct store_version *version, size_t size, unsigned *ret_generation)
{
    static uint8_t piece[1 << 20];
    unsigned generation = 0;
    for (size_t at = 0, got; at < size; at += got) {
        if (store_read(version, piece, sizeof piece, at, &got) < 0 || got == 0)
            return false;
        for (size_t i = 0; i < 4 && at == 0 && i < got; i++)
            generation |= (unsigned)piece[i] << 8 * i;
        for (size_t i = 0; i < got; i++)
            if (piece[i] != byte_of(generation, at + i))
                return false;
    }
    *ret_generation = generation;
    return true;
}

struct walk {
    struct store *store;
    struct lines lines;
    const char *path;
    uint64_t dirs[NODES_MAX];
    char paths[NODES_MAX][600];
    size_t dirs_count;
    struct found_file {
        uint64_t dir;
        char name[16], path[640], rest[100];
        size_t size;
    } files[NODES_MAX];
    size_t files_count;
    uint64_t dir;
};

static int find_entry(void *arg, const char *name, const struct entry *entry)
{
    struct walk *walk = arg;
    if (walk->dirs_count == NODES_MAX || walk->files_count == NODES_MAX)
        return -EOVERFLOW;
    if (entry->kind == ENTRY_DIR) {
        walk->dirs[walk->dirs_count] = entry->ino;
        snprintf(walk->paths[walk->dirs_count], sizeof walk->paths[0], "%.500s/%.15s", walk->path, name);
        add_line(&walk->lines, "%s dir", walk->paths[walk->dirs_count++]);
        return 0;
    }
    struct found_file *file = &walk->files[walk->files_count++];
    file->dir = walk->dir;
    file->size = entry->size;
    snprintf(file->name, sizeof file->name, "%s", name);
    snprintf(file->path, sizeof file->path, "%.500s/%.15s", walk->path, name);
    snprintf(file->rest, sizeof file->rest, "tags %.50s, until %lld", entry->tags, (long long)entry->expires_ms);
    return 0;
}

static void read_file(struct walk *walk, const struct found_file *file)
{
    struct store_version *version;
    unsigned generation = 0;
    bool whole = store_pin(walk->store, file->dir, file->name, 0, &version) == 0;
    if (whole) {
        whole = is_whole(version, file->size, &generation);
        store_unpin(version);
    }
    if (whole)
        add_line(&walk->lines, "%s generation %u, %zu bytes, %s", file->path, generation, file->size, file->rest);
    else
        add_line(&walk->lines, "%s NOT WHOLE, %zu bytes, %s", file->path, file->size, file->rest);
}

static char *text_of_store(struct store *store)
{
    static struct walk walk;
    walk = (struct walk){.store = store, .dirs = {STORE_ROOT}, .dirs_count = 1};
    for (size_t i = 0; i < walk.dirs_count; i++) {
        walk.path = walk.paths[i];
        walk.dir = walk.dirs[i];
        need(store_list(store, walk.dir, NULL, find_entry, &walk), "list");
    }
    for (size_t i = 0; i < walk.files_count; i++)
        read_file(&walk, &walk.files[i]);
    return end_lines(&walk.lines);
}

/* --- working -------------------------------------------------------------------------------------------- */

static int64_t fake_now_ns(void *arg)
{
    (void)arg;
    return clock_ns;
}

static void log_line(void *arg, enum store_log_level level, const char *line)
{
    (void)arg, (void)level;
    if (verbose)
        printf("    log: %s\n", line);
}

static const struct store_options options = {
    .limit_bytes = UINT64_C(1) << 30, .cache_bytes = 1 << 20, .now_ns = fake_now_ns, .log = log_line};

static struct store *open_or_die(const char *path)
{
    struct store *store;
    struct store_error error;
    if (store_open(path, &options, &store, &error) == 0)
        return store;
    printf("    does not open: %s\n", error.text);
    exit(1);
}

static uint64_t dir_id(struct store *store, const struct model *model, int number)
{
    struct entry entry;
    char name[16];
    if (number == 0)
        return STORE_ROOT;
    snprintf(name, sizeof name, "%u", model->nodes[number].name);
    need(store_lookup(store, dir_id(store, model, model->nodes[number].parent), name, &entry), "lookup");
    uint64_t id = entry.ino;
    entry_release(&entry);
    return id;
}

static void set(struct store *store, const struct model *model, const struct node *node)
{
    static uint8_t piece[1 << 18];
    char name[16];
    struct store_version *version;
    struct entry_change change = {
        .set = ENTRY_SET_TAGS | ENTRY_SET_EXPIRES, .tags = tags_of(node), .expires_ms = node->expires_ms};
    if (!node->expires_ms)
        change.set = ENTRY_SET_TAGS | ENTRY_SET_TTL;
    uint64_t dir = dir_id(store, model, node->parent);
    snprintf(name, sizeof name, "%u", node->name);
    need(store_stage(store, dir, name, 0644, 1, 2, &version), "stage");
    for (size_t at = 0, size; at < node->size; at += size) {
        size = node->size - at < sizeof piece ? node->size - at : sizeof piece;
        fill_value(node->generation, piece, size, at);
        need(store_write(version, piece, size, at), "write");
    }
    need(store_change(version, &change), "change");
    need(store_publish(version, dir, name, STORE_FRESH), "publish");
    store_unpin(version);
}

static void append(struct store *store, const struct node *node, uint64_t dir, const char *name)
{
    static uint8_t piece[5000];
    struct store_version *version;
    fill_value(node->generation, piece, sizeof piece, node->size);
    need(store_pin(store, dir, name, 0, &version), "pin");
    need(store_write(version, piece, sizeof piece, STORE_AT_END), "append");
    store_unpin(version);
}

static void clear(struct store *store, uint64_t dir)
{
    struct store_clearing clearing = {0};
    while (!clearing.done)
        need(store_clear(store, dir, 1000, &clearing, NULL, NULL), "clear");
}

static void reopen(struct store **store)
{
    store_close(*store);
    *store = open_or_die(live);
}

static void perform(struct store **store, const struct model *model, const struct operation *op)
{
    const struct node *node = &model->nodes[op->node];
    char name[16], tag[4], to[16];
    bool placed = op->kind == APPEND || op->kind == REMOVE || op->kind == REMOVE_DIR || op->kind == RENAME;
    uint64_t dir = placed ? dir_id(*store, model, node->parent) : 0;
    snprintf(name, sizeof name, "%u", node->name);
    snprintf(to, sizeof to, "%u", op->name);
    snprintf(tag, sizeof tag, "t%u", op->name % 2);
    switch (op->kind) {
    case SET:
    case SET_LARGE:
        set(*store, model, &op->value);
        return;
    case APPEND:
        append(*store, node, dir, name);
        return;
    case REMOVE:
        need(store_remove(*store, dir, name), "remove");
        return;
    case REMOVE_DIR:
        need(store_remove_dir(*store, dir, name), "remove a directory");
        return;
    case RENAME:
        need(store_rename(*store, dir, name, dir_id(*store, model, op->parent), to, 0), "rename");
        return;
    case MAKE_DIR:
        need(store_make_dir(*store, dir_id(*store, model, op->parent), to, 0755, 1, 2, NULL), "make a directory");
        return;
    case INVALIDATE:
        need(store_invalidate_tag(*store, tag), "invalidate");
        return;
    case CLEAR:
        clear(*store, dir_id(*store, model, op->node));
        return;
    case ADVANCE:
        clock_ns += (int64_t)op->name * 1000000;
        return;
    case SYNC:
        need(store_sync(*store), "sync");
        return;
    case REOPEN:
        reopen(store);
        return;
    }
}

static unsigned operations(bool large)
{
    return large ? LARGE_OPERATIONS : OPERATIONS;
}

/* Which operations are followed by a moment that is kept: often between a sync and the next. */
static bool is_moment(unsigned number, bool large)
{
    unsigned every = all ? 9 : 57;
    return large ? number == LARGE_OPERATIONS - 1 : number % every == every - 1;
}

static void work_on_store(bool large)
{
    struct model model;
    struct operation op;
    unsigned synced = 0;
    model_begin(&model, large);
    medium.watching = true;
    struct store *store = open_or_die(live);
    for (unsigned number = 0; number < operations(large); number++) {
        next_operation(&model, number, &op);
        perform(&store, &model, &op);
        model_apply(&model, &op);
        if (op.kind == SYNC || op.kind == REOPEN)
            synced = number + 1;
        if (!is_moment(number, large))
            continue;
        if (large || number % 2 == 0)
            need(store_settle(store), "settle"); /* what was removed goes from the data, too */
        keep_moment(synced, number + 1);
    }
    fflush(stdout);
    _exit(0);
}

/* --- what may be left ----------------------------------------------------------------------------------- */

enum loss { LOSS_NONE, LOSS_ALL, LOSS_NAMES, LOSS_CUT, LOSS_ZEROES, LOSS_BLOCK };
static const char *const losses[] = {"nothing lost", "all lost",         "names lost",
                                     "cut",          "zeroes from here", "a block of zeroes"};

struct power_loss {
    enum loss loss;
    const char *file; /* of which a part is lost */
    off_t at, block;
};

static void put_zeroes(const char *path, off_t from, off_t end)
{
    static const char zeroes[4096];
    int file = open(path, O_WRONLY);
    for (off_t size; file >= 0 && from < end; from += size) {
        size = end - from < (off_t)sizeof zeroes ? end - from : (off_t)sizeof zeroes;
        if (pwrite(file, zeroes, (size_t)size, from) != size)
            die(path);
    }
    if (file < 0)
        die(path);
    close(file);
}

static void restore_file(const struct moment_file *file, const char *from, const struct power_loss *loss)
{
    char to[400];
    bool this = loss->file == file->name, cut = loss->loss == LOSS_ALL || loss->loss == LOSS_NAMES;
    off_t size = cut ? file->synced : this && loss->loss == LOSS_CUT ? loss->at : file->size;
    snprintf(to, sizeof to, "%s/%.63s", work, file->name);
    if (size == file->size && ends_with(file->name, ".sst")) {
        if (link(from, to) < 0)
            die(to);
        return;
    }
    copy_file(from, to, size);
    if (this && loss->loss == LOSS_ZEROES)
        put_zeroes(to, loss->at, file->size);
    off_t end = loss->at + loss->block;
    if (this && loss->loss == LOSS_BLOCK)
        put_zeroes(to, loss->at, end < file->size ? end : file->size);
}

/* Names that were not synced are there or are not, and so are those that were removed. */
static void restore(unsigned number, const struct moment *moment, const struct power_loss *loss)
{
    char path[300], from[400];
    remove_tree(work);
    make_dir_or_die(work);
    moment_path(number, path);
    for (size_t i = 0; i < moment->count; i++) {
        const struct moment_file *file = &moment->files[i];
        snprintf(from, sizeof from, "%.300s/%zu", path, i);
        if (loss->loss == LOSS_NAMES ? file->certain : file->named)
            restore_file(file, from, loss);
    }
}

/* --- looking -------------------------------------------------------------------------------------------- */

static struct moment moment; /* the one that is looked at */
static bool large;

static void print_finding(void *arg, const struct store_finding *finding)
{
    (void)arg;
    printf("    %s: %s\n", store_fault_name(finding->fault), finding->text);
}

static bool is_sound(struct store *store)
{
    const struct store_watch watch = {.found = print_finding};
    struct store_checked checked = {0};
    need(store_settle(store), "settle");
    need(store_check(store, &watch, &checked), "check");
    return checked.left == 0;
}

/* The time of the moment; and in *ret_first the state after its last sync. */
static int64_t time_of_moment(struct model *ret_first)
{
    struct model model;
    struct operation op;
    model_begin(&model, large);
    for (unsigned number = 0; number < moment.done; number++) {
        if (number == moment.synced)
            *ret_first = model;
        next_operation(&model, number, &op);
        model_apply(&model, &op);
    }
    if (moment.synced == moment.done)
        *ret_first = model;
    return model.now_ms;
}

/* Is it one of the states since the last sync? */
static bool is_a_state(const char *found)
{
    struct model model;
    struct operation op;
    int64_t now_ms = time_of_moment(&model);
    for (unsigned number = moment.synced;; number++) {
        char *text = text_of_model(&model, now_ms);
        bool same = strcmp(text, found) == 0;
        if (number == moment.done && !same)
            printf("    found:\n%s    but operation %u of %u, %u synced, leaves:\n%s", found, number, moment.done,
                   moment.synced, text);
        free(text);
        if (same || number == moment.done)
            return same;
        next_operation(&model, number, &op);
        model_apply(&model, &op);
    }
}

static char expected[64 << 10]; /* after a change: what the next opening has to find */

static void change_and_crash(struct store *store)
{
    struct model empty;
    struct node node = {.there = true, .name = 999, .generation = 999999, .size = 9000};
    model_begin(&empty, false);
    set(store, &empty, &node);
    char *text = text_of_store(store), path[300];
    snprintf(path, sizeof path, "%s/expected", base);
    FILE *out = fopen(path, "w");
    if (!out || fputs(text, out) < 0 || fclose(out) != 0)
        die(path);
    fflush(stdout);
    _exit(0);
}

static bool crashes_again;

static int look(void)
{
    struct model first;
    clock_ns = time_of_moment(&first) * 1000000;
    struct store *store = open_or_die(work);
    char *found = text_of_store(store);
    bool right = is_a_state(found);
    free(found);
    right = is_sound(store) && right;
    if (right && crashes_again)
        change_and_crash(store);
    store_close(store);
    return !right;
}

static int look_again(void)
{
    struct model first;
    char path[300];
    snprintf(path, sizeof path, "%s/expected", base);
    FILE *in = fopen(path, "r");
    size_t size = in ? fread(expected, 1, sizeof expected - 1, in) : 0;
    expected[size] = '\0';
    if (in)
        fclose(in);
    clock_ns = time_of_moment(&first) * 1000000;
    struct store *store = open_or_die(work);
    char *found = text_of_store(store);
    bool right = strcmp(found, expected) == 0;
    if (!right)
        printf("    found again:\n%s    but:\n%s", found, expected);
    free(found);
    right = is_sound(store) && right;
    store_close(store);
    return !right;
}

/* In a process of its own, as it may be killed by a signal. */
static bool succeeds(int (*what)(void))
{
    int status;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        int code = what();
        fflush(stdout);
        _exit(code);
    }
    if (pid < 0 || waitpid(pid, &status, 0) < 0)
        die("fork");
    if (WIFSIGNALED(status))
        printf("    killed by signal %d\n", WTERMSIG(status));
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

struct tally {
    unsigned cases, twice, wrong;
};

static void try_loss(unsigned number, struct power_loss loss, struct tally *tally)
{
    crashes_again = !large && tally->cases % 3 == 2;
    restore(number, &moment, &loss);
    if (verbose)
        printf("%s, moment %u: %s: %s at %lld\n", large ? "large" : "mixed", number, loss.file ? loss.file : "all",
               losses[loss.loss], (long long)loss.at);
    bool right = succeeds(look) && (!crashes_again || succeeds(look_again));
    tally->cases++;
    tally->twice += crashes_again;
    if (right)
        return;
    tally->wrong++;
    printf("WRONG: seed %u, %s, moment %u (%u operations, %u synced): %s: %s at %lld\n", seed,
           large ? "large" : "mixed", number, moment.done, moment.synced, loss.file ? loss.file : "all",
           losses[loss.loss], (long long)loss.at);
}

/* Borders from the end of what was synced on; of a sample these are some, the first and the last with them. */
static void try_log(unsigned number, const struct moment_file *file, struct tally *tally)
{
    off_t first = file->synced, rest = file->size - first, block = all && !large ? 512 : 4096;
    off_t count = rest / block + 1, most = large ? 2 : all ? 400 : 4, step = count > most ? count / most : 1;
    if (rest <= 0)
        return;
    try_loss(number, (struct power_loss){LOSS_CUT, file->name, first, block}, tally);
    for (off_t i = 0; i < count; i += step) {
        off_t at = (first / block + 1 + i) * block;
        if (at >= file->size)
            break;
        try_loss(number, (struct power_loss){LOSS_CUT, file->name, at, block}, tally);
        try_loss(number, (struct power_loss){LOSS_ZEROES, file->name, at, block}, tally);
        try_loss(number, (struct power_loss){LOSS_BLOCK, file->name, at, block}, tally);
    }
}

static void try_moment(unsigned number, struct tally *tally)
{
    for (enum loss loss = LOSS_NONE; loss <= LOSS_NAMES; loss++)
        try_loss(number, (struct power_loss){.loss = loss}, tally);
    for (size_t i = 0; i < moment.count; i++)
        if (moment.files[i].named && ends_with(moment.files[i].name, ".log"))
            try_log(number, &moment.files[i], tally);
}

static int work_and_exit(void)
{
    work_on_store(large);
    return 0;
}

static void try_plan(bool of_large, struct tally *tally)
{
    large = of_large;
    make_dir_or_die(base);
    make_dir_or_die(shadow);
    if (!succeeds(work_and_exit))
        exit(99);
    for (unsigned number = 0; load_moment(number, &moment); number++)
        try_moment(number, tally);
    remove_tree(base);
}

int main(int argc, char **argv)
{
    struct tally tally = {0};
    const char *tmp = getenv("TMPDIR"), *seed_text = getenv("LARDER_SEED");
    seed = seed_text ? (unsigned)strtoul(seed_text, NULL, 10) : (unsigned)time(NULL);
    verbose = getenv("LARDER_VERBOSE");
    all = argc > 1 && strcmp(argv[1], "all") == 0;
    const char *memory = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"; /* nothing here waits for a disk */
    snprintf(base, sizeof base, "%.150s/larder-power-XXXXXX", tmp ? tmp : memory);
    if (argc > 2 || (argc == 2 && !all) || !mkdtemp(base))
        die("usage: powerloss [all]");
    snprintf(live, sizeof live, "%s/live", base);
    snprintf(shadow, sizeof shadow, "%s/shadow", base);
    snprintf(work, sizeof work, "%s/work", base);
    try_plan(false, &tally);
    try_plan(true, &tally);
    printf("seed %u: %u cases, of which %u crashed again, %u wrong\n", seed, tally.cases, tally.twice, tally.wrong);
    return tally.wrong > 0;
}
