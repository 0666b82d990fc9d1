/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Links that another order of a queue would turn: an entry is served before one that it stands
 * behind, waits for it no longer, and is waited for instead where they conflict. In a pool one
 * entry moves at most. */
#ifndef GDN_ANALYSIS_TURN_H
#define GDN_ANALYSIS_TURN_H

#include "detector/analysis/redraw.h"

/* Whether @p link can be turned, and which entries that concerns. */
void gdn__turn_find(const struct gdn__redrawing *redrawing, struct gdn__redrawn_link *link);

/* Sets out[] as fate[] says, and adds to @p graph and shares[] what that costs those who are
 * passed; possible is false where that cannot be said. */
GDN_MUST_USE enum gdn_err gdn__turn_all(struct gdn__redrawing *redrawing, struct gdn__graph *graph);

#endif
