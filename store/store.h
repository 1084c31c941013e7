/* SPDX-License-Identifier: MIT */
/*
 * store.h - the whole public face of the cache engine.
 *
 * A store holds entries. An entry is a file, a directory or a symbolic link and lives under a place: the id
 * of its directory and a name. The value of a file or link belongs to a *version*, a number that only grows;
 * replacing a value makes a new version, and whoever holds the old one in hand (a pin) goes on reading it.
 *
 *     place (dir, name) --> entry: attributes, lifetime, tags, xattrs, version --> value
 *
 * Life of a set:  store_stage() -> store_write()... -> store_publish() -> store_unpin()
 * Life of a get:  store_pin() -> store_read()... -> store_unpin()
 *
 * Rules that hold for every function:
 *   - Result 0 or a negative errno; what is not written down below can only be -EIO (the medium failed) or
 *     -ENOMEM. Outputs are named ret_... and untouched on failure.
 *   - Any function may be called from any thread, several at once, unless it says otherwise.
 *   - A name is one path component: 1 to STORE_NAME_MAX bytes, no '/', not "." or "..".
 *     Longer: -ENAMETOOLONG. Empty or otherwise malformed: -EINVAL.
 *   - An expired or invalidated entry does not exist: it is -ENOENT to every function, free for every function that
 *     creates.
 *   - Whatever adds bytes or items may wait for eviction to make room, and fails with -ENOSPC when none can
 *     be made (always at once with STORE_POLICY_NONE); with -EDQUOT below a directory whose quota it is.
 *   - A directory's mtime and ctime change when a name in it is made, removed or moved, not when one is overwritten,
 *     expires or is evicted.
 *   - A mutation is atomic, seen by every later call once it has returned, and survives a crash of the
 *     process. It survives a crash of the machine after store_sync(), or at once with options.sync; there -EIO may
 *     mean that it is done, but perhaps does not.
 *
 * It knows nothing of FUSE, paths, text formats of durations, or the page cache.
 */
#ifndef LARDER_STORE_H
#define LARDER_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;

/* A version held in hand: a published, a staged (not yet published) or a dead one (replaced, removed, expired,
 * evicted or invalidated since). All pins of one version share what is in it. */
struct store_version;

enum {
    STORE_ROOT = 1, /* directory id of the root */
    STORE_NAME_MAX = 255, /* bytes in a name */
    STORE_TARGET_MAX = 4095, /* bytes in a symbolic link's target */
    STORE_TAGS_MAX = 64, /* tags an entry */
    STORE_TAG_MAX = 128, /* bytes a tag */
    STORE_XATTRS_MAX = 64 << 10, /* bytes of all names and values of the extended attributes an entry */
};

/* --- entries ------------------------------------------------------------------------------------------- */

enum entry_kind { ENTRY_FILE = 1, ENTRY_DIR = 2, ENTRY_SYMLINK = 3 };

/* Lifetimes are in milliseconds. Unset inherits when an entry is made; for ever does not. */
#define ENTRY_UNSET   0
#define ENTRY_FOREVER UINT64_MAX

/* A snapshot of one entry. The caller who was given it owns it and lets go with entry_release(). */
struct entry {
    enum entry_kind kind;
    uint32_t mode; /* permission bits, 07777 */
    uint32_t uid, gid;
    uint64_t ino; /* the same through overwrites and renames; a directory's is its directory id */
    uint64_t version; /* id of the value; 0 for directories */
    uint64_t change; /* grows with every publish, every write to a published value, and when a tag is set on the entry
                        that was invalidated before */
    uint64_t parent; /* directories only: id of the directory it is in (the root: its own) */
    uint64_t size; /* bytes of the value, or of the link's target; 0 for directories */
    uint64_t hits; /* reads counted, see STORE_HIT */
    int64_t atime_ns, mtime_ns, ctime_ns, btime_ns; /* since the epoch */
    uint64_t ttl_ms; /* ENTRY_UNSET, ENTRY_FOREVER or a lifetime; on a directory, what entries start with */
    uint64_t idle_ms; /* the same for time without a read */
    int64_t expires_ms; /* when the ttl (or an explicit deadline) ends it, since the epoch; 0 never */
    int64_t used_ms; /* last publish, touch or hit, as far as remembered; idle_ms counts from it */

