/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "grid.h"

#include <assert.h>

/* A cell is about 2.3 times as wide as it is high, so a picture of the shape of a screen has 0.7
 * times as many columns as rows. The way back up needs an even number of rows. */
static size_t choose_rows(size_t count)
{
    size_t rows = 2;
    if (count == 2) return 1;
    while (7 * (rows + 2) * (rows + 2) <= 10 * count) rows += 2;
    return rows;
}

static void add_cell(struct gdn__grid *grid, size_t row, size_t column)
{
    grid->cells[grid->count++] = (struct gdn__cell){row, column};
}

static void add_row(struct gdn__grid *grid, size_t row, size_t first, size_t end)
{
    for (size_t i = first; i < end; i++) {
        add_cell(grid, row, row % 2 == 0 ? i : first + end - 1 - i);
    }
}

void gdn__grid_lay(struct gdn__grid *grid, size_t count)
{
    assert(count >= 2 && count <= GDN__GRID_MAX);
    size_t rows = choose_rows(count), columns = (count + rows - 1) / rows;
    size_t spare = rows * columns - count; /* Less than a column. */
    *grid = (struct gdn__grid){.rows = rows, .columns = columns};

    /* The way up can do without its cells, and a turn at the right end without its two. */
    size_t turn = rows > 2 && spare == rows - 1 ? 1 : 0;
    size_t up = rows > 2 ? rows - 2 - (spare - 2 * turn) : 0;
    for (size_t row = 0; row < rows; row++) {
        size_t end = columns - (row < 2 ? turn : 0) - (rows == 2 && row == 1 ? spare : 0);
        add_row(grid, row, row == 0 || row == rows - 1 ? 0 : 1, end);
    }
    for (size_t row = up; row > 0; row--) add_cell(grid, row, 0);
    assert(grid->count == count);
}
