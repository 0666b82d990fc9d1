/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Components of what reduction left, by igraph. cores.c is the only file that sees it;
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

#endif
