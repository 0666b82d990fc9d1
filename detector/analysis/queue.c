/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "detector/analysis/queue.h"

#include "detector/analysis/covering.h"
#include "detector/analysis/optional.h"
#include "detector/analysis/poolqueue.h"
#include "src/core/mem.h"

struct state {
    const struct gdn__fold *fold;
    struct gdn__line line;
    struct gdn__covering covering;
    uint32_t *held_at; /* Scratch of gdn__poolqueue_build(). */

    /* Of the home under way. */
    uint32_t recorded; /* Items that are holds or recorded places, */
    uint32_t flight;   /* and the first of the channel under way. */

    /* By mode. Recorded places wait for all items before them, some for the holds alone. */
    struct gdn__prefix plain[GDN_MODES_MAX];
    struct gdn__prefix front[GDN_MODES_MAX];
    struct gdn__prefix in_flight[GDN_MODES_MAX]; /* Of the channel under way. */
    uint32_t in_flight_known;                    /* Bit m: in_flight[m] has begun. */
};

/* ---- The prefix that a place waits for ---- */

enum view { VIEW_RECORDED, VIEW_FRONT, VIEW_IN_FLIGHT };

static enum gdn_err skip_own(struct state *s, uint32_t process, struct gdn__sight sight,
                             enum view view, uint32_t end, uint32_t last, struct gdn__prefix *found)
{
    size_t index;
    bool begun;
    uint32_t channel = view == VIEW_IN_FLIGHT ? s->covering.channel : 0;
    uint64_t what = (uint64_t)channel << 32 | (uint64_t)sight.mode << 8 | (uint64_t)view;
    enum gdn_err err = gdn__prefix_own(&s->line, process, what, &index, &begun);
    if (err != GDN_OK) return err;
    if (view == VIEW_IN_FLIGHT && !begun) {
        struct gdn__prefix recorded;
        err = skip_own(s, process, sight, VIEW_RECORDED, s->recorded, s->covering.own[process].last,
                       &recorded);
        if (err != GDN_OK) return err;
        recorded.upto = s->flight;
        s->line.own[index] = recorded;
    }
    err = gdn__prefix_extend_without(&s->line, &s->line.own[index], sight, end, last);
    *found = s->line.own[index];
    return err;
}

/* ---- One place ---- */

static enum gdn_err prefix_in_flight(struct state *s, uint8_t mode, struct gdn__prefix *found)
{
    struct gdn__sight sight = {.mode = mode};
    enum gdn_err err = GDN_OK;
    if ((s->in_flight_known >> mode & 1) == 0) {
        err = gdn__prefix_extend(&s->line, &s->plain[mode], sight, s->recorded);
        s->in_flight[mode] = s->plain[mode];
        s->in_flight[mode].upto = s->flight;
        s->in_flight_known |= UINT32_C(1) << mode;
    }
    if (err == GDN_OK)
        err = gdn__prefix_extend(&s->line, &s->in_flight[mode], sight, gdn__line_end(&s->line));
    *found = s->in_flight[mode];
    return err;
}

/* A conversion or a request for the front, while it is in flight, waits for the holders alone: it
 * will stand before the others (RULES 2). */
static bool will_be_ahead(const struct gdn__place *place, const struct gdn__own *own)
{
    return place->channel != 0 && (own->held_modes != 0 || (place->flags & GDN_REQUEST_FRONT) != 0);
}

static enum view view_of(const struct state *s, const struct gdn__place *place,
                         const struct gdn__own *own)
{
    if (s->fold->homes[s->line.home].unordered) return VIEW_FRONT;
    if (place->channel == 0) return VIEW_RECORDED;
    return will_be_ahead(place, own) ? VIEW_FRONT : VIEW_IN_FLIGHT;
}

