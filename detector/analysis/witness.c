/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "detector/analysis/witness.h"

#include "detector/analysis/cycle.h"
#include "detector/analysis/names.h"
#include "src/core/mem.h"
#include <stdlib.h>

/* The search for the shortest cycle looks at no more tickets than these, counted for each start
 * anew, before the best one so far is taken; the cycle through the first ticket is always found. */
#define CYCLE_WORK_MAX (UINT32_C(1) << 20)

/* No person reads more edges than these; only cores without a cycle to show can have them. */
#define WITNESS_MAX 65536

/* ---- One edge ---- */

/* @p next: a ticket of the holder's that has to be served, for its branch. */
static struct gdn_edge describe(const struct gdn__core *core, uint32_t ticket, uint32_t next,
                                uint32_t info)
{
    const struct gdn__fold *fold = core->fold;
    const struct gdn__wait *wait = gdn__core_wait(core, ticket);
    const struct gdn__wait *holder = gdn__core_wait(core, next);
    bool branch = (info & GDN__INFO_BRANCH) != 0;
    struct gdn_edge edge = {.waiter = wait->process,
                            .holder = holder->process,
                            .issuer = wait->issuer,
                            .ticket = wait->number,
                            .home = wait->home,
                            .resource = gdn__info_resource(info),
                            .mode = wait->mode,
                            .waited_us = wait->waited_us,
                            .queued = (info & GDN__INFO_QUEUED) != 0,
                            .branch = branch,
                            .waiter_branch = wait->branch_id,
                            .holder_branch = branch ? holder->branch_id : 0};
    const struct gdn__place *place = gdn__fold_place(fold, wait, GDN_NONE, edge.resource);
    if (place != NULL) {
        edge.home = fold->homes[place->home].party;
        edge.mode = place->mode;
        edge.units = place->units;
        edge.in_flight = place->channel != 0;
    }
    return edge;
}

/* ---- The shortest cycle ---- */

/* A step of the cycle: from one ticket by a link to the next ticket. */
struct step {
    uint32_t next; /* GDN_NONE: none found yet. */
    uint32_t info;
};

static void prefer(const struct gdn__core *core, struct step *best, uint32_t next, uint32_t info)
{
    int order = -1;
    if (best->next != GDN_NONE) order = gdn__core_compare(core, next, best->next);
    if (order == 0) order = gdn__core_compare_info(core, info, best->info);
    if (order < 0) *best = (struct step){next, info};
}

/* Of all tickets one step nearer to the start, the first in the order of people. */
static enum gdn_err next_step(struct gdn__core *core, const uint32_t *distance, uint32_t ticket,
                              uint32_t wanted, struct gdn__links *links, struct step *best)
{
    const struct gdn__graph *graph = &core->graph;
    links->count = 0;
    enum gdn_err err = gdn__core_links(core, ticket, distance, wanted, links);
    if (err != GDN_OK) return err;
    *best = (struct step){.next = GDN_NONE};
    for (size_t i = 0; i < links->count; i++) {
        uint32_t party = links->items[i].party;
        for (uint32_t e = graph->first[party]; e < graph->first[party + 1]; e++) {
            if (distance[graph->to[e]] != wanted) continue;
            prefer(core, best, graph->to[e], links->items[i].info);
        }
    }
    return best->next == GDN_NONE ? GDN_ERR_SYSTEM : GDN_OK;
}

static enum gdn_err walk(struct gdn__core *core, const uint32_t *distance, uint32_t start,
                         struct gdn_edge *edges, size_t length)
{
    struct gdn__links links = {0};
    enum gdn_err err = GDN_OK;
    uint32_t ticket = start;
    for (size_t i = 0; err == GDN_OK && i < length; i++) {
        struct step step;
        err = next_step(core, distance, ticket, (uint32_t)(length - 1 - i), &links, &step);
        if (err != GDN_OK) break;
        edges[i] = describe(core, ticket, step.next, step.info);
        ticket = step.next;
    }
    gdn__free(&core->graph.memory, links.items);
    return err;
}

/* A queue never lets a process wait for itself (RULES 1); a pool and a stated wait may. */
static bool may_wait_for_itself(const struct gdn__core *core, uint32_t ticket)
{
    const struct gdn__fold *fold = core->fold;
    const struct gdn__wait *wait = gdn__core_wait(core, ticket);
    for (size_t at = wait->place; at != 0; at = fold->places[at - 1].next) {
        if (fold->homes[fold->places[at - 1].home].capacity != 0) return true;
    }
    if (wait->need_count == 0) return false;
    const struct gdn_cut_need *needs = &fold->cut->nodes[wait->node].needs[wait->need_first];
    for (size_t i = 0; i < wait->need_count; i++) {
        if (needs[i].kind == GDN_NEED_PROCESS && needs[i].process == wait->process) return true;
    }
    return false;
}

/* No cycle has fewer tickets. */
static uint32_t least_length(const struct gdn__core *core)
{
    for (size_t i = 0; i < core->ticket_count; i++) {
        if (may_wait_for_itself(core, core->tickets[i])) return 1;
    }
    return 2;
}

/* The starts are tried in the order of people, so the cycle begins at its first waiter by name. How
 * many are tried must not depend on how the core is drawn. */
