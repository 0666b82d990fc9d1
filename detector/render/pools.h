/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The pools that a deadlock is about, in words: how many units there are, and who has them. */
#ifndef GDN_RENDER_POOLS_H
#define GDN_RENDER_POOLS_H

#include "detector/render/textbuf.h"
#include "src/core/map.h"
#include <gordian/verdict.h>

/* Finds pools among what the homes recorded. Start with {0}. */
struct gdn__pools {
    const gdn_cut *cut;    /* NULL: not looked through yet. */
    struct gdn__map homes; /* (party, resource) -> 1 + index among its node's homes. */
};

void gdn__pools_fini(struct gdn__pools *pools);

/* A line for each pool that one of the first @p edges edges of the witness asks for, as its home
 * recorded it: "  conn at n1 has 4 units: A holds 1, B 2". The first call looks through
 * the cut. */
void gdn__show_pools(struct gdn__textbuf *out, const gdn_verdict *verdict, struct gdn__pools *pools,
                     const struct gdn_deadlock *deadlock, size_t edges);

#endif
