/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include "tests/sim/truth.h"
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

void truth_fini(struct truth *truth)
{
    while (truth->channels != NULL) {
        struct truth_channel *channel = truth->channels;
        truth->channels = channel->next;
        free(channel->log);
        free(channel);
    }
    free(truth->ended);
}

void truth_start(struct truth *truth, int node, uint64_t incarnation)
{
    truth->nodes[node].incarnation = incarnation;
}

int truth_home_of(const struct truth *truth, int resource)
{
    return resource % truth->node_count;
}

/* ---- Waits that are over ---- */

static void note_end_of(struct truth *truth, uint64_t incarnation, uint64_t number,
                        enum truth_end_reason reason)
{
    if (truth->ended_count == truth->ended_capacity) {
        truth->ended_capacity = 2 * truth->ended_capacity + 64;
        truth->ended = realloc(truth->ended, (size_t)truth->ended_capacity * sizeof *truth->ended);
        assert_non_null(truth->ended);
    }
    truth->ended[truth->ended_count++] = (struct truth_ended){incarnation, number, reason};
}

static void note_end(struct truth *truth, int node, uint64_t number, enum truth_end_reason reason)
{
    note_end_of(truth, truth->nodes[node].incarnation, number, reason);
}

enum truth_end_reason truth_reason(const struct truth *truth, uint64_t incarnation, uint64_t number)
{
    for (int i = truth->ended_count; i-- > 0;) {
        const struct truth_ended *ended = &truth->ended[i];
        if (ended->incarnation == incarnation && ended->number == number) return ended->reason;
    }
    return TRUTH_NOT_ENDED;
}

struct truth_ticket *truth_ticket(struct truth_node *node, uint64_t number)
{
    for (int i = 0; i < node->ticket_count; i++) {
        if (node->tickets[i].number == number) return &node->tickets[i];
    }
    return NULL;
}

static struct truth_ticket *add_ticket(struct truth_node *node, struct truth_ticket ticket)
{
    assert_true(node->ticket_count < TRUTH_TICKETS);
    node->tickets[node->ticket_count] = ticket;
    return &node->tickets[node->ticket_count++];
}

/* In the order of their numbers, always. */
static void remove_ticket(struct truth_node *node, struct truth_ticket *ticket)
{
    int at = (int)(ticket - node->tickets);
    node->ticket_count--;
    memmove(ticket, ticket + 1, (size_t)(node->ticket_count - at) * sizeof *ticket);
}

void truth_crash(struct truth *truth, int node)
{
    struct truth_node *gone = &truth->nodes[node];
    for (int i = 0; i < gone->ticket_count; i++) {
        if (!gone->tickets[i].granted)
            note_end(truth, node, gone->tickets[i].number, TRUTH_GIVEN_UP);
    }
    uint32_t clock = gone->clock[node]; /* Its next life is later than all of this one. */
    memset(gone, 0, sizeof *gone);
    gone->clock[node] = clock;
}

/* ---- Channels ---- */

static struct truth_channel *channel_between(struct truth *truth, struct truth_peer from,
                                             uint64_t to)
{
    for (struct truth_channel *c = truth->channels; c != NULL; c = c->next) {
        bool same = c->from == from.incarnation && c->to == to;
        if (same && c->association == from.association) return c;
    }
    return NULL;
}

static struct truth_channel *open_channel(struct truth *truth, int from, int to)
{
    struct truth_node *sender = &truth->nodes[from];
    struct truth_end *end = &sender->out[to];
    if (end->channel != NULL) return end->channel;
    struct truth_channel *channel = calloc(1, sizeof *channel);
    assert_non_null(channel);
    channel->from = sender->incarnation;
    channel->to = sender->knows[to];
    channel->association = sender->association[to];
    channel->next = truth->channels;
    truth->channels = channel;
    end->channel = channel;
    end->count = 0;
    return channel;
}

static void send_message(struct truth *truth, int from, int to, struct truth_message message)
{
    struct truth_node *sender = &truth->nodes[from];
    struct truth_channel *channel = open_channel(truth, from, to);
    sender->clock[from]++;
    memcpy(message.clock, sender->clock, sizeof message.clock);
    if (channel->sent == channel->capacity) {
        channel->capacity = 2 * channel->capacity + 16;
        channel->log = realloc(channel->log, (size_t)channel->capacity * sizeof *channel->log);
        assert_non_null(channel->log);
    }
    channel->log[channel->sent++] = message;
    sender->out[to].count = channel->sent;
}

