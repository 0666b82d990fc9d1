/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A verdict as a Graphviz digraph: one cluster for each deadlock. A ring stands on a grid
 * (grid.h), row by row; what is no ring is left to Graphviz. Everything is quoted. */
#include "render.h"

#include "detector/render/grid.h"
#include "detector/render/notes.h"
#include "detector/render/picture.h"
#include "detector/render/shown.h"
#include "detector/render/standing.h"
#include <inttypes.h>

#define EDGES_MAX     128 /* More cannot be read in a picture, and Graphviz takes long over them. */
#define DEADLOCKS_MAX 64  /* Clusters on one sheet. */

/* ---- A ring on its grid ---- */

/* What stands in a cell: a member, or in the last one all that find no room. */
static bool is_fold(const struct gdn__picture *picture, size_t cell)
{
    return cell == picture->shown;
}

static void add_cell(struct gdn__picture *picture, size_t cell)
{
    if (is_fold(picture, cell)) {
        gdn__textbuf_addf(picture->out, "\"d%zu fold\"", picture->number);
    } else {
        gdn__picture_vertex(picture, picture->deadlock->witness[cell].waiter);
    }
}

/* Graphviz sets the first end of an edge above or to the left of the second, so what leads up or to
 * the left is written backwards. */
static void add_step(struct gdn__picture *picture, const struct gdn__grid *grid, size_t from)
{
    size_t to = from + 1 == grid->count ? 0 : from + 1;
    struct gdn__cell a = grid->cells[from], b = grid->cells[to];
    bool forwards = b.row > a.row || (b.row == a.row && b.column > a.column);
    size_t edge = is_fold(picture, from) ? picture->deadlock->witness_count - 1 : from;
    gdn__textbuf_add(picture->out, "    ");
    add_cell(picture, forwards ? from : to);
    gdn__textbuf_add(picture->out, " -> ");
    add_cell(picture, forwards ? to : from);
    gdn__picture_edge_end(picture, &picture->deadlock->witness[edge],
                          a.row == b.row ? "\\n" : "\\l",
                          forwards ? ", weight=\"100\"" : ", weight=\"100\", dir=\"back\"");
}

/* From the end of the upper row down and around the corner: a slanted line would cross its label.
 */
static bool is_corner(const struct gdn__grid *grid, size_t from)
{
    struct gdn__cell a = grid->cells[from], b = grid->cells[(from + 1) % grid->count];
    return b.row == a.row + 1 && b.column + 1 == a.column;
}

static void add_corner(struct gdn__picture *picture, size_t from, size_t to)
{
    struct gdn__textbuf *out = picture->out;
    const struct gdn_edge *edge = &picture->deadlock->witness[from];
    gdn__textbuf_addf(out,
                      "    \"d%zu corner\" [shape=\"point\", style=\"invis\", width=\"0\", "
                      "height=\"0\"];\n    ",
                      picture->number);
    add_cell(picture, from);
    gdn__textbuf_addf(out, " -> \"d%zu corner\" [weight=\"100\", arrowhead=\"none\"%s];\n    ",
                      picture->number, gdn__picture_edge_style(edge));
    add_cell(picture, to);
    gdn__textbuf_addf(out, " -> \"d%zu corner\"", picture->number);
    gdn__picture_edge_end(picture, edge, "\\n", ", weight=\"100\", dir=\"back\"");
    gdn__textbuf_add(out, "    { rank=\"same\"; ");
    add_cell(picture, to);
    gdn__textbuf_addf(out, "; \"d%zu corner\"; }\n", picture->number);
}

static bool are_neighbours(const struct gdn__grid *grid, size_t a, size_t b)
{
    return (a + 1) % grid->count == b || (b + 1) % grid->count == a;
}

/* Cells of one row in one rank, and those of one column below each other: where no edge does that,
 * one that is not seen. */
