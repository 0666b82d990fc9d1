/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A verdict as a Graphviz digraph: one cluster for each deadlock. A ring stands on a grid
 * (grid.h), row by row; what is no ring is left to Graphviz. Everything is quoted. */
#include "render.h"

#include "detector/render/beside.h"
#include "detector/render/grid.h"
#include "detector/render/shown.h"
#include "detector/render/standing.h"
#include <inttypes.h>

#define EDGES_MAX     128 /* More cannot be read in a picture, and Graphviz takes long over them. */
#define DEADLOCKS_MAX 64  /* Clusters on one sheet. */
#define NAMES_MAX     8   /* Names that are written out in a note. */

struct picture {
    const gdn_verdict *verdict;
    const struct gdn__colours *colours;
    struct gdn__textbuf *out;
    size_t number; /* Of the deadlock. */
    const struct gdn_deadlock *deadlock;
    size_t shown;    /* Edges of its witness that are drawn one by one. */
    uint32_t anchor; /* The member that notes are tied to. */
};

/* ---- Text ---- */

/* Text inside a quoted label: Graphviz reads backslashes and entities in it. */
static void add_escaped(struct gdn__textbuf *out, const struct gdn__textbuf *text)
{
    if (text->failed) out->failed = true;
    if (text->text == NULL || text->failed) return;
    for (const char *at = text->text; *at != '\0'; at++) {
        if (*at == '&') {
            gdn__textbuf_add(out, "&amp;");
            continue;
        }
        if (*at == '"' || *at == '\\') gdn__textbuf_add_char(out, '\\');
        gdn__textbuf_add_char(out, *at);
    }
}

typedef void add_name(struct gdn__textbuf *, const gdn_verdict *, uint32_t);

static void add_process_name(struct gdn__textbuf *out, const gdn_verdict *verdict, uint32_t index)
{
    gdn__show_process(out, verdict, index, false);
}

static void add_label_of(struct picture *picture, add_name *name, uint32_t index)
{
    struct gdn__textbuf text = {0};
    name(&text, picture->verdict, index);
    add_escaped(picture->out, &text);
    gdn__textbuf_fini(&text);
}

static void add_label_text(struct picture *picture, const char *label)
{
    struct gdn__textbuf text = {0};
    gdn__textbuf_add_shown(&text, label);
    add_escaped(picture->out, &text);
    gdn__textbuf_fini(&text);
}

static void add_vertex(struct picture *picture, uint32_t process)
{
    gdn__textbuf_addf(picture->out, "\"d%zu p%" PRIu32 "\"", picture->number, process);
}

/* ---- Members ---- */

/* The party that a member waits at, by its first edge; GDN_NONE when no edge is its own. */
static uint32_t issuer_of(const struct picture *picture, uint32_t process)
{
    for (size_t i = 0; i < picture->shown; i++) {
        const struct gdn_edge *edge = &picture->deadlock->witness[i];
        if (edge->waiter == process) return edge->issuer;
    }
    return GDN_NONE;
}

static void add_member(struct picture *picture, uint32_t process)
{
    struct gdn__textbuf *out = picture->out;
    const struct gdn_cut_process *known = &picture->verdict->cut->processes[process];
    bool victim = gdn__is_victim(picture->deadlock, process);
    uint32_t issuer = issuer_of(picture, process);
    gdn__textbuf_add(out, "    ");
    add_vertex(picture, process);
    gdn__textbuf_add(out, " [label=\"");
    add_label_of(picture, add_process_name, process);
    if (known->name != NULL && known->label != NULL) {
        gdn__textbuf_add(out, "\\n");
        add_label_text(picture, known->label);
    }
    if (issuer != GDN_NONE) {
        gdn__textbuf_add(out, "\\nat ");
        add_label_of(picture, gdn__show_party, issuer);
    }
    if (victim) {
        gdn__textbuf_addf(out, "\\nvictim\", class=\"victim\", fillcolor=\"%s\", color=\"%s\"",
                          picture->colours->victim, picture->colours->victim_line);
        gdn__textbuf_add(out, ", penwidth=\"2.5\"];\n");
    } else {
        gdn__textbuf_add(out, "\"];\n");
    }
}

