/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "analysis_oracle.h"
#include <string.h>

/* ---- What the mail says, looked up each time ---- */

static bool any_open(const struct world *w)
{
    for (int n = 0; n < NODES; n++) {
        for (int m = 0; m < NODES; m++) {
            if (w->reported[n] && w->open[m][n]) return true;
        }
    }
    return false;
}

static bool incomplete(const struct world *w)
{
    return !w->reported[0] || !w->reported[1] || !w->reported[2] || any_open(w);
}

static bool certain(const struct world *w, int issuer, int home)
{
    return w->reported[issuer] && w->reported[home] && !w->open[issuer][home];
}

/* Messages to nodes without a report were not recorded. */
static const struct world_message *recorded(const struct world *w, int i)
{
    return w->reported[w->messages[i].to] ? &w->messages[i] : NULL;
}

/* @p position: of the request among all messages; NOWHERE: it had arrived. */
static bool given_up(const struct world *w, int home, int process, int issuer, uint64_t ticket,
                     int position)
{
    for (int i = 0; i < w->message_count; i++) {
        const struct world_message *m = recorded(w, i);
        if (m == NULL || m->from != issuer || m->to != home) continue;
        bool ends = m->verb == GDN_VERB_CANCEL || m->verb == GDN_VERB_RELEASE;
        if (ends && m->ticket == ticket) return true;
        if (m->verb == GDN_VERB_END && m->process == process && i > position) return true;
    }
    return false;
}

static bool released_unnamed(const struct world *w, const struct world_hold *hold)
{
    int home = w->home_of[hold->resource];
    for (int i = 0; i < w->message_count; i++) {
        const struct world_message *m = recorded(w, i);
        if (m == NULL || m->verb != GDN_VERB_RELEASE || m->ticket != 0) continue;
        if (m->to != home || m->process != hold->process || m->resource != hold->resource) continue;
        if (m->from == hold->issuer) return true;
        bool senders_own = false;
        for (int h = 0; h < w->hold_count; h++) {
            const struct world_hold *other = &w->holds[h];
            senders_own |= other->resource == hold->resource && other->process == hold->process &&
                           other->issuer == m->from;
        }
        if (!senders_own) return true;
    }
    return false;
}

/* Nothing that was recorded gives it up. */
static bool stands(const struct world *w, const struct world_hold *hold)
{
    int home = w->home_of[hold->resource];
    return w->reported[home] &&
           !given_up(w, home, hold->process, hold->issuer, hold->ticket, NOWHERE) &&
           !released_unnamed(w, hold);
}

static bool is_certain_hold(const struct world *w, const struct world_hold *hold)
{
    return certain(w, hold->issuer, w->home_of[hold->resource]);
}

/* It holds it for certain, and nothing that it holds there is uncertain. */
static bool holds_for_certain(const struct world *w, int process, int resource)
{
    bool found = false;
    for (int i = 0; i < w->hold_count; i++) {
        const struct world_hold *hold = &w->holds[i];
        if (hold->process != process || hold->resource != resource || !stands(w, hold)) continue;
        if (!is_certain_hold(w, hold)) return false;
        found = true;
    }
    return found;
}

static bool ended_by_mail(const struct world *w, const struct world_wait *wait)
{
    for (int i = 0; i < w->message_count; i++) {
        const struct world_message *m = recorded(w, i);
        if (m == NULL || m->to != wait->node) continue;
        bool wake = m->verb == GDN_VERB_WAKE;
        if (!wake && m->verb != GDN_VERB_GRANT) continue;
        bool of_listing = wake && m->by != NOWHERE;
        if (of_listing && wait->resource == NOWHERE) continue;
        if (m->ticket != 0 && m->ticket == wait->ticket) return true;
        if (m->ticket != 0 || of_listing) continue;
        if (m->process == wait->process && m->resource == wait->resource) return true;
    }
    return false;
}

/* ---- Tickets ---- */

