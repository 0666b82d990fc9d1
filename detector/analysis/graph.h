/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The wait-for graph: a vertex is satisfied when enough of its successors are.
 *
 *     process --all--> its tickets          (vertex p is process p of the cut)
 *     branch  --all--> its tickets issued at one node under one branch id; only where somebody
 *                      waits for a branch
 *     ticket  --all--> what the wait is for: hubs, processes, branches, groups
 *     hub     --all--> holders and earlier entries of one queue that conflict with one mode
 *     group   --at least k--> direct needs
 *     place   --one of--> what takes an entry of a ticket with a choice out of its queue
 *                         (optional.h)
 *     cover   --one of--> what an entry waits for; what is in the way of other entries of its
 *                         process, a grant of which may cover it
 *     pool    --enough units come back--> a hub over what stands before one entry (units.h)
 *
 * Edges into processes, branches and places are the links a person knows: "waits for". All others
 * only hold those together. Edges are collected in any order; gdn__graph_finish() sorts them into
 * compressed rows, forwards and backwards. */
#ifndef GDN_ANALYSIS_GRAPH_H
#define GDN_ANALYSIS_GRAPH_H

#include "detector/analysis/units.h"
#include "src/core/map.h"
#include <gordian/cut.h>

enum gdn__vertex_kind {
    GDN__VERTEX_PROCESS, /* ref: process. */
    GDN__VERTEX_BRANCH,  /* ref: process. */
    GDN__VERTEX_PLACE,   /* ref: process. */
    GDN__VERTEX_TICKET,  /* ref: index of the fold's wait. */
    GDN__VERTEX_HUB,     /* ref: unused. */
    GDN__VERTEX_GROUP,   /* ref: unused. */
    GDN__VERTEX_COVER,   /* ref: unused. */
    GDN__VERTEX_POOL     /* ref: unused. */
};

#define GDN__NEED_ALL UINT32_MAX /* Of a vertex: all of its edges. */
#define GDN__NEED_POOL                                                                             \
    (UINT32_MAX - 1) /* Of a pool's: its one edge says only on whom it depends. */

/* What a person wants to know of an edge: two flags and the resource it is about. */
#define GDN__INFO_QUEUED         UINT32_C(1)
#define GDN__INFO_BRANCH         UINT32_C(2)
#define GDN__INFO_RESOURCE_SHIFT 2
#define GDN__RESOURCES_MAX       ((UINT32_C(1) << 30) - 1)

static inline uint32_t gdn__info_about(uint32_t resource)
{
    return resource == GDN_NONE ? 0 : (resource + 1) << GDN__INFO_RESOURCE_SHIFT;
}

static inline uint32_t gdn__info_resource(uint32_t info)
{
    uint32_t resource = info >> GDN__INFO_RESOURCE_SHIFT;
    return resource == 0 ? GDN_NONE : resource - 1;
}

struct gdn__vertex {
    uint32_t kind; /* enum gdn__vertex_kind */
    uint32_t ref;
    uint32_t need; /* How many edges must lead to satisfied vertices. */
};

/* An edge while they are collected. */
struct gdn__arc {
    uint32_t from, to, info;
};

struct gdn__graph {
    struct gdn_allocator memory;
    struct gdn__vertex *vertices;
    size_t vertex_count, vertex_capacity;
    struct gdn__arc *arcs; /* Until finished. */
    size_t arc_count, arc_capacity;
    struct gdn__map branches; /* (process, party) | branch id -> 1 + vertex. */
    bool has_branches;        /* Or what it is a part of has. */
    struct gdn__units units;
    /* After gdn__graph_finish(): the successors of v are to[first[v]..first[v + 1]). */
    uint32_t *first, *to, *info;
    uint32_t *in_first, *in_from;
    bool borrowed; /* All arrays are those of the graph that it is a part of. */
};

void gdn__graph_init(struct gdn__graph *graph, const struct gdn_allocator *memory);
void gdn__graph_fini(struct gdn__graph *graph);

/* Room for so many, once, in an empty graph; it may still grow. */
GDN_MUST_USE enum gdn_err gdn__graph_reserve(struct gdn__graph *graph, size_t vertices,
                                             size_t arcs);

GDN_MUST_USE enum gdn_err gdn__graph_add(struct gdn__graph *graph, enum gdn__vertex_kind kind,
                                         uint32_t ref, uint32_t need, uint32_t *vertex);

/* A process's work at one node, or one of several threads that work there (RULES 12). */
struct gdn__branch {
    uint32_t process;
    uint32_t party; /* The issuer of its tickets. */
    uint32_t id;    /* What the manager calls it; 0: its only one. */
};

static inline struct gdn__key gdn__branch_key(struct gdn__branch branch)
{
    return (struct gdn__key){(uint64_t)branch.process << 32 | branch.party, branch.id};
}

/* The vertex of @p branch, added when it is asked for first. */
GDN_MUST_USE enum gdn_err gdn__graph_branch(struct gdn__graph *graph, struct gdn__branch branch,
                                            uint32_t *vertex);

/* The link to whom a hold or a place of @p whose belongs: a brief one to the branch alone. */
GDN_MUST_USE enum gdn_err gdn__graph_owner(struct gdn__graph *graph, struct gdn__branch whose,
                                           bool brief, uint32_t *to, uint32_t *info);

GDN_MUST_USE enum gdn_err gdn__graph_link(struct gdn__graph *graph, uint32_t from, uint32_t to,
                                          uint32_t info);

/* One edge of @p vertex counts as satisfied without being drawn. */
static inline void gdn__graph_grant_one(struct gdn__graph *graph, uint32_t vertex)
{
    uint32_t *need = &graph->vertices[vertex].need;
    if (*need != 0 && *need < GDN__NEED_POOL) --*need;
}

/* An edge to @p to; to GDN_NONE: one that counts as satisfied. */
GDN_MUST_USE enum gdn_err gdn__graph_link_any(struct gdn__graph *graph, uint32_t from, uint32_t to,
                                              uint32_t info);

GDN_MUST_USE enum gdn_err gdn__graph_finish(struct gdn__graph *graph);

/* The part of a finished graph made of @p count vertices; all others count as satisfied. @p place
 * is scratch, one zero for each vertex of @p graph, and zero again on return: parts cost what
 * they hold, not what the graph holds. A part that is all of it costs nothing, and borrows @p graph
 * until it is freed. After an error there is no part to free. */
GDN_MUST_USE enum gdn_err gdn__graph_part(const struct gdn__graph *graph, const uint32_t *vertices,
                                          size_t count, uint32_t *place, struct gdn__graph *part);

/* Leave of a finished graph only the @p count vertices, which ascend; all others count as
 * satisfied.
 * @p place is scratch, one zero for each vertex. After an error the graph is what it was. */
GDN_MUST_USE enum gdn_err gdn__graph_narrow(struct gdn__graph *graph, const uint32_t *kept,
                                            size_t count, uint32_t *place);

static inline uint32_t gdn__graph_edge_count(const struct gdn__graph *graph)
{
    return graph->first[graph->vertex_count];
}

/* True for the vertices that a person knows as whom somebody waits for. */
static inline bool gdn__vertex_is_party(const struct gdn__vertex *vertex)
{
    return vertex->kind == GDN__VERTEX_PROCESS || vertex->kind == GDN__VERTEX_BRANCH ||
           vertex->kind == GDN__VERTEX_PLACE;
}

#endif
