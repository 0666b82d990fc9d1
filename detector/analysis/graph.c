/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "detector/analysis/graph.h"

#include "src/core/mem.h"

/* GDN_NONE is no vertex, and one more is needed where rows end. */
#define VERTICES_MAX (UINT32_MAX - 2)
#define EDGES_MAX    (UINT32_MAX - 2)

void gdn__graph_init(struct gdn__graph *graph, const struct gdn_allocator *memory)
{
    *graph = (struct gdn__graph){.memory = *memory};
    gdn__map_init(&graph->branches, memory);
}

static void free_rows(struct gdn__graph *graph)
{
    const struct gdn_allocator *memory = &graph->memory;
    gdn__free(memory, graph->vertices);
    gdn__free(memory, graph->arcs);
    gdn__free(memory, graph->first);
    gdn__free(memory, graph->to);
    gdn__free(memory, graph->info);
    gdn__free(memory, graph->in_first);
    gdn__free(memory, graph->in_from);
    gdn__units_fini(&graph->units, memory);
}

void gdn__graph_fini(struct gdn__graph *graph)
{
    if (!graph->borrowed) free_rows(graph);
    gdn__map_fini(&graph->branches);
    *graph = (struct gdn__graph){.memory = graph->memory, .branches = graph->branches};
}

enum gdn_err gdn__graph_reserve(struct gdn__graph *graph, size_t vertices, size_t arcs)
{
    if (vertices > VERTICES_MAX || arcs > EDGES_MAX) return GDN_ERR_LIMIT;
    graph->vertices = gdn__alloc(&graph->memory, vertices * sizeof *graph->vertices);
    graph->arcs = gdn__alloc(&graph->memory, arcs * sizeof *graph->arcs);
    if (graph->vertices == NULL || graph->arcs == NULL) return GDN_ERR_MEMORY;
    graph->vertex_capacity = vertices;
    graph->arc_capacity = arcs;
    return GDN_OK;
}

enum gdn_err gdn__graph_add(struct gdn__graph *graph, enum gdn__vertex_kind kind, uint32_t ref,
                            uint32_t need, uint32_t *vertex)
{
    if (graph->vertex_count >= VERTICES_MAX) return GDN_ERR_LIMIT;
    if (!gdn__grow(&graph->memory, &graph->vertices, graph->vertex_count, &graph->vertex_capacity,
                   sizeof *graph->vertices)) {
        return GDN_ERR_MEMORY;
    }
    *vertex = (uint32_t)graph->vertex_count++;
    graph->vertices[*vertex] = (struct gdn__vertex){(uint32_t)kind, ref, need};
    return GDN_OK;
}

enum gdn_err gdn__graph_branch(struct gdn__graph *graph, struct gdn__branch branch,
                               uint32_t *vertex)
{
    struct gdn__key key = gdn__branch_key(branch);
    uintptr_t known = gdn__map_get(&graph->branches, key);
    if (known != 0) {
        *vertex = (uint32_t)(known - 1);
        return GDN_OK;
    }
    enum gdn_err err =
        gdn__graph_add(graph, GDN__VERTEX_BRANCH, branch.process, GDN__NEED_ALL, vertex);
    if (err != GDN_OK) return err;
    bool fits = gdn__map_put(&graph->branches, key, (uintptr_t)*vertex + 1);
    return fits ? GDN_OK : GDN_ERR_MEMORY;
}

enum gdn_err gdn__graph_owner(struct gdn__graph *graph, struct gdn__branch whose, bool brief,
                              uint32_t *to, uint32_t *info)
{
    *to = whose.process;
    *info = brief ? GDN__INFO_BRANCH : 0;
    return brief ? gdn__graph_branch(graph, whose, to) : GDN_OK;
}

enum gdn_err gdn__graph_link(struct gdn__graph *graph, uint32_t from, uint32_t to, uint32_t info)
{
    if (graph->arc_count >= EDGES_MAX) return GDN_ERR_LIMIT;
    if (!gdn__grow(&graph->memory, &graph->arcs, graph->arc_count, &graph->arc_capacity,
                   sizeof *graph->arcs)) {
        return GDN_ERR_MEMORY;
    }
    graph->arcs[graph->arc_count++] = (struct gdn__arc){from, to, info};
    return GDN_OK;
}

enum gdn_err gdn__graph_link_any(struct gdn__graph *graph, uint32_t from, uint32_t to,
                                 uint32_t info)
{
    if (to != GDN_NONE) return gdn__graph_link(graph, from, to, info);
    gdn__graph_grant_one(graph, from);
    return GDN_OK;
}

/* ---- Rows ---- */

