/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "detector/analysis/reorder.h"

#include "detector/analysis/names.h"
#include "detector/analysis/reduce.h"
#include "src/core/mem.h"
#include <stdlib.h>

/* Larger cores are not tried: the search is quadratic. */
#define LINKS_MAX  512
#define ADVICE_MAX 8

/* What happens to a link in a trial. */
enum fate {
    FATE_KEPT,
    FATE_DROPPED, /* As if the queue had no order. */
    FATE_TURNED   /* The waiter is served first, and the other waits for it if they conflict. */
};

struct trials {
    struct gdn__core *core;
    struct gdn__links links; /* Of all tickets; one for each ticket and party. */
    uint8_t *fate;           /* By link: enum fate. */
    size_t freed_count;      /* By the last trial. */
};

/* ---- Links ---- */

static int compare_links(const void *a, const void *b, void *core)
{
    const struct gdn__link *x = a, *y = b;
    if (x->party != y->party) return x->party < y->party ? -1 : 1;
    return gdn__core_compare_info(core, x->info, y->info);
}

static int compare_by_name(const void *a, const void *b, void *context)
{
    const struct gdn__core *core = context;
    uint32_t x = gdn__core_process(core, ((const struct gdn__link *)a)->party);
    uint32_t y = gdn__core_process(core, ((const struct gdn__link *)b)->party);
    if (x != y) return gdn__names_compare(core->fold->cut, x, y);
    return compare_links(a, b, context);
}

/* Keeps the best of the links of one ticket to each party: one that does not exist by queue order
 * alone closes the way whatever the order. */
static void keep_best(struct gdn__core *core, struct gdn__links *links, size_t first)
{
    struct gdn__link *items = links->items + first;
    size_t count = links->count - first, kept = 0;
    if (count == 0) return;
    qsort_r(items, count, sizeof *items, compare_links, core);
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && items[i].party == items[i - 1].party) continue;
        items[kept++] = items[i];
    }
    qsort_r(items, kept, sizeof *items, compare_by_name, core);
    links->count = first + kept;
}

static enum gdn_err collect(struct trials *t)
{
    struct gdn__core *core = t->core;
    for (size_t i = 0; i < core->ticket_count && t->links.count <= LINKS_MAX; i++) {
        size_t first = t->links.count;
        enum gdn_err err = gdn__core_links(core, core->tickets[i], NULL, 0, &t->links);
        if (err != GDN_OK) return err;
        keep_best(core, &t->links, first);
    }
    return GDN_OK;
}

/* Nobody can be served before itself. */
static bool is_queued(const struct trials *t, size_t link)
{
    const struct gdn__link *l = &t->links.items[link];
    bool own = gdn__core_process(t->core, l->ticket) == gdn__core_process(t->core, l->party);
    return (l->info & GDN__INFO_QUEUED) != 0 && !own;
}

/* ---- One trial ---- */

static uint32_t vertex_of_process(const struct gdn__graph *graph, uint32_t process)
{
    for (uint32_t v = 0; v < graph->vertex_count; v++) {
        const struct gdn__vertex *vertex = &graph->vertices[v];
        if (vertex->kind == GDN__VERTEX_PROCESS && vertex->ref == process) return v;
    }
    return GDN_NONE;
}

/* Of a pool's entries it always must: how many units the others have out then is not looked at. */
static bool must_wait_at(const struct gdn__core *core, const struct gdn__place *passed,
                         const struct gdn__wait *served)
{
    const struct gdn__home *home = &core->fold->homes[passed->home];
    const struct gdn__place *place =
        gdn__fold_place(core->fold, served, home->party, home->resource);
    if (place == NULL) return false;
    if (passed->units != 0) return true;
    return gdn_modes_conflict(&core->fold->cut->modes, passed->mode, place->mode);
}

/* Wherever both stand. */
static bool must_wait(const struct gdn__core *core, uint32_t passed, uint32_t served)
{
    const struct gdn__fold *fold = core->fold;
    const struct gdn__wait *p = gdn__core_wait(core, passed);
    for (size_t at = p->place; at != 0; at = fold->places[at - 1].next) {
        if (must_wait_at(core, &fold->places[at - 1], gdn__core_wait(core, served))) return true;
    }
    return false;
}

/* The tickets of the one that is passed wait for the process that was served before it. When that
 * is not in the core, for only a branch of it was waited for, nothing is known of the rest of it:
 * then they wait for ever. */
