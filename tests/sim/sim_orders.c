/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Aborts and messages against the truth: who is asked for, who dies, what a site loses, and how
 * many markers go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include "src/core/site.h"
#include "tests/sim/sim.h"
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

/* ---- Incidents: what shares a ticket with one that stands is no news (RULES 15) ---- */

void sim_deadlock_told(struct sim *sim, const struct gdn_detector_event *event)
{
    const struct gdn_deadlock *deadlock = &event->verdict->deadlocks[event->deadlock];
    for (size_t t = 0; t < deadlock->ticket_count; t++) {
        struct sim_told told = {.detector = event->round.incarnation,
                                .incarnation =
                                    event->cut->parties[deadlock->tickets[t].issuer].incarnation,
                                .number = deadlock->tickets[t].number,
                                .deadlock = event->id};
        for (int i = 0; i < sim->told_count; i++) {
            const struct sim_told *known = &sim->told[i];
            if (known->detector != told.detector || known->incarnation != told.incarnation)
                continue;
            if (known->number != told.number) continue;
            sim_broken(SIM_ORACLE_VERDICT, "ticket %llu is of a deadlock that is told already",
                       (unsigned long long)told.number);
        }
        if (sim->told_count < TRUTH_WAITS) sim->told[sim->told_count++] = told;
    }
}

void sim_deadlock_gone(struct sim *sim, const struct gdn_detector_event *event)
{
    for (int i = 0; i < sim->told_count;) {
        const struct sim_told *told = &sim->told[i];
        bool its =
            told->detector == event->round.incarnation && gdn_id_equal(told->deadlock, event->id);
        if (its) sim->told[i] = sim->told[--sim->told_count];
        i += its ? 0 : 1;
    }
}

/* ---- Orders ---- */

static struct sim_order *find_order(struct sim *sim, int detector, uint64_t incarnation,
                                    uint64_t number)
{
    for (int i = sim->order_count; i-- > 0;) {
        struct sim_order *order = &sim->orders[i];
        bool same = order->incarnation == incarnation && order->number == number;
        if (same && (detector < 0 || order->detector == detector)) return order;
    }
    return NULL;
}

static void order_given(struct sim *sim, int detector, const struct gdn_detector_event *event)
{
    const struct sim_order *earlier = find_order(sim, detector, event->incarnation, event->ticket);
    if (earlier != NULL && !earlier->answered) {
        sim_broken(SIM_ORACLE_VICTIM, "ticket %llu of %s is asked for again before an answer",
                   (unsigned long long)event->ticket, event->node);
    }
    if (sim->order_count == (int)(sizeof sim->orders / sizeof sim->orders[0])) return;
    sim->orders[sim->order_count++] =
        (struct sim_order){.detector = detector,
                           .incarnation = event->incarnation,
                           .number = event->ticket,
                           .fresh = true,
                           .spontaneous = sim->rounds[detector].spontaneous};
}

void sim_order_told(struct sim *sim, int detector, const struct gdn_detector_event *event)
{
    if (event->type == GDN_DETECTOR_ABORT_ASKED) {
        order_given(sim, detector, event);
        return;
    }
    struct sim_order *order = find_order(sim, detector, event->incarnation, event->ticket);
    if (order != NULL) order->answered = true;
}

/* The orders given since the last round name tickets of its cores. */
void sim_check_orders(struct sim *sim, int detector, const gdn_verdict *verdict)
{
    for (int i = 0; i < sim->order_count; i++) {
        struct sim_order *order = &sim->orders[i];
        bool found = false;
        if (order->detector != detector || !order->fresh) continue;
        order->fresh = false;
        for (size_t d = 0; d < verdict->deadlock_count; d++) {
            const struct gdn_deadlock *deadlock = &verdict->deadlocks[d];
            for (size_t t = 0; t < deadlock->ticket_count; t++) {
                const struct gdn_cut_party *party =
                    &verdict->cut->parties[deadlock->tickets[t].issuer];
                found |= party->incarnation == order->incarnation &&
                         deadlock->tickets[t].number == order->number;
            }
        }
        if (!found) {
            sim_broken(SIM_ORACLE_VICTIM, "ticket %llu is to be aborted, and is in no core",
                       (unsigned long long)order->number);
        }
    }
}

/* ---- Deaths ---- */

/* With one detector, and if nobody gave up by himself since its picture was taken, the victim still
 * stands in a cycle at the moment of its death: so at most one dies for each. */