/* Turns counts[v + 1] into the place where row v begins; rows are then filled by advancing
 * counts[v], which leaves each at the beginning of the next: hence the shift by one. */
static void sum_rows(uint32_t *counts, size_t rows)
{
    uint32_t sum = 0;
    for (size_t v = 0; v <= rows; v++) {
        uint32_t count = counts[v];
        counts[v] = sum;
        sum += count;
    }
}

static void shift_back(uint32_t *starts, size_t rows)
{
    for (size_t v = rows; v > 0; v--) starts[v] = starts[v - 1];
    starts[0] = 0;
}

static void fill_rows(struct gdn__graph *graph)
{
    size_t rows = graph->vertex_count;
    for (size_t i = 0; i < graph->arc_count; i++) {
        graph->first[graph->arcs[i].from]++;
        graph->in_first[graph->arcs[i].to]++;
    }
    sum_rows(graph->first, rows);
    sum_rows(graph->in_first, rows);
    for (size_t i = 0; i < graph->arc_count; i++) {
        const struct gdn__arc *arc = &graph->arcs[i];
        uint32_t at = graph->first[arc->from]++;
        graph->to[at] = arc->to;
        graph->info[at] = arc->info;
        graph->in_from[graph->in_first[arc->to]++] = arc->from;
    }
    shift_back(graph->first, rows);
    shift_back(graph->in_first, rows);
}

static void settle_needs(struct gdn__graph *graph)
{
    for (size_t v = 0; v < graph->vertex_count; v++) {
        if (graph->vertices[v].need != GDN__NEED_ALL) continue;
        graph->vertices[v].need = graph->first[v + 1] - graph->first[v];
    }
}

enum gdn_err gdn__graph_finish(struct gdn__graph *graph)
{
    size_t row_bytes = (graph->vertex_count + 1) * sizeof(uint32_t);
    size_t edge_bytes = graph->arc_count * sizeof(uint32_t);
    graph->first = gdn__calloc(&graph->memory, row_bytes);
    graph->in_first = gdn__calloc(&graph->memory, row_bytes);
    graph->to = gdn__alloc(&graph->memory, edge_bytes);
    graph->info = gdn__alloc(&graph->memory, edge_bytes);
    graph->in_from = gdn__alloc(&graph->memory, edge_bytes);
    if (graph->first == NULL || graph->in_first == NULL || graph->to == NULL ||
        graph->info == NULL || graph->in_from == NULL) {
        return GDN_ERR_MEMORY;
    }
    enum gdn_err err = gdn__units_index(&graph->units, &graph->memory, graph->vertex_count);
    if (err != GDN_OK) return err;
    fill_rows(graph);
    settle_needs(graph);
    gdn__free(&graph->memory, graph->arcs);
    graph->arcs = NULL;
    graph->arc_count = graph->arc_capacity = 0;
    return GDN_OK;
}

/* ---- Parts ---- */

/* Room for the rows of a part, at most as long as its vertices have them in the whole. */
static enum gdn_err reserve_rows(struct gdn__graph *part, size_t vertices, size_t edges)
{
    const struct gdn_allocator *memory = &part->memory;
    part->vertices = gdn__alloc(memory, vertices * sizeof *part->vertices);
    part->first = gdn__alloc(memory, (vertices + 1) * sizeof *part->first);
    part->in_first = gdn__calloc(memory, (vertices + 1) * sizeof *part->in_first);
    part->to = gdn__alloc(memory, edges * sizeof *part->to);
    part->info = gdn__alloc(memory, edges * sizeof *part->info);
    part->in_from = gdn__alloc(memory, edges * sizeof *part->in_from);
    bool fits = part->vertices != NULL && part->first != NULL && part->in_first != NULL &&
                part->to != NULL && part->info != NULL && part->in_from != NULL;
    if (!fits) return GDN_ERR_MEMORY;
    part->vertex_capacity = vertices;
    return GDN_OK;
}

/* Copies the edges of the next vertex that stay inside, from @p at on; each that leads outside
 * counts as satisfied. Where they end. */
static uint32_t copy_row(const struct gdn__graph *graph, uint32_t old, const uint32_t *place,
                         struct gdn__graph *part, uint32_t at)
{
    uint32_t v = (uint32_t)part->vertex_count++;
    part->vertices[v] = graph->vertices[old];
    part->first[v] = at;
    for (uint32_t e = graph->first[old]; e < graph->first[old + 1]; e++) {
        uint32_t inside = place[graph->to[e]];
        if (inside == 0) {
            gdn__graph_grant_one(part, v);
            continue;
        }
        part->to[at] = inside - 1;
        part->info[at++] = graph->info[e];
        part->in_first[inside - 1]++;
    }
    return at;
}

