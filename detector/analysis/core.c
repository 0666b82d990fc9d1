/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "detector/analysis/core.h"

#include "detector/analysis/names.h"
#include "src/core/mem.h"
#include <stdlib.h>

/* ---- Order ---- */

static struct gdn_cut_ticket ticket_of(const struct gdn__wait *wait)
{
    return (struct gdn_cut_ticket){wait->issuer, wait->number};
}

int gdn__core_compare(const struct gdn__core *core, uint32_t ticket_a, uint32_t ticket_b)
{
    const struct gdn__wait *a = gdn__core_wait(core, ticket_a);
    const struct gdn__wait *b = gdn__core_wait(core, ticket_b);
    int order =
        a->process == b->process ? 0 : gdn__names_compare(core->fold->cut, a->process, b->process);
    if (order != 0) return order;
    return gdn__names_compare_tickets(core->fold->cut, ticket_of(a), ticket_of(b));
}

/* A ticket, and how the name of its process begins. */
struct keyed {
    uint64_t key;
    uint32_t ticket;
};

static int compare_keyed(const void *a, const void *b, void *core)
{
    const struct keyed *x = a, *y = b;
    if (x->key != y->key) return x->key < y->key ? -1 : 1;
    return gdn__core_compare(core, x->ticket, y->ticket);
}

static bool sort_tickets(struct gdn__core *core)
{
    const struct gdn_allocator *memory = &core->graph.memory;
    struct keyed *keyed = gdn__alloc(memory, core->ticket_count * sizeof *keyed);
    if (keyed == NULL) return false;
    for (size_t i = 0; i < core->ticket_count; i++) {
        uint32_t ticket = core->tickets[i];
        uint32_t process = gdn__core_wait(core, ticket)->process;
        keyed[i] = (struct keyed){gdn__names_key(core->fold->cut, process), ticket};
    }
    qsort_r(keyed, core->ticket_count, sizeof *keyed, compare_keyed, core);
    for (size_t i = 0; i < core->ticket_count; i++) core->tickets[i] = keyed[i].ticket;
    gdn__free(memory, keyed);
    return true;
}

int gdn__core_compare_info(const struct gdn__core *core, uint32_t info_a, uint32_t info_b)
{
    static const uint32_t flags[] = {GDN__INFO_QUEUED, GDN__INFO_BRANCH};
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        bool a = (info_a & flags[i]) != 0, b = (info_b & flags[i]) != 0;
        if (a != b) return a ? 1 : -1;
    }
    uint32_t a = gdn__info_resource(info_a), b = gdn__info_resource(info_b);
    if (a == b) return 0;
    if (a == GDN_NONE || b == GDN_NONE) return a == GDN_NONE ? 1 : -1;
    const struct gdn_cut_resource *resources = core->fold->cut->resources;
    return gdn_id_compare(resources[a].id.id, resources[b].id.id);
}

/* ---- Model ---- */

/* One group of which any member will do, and nothing else. */
static bool is_any(const struct gdn__core *core, const struct gdn__wait *wait)
{
    if (wait->node == GDN_NONE || wait->need_count < 2) return false;
    const struct gdn_cut_need *needs = &core->fold->cut->nodes[wait->node].needs[wait->need_first];
    if (needs[0].kind != GDN_NEED_GROUP || needs[0].at_least != 1) return false;
    return (size_t)needs[0].child_count + 1 == wait->need_count;
}

/* An entry for which only some of what stands before it must go: units of a pool, a place that its
 * process may give up, or what is in the way of either of two places. */
static bool has_choice_in_queue(const struct gdn__core *core)
{
    for (uint32_t v = 0; v < core->graph.vertex_count; v++) {
        uint32_t kind = core->graph.vertices[v].kind;
        bool choice = kind == GDN__VERTEX_POOL || kind == GDN__VERTEX_PLACE;
        if (choice || kind == GDN__VERTEX_COVER) return true;
    }
    return false;
}

