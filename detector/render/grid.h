/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where the members of a ring stand in a picture: one closed way over rows and columns, on which
 * each step leads to the next cell.
 *
 *       1 -->  2 -->  3 -->  4
 *       ^                    |          to the right in even rows, to the left in odd ones,
 *      12      7 <--  6 <--  5          and back up in the first column
 *       ^      |
 *      11      8 -->  9 -->  .          where members are too few for all cells, some steps are
 *       ^                    |          longer
 *       .  <--  . <--  .<-- 10
 */
#ifndef GDN_RENDER_GRID_H
#define GDN_RENDER_GRID_H

#include <stddef.h>

#define GDN__GRID_MAX 256

struct gdn__cell {
    size_t row, column;
};

struct gdn__grid {
    size_t rows, columns, count;
    struct gdn__cell cells[GDN__GRID_MAX]; /* In the order of the ring. */
};

/* Lay out @p count members, 2 to GDN__GRID_MAX, about as wide as a screen is to its height. */
void gdn__grid_lay(struct gdn__grid *grid, size_t count);

#endif
