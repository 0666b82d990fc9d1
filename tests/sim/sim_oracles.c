/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A finished round against the truth. */
#include "src/core/mem.h"
#include "tests/sim/sim.h"
#include <stdio.h>
#include <string.h>

static struct truth_judged now; /* As of this moment. */

static size_t connected(const struct sim *sim)
{
    size_t ends = 0;
    for (int n = 0; n < sim->shape->nodes; n++) {
        ends += gdn_site_counters(world_site(sim->world, sim_nodes[n])).peers_connected;
    }
    return ends;
}

/* ---- A round starts ---- */

void sim_round_started(struct sim *sim, int detector, uint64_t incarnation, uint64_t number)
{
    struct sim_round *round = &sim->rounds[detector];
    if (round->incarnation == incarnation && round->number >= number) return; /* Resent. */
    round->incarnation = incarnation;
    round->number = number;
    memset(round->cut, 0, sizeof round->cut);
    round->over = false;
    round->crashes = sim->crashes;
    round->connected = connected(sim);
    round->spontaneous = sim->spontaneous;
    round->moved = sim->moved;
    round->due_count = 0;
    truth_judge(sim->truth.nodes, sim->shape->nodes, &now);
    for (int i = 0; i < now.wait_count; i++) {
        if (now.waits[i].core < 0) continue;
        round->due_core[round->due_count] = now.waits[i].core;
        round->due[round->due_count++] = (struct truth_ended){
            .incarnation = now.waits[i].incarnation, .number = now.waits[i].number};
    }
}

/* Which stages of a round its end met. */
void sim_round_abandoned(struct sim *sim, int detector)
{
    struct sim_round *round = &sim->rounds[detector];
    int cut = 0;
    if (round->number == 0 || round->over) return;
    round->over = true;
    for (int n = 0; n < sim->shape->nodes; n++) cut += round->cut[n];
    sim->counts->abandoned[cut == 0 ? 0 : cut < sim->shape->nodes ? 1 : 2]++;
}

/* ---- Oracle 1: no effect without its cause ---- */

static void check_consistent(const struct sim *sim, const struct sim_round *round)
{
    for (int i = 0; i < sim->shape->nodes; i++) {
        for (int k = 0; k < sim->shape->nodes; k++) {
            if (!round->cut[i] || !round->cut[k]) continue;
            if (round->at_cut[k].clock[i] <= round->at_cut[i].clock[i]) continue;
            sim_broken(SIM_ORACLE_CONSISTENT, "%s had seen what %s did after its cut",
                       sim_place(sim, k), sim_place(sim, i));
        }
    }
}

/* ---- Oracle 3: tokens ---- */

static void check_conserved(const struct sim *sim, const struct truth_node *at_cut)
{
    uint64_t found = 0;
    if (sim->crashes > 0) return; /* They died with their nodes. */
    for (int n = 0; n < sim->shape->nodes; n++) {
        uint64_t tokens = at_cut[n].tokens;
        for (int from = 0; from < sim->shape->nodes; from++) {
            int count;
            const struct truth_message *mail = truth_mail(at_cut, from, n, &count);
            for (int i = 0; from != n && i < count; i++) {
                if ((tokens & mail[i].amount) != 0) tokens = 0; /* Twice: the sum is wrong. */
                tokens |= mail[i].amount;
            }
        }
        if ((found & tokens) != 0) found = 0;
        found |= tokens;
    }
    if (found == sim->tokens) return;
    sim_broken(SIM_ORACLE_CONSERVED, "the cut holds tokens %llx of %llx", (unsigned long long)found,
               (unsigned long long)sim->tokens);
}

/* ---- All of it ---- */