static void check_death(struct sim *sim, const struct sim_order *order, int wait,
                        const struct truth_judged *judged)
{
    bool strict = sim->shape->detectors == 1 && sim->shape->chance[SIM_RESTART] == 0 &&
                  order->spontaneous == sim->spontaneous && !sim->shape->habits[SIM_BRANCHES];
    bool in_core = false;
    for (int i = 0; i < judged->wait_count; i++) {
        bool its = judged->waits[i].process == judged->waits[wait].process;
        in_core |= its && judged->waits[i].core >= 0;
    }
    if (strict && !in_core) {
        sim_broken(SIM_ORACLE_VICTIM, "%s dies, and is in no cycle any more",
                   sim_processes[judged->waits[wait].process]);
    }
}

/* "A grant that has arrived and was not taken has ended it" (RULES 14). */
static bool is_answered(const struct sim *sim, int node, uint64_t number)
{
    const gdn_site *site = world_site(sim->world, sim_nodes[node]);
    for (const struct gdn__arrival *a = site->inbox.first; a != NULL; a = a->next) {
        if (a->type != GDN__ARRIVAL_LOCK || a->as.message.number != number) continue;
        if (a->as.message.verb == GDN_VERB_GRANT) return true;
    }
    return false;
}

void sim_abort_taken(struct sim *sim, int node, const struct gdn_item *item)
{
    static struct truth_judged judged;
    uint64_t incarnation = sim->truth.nodes[node].incarnation, number = item->ticket.number;
    const struct sim_order *order = find_order(sim, -1, incarnation, number);
    int process = sim_process_of(sim, item->process);
    truth_judge(sim->truth.nodes, sim->shape->nodes, &judged);
    int wait = truth_find_wait(&judged, incarnation, number);
    const struct truth_ticket *ticket = truth_ticket(&sim->truth.nodes[node], number);
    if (order == NULL) sim_broken(SIM_ORACLE_VICTIM, "nobody asked for that abort");
    if (ticket == NULL || ticket->granted || ticket->process != process) {
        sim_broken(SIM_ORACLE_VICTIM, "the ticket of %s had ended", sim_processes[process]);
    }
    if (is_answered(sim, node, number)) {
        sim_broken(SIM_ORACLE_VICTIM, "the grant for %s had arrived", sim_processes[process]);
    }
    if (sim->shape->habits[SIM_STUBBORN] && process == 0) {
        sim_broken(SIM_ORACLE_VICTIM, "%s must not be aborted", sim_processes[process]);
    }
    if (wait >= 0) check_death(sim, order, wait, &judged);
    sim->counts->aborts++;
    truth_cancel(&sim->truth, node, number);
    sim_end_process(sim, process);
}

/* ---- Losses and cuts at a site ---- */

void sim_before(void *context, int node)
{
    struct sim *sim = context;
    const gdn_site *site = world_site(sim->world, sim_nodes[node]);
    memset(sim->arrived, 0, sizeof sim->arrived);
    for (const struct gdn__arrival *a = site->inbox.first; a != NULL; a = a->next) {
        bool counts = a->type == GDN__ARRIVAL_LOCK || a->type == GDN__ARRIVAL_PAYLOAD;
        if (!counts || !a->counted) continue;
        sim->arrived[sim_node_of_name(sim, gdn__mesh_peer(site->mesh, a->peer)->name)]++;
    }
}

static bool is_under_way(const struct sim *sim)
{
    for (int d = 0; d < sim->shape->detectors; d++) {
        if (sim->rounds[d].number != 0 && !sim->rounds[d].over) return true;
    }
    return false;
}

/* A node whose loss was not noticed before. */
static bool is_new_loss(struct sim_losses *losses, const struct gdn__peer *peer)
{
    if (peer->state != GDN__PEER_LOST || peer->role != GDN__ROLE_NODE) return false;
    if (peer->incarnation == 0) return false; /* Dialled in vain, or of nobody any more. */
    for (int i = 0; i < losses->count; i++) {
        if (losses->nonces[i] == peer->nonce) return false;
    }
    assert_true(losses->count < SIM_LOSSES);
    losses->nonces[losses->count++] = peer->nonce;
    return true;
}

static void note_losses(struct sim *sim, int node, gdn_site *site)
{
    for (uint32_t i = 1; i < gdn__mesh_count(site->mesh); i++) {
        const struct gdn__peer *peer = gdn__mesh_peer(site->mesh, i);
        if (!is_new_loss(&sim->lost[node], peer)) continue;
        struct truth_peer lost = sim_peer(sim, peer);
        sim->counts->closed += is_under_way(sim);
        bool lives = sim->truth.nodes[lost.node].incarnation == lost.incarnation;
        if (lives && !peer->gone) sim_count(sim, SIM_SILENCE);
        sim->spontaneous++;
        sim->crashes++;
        truth_lose(&sim->truth, node, lost, sim->arrived[lost.node]);
        sim_lost_peer(sim, node, lost.node);
    }
}

