/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "detector/analysis/queue.h"

#include "detector/analysis/poolqueue.h"
#include "src/core/mem.h"
#include <string.h>

/* Shorter runs of items are linked one by one. */
#define RUN_CUT_MIN 4

/* What may block a place: first the holds of a home, then its places, in the fold's order. */
struct item {
    uint32_t process;
    uint32_t to, info; /* The link to it. */
    uint32_t previous; /* 1 + the item of the same process before it, in the same view; 0: none. */
    uint8_t mode;
    bool blocks;                /* false: entries after it pass it by. */
    bool comes;                 /* A place that will be a hold before its process goes on ... */
    struct gdn__blockers waits; /* ... once these let it. */
};

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

/* One link to all the conflicting items before @c upto. */
struct prefix {
    uint32_t to, info; /* to GDN_NONE: there are none. */
    uint32_t upto;
};

/* The runs that are cut at one middle, see add_run(). */
struct fan {
    size_t first;     /* In wings[]: those from the middle on, then those before it. */
    uint32_t made[2]; /* How many there are so far: from the middle on, before it. */
};

/* By process: what it has at the home under way. Stale unless home matches. */
struct own {
    uint32_t home;    /* 1 + index. */
    uint32_t last;    /* 1 + its last hold or recorded place. */
    uint32_t channel; /* The channel that last_in_flight is of. */
    uint32_t last_in_flight;
    uint32_t ahead; /* 1 + its first in ahead[]; 0: none. */
    uint16_t held_modes;
    uint16_t coming_modes; /* Of its places so far: what they may come to hold. */
};

struct state {
    const struct gdn__fold *fold;
    struct gdn__graph *graph;
    struct own *own;
    uint32_t *held_at; /* Scratch of gdn__poolqueue_build(). */

    /* Of the home under way. */
    uint32_t home;
    uint32_t holds;    /* Items that are holds, */
    uint32_t recorded; /* and holds or recorded places. */
    uint32_t flight;   /* First item of the channel under way, */
    uint32_t channel;  /* and which one that is; 0: still among the recorded. */
    struct item *items;
    size_t item_count, item_capacity;
    struct ahead *ahead;
    size_t ahead_count, ahead_capacity;
    struct prefix plain[GDN_MODES_MAX];     /* Recorded places wait for all items before them. */
    struct prefix front[GDN_MODES_MAX];     /* Some wait for the holds alone. */
    struct prefix in_flight[GDN_MODES_MAX]; /* Of the channel under way. */
    uint32_t in_flight_known;               /* Bit m: in_flight[m] has begun. */
    struct latest latest[GDN_MODES_MAX];    /* Of what a place looked at now can see, */
    struct latest latest_recorded[GDN_MODES_MAX]; /* and of the recorded ones. */

    /* Of all homes. */
    struct gdn__map own_prefix_of; /* See own_prefix(); -> 1 + index in own_prefixes[]. */
    struct prefix *own_prefixes;
    size_t own_prefix_count, own_prefix_capacity;
    struct gdn__map fan_of; /* (home, mode) | middle -> 1 + index in fans[]. */
    struct fan *fans;
    size_t fan_count, fan_capacity;
    struct gdn__blockers *wings;
    size_t wing_count, wing_capacity;
    struct gdn__blockers *pieces;
    size_t piece_count, piece_capacity;
};

static const struct prefix empty_prefix = {.to = GDN_NONE};

/* ---- Pieces: links on their way into one hub ---- */

static enum gdn_err add_piece(struct state *s, uint32_t to, uint32_t info)
{
    if (!gdn__grow(&s->graph->memory, &s->pieces, s->piece_count, &s->piece_capacity,
                   sizeof *s->pieces)) {
        return GDN_ERR_MEMORY;
    }
    s->pieces[s->piece_count++] = (struct gdn__blockers){to, info};
    return GDN_OK;
}

static bool conflicts(const struct state *s, uint8_t mode, const struct item *item)
{
    return item->blocks && gdn_modes_conflict(&s->fold->cut->modes, mode, item->mode);
}

static enum gdn_err add_items(struct state *s, uint8_t mode, uint32_t from, uint32_t end)
{
    for (uint32_t i = from; i < end; i++) {
        const struct item *item = &s->items[i];
        if (!conflicts(s, mode, item)) continue;
        enum gdn_err err = add_piece(s, item->to, item->info);
        if (err != GDN_OK) return err;
    }
    return GDN_OK;
}

