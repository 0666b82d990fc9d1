/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "detector/analysis/cores.h"

#include "detector/analysis/components.h"
#include "src/core/mem.h"

/* Cores: components, and the components of what stays irreducible in them. */

struct search {
    const struct gdn__graph *graph;
    uint32_t *alive; /* The vertices still in question. */
    size_t alive_count;
    /* By vertex, of those in question: */
    uint32_t *label;   /* the component, GDN_NONE: not in question; */
    uint32_t *pending; /* needs not met inside the component. */
    uint32_t *worklist;
    uint32_t *lost; /* By component: how many were satisfied; then its number as a core. */
};

/* ---- Components ---- */

/* The edges inside the components so far, with the vertices by their places in alive[]; how many.
 * @p to NULL: only counts. */
static size_t draw(const struct search *s, const uint32_t *place, uint32_t *first, uint32_t *to)
{
    const struct gdn__graph *graph = s->graph;
    size_t count = 0;
    for (size_t i = 0; i < s->alive_count; i++) {
        uint32_t v = s->alive[i];
        first[i] = (uint32_t)count;
        for (uint32_t e = graph->first[v]; e < graph->first[v + 1]; e++) {
            if (s->label[graph->to[e]] != s->label[v]) continue;
            if (to != NULL) to[count] = place[graph->to[e]];
            count++;
        }
    }
    first[s->alive_count] = (uint32_t)count;
    return count;
}

/* Labels by place become labels by vertex. */
static void relabel(struct search *s, const uint32_t *by_place)
{
    for (size_t i = 0; i < s->alive_count; i++) s->label[s->alive[i]] = s->alive[by_place[i]];
}

static enum gdn_err split_again(struct search *s, char *why, size_t why_bytes)
{
    const struct gdn_allocator *memory = &s->graph->memory;
    uint32_t *place = s->pending, *by_place = s->worklist; /* Not in use meanwhile. */
    for (size_t i = 0; i < s->alive_count; i++) place[s->alive[i]] = (uint32_t)i;
    uint32_t *first = gdn__alloc(memory, (s->alive_count + 1) * sizeof *first), *to = NULL;
    enum gdn_err err = GDN_ERR_MEMORY;
    if (first != NULL) to = gdn__alloc(memory, draw(s, place, first, NULL) * sizeof *to);
    if (to != NULL) {
        (void)draw(s, place, first, to);
        struct gdn__rows rows = {(uint32_t)s->alive_count, first, to};
        err = gdn__components_find(memory, &rows, by_place, why, why_bytes);
    }
    if (err == GDN_OK) relabel(s, by_place);
    gdn__free(memory, first);
    gdn__free(memory, to);
    return err;
}

static enum gdn_err split(struct search *s, char *why, size_t why_bytes)
{
    const struct gdn__graph *graph = s->graph;
    if (s->alive_count < graph->vertex_count) return split_again(s, why, why_bytes);
    struct gdn__rows all = {(uint32_t)graph->vertex_count, graph->first, graph->to};
    return gdn__components_find(&graph->memory, &all, s->label, why, why_bytes);
}

/* ---- Reduction ---- */

static enum gdn_err begin_returns(struct search *s, struct gdn__returns *returns)
{
    const struct gdn__graph *graph = s->graph;
    *returns = (struct gdn__returns){.count = 0};
    if (graph->units.count == 0) return GDN_OK;
    return gdn__returns_init(returns, &graph->units, &graph->memory, s->label);
}

/* Entries of pools for which enough has come back join the worklist; its new end. */
static size_t take_served(struct search *s, struct gdn__returns *returns, size_t end)
{
    uint32_t v;
    while (gdn__returns_next(returns, &v)) {
        s->pending[v] = 0;
        s->worklist[end++] = v;
    }
    return end;
}

