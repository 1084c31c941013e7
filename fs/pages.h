/* SPDX-License-Identifier: MIT */
/*
 * pages.h - the kernel's page cache, seen from here: small values are put into it before they are asked for, and what a
 * change has made stale is taken out of it.
 *
 * *Push.* The first reader of a node gets a small value with the answer to its OPEN, and never sends a READ. That locks
 * pages, so it is done only on a node that nobody else has open, and who opens it meanwhile waits: no READ can then
 * hold a page that the push waits for, whatever the other workers are busy with.
 *
 * *Forget.* Several inodes may stand for one version (see stale.h), and a live write through one of them passes the
 * pages and sizes of the others by. It is answered when the kernel has dropped those; until then nobody is told of a
 * new size, which would show what old pages have behind their end. Nor of a smaller one than before, except when it is
 * cut off: the kernel would fill its pages with zeroes from there on. It does that for a larger one, too, after it has
 * taken the size up, and when it has to wait for a page meanwhile, that may by then have more in it: so inodes with
 * pages get the last byte of the value put into their page cache, which raises the size without that. To drop a page is
 * to wait for whoever has it locked: a READ, which needs a worker, so that no worker may be the one who waits; or a
 * WRITE out of the page cache that waits for an order of its own, so that each order has a thread of its own. It ends,
 * because a version has at most one inode with such writers (pages_writable_locked()): orders of these wait for READs
 * alone.
 */
#ifndef LARDER_FS_PAGES_H
#define LARDER_FS_PAGES_H

#include "node.h"

struct handle;

enum { PAGES_PUSH_MAX = 16 << 10 }; /* bytes: beyond, the kernel's read-ahead is as good */

/* Waits until no push is under way on a node. */
void pages_wait_locked(struct fs *fs, const struct node *node);

/* Is a push in order for a reader's handle that has just been opened? Then it has begun, and pages_push() must follow.
 */
bool pages_push_begin_locked(const struct handle *handle);

/* Puts the value into the page cache; a handle for which that worked keeps it. Not under fs->lock. */
void pages_push(struct fs *fs, struct handle *handle);

/* May a handle that writes `version` go through the page cache of this node? Not while one does on another. */
bool pages_writable_locked(const struct node *node, uint64_t version);

/* What the kernel must forget before a request is answered. */
struct pages_order;

/* A value is about to be changed through a handle: inodes that show it keep their sizes for now. NULL when there cannot
 * be any. */
struct pages_order *pages_change_begin(struct fs *fs, const struct handle *handle);

/* A write through the handle's node will be answered: the kernel will take it to be at least `size` bytes long. */
void pages_change_grows(struct pages_order *order, const struct handle *handle, uint64_t size);

/*
 * Something about a version, the handle's or (NULL) the node's, was changed through a node; `past_pages`: past the page
 * cache of that, too. Takes over what pages_change_begin() returned, or NULL. NULL when no inode shows anything stale,
 * as nearly always. Else the caller answers by pages_forget().
 */
struct pages_order *pages_outdated(struct fs *fs, struct pages_order *begun, const struct node *node,
                                   const struct handle *handle, bool past_pages);

/* Nothing was changed after all. NULL is harmless. */
void pages_change_cancel(struct pages_order *order);

/* Has it forgotten, then calls `answer`, in another thread. */
void pages_forget(struct pages_order *order, void (*answer)(fuse_req_t request, struct node *node, size_t size),
                  fuse_req_t request, struct node *node, size_t size);

/*
 * Waits until whoever has a version open reads at least what it holds by now: a change is in the store before the kernel
 * has dropped the pages it outdates. What is changed meanwhile is not waited for. -EAGAIN when the kernel takes its time:
 * it may be waiting for a page that the caller's request holds up.
 */
int pages_shown(struct fs *fs, uint64_t version);

/* The size to tell the kernel for a node whose value has `size` bytes; notes that it was told. */
uint64_t pages_tell_size_locked(struct fs *fs, struct node *node, uint64_t size);

/* Returns when no order is being carried out, nor will be. The workers must still answer, or the mount be gone. */
void pages_settle(struct fs *fs);

#endif
