/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The components that a few passes over a digraph tell: of whoever lies on no cycle, and those that
 * are at least half of what is left. Each pass that is not the last settles half of what is left,
 * so for n vertices there are log n at most. */
#ifndef GDN_ANALYSIS_SWEEP_H
#define GDN_ANALYSIS_SWEEP_H

#include "detector/analysis/components.h"

/* @p rows without loops. @p label, by vertex: the number of one vertex of its component; GDN_NONE:
 * not settled. *left: how many are not. */
GDN_MUST_USE enum gdn_err gdn__sweep(const struct gdn_allocator *memory,
                                     const struct gdn__rows *rows, uint32_t *label, uint32_t *left);

#endif
