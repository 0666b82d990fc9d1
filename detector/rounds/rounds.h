/* SPDX-License-Identifier: GPL-2.0-or-later */
/* When a detector takes a snapshot, whom it asks, and when it has waited long enough. Pure: facts
 * and time come in, orders to nodes and finished cuts come out.
 *
 *     resting --due, suspected--> collecting --deadline--> calling --> hurrying --> resting
 *        ^                          |    START to all        COLLECT to the silent   ABANDON
 *        |                          |
 *        +------ all answered ------+----- failed, joined, left: again after a pause
 *
 * Who has been heard since the round began is given the second deadline to hand over what it has.
 * Of whom nothing came in all that time nothing is expected: calling is only as long as it takes
 * to read what may lie unread, should the detector itself have slept through its deadline.
 *
 * One round of scope waits at a time; a suspicion during it starts the next when it ends (RULES 8):
 * else suspicions that are faster than rounds would never let one end. Joining and leaving restart
 * the round (RULES 9). A cut that does not balance is thrown away. */
#ifndef GDN_ROUNDS_ROUNDS_H
#define GDN_ROUNDS_ROUNDS_H

#include <gordian/cut.h>

#define GDN__ROUND_HURRY_MAX_US                                                                    \
    INT64_C(500000)                            /* Second deadline: half the first, at most this.   \
                                                */
#define GDN__ROUND_CALL_US      INT64_C(20000) /* Of it, for those not heard since the start. */
#define GDN__ROUND_PAUSE_US     INT64_C(10000) /* Before trying again; doubles up to the next. */
#define GDN__ROUND_PAUSE_MAX_US INT64_C(1000000)
#define GDN__ROUND_PATIENCE     3 /* Failed in a row; then a node that fails a round is missing. */
#define GDN__ROUND_WHY_BYTES    1024

typedef struct gdn__rounds gdn__rounds;

struct gdn__rounds_options {
    const char *name; /* Of the detector: the initiator. Copied. */
    uint64_t incarnation;
    int64_t period_us; /* 0: only on suspicion. */
    int64_t deadline_us;
    const char *const *expect; /* Nodes that are missing when they have not registered. Copied. */
    size_t expect_count;
    struct gdn_allocator allocator;
};

enum gdn__rounds_event_type {
    GDN__ROUNDS_JOINED,    /* node, name, incarnation: may be asked from now on. */
    GDN__ROUNDS_LEFT,      /* node. */
    GDN__ROUNDS_SUSPECTED, /* Somebody wants a round. */
    GDN__ROUNDS_REPORTED,  /* node, round, bytes. */
    GDN__ROUNDS_FAILED,    /* node, round, reason: it cannot report that round. */
    GDN__ROUNDS_HEARD,     /* node, heard_us: for each, just before TIME_PASSED. */
    GDN__ROUNDS_TIME_PASSED
};

struct gdn__rounds_event {
    enum gdn__rounds_event_type type;
    int64_t now_us; /* Monotonic. */
    int64_t utc_us; /* Since 1970: only written into cuts. */
    uint32_t node;  /* The host's number for it; small, never used again. */
    const char *name;
    uint64_t incarnation;
    gdn_round_id round;
    const uint8_t *bytes;
    size_t length;
    const char *reason;
    int64_t heard_us; /* When anything came from the node last; monotonic. */
};

enum gdn__rounds_action_type {
    GDN__ROUNDS_START,   /* Tell node that round begins. */
    GDN__ROUNDS_COLLECT, /* Tell node to hand over what it has. */
    GDN__ROUNDS_ABANDON, /* Tell node that nobody wants round any more. */
    GDN__ROUNDS_REFUSE,  /* node's report is useless: why. It counts as missing. */
    GDN__ROUNDS_FAIL,    /* round failed: why. It will be tried again. */
    GDN__ROUNDS_FINISH   /* cut is the round's: checked, with its missing named. */
};

struct gdn__rounds_action {
    enum gdn__rounds_action_type type;
    uint32_t node;
    gdn_round_id round;
    int64_t started_us; /* FINISH: monotonic. */
    gdn_cut *cut;       /* FINISH: caller frees with gdn_cut_free(). */
    const char *why;
};

/* Actions in order, borrowed until the next step or free. */
struct gdn__rounds_actions {
    const struct gdn__rounds_action *actions;
    size_t count;
};

/* NULL: out of memory. The first periodic round is due one period after @p now_us. */
gdn__rounds *gdn__rounds_new(const struct gdn__rounds_options *options, int64_t now_us);
void gdn__rounds_free(gdn__rounds *rounds);

/* Advance by one event. GDN_ERR_MEMORY from JOINED alone: the node was not registered. */
GDN_MUST_USE enum gdn_err gdn__rounds_step(gdn__rounds *rounds,
                                           const struct gdn__rounds_event *event,
                                           struct gdn__rounds_actions *actions);

/* When TIME_PASSED should come; INT64_MAX: no need. */
int64_t gdn__rounds_deadline(const gdn__rounds *rounds);

struct gdn__rounds_counters {
    uint64_t started, finished, failed, reports_refused;
    size_t nodes;
};
struct gdn__rounds_counters gdn__rounds_counters(const gdn__rounds *rounds);

#endif
