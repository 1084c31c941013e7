/* SPDX-License-Identifier: MIT */
/* places.c - where a process is: directories that were removed or moved, and long ways. */
#include "checks.h"
#include "script.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

static int limits(void)
{
    int fd = open("a", O_RDWR | O_CREAT, 0644);
    EXPECT(pathconf(".", _PC_NAME_MAX) == 255 && fpathconf(fd, _PC_NAME_MAX) == 255);
    EXPECT(pathconf(".", _PC_PATH_MAX) == 4096);
    EXPECT(pathconf(".", _PC_NO_TRUNC) == 1 && pathconf(".", _PC_CHOWN_RESTRICTED) == 1);
    EXPECT(pathconf(".", _PC_FILESIZEBITS) >= 32);
    return 0;
}

static int space(void)
{
    struct statvfs one, other;
    int fd = open("a", O_RDWR | O_CREAT, 0644);
    EXPECT(statvfs(".", &one) == 0 && fstatvfs(fd, &other) == 0);
    EXPECT(one.f_namemax == 255 && one.f_frsize > 0 && one.f_bsize > 0);
    EXPECT(one.f_blocks >= one.f_bfree && one.f_bfree >= one.f_bavail && one.f_files >= one.f_ffree);
    EXPECT(one.f_blocks == other.f_blocks && one.f_fsid == other.f_fsid && one.f_flag == other.f_flag);
    return 0;
}

static int one_file_system(void)
{
    struct stat dir, file, link;
    int result = run_script("mkdir d; file d/f 0123; symlink x d/l");
    if (result)
        return result;
    EXPECT(stat("d", &dir) == 0 && stat("d/f", &file) == 0 && lstat("d/l", &link) == 0);
    EXPECT(dir.st_dev == file.st_dev && dir.st_dev == link.st_dev);
    EXPECT(dir.st_ino != file.st_ino && file.st_ino != link.st_ino && dir.st_ino != link.st_ino);
    EXPECT(file.st_blocks > 0 && file.st_blksize > 0 && file.st_rdev == 0);
    return 0;
}

static int extended_stat(void)
{
    struct statx at;
    int result = run_script("file a 0123; chown a 1001 1002; chmod a 0640");
    if (result)
        return result;
    EXPECT(statx(AT_FDCWD, "a", 0, STATX_BASIC_STATS, &at) == 0);
    EXPECT((at.stx_mask & STATX_BASIC_STATS) == STATX_BASIC_STATS);
    EXPECT(at.stx_mode == (S_IFREG | 0640) && at.stx_uid == 1001 && at.stx_gid == 1002 && at.stx_nlink == 1);
    EXPECT(at.stx_size == 4 && at.stx_blocks > 0);
    EXPECT(statx(AT_FDCWD, "a", 1 << 30, STATX_BASIC_STATS, &at) == -1 && errno == EINVAL);
    EXPECT(statx(AT_FDCWD, "a", AT_STATX_FORCE_SYNC, STATX_BASIC_STATS, &at) == 0 && at.stx_size == 4);
    EXPECT(statx(AT_FDCWD, "a", AT_STATX_DONT_SYNC, STATX_BASIC_STATS, &at) == 0 && at.stx_size == 4);
    return 0;
}

static int path_of_cwd(void)
{
    char before[8192], after[8192];
    int result = run_script("mkdir d; mkdir d/e; chdir d/e");
    if (result)
        return result;
    EXPECT(getcwd(before, sizeof before) && strcmp(before + strlen(before) - 4, "/d/e") == 0);
    EXPECT(getcwd(after, 3) == NULL && errno == ERANGE);
    result = run_script("rename ../../d ../../moved");
    if (result)
        return result;
    EXPECT(getcwd(after, sizeof after) && strcmp(after + strlen(after) - 8, "/moved/e") == 0);
    return 0;
}

