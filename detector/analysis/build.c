/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "detector/analysis/build.h"

#include "detector/analysis/optional.h"
#include "detector/analysis/queue.h"
#include "src/core/mem.h"

/* As many hubs and links are drawn for a hold where all who hold ask for more, see prefix.h. */
#define HUBS_FOR_HOLD  5
#define LINKS_FOR_HOLD 11

/* A group whose children are being read. */
struct level {
    size_t need; /* Of its ticket's. */
    uint32_t children_left;
};

struct state {
    const struct gdn__fold *fold;
    struct gdn__graph *graph;
    struct gdn__drawn_place *places; /* By place of the fold. */
    struct gdn__map used_wakes;      /* (wait, by) -> listings already met by a wake. */
    struct gdn__map hold_of;         /* (process, resource) -> what the homes know of it. */
    bool holds_known;                /* hold_of is filled: with the first need on a hold. */

    /* Of the direct wait under way. */
    struct gdn__drawn_need *needs;
    size_t need_count, need_capacity;
    struct level *levels;
    size_t level_count, level_capacity;
    bool has_optional; /* Some of its needs have a place with a vertex of its own. */
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
        const struct gdn__blockers *blockers = &s->places[at - 1].blockers;
        uint32_t resource = s->fold->homes[place->home].resource;
        /* Where homes alone know the ticket, it waits for all that it stands in a queue for. */
        bool counts = wait->node == GDN_NONE || resource == wait->resource;
        if (!counts || blockers->to == GDN_NONE) continue;
        uint32_t info = blockers->info | gdn__info_about(resource);
        err = gdn__graph_link(s->graph, ticket_vertex(s, index), blockers->to, info);
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
    *met = need->met;
    if (*met) return GDN_OK;
    enum gdn_err err = is_given_back(s, need, met);
    if (err != GDN_OK || *met) return err;
    return use_wake(s, index, need->process, met);
}

static enum gdn_err draw_process_need(struct state *s, size_t index,
                                      const struct gdn_cut_need *need,
                                      struct gdn__drawn_need *drawn)
{
    bool met;
    enum gdn_err err = is_met(s, index, need, &met);
    if (err != GDN_OK || met) return err;

    drawn->to = need->process;
    drawn->info = gdn__info_about(need->resource);
    if (need->queued) drawn->info |= GDN__INFO_QUEUED;
    if (need->branch == GDN_NONE) return GDN_OK;
    drawn->info |= GDN__INFO_BRANCH;
    struct gdn__branch branch = {need->process, s->fold->mail.party[need->branch], need->branch_id};
    return gdn__graph_branch(s->graph, branch, &drawn->to);
}

/* The place that a need waits at; NULL: no home that answered knows it. */
static const struct gdn__drawn_place *place_of(const struct state *s, size_t index,
                                               const struct gdn_cut_need *need)
{
    const struct gdn__wait *wait = &s->fold->waits[index];
    uint32_t party = need->home == GDN_NONE ? wait->issuer : s->fold->mail.party[need->home];
    const struct gdn__place *place = gdn__fold_place(s->fold, wait, party, need->resource);
    return place == NULL ? NULL : &s->places[place - s->fold->places];
}

static void draw_resource_need(struct state *s, size_t index, const struct gdn_cut_need *need,
                               struct gdn__drawn_need *drawn)
{
    const struct gdn__drawn_place *place = place_of(s, index, need);
    if (place == NULL) return;
    drawn->to = place->blockers.to;
    drawn->info = place->blockers.info | gdn__info_about(need->resource);
    if (place->vertex == GDN_NONE) return;
    gdn__optional_need(s->graph, place->vertex);
    s->has_optional = true;
}

static enum gdn_err draw_group(struct state *s, const struct gdn_cut_need *need,
                               struct gdn__drawn_need *drawn)
{
    uint32_t at_least = need->at_least;
    /* What an unseen part could still offer is not known: only all-of counts (DESIGN, promise 3).
     */
    if (!s->fold->mail.complete && at_least < need->child_count) at_least = 0;
    if (!gdn__grow(&s->graph->memory, &s->levels, s->level_count, &s->level_capacity,
                   sizeof *s->levels)) {
        return GDN_ERR_MEMORY;
    }
    s->levels[s->level_count++] = (struct level){s->need_count, need->child_count};
    return gdn__graph_add(s->graph, GDN__VERTEX_GROUP, 0, at_least, &drawn->to);
}

/* 1 + the group that the next need belongs to; 0 when all groups are read. */
static size_t enclosing(struct state *s)
{
    while (s->level_count > 0 && s->levels[s->level_count - 1].children_left == 0) {
        s->needs[s->levels[--s->level_count].need].end = s->need_count;
    }
    if (s->level_count == 0) return 0;
    struct level *level = &s->levels[s->level_count - 1];
    level->children_left--;
    return level->need + 1;
}

