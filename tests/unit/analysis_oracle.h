/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a small world means, by definition and without haste: every message is looked up when it
 * matters, every blocker is listed by itself, and what is stuck is found by trying every set. */
#ifndef GDN_TESTS_ANALYSIS_ORACLE_H
#define GDN_TESTS_ANALYSIS_ORACLE_H

#include "analysis_world.h"

#define BLOCKERS 512

/* "That ticket waits for that process", or for one of its branches. */
struct oracle_blocker {
    int process, branch; /* branch: below BRANCHES; NOWHERE: the whole process. */
    bool queued;
    int option;     /* 1 + the ticket with a choice whose entry that is; 0: it is none. */
    int resource;   /* Where that entry stands. */
    uint32_t units; /* Of a pool; else 0. */
};

/* An entry of a queue, or a request on its way there. */
struct oracle_place {
    int process, issuer, channel, position; /* channel: the sender; NOWHERE: recorded. */
    uint64_t ticket;
    uint8_t mode, flags;
    int option;                /* 1 + its ticket, if that has a choice; else 0. */
    uint32_t units, allowance; /* Of a pool: so many units may be out before it; else 0. */
    struct oracle_blocker blockers[3 * THINGS]; /* Holds and places before it. */
    int blocker_count;
    const struct oracle_place *others[THINGS]; /* Its process's other entries there, if some have a
                                                  choice; one that is granted may cover this one. */
    int other_count;
};

struct oracle_ticket {
    int process, node, branch;
    uint64_t number;
    int wait; /* In the world's waits[]; NOWHERE: only its home knows it. */
    bool direct;
    struct oracle_blocker blockers[BLOCKERS]; /* Of a lock: all of them. */
    int blocker_count;
    const struct oracle_place *at[RESOURCES]; /* Its entries, until the next world is judged; NULL:
                                                 no home knows it. */
    bool partial; /* At some resource not all that stand before it must go. */
    bool stuck;
    /* Over ticket numbers of the oracle, among the stuck, for all-of waits: */
    bool next[THINGS * 2]; /* It waits for a process or branch that needs that ticket. */
    bool reach[THINGS * 2];
    int core; /* The lowest ticket of its core; NOWHERE: in none. */
};

struct oracle {
    const struct world *world;
    struct oracle_ticket tickets[THINGS * 2];
    int ticket_count;
    bool waiting[PROCESSES]; /* It has a ticket, also one of unknown blockers. */
    bool stuck[PROCESSES];
    bool all_of; /* No stuck ticket has a choice. */
};

/* Judge the world. */
void oracle_judge(struct oracle *oracle, const struct world *world);

/* Those of @p tickets (a bit each) that are served, or gone, if the processes in @p gone (a bit
 * each) go away and every ticket that is not in the set is served. */
uint64_t oracle_served(const struct oracle *oracle, uint64_t tickets, unsigned gone);

/* Whether that is all of them. */
bool oracle_frees(const struct oracle *oracle, uint64_t tickets, unsigned gone);

/* Change @p oracle as if the ticket @p served had been served before the entries of @p process that
 * it stands behind. Of one oracle at a time: the entries of the last that was changed are kept. */
void oracle_pass(struct oracle *oracle, const struct oracle *as_it_was, int served, int process,
                 int resource);

/* The ticket of that name; NOWHERE. */
int oracle_find(const struct oracle *oracle, int node, uint64_t number);

/* ---- For analysis_line.c ---- */

/* @p wait: in the world's waits[]; NOWHERE: only its home knows it. */
void oracle_add(struct oracle *oracle, int process, int node, uint64_t number, int wait,
                bool direct);
void oracle_add_blocker(struct oracle_ticket *ticket, struct oracle_blocker blocker);
bool oracle_has_choice(const struct oracle *oracle, const struct oracle_ticket *ticket);

/* Of its process, the branch that a ticket belongs to. */
int oracle_branch(int node, uint64_t ticket);

#endif
