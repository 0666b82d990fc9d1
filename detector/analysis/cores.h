/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Components and cycles of what reduction left, by igraph. cores.c is the only file that sees it;
 * igraph keeps process-wide state, so one thread at a time. Nothing aborts: every complaint of
 * igraph comes back as GDN_ERR_MEMORY or GDN_ERR_SYSTEM with its words in @p why. */
#ifndef GDN_ANALYSIS_CORES_H
#define GDN_ANALYSIS_CORES_H

#include "detector/analysis/graph.h"

/* The cores of a graph in which nothing can be satisfied (RULES 11): strongly connected parts that
 * stay stuck with everything outside satisfied. core_of[v] becomes the core of vertex v, numbered
 * from 0, or GDN_NONE. */
GDN_MUST_USE enum gdn_err gdn__cores_find(const struct gdn__graph *stuck, uint32_t *core_of,
                                          uint32_t *core_count, char *why, size_t why_bytes);

/* The shortest cycle, counted in tickets, through one of the tickets @p starts of a core; of
 * equals the first start. distance[v] becomes how many tickets lie on the way from v to it. */
GDN_MUST_USE enum gdn_err gdn__cores_cycle(const struct gdn__graph *core, const uint32_t *starts,
                                           size_t start_count, uint32_t *start, uint32_t *distance,
                                           char *why, size_t why_bytes);

#endif
