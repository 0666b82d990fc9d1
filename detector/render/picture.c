/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "picture.h"

#include "detector/render/shown.h"
#include <inttypes.h>

/* ---- Text ---- */

/* Text inside a quoted label: Graphviz reads backslashes and entities in it. */
void gdn__picture_escape(struct gdn__textbuf *out, const struct gdn__textbuf *text)
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

void gdn__picture_process(struct gdn__textbuf *out, const gdn_verdict *verdict, uint32_t index)
{
    gdn__show_process(out, verdict, index, false);
}

void gdn__picture_label(struct gdn__picture *picture, gdn__picture_name *name, uint32_t index)
{
    struct gdn__textbuf text = {0};
    name(&text, picture->verdict, index);
    gdn__picture_escape(picture->out, &text);
    gdn__textbuf_fini(&text);
}

static void add_label_text(struct gdn__picture *picture, const char *label)
{
    struct gdn__textbuf text = {0};
    gdn__textbuf_add_shown(&text, label);
    gdn__picture_escape(picture->out, &text);
    gdn__textbuf_fini(&text);
}

void gdn__picture_vertex(struct gdn__picture *picture, uint32_t process)
{
    gdn__textbuf_addf(picture->out, "\"d%zu p%" PRIu32 "\"", picture->number, process);
}

/* ---- Members ---- */

/* The party that a member waits at, by its first edge; GDN_NONE when no edge is its own. */
static uint32_t issuer_of(const struct gdn__picture *picture, uint32_t process)
{
    for (size_t i = 0; i < picture->shown; i++) {
        const struct gdn_edge *edge = &picture->deadlock->witness[i];
        if (edge->waiter == process) return edge->issuer;
    }
    return GDN_NONE;
}

void gdn__picture_member(struct gdn__picture *picture, uint32_t process)
{
    struct gdn__textbuf *out = picture->out;
    const struct gdn_cut_process *known = &picture->verdict->cut->processes[process];
    bool victim = gdn__is_victim(picture->deadlock, process);
    uint32_t issuer = issuer_of(picture, process);
    gdn__textbuf_add(out, "    ");
    gdn__picture_vertex(picture, process);
    gdn__textbuf_add(out, " [label=\"");
    gdn__picture_label(picture, gdn__picture_process, process);
    if (known->name != NULL && known->label != NULL) {
        gdn__textbuf_add(out, "\\n");
        add_label_text(picture, known->label);
    }
    if (issuer != GDN_NONE) {
        gdn__textbuf_add(out, "\\nat ");
        gdn__picture_label(picture, gdn__show_party, issuer);
    }
    if (victim) {
        gdn__textbuf_addf(out, "\\nvictim\", class=\"victim\", fillcolor=\"%s\", color=\"%s\"",
                          picture->colours->victim, picture->colours->victim_line);
        gdn__textbuf_add(out, ", penwidth=\"2.5\"];\n");
    } else {
        gdn__textbuf_add(out, "\"];\n");
    }
}

bool gdn__picture_has(const struct gdn__picture *picture, uint32_t process)
{
    for (size_t i = 0; i < picture->shown; i++) {
        const struct gdn_edge *edge = &picture->deadlock->witness[i];
        if (edge->waiter == process || edge->holder == process) return true;
    }
    return false;
}

/* ---- Edges ---- */

/* @p end closes a line: \\n centres it, \\l sets it to the left, off a line that stands upright. */
static void add_edge_label(struct gdn__picture *picture, const struct gdn_edge *edge,
                           const char *end)
{
    struct gdn__textbuf *out = picture->out;
    const char *indent = end[1] == 'l' ? "  " : "";
    const char *mode = gdn__edge_mode(picture->verdict, edge);
    gdn__textbuf_add(out, indent);
    if (mode != NULL) add_label_text(picture, mode);
    if (edge->resource != GDN_NONE) {
        if (mode != NULL) gdn__textbuf_add_char(out, ' ');
        if (edge->units != 0) gdn__textbuf_addf(out, "%" PRIu32 " of ", edge->units);
        gdn__picture_label(picture, gdn__show_resource, edge->resource);
        gdn__textbuf_addf(out, "%s%s", end, indent);
    }
    if (edge->home != GDN_NONE) {
        gdn__textbuf_add(out, "@ ");
        gdn__picture_label(picture, gdn__show_party, edge->home);
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

const char *gdn__picture_edge_style(const struct gdn_edge *edge)
{
    return edge->queued || edge->in_flight ? ", style=\"dashed\"" : "";
}

/* The label and the style. */
void gdn__picture_edge_end(struct gdn__picture *picture, const struct gdn_edge *edge,
                           const char *end, const char *more)
{
    gdn__textbuf_add(picture->out, " [label=\"");
    add_edge_label(picture, edge, end);
    gdn__textbuf_addf(picture->out, "\"%s%s];\n", gdn__picture_edge_style(edge), more);
}
