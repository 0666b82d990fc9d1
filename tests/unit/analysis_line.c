/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "analysis_line.h"

#include "analysis_mail.h"
#include <string.h>

/* ---- Places, in the order in which they see each other ---- */

struct line {
    struct world_hold holds[2 * THINGS]; /* And entries that may be granted unseen. */
    int hold_count;
    struct oracle_place places[THINGS];
    int place_count;
};

static void add_place(struct oracle *o, struct line *line, int resource, struct oracle_place place)
{
    const struct world *w = o->world;
    int home = w->home_of[resource];
    uint32_t capacity = w->capacity[resource];
    if ((place.flags & GDN_REQUEST_NO_WAIT) != 0) return;
    if (mail_gives_up(w, home, place.process, place.issuer, place.ticket, place.position)) return;
    bool lists = w->reported[place.issuer] && w->waits_listed[place.issuer];
    if (!mail_is_certain(w, place.issuer, home)) {
        if (place.channel == NOWHERE && !lists) o->waiting[place.process] = true;
        /* It may be granted unseen, and cover what else its process asks for. */
        line->holds[line->hold_count++] = (struct world_hold){.resource = resource,
                                                              .process = place.process,
                                                              .issuer = place.issuer,
                                                              .ticket = place.ticket,
                                                              .mode = place.mode};
        return;
    }
    if (capacity != 0 && place.units == 0) place.units = 1;
    if (place.units > capacity) return; /* It will be refused. */
    place.allowance = capacity - place.units;
    if (!lists && oracle_find(o, place.issuer, place.ticket) == NOWHERE) {
        oracle_add(o, place.process, place.issuer, place.ticket, NOWHERE, false);
    }
    int ticket = oracle_find(o, place.issuer, place.ticket);
    if (ticket != NOWHERE && oracle_has_choice(o, &o->tickets[ticket])) place.option = 1 + ticket;
    line->places[line->place_count++] = place;
}

static void draw_line(struct oracle *o, int resource, struct line *line)
{
    const struct world *w = o->world;
    int home = w->home_of[resource];
    line->hold_count = line->place_count = 0;
    if (!w->reported[home]) return;
    for (int i = 0; i < w->hold_count; i++) {
        if (w->holds[i].resource != resource || !mail_leaves(w, &w->holds[i])) continue;
        line->holds[line->hold_count++] = w->holds[i];
    }
    for (int i = 0; i < w->entry_count; i++) {
        const struct world_entry *e = &w->entries[i];
        if (e->resource != resource) continue;
        add_place(o, line, resource,
                  (struct oracle_place){.process = e->process,
                                        .issuer = e->issuer,
                                        .channel = NOWHERE,
                                        .position = NOWHERE,
                                        .ticket = e->ticket,
                                        .mode = e->mode,
                                        .units = e->units});
    }
    for (int i = 0; i < w->message_count; i++) {
        const struct world_message *m = &w->messages[i];
        if (m->verb != GDN_VERB_REQUEST || m->resource != resource || m->to != home) continue;
        add_place(o, line, resource,
                  (struct oracle_place){.process = m->process,
                                        .issuer = m->from,
                                        .channel = m->from,
                                        .position = i,
                                        .ticket = m->ticket,
                                        .mode = m->mode,
                                        .flags = m->flags,
                                        .units = m->units});
    }
}

/* ---- Who blocks whom ---- */

static bool holds_in(const struct line *line, int process)
{
    for (int h = 0; h < line->hold_count; h++) {
        if (line->holds[h].process == process) return true;
    }
    return false;
}

static int places_of(const struct line *line, int process)
{
    int count = 0;
    for (int i = 0; i < line->place_count; i++) count += line->places[i].process == process;
    return count;
}

/* Whether the entry @p e, of a ticket with a choice or not, counts for those of @p p's process.
 * Where a process has several entries in one queue nothing is said of choices. */
static bool counts_for(const struct world *w, const struct line *line, const struct oracle_place *e,
                       const struct oracle_place *p)
{
    return e->option == 0 || (!mail_is_incomplete(w) && places_of(line, p->process) == 1);
}

static bool will_be_ahead(const struct line *line, const struct oracle_place *p)
{
    return p->channel != NOWHERE &&
           ((p->flags & GDN_REQUEST_FRONT) != 0 || holds_in(line, p->process));
}

static bool is_seen_by(const struct world *w, const struct line *line, int resource, int later,
                       int earlier)
{
    const struct oracle_place *l = &line->places[later], *e = &line->places[earlier];
    if (w->unordered[resource] || earlier >= later) return false;
    if (l->channel == NOWHERE) return true;
    /* In flight: a conversion and a request for the front pass all that is queued. */
    if (will_be_ahead(line, l)) return false;
    return e->channel == NOWHERE || e->channel == l->channel;
}

