/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Contracting the vertices that have one way out. Every cycle through such a vertex goes on where
 * that leads, so it belongs to that component or is alone:
 *
 *     a -> b -> c => d, e        c stands for a and b; a belongs to c's component exactly if
 *                                somebody of that component, or of those it stands for, leads to a
 *
 * A ring of such vertices stands for itself by one of them. */
#ifndef GDN_ANALYSIS_CONTRACTION_H
#define GDN_ANALYSIS_CONTRACTION_H

#include "detector/analysis/components.h"

struct gdn__contraction {
    const struct gdn__rows *rows; /* Borrowed until gdn__contraction_fini(). */
    struct gdn__rows small;       /* Of those that stand for themselves, without loops. */
    uint32_t *first, *to;         /* Of small. */
    uint32_t *stands;             /* By vertex: who stands for it. */
    uint32_t *number;             /* By vertex that stands for itself: its number in small. */
};

/* gdn__contraction_fini() also after an error. */
GDN_MUST_USE enum gdn_err gdn__contraction_init(struct gdn__contraction *contraction,
                                                const struct gdn_allocator *memory,
                                                const struct gdn__rows *rows);
void gdn__contraction_fini(struct gdn__contraction *contraction,
                           const struct gdn_allocator *memory);

/* From the labels of small, each the number of one of its component, to those of all. */
void gdn__contraction_expand(const struct gdn__contraction *contraction,
                             const uint32_t *small_label, uint32_t *label);

#endif
