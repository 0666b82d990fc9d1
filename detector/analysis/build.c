/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "detector/analysis/build.h"

#include "detector/analysis/queue.h"
#include "src/core/mem.h"

/* A group whose children are being read. */
struct level {
    uint32_t vertex;
    uint32_t children_left;
};

struct state {
    const struct gdn__fold *fold;
    struct gdn__graph *graph;
    struct gdn__blockers *blockers; /* By place. */
    struct gdn__map used_wakes;     /* (wait, by) -> listings already met by a wake. */
    struct gdn__map hold_of;        /* (process, resource) -> what the homes know of it. */
    bool holds_known;               /* hold_of is filled: with the first need on a hold. */
    struct level *levels;
    size_t level_count, level_capacity;
};

static uint32_t ticket_vertex(const struct state *s, size_t wait)
{
    return (uint32_t)(s->fold->cut->process_count + wait);
}

/* ---- Waits for a lock ---- */

/* A place that no home knows has its request or grant in flight, or a home that did not answer:
 * nothing is known to block it. */
static enum gdn_err link_places(struct state *s, size_t index)
{
    const struct gdn__wait *wait = &s->fold->waits[index];
    enum gdn_err err = GDN_OK;
    for (size_t at = wait->place; err == GDN_OK && at != 0; at = s->fold->places[at - 1].next) {
        const struct gdn__place *place = &s->fold->places[at - 1];
        const struct gdn__blockers *blockers = &s->blockers[at - 1];
        bool same = s->fold->homes[place->home].resource == wait->resource;
        if (!same || blockers->to == GDN_NONE) continue;
        err = gdn__graph_link(s->graph, ticket_vertex(s, index), blockers->to, blockers->info);
    }
    return err;
}

/* ---- Direct waits (RULES 4) ---- */

/* What hold_of says. */
enum { CERTAIN = 1, UNCERTAIN = 2 };

static bool learn_holds(struct state *s)
{
    if (s->holds_known) return true;
    for (size_t i = 0; i < s->fold->hold_count; i++) {
        const struct gdn__hold *hold = &s->fold->holds[i];
        if (hold->queued) continue;
        struct gdn__key key = gdn__pair(hold->process, s->fold->homes[hold->home].resource, 0);
        if (gdn__map_get(&s->hold_of, key) == UNCERTAIN) continue;
        if (!gdn__map_put(&s->hold_of, key, hold->uncertain ? UNCERTAIN : CERTAIN)) return false;
    }
    s->holds_known = true;
    return true;
}

/* A home that lists the hold, with its mail delivered, knows best. Else a release in flight meets
 * the need, and one that may be in flight unseen: the hold's home and issuer are not known. */
static enum gdn_err is_given_back(struct state *s, const struct gdn_cut_need *need, bool *back)
{
    const struct gdn__mail *mail = &s->fold->mail;
    *back = false;
    if (need->resource == GDN_NONE) return GDN_OK;
    if (!learn_holds(s)) return GDN_ERR_MEMORY;
    struct gdn__key key = gdn__pair(need->process, need->resource, 0);
    if (gdn__map_get(&s->hold_of, key) == CERTAIN) return GDN_OK;
    *back = !mail->complete || gdn__mail_gives_back(mail, need->process, need->resource);
    return GDN_OK;
}

/* One wake meets one listing, the first that is left. */
static enum gdn_err use_wake(struct state *s, size_t index, uint32_t by, bool *met)
{
    const struct gdn__wait *wait = &s->fold->waits[index];
    size_t wakes = gdn__mail_wakes(&s->fold->mail, wait->issuer, wait->process, wait->number, by);
    *met = false;
    if (wakes == 0) return GDN_OK;
    struct gdn__key key = {index, by};
    uintptr_t used = gdn__map_get(&s->used_wakes, key);
    *met = used < wakes;
    if (!*met) return GDN_OK;
    return gdn__map_put(&s->used_wakes, key, used + 1) ? GDN_OK : GDN_ERR_MEMORY;
}

static enum gdn_err is_met(struct state *s, size_t index, const struct gdn_cut_need *need,
                           bool *met)
{
    /* Any process may wake it on an open channel (RULES 10). */
    *met = need->met || s->fold->mail.hears_more[s->fold->waits[index].node];
    if (*met) return GDN_OK;
    enum gdn_err err = is_given_back(s, need, met);
    if (err != GDN_OK || *met) return err;
    return use_wake(s, index, need->process, met);
}

static enum gdn_err link_process_need(struct state *s, uint32_t from, size_t index,
                                      const struct gdn_cut_need *need)
{
    bool met;
    enum gdn_err err = is_met(s, index, need, &met);
    if (err != GDN_OK) return err;
    if (met) {
        gdn__graph_grant_one(s->graph, from);
        return GDN_OK;
    }

    uint32_t to = need->process;
    uint32_t info = gdn__info_about(need->resource);
    if (need->queued) info |= GDN__INFO_QUEUED;
    if (need->branch != GDN_NONE) {
        info |= GDN__INFO_BRANCH;
        struct gdn__branch branch = {need->process, s->fold->mail.party[need->branch],
                                     need->branch_id};
        err = gdn__graph_branch(s->graph, branch, &to);
        if (err != GDN_OK) return err;
    }
    return gdn__graph_link(s->graph, from, to, info);
}

static enum gdn_err link_resource_need(struct state *s, uint32_t from, size_t index,
                                       const struct gdn_cut_need *need)
{
    const struct gdn__wait *wait = &s->fold->waits[index];
    uint32_t party = need->home == GDN_NONE ? wait->issuer : s->fold->mail.party[need->home];
    const struct gdn__place *place = gdn__fold_place(s->fold, wait, party, need->resource);
    const struct gdn__blockers *blockers =
        place == NULL ? NULL : &s->blockers[place - s->fold->places];
    if (blockers == NULL || blockers->to == GDN_NONE) {
        gdn__graph_grant_one(s->graph, from);
        return GDN_OK;
    }
    uint32_t info = blockers->info | gdn__info_about(need->resource);
    return gdn__graph_link(s->graph, from, blockers->to, info);
}

