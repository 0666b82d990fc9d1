/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The meaning of a cut, by definition: each message is looked up when it matters, each blocker is
 * listed by itself, and whoever can go on when all that can go on has gone is struck out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include "tests/sim/truth_line.h"
#include <cmocka.h>
#include <string.h>

struct cut {
    const struct truth_node *nodes;
    int count;
    struct truth_judged *judged;
};

const struct truth_message *truth_mail(const struct truth_node *nodes, int from, int to, int *count)
{
    const struct truth_end *out = &nodes[from].out[to], *in = &nodes[to].in[from];
    *count = 0;
    if (out->channel == NULL || out->channel->to != nodes[to].incarnation) return NULL;
    int taken = in->channel == out->channel ? in->count : 0;
    if (taken >= out->count) return NULL;
    *count = out->count - taken;
    return &out->channel->log[taken];
}

/* ---- What the mail says ---- */

static bool is_answered(const struct cut *cut, int node, const struct truth_ticket *ticket)
{
    int count;
    if (ticket->home == node || ticket->home < 0) return false;
    const struct truth_message *mail = truth_mail(cut->nodes, ticket->home, node, &count);
    for (int i = 0; i < count; i++) {
        bool answer =
            mail[i].verb == GDN_VERB_GRANT || (mail[i].verb == GDN_VERB_WAKE && mail[i].refusal);
        if (answer && mail[i].number == ticket->number) return true;
    }
    return false;
}

static int wakes_in_flight(const struct cut *cut, int node, uint64_t number, int by)
{
    int wakes = 0;
    for (int from = 0; from < cut->count; from++) {
        int count;
        if (from == node) continue;
        const struct truth_message *mail = truth_mail(cut->nodes, from, node, &count);
        for (int i = 0; i < count; i++) {
            wakes += mail[i].verb == GDN_VERB_WAKE && !mail[i].refusal &&
                     mail[i].number == number && mail[i].by == by;
        }
    }
    return wakes;
}

/* ---- Tickets that wait ---- */

/* Of a direct wait, what remains once the mail is delivered. */
static void deliver_wakes(const struct cut *cut, int node, struct truth_wait *wait)
{
    for (int p = 0; p < TRUTH_PROCESSES; p++) {
        int wakes = wait->need_count == 0 ? 0 : wakes_in_flight(cut, node, wait->number, p);
        for (int i = 0; i < wakes; i++) (void)truth_meet(wait->needs, wait->need_count, p);
    }
}

static void add_wait(const struct cut *cut, int node, const struct truth_ticket *ticket)
{
    struct truth_judged *judged = cut->judged;
    assert_true(judged->wait_count < TRUTH_WAITS);
    struct truth_wait *wait = &judged->waits[judged->wait_count++];
    memset(wait, 0, sizeof *wait);
    wait->node = node;
    wait->process = ticket->process;
    wait->incarnation = cut->nodes[node].incarnation;
    wait->number = ticket->number;
    wait->core = -1;
    wait->need_count = ticket->need_count;
    memcpy(wait->needs, ticket->needs, sizeof wait->needs);
    deliver_wakes(cut, node, wait);
    bool woken = wait->need_count > 0 && truth_needs_are_met(wait->needs, wait->need_count, NULL);
    if (woken) judged->wait_count--;
}

static void find_waits(const struct cut *cut)
{
    for (int n = 0; n < cut->count; n++) {
        const struct truth_node *node = &cut->nodes[n];
        for (int i = 0; i < node->ticket_count; i++) {
            const struct truth_ticket *ticket = &node->tickets[i];
            if (ticket->granted || is_answered(cut, n, ticket)) continue;
            if ((ticket->wish.flags & GDN_REQUEST_NO_WAIT) != 0) continue;
            add_wait(cut, n, ticket);
        }
    }
}

int truth_find_wait(const struct truth_judged *judged, uint64_t incarnation, uint64_t number)
{
    for (int i = 0; i < judged->wait_count; i++) {
        const struct truth_wait *wait = &judged->waits[i];
        if (wait->incarnation == incarnation && wait->number == number) return i;
    }
    return -1;
}

/* ---- Who is stuck ---- */

/* Some of a cut's waits; all others count as served. */
struct some {
    bool in[TRUTH_WAITS];
};

/* Who goes on: a branch unless one of its waits is among these, and a process with its branches. */
struct free {
    bool branch[TRUTH_PROCESSES][TRUTH_WHOLE + 1];
    bool whole[TRUTH_PROCESSES];
};

static void find_free(const struct truth_judged *judged, const struct some *some, struct free *free)
{
    memset(free, 1, sizeof *free);
    for (int i = 0; i < judged->wait_count; i++) {
        const struct truth_wait *wait = &judged->waits[i];
        if (!some->in[i]) continue;
        free->branch[wait->process][wait->node] = false;
        free->branch[wait->process][TRUTH_WHOLE] = free->whole[wait->process] = false;
    }
}

static bool is_served(const struct truth_wait *wait, const struct free *free)
{
    int out = 0;
    if (wait->need_count > 0) {
        return truth_needs_are_met(wait->needs, wait->need_count, free->whole);
    }
    for (int i = 0; i < wait->share_count; i++) {
        const struct truth_share *share = &wait->shares[i];
        if (!free->branch[share->process][share->branch]) out += share->units;
    }
    if (out > wait->allowance) return false;
    for (int p = 0; p < TRUTH_PROCESSES; p++) {
        for (int b = 0; b <= TRUTH_WHOLE; b++) {
            if (wait->blocked_by[p][b] && !free->branch[p][b]) return false;
        }
    }
    return true;
}

