/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A verdict for a person at three in the morning: what met, where, since when, who goes, and how
 * sure we are. */
#include "render.h"

#include "detector/render/beside.h"
#include "detector/render/needs.h"
#include "detector/render/pools.h"
#include "detector/render/shown.h"
#include "detector/render/standing.h"
#include "detector/render/width.h"
#include <inttypes.h>
#include <stdlib.h>

#define PAD_COLUMNS_MAX 40 /* A longer name than this makes its own line ragged, not all. */
#define EDGES_MAX       64 /* Lines of one witness; the JSON has them all. */
#define NAMES_MAX       24 /* Names in one enumeration. */

#define ALARM  "\033[1;31m"
#define STRONG "\033[1m"
#define FAINT  "\033[2m"
#define OFF    "\033[0m"

struct text {
    const gdn_verdict *verdict;
    const struct gdn__render_options *options;
    struct gdn__textbuf *out;
    struct gdn__needs needs;
    struct gdn__pools pools;
    uint8_t *digits; /* By deadlock: of its id, to tell it from the others. NULL: not looked for. */
};

static void paint(struct text *text, const char *style)
{
    if (text->options->colour) gdn__textbuf_add(text->out, style);
}

static const char *plural(size_t count, const char *one, const char *many)
{
    return count == 1 ? one : many;
}

/* ---- The edges, in columns ---- */

enum column { COLUMN_WHO, COLUMN_WAITED, COLUMN_MODE, COLUMN_RESOURCE, COLUMN_HOME, COLUMNS };

/* What stands in one cell; nothing in the last three for a wait on no lock. */
static void add_cell(struct text *text, const struct gdn_edge *edge, enum column column,
                     struct gdn__textbuf *cell)
{
    bool lock = edge->home != GDN_NONE && edge->resource != GDN_NONE;
    switch (column) {
    case COLUMN_WHO:
        gdn__show_process(cell, text->verdict, edge->waiter, true);
        gdn__show_branch(cell, edge->waiter_branch);
        return;
    case COLUMN_WAITED:
        if (edge->waited_us > 0) gdn__show_duration(cell, edge->waited_us);
        return;
    case COLUMN_MODE:
        if (lock && gdn__edge_mode(text->verdict, edge) != NULL) {
            gdn__textbuf_add_shown(cell, gdn__edge_mode(text->verdict, edge));
        }
        if (lock && edge->units != 0) gdn__textbuf_addf(cell, "%" PRIu32 " of", edge->units);
        return;
    case COLUMN_RESOURCE:
        if (lock) gdn__show_resource(cell, text->verdict, edge->resource);
        return;
    case COLUMN_HOME:
        if (!lock) return;
        gdn__show_party(cell, text->verdict, edge->home);
        gdn__textbuf_add_char(cell, ',');
        return;
    case COLUMNS:
        return;
    }
}

/* The widest cell of each column, as far as padding goes. */
static void measure(struct text *text, const struct gdn_deadlock *deadlock, size_t widths[COLUMNS])
{
    struct gdn__textbuf cell = {0};
    for (unsigned column = 0; column < COLUMNS; column++) {
        widths[column] = 0;
        for (size_t i = 0; i < deadlock->witness_count && i < EDGES_MAX; i++) {
            cell.length = 0;
            gdn__textbuf_add(&cell, "");
            add_cell(text, &deadlock->witness[i], (enum column)column, &cell);
            size_t width = cell.failed ? 0 : gdn__text_width(cell.text);
            if (width > widths[column] && width <= PAD_COLUMNS_MAX) widths[column] = width;
        }
    }
    if (cell.failed) text->out->failed = true;
    gdn__textbuf_fini(&cell);
}

static void add_padded(struct text *text, const struct gdn_edge *edge, enum column column,
                       size_t width, const char *before)
{
    struct gdn__textbuf cell = {0};
    gdn__textbuf_add(&cell, "");
    add_cell(text, edge, column, &cell);
    size_t used = cell.failed ? width : gdn__text_width(cell.text);
    size_t blank = used < width ? width - used : 0;
    if (width > 0 || used > 0) gdn__textbuf_add(text->out, before);
    if (column == COLUMN_WAITED) gdn__textbuf_add_repeated(text->out, ' ', blank);
    if (!cell.failed) gdn__textbuf_add(text->out, cell.text);
    if (column != COLUMN_WAITED) gdn__textbuf_add_repeated(text->out, ' ', blank);
    if (cell.failed) text->out->failed = true;
    gdn__textbuf_fini(&cell);
}

