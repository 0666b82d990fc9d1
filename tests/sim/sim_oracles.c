/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A finished round against the truth. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include "src/core/mem.h"
#include "tests/sim/sim.h"
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct truth_judged now, then; /* As of this moment; as of the cut. */

static const char *name_at(const struct sim *sim, int node)
{
    return sim_place(sim, node);
}

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
                       name_at(sim, k), name_at(sim, i));
        }
    }
}

/* ---- Oracle 2: books ---- */

/* What is recorded of a holder or an entry. */
struct recorded {
    uint32_t process, issuer, units;
    uint64_t ticket;
    uint8_t mode;
    bool brief;
};

static bool same_place(const gdn_cut *cut, const struct sim *sim, struct recorded recorded,
                       const struct truth_entry *entry)
{
    bool brief = (entry->wish.flags & GDN_REQUEST_BRIEF) != 0;
    if (sim_process_of(sim, cut->processes[recorded.process].id) != entry->process) return false;
    if (recorded.mode != entry->wish.mode || recorded.brief != brief) return false;
    if (recorded.units != entry->wish.units) return false;
    if (entry->orphan) return true;
    return cut->parties[recorded.issuer].incarnation == entry->incarnation &&
           recorded.ticket == entry->number;
}

static void check_holders(const struct sim *sim, const gdn_cut *cut,
                          const struct gdn_cut_node *node, const struct gdn_cut_home *home,
                          const struct truth_list *holders)
{
    bool used[TRUTH_PLACES] = {false};
    int found = 0;
    for (size_t i = 0; i < home->holder_count; i++) {
        const struct gdn_cut_holder *holder = &node->holders[home->holder_first + i];
        for (int k = 0; k < holders->count; k++) {
            struct recorded recorded = {holder->process, holder->issuer, holder->units,
                                        holder->ticket,  holder->mode,   holder->brief};
            if (used[k] || !same_place(cut, sim, recorded, &holders->entries[k])) continue;
            used[k] = true;
            found++;
            break;
        }
    }
    if (found == holders->count && (int)home->holder_count == found) return;
    sim_broken(SIM_ORACLE_CONTENTS, "%s: %zu holders of %s are recorded, %d were there",
               cut->parties[node->party].name, home->holder_count,
               sim_resources[sim_resource_of(sim, cut->resources[home->resource].id)],
               holders->count);
}

static void check_queue(const struct sim *sim, const gdn_cut *cut, const struct gdn_cut_node *node,
                        const struct gdn_cut_home *home, const struct truth_list *queue)
{
    bool same = (int)home->entry_count == queue->count;
    for (int i = 0; same && i < queue->count; i++) {
        const struct gdn_cut_entry *entry = &node->queue[home->entry_first + (size_t)i];
        struct recorded recorded = {entry->process, entry->issuer, entry->units,
                                    entry->ticket,  entry->mode,   entry->brief};
        same = same_place(cut, sim, recorded, &queue->entries[i]);
    }
    if (same) return;
    sim_broken(SIM_ORACLE_CONTENTS, "%s: the queue of %s is recorded wrongly",
               cut->parties[node->party].name,
               sim_resources[sim_resource_of(sim, cut->resources[home->resource].id)]);
}

static void check_homes(const struct sim *sim, const gdn_cut *cut, const struct gdn_cut_node *node,
                        const struct truth_node *truth)
{
    bool seen[TRUTH_RESOURCES] = {false};
    for (size_t i = 0; i < node->home_count; i++) {
        const struct gdn_cut_home *home = &node->homes[i];
        int r = sim_resource_of(sim, cut->resources[home->resource].id);
        if (home->capacity != (uint32_t)truth->homes[r].capacity ||
            home->unordered != truth->homes[r].unordered) {
            sim_broken(SIM_ORACLE_CONTENTS, "%s is recorded as another kind of resource",
                       sim_resources[r]);
        }
        check_holders(sim, cut, node, home, &truth->homes[r].holders);
        check_queue(sim, cut, node, home, &truth->homes[r].queue);
        seen[r] = true;
    }
    for (int r = 0; r < TRUTH_RESOURCES; r++) {
        if (seen[r] || truth->homes[r].queue.count == 0) continue;
        sim_broken(SIM_ORACLE_CONTENTS, "%s: %s, which is waited for, is not recorded",
                   cut->parties[node->party].name, sim_resources[r]);
    }
}

