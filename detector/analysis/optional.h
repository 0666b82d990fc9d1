/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Queue entries of tickets with a choice. Such an entry leaves its queue when its process goes on,
 * like any other, and before that when enough else of its ticket is served (RULES 2). Those behind
 * it wait for a vertex of its own:
 *
 *     place --one of--> its process (or branch); for each group around it that leaves a choice:
 *                       enough of the others in that group
 *
 * It is drawn in two steps: a queue is drawn before the needs of the tickets in it. */
#ifndef GDN_ANALYSIS_OPTIONAL_H
#define GDN_ANALYSIS_OPTIONAL_H

#include "detector/analysis/fold.h"
#include "detector/analysis/graph.h"

/* In larger groups the entry itself counts among the others, so that what is drawn grows with the
 * needs and not with their square: who is behind it may then pass for free until it is granted. */
#define GDN__SIBLINGS_MAX 32

/* It belongs to a ticket with a choice. */
static inline bool gdn__optional_is(const struct gdn__fold *fold, const struct gdn__place *place)
{
    return place->wait != 0 && fold->waits[place->wait - 1].optional;
}

/* The vertex of a place of @p process that blocks by way of @p whole, its process or branch. It is
 * satisfied until gdn__optional_need() says otherwise; its first edge leads to @p whole. */
GDN_MUST_USE enum gdn_err gdn__optional_add(struct gdn__graph *graph, uint32_t process,
                                            uint32_t whole, uint32_t *vertex);

/* A need as it is drawn, in the order of its ticket's needs. */
struct gdn__drawn_need {
    uint32_t to, info; /* The link to what would meet it; to GDN_NONE: it is met. */
    size_t parent;     /* 1 + the group that it belongs to; 0: none. */
    size_t end;        /* Behind the last need below it. */
};

/* The ticket needs the place, whatever more of it does. Before gdn__optional_link(). */
static inline void gdn__optional_need(struct gdn__graph *graph, uint32_t vertex)
{
    graph->vertices[vertex].need = 1;
}

/* Draw what else may take the place out of its queue. @p at: the need for it among @p drawn, which
 * stand beside the cut's @p needs. */
GDN_MUST_USE enum gdn_err gdn__optional_link(struct gdn__graph *graph, uint32_t vertex,
                                             const struct gdn_cut_need *needs,
                                             const struct gdn__drawn_need *drawn, size_t at);

#endif
