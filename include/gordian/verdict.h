/* SPDX-License-Identifier: GPL-2.0-or-later */
/** @file verdict.h  What a cut means: each deadlock with its core, tail, witness and victims.
 *
 *  gdn_analyze() is a pure function of the cut and the policy (DESIGN: deliver the mail, build the
 *  wait-for graph, reduce, cores by igraph, witness, victims). igraph keeps process-wide state, so
 *  one thread at a time may analyze in a process.
 *
 *  A verdict refers to its cut by index and borrows it, with its allocator, until
 *  gdn_verdict_free(). Every order in it goes by shown names, then ids, never by the order of the
 *  cut's tables: detectors that merged the same reports differently say the same.
 *
 *  In an incomplete cut (complete is false) what is reported holds whatever the unseen part does:
 *  a hold or wait that an unseen message could end counts as ended, and a group that asks for
 *  fewer than all of its needs counts as met (RULES 10). */
#ifndef GORDIAN_VERDICT_H
#define GORDIAN_VERDICT_H

#include <gordian/cut.h>

#ifdef __cplusplus
extern "C" {
#endif

enum gdn_policy {
    GDN_POLICY_NONE,
    GDN_POLICY_YOUNGEST,
    GDN_POLICY_OLDEST,
    GDN_POLICY_LEAST_WORK,
    GDN_POLICY_FEWEST_LOCKS,
    GDN_POLICY_LOWEST_PRIORITY
};

/** "youngest", "least-work", … Static text. */
GDN_API const char *gdn_policy_name(enum gdn_policy policy);
/** False when no policy has that name. */
GDN_API bool gdn_policy_from_name(const char *name, enum gdn_policy *policy);

enum gdn_model { GDN_MODEL_ALL, GDN_MODEL_ANY, GDN_MODEL_MIXED };

/** One wait-for edge that a person needs to see. Where a waiter waits for a holder in several
 *  ways, the one that lasts longest: rather not queued, then not a branch. */
struct gdn_edge {
    uint32_t waiter, holder; /**< Processes of the cut. */
    uint32_t issuer;         /**< Party whose ticket the wait is: "node" in the outward forms. */
    uint64_t ticket;
    uint32_t home;     /**< Party where the resource lives; GDN_NONE: a direct wait. */
    uint32_t resource; /**< GDN_NONE: a direct wait that names none. */
    uint32_t units;    /**< Of a pool, that the waiter asks for; 0: mode counts. */
    uint8_t mode;      /**< That the waiter asks for; 0 for a direct wait. */
    uint64_t waited_us;
    bool in_flight; /**< The request had not arrived at home. */
    bool queued;    /**< The holder only stands before the waiter in the queue, blocked itself. */
    bool branch;    /**< Only until the holder's work at one node goes on. */
    uint32_t waiter_branch; /**< Which branch of the waiter waits; 0: its node's only one. */
    uint32_t holder_branch; /**< With branch, which of the holder's must go on; else 0. */
};

/** The wait to end, so that the abort can be refused when any part has changed: of the process's
 *  tickets in the core the first by issuer name, incarnation and number. */
struct gdn_victim {
    uint32_t process;
    uint32_t party; /**< Node and incarnation that issued the ticket. */
    uint64_t ticket;
};

/** Serve @c first before @c second. The same two may stand there for several queues. */
struct gdn_reorder {
    uint32_t first, second; /**< Processes. */
    uint32_t resource;      /**< In whose queue; GDN_NONE: a wait stated as one of order. */
    uint32_t home;          /**< Party; GDN_NONE as well. */
};

struct gdn_deadlock {
    gdn_id id; /**< FNV-1a (gdn_id_from_bytes) over tickets[]: of each the issuer's 16 bytes,
                    incarnation and number, these two low byte first. */
    enum gdn_model model;
    uint32_t *members; /**< Processes of the core, sorted by name; never a tail. */
    size_t member_count;
    uint32_t *tail; /**< Stuck, in no core, and waiting behind this one; sorted by name. One that
                         waits behind very many cores is listed with some of them. */
    size_t tail_count;
    struct gdn_cut_ticket *tickets; /**< Those of members that wait inside the core: what makes
                                         two deadlocks the same one. By issuer id, incarnation,
                                         number. */
    size_t ticket_count;
    struct gdn_edge *witness; /**< GDN_MODEL_ALL: a shortest cycle, in its order, from its first
                                   waiter by name. Else every edge of the core (at most 65536). */
    size_t witness_count;
    struct gdn_victim *victims; /**< Removing them frees the core; the preferred one first. Empty
                                     when none was asked for, when those that may be aborted do
                                     not free it, or when reorder says how to. */
    size_t victim_count;
    bool victims_minimal; /**< Proved: no fewer would do. Else a heuristic found them: the core has
                             more than 64 members, or the search took too long. */
    char *victim_reason;  /**< "youngest of 2: started …", or why none; never NULL. */
    struct gdn_reorder *reorder; /**< Where queue order alone closes the core: all of these
                                      together free it, whatever the policy. */
    size_t reorder_count;
    struct gdn_victim *otherwise; /**< With reorder: whose abort would free the core, for those who
                                       cannot reorder. Not part of the outward forms. */
    size_t otherwise_count;
};

typedef struct gdn_verdict {
    const gdn_cut *cut;             /**< Borrowed. */
    bool complete;                  /**< Every node answered and every channel was closed. */
    struct gdn_deadlock *deadlocks; /**< Sorted by first member. */
    size_t deadlock_count;
    size_t process_count; /**< That wait or are waited for. */
    size_t waiting_count; /**< Processes with a ticket that neither was served nor given up once the
                               mail was delivered, whether or not it is known for whom they wait. */
    struct gdn__names *names; /**< Private. */
} gdn_verdict;

/** Judge a checked cut. Caller frees *verdict with gdn_verdict_free(). GDN_ERR_MEMORY,
 *  GDN_ERR_LIMIT (more vertices than 32 bits count), GDN_ERR_SYSTEM (igraph failed; @p why). */
GDN_API GDN_MUST_USE enum gdn_err gdn_analyze(const gdn_cut *cut, enum gdn_policy policy,
                                              gdn_verdict **verdict, char *why, size_t why_bytes);

GDN_API void gdn_verdict_free(gdn_verdict *verdict);

/** The name people see of a process: its name, else its label, else its 32 digits; where two
 *  processes of the cut would look the same, a space and the id in parentheses follow. @p text has
 *  GDN_SHOWN_NAME_BYTES. Returns @p text. */
#define GDN_SHOWN_NAME_BYTES (GDN_NAME_MAX + 40)
GDN_API const char *gdn_verdict_process_name(const gdn_verdict *verdict, uint32_t process,
                                             char *text);
/** The same for a resource. */
GDN_API const char *gdn_verdict_resource_name(const gdn_verdict *verdict, uint32_t resource,
                                              char *text);

#ifdef __cplusplus
}
#endif
#endif
