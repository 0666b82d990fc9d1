/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The id of a deadlock: a function of its tickets alone, whoever found it and however the cut was
 * told. */
#ifndef GDN_ANALYSIS_NAMING_H
#define GDN_ANALYSIS_NAMING_H

#include <gordian/verdict.h>

struct gdn__naming {
    const gdn_cut *cut; /* Borrowed until gdn__naming_fini(). */
    uint32_t *rank;     /* By party: its place in the order of issuers. */
};

/* gdn__naming_fini() also after an error, and of one that is all zeroes. */
GDN_MUST_USE enum gdn_err gdn__naming_init(struct gdn__naming *naming, const gdn_cut *cut);
void gdn__naming_fini(struct gdn__naming *naming, const struct gdn_allocator *memory);

/* Sorts the tickets of @p deadlock, by issuer's id, incarnation and number, and sets its id. */
GDN_MUST_USE enum gdn_err gdn__naming_name(const struct gdn__naming *naming,
                                           struct gdn_deadlock *deadlock);

#endif
