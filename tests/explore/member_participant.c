/* SPDX-License-Identifier: MIT */
#include "tests/explore/member.h"

#include <assert.h>
#include <gordian/participant.h>
#include <stdlib.h>

/* What crosses a channel: its kind and what it says. */
enum item { MESSAGE, MARKER, LIST };

/* A message as the participant holds it. */
struct handle {
    uint8_t in, message;
    int references;
};

struct member {
    struct books books;
    gdn_participant *participant;
    struct handle handles[LAYOUT_PEERS_MAX][LAYOUT_MESSAGES_MAX];
    struct handle *inbox[LAYOUT_PEERS_MAX * LAYOUT_MESSAGES_MAX];
    int inbox_at, inbox_end;
    int unrecorded;                  /* LAYOUT_STATE_LATE: the round; -1: none. */
    bool was_late;                   /* There was one before this action. */
    uint32_t held[LAYOUT_PEERS_MAX]; /* LAYOUT_MARKER_LATE: what should have gone; 0: nothing. */
};

/* ---- Words ---- */

static uint32_t item_of(enum item kind, uint32_t value)
{
    return (uint32_t)kind << 8 | value;
}

static enum item kind_of(uint32_t item)
{
    return (enum item)(item >> 8);
}

static uint32_t value_of(uint32_t item)
{
    return item & 0xff;
}

static void retain(void *message)
{
    ((struct handle *)message)->references++;
}

static void release(void *message)
{
    ((struct handle *)message)->references--;
}

static const struct layout *layout_of(const struct member *member)
{
    return member->books.layout;
}

static enum layout_fault fault_of(const struct member *member)
{
    return layout_of(member)->plan.fault;
}

/* A participant numbers its peers from 1. */
static uint32_t number_of(int node)
{
    return (uint32_t)node + 1;
}

static int channel_in(const struct member *member, int in)
{
    return layout_of(member)->ins[member->books.node][in];
}

static uint8_t sender_of(const struct member *member, int in)
{
    return layout_of(member)->channels[channel_in(member, in)].from;
}

static gdn_round_id id_of(int initiator, uint64_t number)
{
    char name[] = {'D', (char)('1' + initiator), '\0'};
    return (gdn_round_id){gdn_node_named(name), 100 + (uint64_t)initiator, number};
}

static int round_of(const struct member *member, gdn_round_id id)
{
    return layout_round(layout_of(member), (int)(id.incarnation - 100), id.number);
}

/* ---- What the participant wants done ---- */

static void record_state(struct member *member, int r)
{
    if (fault_of(member) == LAYOUT_STATE_LATE) {
        member->unrecorded = r;
    } else {
        books_record(&member->books, r);
    }
}

static void record_late(struct member *member)
{
    if (member->unrecorded >= 0) books_record(&member->books, member->unrecorded);
    member->unrecorded = -1;
}

static void send_marker(struct member *member, int r, uint32_t to)
{
    const struct layout *layout = layout_of(member);
    int c = layout_channel(layout, member->books.node, (int)to - 1);
    if (c < 0) {
        books_break(&member->books, "a marker for a channel that there is not");
        return;
    }
    int out = layout->channels[c].out;
    uint32_t marker = item_of(MARKER, (uint32_t)r);
    bool holds_it = fault_of(member) == LAYOUT_MARKER_LATE && member->held[out] == 0 &&
                    member->books.facts.sent[out] < layout->plan.messages;
    books_marker(&member->books, r, out);
    if (holds_it) member->held[out] = marker;
    if (!holds_it) books_emit(&member->books, out, marker);
}

static void report_incoming(struct member *member, int r, int c,
                            const struct gdn_channel_record *record)
{
    books_report_in(&member->books, r, c, record->taken, record->open);
    if (record->untagged != 0) books_break(&member->books, "messages are only counted");
    for (size_t k = 0; k < record->message_count; k++) {
        const struct handle *handle = record->messages[k];
        books_report_message(&member->books, r, c, channel_in(member, handle->in), handle->message);
    }
}

static void report(struct member *member, int r, uint32_t slot)
{
    const struct layout *layout = layout_of(member);
    record_late(member);
    books_report(&member->books, r);
    for (int peer = 0; peer < layout->plan.nodes; peer++) {
        struct gdn_channel_record record;
        if (!gdn_participant_record(member->participant, slot, number_of(peer), &record)) continue;
        int to = layout_channel(layout, member->books.node, peer);
        int from = layout_channel(layout, peer, member->books.node);
        if ((record.outgoing && to < 0) || (record.incoming && from < 0)) {
            books_break(&member->books, "the report has a channel that there is not");
            continue;
        }
        if (record.outgoing) books_report_out(&member->books, r, to, record.sent);
        if (record.incoming) report_incoming(member, r, from, &record);
    }
}

