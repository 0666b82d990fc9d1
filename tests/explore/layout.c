/* SPDX-License-Identifier: MIT */
#include "tests/explore/layout.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* ---- Channels ---- */

static void add_channel(struct layout *layout, int from, int to)
{
    struct layout_channel *channel = &layout->channels[layout->channel_count];
    assert(layout->channel_count < LAYOUT_CHANNELS_MAX);
    *channel = (struct layout_channel){.from = (uint8_t)from,
                                       .to = (uint8_t)to,
                                       .out = layout->out_count[from]++,
                                       .in = layout->in_count[to]++};
    layout->outs[from][channel->out] = (uint8_t)layout->channel_count;
    layout->ins[to][channel->in] = (uint8_t)layout->channel_count++;
}

static bool has_channel(const struct layout_plan *plan, int from, int to)
{
    bool forth = to == (from + 1) % plan->nodes, back = from == (to + 1) % plan->nodes;
    if (from == to) return false;
    if (plan->shape == LAYOUT_LINE) return to == from + 1 || from == to + 1;
    return plan->shape == LAYOUT_MESH || forth || (plan->shape == LAYOUT_WHEEL && back);
}

static void add_channels(struct layout *layout)
{
    const struct layout_plan *plan = &layout->plan;
    for (int from = 0; from < plan->nodes; from++) {
        for (int to = 0; to < plan->nodes; to++) {
            if (has_channel(plan, from, to)) add_channel(layout, from, to);
        }
    }
    for (const char *at = plan->late; at != NULL && strlen(at) >= 3; at += at[3] == ' ' ? 4 : 3) {
        int from = at[0] - 'A', to = at[2] - 'A';
        if (layout_channel(layout, from, to) < 0) add_channel(layout, from, to);
        if (plan->sites && layout_channel(layout, to, from) < 0) add_channel(layout, to, from);
        struct layout_channel *channel = &layout->channels[layout_channel(layout, from, to)];
        channel->late = channel->opens = true;
        if (plan->sites) layout->channels[layout_channel(layout, to, from)].late = true;
    }
}

int layout_channel(const struct layout *layout, int from, int to)
{
    for (int c = 0; c < layout->channel_count; c++) {
        if (layout->channels[c].from == from && layout->channels[c].to == to) return c;
    }
    return -1;
}

/* ---- Orders and rounds ---- */

static void add_round(struct layout *layout, const struct layout_order *order)
{
    int r = layout_round(layout, order->initiator, order->number);
    int older = layout_round(layout, order->initiator, order->number - UINT64_C(1));
    if (r < 0) {
        r = layout->round_count++;
        assert(r < LAYOUT_ROUNDS_MAX && order->initiator < LAYOUT_INITIATORS_MAX);
        layout->rounds[r] =
            (struct layout_round){.initiator = order->initiator, .number = order->number};
    }
    if (order->verb == LAYOUT_COLLECT) layout->rounds[r].collected = true;
    if (order->verb == LAYOUT_ABANDON) layout->rounds[r].may_end = true;
    if (older >= 0) layout->rounds[older].may_end = true;
}

static struct layout_order read_order(const char *text)
{
    char verb[8], nodes[LAYOUT_NODES_MAX + 1];
    unsigned initiator, number;
    int read = sscanf(text, " %7s D%u/%u %4[A-D]", verb, &initiator, &number, nodes);
    assert(read == 4);
    (void)read;
    struct layout_order order = {.verb = verb[0] == 's'   ? LAYOUT_START
                                         : verb[0] == 'c' ? LAYOUT_COLLECT
                                                          : LAYOUT_ABANDON,
                                 .initiator = (uint8_t)(initiator - 1),
                                 .number = (uint8_t)number};
    for (const char *node = nodes; *node != '\0'; node++) {
        order.nodes |= (uint8_t)(1 << (*node - 'A'));
    }
    return order;
}

static void add_orders(struct layout *layout)
{
    const char *next = NULL;
    for (const char *at = layout->plan.orders; at != NULL; at = next) {
        assert(layout->order_count < LAYOUT_ORDERS_MAX);
        struct layout_order *order = &layout->orders[layout->order_count++];
        *order = read_order(at);
        add_round(layout, order);
        next = strchr(at, ',');
        if (next != NULL) next++;
    }
}

int layout_round(const struct layout *layout, int initiator, uint64_t number)
{
    for (int r = 0; r < layout->round_count; r++) {
        const struct layout_round *round = &layout->rounds[r];
        if (round->initiator == initiator && round->number == number) return r;
    }
    return -1;
}

