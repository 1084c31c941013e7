/* SPDX-License-Identifier: MIT */
/*
 * restore.c - all of `larder restore` on an archive that nobody made, into a directory that is no mount: nothing may come to
 * be outside of it, whatever the archive says.
 *
 *     ground/outside     stays as it is
 *     ground/root/       where it restores to
 */
#include "fuzz.h"
#include "reading_only.h"

#include "command/restore.c"

#include <sys/mman.h>

static char ground[PATH_MAX], root_path[PATH_MAX + 8];
static int ground_fd = -1, archive_fd = -1;

/* In main.c's place, and in that of what needs a mount. */
int command_fail(int code, const char *format, ...)
{
    char text[8192];
    va_list args;
    va_start(args, format);
    require(vsnprintf(text, sizeof text, format, args) > 0);
    va_end(args);
    return code;
}

int command_find_larder(const char *path, struct mountpoint *ret_mountpoint)
{
    (void)path, (void)ret_mountpoint;
    return COMMAND_FAILED;
}

bool mountpoint_is_root(const struct mountpoint *mountpoint)
{
    (void)mountpoint;
    return false;
}

void mountpoint_release(struct mountpoint *mountpoint)
{
    (void)mountpoint;
}

static void begin(void)
{
    const char *base = getenv("TMPDIR");
    snprintf(ground, sizeof ground, "%s/restore.XXXXXX", base ? base : "/tmp");
    require(mkdtemp(ground));
    snprintf(root_path, sizeof root_path, "%s/root", ground);
    ground_fd = open(ground, O_RDONLY | O_DIRECTORY);
    require(ground_fd >= 0 && mkdirat(ground_fd, "root", 0700) == 0);
    int outside = openat(ground_fd, "outside", O_WRONLY | O_CREAT, 0600);
    require(outside >= 0 && write(outside, "outside", 7) == 7);
    close(outside);
    archive_fd = memfd_create("archive", 0);
    require(archive_fd >= 0);
    /* what it prints goes nowhere */
    require(freopen("/dev/null", "w", stdout));
}

static void check_ground(void)
{
    struct stat stat;
    char text[16];
    int outside = openat(ground_fd, "outside", O_RDONLY | O_NOFOLLOW);
    require(outside >= 0 && read(outside, text, sizeof text) == 7 && memcmp(text, "outside", 7) == 0);
    require(fstat(outside, &stat) == 0 && stat.st_nlink == 1 && (stat.st_mode & 07777) == 0600 &&
            stat.st_uid == geteuid());
    close(outside);
    int listing = openat(ground_fd, ".", O_RDONLY | O_DIRECTORY);
    require(fstat(listing, &stat) == 0 && stat.st_nlink == 3);
    close(listing);
}

static void mend_sums(char *bytes, size_t size)
{
    for (size_t at = 0; at + TAR_BLOCK <= size; at += TAR_BLOCK) {
        unsigned sum = 0;
        char text[16], *block = bytes + at;
        if (memcmp(block + 257, "ustar", 5) != 0)
            continue;
        memset(block + 148, ' ', 8);
        for (size_t i = 0; i < TAR_BLOCK; i++)
            sum += (unsigned char)block[i];
        snprintf(text, sizeof text, "%06o", sum);
        memcpy(block + 148, text, 7);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mountpoint mountpoint = {.root = root_path};
    uint64_t removed;
    if (ground_fd < 0)
        begin();
    if (size == 0)
        return 0;
    char *bytes = fuzz_text(data, size);
    if (data[0] & 4)
        mend_sums(bytes + 1, size - 1);
    require(ftruncate(archive_fd, 0) == 0 && pwrite(archive_fd, bytes + 1, size - 1, 0) == (ssize_t)size - 1);
    require(lseek(archive_fd, 0, SEEK_SET) == 0);
    free(bytes);
    struct restore restore = {.file = "archive", .mount = "mount", .there = (enum what_is_there)(data[0] % 3 == 1)};
    (void)restore_into(&restore, archive_fd, &mountpoint, data[0] & 8);
    check_ground();
    require(tree_open(root_path, &restore.tree) == 0 && tree_clear(&restore.tree, &removed) == 0);
    tree_close(&restore.tree);
    return 0;
}
