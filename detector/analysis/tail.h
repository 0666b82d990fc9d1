/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who merely waits behind a core: stuck processes that are in no core and reach this one. */
#ifndef GDN_ANALYSIS_TAIL_H
#define GDN_ANALYSIS_TAIL_H

#include "detector/analysis/graph.h"

struct gdn__tails {
    const struct gdn__graph *stuck;
    bool *is_member; /* By process, filled by the caller: in some core. */
    uint32_t *seen;  /* By vertex: 1 + the core whose search saw it last. */
    uint32_t *worklist;
    uint64_t work_left; /* A process behind very many cores is in the end named behind some. */
};

/* gdn__tails_fini() also after an error. */
GDN_MUST_USE enum gdn_err gdn__tails_init(struct gdn__tails *tails, const struct gdn__graph *stuck,
                                          size_t process_count);
void gdn__tails_fini(struct gdn__tails *tails);

/* The tail of core number @p core, whose vertices are given, in no order. Caller frees *tail with
 * the graph's allocator. */
GDN_MUST_USE enum gdn_err gdn__tails_find(struct gdn__tails *tails, uint32_t core,
                                          const uint32_t *vertices, size_t count, uint32_t **tail,
                                          size_t *tail_count);

#endif
