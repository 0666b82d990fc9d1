/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "detector/analysis/queue.h"

#include "detector/analysis/optional.h"
#include "detector/analysis/poolqueue.h"
#include "detector/analysis/prefix.h"
#include "src/core/mem.h"
#include <string.h>

/* The last places that a request in one mode must wait for: of whom, and the last of another. From
 * 1; 0: none. */
struct latest {
    uint32_t process;
    uint32_t at, at_of_another;
};

/* A place in flight that will stand before all that is queued. */
struct ahead {
    uint8_t mode;
    struct gdn__blockers waits;
    uint32_t next; /* 1 + the next one of its process; 0: none. */
};

/* By process: what it has at the home under way. Stale unless home matches. */
struct own {
    uint32_t home;    /* 1 + index. */
    uint32_t last;    /* 1 + its last hold or recorded place. */
    uint32_t channel; /* The channel that last_in_flight is of. */
    uint32_t last_in_flight;
    uint32_t ahead; /* 1 + its first in ahead[]; 0: none. */
    uint32_t place_count;
    uint16_t held_modes;
    uint16_t coming_modes; /* Of its places so far: what they may come to hold. */
};

struct state {
    const struct gdn__fold *fold;
    struct gdn__line line;
    struct own *own;
    uint32_t *held_at; /* Scratch of gdn__poolqueue_build(). */

    /* Of the home under way. */
    uint32_t holds;    /* Items that are holds, */
    uint32_t recorded; /* and holds or recorded places. */
    uint32_t flight;   /* First item of the channel under way, */
    uint32_t channel;  /* and which one that is; 0: still among the recorded. */
    struct ahead *ahead;
    size_t ahead_count, ahead_capacity;
    bool has_optional; /* Some of its places are. */

    /* By mode. Recorded places wait for all items before them, some for the holds alone. */
    struct gdn__prefix plain[GDN_MODES_MAX];
    struct gdn__prefix front[GDN_MODES_MAX];
    struct gdn__prefix in_flight[GDN_MODES_MAX];  /* Of the channel under way. */
    uint32_t in_flight_known;                     /* Bit m: in_flight[m] has begun. */
    struct latest latest[GDN_MODES_MAX];          /* Of what a place looked at now can see, */
    struct latest latest_recorded[GDN_MODES_MAX]; /* and of the recorded ones. */
};

/* ---- The prefix that a place waits for ---- */

enum view { VIEW_RECORDED, VIEW_FRONT, VIEW_IN_FLIGHT };