static enum gdn_err find_blockers(struct state *s, const struct gdn__place *place,
                                  struct gdn__blockers *blockers)
{
    *blockers = (struct gdn__blockers){.to = GDN_NONE};
    const struct gdn__own *own = gdn__covering_own(&s->covering, place->process);
    if (gdn__covering_by_holds(&s->covering, place)) return GDN_OK;
    uint8_t mode = place->mode;
    enum view view = view_of(s, place, own);
    if (view != VIEW_FRONT && gdn__covering_find(&s->covering, place, own, blockers)) return GDN_OK;
    uint32_t end = view == VIEW_FRONT ? s->covering.holds : gdn__line_end(&s->line);
    uint32_t last = gdn__covering_last(&s->covering, own);
    struct gdn__prefix found = GDN__PREFIX_EMPTY;
    enum gdn_err err = GDN_OK;
    struct gdn__sight sight = {mode, gdn__covering_is_firm(&s->covering, own)};
    if (last != 0 || sight.firm) {
        err = skip_own(s, place->process, sight, view, end, last, &found);
    } else if (view == VIEW_IN_FLIGHT) {
        err = prefix_in_flight(s, mode, &found);
    } else {
        struct gdn__prefix *prefix = view == VIEW_FRONT ? &s->front[mode] : &s->plain[mode];
        err = gdn__prefix_extend(&s->line, prefix, sight, end);
        found = *prefix;
    }
    *blockers = (struct gdn__blockers){found.to, found.info};
    return err;
}

/* ---- One home ---- */

static enum gdn_err add_item(struct state *s, struct gdn__item *item)
{
    struct gdn__own *own = gdn__covering_own(&s->covering, item->process);
    item->previous = gdn__covering_last(&s->covering, own);
    enum gdn_err err = gdn__line_add(&s->line, item);
    if (err != GDN_OK) return err;
    if (s->covering.channel == 0) {
        own->last = gdn__line_end(&s->line);
    } else {
        own->channel = s->covering.channel;
        own->last_in_flight = gdn__line_end(&s->line);
    }
    return GDN_OK;
}

static enum gdn_err add_hold(struct state *s, const struct gdn__hold *hold)
{
    gdn__covering_own(&s->covering, hold->process)->held_modes |= (uint16_t)(1u << hold->mode);
    if (hold->uncertain) return GDN_OK;
    struct gdn__item item = {.process = hold->process, .mode = hold->mode, .blocks = true};
    struct gdn__branch whose = {hold->process, hold->issuer, hold->branch_id};
    enum gdn_err err = gdn__graph_owner(s->line.graph, whose, hold->brief, &item.to, &item.info);
    return err == GDN_OK ? add_item(s, &item) : err;
}

/* Its process cannot go on without a grant here. */
static bool is_awaited(const struct state *s, const struct gdn__place *place)
{
    return place->wait != 0 && !gdn__optional_is(s->fold, place);
}

/* What else may serve its ticket is not known in an incomplete cut. */
static bool is_passed_by(const struct state *s, const struct gdn__place *place)
{
    if (!gdn__optional_is(s->fold, place)) return false;
    return !s->fold->mail.complete || s->fold->homes[s->line.home].unordered;
}

/* The link that those behind the place have to it. */
static enum gdn_err find_link(struct state *s, const struct gdn__place *place,
                              struct gdn__drawn_place *drawn, struct gdn__item *item)
{
    struct gdn__graph *graph = s->line.graph;
    struct gdn__branch whose = {place->process, place->issuer, place->branch_id};
    bool brief = (place->flags & GDN_REQUEST_BRIEF) != 0;
    enum gdn_err err = gdn__graph_owner(graph, whose, brief, &item->to, &item->info);
    if (drawn->blockers.to != GDN_NONE) item->info |= GDN__INFO_QUEUED;
    if (err != GDN_OK || !item->blocks || !item->optional) return err;
    err = gdn__optional_add(graph, place->process, item->to, &drawn->vertex);
    item->to = drawn->vertex;
    return err;
}

static enum gdn_err add_place(struct state *s, const struct gdn__place *place,
                              struct gdn__drawn_place *drawn)
{
    bool blocked = drawn->blockers.to != GDN_NONE;
    struct gdn__item item = {.process = place->process,
                             .mode = place->mode,
                             .blocks = !is_passed_by(s, place),
                             .optional = gdn__optional_is(s->fold, place),
                             .comes = !blocked || is_awaited(s, place),
                             .waits = drawn->blockers};
    if (item.comes)
        gdn__covering_own(&s->covering, place->process)->coming_modes |= gdn__mode_bit(place->mode);
    enum gdn_err err = find_link(s, place, drawn, &item);
    if (err == GDN_OK) err = add_item(s, &item);
    if (err == GDN_OK) gdn__covering_note(&s->covering);
    return err;
}

