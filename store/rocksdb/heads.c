/* SPDX-License-Identifier: MIT */
/* heads.c - see heads.h. */
#include "heads.h"

#include <string.h>

/* The last of all names: with it as the bound, one of that name would still be met. */
static void put_none(char *name)
{
    memset(name, 0xff, STORE_NAME_MAX);
    name[STORE_NAME_MAX] = '\0';
}

static void lower(char *name, const char *to)
{
    if (strcmp(to, name) < 0)
        strcpy(name, to);
}

static struct head *slot_of(struct heads *heads, uint64_t dir)
{
    return &heads->slots[dir / 2 % HEADS]; /* directories' numbers are odd */
}

/* The slot, when it is this directory's. */
static struct head *find(struct heads *heads, uint64_t dir)
{
    struct head *head = slot_of(heads, dir);
    return head->dir == dir ? head : NULL;
}

void heads_init(struct heads *heads)
{
    *heads = (struct heads){0};
    pthread_mutex_init(&heads->lock, NULL);
}

void heads_release(struct heads *heads)
{
    pthread_mutex_destroy(&heads->lock);
}

/* Makes a slot a directory's, if nobody needs it for another. */
static struct head *claim(struct heads *heads, uint64_t dir)
{
    struct head *head = slot_of(heads, dir);
    if (head->dir == dir)
        return head;
    if (head->lookers > 0)
        return NULL;
    head->dir = dir;
    head->bound[0] = '\0';
    return head;
}

bool heads_look(struct heads *heads, uint64_t dir, const char *after, char *ret_bound)
{
    pthread_mutex_lock(&heads->lock);
    struct head *head = after[0] ? find(heads, dir) : claim(heads, dir);
    bool learns = head && (!after[0] || strcmp(after, head->bound) < 0);
    strcpy(ret_bound, head ? head->bound : "");
    if (learns && head->lookers++ == 0)
        put_none(head->placed);
    pthread_mutex_unlock(&heads->lock);
    return learns;
}

void heads_learn(struct heads *heads, uint64_t dir, const char *first)
{
    char bound[STORE_NAME_MAX + 1];
    put_none(bound);
    if (first)
        strcpy(bound, first);
    pthread_mutex_lock(&heads->lock);
    struct head *head = slot_of(heads, dir); /* still its own, for heads_look() counted this one */
    lower(bound, head->placed);
    if (strcmp(bound, head->bound) > 0)
        strcpy(head->bound, bound);
    head->lookers--;
    pthread_mutex_unlock(&heads->lock);
}

void heads_bound(struct heads *heads, uint64_t dir, char *ret_bound)
{
    pthread_mutex_lock(&heads->lock);
    const struct head *head = find(heads, dir);
    strcpy(ret_bound, head ? head->bound : "");
    pthread_mutex_unlock(&heads->lock);
}

void heads_placed(struct heads *heads, uint64_t dir, const char *name)
{
    pthread_mutex_lock(&heads->lock);
    struct head *head = find(heads, dir);
    if (head) {
        lower(head->bound, name);
        lower(head->placed, name);
    }
    pthread_mutex_unlock(&heads->lock);
}

void heads_placed_many(struct heads *heads)
{
    pthread_mutex_lock(&heads->lock);
    for (size_t i = 0; i < HEADS; i++)
        heads->slots[i].bound[0] = heads->slots[i].placed[0] = '\0';
    pthread_mutex_unlock(&heads->lock);
}