/* A round without the report of somebody registered is not complete. */
static void check_registered(struct sim *sim, int detector, const gdn_cut *cut)
{
    gdn__watch *watch = world_watch(sim->world, sim_detectors[detector]);
    for (size_t i = 0; i < gdn__watch_node_count(watch); i++) {
        uint32_t number = gdn__watch_node(watch, i).peer;
        const struct gdn__peer *peer = gdn__mesh_peer(gdn__watch_mesh(watch), number);
        bool reported = false;
        for (size_t n = 0; n < cut->node_count; n++) {
            const struct gdn_cut_party *party = &cut->parties[cut->nodes[n].party];
            reported |= party->incarnation == peer->incarnation;
        }
        if (reported) continue;
        sim_broken(SIM_ORACLE_ROUND, "round %llu is called complete without %s",
                   (unsigned long long)sim->rounds[detector].number, peer->name);
    }
}

static bool everyone_reported(const struct sim *sim, const gdn_cut *cut)
{
    return cut->node_count == (size_t)sim->shape->nodes;
}

static void judge_complete(struct sim *sim, const gdn_verdict *verdict,
                           const struct sim_round *round)
{
    static struct truth_node at_cut[TRUTH_NODES];
    const gdn_cut *cut = verdict->cut;
    memset(at_cut, 0, sizeof at_cut);
    for (size_t n = 0; n < cut->node_count; n++) {
        int at = sim_node_of_name(sim, cut->parties[cut->nodes[n].party].name);
        at_cut[at] = round->at_cut[at];
    }
    sim_check_exact(sim, verdict, at_cut);
    if (!everyone_reported(sim, cut)) return;
    check_conserved(sim, at_cut);
    if (round->crashes == sim->crashes) {
        sim_check_due(sim, &now, verdict, round);
        sim_check_restored(sim, cut, at_cut);
        sim->counts->restored++;
    }
}

/* For `gordian analyze`: the last one that was judged. */
static void save_cut(const gdn_cut *cut)
{
    uint8_t *bytes;
    size_t length;
    if (gdn_cut_encode(cut, &bytes, &length) != GDN_OK) return;
    FILE *file = fopen(SIM_LAST_CUT, "wb");
    if (file != NULL) (void)fwrite(bytes, 1, length, file);
    if (file != NULL) (void)fclose(file);
    gdn__free(&cut->allocator, bytes);
}

void sim_judge_round(struct sim *sim, int detector, const struct gdn_detector_event *event)
{
    const gdn_verdict *verdict = event->verdict;
    struct sim_round *round = &sim->rounds[detector];
    if (sim->plan->narrate) save_cut(verdict->cut);
    if (event->round.number != round->number) {
        if (verdict->cut->node_count == 0) return; /* Its START never left. */
        sim_broken(SIM_ORACLE_ROUND, "round %llu finishes, and was not the last to start",
                   (unsigned long long)event->round.number);
    }
    sim_check_orders(sim, detector, verdict);
    check_consistent(sim, round);
    sim_check_contents(sim, verdict->cut, round);
    truth_judge(sim->truth.nodes, sim->shape->nodes, &now);
    if (verdict->complete) {
        check_registered(sim, detector, verdict->cut);
        judge_complete(sim, verdict, round);
    } else {
        sim_check_part(sim, verdict, round);
    }
    for (size_t i = 0; i < verdict->deadlock_count; i++) {
        if (round->crashes == sim->crashes) {
            sim_check_stands(sim, &now, verdict, round, &verdict->deadlocks[i]);
        }
    }
    round->over = true;
    sim->counts->rounds++;
    sim->counts->incomplete += !verdict->complete;
    if (!verdict->complete && sim->shape->chance[SIM_HURRY] > 0) sim_count(sim, SIM_HURRY);
    sim->counts->deadlocks += verdict->deadlock_count;
    for (size_t i = 0; i < verdict->deadlock_count; i++) {
        sim->counts->choices += verdict->deadlocks[i].model != GDN_MODEL_ALL;
    }
    bool rest =
        verdict->complete && everyone_reported(sim, verdict->cut) && verdict->deadlock_count == 0;
    if (sim->healed && rest) sim->complete_rounds[detector]++;
}

