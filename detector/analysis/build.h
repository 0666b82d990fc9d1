/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From the delivered cut to its wait-for graph. Process p is vertex p, wait w is vertex
 * process_count + w; branches, hubs and groups follow. */
#ifndef GDN_ANALYSIS_BUILD_H
#define GDN_ANALYSIS_BUILD_H

#include "detector/analysis/fold.h"
#include "detector/analysis/graph.h"

/* @p graph is initialised and empty; finished on return, also to be freed after an error. */
GDN_MUST_USE enum gdn_err gdn__build(const struct gdn__fold *fold, struct gdn__graph *graph);

#endif