    const char *tags; /* comma-separated, in the order given, without duplicates; NUL-terminated, "" if none */
    size_t tags_size; /* without the NUL */
    const uint8_t *xattrs; /* packed; walk with entry_xattr_next() */
    size_t xattrs_size;
    const uint8_t *value; /* a link's target, or a small file's value when the row holds it; else NULL */
    size_t value_size;
    void *memory; /* what the pointers above point into; owned */
};

/* Lets go of what an entry owns and zeroes it. Releasing a zeroed entry is harmless. */
void entry_release(struct entry *entry);

/* The moment an entry ends, in ms since the epoch, from its lifetime and its idle time; INT64_MAX if never. */
int64_t entry_deadline_ms(const struct entry *entry);

/* Walks the extended attributes: start with *position 0. Returns true and one attribute's name (not
 * terminated) and value, pointing into the entry; false at the end. */
bool entry_xattr_next(const struct entry *entry, size_t *position, const char **ret_name, size_t *ret_name_size,
                      const uint8_t **ret_value, size_t *ret_value_size);

/* Finds one by name. Returns 0 or -ENODATA. */
int entry_xattr_get(const struct entry *entry, const char *name, const uint8_t **ret_value, size_t *ret_value_size);

/* What to change about an entry: the fields whose bit is in `set`. Its ctime becomes now. */
enum {
    ENTRY_SET_MODE = 1 << 0,
    ENTRY_SET_UID = 1 << 1,
    ENTRY_SET_GID = 1 << 2,
    ENTRY_SET_ATIME = 1 << 3,
    ENTRY_SET_MTIME = 1 << 4,
    ENTRY_SET_TTL = 1 << 5, /* ENTRY_UNSET takes it away; restarts the clock */
    ENTRY_SET_IDLE = 1 << 6, /* likewise */
    ENTRY_SET_EXPIRES = 1 << 7, /* files and links; the past is allowed and ends it at once */
    ENTRY_SET_TAGS = 1 << 8, /* "" takes them away */
    ENTRY_SET_XATTR = 1 << 9, /* one attribute, see below */
    ENTRY_RESTART = 1 << 10, /* what touch does: the lifetime starts anew */
};

enum entry_xattr_how { ENTRY_XATTR_ANY, ENTRY_XATTR_CREATE, ENTRY_XATTR_REPLACE, ENTRY_XATTR_REMOVE };

struct entry_change {
    unsigned set;
    uint32_t mode, uid, gid;
    int64_t atime_ns, mtime_ns;
    uint64_t ttl_ms, idle_ms;
    int64_t expires_ms;
    const char *tags;
    const char *xattr_name; /* at most 255 bytes, not empty */
    const void *xattr_value;
    size_t xattr_size;
    enum entry_xattr_how xattr_how;
};
/* Errors of a change: -EINVAL malformed tags (an empty one, one longer than STORE_TAG_MAX, more than STORE_TAGS_MAX,
 * a slash or control character in one, "." or "..") or ENTRY_SET_EXPIRES on a directory; -EEXIST / -ENODATA the attribute is
 * there / is not, against xattr_how; -ENOSPC more than STORE_XATTRS_MAX, or no room. */

/* --- opening ------------------------------------------------------------------------------------------- */

/* What goes first, after what has expired. */
enum store_policy {
    STORE_POLICY_SIEVE, /* what was not read since it was last looked at; the default */
    STORE_POLICY_LRU, /* read or stored longest ago */
    STORE_POLICY_LFU, /* read least, lately */
    STORE_POLICY_FIFO, /* stored longest ago */
    STORE_POLICY_TTL, /* nearest its deadline; of what has none, as sieve */
    STORE_POLICY_NONE, /* nothing: -ENOSPC */
};
enum { STORE_POLICIES = STORE_POLICY_NONE + 1 };