static enum gdn_err skip_own(struct state *s, uint32_t process, struct gdn__sight sight,
                             enum view view, uint32_t end, uint32_t last, struct gdn__prefix *found)
{
    size_t index;
    bool begun;
    uint32_t channel = view == VIEW_IN_FLIGHT ? s->channel : 0;
    uint64_t what = (uint64_t)channel << 32 | (uint64_t)sight.mode << 8 | (uint64_t)view;
    enum gdn_err err = gdn__prefix_own(&s->line, process, what, &index, &begun);
    if (err != GDN_OK) return err;
    if (view == VIEW_IN_FLIGHT && !begun) {
        struct gdn__prefix recorded;
        err = skip_own(s, process, sight, VIEW_RECORDED, s->recorded, s->own[process].last,
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

static struct own *own_of(struct state *s, uint32_t process)
{
    struct own *own = &s->own[process];
    if (own->home != s->line.home + 1) *own = (struct own){.home = s->line.home + 1};
    return own;
}

/* The process's last item that a place of the channel under way can see. */
static uint32_t last_seen(const struct state *s, const struct own *own)
{
    bool in_flight = s->channel != 0 && own->channel == s->channel && own->last_in_flight != 0;
    return in_flight ? own->last_in_flight : own->last;
}

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
static bool will_be_ahead(const struct gdn__place *place, const struct own *own)
{
    return place->channel != 0 && (own->held_modes != 0 || (place->flags & GDN_REQUEST_FRONT) != 0);
}

static enum view view_of(const struct state *s, const struct gdn__place *place,
                         const struct own *own)
{
    if (s->fold->homes[s->line.home].unordered) return VIEW_FRONT;
    if (place->channel == 0) return VIEW_RECORDED;
    return will_be_ahead(place, own) ? VIEW_FRONT : VIEW_IN_FLIGHT;
}

static bool covers(const struct state *s, uint16_t modes, uint8_t mode)
{
    return modes != 0 && gdn_modes_cover(&s->fold->cut->modes, modes, mode);
}

static uint16_t bit_of(uint8_t mode)
{
    return (uint16_t)(1u << mode);
}

/* The last item of another process that a request in @p mode of @p process must wait for, from 1;
 * 0: none but holds. */
static uint32_t latest_conflict(const struct state *s, uint32_t process, uint8_t mode)
{
    const struct latest *latest = &s->latest[mode];
    return latest->process != process ? latest->at : latest->at_of_another;
}

/* What the process's nearest place that decides when this one is served waits for: one whose grant
 * covers it, behind which others stand (item @p conflict); or covers it together with what the
 * process holds, for which the others wait as well; or one in the same mode with nobody in between,
 * which is in the same situation. NULL: none. The walks of one process add up to its places, once
 * for each mode: a place covers its like. */
static const struct gdn__blockers *covering_place(const struct state *s, const struct own *own,
                                                  uint8_t mode, uint32_t conflict)
{
    for (uint32_t at = last_seen(s, own); at > s->holds; at = s->line.items[at - 1].previous) {
        const struct gdn__item *item = &s->line.items[at - 1];
        if (at > conflict && item->mode == mode) return &item->waits;
        if (!item->comes || !covers(s, own->held_modes | bit_of(item->mode), mode)) continue;
        if (at < conflict || !covers(s, bit_of(item->mode), mode)) return &item->waits;
    }
    return NULL;
}

static const struct gdn__blockers *covering_ahead(const struct state *s, const struct own *own,
                                                  uint8_t mode)
{
    for (uint32_t at = own->ahead; at != 0; at = s->ahead[at - 1].next) {
        const struct ahead *ahead = &s->ahead[at - 1];
        if (covers(s, own->held_modes | bit_of(ahead->mode), mode)) return &ahead->waits;
    }
    return NULL;
}

/* What its process awaits before this would cover it. Where others stand between, they wait for
 * that, so this one cannot be served before it, and waits for no more than it does (RULES 2). */
static bool is_covered(const struct state *s, const struct gdn__place *place, const struct own *own,
                       struct gdn__blockers *blockers)
{
    uint32_t conflict = latest_conflict(s, place->process, place->mode);
    const struct gdn__blockers *waits = NULL;
    if (conflict == 0) return false;
    if (covers(s, own->held_modes | own->coming_modes, place->mode)) {
        waits = covering_place(s, own, place->mode, conflict);
    }
    if (waits == NULL) waits = covering_ahead(s, own, place->mode);
    if (waits != NULL) *blockers = *waits;
    return waits != NULL;
}

/* A process with several places here: what it is granted at one may cover what it asks for at
 * another, and that is settled among the places that stay (is_covered()). */
static bool sees_firm_alone(const struct state *s, const struct own *own)
{
    return s->has_optional && own->place_count > 1;
}

static enum gdn_err find_blockers(struct state *s, const struct gdn__place *place,
                                  struct gdn__blockers *blockers)
{
    *blockers = (struct gdn__blockers){.to = GDN_NONE};
    const struct own *own = own_of(s, place->process);
    if (covers(s, own->held_modes, place->mode)) return GDN_OK;
    uint8_t mode = place->mode;
    enum view view = view_of(s, place, own);
    if (view != VIEW_FRONT && is_covered(s, place, own, blockers)) return GDN_OK;
    uint32_t end = view == VIEW_FRONT ? s->holds : gdn__line_end(&s->line);
    uint32_t last = last_seen(s, own);
    struct gdn__prefix found = GDN__PREFIX_EMPTY;
    enum gdn_err err = GDN_OK;
    struct gdn__sight sight = {mode, sees_firm_alone(s, own)};
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
    struct own *own = own_of(s, item->process);
    item->previous = last_seen(s, own);
    enum gdn_err err = gdn__line_add(&s->line, item);
    if (err != GDN_OK) return err;
    if (s->channel == 0) {
        own->last = gdn__line_end(&s->line);
    } else {
        own->channel = s->channel;
        own->last_in_flight = gdn__line_end(&s->line);
    }
    return GDN_OK;
}

static enum gdn_err add_hold(struct state *s, const struct gdn__hold *hold)
{
    own_of(s, hold->process)->held_modes |= (uint16_t)(1u << hold->mode);
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

/* What else may serve its ticket is not known in an incomplete cut; where its process has another
 * place, see sees_firm_alone(). */
static bool is_passed_by(const struct state *s, const struct gdn__place *place)
{
    if (!gdn__optional_is(s->fold, place)) return false;
    return !s->fold->mail.complete || s->fold->homes[s->line.home].unordered ||
           s->own[place->process].place_count > 1;
}

/* The last item is a place. */
static void note_latest(struct state *s)
{
    const struct gdn__item *item = &s->line.items[gdn__line_end(&s->line) - 1];
    for (uint8_t mode = 0; mode < s->fold->cut->modes.count; mode++) {
        struct latest *latest = &s->latest[mode];
        struct gdn__sight sight = {.mode = mode, .firm = true};
        if (!gdn__line_conflicts(&s->line, sight, item)) continue;
        if (latest->process != item->process) {
            latest->at_of_another = latest->at;
            latest->process = item->process;
        }
        latest->at = gdn__line_end(&s->line);
    }
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
    if (item.comes) own_of(s, place->process)->coming_modes |= bit_of(place->mode);
    enum gdn_err err = find_link(s, place, drawn, &item);
    if (err == GDN_OK) err = add_item(s, &item);
    if (err == GDN_OK) note_latest(s);
    return err;
}

static void enter_channel(struct state *s, uint32_t channel)
{
    if (channel == s->channel) return;
    if (s->channel == 0) {
        s->recorded = gdn__line_end(&s->line);
        memcpy(s->latest_recorded, s->latest, sizeof s->latest);
    }
    memcpy(s->latest, s->latest_recorded, sizeof s->latest);
    s->channel = channel;
    s->flight = gdn__line_end(&s->line);
    s->in_flight_known = 0;
}

static void enter_home(struct state *s, uint32_t home)
{
    gdn__line_enter(&s->line, home);
    s->ahead_count = 0;
    s->has_optional = false;
    s->channel = 0;
    s->recorded = s->flight = s->holds = 0;
    memset(s->latest, 0, sizeof s->latest);
    for (uint32_t m = 0; m < s->fold->cut->modes.count; m++) {
        s->plain[m] = s->front[m] = GDN__PREFIX_EMPTY;
    }
}

static void count_place(struct state *s, const struct gdn__place *place)
{
    own_of(s, place->process)->place_count++;
    s->has_optional |= gdn__optional_is(s->fold, place);
}

/* What will stand before the queue is looked at first, for what it may cover there. */
static enum gdn_err add_ahead(struct state *s, const struct gdn__place *place)
{
    struct own *own = own_of(s, place->process);
    struct ahead ahead = {.mode = place->mode};
    if (!will_be_ahead(place, own) || s->fold->homes[s->line.home].unordered) return GDN_OK;
    enum gdn_err err = find_blockers(s, place, &ahead.waits);
    if (err != GDN_OK || (ahead.waits.to != GDN_NONE && !is_awaited(s, place))) return err;
    if (!gdn__grow(&s->line.graph->memory, &s->ahead, s->ahead_count, &s->ahead_capacity,
                   sizeof *s->ahead)) {
        return GDN_ERR_MEMORY;
    }
    ahead.next = own->ahead;
    s->ahead[s->ahead_count++] = ahead;
    own->ahead = (uint32_t)s->ahead_count;
    return GDN_OK;
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
    s->holds = gdn__line_end(&s->line);
    for (size_t i = 0; i < home->place_count; i++) count_place(s, &places[i]);
    for (size_t i = 0; err == GDN_OK && i < home->place_count; i++) err = add_ahead(s, &places[i]);
    for (size_t i = 0; err == GDN_OK && i < home->place_count; i++) {
        enter_channel(s, places[i].channel);
        err = find_blockers(s, &places[i], &drawn[i].blockers);
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
    s.own = gdn__calloc(memory, fold->cut->process_count * sizeof *s.own);
    s.held_at = gdn__calloc(memory, fold->cut->process_count * sizeof *s.held_at);
    enum gdn_err err = s.own == NULL || s.held_at == NULL ? GDN_ERR_MEMORY : GDN_OK;
    for (uint32_t h = 0; err == GDN_OK && h < fold->home_count; h++) {
        struct gdn__drawn_place *places = &drawn[fold->homes[h].place_first];
        if (fold->homes[h].capacity == 0) {
            err = build_home(&s, h, places);
        } else {
            err = gdn__poolqueue_build(fold, h, graph, s.held_at, places);
        }
    }
    gdn__line_fini(&s.line);
    gdn__free(memory, s.own);
    gdn__free(memory, s.held_at);
    gdn__free(memory, s.ahead);
    return err;
}
