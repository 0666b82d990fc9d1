/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the parts of a sheet of Graphviz have in common: names in labels, members, and what is said
 * of an edge. */
#ifndef GDN_RENDER_PICTURE_H
#define GDN_RENDER_PICTURE_H

#include "detector/render/render.h"

#define GDN__PICTURE_NAMES_MAX 8 /* Names that are written out in a note; victims beside a web. */

struct gdn__picture {
    const gdn_verdict *verdict;
    const struct gdn__colours *colours;
    struct gdn__textbuf *out;
    size_t number; /* Of the deadlock. */
    const struct gdn_deadlock *deadlock;
    size_t shown;    /* Edges of its witness that are drawn one by one. */
    uint32_t anchor; /* The member that notes are tied to. */
};

/* Text inside a quoted label: Graphviz reads backslashes and entities in it. */
void gdn__picture_escape(struct gdn__textbuf *out, const struct gdn__textbuf *text);

/* What a process, resource or party of that index is called. */
typedef void gdn__picture_name(struct gdn__textbuf *, const gdn_verdict *, uint32_t);
void gdn__picture_process(struct gdn__textbuf *out, const gdn_verdict *verdict, uint32_t index);

/* That name inside a label. */
void gdn__picture_label(struct gdn__picture *picture, gdn__picture_name *name, uint32_t index);

/* The vertex of a member, as Graphviz knows it; and all that is said of one. */
void gdn__picture_vertex(struct gdn__picture *picture, uint32_t process);
void gdn__picture_member(struct gdn__picture *picture, uint32_t process);

/* Some edge that is drawn concerns the process. */
bool gdn__picture_has(const struct gdn__picture *picture, uint32_t process);

/* Dashed, or nothing. */
const char *gdn__picture_edge_style(const struct gdn_edge *edge);

/* The label and the style, and @p more attributes. @p end closes a line of the label: \n centres
 * it, \l sets it to the left, off a line that stands upright. */
void gdn__picture_edge_end(struct gdn__picture *picture, const struct gdn_edge *edge,
                           const char *end, const char *more);

#endif
