/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "detector/analysis/redraw.h"

#include "detector/analysis/names.h"
#include "detector/analysis/reduce.h"
#include "detector/analysis/turn.h"
#include "src/core/mem.h"
#include <stdlib.h>

/* How far back a pool's row is gone through for what one entry sees. */
#define SHARES_MAX (4 * GDN__REDRAW_LINKS_MAX)

/* A ticket or group whose edges are being read, and the resource the way to it is about. */
struct owner {
    struct gdn__redrawing *r;
    uint32_t ticket;
    struct gdn__visit *groups; /* Still to be read. */
    size_t group_count;
};

/* ---- Links ---- */

/* Of the tickets that hold up a party, the first in the order of people. */
static uint32_t first_ticket(const struct gdn__core *core, uint32_t party)
{
    const struct gdn__graph *graph = &core->graph;
    uint32_t best = graph->to[graph->first[party]];
    for (uint32_t e = graph->first[party] + 1; e < graph->first[party + 1]; e++) {
        if (gdn__core_compare(core, graph->to[e], best) < 0) best = graph->to[e];
    }
    return best;
}

/* Of one process: itself before its branches, and those by their tickets, of which they share none.
 */
static int compare_parties(const struct gdn__core *core, uint32_t a, uint32_t b)
{
    bool branch_a = core->graph.vertices[a].kind == GDN__VERTEX_BRANCH;
    bool branch_b = core->graph.vertices[b].kind == GDN__VERTEX_BRANCH;
    if (branch_a != branch_b) return branch_a ? 1 : -1;
    return gdn__core_compare(core, first_ticket(core, a), first_ticket(core, b));
}

static int compare_links(const void *a, const void *b, void *context)
{
    const struct gdn__redrawn_link *x = a, *y = b;
    const struct gdn__core *core = context;
    uint32_t p = gdn__core_process(core, x->party), q = gdn__core_process(core, y->party);
    if (p != q) return gdn__names_compare(core->fold->cut, p, q);
    if (x->party != y->party) return compare_parties(core, x->party, y->party);
    int order = gdn__core_compare_info(core, x->info, y->info);
    return order != 0 ? order : (x->units > y->units) - (x->units < y->units);
}

/* Those from @p first on, of one vertex, in an order that depends on no table. */
static void sort_links(struct gdn__redrawing *r, size_t first)
{
    size_t count = r->link_count - first;
    if (count > 1) qsort_r(&r->links[first], count, sizeof *r->links, compare_links, r->core);
}

/* The same, and each once: several ways over hubs may lead to one party. */
static void keep_once(struct gdn__redrawing *r, size_t first)
{
    size_t kept = first;
    sort_links(r, first);
    for (size_t i = first; i < r->link_count; i++) {
        const struct gdn__redrawn_link *last = kept == first ? NULL : &r->links[kept - 1];
        bool again =
            last != NULL && last->party == r->links[i].party && last->info == r->links[i].info;
        if (!again) r->links[kept++] = r->links[i];
    }
    r->link_count = kept;
}

static enum gdn_err add_link(struct gdn__redrawing *r, struct gdn__redrawn_link link)
{
    r->undrawn = r->undrawn || r->link_count >= GDN__REDRAW_LINKS_MAX;
    if (r->undrawn) return GDN_OK;
    if (!gdn__grow(&r->core->graph.memory, &r->links, r->link_count, &r->link_capacity,
                   sizeof *r->links)) {
        return GDN_ERR_MEMORY;
    }
    r->links[r->link_count++] = link;
    return GDN_OK;
}

static enum gdn_err add_arc(struct gdn__redrawing *r, uint32_t from, uint32_t to)
{
    if (!gdn__grow(&r->core->graph.memory, &r->arcs, r->arc_count, &r->arc_capacity,
                   sizeof *r->arcs)) {
        return GDN_ERR_MEMORY;
    }
    r->arcs[r->arc_count++] = (struct gdn__arc){from, to, 0};
    return GDN_OK;
}

static uint32_t inherit(uint32_t info, uint32_t above)
{
    return gdn__info_resource(info) == GDN_NONE ? info | above : info;
}

static uint32_t resource_of(uint32_t info)
{
    return gdn__info_about(gdn__info_resource(info));
}