static bool is_waiting(const struct truth_ticket *ticket)
{
    return !ticket->granted && (ticket->wish.flags & GDN_REQUEST_NO_WAIT) == 0;
}

static const struct truth_ticket *find_waiting(const struct truth_node *truth, uint64_t number)
{
    for (int i = 0; i < truth->ticket_count; i++) {
        const struct truth_ticket *ticket = &truth->tickets[i];
        if (ticket->number == number && is_waiting(ticket)) return ticket;
    }
    return NULL;
}

static bool same_need(const struct sim *sim, const gdn_cut *cut, const struct gdn_cut_need *a,
                      const struct truth_need *b)
{
    if (a->kind == GDN_NEED_GROUP) {
        return b->process == TRUTH_GROUP && a->at_least == b->at_least &&
               a->child_count == b->count;
    }
    return sim_process_of(sim, cut->processes[a->process].id) == b->process && a->met == b->met;
}

/* What was met is left out on the outermost level, and stays in a group. */
static bool same_needs(const struct sim *sim, const gdn_cut *cut, const struct gdn_cut_node *node,
                       const struct gdn_cut_wait *wait, const struct truth_ticket *ticket)
{
    size_t at = 0;
    int inside = 0; /* So many more stand in a group. */
    for (int i = 0; i < ticket->need_count; i++) {
        const struct truth_need *need = &ticket->needs[i];
        bool outermost = inside == 0;
        if (inside > 0) inside--;
        if (need->process == TRUTH_GROUP) inside += need->count;
        if (outermost && need->process != TRUTH_GROUP && need->met) continue;
        if (at == wait->need_count) return false;
        if (!same_need(sim, cut, &node->needs[wait->need_first + at++], need)) return false;
    }
    return at == wait->need_count;
}

static void check_waits(const struct sim *sim, const gdn_cut *cut, const struct gdn_cut_node *node,
                        const struct truth_node *truth)
{
    size_t waiting = 0;
    const char *name = cut->parties[node->party].name;
    for (int i = 0; i < truth->ticket_count; i++) waiting += is_waiting(&truth->tickets[i]);
    for (size_t i = 0; i < node->wait_count; i++) {
        const struct gdn_cut_wait *wait = &node->waits[i];
        const struct truth_ticket *ticket = find_waiting(truth, wait->ticket);
        if (ticket == NULL || !same_needs(sim, cut, node, wait, ticket)) {
            sim_broken(SIM_ORACLE_CONTENTS, "%s: ticket %llu is recorded wrongly", name,
                       (unsigned long long)wait->ticket);
        }
    }
    if (waiting == node->wait_count) return;
    sim_broken(SIM_ORACLE_CONTENTS, "%s: %zu waits are recorded, %zu were there", name,
               node->wait_count, waiting);
}

/* ---- Oracle 2: channels ---- */

static bool same_message(const struct sim *sim, const gdn_cut *cut,
                         const struct gdn_cut_message *recorded,
                         const struct truth_message *message)
{
    if (recorded->verb != message->verb) return false;
    if (sim_process_of(sim, cut->processes[recorded->process].id) != message->process) return false;
    if (recorded->verb == GDN_VERB_END) return true;
    if (recorded->ticket != message->number) return false;
    bool same_wish = recorded->flags == message->wish.flags &&
                     recorded->units == message->wish.units && recorded->mode == message->wish.mode;
    if (recorded->verb == GDN_VERB_REQUEST && !same_wish) return false;
    int resource = recorded->resource == GDN_NONE
                       ? -1
                       : sim_resource_of(sim, cut->resources[recorded->resource].id);
    return resource == message->resource;
}

static void check_mail(const struct sim *sim, const gdn_cut *cut, const struct gdn_cut_node *node,
                       const struct gdn_cut_channel *channel, const struct truth_message *mail,
                       int count)
{
    size_t locks = 0, payloads = 0;
    const char *from = cut->parties[channel->peer].name, *to = cut->parties[node->party].name;
    for (int i = 0; i < count; i++) {
        if (mail[i].verb == 0) {
            payloads++;
            continue;
        }
        bool there = locks < channel->message_count;
        if (!there && channel->open) break; /* What came before the deadline. */
        const struct gdn_cut_message *recorded = &node->messages[channel->message_first + locks];
        if (!there || !same_message(sim, cut, recorded, &mail[i])) {
            sim_broken(SIM_ORACLE_CONTENTS, "%s > %s: message %zu in flight is recorded wrongly",
                       from, to, locks + 1);
        }
        locks++;
    }
    bool exact = locks == channel->message_count && payloads == channel->untagged;
    bool at_most = locks == channel->message_count && channel->untagged <= payloads;
    if (channel->open ? at_most : exact) return;
    if (channel->open && locks == channel->message_count) return; /* Payloads behind the break. */
    sim_broken(SIM_ORACLE_CONTENTS,
               "%s > %s: %zu messages and %llu payloads are recorded, %zu and %zu were in flight",
               from, to, channel->message_count, (unsigned long long)channel->untagged, locks,
               payloads);
}

