/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A shortest cycle of a core, counted in tickets: breadth first, backwards from a ticket. */
#ifndef GDN_ANALYSIS_CYCLE_H
#define GDN_ANALYSIS_CYCLE_H

#include "detector/analysis/graph.h"

/* The shortest cycle through one of the tickets @p starts of a core; of equals the first start. No
 * cycle there is shorter than @p least. distance[v] becomes how many tickets lie on the way from v
 * to it, for all v on cycles of that length, else GDN_NONE. *length: its tickets. */
GDN_MUST_USE enum gdn_err gdn__cycle_find(const struct gdn__graph *core, const uint32_t *starts,
                                          size_t start_count, uint32_t least, uint32_t *start,
                                          uint32_t *distance, uint32_t *length);

#endif
