/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "detector/analysis/reduce.h"

#include "src/core/mem.h"

/* Beginning anew costs a pass over all vertices; one that satisfied less than this part of them is
 * undone instead, since there are many such in a row where sets of victims are tried. */
#define FEW_OF 8

enum gdn_err gdn__reduction_init(struct gdn__reduction *reduction, const struct gdn__graph *graph)
{
    size_t bytes = graph->vertex_count * sizeof(uint32_t);
    *reduction = (struct gdn__reduction){.graph = graph};
    reduction->pending = gdn__alloc(&graph->memory, bytes);
    reduction->worklist = gdn__alloc(&graph->memory, bytes);
    if (reduction->pending == NULL || reduction->worklist == NULL) return GDN_ERR_MEMORY;
    return gdn__returns_init(&reduction->returns, &graph->units, &graph->memory, NULL);
}

void gdn__reduction_fini(struct gdn__reduction *reduction)
{
    gdn__free(&reduction->graph->memory, reduction->pending);
    gdn__free(&reduction->graph->memory, reduction->worklist);
    gdn__returns_fini(&reduction->returns);
}

static void take_as_satisfied(struct gdn__reduction *reduction, uint32_t v)
{
    reduction->pending[v] = 0;
    reduction->worklist[reduction->freed_count++] = v;
}

/* Entries of pools for which enough has come back; one that was taken as satisfied before is
 * passed over. */
static void take_served(struct gdn__reduction *reduction)
{
    uint32_t v;
    while (gdn__returns_next(&reduction->returns, &v)) {
        if (reduction->pending[v] != 0) take_as_satisfied(reduction, v);
    }
}

/* Each vertex enters the worklist once: when its pending count becomes 0. */
static void run(struct gdn__reduction *reduction, size_t done)
{
    const struct gdn__graph *graph = reduction->graph;
    uint32_t *pending = reduction->pending;
    bool has_pools = reduction->returns.count != 0;
    if (has_pools) take_served(reduction);
    size_t end = reduction->freed_count;
    for (; done < end; done++) {
        uint32_t v = reduction->worklist[done];
        for (uint32_t e = graph->in_first[v]; e < graph->in_first[v + 1]; e++) {
            uint32_t waiter = graph->in_from[e];
            if (pending[waiter] != 0 && --pending[waiter] == 0) reduction->worklist[end++] = waiter;
        }
        if (!has_pools) continue;
        reduction->freed_count = end;
        gdn__returns_take(&reduction->returns, v);
        take_served(reduction);
        end = reduction->freed_count;
    }
    reduction->freed_count = end;
}

bool gdn__reduce_further(struct gdn__reduction *reduction, const uint32_t *removed,
                         size_t removed_count)
{
    size_t done = reduction->freed_count;
    for (size_t i = 0; i < removed_count; i++) {
        if (reduction->pending[removed[i]] != 0) take_as_satisfied(reduction, removed[i]);
    }
    run(reduction, done);
    return reduction->freed_count == reduction->graph->vertex_count;
}

static void begin(struct gdn__reduction *reduction)
{
    const struct gdn__graph *graph = reduction->graph;
    reduction->freed_count = 0;
    for (uint32_t v = 0; v < graph->vertex_count; v++) {
        reduction->pending[v] = graph->vertices[v].need;
        if (reduction->pending[v] == 0) reduction->worklist[reduction->freed_count++] = v;
    }
    reduction->free_count = reduction->freed_count;
    reduction->begun = true;
}

/* Undoes what satisfying the worklist did, without looking at the rest. */
static void put_back(struct gdn__reduction *reduction)
{
    const struct gdn__graph *graph = reduction->graph;
    for (size_t i = 0; i < reduction->freed_count; i++) {
        uint32_t v = reduction->worklist[i];
        reduction->pending[v] = graph->vertices[v].need;
        for (uint32_t e = graph->in_first[v]; e < graph->in_first[v + 1]; e++) {
            uint32_t waiter = graph->in_from[e];
            reduction->pending[waiter] = graph->vertices[waiter].need;
        }
    }
    reduction->freed_count = reduction->free_count;
}

bool gdn__reduce(struct gdn__reduction *reduction, const uint32_t *removed, size_t removed_count)
{
    bool freed_few = reduction->freed_count < reduction->graph->vertex_count / FEW_OF;
    if (reduction->begun && freed_few) {
        put_back(reduction);
    } else {
        begin(reduction);
    }
    gdn__returns_reset(&reduction->returns);
    for (size_t i = 0; i < removed_count; i++) {
        if (reduction->pending[removed[i]] != 0) take_as_satisfied(reduction, removed[i]);
    }
    run(reduction, 0);
    return reduction->freed_count == reduction->graph->vertex_count;
}