/* All that @p start leads to over hubs, as links of @p link.from. */
static enum gdn_err add_links(struct gdn__redrawing *r, struct gdn__redrawn_link link,
                              uint32_t start)
{
    struct gdn__core *core = r->core;
    const struct gdn__graph *graph = &core->graph;
    size_t first = r->link_count, end = 0;
    enum gdn_err err = GDN_OK;
    core->search++;
    core->visits[end++] = (struct gdn__visit){start, resource_of(link.info)};
    for (size_t done = 0; done < end && !r->undrawn; done++) {
        struct gdn__visit at = core->visits[done];
        for (uint32_t e = graph->first[at.vertex]; e < graph->first[at.vertex + 1]; e++) {
            uint32_t to = graph->to[e];
            link.info = inherit(graph->info[e], at.info);
            link.party = to;
            if (gdn__vertex_is_party(&graph->vertices[to])) {
                err = add_link(r, link);
                if (err != GDN_OK) return err;
            } else if (graph->vertices[to].kind == GDN__VERTEX_HUB &&
                       core->stamp[to] != core->search) {
                core->stamp[to] = core->search;
                core->visits[end++] = (struct gdn__visit){to, resource_of(link.info)};
            }
        }
    }
    keep_once(r, first);
    return GDN_OK;
}

/* ---- Pools ---- */

static uint32_t exit_of(const struct gdn__units *units, uint32_t pool)
{
    return units->of[units->first[pool]];
}

/* The shares that its entry sees: those before its exit that end behind it. */
static enum gdn_err add_shares(struct gdn__redrawing *r, struct gdn__redrawn_link link)
{
    const struct gdn__units *units = &r->core->graph.units;
    uint32_t exit = exit_of(units, link.from);
    for (uint32_t e = exit; e > 0 && !r->undrawn; e--) {
        const struct gdn__share *share = &units->shares[e - 1];
        r->undrawn = exit - e > SHARES_MAX;
        if (share->end <= exit) continue;
        const struct gdn__vertex *vertex = &r->core->graph.vertices[share->vertex];
        uint32_t flags = share->queued ? GDN__INFO_QUEUED : 0;
        if (vertex->kind == GDN__VERTEX_BRANCH) flags |= GDN__INFO_BRANCH;
        struct gdn__redrawn_link seen = link;
        seen.party = share->vertex;
        seen.info = link.info | flags;
        seen.units = share->units;
        enum gdn_err err = add_link(r, seen);
        if (err != GDN_OK) return err;
    }
    return GDN_OK;
}

static enum gdn_err add_pool(struct gdn__redrawing *r, uint32_t ticket, uint32_t pool,
                             uint32_t info)
{
    const struct gdn__units *units = &r->core->graph.units;
    struct gdn__redrawn_pool made = {.vertex = pool,
                                     .ticket = ticket,
                                     .info = resource_of(info),
                                     .allowance = units->shares[exit_of(units, pool)].units,
                                     .link_first = r->link_count};
    struct gdn__redrawn_link link = {.from = pool, .ticket = ticket, .info = made.info};
    enum gdn_err err = add_shares(r, link);
    if (err != GDN_OK) return err;
    sort_links(r, made.link_first);
    made.link_count = r->link_count - made.link_first;
    if (!gdn__grow(&r->core->graph.memory, &r->pools, r->pool_count, &r->pool_capacity,
                   sizeof *r->pools)) {
        return GDN_ERR_MEMORY;
    }
    r->pools[r->pool_count++] = made;
    return GDN_OK;
}

/* ---- Tickets and groups ---- */

/* One that a group counts: all that is behind one of its edges. */
static enum gdn_err add_alternative(struct gdn__redrawing *r, uint32_t ticket, uint32_t group,
                                    uint32_t to, uint32_t info)
{
    uint32_t made = (uint32_t)r->core->graph.vertex_count + r->alternative_count++;
    struct gdn__redrawn_link link = {.from = made, .ticket = ticket, .party = to, .info = info};
    enum gdn_err err = add_arc(r, group, made);
    if (err != GDN_OK) return err;
    if (gdn__vertex_is_party(&r->core->graph.vertices[to])) return add_link(r, link);
    return add_links(r, link, to);
}

