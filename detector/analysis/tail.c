/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "detector/analysis/tail.h"

#include "src/core/mem.h"

/* Attributing every tail to every core it waits behind can be quadratic. After this many walks over
 * the whole graph, what was attributed once is not attributed again. */
#define WALKS_MAX 64

enum gdn_err gdn__tails_init(struct gdn__tails *tails, const struct gdn__graph *stuck,
                             size_t process_count)
{
    *tails = (struct gdn__tails){.stuck = stuck};
    uint64_t walk = (uint64_t)stuck->vertex_count + gdn__graph_edge_count(stuck);
    tails->work_left = WALKS_MAX * walk;
    tails->is_member = gdn__calloc(&stuck->memory, process_count * sizeof *tails->is_member);
    tails->seen = gdn__calloc(&stuck->memory, stuck->vertex_count * sizeof *tails->seen);
    tails->worklist = gdn__alloc(&stuck->memory, stuck->vertex_count * sizeof *tails->worklist);
    bool fits = tails->is_member != NULL && tails->seen != NULL && tails->worklist != NULL;
    return fits ? GDN_OK : GDN_ERR_MEMORY;
}

void gdn__tails_fini(struct gdn__tails *tails)
{
    gdn__free(&tails->stuck->memory, tails->is_member);
    gdn__free(&tails->stuck->memory, tails->seen);
    gdn__free(&tails->stuck->memory, tails->worklist);
}

static bool may_visit(const struct gdn__tails *tails, uint32_t vertex, uint32_t core)
{
    uint32_t seen = tails->seen[vertex];
    return seen != core + 1 && (seen == 0 || tails->work_left > 0);
}

/* Everything that reaches the core, the core first; how many. */
static size_t walk_back(struct gdn__tails *tails, uint32_t core, const uint32_t *vertices,
                        size_t count)
{
    const struct gdn__graph *stuck = tails->stuck;
    size_t end = 0;
    for (size_t i = 0; i < count; i++) {
        tails->seen[vertices[i]] = core + 1;
        tails->worklist[end++] = vertices[i];
    }
    for (size_t done = 0; done < end; done++) {
        uint32_t v = tails->worklist[done];
        for (uint32_t e = stuck->in_first[v]; e < stuck->in_first[v + 1]; e++) {
            if (tails->work_left > 0) tails->work_left--;
            uint32_t waiter = stuck->in_from[e];
            if (!may_visit(tails, waiter, core)) continue;
            tails->seen[waiter] = core + 1;
            tails->worklist[end++] = waiter;
        }
    }
    return end;
}

static bool is_tail(const struct gdn__tails *tails, uint32_t vertex)
{
    const struct gdn__vertex *found = &tails->stuck->vertices[vertex];
    return found->kind == GDN__VERTEX_PROCESS && !tails->is_member[found->ref];
}

enum gdn_err gdn__tails_find(struct gdn__tails *tails, uint32_t core, const uint32_t *vertices,
                             size_t count, uint32_t **tail, size_t *tail_count)
{
    size_t reached = walk_back(tails, core, vertices, count);
    size_t found = 0;
    for (size_t i = count; i < reached; i++) found += is_tail(tails, tails->worklist[i]);
    *tail = gdn__alloc(&tails->stuck->memory, found * sizeof **tail);
    if (*tail == NULL) return GDN_ERR_MEMORY;
    *tail_count = 0;
    for (size_t i = count; i < reached; i++) {
        uint32_t v = tails->worklist[i];
        if (is_tail(tails, v)) (*tail)[(*tail_count)++] = tails->stuck->vertices[v].ref;
    }
    return GDN_OK;
}
