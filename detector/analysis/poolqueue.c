/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "detector/analysis/poolqueue.h"

#include "detector/analysis/optional.h"
#include "src/core/mem.h"

/* The shares that an entry sees, as one link and in numbers. */
struct prefix {
    uint32_t to, info; /* A share or a hub over all of them; to GDN_NONE: there are none. */
    uint64_t units;
    uint32_t least; /* Units of the smallest share. */
};

struct state {
    const struct gdn__fold *fold;
    struct gdn__graph *graph;
    const struct gdn__home *home;
    uint32_t *held_at; /* By process: 1 + the last home seen where it holds something. */
    struct prefix holds, recorded, flight; /* flight: recorded, and the channel under way. */
    uint32_t channel;                      /* 0: among the recorded. */
    size_t channel_first;                  /* First element of the channel. */
    bool has_exits;
};

static const struct prefix nothing = {.to = GDN_NONE, .least = UINT32_MAX};

/* ---- Shares ---- */

static enum gdn_err extend(struct state *s, struct prefix *prefix, uint32_t to, uint32_t info,
                           uint32_t units)
{
    struct prefix longer = {to, info, prefix->units + units, prefix->least};
    if (units < longer.least) longer.least = units;
    if (prefix->to != GDN_NONE) {
        enum gdn_err err = gdn__graph_add(s->graph, GDN__VERTEX_HUB, 0, GDN__NEED_ALL, &longer.to);
        if (err == GDN_OK) err = gdn__graph_link(s->graph, longer.to, prefix->to, prefix->info);
        if (err == GDN_OK) err = gdn__graph_link(s->graph, longer.to, to, info);
        if (err != GDN_OK) return err;
        longer.info = 0;
    }
    *prefix = longer;
    return GDN_OK;
}

static enum gdn_err add_share(struct state *s, struct prefix *prefix, uint32_t to, uint32_t info,
                              uint32_t units)
{
    enum gdn_err err = extend(s, prefix, to, info, units);
    if (err != GDN_OK) return err;
    struct gdn__share share = {to, units, UINT32_MAX, (info & GDN__INFO_QUEUED) != 0};
    return gdn__units_add(&s->graph->units, &s->graph->memory, share);
}

static enum gdn_err add_holds(struct state *s)
{
    enum gdn_err err = GDN_OK;
    for (size_t i = 0; err == GDN_OK && i < s->home->hold_count; i++) {
        const struct gdn__hold *hold = &s->fold->holds[s->home->hold_first + i];
        s->held_at[hold->process] = hold->home + 1;
        if (hold->uncertain) continue;
        struct gdn__branch whose = {hold->process, hold->issuer, hold->branch_id};
        uint32_t to, info;
        err = gdn__graph_owner(s->graph, whose, hold->brief, &to, &info);
        if (err == GDN_OK) err = add_share(s, &s->holds, to, info, hold->units);
    }
    return err;
}

/* Those of the elements from @p first that have no end yet end here. */
static void set_ends(struct state *s, size_t first)
{
    struct gdn__units *units = &s->graph->units;
    for (size_t i = first; i < units->count; i++) {
        if (units->shares[i].end == UINT32_MAX) units->shares[i].end = (uint32_t)units->count;
    }
}

/* ---- Entries ---- */

/* As of a lock: a conversion or a request for the front, while in flight, waits for the holders
 * alone. Their exits stand behind the holds, before all entries. */
static bool sees_holds_alone(const struct state *s, const struct gdn__place *place)
{
    if (s->home->unordered) return true;
    if (place->channel == 0) return false;
    return (place->flags & GDN_REQUEST_FRONT) != 0 || s->held_at[place->process] == place->home + 1;
}

/* What the place waits for, with its exit where that is a matter of numbers: where no share may be
 * out, or any may, it is none. */
