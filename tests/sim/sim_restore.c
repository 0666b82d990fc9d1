/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Oracle 4, as far as scope "waits" allows: a lock system built from the recorded cut alone, with
 * its mail, goes on exactly as one built from the truth does. Both run to the end in the same
 * order: mail is delivered, what can be granted is, and whoever does not wait ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include "tests/sim/sim.h"
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAIL_MAX 512

struct mail {
    int count, next;
    struct truth_message messages[MAIL_MAX];
};

struct system {
    int nodes;
    struct truth_node node[TRUTH_NODES];
    struct mail mail[TRUTH_NODES][TRUTH_NODES];
};

static struct system original, restored;

/* ---- From the truth ---- */

/* What no cut tells, and no lock system needs: who came as a conversion, or did not wait. */
static void forget_history(struct truth_node *node)
{
    for (int r = 0; r < TRUTH_RESOURCES; r++) {
        struct truth_list *queue = &node->homes[r].queue;
        for (int i = 0; i < queue->count; i++) {
            queue->entries[i].conversion = false;
            queue->entries[i].wish.flags = 0;
        }
    }
    int kept = 0;
    for (int i = 0; i < node->ticket_count; i++) {
        const struct truth_ticket *ticket = &node->tickets[i];
        if ((ticket->wish.flags & GDN_REQUEST_NO_WAIT) == 0) node->tickets[kept++] = *ticket;
    }
    node->ticket_count = kept;
}

static void build_original(struct system *system, const struct truth_node *at_cut, int nodes)
{
    system->nodes = nodes;
    memcpy(system->node, at_cut, sizeof system->node);
    for (int n = 0; n < nodes; n++) forget_history(&system->node[n]);
    for (int from = 0; from < nodes; from++) {
        for (int to = 0; to < nodes; to++) {
            struct mail *mail = &system->mail[from][to];
            int count;
            mail->count = mail->next = 0;
            if (from == to) continue;
            const struct truth_message *messages = truth_mail(at_cut, from, to, &count);
            for (int i = 0; i < count; i++) {
                assert_true(mail->count < MAIL_MAX);
                if (messages[i].verb != 0) mail->messages[mail->count++] = messages[i];
            }
        }
    }
}

/* ---- From the recorded cut ---- */

static struct truth_entry entry_from(const struct sim *sim, const gdn_cut *cut, uint32_t process,
                                     uint32_t issuer, uint64_t ticket, struct truth_wish wish)
{
    const struct gdn_cut_party *party = &cut->parties[issuer];
    return (struct truth_entry){.incarnation = party->incarnation,
                                .number = ticket,
                                .issuer = (int8_t)sim_node_of_name(sim, party->name),
                                .process = (int8_t)sim_process_of(sim, cut->processes[process].id),
                                .wish = wish};
}

static void restore_homes(const struct sim *sim, const gdn_cut *cut,
                          const struct gdn_cut_node *from, struct truth_node *node)
{
    for (size_t i = 0; i < from->home_count; i++) {
        const struct gdn_cut_home *home = &from->homes[i];
        struct truth_home *to =
            &node->homes[sim_resource_of(sim, cut->resources[home->resource].id)];
        to->capacity = (int)home->capacity;
        to->unordered = home->unordered;
        for (size_t k = 0; k < home->holder_count; k++) {
            const struct gdn_cut_holder *holder = &from->holders[home->holder_first + k];
            struct truth_wish wish = {.mode = holder->mode, .units = (uint8_t)holder->units};
            to->holders.entries[to->holders.count++] =
                entry_from(sim, cut, holder->process, holder->issuer, holder->ticket, wish);
        }
        for (size_t k = 0; k < home->entry_count; k++) {
            const struct gdn_cut_entry *entry = &from->queue[home->entry_first + k];
            struct truth_wish wish = {.mode = entry->mode, .units = (uint8_t)entry->units};
            to->queue.entries[to->queue.count++] =
                entry_from(sim, cut, entry->process, entry->issuer, entry->ticket, wish);
        }
    }
}

static void restore_waits(const struct sim *sim, const gdn_cut *cut,
                          const struct gdn_cut_node *from, struct truth_node *node)
{
    for (size_t i = 0; i < from->wait_count; i++) {
        const struct gdn_cut_wait *wait = &from->waits[i];
        struct truth_ticket *ticket = &node->tickets[node->ticket_count++];
        *ticket = (struct truth_ticket){
            .number = wait->ticket,
            .process = (int8_t)sim_process_of(sim, cut->processes[wait->process].id),
            .home = -1,
            .resource = TRUTH_DIRECT,
            .wish = {.mode = wait->mode}};
        if (wait->resource != GDN_NONE) {
            ticket->resource = (int8_t)sim_resource_of(sim, cut->resources[wait->resource].id);
            ticket->home = (int8_t)sim_node_of_name(sim, cut->parties[wait->home].name);
        }
        for (size_t k = 0; k < wait->need_count; k++) {
            const struct gdn_cut_need *need = &from->needs[wait->need_first + k];
            bool group = need->kind == GDN_NEED_GROUP;
            ticket->needs[ticket->need_count++] = (struct truth_need){
                .process = group ? TRUTH_GROUP
                                 : (int8_t)sim_process_of(sim, cut->processes[need->process].id),
                .at_least = (uint8_t)need->at_least,
                .count = (uint8_t)need->child_count,
                .met = need->met};
        }
    }
}

