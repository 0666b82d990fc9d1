/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "detector/analysis/cores.h"

#include "detector/analysis/components.h"
#include "src/core/mem.h"

/* Cores: components, and the components of what stays irreducible in them. */
struct search {
    const struct gdn__graph *graph;
    uint32_t *alive; /* The vertices still in question, */
    size_t alive_count;
    uint32_t *place;   /* and by vertex: 1 + where in alive[]; 0: not in question. */
    uint32_t *label;   /* By place: the component. */
    uint32_t *pending; /* By place: needs not met inside the component. */
    uint32_t *worklist;
    uint32_t *size, *left; /* By component: vertices, and those that stay stuck. */
    uint32_t *group;       /* By vertex: the component; GDN_NONE: not in question. */
};

/* Where @p vertex is in alive[] if it lies in the component of place @p i; else GDN_NONE. */
static uint32_t inside(const struct search *s, size_t i, uint32_t vertex)
{
    uint32_t place = s->place[vertex];
    if (place == 0) return GDN_NONE;
    return s->label[place - 1] == s->label[i] ? place - 1 : GDN_NONE;
}

/* The edges inside the components so far, by place; how many. @p to NULL: only counts. */
static size_t draw(const struct search *s, uint32_t *first, uint32_t *to)
{
    const struct gdn__graph *graph = s->graph;
    size_t count = 0;
    for (size_t i = 0; i < s->alive_count; i++) {
        uint32_t v = s->alive[i];
        first[i] = (uint32_t)count;
        for (uint32_t e = graph->first[v]; e < graph->first[v + 1]; e++) {
            uint32_t place = inside(s, i, graph->to[e]);
            if (place == GDN_NONE) continue;
            if (to != NULL) to[count] = place;
            count++;
        }
    }
    first[s->alive_count] = (uint32_t)count;
    return count;
}

static enum gdn_err split_again(struct search *s, char *why, size_t why_bytes)
{
    const struct gdn_allocator *memory = &s->graph->memory;
    uint32_t *first = gdn__alloc(memory, (s->alive_count + 1) * sizeof *first), *to = NULL;
    enum gdn_err err = GDN_ERR_MEMORY;
    if (first != NULL) to = gdn__alloc(memory, draw(s, first, NULL) * sizeof *to);
    if (to != NULL) {
        (void)draw(s, first, to);
        struct gdn__rows rows = {(uint32_t)s->alive_count, first, to};
        err = gdn__components_find(memory, &rows, s->label, why, why_bytes);
    }
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

static enum gdn_err begin_returns(struct search *s, struct gdn__returns *returns)
{
    const struct gdn__graph *graph = s->graph;
    *returns = (struct gdn__returns){.count = 0};
    if (graph->units.count == 0) return GDN_OK;
    for (uint32_t v = 0; v < graph->vertex_count; v++) s->group[v] = GDN_NONE;
    for (size_t i = 0; i < s->alive_count; i++) s->group[s->alive[i]] = s->label[i];
    return gdn__returns_init(returns, &graph->units, &graph->memory, s->group);
}

/* Entries of pools for which enough has come back join the worklist; its new end. */
static size_t take_served(struct search *s, struct gdn__returns *returns, size_t end)
{
    uint32_t v;
    while (gdn__returns_next(returns, &v)) {
        uint32_t i = s->place[v] - 1;
        s->pending[i] = 0;
        s->worklist[end++] = i;
    }
    return end;
}

/* Satisfies what can be with everything outside each component satisfied. */
static enum gdn_err reduce_inside(struct search *s)
{
    const struct gdn__graph *graph = s->graph;
    struct gdn__returns returns;
    size_t end = 0;
    enum gdn_err err = begin_returns(s, &returns);
    if (err != GDN_OK) goto out;
    memset(s->size, 0, s->alive_count * sizeof *s->size);
    for (size_t i = 0; i < s->alive_count; i++) {
        uint32_t v = s->alive[i];
        uint32_t need = graph->vertices[v].need;
        bool counts = need != GDN__NEED_POOL;
        for (uint32_t e = graph->first[v]; counts && need > 0 && e < graph->first[v + 1]; e++) {
            if (inside(s, i, graph->to[e]) == GDN_NONE) need--;
        }
        s->pending[i] = need;
        s->size[s->label[i]]++;
        if (need == 0) s->worklist[end++] = (uint32_t)i;
    }
    memcpy(s->left, s->size, s->alive_count * sizeof *s->left);
    end = take_served(s, &returns, end);
    for (size_t done = 0; done < end; done++) {
        uint32_t i = s->worklist[done];
        uint32_t v = s->alive[i];
        s->left[s->label[i]]--;
        for (uint32_t e = graph->in_first[v]; e < graph->in_first[v + 1]; e++) {
            uint32_t waiter = inside(s, i, graph->in_from[e]);
            if (waiter == GDN_NONE || s->pending[waiter] == 0) continue;
            if (--s->pending[waiter] == 0) s->worklist[end++] = waiter;
        }
        gdn__returns_take(&returns, v);
        end = take_served(s, &returns, end);
    }
out:
    gdn__returns_fini(&returns);
    return err;
}

/* A component none of which was satisfied is a core; of one that was in part, what is left is
 * looked at again. */
static void sort_out(struct search *s, uint32_t *core_of, uint32_t *core_count)
{
    /* size[] is not needed any more: it numbers the components that are cores. */
    for (size_t c = 0; c < s->alive_count; c++) {
        bool is_core = s->left[c] != 0 && s->left[c] == s->size[c];
        s->size[c] = is_core ? (*core_count)++ : GDN_NONE;
    }
    size_t kept = 0;
    for (size_t i = 0; i < s->alive_count; i++) {
        uint32_t v = s->alive[i];
        uint32_t component = s->label[i];
        s->place[v] = 0;
        if (s->size[component] != GDN_NONE) {
            core_of[v] = s->size[component];
        } else if (s->pending[i] != 0) {
            s->label[kept] = component;
            s->alive[kept++] = v;
        }
    }
    s->alive_count = kept;
    for (size_t i = 0; i < kept; i++) s->place[s->alive[i]] = (uint32_t)i + 1;
}

static bool allocate(struct search *s)
{
    const struct gdn_allocator *memory = &s->graph->memory;
    size_t bytes = s->graph->vertex_count * sizeof(uint32_t);
    s->alive = gdn__alloc(memory, bytes);
    s->place = gdn__alloc(memory, bytes);
    s->label = gdn__calloc(memory, bytes);
    s->pending = gdn__alloc(memory, bytes);
    s->worklist = gdn__alloc(memory, bytes);
    s->size = gdn__alloc(memory, bytes);
    s->left = gdn__alloc(memory, bytes);
    s->group = gdn__alloc(memory, s->graph->units.count == 0 ? 0 : bytes);
    return s->alive != NULL && s->place != NULL && s->label != NULL && s->pending != NULL &&
           s->worklist != NULL && s->size != NULL && s->left != NULL && s->group != NULL;
}

static void release(struct search *s)
{
    const struct gdn_allocator *memory = &s->graph->memory;
    gdn__free(memory, s->alive);
    gdn__free(memory, s->place);
    gdn__free(memory, s->label);
    gdn__free(memory, s->pending);
    gdn__free(memory, s->worklist);
    gdn__free(memory, s->size);
    gdn__free(memory, s->left);
    gdn__free(memory, s->group);
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
            s.place[v] = v + 1;
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