const struct layout_order *layout_order(const struct layout *layout, int initiator, int node,
                                        int position)
{
    for (int o = 0; o < layout->order_count; o++) {
        const struct layout_order *order = &layout->orders[o];
        if (order->initiator != initiator || (order->nodes >> node & 1) == 0) continue;
        if (position-- == 0) return order;
    }
    return NULL;
}

/* ---- Actions ---- */

static void add_action(struct layout *layout, enum layout_kind kind, int node, int channel,
                       int initiator)
{
    assert(layout->action_count < LAYOUT_ACTIONS_MAX);
    layout->of_node[node] |= UINT64_C(1) << layout->action_count;
    layout->actions[layout->action_count++] =
        (struct layout_action){kind, (uint8_t)node, (uint8_t)channel, (uint8_t)initiator};
}

/* Node by node: what one node can do is tried together. */
static void add_actions(struct layout *layout, int node)
{
    for (int i = 0; i < LAYOUT_INITIATORS_MAX; i++) {
        if (layout_order(layout, i, node, 0) != NULL) add_action(layout, LAYOUT_ORDER, node, 0, i);
    }
    for (int c = 0; c < layout->channel_count; c++) {
        const struct layout_channel *channel = &layout->channels[c];
        if (channel->from == node && channel->opens) add_action(layout, LAYOUT_OPEN, node, c, 0);
        if (channel->from == node && layout->plan.messages > 0) {
            add_action(layout, LAYOUT_SEND, node, c, 0);
        }
        if (channel->to == node) add_action(layout, LAYOUT_ARRIVE, node, c, 0);
    }
    if (!layout->plan.at_once) add_action(layout, LAYOUT_TAKE, node, 0, 0);
}

void layout_make(struct layout *layout, const struct layout_plan *plan)
{
    assert(plan->nodes <= LAYOUT_NODES_MAX && plan->messages <= LAYOUT_MESSAGES_MAX);
    *layout = (struct layout){.plan = *plan};
    add_channels(layout);
    add_orders(layout);
    for (int n = 0; n < plan->nodes; n++) add_actions(layout, n);
}

/* Sites need more to open a channel, and acknowledge. */
int layout_items_max(const struct layout *layout)
{
    if (layout->plan.sites) return LAYOUT_ITEMS_MAX;
    return layout->plan.messages + layout->round_count + (layout->plan.late != NULL ? 1 : 0);
}

/* ---- Tokens ---- */

uint64_t layout_token(const struct layout *layout, int channel, int message)
{
    return UINT64_C(1) << (channel * layout->plan.messages + message);
}

uint64_t layout_tokens(const struct layout *layout, int node)
{
    uint64_t tokens = layout_token(layout, layout->channel_count, node);
    for (int k = 0; k < layout->out_count[node]; k++) {
        for (int m = 0; m < layout->plan.messages; m++) {
            tokens |= layout_token(layout, layout->outs[node][k], m);
        }
    }
    return tokens;
}

/* ---- Words ---- */

const char *layout_word(const struct layout *layout, int number, char text[24])
{
    static const char *const verbs[] = {"send", "arrive", "take", "order", "open"};
    const struct layout_action *action = &layout->actions[number];
    const struct layout_channel *channel = &layout->channels[action->channel];
    const char *verb = verbs[action->kind];
    if (action->kind == LAYOUT_TAKE) {
        (void)snprintf(text, 24, "%s %c", verb, 'A' + action->node);
    } else if (action->kind == LAYOUT_ORDER) {
        (void)snprintf(text, 24, "%s D%d>%c", verb, action->initiator + 1, 'A' + action->node);
    } else {
        (void)snprintf(text, 24, "%s %c>%c", verb, 'A' + channel->from, 'A' + channel->to);
    }
    return text;
}

const char *layout_round_word(const struct layout *layout, int round)
{
    static const char *const words[LAYOUT_INITIATORS_MAX][LAYOUT_NUMBERS_MAX] = {{"D1/1", "D1/2"},
                                                                                 {"D2/1", "D2/2"}};
    const struct layout_round *of = &layout->rounds[round];
    return words[of->initiator][of->number - 1];
}

int layout_find(const struct layout *layout, const char *word)
{
    char text[24];
    for (int a = 0; a < layout->action_count; a++) {
        if (strcmp(layout_word(layout, a, text), word) == 0) return a;
    }
    return -1;
}