static void restore_mail(const struct sim *sim, const gdn_cut *cut, const struct gdn_cut_node *from,
                         const struct gdn_cut_channel *channel, struct mail *mail)
{
    for (size_t i = 0; i < channel->message_count; i++) {
        const struct gdn_cut_message *message = &from->messages[channel->message_first + i];
        assert_true(mail->count < MAIL_MAX);
        struct truth_message *to = &mail->messages[mail->count++];
        *to = (struct truth_message){
            .verb = message->verb,
            .process = (int8_t)sim_process_of(sim, cut->processes[message->process].id),
            .resource = -1,
            .by = -1,
            .wish = {message->mode, message->flags, (uint8_t)message->units},
            .number = message->ticket};
        if (message->resource != GDN_NONE) {
            to->resource = (int8_t)sim_resource_of(sim, cut->resources[message->resource].id);
        }
        if (message->by != GDN_NONE) {
            to->by = (int8_t)sim_process_of(sim, cut->processes[message->by].id);
        }
        to->refusal = message->verb == GDN_VERB_WAKE && message->by == GDN_NONE;
    }
}

static void build_restored(struct system *system, const struct sim *sim, const gdn_cut *cut)
{
    system->nodes = sim->shape->nodes;
    memset(system->node, 0, sizeof system->node);
    for (int from = 0; from < TRUTH_NODES; from++) {
        for (int to = 0; to < TRUTH_NODES; to++) {
            system->mail[from][to].count = system->mail[from][to].next = 0;
        }
    }
    for (size_t n = 0; n < cut->node_count; n++) {
        const struct gdn_cut_node *from = &cut->nodes[n];
        int at = sim_node_of_name(sim, cut->parties[from->party].name);
        system->node[at].incarnation = cut->parties[from->party].incarnation;
        restore_homes(sim, cut, from, &system->node[at]);
        restore_waits(sim, cut, from, &system->node[at]);
        for (size_t c = 0; c < from->channel_count; c++) {
            const struct gdn_cut_channel *channel = &from->channels[c];
            if (!channel->incoming) continue;
            int sender = sim_node_of_name(sim, cut->parties[channel->peer].name);
            restore_mail(sim, cut, from, channel, &system->mail[sender][at]);
        }
    }
}

/* ---- Going on ---- */

static void join_queue(struct truth_home *home, struct truth_entry entry)
{
    int at = home->queue.count;
    if ((entry.wish.flags & GDN_REQUEST_FRONT) != 0) {
        at = 0;
    } else if (truth_list_has(&home->holders, entry.process)) {
        for (at = 0; at < home->queue.count; at++) {
            if (!truth_list_has(&home->holders, home->queue.entries[at].process)) break;
        }
    }
    entry.wish.flags = 0;
    truth_list_insert(&home->queue, at, entry);
}

/* What does not wait comes in at once, or not at all. */
static void arrive(struct truth_home *home, struct truth_entry entry)
{
    bool waits = (entry.wish.flags & GDN_REQUEST_NO_WAIT) == 0;
    if (!waits && !truth_home_is_free(home, entry.process, entry.wish)) return;
    join_queue(home, entry);
}

static void end_wait(struct truth_node *node, uint64_t number)
{
    struct truth_ticket *ticket = truth_ticket(node, number);
    if (ticket == NULL || ticket->granted) return;
    *ticket = node->tickets[--node->ticket_count];
}

static void meet(struct truth_node *node, uint64_t number, int by)
{
    struct truth_ticket *ticket = truth_ticket(node, number);
    if (ticket == NULL) return;
    (void)truth_meet(ticket->needs, ticket->need_count, by);
    if (truth_needs_are_met(ticket->needs, ticket->need_count, NULL)) end_wait(node, number);
}

static void deliver(struct system *system, int from, int to, const struct truth_message *message)
{
    struct truth_node *at = &system->node[to];
    uint64_t incarnation = system->node[from].incarnation;
    switch (message->verb) {
    case GDN_VERB_REQUEST:
        arrive(&at->homes[message->resource], (struct truth_entry){.incarnation = incarnation,
                                                                   .number = message->number,
                                                                   .issuer = (int8_t)from,
                                                                   .process = message->process,
                                                                   .wish = message->wish});
        return;
    case GDN_VERB_RELEASE:
    case GDN_VERB_CANCEL:
        for (int r = 0; r < TRUTH_RESOURCES; r++) {
            truth_home_finish(&at->homes[r], incarnation, message->number);
        }
        return;
    case GDN_VERB_END:
        for (int r = 0; r < TRUTH_RESOURCES; r++) {
            truth_home_end(&at->homes[r], message->process, incarnation);
        }
        return;
    case GDN_VERB_GRANT:
        end_wait(at, message->number);
        return;
    case GDN_VERB_WAKE:
        if (message->refusal) {
            end_wait(at, message->number);
        } else {
            meet(at, message->number, message->by);
        }
        return;
    }
}