static enum gdn_model find_model(const struct gdn__core *core)
{
    bool all = true, any = true;
    if (has_choice_in_queue(core)) return GDN_MODEL_MIXED;
    for (size_t i = 0; i < core->ticket_count; i++) {
        const struct gdn__wait *wait = gdn__core_wait(core, core->tickets[i]);
        if (wait->optional) all = false;
        if (!wait->optional || !is_any(core, wait)) any = false;
    }
    return all ? GDN_MODEL_ALL : any ? GDN_MODEL_ANY : GDN_MODEL_MIXED;
}

/* ---- Life ---- */

enum gdn_err gdn__core_init(struct gdn__core *core, const struct gdn__fold *fold,
                            const struct gdn__graph *stuck, const uint32_t *vertices, size_t count,
                            uint32_t *place)
{
    const struct gdn_allocator *memory = &stuck->memory;
    *core = (struct gdn__core){.fold = fold};
    enum gdn_err err = gdn__graph_part(stuck, vertices, count, place, &core->graph);
    if (err != GDN_OK) return err;
    core->tickets = gdn__alloc(memory, count * sizeof *core->tickets);
    core->stamp = gdn__calloc(memory, count * sizeof *core->stamp);
    core->visits = gdn__alloc(memory, count * sizeof *core->visits);
    if (core->tickets == NULL || core->stamp == NULL || core->visits == NULL) {
        return GDN_ERR_MEMORY;
    }
    for (uint32_t v = 0; v < core->graph.vertex_count; v++) {
        if (core->graph.vertices[v].kind != GDN__VERTEX_TICKET) continue;
        core->tickets[core->ticket_count++] = v;
    }
    if (!sort_tickets(core)) return GDN_ERR_MEMORY;
    core->model = find_model(core);
    return GDN_OK;
}

void gdn__core_fini(struct gdn__core *core)
{
    const struct gdn_allocator memory = core->graph.memory;
    if (memory.resize == NULL) return; /* It had no part: nothing was allocated. */
    gdn__free(&memory, core->tickets);
    gdn__free(&memory, core->stamp);
    gdn__free(&memory, core->visits);
    gdn__graph_fini(&core->graph);
}

/* ---- Links ---- */

static enum gdn_err add_link(struct gdn__core *core, uint32_t ticket, uint32_t party, uint32_t info,
                             struct gdn__links *links)
{
    if (!gdn__grow(&core->graph.memory, &links->items, links->count, &links->capacity,
                   sizeof *links->items)) {
        return GDN_ERR_MEMORY;
    }
    links->items[links->count++] = (struct gdn__link){ticket, party, info};
    return GDN_OK;
}

/* What a cover adds to its first edge is in the way of other places, not of this one. */
static uint32_t end_of_links(const struct gdn__graph *graph, uint32_t vertex)
{
    bool cover = graph->vertices[vertex].kind == GDN__VERTEX_COVER;
    return cover ? graph->first[vertex] + 1 : graph->first[vertex + 1];
}

/* Every hub and group on the way is visited once; an edge that names no resource inherits the one
 * on the way to it. */
enum gdn_err gdn__core_links(struct gdn__core *core, uint32_t ticket, const uint32_t *distance,
                             uint32_t wanted, struct gdn__links *links)
{
    const struct gdn__graph *graph = &core->graph;
    size_t end = 0;
    enum gdn_err err = GDN_OK;
    core->search++;
    core->visits[end++] = (struct gdn__visit){ticket, 0};
    for (size_t done = 0; done < end; done++) {
        struct gdn__visit at = core->visits[done];
        uint32_t row_end = end_of_links(graph, at.vertex);
        for (uint32_t e = graph->first[at.vertex]; e < row_end; e++) {
            uint32_t to = graph->to[e];
            if (distance != NULL && distance[to] != wanted) continue;
            uint32_t info = graph->info[e];
            if (gdn__info_resource(info) == GDN_NONE) info |= at.info;
            if (gdn__vertex_is_party(&graph->vertices[to])) {
                err = add_link(core, ticket, to, info, links);
                if (err != GDN_OK) return err;
            } else if (core->stamp[to] != core->search) {
                core->stamp[to] = core->search;
                uint32_t about = gdn__info_about(gdn__info_resource(info));
                core->visits[end++] = (struct gdn__visit){to, about};
            }
        }
    }
    return err;
}
