/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pools of units in the wait-for graph, and their part of a reduction.
 *
 * A queue entry of a pool is satisfied when, of all that stand before it, so much has come back
 * that what is still out leaves room for it:
 *
 *     units out before it  <=  capacity - units it asks for  =  its allowance
 *
 * Drawn as weighted edges that would be quadratic in the queue. Instead each pool is a row of
 * elements, as its queue stands:
 *
 *     share   3 units of A                            (a hold)
 *     exit    POOL vertex of B's entry, allowance 1
 *     share   2 units of B                            (its entry, as those behind it see it)
 *     exit    POOL vertex of C's entry, allowance 2
 *
 * A share counts for the exits behind it, up to its end; it comes back when its vertex (process
 * or branch) is satisfied. Exits are found by a tree of maxima with lazy range additions, so a
 * pool of n elements costs O(n log n) in one reduction, whatever the order in which units come
 * back. The edges of the graph only say who depends on whom: a POOL vertex has one, to a chain of
 * hubs over the shares that it sees, and counting never satisfies it. */
#ifndef GDN_ANALYSIS_UNITS_H
#define GDN_ANALYSIS_UNITS_H

#include <gordian/cut.h>
#include <stdbool.h>

struct gdn__share {
    uint32_t vertex; /* Share: process or branch. Exit: the POOL vertex. */
    uint32_t units;  /* Share: what it has. Exit: its allowance. */
    uint32_t end;    /* Share: behind the last element that sees it. Exit: 0. */
    bool queued;     /* Share: not held, it only stands before others in the queue. */
};

/* All pools of a graph, one behind the other. */
struct gdn__units {
    struct gdn__share *shares;
    size_t count, capacity;
    /* After gdn__units_index(): the elements of vertex v are of[first[v]..first[v + 1]). NULL
     * while there are no elements. */
    uint32_t *first, *of;
};

void gdn__units_fini(struct gdn__units *units, const struct gdn_allocator *memory);

GDN_MUST_USE enum gdn_err gdn__units_add(struct gdn__units *units,
                                         const struct gdn_allocator *memory,
                                         struct gdn__share share);

GDN_MUST_USE enum gdn_err gdn__units_index(struct gdn__units *units,
                                           const struct gdn_allocator *memory, size_t vertex_count);

/* The elements of the part made of @p vertices; all others count as satisfied. place[v] is 1 + the
 * new number of v. */
GDN_MUST_USE enum gdn_err gdn__units_part(const struct gdn__units *units,
                                          const struct gdn_allocator *memory,
                                          const uint32_t *vertices, size_t count,
                                          const uint32_t *place, struct gdn__units *part);

/* ---- In a reduction ---- */

/* What has come back so far. Does nothing for a graph without pools. */
struct gdn__returns {
    const struct gdn__units *units;
    struct gdn_allocator memory;
    size_t count;      /* Elements that take part, */
    uint32_t *element; /* in groups, each in the order of its row; by place here: which, */
    uint32_t *end;     /* and its end. */
    uint32_t *place;   /* By element: 1 + its place; 0: it takes no part. */
    size_t leaves;     /* A power of two. */
    int64_t *begin;    /* By leaf: what is left of an exit's allowance before anything came back. */
    int64_t *best;     /* The tree, from 1: the most that is left below, but for additions above. */
    int64_t *more;     /* Additions to all below an inner node. */
};

/* Nothing has come back yet. With @p group (by vertex; GDN_NONE: counts as satisfied) vertices see
 * only those of their own group. gdn__returns_fini() also after an error. */
GDN_MUST_USE enum gdn_err gdn__returns_init(struct gdn__returns *returns,
                                            const struct gdn__units *units,
                                            const struct gdn_allocator *memory,
                                            const uint32_t *group);
void gdn__returns_fini(struct gdn__returns *returns);

/* Begin anew. */
void gdn__returns_reset(struct gdn__returns *returns);

/* @p vertex is satisfied: its units come back. Once for each vertex. */
void gdn__returns_take(struct gdn__returns *returns, uint32_t vertex);

/* The next POOL vertex that is satisfied by what came back; each is given once. False: none. */
bool gdn__returns_next(struct gdn__returns *returns, uint32_t *vertex);

#endif