static bool waits(const struct system *system, int process)
{
    for (int n = 0; n < system->nodes; n++) {
        for (int i = 0; i < system->node[n].ticket_count; i++) {
            const struct truth_ticket *ticket = &system->node[n].tickets[i];
            if (!ticket->granted && ticket->process == process) return true;
        }
    }
    return false;
}

static bool end_all_of(struct system *system, int process)
{
    bool had = false;
    for (int n = 0; n < system->nodes; n++) {
        struct truth_node *node = &system->node[n];
        for (int r = 0; r < TRUTH_RESOURCES; r++) {
            for (int i = node->homes[r].holders.count; i-- > 0;) {
                struct truth_list *holders = &node->homes[r].holders;
                if (holders->entries[i].process != process) continue;
                holders->entries[i] = holders->entries[--holders->count];
                had = true;
            }
        }
        for (int i = node->ticket_count; i-- > 0;) {
            struct truth_ticket *ticket = &node->tickets[i];
            while (truth_meet(ticket->needs, ticket->need_count, process)) had = true;
            bool direct = ticket->need_count > 0;
            if (direct && truth_needs_are_met(ticket->needs, ticket->need_count, NULL)) {
                end_wait(node, ticket->number);
            }
        }
    }
    return had;
}

static bool serve(struct system *system, int home, int resource)
{
    struct truth_entry entry;
    struct truth_home *at = &system->node[home].homes[resource];
    if (!truth_home_next(at, &entry)) return false;
    truth_home_grant(at, entry);
    if (system->node[entry.issuer].incarnation == entry.incarnation) {
        end_wait(&system->node[entry.issuer], entry.number);
    }
    return true;
}

static void go_on(struct system *system, int processes)
{
    for (int from = 0; from < system->nodes; from++) {
        for (int to = 0; to < system->nodes; to++) {
            struct mail *mail = &system->mail[from][to];
            while (mail->next < mail->count) {
                deliver(system, from, to, &mail->messages[mail->next++]);
            }
        }
    }
    for (bool moved = true; moved;) {
        moved = false;
        for (int p = 0; p < processes; p++) {
            if (!waits(system, p)) moved |= end_all_of(system, p);
        }
        for (int r = 0; r < TRUTH_RESOURCES; r++) {
            while (serve(system, r % system->nodes, r)) moved = true;
        }
    }
}

/* ---- Comparing what is left: who waits, and who holds what is waited for ---- */

static void compare(const struct sim *sim, const struct system *a, const struct system *b)
{
    for (int n = 0; n < a->nodes; n++) {
        int waiting[2] = {0, 0};
        for (int i = 0; i < a->node[n].ticket_count; i++) {
            const struct truth_ticket *ticket = &a->node[n].tickets[i];
            if (ticket->granted) continue;
            waiting[0]++;
            struct truth_node other = b->node[n];
            if (truth_ticket(&other, ticket->number) != NULL) continue;
            sim_broken(SIM_ORACLE_RESTORED, "%s waits for ever at %s, and would not if restored",
                       sim_processes[ticket->process], sim_nodes[n]);
        }
        for (int i = 0; i < b->node[n].ticket_count; i++) waiting[1]++;
        if (waiting[0] != waiting[1]) {
            sim_broken(SIM_ORACLE_RESTORED, "%d wait for ever at %s, %d would if restored",
                       waiting[0], sim_nodes[n], waiting[1]);
        }
        for (int r = 0; r < TRUTH_RESOURCES; r++) {
            const struct truth_home *x = &a->node[n].homes[r], *y = &b->node[n].homes[r];
            bool same = x->queue.count == y->queue.count;
            for (int i = 0; same && i < x->queue.count; i++) {
                same = x->queue.entries[i].number == y->queue.entries[i].number;
            }
            if (x->queue.count > 0) same = same && x->holders.count == y->holders.count;
            if (!same) {
                sim_broken(SIM_ORACLE_RESTORED, "%s of %s ends in another state if restored",
                           sim_resources[r], sim_nodes[n]);
            }
        }
    }
    (void)sim;
}

void sim_check_restored(struct sim *sim, const gdn_cut *cut, const struct truth_node *at_cut)
{
    build_original(&original, at_cut, sim->shape->nodes);
    build_restored(&restored, sim, cut);
    go_on(&original, sim->shape->processes);
    go_on(&restored, sim->shape->processes);
    compare(sim, &original, &restored);
}