static enum gdn_err find_cycle(struct gdn__core *core, struct gdn_deadlock *deadlock)
{
    const struct gdn_allocator *memory = &core->graph.memory;
    size_t starts = 1 + CYCLE_WORK_MAX / core->ticket_count;
    if (starts > core->ticket_count) starts = core->ticket_count;
    /* One edge out of each vertex: there is one cycle, whoever begins. */
    if (gdn__graph_edge_count(&core->graph) == core->graph.vertex_count) starts = 1;
    uint32_t *distance = gdn__alloc(memory, core->graph.vertex_count * sizeof *distance);
    if (distance == NULL) return GDN_ERR_MEMORY;

    uint32_t start, length;
    enum gdn_err err = gdn__cycle_find(&core->graph, core->tickets, starts, least_length(core),
                                       &start, distance, &length);
    if (err == GDN_OK) {
        deadlock->witness = gdn__alloc(memory, length * sizeof *deadlock->witness);
        if (deadlock->witness == NULL) err = GDN_ERR_MEMORY;
        if (err == GDN_OK) err = walk(core, distance, start, deadlock->witness, length);
        if (err == GDN_OK) deadlock->witness_count = length;
    }
    gdn__free(memory, distance);
    return err;
}

/* ---- Every edge ---- */

/* The process or branch that a party of the core is, or whose place it is. */
static uint32_t owner_of(const struct gdn__core *core, uint32_t party)
{
    bool place = core->graph.vertices[party].kind == GDN__VERTEX_PLACE;
    return place ? core->graph.to[core->graph.first[party]] : party;
}

/* One of the tickets that hold it up; if it is a branch all are of that branch. */
static uint32_t ticket_of(const struct gdn__core *core, uint32_t party)
{
    return core->graph.to[core->graph.first[owner_of(core, party)]];
}

static uint32_t branch_of(const struct gdn__core *core, uint32_t party)
{
    bool branch = core->graph.vertices[owner_of(core, party)].kind == GDN__VERTEX_BRANCH;
    return branch ? gdn__core_wait(core, ticket_of(core, party))->branch_id : 0;
}

static int compare_links(const void *a, const void *b, void *context)
{
    const struct gdn__core *core = context;
    const struct gdn__link *x = a, *y = b;
    uint32_t process_x = gdn__core_process(core, x->party);
    uint32_t process_y = gdn__core_process(core, y->party);
    if (process_x != process_y) {
        return gdn__names_compare(core->fold->cut, process_x, process_y);
    }
    int order = gdn__core_compare_info(core, x->info, y->info);
    if (order != 0) return order;
    uint32_t branch_x = branch_of(core, x->party), branch_y = branch_of(core, y->party);
    return (branch_x > branch_y) - (branch_x < branch_y);
}

/* A link to what the waiter itself holds of a pool says nothing where others have units of it too:
 * it is their units that could come back. */
static bool is_own_share(const struct gdn__core *core, const struct gdn__links *links,
                         const struct gdn_edge *edge, uint32_t info)
{
    if (edge->units == 0 || edge->branch || edge->holder != edge->waiter) return false;
    for (size_t i = 0; i < links->count; i++) {
        const struct gdn__link *link = &links->items[i];
        bool same = gdn__info_resource(link->info) == gdn__info_resource(info);
        if (same && gdn__core_process(core, link->party) != edge->waiter) return true;
    }
    return false;
}

/* The best link to each process, in the order of people. */
static void show_links(struct gdn__core *core, struct gdn__links *links,
                       struct gdn_deadlock *deadlock)
{
    if (links->count == 0) return;
    qsort_r(links->items, links->count, sizeof *links->items, compare_links, core);
    uint32_t shown = GDN_NONE;
    for (size_t i = 0; i < links->count; i++) {
        uint32_t holder = gdn__core_process(core, links->items[i].party);
        if (holder == shown || deadlock->witness_count == WITNESS_MAX) continue;
        shown = holder;
        struct gdn_edge edge =
            describe(core, links->items[i].ticket, ticket_of(core, links->items[i].party),
                     links->items[i].info);
        if (is_own_share(core, links, &edge, links->items[i].info)) continue;
        deadlock->witness[deadlock->witness_count++] = edge;
    }
}

static enum gdn_err find_all(struct gdn__core *core, struct gdn_deadlock *deadlock)
{
    const struct gdn_allocator *memory = &core->graph.memory;
    struct gdn__links links = {0};
    enum gdn_err err = GDN_OK;
    size_t capacity = 0;
    for (size_t i = 0; i < core->ticket_count && deadlock->witness_count < WITNESS_MAX; i++) {
        links.count = 0;
        err = gdn__core_links(core, core->tickets[i], NULL, 0, &links);
        if (err != GDN_OK) break;
        while (capacity < deadlock->witness_count + links.count) {
            if (!gdn__grow(memory, &deadlock->witness, capacity, &capacity,
                           sizeof *deadlock->witness)) {
                err = GDN_ERR_MEMORY;
                break;
            }
        }
        if (err != GDN_OK) break;
        show_links(core, &links, deadlock);
    }
    gdn__free(memory, links.items);
    return err;
}

enum gdn_err gdn__witness_find(struct gdn__core *core, struct gdn_deadlock *deadlock)
{
    return core->model == GDN_MODEL_ALL ? find_cycle(core, deadlock) : find_all(core, deadlock);
}
