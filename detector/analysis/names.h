/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What people call processes and resources, and the order in which they are shown: by that name,
 * then by id. Names, not table indices, decide every order in a verdict, so that two detectors
 * that merged the same reports in another order say the same. */
#ifndef GDN_ANALYSIS_NAMES_H
#define GDN_ANALYSIS_NAMES_H

#include <gordian/cut.h>

struct gdn__names {
    const gdn_cut *cut;
    bool *process_shared; /* By process: another one looks the same. */
    bool *resource_shared;
};

/* gdn__names_fini() also after an error. */
GDN_MUST_USE enum gdn_err gdn__names_init(struct gdn__names *names, const gdn_cut *cut);
void gdn__names_fini(struct gdn__names *names);

/* As gdn_verdict_process_name() and gdn_verdict_resource_name(). */
const char *gdn__names_process(const struct gdn__names *names, uint32_t process, char *text);
const char *gdn__names_resource(const struct gdn__names *names, uint32_t resource, char *text);

/* Negative, zero or positive: by name, then id. */
int gdn__names_compare(const gdn_cut *cut, uint32_t process_a, uint32_t process_b);

/* How the name of a process begins, as a number: who has the smaller one comes first. For sorting
 * many without looking at each name again and again. */
uint64_t gdn__names_key(const gdn_cut *cut, uint32_t process);

/* Sort processes of the cut. */
void gdn__names_sort(const gdn_cut *cut, uint32_t *processes, size_t count);

/* By issuer's name, then incarnation, then number: the order in which one process's tickets count
 * as first. */
int gdn__names_compare_tickets(const gdn_cut *cut, struct gdn_cut_ticket a,
                               struct gdn_cut_ticket b);

#endif
