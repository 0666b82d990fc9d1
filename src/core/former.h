/* SPDX-License-Identifier: MIT */
/* Peers that were lost and whose row serves another now: what must be known of them still.
 *
 *     its name          applications may have it from an item
 *     its incarnation   if it was replaced it stays so, and if it was given up it is met again in
 * an association that is larger than the last
 *
 * The newest GDN__FORMERS_MAX are kept. Of those before them one number is left, the largest of
 * their associations: whoever is not known is met in a larger one, for it may be one of them. */
#ifndef GDN_CORE_FORMER_H
#define GDN_CORE_FORMER_H

#include "src/core/map.h"

#define GDN__FORMERS_MAX 1024

struct gdn__former {
    uint64_t incarnation; /* 0: it is known again, or was never known. */
    uint32_t association; /* The last one with it. */
    bool gone;            /* For ever. */
    gdn_node_id id;
    char *name;
};

struct gdn__formers {
    struct gdn_allocator allocator;
    struct gdn__former *ring; /* At most GDN__FORMERS_MAX; then the oldest goes first. */
    size_t oldest, count, capacity;
    struct gdn__map by_incarnation; /* To the place in the ring plus 1. */
    uint32_t association;           /* No forgotten peer was met in a larger one. */
};

void gdn__formers_init(struct gdn__formers *formers, const struct gdn_allocator *allocator);
void gdn__formers_fini(struct gdn__formers *formers);

/* Takes the name. False when out of memory; then nothing has changed. */
bool gdn__formers_add(struct gdn__formers *formers, const struct gdn__former *former);

/* The one with that incarnation; NULL: it is not known. Borrowed until the next call. */
const struct gdn__former *gdn__formers_find(const struct gdn__formers *formers,
                                            uint64_t incarnation);
/* It has a row again. */
void gdn__formers_forget(struct gdn__formers *formers, uint64_t incarnation);
/* A new incarnation of that name lives, so all those are gone. */
void gdn__formers_replace(struct gdn__formers *formers, gdn_node_id id);
bool gdn__formers_has_name(const struct gdn__formers *formers, gdn_node_id id);

#endif
