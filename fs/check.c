/* SPDX-License-Identifier: MIT */
/* check.c - see check.h. */
#include "check.h"
#include "file.h"
#include "pages.h"
#include "stale.h"

#include <assert.h>

#ifndef NDEBUG

enum { NODES_AT_ONCE = 32 };

static void check_session_locked(const struct write_session *session)
{
    assert(session->refs > 0 && session->handles <= session->refs);
    assert(!session->listed || !session->published);
    assert(!session->listed || session->node->version == store_version_id(session->version));
    assert(session->node->sessions > 0);
}

static void check_handle_locked(const struct node *node, const struct handle *handle)
{
    assert(handle->node == node && handle->refs > 0);
    assert(!handle->cached || store_version_id(handle->version) == node->version);
    assert(!handle->cached || handle->wants_pages);
    if (handle->cached && handle->writes)
        assert(pages_writable_locked(node, node->version));
    if (handle->session) {
        assert(handle->version == handle->session->version);
        check_session_locked(handle->session);
    }
}

static void check_name_locked(const struct fs *fs, const struct name *name)
{
    const struct write_session *session;
    assert(name->refs > 0);
    assert(!name->gone || (!name->current && LIST_EMPTY(&name->sessions)));
    assert(name->gone || name_find_locked((struct fs *)fs, name->dir, name->text) == name);
    assert(!name->current || (name->current->name == name && !name->current->reserved));
    LIST_FOREACH(session, &name->sessions, of_name) {
        assert(session->name == name && session->listed);
        check_session_locked(session);
    }
}

static void check_node_locked(const struct fs *fs, const struct node *node)
{
    const struct handle *handle;
    const struct write_session *session;
    unsigned handles = 0, appearing = 0;
    LIST_FOREACH(handle, &node->handles, of_node) {
        check_handle_locked(node, handle);
        handles++;
    }
    assert(node->lookups > 0 || handles > 0 || node->sessions > 0 || node->changing > 0);
    assert(!node->reserved || handles == 0);
    assert(!node->pushing || handles == 1);
    assert(!node->hold || (node->hold->node == node && store_version_id(node->hold->version) == node->version));
    LIST_FOREACH(session, &node->appearing, of_dir)
        appearing++;
    assert(appearing <= node->creating);
    assert((node->kind == NODE_DIR) == !node->name);
    if (node->name)
        check_name_locked(fs, node->name);
}

void check_some(struct fs *fs)
{
    fs_lock(fs);
    if (!fs->checked)
        fs->checked = LIST_FIRST(&fs->nodes);
    for (unsigned i = 0; i < NODES_AT_ONCE && fs->checked; i++) {
        check_node_locked(fs, fs->checked);
        fs->checked = LIST_NEXT(fs->checked, all);
    }
    fs_unlock(fs);
}

#else

void check_some(struct fs *fs)
{
    (void)fs;
}

#endif