static enum gdn_err open_group(struct state *s, uint32_t from, const struct gdn_cut_need *need)
{
    uint32_t at_least = need->at_least;
    /* What an unseen part could still offer is not known: only all-of counts (DESIGN, promise 3).
     */
    if (!s->fold->mail.complete && at_least < need->child_count) at_least = 0;
    uint32_t group;
    enum gdn_err err = gdn__graph_add(s->graph, GDN__VERTEX_GROUP, 0, at_least, &group);
    if (err == GDN_OK) err = gdn__graph_link(s->graph, from, group, 0);
    if (err != GDN_OK) return err;
    if (!gdn__grow(&s->graph->memory, &s->levels, s->level_count, &s->level_capacity,
                   sizeof *s->levels)) {
        return GDN_ERR_MEMORY;
    }
    s->levels[s->level_count++] = (struct level){group, need->child_count};
    return GDN_OK;
}

/* The group the next need belongs to; the ticket itself when all groups are read. */
static uint32_t enclosing(struct state *s, uint32_t ticket)
{
    while (s->level_count > 0 && s->levels[s->level_count - 1].children_left == 0) s->level_count--;
    if (s->level_count == 0) return ticket;
    struct level *level = &s->levels[s->level_count - 1];
    level->children_left--;
    return level->vertex;
}

static enum gdn_err link_needs(struct state *s, size_t index)
{
    const struct gdn__wait *wait = &s->fold->waits[index];
    const struct gdn_cut_node *node = &s->fold->cut->nodes[wait->node];
    enum gdn_err err = GDN_OK;
    s->level_count = 0;
    for (size_t i = 0; err == GDN_OK && i < wait->need_count; i++) {
        const struct gdn_cut_need *need = &node->needs[wait->need_first + i];
        uint32_t from = enclosing(s, ticket_vertex(s, index));
        switch (need->kind) {
        case GDN_NEED_PROCESS:
            err = link_process_need(s, from, index, need);
            break;
        case GDN_NEED_RESOURCE:
            err = link_resource_need(s, from, index, need);
            break;
        case GDN_NEED_GROUP:
            err = open_group(s, from, need);
            break;
        }
    }
    return err;
}

/* ---- All of it ---- */

static enum gdn_err add_fixed_vertices(struct state *s)
{
    size_t count = s->fold->cut->process_count + s->fold->wait_count;
    uint32_t vertex;
    enum gdn_err err = gdn__graph_reserve(s->graph, count, s->fold->wait_count * 2);
    for (uint32_t p = 0; err == GDN_OK && p < s->fold->cut->process_count; p++) {
        err = gdn__graph_add(s->graph, GDN__VERTEX_PROCESS, p, GDN__NEED_ALL, &vertex);
    }
    for (uint32_t w = 0; err == GDN_OK && w < s->fold->wait_count; w++) {
        err = gdn__graph_add(s->graph, GDN__VERTEX_TICKET, w, GDN__NEED_ALL, &vertex);
    }
    return err;
}

/* A process goes on when all of its tickets are served, a branch when all that were issued there
 * under its id are (RULES 12). */
static enum gdn_err link_owners(struct state *s)
{
    for (size_t w = 0; w < s->fold->wait_count; w++) {
        const struct gdn__wait *wait = &s->fold->waits[w];
        uint32_t ticket = ticket_vertex(s, w);
        enum gdn_err err = gdn__graph_link(s->graph, wait->process, ticket, 0);
        if (err != GDN_OK) return err;
        if (s->graph->branches.used == 0) continue;
        struct gdn__branch branch = {wait->process, wait->issuer, wait->branch_id};
        uintptr_t vertex = gdn__map_get(&s->graph->branches, gdn__branch_key(branch));
        if (vertex == 0) continue;
        err = gdn__graph_link(s->graph, (uint32_t)(vertex - 1), ticket, 0);
        if (err != GDN_OK) return err;
    }
    return GDN_OK;
}

enum gdn_err gdn__build(const struct gdn__fold *fold, struct gdn__graph *graph)
{
    const struct gdn_allocator *memory = &graph->memory;
    struct state s = {.fold = fold, .graph = graph};
    if (fold->cut->resource_count > GDN__RESOURCES_MAX) return GDN_ERR_LIMIT;
    gdn__map_init(&s.used_wakes, memory);
    gdn__map_init(&s.hold_of, memory);
    s.blockers = gdn__alloc(memory, fold->place_count * sizeof *s.blockers);
    enum gdn_err err = s.blockers == NULL ? GDN_ERR_MEMORY : GDN_OK;
    for (size_t i = 0; err == GDN_OK && i < fold->place_count; i++) s.blockers[i].to = GDN_NONE;

    if (err == GDN_OK) err = add_fixed_vertices(&s);
    if (err == GDN_OK) err = gdn__queue_build(fold, graph, s.blockers);
    for (size_t w = 0; err == GDN_OK && w < fold->wait_count; w++) {
        bool direct = fold->waits[w].resource == GDN_NONE;
        err = direct ? link_needs(&s, w) : link_places(&s, w);
    }
    if (err == GDN_OK) err = link_owners(&s);
    if (err == GDN_OK) err = gdn__graph_finish(graph);
    gdn__map_fini(&s.used_wakes);
    gdn__map_fini(&s.hold_of);
    gdn__free(memory, s.blockers);
    gdn__free(memory, s.levels);
    return err;
}
