/* SPDX-License-Identifier: MIT */
/* Who wants to be looked at when: a binary heap of entries that live in their owners, so that the
 * next deadline of a thousand peers is found without asking each.
 *
 * Room is reserved when an entry is made; setting and removing then cannot fail. */
#ifndef GDN_CORE_AGENDA_H
#define GDN_CORE_AGENDA_H

#include <gordian/base.h>
#include <stdbool.h>
#include <stdint.h>

struct gdn__agenda_entry {
    int64_t due_us;
    size_t place; /* In the heap, from 1; 0: not in it. */
};

struct gdn__agenda {
    struct gdn__agenda_entry **heap; /* Entry i is due no later than 2i and 2i + 1. */
    size_t count;
    size_t capacity;
};

/* Room for @p count entries in all. False when out of memory. */
bool gdn__agenda_reserve(struct gdn__agenda *agenda, const struct gdn_allocator *allocator,
                         size_t count);
void gdn__agenda_fini(struct gdn__agenda *agenda, const struct gdn_allocator *allocator);

/* Enter or move @p entry; INT64_MAX takes it out. */
void gdn__agenda_set(struct gdn__agenda *agenda, struct gdn__agenda_entry *entry, int64_t due_us);

/* The entry that is due first; NULL when there is none. */
struct gdn__agenda_entry *gdn__agenda_first(const struct gdn__agenda *agenda);
/* When it is due, or INT64_MAX. */
static inline int64_t gdn__agenda_deadline(const struct gdn__agenda *agenda)
{
    return agenda->count == 0 ? INT64_MAX : agenda->heap[1]->due_us;
}

#endif