static void note_known(struct sim *sim, int node, gdn_site *site)
{
    struct truth_node *at = &sim->truth.nodes[node];
    for (int other = 0; other < sim->shape->nodes; other++) {
        uint32_t number = gdn__mesh_find(site->mesh, gdn_node_named(sim_nodes[other]));
        const struct gdn__peer *peer = number == 0 ? NULL : gdn__mesh_peer(site->mesh, number);
        uint64_t known = peer == NULL ? 0 : peer->incarnation;
        if (known != 0 && known != at->knows[other] && is_under_way(sim)) {
            sim->counts->opened++;
            if (sim->shape->chance[SIM_LATE] > 0) sim_count(sim, SIM_LATE);
        }
        at->knows[other] = known;
        at->association[other] = peer == NULL ? 0 : peer->association;
    }
}

/* A node that has cut a round for the first time is copied as it is. */
static void note_cuts(struct sim *sim, int node, const gdn_site *site)
{
    gdn_round_id rounds[GDN_INITIATORS_MAX];
    size_t count = gdn_participant_cut_rounds(site->participant, rounds);
    for (size_t i = 0; i < count; i++) {
        for (int d = 0; d < sim->shape->detectors; d++) {
            struct sim_round *round = &sim->rounds[d];
            bool its = rounds[i].incarnation == round->incarnation &&
                       rounds[i].number == round->number && round->number != 0;
            if (!its || round->cut[node]) continue;
            round->cut[node] = true;
            round->at_cut[node] = sim->truth.nodes[node];
        }
    }
}

void sim_after(void *context, int node)
{
    struct sim *sim = context;
    gdn_site *site = world_site(sim->world, sim_nodes[node]);
    note_losses(sim, node, site);
    note_known(sim, node, site);
    note_cuts(sim, node, site);
}

/* ---- Markers ---- */

static void count_marker(struct sim *sim, int from, int to, const struct gdn__record *record)
{
    gdn_round_id round;
    if (!gdn__get_round_id(record, &round)) return;
    for (int d = 0; d < sim->shape->detectors; d++) {
        if (!gdn_id_equal(round.initiator.id, gdn_node_named(sim_detectors[d]).id)) continue;
        bool repeated = sim->marked[from][to][d].incarnation == round.incarnation &&
                        sim->marked[from][to][d].number >= round.number;
        if (repeated) {
            sim_broken(SIM_ORACLE_BUDGET, "%s > %s: a second marker of round %llu", sim_nodes[from],
                       sim_nodes[to], (unsigned long long)round.number);
        }
        sim->marked[from][to][d].incarnation = round.incarnation;
        sim->marked[from][to][d].number = round.number;
    }
}

/* Records that go for the first time; what is resent has a number that was seen. */
static void count_markers(struct sim *sim, int from, int to, const uint8_t *bytes, size_t length)
{
    struct gdn__reader in = gdn__reader_of(bytes, length);
    struct gdn__header header;
    struct gdn__record record;
    if (gdn__get_header(&in, &header) != GDN_OK || header.sequence == 0) return;
    uint64_t pair = header.source * 31 + header.destination + ((uint64_t)header.association << 32);
    if (sim->highest_to[from][to] != pair) {
        sim->highest_to[from][to] = pair;
        sim->highest[from][to] = 0;
        memset(sim->marked[from][to], 0, sizeof sim->marked[from][to]);
    }
    for (uint64_t number = header.sequence; gdn__next_record(&in, &record); number++) {
        if (number <= sim->highest[from][to]) continue;
        sim->highest[from][to] = number;
        if (record.type == GDN__MARKER) count_marker(sim, from, to, &record);
    }
}

static void look_for_start(struct sim *sim, int detector, const uint8_t *bytes, size_t length)
{
    struct gdn__reader in = gdn__reader_of(bytes, length);
    struct gdn__header header;
    struct gdn__record record;
    gdn_round_id round;
    if (gdn__get_header(&in, &header) != GDN_OK) return;
    while (gdn__next_record(&in, &record)) {
        if (record.type != GDN__START || !gdn__get_round_id(&record, &round)) continue;
        sim_round_started(sim, detector, round.incarnation, round.number);
    }
}

void sim_sent(void *context, int from, int to, const uint8_t *bytes, size_t length)
{
    struct sim *sim = context;
    int nodes = sim->shape->nodes;
    if (from < nodes && to < nodes) count_markers(sim, from, to, bytes, length);
    if (from >= nodes && to < nodes) look_for_start(sim, from - nodes, bytes, length);
}