/* The pieces since @p first become one link. */
static enum gdn_err join_pieces(struct state *s, size_t first, struct gdn__blockers *joined)
{
    *joined = (struct gdn__blockers){.to = GDN_NONE};
    size_t count = s->piece_count - first;
    s->piece_count = first;
    if (count == 0) return GDN_OK;
    if (count == 1) {
        *joined = s->pieces[first];
        return GDN_OK;
    }
    enum gdn_err err = gdn__graph_add(s->graph, GDN__VERTEX_HUB, 0, GDN__NEED_ALL, &joined->to);
    for (size_t i = first; err == GDN_OK && i < first + count; i++) {
        err = gdn__graph_link(s->graph, joined->to, s->pieces[i].to, s->pieces[i].info);
    }
    return err;
}

/* The prefix and the pieces make the prefix up to @p upto. */
static enum gdn_err advance(struct state *s, struct prefix *prefix, uint32_t upto)
{
    prefix->upto = upto;
    if (s->piece_count == 0) return GDN_OK;
    enum gdn_err err = GDN_OK;
    if (prefix->to != GDN_NONE) err = add_piece(s, prefix->to, prefix->info);
    struct gdn__blockers joined = {.to = GDN_NONE};
    if (err == GDN_OK) err = join_pieces(s, 0, &joined);
    prefix->to = joined.to;
    prefix->info = joined.info;
    return err;
}

static enum gdn_err extend(struct state *s, struct prefix *prefix, uint8_t mode, uint32_t end)
{
    if (prefix->upto >= end) return GDN_OK;
    enum gdn_err err = add_items(s, mode, prefix->upto, end);
    return err == GDN_OK ? advance(s, prefix, end) : err;
}

/* ---- A process that has other items in the same queue skips them ----
 *
 * Its prefixes are its own, made of the runs between its items. A long run is cut at the middle of
 * the smallest aligned block that it lies in, and is made of two wings:
 *
 *     [ ...... from < < < < | middle > > > > end ...... ]
 *
 * Each wing is the next shorter one of that middle and one item more, so that all such processes
 * share them, and what they cost is no more than the longest. */

/* Room for the wings of a middle: each is at most as long as half of its block. */
static bool open_fan(struct state *s, uint32_t middle)
{
    size_t wings = (size_t)2 << __builtin_ctz(middle);
    while (s->wing_capacity - s->wing_count < wings) {
        if (!gdn__grow(&s->graph->memory, &s->wings, s->wing_capacity, &s->wing_capacity,
                       sizeof *s->wings)) {
            return false;
        }
    }
    if (!gdn__grow(&s->graph->memory, &s->fans, s->fan_count, &s->fan_capacity, sizeof *s->fans)) {
        return false;
    }
    s->fans[s->fan_count++] = (struct fan){.first = s->wing_count};
    s->wing_count += wings;
    return true;
}

static enum gdn_err find_fan(struct state *s, uint8_t mode, uint32_t middle, struct fan **fan)
{
    struct gdn__key key = gdn__pair(s->home, mode, middle);
    uintptr_t known = gdn__map_get(&s->fan_of, key);
    if (known == 0) {
        if (!open_fan(s, middle)) return GDN_ERR_MEMORY;
        known = s->fan_count;
        if (!gdn__map_put(&s->fan_of, key, known)) return GDN_ERR_MEMORY;
    }
    *fan = &s->fans[known - 1];
    return GDN_OK;
}

/* The pieces of @p shorter, and the item if it conflicts with @p mode, as one. */
static enum gdn_err lengthen(struct state *s, uint8_t mode, uint32_t item,
                             const struct gdn__blockers *shorter, struct gdn__blockers *longer)
{
    size_t before = s->piece_count;
    enum gdn_err err = GDN_OK;
    if (shorter->to != GDN_NONE) err = add_piece(s, shorter->to, shorter->info);
    if (err == GDN_OK) err = add_items(s, mode, item, item + 1);
    return err == GDN_OK ? join_pieces(s, before, longer) : err;
}

/* The @p count items before the middle, or from it on, that conflict with @p mode, as one piece. */
static enum gdn_err add_wing(struct state *s, uint8_t mode, uint32_t middle, bool before,
                             uint32_t count)
{
    struct fan *fan;
    enum gdn_err err = find_fan(s, mode, middle, &fan);
    if (err != GDN_OK) return err;
    uint32_t *made = &fan->made[before];
    struct gdn__blockers *wings =
        &s->wings[fan->first + (before ? 1u << __builtin_ctz(middle) : 0)];
    static const struct gdn__blockers none = {.to = GDN_NONE};
    for (; err == GDN_OK && *made < count; ++*made) {
        uint32_t item = before ? middle - 1 - *made : middle + *made;
        err = lengthen(s, mode, item, *made == 0 ? &none : &wings[*made - 1], &wings[*made]);
    }
    if (err != GDN_OK || wings[count - 1].to == GDN_NONE) return err;
    return add_piece(s, wings[count - 1].to, wings[count - 1].info);
}

