/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whom to abort: a small set of members whose removal frees the core, checked by reducing again
 * without them. Removing a process satisfies the links to it and nothing else (RULES 1). A function
 * of the core and the policy alone, so that any number of detectors agree.
 *
 *     one that does alone      tried one after the other; in a very large core, the preferred one
 *     all needs all-of         breaking cycles (breaker.h): up to GDN__BREAKER_EXACT_MAX members
 *                              the fewest, beyond a few
 *     others                   sets of two, three ... tried one after the other while that is
 *                              little work, then greedily by preference */
#ifndef GDN_ANALYSIS_VICTIMS_H
#define GDN_ANALYSIS_VICTIMS_H

#include "detector/analysis/fold.h"
#include "detector/analysis/graph.h"
#include "detector/analysis/policy.h"

struct gdn__choice {
    uint32_t *victims;   /* Processes, the preferred one first; freed with the cut's allocator. */
    size_t victim_count; /* 0: those that may be aborted do not free it. */
    size_t candidate_count; /* Members that may be aborted, */
    size_t member_count;    /* and all. */
    size_t alone_count;     /* How many of them would do alone; 0: none, or it was not counted. */
    uint32_t runner_up;     /* If one victim will do: the next best that would; else GDN_NONE. */
    bool minimal;           /* No smaller set would do. */
};

/* Choose for the cores whose vertices in the stuck graph these are. @p place as for
 * gdn__graph_part(); @p number_of is scratch as well: by process, zeroes, and zeroes again on
 * return. */
GDN_MUST_USE enum gdn_err gdn__victims_choose(const struct gdn__fold *fold,
                                              const struct gdn__graph *stuck,
                                              const uint32_t *vertices, size_t count,
                                              uint32_t *place, uint32_t *number_of,
                                              const struct gdn__preference *preference,
                                              struct gdn__choice *choice);

#endif