/* Strike out whoever is served until nothing changes. */
static void keep_stuck(const struct truth_judged *judged, struct some *some)
{
    struct free free;
    for (bool changed = true; changed;) {
        changed = false;
        find_free(judged, some, &free);
        for (int i = 0; i < judged->wait_count; i++) {
            if (!some->in[i] || !is_served(&judged->waits[i], &free)) continue;
            some->in[i] = false;
            changed = true;
        }
    }
}

/* ---- Cores ---- */

/* Whom the need at *at (which moves behind it) still waits for: nobody, once a group is met. */
static void list_need(const struct truth_need *needs, int *at, const bool *free, bool *listed)
{
    int first = *at, behind = first;
    bool unmet = !truth_need_is_met(needs, &behind, free);
    const struct truth_need *need = &needs[(*at)++];
    if (need->process != TRUTH_GROUP && unmet) listed[need->process] = true;
    for (int i = 0; need->process == TRUTH_GROUP && unmet && i < need->count; i++) {
        list_need(needs, at, free, listed);
    }
    *at = behind;
}

static void list_blockers(const struct truth_wait *wait, const struct free *free,
                          bool (*listed)[TRUTH_WHOLE + 1])
{
    bool whole[TRUTH_PROCESSES] = {false};
    memcpy(listed, wait->blocked_by, sizeof wait->blocked_by);
    for (int at = 0; at < wait->need_count;) list_need(wait->needs, &at, free->whole, whole);
    for (int p = 0; p < TRUTH_PROCESSES; p++) listed[p][TRUTH_WHOLE] |= whole[p];
    if (is_served(wait, free)) return;
    for (int i = 0; i < wait->share_count; i++) {
        listed[wait->shares[i].process][wait->shares[i].branch] = true;
    }
}

/* reach[i][k]: among the stuck of @p some, i waits for k, perhaps by way of others. */
static void find_reach(const struct truth_judged *judged, const struct some *some,
                       bool (*reach)[TRUTH_WAITS])
{
    int count = judged->wait_count;
    struct free free;
    find_free(judged, some, &free);
    for (int i = 0; i < count; i++) {
        bool blockers[TRUTH_PROCESSES][TRUTH_WHOLE + 1];
        list_blockers(&judged->waits[i], &free, blockers);
        for (int k = 0; k < count; k++) {
            const struct truth_wait *to = &judged->waits[k];
            bool waits = blockers[to->process][TRUTH_WHOLE] || blockers[to->process][to->node];
            reach[i][k] = some->in[i] && some->in[k] && waits;
        }
    }
    for (int via = 0; via < count; via++) {
        for (int i = 0; i < count; i++) {
            for (int k = 0; reach[i][via] && k < count; k++) reach[i][k] |= reach[via][k];
        }
    }
}

static bool same_waits(const struct some *a, const struct some *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

/* A component of what is stuck is a core when it stays stuck with everything outside it served;
 * if only part of it does, the same is asked of that part's components (RULES 11). */
static void find_cores(struct truth_judged *judged, const struct some *stuck)
{
    static struct some sets[2 * TRUTH_WAITS];
    static bool reach[TRUTH_WAITS][TRUTH_WAITS];
    int set_count = 1;
    sets[0] = *stuck;
    while (set_count > 0) {
        struct some part = sets[--set_count], whole = part;
        keep_stuck(judged, &part);
        find_reach(judged, &part, reach);
        for (int i = 0; i < judged->wait_count; i++) {
            struct some component = {{false}};
            bool is_first = reach[i][i];
            for (int k = 0; k < judged->wait_count; k++) {
                component.in[k] = reach[i][k] && reach[k][i];
                if (k < i && component.in[k]) is_first = false;
            }
            if (!is_first) continue;
            if (!same_waits(&component, &whole)) {
                assert_true(set_count < 2 * TRUTH_WAITS);
                sets[set_count++] = component;
                continue;
            }
            judged->core_count++;
            for (int k = 0; k < judged->wait_count; k++) {
                if (component.in[k]) judged->waits[k].core = i;
            }
        }
    }
}

void truth_judge(const struct truth_node *nodes, int count, struct truth_judged *judged)
{
    struct cut cut = {nodes, count, judged};
    struct some stuck = {{false}};
    static bool reach[TRUTH_WAITS][TRUTH_WAITS];
    bool any = false;
    judged->wait_count = 0;
    judged->core_count = 0;
    memset(judged->stuck, 0, sizeof judged->stuck);
    find_waits(&cut);
    if (judged->wait_count == 0) return;
    truth_find_blockers(nodes, count, judged);
    for (int i = 0; i < judged->wait_count; i++) stuck.in[i] = true;
    keep_stuck(judged, &stuck);
    for (int i = 0; i < judged->wait_count; i++) {
        struct truth_wait *wait = &judged->waits[i];
        wait->stuck = stuck.in[i];
        if (wait->stuck) any = judged->stuck[wait->process] = true;
    }
    if (!any) return;
    find_reach(judged, &stuck, reach);
    for (int i = 0; i < judged->wait_count; i++) {
        memcpy(judged->waits[i].reach, reach[i], sizeof reach[i]);
    }
    find_cores(judged, &stuck);
}
