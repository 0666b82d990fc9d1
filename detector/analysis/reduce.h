/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reduction: what can go on goes on, and what waits only for that goes on too. Linear, with a
 * worklist instead of recursion: a chain of ten million waits must not overflow a stack. */
#ifndef GDN_ANALYSIS_REDUCE_H
#define GDN_ANALYSIS_REDUCE_H

#include "detector/analysis/graph.h"

struct gdn__reduction {
    const struct gdn__graph *graph;
    uint32_t *pending; /* By vertex: needs not met yet; 0: satisfied. */
    uint32_t *worklist;
    size_t freed_count;
    size_t free_count; /* Those that need nothing: the first of the worklist. */
    bool begun;
    struct gdn__returns returns; /* Of the pools. */
};

/* Nothing satisfied yet. gdn__reduction_fini() also after an error. */
GDN_MUST_USE enum gdn_err gdn__reduction_init(struct gdn__reduction *reduction,
                                              const struct gdn__graph *graph);
void gdn__reduction_fini(struct gdn__reduction *reduction);

/* Begin anew and satisfy whatever can be, with the @p removed_count vertices in @p removed
 * (distinct) taken as satisfied from the start. True when everything is. */
bool gdn__reduce(struct gdn__reduction *reduction, const uint32_t *removed, size_t removed_count);

/* Take more vertices as satisfied, going on from where it stands. True when everything is. */
bool gdn__reduce_further(struct gdn__reduction *reduction, const uint32_t *removed,
                         size_t removed_count);

#endif