static bool is_drawn(const struct picture *picture, uint32_t process)
{
    for (size_t i = 0; i < picture->shown; i++) {
        const struct gdn_edge *edge = &picture->deadlock->witness[i];
        if (edge->waiter == process || edge->holder == process) return true;
    }
    return false;
}

/* ---- Notes ---- */

static void open_note(struct picture *picture, const char *name)
{
    gdn__textbuf_addf(picture->out, "    \"d%zu %s\" [shape=\"plaintext\", style=\"\", ",
                      picture->number, name);
    gdn__textbuf_addf(picture->out, "class=\"note\", fontcolor=\"%s\", label=\"",
                      picture->colours->faint);
}

/* Below the member that it is tied to. */
static void close_note(struct picture *picture, const char *name)
{
    gdn__textbuf_add(picture->out, "\"];\n    ");
    add_vertex(picture, picture->anchor);
    gdn__textbuf_addf(picture->out, " -> \"d%zu %s\" [style=\"dotted\", arrowhead=\"none\"];\n",
                      picture->number, name);
}

static void add_names(struct picture *picture, const uint32_t *processes, size_t count, size_t all)
{
    for (size_t i = 0; i < count; i++) {
        if (i > 0) gdn__textbuf_add(picture->out, i % 4 == 0 ? ",\\n" : ", ");
        add_label_of(picture, add_process_name, processes[i]);
        if (gdn__is_victim(picture->deadlock, processes[i])) {
            gdn__textbuf_add(picture->out, " (victim)");
        }
    }
    if (all > count) gdn__textbuf_addf(picture->out, "\\nand %zu more", all - count);
}

/* All that is merely stuck behind the core. */
static void add_tail(struct picture *picture)
{
    const struct gdn_deadlock *deadlock = picture->deadlock;
    size_t shown = deadlock->tail_count < NAMES_MAX ? deadlock->tail_count : NAMES_MAX;
    if (deadlock->tail_count == 0) return;
    open_note(picture, "tail");
    gdn__textbuf_addf(picture->out, "%zu behind it: ", deadlock->tail_count);
    add_names(picture, deadlock->tail, shown, deadlock->tail_count);
    close_note(picture, "tail");
}

/* Members of the core that no drawn edge concerns. */
static void add_others(struct picture *picture)
{
    uint32_t others[NAMES_MAX];
    size_t count = 0;
    enum gdn_err err =
        gdn__beside_find(picture->deadlock, picture->shown, others, NAMES_MAX, &count);
    if (err != GDN_OK) picture->out->failed = true;
    if (count == 0) return;
    open_note(picture, "others");
    gdn__textbuf_addf(picture->out, "%zu more in it: ", count);
    add_names(picture, others, count < NAMES_MAX ? count : NAMES_MAX, count);
    close_note(picture, "others");
}

/* Whom to serve before whom, so that nobody need be aborted. */
static void add_order(struct picture *picture)
{
    const struct gdn_deadlock *deadlock = picture->deadlock;
    size_t shown = deadlock->reorder_count < NAMES_MAX ? deadlock->reorder_count : NAMES_MAX;
    if (shown == 0) return;
    open_note(picture, "order");
    gdn__textbuf_add(picture->out, "way out:");
    for (size_t i = 0; i < shown; i++) {
        const struct gdn_reorder *advice = &deadlock->reorder[i];
        gdn__textbuf_add(picture->out, "\\nserve ");
        add_label_of(picture, add_process_name, advice->first);
        gdn__textbuf_add(picture->out, " before ");
        add_label_of(picture, add_process_name, advice->second);
        if (advice->resource == GDN_NONE) continue;
        gdn__textbuf_add(picture->out, " for ");
        add_label_of(picture, gdn__show_resource, advice->resource);
        gdn__textbuf_add(picture->out, " @ ");
        add_label_of(picture, gdn__show_party, advice->home);
    }
    close_note(picture, "order");
}

/* ---- Edges ---- */

