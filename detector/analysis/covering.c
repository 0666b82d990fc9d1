/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "detector/analysis/covering.h"

#include "detector/analysis/optional.h"
#include "src/core/mem.h"
#include <string.h>

/* A place in flight that will stand before all that is queued. */
struct gdn__ahead {
    uint8_t mode;
    struct gdn__blockers waits;
    uint32_t next; /* 1 + the next one of its process; 0: none. */
};

/* What is in the way of the places of one process in one mode: one of that must go. */
struct gdn__option {
    uint8_t mode;
    uint32_t cover;
    uint32_t next; /* 1 + the next one of its process; 0: none. */
};

enum gdn_err gdn__covering_init(struct gdn__covering *covering, const struct gdn__fold *fold,
                                struct gdn__line *line)
{
    *covering = (struct gdn__covering){.fold = fold, .line = line};
    covering->own =
        gdn__calloc(&line->graph->memory, fold->cut->process_count * sizeof *covering->own);
    return covering->own == NULL ? GDN_ERR_MEMORY : GDN_OK;
}

void gdn__covering_fini(struct gdn__covering *covering)
{
    gdn__free(&covering->line->graph->memory, covering->own);
    gdn__free(&covering->line->graph->memory, covering->ahead);
    gdn__free(&covering->line->graph->memory, covering->options);
}

/* ---- The home under way ---- */

void gdn__covering_enter(struct gdn__covering *c)
{
    c->holds = c->channel = 0;
    c->ahead_count = c->option_count = 0;
    c->may_give_up = false;
    memset(c->latest, 0, sizeof c->latest);
}

void gdn__covering_enter_channel(struct gdn__covering *c, uint32_t channel)
{
    if (c->channel == 0) {
        memcpy(c->latest_recorded, c->latest, sizeof c->latest);
    }
    memcpy(c->latest, c->latest_recorded, sizeof c->latest);
    c->channel = channel;
}

struct gdn__own *gdn__covering_own(struct gdn__covering *c, uint32_t process)
{
    struct gdn__own *own = &c->own[process];
    if (own->home != c->line->home + 1) *own = (struct gdn__own){.home = c->line->home + 1};
    return own;
}

uint32_t gdn__covering_last(const struct gdn__covering *c, const struct gdn__own *own)
{
    bool in_flight = c->channel != 0 && own->channel == c->channel && own->last_in_flight != 0;
    return in_flight ? own->last_in_flight : own->last;
}

/* Having all of @p modes is having @p mode. */
static bool covers(const struct gdn__covering *c, uint16_t modes, uint8_t mode)
{
    return modes != 0 && gdn_modes_cover(&c->fold->cut->modes, modes, mode);
}

bool gdn__covering_by_holds(struct gdn__covering *c, const struct gdn__place *place)
{
    return covers(c, gdn__covering_own(c, place->process)->held_modes, place->mode);
}

/* Its process may go on without a grant here: it has a choice, or its direct wait may be woken on
 * an open channel (RULES 10). */
static bool may_be_given_up(const struct gdn__fold *fold, const struct gdn__place *place)
{
    if (place->wait == 0) return false;
    const struct gdn__wait *wait = &fold->waits[place->wait - 1];
    return wait->optional || (wait->need_count > 0 && fold->mail.hears_more[wait->node]);
}

void gdn__covering_count(struct gdn__covering *c, const struct gdn__place *place)
{
    struct gdn__own *own = gdn__covering_own(c, place->process);
    own->place_count++;
    own->modes_twice |= own->modes & gdn__mode_bit(place->mode);
    own->modes |= gdn__mode_bit(place->mode);
    own->gives_up |= may_be_given_up(c->fold, place);
    c->may_give_up |= own->gives_up;
}

enum gdn_err gdn__covering_add_ahead(struct gdn__covering *c, const struct gdn__place *place,
                                     struct gdn__blockers waits)
{
    struct gdn__own *own = gdn__covering_own(c, place->process);
    if (!gdn__grow(&c->line->graph->memory, &c->ahead, c->ahead_count, &c->ahead_capacity,
                   sizeof *c->ahead)) {
        return GDN_ERR_MEMORY;
    }
    c->ahead[c->ahead_count++] =
        (struct gdn__ahead){.mode = place->mode, .waits = waits, .next = own->ahead};
    own->ahead = (uint32_t)c->ahead_count;
    return GDN_OK;
}

void gdn__covering_note(struct gdn__covering *c)
{
    const struct gdn__item *item = &c->line->items[gdn__line_end(c->line) - 1];
    for (uint8_t mode = 0; mode < c->fold->cut->modes.count; mode++) {
        struct gdn__latest *latest = &c->latest[mode];
        struct gdn__sight sight = {.mode = mode, .firm = true};
        if (!gdn__line_conflicts(c->line, sight, item)) continue;
        if (latest->process != item->process) {
            latest->at_of_another = latest->at;
            latest->process = item->process;
        }
        latest->at = gdn__line_end(c->line);
    }
}

/* ---- Firm places ---- */

bool gdn__covering_is_firm(const struct gdn__covering *c, const struct gdn__own *own)
{
    return c->may_give_up && own->place_count > 1;
}

/* The last item of another process that a request in @p mode of @p process must wait for, from 1;
 * 0: none but holds. */
static uint32_t latest_conflict(const struct gdn__covering *c, uint32_t process, uint8_t mode)
{
    const struct gdn__latest *latest = &c->latest[mode];
    return latest->process != process ? latest->at : latest->at_of_another;
}