/* Of an open channel whose sender has not cut: all that it has sent by now. */
static void check_incoming(const struct sim *sim, const gdn_cut *cut,
                           const struct gdn_cut_node *node, const struct gdn_cut_channel *channel,
                           const struct sim_round *round, int to)
{
    int from = sim_node_of_name(sim, cut->parties[channel->peer].name);
    uint64_t incarnation = cut->parties[channel->peer].incarnation;
    struct truth_node pair[TRUTH_NODES];
    const struct truth_end *in = &round->at_cut[to].in[from];
    int taken = in->channel != NULL && in->channel->from == incarnation ? in->count : 0;
    int count;
    if (channel->count != (uint64_t)taken) {
        sim_broken(SIM_ORACLE_CONTENTS, "%s > %s: %llu taken are recorded, %d were",
                   name_at(sim, from), name_at(sim, to), (unsigned long long)channel->count, taken);
    }
    memset(pair, 0, sizeof pair);
    pair[to] = round->at_cut[to];
    pair[from] = round->cut[from] ? round->at_cut[from] : sim->truth.nodes[from];
    if (pair[from].incarnation != incarnation) return; /* The dead: nobody can say. */
    if (!channel->open && !round->cut[from]) {
        sim_broken(SIM_ORACLE_CONTENTS, "%s > %s: closed, and its sender has not cut",
                   name_at(sim, from), name_at(sim, to));
    }
    const struct truth_message *mail = truth_mail(pair, from, to, &count);
    check_mail(sim, cut, node, channel, mail, count);
}

static void check_channels(const struct sim *sim, const gdn_cut *cut,
                           const struct gdn_cut_node *node, const struct sim_round *round, int at)
{
    for (size_t i = 0; i < node->channel_count; i++) {
        const struct gdn_cut_channel *channel = &node->channels[i];
        const struct gdn_cut_party *peer = &cut->parties[channel->peer];
        int other = sim_node_of_name(sim, peer->name);
        const struct truth_end *out = &round->at_cut[at].out[other];
        int sent = out->channel != NULL && out->channel->to == peer->incarnation ? out->count : 0;
        if (channel->incoming) {
            check_incoming(sim, cut, node, channel, round, at);
        } else if (channel->count != (uint64_t)sent) {
            sim_broken(SIM_ORACLE_CONTENTS, "%s > %s: %llu sent are recorded, %d were",
                       name_at(sim, at), name_at(sim, other), (unsigned long long)channel->count,
                       sent);
        }
    }
}

