/* SPDX-License-Identifier: MIT */
/*
 * text.h - names in the texts that .larder shows, and the paths they are part of. A name is bytes, and a text is UTF-8:
 * what is no UTF-8 is written so that nothing is lost.
 */
#ifndef LARDER_FS_TEXT_H
#define LARDER_FS_TEXT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct store;

/* The bytes of the UTF-8 character (RFC 3629: the shortest form, no surrogates) that a text of `size` bytes begins with;
 * 0: none. A NUL ends a text, too, so that SIZE_MAX will do for one that has it. */
size_t text_character(const char *text, size_t size);

/* A JSON string with its quotes. A byte that is no UTF-8 becomes the lone surrogate U+DC80 to U+DCFF, as Python's
 * surrogateescape has it: json.loads() and os.fsencode() give the name back. */
void text_json(FILE *out, const char *text);

/* The value of a label in Prometheus' exposition format, with its quotes. A byte that is no UTF-8, or part of a control
 * character other than a newline, becomes \xNN. */
void text_label(FILE *out, const char *text);

/* For a terminal: what is no printable UTF-8 becomes \xNN. */
void text_plain(FILE *out, const char *text);

/* Where a directory is that the store does not know any more, as store_dir_place() says it; -ENOENT. */
typedef int text_gone_dir(void *arg, uint64_t dir, uint64_t *ret_parent, char *ret_name);

/*
 * The path of a place below the root of the mount, without a slash in front; free() it. Directories are where they are
 * now. `gone` (may be NULL) is asked for those that are no more. -ENOENT: one is not known; -ENOMEM; -EIO.
 */
int text_path(struct store *store, uint64_t dir, const char *name, text_gone_dir *gone, void *arg, char **ret_path);

#endif
