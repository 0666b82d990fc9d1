/* SPDX-License-Identifier: MIT */
#include "src/core/untaken.h"

#include "src/core/mem.h"

#define FIRST_CAPACITY 16

void gdn__untaken_fini(struct gdn__untaken *untaken, const struct gdn_participant_options *options)
{
    while (untaken->count > 0) gdn__untaken_pop(untaken, options);
    gdn__free(options->allocator, untaken->ring);
    *untaken = (struct gdn__untaken){.ring = NULL};
}

bool gdn__untaken_grow(struct gdn__untaken *untaken, const struct gdn_allocator *allocator)
{
    size_t wanted = untaken->capacity == 0 ? FIRST_CAPACITY : untaken->capacity * 2;
    struct gdn__untaken_message *grown = gdn__alloc(allocator, wanted * sizeof *grown);
    if (grown == NULL) return false;
    for (size_t i = 0; i < untaken->count; i++) {
        grown[i] = untaken->ring[gdn__untaken_place(untaken, i)];
    }
    gdn__free(allocator, untaken->ring);
    untaken->ring = grown;
    untaken->oldest = 0;
    untaken->capacity = wanted;
    return true;
}
