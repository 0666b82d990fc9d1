/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A verdict for people and programs. Names in it come from outside: every form escapes them.
 * Every form is a function of the verdict alone, which is one of cut and policy: a saved cut gives
 * the same bytes again.
 *
 * Each writer appends to @p out; out->failed says afterwards whether memory ran out. Any thread. */
#ifndef GDN_RENDER_RENDER_H
#define GDN_RENDER_RENDER_H

#include "detector/render/scheme.h"
#include "detector/render/textbuf.h"
#include <gordian/verdict.h>

struct gdn__render_options {
    bool colour;             /* Text: for a terminal that wants it. */
    bool no_picture;         /* Text: leave out the drawing of the ring. */
    enum gdn__scheme scheme; /* Of DOT and SVG. */
};

/* The report of a verdict, ended by a newline. */
void gdn__render_text(const gdn_verdict *verdict, const struct gdn__render_options *options,
                      struct gdn__textbuf *out);

/* The same for one of its deadlocks alone: the bytes of the report where there is no other. */
void gdn__render_deadlock(const gdn_verdict *verdict, size_t index,
                          const struct gdn__render_options *options, struct gdn__textbuf *out);

/* How long the youngest wait that it shows had lasted at the cut, microseconds: its last request
 * closed the circle. 0: not known. */
uint64_t gdn__last_request_us(const struct gdn_deadlock *deadlock);

/* gordian-verdict/1, indented, ended by a newline; lines: on one line. */
void gdn__render_json(const gdn_verdict *verdict, bool lines, struct gdn__textbuf *out);

/* A Graphviz digraph. */
void gdn__render_dot(const gdn_verdict *verdict, const struct gdn__render_options *options,
                     struct gdn__textbuf *out);

/* The picture that Graphviz's dot draws of it. GDN_ERR_SYSTEM: dot cannot be run or failed, and
 * @p why says how; GDN_ERR_MEMORY. */
GDN_MUST_USE enum gdn_err gdn__render_svg(const gdn_verdict *verdict,
                                          const struct gdn__render_options *options,
                                          struct gdn__textbuf *out, char *why, size_t why_bytes);

/* The drawing of one deadlock's ring, each line indented by two; nothing when it is no simple ring
 * of 2 to GDN__RING_MAX members. At most GDN__RING_COLUMNS wide. */
#define GDN__RING_MAX     8
#define GDN__RING_COLUMNS 100
void gdn__render_ring(const gdn_verdict *verdict, const struct gdn_deadlock *deadlock, bool colour,
                      struct gdn__textbuf *out);

#endif