/* A process's branches: threads at nodes. */
static int branch_at(int node, uint32_t branch_id)
{
    return 2 * node + (int)branch_id;
}

static int branch_of(int node, uint64_t ticket)
{
    return branch_at(node, world_branch_id(ticket));
}

int oracle_find(const struct oracle *o, int node, uint64_t number)
{
    for (int t = 0; t < o->ticket_count; t++) {
        if (o->tickets[t].node == node && o->tickets[t].number == number) return t;
    }
    return NOWHERE;
}

static void add_ticket(struct oracle *o, int process, int node, uint64_t number, int wait,
                       bool direct)
{
    assert_true(o->ticket_count < THINGS * 2);
    o->tickets[o->ticket_count++] = (struct oracle_ticket){.process = process,
                                                           .node = node,
                                                           .branch = branch_of(node, number),
                                                           .number = number,
                                                           .wait = wait,
                                                           .direct = direct};
    o->waiting[process] = true;
}

static void add_listed(struct oracle *o)
{
    const struct world *w = o->world;
    for (int i = 0; i < w->wait_count; i++) {
        const struct world_wait *wait = &w->waits[i];
        if (!w->reported[wait->node] || !w->waits_listed[wait->node]) continue;
        if (ended_by_mail(w, wait)) continue;
        add_ticket(o, wait->process, wait->node, wait->ticket, i, wait->resource == NOWHERE);
    }
}

static bool has_choice(const struct oracle *o, const struct oracle_ticket *t)
{
    if (!t->direct) return false;
    const struct world_wait *wait = &o->world->waits[t->wait];
    for (int i = 0; i < wait->need_count; i++) {
        const struct world_need *need = &wait->needs[i];
        if (need->kind == GDN_NEED_GROUP && need->at_least < need->children) return true;
    }
    return false;
}

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
    if (given_up(w, home, place.process, place.issuer, place.ticket, place.position)) return;
    bool lists = w->reported[place.issuer] && w->waits_listed[place.issuer];
    if (!certain(w, place.issuer, home)) {
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
        add_ticket(o, place.process, place.issuer, place.ticket, NOWHERE, false);
    }
    int ticket = oracle_find(o, place.issuer, place.ticket);
    if (ticket != NOWHERE && has_choice(o, &o->tickets[ticket])) place.option = 1 + ticket;
    line->places[line->place_count++] = place;
}

