/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is known of deadlocks over many rounds, and the orders to abort that were given. Pure: a
 * round's verdict, answers and time come in; news and orders come out.
 *
 *     incident  id, tickets; found once, gone when a later complete round no longer contains it
 *       '- order  (node, incarnation, process, ticket): asked -> aborted | stale | refused
 *                                                             | unknown when nothing is heard
 *
 * Verdicts name the same incident when they have its id or share a ticket with it (RULES 15). For
 * a core nothing is asked while an order naming one of its tickets is unanswered (RULES 14), nor on
 * a picture that was taken before the last answer: that answer may have broken it already. A core
 * that queue order alone closes is broken by an abort only if it still stands in a later round. */
#ifndef GDN_ROUNDS_INCIDENTS_H
#define GDN_ROUNDS_INCIDENTS_H

#include <gordian/verdict.h>

#define GDN__INCIDENTS_MAX      65536
#define GDN__ORDER_US           INT64_C(2000000) /* Unanswered for longer: unknown. */
#define GDN__INCIDENT_WHO_BYTES 200

typedef struct gdn__incidents gdn__incidents;

enum gdn__order_state {
    GDN__ORDER_ASKED,
    GDN__ORDER_ABORTED,
    GDN__ORDER_STALE,   /* The ticket had ended; a later round tells whether that was enough. */
    GDN__ORDER_REFUSED, /* The manager does not abort that one. */
    GDN__ORDER_UNKNOWN  /* No answer in time, or its node is lost. An answer may still come. */
};

/* One victim's wait, to be ended by the node that issued it. */
struct gdn__order {
    gdn_id deadlock;
    char *node; /* Owned. */
    uint64_t incarnation;
    gdn_process_id process;
    char *shown; /* Owned: the process, as people see it. */
    uint64_t ticket;
    int64_t asked_us;
    enum gdn__order_state state;
};

/* One that stands. Borrowed until the next call that changes anything. */
struct gdn__incident {
    gdn_id id; /* As first reported. */
    gdn_round_id found_in;
    int64_t found_us;                  /* Monotonic. */
    int64_t found_utc_us;              /* Since 1970. */
    char who[GDN__INCIDENT_WHO_BYTES]; /* Its members as first seen: "T1, T2 and 3 more". */
    size_t member_count;
    uint64_t rounds;      /* That have shown it. */
    gdn_round_id seen_in; /* The last of them. */
    bool resolving;       /* At least one order was given. */
    enum gdn__order_state last;
};

enum gdn__news_type {
    GDN__NEWS_FOUND,   /* deadlock: its index in the verdict. */
    GDN__NEWS_ASK,     /* order: send it. */
    GDN__NEWS_OUTCOME, /* order: what became of it, after_us. */
    GDN__NEWS_GONE     /* id, after_us. */
};

struct gdn__news {
    enum gdn__news_type type;
    gdn_id id; /* Of the incident. */
    size_t deadlock;
    struct gdn__order *order; /* Borrowed until the next call. */
    int64_t after_us;         /* OUTCOME: since it was asked. GONE: since it was found. */
};

struct gdn__incidents_options {
    int64_t order_us; /* 0: GDN__ORDER_US. */
    /* Told in order. May not call back. */
    void (*tell)(void *context, const struct gdn__news *news);
    void *context;
    struct gdn_allocator allocator;
};

gdn__incidents *gdn__incidents_new(const struct gdn__incidents_options *options);
void gdn__incidents_free(gdn__incidents *incidents);

struct gdn__seen {
    const gdn_verdict *verdict;
    gdn_round_id round;
    int64_t started_us, now_us; /* Monotonic. */
    int64_t utc_us;
};

/* A round has its verdict. GDN_ERR_MEMORY, GDN_ERR_LIMIT: some deadlock was not remembered; the
 * next round that contains it reports it. */
GDN_MUST_USE enum gdn_err gdn__incidents_see(gdn__incidents *incidents,
                                             const struct gdn__seen *seen);

/* The order that this is about, of that node and incarnation, was answered. Unasked answers are
 * ignored. */
void gdn__incidents_answer(gdn__incidents *incidents, const char *node, uint64_t incarnation,
                           uint64_t ticket, enum gdn__order_state state, int64_t now_us);

/* That incarnation is gone: its orders will not be answered. */
void gdn__incidents_lose(gdn__incidents *incidents, const char *node, uint64_t incarnation,
                         int64_t now_us);

/* Time has passed: unanswered orders become unknown. */
void gdn__incidents_pass(gdn__incidents *incidents, int64_t now_us);
/* When gdn__incidents_pass() should be called; INT64_MAX: no need. */
int64_t gdn__incidents_deadline(const gdn__incidents *incidents);

/* Those that stand, oldest first. */
size_t gdn__incidents_count(const gdn__incidents *incidents);
const struct gdn__incident *gdn__incidents_at(const gdn__incidents *incidents, size_t index);

#endif