static uint16_t held_by(const struct line *line, int process)
{
    uint16_t modes = 0;
    for (int h = 0; h < line->hold_count; h++) {
        if (line->holds[h].process == process) modes |= (uint16_t)(1u << line->holds[h].mode);
    }
    return modes;
}

static void add_own_blockers(const struct world *w, struct line *line, int resource, int at)
{
    struct oracle_place *p = &line->places[at];
    for (int h = 0; h < line->hold_count; h++) {
        const struct world_hold *hold = &line->holds[h];
        if (hold->process == p->process || !gdn_modes_conflict(&w->modes, p->mode, hold->mode))
            continue;
        if (!mail_is_certain_hold(w, hold)) continue;
        int branch = hold->brief ? oracle_branch(hold->issuer, hold->ticket) : NOWHERE;
        p->blockers[p->blocker_count++] =
            (struct oracle_blocker){.process = hold->process, .branch = branch};
    }
    for (int j = 0; j < at; j++) {
        const struct oracle_place *e = &line->places[j];
        if (e->process == p->process || !gdn_modes_conflict(&w->modes, p->mode, e->mode)) continue;
        if (!is_seen_by(w, line, resource, at, j) || !counts_for(w, line, e, p)) continue;
        bool brief = (e->flags & GDN_REQUEST_BRIEF) != 0;
        int branch = brief ? oracle_branch(e->issuer, e->ticket) : NOWHERE;
        bool queued = e->blocker_count > 0;
        p->blockers[p->blocker_count++] =
            (struct oracle_blocker){e->process, branch, queued, e->option, resource, 0};
    }
}

/* Once its process has been granted what it asks for in place @p e, what it asks for in @p p can be
 * granted at once. */
static bool would_cover(const struct oracle *o, const struct line *line,
                        const struct oracle_place *e, const struct oracle_place *p)
{
    uint16_t modes = (uint16_t)(held_by(line, p->process) | 1u << e->mode);
    bool awaited = e->option == 0 && oracle_find(o, e->issuer, e->ticket) != NOWHERE;
    return e->process == p->process && (awaited || e->blocker_count == 0) &&
           gdn_modes_cover(&o->world->modes, modes, p->mode);
}

/* Somebody else stands behind place @p after (NOWHERE: anywhere) and before @p at, and in its way.
 */
static bool others_between(const struct world *w, const struct line *line, int resource, int after,
                           int at)
{
    const struct oracle_place *p = &line->places[at];
    for (int j = after == NOWHERE ? 0 : after + 1; j < at; j++) {
        const struct oracle_place *e = &line->places[j];
        if (e->process != p->process && e->option == 0 &&
            gdn_modes_conflict(&w->modes, p->mode, e->mode) &&
            is_seen_by(w, line, resource, at, j)) {
            return true;
        }
    }
    return false;
}

/* The place whose grant covers that at @p at, where it cannot be served before. */
static const struct oracle_place *covering(const struct oracle *o, const struct line *line,
                                           int resource, int at)
{
    const struct world *w = o->world;
    const struct oracle_place *p = &line->places[at];
    if (w->unordered[resource] || will_be_ahead(line, p)) return NULL;
    if (!others_between(w, line, resource, NOWHERE, at)) return NULL;
    for (int j = at - 1; j >= 0; j--) {
        const struct oracle_place *e = &line->places[j];
        if (e->channel != NOWHERE && e->channel != p->channel) continue;
        bool alone = gdn_modes_cover(&w->modes, (uint16_t)(1u << e->mode), p->mode);
        if (!would_cover(o, line, e, p)) continue;
        if (!alone || others_between(w, line, resource, j, at)) return e;
    }
    for (int j = line->place_count - 1; j >= 0; j--) {
        const struct oracle_place *e = &line->places[j];
        if (will_be_ahead(line, e) && would_cover(o, line, e, p)) return e;
    }
    return NULL;
}

/* Every unit that is out before a pool's entry, the process's own too. */
static void find_shares(const struct world *w, struct line *line, int resource, int at)
{
    struct oracle_place *p = &line->places[at];
    uint32_t out = 0;
    p->blocker_count = 0;
    for (int h = 0; h < line->hold_count; h++) {
        const struct world_hold *hold = &line->holds[h];
        if (!mail_is_certain_hold(w, hold)) continue;
        int branch = hold->brief ? oracle_branch(hold->issuer, hold->ticket) : NOWHERE;
        p->blockers[p->blocker_count++] = (struct oracle_blocker){
            .process = hold->process, .branch = branch, .units = hold->units};
        out += hold->units;
    }
    for (int j = 0; j < at; j++) {
        const struct oracle_place *e = &line->places[j];
        if (!is_seen_by(w, line, resource, at, j) || (e->option != 0 && mail_is_incomplete(w)))
            continue;
        bool brief = (e->flags & GDN_REQUEST_BRIEF) != 0;
        int branch = brief ? oracle_branch(e->issuer, e->ticket) : NOWHERE;
        bool queued = e->blocker_count > 0;
        p->blockers[p->blocker_count++] =
            (struct oracle_blocker){e->process, branch, queued, e->option, resource, e->units};
        out += e->units;
    }
    if (out <= p->allowance) p->blocker_count = 0;
}