/* @p end closes a line: \\n centres it, \\l sets it to the left, off a line that stands upright. */
static void add_edge_label(struct picture *picture, const struct gdn_edge *edge, const char *end)
{
    struct gdn__textbuf *out = picture->out;
    const char *indent = end[1] == 'l' ? "  " : "";
    const char *mode = gdn__edge_mode(picture->verdict, edge);
    gdn__textbuf_add(out, indent);
    if (mode != NULL) add_label_text(picture, mode);
    if (edge->resource != GDN_NONE) {
        if (mode != NULL) gdn__textbuf_add_char(out, ' ');
        if (edge->units != 0) gdn__textbuf_addf(out, "%" PRIu32 " of ", edge->units);
        add_label_of(picture, gdn__show_resource, edge->resource);
        gdn__textbuf_addf(out, "%s%s", end, indent);
    }
    if (edge->home != GDN_NONE) {
        gdn__textbuf_add(out, "@ ");
        add_label_of(picture, gdn__show_party, edge->home);
        if (edge->waited_us > 0) gdn__textbuf_add(out, ", ");
    }
    if (edge->waited_us > 0) gdn__show_duration(out, edge->waited_us);
    if (edge->in_flight) gdn__textbuf_addf(out, "%s%srequest in flight", end, indent);
    if (edge->queued) gdn__textbuf_addf(out, "%s%squeue order only", end, indent);
    if (edge->branch) {
        gdn__textbuf_addf(out, "%s%s%s", end, indent,
                          edge->home != GDN_NONE ? "brief hold" : "until it goes on");
        if (edge->holder_branch != 0) gdn__textbuf_add_char(out, ',');
        gdn__show_branch(out, edge->holder_branch);
    }
    if (edge->waiter_branch != 0) {
        gdn__textbuf_addf(out, "%s%sasked by", end, indent);
        gdn__show_branch(out, edge->waiter_branch);
    }
    if (indent[0] != '\0') gdn__textbuf_add(out, end);
}

static const char *style_of(const struct gdn_edge *edge)
{
    return edge->queued || edge->in_flight ? ", style=\"dashed\"" : "";
}

/* The label and the style. */
static void add_edge_end(struct picture *picture, const struct gdn_edge *edge, const char *end,
                         const char *more)
{
    gdn__textbuf_add(picture->out, " [label=\"");
    add_edge_label(picture, edge, end);
    gdn__textbuf_addf(picture->out, "\"%s%s];\n", style_of(edge), more);
}

/* ---- A ring on its grid ---- */

/* What stands in a cell: a member, or in the last one all that find no room. */
static bool is_fold(const struct picture *picture, size_t cell)
{
    return cell == picture->shown;
}

static void add_cell(struct picture *picture, size_t cell)
{
    if (is_fold(picture, cell)) {
        gdn__textbuf_addf(picture->out, "\"d%zu fold\"", picture->number);
    } else {
        add_vertex(picture, picture->deadlock->witness[cell].waiter);
    }
}

/* Graphviz sets the first end of an edge above or to the left of the second, so what leads up or to
 * the left is written backwards. */
static void add_step(struct picture *picture, const struct gdn__grid *grid, size_t from)
{
    size_t to = from + 1 == grid->count ? 0 : from + 1;
    struct gdn__cell a = grid->cells[from], b = grid->cells[to];
    bool forwards = b.row > a.row || (b.row == a.row && b.column > a.column);
    size_t edge = is_fold(picture, from) ? picture->deadlock->witness_count - 1 : from;
    gdn__textbuf_add(picture->out, "    ");
    add_cell(picture, forwards ? from : to);
    gdn__textbuf_add(picture->out, " -> ");
    add_cell(picture, forwards ? to : from);
    add_edge_end(picture, &picture->deadlock->witness[edge], a.row == b.row ? "\\n" : "\\l",
                 forwards ? ", weight=\"100\"" : ", weight=\"100\", dir=\"back\"");
}

/* From the end of the upper row down and around the corner: a slanted line would cross its label.
 */
static bool is_corner(const struct gdn__grid *grid, size_t from)
{
    struct gdn__cell a = grid->cells[from], b = grid->cells[(from + 1) % grid->count];
    return b.row == a.row + 1 && b.column + 1 == a.column;
}

