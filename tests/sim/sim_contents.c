/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Oracle 2: books and channels are recorded exactly as they were at the cut. */
#include "tests/sim/sim.h"
#include <string.h>

/* ---- Books ---- */

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

/* ---- Channels ---- */

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
                   sim_place(sim, from), sim_place(sim, to), (unsigned long long)channel->count,
                   taken);
    }
    memset(pair, 0, sizeof pair);
    pair[to] = round->at_cut[to];
    pair[from] = round->cut[from] ? round->at_cut[from] : sim->truth.nodes[from];
    if (pair[from].incarnation != incarnation) return; /* The dead: nobody can say. */
    if (!channel->open && !round->cut[from]) {
        sim_broken(SIM_ORACLE_CONTENTS, "%s > %s: closed, and its sender has not cut",
                   sim_place(sim, from), sim_place(sim, to));
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
                       sim_place(sim, at), sim_place(sim, other),
                       (unsigned long long)channel->count, sent);
        }
    }
}

/* ---- Both ---- */

void sim_check_contents(const struct sim *sim, const gdn_cut *cut, const struct sim_round *round)
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