static void add_rows(struct gdn__picture *picture, const struct gdn__grid *grid)
{
    size_t above[GDN__GRID_MAX] = {0}; /* By column: 1 + the cell seen last. */
    for (size_t row = 0; row < grid->rows; row++) {
        gdn__textbuf_add(picture->out, "    { rank=\"same\";");
        for (size_t i = 0; i < grid->count; i++) {
            if (grid->cells[i].row != row) continue;
            gdn__textbuf_add_char(picture->out, ' ');
            add_cell(picture, i);
            gdn__textbuf_add_char(picture->out, ';');
        }
        gdn__textbuf_add(picture->out, " }\n");
        for (size_t i = 0; i < grid->count; i++) {
            if (grid->cells[i].row != row) continue;
            size_t upper = above[grid->cells[i].column];
            above[grid->cells[i].column] = i + 1;
            if (upper == 0 || are_neighbours(grid, upper - 1, i)) continue;
            gdn__textbuf_add(picture->out, "    ");
            add_cell(picture, upper - 1);
            gdn__textbuf_add(picture->out, " -> ");
            add_cell(picture, i);
            gdn__textbuf_add(picture->out, " [style=\"invis\", weight=\"100\"];\n");
        }
    }
}

/* Notes hang from the last row, where nothing is below them. */
static size_t lowest_cell(const struct gdn__grid *grid)
{
    size_t lowest = 0;
    for (size_t i = 0; i < grid->count; i++) {
        if (grid->cells[i].row > grid->cells[lowest].row) lowest = i;
    }
    return lowest;
}

static void add_ring(struct gdn__picture *picture)
{
    struct gdn__grid grid;
    size_t count = picture->deadlock->witness_count;
    bool folded = count > GDN__GRID_MAX;
    gdn__grid_lay(&grid, folded ? GDN__GRID_MAX : count);
    picture->shown = folded ? GDN__GRID_MAX - 1 : count;
    for (size_t i = 0; i < picture->shown; i++) {
        gdn__picture_member(picture, picture->deadlock->witness[i].waiter);
    }
    if (folded) {
        gdn__note_open(picture, "fold");
        gdn__textbuf_addf(picture->out, "%zu more\"];\n", count - picture->shown);
    }
    for (size_t i = 0; i < grid.count; i++) {
        if (is_corner(&grid, i)) {
            add_corner(picture, i, i + 1);
        } else {
            add_step(picture, &grid, i);
        }
    }
    add_rows(picture, &grid);
    size_t lowest = lowest_cell(&grid);
    picture->anchor = picture->deadlock->witness[is_fold(picture, lowest) ? 0 : lowest].waiter;
}

/* ---- Anything else ---- */

/* The first victims that no drawn edge concerns; of a clump nearly all members are some. */
static void add_victims_beside(struct gdn__picture *picture)
{
    const struct gdn_deadlock *deadlock = picture->deadlock;
    size_t added = 0;
    for (size_t i = 0; i < deadlock->victim_count && added < GDN__PICTURE_NAMES_MAX; i++) {
        if (gdn__picture_has(picture, deadlock->victims[i].process)) continue;
        gdn__picture_member(picture, deadlock->victims[i].process);
        added++;
    }
}

static void add_web(struct gdn__picture *picture)
{
    const struct gdn_deadlock *deadlock = picture->deadlock;
    size_t count = deadlock->witness_count;
    picture->shown = count < EDGES_MAX ? count : EDGES_MAX;
    for (size_t i = 0; i < deadlock->member_count; i++) {
        if (gdn__picture_has(picture, deadlock->members[i]))
            gdn__picture_member(picture, deadlock->members[i]);
    }
    add_victims_beside(picture);
    for (size_t i = 0; i < picture->shown; i++) {
        gdn__textbuf_add(picture->out, "    ");
        gdn__picture_vertex(picture, deadlock->witness[i].waiter);
        gdn__textbuf_add(picture->out, " -> ");
        gdn__picture_vertex(picture, deadlock->witness[i].holder);
        gdn__picture_edge_end(picture, &deadlock->witness[i], "\\l", "");
    }
    picture->anchor = deadlock->members[deadlock->member_count - 1];
    if (!gdn__picture_has(picture, picture->anchor)) picture->anchor = deadlock->witness[0].waiter;
    if (count == picture->shown) return;
    gdn__note_open(picture, "more");
    gdn__textbuf_addf(picture->out, "%zu more waits", count - picture->shown);
    gdn__note_close(picture, "more");
}

/* ---- The sheet ---- */

static void add_deadlock(struct gdn__picture *picture, size_t number)
{
    struct gdn__textbuf *out = picture->out;
    picture->number = number;
    picture->deadlock = &picture->verdict->deadlocks[number];
    gdn__textbuf_addf(out, "  subgraph \"cluster_%zu\" {\n    label=\"deadlock ", number);
    gdn__show_short_id(out, picture->verdict, picture->deadlock);
    gdn__textbuf_addf(out, ": %zu processes\";\n    margin=\"36\";\n",
                      picture->deadlock->member_count);
    /* The frame tells several deadlocks apart; one needs none. */
    if (picture->verdict->deadlock_count == 1) gdn__textbuf_add(out, "    peripheries=\"0\";\n");
    if (picture->deadlock->witness_count > 0) {
        if (gdn__is_ring(picture->deadlock))
            add_ring(picture);
        else
            add_web(picture);
        gdn__notes_add(picture);
    }
    gdn__textbuf_add(out, "  }\n");
}