/* Any one of its shares is too much. */
static bool needs_all(const struct oracle_place *place)
{
    for (int i = 0; i < place->blocker_count; i++) {
        if (place->blockers[i].units != 0 && place->blockers[i].units <= place->allowance) {
            return false;
        }
    }
    return true;
}

static void find_place_blockers(struct oracle *o, struct line *line, int resource, int at)
{
    struct oracle_place *p = &line->places[at];
    if (o->world->capacity[resource] != 0) {
        find_shares(o->world, line, resource, at);
        return;
    }
    uint16_t held = held_by(line, p->process);
    p->blocker_count = 0;
    if (held != 0 && gdn_modes_cover(&o->world->modes, held, p->mode)) return;
    const struct oracle_place *cover = covering(o, line, resource, at);
    if (cover == NULL) {
        add_own_blockers(o->world, line, resource, at);
        return;
    }
    p->blocker_count = cover->blocker_count;
    memcpy(p->blockers, cover->blockers, sizeof p->blockers);
}

/* Of the @p modes that the process asks for elsewhere those a grant of which covers the place, or
 * would with grants of more of them. */
static uint16_t that_help(const struct world *w, uint16_t held, uint16_t modes, uint8_t mode)
{
    uint16_t alone = 0;
    for (uint32_t m = 0; m < w->modes.count; m++) {
        uint16_t bit = modes & (uint16_t)(1u << m);
        if (bit != 0 && gdn_modes_cover(&w->modes, held | bit, mode)) alone |= bit;
    }
    uint16_t together = (uint16_t)(held | (modes & ~alone));
    return together != 0 && gdn_modes_cover(&w->modes, together, mode) ? modes : alone;
}

/* Its ticket has a choice, or may be woken unseen. */
static bool may_be_given_up(const struct oracle *o, const struct oracle_place *place)
{
    int ticket = oracle_find(o, place->issuer, place->ticket);
    if (ticket == NOWHERE || !o->tickets[ticket].direct) return false;
    return place->option != 0 || mail_may_wake(o->world, &o->world->waits[o->tickets[ticket].wait]);
}

static void find_others(const struct oracle *o, struct line *line, struct oracle_place *p)
{
    const struct world *w = o->world;
    uint16_t modes = 0;
    bool choice = may_be_given_up(o, p);
    p->other_count = 0;
    for (int i = 0; i < line->place_count; i++) {
        const struct oracle_place *e = &line->places[i];
        if (e->process != p->process || e == p) continue;
        modes |= (uint16_t)(1u << e->mode);
        choice |= may_be_given_up(o, e);
    }
    if (!choice || p->blocker_count == 0) return;
    uint16_t help = that_help(w, held_by(line, p->process), modes, p->mode);
    for (int i = 0; i < line->place_count; i++) {
        const struct oracle_place *e = &line->places[i];
        if (e->process != p->process || e == p || (help >> e->mode & 1) == 0) continue;
        p->others[p->other_count++] = e;
    }
}

static void find_blockers(struct oracle *o, struct line *line, int resource)
{
    for (int i = 0; i < line->place_count; i++) {
        if (will_be_ahead(line, &line->places[i])) find_place_blockers(o, line, resource, i);
    }
    for (int i = 0; i < line->place_count; i++) {
        struct oracle_place *p = &line->places[i];
        find_place_blockers(o, line, resource, i);
        if (p->units == 0) find_others(o, line, p);
        int found = oracle_find(o, p->issuer, p->ticket);
        struct oracle_ticket *t = found == NOWHERE ? NULL : &o->tickets[found];
        if (t == NULL) continue;
        t->at[resource] = p;
        t->partial |= !needs_all(p) || p->other_count > 0;
        if (t->direct) continue;
        for (int b = 0; b < p->blocker_count; b++) oracle_add_blocker(t, p->blockers[b]);
    }
}

void line_draw_all(struct oracle *o)
{
    static struct line lines[RESOURCES];
    for (int r = 0; r < RESOURCES; r++) draw_line(o, r, &lines[r]);
    for (int r = 0; r < RESOURCES; r++) find_blockers(o, &lines[r], r);
}
