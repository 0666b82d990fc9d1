/* SPDX-License-Identifier: MIT */
#include "tests/explore/member.h"

#include <assert.h>
#include <gordian/participant.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A message as the participant holds it. */
struct handle {
    uint8_t in, message;
    int references;
};

struct member {
    const struct layout *layout;
    int node;
    gdn_participant *participant;
    struct facts facts;
    struct handle handles[LAYOUT_PEERS_MAX][LAYOUT_MESSAGES_MAX];
    struct handle *inbox[LAYOUT_PEERS_MAX * LAYOUT_MESSAGES_MAX];
    int inbox_at, inbox_end;
    uint8_t sent[LAYOUT_PEERS_MAX], came[LAYOUT_PEERS_MAX], taken[LAYOUT_PEERS_MAX];
    uint8_t open, heard; /* Out and in: a bit each. */
    uint64_t tokens;
    int unrecorded;                  /* LAYOUT_STATE_LATE: the round; -1: none. */
    uint32_t held[LAYOUT_PEERS_MAX]; /* LAYOUT_MARKER_LATE: what should have gone; 0: nothing. */
};

/* ---- Words ---- */

static void breaks(struct member *member, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The first one counts. */
static void breaks(struct member *member, const char *format, ...)
{
    va_list arguments;
    if (member->facts.broken[0] != '\0') return;
    va_start(arguments, format);
    (void)vsnprintf(member->facts.broken, sizeof member->facts.broken, format, arguments);
    va_end(arguments);
}

enum member_item member_item_kind(uint32_t item)
{
    return (enum member_item)(item >> 8);
}

uint32_t member_item_value(uint32_t item)
{
    return item & 0xff;
}

static uint32_t item_of(enum member_item kind, uint32_t value)
{
    return (uint32_t)kind << 8 | value;
}

static void retain(void *message)
{
    ((struct handle *)message)->references++;
}

static void release(void *message)
{
    ((struct handle *)message)->references--;
}

/* A participant numbers its peers from 1. */
static uint32_t number_of(int node)
{
    return (uint32_t)node + 1;
}

static uint8_t sender_of(const struct member *member, int in)
{
    return member->layout->channels[member->layout->ins[member->node][in]].from;
}

static gdn_round_id id_of(int initiator, uint64_t number)
{
    char name[] = {'D', (char)('1' + initiator), '\0'};
    return (gdn_round_id){gdn_node_named(name), 100 + (uint64_t)initiator, number};
}

static int round_of(const struct member *member, gdn_round_id id)
{
    return layout_round(member->layout, (int)(id.incarnation - 100), id.number);
}

static void emit(struct member *member, int out, uint32_t item)
{
    struct facts *facts = &member->facts;
    assert(facts->item_count[out] < FACTS_ITEMS_MAX);
    facts->items[out][facts->item_count[out]++] = item;
}

/* ---- What the participant wants done ---- */

static bool was_abandoned(const struct member *member, int r)
{
    const struct layout_round *round = &member->layout->rounds[r];
    for (int k = 0; k < member->facts.orders[round->initiator]; k++) {
        const struct layout_order *order =
            layout_order(member->layout, round->initiator, member->node, k);
        if (order->verb == LAYOUT_ABANDON && order->number == round->number) return true;
    }
    return false;
}

static void record_state(struct member *member, int r)
{
    struct facts_round *round = &member->facts.rounds[r];
    if (round->phase != FACTS_NOT_YET)
        breaks(member, "%s is recorded again", layout_round_word(member->layout, r));
    if (was_abandoned(member, r))
        breaks(member, "%s begins though it was abandoned", layout_round_word(member->layout, r));
    round->phase = FACTS_CUT;
    round->tokens = member->tokens;
    memcpy(round->sent, member->sent, sizeof round->sent);
    memcpy(round->taken, member->taken, sizeof round->taken);
}

static void send_marker(struct member *member, int r, uint32_t to)
{
    const struct layout *layout = member->layout;
    int c = layout_channel(layout, member->node, (int)to - 1);
    if (c < 0) {
        breaks(member, "a marker for a channel that there is not");
        return;
    }
    int out = layout->channels[c].out;
    uint32_t marker = item_of(MEMBER_MARKER, (uint32_t)r);
    struct facts_round *round = &member->facts.rounds[r];
    if (round->markers[out]++ != 0) breaks(member, "a second marker of one round on a channel");
    bool holds_it = layout->plan.fault == LAYOUT_MARKER_LATE && member->held[out] == 0 &&
                    member->sent[out] < layout->plan.messages;
    if (holds_it) member->held[out] = marker;
    if (!holds_it) emit(member, out, marker);
}

static void report_outgoing(struct member *member, struct facts_round *round, int c,
                            const struct gdn_channel_record *record)
{
    int out = member->layout->channels[c].out;
    round->outs |= (uint8_t)(1 << out);
    if (record->sent != round->sent[out]) {
        breaks(member, "the report says %d were sent to %c, it was %d", (int)record->sent,
               'A' + member->layout->channels[c].to, round->sent[out]);
    }
}

/* The messages right after those taken, in order, and no others. */
static void report_incoming(struct member *member, struct facts_round *round, int c,
                            const struct gdn_channel_record *record)
{
    const struct layout_channel *channel = &member->layout->channels[c];
    round->ins |= (uint8_t)(1 << channel->in);
    if (record->open) round->open |= (uint8_t)(1 << channel->in);
    if (record->taken != round->taken[channel->in] || record->untagged != 0) {
        breaks(member, "the report says %d were taken from %c, it was %d", (int)record->taken,
               'A' + channel->from, round->taken[channel->in]);
    }
    for (size_t k = 0; k < record->message_count; k++) {
        const struct handle *handle = record->messages[k];
        int expected = round->taken[channel->in] + (int)k;
        if (handle->in != channel->in || handle->message != expected) {
            breaks(member, "message %d of %c is recorded where message %d of %c belongs",
                   handle->message + 1, 'A' + sender_of(member, handle->in), expected + 1,
                   'A' + channel->from);
        }
        round->tokens |= layout_token(member->layout, c, expected);
    }
    round->recorded[channel->in] = (uint8_t)record->message_count;
}

static void report(struct member *member, int r, uint32_t slot)
{
    const struct layout *layout = member->layout;
    struct facts_round *round = &member->facts.rounds[r];
    if (round->phase != FACTS_CUT)
        breaks(member, "%s is reported out of turn", layout_round_word(member->layout, r));
    round->phase = FACTS_REPORTED;
    round->heard = member->heard;
    for (int peer = 0; peer < layout->plan.nodes; peer++) {
        struct gdn_channel_record record;
        if (!gdn_participant_record(member->participant, slot, number_of(peer), &record)) continue;
        int to = layout_channel(layout, member->node, peer);
        int from = layout_channel(layout, peer, member->node);
        if ((record.outgoing && to < 0) || (record.incoming && from < 0)) {
            breaks(member, "the report has a channel that there is not");
            continue;
        }
        if (record.outgoing) report_outgoing(member, round, to, &record);
        if (record.incoming) report_incoming(member, round, from, &record);
    }
}

static void forget(struct member *member, int r)
{
    struct facts_round *round = &member->facts.rounds[r];
    if (round->phase == FACTS_REPORTED) return;
    if (!member->layout->rounds[r].may_end)
        breaks(member, "%s is given up", layout_round_word(member->layout, r));
    round->phase = FACTS_ENDED;
}

static void carry_out(struct member *member, const struct gdn_participant_action *action)
{
    int r = round_of(member, action->round);
    if (r < 0) {
        breaks(member, "an action for a round that there is not");
        return;
    }
    switch (action->type) {
    case GDN_PARTICIPANT_RECORD_STATE:
        if (member->layout->plan.fault == LAYOUT_STATE_LATE) member->unrecorded = r;
        if (member->unrecorded != r) record_state(member, r);
        return;
    case GDN_PARTICIPANT_SEND_MARKER:
        send_marker(member, r, action->channel);
        return;
    case GDN_PARTICIPANT_REPORT:
        if (member->unrecorded == r) record_state(member, r);
        member->unrecorded = -1;
        report(member, r, action->slot);
        return;
    case GDN_PARTICIPANT_FAIL:
        breaks(member, "%s failed: %s", layout_round_word(member->layout, r), action->reason);
        return;
    case GDN_PARTICIPANT_FORGET_STATE:
        forget(member, r);
        return;
    }
}

static void step(struct member *member, const struct gdn_participant_event *event)
{
    struct gdn_participant_actions actions;
    enum gdn_err err = gdn_participant_step(member->participant, event, &actions);
    if (err != GDN_OK) breaks(member, "an event is refused: %s", gdn_err_text(err));
    for (size_t i = 0; i < actions.count; i++) carry_out(member, &actions.list[i]);
}

/* ---- What happens ---- */

static void send_message(struct member *member, int c)
{
    const struct layout_channel *channel = &member->layout->channels[c];
    int message = member->sent[channel->out]++;
    member->tokens &= ~layout_token(member->layout, c, message);
    step(member, &(struct gdn_participant_event){.type = GDN_PARTICIPANT_MESSAGE_SENT,
                                                 .channel = number_of(channel->to)});
    emit(member, channel->out, item_of(MEMBER_MESSAGE, (uint32_t)message));
    if (member->held[channel->out] != 0) emit(member, channel->out, member->held[channel->out]);
    member->held[channel->out] = 0;
}

static void take_handle(struct member *member, const struct handle *handle)
{
    int c = member->layout->ins[member->node][handle->in];
    member->tokens |= layout_token(member->layout, c, handle->message);
    member->taken[handle->in]++;
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
    assert(member->came[in] == message); /* Our channels are FIFO. */
    member->came[in]++;
    step(member, &(struct gdn_participant_event){.type = GDN_PARTICIPANT_MESSAGE_ARRIVED,
                                                 .channel = number_of(sender_of(member, in)),
                                                 .message = handle,
                                                 .bytes = 1});
    if (member->layout->plan.at_once) {
        take_handle(member, handle);
        count_as_taken(member, in);
    } else {
        member->inbox[member->inbox_end++] = handle;
        if (member->layout->plan.fault == LAYOUT_TAKEN_EARLY) count_as_taken(member, in);
    }
}

static void marker_arrived(struct member *member, int in, uint32_t r)
{
    const struct layout_round *round = &member->layout->rounds[r];
    if (member->layout->plan.fault == LAYOUT_WRONG_CHANNEL) {
        in = (in + 1) % member->layout->in_count[member->node];
    }
    step(member, &(struct gdn_participant_event){.type = GDN_PARTICIPANT_MARKER_ARRIVED,
                                                 .channel = number_of(sender_of(member, in)),
                                                 .round = id_of(round->initiator, round->number)});
}

static void message_taken(struct member *member)
{
    const struct handle *handle = member->inbox[member->inbox_at++];
    take_handle(member, handle);
    if (member->layout->plan.fault != LAYOUT_TAKEN_EARLY) count_as_taken(member, handle->in);
}

static void order_arrived(struct member *member, int initiator)
{
    static const enum gdn_participant_event_type types[] = {
        [LAYOUT_START] = GDN_PARTICIPANT_START_ARRIVED,
        [LAYOUT_COLLECT] = GDN_PARTICIPANT_COLLECT_ARRIVED,
        [LAYOUT_ABANDON] = GDN_PARTICIPANT_ROUND_ABANDONED};
    const struct layout_order *order =
        layout_order(member->layout, initiator, member->node, member->facts.orders[initiator]++);
    step(member, &(struct gdn_participant_event){.type = types[order->verb],
                                                 .round = id_of(initiator, order->number)});
}

/* The list that opens a channel: of each initiator the newest round cut, four bits each. */
static void open_channel(struct member *member, int c)
{
    const struct layout_channel *channel = &member->layout->channels[c];
    gdn_round_id rounds[GDN_INITIATORS_MAX];
    uint32_t list = 0;
    size_t count = gdn_participant_cut_rounds(member->participant, rounds);
    for (size_t i = 0; i < count; i++) {
        list |= (uint32_t)rounds[i].number << (4 * (rounds[i].incarnation - 100));
    }
    member->open |= (uint8_t)(1 << channel->out);
    step(member, &(struct gdn_participant_event){.type = GDN_PARTICIPANT_OPENED_OUT,
                                                 .channel = number_of(channel->to)});
    emit(member, channel->out, item_of(MEMBER_LIST, list));
}

static void list_arrived(struct member *member, int in, uint32_t list)
{
    gdn_round_id rounds[LAYOUT_INITIATORS_MAX];
    size_t count = 0;
    for (int i = 0; i < LAYOUT_INITIATORS_MAX; i++) {
        if ((list >> (4 * i) & 15) != 0) rounds[count++] = id_of(i, list >> (4 * i) & 15);
    }
    member->heard |= (uint8_t)(1 << in);
    step(member, &(struct gdn_participant_event){.type = GDN_PARTICIPANT_OPENED_IN,
                                                 .channel = number_of(sender_of(member, in)),
                                                 .rounds = rounds,
                                                 .count = count});
}

static void arrive(struct member *member, int c, uint32_t item)
{
    int in = member->layout->channels[c].in;
    uint32_t value = member_item_value(item);
    member->facts.arrived[in]++;
    switch (member_item_kind(item)) {
    case MEMBER_MESSAGE:
        message_arrived(member, in, value);
        return;
    case MEMBER_MARKER:
        marker_arrived(member, in, value);
        return;
    case MEMBER_LIST:
        list_arrived(member, in, value);
        return;
    }
}

/* A newer round of an initiator replaces its older one. */
static void check_replaced(struct member *member)
{
    const struct layout *layout = member->layout;
    for (int r = 0; r < layout->round_count; r++) {
        const struct layout_round *round = &layout->rounds[r];
        int newer = layout_round(layout, round->initiator, round->number + UINT64_C(1));
        if (newer < 0 || member->facts.rounds[newer].phase == FACTS_NOT_YET) continue;
        if (member->facts.rounds[r].phase == FACTS_CUT)
            breaks(member, "%s goes on", layout_round_word(member->layout, r));
    }
}

/* ---- What it can do ---- */

static bool can(const struct member *member, const struct layout_action *action)
{
    const struct layout *layout = member->layout;
    int out = layout->channels[action->channel].out;
    bool is_open = (member->open >> out & 1) != 0;
    switch (action->kind) {
    case LAYOUT_SEND:
        return is_open && member->sent[out] < layout->plan.messages;
    case LAYOUT_OPEN:
        return !is_open;
    case LAYOUT_TAKE:
        return member->inbox_at < member->inbox_end;
    case LAYOUT_ORDER:
        return layout_order(layout, action->initiator, member->node,
                            member->facts.orders[action->initiator]) != NULL;
    case LAYOUT_ARRIVE:
        return false; /* That depends on the sender. */
    }
    return false;
}

static void note_enabled(struct member *member)
{
    uint64_t mine = member->layout->of_node[member->node];
    member->facts.enabled = 0;
    for (int a = 0; a < member->layout->action_count; a++) {
        if ((mine >> a & 1) == 0 || !can(member, &member->layout->actions[a])) continue;
        member->facts.enabled |= UINT64_C(1) << a;
    }
}

void member_act(struct member *member, const struct layout_action *action, uint32_t item)
{
    int unrecorded = member->unrecorded;
    switch (action->kind) {
    case LAYOUT_SEND:
        send_message(member, action->channel);
        break;
    case LAYOUT_ARRIVE:
        arrive(member, action->channel, item);
        break;
    case LAYOUT_TAKE:
        message_taken(member);
        break;
    case LAYOUT_ORDER:
        order_arrived(member, action->initiator);
        break;
    case LAYOUT_OPEN:
        open_channel(member, action->channel);
        break;
    }
    if (unrecorded >= 0 && member->unrecorded == unrecorded) {
        record_state(member, unrecorded);
        member->unrecorded = -1;
    }
    check_replaced(member);
    note_enabled(member);
}

/* ---- Making and freeing ---- */

/* Both ends of these have always known them. */
static void open_channels(struct member *member)
{
    const struct layout *layout = member->layout;
    for (int c = 0; c < layout->channel_count; c++) {
        const struct layout_channel *channel = &layout->channels[c];
        struct gdn_participant_event event = {.type = GDN_PARTICIPANT_OPENED_OUT,
                                              .channel = number_of(channel->to)};
        if (channel->late) continue;
        if (channel->from == member->node) {
            member->open |= (uint8_t)(1 << channel->out);
            step(member, &event);
        } else if (channel->to == member->node) {
            event.type = GDN_PARTICIPANT_OPENED_IN;
            event.channel = number_of(channel->from);
            member->heard |= (uint8_t)(1 << channel->in);
            step(member, &event);
        }
    }
}

struct member *member_new(const struct layout *layout, int node)
{
    struct gdn_participant_options options = {
        .recording_max = 1 << 16, .retain = retain, .release = release};
    struct member *member = calloc(1, sizeof *member);
    if (member == NULL) abort();
    member->layout = layout;
    member->node = node;
    member->tokens = layout_tokens(layout, node);
    member->unrecorded = -1;
    member->participant = gdn_participant_new(&options);
    if (member->participant == NULL) abort();
    open_channels(member);
    note_enabled(member);
    return member;
}

const struct facts *member_facts(const struct member *member)
{
    return &member->facts;
}

bool member_end(struct member *member)
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