static enum gdn_err add_run(struct state *s, uint8_t mode, uint32_t from, uint32_t end)
{
    if (end - from < RUN_CUT_MIN) return add_items(s, mode, from, end);
    int level = 31 - __builtin_clz(from ^ (end - 1));
    uint32_t middle = (end - 1) >> level << level;
    enum gdn_err err = add_wing(s, mode, middle, true, middle - from);
    return err == GDN_OK ? add_wing(s, mode, middle, false, end - middle) : err;
}

/* From the last of the process's items (1 + index) backwards. */
static enum gdn_err extend_without(struct state *s, struct prefix *prefix, uint8_t mode,
                                   uint32_t end, uint32_t last)
{
    if (prefix->upto >= end) return GDN_OK;
    enum gdn_err err = GDN_OK;
    uint32_t after = end;
    while (last > end) last = s->items[last - 1].previous;
    for (; err == GDN_OK && last > prefix->upto; last = s->items[last - 1].previous) {
        err = add_run(s, mode, last, after);
        after = last - 1;
    }
    if (err == GDN_OK) err = add_run(s, mode, prefix->upto, after);
    return err == GDN_OK ? advance(s, prefix, end) : err;
}

enum view { VIEW_RECORDED, VIEW_FRONT, VIEW_IN_FLIGHT };

/* The prefix of one process alone, begun when it is asked for first. The index is returned since
 * the array may move. */
static enum gdn_err own_prefix(struct state *s, uint32_t process, uint8_t mode, enum view view,
                               size_t *index, bool *begun)
{
    uint32_t channel = view == VIEW_IN_FLIGHT ? s->channel : 0;
    uint64_t what = (uint64_t)channel << 32 | (uint64_t)mode << 8 | (uint64_t)view;
    struct gdn__key key = gdn__pair(process, s->home, what);
    uintptr_t known = gdn__map_get(&s->own_prefix_of, key);
    *begun = known != 0;
    if (known != 0) {
        *index = known - 1;
        return GDN_OK;
    }
    if (!gdn__grow(&s->graph->memory, &s->own_prefixes, s->own_prefix_count,
                   &s->own_prefix_capacity, sizeof *s->own_prefixes) ||
        !gdn__map_put(&s->own_prefix_of, key, s->own_prefix_count + 1)) {
        return GDN_ERR_MEMORY;
    }
    *index = s->own_prefix_count++;
    s->own_prefixes[*index] = empty_prefix;
    return GDN_OK;
}

static enum gdn_err skip_own(struct state *s, uint32_t process, uint8_t mode, enum view view,
                             uint32_t end, uint32_t last, struct prefix *found)
{
    size_t index;
    bool begun;
    enum gdn_err err = own_prefix(s, process, mode, view, &index, &begun);
    if (err != GDN_OK) return err;
    if (view == VIEW_IN_FLIGHT && !begun) {
        struct prefix recorded;
        err =
            skip_own(s, process, mode, VIEW_RECORDED, s->recorded, s->own[process].last, &recorded);
        if (err != GDN_OK) return err;
        recorded.upto = s->flight;
        s->own_prefixes[index] = recorded;
    }
    err = extend_without(s, &s->own_prefixes[index], mode, end, last);
    *found = s->own_prefixes[index];
    return err;
}

/* ---- One place ---- */

static struct own *own_of(struct state *s, uint32_t process)
{
    struct own *own = &s->own[process];
    if (own->home != s->home + 1) *own = (struct own){.home = s->home + 1};
    return own;
}

/* The process's last item that a place of the channel under way can see. */
static uint32_t last_seen(const struct state *s, const struct own *own)
{
    bool in_flight = s->channel != 0 && own->channel == s->channel && own->last_in_flight != 0;
    return in_flight ? own->last_in_flight : own->last;
}

