/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A verdict as a Graphviz digraph: one cluster for each deadlock. Everything is quoted, and the
 * colours are from the middle of the scale, readable on white and on black. */
#include "render.h"

#include "detector/render/shown.h"
#include <inttypes.h>

#define EDGES_MAX 256 /* More cannot be read in a picture, and Graphviz takes long over them. */
#define TAIL_MAX  8   /* Names of a tail that are written out. */

#define LINE_COLOUR   "#7b8794"
#define BOX_COLOUR    "#4a6fa5"
#define VICTIM_COLOUR "#b5483a"
#define TAIL_COLOUR   "#7b8794"

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

static void add_label_of(struct gdn__textbuf *out, const gdn_verdict *verdict, add_name *name,
                         uint32_t index)
{
    struct gdn__textbuf text = {0};
    name(&text, verdict, index);
    add_escaped(out, &text);
    gdn__textbuf_fini(&text);
}

/* ---- Vertices ---- */

/* The party that a member waits at, by its first edge; GDN_NONE when no edge shown is its own. */
static uint32_t issuer_of(const struct gdn_deadlock *deadlock, uint32_t process)
{
    for (size_t i = 0; i < deadlock->witness_count; i++) {
        if (deadlock->witness[i].waiter == process) return deadlock->witness[i].issuer;
    }
    return GDN_NONE;
}

static void add_member(const gdn_verdict *verdict, size_t number,
                       const struct gdn_deadlock *deadlock, uint32_t process,
                       struct gdn__textbuf *out)
{
    const struct gdn_cut_process *known = &verdict->cut->processes[process];
    bool victim = gdn__is_victim(deadlock, process);
    uint32_t issuer = issuer_of(deadlock, process);
    gdn__textbuf_addf(out, "    \"d%zu p%" PRIu32 "\" [label=\"", number, process);
    add_label_of(out, verdict, add_process_name, process);
    if (known->name != NULL && known->label != NULL) {
        struct gdn__textbuf label = {0};
        gdn__textbuf_add(out, "\\n");
        gdn__textbuf_add_shown(&label, known->label);
        add_escaped(out, &label);
        gdn__textbuf_fini(&label);
    }
    if (issuer != GDN_NONE) {
        gdn__textbuf_add(out, "\\nat ");
        add_label_of(out, verdict, gdn__show_party, issuer);
    }
    if (victim) gdn__textbuf_add(out, "\\nvictim");
    gdn__textbuf_addf(out, "\", fillcolor=\"%s\"%s];\n", victim ? VICTIM_COLOUR : BOX_COLOUR,
                      victim ? ", penwidth=\"2\"" : "");
}

static bool is_drawn(const struct gdn_deadlock *deadlock, uint32_t process)
{
    if (deadlock->member_count <= EDGES_MAX) return true;
    for (size_t i = 0; i < deadlock->witness_count && i < EDGES_MAX; i++) {
        if (deadlock->witness[i].waiter == process || deadlock->witness[i].holder == process) {
            return true;
        }
    }
    return false;
}

/* All that is merely stuck behind the core is one box, linked to the core by a dotted line. */
static void add_tail(const gdn_verdict *verdict, size_t number, const struct gdn_deadlock *deadlock,
                     struct gdn__textbuf *out)
{
    if (deadlock->tail_count == 0 || deadlock->member_count == 0) return;
    gdn__textbuf_addf(out, "    \"d%zu tail\" [shape=\"plaintext\", style=\"\", fontcolor=\"%s\", ",
                      number, TAIL_COLOUR);
    gdn__textbuf_add(out, "label=\"behind it: ");
    for (size_t i = 0; i < deadlock->tail_count && i < TAIL_MAX; i++) {
        if (i > 0) gdn__textbuf_add(out, i % 4 == 0 ? ",\\n" : ", ");
        add_label_of(out, verdict, add_process_name, deadlock->tail[i]);
    }
    if (deadlock->tail_count > TAIL_MAX) {
        gdn__textbuf_addf(out, "\\nand %zu more", deadlock->tail_count - TAIL_MAX);
    }
    gdn__textbuf_add(out, "\"];\n");
    gdn__textbuf_addf(
        out, "    \"d%zu tail\" -> \"d%zu p%" PRIu32 "\" [style=\"dotted\", arrowhead=\"none\"];\n",
        number, number, deadlock->members[0]);
}

/* ---- Edges ---- */

static void add_edge_label(const gdn_verdict *verdict, const struct gdn_edge *edge,
                           struct gdn__textbuf *out)
{
    const char *mode = gdn__edge_mode(verdict, edge);
    struct gdn__textbuf shown = {0};
    if (mode != NULL) gdn__textbuf_add_shown(&shown, mode);
    add_escaped(out, &shown);
    gdn__textbuf_fini(&shown);
    if (edge->resource != GDN_NONE) {
        if (mode != NULL) gdn__textbuf_add_char(out, ' ');
        add_label_of(out, verdict, gdn__show_resource, edge->resource);
        gdn__textbuf_add(out, "\\n");
    }
    if (edge->home != GDN_NONE) {
        gdn__textbuf_add(out, "@ ");
        add_label_of(out, verdict, gdn__show_party, edge->home);
        if (edge->waited_us > 0) gdn__textbuf_add(out, ", ");
    }
    if (edge->waited_us > 0) gdn__textbuf_addf(out, "%" PRIu64 " ms", edge->waited_us / 1000);
    if (edge->in_flight) gdn__textbuf_add(out, "\\nrequest in flight");
    if (edge->queued) gdn__textbuf_add(out, "\\nqueue order only");
    if (edge->branch && edge->home != GDN_NONE) gdn__textbuf_add(out, "\\nbrief hold");
    if (edge->branch && edge->home == GDN_NONE) gdn__textbuf_add(out, "\\nuntil it goes on");
}