/* Why an entry went without anybody asking. */
enum store_gone { STORE_GONE_EXPIRED, STORE_GONE_EVICTED, STORE_GONE_TAG };

enum store_log_level { STORE_LOG_ERROR, STORE_LOG_WARNING, STORE_LOG_INFO };

enum {
    STORE_WARM_SHARE = 8, /* this part of cache_bytes is for versions that store_pin_version() can find, all others are
                             for blocks */
};

/* All zeroes but the limits is a good start. Everything pointed to is copied, or must outlive the store (the
 * functions and their arguments). */
struct store_options {
    uint64_t limit_bytes; /* what all entries together may cost, see store_stats.bytes; at least 1 MiB */
    uint64_t limit_items; /* how many files and links there may be; 0 = no limit */
    enum store_policy policy; /* to begin with, see store_set_policy() */
    uint64_t ttl_ms; /* lifetime of entries for which neither they nor their directories say; ENTRY_UNSET none */
    uint64_t cache_bytes; /* memory for what was read from disk, see STORE_WARM_SHARE; 0 = 64 MiB */
    bool existing; /* a store that is not there is not made: -ENOENT, also where a directory is that could become one */
    uint64_t min_free_bytes; /* with less free where the store lies, what adds bytes is -ENOSPC, and eviction goes down to
                                its watermark; 0: as much as the store needs for itself, 256 MiB or half of a small disk */
    bool sync; /* every mutation survives a crash of the machine when it returns */
    bool recreate; /* a store that is damaged is thrown away when it is opened, and made anew */

    /* Called when an entry expired, was evicted, or invalidated by a tag, after it is gone (of the last: some time after), from a thread of the store or one that calls it,
     * which holds no lock of the store: by then the name may have another version. `version` and `size` are of what is gone,
     * as entry.version and entry.size. It may look things up and let pins go, but must not call what creates or
     * changes, nor store_settle() or store_close(): these may wait for the very thread that is calling. May be NULL. */
    void (*gone)(void *arg, uint64_t dir, const char *name, enum store_gone why, uint64_t version, uint64_t size);
    void *gone_arg;
    /* Called by a thread that calls the store and is about to wait, for room or for the medium to write things through;
     * with whatever locks held, so it must take none but its own and return at once. May be NULL. */
    void (*waits)(void);
    /* Gets what the medium's errors say, a line without newline. From any thread; NULL = stderr. */
    void (*log)(void *arg, enum store_log_level level, const char *line);
    void *log_arg;
    /* The time in ns since the epoch; NULL = CLOCK_REALTIME. For tests. */
    int64_t (*now_ns)(void *arg);
    void *now_arg;
};

/* One sentence for a person: what is wrong with what, and what to do. */
struct store_error {
    char text[512];
};

/*
 * Opens a store, and makes it when nothing is there: "rocksdb:DIR" or a path (on disk, made with mode 0700;
 * parents are not made), "mem:" (in memory, gone at close). The root directory of a new one has mode 0755 and
 * belongs to the caller's effective user and group.
 *
 * Returns 0 and a store, or one of these with the sentence in *ret_error:
 *   -EINVAL     unknown scheme, limit out of range
 *   -ENOENT, -ENOTDIR, -EACCES, -EPERM   as the path has it
 *   -EBUSY      another process has it open (the sentence names its pid)
 *   -EUCLEAN    the directory is not empty and no store, or damaged: the sentence has the file, or what is wrong, and
 *               the way out, which is store_fsck() or options.recreate
 *   -EPROTO     a store of a newer format
 * It starts a thread, so fork before, not after.
 */
int store_open(const char *url, const struct store_options *options, struct store **ret_store,
               struct store_error *ret_error);

