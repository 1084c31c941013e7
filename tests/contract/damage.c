/* SPDX-License-Identifier: MIT */
/*
 * damage.c - a store on disk whose files are changed, cut and deleted: opening it either works, and then every value that
 * it gives is right, or refuses in a sentence with the way out; store_fsck() repairs it, and then it opens, with right values
 * alone, and nothing is found any more. Nobody ever dies of a signal.
 *
 *     damage            one place in each file, for those in a hurry
 *     damage N          N places in each file, chosen at random
 *     LARDER_SEED=n     which
 *     LARDER_VERBOSE=1  a line a case
 *
 * Values tell what they are: the key's number, the generation, and bytes that follow from both. Every key is stored in two
 * generations, some are removed then; the first generation, or what was removed, is wrong afterwards. But after a crash a
 * damaged log may end earlier: then the first is right, too.
 */
#include "scratch.h"
#include "store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { KEYS = 60, VALUE_MAX = 100000, FILES_MAX = 64, PLACES_MAX = 1000 };
enum { OPENED = 0, REFUSED = 1, WRONG = 2 };

static const struct store_options options = {.limit_bytes = UINT64_C(1) << 30, .cache_bytes = 1 << 20};
static char base[200], template[256], work[256];
static bool verbose, crashed; /* crashed: the template was not closed */

__attribute__((noreturn)) static void die(const char *what)
{
    printf("%s: %s\n", what, strerror(errno));
    exit(99);
}

/* --- values -------------------------------------------------------------------------------------------- */

/* Every third is in chunks. */
static size_t value_size(int key, int generation)
{
    return key % 3 == 0 ? 20000 + (size_t)(key * 1009 + generation * 5003) % (VALUE_MAX - 20000)
                        : 20 + (size_t)(key * 37 + generation * 101) % 3000;
}

static void make_value(int key, int generation, uint8_t *value)
{
    uint32_t state = (uint32_t)(key * 2654435761u + (unsigned)generation * 40503u + 1);
    for (size_t i = 0; i < value_size(key, generation); i++) {
        state = state * 1664525u + 1013904223u;
        value[i] = (uint8_t)(state >> 24);
    }
}

static bool is_removed(int key)
{
    return key % 10 == 7;
}

static void name_of(int key, char name[16])
{
    snprintf(name, 16, "k%d", key);
}

static uint64_t dir_of(struct store *store, int key)
{
    struct entry entry;
    if (key % 2 == 0)
        return STORE_ROOT;
    if (store_lookup(store, STORE_ROOT, "dir", &entry) < 0)
        return 0;
    uint64_t dir = entry.ino;
    entry_release(&entry);
    return dir;
}

static void put(struct store *store, int key, int generation)
{
    static uint8_t value[VALUE_MAX];
    char name[16];
    struct store_version *version;
    struct entry_change tags = {.set = ENTRY_SET_TAGS | ENTRY_SET_TTL, .tags = "some,tag", .ttl_ms = 86400000};
    name_of(key, name);
    make_value(key, generation, value);
    if (store_stage(store, dir_of(store, key), name, 0644, 1, 2, &version) < 0 ||
        store_write(version, value, value_size(key, generation), 0) < 0 ||
        (key % 4 == 0 && store_change(version, &tags) < 0) || store_publish(version, dir_of(store, key), name, 0) < 0)
        die("cannot store");
    store_unpin(version);
}

static bool is_value(int key, int generation, const uint8_t *got, size_t size)
{
    static uint8_t value[VALUE_MAX];
    if (size != value_size(key, generation))
        return false;
    make_value(key, generation, value);
    return memcmp(got, value, size) == 0;
}

/* A miss and an error that says so are right. */
static bool is_right(struct store *store, int key)
{
    static uint8_t got[VALUE_MAX + 1];
    char name[16];
    struct store_version *version;
    size_t size;
    uint64_t dir = dir_of(store, key);
    name_of(key, name);
    if (dir == 0 || store_pin(store, dir, name, 0, &version) < 0)
        return true;
    int result = store_read(version, got, sizeof got, 0, &size);
    store_unpin(version);
    if (result < 0)
        return true;
    bool right =
        (is_value(key, 2, got, size) && (crashed || !is_removed(key))) || (crashed && is_value(key, 1, got, size));
    if (!right)
        printf("%s is wrong: %zu bytes\n", name, size);
    return right;
}

/* --- the template -------------------------------------------------------------------------------------- */

