/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which of two processes a policy would rather abort, and why, in words. What is not known comes
 * last; what is equal goes by id, so that every detector prefers the same. */
#ifndef GDN_ANALYSIS_POLICY_H
#define GDN_ANALYSIS_POLICY_H

#include <gordian/verdict.h>

struct gdn__preference {
    const gdn_cut *cut;
    enum gdn_policy policy;
    uint32_t *holds; /* By process: recorded in the cut. NULL unless the policy counts them. */
};

/* gdn__preference_fini() also after an error. */
GDN_MUST_USE enum gdn_err gdn__preference_init(struct gdn__preference *preference,
                                               const gdn_cut *cut, enum gdn_policy policy);
void gdn__preference_fini(struct gdn__preference *preference);

/* The preferred ones first, those that are equal to the policy by id. False when out of memory;
 * nothing changed. */
GDN_MUST_USE bool gdn__preference_sort(const struct gdn__preference *preference,
                                       uint32_t *processes, size_t count);

/* True when the policy alone, without the ids, does not tell them apart. */
bool gdn__preference_is_tie(const struct gdn__preference *preference, uint32_t a, uint32_t b);

#define GDN__DETAIL_BYTES 64

/* What counted for @p process: "started 2026-11-22T09:59:58Z", "work 12", "start unknown".
 * Returns @p text. */
const char *gdn__preference_detail(const struct gdn__preference *preference, uint32_t process,
                                   char text[GDN__DETAIL_BYTES]);

/* "youngest", "least work". */
const char *gdn__preference_word(enum gdn_policy policy);

#endif
