/* SPDX-License-Identifier: MIT */
/* attributes.c - modes, owners, times that are set, access and extended attributes. */
#include "checks.h"
#include "script.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

static int attribute_sizes(void)
{
    char got[64];
    int result = run_script("file a; setxattr a user.x 0123456789");
    if (result)
        return result;
    EXPECT(getxattr("a", "user.x", NULL, 0) == 10);
    EXPECT(getxattr("a", "user.x", got, 9) == -1 && errno == ERANGE);
    EXPECT(getxattr("a", "user.x", got, 10) == 10 && memcmp(got, "0123456789", 10) == 0);
    EXPECT(setxattr("a", "user.empty", "", 0, 0) == 0 && getxattr("a", "user.empty", got, sizeof got) == 0);
    return 0;
}

static int attribute_lists(void)
{
    char got[64];
    int result = run_script("file a");
    if (result)
        return result;
    EXPECT(listxattr("a", NULL, 0) == 0);
    EXPECT(setxattr("a", "user.one", "1", 1, 0) == 0 && setxattr("a", "user.two", "2", 1, 0) == 0);
    EXPECT(listxattr("a", NULL, 0) == 18);
    EXPECT(listxattr("a", got, 17) == -1 && errno == ERANGE);
    EXPECT(listxattr("a", got, sizeof got) == 18);
    EXPECT(memmem(got, 18, "user.one", 9) && memmem(got, 18, "user.two", 9));
    EXPECT(removexattr("a", "user.one") == 0 && listxattr("a", got, sizeof got) == 9 && strcmp(got, "user.two") == 0);
    return 0;
}

static int attribute_too_large(void)
{
    static char value[65537];
    int fd = open("a", O_WRONLY | O_CREAT, 0644);
    return fd < 0 || setxattr("a", "user.x", value, sizeof value, 0) < 0 ? errno : 0;
}

/* Several that are too much together. */
static int attributes_too_many(void)
{
    static char value[32768];
    char name[] = "user.0";
    int fd = open("a", O_WRONLY | O_CREAT, 0644);
    for (; fd >= 0 && name[5] < '9'; name[5]++)
        if (setxattr("a", name, value, sizeof value, 0) < 0)
            return errno;
    return 0;
}

