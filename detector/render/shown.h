/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names as they stand in text and pictures: of processes, resources and parties, made safe for a
 * terminal, and cut to a width where there is one. */
#ifndef GDN_RENDER_SHOWN_H
#define GDN_RENDER_SHOWN_H

#include "detector/render/textbuf.h"
#include <gordian/verdict.h>

/* Append the name of a process, and behind it its label where that says more. */
void gdn__show_process(struct gdn__textbuf *out, const gdn_verdict *verdict, uint32_t process,
                       bool with_label);
/* " branch 2", where a process has several at one node. */
void gdn__show_branch(struct gdn__textbuf *out, uint32_t branch_id);

void gdn__show_resource(struct gdn__textbuf *out, const gdn_verdict *verdict, uint32_t resource);
void gdn__show_party(struct gdn__textbuf *out, const gdn_verdict *verdict, uint32_t party);

/* Append "212 ms", "31.4 s", "17 min" or "5.2 h". */
void gdn__show_duration(struct gdn__textbuf *out, uint64_t us);

/* The name of an edge's mode; NULL when it names no resource, or a pool. */
const char *gdn__edge_mode(const gdn_verdict *verdict, const struct gdn_edge *edge);

/* Append what shows the difference: enough digits of the deadlock's id, 6 or more, to tell it from
 * all others of the verdict. */
void gdn__show_short_id(struct gdn__textbuf *out, const gdn_verdict *verdict,
                        const struct gdn_deadlock *deadlock);

/* The same for all deadlocks of a verdict at once: how many digits each needs, for gdn__show_id().
 * NULL when out of memory. Caller frees with free(). */
uint8_t *gdn__short_id_digits(const gdn_verdict *verdict);
void gdn__show_id(struct gdn__textbuf *out, const struct gdn_deadlock *deadlock, uint8_t digits);

/* True when the process is among the victims of the deadlock. */
bool gdn__is_victim(const struct gdn_deadlock *deadlock, uint32_t process);

/* True when the witness is one simple cycle, in order, of 2 processes or more. (Of a longer one
 * only the first GDN__RING_LOOKED_AT are compared with each other: no more are drawn.) */
#define GDN__RING_LOOKED_AT 256
bool gdn__is_ring(const struct gdn_deadlock *deadlock);

#endif
