/* SPDX-License-Identifier: MIT */
/* What has become of one node: all that others, and the judge, can know of it. Plain data without
 * gaps of meaning: two nodes that went through the same have equal bytes. */
#ifndef TESTS_EXPLORE_FACTS_H
#define TESTS_EXPLORE_FACTS_H

#include "tests/explore/layout.h"

enum facts_phase { FACTS_NOT_YET, FACTS_CUT, FACTS_REPORTED, FACTS_ENDED };

struct facts_round {
    uint64_t tokens;                    /* In the state at the cut, and on recorded channels. */
    uint32_t report;                    /* Of a site: a number for its bytes, from 1. */
    uint8_t phase;                      /* An enum facts_phase. */
    uint8_t outs, ins, open;            /* Channels of its report, by place: a bit each. */
    uint8_t sent[LAYOUT_PEERS_MAX];     /* By the application before the cut. */
    uint8_t taken[LAYOUT_PEERS_MAX];    /* By the application before the cut. */
    uint8_t recorded[LAYOUT_PEERS_MAX]; /* So many in the report: those right after the taken. */
    uint8_t markers[LAYOUT_PEERS_MAX];  /* Sent. */
    uint8_t heard;                      /* Late channels whose list had arrived at the report. */
};

struct facts {
    uint64_t enabled; /* What the node can do by itself: all but arrivals. */
    uint32_t items[LAYOUT_PEERS_MAX][LAYOUT_ITEMS_MAX]; /* Ever sent, by place. */
    uint8_t item_count[LAYOUT_PEERS_MAX];
    uint8_t arrived[LAYOUT_PEERS_MAX];                       /* Items, by place. */
    uint8_t sent[LAYOUT_PEERS_MAX], taken[LAYOUT_PEERS_MAX]; /* Messages, by place. */
    uint8_t orders[LAYOUT_INITIATORS_MAX];                   /* Heard of each initiator. */
    struct facts_round rounds[LAYOUT_ROUNDS_MAX];
    char broken[96]; /* What the node itself did wrong; "": nothing. */
};

#endif
