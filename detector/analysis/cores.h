/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Cores of what reduction left. igraph is asked where need be and keeps process-wide state, so one
 * thread at a time; what it complains of comes back with its words in @p why. */
#ifndef GDN_ANALYSIS_CORES_H
#define GDN_ANALYSIS_CORES_H

#include "detector/analysis/graph.h"

/* The cores of a graph in which nothing can be satisfied (RULES 11): strongly connected parts that
 * stay stuck with everything outside satisfied. core_of[v] becomes the core of vertex v, numbered
 * from 0, or GDN_NONE. */
GDN_MUST_USE enum gdn_err gdn__cores_find(const struct gdn__graph *stuck, uint32_t *core_of,
                                          uint32_t *core_count, char *why, size_t why_bytes);

#endif
