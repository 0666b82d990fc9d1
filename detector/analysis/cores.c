/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "detector/analysis/cores.h"

#include "src/core/mem.h"
#include <igraph/igraph.h>
#include <setjmp.h>
#include <stdio.h>

/* ---- igraph without its way of ending programs ---- */

/* The handlers take no context, so what they need is kept here, for the one call under way. */
static struct {
    char *why;
    size_t why_bytes;
    bool told;
    jmp_buf escape;
} call;

static void keep_first(const char *reason, const char *file, int line)
{
    if (call.told || call.why_bytes == 0) return;
    call.told = true;
    (void)snprintf(call.why, call.why_bytes, "igraph: %s (%s:%d)", reason, file, line);
}

static void on_error(const char *reason, const char *file, int line, igraph_error_t code)
{
    (void)code;
    keep_first(reason, file, line);
    IGRAPH_FINALLY_FREE();
}

static void on_warning(const char *reason, const char *file, int line)
{
    (void)reason, (void)file, (void)line;
}

/* igraph calls abort() when this returns. */
static void on_fatal(const char *reason, const char *file, int line)
{
    keep_first(reason, file, line);
    longjmp(call.escape, 1);
}

static enum gdn_err translate(igraph_error_t code)
{
    if (code == IGRAPH_SUCCESS) return GDN_OK;
    return code == IGRAPH_ENOMEM ? GDN_ERR_MEMORY : GDN_ERR_SYSTEM;
}

/* Runs @p work under our handlers and puts the program's own back. */
static enum gdn_err guard(igraph_error_t (*work)(void *), void *job, char *why, size_t why_bytes)
{
    igraph_error_handler_t *error = igraph_set_error_handler(on_error);
    igraph_warning_handler_t *warning = igraph_set_warning_handler(on_warning);
    igraph_fatal_handler_t *fatal = igraph_set_fatal_handler(on_fatal);
    call.why = why;
    call.why_bytes = why_bytes;
    call.told = false;
    enum gdn_err err = GDN_ERR_SYSTEM;
    if (setjmp(call.escape) == 0) err = translate(work(job));
    (void)igraph_set_error_handler(error);
    (void)igraph_set_warning_handler(warning);
    (void)igraph_set_fatal_handler(fatal);
    return err;
}

/* igraph_create() with @p edges as pairs. */
static igraph_error_t make(igraph_t *graph, const igraph_integer_t *edges, size_t edge_count,
                           size_t vertex_count)
{
    igraph_vector_int_t view = {0};
    static const igraph_integer_t none = 0;
    igraph_vector_int_view(&view, edge_count == 0 ? &none : edges,
                           2 * (igraph_integer_t)edge_count);
    return igraph_create(graph, &view, (igraph_integer_t)vertex_count, IGRAPH_DIRECTED);
}

/* ---- Strongly connected components ---- */

struct components_job {
    const igraph_integer_t *edges;
    size_t edge_count, vertex_count;
    uint32_t *label;
};

static igraph_error_t find_components(void *context)
{
    struct components_job *job = context;
    igraph_t graph;
    igraph_error_t code = make(&graph, job->edges, job->edge_count, job->vertex_count);
    if (code != IGRAPH_SUCCESS) return code;

    igraph_vector_int_t membership;
    code = igraph_vector_int_init(&membership, 0);
    if (code == IGRAPH_SUCCESS) {
        code = igraph_connected_components(&graph, &membership, NULL, NULL, IGRAPH_STRONG);
        for (size_t v = 0; code == IGRAPH_SUCCESS && v < job->vertex_count; v++) {
            job->label[v] = (uint32_t)VECTOR(membership)[v];
        }
        igraph_vector_int_destroy(&membership);
    }
    igraph_destroy(&graph);
    return code;
}

/* ---- Cores: components, and the components of what stays irreducible in them ---- */

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
    igraph_integer_t *edges;
};

/* Where @p vertex is in alive[] if it lies in the component of place @p i; else GDN_NONE. */
static uint32_t inside(const struct search *s, size_t i, uint32_t vertex)
{
    uint32_t place = s->place[vertex];
    if (place == 0) return GDN_NONE;
    return s->label[place - 1] == s->label[i] ? place - 1 : GDN_NONE;
}

static enum gdn_err split(struct search *s, char *why, size_t why_bytes)
{
    const struct gdn__graph *graph = s->graph;
    size_t count = 0;
    for (size_t i = 0; i < s->alive_count; i++) {
        uint32_t v = s->alive[i];
        for (uint32_t e = graph->first[v]; e < graph->first[v + 1]; e++) {
            uint32_t to = inside(s, i, graph->to[e]);
            if (to == GDN_NONE) continue;
            s->edges[count++] = (igraph_integer_t)i;
            s->edges[count++] = to;
        }
    }
    struct components_job job = {s->edges, count / 2, s->alive_count, s->label};
    return guard(find_components, &job, why, why_bytes);
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
    s->group = gdn__alloc(memory, bytes);
    s->edges = gdn__alloc(memory, 2 * gdn__graph_edge_count(s->graph) * sizeof *s->edges);
    return s->alive != NULL && s->place != NULL && s->label != NULL && s->pending != NULL &&
           s->worklist != NULL && s->size != NULL && s->left != NULL && s->group != NULL &&
           s->edges != NULL;
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
    gdn__free(memory, s->edges);
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
