/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whom a queue entry waits for (RULES 1 to 3), drawn with hubs so that a queue of n entries costs
 * about n edges and not n squared:
 *
 *     hub(mode, i) = all of { hub(mode, i - 1), entry i if it conflicts with mode }
 *     hub(mode, 0) = the holders that conflict with mode
 *
 * A hub is made when the first entry needs it; one that would hold a single link is that link. */
#ifndef GDN_ANALYSIS_QUEUE_H
#define GDN_ANALYSIS_QUEUE_H

#include "detector/analysis/fold.h"
#include "detector/analysis/graph.h"

/* The edge to everything that blocks one place. to GDN_NONE: nothing does. */
struct gdn__blockers {
    uint32_t to, info;
};

/* A place of the fold as it is drawn. */
struct gdn__drawn_place {
    struct gdn__blockers blockers;
    uint32_t vertex; /* Its own, see optional.h; GDN_NONE: it has none. */
};

/* Add the hubs of all homes to @p graph, and say how each place of the fold is drawn. The processes
 * are the graph's first vertices. */
GDN_MUST_USE enum gdn_err gdn__queue_build(const struct gdn__fold *fold, struct gdn__graph *graph,
                                           struct gdn__drawn_place *drawn);

#endif