static struct store *open_or_die(const char *path)
{
    struct store *store;
    struct store_error error;
    if (store_open(path, &options, &store, &error) == 0)
        return store;
    printf("%s\n", error.text);
    exit(99);
}

/* Three times open, so that there are tables and a log. */
static void make_template(void)
{
    struct store *store = open_or_die(template);
    if (store_make_dir(store, STORE_ROOT, "dir", 0755, 1, 2, NULL) < 0)
        die("cannot make a directory");
    for (int key = 0; key < KEYS; key++)
        put(store, key, 1);
    store_close(store);
    store = open_or_die(template);
    for (int key = 0; key < KEYS; key += 2)
        put(store, key, 2);
    store_close(store);
    store = open_or_die(template);
    char name[16];
    for (int key = 1; key < KEYS; key += 2)
        put(store, key, 2);
    for (int key = 0; key < KEYS; key++) {
        name_of(key, name);
        if (is_removed(key) && store_remove(store, dir_of(store, key), name) < 0)
            die("cannot remove");
    }
    if (crashed)
        _exit(0);
    store_close(store);
}

/* --- files --------------------------------------------------------------------------------------------- */

static void copy_file(const char *from, const char *to)
{
    static char buffer[1 << 20];
    int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ssize_t got;
    while ((got = read(in, buffer, sizeof buffer)) > 0)
        if (write(out, buffer, (size_t)got) != got)
            die(to);
    if (in < 0 || out < 0 || got < 0)
        die(from);
    close(in);
    close(out);
}

static int list_files(char files[FILES_MAX][64])
{
    DIR *dir = opendir(template);
    int count = 0;
    for (const struct dirent *item; dir && (item = readdir(dir)) && count < FILES_MAX;)
        if (item->d_name[0] != '.')
            snprintf(files[count++], sizeof files[0], "%.63s", item->d_name);
    if (!dir)
        die(template);
    closedir(dir);
    qsort(files, (size_t)count, sizeof files[0], (int (*)(const void *, const void *))strcmp);
    return count;
}

static void copy_template(char files[FILES_MAX][64], int count)
{
    char from[400], to[400];
    remove_tree(work);
    if (mkdir(work, 0700) < 0)
        die(work);
    for (int i = 0; i < count; i++) {
        snprintf(from, sizeof from, "%s/%.63s", template, files[i]);
        snprintf(to, sizeof to, "%s/%.63s", work, files[i]);
        copy_file(from, to);
    }
}

enum damage { DELETE, EMPTY, HALF, FLIP };

struct fault {
    const char *file;
    enum damage damage;
    off_t at;
};

static void do_damage(const struct fault *fault)
{
    char path[400];
    struct stat stat;
    uint8_t byte;
    snprintf(path, sizeof path, "%s/%s", work, fault->file);
    int file = open(path, O_RDWR);
    if (file < 0 || fstat(file, &stat) < 0)
        die(path);
    int result = 0;
    if (fault->damage == DELETE)
        result = unlink(path);
    else if (fault->damage == FLIP)
        result =
            pread(file, &byte, 1, fault->at) == 1 && (byte ^= 0x11, pwrite(file, &byte, 1, fault->at)) == 1 ? 0 : -1;
    else
        result = ftruncate(file, fault->damage == EMPTY ? 0 : stat.st_size / 2);
    if (result < 0)
        die(path);
    close(file);
}

/* --- one case ------------------------------------------------------------------------------------------ */

static void quiet(void *arg, enum store_log_level level, const char *line)
{
    (void)arg, (void)level;
    if (verbose)
        printf("    log: %s\n", line);
}

static int look(void)
{
    struct store *store;
    struct store_error error = {""};
    struct store_options silent = options;
    silent.log = quiet;
    int result = store_open(work, &silent, &store, &error);
    if (result < 0) {
        bool sentence = strstr(error.text, work) && (strstr(error.text, "fsck --repair") || result == -EPROTO);
        if (verbose || !sentence)
            printf("    %d: %s\n", result, error.text);
        return sentence ? REFUSED : WRONG;
    }
    bool right = true;
    for (int key = 0; key < KEYS; key++)
        right = is_right(store, key) && right;
    store_close(store);
    return right ? OPENED : WRONG;
}

static void print_finding(void *arg, const struct store_finding *finding)
{
    (void)arg;
    if (verbose)
        printf("    %s %d: %s\n", store_fault_name(finding->fault), finding->remedy, finding->text);
}