/* Flushes and closes. Every pin must have been let go; nothing else may be running in it. NULL is harmless. */
void store_close(struct store *store);

/* Everything acknowledged so far survives a crash of the machine when this returns. */
int store_sync(struct store *store);

/* --- names --------------------------------------------------------------------------------------------- */

/* The entry at a place. With options.now past its deadline it is -ENOENT, as is a directory that is gone.
 * Neither counts as a hit nor as a miss. Returns also -ENOTDIR when `dir` is not a directory's id. */
int store_lookup(struct store *store, uint64_t dir, const char *name, struct entry *ret_entry);

/* A directory's own entry. -ENOENT when there is none with that id. */
int store_dir(struct store *store, uint64_t dir, struct entry *ret_entry);

/* Where a directory is: the id of the one it is in, and its name there, into STORE_NAME_MAX + 1 bytes. The root is in
 * itself, under the empty name. -ENOENT when there is none with that id. */
int store_dir_place(struct store *store, uint64_t dir, uint64_t *ret_parent, char *ret_name);

/*
 * Calls `each` for every entry of a directory in the byte order of the names, beginning behind the name `after`
 * (NULL: from the first; it need not exist any more). An entry that is there throughout is met exactly once,
 * whatever else comes and goes. Values are not read: entry.value is NULL but for links. `each` must not call
 * the store; the entry is only lent to it. A non-zero result of `each` ends the walk and is returned.
 */
int store_list(struct store *store, uint64_t dir, const char *after,
               int (*each)(void *arg, const char *name, const struct entry *entry), void *arg);

/* Makes a directory: with its own ids and no defaults of its own (it inherits from those above). -EEXIST;
 * -ENOENT when `dir` is gone. ret_entry may be NULL. */
int store_make_dir(struct store *store, uint64_t dir, const char *name, uint32_t mode, uint32_t uid, uint32_t gid,
                   struct entry *ret_entry);

/* Makes a symbolic link. -EEXIST, -ENOENT, -ENAMETOOLONG for the target, -EINVAL when that is empty. */
int store_make_symlink(struct store *store, uint64_t dir, const char *name, const char *target, uint32_t uid,
                       uint32_t gid, struct entry *ret_entry);

/* Removes a file or link. -EISDIR for a directory. Its version lives until its last pin is let go. */
int store_remove(struct store *store, uint64_t dir, const char *name);

/* The same, but only of this version: -ESTALE when another one is there. Of many who remove a version one succeeds. */
int store_remove_version(struct store *store, uint64_t dir, const char *name, uint64_t version);

/* Removes an empty directory. -ENOTDIR, -ENOTEMPTY. */
int store_remove_dir(struct store *store, uint64_t dir, const char *name);

/* What store_clear() removes of a directory, and how far it has come. Zeroed: all that is there now. */
struct store_clearing {
    uint64_t
        mark; /* what is stored or written to later stays: what has a greater entry.change. 0: from now on, and it is
                      filled in, so that it serves for other directories, too */
    bool owned; /* only what belongs to `uid` */
    uint32_t uid;
    char after[STORE_NAME_MAX + 1]; /* it goes on behind this name; "" from the first */
    uint64_t removed, left; /* files and links that went, and that were passed by, so far */
    bool done; /* the end of the directory was reached */
};

/* So many names a call of store_clear() looks at, at most: what it passes by takes time, too. */
enum { STORE_CLEAR_LOOKS = 4096 };

/*
 * Removes files and links of a directory, in the byte order of their names, and at most `most` of them (from 1);
 * directories stay. Call it until clearing->done: it takes some hundred at a time, so that others come in
 * between, and holds up no get. Each of these is one mutation; of a call that fails some may have been done, and
 * `clearing` says how far. `each` (may be NULL) is told of every one after it is gone, by the calling thread and with no
 * lock of the store held: it may do what options.gone may. -ENOENT, -ENOTDIR: `dir`.
 */
