/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A part of the wait-for graph with nothing but its members left: process to process. Only where
 * that says the same, that is where all needs are all-of and nobody waits for a branch alone. */
#ifndef GDN_ANALYSIS_QUOTIENT_H
#define GDN_ANALYSIS_QUOTIENT_H

#include "detector/analysis/breaker.h"
#include "detector/analysis/graph.h"

/* Hubs stand for very many links. Parts with more than these are not drawn, */
#define GDN__QUOTIENT_LINKS_MAX (1u << 20)
/* nor those with more than so many for each member, which most of them must leave anyway; */
#define GDN__QUOTIENT_DENSITY_MAX 64
/* and not further than to where they are so many more than that for the members so far. */
#define GDN__QUOTIENT_AHEAD_MAX (1u << 17)

struct gdn__quotient {
    struct gdn__digraph digraph;
    bool drawn; /* false: it would not say the same, or be too large. */
    uint32_t *first, *to;
    size_t to_capacity;
    bool *fixed;
};

/* @p number: by vertex of @p part, of each process its number from 0 to @p count - 1; those from
 * @p free_count on are fixed. gdn__quotient_fini() also after an error. */
GDN_MUST_USE enum gdn_err gdn__quotient_init(struct gdn__quotient *quotient,
                                             const struct gdn__graph *part, const uint32_t *number,
                                             uint32_t count, uint32_t free_count);
void gdn__quotient_fini(struct gdn__quotient *quotient, const struct gdn_allocator *memory);

#endif