static void enter_channel(struct state *s, uint32_t channel)
{
    if (channel == s->covering.channel) return;
    if (s->covering.channel == 0) s->recorded = gdn__line_end(&s->line);
    gdn__covering_enter_channel(&s->covering, channel);
    s->flight = gdn__line_end(&s->line);
    s->in_flight_known = 0;
}

static void enter_home(struct state *s, uint32_t home)
{
    gdn__line_enter(&s->line, home);
    gdn__covering_enter(&s->covering);
    s->recorded = s->flight = 0;
    for (uint32_t m = 0; m < s->fold->cut->modes.count; m++) {
        s->plain[m] = s->front[m] = GDN__PREFIX_EMPTY;
    }
}

/* What will stand before the queue is looked at first, for what it may cover there. */
static enum gdn_err add_ahead(struct state *s, const struct gdn__place *place)
{
    struct gdn__blockers waits;
    bool ahead = will_be_ahead(place, gdn__covering_own(&s->covering, place->process));
    if (!ahead || s->fold->homes[s->line.home].unordered) return GDN_OK;
    enum gdn_err err = find_blockers(s, place, &waits);
    if (err != GDN_OK || (waits.to != GDN_NONE && !is_awaited(s, place))) return err;
    return gdn__covering_add_ahead(&s->covering, place, waits);
}

static enum gdn_err build_home(struct state *s, uint32_t h, struct gdn__drawn_place *drawn)
{
    const struct gdn__home *home = &s->fold->homes[h];
    const struct gdn__place *places = s->fold->places + home->place_first;
    enum gdn_err err = GDN_OK;
    if (home->place_count == 0) return GDN_OK;
    enter_home(s, h);
    for (size_t i = 0; err == GDN_OK && i < home->hold_count; i++) {
        err = add_hold(s, &s->fold->holds[home->hold_first + i]);
    }
    s->covering.holds = gdn__line_end(&s->line);
    for (size_t i = 0; i < home->place_count; i++) gdn__covering_count(&s->covering, &places[i]);
    for (size_t i = 0; err == GDN_OK && i < home->place_count; i++) err = add_ahead(s, &places[i]);
    for (size_t i = 0; err == GDN_OK && i < home->place_count; i++) {
        enter_channel(s, places[i].channel);
        err = find_blockers(s, &places[i], &drawn[i].blockers);
        if (err == GDN_OK)
            err = gdn__covering_or_else(&s->covering, &places[i], &drawn[i].blockers);
        if (err == GDN_OK) err = add_place(s, &places[i], &drawn[i]);
    }
    return err;
}

enum gdn_err gdn__queue_build(const struct gdn__fold *fold, struct gdn__graph *graph,
                              struct gdn__drawn_place *drawn)
{
    const struct gdn_allocator *memory = &graph->memory;
    struct state s = {.fold = fold};
    for (size_t i = 0; i < fold->place_count; i++) {
        drawn[i] = (struct gdn__drawn_place){.blockers = {.to = GDN_NONE}, .vertex = GDN_NONE};
    }
    gdn__line_init(&s.line, graph, &fold->cut->modes);
    enum gdn_err err = gdn__covering_init(&s.covering, fold, &s.line);
    s.held_at = gdn__calloc(memory, fold->cut->process_count * sizeof *s.held_at);
    if (s.held_at == NULL) err = GDN_ERR_MEMORY;
    for (uint32_t h = 0; err == GDN_OK && h < fold->home_count; h++) {
        struct gdn__drawn_place *places = &drawn[fold->homes[h].place_first];
        if (fold->homes[h].capacity == 0) {
            err = build_home(&s, h, places);
        } else {
            err = gdn__poolqueue_build(fold, h, graph, s.held_at, places);
        }
    }
    gdn__covering_fini(&s.covering);
    gdn__line_fini(&s.line);
    gdn__free(memory, s.held_at);
    return err;
}