static int repair(void)
{
    const struct store_watch watch = {.found = print_finding};
    struct store_checked checked;
    struct store_error error = {""};
    if (store_fsck(work, STORE_REPAIR, &watch, &checked, &error) < 0) {
        printf("    repair: %s\n", error.text);
        return WRONG;
    }
    if (store_fsck(work, 0, &watch, &checked, &error) < 0 || checked.left > 0) {
        printf("    after the repair: %llu left, %s\n", (unsigned long long)checked.left, error.text);
        return WRONG;
    }
    return look() == OPENED ? OPENED : WRONG;
}

/* In a process of its own, as it may be killed by a signal. */
static int apart(int (*what)(void))
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
    if (WIFSIGNALED(status)) {
        printf("    killed by signal %d\n", WTERMSIG(status));
        return WRONG;
    }
    return WEXITSTATUS(status);
}

struct tally {
    unsigned cases, opened, refused, wrong;
};

static const char *const damages[] = {"deleted", "emptied", "halved", "changed"};

static void try_fault(char files[FILES_MAX][64], int count, struct fault fault, struct tally *tally)
{
    if (verbose)
        printf("%s: %s %s at %lld\n", crashed ? "crashed" : "closed", fault.file, damages[fault.damage],
               (long long)fault.at);
    copy_template(files, count);
    do_damage(&fault);
    int looked = apart(look);
    copy_template(files, count);
    do_damage(&fault);
    int repaired = apart(repair);
    tally->cases++;
    tally->opened += looked == OPENED;
    tally->refused += looked == REFUSED;
    if (looked <= REFUSED && repaired == OPENED)
        return;
    tally->wrong++;
    printf("WRONG: %s: %s %s at %lld: %s\n", crashed ? "crashed" : "closed", fault.file, damages[fault.damage],
           (long long)fault.at, looked > REFUSED ? "opened" : "repaired");
}

/* The first and last bytes, and some between. */
static off_t place(off_t size, int n, int places)
{
    if (places > 8)
        return (off_t)((uint64_t)random() * (uint64_t)size / ((uint64_t)RAND_MAX + 1));
    return places == 1 ? size / 3 : n == 0 ? 0 : n == places - 1 ? size - 1 : size * n / places;
}

static void try_file(char files[FILES_MAX][64], int count, const char *file, int places, struct tally *tally)
{
    char path[400];
    struct stat stat;
    snprintf(path, sizeof path, "%s/%s", template, file);
    if (lstat(path, &stat) < 0)
        die(path);
    for (int damage = DELETE; damage <= HALF; damage++)
        if (damage != EMPTY || places > 1)
            try_fault(files, count, (struct fault){file, (enum damage)damage, 0}, tally);
    for (int n = 0; n < places && n < stat.st_size; n++)
        try_fault(files, count, (struct fault){file, FLIP, place(stat.st_size, n, places)}, tally);
}

static int make_and_exit(void)
{
    make_template();
    return 0;
}

static void try_all(int places, struct tally *tally)
{
    static char files[FILES_MAX][64];
    remove_tree(template);
    if (apart(make_and_exit) != 0)
        exit(99);
    int count = list_files(files);
    for (int i = 0; i < count; i++)
        if (strncmp(files[i], "LOG", 3) != 0) /* what RocksDB tells people */
            try_file(files, count, files[i], places, tally);
}

int main(int argc, char **argv)
{
    struct tally tally = {0};
    int places = argc > 1 ? atoi(argv[1]) : 1;
    const char *tmp = getenv("TMPDIR"), *seed_text = getenv("LARDER_SEED");
    unsigned seed = seed_text ? (unsigned)strtoul(seed_text, NULL, 10) : (unsigned)time(NULL);
    verbose = getenv("LARDER_VERBOSE");
    const char *memory = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"; /* nothing here waits for a disk */
    snprintf(base, sizeof base, "%s/larder-damage-XXXXXX", tmp ? tmp : memory);
    if (places < 1 || places > PLACES_MAX || !mkdtemp(base))
        die("usage: damage [PLACES]");
    snprintf(template, sizeof template, "%s/template", base);
    snprintf(work, sizeof work, "%s/work", base);
    srandom(seed);
    for (int i = 0; i < 2; i++) {
        crashed = i;
        try_all(places, &tally);
    }
    remove_tree(base);
    printf("seed %u: %u cases, %u opened, %u refused, %u wrong\n", seed, tally.cases, tally.opened, tally.refused,
           tally.wrong);
    return tally.wrong > 0;
}