static enum gdn_err add_exit(struct state *s, const struct gdn__place *place,
                             const struct prefix *seen, struct gdn__blockers *blockers)
{
    uint32_t allowance = s->home->capacity - place->units;
    *blockers = (struct gdn__blockers){.to = GDN_NONE};
    if (seen->units <= allowance) return GDN_OK;
    *blockers = (struct gdn__blockers){seen->to, seen->info};
    if (allowance < seen->least) return GDN_OK;

    uint32_t pool;
    enum gdn_err err = gdn__graph_add(s->graph, GDN__VERTEX_POOL, 0, GDN__NEED_POOL, &pool);
    if (err == GDN_OK) err = gdn__graph_link(s->graph, pool, seen->to, seen->info);
    if (err != GDN_OK) return err;
    *blockers = (struct gdn__blockers){pool, 0};
    s->has_exits = true;
    return gdn__units_add(&s->graph->units, &s->graph->memory,
                          (struct gdn__share){.vertex = pool, .units = allowance});
}

static void enter_channel(struct state *s, uint32_t channel)
{
    if (channel == s->channel) return;
    if (s->channel != 0) set_ends(s, s->channel_first);
    s->channel = channel;
    s->channel_first = s->graph->units.count;
    s->flight = s->recorded;
}

/* The share that those behind the entry wait for; *passed: there is none. */
static enum gdn_err find_share(struct state *s, const struct gdn__place *place,
                               struct gdn__drawn_place *drawn, struct gdn__blockers *share,
                               bool *passed)
{
    bool optional = gdn__optional_is(s->fold, place);
    *passed = s->home->unordered || (optional && !s->fold->mail.complete);
    if (*passed) return GDN_OK;
    struct gdn__branch whose = {place->process, place->issuer, place->branch_id};
    bool brief = (place->flags & GDN_REQUEST_BRIEF) != 0;
    enum gdn_err err = gdn__graph_owner(s->graph, whose, brief, &share->to, &share->info);
    if (drawn->blockers.to != GDN_NONE) share->info |= GDN__INFO_QUEUED;
    if (err != GDN_OK || !optional) return err;
    err = gdn__optional_add(s->graph, place->process, share->to, &drawn->vertex);
    share->to = drawn->vertex;
    return err;
}

static enum gdn_err add_entry(struct state *s, const struct gdn__place *place,
                              struct gdn__drawn_place *drawn)
{
    enter_channel(s, place->channel);
    struct prefix *prefix = place->channel == 0 ? &s->recorded : &s->flight;
    struct gdn__blockers share;
    bool passed = false;
    enum gdn_err err = GDN_OK;
    if (!sees_holds_alone(s, place)) err = add_exit(s, place, prefix, &drawn->blockers);
    if (err == GDN_OK) err = find_share(s, place, drawn, &share, &passed);
    if (err != GDN_OK || passed) return err;
    return add_share(s, prefix, share.to, share.info, place->units);
}

static enum gdn_err add_places(struct state *s, struct gdn__drawn_place *drawn)
{
    const struct gdn__place *places = &s->fold->places[s->home->place_first];
    enum gdn_err err = GDN_OK;
    for (size_t i = 0; err == GDN_OK && i < s->home->place_count; i++) {
        if (!sees_holds_alone(s, &places[i])) continue;
        err = add_exit(s, &places[i], &s->holds, &drawn[i].blockers);
    }
    s->recorded = s->holds;
    for (size_t i = 0; err == GDN_OK && i < s->home->place_count; i++) {
        err = add_entry(s, &places[i], &drawn[i]);
    }
    return err;
}

enum gdn_err gdn__poolqueue_build(const struct gdn__fold *fold, uint32_t home,
                                  struct gdn__graph *graph, uint32_t *held_at,
                                  struct gdn__drawn_place *drawn)
{
    struct state s = {.fold = fold,
                      .graph = graph,
                      .home = &fold->homes[home],
                      .held_at = held_at,
                      .holds = nothing,
                      .recorded = nothing,
                      .flight = nothing};
    size_t first = graph->units.count;
    if (s.home->place_count == 0) return GDN_OK;
    enum gdn_err err = add_holds(&s);
    if (err == GDN_OK) err = add_places(&s, drawn);
    if (err != GDN_OK) return err;
    set_ends(&s, first);
    if (!s.has_exits) graph->units.count = first; /* Links alone say it all. */
    return GDN_OK;
}
