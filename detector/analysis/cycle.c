/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "detector/analysis/cycle.h"

#include "src/core/mem.h"

struct search {
    const struct gdn__graph *core;
    uint32_t *seen; /* By vertex: the number of the search that saw it last. */
    uint32_t number;
    uint32_t *level, *next; /* Vertices of this distance, and of one more. */
    size_t level_count, next_count;
    uint32_t *distance; /* NULL: not wanted. */
};

static void see(struct search *s, uint32_t v, uint32_t distance, bool further)
{
    if (s->seen[v] == s->number) return;
    s->seen[v] = s->number;
    if (s->distance != NULL) s->distance[v] = distance + further;
    if (further) {
        s->next[s->next_count++] = v;
    } else {
        s->level[s->level_count++] = v;
    }
}

/* A step out of a ticket counts, all others do not, so that a vertex is first seen from where it is
 * nearest. True: the way back to the start was found. */
static bool walk_level(struct search *s, uint32_t start, uint32_t distance)
{
    const struct gdn__graph *core = s->core;
    bool back = false;
    for (size_t i = 0; i < s->level_count; i++) {
        uint32_t v = s->level[i];
        for (uint32_t e = core->in_first[v]; e < core->in_first[v + 1]; e++) {
            uint32_t from = core->in_from[e];
            back |= from == start;
            see(s, from, distance, core->vertices[from].kind == GDN__VERTEX_TICKET);
        }
    }
    return back;
}

/* How long the shortest cycle through @p start is; @p limit if it is not shorter than that. */
static uint32_t measure(struct search *s, uint32_t start, uint32_t limit)
{
    s->number++;
    s->level_count = s->next_count = 0;
    see(s, start, 0, false);
    for (uint32_t distance = 0; distance + 1 < limit && s->level_count > 0; distance++) {
        if (walk_level(s, start, distance)) return distance + 1;
        uint32_t *done = s->level;
        s->level = s->next;
        s->level_count = s->next_count;
        s->next = done;
        s->next_count = 0;
    }
    return limit;
}

static void find(struct search *s, const uint32_t *starts, size_t start_count, uint32_t least,
                 uint32_t *start, uint32_t *distance, uint32_t *length)
{
    uint32_t best = UINT32_MAX;
    *start = starts[0];
    for (size_t i = 0; start_count > 1 && i < start_count && best > least; i++) {
        uint32_t found = measure(s, starts[i], best);
        if (found >= best) continue;
        best = found;
        *start = starts[i];
    }
    for (uint32_t v = 0; v < s->core->vertex_count; v++) distance[v] = GDN_NONE;
    s->distance = distance;
    *length = measure(s, *start, UINT32_MAX);
}

enum gdn_err gdn__cycle_find(const struct gdn__graph *core, const uint32_t *starts,
                             size_t start_count, uint32_t least, uint32_t *start,
                             uint32_t *distance, uint32_t *length)
{
    const struct gdn_allocator *memory = &core->memory;
    size_t bytes = core->vertex_count * sizeof(uint32_t);
    struct search s = {.core = core};
    s.seen = gdn__calloc(memory, bytes);
    s.level = gdn__alloc(memory, bytes);
    s.next = gdn__alloc(memory, bytes);
    bool fits = s.seen != NULL && s.level != NULL && s.next != NULL;
    if (fits) find(&s, starts, start_count, least, start, distance, length);
    gdn__free(memory, s.seen);
    gdn__free(memory, s.level);
    gdn__free(memory, s.next);
    return fits ? GDN_OK : GDN_ERR_MEMORY;
}