int store_clear(struct store *store, uint64_t dir, uint64_t most, struct store_clearing *clearing,
                void (*each)(void *arg, const char *name, uint64_t version, uint64_t size), void *arg);

enum { STORE_NOREPLACE = 1, STORE_EXCHANGE = 2 };

/*
 * Moves an entry with all that belongs to it (clock, tags, attributes); what was at the new place is replaced
 * atomically. A directory costs the same whatever is in it. flags: 0, STORE_NOREPLACE or STORE_EXCHANGE.
 * -EINVAL both flags, or a directory into itself; -EEXIST noreplace and it is there; -EISDIR / -ENOTDIR a file
 * over a directory and the reverse (not with exchange); -ENOTEMPTY. Both places the same entry: 0, nothing done.
 */
int store_rename(struct store *store, uint64_t dir, const char *name, uint64_t new_dir, const char *new_name,
                 unsigned flags);

/* Changes a directory's entry. Errors as at struct entry_change. ret_entry (may be NULL): how it is afterwards. */
int store_change_dir(struct store *store, uint64_t dir, const struct entry_change *change, struct entry *ret_entry);

/* --- versions ------------------------------------------------------------------------------------------ */

enum {
    STORE_HIT = 1, /* a get: counts a hit, renews idle time, tells the eviction policy */
};

/* Takes the published version of a file or link in hand. -ENOENT; -EISDIR for a directory. */
int store_pin(struct store *store, uint64_t dir, const char *name, unsigned flags, struct store_version **ret_version);

/*
 * The same by number, without a look at the medium: takes in hand a version that is published now, wherever that is,
 * and not past its deadline. -EAGAIN when that cannot be told from memory, or is about to change: then the name tells.
 * What was read or published lately is in memory, as far as there is room for it.
 */
int store_pin_version(struct store *store, uint64_t version, unsigned flags, struct store_version **ret_version);

/* Takes one more pin of a version in hand, and returns it. */
struct store_version *store_repin(struct store_version *version);

/*
 * Begins a new version of the file at a place, empty and private until store_publish(). When a file is there
 * it starts with that one's attributes (ino, mode, owner, lifetime, tags, xattrs, btime); else with the
 * given mode, uid and gid, lifetime and tags from the nearest directory above that has them, and a new ino.
 * Another pin or stage of the same place is independent of it. -EISDIR; -ENOENT when `dir` is gone.
 */
int store_stage(struct store *store, uint64_t dir, const char *name, uint32_t mode, uint32_t uid, uint32_t gid,
                struct store_version **ret_version);

/* Lets a pin go; with the last one of a staged version never published, the version is gone. NULL is harmless. */
void store_unpin(struct store_version *version);

/* Its id, entry.version of what it was published as. */
uint64_t store_version_id(const struct store_version *version);

/* How the version is now: for a published one, the entry as store_lookup() gives it; for a staged or dead one,
 * what belongs to it alone. The value is not included. */
int store_version_entry(struct store_version *version, struct entry *ret_entry);

/* True once it was replaced, removed, expired, evicted or invalidated. */
bool store_version_dead(struct store_version *version);

/* Copies up to `size` bytes from `offset` on. Returns the bytes copied in *ret_size, fewer only at the end; holes
 * read as zeroes. */
int store_read(struct store_version *version, void *buffer, size_t size, uint64_t offset, size_t *ret_size);

/*
 * Writes `size` bytes at `offset`; what lies between the old end and `offset` reads as zeroes. Of a staged or dead
 * version: private. Of a published one: seen by everybody when it returns, restarts its clock, all or nothing.
 * STORE_AT_END as the offset appends, atomically among appends.
 * -EFBIG when the value would be larger than the limit; -EINVAL a symbolic link's.
 */
#define STORE_AT_END UINT64_MAX
int store_write(struct store_version *version, const void *data, size_t size, uint64_t offset);