static void finish_everywhere(struct truth_node *node, uint64_t incarnation, uint64_t number)
{
    for (int r = 0; r < TRUTH_RESOURCES; r++) {
        truth_home_finish(&node->homes[r], incarnation, number);
    }
}

/* ---- What applications say ---- */

void truth_request(struct truth *truth, int node, int process, int resource, struct truth_wish wish,
                   uint64_t number)
{
    int home = truth_home_of(truth, resource);
    struct truth_node *issuer = &truth->nodes[node];
    add_ticket(issuer, (struct truth_ticket){.number = number,
                                             .process = (int8_t)process,
                                             .home = (int8_t)home,
                                             .resource = (int8_t)resource,
                                             .wish = wish,
                                             .home_incarnation = issuer->knows[home],
                                             .association = issuer->association[home]});
    if (home == node) {
        truth_home_request(&issuer->homes[resource],
                           (struct truth_entry){.incarnation = issuer->incarnation,
                                                .number = number,
                                                .issuer = (int8_t)node,
                                                .process = (int8_t)process,
                                                .wish = wish});
        return;
    }
    send_message(truth, node, home,
                 (struct truth_message){.verb = GDN_VERB_REQUEST,
                                        .process = (int8_t)process,
                                        .resource = (int8_t)resource,
                                        .by = -1,
                                        .wish = wish,
                                        .number = number});
}

void truth_wait_on(struct truth *truth, int node, int process, const struct truth_need *needs,
                   int count, uint64_t number)
{
    struct truth_ticket *ticket =
        add_ticket(&truth->nodes[node], (struct truth_ticket){.number = number,
                                                              .process = (int8_t)process,
                                                              .home = -1,
                                                              .resource = TRUTH_DIRECT,
                                                              .need_count = (uint8_t)count});
    memcpy(ticket->needs, needs, (size_t)count * sizeof *needs);
}

/* The ticket is over for its issuer; its home hears of it. */
static void finish_ticket(struct truth *truth, int node, struct truth_ticket *ticket,
                          enum gdn_verb verb)
{
    struct truth_node *issuer = &truth->nodes[node];
    struct truth_message message = {.verb = verb,
                                    .process = ticket->process,
                                    .resource = ticket->resource,
                                    .number = ticket->number};
    int home = ticket->home;
    if (!ticket->granted) note_end(truth, node, ticket->number, TRUTH_GIVEN_UP);
    remove_ticket(issuer, ticket);
    if (home == node) finish_everywhere(issuer, issuer->incarnation, message.number);
    if (home >= 0 && home != node && verb != 0) send_message(truth, node, home, message);
}

void truth_release(struct truth *truth, int node, int process, int resource)
{
    struct truth_node *issuer = &truth->nodes[node];
    for (int i = 0; i < issuer->ticket_count;) {
        struct truth_ticket *ticket = &issuer->tickets[i];
        bool released =
            ticket->process == process && ticket->resource == resource && ticket->granted;
        if (released) {
            finish_ticket(truth, node, ticket, GDN_VERB_RELEASE);
        } else {
            i++;
        }
    }
    if (truth_home_of(truth, resource) != node) return;
    truth_home_end_orphans(&issuer->homes[resource], process);
}

void truth_cancel(struct truth *truth, int node, uint64_t number)
{
    struct truth_ticket *ticket = truth_ticket(&truth->nodes[node], number);
    assert_non_null(ticket);
    finish_ticket(truth, node, ticket, GDN_VERB_CANCEL);
}

void truth_end(struct truth *truth, int node, int process)
{
    bool at_home[TRUTH_NODES] = {false};
    struct truth_node *issuer = &truth->nodes[node];
    for (int i = 0; i < issuer->ticket_count;) {
        struct truth_ticket *ticket = &issuer->tickets[i];
        if (ticket->process != process) {
            i++;
            continue;
        }
        if (ticket->home >= 0) at_home[ticket->home] = true;
        finish_ticket(truth, node, ticket, 0);
    }
    /* All orphans of the process are tickets of this node as well. */
    for (int r = 0; r < TRUTH_RESOURCES; r++) truth_home_end_orphans(&issuer->homes[r], process);
    for (int home = 0; home < truth->node_count; home++) {
        if (!at_home[home] || home == node) continue;
        send_message(truth, node, home,
                     (struct truth_message){
                         .verb = GDN_VERB_END, .process = (int8_t)process, .resource = -1});
    }
}