/* The groups and pools that a ticket or group asks for, and a group's alternatives. */
static enum gdn_err read_edges(struct owner *o, struct gdn__visit at)
{
    struct gdn__redrawing *r = o->r;
    const struct gdn__graph *graph = &r->core->graph;
    bool is_group = graph->vertices[at.vertex].kind == GDN__VERTEX_GROUP;
    enum gdn_err err = GDN_OK;
    for (uint32_t e = graph->first[at.vertex]; e < graph->first[at.vertex + 1]; e++) {
        uint32_t to = graph->to[e], info = inherit(graph->info[e], at.info);
        uint32_t kind = graph->vertices[to].kind;
        if (err != GDN_OK || r->undrawn) return err;
        if (kind == GDN__VERTEX_GROUP || kind == GDN__VERTEX_POOL) {
            err = add_arc(r, at.vertex, to);
            if (err == GDN_OK && kind == GDN__VERTEX_POOL) err = add_pool(r, o->ticket, to, info);
            if (kind == GDN__VERTEX_GROUP) {
                o->groups[o->group_count++] = (struct gdn__visit){to, resource_of(info)};
            }
        } else if (is_group) {
            err = add_alternative(r, o->ticket, at.vertex, to, info);
        }
    }
    return err;
}

/* Groups form a tree: each is read once. */
static enum gdn_err read_ticket(struct owner *o, uint32_t ticket)
{
    const struct gdn__wait *wait = gdn__core_wait(o->r->core, ticket);
    struct gdn__visit at = {ticket, gdn__info_about(wait->resource)};
    struct gdn__redrawn_link link = {.from = ticket, .ticket = ticket, .info = at.info};
    o->ticket = ticket;
    enum gdn_err err = add_links(o->r, link, ticket);
    if (err == GDN_OK) err = read_edges(o, at);
    while (err == GDN_OK && o->group_count > 0) err = read_edges(o, o->groups[--o->group_count]);
    return err;
}

/* ---- Life ---- */

/* Entries of tickets with a choice are not drawn anew. */
static bool has_optional(const struct gdn__graph *graph)
{
    for (uint32_t v = 0; v < graph->vertex_count; v++) {
        uint32_t kind = graph->vertices[v].kind;
        if (kind == GDN__VERTEX_PLACE || kind == GDN__VERTEX_COVER) return true;
    }
    return false;
}

static enum gdn_err read_core(struct gdn__redrawing *r)
{
    struct gdn__core *core = r->core;
    const struct gdn_allocator *memory = &core->graph.memory;
    struct owner owner = {.r = r};
    r->undrawn = core->ticket_count > GDN__REDRAW_LINKS_MAX || has_optional(&core->graph);
    if (r->undrawn) return GDN_OK;
    owner.groups = gdn__alloc(memory, core->graph.vertex_count * sizeof *owner.groups);
    enum gdn_err err = owner.groups == NULL ? GDN_ERR_MEMORY : GDN_OK;
    for (size_t i = 0; err == GDN_OK && i < core->ticket_count && !r->undrawn; i++) {
        err = read_ticket(&owner, core->tickets[i]);
    }
    gdn__free(memory, owner.groups);
    return err;
}

static enum gdn_err learn_tickets(struct gdn__redrawing *r)
{
    const struct gdn__core *core = r->core;
    for (size_t i = 0; i < core->ticket_count; i++) {
        struct gdn__key wait = {core->graph.vertices[core->tickets[i]].ref, 0};
        if (!gdn__map_put(&r->tickets, wait, (uintptr_t)core->tickets[i] + 1)) {
            return GDN_ERR_MEMORY;
        }
    }
    return GDN_OK;
}

enum gdn_err gdn__redraw_init(struct gdn__redrawing *r, struct gdn__core *core)
{
    *r = (struct gdn__redrawing){.core = core};
    gdn__map_init(&r->tickets, &core->graph.memory);
    enum gdn_err err = read_core(r);
    if (err == GDN_OK && !r->undrawn) err = learn_tickets(r);
    if (err != GDN_OK || r->undrawn) return err;
    for (size_t i = 0; i < r->link_count; i++) gdn__turn_find(r, &r->links[i]);
    r->fate = gdn__calloc(&core->graph.memory, r->link_count + 1);
    r->out = gdn__calloc(&core->graph.memory, (r->link_count + 1) * sizeof *r->out);
    return r->fate == NULL || r->out == NULL ? GDN_ERR_MEMORY : GDN_OK;
}

void gdn__redraw_fini(struct gdn__redrawing *r)
{
    const struct gdn_allocator *memory = &r->core->graph.memory;
    gdn__map_fini(&r->tickets);
    gdn__free(memory, r->links);
    gdn__free(memory, r->fate);
    gdn__free(memory, r->out);
    gdn__free(memory, r->shares);
    gdn__free(memory, r->pools);
    gdn__free(memory, r->arcs);
}