static void add_lock_wait(struct text *text, const struct gdn_edge *edge,
                          const size_t widths[COLUMNS])
{
    struct gdn__textbuf *out = text->out;
    gdn__textbuf_add(out, " for");
    add_padded(text, edge, COLUMN_MODE, widths[COLUMN_MODE], " ");
    add_padded(text, edge, COLUMN_RESOURCE, widths[COLUMN_RESOURCE], " ");
    add_padded(text, edge, COLUMN_HOME, widths[COLUMN_HOME], " at ");
    gdn__textbuf_add(out, edge->queued   ? " queued behind "
                          : edge->branch ? " held briefly by "
                                         : " held by ");
    gdn__show_process(out, text->verdict, edge->holder, true);
    gdn__show_branch(out, edge->holder_branch);
    if (!edge->in_flight) return;
    gdn__textbuf_add(out, "   [request in flight ");
    gdn__show_party(out, text->verdict, edge->issuer);
    gdn__textbuf_add(out, " -> ");
    gdn__show_party(out, text->verdict, edge->home);
    gdn__textbuf_add_char(out, ']');
}

static void add_direct_wait(struct text *text, const struct gdn_edge *edge)
{
    struct gdn__textbuf *out = text->out;
    gdn__textbuf_add(out, " for ");
    gdn__show_process(out, text->verdict, edge->holder, true);
    gdn__show_branch(out, edge->holder_branch);
    if (edge->resource != GDN_NONE) {
        gdn__textbuf_add(out, " to release ");
        gdn__show_resource(out, text->verdict, edge->resource);
    } else {
        gdn__textbuf_add(out, edge->branch ? " to go on" : " to end");
    }
    if (edge->queued) gdn__textbuf_add(out, ", only because it is queued before");
}

static void add_edge(struct text *text, const struct gdn_edge *edge, const size_t widths[COLUMNS])
{
    add_padded(text, edge, COLUMN_WHO, widths[COLUMN_WHO], "  ");
    gdn__textbuf_add(text->out, "   waits");
    add_padded(text, edge, COLUMN_WAITED, widths[COLUMN_WAITED], " ");
    if (edge->home != GDN_NONE && edge->resource != GDN_NONE) {
        add_lock_wait(text, edge, widths);
    } else {
        add_direct_wait(text, edge);
    }
    gdn__textbuf_add_char(text->out, '\n');
}

static void add_edges(struct text *text, const struct gdn_deadlock *deadlock)
{
    size_t widths[COLUMNS];
    measure(text, deadlock, widths);
    for (size_t i = 0; i < deadlock->witness_count && i < EDGES_MAX; i++) {
        add_edge(text, &deadlock->witness[i], widths);
    }
    if (deadlock->witness_count > EDGES_MAX) {
        gdn__textbuf_addf(text->out, "  and %zu more waits\n", deadlock->witness_count - EDGES_MAX);
    }
}

/* Of each wait that asks for some of several, what exactly it asks for. */
static void add_needs(struct text *text, const struct gdn_deadlock *deadlock)
{
    const gdn_cut *cut = text->verdict->cut;
    const struct gdn_edge *last = NULL;
    for (size_t i = 0; i < deadlock->witness_count && i < EDGES_MAX; i++) {
        const struct gdn_edge *edge = &deadlock->witness[i];
        bool same = last != NULL && last->issuer == edge->issuer && last->ticket == edge->ticket;
        last = edge;
        if (same) continue; /* The edges of one wait stand together. */
        const struct gdn_cut_wait *wait =
            gdn__needs_find(&text->needs, cut, edge->issuer, edge->ticket, &text->out->failed);
        if (wait == NULL) continue;
        gdn__textbuf_add(text->out, "  ");
        gdn__show_process(text->out, text->verdict, edge->waiter, false);
        gdn__textbuf_add(text->out, " needs ");
        gdn__show_needs(text->out, text->verdict, &cut->nodes[cut->parties[edge->issuer].node],
                        wait);
        gdn__textbuf_add_char(text->out, '\n');
    }
}

static size_t lines_of(const struct gdn_deadlock *deadlock)
{
    return deadlock->witness_count < EDGES_MAX ? deadlock->witness_count : EDGES_MAX;
}

/* Whether some wait has several lines. Those of one wait stand together. */
static bool has_lines_to_add_up(const struct gdn_deadlock *deadlock)
{
    for (size_t i = 1; i < lines_of(deadlock); i++) {
        const struct gdn_edge *a = &deadlock->witness[i - 1], *b = &deadlock->witness[i];
        if (a->issuer == b->issuer && a->ticket == b->ticket) return true;
    }
    return false;
}

