/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is really so in a simulated system: a naive copy of every node's books and of every channel,
 * kept by the simulator from what the applications say and take. Arrays, no graph, no haste.
 *
 * A cut of the truth is a copy of its nodes, each as it was when that node cut; the messages of a
 * channel are the stretch of its log between what the receiver had taken and what the sender had
 * sent. Nothing here looks at a ledger, a participant or a recorded cut.
 *
 *     truth.c        issuers, channels, and what is sent, taken and lost
 *     truth_home.c   a resource at its home: holders, queue, what may be granted
 *     truth_needs.c  what a direct wait is for
 *     truth_line.c   who blocks whom in a cut
 *     truth_judge.c  who is stuck for good in a cut */
#ifndef TESTS_SIM_TRUTH_H
#define TESTS_SIM_TRUTH_H

#include "tests/sim/truth_home.h"
#include "tests/sim/truth_needs.h"
#include <gordian/site.h>

#define TRUTH_NODES     4
#define TRUTH_PROCESSES 8
#define TRUTH_RESOURCES 6
#define TRUTH_TICKETS   64   /* Live, issued by one node. */
#define TRUTH_DIRECT    (-1) /* Instead of a resource. */

/* A ticket, seen from its issuer. */
struct truth_ticket {
    uint64_t number;
    int8_t process, home, resource;
    struct truth_wish wish;
    bool granted;
    uint64_t home_incarnation;
    uint32_t association; /* With its home. */
    uint8_t need_count;   /* Of a direct wait. */
    struct truth_need needs[TRUTH_NEEDS];
};

struct truth_message {
    enum gdn_verb verb; /* 0: a payload. */
    bool refusal;       /* A WAKE that ends a request. */
    int8_t process, resource, by;
    struct truth_wish wish;
    uint64_t number;
    uint64_t amount;
    uint32_t clock[TRUTH_NODES]; /* The sender's vector clock. */
};

/* Of one association of two incarnations. The log is kept for the whole run. */
struct truth_channel {
    struct truth_channel *next; /* Older. */
    uint64_t from, to;          /* Incarnations. */
    uint32_t association;
    struct truth_message *log;
    int sent, taken, capacity;
};

/* One end of a channel as one node knows it. */
struct truth_end {
    struct truth_channel *channel; /* NULL: nothing was sent or taken yet. */
    int count;                     /* Sent, or taken. */
};

struct truth_node {
    uint64_t incarnation; /* 0: not there. */
    struct truth_ticket tickets[TRUTH_TICKETS];
    int ticket_count;
    struct truth_home homes[TRUTH_RESOURCES]; /* Of resources homed here. */
    struct truth_end out[TRUTH_NODES], in[TRUTH_NODES];
    uint64_t knows[TRUTH_NODES];       /* Incarnation that it sends to; 0: none yet ... */
    uint32_t association[TRUTH_NODES]; /* ... and in which association. */
    uint64_t tokens;                   /* A bit each. */
    uint64_t received;                 /* Order-sensitive hash of receipts. */
    uint32_t clock[TRUTH_NODES];
};

/* Why a ticket is no longer there. */
enum truth_end_reason {
    TRUTH_NOT_ENDED,
    TRUTH_SERVED,   /* Granted or woken. */
    TRUTH_GIVEN_UP, /* Cancelled, ended, refused, aborted, lost. */
};

struct truth_ended {
    uint64_t incarnation, number;
    enum truth_end_reason reason;
};

struct truth {
    struct truth_node nodes[TRUTH_NODES];
    int node_count;
    struct truth_channel *channels; /* Newest first. */
    struct truth_ended *ended;      /* Every wait that is over. */
    int ended_count, ended_capacity;
    uint64_t given_up; /* How many, whose waiting was over by itself. */
};

void truth_fini(struct truth *truth);

/* Its waits are over, and it is gone until it starts again. */
void truth_crash(struct truth *truth, int node);
void truth_start(struct truth *truth, int node, uint64_t incarnation);

int truth_home_of(const struct truth *truth, int resource);

/* ---- What applications say; each has succeeded at the site ---- */

void truth_request(struct truth *truth, int node, int process, int resource, struct truth_wish wish,
                   uint64_t number);
void truth_wait_on(struct truth *truth, int node, int process, const struct truth_need *needs,
                   int count, uint64_t number);
void truth_release(struct truth *truth, int node, int process, int resource);
void truth_cancel(struct truth *truth, int node, uint64_t number);
void truth_end(struct truth *truth, int node, int process);
void truth_grant(struct truth *truth, int home, int resource, const struct truth_entry *entry);
void truth_refuse(struct truth *truth, int home, int resource, const struct truth_entry *entry);
/* @p entry moves before the entry at @p before of its queue; past the end: to the tail. */
void truth_requeue(struct truth *truth, int home, int resource, const struct truth_entry *entry,
                   int before);
void truth_wake(struct truth *truth, int node, int to, uint64_t number, int process, int by);
void truth_send(struct truth *truth, int node, int to, uint64_t amount);

/* Whom a node hears, and since which of their losses of each other. */
struct truth_peer {
    int node;
    uint64_t incarnation;
    uint32_t association;
};

/* @p node takes the next message of that peer. False: there is none. */
bool truth_take(struct truth *truth, int node, struct truth_peer from);
/* @p node learns that the peer is gone; @p arrived of its messages are in the inbox. */
void truth_lose(struct truth *truth, int node, struct truth_peer peer, int arrived);
void truth_drop_orphans(struct truth *truth, int node, int peer);

struct truth_ticket *truth_ticket(struct truth_node *node, uint64_t number);
enum truth_end_reason truth_reason(const struct truth *truth, uint64_t incarnation,
                                   uint64_t number);

/* ---- Judging, by definition ---- */

#define TRUTH_WAITS 128
#define TRUTH_WHOLE TRUTH_NODES /* Instead of the node of a branch. */

/* What a pool has given, or will, before it comes to a request. */
struct truth_share {
    int8_t process, branch;
    uint8_t units;
};

struct truth_wait {
    int node, process;
    uint64_t incarnation, number;
    bool blocked_by[TRUTH_PROCESSES][TRUTH_WHOLE + 1]; /* A lock: all of these. */
    int allowance; /* A pool: so many units may be out of the shares. */
    int share_count;
    struct truth_share shares[3 * TRUTH_PLACES];
    uint8_t need_count; /* Of a direct wait, once the mail is delivered. */
    struct truth_need needs[TRUTH_NEEDS];
    bool stuck;
    int core; /* Lowest wait of its core; -1: in none. */
    bool reach[TRUTH_WAITS];
};

struct truth_judged {
    int wait_count;
    struct truth_wait waits[TRUTH_WAITS];
    bool stuck[TRUTH_PROCESSES];
    int core_count;
};

/* The messages of a cut from one node to another: a stretch of the channel's log. */
const struct truth_message *truth_mail(const struct truth_node *nodes, int from, int to,
                                       int *count);

/* Who is stuck for good in this cut: @p nodes[i] as of node i's cut. */
void truth_judge(const struct truth_node *nodes, int count, struct truth_judged *judged);

int truth_find_wait(const struct truth_judged *judged, uint64_t incarnation, uint64_t number);

#endif
