/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The edges that a person needs to see to believe a deadlock, and no more: the shortest cycle;
 * where needs are not all-of, every edge of the core, since each closes one way out. */
#ifndef GDN_ANALYSIS_WITNESS_H
#define GDN_ANALYSIS_WITNESS_H

#include "detector/analysis/core.h"

/* Sets witness and witness_count of @p deadlock, whose allocator is the cut's. */
GDN_MUST_USE enum gdn_err gdn__witness_find(struct gdn__core *core, struct gdn_deadlock *deadlock);

#endif
