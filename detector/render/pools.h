/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The pools that a deadlock is about, in words: how many units there are, and who has them. */
#ifndef GDN_RENDER_POOLS_H
#define GDN_RENDER_POOLS_H

#include "detector/render/textbuf.h"
#include <gordian/verdict.h>

/* A line for each pool that one of the first @p edges edges of the witness asks for, as its home
 * recorded it: "  conn at n1 has 4 units: A holds 1, B 2". */
void gdn__show_pools(struct gdn__textbuf *out, const gdn_verdict *verdict,
                     const struct gdn_deadlock *deadlock, size_t edges);

#endif