static void serve_ticket(struct truth *truth, int node, struct truth_ticket *ticket)
{
    note_end(truth, node, ticket->number, TRUTH_SERVED);
    ticket->granted = true;
}

void truth_grant(struct truth *truth, int home, int resource, const struct truth_entry *granted)
{
    struct truth_node *node = &truth->nodes[home];
    struct truth_entry entry = *granted;
    truth_home_grant(&node->homes[resource], entry);
    if (entry.issuer == home) {
        serve_ticket(truth, home, truth_ticket(node, entry.number));
        return;
    }
    send_message(truth, home, entry.issuer,
                 (struct truth_message){.verb = GDN_VERB_GRANT,
                                        .process = entry.process,
                                        .resource = (int8_t)resource,
                                        .wish = entry.wish,
                                        .number = entry.number});
}

void truth_refuse(struct truth *truth, int home, int resource, const struct truth_entry *refused)
{
    struct truth_node *node = &truth->nodes[home];
    struct truth_entry entry = *refused;
    truth_home_refuse(&node->homes[resource], entry);
    if (entry.issuer == home) {
        note_end(truth, home, entry.number, TRUTH_GIVEN_UP);
        remove_ticket(node, truth_ticket(node, entry.number));
        return;
    }
    /* From here on it does not stand, though its issuer hears of it later. */
    note_end_of(truth, entry.incarnation, entry.number, TRUTH_GIVEN_UP);
    send_message(truth, home, entry.issuer,
                 (struct truth_message){.verb = GDN_VERB_WAKE,
                                        .refusal = true,
                                        .process = entry.process,
                                        .resource = (int8_t)resource,
                                        .wish = entry.wish,
                                        .number = entry.number});
}

void truth_requeue(struct truth *truth, int home, int resource, const struct truth_entry *moved,
                   int before)
{
    truth_home_requeue(&truth->nodes[home].homes[resource], *moved, before);
}

static void meet_need(struct truth *truth, int node, uint64_t number, int by)
{
    struct truth_ticket *ticket = truth_ticket(&truth->nodes[node], number);
    if (ticket == NULL || !truth_meet(ticket->needs, ticket->need_count, by)) return;
    if (!truth_needs_are_met(ticket->needs, ticket->need_count, NULL)) return;
    note_end(truth, node, number, TRUTH_SERVED);
    remove_ticket(&truth->nodes[node], ticket);
}

void truth_wake(struct truth *truth, int node, int to, uint64_t number, int process, int by)
{
    if (to == node) {
        meet_need(truth, node, number, by);
        return;
    }
    send_message(truth, node, to,
                 (struct truth_message){.verb = GDN_VERB_WAKE,
                                        .process = (int8_t)process,
                                        .resource = -1,
                                        .by = (int8_t)by,
                                        .number = number});
}

void truth_send(struct truth *truth, int node, int to, uint64_t amount)
{
    truth->nodes[node].tokens &= ~amount;
    send_message(truth, node, to, (struct truth_message){.amount = amount});
}

/* ---- Taking ---- */

static void apply_answer(struct truth *truth, int node, const struct truth_message *message)
{
    struct truth_ticket *ticket = truth_ticket(&truth->nodes[node], message->number);
    if (ticket == NULL) return;
    if (message->verb == GDN_VERB_GRANT) {
        serve_ticket(truth, node, ticket);
        return;
    }
    note_end(truth, node, ticket->number, TRUTH_GIVEN_UP);
    remove_ticket(&truth->nodes[node], ticket);
}

static void apply_request(struct truth *truth, int node, struct truth_peer peer,
                          const struct truth_message *message)
{
    struct truth_home *home = &truth->nodes[node].homes[message->resource];
    bool waits = (message->wish.flags & GDN_REQUEST_NO_WAIT) == 0;
    if (waits || truth_home_is_free(home, message->process, message->wish)) {
        truth_home_request(home, (struct truth_entry){.incarnation = peer.incarnation,
                                                      .number = message->number,
                                                      .association = peer.association,
                                                      .issuer = (int8_t)peer.node,
                                                      .process = message->process,
                                                      .wish = message->wish});
        return;
    }
    send_message(truth, node, peer.node,
                 (struct truth_message){.verb = GDN_VERB_WAKE,
                                        .refusal = true,
                                        .process = message->process,
                                        .resource = message->resource,
                                        .by = -1,
                                        .number = message->number});
}