/* Makes it `size` bytes long: cut off, or with zeroes at the end. Otherwise as store_write(). */
int store_resize(struct store_version *version, uint64_t size);

/* Changes attributes. Of a published version: of the entry, seen at once. Of a staged one: such a change is kept
 * by the publish even when the entry it replaces says otherwise. Errors as at struct entry_change. */
int store_change(struct store_version *version, const struct entry_change *change);

enum {
    STORE_FRESH = 1 << 4, /* replace as a rename does: take nothing over from the entry that is there */
    STORE_KEEP_CLOCK = 1 << 5, /* the entry that is there hands on its deadline, too */
};

/*
 * Publishes a staged version at a place, in one atomic step with the death of what was there. Without STORE_FRESH
 * a file that is there hands on its attributes, also those changed since the stage, but for the ones set by
 * store_change(). The clock starts now, unless STORE_KEEP_CLOCK. Afterwards the pin is one of a published version. flags: 0,
 * STORE_NOREPLACE, STORE_FRESH, STORE_KEEP_CLOCK. -EEXIST; -EISDIR a directory is there; -ENOENT `dir` is gone; -EINVAL it was
 * published before; -ENOSPC: nothing has changed, it may be tried again. With STORE_NOREPLACE anything there is
 * -EEXIST. The ino it was staged with stays only if the file it came from is still at the place; else it gets one of
 * its own, so that none is in use twice. Its ctime is now, its mtime that of the last write.
 */
int store_publish(struct store_version *version, uint64_t dir, const char *name, unsigned flags);

/*
 * The same, but only over an entry whose entry.change is `change`: -ESTALE when it was replaced, written to or removed
 * since. So what is published can be made of what is there, and nobody's change is lost. flags: 0, STORE_KEEP_CLOCK.
 */
int store_publish_over(struct store_version *version, uint64_t dir, const char *name, uint64_t change, unsigned flags);

/* --- tags ---------------------------------------------------------------------------------------------- */

/*
 * Invalidates a tag: every file and link that has it is gone when this returns, in the same time however many they are;
 * their space comes back in the background. What is published later lives, whatever tags it has, and so does an entry
 * that is given the tag later; a rename or any other change brings nothing back. Directories stay, with what they hand
 * down. Versions in hand are dead. 0 also when nothing has the tag; -EINVAL no tag.
 */
int store_invalidate_tag(struct store *store, const char *tag);

/* Calls `each` for every tag that a file or link has, in byte order, beginning behind `after` (NULL: from the first).
 * `each` must not call the store; what it returns, if not zero, ends the walk and is returned. */
int store_list_tags(struct store *store, const char *after, int (*each)(void *arg, const char *tag), void *arg);

/* Calls `each` for every file and link with a tag, where it is and how (without the value, but for links), in the order
 * of their versions, beginning behind version `after`. One that has the tag throughout and keeps its version is met
 * exactly once. Otherwise as store_list_tags(). -EINVAL no tag. */
int store_list_tag(struct store *store, const char *tag, uint64_t after,
                   int (*each)(void *arg, uint64_t dir, const char *name, const struct entry *entry), void *arg);

/* --- quotas -------------------------------------------------------------------------------------------- */

/* What may be stored below a directory, at any depth, and what goes first when it is full. */
struct store_quota {
    uint64_t limit_bytes, limit_items; /* 0: no limit */
    bool has_policy;
    enum store_policy policy; /* of its own, if it has one; else the store's */
    uint64_t bytes, items; /* what is published below it now; while it is counted, about; 0 without a limit */
};

enum { STORE_QUOTA_BYTES = 1, STORE_QUOTA_ITEMS = 2, STORE_QUOTA_POLICY = 4 };