static const struct row attributes_rows[] = {
    /* chmod */
    {"file a; chmod a 0600; mode a 0600"},
    {"file a; chmod a 0; mode a 0"},
    {"file a; chmod a 07777; mode a 07777"},
    {"mkdir d; chmod d 07777; mode d 07777"},
    {"file t; symlink t l; chmod l 0600; mode t 0600; mode l 0777"},
    {"file a; open A a O_RDONLY; fchmod A 0600; mode a 0600; mode fd:A 0600"},
    {"mkdir d; open A d O_RDONLY; fchmod A 0700; mode d 0700"},
    {"chmod a 0600", ENOENT},
    {"chmod \"\" 0600", ENOENT},
    {"symlink nowhere l; chmod l 0600", ENOENT},
    {"file f; chmod f/a 0600", ENOTDIR},
    {"symlink l l; chmod l 0600", ELOOP},
    {"chmod {n*256} 0600", ENAMETOOLONG},
    {"file a; as 1001; chmod a 0666", EPERM},
    {"mkdir d 0700; file d/a; as 1001; chmod d/a 0666", EACCES},
    {"file a; chown a 1001 1001; as 1001; chmod a 0600; mode a 0600"},
    {"file a; open A a O_RDONLY; as 1001; fchmod A 0666", EPERM},
    {"fchmod A 0600", EBADF},
    {"file a; chown a 1001 1002; as 1001; chmod a 02755; mode a 0755"}, /* of a group that is not one's own */
    {"file a; chown a 1001 1002; as 1001 1001 1002; chmod a 02755; mode a 02755"},
    {"file a; chmod a 0; access a R_OK|W_OK"},
    /* chown */
    {"file a; chown a 1001 1002; owner a 1001 1002"},
    {"file a; chown a 1001 -1; owner a 1001 0"},
    {"file a; chown a -1 1002; owner a 0 1002"},
    {"file a; chown a -1 -1; owner a 0 0"},
    {"mkdir d; chown d 1001 1002; owner d 1001 1002"},
    {"file t; symlink t l; chown l 1001 1002; owner t 1001 1002; owner l 0 0"},
    {"file t; symlink t l; lchown l 1001 1002; owner l 1001 1002; owner t 0 0"},
    {"file a; open A a O_RDONLY; fchown A 1001 1002; owner a 1001 1002"},
    {"file a; open A a O_PATH; fchownat A \"\" 1001 1002 AT_EMPTY_PATH; owner a 1001 1002"},
    {"file t; symlink t l; fchownat . l 1001 1002 AT_SYMLINK_NOFOLLOW; owner l 1001 1002"},
    {"file a; fchownat . a 1001 1002 1", EINVAL},
    {"chown a 0 0", ENOENT},
    {"symlink nowhere l; chown l 0 0", ENOENT},
    {"symlink nowhere l; lchown l 1001 0; owner l 1001 0"},
    {"file f; chown f/a 0 0", ENOTDIR},
    {"symlink l l; chown l 0 0", ELOOP},
    {"chown {n*256} 0 0", ENAMETOOLONG},
    {"fchown A 0 0", EBADF},
    {"file a; as 1001; chown a 1001 1001", EPERM},
    {"file a; chown a 1001 1001; as 1001; chown a 1002 -1", EPERM},
    {"file a; chown a 1001 1001; as 1001; chown a -1 1002", EPERM},
    {"file a; chown a 1001 1001; as 1001 1001 1002; chown a -1 1002; owner a 1001 1002"},
    {"file a; chown a 1001 1001; as 1001; chown a 1001 1001"},
    {"file a; as 1001; chown a -1 -1"},
    {"mkdir d 0700; file d/a; as 1001; chown d/a -1 -1", EACCES},
    {"file a; chown a 2147483647 2147483647; owner a 2147483647 2147483647"},
    {"file a; chown a 4294967294 4294967294; owner a 4294967294 4294967294"},
    /* Set-user-id and set-group-id go. */
    {"file a x 0; chmod a 06755; chown a 1001 1002; mode a 0755"},
    {"file a x 0; chmod a 02745; chown a 1001 1002; mode a 02745"}, /* without x for the group it is a lock's mark */
    {"file a x 0; chmod a 06755; chown a -1 -1; mode a 0755"},
    {"mkdir d; chmod d 06755; chown d 1001 1002; mode d 06755"},
    {"file a x; chown a 1001 1001; chmod a 06777; as 1001; chown a 1001 1001; mode a 0777"},
    {"file a x; chmod a 06777; as 1001; open A a O_WRONLY; write A y; close A; mode a 0777"},
    {"file a x; chmod a 06777; as 1001; open A a O_RDWR; pwrite A 0 y; close A; mode a 0777"},
    {"file a x; chmod a 06777; as 1001; open A a O_WRONLY|O_APPEND; write A y; close A; mode a 0777"},
    {"file a x; chmod a 02767; as 1001; open A a O_WRONLY; write A y; close A; mode a 0767"},
    {"file a x; chmod a 06777; as 1001; truncate a 0; mode a 0777"},
    {"file a x; chmod a 06777; as 1001; open A a O_RDWR; ftruncate A 0; close A; mode a 0777"},
    {"file a x; chmod a 06777; as 1001; open A a O_WRONLY|O_TRUNC; close A; mode a 0777"},
    {"file a x; chmod a 06777; as 1001; open A a O_WRONLY|O_TRUNC; write A y; close A; mode a 0777"},
    {"chmod . 0777; as 1001; open A a O_WRONLY|O_CREAT|O_EXCL 06755; write A y; close A; mode a 0755"},
    {"chmod . 0777; as 1001; open A a O_WRONLY|O_CREAT 06755; write A y; close A; mode a 0755"},
    {"chmod . 0777; as 1001; open A a O_WRONLY|O_CREAT|O_EXCL; fchmod A 06755; write A y; close A; mode a 0755"},
    {"chmod . 0777; as 1001; open A a O_WRONLY|O_CREAT|O_EXCL; write A y; fchmod A 06755; close A; mode a 06755"},
    {"file a x; open A a O_WRONLY; chmod a 06777; as 1001; write A y; mode a 0777"},
    {"file a x; chmod a 06777; as 1001; open A a O_RDWR; fallocate A 0 0 100; close A; mode a 0777"},
    {"file a x; chmod a 06777; open A a O_WRONLY; write A y; close A; mode a 06777"}, /* root's writing changes nothing */
    {"file a x; chmod a 06777; truncate a 0; mode a 06777"},
    {"file a x; chmod a 06777; as 1001; open A a O_WRONLY; close A; mode a 06777"},
    /* utimensat, futimens */
    {"file a; utimens a 1000000001 2000000002; atime a 1000000001; mtime a 2000000002"},
    {"file a; utimens a 1 999999999; atime a 1; mtime a 999999999"},
    {"file a; utimens a -1 -1000000001; atime a -1; mtime a -1000000001"},
    {"mkdir d; utimens d 5 6; atime d 5; mtime d 6"},
    {"file t; symlink t l; utimens t 1 2; utimens l 5 6; atime t 5; mtime t 6"},
    {"file t; symlink t l; utimens t 1 2; utimens l 5 6 AT_SYMLINK_NOFOLLOW; mtime l 6; mtime t 2"},
    {"file a; utimens a 5 6; utimens a omit 8; atime a 5; mtime a 8"},
    {"file a; utimens a 5 6; utimens a 7 omit; atime a 7; mtime a 6"},
    {"file a; utimens a 5 6; utimens a omit omit; atime a 5; mtime a 6"},
    {"file a; utimens a 5 6; note a; utimens a now now; moved a amc"},
    {"file a; utimens a 5 6; note a; utimens a now omit; moved a ac"},
    {"file a; utimens a 5 6; note a; utimens a omit now; moved a mc"},
    {"file a; note a; utimens a omit omit; moved a -"},
    {"file a; open A a O_RDONLY; futimens A 5 6; atime a 5; mtime a 6"},
    {"open A a O_RDWR|O_CREAT|O_EXCL; write A x; futimens A 5 6; close A; mtime a 6"},
    {"file a; open A a O_WRONLY|O_TRUNC; write A x; futimens A 5 6; close A; mtime a 6"},
    {"file a; utimens a bad 5", EINVAL},
    {"file a; utimens a 5 bad", EINVAL},
    {"utimens a now now", ENOENT},
    {"symlink nowhere l; utimens l now now", ENOENT},
    {"file f; utimens f/a now now", ENOTDIR},
    {"symlink l l; utimens l now now", ELOOP},
    {"utimens {n*256} now now", ENAMETOOLONG},
    {"futimens A now now", EBADF},
    {"file a; as 1001; utimens a now now", EACCES},
    {"file a; as 1001; utimens a 5 6", EPERM},
    {"file a; as 1001; utimens a now omit", EPERM},
    {"file a; as 1001; utimens a omit now", EPERM},
    {"file a; as 1001; utimens a omit omit"},
    {"file a x 0666; as 1001; utimens a now now"},
    {"file a x 0666; as 1001; utimens a 5 6", EPERM},
    {"file a x 0; chown a 1001 1001; as 1001; utimens a now now"},
    {"file a x 0; chown a 1001 1001; as 1001; utimens a 5 6; mtime a 6"},
    {"mkdir d 0700; file d/a; as 1001; utimens d/a now now", EACCES},
    {"file a; open A a O_RDONLY; as 1001; futimens A 5 6", EPERM},
    /* access */
    {"file a; access a F_OK"},
    {"access a F_OK", ENOENT},
    {"file f; access f/a F_OK", ENOTDIR},
    {"symlink l l; access l F_OK", ELOOP},
    {"symlink nowhere l; access l F_OK", ENOENT},
    {"access {n*256} F_OK", ENAMETOOLONG},
    {"file a; access a 8", EINVAL},
    {"file a x 0644; access a X_OK", EACCES}, /* root, too */
    {"file a x 0100; access a X_OK"},
    {"file a x 0; access a R_OK|W_OK"},
    {"file a x 0600; as 1001; access a R_OK AT_EACCESS", EACCES},
    {"file a x 0644; as 1001; access a R_OK AT_EACCESS"},
    {"file a x 0644; as 1001; access a W_OK AT_EACCESS", EACCES},
    {"file a x 0655; as 1001; access a X_OK AT_EACCESS"},
    {"file a x 0600; as 1001; access a R_OK"}, /* by the real user, who is root */
    {"mkdir d 0700; file d/a; as 1001; access d/a F_OK AT_EACCESS", EACCES},
    {"symlink nowhere l; access l F_OK AT_SYMLINK_NOFOLLOW"},
    {"file a; access a F_OK 1", EINVAL},
    /* stat */
    {"stat a", ENOENT},
    {"stat \"\"", ENOENT},
    {"file f; stat f/a", ENOTDIR},
    {"file f; stat f/", ENOTDIR},
    {"symlink l l; stat l", ELOOP},
    {"symlink l l; look l; kind l S_IFLNK"},
    {"stat {n*256}", ENAMETOOLONG},
    {"mkdir d 0700; file d/a; as 1001; stat d/a", EACCES},
    {"file a 0123; links a 1; size a 4; kind a S_IFREG"},
    {"mkdir d; links d 2; mkdir d/e; links d 3; file d/f; links d 3; rmdir d/e; links d 2", 0, DIRECTORY_LINKS, 0,
     "mkdir d; links d 1; mkdir d/e; links d 1; file d/f; links d 1; links d/f 1"},
    {"mkdir d; mkdir d/e; mkdir f; rename d/e f/e; links d 2; links f 3", 0, DIRECTORY_LINKS, 0,
     "mkdir d; mkdir d/e; mkdir f; rename d/e f/e; links d 1; links f 1; links f/e 1"},
    {"file a; note a; file a other; same a a"}, /* inode numbers outlive overwriting */
    {"file a; note a; unlink a; file a; look a"},
    {"look fd:A", EBADF},
    /* Extended attributes. */
    {"sizes of attributes", .check = attribute_sizes},
    {"lists of attributes", .check = attribute_lists},
    {"an attribute of more than 64 KiB", E2BIG, .check = attribute_too_large},
    {"attributes of more than there is room for", ENOSPC, .check = attributes_too_many},
    {"file a; setxattr a user.x y; xattr a user.x y"},
    {"file a; setxattr a user.x y; setxattr a user.x z; xattr a user.x z"},
    {"mkdir d; setxattr d user.x y; xattr d user.x y"},
    {"file t; symlink t l; setxattr l user.x y; xattr t user.x y"},
    {"symlink t l; lsetxattr l user.x y", EPERM},
    {"symlink t l; lremovexattr l user.x", EPERM},
    {"file a; setxattr a user.x y XATTR_CREATE; xattr a user.x y"},
    {"file a; setxattr a user.x y; setxattr a user.x z XATTR_CREATE", EEXIST},
    {"file a; setxattr a user.x y XATTR_REPLACE", ENODATA},
    {"file a; setxattr a user.x y; setxattr a user.x z XATTR_REPLACE; xattr a user.x z"},
    {"file a; setxattr a user.x y 4", EINVAL},
    {"file a; xattr a user.x", ENODATA},
    {"file a; removexattr a user.x", ENODATA},
    {"file a; setxattr a user.x y; removexattr a user.x; xattr a user.x", ENODATA},
    {"file a; setxattr a user. y", EINVAL},
    {"file a; setxattr a user.{n*250} y; xattr a user.{n*250} y"},
    {"file a; setxattr a user.{n*251} y", ERANGE},
    {"file a; setxattr a \"\" y", ERANGE},
    {"file a; xattr a \"\"", ERANGE},
    {"file a; setxattr a nonsense y", EOPNOTSUPP},
    {"file a; setxattr a no.such y", EOPNOTSUPP},
    {"file a; setxattr a trusted.x y", 0, NAMESPACES, EOPNOTSUPP},
    {"file a; setxattr a security.x y", 0, NAMESPACES, EOPNOTSUPP},
    {"file a; xattr a security.capability", ENODATA},
    {"file a; setxattr b user.x y", ENOENT},
    {"file a; xattr b user.x", ENOENT},
    {"symlink nowhere l; setxattr l user.x y", ENOENT},
    {"file a; as 1001; setxattr a user.x y", EACCES},
    {"file a x 0600; setxattr a user.x y; as 1001; xattr a user.x", EACCES},
    {"file a; setxattr a user.x y; as 1001; xattr a user.x y"},
    {"file a; setxattr a user.x y; as 1001; removexattr a user.x", EACCES},
    {"file a; as 1001; setxattr a trusted.x y", EPERM},
    {"mkdir t 01777; as 1001; setxattr t user.x y", EPERM}, /* of a sticky directory only the owner's */
    {"file a; open A a O_RDONLY; fsetxattr A user.x y; xattr a user.x y"},
    {"file a; open A a O_PATH; fsetxattr A user.x y", EBADF},
    {"file a; setxattr a user.x y; file a other; xattr a user.x y"},
};

TABLE(attributes);