/* How the lines of one process add up, where they are not simply all needed. */
static void add_model(struct text *text, const struct gdn_deadlock *deadlock)
{
    if (deadlock->model != GDN_MODEL_ALL && has_lines_to_add_up(deadlock)) {
        gdn__textbuf_add(text->out,
                         deadlock->model == GDN_MODEL_ANY
                             ? "  any one line of a process would free it; none can come\n"
                             : "  not every line of a process is needed to free it, but too few "
                               "can come\n");
    }
    if (deadlock->model != GDN_MODEL_ALL) add_needs(text, deadlock);
    gdn__show_pools(text->out, text->verdict, &text->pools, deadlock, lines_of(deadlock));
}

/* ---- One deadlock ---- */

uint64_t gdn__last_request_us(const struct gdn_deadlock *deadlock)
{
    uint64_t least = 0;
    for (size_t i = 0; i < deadlock->witness_count; i++) {
        uint64_t waited = deadlock->witness[i].waited_us;
        if (waited > 0 && (least == 0 || waited < least)) least = waited;
    }
    return least;
}

static void add_headline(struct text *text, const struct gdn_deadlock *deadlock)
{
    struct gdn__textbuf *out = text->out;
    uint64_t last_us = gdn__last_request_us(deadlock);
    paint(text, ALARM);
    gdn__textbuf_add(out, "deadlock ");
    if (text->digits != NULL) {
        gdn__show_id(out, deadlock, text->digits[deadlock - text->verdict->deadlocks]);
    } else {
        gdn__show_short_id(out, text->verdict, deadlock);
    }
    paint(text, OFF);
    gdn__textbuf_addf(out, ": %zu %s", deadlock->member_count,
                      plural(deadlock->member_count, "process", "processes"));
    if (last_us > 0) {
        gdn__textbuf_add(out, ", last request ");
        gdn__show_duration(out, last_us);
        gdn__textbuf_add(out, " before the cut");
    }
    gdn__show_standing(text->out, text->verdict);
    gdn__textbuf_add_char(out, '\n');
}

static void add_names(struct text *text, const char *before, const uint32_t *processes,
                      size_t count)
{
    gdn__textbuf_add(text->out, before);
    for (size_t i = 0; i < count && i < NAMES_MAX; i++) {
        if (i > 0) gdn__textbuf_add(text->out, ", ");
        gdn__show_process(text->out, text->verdict, processes[i], false);
    }
    if (count > NAMES_MAX) gdn__textbuf_addf(text->out, " and %zu more", count - NAMES_MAX);
}

/* Members that the witness can do without. They hold each other up as the others do. */
static void add_beside(struct text *text, const struct gdn_deadlock *deadlock)
{
    uint32_t beside[NAMES_MAX];
    size_t count = 0;
    enum gdn_err err =
        gdn__beside_find(deadlock, deadlock->witness_count, beside, NAMES_MAX, &count);
    if (err != GDN_OK) text->out->failed = true;
    if (count == 0) return;
    add_names(text, "  also in it: ", beside, count);
    gdn__textbuf_add_char(text->out, '\n');
}

static void add_tail(struct text *text, const struct gdn_deadlock *deadlock)
{
    if (deadlock->tail_count == 0) return;
    paint(text, FAINT);
    add_names(text, "  behind it: ", deadlock->tail, deadlock->tail_count);
    paint(text, OFF);
    gdn__textbuf_add_char(text->out, '\n');
}

static void add_victims(struct text *text, const struct gdn_deadlock *deadlock)
{
    struct gdn__textbuf *out = text->out;
    gdn__textbuf_add(out, plural(deadlock->victim_count, "  victim: ", "  victims: "));
    for (size_t i = 0; i < deadlock->victim_count && i < NAMES_MAX; i++) {
        const struct gdn_victim *victim = &deadlock->victims[i];
        if (i > 0) gdn__textbuf_add(out, "; ");
        paint(text, STRONG);
        gdn__show_process(out, text->verdict, victim->process, true);
        paint(text, OFF);
        gdn__textbuf_add(out, " at ");
        gdn__show_party(out, text->verdict, victim->party);
    }
    if (deadlock->victim_count > NAMES_MAX) {
        gdn__textbuf_addf(out, " and %zu more", deadlock->victim_count - NAMES_MAX);
    }
    gdn__textbuf_add(out, ", ");
    gdn__textbuf_add_shown(out, deadlock->victim_reason);
    gdn__textbuf_add_char(out, '\n');
}

