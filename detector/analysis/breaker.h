/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Breaking all cycles of a directed graph by removing few vertices (a feedback vertex set).
 *
 * Both ways contract first: a vertex with a loop must go, one without predecessors or successors
 * lies on no cycle, and one with a single neighbour on one side is bypassed, since every cycle
 * through it leads through that neighbour. On what is left, a small graph is searched in full:
 * each vertex goes or is bypassed. In a large one the vertex of most ways through it goes, again
 * and again.
 *
 * Vertices are numbered by preference, and nothing but these numbers decides: the answer is a
 * function of the graph. */
#ifndef GDN_ANALYSIS_BREAKER_H
#define GDN_ANALYSIS_BREAKER_H

#include <gordian/base.h>

/* Graphs of up to so many vertices are searched in full, */
#define GDN__BREAKER_EXACT_MAX 64
/* unless more than so many choices of "goes or is bypassed" were looked at. */
#define GDN__BREAKER_CHOICES_MAX (1u << 14)

struct gdn__digraph {
    uint32_t count;  /* Vertices, those that should rather go first. */
    uint32_t *first; /* The successors of v are to[first[v]..first[v + 1]), without repeats. */
    uint32_t *to;
    const bool *fixed; /* By vertex: it may not be removed. */
};

/* Choose vertices that are not fixed and leave no cycle when removed; all that are not fixed
 * together do. @p chosen has room for all; in the order of preference. *fewest: no smaller set
 * would do, and of those of this size it is the first in lexicographic order. */
GDN_MUST_USE enum gdn_err gdn__breaker_find(const struct gdn_allocator *memory,
                                            const struct gdn__digraph *graph, uint32_t *chosen,
                                            size_t *chosen_count, bool *fewest);

/* The large way alone, for comparing. */
GDN_MUST_USE enum gdn_err gdn__breaker_find_greedily(const struct gdn_allocator *memory,
                                                     const struct gdn__digraph *graph,
                                                     uint32_t *chosen, size_t *chosen_count);

#endif
