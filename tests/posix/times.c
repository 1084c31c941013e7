/* SPDX-License-Identifier: MIT */
/*
 * times.c - which times move: exactly those, of the file, of its directory and of what is around. Access times are not
 * looked at where they may move or not (relatime); where POSIX has a file "marked for update" it has happened by the
 * time of the next stat.
 */
#include "posix.h"

#include <errno.h>

static const struct row times_rows[] = {
    /* Making. */
    {"mkdir d; note d; file d/f; moved d mc"},
    {"mkdir d; note d; open A d/f O_WRONLY|O_CREAT; moved d mc"},
    {"mkdir d; note d; open A d/f O_WRONLY|O_CREAT|O_EXCL; write A x; close A; moved d mc"},
    {"mkdir d; note d; open A d/f O_WRONLY|O_CREAT|O_EXCL; moved d mc", 0, CREATING, 0,
     "mkdir d; note d; open A d/f O_WRONLY|O_CREAT|O_EXCL; moved d -; write A x; close A; moved d mc"},
    {"mkdir d; note d; mkdir d/e; moved d mc"},
    {"mkdir d; note d; symlink t d/l; moved d mc"},
    {"mkdir d; note d; mknod d/a S_IFREG|0600; moved d mc"},
    {"mkdir d; note .; file d/f; moved . -"},
    {"mkdir d; file d/f; note d; open A d/f O_WRONLY|O_CREAT; moved d -"},
    {"mkdir d; file d/f; note d; open A d/f O_WRONLY|O_TRUNC; write A x; close A; moved d -"},
    {"mkdir d; note d; file a; file d/f; note a; moved d mc"},
    /* Removing. */
    {"mkdir d; file d/f; note d; unlink d/f; moved d mc"},
    {"mkdir d; mkdir d/e; note d; rmdir d/e; moved d mc"},
    {"mkdir d; symlink t d/l; note d; unlink d/l; moved d mc"},
    {"file f; open A f O_RDONLY; note fd:A; unlink f; moved fd:A c", 0, CHANGE_TIMES, 0,
     "file f; open A f O_RDONLY; note fd:A; unlink f; moved fd:A -"},
    {"file t; symlink t l; note t; unlink l; moved t -"},
    /* Moving. */
    {"mkdir d; mkdir e; file d/f; note d e; rename d/f e/f; moved d mc; moved e mc"},
    {"mkdir d; file d/f; note d; rename d/f d/g; moved d mc"},
    {"mkdir d; file d/f; file d/g; note d; rename d/f d/g; moved d mc"},
    {"file f; note f; rename f g; moved f c g", 0, CHANGE_TIMES, 0, "file f; note f; rename f g; moved f - g"},
    {"mkdir d; note d; rename d e; moved d c e", 0, CHANGE_TIMES, 0, "mkdir d; note d; rename d e; moved d - e"},
    {"symlink t l; note l; rename l m; moved l c m", 0, CHANGE_TIMES, 0,
     "symlink t l; note l; rename l m; moved l - m"},
    {"mkdir d; mkdir e; mkdir d/x; note d e; rename d/x e/x; moved d mc; moved e mc"},
    {"mkdir d; mkdir d/x; mkdir e; note d/x; rename d/x e/x; moved d/x c e/x", 0, CHANGE_TIMES, 0,
     "mkdir d; mkdir d/x; mkdir e; note d/x; rename d/x e/x; moved d/x - e/x"},
    {"file f; file g; open A g O_RDONLY; note fd:A; rename f g; moved fd:A c", 0, CHANGE_TIMES, 0,
     "file f; file g; open A g O_RDONLY; note fd:A; rename f g; moved fd:A -"},
    {"file f; file g; note f g; rename f g RENAME_EXCHANGE; moved f c g; moved g c f", 0, CHANGE_TIMES, 0,
     "file f; file g; note f g; rename f g RENAME_EXCHANGE; moved f - g; moved g - f"},
    {"mkdir d; mkdir e; file d/f; file e/f; note d e; rename d/f e/f RENAME_EXCHANGE; moved d mc; moved e mc"},
    {"mkdir d; file d/f; note d d/f; rename d/f d/f; moved d -; moved d/f -"},
    /* Writing. */
    {"file f; note f; open A f O_WRONLY; write A x; close A; moved f mc"},
    {"file f; note f; open A f O_RDWR; write A x; close A; moved f mc"},
    {"file f; note f; open A f O_WRONLY|O_APPEND; write A x; moved f mc"},
    {"file f; note f; open A f O_WRONLY; write A \"\"; close A; moved f -"},
    {"file f; note f; open A f O_RDWR; close A; moved f -"},
    {"file f; note f; open A f O_WRONLY|O_TRUNC; write A x; close A; moved f mc", 0, ACCESS_TIMES, 0,
     "file f; note f; open A f O_WRONLY|O_TRUNC; write A x; close A; moved f amc"},
    {"file f; note f; open A f O_WRONLY|O_TRUNC; close A; moved f mc", 0, ACCESS_TIMES, 0,
     "file f; note f; open A f O_WRONLY|O_TRUNC; close A; moved f amc"},
    {"file f \"\"; note f; open A f O_WRONLY|O_TRUNC; close A; moved f mc", 0, ACCESS_TIMES, 0,
     "file f \"\"; note f; open A f O_WRONLY|O_TRUNC; close A; moved f amc"},
    {"file f 0123; note f; truncate f 2; moved f mc"},
    {"file f 0123; note f; truncate f 8; moved f mc"},
    {"file f 0123; note f; truncate f 4; moved f mc"},
    {"file f 0123; open A f O_RDWR; note f; ftruncate A 2; moved f mc"},
    {"file f 0123; open A f O_RDWR; note f; ftruncate A 4; moved f mc"},
    {"file f 0123; note f; truncate f -1", EINVAL},
    {"file f 0123; open A f O_RDWR; note f; fallocate A 0 0 10; moved f mc"},
    {"file f 0123; open A f O_RDWR; unlink f; note fd:A; write A x; moved fd:A mc"},
    {"file f 0123; mkdir d; note d; open A f O_WRONLY; write A x; close A; moved d -"},
    {"file f 0123; open A f O_RDONLY; creat B g; note g; copy A B 4 4; close B; moved g mc"},
    /* Attributes. */
    {"file f; note f; chmod f 0600; moved f c"},
    {"file f; note f; chmod f 0644; moved f c"},
    {"file f; open A f O_RDONLY; note f; fchmod A 0600; moved f c"},
    {"file f; note f; chown f 1001 1001; moved f c"},
    {"symlink t l; note l; lchown l 1001 1001; moved l c"},
    {"mkdir d; note d; chmod d 0700; moved d c"},
    {"mkdir d; note d; chown d 1001 1001; moved d c"},
    {"file f; note f; setxattr f user.x y; moved f c"},
    {"file f; setxattr f user.x y; note f; removexattr f user.x; moved f c"},
    {"mkdir d; note d; setxattr d user.x y; moved d c"},
    {"mkdir d; file d/f; note d; chmod d/f 0600; chown d/f 1001 1001; moved d -"},
    {"file f; as 1001; note f; chmod f 0600", EPERM},
    /* Looking. */
    {"file f; note f; access f R_OK; moved f -"},
    {"file f; note f; stat f; moved f -"},
    {"file f; open A f O_RDONLY; note f; fsync A; moved f -"},
    {"mkdir d; note d; access d/x F_OK", ENOENT},
    /* Refused. */
    {"mkdir d; note d; mkdir d/e; note d; rmdir d/e; moved d mc"},
    /* Read. */
    {"file f; utimens f 5 6; note f; open A f O_RDONLY; read A text; moved f a", 0, ACCESS_TIMES, 0,
     "file f; utimens f 5 6; note f; open A f O_RDONLY; read A text; moved f -"},
    {"mkdir d; utimens d 5 6; note d; lists d \"\"; moved d a", 0, ACCESS_TIMES, 0,
     "mkdir d; utimens d 5 6; note d; lists d \"\"; moved d -"},
};

TABLE(times);