static void carry_out(struct member *member, const struct gdn_participant_action *action)
{
    int r = round_of(member, action->round);
    if (r < 0) {
        books_break(&member->books, "an action for a round that there is not");
        return;
    }
    switch (action->type) {
    case GDN_PARTICIPANT_RECORD_STATE:
        record_state(member, r);
        return;
    case GDN_PARTICIPANT_SEND_MARKER:
        send_marker(member, r, action->channel);
        return;
    case GDN_PARTICIPANT_REPORT:
        report(member, r, action->slot);
        return;
    case GDN_PARTICIPANT_FAIL:
        books_break(&member->books, "%s failed: %s", layout_round_word(layout_of(member), r),
                    action->reason);
        return;
    case GDN_PARTICIPANT_FORGET_STATE:
        books_end_round(&member->books, r);
        return;
    }
}

static void step(struct member *member, const struct gdn_participant_event *event)
{
    struct gdn_participant_actions actions;
    enum gdn_err err = gdn_participant_step(member->participant, event, &actions);
    if (err != GDN_OK) books_break(&member->books, "an event is refused: %s", gdn_err_text(err));
    for (size_t i = 0; i < actions.count; i++) carry_out(member, &actions.list[i]);
}

/* ---- What happens ---- */

static void send_message(struct member *member, int c)
{
    const struct layout_channel *channel = &layout_of(member)->channels[c];
    int message = books_send(&member->books, c);
    step(member, &(struct gdn_participant_event){.type = GDN_PARTICIPANT_MESSAGE_SENT,
                                                 .channel = number_of(channel->to)});
    books_emit(&member->books, channel->out, item_of(MESSAGE, (uint32_t)message));
    if (member->held[channel->out] == 0) return;
    books_emit(&member->books, channel->out, member->held[channel->out]);
    member->held[channel->out] = 0;
}

static void count_as_taken(struct member *member, int in)
{
    step(member, &(struct gdn_participant_event){.type = GDN_PARTICIPANT_MESSAGE_TAKEN,
                                                 .channel = number_of(sender_of(member, in))});
}

static void message_arrived(struct member *member, int in, uint32_t message)
{
    struct handle *handle = &member->handles[in][message];
    *handle = (struct handle){.in = (uint8_t)in, .message = (uint8_t)message};
    step(member, &(struct gdn_participant_event){.type = GDN_PARTICIPANT_MESSAGE_ARRIVED,
                                                 .channel = number_of(sender_of(member, in)),
                                                 .message = handle,
                                                 .bytes = 1});
    if (layout_of(member)->plan.at_once) {
        books_take(&member->books, channel_in(member, in), handle->message);
        count_as_taken(member, in);
    } else {
        member->inbox[member->inbox_end++] = handle;
        if (fault_of(member) == LAYOUT_TAKEN_EARLY) count_as_taken(member, in);
    }
}

static void marker_arrived(struct member *member, int in, uint32_t r)
{
    const struct layout_round *round = &layout_of(member)->rounds[r];
    if (fault_of(member) == LAYOUT_WRONG_CHANNEL) {
        in = (in + 1) % layout_of(member)->in_count[member->books.node];
    }
    step(member, &(struct gdn_participant_event){.type = GDN_PARTICIPANT_MARKER_ARRIVED,
                                                 .channel = number_of(sender_of(member, in)),
                                                 .round = id_of(round->initiator, round->number)});
}

static void message_taken(struct member *member)
{
    const struct handle *handle = member->inbox[member->inbox_at++];
    books_take(&member->books, channel_in(member, handle->in), handle->message);
    if (fault_of(member) != LAYOUT_TAKEN_EARLY) count_as_taken(member, handle->in);
}

static void order_arrived(struct member *member, int initiator)
{
    static const enum gdn_participant_event_type types[] = {
        [LAYOUT_START] = GDN_PARTICIPANT_START_ARRIVED,
        [LAYOUT_COLLECT] = GDN_PARTICIPANT_COLLECT_ARRIVED,
        [LAYOUT_ABANDON] = GDN_PARTICIPANT_ROUND_ABANDONED};
    const struct layout_order *order = layout_order(
        layout_of(member), initiator, member->books.node, member->books.facts.orders[initiator]++);
    step(member, &(struct gdn_participant_event){.type = types[order->verb],
                                                 .round = id_of(initiator, order->number)});
}