static enum gdn_err turn(const struct gdn__core *core, const struct gdn__link *link,
                         struct gdn__graph *graph)
{
    uint32_t served = vertex_of_process(&core->graph, gdn__core_process(core, link->ticket));
    enum gdn_err err = GDN_OK;
    const struct gdn__graph *from = &core->graph;
    for (uint32_t e = from->first[link->party]; e < from->first[link->party + 1]; e++) {
        uint32_t passed = from->to[e];
        if (err != GDN_OK || !must_wait(core, passed, link->ticket)) continue;
        err = gdn__graph_link(graph, passed, served == GDN_NONE ? passed : served, 0);
    }
    return err;
}

/* The core without hubs, changed as the fates say. */
static enum gdn_err draw(const struct trials *t, struct gdn__graph *graph)
{
    const struct gdn__graph *from = &t->core->graph;
    enum gdn_err err = GDN_OK;
    for (uint32_t v = 0; err == GDN_OK && v < from->vertex_count; v++) {
        const struct gdn__vertex *vertex = &from->vertices[v];
        uint32_t added;
        err = gdn__graph_add(graph, (enum gdn__vertex_kind)vertex->kind, vertex->ref, GDN__NEED_ALL,
                             &added);
        if (!gdn__vertex_is_party(vertex)) continue;
        for (uint32_t e = from->first[v]; err == GDN_OK && e < from->first[v + 1]; e++) {
            err = gdn__graph_link(graph, v, from->to[e], 0);
        }
    }
    for (size_t i = 0; err == GDN_OK && i < t->links.count; i++) {
        const struct gdn__link *link = &t->links.items[i];
        if (t->fate[i] == FATE_KEPT) err = gdn__graph_link(graph, link->ticket, link->party, 0);
        if (t->fate[i] == FATE_TURNED) err = turn(t->core, link, graph);
    }
    return err == GDN_OK ? gdn__graph_finish(graph) : err;
}

static enum gdn_err try_fates(struct trials *t, bool *freed)
{
    struct gdn__graph graph;
    struct gdn__reduction reduction = {.graph = &graph};
    gdn__graph_init(&graph, &t->core->graph.memory);
    enum gdn_err err = draw(t, &graph);
    if (err == GDN_OK) err = gdn__reduction_init(&reduction, &graph);
    if (err == GDN_OK) {
        *freed = gdn__reduce(&reduction, NULL, 0);
        t->freed_count = reduction.freed_count;
    }
    gdn__reduction_fini(&reduction);
    gdn__graph_fini(&graph);
    return err;
}

/* ---- The search ---- */

static enum gdn_err order_alone_closes_it(struct trials *t, bool *closes)
{
    bool any = false;
    for (size_t i = 0; i < t->links.count; i++) {
        t->fate[i] = is_queued(t, i) ? FATE_DROPPED : FATE_KEPT;
        any |= is_queued(t, i);
    }
    *closes = any;
    return any ? try_fates(t, closes) : GDN_OK;
}

static enum gdn_err turn_one(struct trials *t, bool *freed)
{
    enum gdn_err err = GDN_OK;
    *freed = false;
    for (size_t i = 0; err == GDN_OK && i < t->links.count; i++) {
        if (!is_queued(t, i)) continue;
        t->fate[i] = FATE_TURNED;
        err = try_fates(t, freed);
        if (*freed) return err;
        t->fate[i] = FATE_KEPT;
    }
    return err;
}

/* The links of one ticket stand side by side: [from, the end that is returned). */
static size_t end_of_ticket(const struct trials *t, size_t from)
{
    size_t end = from;
    while (end < t->links.count && t->links.items[end].ticket == t->links.items[from].ticket) end++;
    return end;
}

static void set_queued(struct trials *t, size_t from, size_t end, enum fate fate)
{
    for (size_t i = from; i < end; i++) {
        if (is_queued(t, i)) t->fate[i] = (uint8_t)fate;
    }
}

static bool is_turned(const struct trials *t, size_t from, size_t end)
{
    for (size_t i = from; i < end; i++) {
        if (t->fate[i] == FATE_TURNED) return true;
    }
    return false;
}