static void check_contents(const struct sim *sim, const gdn_cut *cut, const struct sim_round *round)
{
    for (size_t n = 0; n < cut->node_count; n++) {
        const struct gdn_cut_node *node = &cut->nodes[n];
        const struct gdn_cut_party *party = &cut->parties[node->party];
        int at = sim_node_of_name(sim, party->name);
        if (!round->cut[at]) {
            sim_broken(SIM_ORACLE_CONTENTS, "%s reports a round that it has not cut", party->name);
        }
        if (round->at_cut[at].incarnation != party->incarnation) continue; /* Restarted since. */
        check_homes(sim, cut, node, &round->at_cut[at]);
        check_waits(sim, cut, node, &round->at_cut[at]);
        check_channels(sim, cut, node, round, at);
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

/* ---- Oracle 7: the verdict ---- */

static bool is_member(const struct sim *sim, const gdn_verdict *verdict, const uint32_t *list,
                      size_t count, int process)
{
    for (size_t i = 0; i < count; i++) {
        if (sim_process_of(sim, verdict->cut->processes[list[i]].id) == process) return true;
    }
    return false;
}

static void check_members(const struct sim *sim, const gdn_verdict *verdict,
                          const struct gdn_deadlock *deadlock, int core)
{
    for (int p = 0; p < sim->shape->processes; p++) {
        bool in_core = false, in_any = false, behind = false;
        for (int i = 0; i < then.wait_count; i++) {
            const struct truth_wait *wait = &then.waits[i];
            if (wait->process != p) continue;
            in_core |= wait->core == core;
            in_any |= wait->core >= 0;
            behind |= wait->stuck && wait->reach[core];
        }
        bool member = is_member(sim, verdict, deadlock->members, deadlock->member_count, p);
        bool tail = is_member(sim, verdict, deadlock->tail, deadlock->tail_count, p);
        if (member != in_core) {
            sim_broken(SIM_ORACLE_VERDICT, "%s is %sreported as a member", sim_processes[p],
                       member ? "" : "not ");
        }
        if (tail != (behind && !in_any)) {
            sim_broken(SIM_ORACLE_VERDICT, "%s is %sreported as tail", sim_processes[p],
                       tail ? "" : "not ");
        }
    }
}

/* The core of the true cut that has exactly these tickets. */
static void check_core(const struct sim *sim, const gdn_verdict *verdict,
                       const struct gdn_deadlock *deadlock)
{
    int core = -1;
    size_t size = 0;
    for (size_t i = 0; i < deadlock->ticket_count; i++) {
        const struct gdn_cut_party *party = &verdict->cut->parties[deadlock->tickets[i].issuer];
        int wait = truth_find_wait(&then, party->incarnation, deadlock->tickets[i].number);
        if (wait < 0 || then.waits[wait].core < 0) {
            sim_broken(SIM_ORACLE_VERDICT, "phantom: ticket %llu of %s is in no core at the cut",
                       (unsigned long long)deadlock->tickets[i].number, party->name);
        }
        if (core >= 0 && then.waits[wait].core != core) {
            sim_broken(SIM_ORACLE_VERDICT, "two cores are reported as one");
        }
        core = then.waits[wait].core;
    }
    for (int i = 0; i < then.wait_count; i++) size += then.waits[i].core == core;
    if (core < 0 || size != deadlock->ticket_count) {
        sim_broken(SIM_ORACLE_VERDICT, "a core of %zu tickets is reported with %zu", size,
                   deadlock->ticket_count);
    }
    check_members(sim, verdict, deadlock, core);
}

/* How many wait once the mail is delivered. A direct wait counts until its issuer knows of all the
 * wakes, so it is not judged here. */
static void check_waiting(const struct sim *sim, const gdn_verdict *verdict)
{
    bool waiting[TRUTH_PROCESSES] = {false};
    size_t count = 0;
    if (sim->shape->habits[SIM_DIRECT] || sim->shape->habits[SIM_CHOICES]) return;
    for (int i = 0; i < then.wait_count; i++) waiting[then.waits[i].process] = true;
    for (int p = 0; p < TRUTH_PROCESSES; p++) count += waiting[p];
    if (count == verdict->waiting_count) return;
    sim_broken(SIM_ORACLE_VERDICT, "%zu processes are said to wait, %zu do", verdict->waiting_count,
               count);
}

static void check_exact(const struct sim *sim, const gdn_verdict *verdict,
                        const struct truth_node *at_cut)
{
    truth_judge(at_cut, sim->shape->nodes, &then);
    for (size_t i = 0; i < verdict->deadlock_count; i++) {
        check_core(sim, verdict, &verdict->deadlocks[i]);
    }
    if (verdict->deadlock_count != (size_t)then.core_count) {
        sim_broken(SIM_ORACLE_VERDICT, "miss: %zu deadlocks are reported, the cut has %d",
                   verdict->deadlock_count, then.core_count);
    }
    check_waiting(sim, verdict);
}

/* What is reported still stands, unless somebody gave up by himself: one of its tickets, or, since
 * the round began, a place in a queue that one of its tickets stands behind. Branches of one
 * process end at several nodes at once, and know of each other without a message: a hidden channel.
 */
static void check_stands(const struct sim *sim, const gdn_verdict *verdict,
                         const struct sim_round *round, const struct gdn_deadlock *deadlock)
{
    bool given_up = round->spontaneous != sim->spontaneous || sim->shape->habits[SIM_BRANCHES];
    for (size_t i = 0; i < deadlock->ticket_count; i++) {
        const struct gdn_cut_party *party = &verdict->cut->parties[deadlock->tickets[i].issuer];
        given_up |= truth_reason(&sim->truth, party->incarnation, deadlock->tickets[i].number) ==
                    TRUTH_GIVEN_UP;
    }
    for (size_t i = 0; i < deadlock->ticket_count && !given_up; i++) {
        const struct gdn_cut_party *party = &verdict->cut->parties[deadlock->tickets[i].issuer];
        int wait = truth_find_wait(&now, party->incarnation, deadlock->tickets[i].number);
        if (wait >= 0 && now.waits[wait].core >= 0) continue;
        sim_broken(SIM_ORACLE_VERDICT, "phantom: ticket %llu of %s does not stand",
                   (unsigned long long)deadlock->tickets[i].number, party->name);
    }
}

static bool is_reported(const gdn_verdict *verdict, const struct truth_ended *due)
{
    for (size_t d = 0; d < verdict->deadlock_count; d++) {
        const struct gdn_deadlock *deadlock = &verdict->deadlocks[d];
        for (size_t i = 0; i < deadlock->ticket_count; i++) {
            const struct gdn_cut_party *party = &verdict->cut->parties[deadlock->tickets[i].issuer];
            if (party->incarnation == due->incarnation &&
                deadlock->tickets[i].number == due->number) {
                return true;
            }
        }
    }
    return false;
}

/* All of its waits are still there: nobody has given up. */
static bool is_intact(const struct sim_round *round, int core)
{
    for (int i = 0; i < round->due_count; i++) {
        const struct truth_ended *due = &round->due[i];
        if (round->due_core[i] != core) continue;
        int wait = truth_find_wait(&now, due->incarnation, due->number);
        if (wait < 0 || now.waits[wait].core < 0) return false;
    }
    return true;
}

/* What was there when the round started and still is must be in it. Not judged where entries were
 * moved meanwhile, there and back again perhaps. */
static void check_due(const struct sim *sim, const gdn_verdict *verdict,
                      const struct sim_round *round)
{
    if (round->moved != sim->moved) return;
    for (int i = 0; i < round->due_count; i++) {
        const struct truth_ended *due = &round->due[i];
        int wait = truth_find_wait(&now, due->incarnation, due->number);
        if (is_reported(verdict, due) || !is_intact(round, round->due_core[i])) continue;
        sim_broken(SIM_ORACLE_VERDICT, "miss: %s was stuck when the round started",
                   sim_processes[now.waits[wait].process]);
    }
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
    check_exact(sim, verdict, at_cut);
    if (!everyone_reported(sim, cut)) return;
    check_conserved(sim, at_cut);
    if (round->crashes == sim->crashes) {
        check_due(sim, verdict, round);
        sim_check_restored(sim, cut, at_cut);
        sim->counts->restored++;
    }
}

/* What is reported of a part of a cut is stuck in the whole of it, where every node has cut. */
static void judge_part(const struct sim *sim, const gdn_verdict *verdict,
                       const struct sim_round *round)
{
    if (verdict->deadlock_count == 0 || round->crashes != sim->crashes) return;
    for (int n = 0; n < sim->shape->nodes; n++) {
        if (!round->cut[n]) return;
    }
    truth_judge(round->at_cut, sim->shape->nodes, &then);
    for (size_t d = 0; d < verdict->deadlock_count; d++) {
        const struct gdn_deadlock *deadlock = &verdict->deadlocks[d];
        for (size_t i = 0; i < deadlock->ticket_count; i++) {
            const struct gdn_cut_party *party = &verdict->cut->parties[deadlock->tickets[i].issuer];
            int wait = truth_find_wait(&then, party->incarnation, deadlock->tickets[i].number);
            if (wait >= 0 && then.waits[wait].stuck) continue;
            sim_broken(SIM_ORACLE_VERDICT, "phantom: ticket %llu of %s is stuck only in a part",
                       (unsigned long long)deadlock->tickets[i].number, party->name);
        }
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
    check_contents(sim, verdict->cut, round);
    truth_judge(sim->truth.nodes, sim->shape->nodes, &now);
    if (verdict->complete) {
        check_registered(sim, detector, verdict->cut);
        judge_complete(sim, verdict, round);
    } else {
        judge_part(sim, verdict, round);
    }
    for (size_t i = 0; i < verdict->deadlock_count; i++) {
        if (round->crashes == sim->crashes) {
            check_stands(sim, verdict, round, &verdict->deadlocks[i]);
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
