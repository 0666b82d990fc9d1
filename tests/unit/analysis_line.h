/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who stands where at each home of a small world, and whom each entry waits for, listed one by one.
 */
#ifndef GDN_TESTS_ANALYSIS_LINE_H
#define GDN_TESTS_ANALYSIS_LINE_H

#include "analysis_oracle.h"

/* Draw all lines. Tickets that only homes know are added; each ticket learns its entries, and that
 * of a lock its blockers. */
void line_draw_all(struct oracle *oracle);

#endif