static void apply(struct truth *truth, int node, struct truth_peer peer,
                  const struct truth_message *message)
{
    uint64_t incarnation = peer.incarnation;
    struct truth_node *at = &truth->nodes[node];
    switch (message->verb) {
    case GDN_VERB_REQUEST:
        apply_request(truth, node, peer, message);
        return;
    case GDN_VERB_RELEASE:
    case GDN_VERB_CANCEL:
        finish_everywhere(at, incarnation, message->number);
        return;
    case GDN_VERB_END:
        for (int r = 0; r < TRUTH_RESOURCES; r++) {
            truth_home_end(&at->homes[r], message->process, incarnation);
        }
        return;
    case GDN_VERB_GRANT:
        apply_answer(truth, node, message);
        return;
    case GDN_VERB_WAKE:
        if (message->refusal) {
            apply_answer(truth, node, message);
        } else {
            meet_need(truth, node, message->number, message->by);
        }
        return;
    }
    at->tokens |= message->amount; /* A payload. */
    at->received = (at->received ^ message->amount) * UINT64_C(0x9e3779b97f4a7c15) + 1;
}

static struct truth_end *incoming(struct truth *truth, int node, struct truth_peer from)
{
    struct truth_end *end = &truth->nodes[node].in[from.node];
    if (end->channel == NULL || end->channel->from != from.incarnation ||
        end->channel->association != from.association) {
        end->channel = channel_between(truth, from, truth->nodes[node].incarnation);
        end->count = 0;
    }
    return end;
}

bool truth_take(struct truth *truth, int node, struct truth_peer from)
{
    struct truth_node *at = &truth->nodes[node];
    struct truth_end *end = incoming(truth, node, from);
    if (end->channel == NULL || end->count == end->channel->sent) return false;
    struct truth_message message = end->channel->log[end->count++];
    end->channel->taken = end->count;
    for (int i = 0; i < truth->node_count; i++) {
        if (message.clock[i] > at->clock[i]) at->clock[i] = message.clock[i];
    }
    at->clock[node]++;
    apply(truth, node, from, &message);
    return true;
}

/* ---- A peer is gone ---- */

static void lose_tickets(struct truth *truth, int node, struct truth_peer peer)
{
    struct truth_node *at = &truth->nodes[node];
    for (int i = at->ticket_count; i-- > 0;) {
        struct truth_ticket *ticket = &at->tickets[i];
        if (ticket->home != peer.node || ticket->home_incarnation != peer.incarnation) continue;
        if (ticket->association != peer.association) continue;
        if (!ticket->granted) note_end(truth, node, ticket->number, TRUTH_GIVEN_UP);
        remove_ticket(at, ticket);
    }
}

static bool is_with(const struct truth_end *end, uint64_t from, uint64_t to, uint32_t association)
{
    const struct truth_channel *channel = end->channel;
    return channel != NULL && channel->from == from && channel->to == to &&
           channel->association == association;
}

/* A newer life of the peer may be known already: that stays. */
void truth_lose(struct truth *truth, int node, struct truth_peer peer, int arrived)
{
    struct truth_node *at = &truth->nodes[node];
    struct truth_end *in = &at->in[peer.node], *out = &at->out[peer.node];
    struct truth_channel *channel = channel_between(truth, peer, at->incarnation);
    int taken = is_with(in, peer.incarnation, at->incarnation, peer.association) ? in->count : 0;
    /* What had arrived and ends something still does; requests and grants mean nothing more. */
    for (int i = 0; i < arrived && channel != NULL && taken < channel->sent; i++) {
        struct truth_message message = channel->log[taken++];
        if (message.verb == 0 || message.verb == GDN_VERB_REQUEST) continue;
        if (message.verb != GDN_VERB_GRANT) apply(truth, node, peer, &message);
    }
    if (is_with(in, peer.incarnation, at->incarnation, peer.association)) {
        *in = (struct truth_end){NULL, 0};
    }
    if (is_with(out, at->incarnation, peer.incarnation, peer.association)) {
        *out = (struct truth_end){NULL, 0};
    }
    for (int r = 0; r < TRUTH_RESOURCES; r++) {
        truth_home_lose(&at->homes[r], peer.incarnation, peer.association);
    }
    lose_tickets(truth, node, peer);
}

void truth_drop_orphans(struct truth *truth, int node, int peer)
{
    for (int r = 0; r < TRUTH_RESOURCES; r++) {
        truth_home_drop_orphans(&truth->nodes[node].homes[r], peer);
    }
}
