/* SPDX-License-Identifier: MIT */
/*
 * check.h - the invariants of names, nodes, handles and write sessions (the table is in node.h), checked.
 */
#ifndef LARDER_FS_CHECK_H
#define LARDER_FS_CHECK_H

#include "node.h"

/* Checks all nodes when they are few, else some, in turn; aborts where an invariant is broken. Called after every
 * request, with nothing locked. Does nothing with NDEBUG. */
void check_some(struct fs *fs);

#endif
