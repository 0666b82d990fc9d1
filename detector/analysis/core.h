/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One core by itself: its part of the wait-for graph, its tickets in the order in which people
 * see them, and the links between them with all hubs taken out. */
#ifndef GDN_ANALYSIS_CORE_H
#define GDN_ANALYSIS_CORE_H

#include "detector/analysis/fold.h"
#include "detector/analysis/graph.h"
#include <gordian/verdict.h>

struct gdn__core {
    const struct gdn__fold *fold;
    struct gdn__graph graph; /* Only what lies inside; the rest counts as satisfied. */
    uint32_t *tickets;       /* Vertices, by process name, issuer name, number. */
    size_t ticket_count;
    enum gdn_model model;
    /* Scratch of gdn__core_links(). */
    uint32_t *stamp; /* By vertex: the search that saw it last. */
    uint32_t search;
    struct gdn__visit *visits;
};

struct gdn__visit {
    uint32_t vertex;
    uint32_t info; /* The resource that the edges so far are about. */
};

/* "This ticket waits for that process (or branch)." */
struct gdn__link {
    uint32_t ticket; /* Vertex. */
    uint32_t party;  /* Vertex: process or branch. */
    uint32_t info;
};

struct gdn__links {
    struct gdn__link *items;
    size_t count, capacity;
};

/* The @p count vertices of the stuck graph as a core. @p place as for gdn__graph_part().
 * gdn__core_fini() also after an error. */
GDN_MUST_USE enum gdn_err gdn__core_init(struct gdn__core *core, const struct gdn__fold *fold,
                                         const struct gdn__graph *stuck, const uint32_t *vertices,
                                         size_t count, uint32_t *place);
void gdn__core_fini(struct gdn__core *core);

static inline const struct gdn__wait *gdn__core_wait(const struct gdn__core *core, uint32_t ticket)
{
    return &core->fold->waits[core->graph.vertices[ticket].ref];
}

static inline uint32_t gdn__core_process(const struct gdn__core *core, uint32_t vertex)
{
    const struct gdn__vertex *found = &core->graph.vertices[vertex];
    return found->kind == GDN__VERTEX_TICKET ? core->fold->waits[found->ref].process : found->ref;
}

/* Append the links of one ticket, one or more for each party. With @p distance only over vertices
 * of distance @p wanted. */
GDN_MUST_USE enum gdn_err gdn__core_links(struct gdn__core *core, uint32_t ticket,
                                          const uint32_t *distance, uint32_t wanted,
                                          struct gdn__links *links);

/* The order of people: process name, issuer name, number. */
int gdn__core_compare(const struct gdn__core *core, uint32_t ticket_a, uint32_t ticket_b);

/* Of two ways in which one waits for another, the one to show: not by queue order alone, then not
 * a branch alone, then the lowest resource id, a wait that names none last. */
int gdn__core_compare_info(const struct gdn__core *core, uint32_t info_a, uint32_t info_b);

#endif