static enum gdn_err draw_need(struct state *s, size_t index, const struct gdn_cut_need *need)
{
    struct gdn__drawn_need drawn = {
        .to = GDN_NONE, .parent = enclosing(s), .end = s->need_count + 1};
    uint32_t from = drawn.parent == 0 ? ticket_vertex(s, index) : s->needs[drawn.parent - 1].to;
    /* Any process may wake it on an open channel (RULES 10). */
    bool woken = s->fold->mail.hears_more[s->fold->waits[index].node];
    enum gdn_err err = GDN_OK;
    switch (need->kind) {
    case GDN_NEED_PROCESS:
        if (!woken) err = draw_process_need(s, index, need, &drawn);
        break;
    case GDN_NEED_RESOURCE:
        if (!woken) draw_resource_need(s, index, need, &drawn);
        break;
    case GDN_NEED_GROUP:
        err = draw_group(s, need, &drawn);
        break;
    }
    if (err != GDN_OK) return err;
    s->needs[s->need_count++] = drawn;
    return gdn__graph_link_any(s->graph, from, drawn.to, drawn.info);
}

/* What else than its process may take each of the ticket's places out of its queue. */
static enum gdn_err link_optional(struct state *s, size_t index, const struct gdn_cut_need *needs)
{
    enum gdn_err err = GDN_OK;
    (void)enclosing(s); /* The groups that end with the last need. */
    for (size_t i = 0; err == GDN_OK && i < s->need_count; i++) {
        if (needs[i].kind != GDN_NEED_RESOURCE) continue;
        const struct gdn__drawn_place *place = place_of(s, index, &needs[i]);
        if (place == NULL || place->vertex == GDN_NONE) continue;
        err = gdn__optional_link(s->graph, place->vertex, needs, s->needs, i);
    }
    return err;
}

static enum gdn_err link_needs(struct state *s, size_t index)
{
    const struct gdn__wait *wait = &s->fold->waits[index];
    const struct gdn_cut_need *needs = &s->fold->cut->nodes[wait->node].needs[wait->need_first];
    enum gdn_err err = GDN_OK;
    s->level_count = s->need_count = 0;
    s->has_optional = false;
    for (size_t i = 0; err == GDN_OK && i < wait->need_count; i++) {
        if (!gdn__grow(&s->graph->memory, &s->needs, s->need_count, &s->need_capacity,
                       sizeof *s->needs)) {
            return GDN_ERR_MEMORY;
        }
        err = draw_need(s, index, &needs[i]);
    }
    return err == GDN_OK && s->has_optional ? link_optional(s, index, needs) : err;
}

/* ---- All of it ---- */

/* Room for what queues usually take: a hub for each place behind the first, and several where many
 * hold what they ask for more of. What turns out not to be needed is never touched. */
static enum gdn_err reserve(struct state *s)
{
    const struct gdn__fold *fold = s->fold;
    size_t homes = fold->home_count;
    size_t behind = fold->place_count > homes ? fold->place_count - homes : 0;
    size_t beside = fold->hold_count > homes ? fold->hold_count - homes : 0;
    if (beside > behind) beside = behind;
    return gdn__graph_reserve(
        s->graph, fold->cut->process_count + fold->wait_count + behind + HUBS_FOR_HOLD * beside,
        2 * fold->wait_count + 2 * behind + LINKS_FOR_HOLD * beside);
}

static enum gdn_err add_fixed_vertices(struct state *s)
{
    uint32_t vertex;
    enum gdn_err err = reserve(s);
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
    s.places = gdn__alloc(memory, fold->place_count * sizeof *s.places);
    enum gdn_err err = s.places == NULL ? GDN_ERR_MEMORY : GDN_OK;
    if (err == GDN_OK) err = add_fixed_vertices(&s);
    if (err == GDN_OK) err = gdn__queue_build(fold, graph, s.places);
    for (size_t w = 0; err == GDN_OK && w < fold->wait_count; w++) {
        bool direct = fold->waits[w].need_count > 0;
        err = direct ? link_needs(&s, w) : link_places(&s, w);
    }
    if (err == GDN_OK) err = link_owners(&s);
    if (err == GDN_OK) err = gdn__graph_finish(graph);
    gdn__map_fini(&s.used_wakes);
    gdn__map_fini(&s.hold_of);
    gdn__free(memory, s.places);
    gdn__free(memory, s.needs);
    gdn__free(memory, s.levels);
    return err;
}