/* Several deadlocks stand in rows, about as many below as beside each other: the last member of one
 * is above the first of another. */
static void add_sheet(struct gdn__picture *picture, size_t count)
{
    uint32_t lowest[DEADLOCKS_MAX];
    size_t beside = 1;
    while (beside * beside < count) beside++;
    for (size_t i = 0; i < count; i++) {
        add_deadlock(picture, i);
        lowest[i] = picture->anchor;
        if (i < beside || picture->deadlock->witness_count == 0) continue;
        gdn__textbuf_addf(picture->out, "  \"d%zu p%" PRIu32 "\" -> ", i - beside,
                          lowest[i - beside]);
        gdn__picture_vertex(picture, picture->deadlock->witness[0].waiter);
        gdn__textbuf_add(picture->out, " [style=\"invis\", minlen=\"2\"];\n");
    }
}

static void add_head(struct gdn__picture *picture)
{
    const struct gdn__colours *colours = picture->colours;
    struct gdn__textbuf *out = picture->out;
    gdn__textbuf_addf(out,
                      "digraph \"gordian\" {\n"
                      "  graph [bgcolor=\"%s\", rankdir=\"TB\", nodesep=\"0.3\", ranksep=\"0.5\", "
                      "fontname=\"Helvetica\", fontsize=\"14\", fontcolor=\"%s\", color=\"%s\", "
                      "style=\"rounded\", pad=\"0.2\"];\n",
                      colours->page, colours->text, colours->faint);
    gdn__textbuf_addf(out,
                      "  node [shape=\"box\", style=\"rounded,filled\", color=\"%s\", "
                      "fillcolor=\"%s\", fontcolor=\"%s\", fontname=\"Helvetica\", "
                      "fontsize=\"12\", margin=\"0.15,0.08\"];\n",
                      colours->box_line, colours->box, colours->text);
    gdn__textbuf_addf(out,
                      "  edge [color=\"%s\", fontcolor=\"%s\", fontname=\"Helvetica\", "
                      "fontsize=\"11\", penwidth=\"1.3\"];\n",
                      colours->line, colours->text);
}

/* What the sheet does not show, and how sure that is where not all answered. */
static void add_foot(struct gdn__picture *picture)
{
    struct gdn__textbuf *out = picture->out;
    size_t count = picture->verdict->deadlock_count;
    bool complete = picture->verdict->complete;
    if (count == 0 || count > DEADLOCKS_MAX) {
        gdn__textbuf_addf(out,
                          "  \"note\" [shape=\"plaintext\", style=\"\", class=\"note\", "
                          "fontcolor=\"%s\", label=\"",
                          picture->colours->faint);
        if (count > 0) gdn__textbuf_addf(out, "%zu more deadlocks\"];\n", count - DEADLOCKS_MAX);
        if (count == 0) gdn__textbuf_add(out, "no deadlock");
        if (count == 0 && !complete) gdn__textbuf_add(out, " that the nodes' answers prove");
        if (count == 0) gdn__textbuf_add(out, "\"];\n");
    }
    if (complete) return;
    struct gdn__textbuf text = {0};
    gdn__show_completeness(&text, picture->verdict);
    gdn__textbuf_add(out, "  labelloc=\"b\";\n  label=\"cut ");
    gdn__picture_escape(out, &text);
    gdn__textbuf_add(out, count > 0 ? ": there may be more\";\n" : "\";\n");
    gdn__textbuf_fini(&text);
}

void gdn__render_dot(const gdn_verdict *verdict, const struct gdn__render_options *options,
                     struct gdn__textbuf *out)
{
    struct gdn__picture picture = {
        .verdict = verdict, .colours = gdn__colours_of(options->scheme), .out = out};
    size_t count = verdict->deadlock_count;
    add_head(&picture);
    add_sheet(&picture, count < DEADLOCKS_MAX ? count : DEADLOCKS_MAX);
    add_foot(&picture);
    gdn__textbuf_add(out, "}\n");
}
