/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A core drawn anew without hubs, so that single links can be left out or turned: what if the queue
 * had another order?
 *
 *     ticket --all--> its links, groups and pools
 *     group  --at least k--> groups, pools, and alternatives
 *     alternative --all--> its links            (one of a group's: a place in a queue, a process)
 *     pool   --enough units come back--> its links, each a share
 *
 * Vertices of the core keep their numbers, alternatives follow. */
#ifndef GDN_ANALYSIS_REDRAW_H
#define GDN_ANALYSIS_REDRAW_H

#include "detector/analysis/core.h"

/* Larger cores are not redrawn: what is tried on them is quadratic. */
#define GDN__REDRAW_LINKS_MAX 512

/* What a trial does with a link. */
enum gdn__fate {
    GDN__FATE_KEPT,
    GDN__FATE_DROPPED, /* As if the queue had no order. */
    GDN__FATE_TURNED   /* The waiter is served before the other: see turn.h. */
};

struct gdn__redrawn_link {
    uint32_t from; /* Ticket, alternative or pool. */
    uint32_t ticket;
    uint32_t party; /* Process or branch. */
    uint32_t info;
    uint32_t units; /* Of a pool: the share; else 0. */
    bool turnable;  /* It exists by queue order alone, and that order can be changed. */
    size_t served;  /* Turnable: 1 + the waiter's place in the fold; 0: a wait stated as queued. */
    size_t passed;  /* Behind which it stands: 1 + the first place of the other. */
};

struct gdn__redrawn_pool {
    uint32_t vertex, ticket, info;
    uint32_t allowance;
    size_t link_first, link_count;
};

/* What comes before a pool's entry in a trial. */
struct gdn__redrawn_share {
    uint32_t ticket, resource; /* The entry that is passed. */
    uint32_t vertex, units;
};

struct gdn__redrawing {
    struct gdn__core *core;
    bool undrawn;                    /* Not redrawn. */
    struct gdn__redrawn_link *links; /* In the order of people; those of one ticket, and of one
                                        vertex, side by side. */
    size_t link_count, link_capacity;
    uint8_t *fate; /* By link: enum gdn__fate, for the next trial. */
    bool *out;     /* By link: whether the last trial did without it. */
    struct gdn__redrawn_pool *pools;
    size_t pool_count, pool_capacity;
    struct gdn__map tickets; /* (wait, 0) -> 1 + vertex. */
    struct gdn__arc *arcs;   /* All edges that are no links: they stay. */
    size_t arc_count, arc_capacity;
    struct gdn__redrawn_share *shares; /* Of the last trial. */
    size_t share_count, share_capacity;
    uint32_t alternative_count;
    bool possible;      /* The last trial can be judged: see turn.h. */
    size_t freed_count; /* By the last trial. */
};

/* gdn__redraw_fini() also after an error. */
GDN_MUST_USE enum gdn_err gdn__redraw_init(struct gdn__redrawing *redrawing,
                                           struct gdn__core *core);
void gdn__redraw_fini(struct gdn__redrawing *redrawing);

/* Whether the core is free with the links as fate[] says. */
GDN_MUST_USE enum gdn_err gdn__redraw_try(struct gdn__redrawing *redrawing, bool *freed);

#endif