static const struct row places_rows[] = {
    {"pathconf", .check = limits},
    {"statvfs", .check = space},
    {"st_dev, st_ino and st_blocks", .check = one_file_system},
    {"statx", .check = extended_stat},
    {"getcwd in a directory that is moved", .check = path_of_cwd},
    /* chdir */
    {"mkdir d; chdir d; file f; look ../d/f"},
    {"chdir d", ENOENT},
    {"chdir \"\"", ENOENT},
    {"file a; chdir a", ENOTDIR},
    {"file f; chdir f/d", ENOTDIR},
    {"symlink l l; chdir l", ELOOP},
    {"mkdir d; symlink d l; chdir l; file f; look ../d/f"},
    {"chdir {n*256}", ENAMETOOLONG},
    {"mkdir d 0700; as 1001; chdir d", EACCES},
    {"mkdir d; open A d O_RDONLY; fchdir A; file f; look ../d/f"},
    {"file a; open A a O_RDONLY; fchdir A", ENOTDIR},
    {"fchdir A", EBADF},
    {"mkdir d 0700; open A d O_RDONLY; as 1001; fchdir A", EACCES},
    /* In one that was removed. */
    {"mkdir d; chdir d; rmdir ../d; getcwd", ENOENT},
    {"mkdir d; chdir d; rmdir ../d; file f", ENOENT},
    {"mkdir d; chdir d; rmdir ../d; mkdir e", ENOENT},
    {"mkdir d; chdir d; rmdir ../d; symlink t l", ENOENT},
    {"mkdir d; chdir d; rmdir ../d; stat f", ENOENT},
    {"mkdir d; chdir d; rmdir ../d; stat ."},
    {"mkdir d; chdir d; rmdir ../d; stat .."},
    {"mkdir d; chdir d; rmdir ../d; links . 0"},
    {"mkdir d; chdir d; rmdir ../d; kind . S_IFDIR; mode . 0755; owner . 0 0"},
    {"mkdir d; chdir d; rmdir ../d; lists . \"\""},
    {"mkdir d; chdir d; rmdir ../d; open A . O_RDONLY; links fd:A 0"},
    {"mkdir d; chdir d; rmdir ../d; chmod . 0700; mode . 0700"},
    {"mkdir d; chdir d; rmdir ../d; rmdir .", EINVAL},
    {"mkdir d; chdir d; rmdir ../d; access . R_OK"},
    {"mkdir d; chdir d; rmdir ../d; chdir ."},
    {"mkdir d; chdir d; rmdir ../d; chdir ..; look ."},
    {"mkdir d; chdir d; rmdir ../d; mkdir ../d; file f", ENOENT},
    {"mkdir d; chdir d; rmdir ../d; mkdir ../d; file ../d/f; lists . \"\""},
    {"mkdir d; file f; chdir d; rmdir ../d; rename ../f f", ENOENT},
    /* By a descriptor of one that was removed. */
    {"mkdir d; open A d O_RDONLY; rmdir d; links fd:A 0; kind fd:A S_IFDIR; mode fd:A 0755"},
    {"mkdir d; open A d O_RDONLY; rmdir d; openat B A f O_RDONLY", ENOENT},
    {"mkdir d; open A d O_RDONLY; rmdir d; fchmod A 0700; mode fd:A 0700"},
    {"mkdir d; open A d O_RDONLY; rmdir d; fchown A 1001 1002; owner fd:A 1001 1002"},
    {"mkdir d; open A d O_RDONLY; rmdir d; futimens A 5 6; mtime fd:A 6"},
    {"mkdir d; open A d O_RDONLY; note fd:A; rmdir d; links fd:A 0; moved fd:A c"},
    {"mkdir d; open A d O_RDONLY; rmdir d; fchdir A; stat ."},
    {"mkdir d; open A d O_PATH; rmdir d; links fd:A 0"},
    {"mkdir d; open A d O_RDONLY; rmdir d; mkdir d; fchmod A 0700; mode d 0755"},
    /* Names. */
    {"file . x", EISDIR},
    {"file \\; look \\; lists . \\"},
    {"file -; file ~; file *; lists . *,-,~"},
    {"file ...; look ...; lists . ..."},
    {"file a; stat ./././a; stat {self}/a; stat .//a"},
    {"mkdir d; file a; stat d/../a"},
};

TABLE(places);