/* What the process's nearest place that decides when this one is served waits for: one whose grant
 * covers it, behind which others stand (item @p conflict); or covers it together with what the
 * process holds, for which the others wait as well; or one in the same mode with nobody in between,
 * which is in the same situation. NULL: none. The walks of one process add up to its places, once
 * for each mode: a place covers its like. */
static const struct gdn__blockers *covering_place(const struct gdn__covering *c,
                                                  const struct gdn__own *own, uint8_t mode,
                                                  uint32_t conflict)
{
    for (uint32_t at = gdn__covering_last(c, own); at > c->holds;
         at = c->line->items[at - 1].previous) {
        const struct gdn__item *item = &c->line->items[at - 1];
        if (at > conflict && item->mode == mode) return &item->waits;
        if (!item->comes || !covers(c, own->held_modes | gdn__mode_bit(item->mode), mode)) continue;
        if (at < conflict || !covers(c, gdn__mode_bit(item->mode), mode)) return &item->waits;
    }
    return NULL;
}

static const struct gdn__blockers *covering_ahead(const struct gdn__covering *c,
                                                  const struct gdn__own *own, uint8_t mode)
{
    for (uint32_t at = own->ahead; at != 0; at = c->ahead[at - 1].next) {
        const struct gdn__ahead *ahead = &c->ahead[at - 1];
        if (covers(c, own->held_modes | gdn__mode_bit(ahead->mode), mode)) return &ahead->waits;
    }
    return NULL;
}

bool gdn__covering_find(const struct gdn__covering *c, const struct gdn__place *place,
                        const struct gdn__own *own, struct gdn__blockers *blockers)
{
    uint32_t conflict = latest_conflict(c, place->process, place->mode);
    const struct gdn__blockers *waits = NULL;
    if (conflict == 0) return false;
    if (covers(c, own->held_modes | own->coming_modes, place->mode)) {
        waits = covering_place(c, own, place->mode, conflict);
    }
    if (waits == NULL) waits = covering_ahead(c, own, place->mode);
    if (waits != NULL) *blockers = *waits;
    return waits != NULL;
}

/* ---- Places that may be given up ---- */

static enum gdn_err find_option(struct gdn__covering *c, struct gdn__own *own, uint8_t mode,
                                uint32_t *cover)
{
    struct gdn__graph *graph = c->line->graph;
    for (uint32_t at = own->option; at != 0; at = c->options[at - 1].next) {
        if (c->options[at - 1].mode != mode) continue;
        *cover = c->options[at - 1].cover;
        return GDN_OK;
    }
    if (!gdn__grow(&graph->memory, &c->options, c->option_count, &c->option_capacity,
                   sizeof *c->options)) {
        return GDN_ERR_MEMORY;
    }
    enum gdn_err err = gdn__graph_add(graph, GDN__VERTEX_COVER, 0, 1, cover);
    if (err != GDN_OK) return err;
    c->options[c->option_count++] =
        (struct gdn__option){.mode = mode, .cover = *cover, .next = own->option};
    own->option = (uint32_t)c->option_count;
    return GDN_OK;
}

/* Of @p modes those that cover @p mode, alone or, as far as it takes others, together. */
static uint16_t that_help(const struct gdn__covering *c, uint16_t held, uint16_t modes,
                          uint8_t mode)
{
    uint16_t alone = 0;
    for (uint8_t m = 0; m < c->fold->cut->modes.count; m++) {
        uint16_t bit = modes & gdn__mode_bit(m);
        if (bit != 0 && covers(c, held | bit, mode)) alone |= bit;
    }
    uint16_t others = (uint16_t)(modes & ~alone);
    return covers(c, held | others, mode) ? modes : alone;
}

static enum gdn_err link_options(struct gdn__covering *c, struct gdn__own *own, uint16_t modes,
                                 uint32_t cover)
{
    enum gdn_err err = GDN_OK;
    for (uint8_t m = 0; err == GDN_OK && m < c->fold->cut->modes.count; m++) {
        uint32_t option;
        if ((modes & gdn__mode_bit(m)) == 0) continue;
        err = find_option(c, own, m, &option);
        if (err == GDN_OK) err = gdn__graph_link(c->line->graph, cover, option, 0);
    }
    return err;
}

enum gdn_err gdn__covering_or_else(struct gdn__covering *c, const struct gdn__place *place,
                                   struct gdn__blockers *blockers)
{
    struct gdn__graph *graph = c->line->graph;
    struct gdn__own *own = gdn__covering_own(c, place->process);
    uint32_t option, cover;
    if (own->place_count < 2 || !own->gives_up) return GDN_OK;
    enum gdn_err err = find_option(c, own, place->mode, &option);
    if (err == GDN_OK) err = gdn__graph_link_any(graph, option, blockers->to, blockers->info);
    uint16_t others = (own->modes & ~gdn__mode_bit(place->mode)) |
                      (own->modes_twice & gdn__mode_bit(place->mode));
    uint16_t help = that_help(c, own->held_modes, others, place->mode);
    if (err != GDN_OK || blockers->to == GDN_NONE || help == 0) return err;
    err = gdn__graph_add(graph, GDN__VERTEX_COVER, 0, 1, &cover);
    if (err == GDN_OK) err = gdn__graph_link(graph, cover, blockers->to, blockers->info);
    if (err == GDN_OK) err = link_options(c, own, help, cover);
    *blockers = (struct gdn__blockers){.to = cover};
    return err;
}