/*
 * Sets those of a directory's limits and its policy whose bits are in `fields`; with no limit and no policy left it has no
 * quota any more. Then whatever adds
 * bytes or items below it waits for eviction among what is below it, and fails with -EDQUOT when that cannot make room;
 * a value larger than the limit is -EFBIG to store_write(). Quotas nest: each is held, and each evicts in its own part by
 * its own policy. What staged and dead versions take counts in the store's limit alone.
 *
 * What is there counts: it is looked through before this returns, and what is too much goes in the background. So it is
 * after a directory was moved into it or out of it, in the background: the rename itself costs the same as ever, and may
 * take it above its limit. -ENOENT, -ENOTDIR no such directory; -EINVAL the root's, whose limits are the store's.
 */
int store_set_quota(struct store *store, uint64_t dir, unsigned fields, const struct store_quota *quota);

/* A directory's own. -ENODATA it has none. */
int store_quota(struct store *store, uint64_t dir, struct store_quota *ret_quota);

/* Calls `each` for every directory that has one, in no order. What it returns, if not zero, ends the walk and is returned.
 * It may call the store. */
int store_list_quotas(struct store *store, int (*each)(void *arg, uint64_t dir, const struct store_quota *quota),
                      void *arg);

/* --- snapshots ----------------------------------------------------------------------------------------- */

/* All that was there at one moment, to be walked once. Of one thread at a time; of several snapshots, several. */
struct store_snapshot;

/*
 * Keeps the state of this moment: every mutation that has returned is in it, every other wholly or not at all. What has
 * expired or was invalidated by now is not. The store goes on as ever, but what it deletes takes up space on the medium
 * until the snapshot is closed, which has to be before store_close().
 */
int store_snapshot_open(struct store *store, struct store_snapshot **ret_snapshot);
void store_snapshot_close(struct store_snapshot *snapshot); /* NULL is harmless */

/*
 * The next entry: the root first, a directory before what is in it, names in byte order. 0; 1 at the end. *ret_path is
 * its path below the root without a slash in front, "" for the root. The entry is as store_lookup() gave it then, but
 * for `hits`, which may be less. Both are lent until the next call. -ESTALE: the medium is nearly full, so the space was
 * needed; from then on, always.
 */
int store_snapshot_next(struct store_snapshot *snapshot, const char **ret_path, const struct entry **ret_entry);

/* Reads the value of the file that store_snapshot_next() has just given, as store_read() does. -EINVAL: it was none; -ESTALE. */
int store_snapshot_read(struct store_snapshot *snapshot, void *buffer, size_t size, uint64_t offset, size_t *ret_size);

/* --- the whole ----------------------------------------------------------------------------------------- */

struct store_stats {
    uint64_t bytes; /* what entries cost now: names, rows, values; and the sizes of staged and of dead values still in
                       hand */
    uint64_t items; /* files and links that are published */
    uint64_t directories; /* without the root */
    uint64_t limit_bytes, limit_items;
    uint64_t hits; /* since the store was opened, as all that follow */
    uint64_t sets, deletes, expired, evicted;
    uint64_t evicted_for_quotas; /* of `evicted`, those that went for the limits of a directory */
    uint64_t invalidated; /* by their tags: counted when their space comes back */
    uint64_t pinned; /* versions in hand */
    enum store_policy policy; /* what goes first now */
    uint64_t waits; /* times a writer waited for room */
    uint64_t reads; /* rows and pieces of values looked up in the medium by their keys */
    uint64_t warm; /* versions that nobody has in hand and store_pin_version() can find; 0 when it finds all */
    uint64_t warm_bytes; /* the memory they take */
};
void store_stats(struct store *store, struct store_stats *ret_stats);

/* Does all background work there is to do now (expiry, what was invalidated, eviction down to the watermark, removal of dead and orphaned
 * values) and returns when it is done. */
int store_settle(struct store *store);

/* Sets the limits of the whole store from now on, until it is closed; as in struct store_options. What is too much goes in
 * the background. -EINVAL as store_open(). */
int store_set_limits(struct store *store, uint64_t limit_bytes, uint64_t limit_items);

