/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One link to all the items before some point of a line that conflict with one mode: to a hub, or
 * to the only such item. A longer prefix is made of a shorter one and the items behind that:
 *
 *     | hold | hold | place | place | place |
 *     '-- shorter --'       |
 *     '------- longer ------'
 *
 * A process that has items in the line skips them. Its prefixes are its own, made of the runs
 * between its items. A long run is cut at the middle of the smallest aligned block that it lies in,
 * and is made of two wings:
 *
 *     [ ...... from < < < < | middle > > > > end ...... ]
 *
 * Each wing is the next shorter one of that middle and one item more, so that all such processes
 * share them, and what they cost is no more than the longest. */
#ifndef GDN_ANALYSIS_PREFIX_H
#define GDN_ANALYSIS_PREFIX_H

#include "detector/analysis/queue.h"

/* What may block a place: first the holds of a home, then its places, in the fold's order. */
struct gdn__item {
    uint32_t process;
    uint32_t to, info; /* The link to it. */
    uint32_t previous; /* 1 + the item of the same process before it, in the same view; 0: none. */
    uint8_t mode;
    bool blocks;                /* false: entries after it pass it by. */
    bool optional;              /* Its ticket has a choice: something else may take it away. */
    bool comes;                 /* A place that will be a hold before its process goes on ... */
    struct gdn__blockers waits; /* ... once these let it. */
};

/* What looks at the items. */
struct gdn__sight {
    uint8_t mode;
    bool firm; /* Optional items do not count. */
};

static inline uint32_t gdn__sight_key(struct gdn__sight sight)
{
    return (uint32_t)sight.mode | (uint32_t)sight.firm << 8;
}

struct gdn__prefix {
    uint32_t to, info; /* to GDN_NONE: nothing before upto conflicts. */
    uint32_t upto;
};

#define GDN__PREFIX_EMPTY ((struct gdn__prefix){.to = GDN_NONE})

/* The items of one home after the other, and what the links to them are made of. */
struct gdn__line {
    struct gdn__graph *graph;
    const struct gdn_modes *modes;

    /* Of the home under way. */
    uint32_t home;
    struct gdn__item *items;
    size_t item_count, item_capacity;

    /* Of all homes. */
    struct gdn__map own_of; /* (process, home) | what -> 1 + index in own[]. */
    struct gdn__prefix *own;
    size_t own_count, own_capacity;
    struct gdn__map fan_of; /* (home, sight) | middle -> 1 + index in fans[]. */
    struct gdn__fan *fans;
    size_t fan_count, fan_capacity;
    struct gdn__blockers *wings;
    size_t wing_count, wing_capacity;
    struct gdn__blockers *pieces; /* Links on their way into one hub. */
    size_t piece_count, piece_capacity;
};

/* Hubs are added to @p graph; both are borrowed. */
void gdn__line_init(struct gdn__line *line, struct gdn__graph *graph,
                    const struct gdn_modes *modes);
void gdn__line_fini(struct gdn__line *line);

/* Of another home, and empty; each home once. */
void gdn__line_enter(struct gdn__line *line, uint32_t home);

GDN_MUST_USE enum gdn_err gdn__line_add(struct gdn__line *line, const struct gdn__item *item);

/* Behind the last item. */
static inline uint32_t gdn__line_end(const struct gdn__line *line)
{
    return (uint32_t)line->item_count;
}

/* A request of that sight must wait for it. */
static inline bool gdn__line_conflicts(const struct gdn__line *line, struct gdn__sight sight,
                                       const struct gdn__item *item)
{
    bool counts = item->blocks && !(sight.firm && item->optional);
    return counts && gdn_modes_conflict(line->modes, sight.mode, item->mode);
}

/* Lengthen it to all items before @p end; nothing if it reaches so far. */
GDN_MUST_USE enum gdn_err gdn__prefix_extend(struct gdn__line *line, struct gdn__prefix *prefix,
                                             struct gdn__sight sight, uint32_t end);

/* The same without the items of one process; @p last is 1 + the last of them. */
GDN_MUST_USE enum gdn_err gdn__prefix_extend_without(struct gdn__line *line,
                                                     struct gdn__prefix *prefix,
                                                     struct gdn__sight sight, uint32_t end,
                                                     uint32_t last);

/* The prefix of one process alone at this home, one for each @p what: *index in own[], which may
 * move. Empty, and not *begun, when it is asked for first. */
GDN_MUST_USE enum gdn_err gdn__prefix_own(struct gdn__line *line, uint32_t process, uint64_t what,
                                          size_t *index, bool *begun);

#endif
