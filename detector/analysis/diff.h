/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What changed between two cuts: nodes, deadlocks, and tickets, waited on and held.
 *
 * A ticket is named by its issuer, the issuer's incarnation and its number and is never used
 * again, so equal names are one wait whatever lies between the cuts. Both cuts are taken with
 * their mail delivered: a wait whose grant is in flight is over, a hold given up in flight is gone.
 * Pure; its order goes by names and numbers, never by the order of the cuts' tables. */
#ifndef GDN_ANALYSIS_DIFF_H
#define GDN_ANALYSIS_DIFF_H

#include <gordian/verdict.h>

/* A ticket that waits or holds. Names are borrowed from the cut. */
struct gdn__diff_ticket {
    const char *node; /* Its issuer. */
    uint64_t incarnation, number;
    const char *home; /* "": a wait on no resource. */
    gdn_id resource_id;
    uint32_t process, resource; /* In its own cut; resource may be GDN_NONE. */
    uint64_t waited_us;         /* 0 for a hold. */
    uint32_t units;             /* Of a pool; 0: not of one, or not known. */
    uint8_t mode;
};

struct gdn__diff_node {
    const char *name;
    uint64_t incarnation;
};

/* Indices in the first and the second side. */
#define GDN__DIFF_ABSENT SIZE_MAX
struct gdn__diff_pair {
    size_t from, to;
};

struct gdn__diff_pairs {
    struct gdn__diff_pair *pairs;
    size_t count, capacity;
};

struct gdn__diff_side {
    const gdn_verdict *verdict; /* Borrowed. */
    struct gdn__diff_ticket *waits, *holds;
    size_t wait_count, wait_capacity, hold_count, hold_capacity;
    struct gdn__diff_node *nodes; /* That gave a report. */
    size_t node_count, node_capacity;
};

struct gdn__diff {
    struct gdn__diff_side from, to;
    struct gdn__diff_pairs waits, holds, nodes;
    /* Of the verdicts' deadlocks. Those that share a ticket are one and the same, changed (RULES
     * 15), so that one of them can be in several pairs. */
    struct gdn__diff_pairs deadlocks;
};

/* Borrows both verdicts, and their cuts, until gdn__diff_fini(), which may be called after an error
 * too. GDN_ERR_MEMORY. */
GDN_MUST_USE enum gdn_err gdn__diff_init(struct gdn__diff *diff, const gdn_verdict *from,
                                         const gdn_verdict *to);
void gdn__diff_fini(struct gdn__diff *diff);

/* True when the side's cut names that node as missing. */
bool gdn__diff_is_missing(const struct gdn__diff_side *side, const char *node);

#endif