/*
 * Lets go now of what has expired, rather than when the background thread comes by, of at most about `most` entries
 * (from 1): in *ret_expired how many went, without those that had gone before. *ret_more: there is, or may be, more. Where
 * entries go at the moment of their deadline there is never anything left to do.
 */
int store_expire(struct store *store, uint64_t most, uint64_t *ret_expired, bool *ret_more);

/* --- checking ------------------------------------------------------------------------------------------ */

/* What can be wrong. */
enum store_fault {
    STORE_FAULT_FILE, /* a file is missing, cut, or cannot be read */
    STORE_FAULT_ROW, /* a row says what none can say */
    STORE_FAULT_DIRECTORY, /* a directory and its name do not lead to each other, or not to the root */
    STORE_FAULT_VERSION, /* an entry and its version do not lead to each other */
    STORE_FAULT_CHUNK, /* a part of a value that no entry has, or that reaches past its end */
    STORE_FAULT_DEADLINE, /* an entry and what says when it expires do not agree */
    STORE_FAULT_TAG, /* an entry and what lists it under its tags do not agree */
    STORE_FAULT_NUMBER, /* a number was not given out yet */
    STORE_FAULT_COUNTERS, /* what is there is not as much as was counted */
};
enum { STORE_FAULTS = STORE_FAULT_COUNTERS + 1 };

/* "file", "row", "directory", "version", "chunk", "deadline", "tag", "number", "counters". */
const char *store_fault_name(enum store_fault fault);

enum store_remedy {
    STORE_LEFT, /* it is as it was */
    STORE_MENDED, /* and nothing is lost */
    STORE_LOST, /* an entry, or more, had to go */
};

struct store_finding {
    enum store_fault fault;
    enum store_remedy remedy;
    const char *text; /* a sentence, which names the entry by its path; control characters in that are \xNN */
};

/* Who watches a check; may be called from the thread that checks, only. */
struct store_watch {
    void (*found)(void *arg, const struct store_finding *finding);
    /* Every so often: `done` rows of about `total` were looked at. False ends the check. */
    bool (*passed)(void *arg, uint64_t done, uint64_t total);
    void *arg;
};

struct store_checked {
    uint64_t rows, entries, directories; /* looked at; entries are files and links, directories without the root */
    uint64_t value_bytes; /* read, of values beside the rows */
    uint64_t left, mended, lost; /* findings */
};

/*
 * Looks at everything there is in an open store, as it was when this began, while others go on using it. What they are
 * doing meanwhile is no fault. Takes as long as reading all of it, and little memory. Findings are left as they are.
 * -ECANCELED when the watcher ended it.
 */
int store_check(struct store *store, const struct store_watch *watch, struct store_checked *ret_checked);

enum { STORE_REPAIR = 1 };

/*
 * The same of a store that nobody has open, given by its URL, and that may be too damaged to be opened. With
 * STORE_REPAIR it is repaired: what only leads to entries, or counts them, is made anew; entries whose values cannot be
 * told to be right go, and are named as far as they are known. Then it can be opened. Without, nothing is changed.
 * -EBUSY somebody has it open; -EUCLEAN it is no store, or cannot be repaired; -EPROTO; -ENOENT, ... as store_open();
 * -ECANCELED, after which a store that was being repaired must be repaired again; with the sentence in *ret_error.
 */
int store_fsck(const char *url, unsigned flags, const struct store_watch *watch, struct store_checked *ret_checked,
               struct store_error *ret_error);

/* By this policy is evicted from now on, until the store is closed. Who waits for room when it becomes none gets
 * -ENOSPC. What the store remembers of reads for another policy is lost, so that a new one begins with little. */
void store_set_policy(struct store *store, enum store_policy policy);

/* "sieve", "lru", "lfu", "fifo", "ttl", "none". The second returns 0 or -EINVAL. */
const char *store_policy_name(enum store_policy policy);
int store_policy_parse(const char *text, enum store_policy *ret_policy);

#endif