static void add_corner(struct picture *picture, size_t from, size_t to)
{
    struct gdn__textbuf *out = picture->out;
    const struct gdn_edge *edge = &picture->deadlock->witness[from];
    gdn__textbuf_addf(out,
                      "    \"d%zu corner\" [shape=\"point\", style=\"invis\", width=\"0\", "
                      "height=\"0\"];\n    ",
                      picture->number);
    add_cell(picture, from);
    gdn__textbuf_addf(out, " -> \"d%zu corner\" [weight=\"100\", arrowhead=\"none\"%s];\n    ",
                      picture->number, style_of(edge));
    add_cell(picture, to);
    gdn__textbuf_addf(out, " -> \"d%zu corner\"", picture->number);
    add_edge_end(picture, edge, "\\n", ", weight=\"100\", dir=\"back\"");
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
static void add_rows(struct picture *picture, const struct gdn__grid *grid)
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

static void add_ring(struct picture *picture)
{
    struct gdn__grid grid;
    size_t count = picture->deadlock->witness_count;
    bool folded = count > GDN__GRID_MAX;
    gdn__grid_lay(&grid, folded ? GDN__GRID_MAX : count);
    picture->shown = folded ? GDN__GRID_MAX - 1 : count;
    for (size_t i = 0; i < picture->shown; i++) {
        add_member(picture, picture->deadlock->witness[i].waiter);
    }
    if (folded) {
        open_note(picture, "fold");
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
static void add_victims_beside(struct picture *picture)
{
    const struct gdn_deadlock *deadlock = picture->deadlock;
    size_t added = 0;
    for (size_t i = 0; i < deadlock->victim_count && added < NAMES_MAX; i++) {
        if (is_drawn(picture, deadlock->victims[i].process)) continue;
        add_member(picture, deadlock->victims[i].process);
        added++;
    }
}

static void add_web(struct picture *picture)
{
    const struct gdn_deadlock *deadlock = picture->deadlock;
    size_t count = deadlock->witness_count;
    picture->shown = count < EDGES_MAX ? count : EDGES_MAX;
    for (size_t i = 0; i < deadlock->member_count; i++) {
        if (is_drawn(picture, deadlock->members[i])) add_member(picture, deadlock->members[i]);
    }
    add_victims_beside(picture);
    for (size_t i = 0; i < picture->shown; i++) {
        gdn__textbuf_add(picture->out, "    ");
        add_vertex(picture, deadlock->witness[i].waiter);
        gdn__textbuf_add(picture->out, " -> ");
        add_vertex(picture, deadlock->witness[i].holder);
        add_edge_end(picture, &deadlock->witness[i], "\\l", "");
    }
    picture->anchor = deadlock->members[deadlock->member_count - 1];
    if (!is_drawn(picture, picture->anchor)) picture->anchor = deadlock->witness[0].waiter;
    if (count == picture->shown) return;
    open_note(picture, "more");
    gdn__textbuf_addf(picture->out, "%zu more waits", count - picture->shown);
    close_note(picture, "more");
}

/* ---- The sheet ---- */

static void add_deadlock(struct picture *picture, size_t number)
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
        add_others(picture);
        add_tail(picture);
        add_order(picture);
    }
    gdn__textbuf_add(out, "  }\n");
}

/* Several deadlocks stand in rows, about as many below as beside each other: the last member of one
 * is above the first of another. */
static void add_sheet(struct picture *picture, size_t count)
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
        add_vertex(picture, picture->deadlock->witness[0].waiter);
        gdn__textbuf_add(picture->out, " [style=\"invis\", minlen=\"2\"];\n");
    }
}

static void add_head(struct picture *picture)
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
static void add_foot(struct picture *picture)
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
    add_escaped(out, &text);
    gdn__textbuf_add(out, count > 0 ? ": there may be more\";\n" : "\";\n");
    gdn__textbuf_fini(&text);
}

void gdn__render_dot(const gdn_verdict *verdict, const struct gdn__render_options *options,
                     struct gdn__textbuf *out)
{
    struct picture picture = {
        .verdict = verdict, .colours = gdn__colours_of(options->scheme), .out = out};
    size_t count = verdict->deadlock_count;
    add_head(&picture);
    add_sheet(&picture, count < DEADLOCKS_MAX ? count : DEADLOCKS_MAX);
    add_foot(&picture);
    gdn__textbuf_add(out, "}\n");
}
