/* SPDX-License-Identifier: MIT */
/*
 * heap.h - a priority queue of numbers for the simulator: the lowest rank first, of equal ones the lower value. Items
 * that no longer count are left in and skipped by who takes them out.
 */
#ifndef LARDER_STORE_HEAP_H
#define LARDER_STORE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

struct heap_item {
    uint64_t rank, value;
};

struct heap {
    struct heap_item *items; /* owned; zeroed it is empty */
    size_t count, room;
};

static inline bool heap_before(struct heap_item a, struct heap_item b)
{
    return a.rank < b.rank || (a.rank == b.rank && a.value < b.value);
}

/* False without memory. */
static inline bool heap_put(struct heap *heap, uint64_t rank, uint64_t value)
{
    if (heap->count == heap->room) {
        size_t room = heap->room ? heap->room * 2 : 1024;
        struct heap_item *items = realloc(heap->items, room * sizeof *items);
        if (!items)
            return false;
        heap->items = items;
        heap->room = room;
    }
    struct heap_item item = {rank, value};
    size_t at = heap->count++;
    for (; at > 0 && heap_before(item, heap->items[(at - 1) / 2]); at = (at - 1) / 2)
        heap->items[at] = heap->items[(at - 1) / 2];
    heap->items[at] = item;
    return true;
}

/* Takes the first out, which there must be. */
static inline void heap_drop(struct heap *heap)
{
    struct heap_item item = heap->items[--heap->count];
    size_t at = 0;
    for (size_t child; (child = at * 2 + 1) < heap->count; at = child) {
        if (child + 1 < heap->count && heap_before(heap->items[child + 1], heap->items[child]))
            child++;
        if (!heap_before(heap->items[child], item))
            break;
        heap->items[at] = heap->items[child];
    }
    heap->items[at] = item;
}

#endif