/* The list that opens a channel: of each initiator the newest round cut, four bits each. */
static void open_channel(struct member *member, int c)
{
    const struct layout_channel *channel = &layout_of(member)->channels[c];
    gdn_round_id rounds[GDN_INITIATORS_MAX];
    uint32_t list = 0;
    size_t count = gdn_participant_cut_rounds(member->participant, rounds);
    for (size_t i = 0; i < count; i++) {
        list |= (uint32_t)rounds[i].number << (4 * (rounds[i].incarnation - 100));
    }
    member->books.open |= (uint8_t)(1 << channel->out);
    step(member, &(struct gdn_participant_event){.type = GDN_PARTICIPANT_OPENED_OUT,
                                                 .channel = number_of(channel->to)});
    books_emit(&member->books, channel->out, item_of(LIST, list));
}

static void list_arrived(struct member *member, int in, uint32_t list)
{
    gdn_round_id rounds[LAYOUT_INITIATORS_MAX];
    size_t count = 0;
    for (int i = 0; i < LAYOUT_INITIATORS_MAX; i++) {
        if ((list >> (4 * i) & 15) != 0) rounds[count++] = id_of(i, list >> (4 * i) & 15);
    }
    member->books.heard |= (uint8_t)(1 << in);
    step(member, &(struct gdn_participant_event){.type = GDN_PARTICIPANT_OPENED_IN,
                                                 .channel = number_of(sender_of(member, in)),
                                                 .rounds = rounds,
                                                 .count = count});
}

static void arrive(struct member *member, int c, uint32_t item)
{
    int in = layout_of(member)->channels[c].in;
    member->books.facts.arrived[in]++;
    switch (kind_of(item)) {
    case MESSAGE:
        message_arrived(member, in, value_of(item));
        return;
    case MARKER:
        marker_arrived(member, in, value_of(item));
        return;
    case LIST:
        list_arrived(member, in, value_of(item));
        return;
    }
}

/* ---- After it ---- */

static void note_enabled(struct member *member)
{
    books_note_enabled(&member->books, member->books.open, member->inbox_at < member->inbox_end);
}

static void settle(struct member *member)
{
    if (member->was_late) record_late(member);
    member->was_late = member->unrecorded >= 0;
    books_check(&member->books);
    note_enabled(member);
}

/* ---- Making and freeing ---- */

/* Both ends of these have always known them. */
static void open_channels(struct member *member)
{
    const struct layout *layout = layout_of(member);
    for (int c = 0; c < layout->channel_count; c++) {
        const struct layout_channel *channel = &layout->channels[c];
        struct gdn_participant_event event = {.type = GDN_PARTICIPANT_OPENED_OUT,
                                              .channel = number_of(channel->to)};
        if (channel->late) continue;
        if (channel->from == member->books.node) {
            member->books.open |= (uint8_t)(1 << channel->out);
            step(member, &event);
        } else if (channel->to == member->books.node) {
            event.type = GDN_PARTICIPANT_OPENED_IN;
            event.channel = number_of(channel->from);
            member->books.heard |= (uint8_t)(1 << channel->in);
            step(member, &event);
        }
    }
}

static struct member *make(const struct layout *layout, int node)
{
    struct gdn_participant_options options = {
        .recording_max = 1 << 16, .retain = retain, .release = release};
    struct member *member = calloc(1, sizeof *member);
    if (member == NULL) abort();
    books_open(&member->books, layout, node);
    member->unrecorded = -1;
    member->participant = gdn_participant_new(&options);
    if (member->participant == NULL) abort();
    open_channels(member);
    note_enabled(member);
    return member;
}

static const struct facts *facts(const struct member *member)
{
    return &member->books.facts;
}

static bool end(struct member *member)
{
    bool all_back = true;
    gdn_participant_free(member->participant);
    for (int in = 0; in < LAYOUT_PEERS_MAX; in++) {
        for (int m = 0; m < LAYOUT_MESSAGES_MAX; m++) {
            if (member->handles[in][m].references != 0) all_back = false;
        }
    }
    free(member);
    return all_back;
}

static void tell(const struct layout *layout, uint32_t item, FILE *narrator)
{
    uint32_t value = value_of(item);
    switch (kind_of(item)) {
    case MESSAGE:
        (void)fprintf(narrator, "message %u", (unsigned)value + 1);
        return;
    case MARKER:
        (void)fprintf(narrator, "marker of %s", layout_round_word(layout, (int)value));
        return;
    case LIST:
        (void)fprintf(narrator, "opening list: D1/%u D2/%u", (unsigned)value & 15,
                      (unsigned)value >> 4);
        return;
    }
}

const struct member_kind member_participant = {.make = make,
                                               .send = send_message,
                                               .arrive = arrive,
                                               .take = message_taken,
                                               .order = order_arrived,
                                               .open = open_channel,
                                               .settle = settle,
                                               .facts = facts,
                                               .end = end,
                                               .tell = tell};
