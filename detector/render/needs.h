/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a wait that its manager stated needs, in words. */
#ifndef GDN_RENDER_NEEDS_H
#define GDN_RENDER_NEEDS_H

#include "detector/render/textbuf.h"
#include "src/core/map.h"
#include <gordian/verdict.h>

/* Finds the waits whose needs hold a group. Start with {0}. */
struct gdn__needs {
    const gdn_cut *cut;      /* NULL: not looked through yet. */
    struct gdn__map grouped; /* (party, ticket) -> 1 + index among its node's waits. */
};

/* The wait of that ticket, if its needs hold a group; else NULL. The first call looks through the
 * cut. *failed is set when memory ran out. */
const struct gdn_cut_wait *gdn__needs_find(struct gdn__needs *needs, const gdn_cut *cut,
                                           uint32_t issuer, uint64_t ticket, bool *failed);
void gdn__needs_fini(struct gdn__needs *needs);

/* Append "Q, any of (R, all of (S, T)), 2 of (A, B, C)". All on the outermost level is needed. */
void gdn__show_needs(struct gdn__textbuf *out, const gdn_verdict *verdict,
                     const struct gdn_cut_node *node, const struct gdn_cut_wait *wait);

#endif
