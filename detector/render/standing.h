/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How sure a verdict is: of which round, whether all answered, and what follows if not. */
#ifndef GDN_RENDER_STANDING_H
#define GDN_RENDER_STANDING_H

#include "detector/render/textbuf.h"
#include <gordian/verdict.h>

/* Channels whose marker had not come at the deadline. */
size_t gdn__count_open(const gdn_cut *cut);

/* "complete and balanced", or "incomplete: no report from n4" */
void gdn__show_completeness(struct gdn__textbuf *out, const gdn_verdict *verdict);

/* " (round detector-1/42, cut complete and balanced)" */
void gdn__show_standing(struct gdn__textbuf *out, const gdn_verdict *verdict);

/* What is not known because of what is missing, in lines of its own; nothing of a complete cut. */
void gdn__show_unknown(struct gdn__textbuf *out, const gdn_verdict *verdict);

#endif