static enum gdn_err prefix_in_flight(struct state *s, uint8_t mode, struct prefix *found)
{
    enum gdn_err err = GDN_OK;
    if ((s->in_flight_known >> mode & 1) == 0) {
        err = extend(s, &s->plain[mode], mode, s->recorded);
        s->in_flight[mode] = s->plain[mode];
        s->in_flight[mode].upto = s->flight;
        s->in_flight_known |= UINT32_C(1) << mode;
    }
    if (err == GDN_OK) err = extend(s, &s->in_flight[mode], mode, (uint32_t)s->item_count);
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
    if (s->fold->homes[s->home].unordered) return VIEW_FRONT;
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
    for (uint32_t at = last_seen(s, own); at > s->holds; at = s->items[at - 1].previous) {
        const struct item *item = &s->items[at - 1];
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

static enum gdn_err find_blockers(struct state *s, const struct gdn__place *place,
                                  struct gdn__blockers *blockers)
{
    *blockers = (struct gdn__blockers){.to = GDN_NONE};
    const struct own *own = own_of(s, place->process);
    if (covers(s, own->held_modes, place->mode)) return GDN_OK;
    uint8_t mode = place->mode;
    enum view view = view_of(s, place, own);
    if (view != VIEW_FRONT && is_covered(s, place, own, blockers)) return GDN_OK;
    uint32_t end = view == VIEW_FRONT ? s->holds : (uint32_t)s->item_count;
    uint32_t last = last_seen(s, own);
    struct prefix found = empty_prefix;
    enum gdn_err err = GDN_OK;
    if (last != 0) {
        err = skip_own(s, place->process, mode, view, end, last, &found);
    } else if (view == VIEW_IN_FLIGHT) {
        err = prefix_in_flight(s, mode, &found);
    } else {
        struct prefix *prefix = view == VIEW_FRONT ? &s->front[mode] : &s->plain[mode];
        err = extend(s, prefix, mode, end);
        found = *prefix;
    }
    *blockers = (struct gdn__blockers){found.to, found.info};
    return err;
}

/* ---- One home ---- */

static enum gdn_err add_item(struct state *s, struct item item, struct gdn__branch whose,
                             bool brief)
{
    enum gdn_err err = GDN_OK;
    item.to = item.process;
    if (brief) {
        err = gdn__graph_branch(s->graph, whose, &item.to);
        item.info |= GDN__INFO_BRANCH;
    }
    if (err != GDN_OK) return err;
    if (!gdn__grow(&s->graph->memory, &s->items, s->item_count, &s->item_capacity,
                   sizeof *s->items)) {
        return GDN_ERR_MEMORY;
    }
    struct own *own = own_of(s, item.process);
    item.previous = last_seen(s, own);
    s->items[s->item_count++] = item;
    if (s->channel == 0) {
        own->last = (uint32_t)s->item_count;
    } else {
        own->channel = s->channel;
        own->last_in_flight = (uint32_t)s->item_count;
    }
    return GDN_OK;
}

static enum gdn_err add_hold(struct state *s, const struct gdn__hold *hold)
{
    own_of(s, hold->process)->held_modes |= (uint16_t)(1u << hold->mode);
    if (hold->uncertain) return GDN_OK;
    struct item item = {.process = hold->process, .mode = hold->mode, .blocks = true};
    struct gdn__branch whose = {hold->process, hold->issuer, hold->branch_id};
    return add_item(s, item, whose, hold->brief);
}

/* Its process cannot go on without a grant here. */
static bool is_awaited(const struct state *s, const struct gdn__place *place)
{
    return place->wait != 0 && !s->fold->waits[place->wait - 1].optional;
}

/* An entry of a wait that other needs may end leaves the queue then: it blocks nobody here. */
static bool is_passed_by(const struct state *s, const struct gdn__place *place)
{
    return place->wait != 0 && s->fold->waits[place->wait - 1].optional;
}

/* The last item is a place. */
static void note_latest(struct state *s)
{
    const struct item *item = &s->items[s->item_count - 1];
    for (uint8_t mode = 0; mode < s->fold->cut->modes.count; mode++) {
        struct latest *latest = &s->latest[mode];
        if (!conflicts(s, mode, item)) continue;
        if (latest->process != item->process) {
            latest->at_of_another = latest->at;
            latest->process = item->process;
        }
        latest->at = (uint32_t)s->item_count;
    }
}

static enum gdn_err add_place(struct state *s, const struct gdn__place *place,
                              const struct gdn__blockers *waits)
{
    bool blocked = waits->to != GDN_NONE;
    struct item item = {.process = place->process,
                        .info = blocked ? GDN__INFO_QUEUED : 0,
                        .mode = place->mode,
                        .blocks = !is_passed_by(s, place),
                        .comes = !blocked || is_awaited(s, place),
                        .waits = *waits};
    if (item.comes) own_of(s, place->process)->coming_modes |= bit_of(place->mode);
    struct gdn__branch whose = {place->process, place->issuer, place->branch_id};
    enum gdn_err err = add_item(s, item, whose, (place->flags & GDN_REQUEST_BRIEF) != 0);
    if (err == GDN_OK) note_latest(s);
    return err;
}

static void enter_channel(struct state *s, uint32_t channel)
{
    if (channel == s->channel) return;
    if (s->channel == 0) {
        s->recorded = (uint32_t)s->item_count;
        memcpy(s->latest_recorded, s->latest, sizeof s->latest);
    }
    memcpy(s->latest, s->latest_recorded, sizeof s->latest);
    s->channel = channel;
    s->flight = (uint32_t)s->item_count;
    s->in_flight_known = 0;
}

static void enter_home(struct state *s, uint32_t home)
{
    s->home = home;
    s->item_count = s->ahead_count = 0;
    s->channel = 0;
    s->recorded = s->flight = s->holds = 0;
    memset(s->latest, 0, sizeof s->latest);
    for (uint32_t m = 0; m < s->fold->cut->modes.count; m++) {
        s->plain[m] = s->front[m] = empty_prefix;
    }
}

/* What will stand before the queue is looked at first, for what it may cover there. */
static enum gdn_err add_ahead(struct state *s, const struct gdn__place *place)
{
    struct own *own = own_of(s, place->process);
    struct ahead ahead = {.mode = place->mode};
    if (!will_be_ahead(place, own) || s->fold->homes[s->home].unordered) return GDN_OK;
    enum gdn_err err = find_blockers(s, place, &ahead.waits);
    if (err != GDN_OK || (ahead.waits.to != GDN_NONE && !is_awaited(s, place))) return err;
    if (!gdn__grow(&s->graph->memory, &s->ahead, s->ahead_count, &s->ahead_capacity,
                   sizeof *s->ahead)) {
        return GDN_ERR_MEMORY;
    }
    ahead.next = own->ahead;
    s->ahead[s->ahead_count++] = ahead;
    own->ahead = (uint32_t)s->ahead_count;
    return GDN_OK;
}

static enum gdn_err build_home(struct state *s, uint32_t h, struct gdn__blockers *blockers)
{
    const struct gdn__home *home = &s->fold->homes[h];
    const struct gdn__place *places = s->fold->places + home->place_first;
    enum gdn_err err = GDN_OK;
    if (home->place_count == 0) return GDN_OK;
    enter_home(s, h);
    for (size_t i = 0; err == GDN_OK && i < home->hold_count; i++) {
        err = add_hold(s, &s->fold->holds[home->hold_first + i]);
    }
    s->holds = (uint32_t)s->item_count;
    for (size_t i = 0; err == GDN_OK && i < home->place_count; i++) err = add_ahead(s, &places[i]);
    for (size_t i = 0; err == GDN_OK && i < home->place_count; i++) {
        struct gdn__blockers *found = &blockers[home->place_first + i];
        enter_channel(s, places[i].channel);
        err = find_blockers(s, &places[i], found);
        if (err == GDN_OK) err = add_place(s, &places[i], found);
    }
    return err;
}

enum gdn_err gdn__queue_build(const struct gdn__fold *fold, struct gdn__graph *graph,
                              struct gdn__blockers *blockers)
{
    const struct gdn_allocator *memory = &graph->memory;
    struct state s = {.fold = fold, .graph = graph};
    gdn__map_init(&s.own_prefix_of, memory);
    gdn__map_init(&s.fan_of, memory);
    s.own = gdn__calloc(memory, fold->cut->process_count * sizeof *s.own);
    s.held_at = gdn__calloc(memory, fold->cut->process_count * sizeof *s.held_at);
    enum gdn_err err = s.own == NULL || s.held_at == NULL ? GDN_ERR_MEMORY : GDN_OK;
    for (uint32_t h = 0; err == GDN_OK && h < fold->home_count; h++) {
        if (fold->homes[h].capacity == 0) {
            err = build_home(&s, h, blockers);
        } else {
            err = gdn__poolqueue_build(fold, h, graph, s.held_at, blockers);
        }
    }
    gdn__free(memory, s.own);
    gdn__free(memory, s.held_at);
    gdn__free(memory, s.items);
    gdn__free(memory, s.ahead);
    gdn__free(memory, s.own_prefixes);
    gdn__free(memory, s.fans);
    gdn__free(memory, s.wings);
    gdn__free(memory, s.pieces);
    gdn__map_fini(&s.own_prefix_of);
    gdn__map_fini(&s.fan_of);
    return err;
}
