/* SPDX-License-Identifier: MIT */
#include "src/core/agenda.h"

#include "src/core/mem.h"
#include <assert.h>

bool gdn__agenda_reserve(struct gdn__agenda *agenda, const struct gdn_allocator *allocator,
                         size_t count)
{
    /* Place 0 is left free, and gdn__grow() adds room when the last one it is told of is taken. */
    while (agenda->capacity <= count) {
        if (!gdn__grow(allocator, &agenda->heap, agenda->capacity, &agenda->capacity,
                       sizeof(struct gdn__agenda_entry *))) {
            return false;
        }
    }
    return true;
}

void gdn__agenda_fini(struct gdn__agenda *agenda, const struct gdn_allocator *allocator)
{
    gdn__free(allocator, agenda->heap);
    *agenda = (struct gdn__agenda){.heap = NULL};
}

static void put(struct gdn__agenda *agenda, size_t place, struct gdn__agenda_entry *entry)
{
    agenda->heap[place] = entry;
    entry->place = place;
}

static void sift_up(struct gdn__agenda *agenda, size_t place, struct gdn__agenda_entry *entry)
{
    while (place > 1 && agenda->heap[place / 2]->due_us > entry->due_us) {
        put(agenda, place, agenda->heap[place / 2]);
        place /= 2;
    }
    put(agenda, place, entry);
}

static void sift_down(struct gdn__agenda *agenda, size_t place, struct gdn__agenda_entry *entry)
{
    for (size_t next; (next = 2 * place) <= agenda->count; place = next) {
        if (next < agenda->count && agenda->heap[next + 1]->due_us < agenda->heap[next]->due_us) {
            next++;
        }
        if (agenda->heap[next]->due_us >= entry->due_us) break;
        put(agenda, place, agenda->heap[next]);
    }
    put(agenda, place, entry);
}

static void settle(struct gdn__agenda *agenda, size_t place, struct gdn__agenda_entry *entry)
{
    sift_down(agenda, place, entry);
    sift_up(agenda, entry->place, entry);
}

/* The last one takes its place. */
static void take_out(struct gdn__agenda *agenda, struct gdn__agenda_entry *entry)
{
    size_t place = entry->place;
    struct gdn__agenda_entry *last = agenda->heap[agenda->count--];
    entry->place = 0;
    if (last != entry) settle(agenda, place, last);
}

void gdn__agenda_set(struct gdn__agenda *agenda, struct gdn__agenda_entry *entry, int64_t due_us)
{
    entry->due_us = due_us;
    if (due_us == INT64_MAX) {
        if (entry->place != 0) take_out(agenda, entry);
    } else if (entry->place != 0) {
        settle(agenda, entry->place, entry);
    } else {
        assert(agenda->count + 1 < agenda->capacity);
        agenda->count++;
        sift_up(agenda, agenda->count, entry);
    }
}

struct gdn__agenda_entry *gdn__agenda_first(const struct gdn__agenda *agenda)
{
    return agenda->count == 0 ? NULL : agenda->heap[1];
}
