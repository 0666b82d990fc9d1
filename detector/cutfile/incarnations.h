/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The incarnation of every node that a gordian-cut/1 document names, wherever it says it: at the
 * node itself or at the other end of a channel. All places must agree (RULES 9). */
#ifndef GDN_CUTFILE_INCARNATIONS_H
#define GDN_CUTFILE_INCARNATIONS_H

#include "src/core/map.h"
#include <gordian/id.h>

struct gdn__incarnations {
    struct gdn_allocator memory;
    struct gdn__map index; /* Node ids to positions + 1 in the array. */
    uint64_t *numbers;     /* Never 0. */
    size_t count, capacity;
};

struct gdn__jsonin;
struct json_t;

void gdn__incarnations_init(struct gdn__incarnations *known);

/* Read all of @p nodes (the document's array) for names and incarnations, and nothing else: what
 * has another shape is left for the full reading to refuse. Refuses a disagreement. */
bool gdn__incarnations_collect(struct gdn__jsonin *in, const struct json_t *nodes);
void gdn__incarnations_fini(struct gdn__incarnations *known);

/* 0: nobody says. */
uint64_t gdn__incarnation_of(const struct gdn__incarnations *known, const char *name);

#endif