static void turn_around(struct gdn__graph *part)
{
    sum_rows(part->in_first, part->vertex_count);
    for (uint32_t v = 0; v < part->vertex_count; v++) {
        for (uint32_t e = part->first[v]; e < part->first[v + 1]; e++) {
            part->in_from[part->in_first[part->to[e]]++] = v;
        }
    }
    shift_back(part->in_first, part->vertex_count);
}

static bool has_branches(const struct gdn__graph *graph)
{
    return graph->has_branches || graph->branches.used > 0;
}

static void borrow(const struct gdn__graph *graph, struct gdn__graph *part)
{
    struct gdn__map none = part->branches;
    *part = *graph;
    part->branches = none;
    part->borrowed = true;
    part->has_branches = has_branches(graph);
}

enum gdn_err gdn__graph_part(const struct gdn__graph *graph, const uint32_t *vertices, size_t count,
                             uint32_t *place, struct gdn__graph *part)
{
    gdn__graph_init(part, &graph->memory);
    if (count == graph->vertex_count) {
        borrow(graph, part);
        return GDN_OK;
    }
    part->has_branches = has_branches(graph);
    size_t edges = 0;
    for (size_t i = 0; i < count; i++) {
        edges += graph->first[vertices[i] + 1] - graph->first[vertices[i]];
        place[vertices[i]] = (uint32_t)i + 1;
    }
    enum gdn_err err = reserve_rows(part, count, edges);
    if (err == GDN_OK) {
        uint32_t end = 0;
        for (size_t i = 0; i < count; i++) end = copy_row(graph, vertices[i], place, part, end);
        part->first[count] = end;
        turn_around(part);
        err = gdn__units_part(&graph->units, &graph->memory, vertices, count, place, &part->units);
    }
    if (err == GDN_OK) err = gdn__units_index(&part->units, &part->memory, count);
    for (size_t i = 0; i < count; i++) place[vertices[i]] = 0;
    if (err != GDN_OK) gdn__graph_fini(part);
    return err;
}

/* ---- Narrowing ---- */

/* Of one side's rows, those of the vertices that stay, without the others. @p info NULL: none. */
static void narrow_rows(uint32_t count, uint32_t *first, uint32_t *to, uint32_t *info,
                        const uint32_t *place)
{
    uint32_t kept = 0, end = 0, e = 0;
    for (uint32_t v = 0; v < count; v++) {
        uint32_t row_end = first[v + 1]; /* Rows move down: first[v + 1] is not written yet. */
        if (place[v] != 0) first[kept++] = end;
        for (; e < row_end; e++) {
            if (place[v] == 0 || place[to[e]] == 0) continue;
            if (info != NULL) info[end] = info[e];
            to[end++] = place[to[e]] - 1;
        }
    }
    first[kept] = end;
}

static void narrow_vertices(struct gdn__graph *graph, const uint32_t *place)
{
    uint32_t kept = 0;
    for (uint32_t v = 0; v < graph->vertex_count; v++) {
        if (place[v] == 0) continue;
        graph->vertices[kept] = graph->vertices[v];
        for (uint32_t e = graph->first[v]; e < graph->first[v + 1]; e++) {
            if (place[graph->to[e]] == 0) gdn__graph_grant_one(graph, kept);
        }
        kept++;
    }
    graph->vertex_count = kept;
}

static enum gdn_err narrow_units(struct gdn__graph *graph, const uint32_t *kept, size_t count,
                                 const uint32_t *place)
{
    struct gdn__units part = {.shares = NULL};
    enum gdn_err err = gdn__units_part(&graph->units, &graph->memory, kept, count, place, &part);
    if (err == GDN_OK) err = gdn__units_index(&part, &graph->memory, count);
    if (err != GDN_OK) {
        gdn__units_fini(&part, &graph->memory);
        return err;
    }
    gdn__units_fini(&graph->units, &graph->memory);
    graph->units = part;
    return GDN_OK;
}

enum gdn_err gdn__graph_narrow(struct gdn__graph *graph, const uint32_t *kept, size_t count,
                               uint32_t *place)
{
    uint32_t all = (uint32_t)graph->vertex_count;
    for (size_t i = 0; i < count; i++) place[kept[i]] = (uint32_t)i + 1;
    enum gdn_err err = narrow_units(graph, kept, count, place);
    if (err != GDN_OK) return err;
    narrow_vertices(graph, place);
    narrow_rows(all, graph->first, graph->to, graph->info, place);
    narrow_rows(all, graph->in_first, graph->in_from, NULL, place);
    return GDN_OK;
}