/* ---- One trial ---- */

/* A pool's entry in a row of its own: what is out before it, and its exit. */
static enum gdn_err draw_pool(const struct gdn__redrawing *r, const struct gdn__redrawn_pool *pool,
                              struct gdn__graph *graph)
{
    size_t first = graph->units.count;
    enum gdn_err err = GDN_OK;
    for (size_t i = pool->link_first; i < pool->link_first + pool->link_count; i++) {
        struct gdn__share share = {.vertex = r->links[i].party, .units = r->links[i].units};
        if (err == GDN_OK && !r->out[i]) err = gdn__units_add(&graph->units, &graph->memory, share);
    }
    for (size_t i = 0; err == GDN_OK && i < r->share_count; i++) {
        const struct gdn__redrawn_share *before = &r->shares[i];
        struct gdn__share share = {.vertex = before->vertex, .units = before->units};
        bool here =
            before->ticket == pool->ticket && before->resource == gdn__info_resource(pool->info);
        if (here) err = gdn__units_add(&graph->units, &graph->memory, share);
    }
    for (size_t i = first; i < graph->units.count; i++) {
        graph->units.shares[i].end = (uint32_t)graph->units.count + 1;
    }
    struct gdn__share exit = {.vertex = pool->vertex, .units = pool->allowance};
    return err == GDN_OK ? gdn__units_add(&graph->units, &graph->memory, exit) : err;
}

static enum gdn_err draw_vertices(const struct gdn__redrawing *r, struct gdn__graph *graph)
{
    const struct gdn__graph *from = &r->core->graph;
    enum gdn_err err = GDN_OK;
    uint32_t added;
    for (uint32_t v = 0; err == GDN_OK && v < from->vertex_count; v++) {
        const struct gdn__vertex *vertex = &from->vertices[v];
        bool counts = vertex->kind == GDN__VERTEX_GROUP || vertex->kind == GDN__VERTEX_POOL;
        err = gdn__graph_add(graph, (enum gdn__vertex_kind)vertex->kind, vertex->ref,
                             counts ? vertex->need : GDN__NEED_ALL, &added);
        if (!gdn__vertex_is_party(vertex)) continue;
        for (uint32_t e = from->first[v]; err == GDN_OK && e < from->first[v + 1]; e++) {
            err = gdn__graph_link(graph, v, from->to[e], 0);
        }
    }
    for (uint32_t i = 0; err == GDN_OK && i < r->alternative_count; i++) {
        err = gdn__graph_add(graph, GDN__VERTEX_HUB, 0, GDN__NEED_ALL, &added);
    }
    return err;
}

static enum gdn_err draw(struct gdn__redrawing *r, struct gdn__graph *graph)
{
    enum gdn_err err = draw_vertices(r, graph);
    for (size_t i = 0; err == GDN_OK && i < r->arc_count; i++) {
        err = gdn__graph_link(graph, r->arcs[i].from, r->arcs[i].to, 0);
    }
    if (err == GDN_OK) err = gdn__turn_all(r, graph);
    for (size_t i = 0; err == GDN_OK && i < r->link_count; i++) {
        const struct gdn__redrawn_link *link = &r->links[i];
        if (r->out[i] || link->units != 0) continue;
        err = gdn__graph_link(graph, link->from, link->party, 0);
    }
    for (size_t i = 0; err == GDN_OK && i < r->pool_count; i++) {
        err = draw_pool(r, &r->pools[i], graph);
    }
    return err == GDN_OK ? gdn__graph_finish(graph) : err;
}

enum gdn_err gdn__redraw_try(struct gdn__redrawing *r, bool *freed)
{
    struct gdn__graph graph;
    struct gdn__reduction reduction = {.graph = &graph};
    gdn__graph_init(&graph, &r->core->graph.memory);
    enum gdn_err err = draw(r, &graph);
    if (err == GDN_OK) err = gdn__reduction_init(&reduction, &graph);
    if (err == GDN_OK) {
        *freed = gdn__reduce(&reduction, NULL, 0) && r->possible;
        r->freed_count = r->possible ? reduction.freed_count : 0;
    }
    gdn__reduction_fini(&reduction);
    gdn__graph_fini(&graph);
    return err;
}
