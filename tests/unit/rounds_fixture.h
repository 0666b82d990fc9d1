/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A detector's rounds under a virtual clock. What they want done is written down, one line each:
 *
 *     "   0 start 1 n1\n"       milliseconds, what, round, node
 *     "  20 finish 1: n1 n2; missing n3\n"
 *
 * Node number k is called "nk" and has incarnation 100 + k. */
#ifndef GDN_TESTS_ROUNDS_FIXTURE_H
#define GDN_TESTS_ROUNDS_FIXTURE_H

#include "detector/rounds/rounds.h"

#define WATCH_INCARNATION 5
#define WATCH_TRACE_BYTES 16384

struct watch {
    gdn__rounds *rounds;
    int64_t now_us;
    char trace[WATCH_TRACE_BYTES];
    size_t length;
    size_t failed_joins;
    struct gdn_allocator allocator;
};

/* @p expect: names separated by commas, or NULL. False: out of memory. */
bool watch_open(struct watch *watch, int64_t period_ms, int64_t deadline_ms, const char *expect);
void watch_close(struct watch *watch);

/* The trace since the last call is @p expected, to the letter. */
void watch_expect(struct watch *watch, const char *expected);

void watch_set_clock(struct watch *watch, int64_t ms);
/* That, and tell that time has passed. */
void watch_at(struct watch *watch, int64_t ms);
/* The next deadline, in milliseconds; -1: at once, -2: never. */
int64_t watch_deadline(const struct watch *watch);

void watch_join(struct watch *watch, uint32_t node);
void watch_leave(struct watch *watch, uint32_t node);
void watch_suspect(struct watch *watch);
/* Something came from it last at that time. */
void watch_heard(struct watch *watch, uint32_t node, int64_t heard_ms);
void watch_fail(struct watch *watch, uint32_t node, uint64_t round, const char *reason);

/* What a report says. */
struct watch_report {
    uint32_t speaks_for;  /* 0: for its sender. */
    uint64_t incarnation; /* 0: of whom it speaks for. */
    uint32_t also;        /* A second node in the same report; 0: none. */
    uint32_t to, from;    /* A channel to or from that node; 0: none. */
    uint64_t count;       /* Sent on it, or taken from it. */
    bool open;            /* The incoming one is. */
    bool twice;           /* The channel to that node stands there twice. */
    bool own_modes;       /* It uses lock modes of its own. */
    size_t cut_off;       /* So many bytes are missing at its end. */
};
void watch_report(struct watch *watch, uint32_t node, uint64_t round,
                  const struct watch_report *says);
/* The same, of a round with that initiator. */
void watch_report_of(struct watch *watch, uint32_t node, gdn_round_id round,
                     const struct watch_report *says);
gdn_round_id watch_round(uint64_t number);

#endif