static void draw_line(struct oracle *o, int resource, struct line *line)
{
    const struct world *w = o->world;
    int home = w->home_of[resource];
    line->hold_count = line->place_count = 0;
    if (!w->reported[home]) return;
    for (int i = 0; i < w->hold_count; i++) {
        if (w->holds[i].resource != resource || !stands(w, &w->holds[i])) continue;
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

static void add_blocker(struct oracle_ticket *t, struct oracle_blocker blocker)
{
    assert_true(t->blocker_count < BLOCKERS);
    t->blockers[t->blocker_count++] = blocker;
}

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
    if (e->option == 0) return true;
    return !incomplete(w) && places_of(line, e->process) == 1 && places_of(line, p->process) == 1;
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
        if (!is_certain_hold(w, hold)) continue;
        int branch = hold->brief ? branch_of(hold->issuer, hold->ticket) : NOWHERE;
        p->blockers[p->blocker_count++] =
            (struct oracle_blocker){.process = hold->process, .branch = branch};
    }
    for (int j = 0; j < at; j++) {
        const struct oracle_place *e = &line->places[j];
        if (e->process == p->process || !gdn_modes_conflict(&w->modes, p->mode, e->mode)) continue;
        if (!is_seen_by(w, line, resource, at, j) || !counts_for(w, line, e, p)) continue;
        bool brief = (e->flags & GDN_REQUEST_BRIEF) != 0;
        int branch = brief ? branch_of(e->issuer, e->ticket) : NOWHERE;
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
        if (!is_certain_hold(w, hold)) continue;
        int branch = hold->brief ? branch_of(hold->issuer, hold->ticket) : NOWHERE;
        p->blockers[p->blocker_count++] = (struct oracle_blocker){
            .process = hold->process, .branch = branch, .units = hold->units};
        out += hold->units;
    }
    for (int j = 0; j < at; j++) {
        const struct oracle_place *e = &line->places[j];
        if (!is_seen_by(w, line, resource, at, j) || (e->option != 0 && incomplete(w))) continue;
        bool brief = (e->flags & GDN_REQUEST_BRIEF) != 0;
        int branch = brief ? branch_of(e->issuer, e->ticket) : NOWHERE;
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

static void find_blockers(struct oracle *o, struct line *line, int resource)
{
    for (int i = 0; i < line->place_count; i++) {
        if (will_be_ahead(line, &line->places[i])) find_place_blockers(o, line, resource, i);
    }
    for (int i = 0; i < line->place_count; i++) {
        struct oracle_place *p = &line->places[i];
        find_place_blockers(o, line, resource, i);
        int found = oracle_find(o, p->issuer, p->ticket);
        struct oracle_ticket *t = found == NOWHERE ? NULL : &o->tickets[found];
        if (t == NULL) continue;
        t->at[resource] = p;
        t->partial |= !needs_all(p);
        if (t->direct) continue;
        for (int b = 0; b < p->blocker_count; b++) add_blocker(t, p->blockers[b]);
    }
}

/* ---- Direct needs ---- */

static int wakes_for(const struct world *w, const struct world_wait *wait, int by)
{
    int count = 0;
    for (int i = 0; i < w->message_count; i++) {
        const struct world_message *m = recorded(w, i);
        if (m == NULL || m->verb != GDN_VERB_WAKE || m->by != by || m->to != wait->node) continue;
        bool fits = m->ticket == 0 ? m->process == wait->process : m->ticket == wait->ticket;
        count += fits;
    }
    return count;
}

static bool given_back(const struct world *w, int process, int resource)
{
    for (int i = 0; i < w->message_count; i++) {
        const struct world_message *m = recorded(w, i);
        if (m == NULL || m->process != process) continue;
        if (m->verb == GDN_VERB_END) return true;
        bool gives = m->verb == GDN_VERB_RELEASE || m->verb == GDN_VERB_CANCEL;
        if (gives && m->resource == resource) return true;
    }
    return false;
}

/* Without a wake: its hold is being given back, or may be unseen. */
static bool met_unwoken(const struct world *w, const struct world_need *need)
{
    if (need->resource == NOWHERE) return false;
    if (holds_for_certain(w, need->process, need->resource)) return false;
    return incomplete(w) || given_back(w, need->process, need->resource);
}

static bool may_be_woken(const struct world *w, const struct world_wait *wait)
{
    for (int n = 0; n < NODES; n++) {
        if (n != wait->node && w->open[n][wait->node]) return true;
    }
    return false;
}

static bool met_by_mail(const struct world *w, const struct world_wait *wait, int index)
{
    const struct world_need *need = &wait->needs[index];
    if (may_be_woken(w, wait)) return true;
    if (met_unwoken(w, need)) return true;
    int earlier =
        0; /* Listings of that process before, not met otherwise: they take wakes first. */
    for (int i = 0; i < index; i++) {
        const struct world_need *other = &wait->needs[i];
        bool same = other->kind == GDN_NEED_PROCESS && other->process == need->process;
        earlier += same && !met_unwoken(w, other);
    }
    return earlier < wakes_for(w, wait, need->process);
}

/* ---- Satisfaction ---- */

struct freedom {
    bool branch[PROCESSES][BRANCHES]; /* That branch of the process goes on. */
    bool left[THINGS * 2][RESOURCES]; /* The entry of a ticket with a choice has become needless. */
};

static bool goes_on(const struct freedom *f, int process, int branch)
{
    const bool *of = f->branch[process];
    if (branch != NOWHERE) return of[branch];
    bool all = true;
    for (int b = 0; b < BRANCHES; b++) all = all && of[b];
    return all;
}

/* The branch that a need on a process means. */
static int branch_needed(const struct world_need *need)
{
    return need->branch == NOWHERE ? NOWHERE : branch_at(need->branch, need->branch_id);
}

/* What is known of one need, or of what is left of it without the ticket's entry at one resource.
 */
struct part {
    bool met;
    bool named;    /* The entry is among it. */
    bool needless; /* Without the entry some group around it is met: it leaves its queue. */
};

/* Its process goes on, or it is an entry that has left its queue before. */
static bool is_gone(const struct freedom *f, const struct oracle_blocker *blocker)
{
    if (goes_on(f, blocker->process, blocker->branch)) return true;
    return blocker->option != 0 && f->left[blocker->option - 1][blocker->resource];
}

static bool is_granted(const struct freedom *f, const struct oracle_place *place)
{
    uint32_t out = 0;
    bool blocked = false;
    for (int i = 0; place != NULL && i < place->blocker_count; i++) {
        if (is_gone(f, &place->blockers[i])) continue;
        out += place->blockers[i].units;
        blocked = true;
    }
    return place == NULL || place->units == 0 ? !blocked : out <= place->allowance;
}

/* Reads one need and its children; *index moves behind them. @p without: a resource; NOWHERE. */
static struct part look_at(const struct oracle *o, const struct oracle_ticket *t,
                           const struct freedom *f, int without, int *index)
{
    int at = (*index)++;
    const struct world_wait *wait = &o->world->waits[t->wait];
    const struct world_need *need = &wait->needs[at];
    if (need->kind == GDN_NEED_PROCESS) {
        return (struct part){.met = met_by_mail(o->world, wait, at) ||
                                    goes_on(f, need->process, branch_needed(need))};
    }
    if (need->kind == GDN_NEED_RESOURCE) {
        bool named = need->resource == without;
        bool granted = may_be_woken(o->world, wait) || is_granted(f, t->at[need->resource]);
        bool met = !named && granted;
        return (struct part){.met = met, .named = named};
    }
    struct part part = {false};
    uint32_t met = 0;
    for (uint32_t i = 0; i < need->children; i++) {
        struct part child = look_at(o, t, f, without, index);
        met += child.met;
        part.named |= child.named;
        part.needless |= child.needless;
    }
    bool choice = need->at_least < need->children;
    part.met = met >= need->at_least || (choice && incomplete(o->world));
    part.needless |= part.named && choice && part.met;
    return part;
}

static bool is_needless(const struct oracle *o, const struct oracle_ticket *t,
                        const struct freedom *f, int resource)
{
    bool needless = false;
    for (int index = 0; index < o->world->waits[t->wait].need_count;) {
        needless |= look_at(o, t, f, resource, &index).needless;
    }
    return needless;
}

/* Which entries leave, given who goes on: as few as there are reasons for. */
static void find_left(const struct oracle *o, struct freedom *f)
{
    memset(f->left, 0, sizeof f->left);
    for (bool changed = true; changed;) {
        changed = false;
        for (int t = 0; t < o->ticket_count; t++) {
            for (int r = 0; r < RESOURCES; r++) {
                const struct oracle_ticket *ticket = &o->tickets[t];
                if (ticket->at[r] == NULL || ticket->at[r]->option == 0 || f->left[t][r]) continue;
                if (is_needless(o, ticket, f, r)) f->left[t][r] = changed = true;
            }
        }
    }
}

static bool is_served(const struct oracle *o, int ticket, const struct freedom *f)
{
    const struct oracle_ticket *t = &o->tickets[ticket];
    bool served = true;
    if (t->direct) {
        for (int index = 0; index < o->world->waits[t->wait].need_count;) {
            if (!look_at(o, t, f, NOWHERE, &index).met) served = false;
        }
        return served;
    }
    if (t->partial) {
        for (int r = 0; r < RESOURCES; r++) served = served && is_granted(f, t->at[r]);
        return served;
    }
    for (int i = 0; i < t->blocker_count; i++) {
        if (!is_gone(f, &t->blockers[i])) served = false;
    }
    return served;
}

/* The stuck branches: of all the sets of branches none of which has all of its tickets served with
 * the others going on, the union. It is itself such a set, found by striking out from all. */
static void find_stuck(struct oracle *o)
{
    struct freedom f = {.branch = {{false}}};
    for (bool changed = true; changed;) {
        changed = false;
        find_left(o, &f);
        for (int p = 0; p < PROCESSES; p++) {
            for (int b = 0; b < BRANCHES; b++) {
                if (f.branch[p][b]) continue;
                bool held_up = false;
                for (int t = 0; t < o->ticket_count; t++) {
                    bool of_branch = o->tickets[t].process == p && o->tickets[t].branch == b;
                    if (of_branch && !is_served(o, t, &f)) held_up = true;
                }
                if (held_up) continue;
                f.branch[p][b] = changed = true;
            }
        }
    }
    for (int p = 0; p < PROCESSES; p++) o->stuck[p] = !goes_on(&f, p, NOWHERE);
    for (int t = 0; t < o->ticket_count; t++) o->tickets[t].stuck = !is_served(o, t, &f);
}

/* The same by definition, where whole processes are all that is waited for: try every set. */
static void try_every_set(const struct oracle *o)
{
    unsigned all_stuck = 0;
    for (unsigned set = 0; set < 1u << PROCESSES; set++) {
        struct freedom f;
        for (int p = 0; p < PROCESSES; p++) {
            for (int b = 0; b < BRANCHES; b++) f.branch[p][b] = (set >> p & 1) == 0;
        }
        find_left(o, &f);
        unsigned held_up = 0;
        for (int t = 0; t < o->ticket_count; t++) {
            if (!is_served(o, t, &f)) held_up |= 1u << o->tickets[t].process;
        }
        if ((set & ~held_up) == 0) all_stuck |= set;
    }
    for (int p = 0; p < PROCESSES; p++) {
        assert_int_equal(o->stuck[p], (all_stuck >> p & 1) != 0);
    }
}

uint64_t oracle_served(const struct oracle *o, uint64_t tickets, unsigned gone)
{
    uint64_t served = ~tickets;
    for (int bit = o->ticket_count; bit < 64; bit++) served |= UINT64_C(1) << bit;
    for (bool changed = true; changed;) {
        changed = false;
        struct freedom f;
        memset(&f, 1, sizeof f);
        for (int t = 0; t < o->ticket_count; t++) {
            bool removed = (gone >> o->tickets[t].process & 1) != 0;
            bool open = (served >> t & 1) == 0 && !removed;
            if (open) f.branch[o->tickets[t].process][o->tickets[t].branch] = false;
        }
        find_left(o, &f);
        for (int t = 0; t < o->ticket_count; t++) {
            if ((served >> t & 1) != 0 || !is_served(o, t, &f)) continue;
            served |= UINT64_C(1) << t;
            changed = true;
        }
    }
    /* A removed process's own tickets are gone with it. */
    for (int t = 0; t < o->ticket_count; t++) {
        if ((gone >> o->tickets[t].process & 1) != 0) served |= UINT64_C(1) << t;
    }
    return served & tickets;
}

bool oracle_frees(const struct oracle *o, uint64_t tickets, unsigned gone)
{
    uint64_t known = o->ticket_count == 64 ? UINT64_MAX : (UINT64_C(1) << o->ticket_count) - 1;
    tickets &= known;
    return oracle_served(o, tickets, gone) == tickets;
}

/* ---- Cores of all-of waits ---- */

/* Direct needs of a ticket without a choice are blockers like others. */
static void list_direct_blockers(struct oracle *o, int ticket)
{
    struct oracle_ticket *t = &o->tickets[ticket];
    const struct world_wait *wait = &o->world->waits[t->wait];
    for (int i = 0; i < wait->need_count; i++) {
        const struct world_need *need = &wait->needs[i];
        if (need->kind == GDN_NEED_RESOURCE && !may_be_woken(o->world, wait)) {
            const struct oracle_place *place = t->at[need->resource];
            for (int b = 0; place != NULL && b < place->blocker_count; b++) {
                add_blocker(t, place->blockers[b]);
            }
        }
        if (need->kind != GDN_NEED_PROCESS || met_by_mail(o->world, wait, i)) continue;
        struct oracle_blocker blocker = {
            .process = need->process, .branch = branch_needed(need), .queued = need->queued};
        add_blocker(t, blocker);
    }
}

static void find_cores(struct oracle *o)
{
    int count = o->ticket_count;
    for (int t = 0; t < count; t++) {
        struct oracle_ticket *from = &o->tickets[t];
        for (int u = 0; from->stuck && u < count; u++) {
            const struct oracle_ticket *to = &o->tickets[u];
            for (int i = 0; to->stuck && i < from->blocker_count; i++) {
                const struct oracle_blocker *b = &from->blockers[i];
                bool of_branch = b->branch == NOWHERE || b->branch == to->branch;
                if (b->process == to->process && of_branch) from->next[u] = true;
            }
        }
        memcpy(from->reach, from->next, sizeof from->reach);
    }
    for (int via = 0; via < count; via++) {
        for (int t = 0; t < count; t++) {
            for (int u = 0; o->tickets[t].reach[via] && u < count; u++) {
                o->tickets[t].reach[u] |= o->tickets[via].reach[u];
            }
        }
    }
    for (int t = count - 1; t >= 0; t--) {
        o->tickets[t].core = NOWHERE;
        for (int u = count - 1; u >= 0; u--) {
            if (o->tickets[t].reach[u] && o->tickets[u].reach[t]) o->tickets[t].core = u;
        }
    }
}

/* Somebody waits for less than a whole process. */
static bool uses_branches(const struct world *w)
{
    bool uses = false;
    for (int i = 0; i < w->hold_count; i++) uses |= w->holds[i].brief;
    for (int i = 0; i < w->message_count; i++) uses |= w->messages[i].flags != 0;
    for (int i = 0; i < w->wait_count; i++) {
        for (int n = 0; n < w->waits[i].need_count; n++) {
            const struct world_need *need = &w->waits[i].needs[n];
            uses |= need->kind == GDN_NEED_PROCESS && need->branch != NOWHERE;
        }
    }
    return uses;
}

static bool waits_for_option(const struct oracle_ticket *t)
{
    for (int i = 0; i < t->blocker_count; i++) {
        if (t->blockers[i].option != 0) return true;
    }
    return false;
}

void oracle_judge(struct oracle *o, const struct world *world)
{
    static struct line lines[RESOURCES];
    memset(o, 0, sizeof *o);
    o->world = world;
    add_listed(o);
    for (int r = 0; r < RESOURCES; r++) draw_line(o, r, &lines[r]);
    for (int r = 0; r < RESOURCES; r++) find_blockers(o, &lines[r], r);
    find_stuck(o);
    if (!uses_branches(world)) try_every_set(o);
    o->all_of = true;
    for (int t = 0; t < o->ticket_count; t++) {
        struct oracle_ticket *ticket = &o->tickets[t];
        if (ticket->direct && !has_choice(o, ticket)) list_direct_blockers(o, t);
        bool choice = has_choice(o, ticket) || waits_for_option(ticket) || ticket->partial;
        if (ticket->stuck && choice) o->all_of = false;
    }
    if (o->all_of) find_cores(o);
}
