/* SPDX-License-Identifier: MIT */
/*
 * confine.h - system calls that a mounted daemon has no use for, refused for good (-o seccomp): it can start no program,
 * mount nothing, open no connection but one on this machine (to the log), trace nobody, load nothing into the kernel.
 *
 * What is allowed is a list, of what the C library, libfuse, liburing and RocksDB call while a larder is mounted and as it
 * ends. What is not gets ENOSYS, as from an older kernel: so a later C library that tries something newer first goes back
 * to what it did before. To kill the process would turn such an update into a mount that dies one day, and files open in it
 * with it; who has got hold of the daemon gains nothing by the difference.
 *
 * Unmounting is not on the list, so a process that was started before does it: see unmounter.h.
 */
#ifndef LARDER_FS_CONFINE_H
#define LARDER_FS_CONFINE_H

/* Puts all threads of the process under the filter, which cannot be undone, and gives up all that programs it would start
 * could gain (no_new_privs). 0 or -errno. */
int confine(void);

#endif
