/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whom the queue entries of a pool wait for: see units.h, and docs/correctness.md, "Pools". */
#ifndef GDN_ANALYSIS_POOLQUEUE_H
#define GDN_ANALYSIS_POOLQUEUE_H

#include "detector/analysis/queue.h"

/* The same as gdn__queue_build() does for other homes, for one that is a pool. @p held_at is
 * scratch that all pools share, by process, zero to begin with; @p drawn begins with the home's
 * first place. */
GDN_MUST_USE enum gdn_err gdn__poolqueue_build(const struct gdn__fold *fold, uint32_t home,
                                               struct gdn__graph *graph, uint32_t *held_at,
                                               struct gdn__drawn_place *drawn);

#endif