/* A round may fail because nodes come and go, or when one says that it cannot; never because its
 * reports contradict each other, unless somebody restarted. Its counters may not balance only where
 * a channel opened meanwhile, of which its receiver had not heard when it reported. */
static void check_failure(struct sim *sim, const struct sim_round *round, const char *why)
{
    bool excused = strstr(why, "during the round") != NULL || strstr(why, "cannot report") != NULL;
    if (strstr(why, gdn_err_text(GDN_ERR_MEMORY)) != NULL) {
        excused = world_starved(sim->world) > 0;
    }
    if (strstr(why, "counts none of it") != NULL) excused = connected(sim) != round->connected;
    sim->counts->failed++;
    if (excused) return;
    if (sim->crashes > 0 && strstr(why, "balance") == NULL) return;
    sim_broken(SIM_ORACLE_ROUND, "a round fails: %s", why);
}

static void narrate(struct sim *sim, int detector, const struct gdn_detector_event *event)
{
    char line[256], who[160] = "", name[GDN_SHOWN_NAME_BYTES];
    const struct gdn_deadlock *deadlock = NULL;
    if (event->type == GDN_DETECTOR_DEADLOCK)
        deadlock = &event->verdict->deadlocks[event->deadlock];
    for (size_t i = 0; deadlock != NULL && i < deadlock->member_count; i++) {
        size_t used = strlen(who);
        (void)gdn_verdict_process_name(event->verdict, deadlock->members[i], name);
        (void)snprintf(who + used, sizeof who - used, " %.20s", name);
    }
    if (deadlock != NULL) {
        (void)snprintf(line, sizeof line, "%s: deadlock of%s", sim_detectors[detector], who);
    } else if (event->type == GDN_DETECTOR_ABORT_ASKED) {
        (void)snprintf(line, sizeof line, "%s: %s is to abort %s, ticket %llu",
                       sim_detectors[detector], event->node, event->process,
                       (unsigned long long)event->ticket);
    } else if (event->type == GDN_DETECTOR_ROUND_FAILED) {
        (void)snprintf(line, sizeof line, "%s: round %llu failed: %.150s", sim_detectors[detector],
                       (unsigned long long)event->round.number, event->why);
    } else if (event->type == GDN_DETECTOR_ROUND) {
        (void)snprintf(line, sizeof line, "%s: round %llu is %scomplete, %zu deadlocks",
                       sim_detectors[detector], (unsigned long long)event->round.number,
                       event->verdict->complete ? "" : "in", event->verdict->deadlock_count);
    } else {
        return;
    }
    world_say(sim->world, line);
}

static void on_told(void *context, int place, const struct gdn_detector_event *event)
{
    struct sim *sim = context;
    int detector = place - sim->shape->nodes;
    narrate(sim, detector, event);
    switch (event->type) {
    case GDN_DETECTOR_ROUND:
        sim_judge_round(sim, detector, event);
        return;
    case GDN_DETECTOR_ROUND_FAILED:
        sim_round_abandoned(sim, detector);
        check_failure(sim, &sim->rounds[detector], event->why);
        return;
    case GDN_DETECTOR_ABORT_ASKED:
    case GDN_DETECTOR_ABORTED:
    case GDN_DETECTOR_STALE:
    case GDN_DETECTOR_REFUSED:
    case GDN_DETECTOR_UNKNOWN:
        sim_order_told(sim, detector, event);
        return;
    case GDN_DETECTOR_DEADLOCK:
        sim_deadlock_told(sim, event);
        return;
    case GDN_DETECTOR_GONE:
        sim_deadlock_gone(sim, event);
        return;
    case GDN_DETECTOR_NODE_JOINED:
    case GDN_DETECTOR_NODE_LOST:
        return;
    }
}

struct world_hooks sim_hooks(struct sim *sim)
{
    return (struct world_hooks){.context = sim,
                                .before = sim_before,
                                .after = sim_after,
                                .sent = sim_sent,
                                .told = on_told};
}