/* beside: the edge stands upright, and its label has to stay off the line. */
static void add_edge(const gdn_verdict *verdict, size_t number, const struct gdn_edge *edge,
                     bool beside, struct gdn__textbuf *out)
{
    gdn__textbuf_addf(out, "    \"d%zu p%" PRIu32 "\" -> \"d%zu p%" PRIu32 "\" [%s=\"", number,
                      edge->waiter, number, edge->holder, beside ? "xlabel" : "label");
    add_edge_label(verdict, edge, out);
    gdn__textbuf_addf(out, "\"%s];\n", edge->queued || edge->in_flight ? ", style=\"dashed\"" : "");
}

/* A ring is drawn as two rows, there and back: opposite processes stand one above the other. */
static void add_rows(size_t number, const struct gdn_deadlock *deadlock, struct gdn__textbuf *out)
{
    size_t count = deadlock->witness_count;
    for (size_t i = 0; i < count / 2; i++) {
        gdn__textbuf_addf(
            out, "    { rank=\"same\"; \"d%zu p%" PRIu32 "\"; \"d%zu p%" PRIu32 "\"; }\n", number,
            deadlock->witness[i].waiter, number, deadlock->witness[count - 1 - i].waiter);
    }
}

static void add_edges(const gdn_verdict *verdict, size_t number,
                      const struct gdn_deadlock *deadlock, struct gdn__textbuf *out)
{
    size_t count = deadlock->witness_count;
    bool rows = count > 2 && gdn__is_ring(deadlock);
    for (size_t i = 0; i < count && i < EDGES_MAX; i++) {
        bool upright = rows && (i == count - 1 || (count % 2 == 0 && i == count / 2 - 1));
        add_edge(verdict, number, &deadlock->witness[i], upright, out);
    }
    if (rows) add_rows(number, deadlock, out);
    if (count <= EDGES_MAX) return;
    gdn__textbuf_addf(out, "    \"d%zu more\" [shape=\"plaintext\", style=\"\", ", number);
    gdn__textbuf_addf(out, "fontcolor=\"%s\", label=\"and %zu more waits\"];\n", TAIL_COLOUR,
                      count - EDGES_MAX);
}

static void add_deadlock(const gdn_verdict *verdict, size_t number, struct gdn__textbuf *out)
{
    const struct gdn_deadlock *deadlock = &verdict->deadlocks[number];
    gdn__textbuf_addf(out, "  subgraph \"cluster_%zu\" {\n    label=\"deadlock ", number);
    gdn__show_short_id(out, verdict, deadlock);
    /* Labels beside the upright edges of a ring stand outside of its boxes. */
    bool ring = deadlock->witness_count > 2 && gdn__is_ring(deadlock);
    gdn__textbuf_addf(out, "\";\n    margin=\"%d\";\n", ring ? 48 : 16);
    /* The frame tells several deadlocks apart; one needs none. */
    if (verdict->deadlock_count == 1) gdn__textbuf_add(out, "    peripheries=\"0\";\n");
    for (size_t i = 0; i < deadlock->member_count; i++) {
        if (!is_drawn(deadlock, deadlock->members[i])) continue;
        add_member(verdict, number, deadlock, deadlock->members[i], out);
    }
    add_edges(verdict, number, deadlock, out);
    add_tail(verdict, number, deadlock, out);
    gdn__textbuf_add(out, "  }\n");
}

void gdn__render_dot(const gdn_verdict *verdict, struct gdn__textbuf *out)
{
    gdn__textbuf_add(
        out, "digraph \"gordian\" {\n"
             "  graph [bgcolor=\"transparent\", rankdir=\"LR\", nodesep=\"0.5\", ranksep=\"0.9\", "
             "fontname=\"Helvetica\", fontsize=\"13\", fontcolor=\"" LINE_COLOUR "\", "
             "color=\"" LINE_COLOUR "\", style=\"rounded\"];\n"
             "  node [shape=\"box\", style=\"rounded,filled\", color=\"" LINE_COLOUR "\", "
             "fillcolor=\"" BOX_COLOUR "\", fontcolor=\"#ffffff\", fontname=\"Helvetica\", "
             "fontsize=\"12\", margin=\"0.2,0.1\"];\n"
             "  edge [color=\"" LINE_COLOUR "\", fontcolor=\"" LINE_COLOUR "\", "
             "fontname=\"Helvetica\", fontsize=\"11\", penwidth=\"1.4\"];\n");
    for (size_t i = 0; i < verdict->deadlock_count; i++) add_deadlock(verdict, i, out);
    if (verdict->deadlock_count == 0) {
        gdn__textbuf_add(out,
                         "  \"none\" [shape=\"plaintext\", style=\"\", fontcolor=\"" LINE_COLOUR
                         "\", label=\"no deadlock\"];\n");
    }
    gdn__textbuf_add(out, "}\n");
}