/* What each vertex needs inside its component; those that need nothing there make the worklist. */
static size_t begin_pending(struct search *s)
{
    const struct gdn__graph *graph = s->graph;
    size_t end = 0;
    for (size_t i = 0; i < s->alive_count; i++) {
        uint32_t v = s->alive[i];
        uint32_t need = graph->vertices[v].need;
        bool counts = need != GDN__NEED_POOL;
        for (uint32_t e = graph->first[v]; counts && need > 0 && e < graph->first[v + 1]; e++) {
            if (s->label[graph->to[e]] != s->label[v]) need--;
        }
        s->pending[v] = need;
        s->lost[s->label[v]] = 0;
        if (need == 0) s->worklist[end++] = v;
    }
    return end;
}

/* Satisfies what can be with everything outside each component satisfied. */
static enum gdn_err reduce_inside(struct search *s)
{
    const struct gdn__graph *graph = s->graph;
    struct gdn__returns returns;
    enum gdn_err err = begin_returns(s, &returns);
    if (err == GDN_OK) {
        size_t end = begin_pending(s);
        end = take_served(s, &returns, end);
        for (size_t done = 0; done < end; done++) {
            uint32_t v = s->worklist[done];
            s->lost[s->label[v]]++;
            for (uint32_t e = graph->in_first[v]; e < graph->in_first[v + 1]; e++) {
                uint32_t waiter = graph->in_from[e];
                if (s->label[waiter] != s->label[v] || s->pending[waiter] == 0) continue;
                if (--s->pending[waiter] == 0) s->worklist[end++] = waiter;
            }
            gdn__returns_take(&returns, v);
            end = take_served(s, &returns, end);
        }
    }
    gdn__returns_fini(&returns);
    return err;
}

/* A component none of which was satisfied is a core; of one that was in part, what is left is
 * looked at again. */
static void sort_out(struct search *s, uint32_t *core_of, uint32_t *core_count)
{
    /* A component is called after one of it: that one says first whether it is a core. */
    for (size_t i = 0; i < s->alive_count; i++) {
        uint32_t component = s->alive[i];
        if (s->label[component] != component) continue;
        bool is_core = s->lost[component] == 0;
        s->lost[component] = is_core ? (*core_count)++ : GDN_NONE;
    }
    size_t kept = 0;
    for (size_t i = 0; i < s->alive_count; i++) {
        uint32_t v = s->alive[i];
        uint32_t core = s->lost[s->label[v]];
        if (core != GDN_NONE) {
            core_of[v] = core;
        } else if (s->pending[v] != 0) {
            s->alive[kept++] = v;
            continue;
        }
        s->label[v] = GDN_NONE;
    }
    s->alive_count = kept;
}

/* ---- All of it ---- */

static bool allocate(struct search *s)
{
    const struct gdn_allocator *memory = &s->graph->memory;
    size_t bytes = s->graph->vertex_count * sizeof(uint32_t);
    s->alive = gdn__alloc(memory, bytes);
    s->label = gdn__alloc(memory, bytes);
    s->pending = gdn__alloc(memory, bytes);
    s->worklist = gdn__alloc(memory, bytes);
    s->lost = gdn__alloc(memory, bytes);
    return s->alive != NULL && s->label != NULL && s->pending != NULL && s->worklist != NULL &&
           s->lost != NULL;
}

static void release(struct search *s)
{
    const struct gdn_allocator *memory = &s->graph->memory;
    gdn__free(memory, s->alive);
    gdn__free(memory, s->label);
    gdn__free(memory, s->pending);
    gdn__free(memory, s->worklist);
    gdn__free(memory, s->lost);
}

enum gdn_err gdn__cores_find(const struct gdn__graph *stuck, uint32_t *core_of,
                             uint32_t *core_count, char *why, size_t why_bytes)
{
    struct search s = {.graph = stuck};
    enum gdn_err err = allocate(&s) ? GDN_OK : GDN_ERR_MEMORY;
    *core_count = 0;
    if (err == GDN_OK) {
        for (uint32_t v = 0; v < stuck->vertex_count; v++) {
            s.alive[v] = v;
            core_of[v] = GDN_NONE;
        }
        s.alive_count = stuck->vertex_count;
    }
    while (err == GDN_OK && s.alive_count > 0) {
        err = split(&s, why, why_bytes);
        if (err != GDN_OK) break;
        err = reduce_inside(&s);
        if (err == GDN_OK) sort_out(&s, core_of, core_count);
    }
    release(&s);
    return err;
}