static void add_reorder(struct text *text, const struct gdn_deadlock *deadlock)
{
    struct gdn__textbuf *out = text->out;
    gdn__textbuf_add(out, "  way out: serve ");
    for (size_t i = 0; i < deadlock->reorder_count && i < NAMES_MAX; i++) {
        const struct gdn_reorder *advice = &deadlock->reorder[i];
        if (i > 0) gdn__textbuf_add(out, ", ");
        gdn__show_process(out, text->verdict, advice->first, false);
        gdn__textbuf_add(out, " before ");
        gdn__show_process(out, text->verdict, advice->second, false);
        if (advice->resource == GDN_NONE) continue;
        gdn__textbuf_add(out, " for ");
        gdn__show_resource(out, text->verdict, advice->resource);
        gdn__textbuf_add(out, " at ");
        gdn__show_party(out, text->verdict, advice->home);
    }
    if (deadlock->reorder_count > NAMES_MAX) {
        gdn__textbuf_addf(out, " and %zu more", deadlock->reorder_count - NAMES_MAX);
    }
    gdn__textbuf_add(out, "; nobody need be aborted\n");
}

static void add_way_out(struct text *text, const struct gdn_deadlock *deadlock)
{
    if (deadlock->victim_count > 0) {
        add_victims(text, deadlock);
    } else if (deadlock->reorder_count > 0) {
        add_reorder(text, deadlock);
    } else {
        gdn__textbuf_add(text->out, "  victim: none");
        if (deadlock->victim_reason[0] != '\0') gdn__textbuf_add(text->out, "; ");
        gdn__textbuf_add_shown(text->out, deadlock->victim_reason);
        gdn__textbuf_add_char(text->out, '\n');
    }
}

static void add_picture(struct text *text, const struct gdn_deadlock *deadlock)
{
    if (text->options->no_picture) return;
    struct gdn__textbuf ring = {0};
    gdn__render_ring(text->verdict, deadlock, text->options->colour, &ring);
    if (ring.failed) text->out->failed = true;
    if (ring.length > 0 && !ring.failed) {
        gdn__textbuf_add_char(text->out, '\n');
        gdn__textbuf_add(text->out, ring.text);
    }
    gdn__textbuf_fini(&ring);
}

static void add_deadlock(struct text *text, const struct gdn_deadlock *deadlock)
{
    add_headline(text, deadlock);
    add_edges(text, deadlock);
    add_model(text, deadlock);
    add_beside(text, deadlock);
    add_tail(text, deadlock);
    add_way_out(text, deadlock);
    add_picture(text, deadlock);
}

static void end_text(struct text *text)
{
    gdn__show_unknown(text->out, text->verdict);
    gdn__needs_fini(&text->needs);
    gdn__pools_fini(&text->pools);
}

void gdn__render_deadlock(const gdn_verdict *verdict, size_t index,
                          const struct gdn__render_options *options, struct gdn__textbuf *out)
{
    struct text text = {.verdict = verdict, .options = options, .out = out};
    add_deadlock(&text, &verdict->deadlocks[index]);
    end_text(&text);
}

/* ---- The verdict ---- */

static void add_no_deadlock(struct text *text)
{
    const gdn_verdict *verdict = text->verdict;
    size_t nodes = verdict->cut->node_count;
    gdn__textbuf_add(text->out, verdict->complete ? "no deadlock"
                                                  : "no deadlock that the nodes' answers prove");
    gdn__textbuf_addf(text->out, ": %zu %s, %zu %s, %zu waiting", nodes,
                      plural(nodes, "node", "nodes"), verdict->process_count,
                      plural(verdict->process_count, "process", "processes"),
                      verdict->waiting_count);
    gdn__show_standing(text->out, text->verdict);
    gdn__textbuf_add_char(text->out, '\n');
}

void gdn__render_text(const gdn_verdict *verdict, const struct gdn__render_options *options,
                      struct gdn__textbuf *out)
{
    struct text text = {.verdict = verdict, .options = options, .out = out};
    text.digits = gdn__short_id_digits(verdict);
    if (text.digits == NULL) out->failed = true;
    if (verdict->deadlock_count == 0) add_no_deadlock(&text);
    for (size_t i = 0; i < verdict->deadlock_count; i++) {
        if (i > 0) gdn__textbuf_add_char(out, '\n');
        add_deadlock(&text, &verdict->deadlocks[i]);
        gdn__textbuf_part(out);
    }
    free(text.digits);
    end_text(&text);
}
