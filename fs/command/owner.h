/* SPDX-License-Identifier: MIT */
/*
 * owner.h - what root makes in another's store has to be that one's: else its owner could not open it any more, and a link
 * that lies there would be followed with root's rights.
 */
#ifndef LARDER_FS_OWNER_H
#define LARDER_FS_OWNER_H

#include <stdbool.h>

/* Acts from here on, in all threads, as the owner of a store's directory, if root asks and there is one; what is made is
 * that one's alone (umask 077). False with errno. */
bool owner_become(const char *url);

/* Goes back to who it was, and to its umask. */
void owner_end(void);

#endif