/* Serve one more ticket before all that only stand before it: the one that frees most. */
static enum gdn_err turn_best_ticket(struct trials *t, size_t *freed_so_far, bool *freed,
                                     bool *turned)
{
    size_t best = 0, best_end = 0;
    *freed = *turned = false;
    for (size_t from = 0, end; from < t->links.count && !*freed; from = end) {
        end = end_of_ticket(t, from);
        if (is_turned(t, from, end)) continue;
        set_queued(t, from, end, FATE_TURNED);
        enum gdn_err err = try_fates(t, freed);
        if (err != GDN_OK) return err;
        if (t->freed_count > *freed_so_far) {
            *freed_so_far = t->freed_count;
            best = from;
            best_end = end;
        }
        if (!*freed) set_queued(t, from, end, FATE_KEPT);
    }
    *turned = best_end != 0;
    set_queued(t, best, best_end, FATE_TURNED);
    return GDN_OK;
}

/* Keep what is needed; the first links are spared first. */
static enum gdn_err keep_needed(struct trials *t)
{
    enum gdn_err err = GDN_OK;
    for (size_t i = 0; err == GDN_OK && i < t->links.count; i++) {
        bool freed = false;
        if (t->fate[i] != FATE_TURNED) continue;
        t->fate[i] = FATE_KEPT;
        err = try_fates(t, &freed);
        if (!freed) t->fate[i] = FATE_TURNED;
    }
    return err;
}

/* One link if one will do, else ticket by ticket. */
static enum gdn_err search(struct trials *t, bool *found)
{
    for (size_t i = 0; i < t->links.count; i++) t->fate[i] = FATE_KEPT;
    enum gdn_err err = turn_one(t, found);
    if (err != GDN_OK || *found) return err;
    err = try_fates(t, found); /* Hubs count as free here: the base to improve on. */
    size_t freed_so_far = t->freed_count;
    bool turned = true;
    for (int rounds = 0; err == GDN_OK && !*found && turned && rounds < ADVICE_MAX; rounds++) {
        err = turn_best_ticket(t, &freed_so_far, found, &turned);
    }
    return err == GDN_OK && *found ? keep_needed(t) : err;
}

static size_t count_turned(const struct trials *t)
{
    size_t count = 0;
    for (size_t i = 0; i < t->links.count; i++) count += t->fate[i] == FATE_TURNED;
    return count;
}

static bool is_repeated(const struct gdn_deadlock *deadlock, struct gdn_reorder advice)
{
    for (size_t i = 0; i < deadlock->reorder_count; i++) {
        if (deadlock->reorder[i].first == advice.first &&
            deadlock->reorder[i].second == advice.second) {
            return true;
        }
    }
    return false;
}

static enum gdn_err hand_out(const struct trials *t, struct gdn_deadlock *deadlock)
{
    deadlock->reorder = gdn__alloc(&t->core->graph.memory, ADVICE_MAX * sizeof *deadlock->reorder);
    if (deadlock->reorder == NULL) return GDN_ERR_MEMORY;
    for (size_t i = 0; i < t->links.count; i++) {
        if (t->fate[i] != FATE_TURNED) continue;
        const struct gdn__link *link = &t->links.items[i];
        struct gdn_reorder advice = {gdn__core_process(t->core, link->ticket),
                                     gdn__core_process(t->core, link->party)};
        if (!is_repeated(deadlock, advice)) deadlock->reorder[deadlock->reorder_count++] = advice;
    }
    return GDN_OK;
}

enum gdn_err gdn__reorder_find(struct gdn__core *core, struct gdn_deadlock *deadlock)
{
    /* Without an order between alternatives there is nothing a queue could be blamed for. */
    if (core->model != GDN_MODEL_ALL || core->ticket_count > LINKS_MAX) return GDN_OK;
    struct trials t = {.core = core};
    bool found = false;
    enum gdn_err err = collect(&t);
    if (err == GDN_OK && t.links.count <= LINKS_MAX) {
        t.fate = gdn__calloc(&core->graph.memory, t.links.count * sizeof *t.fate);
        err = t.fate == NULL ? GDN_ERR_MEMORY : order_alone_closes_it(&t, &found);
        if (err == GDN_OK && found) err = search(&t, &found);
    }
    if (err == GDN_OK && found && count_turned(&t) <= ADVICE_MAX) err = hand_out(&t, deadlock);
    gdn__free(&core->graph.memory, t.links.items);
    gdn__free(&core->graph.memory, t.fate);
    return err;
}
