/* SPDX-License-Identifier: MIT */
/* A small system that the explorer can go through completely: who is there, what is sent over which
 * channels, who orders which rounds. A plan says it in a line; a layout is the plan worked out,
 * with everything that can ever happen as a numbered action of one node.
 *
 *     send A>B      A's application sends its next message to B
 *     arrive A>B    what is first on that channel (message, marker, opening list) arrives at B
 *     take B        B's application takes the oldest message from its inbox
 *     order D1>A    what D1 says next to A (start, collect, abandon) arrives
 *     open A>B      A opens the channel: the rounds it has cut go ahead on it */
#ifndef TESTS_EXPLORE_LAYOUT_H
#define TESTS_EXPLORE_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

#define LAYOUT_NODES_MAX      4
#define LAYOUT_PEERS_MAX      (LAYOUT_NODES_MAX - 1)
#define LAYOUT_CHANNELS_MAX   (LAYOUT_NODES_MAX * LAYOUT_PEERS_MAX)
#define LAYOUT_MESSAGES_MAX   4 /* On one channel. */
#define LAYOUT_INITIATORS_MAX 2
#define LAYOUT_NUMBERS_MAX    2 /* Rounds of one initiator are 1 and 2. */
#define LAYOUT_ROUNDS_MAX     (LAYOUT_INITIATORS_MAX * LAYOUT_NUMBERS_MAX)
#define LAYOUT_ORDERS_MAX     4
#define LAYOUT_ITEMS_MAX      (LAYOUT_MESSAGES_MAX + LAYOUT_ROUNDS_MAX + 8) /* On one channel. */
#define LAYOUT_ACTIONS_MAX    64 /* A set of them is one word. */

enum layout_shape {
    LAYOUT_RING,  /* A > B > C > A */
    LAYOUT_WHEEL, /* The same, and back. */
    LAYOUT_LINE,  /* A = B = C, both ways. */
    LAYOUT_MESH   /* Everyone to everyone. */
};

enum layout_verb { LAYOUT_START, LAYOUT_COLLECT, LAYOUT_ABANDON };

/* Said by one initiator to some nodes; heard at each in the order in which it is listed. */
struct layout_order {
    enum layout_verb verb;
    uint8_t initiator; /* From 0. */
    uint8_t number;    /* Of the round, from 1. */
    uint8_t nodes;     /* A bit each. */
};

/* A host that does it wrong, to show that the explorer sees it. */
enum layout_fault {
    LAYOUT_NO_FAULT,
    LAYOUT_MARKER_LATE,  /* One more message leaves between the recording and the marker. */
    LAYOUT_STATE_LATE,   /* The application's state is recorded one action later. */
    LAYOUT_TAKEN_EARLY,  /* What arrives is counted as taken, though the state knows nothing of it.
                          */
    LAYOUT_WRONG_CHANNEL /* A marker is filed under another peer than it came from. */
};

struct layout_plan {
    const char *name;
    int nodes;
    enum layout_shape shape;
    int messages;           /* On each channel. */
    const char *orders;     /* "start D1/1 AB, start D2/1 C": verb, initiator/round, to whom. */
    uint64_t interleavings; /* How many there are; a change must be explained. */
    bool at_once;     /* Messages are taken as they arrive, as in the paper; there is no inbox. */
    const char *late; /* Channels that open in time, also further ones: "A>B B>C". */
    bool sites;       /* Whole sites, not participants; then one end opens both ways. */
    bool night;       /* Too long for `make check`. */
    enum layout_fault fault;
};

struct layout_channel {
    uint8_t from, to;
    uint8_t out, in; /* Its place among the sender's and the receiver's channels. */
    bool late;       /* It is not there at the beginning ... */
    bool opens;      /* ... and its sender opens it; else its receiver does, or nobody need. */
};

struct layout_round {
    uint8_t initiator, number;
    bool collected; /* It may be reported with channels open. */
    bool may_end;   /* It may be replaced or abandoned. */
};

enum layout_kind { LAYOUT_SEND, LAYOUT_ARRIVE, LAYOUT_TAKE, LAYOUT_ORDER, LAYOUT_OPEN };

struct layout_action {
    enum layout_kind kind;
    uint8_t node;
    uint8_t channel;   /* SEND, ARRIVE, OPEN */
    uint8_t initiator; /* ORDER */
};

struct layout {
    struct layout_plan plan;
    int channel_count;
    struct layout_channel channels[LAYOUT_CHANNELS_MAX];
    uint8_t outs[LAYOUT_NODES_MAX][LAYOUT_PEERS_MAX]; /* Channels by their place. */
    uint8_t ins[LAYOUT_NODES_MAX][LAYOUT_PEERS_MAX];
    uint8_t out_count[LAYOUT_NODES_MAX], in_count[LAYOUT_NODES_MAX];
    int order_count;
    struct layout_order orders[LAYOUT_ORDERS_MAX];
    int round_count;
    struct layout_round rounds[LAYOUT_ROUNDS_MAX];
    int action_count;
    struct layout_action actions[LAYOUT_ACTIONS_MAX];
    uint64_t of_node[LAYOUT_NODES_MAX]; /* Its actions. */
};

void layout_make(struct layout *layout, const struct layout_plan *plan);

/* The channel's number; -1: there is none. */
int layout_channel(const struct layout *layout, int from, int to);
/* The round's number in the layout; -1: it has none. */
int layout_round(const struct layout *layout, int initiator, uint64_t number);
/* What an initiator says to a node, by position; NULL after the last. */
const struct layout_order *layout_order(const struct layout *layout, int initiator, int node,
                                        int position);

/* No more than so many items ever leave on one channel. */
int layout_items_max(const struct layout *layout);

/* Tokens are distinct powers of two: each message carries one, each node keeps one. */
uint64_t layout_token(const struct layout *layout, int channel, int message);
/* What a node has before anything happens. */
uint64_t layout_tokens(const struct layout *layout, int node);

/* "send A>B" and so on, and back: -1 when there is no such action. @p text has room for 24. */
const char *layout_word(const struct layout *layout, int action, char text[24]);
/* "D1/2": a static text, for rounds are few. */
const char *layout_round_word(const struct layout *layout, int round);
int layout_find(const struct layout *layout, const char *word);

#endif
