/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "analysis_oracle.h"

#include "analysis_line.h"
#include "analysis_mail.h"
#include <string.h>

/* ---- Tickets ---- */

/* A process's branches: threads at nodes. */
static int branch_at(int node, uint32_t branch_id)
{
    return 2 * node + (int)branch_id;
}

int oracle_branch(int node, uint64_t ticket)
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

void oracle_add(struct oracle *o, int process, int node, uint64_t number, int wait, bool direct)
{
    assert_true(o->ticket_count < THINGS * 2);
    o->tickets[o->ticket_count++] = (struct oracle_ticket){.process = process,
                                                           .node = node,
                                                           .branch = oracle_branch(node, number),
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
        if (mail_ends(w, wait)) continue;
        oracle_add(o, wait->process, wait->node, wait->ticket, i, wait->resource == NOWHERE);
    }
}

bool oracle_has_choice(const struct oracle *o, const struct oracle_ticket *t)
{
    if (!t->direct) return false;
    const struct world_wait *wait = &o->world->waits[t->wait];
    for (int i = 0; i < wait->need_count; i++) {
        const struct world_need *need = &wait->needs[i];
        if (need->kind == GDN_NEED_GROUP && need->at_least < need->children) return true;
    }
    return false;
}

void oracle_add_blocker(struct oracle_ticket *t, struct oracle_blocker blocker)
{
    assert_true(t->blocker_count < BLOCKERS);
    t->blockers[t->blocker_count++] = blocker;
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

static bool is_free(const struct freedom *f, const struct oracle_place *place)
{
    uint32_t out = 0;
    bool blocked = false;
    for (int i = 0; i < place->blocker_count; i++) {
        if (is_gone(f, &place->blockers[i])) continue;
        out += place->blockers[i].units;
        blocked = true;
    }
    return place->units == 0 ? !blocked : out <= place->allowance;
}

static bool is_granted(const struct freedom *f, const struct oracle_place *place)
{
    if (place == NULL || is_free(f, place)) return true;
    for (int i = 0; i < place->other_count; i++) {
        if (is_free(f, place->others[i])) return true;
    }
    return false;
}

/* Reads one need and its children; *index moves behind them. @p without: a resource; NOWHERE. */
static struct part look_at(const struct oracle *o, const struct oracle_ticket *t,
                           const struct freedom *f, int without, int *index)
{
    int at = (*index)++;
    const struct world_wait *wait = &o->world->waits[t->wait];
    const struct world_need *need = &wait->needs[at];
    if (need->kind == GDN_NEED_PROCESS) {
        return (struct part){.met = mail_meets(o->world, wait, at) ||
                                    goes_on(f, need->process, branch_needed(need))};
    }
    if (need->kind == GDN_NEED_RESOURCE) {
        bool named = need->resource == without;
        bool granted = mail_may_wake(o->world, wait) || is_granted(f, t->at[need->resource]);
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
    part.met = met >= need->at_least || (choice && mail_is_incomplete(o->world));
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
        if (need->kind == GDN_NEED_RESOURCE && !mail_may_wake(o->world, wait)) {
            const struct oracle_place *place = t->at[need->resource];
            for (int b = 0; place != NULL && b < place->blocker_count; b++) {
                oracle_add_blocker(t, place->blockers[b]);
            }
        }
        if (need->kind != GDN_NEED_PROCESS || mail_meets(o->world, wait, i)) continue;
        struct oracle_blocker blocker = {
            .process = need->process, .branch = branch_needed(need), .queued = need->queued};
        oracle_add_blocker(t, blocker);
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
    memset(o, 0, sizeof *o);
    o->world = world;
    add_listed(o);
    line_draw_all(o);
    find_stuck(o);
    if (!uses_branches(world)) try_every_set(o);
    o->all_of = true;
    for (int t = 0; t < o->ticket_count; t++) {
        struct oracle_ticket *ticket = &o->tickets[t];
        if (ticket->direct && !oracle_has_choice(o, ticket)) list_direct_blockers(o, t);
        bool choice = oracle_has_choice(o, ticket) || waits_for_option(ticket) || ticket->partial;
        if (ticket->stuck && choice) o->all_of = false;
    }
    if (o->all_of) find_cores(o);
}

/* ---- Another order ---- */

static int drop_queued(struct oracle_blocker *blockers, int count, int holder)
{
    int kept = 0;
    for (int i = 0; i < count; i++) {
        if (blockers[i].process != holder || !blockers[i].queued) blockers[kept++] = blockers[i];
    }
    return kept;
}

/* An entry that may be changed. */
static struct oracle_place *own(struct oracle *o, int ticket, int resource)
{
    static struct oracle_place places[THINGS * 2][RESOURCES];
    struct oracle_place *place = &places[ticket][resource];
    const struct oracle_place **at = &o->tickets[ticket].at[resource];
    if (*at != place) *place = **at;
    *at = place;
    return place;
}

static void stand_behind(struct oracle *o, int passed, int resource, struct oracle_blocker blocker)
{
    struct oracle_place *place = own(o, passed, resource);
    struct oracle_ticket *t = &o->tickets[passed];
    assert_true(place->blocker_count < 3 * THINGS && t->blocker_count < BLOCKERS);
    place->blockers[place->blocker_count++] = blocker;
    if (!t->direct) t->blockers[t->blocker_count++] = blocker;
}

void oracle_pass(struct oracle *o, const struct oracle *as_it_was, int served, int process,
                 int resource)
{
    struct oracle_ticket *t = &o->tickets[served];
    const struct oracle_place *s = as_it_was->tickets[served].at[resource];
    if (s == NULL) return;
    struct oracle_place *place = own(o, served, resource);
    place->blocker_count = drop_queued(place->blockers, place->blocker_count, process);
    if (!t->direct) t->blocker_count = drop_queued(t->blockers, t->blocker_count, process);
    struct oracle_blocker blocker = {
        .process = s->process, .branch = NOWHERE, .units = s->units, .resource = resource};
    for (int p = 0; p < o->ticket_count; p++) {
        const struct oracle_place *passed = as_it_was->tickets[p].at[resource];
        bool before = passed != NULL && passed < s; /* Of one line, in its order. */
        if (!before || passed->process != process) continue;
        bool clash = s->units != 0 || (o->world->modes.conflicts[passed->mode] >> s->mode & 1) != 0;
        if (clash) stand_behind(o, p, resource, blocker);
    }
}
