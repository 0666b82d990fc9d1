/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Strongly connected components of a digraph. Simple steps without recursion come first; igraph,
 * which needs ten times their memory and time, gets what they leave:
 *
 *     contraction   a vertex with one way out goes where that leads: a ring becomes one vertex
 *     sweep         whoever lies on no cycle is alone, and a component that is half of what is
 *                   left is what its busiest vertex reaches and is reached by
 *     igraph        the rest; components.c is the only file that sees it
 *
 * igraph keeps process-wide state, so one thread at a time. Nothing aborts: every complaint of it
 * comes back as GDN_ERR_MEMORY or GDN_ERR_SYSTEM. */
#ifndef GDN_ANALYSIS_COMPONENTS_H
#define GDN_ANALYSIS_COMPONENTS_H

#include <gordian/cut.h>

/* The successors of v are to[first[v]..first[v + 1]); loops and repeats may be among them. */
struct gdn__rows {
    uint32_t count;
    const uint32_t *first, *to;
};

/* @p label, by vertex: some vertex of its component, the same for all of it; two are of one exactly
 * if each reaches the other. After a complaint of igraph @p why has its words. */
GDN_MUST_USE enum gdn_err gdn__components_find(const struct gdn_allocator *memory,
                                               const struct gdn__rows *rows, uint32_t *label,
                                               char *why, size_t why_bytes);

#endif
