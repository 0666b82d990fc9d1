/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Small random cuts, as plain tables with small numbers, and the same as a gdn_cut with its tables
 * in any order. */
#ifndef GDN_TESTS_ANALYSIS_WORLD_H
#define GDN_TESTS_ANALYSIS_WORLD_H

#include <gordian/verdict.h>

#define PROCESSES 6
#define RESOURCES 4
#define NODES     3
#define THINGS    32 /* Most records of one kind. */
#define NEEDS     12 /* Most needs of one direct wait. */
#define NOWHERE   (-1)
#define BRANCHES  (2 * NODES) /* A process works in two threads at each node. */

struct world_hold {
    int resource, process, issuer;
    uint64_t ticket;
    uint8_t mode;
    bool brief;
    uint32_t units; /* Of a pool; else 0. */
};

struct world_entry {
    int resource, process, issuer;
    uint64_t ticket;
    uint8_t mode;
    uint32_t units;
};

struct world_need {
    enum gdn_need_kind kind;
    int process, resource, branch; /* NOWHERE: none. A need for a resource stands at its home. */
    uint32_t branch_id;            /* Of branch. */
    bool queued;
    uint32_t at_least, children;
};

struct world_wait {
    int node, process, resource; /* resource NOWHERE: a direct wait. */
    uint64_t ticket;
    uint8_t mode;
    struct world_need needs[NEEDS];
    int need_count;
};

struct world_message {
    enum gdn_verb verb;
    int from, to, process, resource, by;
    uint64_t ticket;
    uint8_t mode, flags;
    uint32_t units;
};

struct world {
    struct gdn_modes modes;
    int home_of[RESOURCES];
    bool unordered[RESOURCES];
    uint32_t capacity[RESOURCES]; /* Units of a pool; 0: a lock. */
    bool reported[NODES], waits_listed[NODES];
    bool open[NODES][NODES]; /* [from][to] */
    bool abortable[PROCESSES];
    int64_t started_us[PROCESSES];
    uint64_t last_ticket[NODES];
    struct world_hold holds[THINGS];
    int hold_count;
    struct world_entry entries[THINGS]; /* In queue order. */
    int entry_count;
    struct world_wait waits[THINGS];
    int wait_count;
    struct world_message messages[THINGS]; /* In channel order. */
    int message_count;
};

/* A third of the tickets is of the second thread. */
static inline uint32_t world_branch_id(uint64_t ticket)
{
    return ticket % 3 == 0 ? 1 : 0;
}

uint64_t world_random(uint64_t *seed);
int world_below(uint64_t *seed, int limit);
bool world_chance(uint64_t *seed, int percent);

/* Kinds of worlds, to be added up. In a whole one all nodes answered, all channels are closed, and
 * only issuers give up. */
#define WORLD_CHOICES 1u /* Direct waits may need fewer than all. */
#define WORLD_WHOLE   2u

void world_make(struct world *world, uint64_t *seed, unsigned kind);

/* The world as a checked cut; *seed decides the order of its tables. Caller frees with
 * gdn_cut_free(). */
gdn_cut *world_cut(const struct world *world, uint64_t *seed);

/* The number in the world behind an index of the cut. */
int world_process(const gdn_cut *cut, uint32_t process);
int world_resource(const gdn_cut *cut, uint32_t resource);
int world_node(const gdn_cut *cut, uint32_t party);

#endif
